// SPDX-License-Identifier: GPL-2.0
/*
 * The index in SQLite. Readers never wait for a writer (WAL); a power cut may
 * cost the last changes, which an unclean index is rebuilt for anyway.
 */
#include "index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tags.h"

#define DB_NAME "index.db"
#define STALE_NAME "stale"
#define SCHEMA_VERSION 1
#define ROOT_NODE 1

/* A writer that holds the lock longer makes the index stale, not the file system slow. */
#define BUSY_TIMEOUT_MS 2000

/*
 * name: the tree, as far as it leads to something that has tags. seen: the
 * generation in which a row was last found to be true.
 */
static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE node(id INTEGER PRIMARY KEY, fs INTEGER NOT NULL, ino INTEGER NOT NULL,"
	"	seen INTEGER NOT NULL, UNIQUE(fs, ino));"
	"CREATE TABLE name(parent INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	name BLOB NOT NULL, child INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	seen INTEGER NOT NULL, PRIMARY KEY(parent, name)) WITHOUT ROWID;"
	"CREATE INDEX name_child ON name(child);"
	"CREATE TABLE tag(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);"
	"CREATE TABLE file_tag(tag INTEGER NOT NULL REFERENCES tag ON DELETE CASCADE,"
	"	node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	position INTEGER NOT NULL, PRIMARY KEY(tag, node)) WITHOUT ROWID;"
	"CREATE INDEX file_tag_node ON file_tag(node, tag);"
	"INSERT INTO meta VALUES('generation', 1), ('clean', 1), ('stale', 1);";

#define GENERATION "(SELECT value FROM meta WHERE key = 'generation')"

enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_META_GET,
	ST_META_SET,
	ST_NODE_FIND,
	ST_NODE_ADD,
	ST_NODE_DROP,
	ST_DIR_FIND,
	ST_NAME_ADD,
	ST_NAME_FIND,
	ST_NAME_DROP,
	ST_NAME_DROP_OTHERS,
	ST_NAME_COUNT,
	ST_NAME_OF,
	ST_CHILD_ANY,
	ST_TAG_ADD,
	ST_TAG_FIND,
	ST_TAG_COUNT,
	ST_TAGS,
	ST_FILE_TAG_ADD,
	ST_FILE_TAG_DROP,
	ST_DATA_VERSION,
	ST_SWEEP_NAMES,
	ST_SWEEP_NODES,
	ST_SWEEP_TAGS,
	NR_STATEMENTS
};

