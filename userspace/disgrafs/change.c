// SPDX-License-Identifier: GPL-2.0
/*
 * What a transaction records that was not so before, for whoever watches the
 * index. Found while recording, told after the commit.
 */
#include "indexdb.h"

#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "tags.h"

struct change {
	struct change *next;
	enum index_change_kind kind;
	char *path, *what, *target;
};

static char *copy(const char *string)
{
	return string ? strdup(string) : NULL;
}

/* Takes @path over. Out of memory, one is missed. */
static void add(struct tagindex *index, enum index_change_kind kind, char *path, const char *what,
		const char *target)
{
	struct changes *changes = &index->changes;
	struct change *change = path ? calloc(1, sizeof(*change)) : NULL;

	if (!change) {
		free(path);
		return;
	}
	change->kind = kind;
	change->path = path;
	change->what = copy(what);
	change->target = copy(target);
	if (changes->last)
		changes->last->next = change;
	else
		changes->first = change;
	changes->last = change;
}

void change_name(struct tagindex *index, int64_t parent, const char *name, int64_t id,
		 bool only_name)
{
	char *path, *before = NULL;
	int64_t old = 0;

	if (!index->changes.fn || run(index, ST_NAME_FIND, parent, name, 0, 0, &old) < 0)
		return;
	if (old == id)
		return;
	path = node_path(index, parent, name);
	if (only_name)
		before = first_path(index, id);
	if (before && path) {
		add(index, INDEX_RENAMED, before, path, NULL);
		free(path);
	} else {
		free(before);
		add(index, INDEX_MADE, path, NULL, NULL);
	}
}

void change_name_gone(struct tagindex *index, int64_t parent, const char *name)
{
	if (index->changes.fn)
		add(index, INDEX_REMOVED, node_path(index, parent, name), NULL, NULL);
}

/* Tags in @a that are not in @b. */
static void compare_tags(struct tagindex *index, int64_t id, enum index_change_kind kind,
			 const struct tags *a, const struct tags *b)
{
	size_t i;

	for (i = 0; i < a->count; i++) {
		if (!tags_contain(b, a->tag[i], strlen(a->tag[i])))
			add(index, kind, first_path(index, id), a->tag[i], NULL);
	}
}

void change_tags(struct tagindex *index, int64_t id, const struct tags *tags)
{
	struct db_stmt *stmt = index->changes.fn ? statement(index, ST_NODE_TAGS) : NULL;
	struct tags before = { };
	char *tag;

	if (!stmt)
		return;
	db_bind_int(stmt, 1, id);
	while (db_step(stmt) > 0) {
		tag = column_string(stmt, 0);
		if (tag)
			tags_add(&before, tag, strlen(tag));
		free(tag);
	}
	db_reset(stmt);
	compare_tags(index, id, INDEX_UNTAGGED, &before, tags);
	compare_tags(index, id, INDEX_TAGGED, tags, &before);
	tags_free(&before);
}

static bool has_link(const struct links *links, const struct link *link)
{
	size_t i;

	for (i = 0; i < links->count; i++) {
		if (strcmp(links->link[i].relation, link->relation))
			continue;
		if (*link->reference ? !strcmp(links->link[i].reference, link->reference) :
				       !strcmp(links->link[i].path, link->path))
			return true;
	}
	return false;
}

static void compare_links(struct tagindex *index, int64_t id, enum index_change_kind kind,
			  const struct links *a, const struct links *b)
{
	size_t i;

	for (i = 0; i < a->count; i++) {
		if (!has_link(b, &a->link[i]))
			add(index, kind, first_path(index, id), a->link[i].relation,
			    a->link[i].path);
	}
}

void change_links(struct tagindex *index, int64_t id, const struct links *links)
{
	struct db_stmt *stmt = index->changes.fn ? statement(index, ST_LINKS_FROM) : NULL;
	char *relation, *path, *reference;
	struct links before = { };

	if (!stmt)
		return;
	db_bind_int(stmt, 1, id);
	while (db_step(stmt) > 0) {
		relation = column_string(stmt, 0);
		path = column_string(stmt, 2);
		reference = column_string(stmt, 3);
		if (relation && path && reference)
			links_add(&before, relation, path, reference);
		free(relation);
		free(path);
		free(reference);
	}
	db_reset(stmt);
	compare_links(index, id, INDEX_UNLINKED, &before, links);
	compare_links(index, id, INDEX_LINKED, links, &before);
	links_free(&before);
}

void changes_end(struct tagindex *index, bool committed)
{
	struct changes *changes = &index->changes;
	struct change *change;

	while ((change = changes->first)) {
		changes->first = change->next;
		if (committed && changes->fn)
			changes->fn(&(struct index_change){ change->kind, change->path,
							    change->what, change->target },
				    changes->arg);
		free(change->path);
		free(change->what);
		free(change->target);
		free(change);
	}
	changes->last = NULL;
}

void index_watch(struct tagindex *index, index_change_fn fn, void *arg)
{
	pthread_mutex_lock(&index->lock);
	index->changes.fn = fn;
	index->changes.arg = arg;
	pthread_mutex_unlock(&index->lock);
}
