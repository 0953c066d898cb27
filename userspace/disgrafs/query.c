// SPDX-License-Identifier: GPL-2.0
/*
 * Asking the index.
 */
#include "indexdb.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "links.h"

uint64_t index_version(struct tagindex *index)
{
	uint64_t version = 0;

	pthread_mutex_lock(&index->lock);
	/* Another one may have had as many changes. */
	if (follow(index) >= 0)
		version = db_version(index->db) ^ (uint64_t)index->followed << 56;
	pthread_mutex_unlock(&index->lock);
	return version;
}

char *column_string(struct db_stmt *stmt, int column)
{
	size_t size;
	const char *bytes = db_bytes(stmt, column, &size);

	return strndup(bytes, size);
}

static int each_tag(struct tagindex *index, struct db_stmt *stmt, index_tag_fn fn, void *arg)
{
	int rc = 0, ret = 0;
	char *tag;

	while (!ret && (rc = db_step(stmt)) > 0) {
		tag = column_string(stmt, 0);
		ret = tag ? fn(tag, db_int(stmt, 1), arg) : failed(index, ENOMEM);
		free(tag);
	}
	if (!ret && rc < 0)
		ret = db_failed(index);
	return ret;
}

/* What sorts behind everything that begins with @prefix. False: nothing does. */
static bool prefix_end(char *prefix, size_t *len)
{
	while (*len && (unsigned char)prefix[*len - 1] == 0xff)
		--*len;
	if (*len)
		prefix[*len - 1]++;
	return *len;
}

int index_tags(struct tagindex *index, const char *prefix, index_tag_fn fn, void *arg)
{
	size_t len = strlen(prefix), end_len = len;
	char *end = strdup(prefix);
	struct db_stmt *stmt;
	bool bounded;
	int ret;
	unsigned int begun;

	if (!end)
		return -ENOMEM;
	begun = ask_begin(index);
	bounded = prefix_end(end, &end_len);
	stmt = statement(index, bounded ? ST_TAGS_BETWEEN : ST_TAGS);
	if (stmt) {
		db_bind_bytes(stmt, 1, prefix, len);
		if (bounded)
			db_bind_bytes(stmt, 2, end, end_len);
	}
	ret = stmt ? each_tag(index, stmt, fn, arg) : db_failed(index);
	db_reset(stmt);
	ret = ask_end(index, begun, ret);
	free(end);
	return ret;
}

int index_tag_exists(struct tagindex *index, const char *tag)
{
	int64_t id = 0;
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = run_tag(index, ST_TAG_SHOWN, tag, &id);
	ret = ask_end(index, begun, ret);
	return ret;
}

/* A path that is made from its end. */
struct path {
	char *bytes;
	size_t room, begin;	/* at which it begins in there */
};

static bool path_prepend(struct path *path, const char *name, char behind)
{
	size_t len = strlen(name), used = path->room - path->begin, room;
	char *grown;

	if (path->begin < len + 1) {
		room = 2 * path->room + len + 1;
		grown = malloc(room);
		if (!grown)
			return false;
		if (used)
			memcpy(grown + room - used, path->bytes + path->begin, used);
		free(path->bytes);
		*path = (struct path){ grown, room, room - used };
	}
	path->bytes[--path->begin] = behind;
	path->begin -= len;
	memcpy(path->bytes + path->begin, name, len);
	return true;
}

/* The directory *@parent in front of @path; *@parent is then the one above it. */
static bool prepend_dir(struct db_stmt *stmt, struct path *path, int64_t *parent)
{
	bool done = false;
	char *dir;

	db_bind_int(stmt, 1, *parent);
	if (db_step(stmt) > 0) {
		*parent = db_int(stmt, 0);
		dir = column_string(stmt, 1);
		done = dir && path_prepend(path, dir, '/');
		free(dir);
	}
	db_reset(stmt);
	return done;
}

char *node_path(struct tagindex *index, int64_t parent, const char *name)
{
	struct db_stmt *stmt = statement(index, ST_NAME_OF);
	struct path path = { };
	bool found = path_prepend(&path, name, '\0');
	char *copy;
	int depth;

	/* The bound is for an index that is damaged and has a circle. */
	for (depth = 0; found && stmt && parent != ROOT_NODE && depth < 1 << 20; depth++)
		found = prepend_dir(stmt, &path, &parent);
	copy = found ? strdup(path.bytes + path.begin) : NULL;
	free(path.bytes);
	return copy;
}