static const char *const sql[NR_STATEMENTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[ST_META_SET] = "INSERT INTO meta VALUES(?1, ?2) "
			"ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	[ST_NODE_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2",
	[ST_NODE_ADD] = "INSERT INTO node(fs, ino, seen) VALUES(?1, ?2, " GENERATION ") "
			"ON CONFLICT(fs, ino) DO UPDATE SET seen = excluded.seen RETURNING id",
	[ST_NODE_DROP] = "DELETE FROM node WHERE id = ?1",
	[ST_DIR_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2 AND EXISTS("
			"SELECT 1 FROM name WHERE child = node.id AND seen = " GENERATION ")",
	[ST_NAME_ADD] = "INSERT INTO name VALUES(?1, ?2, ?3, " GENERATION ") "
			"ON CONFLICT(parent, name) DO UPDATE SET child = excluded.child, "
			"seen = excluded.seen",
	[ST_NAME_FIND] = "SELECT child FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_DROP] = "DELETE FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_DROP_OTHERS] = "DELETE FROM name WHERE child = ?3 "
				"AND NOT (parent = ?1 AND name = ?2)",
	[ST_NAME_COUNT] = "SELECT count(*) FROM name WHERE child = ?1",
	[ST_NAME_OF] = "SELECT parent, name FROM name WHERE child = ?1 LIMIT 1",
	[ST_CHILD_ANY] = "SELECT 1 FROM name WHERE parent = ?1 LIMIT 1",
	[ST_TAG_ADD] = "INSERT INTO tag(name) VALUES(?1) ON CONFLICT DO NOTHING",
	[ST_TAG_FIND] = "SELECT id FROM tag WHERE name = ?1",
	[ST_TAG_COUNT] = "SELECT count(*) FROM file_tag WHERE tag = ?1",
	[ST_TAGS] = "SELECT name, count(*) FROM tag JOIN file_tag ON tag = id "
		    "GROUP BY id ORDER BY name",
	[ST_FILE_TAG_ADD] = "INSERT INTO file_tag VALUES(?1, ?2, ?3)",
	[ST_FILE_TAG_DROP] = "DELETE FROM file_tag WHERE node = ?1",
	[ST_DATA_VERSION] = "PRAGMA data_version",
	[ST_SWEEP_NAMES] = "DELETE FROM name WHERE seen < ?1",
	[ST_SWEEP_NODES] = "DELETE FROM node WHERE seen < ?1 AND id <> 1",
	[ST_SWEEP_TAGS] = "DELETE FROM tag WHERE NOT EXISTS("
			  "SELECT 1 FROM file_tag WHERE tag = tag.id)",
};

struct tagindex {
	sqlite3 *db;
	sqlite3_stmt *stmt[NR_STATEMENTS];
	pthread_mutex_t lock;		/* recursive: batches */
	unsigned int depth;		/* of transactions */
	int root, dir;			/* LOWER and LOWER/.disgrafs */
	dev_t root_dev;
	ino_t root_ino;
	unsigned int state;
	bool writable, serving;
	bool walking;			/* finds every name in the end */
	char error[256];
};

static _Thread_local char open_error[256];

/* ---- SQLite ---- */

/*
 * SQLite would turn /proc/self/fd/N/index.db into the path behind it, which may
 * be too long, or hidden by the very mount that the index is for.
 */
static int full_pathname(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
	(void)vfs;
	return snprintf(out, size, "%s", path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static sqlite3_vfs proc_vfs;

static void register_vfs(void)
{
	sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");

	if (!unix_vfs)
		return;
	proc_vfs = *unix_vfs;
	proc_vfs.zName = "disgrafs";
	proc_vfs.pNext = NULL;
	proc_vfs.xFullPathname = full_pathname;
	sqlite3_vfs_register(&proc_vfs, 0);
}

static int db_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return -EIO;
	}
}

static int db_failed(struct tagindex *index)
{
	int ret = db_errno(sqlite3_extended_errcode(index->db));

	snprintf(index->error, sizeof(index->error), "%s", sqlite3_errmsg(index->db));
	return ret;
}

static int failed(struct tagindex *index, int err)
{
	snprintf(index->error, sizeof(index->error), "%s", strerror(err));
	return -err;
}

static sqlite3_stmt *statement(struct tagindex *index, enum statement which)
{
	sqlite3_stmt **stmt = &index->stmt[which];

	if (!*stmt)
		sqlite3_prepare_v3(index->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
				   NULL);
	return *stmt;
}

/*
 * Steps a statement with up to three integers bound, and a name in place of the
 * second if there is one. Returns 1 with a row (column 0 in @value if not NULL),
 * 0 without, or -errno.
 */
static int run(struct tagindex *index, enum statement which, int64_t a, const char *name, int64_t b,
	       int64_t c, int64_t *value)
{
	sqlite3_stmt *stmt = statement(index, which);
	int params, rc;

	if (!stmt)
		return db_failed(index);
	params = sqlite3_bind_parameter_count(stmt);
	if (params > 0)
		sqlite3_bind_int64(stmt, 1, a);
	if (params > 1 && name)
		sqlite3_bind_blob(stmt, 2, name, strlen(name), SQLITE_STATIC);
	else if (params > 1)
		sqlite3_bind_int64(stmt, 2, b);
	if (params > 2)
		sqlite3_bind_int64(stmt, 3, c);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && value)
		*value = sqlite3_column_int64(stmt, 0);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rc = db_failed(index);
		sqlite3_reset(stmt);
		return rc;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW;
}

static int run1(struct tagindex *index, enum statement which, int64_t a)
{
	return run(index, which, a, NULL, 0, 0, NULL);
}

/* Like run() with the bytes of a tag as its only parameter. */
static int run_tag(struct tagindex *index, enum statement which, const char *tag, int64_t *value)
{
	sqlite3_stmt *stmt = statement(index, which);
	int rc;

	if (!stmt)
		return db_failed(index);
	sqlite3_bind_blob(stmt, 1, tag, strlen(tag), SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && value)
		*value = sqlite3_column_int64(stmt, 0);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rc = db_failed(index);
		sqlite3_reset(stmt);
		return rc;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW;
}

