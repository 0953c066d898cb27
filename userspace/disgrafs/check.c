// SPDX-License-Identifier: GPL-2.0
/*
 * Compares the index with the tree, both ways: every file with what is recorded
 * of it, and everything that is recorded with the files.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autotags.h"
#include "beneath.h"
#include "links.h"
#include "tags.h"
#include "traits.h"
#include "walk.h"

struct check {
	struct tagindex *index;
	index_problem_fn fn;
	void *arg;
	struct index_check *result;
};

/* Of @name in the directory at @dir; "" for the root. */
static int say(struct check *check, const char *dir, const char *name, const char *problem, int err)
{
	char *path;
	int ret;

	if (!check->fn)
		return 0;
	if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0)
		return failed(check->index, ENOMEM);
	ret = check->fn(path, problem, err, check->arg);
	free(path);
	return ret;
}

static int report(struct check *check, const char *dir, const char *name, const char *problem)
{
	check->result->problems++;
	return say(check, dir, name, problem, 0);
}

static int report_unreadable(struct check *check, const char *dir, const char *name, int err)
{
	/* Gone meanwhile */
	if (err == ENOENT || err == ESTALE)
		return 0;
	check->result->unreadable++;
	return say(check, dir, name, NULL, err);
}

/* ---- one file ---- */

static bool has_link(const struct links *links, struct db_stmt *stmt)
{
	char *relation = column_string(stmt, 0), *path = column_string(stmt, 2);
	char *reference = column_string(stmt, 3);
	bool found = false;
	size_t i;

	for (i = 0; i < links->count && !found && relation && path && reference; i++)
		found = !strcmp(links->link[i].relation, relation) &&
			!strcmp(links->link[i].path, path) &&
			!strcmp(links->link[i].reference, reference);
	free(relation);
	free(path);
	free(reference);
	return found;
}

/* In any order: that of xattrs is the file system's. */
static bool same_links(struct tagindex *index, int64_t id, const struct links *links)
{
	struct db_stmt *stmt = statement(index, ST_LINKS_FROM);
	bool same = stmt;
	size_t n = 0;

	if (stmt)
		db_bind_int(stmt, 1, id);
	while (same && db_step(stmt) > 0) {
		same = has_link(links, stmt);
		n++;
	}
	db_reset(stmt);
	return same && n == links->count;
}

/* What a file says of itself. */
struct attributes {
	struct tags tags, automatic;
	struct links links;
};

/* 0 or -errno */
static int read_attributes(int fd, struct attributes *attributes)
{
	char path[32];
	int ret;

	memset(attributes, 0, sizeof(*attributes));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = tags_read(&attributes->tags, path);
	if (ret == 0)
		ret = tags_read_xattr(&attributes->automatic, path, AUTO_XATTR);
	return ret ?: links_read_few(&attributes->links, path);
}

static void free_attributes(struct attributes *attributes)
{
	tags_free(&attributes->tags);
	tags_free(&attributes->automatic);
	links_free(&attributes->links);
}

/* NULL, or what is wrong with what is recorded of a file as the node @id. */
static const char *compare(struct tagindex *index, const struct attributes *attributes,
			   const struct stat *st, int64_t id)
{
	int64_t type = 0, node = 0;

	run(index, ST_NODE_TYPE, id, NULL, 0, 0, &type);
	if (find_node(index, st, &node) <= 0 || node != id)
		return "is another file in the index";
	if (type << 12 != (st->st_mode & S_IFMT))
		return "is of another type in the index";
	if (!same_tags(index, id, &attributes->tags))
		return "has other tags in the index";
	if (!traits_same_auto(index, id, &attributes->automatic))
		return "has other automatic tags in the index";
	if (!same_links(index, id, &attributes->links))
		return "has other links in the index";
	return NULL;
}

/* @id: of its node, or 0: it is not recorded. */
static int check_file(struct check *check, int fd, const struct stat *st, int64_t id,
		      const char *dir, const char *name)
{
	struct attributes attributes;
	const char *problem;
	int ret;

	if (!id)
		return report(check, dir, name, "is not in the index");
	ret = read_attributes(fd, &attributes);
	if (ret < 0) {
		ret = report_unreadable(check, dir, name, -ret);
	} else {
		problem = compare(check->index, &attributes, st, id);
		ret = problem ? report(check, dir, name, problem) : 0;
	}
	free_attributes(&attributes);
	return ret;
}

