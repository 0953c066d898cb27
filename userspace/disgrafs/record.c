// SPDX-License-Identifier: GPL-2.0
/*
 * Writing to the index: each function looks at the tree and records what it
 * sees, so that the index ends as the tree does, in whatever order changes that
 * ran at the same time are reported.
 */
#include "indexdb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotags.h"
#include "beneath.h"
#include "links.h"
#include "tags.h"
#include "traits.h"

/* ---- the tree ---- */

static int64_t fs_number(const struct tagindex *index, const struct stat *st)
{
	/* 0: device numbers may be others after a reboot. */
	return st->st_dev == index->root_dev ? 0 : (int64_t)st->st_dev;
}

static bool is_root(const struct tagindex *index, const struct stat *st)
{
	return st->st_dev == index->root_dev && st->st_ino == index->root_ino;
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int find_node(struct tagindex *index, const struct stat *st, int64_t *id)
{
	return run(index, ST_NODE_FIND, fs_number(index, st), NULL, st->st_ino, 0, id);
}

/* @id: of the node, if it is known, or 0. */
static int add_node(struct tagindex *index, const struct stat *st, int64_t *id)
{
	int ret = run(index, ST_NODE_ADD, fs_number(index, st), NULL, st->st_ino,
		      st->st_mode >> 12, id);

	return ret < 0 || *id ? ret : find_node(index, st, id);
}

/* ---- names ---- */

/* What a node is that may have lost its last name; see ST_NAMELESS. */
enum nameless {
	NAMED,
	NAMELESS,
	NAMELESS_DIR,	/* with files in it, for all that is known */
};

static int nameless(struct tagindex *index, int64_t id, int64_t *kind)
{
	*kind = NAMED;
	/* None is older than the transaction. */
	return index->nameless.count ? run(index, ST_NAMELESS, id, NULL, 0, 0, kind) : 0;
}

/* The node @id lost a name. It may get another one before the transaction ends. */
static int lost_name(struct tagindex *index, int64_t id)
{
	struct nodes *nodes = &index->nameless;
	size_t room = nodes->room ? nodes->room * 2 : 64;
	int64_t *grown;

	if (id == ROOT_NODE)
		return 0;
	if (nodes->count == nodes->room) {
		grown = reallocarray(nodes->id, room, sizeof(*grown));
		if (!grown)
			return failed(index, ENOMEM);
		nodes->id = grown;
		nodes->room = room;
	}
	nodes->id[nodes->count++] = id;
	return 0;
}

int drop_nameless(struct tagindex *index)
{
	int64_t kind;
	int ret = 0;
	size_t i;

	for (i = 0; i < index->nameless.count && ret >= 0; i++) {
		ret = nameless(index, index->nameless.id[i], &kind);
		/*
		 * It is on its way to another name: who removes a directory empties it before.
		 * A walk finds what is in it in the end.
		 */
		if (ret >= 0 && kind == NAMELESS_DIR && !index->walking)
			mark_stale(index);
		if (ret >= 0 && kind != NAMED)
			ret = run1(index, ST_NODE_DROP, index->nameless.id[i]);
	}
	return ret < 0 ? ret : 0;
}

/* Records a name that was just seen to be one of the node @id. */
static int add_name(struct tagindex *index, int64_t parent, const char *name, int64_t id,
		    const struct stat *st)
{
	int64_t old = id, names = 0;
	int ret = run(index, ST_NAME_FIND, parent, name, 0, 0, &old);

	change_name(index, parent, name, id, S_ISDIR(st->st_mode) || st->st_nlink == 1);
	if (ret >= 0)
		ret = run(index, ST_NAME_ADD, parent, name, 0, id, NULL);
	if (ret >= 0 && old != id)
		ret = lost_name(index, old);
	/* Others are of a file that had the inode number before. */
	if (ret >= 0 && (S_ISDIR(st->st_mode) || st->st_nlink == 1))
		ret = run(index, ST_NAME_COUNT, id, NULL, 0, 0, &names);
	if (ret >= 0 && names > 1)
		ret = run(index, ST_NAME_DROP_OTHERS, parent, name, 0, id, NULL);
	return ret;
}

/* ---- directories ---- */

/* The *@name, for free(), that the directory @st has in @parent. 0 or -errno. */
static int name_in(int parent, const struct stat *st, char **name)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), pass, ret = -ENOENT;
	struct dirent *d;
	struct stat found;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		ret = -errno;
		close(fd);
		return ret;
	}
	/* Where something is mounted, d_ino is not that of what is seen there. */
	for (pass = 0; pass < 2 && ret == -ENOENT; pass++) {
		rewinddir(dir);
		while ((d = readdir(dir))) {
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
			    (!pass && d->d_ino != st->st_ino) ||
			    (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN))
				continue;
			if (fstatat(parent, d->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
			    same_inode(&found, st)) {
				*name = strdup(d->d_name);
				ret = *name ? 0 : -ENOMEM;
				break;
			}
		}
	}
	closedir(dir);
	return ret;
}