static int meta_get(struct tagindex *index, const char *key, int64_t *value)
{
	sqlite3_stmt *stmt = statement(index, ST_META_GET);
	int rc;

	if (!stmt)
		return db_failed(index);
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	*value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_failed(index);
}

static int meta_set(struct tagindex *index, const char *key, int64_t value)
{
	sqlite3_stmt *stmt = statement(index, ST_META_SET);
	int rc;

	if (!stmt)
		return db_failed(index);
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, value);
	rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : db_failed(index);
}

/* A change of the tree that is not in the index: only a rebuild finds it again. */
static void mark_stale(struct tagindex *index)
{
	int fd;

	index->state |= INDEX_STALE;
	/* A file, because it may be the database that is damaged. */
	fd = openat(index->dir, STALE_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

int index_batch_begin(struct tagindex *index)
{
	int ret = 0;

	pthread_mutex_lock(&index->lock);
	if (!index->depth)
		ret = run1(index, ST_BEGIN, 0);
	if (ret < 0) {
		mark_stale(index);
		pthread_mutex_unlock(&index->lock);
		return ret;
	}
	index->depth++;
	return 0;
}

/* Ends what index_batch_begin() began. @ret: how it went; a failure undoes all of it. */
static int end(struct tagindex *index, int ret)
{
	if (--index->depth == 0) {
		if (ret >= 0)
			ret = run1(index, ST_COMMIT, 0);
		if (ret < 0 && !sqlite3_get_autocommit(index->db)) {
			char error[sizeof(index->error)];

			memcpy(error, index->error, sizeof(error));
			run1(index, ST_ROLLBACK, 0);
			memcpy(index->error, error, sizeof(error));
		}
	}
	if (ret < 0)
		mark_stale(index);
	pthread_mutex_unlock(&index->lock);
	return ret < 0 ? ret : 0;
}

int index_batch_end(struct tagindex *index)
{
	return end(index, 0);
}

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

/* 1 and the node's @id, 0, or -errno. */
static int find_node(struct tagindex *index, const struct stat *st, int64_t *id)
{
	return run(index, ST_NODE_FIND, fs_number(index, st), NULL, st->st_ino, 0, id);
}

static int add_node(struct tagindex *index, const struct stat *st, int64_t *id)
{
	return run(index, ST_NODE_ADD, fs_number(index, st), NULL, st->st_ino, 0, id);
}

/* The name that the directory @st has in @parent. 0 or -errno. */
static int name_in(int parent, const struct stat *st, char name[NAME_MAX + 1])
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
	for (pass = 0; pass < 2 && ret; pass++) {
		rewinddir(dir);
		while (ret && (d = readdir(dir))) {
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
			    (!pass && d->d_ino != st->st_ino) ||
			    (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN))
				continue;
			if (fstatat(parent, d->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
			    same_inode(&found, st)) {
				strcpy(name, d->d_name);
				ret = 0;
			}
		}
	}
	closedir(dir);
	return ret;
}

struct step {
	struct stat st;
	char name[NAME_MAX + 1];
};

/* Records the @count directories of a path, the last first, below the node *@id. */
static int add_dirs(struct tagindex *index, const struct step *steps, size_t count, int64_t *id)
{
	int64_t parent = *id, child = 0;
	int ret;

	while (count--) {
		ret = add_node(index, &steps[count].st, &child);
		if (ret >= 0)
			ret = run(index, ST_NAME_ADD, parent, steps[count].name, 0, child, NULL);
		if (ret >= 0)
			ret = run(index, ST_NAME_DROP_OTHERS, parent, steps[count].name, 0, child,
				  NULL);
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
	int fd, parent, ret;
	struct stat st, up;
	size_t count = 0;

	fd = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(index, errno);
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
		close(fd);
		fd = parent;
		grown = reallocarray(steps, count + 1, sizeof(*steps));
		if (!grown) {
			ret = failed(index, ENOMEM);
			break;
		}
		steps = grown;
		step = &steps[count++];
		step->st = st;
		/* The top of all: this directory is not below the root any more. */
		if (fstat(parent, &up) == 0 && same_inode(&up, &st))
			ret = -ENOENT;
		else
			ret = name_in(parent, &st, step->name);
		if (ret < 0) {
			failed(index, -ret);
			break;
		}
	}
	close(fd);
	free(steps);
	return ret;
}

/* ---- recording ---- */

static int drop_file(struct tagindex *index, int64_t id, bool is_dir)
{
	int ret = run1(index, ST_FILE_TAG_DROP, id);

	/* A directory stays while it leads to something. */
	if (ret >= 0 && is_dir) {
		ret = run1(index, ST_CHILD_ANY, id);
		if (ret > 0)
			return 0;
	}
	return ret < 0 || id == ROOT_NODE ? ret : run1(index, ST_NODE_DROP, id);
}

static int set_tags(struct tagindex *index, int64_t id, const struct tags *tags)
{
	int ret = run1(index, ST_FILE_TAG_DROP, id);
	int64_t tag = 0;
	size_t i;

	for (i = 0; i < tags->count && ret >= 0; i++) {
		ret = run_tag(index, ST_TAG_ADD, tags->tag[i], NULL);
		if (ret >= 0)
			ret = run_tag(index, ST_TAG_FIND, tags->tag[i], &tag);
		if (ret >= 0)
			ret = run(index, ST_FILE_TAG_ADD, tag, NULL, id, i, NULL);
	}
	return ret;
}

/* Whoever lost a name, and got no other, is gone. */
static int drop_nameless(struct tagindex *index, int64_t id)
{
	int64_t left = 0;
	int ret = run(index, ST_NAME_COUNT, id, NULL, 0, 0, &left);

	return ret < 0 || left || id == ROOT_NODE ? ret : run1(index, ST_NODE_DROP, id);
}

/* Those of @names that are names of the file @st. */
static int add_names(struct tagindex *index, const struct stat *st, int64_t id,
		     const struct index_name *names, size_t count)
{
	int64_t dir, old, recorded = 0;
	struct stat found;
	size_t i;
	int ret;

	for (i = 0; i < count; i++) {
		if (fstatat(names[i].dir, names[i].name, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !same_inode(&found, st))
			continue;
		old = id;
		ret = dir_node(index, names[i].dir, &dir);
		if (ret >= 0)
			ret = run(index, ST_NAME_FIND, dir, names[i].name, 0, 0, &old);
		if (ret >= 0)
			ret = run(index, ST_NAME_ADD, dir, names[i].name, 0, id, NULL);
		if (ret >= 0 && old != id)
			ret = drop_nameless(index, old);
		if (ret < 0)
			return ret;
	}
	ret = run(index, ST_NAME_COUNT, id, NULL, 0, 0, &recorded);
	if (ret >= 0 && (uint64_t)recorded < st->st_nlink && !index->walking)
		mark_stale(index);	/* hard links that nobody has looked at yet */
	return ret;
}

static int record_file(struct tagindex *index, int fd, const struct stat *st,
		       const struct tags *tags, const struct index_name *names, size_t count)
{
	int64_t id = ROOT_NODE;
	int ret;

	if (!tags->count || !st->st_nlink) {
		ret = find_node(index, st, &id);
		return ret <= 0 ? ret : drop_file(index, id, S_ISDIR(st->st_mode));
	}
	if (S_ISDIR(st->st_mode)) {
		ret = dir_node(index, fd, &id);
	} else {
		ret = add_node(index, st, &id);
		if (ret >= 0)
			ret = add_names(index, st, id, names, count);
	}
	return ret < 0 ? ret : set_tags(index, id, tags);
}

static int read_tags(struct tagindex *index, int fd, struct tags *tags)
{
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = tags_read(tags, path);
	return ret < 0 ? failed(index, -ret) : 0;
}

int index_sync_file(struct tagindex *index, int fd, const struct index_name *names, size_t count)
{
	struct tags tags;
	struct stat st;
	int64_t id;
	int ret;

	if (!index->writable)
		return -EROFS;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Most files have no tags and had none: no need to write. */
	pthread_mutex_lock(&index->lock);
	ret = read_tags(index, fd, &tags);
	if (ret == 0) {
		ret = tags.count ? 1 : find_node(index, &st, &id);
		tags_free(&tags);
	}
	pthread_mutex_unlock(&index->lock);
	if (ret == 0)
		return 0;

	ret = index_batch_begin(index);
	if (ret < 0)
		return ret;
	/* Again, now that nobody else can record something older. */
	ret = read_tags(index, fd, &tags);
	if (ret == 0) {
		ret = fstat(fd, &st) < 0 ? failed(index, errno) :
			record_file(index, fd, &st, &tags, names, count);
		tags_free(&tags);
	}
	return end(index, ret);
}

/* Puts into @old the node that had the name, or 0. */
static int record_name(struct tagindex *index, const struct index_name *name, int64_t *old)
{
	int64_t parent = 0, child = 0;
	struct stat st, dir_st;
	int ret;

	*old = 0;
	if (fstat(name->dir, &dir_st) < 0)
		return failed(index, errno);
	ret = find_node(index, &dir_st, &parent);
	if (ret < 0)
		return ret;
	if (parent) {
		ret = run(index, ST_NAME_FIND, parent, name->name, 0, 0, old);
		if (ret < 0)
			return ret;
	}
	if (fstatat(name->dir, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		ret = find_node(index, &st, &child);
		if (ret < 0)
			return ret;
	}
	if (child == *old)
		return 0;
	if (!child)
		return run(index, ST_NAME_DROP, parent, name->name, 0, 0, NULL);
	ret = dir_node(index, name->dir, &parent);
	if (ret >= 0)
		ret = add_node(index, &st, &child);
	if (ret >= 0)
		ret = run(index, ST_NAME_ADD, parent, name->name, 0, child, NULL);
	if (ret >= 0 && S_ISDIR(st.st_mode))
		ret = run(index, ST_NAME_DROP_OTHERS, parent, name->name, 0, child, NULL);
	return ret;
}

static bool concerns(struct tagindex *index, const struct index_name *name)
{
	struct stat st;
	int64_t id;

	if (fstat(name->dir, &st) == 0 &&
	    (is_root(index, &st) ?
	     run(index, ST_NAME_FIND, ROOT_NODE, name->name, 0, 0, NULL) :
	     find_node(index, &st, &id)) != 0)
		return true;
	return fstatat(name->dir, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       find_node(index, &st, &id) != 0;
}

/*
 * While the tree is walked, something may move from where the walk has not been
 * to where it was already.
 */
static int sync_moved(struct tagindex *index, const struct index_name *name)
{
	int fd = openat(name->dir, name->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		mark_stale(index);
	else
		ret = index_sync_file(index, fd, name, 1);
	close(fd);
	return ret;
}

int index_sync_names(struct tagindex *index, const struct index_name *names, size_t count)
{
	int64_t old[2] = { 0, 0 }, walked = 0;
	bool any = false;
	size_t i;
	int ret;

	if (!index->writable)
		return -EROFS;
	pthread_mutex_lock(&index->lock);
	meta_get(index, "stale", &walked);
	for (i = 0; i < count && !any; i++)
		any = concerns(index, &names[i]);
	pthread_mutex_unlock(&index->lock);
	for (i = 0; i < count && walked; i++) {
		ret = sync_moved(index, &names[i]);
		if (ret < 0)
			return ret;
	}
	if (!any)
		return 0;

	ret = index_batch_begin(index);
	if (ret < 0)
		return ret;
	for (i = 0; i < count && ret >= 0; i++)
		ret = record_name(index, &names[i], &old[i]);
	/* Only now: two files may have exchanged their names. */
	for (i = 0; i < count && ret >= 0; i++) {
		if (old[i])
			ret = drop_nameless(index, old[i]);
	}
	return end(index, ret);
}

int index_made(struct tagindex *index, int dir, const char *name)
{
	struct index_name at = { dir, name };
	struct stat st;
	int64_t id;
	int ret, fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	pthread_mutex_lock(&index->lock);
	ret = find_node(index, &st, &id);
	pthread_mutex_unlock(&index->lock);
	if (ret <= 0)
		return ret;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ret = index_sync_file(index, fd, &at, 1);
	close(fd);
	return ret;
}

/* ---- asking ---- */

uint64_t index_version(struct tagindex *index)
{
	int64_t version = 0;

	pthread_mutex_lock(&index->lock);
	run(index, ST_DATA_VERSION, 0, NULL, 0, 0, &version);
	version = version << 32 | (uint32_t)sqlite3_total_changes(index->db);
	pthread_mutex_unlock(&index->lock);
	return version;
}

/* A column as a string of its own; bytes behind a NUL, which we never store, do not count. */
static char *column_string(sqlite3_stmt *stmt, int column)
{
	const char *bytes = sqlite3_column_blob(stmt, column);

	return strndup(bytes ? bytes : "", sqlite3_column_bytes(stmt, column));
}

static int each_tag(struct tagindex *index, sqlite3_stmt *stmt, index_tag_fn fn, void *arg)
{
	int rc = SQLITE_DONE, ret = 0;
	char *tag;

	while (!ret && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		tag = column_string(stmt, 0);
		ret = tag ? fn(tag, sqlite3_column_int64(stmt, 1), arg) : failed(index, ENOMEM);
		free(tag);
	}
	if (!ret && rc != SQLITE_DONE)
		ret = db_failed(index);
	return ret;
}

int index_tags(struct tagindex *index, index_tag_fn fn, void *arg)
{
	sqlite3_stmt *stmt;
	int ret;

	pthread_mutex_lock(&index->lock);
	stmt = statement(index, ST_TAGS);
	ret = stmt ? each_tag(index, stmt, fn, arg) : db_failed(index);
	sqlite3_reset(stmt);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

struct tag_count {
	int64_t tag, files;
};

static int by_files(const void *a, const void *b)
{
	const struct tag_count *x = a, *y = b;

	return x->files < y->files ? -1 : x->files > y->files;
}

/*
 * Prepares @before, then the query for the nodes that have all of @tags, then
 * @after. The rarest tag comes first, so the work is in proportion to it. 1, or
 * 0 if nothing can have them, or -errno.
 */
static int prepare_intersection(struct tagindex *index, const char *before,
				const char *const *tags, size_t count, const char *after,
				sqlite3_stmt **stmt)
{
	struct tag_count *counts = calloc(count, sizeof(*counts));
	char *query = NULL;
	size_t i, size;
	int ret = 1;
	FILE *f;

	if (!counts)
		return failed(index, ENOMEM);
	for (i = 0; i < count && ret > 0; i++) {
		ret = run_tag(index, ST_TAG_FIND, tags[i], &counts[i].tag);
		if (ret > 0)
			ret = run(index, ST_TAG_COUNT, counts[i].tag, NULL, 0, 0, &counts[i].files);
	}
	if (ret <= 0)
		goto out;
	qsort(counts, count, sizeof(*counts), by_files);
	f = open_memstream(&query, &size);
	if (!f) {
		ret = failed(index, ENOMEM);
		goto out;
	}
	fprintf(f, "%sSELECT node FROM file_tag AS f WHERE tag = ?1", before);
	for (i = 1; i < count; i++)
		fprintf(f, " AND EXISTS(SELECT 1 FROM file_tag WHERE tag = ?%zu AND node = f.node)",
			i + 1);
	fprintf(f, "%s", after);
	if (fclose(f))
		ret = failed(index, ENOMEM);
	else if (sqlite3_prepare_v2(index->db, query, -1, stmt, NULL) != SQLITE_OK)
		ret = db_failed(index);
	for (i = 0; i < count && ret > 0; i++)
		sqlite3_bind_int64(*stmt, i + 1, counts[i].tag);
	free(query);
out:
	free(counts);
	return ret;
}

/* @name in the node @parent, as a path from the root. NULL: not below the root. */
static char *node_path(struct tagindex *index, int64_t parent, const char *name)
{
	sqlite3_stmt *stmt = statement(index, ST_NAME_OF);
	char *path = strdup(name), *longer;
	int depth;

	/* The bound is for an index that is damaged and has a circle. */
	for (depth = 0; path && stmt && parent != ROOT_NODE && depth < 1 << 20; depth++) {
		char *dir = NULL;

		sqlite3_bind_int64(stmt, 1, parent);
		if (sqlite3_step(stmt) == SQLITE_ROW) {
			parent = sqlite3_column_int64(stmt, 0);
			dir = column_string(stmt, 1);
		}
		sqlite3_reset(stmt);
		longer = NULL;
		if (dir && asprintf(&longer, "%s/%s", dir, path) < 0)
			longer = NULL;
		free(dir);
		free(path);
		path = longer;
	}
	return path;
}

int index_find(struct tagindex *index, const char *const *tags, size_t count, index_path_fn fn,
	       void *arg)
{
	sqlite3_stmt *stmt = NULL;
	char *name, *path;
	int ret, rc;

	pthread_mutex_lock(&index->lock);
	ret = prepare_intersection(index,
				   "SELECT ino, parent, name, id FROM node "
				   "LEFT JOIN name ON child = id WHERE id IN (",
				   tags, count, ") ORDER BY id, parent, name", &stmt);
	if (ret > 0) {
		ret = 0;
		while (!ret && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
			/* The root has no name. */
			if (sqlite3_column_int64(stmt, 3) == ROOT_NODE)
				name = strdup(".");
			else
				name = column_string(stmt, 2);
			path = name && *name ?
				node_path(index, sqlite3_column_int64(stmt, 1) ?: ROOT_NODE, name) :
				NULL;
			if (path)
				ret = fn(sqlite3_column_int64(stmt, 0), path, arg);
			free(path);
			free(name);
		}
		if (!ret && rc != SQLITE_DONE)
			ret = db_failed(index);
	}
	sqlite3_finalize(stmt);
	pthread_mutex_unlock(&index->lock);
	return ret;
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
	struct narrow narrow = { tags, count, fn, arg };
	sqlite3_stmt *stmt = NULL;
	int ret;

	pthread_mutex_lock(&index->lock);
	ret = prepare_intersection(index,
				   "SELECT name, count(*) FROM file_tag "
				   "JOIN tag ON tag = id WHERE node IN (",
				   tags, count, ") GROUP BY id ORDER BY name", &stmt);
	if (ret > 0)
		ret = each_tag(index, stmt, other_tag, &narrow);
	sqlite3_finalize(stmt);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

/* ---- opening ---- */

const char *index_error(struct tagindex *index)
{
	return index ? index->error : open_error;
}

unsigned int index_state(struct tagindex *index)
{
	return index->state;
}

/* The directory of the index. It is trusted, so it must be ours and nobody else's. */
static int open_dir(int root, unsigned int flags)
{
	struct stat st;
	int fd;

	if (flags & INDEX_CREATE && mkdirat(root, INDEX_DIR, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(root, INDEX_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_uid != geteuid() || st.st_mode & 022)) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

static int exec(struct tagindex *index, const char *statements)
{
	return sqlite3_exec(index->db, statements, NULL, NULL, NULL) == SQLITE_OK ?
		0 : db_failed(index);
}

static int close_db(struct tagindex *index)
{
	int i;

	for (i = 0; i < NR_STATEMENTS; i++) {
		sqlite3_finalize(index->stmt[i]);
		index->stmt[i] = NULL;
	}
	sqlite3_close(index->db);
	index->db = NULL;
	return 0;
}

static int create_schema(struct tagindex *index)
{
	char version[64];
	int ret = exec(index, "BEGIN IMMEDIATE");

	if (ret < 0)
		return ret;
	ret = exec(index, schema);
	if (ret == 0) {
		snprintf(version, sizeof(version), "PRAGMA user_version = %d", SCHEMA_VERSION);
		ret = exec(index, version);
	}
	if (ret < 0) {
		sqlite3_exec(index->db, "ROLLBACK", NULL, NULL, NULL);
		return ret;
	}
	index->state |= INDEX_NEW;
	return exec(index, "COMMIT");
}

static int read_state(struct tagindex *index)
{
	int64_t clean = 1, stale = 0;
	int ret;

	ret = meta_get(index, "clean", &clean);
	if (ret == 0)
		ret = meta_get(index, "stale", &stale);
	if (!clean)
		index->state |= INDEX_UNCLEAN;
	if (stale || faccessat(index->dir, STALE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		index->state |= INDEX_STALE;
	return ret;
}

/* The row that every path ends at. After a restore LOWER may be another inode. */
static int add_root(struct tagindex *index)
{
	struct stat st = { .st_dev = index->root_dev, .st_ino = index->root_ino };
	int64_t id = 0;
	int ret = find_node(index, &st, &id);
	char query[128];

	if (ret < 0 || id == ROOT_NODE)
		return ret < 0 ? ret : 0;
	snprintf(query, sizeof(query),
		 "DELETE FROM node WHERE fs = 0 AND ino = %lld;"
		 "INSERT OR REPLACE INTO node VALUES(%d, 0, %lld, 0)",
		 (long long)index->root_ino, ROOT_NODE, (long long)index->root_ino);
	if (!(index->state & INDEX_NEW))
		mark_stale(index);
	return exec(index, query);
}

static int open_db(struct tagindex *index, unsigned int flags)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char path[64];
	sqlite3_stmt *stmt = NULL;
	int version = -1, mode, ret;

	pthread_once(&once, register_vfs);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/" DB_NAME, index->dir);
	mode = flags & (INDEX_WRITE | INDEX_CREATE) ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	if (flags & INDEX_CREATE)
		mode |= SQLITE_OPEN_CREATE;
	mode |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	if (sqlite3_open_v2(path, &index->db, mode, "disgrafs") != SQLITE_OK)
		return db_failed(index);
	sqlite3_extended_result_codes(index->db, 1);
	sqlite3_busy_timeout(index->db, BUSY_TIMEOUT_MS);
	ret = exec(index, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
			  "PRAGMA synchronous = NORMAL");
	if (ret == 0 && flags & INDEX_CREATE)
		ret = exec(index, "PRAGMA journal_mode = WAL");
	if (ret < 0)
		return ret;
	if (sqlite3_prepare_v2(index->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	if (version < 0)
		ret = db_failed(index);
	sqlite3_finalize(stmt);
	if (version == 0 && flags & INDEX_CREATE)
		ret = create_schema(index);
	else if (version >= 0 && version != SCHEMA_VERSION) {
		snprintf(index->error, sizeof(index->error), "index of another version (%d)",
			 version);
		ret = -EUCLEAN;
	}
	if (ret == 0)
		ret = read_state(index);
	if (ret == 0 && index->writable)
		ret = add_root(index);
	return ret;
}

static void remove_db(struct tagindex *index)
{
	unlinkat(index->dir, DB_NAME, 0);
	unlinkat(index->dir, DB_NAME "-wal", 0);
	unlinkat(index->dir, DB_NAME "-shm", 0);
}

struct tagindex *index_open(int root, unsigned int flags)
{
	struct tagindex *index = calloc(1, sizeof(*index));
	pthread_mutexattr_t attr;
	struct stat st;
	int ret;

	if (!index)
		return NULL;
	index->writable = flags & (INDEX_WRITE | INDEX_CREATE);
	index->dir = -1;
	index->root = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (index->root >= 0 && fstat(index->root, &st) == 0)
		index->dir = open_dir(index->root, flags);
	if (index->dir < 0) {
		ret = -errno;
		snprintf(open_error, sizeof(open_error), "%s",
			 errno == EPERM ? INDEX_DIR " belongs to another user" : strerror(errno));
		goto err;
	}
	index->root_dev = st.st_dev;
	index->root_ino = st.st_ino;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&index->lock, &attr);
	pthread_mutexattr_destroy(&attr);

	ret = open_db(index, flags);
	if (ret == -EUCLEAN && flags & INDEX_CREATE) {
		/* Nothing is lost: it says what the files say. */
		close_db(index);
		remove_db(index);
		ret = open_db(index, flags);
	}
	if (ret < 0) {
		snprintf(open_error, sizeof(open_error), "%s", index->error);
		goto err;
	}
	return index;
err:
	index_close(index);
	errno = -ret;
	return NULL;
}

void index_close(struct tagindex *index)
{
	if (!index)
		return;
	if (index->serving)
		meta_set(index, "clean", 1);
	close_db(index);
	if (index->dir >= 0)
		close(index->dir);
	if (index->root >= 0)
		close(index->root);
	free(index);
}

int index_serve(struct tagindex *index)
{
	int ret = meta_set(index, "clean", 0);

	index->serving = ret == 0;
	return ret;
}

int index_generation_begin(struct tagindex *index, int64_t *generation)
{
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	ret = meta_get(index, "generation", generation);
	if (ret == 0)
		ret = meta_set(index, "generation", ++*generation);
	if (ret == 0)
		ret = meta_set(index, "stale", 1);
	if (ret == 0) {
		/* From here on a new one is about a change that the walk may miss. */
		unlinkat(index->dir, STALE_NAME, 0);
		index->state &= ~INDEX_STALE;
		index->walking = true;
	}
	return end(index, ret);
}

int index_generation_end(struct tagindex *index, int64_t generation)
{
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	ret = run1(index, ST_SWEEP_NAMES, generation);
	if (ret >= 0)
		ret = run1(index, ST_SWEEP_NODES, generation);
	if (ret >= 0)
		ret = run1(index, ST_SWEEP_TAGS, 0);
	if (ret >= 0)
		ret = meta_set(index, "stale", 0);
	index->walking = false;
	return end(index, ret);
}
