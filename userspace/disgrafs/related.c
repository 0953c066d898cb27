// SPDX-License-Identifier: GPL-2.0
/*
 * Which files have to do with one: they share tags with it, are linked with it,
 * have its contents or its stem, its author, album, camera or keywords, or are in its
 * directory. What is shared by few weighs more: a
 * feature that n of N files have counts ln(1 + N / n).
 *
 * The work is bounded: features are taken from the rarest on, as long as the
 * files that have them fit the budget. Tags that are left only count for the best
 * of the files found so far, and a directory or stem of very many files tells
 * nothing.
 */
#include "indexdb.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "traits.h"

/* Rows that are looked at for files. */
#define BUDGET 10000
/* Of the best files found, as many times the files wanted stay for the common tags. */
#define KEEP 4

#define WEIGHT_TAG 1.0
#define WEIGHT_LINK 2.0
#define WEIGHT_CONTENTS 2.0
#define WEIGHT_STEM 1.0
#define WEIGHT_DIR 0.3
#define WEIGHT_KEYWORD 1.0

/* Facts that files have in common; others tell little. */
static const struct {
	const char *key;
	double weight;
} shared_facts[] = {
	{ "album", 1.5 }, { "author", 1.0 }, { "artist", 0.7 }, { "tag", 0.5 }, { "camera", 0.3 },
};

#define NR_SHARED_FACTS (sizeof(shared_facts) / sizeof(*shared_facts))

struct candidate {
	int64_t node;		/* 0: free */
	double score;
	unsigned int tags;
	unsigned int why;
};

/* A hash table. */
struct candidates {
	struct candidate *slot;
	size_t slots, count;
	int64_t self;
	unsigned int asked;	/* which features, enum related_why */
	size_t budget;
	double files;		/* N */
};

static struct candidate *find_slot(struct candidate *slot, size_t slots, int64_t node)
{
	size_t i = (uint64_t)node * 0x9e3779b97f4a7c15ULL >> 32;

	while (slot[i & (slots - 1)].node && slot[i & (slots - 1)].node != node)
		i++;
	return &slot[i & (slots - 1)];
}

static int grow(struct candidates *c)
{
	size_t slots = c->slots ? c->slots * 2 : 1024, i;
	struct candidate *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (i = 0; i < c->slots; i++) {
		if (c->slot[i].node)
			*find_slot(slot, slots, c->slot[i].node) = c->slot[i];
	}
	free(c->slot);
	c->slot = slot;
	c->slots = slots;
	return 0;
}

static int score(struct candidates *c, int64_t node, double weight, unsigned int why)
{
	struct candidate *slot;

	if (node == c->self || node == ROOT_NODE || !node)
		return 0;
	if (c->count * 2 >= c->slots && grow(c) < 0)
		return -ENOMEM;
	slot = find_slot(c->slot, c->slots, node);
	c->count += !slot->node;
	slot->node = node;
	slot->score += weight;
	slot->tags += why == RELATED_TAG;
	slot->why |= why;
	return 0;
}

static double rarity(const struct candidates *c, int64_t n)
{
	return log1p(c->files / (n > 0 ? n : 1));
}

/* ---- features ---- */

/* Scores all nodes that @stmt, bound already, gives. */
static int score_rows(struct tagindex *index, struct candidates *c, struct db_stmt *stmt,
		      double weight, unsigned int why)
{
	int rc = 0, ret = 0;

	while (!ret && (rc = db_step(stmt)) > 0)
		ret = score(c, db_int(stmt, 0), weight, why);
	if (!ret && rc < 0)
		ret = db_failed(index);
	db_reset(stmt);
	return ret;
}

/* The same if they are not too many; how many, @stmt is asked first. */
static int score_few(struct tagindex *index, struct candidates *c, struct db_stmt *stmt,
		     double weight, unsigned int why)
{
	size_t n = 0;

	while (n <= c->budget && db_step(stmt) > 0)
		n++;
	db_reset(stmt);
	if (n > c->budget)
		return 0;
	c->budget -= n;
	return score_rows(index, c, stmt, weight * rarity(c, n), why);
}

struct shared_tag {
	int64_t tag, files;
};

/* Takes what fits; @left is how many of the tags, the most common, do not. */
static int score_tags(struct tagindex *index, struct candidates *c, const struct shared_tag *tags,
		      size_t count, size_t *left)
{
	struct db_stmt *stmt = statement(index, ST_TAG_NODES);
	int ret = 0;
	size_t i;

	if (!stmt)
		return db_failed(index);
	for (i = 0; i < count && ret == 0 && (size_t)tags[i].files <= c->budget; i++) {
		c->budget -= tags[i].files;
		db_bind_int(stmt, 1, tags[i].tag);
		ret = score_rows(index, c, stmt, WEIGHT_TAG * rarity(c, tags[i].files),
				 RELATED_TAG);
	}
	*left = count - i;
	return ret;
}

