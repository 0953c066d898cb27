// SPDX-License-Identifier: GPL-2.0
/*
 * The index in SQLite. Readers never wait for a writer (WAL); a power cut may
 * cost the last changes, which an unclean index is rebuilt for anyway.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "find.h"
#include "traits.h"

#define DB_NAME "index.db"
#define STALE_NAME "stale"
#define SCHEMA_VERSION 5

/* A writer that holds the lock longer makes the index stale, not the file system slow. */
#define BUSY_TIMEOUT_MS 2000

/*
 * Enough for the tags of 100,000 files. No mmap: a file that is cut short under us
 * must be an error and not a SIGBUS.
 */
#define CACHE_KIB "32768"

/*
 * name: the tree; stem: the name without its last extension. seen: the generation
 * in which a row was last found to be true. tag.files is kept by the triggers, so
 * that asking for all tags does not count all files. fulltext keeps no text, only which
 * words are where; its rowid is a node. looked: see facts.c. trait: see traits.h; number:
 * what its value is as a number; files: as in tag.
 */
static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE node(id INTEGER PRIMARY KEY, fs INTEGER NOT NULL, ino INTEGER NOT NULL,"
	"	type INTEGER NOT NULL, seen INTEGER NOT NULL, UNIQUE(fs, ino));"
	"CREATE TABLE name(parent INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	name BLOB NOT NULL, child INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	seen INTEGER NOT NULL, stem BLOB NOT NULL, PRIMARY KEY(parent, name)) WITHOUT ROWID;"
	"CREATE INDEX name_child ON name(child);"
	"CREATE INDEX name_stem ON name(stem);"
	"CREATE TABLE tag(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE,"
	"	files INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE file_tag(tag INTEGER NOT NULL REFERENCES tag ON DELETE CASCADE,"
	"	node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	position INTEGER NOT NULL, PRIMARY KEY(tag, node)) WITHOUT ROWID;"
	"CREATE INDEX file_tag_node ON file_tag(node, tag);"
	"CREATE TRIGGER file_tag_added AFTER INSERT ON file_tag BEGIN"
	"	UPDATE tag SET files = files + 1 WHERE id = new.tag; END;"
	"CREATE TRIGGER file_tag_dropped AFTER DELETE ON file_tag BEGIN"
	"	UPDATE tag SET files = files - 1 WHERE id = old.tag; END;"
	"CREATE TABLE link(source INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	relation BLOB NOT NULL, position INTEGER NOT NULL,"
	"	target INTEGER REFERENCES node ON DELETE SET NULL,"
	"	reference BLOB NOT NULL, path BLOB NOT NULL,"
	"	PRIMARY KEY(source, relation, position)) WITHOUT ROWID;"
	"CREATE INDEX link_target ON link(target);"
	"CREATE INDEX link_relation ON link(relation);"
	"CREATE INDEX link_path ON link(path) WHERE target IS NULL;"
	"CREATE TABLE looked(node INTEGER PRIMARY KEY REFERENCES node ON DELETE CASCADE,"
	"	mtime INTEGER, size INTEGER);"
	"CREATE INDEX looked_due ON looked(node) WHERE mtime IS NULL;"
	"CREATE TABLE fact(node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(node, key, value))"
	"	WITHOUT ROWID;"
	"CREATE INDEX fact_value ON fact(key, value);"
	"CREATE TABLE trait(id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL,"
	"	number REAL, files INTEGER NOT NULL DEFAULT 0, UNIQUE(key, value));"
	"CREATE TABLE file_trait(trait INTEGER NOT NULL REFERENCES trait ON DELETE CASCADE,"
	"	node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,"
	"	weight REAL NOT NULL, PRIMARY KEY(trait, node)) WITHOUT ROWID;"
	"CREATE INDEX file_trait_node ON file_trait(node, trait);"
	"CREATE TRIGGER file_trait_added AFTER INSERT ON file_trait BEGIN"
	"	UPDATE trait SET files = files + 1 WHERE id = new.trait; END;"
	"CREATE TRIGGER file_trait_dropped AFTER DELETE ON file_trait BEGIN"
	"	UPDATE trait SET files = files - 1 WHERE id = old.trait; END;"
	"CREATE VIRTUAL TABLE fulltext USING fts5(words, content = '', contentless_delete = 1,"
	"	tokenize = 'unicode61 remove_diacritics 2');"
	"CREATE TRIGGER node_dropped AFTER DELETE ON node"
	"	WHEN EXISTS(SELECT 1 FROM fulltext_docsize WHERE id = old.id) BEGIN"
	"	DELETE FROM fulltext WHERE rowid = old.id; END;"
	"INSERT INTO meta VALUES('generation', 1), ('clean', 1), ('stale', 1);";

#define GENERATION "(SELECT value FROM meta WHERE key = 'generation')"

static const char *const sql[NR_STATEMENTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_META_GET] = "SELECT value FROM meta WHERE key = ?1",
	[ST_META_SET] = "INSERT INTO meta VALUES(?1, ?2) "
			"ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	[ST_NODE_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2",
	[ST_NODE_ADD] = "INSERT INTO node(fs, ino, type, seen) VALUES(?1, ?2, ?3, " GENERATION ") "
			"ON CONFLICT(fs, ino) DO UPDATE SET seen = excluded.seen, "
			"type = excluded.type RETURNING id",
	[ST_NODE_DROP] = "DELETE FROM node WHERE id = ?1",
	[ST_DIR_FIND] = "SELECT id FROM node WHERE fs = ?1 AND ino = ?2 AND EXISTS("
			"SELECT 1 FROM name WHERE child = node.id AND seen = " GENERATION ")",
	[ST_NAME_ADD] = "INSERT INTO name VALUES(?1, ?2, ?3, " GENERATION ", stem(?2)) "
			"ON CONFLICT(parent, name) DO UPDATE SET child = excluded.child, "
			"seen = excluded.seen",
	[ST_NAME_FIND] = "SELECT child FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_DROP] = "DELETE FROM name WHERE parent = ?1 AND name = ?2",
	[ST_NAME_DROP_OTHERS] = "DELETE FROM name WHERE child = ?3 "
				"AND NOT (parent = ?1 AND name = ?2)",
	[ST_NAME_COUNT] = "SELECT count(*) FROM name WHERE child = ?1",
	[ST_NAME_OF] = "SELECT parent, name FROM name WHERE child = ?1 LIMIT 1",
	[ST_TAG_ADD] = "INSERT INTO tag(name) VALUES(?1) ON CONFLICT DO NOTHING",
	[ST_TAG_KEEP] = "INSERT INTO tag(name, kept) VALUES(?1, 1) ON CONFLICT(name) "
			"DO UPDATE SET kept = 1 WHERE files = 0 AND NOT kept RETURNING id",
	[ST_TAG_DROP] = "DELETE FROM tag WHERE name = ?1 AND files = 0 RETURNING id",
	[ST_TAG_FIND] = "SELECT id FROM tag WHERE name = ?1",
	[ST_TAG_SHOWN] = "SELECT id FROM tag WHERE name = ?1 AND (files > 0 OR kept)",
	[ST_TAG_COUNT] = "SELECT files FROM tag WHERE id = ?1",
	[ST_TAGS] = "SELECT name, files FROM tag WHERE (files > 0 OR kept) "
		    "AND name >= ?1 ORDER BY name",
	[ST_TAGS_BETWEEN] = "SELECT name, files FROM tag WHERE (files > 0 OR kept) "
			    "AND name >= ?1 AND name < ?2 ORDER BY name",
	[ST_FILE_TAG_ADD] = "INSERT INTO file_tag VALUES(?1, ?2, ?3)",
	[ST_FILE_TAG_DROP] = "DELETE FROM file_tag WHERE node = ?1",
	[ST_LINK_ADD] = "INSERT INTO link VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_LINK_DROP] = "DELETE FROM link WHERE source = ?1",
	[ST_LINK_NEXT] = "SELECT source, relation, position, reference, path FROM link "
			 "WHERE (source, relation, position) > (?1, ?2, ?3) "
			 "ORDER BY source, relation, position LIMIT 1",
	[ST_LINK_TARGET] = "UPDATE link SET target = nullif(?4, 0) "
			   "WHERE source = ?1 AND relation = ?2 AND position = ?3",
	[ST_LINKS_FROM] = "SELECT relation, target, path, reference FROM link WHERE source = ?1 "
			  "ORDER BY relation, position",
	[ST_LINKS_TO] = "SELECT relation, source FROM link WHERE target = ?1 UNION "
			"SELECT relation, source FROM link WHERE target IS NULL AND path = ?2 "
			"ORDER BY relation, source",
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
			    "UNION SELECT source FROM link WHERE target = ?1",
	/* Empty files have nothing in common. */
	[ST_SAME_CONTENTS] = "SELECT node FROM fact WHERE key = 'sha256' AND value = "
			     "(SELECT value FROM fact JOIN looked USING(node) "
			     "WHERE node = ?1 AND key = 'sha256' AND size > 0)",
	[ST_LOOK_AGAIN] = "UPDATE looked SET mtime = NULL "
			  "WHERE node = ?1 AND (mtime <> ?2 OR size <> ?3)",
	[ST_LOOK_AT] = "INSERT INTO looked(node) VALUES(?1) ON CONFLICT(node) "
		       "DO UPDATE SET mtime = NULL WHERE mtime <> ?2 OR size <> ?3",
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
	[ST_FORGET_TEXT] = "INSERT INTO fulltext(fulltext) VALUES('delete-all')",
	[ST_TEXT_SET] = "INSERT OR REPLACE INTO fulltext(rowid, words) VALUES(?1, ?2)",
	[ST_TEXT_DROP] = "DELETE FROM fulltext WHERE rowid IN "
			 "(SELECT id FROM fulltext_docsize WHERE id = ?1)",
	[ST_TRAIT_ADD] = "INSERT INTO trait(key, value, number) VALUES(?1, ?2, ?3) "
			 "ON CONFLICT(key, value) DO UPDATE SET number = excluded.number "
			 "RETURNING id",
	[ST_TRAIT_FILES] = "SELECT files FROM trait WHERE key = ?1 AND value = ?2",
	[ST_TRAIT_NODES] = "SELECT node, weight FROM file_trait WHERE trait = ?1",
	[ST_FILE_TRAIT_ADD] = "INSERT INTO file_trait VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
	[ST_FILE_TRAIT_DROP] = "DELETE FROM file_trait WHERE node = ?1 AND NOT EXISTS("
			       "SELECT 1 FROM trait WHERE id = trait AND key = 'auto')",
	[ST_FILE_AUTO_DROP] = "DELETE FROM file_trait WHERE node = ?1 AND EXISTS("
			      "SELECT 1 FROM trait WHERE id = trait AND key = 'auto')",
	[ST_NODE_TRAITS] = "SELECT id, key, files, weight FROM file_trait JOIN trait ON id = trait "
			   "WHERE node = ?1 AND files > 1 AND key <> 'auto' ORDER BY files",
	[ST_NODE_AUTO] = "SELECT value FROM file_trait JOIN trait ON id = trait "
			 "WHERE node = ?1 AND key = 'auto'",
	[ST_KEYWORD] = "SELECT weight, files FROM trait JOIN file_trait ON trait = id "
		       "WHERE key = 'keyword' AND value = ?1 AND node = ?2",
	[ST_FORGET_TRAITS] = "DELETE FROM file_trait WHERE NOT EXISTS("
			     "SELECT 1 FROM trait WHERE id = trait AND key = 'auto')",
	[ST_SWEEP_TRAITS] = "DELETE FROM trait WHERE files = 0",
	[ST_DATA_VERSION] = "PRAGMA data_version",
	[ST_SWEEP_NAMES] = "DELETE FROM name WHERE seen < ?1",
	[ST_SWEEP_NODES] = "DELETE FROM node WHERE seen < ?1 AND id <> 1",
	[ST_SWEEP_TAGS] = "DELETE FROM tag WHERE files = 0 AND NOT kept",
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

int db_failed(struct tagindex *index)
{
	int ret = db_errno(sqlite3_extended_errcode(index->db));

	snprintf(index->error, sizeof(index->error), "%s", sqlite3_errmsg(index->db));
	return ret;
}

int failed(struct tagindex *index, int err)
{
	snprintf(index->error, sizeof(index->error), "%s", strerror(err));
	return -err;
}

sqlite3_stmt *statement(struct tagindex *index, enum statement which)
{
	sqlite3_stmt **stmt = &index->stmt[which];

	if (!*stmt)
		sqlite3_prepare_v3(index->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
				   NULL);
	return *stmt;
}

int run(struct tagindex *index, enum statement which, int64_t a, const char *name, int64_t b,
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

int run1(struct tagindex *index, enum statement which, int64_t a)
{
	return run(index, which, a, NULL, 0, 0, NULL);
}

int run_tag(struct tagindex *index, enum statement which, const char *tag, int64_t *value)
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

int meta_get(struct tagindex *index, const char *key, int64_t *value)
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

int meta_set(struct tagindex *index, const char *key, int64_t value)
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

int db_end(struct tagindex *index, int ret)
{
	char error[sizeof(index->error)];

	if (ret >= 0)
		ret = run1(index, ST_COMMIT, 0);
	if (ret < 0 && !sqlite3_get_autocommit(index->db)) {
		memcpy(error, index->error, sizeof(error));
		run1(index, ST_ROLLBACK, 0);
		memcpy(index->error, error, sizeof(error));
	}
	return ret < 0 ? ret : 0;
}

int end(struct tagindex *index, int ret)
{
	if (--index->depth == 0) {
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

/* stem(NAME): without its last extension, if something is in front of that. */
static void sql_stem(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const char *name = sqlite3_value_blob(argv[0]);
	int len = sqlite3_value_bytes(argv[0]), dot;

	(void)argc;
	for (dot = len - 1; dot > 0 && name[dot] != '.'; dot--)
		;
	sqlite3_result_blob(context, name, dot > 0 ? dot : len, SQLITE_TRANSIENT);
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
		 "INSERT OR REPLACE INTO node VALUES(%d, 0, %lld, 4, 0)",
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
	sqlite3_create_function(index->db, "stem", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
				sql_stem, NULL, NULL);
	find_functions(index);
	ret = exec(index, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
			  "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -" CACHE_KIB);
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
		ret = traits_sweep(index);
	if (ret >= 0)
		ret = meta_set(index, "stale", 0);
	index->walking = false;
	ret = end(index, ret);
	return ret < 0 ? ret : index_resolve_links(index);
}