struct step {
	struct stat st;
	char *name;		/* where LOWER has them, longer than NAME_MAX */
};

/* Records the @count directories of a path, the last first, below the node *@id. */
static int add_dirs(struct tagindex *index, const struct step *steps, size_t count, int64_t *id)
{
	int64_t parent = *id, child;
	int ret;

	while (count--) {
		child = 0;
		ret = add_node(index, &steps[count].st, &child);
		if (ret >= 0)
			ret = add_name(index, parent, steps[count].name, child, &steps[count].st);
		if (ret < 0)
			return ret;
		parent = child;
	}
	*id = parent;
	return 0;
}

/*
 * The node of the directory @dir, after recording it and whatever of the way to
 * it is not recorded. Goes up by "..", so however deep it is, two descriptors
 * are enough.
 */
static int dir_node(struct tagindex *index, int dir, int64_t *id)
{
	struct step *steps = NULL, *grown, *step;
	int fd = dir, parent, ret;
	struct stat st, up;
	size_t count = 0;

	for (;;) {
		if (fstat(fd, &st) < 0) {
			ret = failed(index, errno);
			break;
		}
		if (is_root(index, &st)) {
			*id = ROOT_NODE;
			ret = add_dirs(index, steps, count, id);
			break;
		}
		ret = run(index, ST_DIR_FIND, fs_number(index, &st), NULL, st.st_ino, 0, id);
		if (ret > 0)
			ret = add_dirs(index, steps, count, id);
		else if (ret == 0)
			ret = 1;
		if (ret <= 0)
			break;
		parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0) {
			ret = failed(index, errno);
			break;
		}
		if (fd != dir)
			close(fd);
		fd = parent;
		grown = reallocarray(steps, count + 1, sizeof(*steps));
		if (!grown) {
			ret = failed(index, ENOMEM);
			break;
		}
		steps = grown;
		step = &steps[count++];
		*step = (struct step){ .st = st };
		/* The top of all: this directory is not below the root any more. */
		if (fstat(parent, &up) == 0 && same_inode(&up, &st))
			ret = -ENOENT;
		else
			ret = name_in(parent, &st, &step->name);
		if (ret < 0) {
			failed(index, -ret);
			break;
		}
	}
	if (fd != dir)
		close(fd);
	while (count)
		free(steps[--count].name);
	free(steps);
	return ret;
}

/* ---- recording ---- */

/* What a file says of itself. */
struct facts {
	struct tags tags;
	struct tags automatic;
	struct links links;
};