/* The tags of the node, the rarest first. */
static int read_tags(struct tagindex *index, int64_t node, struct shared_tag **tags, size_t *count)
{
	struct db_stmt *stmt = statement(index, ST_NODE_TAGS_BY_FILES);
	struct shared_tag *grown;
	int rc, ret = 0;

	*tags = NULL;
	*count = 0;
	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, node);
	while (!ret && (rc = db_step(stmt)) > 0) {
		grown = reallocarray(*tags, *count + 1, sizeof(*grown));
		if (!grown) {
			ret = failed(index, ENOMEM);
			break;
		}
		*tags = grown;
		grown[*count].tag = db_int(stmt, 0);
		grown[(*count)++].files = db_int(stmt, 1);
	}
	db_reset(stmt);
	return ret;
}

static int score_names(struct tagindex *index, struct candidates *c)
{
	struct db_stmt *names = statement(index, ST_NAMES_OF);
	struct db_stmt *stem = statement(index, ST_STEM_NODES);
	struct db_stmt *dir = statement(index, ST_DIR_NODES);
	const char *bytes;
	size_t size;
	int ret = 0;

	if (!names || !stem || !dir)
		return db_failed(index);
	db_bind_int(names, 1, c->self);
	while (!ret && db_step(names) > 0) {
		bytes = db_bytes(names, 1, &size);
		db_bind_bytes(stem, 1, bytes, size);
		db_bind_int(dir, 1, db_int(names, 0));
		if (c->asked & RELATED_STEM)
			ret = score_few(index, c, stem, WEIGHT_STEM, RELATED_STEM);
		if (!ret && c->asked & RELATED_DIR)
			ret = score_few(index, c, dir, WEIGHT_DIR, RELATED_DIR);
	}
	db_reset(names);
	return ret;
}

static bool is_linked(const struct candidates *c, int64_t node)
{
	return c->slots && find_slot(c->slot, c->slots, node)->why & RELATED_LINK;
}

/* What is in the place of targets that are gone. */
static int score_lost(struct tagindex *index, struct candidates *c)
{
	struct db_stmt *stmt = statement(index, ST_LINKS_FROM);
	int rc = 0, ret = 0;
	int64_t node;

	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, c->self);
	while (ret >= 0 && (rc = db_step(stmt)) > 0) {
		if (db_int(stmt, 1))
			continue;
		ret = column_node(index, stmt, 2, &node);
		if (ret > 0 && !is_linked(c, node))
			ret = score(c, node, WEIGHT_LINK * rarity(c, 1), RELATED_LINK);
	}
	if (rc < 0)
		ret = db_failed(index);
	db_reset(stmt);
	return ret < 0 ? ret : 0;
}

static int score_links(struct tagindex *index, struct candidates *c, const char *path)
{
	struct db_stmt *stmt = statement(index, ST_LINKED_NODES);
	int ret;

	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, c->self);
	db_bind_string(stmt, 2, path);
	ret = score_rows(index, c, stmt, WEIGHT_LINK * rarity(c, 1), RELATED_LINK);
	return ret ? ret : score_lost(index, c);
}

static int score_contents(struct tagindex *index, struct candidates *c)
{
	struct db_stmt *stmt = statement(index, ST_SAME_CONTENTS);

	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, c->self);
	return score_few(index, c, stmt, WEIGHT_CONTENTS, RELATED_CONTENTS);
}

/* ---- what was found in them ---- */

struct shared_trait {
	int64_t trait, files;
	double weight;
	unsigned int why;
};

/* What counts of a trait of the @key, of the @weight it has in the file, or 0. */
static double trait_weight(const char *key, double weight, unsigned int *why)
{
	size_t i;

	*why = RELATED_KEYWORD;
	if (!strcmp(key, TRAIT_KEYWORD))
		return WEIGHT_KEYWORD * weight;
	for (i = 0; i < NR_SHARED_FACTS; i++) {
		*why = RELATED_FACT | RELATED_FACT_0 << i;
		if (!strcmp(key, shared_facts[i].key))
			return shared_facts[i].weight;
	}
	return 0;
}

#define MAX_TRAITS 100

/* Those that others have as well, the rarest first. */
static size_t read_traits(struct tagindex *index, const struct candidates *c,
			  struct shared_trait *traits)
{
	struct db_stmt *stmt = statement(index, ST_NODE_TRAITS);
	struct shared_trait *trait;
	size_t count = 0;
	char *key;

	if (!stmt)
		return 0;
	db_bind_int(stmt, 1, c->self);
	while (count < MAX_TRAITS && db_step(stmt) > 0) {
		key = column_string(stmt, 1);
		trait = &traits[count];
		trait->weight = key ? trait_weight(key, db_double(stmt, 3), &trait->why) : 0;
		trait->trait = db_int(stmt, 0);
		trait->files = db_int(stmt, 2);
		count += trait->weight > 0 && trait->why & c->asked;
		free(key);
	}
	db_reset(stmt);
	return count;
}

