// SPDX-License-Identifier: GPL-2.0
/*
 * The index: its statements, transactions and state. What is particular to a database
 * is in sqliteindex.c and pgindex.c.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "find.h"
#include "postgresql.h"
#include "traits.h"

#define STALE_NAME "stale"
#define TREE_NAME "tree"
#define URL_NAME "database"

#define GENERATION "(SELECT value FROM meta WHERE key = 'generation')"

static const char *const sql[NR_STATEMENTS] = {
	[ST_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[ST_META_SET] = "INSERT INTO meta VALUES(?1, ?2) "
			"ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	[ST_NODE_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2",
	/* Does not say which: SQLite makes a table for RETURNING each time. */
	[ST_NODE_ADD] = "INSERT INTO node(fs, ino, type, seen) VALUES(?1, ?2, ?3, " GENERATION ") "
			"ON CONFLICT(fs, ino) DO UPDATE SET seen = excluded.seen, "
			"type = excluded.type",
	[ST_NODE_DROP] = "DELETE FROM node WHERE id = ?1",
	[ST_DIR_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2 AND EXISTS("
			"SELECT 1 FROM name WHERE child = node.id AND seen = " GENERATION ")",
	[ST_NAME_ADD] = "INSERT INTO name VALUES(?1, ?2, ?3, " GENERATION ", stem(?2)) "
			"ON CONFLICT(parent, name) DO UPDATE SET child = excluded.child, "
			"seen = excluded.seen",
	[ST_NAME_FIND] = "SELECT child FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_SEEN] = "SELECT child FROM name JOIN node ON node.id = child WHERE parent = ?1 "
			 "AND name = ?2 AND name.seen >= ?3 AND node.seen >= ?3",
	[ST_NAME_DROP] = "DELETE FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_DROP_OTHERS] = "DELETE FROM name WHERE child = ?3 "
				"AND NOT (parent = ?1 AND name = ?2)",
	[ST_NAME_COUNT] = "SELECT count(*) FROM name WHERE child = ?1",
	/* See enum nameless. */
	[ST_NAMELESS] = "SELECT CASE WHEN EXISTS(SELECT 1 FROM name WHERE child = ?1) THEN 0 "
			"WHEN EXISTS(SELECT 1 FROM name WHERE parent = ?1) THEN 2 ELSE 1 END",
	[ST_NAME_OF] = "SELECT parent, name FROM name WHERE child = ?1 LIMIT 1",
	[ST_TAG_ADD] = "INSERT INTO tag(name) VALUES(?1) ON CONFLICT DO NOTHING",
	[ST_TAG_KEEP] = "INSERT INTO tag(name, kept) VALUES(?1, 1) ON CONFLICT(name) "
			"DO UPDATE SET kept = 1 WHERE tag.files = 0 AND tag.kept = 0 RETURNING id",
	[ST_TAG_DROP] = "DELETE FROM tag WHERE name = ?1 AND files = 0 RETURNING id",
	[ST_TAG_FIND] = "SELECT id FROM tag WHERE name = ?1",
	[ST_TAG_SHOWN] = "SELECT id FROM tag WHERE name = ?1 AND (files > 0 OR kept <> 0)",
	[ST_TAG_COUNT] = "SELECT files FROM tag WHERE id = ?1",
	[ST_TAGS] = "SELECT name, files FROM tag WHERE (files > 0 OR kept <> 0) "
		    "AND name >= ?1 ORDER BY name",
	[ST_TAGS_BETWEEN] = "SELECT name, files FROM tag WHERE (files > 0 OR kept <> 0) "
			    "AND name >= ?1 AND name < ?2 ORDER BY name",
	[ST_FILE_TAG_ADD] = "INSERT INTO file_tag VALUES(?1, ?2, ?3)",
	[ST_FILE_TAG_ANY] = "SELECT 1 FROM file_tag WHERE node = ?1 LIMIT 1",
	[ST_FILE_TAG_DROP] = "DELETE FROM file_tag WHERE node = ?1",
	[ST_LINK_ADD] = "INSERT INTO link VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_LINK_ANY] = "SELECT 1 FROM link WHERE source = ?1 LIMIT 1",
	[ST_LINK_DROP] = "DELETE FROM link WHERE source = ?1",
	[ST_LINK_NEXT] = "SELECT source, relation, position, reference, path FROM link "
			 "WHERE (source, relation, position) > (?1, ?2, ?3) "
			 "ORDER BY source, relation, position LIMIT 1",
	[ST_LINK_TARGET] = "UPDATE link SET target = nullif(CAST(?4 AS BIGINT), 0) "
			   "WHERE source = ?1 AND relation = ?2 AND position = ?3",
	[ST_LINKS_FROM] = "SELECT relation, target, path, reference FROM link WHERE source = ?1 "
			  "ORDER BY relation, position",
	[ST_LINKS_TO] = "SELECT relation, source FROM link WHERE target = ?1 UNION "
			"SELECT relation, source FROM link WHERE target IS NULL AND path = ?2 "
			"ORDER BY relation, source",
	[ST_LINKS_LOST] = "SELECT DISTINCT path FROM link WHERE relation = ?1 AND target IS NULL",
	[ST_CHILDREN] = "SELECT name, type FROM name JOIN node ON id = child WHERE parent = ?1 "
			"ORDER BY name",
	[ST_NODE_TYPE] = "SELECT type FROM node WHERE id = ?1",
	[ST_NODE_INO] = "SELECT ino FROM node WHERE id = ?1",
	/* About how many files there are, without counting them. */
	[ST_LAST_NODE] = "SELECT max(id) FROM node",
	[ST_TAG_NODES] = "SELECT node FROM file_tag WHERE tag = ?1",
	[ST_NODE_TAGS] = "SELECT name, files FROM file_tag JOIN tag ON id = tag WHERE node = ?1 "
			 "ORDER BY position",
	[ST_NODE_TAGS_BY_FILES] = "SELECT id, files FROM file_tag JOIN tag ON id = tag "
				  "WHERE node = ?1 ORDER BY files",
	[ST_FILE_HAS_TAG] = "SELECT 1 FROM file_tag WHERE tag = ?1 AND node = ?2",
	[ST_NAMES_OF] = "SELECT parent, stem FROM name WHERE child = ?1",
	[ST_STEM_NODES] = "SELECT child FROM name WHERE stem = ?1",
	[ST_DIR_NODES] = "SELECT child FROM name WHERE parent = ?1",
	[ST_LINKED_NODES] = "SELECT target FROM link WHERE source = ?1 AND target IS NOT NULL "
			    "UNION SELECT source FROM link WHERE target = ?1 "
			    "UNION SELECT source FROM link WHERE target IS NULL AND path = ?2",
	/* Empty files have nothing in common. */
	[ST_SAME_CONTENTS] = "SELECT node FROM fact WHERE key = 'sha256' AND value IN "
			     "(SELECT value FROM fact JOIN looked USING(node) "
			     "WHERE node = ?1 AND key = 'sha256' AND size > 0)",
	[ST_LOOK_AGAIN] = "UPDATE looked SET mtime = NULL "
			  "WHERE node = ?1 AND (mtime <> ?2 OR size <> ?3)",
	[ST_LOOK_AT] = "INSERT INTO looked(node) VALUES(?1) ON CONFLICT(node) "
		       "DO UPDATE SET mtime = NULL WHERE looked.mtime <> ?2 OR looked.size <> ?3",
	[ST_LOOK_AT_NEW] = "INSERT INTO looked(node) SELECT id FROM node AS n "
			   "WHERE id > ?1 AND id <= ?2 AND type = 8 "
			   "AND NOT EXISTS(SELECT 1 FROM looked WHERE node = n.id)",
	[ST_LOOK_NEXT] = "SELECT node FROM looked WHERE mtime IS NULL AND node > ?1 "
			 "ORDER BY node LIMIT 1",
	[ST_LOOKED] = "UPDATE looked SET mtime = ?2, size = ?3 WHERE node = ?1 RETURNING node",
	[ST_LOOKED_ANY] = "SELECT node FROM looked LIMIT 1",
	[ST_FACTS] = "SELECT key, value FROM fact WHERE node = ?1 ORDER BY key, value",
	[ST_FACT_ADD] = "INSERT INTO fact VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
	[ST_FACT_DROP] = "DELETE FROM fact WHERE node = ?1",
	[ST_FORGET_LOOKED] = "DELETE FROM looked",
	[ST_FORGET_FACTS] = "DELETE FROM fact",
	[ST_TRAIT_ADD] = "INSERT INTO trait(key, value, number) VALUES(?1, ?2, ?3) "
			 "ON CONFLICT(key, value) DO UPDATE SET number = excluded.number "
			 "RETURNING id",
	[ST_TRAIT_FILES] = "SELECT files FROM trait WHERE key = ?1 AND value = ?2",
	[ST_TRAIT_NODES] = "SELECT node, weight FROM file_trait WHERE trait = ?1",
	[ST_FILE_TRAIT_ADD] = "INSERT INTO file_trait VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
	[ST_FILE_TRAIT_DROP] = "DELETE FROM file_trait WHERE node = ?1 AND NOT EXISTS("
			       "SELECT 1 FROM trait WHERE id = file_trait.trait AND key = 'auto')",
	[ST_FILE_AUTO_DROP] = "DELETE FROM file_trait WHERE node = ?1 AND EXISTS("
			      "SELECT 1 FROM trait WHERE id = file_trait.trait AND key = 'auto')",
	[ST_NODE_TRAITS] = "SELECT id, key, files, weight FROM file_trait AS f "
			   "JOIN trait ON id = f.trait "
			   "WHERE node = ?1 AND files > 1 AND key <> 'auto' ORDER BY files",
	[ST_NODE_AUTO] = "SELECT value FROM file_trait AS f JOIN trait ON id = f.trait "
			 "WHERE node = ?1 AND key = 'auto'",
	[ST_KEYWORD] = "SELECT weight, files FROM trait JOIN file_trait AS f ON f.trait = id "
		       "WHERE key = 'keyword' AND value = ?1 AND node = ?2",
	[ST_FORGET_TRAITS] = "DELETE FROM file_trait WHERE NOT EXISTS("
			     "SELECT 1 FROM trait WHERE id = file_trait.trait AND key = 'auto')",
	[ST_SWEEP_TRAITS] = "DELETE FROM trait WHERE files = 0",
	[ST_SWEEP_NAMES] = "DELETE FROM name WHERE seen < ?1",
	[ST_SWEEP_NODES] = "DELETE FROM node WHERE seen < ?1 AND id <> 1",
	[ST_SWEEP_TAGS] = "DELETE FROM tag WHERE files = 0 AND kept = 0",
};

static _Thread_local char open_error[INDEX_ERROR_MAX];

/* ---- statements ---- */

int db_failed(struct tagindex *index)
{
	snprintf(index->error, sizeof(index->error), "%s", index->db->error);
	return index->db->err;
}

void index_say(struct tagindex *index, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(index->error, sizeof(index->error), format, args);
	va_end(args);
}

int failed(struct tagindex *index, int err)
{
	snprintf(index->error, sizeof(index->error), "%s", strerror(err));
	return -err;
}

struct db_stmt *statement(struct tagindex *index, enum statement which)
{
	struct db_stmt **stmt = &index->stmt[which];

	if (!*stmt)
		*stmt = db_prepare(index->db, index->dialect->sql[which] ?: sql[which], true);
	return *stmt;
}

/* Steps a statement that is bound, once. */
static int run_bound(struct tagindex *index, struct db_stmt *stmt, int64_t *value)
{
	int ret = db_step(stmt);

	if (ret > 0 && value)
		*value = db_int(stmt, 0);
	if (ret < 0)
		ret = db_failed(index);
	db_reset(stmt);
	return ret;
}

int run(struct tagindex *index, enum statement which, int64_t a, const char *name, int64_t b,
	int64_t c, int64_t *value)
{
	struct db_stmt *stmt = statement(index, which);
	int params;

	if (!stmt)
		return db_failed(index);
	params = db_params(stmt);
	if (params > 0)
		db_bind_int(stmt, 1, a);
	if (params > 1 && name)
		db_bind_string(stmt, 2, name);
	else if (params > 1)
		db_bind_int(stmt, 2, b);
	if (params > 2)
		db_bind_int(stmt, 3, c);
	return run_bound(index, stmt, value);
}

int run1(struct tagindex *index, enum statement which, int64_t a)
{
	return run(index, which, a, NULL, 0, 0, NULL);
}

int run_tag(struct tagindex *index, enum statement which, const char *tag, int64_t *value)
{
	struct db_stmt *stmt = statement(index, which);

	if (!stmt)
		return db_failed(index);
	db_bind_string(stmt, 1, tag);
	return run_bound(index, stmt, value);
}

int meta_get(struct tagindex *index, const char *key, int64_t *value)
{
	struct db_stmt *stmt = statement(index, ST_META_GET);
	int ret;

	*value = 0;
	if (!stmt)
		return db_failed(index);
	db_bind_text(stmt, 1, key, strlen(key));
	ret = run_bound(index, stmt, value);
	return ret < 0 ? ret : 0;
}

int meta_set(struct tagindex *index, const char *key, int64_t value)
{
	struct db_stmt *stmt = statement(index, ST_META_SET);
	int ret;

	if (!stmt)
		return db_failed(index);
	db_bind_text(stmt, 1, key, strlen(key));
	db_bind_int(stmt, 2, value);
	ret = run_bound(index, stmt, NULL);
	return ret < 0 ? ret : 0;
}

void mark_stale(struct tagindex *index)
{
	int fd;

	index->state |= INDEX_STALE;
	/* A file, because it may be the database that is damaged. */
	fd = openat(index->dir, STALE_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

void index_mark_stale(struct tagindex *index)
{
	pthread_mutex_lock(&index->lock);
	mark_stale(index);
	pthread_mutex_unlock(&index->lock);
}

int db_start(struct tagindex *index)
{
	return db_begin(index->db) < 0 ? db_failed(index) : 0;
}

int index_batch_begin(struct tagindex *index)
{
	int ret = 0;

	pthread_mutex_lock(&index->lock);
	if (!index->depth)
		ret = follow(index);
	if (!index->depth && ret >= 0)
		ret = db_start(index);
	if (ret < 0) {
		mark_stale(index);
		pthread_mutex_unlock(&index->lock);
		return ret;
	}
	index->depth++;
	return 0;
}

int db_end(struct tagindex *index, int ret)
{
	if (ret >= 0 && db_commit(index->db) < 0)
		ret = db_failed(index);
	if (ret < 0)
		db_rollback(index->db);
	return ret < 0 ? ret : 0;
}

int end(struct tagindex *index, int ret)
{
	if (--index->depth == 0) {
		/* Only now: names are told one by one, and what has none may get another. */
		if (ret >= 0)
			ret = drop_nameless(index);
		index->nameless.count = 0;
		ret = db_end(index, ret);
		changes_end(index, ret >= 0);
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

/* ---- opening ---- */

const char *index_error(struct tagindex *index)
{
	return index ? index->error : open_error;
}

unsigned int index_state(struct tagindex *index)
{
	return index->state;
}

int index_open_dir(int root, unsigned int flags)
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

static void close_db(struct tagindex *index)
{
	int i;

	for (i = 0; i < NR_STATEMENTS; i++) {
		db_finalize(index->stmt[i]);
		index->stmt[i] = NULL;
	}
	db_close(index->db);
	index->db = NULL;
}

unsigned int ask_begin(struct tagindex *index)
{
	pthread_mutex_lock(&index->lock);
	return index->db->failures;
}

int ask_end(struct tagindex *index, unsigned int begun, int ret)
{
	if (ret >= 0 && index->db->failures != begun)
		ret = db_failed(index);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

int db_ask(struct tagindex *index, const char *query, int64_t *value)
{
	struct db_stmt *stmt = db_prepare(index->db, query, false);
	int ret = stmt ? db_step(stmt) : -1;

	*value = ret > 0 ? db_int(stmt, 0) : 0;
	if (ret < 0)
		ret = db_failed(index);
	db_finalize(stmt);
	return ret < 0 ? ret : 0;
}

static bool file_says_stale(const struct tagindex *index)
{
	return faccessat(index->dir, STALE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int read_state(struct tagindex *index)
{
	int64_t unclean, stale;
	int ret;

	ret = db_ask(index, "SELECT 1 FROM meta WHERE key = 'clean' AND value = 0", &unclean);
	if (ret == 0)
		ret = db_ask(index, "SELECT 1 FROM meta WHERE key = 'stale' AND value <> 0", &stale);
	if (ret < 0)
		return ret;
	if (unclean)
		index->state |= INDEX_UNCLEAN;
	if (stale || file_says_stale(index))
		index->state |= INDEX_STALE;
	return 0;
}

/* The row that every path ends at. After a restore LOWER may be another inode. */
static int add_root(struct tagindex *index)
{
	char query[256];
	int64_t id;
	int ret;

	snprintf(query, sizeof(query), "SELECT id FROM node WHERE fs = 0 AND ino = %lld",
		 (long long)index->root_ino);
	ret = db_ask(index, query, &id);
	if (ret < 0 || id == ROOT_NODE)
		return ret;
	snprintf(query, sizeof(query),
		 "DELETE FROM node WHERE fs = 0 AND ino = %lld;"
		 "INSERT INTO node VALUES(%d, 0, %lld, 4, 0) "
		 "ON CONFLICT(id) DO UPDATE SET fs = 0, ino = excluded.ino",
		 (long long)index->root_ino, ROOT_NODE, (long long)index->root_ino);
	if (!(index->state & INDEX_NEW))
		mark_stale(index);
	return db_exec(index->db, query) < 0 ? db_failed(index) : 0;
}

/* No statement that is kept: one of them may be what is being asked. */
int index_ready(struct tagindex *index)
{
	int ret = read_state(index);

	return ret == 0 && index->writable ? add_root(index) : ret;
}

bool index_is_marked(struct tagindex *index)
{
	return file_says_stale(index);
}

int index_reach(struct tagindex *index)
{
	int ret;

	if (!index->shared)
		return 0;
	pthread_mutex_lock(&index->lock);
	ret = postgresql_reach(index->db) < 0 ? db_failed(index) : 0;
	pthread_mutex_unlock(&index->lock);
	return ret;
}

const char *index_tree(struct tagindex *index)
{
	return index->shared ? index->tree : NULL;
}

bool index_needs_rebuild(struct tagindex *index)
{
	int64_t stale = 0;

	if (file_says_stale(index))
		return true;
	pthread_mutex_lock(&index->lock);
	meta_get(index, "stale", &stale);
	pthread_mutex_unlock(&index->lock);
	return stale;
}

/* ---- which database ---- */

/* The only line of a file in the directory of the index. 0 or -errno. */
static int read_line(int dir, const char *name, char *line, size_t size)
{
	/* Opening a FIFO does not wait either. */
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, line, size - 1) : -1;
	close(fd);
	if (len < 0)
		return -EIO;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

/* Puts it there, whole; @replace: also if there is one. */
static int write_line(int dir, const char *name, const char *line, bool replace)
{
	char temp[64];
	int fd, ret;

	snprintf(temp, sizeof(temp), "%s.%d", name, getpid());
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = dprintf(fd, "%s\n", line) < 0 || fsync(fd) < 0 ? -errno : 0;
	close(fd);
	if (ret == 0 && replace)
		ret = renameat(dir, temp, dir, name) < 0 ? -errno : 0;
	else if (ret == 0)
		ret = linkat(dir, temp, dir, name, 0) < 0 ? -errno : 0;
	unlinkat(dir, temp, 0);
	return ret;
}

/* What the tree is called where several share a database. */
static int read_tree_id(struct tagindex *index, unsigned int flags)
{
	unsigned char random[sizeof(index->tree) / 2];
	char id[sizeof(index->tree)];
	size_t i;
	int ret;

	ret = read_line(index->dir, TREE_NAME, index->tree, sizeof(index->tree));
	if (ret == -ENOENT && flags & INDEX_CREATE) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return failed(index, EIO);
		for (i = 0; i < sizeof(id) / 2; i++)
			sprintf(id + 2 * i, "%02x", random[i]);
		/* Another node may have been faster. */
		ret = write_line(index->dir, TREE_NAME, id, false);
		if (ret == 0 || ret == -EEXIST)
			ret = read_line(index->dir, TREE_NAME, index->tree, sizeof(index->tree));
	}
	if (ret == 0 && (!*index->tree || index->tree[strspn(index->tree, "0123456789abcdef")]))
		ret = -EINVAL;
	if (ret < 0)
		snprintf(index->error, sizeof(index->error), INDEX_DIR "/" TREE_NAME ": %s",
			 strerror(-ret));
	return ret;
}

int index_database(int root, char *url, size_t size)
{
	int dir = index_open_dir(root, INDEX_READ), ret = -errno;

	if (dir >= 0) {
		ret = read_line(dir, URL_NAME, url, size);
		close(dir);
	}
	return ret == -ENOENT ? 0 : ret < 0 ? ret : 1;
}

int index_set_database(int root, const char *url)
{
	int dir = index_open_dir(root, INDEX_CREATE), ret = 0;
	char now[INDEX_URL_MAX] = "";

	if (dir < 0)
		return -errno;
	read_line(dir, URL_NAME, now, sizeof(now));
	if (!strcmp(now, url))
		goto out;
	/* What the other one has is of today. */
	if (!*now || !*url)
		ret = write_line(dir, STALE_NAME, "", true);
	if (ret == 0 && *url)
		ret = write_line(dir, URL_NAME, url, true);
	else if (ret == 0)
		ret = unlinkat(dir, URL_NAME, 0) < 0 ? -errno : 0;
out:
	close(dir);
	return ret;
}

static int open_db(struct tagindex *index, unsigned int flags)
{
	char url[INDEX_URL_MAX];
	int ret = read_line(index->dir, URL_NAME, url, sizeof(url));

	if (ret == 0 && *url) {
		ret = read_tree_id(index, flags);
		return ret == 0 ? pg_index_open(index, url, flags) : ret;
	}
	ret = sqlite_index_open(index, flags);
	return ret == 0 ? index_ready(index) : ret;
}

/* What can be done about the failure @err. */
static int with_hint(struct tagindex *index, int err)
{
	char error[INDEX_ERROR_MAX];

	snprintf(error, sizeof(error), "%s", index->error);
	if (!index->shared && !sqlite_index_exists(index)) {
		err = -ENOENT;
		index_say(index, "there is no index; 'disgrafs reindex' makes one");
	} else if (err == -EUCLEAN) {
		index_say(index, "%.*s; 'disgrafs reindex' makes a new one",
			  INDEX_ERROR_MAX - 64, error);
	}
	return err;
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
		index->dir = index_open_dir(index->root, flags);
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
	if (ret == -EUCLEAN && flags & INDEX_CREATE && !index->shared) {
		/* Nothing is lost: it says what the files say. A server may have it open. */
		close_db(index);
		ret = open_db(index, flags | INDEX_RESET);
	}
	if (ret == -EUCLEAN && flags & INDEX_CREATE && !index->shared) {
		close_db(index);
		sqlite_index_remove(index);
		ret = open_db(index, flags);
	}
	if (ret < 0) {
		ret = flags & INDEX_CREATE ? ret : with_hint(index, ret);
		index_close_failed(index);
		errno = -ret;
		return NULL;
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
	free(index->nameless.id);
	if (index->dir >= 0)
		close(index->dir);
	if (index->root >= 0)
		close(index->root);
	free(index);
}

void index_close_failed(struct tagindex *index)
{
	snprintf(open_error, sizeof(open_error), "%s", index->error);
	index_close(index);
}

/* ---- another file in its place ---- */

/* @index is at depth 0, so that nobody uses what is closed. */
static void adopt(struct tagindex *index, struct tagindex *now)
{
	close_db(index);
	close(index->dir);
	index->db = now->db;
	memcpy(index->stmt, now->stmt, sizeof(index->stmt));
	index->dir = now->dir;
	index->db_dev = now->db_dev;
	index->db_ino = now->db_ino;
	index->log_ino = now->log_ino;
	index->state = now->state;
	now->db = NULL;
	memset(now->stmt, 0, sizeof(now->stmt));
	now->dir = -1;
	sqlite_index_adopt(index);
	index->followed++;
	index->was_followed = true;
}

int follow(struct tagindex *index)
{
	unsigned int flags = index->serving ? INDEX_WRITE | INDEX_CREATE :
			     index->writable ? INDEX_WRITE : INDEX_READ;
	struct tagindex *now;
	int ret = 0;

	if (index->shared || index->depth || !sqlite_index_is_lost(index))
		return 0;
	/* One that begins in the middle would lack the rest. */
	now = index->walking ? NULL : index_open(index->root, flags);
	if (!now) {
		index_say(index, "the index was removed or replaced%s%s",
			  index->walking ? "" : ": ", index->walking ? "" : open_error);
		return index->walking ? -ESTALE : -errno;
	}
	if (now->shared) {
		index_say(index, "the index was replaced by one in PostgreSQL");
		ret = -ESTALE;
	} else {
		adopt(index, now);
	}
	index_close(now);
	if (ret == 0 && index->serving)
		ret = sqlite_index_set_unclean(index);
	if (ret == 0 && index->serving)
		mark_stale(index);
	return ret < 0 ? ret : 1;
}

bool index_is_lost(struct tagindex *index)
{
	bool lost;

	pthread_mutex_lock(&index->lock);
	lost = !index->shared && sqlite_index_is_lost(index);
	pthread_mutex_unlock(&index->lock);
	return lost;
}

int index_follow(struct tagindex *index)
{
	int ret;

	pthread_mutex_lock(&index->lock);
	/* Others do not see what is in the log, and what is left is no index without it. */
	if (index->serving && sqlite_index_log_is_lost(index))
		sqlite_index_remove(index);
	ret = follow(index);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

bool index_was_followed(struct tagindex *index)
{
	bool followed;

	pthread_mutex_lock(&index->lock);
	followed = index->was_followed;
	index->was_followed = false;
	pthread_mutex_unlock(&index->lock);
	return followed;
}

int index_verify(struct tagindex *index)
{
	return index->shared ? 0 : sqlite_index_verify(index);
}

int index_serve(struct tagindex *index)
{
	int ret = 0;

	/* One of several: see nodes.c of disgrafsd. */
	if (index->shared)
		return 0;
	ret = sqlite_index_set_unclean(index);
	index->serving = ret == 0;
	return ret;
}

/* By the clock that gives the files of the tree their times. In ns, or 0. */
static int64_t tree_time(const struct tagindex *index)
{
	struct stat st;

	if (utimensat(index->root, INDEX_DIR, NULL, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(index->root, INDEX_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return mtime_ns(&st);
}

/*
 * What the walk of the first generation since @walk_generation has recorded, which began at
 * @walk_began, is true but for what changed since then: that has a later ctime.
 */
static int walk_begin(struct tagindex *index, bool resume, int64_t generation)
{
	int64_t now = tree_time(index);
	int ret = 0;

	index->passed = 0;
	index->walk_began = 0;
	if (resume)
		ret = meta_get(index, "walk_began", &index->walk_began);
	if (ret == 0 && index->walk_began)
		ret = meta_get(index, "walk_generation", &index->walk_generation);
	/* Times that were set back say nothing. */
	if (ret < 0 || (index->walk_began && index->walk_began <= now))
		return ret;
	index->walk_began = 0;
	ret = meta_set(index, "walk_began", now);
	return ret < 0 ? ret : meta_set(index, "walk_generation", generation);
}

uint64_t index_passed(const struct tagindex *index)
{
	return index->passed;
}

int index_generation_begin(struct tagindex *index, bool resume, int64_t *generation)
{
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	ret = meta_get(index, "generation", generation);
	if (ret == 0)
		ret = meta_set(index, "generation", ++*generation);
	if (ret == 0)
		ret = walk_begin(index, resume, *generation);
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

int index_generation_give_up(struct tagindex *index)
{
	int ret = index_batch_begin(index);

	if (ret < 0)
		return ret;
	index->walking = false;
	return end(index, meta_set(index, "walk_began", 0));
}

int index_generation_end(struct tagindex *index, int64_t generation)
{
	int ret = index_batch_begin(index);
	int64_t now;

	if (ret < 0)
		return ret;
	ret = run1(index, ST_SWEEP_NAMES, generation);
	if (ret >= 0)
		ret = run1(index, ST_SWEEP_NODES, generation);
	if (ret >= 0)
		ret = run1(index, ST_SWEEP_TAGS, 0);
	if (ret >= 0)
		ret = traits_sweep(index);
	/* If another has begun meanwhile, what it passes by is still in motion. */
	if (ret >= 0)
		ret = meta_get(index, "generation", &now);
	if (ret >= 0 && now == generation)
		ret = meta_set(index, "stale", 0);
	if (ret >= 0 && now == generation)
		ret = meta_set(index, "walk_began", 0);
	index->walking = false;
	ret = end(index, ret);
	return ret < 0 ? ret : index_resolve_links(index);
}
