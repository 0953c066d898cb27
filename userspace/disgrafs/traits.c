// SPDX-License-Identifier: GPL-2.0
#include "traits.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autotags.h"
#include "fold.h"
#include "tags.h"
#include "utf8.h"

/* Bytes; PostgreSQL takes 2704 for a row of an index. */
#define MAX_VALUE 1024

bool trait_is_value(const char *value)
{
	return *value && strlen(value) <= MAX_VALUE && utf8_is_valid(value);
}

/* What is no trait, because it is asked for in other ways or as good as unique. */
static bool is_trait(const char *key)
{
	return strcmp(key, "type") && strcmp(key, "charset") && strcmp(key, "sha256") &&
	       strcmp(key, TRAIT_KEYWORD) && strcmp(key, TRAIT_AUTO);
}

/* The trait's @id, after adding it if need be. 0 or -errno. */
static int trait_id(struct tagindex *index, const char *key, const char *value, int64_t *id)
{
	struct db_stmt *stmt = statement(index, ST_TRAIT_ADD);
	char *end;
	double number = strtod(value, &end);
	int ret;

	if (!stmt)
		return db_failed(index);
	db_bind_text(stmt, 1, key, strlen(key));
	db_bind_text(stmt, 2, value, strlen(value));
	if (end != value && !*end && isfinite(number))
		db_bind_double(stmt, 3, number);
	else
		db_bind_null(stmt, 3);
	ret = db_step(stmt);
	if (ret > 0)
		*id = db_int(stmt, 0);
	if (ret < 0)
		ret = db_failed(index);
	db_reset(stmt);
	return ret < 0 ? ret : 0;
}

/* Consumes @value, which is folded. */
static int add(struct tagindex *index, int64_t node, const char *key, char *value, double weight)
{
	struct db_stmt *stmt = statement(index, ST_FILE_TRAIT_ADD);
	int64_t id = 0;
	int ret;

	if (!value)
		return failed(index, ENOMEM);
	if (!stmt)
		ret = db_failed(index);
	else
		ret = trait_is_value(value) ? trait_id(index, key, value, &id) : 0;
	if (ret == 0 && id) {
		db_bind_int(stmt, 1, id);
		db_bind_int(stmt, 2, node);
		db_bind_double(stmt, 3, weight);
		ret = db_step(stmt) < 0 ? db_failed(index) : 0;
		db_reset(stmt);
	}
	free(value);
	return ret;
}

int traits_set_found(struct tagindex *index, int64_t node, const struct index_findings *found)
{
	int ret = run1(index, ST_FILE_TRAIT_DROP, node);
	size_t i;

	for (i = 0; i < found->count && ret >= 0; i++) {
		if (is_trait(found->fact[i].key))
			ret = add(index, node, found->fact[i].key,
				  fold_case(found->fact[i].value), 1);
	}
	for (i = 0; i < found->keywords && ret >= 0; i++)
		ret = add(index, node, TRAIT_KEYWORD, fold_keyword(found->keyword[i].word),
			  found->keyword[i].weight);
	return ret < 0 ? ret : 0;
}

/* ---- automatic tags ---- */

/* As many count; the daemon sets fewer, but anybody may set the attribute. */
#define MAX_AUTO 256

struct folded {
	char *tag[MAX_AUTO];
	size_t count;
};

static bool has_folded(const struct folded *folded, const char *tag)
{
	size_t i;

	for (i = 0; i < folded->count; i++) {
		if (!strcmp(folded->tag[i], tag))
			return true;
	}
	return false;
}

static void free_folded(struct folded *folded)
{
	while (folded->count)
		free(folded->tag[--folded->count]);
}

/* Those that are not refused and can be recorded, each once. 0 or -ENOMEM. */
static int fold_all(const struct tags *automatic, struct folded *folded)
{
	char *tag;
	size_t i;

	folded->count = 0;
	for (i = 0; i < automatic->count && folded->count < MAX_AUTO; i++) {
		if (auto_is_refusal(automatic->tag[i]) || !trait_is_value(automatic->tag[i]))
			continue;
		tag = fold_case(automatic->tag[i]);
		if (!tag) {
			free_folded(folded);
			return -ENOMEM;
		}
		if (has_folded(folded, tag))
			free(tag);
		else
			folded->tag[folded->count++] = tag;
	}
	return 0;
}

static bool same(struct tagindex *index, int64_t node, const struct folded *folded)
{
	struct db_stmt *stmt = statement(index, ST_NODE_AUTO);
	bool found = stmt;
	size_t count = 0;
	char *value;
	int ret = 0;

	if (stmt)
		db_bind_int(stmt, 1, node);
	for (; found && (ret = db_step(stmt)) > 0; count++) {
		value = column_string(stmt, 0);
		found = value && has_folded(folded, value);
		free(value);
	}
	db_reset(stmt);
	return found && ret == 0 && count == folded->count;
}