/* The directory @fd, of any kind. */
static bool can_read(int fd)
{
	fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int check_name(struct check *check, struct walk_dir *dir, const char *name)
{
	int fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;
	uint64_t unreadable = check->result->unreadable;
	int64_t id = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = report_unreadable(check, dir->path, name, errno);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	check->result->files++;
	ret = run(check->index, ST_NAME_FIND, dir->id, name, 0, 0, &id);
	if (ret >= 0)
		ret = check_file(check, fd, &st, ret ? id : 0, dir->path, name);
	/* That it cannot be looked at is said once. */
	if (ret == 0 && S_ISDIR(st.st_mode) &&
	    (check->result->unreadable == unreadable || can_read(fd)))
		ret = names_add(&dir->enter, name);
	close(fd);
	return ret;
}

/* What is recorded of the directory but is not there. */
static int check_recorded(struct check *check, const struct walk_dir *dir)
{
	struct db_stmt *stmt;
	struct stat st;
	char *name;
	int ret = 0;

	stmt = db_prepare(check->index->db, "SELECT name FROM name WHERE parent = ?1", false);
	if (!stmt)
		return db_failed(check->index);
	db_bind_int(stmt, 1, dir->id);
	while (ret == 0 && db_step(stmt) > 0) {
		name = column_string(stmt, 0);
		if (name && fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			ret = report(check, dir->path, name, "is in the index, but not in the tree");
		free(name);
	}
	db_finalize(stmt);
	return ret;
}

static int check_dir(struct walk_dir *dir, void *arg)
{
	struct check *check = arg;
	const struct dirent *d;
	int ret = 0;

	dir->id = *dir->path ? 0 : ROOT_NODE;
	if (!dir->id)
		ret = run(check->index, ST_NAME_FIND, dir->parent_id, dir->name, 0, 0, &dir->id);
	if (ret < 0)
		return ret;
	ret = 0;
	while (ret == 0 && (d = walk_next(dir)))
		ret = check_name(check, dir, d->d_name);
	if (ret == 0 && errno)
		ret = report_unreadable(check, "", *dir->path ? dir->path : ".", errno);
	return ret == 0 && dir->id ? check_recorded(check, dir) : ret;
}

static int no_entry(const char *path, const char *name, int err, void *arg)
{
	return report_unreadable(arg, path, name, err);
}

static int check_tree(struct check *check)
{
	int ret = walk_tree(check->index->root, check_dir, no_entry, check);

	return ret == -ENOMEM ? failed(check->index, ENOMEM) : ret;
}

/* ---- links ---- */

/* Where a link's attribute is not up to date; @repair: then it is. */
static int check_link(struct check *check, const char *source, const struct link *link,
		      const char *target, bool repair)
{
	char *reference = link_reference(check->index->root, target), proc[32];
	struct links links;
	int fd, lock, ret = 0;

	if (!reference || (!strcmp(target, link->path) && !strcmp(reference, link->reference)))
		goto out;
	check->result->outdated++;
	if (!repair)
		goto out;
	fd = open_beneath(check->index->root, source, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (fd < 0) {
		ret = report_unreadable(check, "", source, errno);
		goto out;
	}
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	/* As whoever changes links does. */
	lock = open(proc, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (lock >= 0)
		flock(lock, LOCK_EX);
	ret = links_read(&links, proc);
	if (ret == 0) {
		/* Unless somebody else has taken it away meanwhile. */
		if (links_remove(&links, link->relation, link->path, link->reference))
			ret = links_add(&links, link->relation, target, reference) ?:
			      links_write(&links, link->relation, proc);
		links_free(&links);
	}
	/* Its own fault, and not that of the other links. */
	if (ret == 0)
		ret = index_sync_file(check->index, fd, NULL, 0);
	else
		ret = report_unreadable(check, "", source, -ret);
	if (lock >= 0)
		close(lock);
	close(fd);
out:
	free(reference);
	return ret;
}

struct row {
	int64_t source, target;
	struct link link;
};

struct rows {
	struct row *row;
	size_t count, room;
};

static void row_free(struct row *row)
{
	free(row->link.relation);
	free(row->link.path);
	free(row->link.reference);
}

static void rows_free(struct rows *rows)
{
	while (rows->count)
		row_free(&rows->row[--rows->count]);
	free(rows->row);
}

static int rows_add(struct rows *rows, struct db_stmt *stmt)
{
	size_t room = rows->room ? rows->room * 2 : 64;
	struct row *grown;
	struct row row = {
		.source = db_int(stmt, 0), .target = db_int(stmt, 1),
		.link = { .relation = column_string(stmt, 2), .path = column_string(stmt, 3),
			  .reference = column_string(stmt, 4) },
	};

	if (!row.link.relation || !row.link.path || !row.link.reference)
		goto err;
	if (rows->count == rows->room) {
		grown = reallocarray(rows->row, room, sizeof(*grown));
		if (!grown)
			goto err;
		rows->row = grown;
		rows->room = room;
	}
	rows->row[rows->count++] = row;
	return 0;
err:
	row_free(&row);
	return -ENOMEM;
}

/* All of them, because whoever reads on while another writes can write no more himself. */
static int read_links(struct tagindex *index, struct rows *rows)
{
	static const char query[] = "SELECT source, target, relation, path, reference "
		"FROM link ORDER BY source, relation, path";
	struct db_stmt *stmt = db_prepare(index->db, query, false);
	int ret = 0, rc = 0;

	if (!stmt)
		return db_failed(index);
	while (ret == 0 && (rc = db_step(stmt)) > 0)
		ret = rows_add(rows, stmt);
	if (ret < 0)
		failed(index, -ret);
	else if (rc < 0)
		ret = db_failed(index);
	db_finalize(stmt);
	return ret;
}

static int check_row(struct check *check, const struct row *row, bool repair)
{
	int64_t node = row->target;
	char *source, *target;
	int ret = 0;

	if (!node && path_node(check->index, row->link.path, &node) <= 0)
		node = 0;
	source = first_path(check->index, row->source);
	target = node ? first_path(check->index, node) : NULL;
	check->result->links++;
	check->result->missing += !node;
	if (source && target)
		ret = check_link(check, source, &row->link, target, repair);
	free(source);
	free(target);
	return ret;
}

static int check_links(struct check *check, bool repair)
{
	struct rows rows = { };
	int ret = read_links(check->index, &rows);
	size_t i;

	for (i = 0; i < rows.count && ret == 0; i++)
		ret = check_row(check, &rows.row[i], repair);
	rows_free(&rows);
	return ret;
}

int index_check(struct tagindex *index, bool repair_links, struct index_check *result,
		index_problem_fn fn, void *arg)
{
	struct check check = { index, fn, arg, result };
	struct stat st;
	int ret;

	memset(result, 0, sizeof(*result));
	if (fstat(index->root, &st) < 0)
		return failed(index, errno);
	pthread_mutex_lock(&index->lock);
	ret = check_file(&check, index->root, &st, ROOT_NODE, "", ".");
	if (ret == 0 && (!result->unreadable || can_read(index->root)))
		ret = check_tree(&check);
	if (ret == 0)
		ret = check_links(&check, repair_links);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

int index_stats(struct tagindex *index, struct index_stats *stats)
{
	static const char query[] =
		"SELECT (SELECT count(*) FROM node WHERE type <> 4), "
		"(SELECT count(*) FROM node WHERE type = 4), (SELECT count(*) FROM name), "
		"(SELECT count(DISTINCT node) FROM file_tag), "
		"(SELECT count(*) FROM tag WHERE files > 0 OR kept <> 0), "
		"(SELECT count(*) FROM file_tag), "
		"(SELECT count(*) FROM link), (SELECT count(*) FROM link WHERE target IS NULL)";
	uint64_t *fields[] = { &stats->files, &stats->directories, &stats->names, &stats->tagged,
			       &stats->tags, &stats->taggings, &stats->links, &stats->unresolved };
	struct db_stmt *stmt = NULL;
	int ret = 0;
	size_t i;

	memset(stats, 0, sizeof(*stats));
	pthread_mutex_lock(&index->lock);
	stmt = db_prepare(index->db, query, false);
	if (stmt && db_step(stmt) > 0) {
		for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
			*fields[i] = db_int(stmt, i);
	} else {
		ret = db_failed(index);
	}
	db_finalize(stmt);
	pthread_mutex_unlock(&index->lock);
	stats->bytes = index->shared ? pg_index_bytes(index) : sqlite_index_bytes(index);
	return ret;
}