bool same_tags(struct tagindex *index, int64_t id, const struct tags *tags)
{
	struct db_stmt *stmt = statement(index, ST_NODE_TAGS);
	bool same = stmt;
	size_t i;
	char *tag;

	if (stmt)
		db_bind_int(stmt, 1, id);
	for (i = 0; i < tags->count && same; i++) {
		same = db_step(stmt) > 0;
		tag = same ? column_string(stmt, 0) : NULL;
		same = tag && !strcmp(tag, tags->tag[i]);
		free(tag);
	}
	same = same && db_step(stmt) == 0;
	db_reset(stmt);
	return same;
}

/* Mostly there are none, and to delete rows SQLite makes a table before it looks. */
static int drop_any(struct tagindex *index, enum statement any, enum statement drop, int64_t id)
{
	int ret = run1(index, any, id);

	return ret > 0 ? run1(index, drop, id) : ret;
}

/* The row of @tag, which there nearly always is. */
static int tag_id(struct tagindex *index, const char *tag, int64_t *id)
{
	int ret = run_tag(index, ST_TAG_FIND, tag, id);

	if (ret)
		return ret;
	ret = run_tag(index, ST_TAG_ADD, tag, NULL);
	return ret < 0 ? ret : run_tag(index, ST_TAG_FIND, tag, id);
}

static int set_tags(struct tagindex *index, int64_t id, const struct tags *tags)
{
	int64_t tag = 0;
	size_t i;
	int ret;

	/* Nearly always, in a rebuild. */
	if (same_tags(index, id, tags))
		return 0;
	change_tags(index, id, tags);
	ret = drop_any(index, ST_FILE_TAG_ANY, ST_FILE_TAG_DROP, id);
	for (i = 0; i < tags->count && ret >= 0; i++) {
		ret = tag_id(index, tags->tag[i], &tag);
		if (ret >= 0)
			ret = run(index, ST_FILE_TAG_ADD, tag, NULL, id, i, NULL);
	}
	return ret;
}

/* The node that @link leads to, by its reference or else its path, or 0. */
static int resolve_link(struct tagindex *index, const char *path, const char *reference,
			int64_t *target)
{
	uint64_t ino = link_inode(reference);
	struct stat st;
	char *now, *at;
	int ret = 0;

	*target = 0;
	if (ino)
		ret = run(index, ST_NODE_FIND, 0, NULL, ino, 0, target);
	if (ret > 0) {
		/* The number may be another file's by now. */
		at = first_path(index, *target);
		now = at ? link_reference(index->root, at) : NULL;
		if (!now || strcmp(now, reference))
			*target = 0;
		free(now);
		free(at);
	}
	if (ret < 0 || *target)
		return ret;
	if (stat_beneath(index->root, path, &st) < 0)
		return 0;
	return find_node(index, &st, target);
}

static int add_link(struct tagindex *index, int64_t id, size_t position, const struct link *link)
{
	struct db_stmt *stmt = statement(index, ST_LINK_ADD);
	int64_t target = 0;
	int ret = 0;

	if (!stmt)
		return db_failed(index);
	/* A walk has not seen all targets yet. */
	if (!index->walking)
		ret = resolve_link(index, link->path, link->reference, &target);
	if (ret < 0)
		return ret;
	db_bind_int(stmt, 1, id);
	db_bind_string(stmt, 2, link->relation);
	db_bind_int(stmt, 3, position);
	if (target)
		db_bind_int(stmt, 4, target);
	else
		db_bind_null(stmt, 4);
	db_bind_string(stmt, 5, link->reference);
	db_bind_string(stmt, 6, link->path);
	ret = db_step(stmt) < 0 ? db_failed(index) : 0;
	db_reset(stmt);
	return ret;
}

static int set_links(struct tagindex *index, int64_t id, const struct links *links)
{
	size_t i;
	int ret;

	change_links(index, id, links);
	ret = drop_any(index, ST_LINK_ANY, ST_LINK_DROP, id);
	for (i = 0; i < links->count && ret >= 0; i++)
		ret = add_link(index, id, i, &links->link[i]);
	return ret;
}