bool traits_same_auto(struct tagindex *index, int64_t node, const struct tags *automatic)
{
	struct folded folded;
	bool ret;

	if (fold_all(automatic, &folded) < 0)
		return false;
	ret = same(index, node, &folded);
	free_folded(&folded);
	return ret;
}

int traits_set_auto(struct tagindex *index, int64_t node, const struct tags *automatic)
{
	struct folded folded;
	int ret = 0;
	size_t i;

	if (fold_all(automatic, &folded) < 0)
		return failed(index, ENOMEM);
	/* Nearly always, in a rebuild. */
	if (!same(index, node, &folded))
		ret = run1(index, ST_FILE_AUTO_DROP, node) ?: 1;
	for (i = 0; i < folded.count && ret > 0; i++)
		ret = add(index, node, TRAIT_AUTO, strdup(folded.tag[i]), 1) ?: 1;
	free_folded(&folded);
	return ret < 0 ? ret : 0;
}

/* ---- all ---- */

int traits_forget(struct tagindex *index)
{
	return run1(index, ST_FORGET_TRAITS, 0);
}

int traits_sweep(struct tagindex *index)
{
	return run1(index, ST_SWEEP_TRAITS, 0);
}

int64_t traits_files(struct tagindex *index, const char *key, const char *value)
{
	struct db_stmt *stmt = statement(index, ST_TRAIT_FILES);
	int64_t files = 0;
	int ret;

	if (!stmt)
		return db_failed(index);
	if (!trait_is_value(key) || !trait_is_value(value))
		return 0;
	db_bind_text(stmt, 1, key, strlen(key));
	db_bind_text(stmt, 2, value, strlen(value));
	ret = db_step(stmt);
	if (ret > 0)
		files = db_int(stmt, 0);
	else if (ret < 0)
		files = db_failed(index);
	db_reset(stmt);
	return files;
}

double traits_weight(struct tagindex *index, double weight, int64_t files)
{
	int64_t all = 1;

	run(index, ST_LAST_NODE, 0, NULL, 0, 0, &all);
	return weight * log1p((double)all / (files > 0 ? files : 1));
}

/* ---- what files are called by ---- */

/* Keywords that become tags. */
#define AUTO_KEYWORDS 5

struct suggesting {
	struct tags *tags;
	unsigned int keywords;
};

static int suggest(const struct index_fact *fact, void *arg)
{
	static const struct {
		const char *type, *tag;
	} kinds[] = {
		{ "image/", "image" }, { "audio/", "audio" }, { "video/", "video" },
		{ "application/pdf", "pdf" },
		{ "application/vnd.openxmlformats-officedocument.wordprocessingml.", "document" },
		{ "application/vnd.openxmlformats-officedocument.spreadsheetml.", "spreadsheet" },
		{ "application/vnd.openxmlformats-officedocument.presentationml.", "presentation" },
		{ "application/vnd.oasis.opendocument.text", "document" },
		{ "application/vnd.oasis.opendocument.spreadsheet", "spreadsheet" },
		{ "application/vnd.oasis.opendocument.presentation", "presentation" },
	};
	static const char *const keys[] = {
		"album", "artist", "author", "camera", "genre", "tag",
	};
	struct suggesting *suggesting = arg;
	size_t i;
	int ret = 0;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds) && !strcmp(fact->key, "type") && !ret; i++) {
		if (!strncmp(fact->value, kinds[i].type, strlen(kinds[i].type)))
			ret = auto_suggest(suggesting->tags, kinds[i].tag);
	}
	for (i = 0; i < sizeof(keys) / sizeof(*keys) && !ret; i++) {
		if (!strcmp(fact->key, keys[i]))
			ret = auto_suggest(suggesting->tags, fact->value);
	}
	/* The best come first. */
	if (!ret && !strcmp(fact->key, TRAIT_KEYWORD) &&
	    suggesting->keywords++ < AUTO_KEYWORDS)
		ret = auto_suggest(suggesting->tags, fact->value);
	return ret;
}

int index_suggest_tags(struct tagindex *index, const struct index_job *job, struct tags *tags)
{
	struct suggesting suggesting = { .tags = tags };

	memset(tags, 0, sizeof(*tags));
	return index_node_facts(index, job->node, suggest, &suggesting);
}

int index_set_auto(struct tagindex *index, const struct index_job *job, const struct tags *automatic)
{
	int64_t node = 0;
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	/* It may be gone. */
	ret = find_node(index, &job->st, &node);
	if (ret > 0 && node == job->node)
		ret = traits_set_auto(index, node, automatic);
	return end(index, ret);
}