char *first_path(struct tagindex *index, int64_t id)
{
	struct db_stmt *stmt = statement(index, ST_NAME_OF);
	char *name = NULL, *path;
	int64_t parent = 0;

	if (id == ROOT_NODE)
		return strdup(".");
	if (!stmt)
		return NULL;
	db_bind_int(stmt, 1, id);
	if (db_step(stmt) > 0) {
		parent = db_int(stmt, 0);
		name = column_string(stmt, 1);
	}
	db_reset(stmt);
	path = name ? node_path(index, parent, name) : NULL;
	free(name);
	return path;
}

/* Paths of results, whose directories are often the same one after the other. */
struct paths {
	int64_t parent;
	char *dir;
};

/* The path of the row's (parent, name), or NULL. */
static char *row_path(struct tagindex *index, struct paths *paths, int64_t parent, char *name)
{
	char *path = NULL;

	if (parent == ROOT_NODE)
		return strdup(name);
	if (parent != paths->parent) {
		free(paths->dir);
		paths->dir = first_path(index, parent);
		paths->parent = parent;
	}
	if (!paths->dir || asprintf(&path, "%s/%s", paths->dir, name) < 0)
		return NULL;
	return path;
}

static int each_path(struct tagindex *index, const struct expr *expr, struct db_stmt *stmt,
		     index_path_fn fn, void *arg)
{
	struct paths paths = { };
	char *name, *path;
	int rc = 0, ret = 0;

	while (!ret && (rc = db_step(stmt)) > 0) {
		/* The root has no name. */
		if (db_int(stmt, 3) == ROOT_NODE) {
			path = strdup(".");
		} else {
			name = column_string(stmt, 2);
			path = name && *name ?
				row_path(index, &paths, db_int(stmt, 1), name) : NULL;
			free(name);
		}
		if (path && find_agrees(index, expr, stmt, path))
			ret = fn(db_int(stmt, 0), path, arg);
		free(path);
	}
	free(paths.dir);
	return !ret && rc < 0 ? db_failed(index) : ret;
}

static int find_expr(struct tagindex *index, struct expr *expr, index_path_fn fn, void *arg)
{
	struct db_stmt *stmt;
	int ret;
	unsigned int begun;

	if (!expr)
		return failed(index, ENOMEM);
	begun = ask_begin(index);
	ret = find_prepare(index, "SELECT n.ino, m.parent, m.name, n.id", expr,
			   " ORDER BY n.id, m.parent, m.name", &stmt);
	if (ret == 0)
		ret = each_path(index, expr, stmt, fn, arg);
	db_finalize(stmt);
	ret = ask_end(index, begun, ret);
	expr_free(expr);
	return ret;
}

int index_search(struct tagindex *index, const char *expression, struct expr_error *error,
		 index_path_fn fn, void *arg)
{
	struct expr *expr = expr_parse(expression, error);

	return expr ? find_expr(index, expr, fn, arg) : -EINVAL;
}

int index_find(struct tagindex *index, const char *const *tags, size_t count, index_path_fn fn,
	       void *arg)
{
	return find_expr(index, expr_of_tags(EXPR_AND, tags, count), fn, arg);
}

int index_find_any(struct tagindex *index, const char *const *tags, size_t count, index_path_fn fn,
		   void *arg)
{
	return find_expr(index, expr_of_tags(EXPR_OR, tags, count), fn, arg);
}

static bool is_not_in(const char *const *tags, size_t count, const char *tag)
{
	while (count--) {
		if (!strcmp(tags[count], tag))
			return false;
	}
	return true;
}

struct narrow {
	const char *const *tags;
	size_t count;
	index_tag_fn fn;
	void *arg;
};

static int other_tag(const char *tag, uint64_t files, void *arg)
{
	const struct narrow *n = arg;

	return is_not_in(n->tags, n->count, tag) ? n->fn(tag, files, n->arg) : 0;
}

int index_narrow(struct tagindex *index, const char *const *tags, size_t count, index_tag_fn fn,
		 void *arg)
{
	struct expr *expr = expr_of_tags(EXPR_AND, tags, count);
	struct narrow narrow = { tags, count, fn, arg };
	struct db_stmt *stmt;
	int ret;
	unsigned int begun;

	if (!expr)
		return failed(index, ENOMEM);
	begun = ask_begin(index);
	ret = find_prepare(index, "SELECT name, count(*) FROM file_tag JOIN tag ON tag = id "
			   "WHERE node IN (SELECT n.id", expr, ") GROUP BY tag.id ORDER BY name",
			   &stmt);
	if (ret == 0)
		ret = each_tag(index, stmt, other_tag, &narrow);
	db_finalize(stmt);
	ret = ask_end(index, begun, ret);
	expr_free(expr);
	return ret;
}