/* Those of @names that are names of the file @st, which is @is_new in the index. */
static int add_names(struct tagindex *index, const struct stat *st, int64_t id, bool is_new,
		     const struct index_name *names, size_t count)
{
	int64_t dir, recorded = 0;
	struct stat found;
	size_t i;
	int ret;

	for (i = 0; i < count; i++) {
		if (fstatat(names[i].dir, names[i].name, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !same_inode(&found, st))
			continue;
		ret = dir_node(index, names[i].dir, &dir);
		if (ret >= 0)
			ret = add_name(index, dir, names[i].name, id, &found);
		if (ret < 0)
			return ret;
	}
	/* Names that nobody has looked at yet. What a walk has not found lies outside. */
	ret = run(index, ST_NAME_COUNT, id, NULL, 0, 0, &recorded);
	if (ret >= 0 && (uint64_t)recorded < st->st_nlink && is_new && !index->walking)
		mark_stale(index);
	return ret;
}

static int record_file(struct tagindex *index, int fd, const struct stat *st,
		       const struct facts *facts, const struct index_name *names, size_t count)
{
	int64_t id = 0, kind = NAMED;
	bool is_new;
	int ret;

	if (!st->st_nlink) {
		ret = find_node(index, st, &id);
		return ret <= 0 ? ret : run1(index, ST_NODE_DROP, id);
	}
	if (S_ISDIR(st->st_mode)) {
		ret = dir_node(index, fd, &id);
	} else {
		ret = find_node(index, st, &id);
		is_new = ret == 0;
		if (ret > 0)
			ret = nameless(index, id, &kind);
		if (ret >= 0)
			ret = add_node(index, st, &id);
		if (ret >= 0)
			ret = add_names(index, st, id, is_new, names, count);
	}
	/* One that has no name is perhaps of a file that had the inode number before. */
	if (ret >= 0 && S_ISREG(st->st_mode))
		ret = run(index, ST_LOOK_AGAIN, id, NULL, kind == NAMED ? mtime_ns(st) : -1,
			  st->st_size, NULL);
	if (ret >= 0)
		ret = set_tags(index, id, &facts->tags);
	if (ret >= 0)
		ret = traits_set_auto(index, id, &facts->automatic);
	return ret < 0 ? ret : set_links(index, id, &facts->links);
}

static void free_facts(struct facts *facts)
{
	tags_free(&facts->tags);
	tags_free(&facts->automatic);
	links_free(&facts->links);
}

/* Of a file that may not be read, nothing. */
static int read_facts(struct tagindex *index, int fd, struct facts *facts)
{
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(facts, 0, sizeof(*facts));
	ret = tags_read(&facts->tags, path);
	if (ret == -EACCES)
		return 0;
	if (ret == 0)
		ret = tags_read_xattr(&facts->automatic, path, AUTO_XATTR);
	if (ret == 0)
		ret = links_read_few(&facts->links, path);
	if (ret < 0)
		free_facts(facts);
	return ret < 0 ? failed(index, -ret) : 0;
}

/*
 * Of a walk that goes on with another, whether that recorded the file @fd with its name, and
 * nothing of it changed since. Its rows are of this walk then. Not of a directory, which has
 * rows of that walk also if it is on the way to a file; see add_dirs(). 1, 0 or -errno.
 */
static int pass_by(struct tagindex *index, int fd, const struct index_name *name)
{
	int64_t parent = 0, child = 0, id = 0;
	struct stat st;
	int ret;

	if (!index->walk_began || fstat(fd, &st) < 0 || !st.st_nlink || S_ISDIR(st.st_mode) ||
	    time_ns(&st.st_ctim) >= index->walk_began)
		return 0;
	ret = find_node(index, &st, &id);
	if (ret > 0)
		ret = dir_node(index, name->dir, &parent);
	if (ret >= 0 && parent)
		ret = run(index, ST_NAME_SEEN, parent, name->name, 0, index->walk_generation,
			  &child);
	if (ret <= 0 || child != id)
		return ret < 0 ? ret : 0;
	index->passed++;
	ret = run(index, ST_NAME_ADD, parent, name->name, 0, id, NULL);
	ret = ret < 0 ? ret : add_node(index, &st, &id);
	return ret < 0 ? ret : 1;
}

int index_sync_file(struct tagindex *index, int fd, const struct index_name *names, size_t count)
{
	struct facts facts;
	struct stat st;
	int ret;

	if (!index->writable)
		return -EROFS;
	ret = index_batch_begin(index);
	if (ret < 0)
		return ret;
	if (index->walking && count == 1)
		ret = pass_by(index, fd, names);
	if (ret)
		return end(index, ret);
	/* Only now, when nobody else can record something older. */
	ret = read_facts(index, fd, &facts);
	if (ret == 0) {
		ret = fstat(fd, &st) < 0 ? failed(index, errno) :
			record_file(index, fd, &st, &facts, names, count);
		free_facts(&facts);
	}
	return end(index, ret);
}

bool is_absent(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ELOOP || err == EACCES || err == EPERM;
}

/* What cannot be told must not be taken for absence: a rebuild looks again. */
static int not_found(struct tagindex *index, int err)
{
	return is_absent(err) ? 0 : failed(index, err);
}

/*
 * A file that is not in the index, found under a name that changed: new, or renamed
 * before that was recorded. What is in a directory is reported as well, or was in the
 * index with it: see drop_nameless().
 */
static int record_unknown(struct tagindex *index, const struct index_name *name)
{
	int fd = openat(name->dir, name->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;

	if (fd < 0)
		return not_found(index, errno);
	ret = index_sync_file(index, fd, name, 1);
	/* It may have been looked into under the name before. */
	if (ret == 0)
		ret = index_look_at(index, fd);
	close(fd);
	return ret;
}

static int record_name(struct tagindex *index, const struct index_name *name)
{
	int64_t parent = 0, child = 0, old = 0, kind = NAMED;
	struct stat st, dir_st;
	int ret = 0;

	if (fstat(name->dir, &dir_st) < 0)
		return failed(index, errno);
	if (is_root(index, &dir_st))
		parent = ROOT_NODE;
	else
		ret = find_node(index, &dir_st, &parent);
	if (parent)
		ret = run(index, ST_NAME_FIND, parent, name->name, 0, 0, &old);
	if (ret < 0)
		return ret;
	if (fstatat(name->dir, name->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return failed(index, errno);
		if (!old)
			return 0;
		change_name_gone(index, parent, name->name);
		ret = run(index, ST_NAME_DROP, parent, name->name, 0, 0, NULL);
		return ret < 0 ? ret : lost_name(index, old);
	}
	ret = find_node(index, &st, &child);
	if (ret > 0)
		ret = nameless(index, child, &kind);
	if (ret < 0)
		return ret;
	/* The number may be another file's by now. */
	if (!child || kind != NAMED)
		return record_unknown(index, name);
	ret = dir_node(index, name->dir, &parent);
	if (ret >= 0)
		ret = add_node(index, &st, &child);
	return ret < 0 ? ret : add_name(index, parent, name->name, child, &st);
}

/*
 * While the tree is walked, something may move from where the walk has not been
 * to where it was already.
 */
static int sync_moved(struct tagindex *index, const struct index_name *name)
{
	struct stat st;

	if (fstatat(name->dir, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		mark_stale(index);
	return 0;
}

int index_sync_names(struct tagindex *index, const struct index_name *names, size_t count)
{
	int64_t walked = 0;
	size_t i;
	int ret;

	if (!index->writable)
		return -EROFS;
	ret = index_batch_begin(index);
	if (ret < 0)
		return ret;
	meta_get(index, "stale", &walked);
	for (i = 0; i < count && walked; i++)
		sync_moved(index, &names[i]);
	for (i = 0; i < count && ret >= 0; i++)
		ret = record_name(index, &names[i]);
	return end(index, ret);
}

/* Hardly ever anything is known of it yet. */
static int record_made(struct tagindex *index, const struct index_name *at)
{
	int64_t parent = 0, id = 0;
	struct stat st;
	int ret, fd;

	if (fstatat(at->dir, at->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return not_found(index, errno);
	ret = find_node(index, &st, &id);
	if (ret == 0) {
		ret = dir_node(index, at->dir, &parent);
		if (ret >= 0)
			ret = add_node(index, &st, &id);
		return ret < 0 ? ret : add_name(index, parent, at->name, id, &st);
	}
	if (ret < 0)
		return ret;
	fd = openat(at->dir, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return not_found(index, errno);
	ret = index_sync_file(index, fd, at, 1);
	close(fd);
	return ret;
}

int index_made(struct tagindex *index, int dir, const char *name)
{
	struct index_name at = { dir, name };
	int ret;

	if (!index->writable)
		return -EROFS;
	ret = index_batch_begin(index);
	return ret < 0 ? ret : end(index, record_made(index, &at));
}

/* ---- tags without files ---- */

int index_tag_keep(struct tagindex *index, const char *tag)
{
	int64_t id = 0;
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	ret = run_tag(index, ST_TAG_KEEP, tag, &id);
	ret = end(index, ret);
	return ret < 0 || id ? ret : -EEXIST;
}

int index_tag_drop(struct tagindex *index, const char *tag)
{
	int64_t id = 0, known = 0;
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	ret = run_tag(index, ST_TAG_DROP, tag, &id);
	if (ret == 0)
		ret = run_tag(index, ST_TAG_FIND, tag, &known);
	ret = end(index, ret);
	if (ret < 0 || id)
		return ret;
	return known ? -ENOTEMPTY : -ENOENT;
}

/* ---- links to where things are ---- */

#define RESOLVE_BATCH 256

/* One of the links, behind the one before. 1, or 0 at the end, or -errno. */
static int resolve_next(struct tagindex *index, int64_t *source, char **relation, int64_t *position)
{
	struct db_stmt *stmt = statement(index, ST_LINK_NEXT);
	char *reference, *path;
	int64_t target;
	int ret;

	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, *source);
	db_bind_string(stmt, 2, *relation);
	db_bind_int(stmt, 3, *position);
	ret = db_step(stmt);
	if (ret <= 0) {
		if (ret < 0)
			ret = db_failed(index);
		db_reset(stmt);
		return ret;
	}
	*source = db_int(stmt, 0);
	free(*relation);
	*relation = column_string(stmt, 1);
	*position = db_int(stmt, 2);
	reference = column_string(stmt, 3);
	path = column_string(stmt, 4);
	db_reset(stmt);
	ret = reference && path && *relation ? resolve_link(index, path, reference, &target) :
					       failed(index, ENOMEM);
	free(reference);
	free(path);
	stmt = statement(index, ST_LINK_TARGET);
	if (ret < 0 || !stmt)
		return ret < 0 ? ret : db_failed(index);
	db_bind_int(stmt, 1, *source);
	db_bind_string(stmt, 2, *relation);
	db_bind_int(stmt, 3, *position);
	db_bind_int(stmt, 4, target);
	ret = db_step(stmt) < 0 ? db_failed(index) : 1;
	db_reset(stmt);
	return ret;
}

int index_resolve_links(struct tagindex *index)
{
	int64_t source = 0, position = 0;
	char *relation = strdup("");
	int ret = relation ? 1 : -ENOMEM, i;

	while (ret > 0) {
		ret = index_batch_begin(index) ?: 1;
		if (ret < 0)
			break;
		for (i = 0; i < RESOLVE_BATCH && ret > 0; i++)
			ret = resolve_next(index, &source, &relation, &position);
		if (end(index, ret) < 0)
			break;
	}
	free(relation);
	return ret;
}