/* No more than a quarter of what is left; the rest is for names. */
static int score_traits(struct tagindex *index, struct candidates *c)
{
	struct db_stmt *stmt = statement(index, ST_TRAIT_NODES);
	struct shared_trait traits[MAX_TRAITS];
	size_t count = read_traits(index, c, traits), left = c->budget / 4, i;
	double weight;
	int ret = 0;

	if (!stmt)
		return db_failed(index);
	for (i = 0; i < count && !ret && (size_t)traits[i].files <= left; i++) {
		left -= traits[i].files;
		c->budget -= traits[i].files;
		weight = traits[i].weight * rarity(c, traits[i].files);
		db_bind_int(stmt, 1, traits[i].trait);
		while (!ret && db_step(stmt) > 0)
			ret = score(c, db_int(stmt, 0), weight * db_double(stmt, 1),
				    traits[i].why);
		db_reset(stmt);
	}
	return ret;
}

/* ---- ranking ---- */

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* Makes an array of the table, the best first. */
static void rank(struct candidates *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->slots; i++) {
		if (c->slot[i].node)
			c->slot[n++] = c->slot[i];
	}
	if (n)
		qsort(c->slot, n, sizeof(*c->slot), by_score);
}

/* The tags that too many files have. */
static int add_common(struct tagindex *index, struct candidates *c, const struct shared_tag *tags,
		      size_t count)
{
	struct candidate *best;
	size_t i, t;
	int ret = 0;

	for (i = 0; i < c->count && ret >= 0; i++) {
		best = &c->slot[i];
		for (t = 0; t < count && ret >= 0; t++) {
			ret = run(index, ST_FILE_HAS_TAG, tags[t].tag, NULL, best->node, 0, NULL);
			if (ret <= 0)
				continue;
			best->score += WEIGHT_TAG * rarity(c, tags[t].files);
			best->tags++;
			best->why |= RELATED_TAG;
		}
	}
	return ret < 0 ? ret : 0;
}

static int tell(struct tagindex *index, const struct candidates *c, size_t max,
		index_related_fn fn, void *arg)
{
	struct index_related related;
	int64_t ino = 0;
	int ret = 0;
	char *path;
	size_t i;

	for (i = 0; i < c->count && i < max && !ret; i++) {
		path = first_path(index, c->slot[i].node);
		if (!path)
			continue;
		run(index, ST_NODE_INO, c->slot[i].node, NULL, 0, 0, &ino);
		related = (struct index_related){
			.path = path, .ino = ino, .score = c->slot[i].score,
			.tags = c->slot[i].tags, .why = c->slot[i].why,
		};
		ret = fn(&related, arg);
		free(path);
	}
	return ret;
}

static int find_related(struct tagindex *index, struct candidates *c, const char *path, size_t max)
{
	struct shared_tag *tags = NULL;
	size_t count = 0, left = 0;
	int64_t files = 1;
	int ret;

	ret = run(index, ST_LAST_NODE, 0, NULL, 0, 0, &files);
	c->files = files;
	if (ret >= 0)
		ret = c->asked & RELATED_TAG ? read_tags(index, c->self, &tags, &count) : 0;
	if (ret < 0)
		return ret;
	if (c->asked & RELATED_LINK)
		ret = score_links(index, c, path);
	if (ret == 0)
		ret = score_tags(index, c, tags, count, &left);
	if (ret == 0 && c->asked & RELATED_CONTENTS)
		ret = score_contents(index, c);
	if (ret == 0 && c->asked & (RELATED_FACT | RELATED_KEYWORD))
		ret = score_traits(index, c);
	if (ret == 0 && c->asked & (RELATED_STEM | RELATED_DIR))
		ret = score_names(index, c);
	if (ret == 0) {
		rank(c);
		if (c->count > KEEP * max)
			c->count = KEEP * max;
		ret = add_common(index, c, tags + count - left, left);
		if (c->count)
			qsort(c->slot, c->count, sizeof(*c->slot), by_score);
	}
	free(tags);
	return ret;
}

int index_related_by(struct tagindex *index, const char *path, unsigned int why, size_t max,
		     index_related_fn fn, void *arg)
{
	struct candidates c = { .asked = why, .budget = BUDGET };
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &c.self);
	if (ret == 0)
		ret = -ENOENT;
	if (ret > 0)
		ret = find_related(index, &c, path, max);
	if (ret == 0)
		ret = tell(index, &c, max, fn, arg);
	ret = ask_end(index, begun, ret);
	free(c.slot);
	return ret;
}

int index_related(struct tagindex *index, const char *path, size_t max, index_related_fn fn,
		  void *arg)
{
	return index_related_by(index, path, RELATED_FACT_0 - 1, max, fn, arg);
}

const char *index_shared_fact(unsigned int i)
{
	return i < NR_SHARED_FACTS ? shared_facts[i].key : NULL;
}