/* ---- paths and links ---- */

int path_node(struct tagindex *index, const char *path, int64_t *id)
{
	char name[NAME_MAX + 1];
	int ret = 1;
	size_t len;

	*id = ROOT_NODE;
	if (!strcmp(path, "."))
		return 1;
	for (; *path && ret > 0; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len > NAME_MAX)
			return 0;
		memcpy(name, path, len);
		name[len] = '\0';
		ret = run(index, ST_NAME_FIND, *id, name, 0, 0, id);
	}
	return ret;
}

int column_node(struct tagindex *index, struct db_stmt *stmt, int column, int64_t *id)
{
	char *path = column_string(stmt, column);
	int ret = path ? path_node(index, path, id) : failed(index, ENOMEM);

	free(path);
	return ret;
}

int index_path_type(struct tagindex *index, const char *path)
{
	int64_t id, type = 0;
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &id);
	if (ret > 0)
		ret = run(index, ST_NODE_TYPE, id, NULL, 0, 0, &type);
	ret = ask_end(index, begun, ret);
	return ret > 0 ? (int)type << 12 : ret;
}

int index_children(struct tagindex *index, const char *path, index_child_fn fn, void *arg)
{
	struct db_stmt *stmt;
	int rc = 0, ret;
	int64_t id;
	char *name;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &id);
	stmt = ret > 0 ? statement(index, ST_CHILDREN) : NULL;
	if (stmt) {
		ret = 0;
		db_bind_int(stmt, 1, id);
		while (!ret && (rc = db_step(stmt)) > 0) {
			name = column_string(stmt, 0);
			ret = name ? fn(name, db_int(stmt, 1) << 12, arg) :
				     failed(index, ENOMEM);
			free(name);
		}
		db_reset(stmt);
	}
	ret = ask_end(index, begun, ret);
	return ret > 0 ? -ENOENT : ret;
}

static int tell_link(struct tagindex *index, char *relation, int64_t node, char *path, bool from,
		     index_link_fn fn, void *arg)
{
	struct index_link link = { .relation = relation, .from = from };
	int64_t ino = 0;
	int ret = 0;

	/* What the reference led to is gone: what is in its place? */
	if (!node && path_node(index, path, &node) <= 0)
		node = 0;
	link.missing = !node;
	if (node) {
		free(path);
		path = first_path(index, node);
		run(index, ST_NODE_INO, node, NULL, 0, 0, &ino);
	}
	link.path = path;
	link.ino = ino;
	if (relation && path)
		ret = fn(&link, arg);
	free(relation);
	free(path);
	return ret;
}

int index_links(struct tagindex *index, const char *path, index_link_fn fn, void *arg)
{
	struct db_stmt *stmt = NULL;
	int64_t id;
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &id);
	stmt = ret > 0 ? statement(index, ST_LINKS_FROM) : NULL;
	if (ret > 0)
		ret = 0;
	if (stmt) {
		db_bind_int(stmt, 1, id);
		while (!ret && db_step(stmt) > 0)
			ret = tell_link(index, column_string(stmt, 0),
					db_int(stmt, 1),
					column_string(stmt, 2), false, fn, arg);
		db_reset(stmt);
	}
	stmt = stmt && !ret ? statement(index, ST_LINKS_TO) : NULL;
	if (stmt) {
		db_bind_int(stmt, 1, id);
		db_bind_string(stmt, 2, path);
		while (!ret && db_step(stmt) > 0)
			ret = tell_link(index, column_string(stmt, 0),
					db_int(stmt, 1),
					strdup(""), true, fn, arg);
		db_reset(stmt);
	}
	ret = ask_end(index, begun, ret);
	return ret;
}

int index_file_tags(struct tagindex *index, const char *path, index_tag_fn fn, void *arg)
{
	struct db_stmt *stmt;
	int64_t id;
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &id);
	stmt = ret > 0 ? statement(index, ST_NODE_TAGS) : NULL;
	if (ret == 0)
		ret = -ENOENT;
	if (stmt) {
		db_bind_int(stmt, 1, id);
		ret = each_tag(index, stmt, fn, arg);
		db_reset(stmt);
	}
	ret = ask_end(index, begun, ret);
	return ret;
}
