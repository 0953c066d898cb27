// SPDX-License-Identifier: GPL-2.0
/*
 * The index in SQLite. Readers never wait for a writer (WAL); a power cut may
 * cost the last changes, which an unclean index is rebuilt for anyway. That it is
 * unclean is synced.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "schema.h"
#include "sqlite.h"

#define DB_NAME "index.db"
#define LOG_NAME DB_NAME "-wal"

/* A writer that holds the lock longer makes the index stale, not the file system slow. */
#define BUSY_TIMEOUT_MS 2000

/*
 * Enough for the tags of 100,000 files. No mmap: a file that is cut short under us
 * must be an error and not a SIGBUS.
 */
#define CACHE_KIB "32768"

/* A commit is not synced: the log is when it is written back. */
#define SYNCHRONOUS "PRAGMA synchronous = NORMAL"

static const char schema[] =
	INDEX_TABLES("INTEGER", "INTEGER", "BLOB", "TEXT", " UNIQUE", " WITHOUT ROWID")
	"CREATE INDEX link_path ON link(path) WHERE target IS NULL;"
	"CREATE TRIGGER file_tag_added AFTER INSERT ON file_tag BEGIN"
	"	UPDATE tag SET files = files + 1 WHERE id = new.tag; END;"
	"CREATE TRIGGER file_tag_dropped AFTER DELETE ON file_tag BEGIN"
	"	UPDATE tag SET files = files - 1 WHERE id = old.tag; END;"
	"CREATE TRIGGER file_trait_added AFTER INSERT ON file_trait BEGIN"
	"	UPDATE trait SET files = files + 1 WHERE id = new.trait; END;"
	"CREATE TRIGGER file_trait_dropped AFTER DELETE ON file_trait BEGIN"
	"	UPDATE trait SET files = files - 1 WHERE id = old.trait; END;"
	/* rowid: a node */
	"CREATE VIRTUAL TABLE fulltext USING fts5(words, content = '', contentless_delete = 1,"
	"	tokenize = 'unicode61 remove_diacritics 2');"
	"CREATE TRIGGER node_dropped AFTER DELETE ON node"
	"	WHEN EXISTS(SELECT 1 FROM fulltext_docsize WHERE id = old.id) BEGIN"
	"	DELETE FROM fulltext WHERE rowid = old.id; END;";

static const struct sql_dialect dialect = {
	.sql = {
		[ST_FORGET_TEXT] = "INSERT INTO fulltext(fulltext) VALUES('delete-all')",
		[ST_TEXT_ADD] = "INSERT INTO fulltext(rowid, words) VALUES(?1, ?3)",
		[ST_TEXT_DROP] = "DELETE FROM fulltext WHERE rowid IN "
				 "(SELECT id FROM fulltext_docsize WHERE id = ?1)",
	},
	.in_order = "CROSS JOIN",
	.after_term = "",
	.text_nodes = "SELECT rowid AS id FROM fulltext WHERE fulltext MATCH ?%d",
	.sees_files = true,
};

/* ---- functions for SQL ---- */

static char *value_string(sqlite3_value *value)
{
	const char *bytes = sqlite3_value_blob(value);

	return strndup(bytes ? bytes : "", sqlite3_value_bytes(value));
}

/* matches(PATTERN, NAME) */
static void sql_matches(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	char *pattern = value_string(argv[0]), *name = value_string(argv[1]);

	(void)argc;
	if (pattern && name)
		sqlite3_result_int(context, fnmatch(pattern, name, 0) == 0);
	else
		sqlite3_result_error_nomem(context);
	free(pattern);
	free(name);
}

/* path_matches(PATTERN, PARENT, NAME) */
static void sql_path_matches(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct tagindex *index = sqlite3_user_data(context);
	char *pattern = value_string(argv[0]), *name = value_string(argv[2]);
	char *path = name ? node_path(index, sqlite3_value_int64(argv[1]), name) : NULL;

	(void)argc;
	sqlite3_result_int(context, pattern && path && fnmatch(pattern, path, 0) == 0);
	free(path);
	free(name);
	free(pattern);
}

static bool stat_node(struct tagindex *index, int64_t id, struct stat *st)
{
	char *path = first_path(index, id);
	bool found = path && stat_beneath(index->root, path, st) == 0;

	free(path);
	return found;
}

/* file_size(NODE): NULL if it is not there, so that no comparison is true. */
static void sql_file_size(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct stat st;

	(void)argc;
	if (stat_node(sqlite3_user_data(context), sqlite3_value_int64(argv[0]), &st))
		sqlite3_result_int64(context, st.st_size);
}

static void sql_file_mtime(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct stat st;

	(void)argc;
	if (stat_node(sqlite3_user_data(context), sqlite3_value_int64(argv[0]), &st))
		sqlite3_result_int64(context, st.st_mtime);
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

static void define_functions(struct tagindex *index)
{
	static const struct {
		const char *name;
		int args;
		void (*fn)(sqlite3_context *context, int argc, sqlite3_value **argv);
	} functions[] = {
		{ "matches", 2, sql_matches },
		{ "path_matches", 3, sql_path_matches },
		{ "file_size", 1, sql_file_size },
		{ "file_mtime", 1, sql_file_mtime },
	};
	sqlite3 *handle = sqlite_handle(index->db);
	size_t i;

	sqlite3_create_function(handle, "stem", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
				sql_stem, NULL, NULL);
	for (i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		sqlite3_create_function(handle, functions[i].name, functions[i].args,
					SQLITE_UTF8, index, functions[i].fn, NULL, NULL);
}

/* ---- opening ---- */

static int exec(struct tagindex *index, const char *sql)
{
	return db_exec(index->db, sql) < 0 ? db_failed(index) : 0;
}

static int schema_version(struct tagindex *index)
{
	struct db_stmt *stmt = db_prepare(index->db, "PRAGMA user_version", false);
	int version = -1;

	if (stmt && db_step(stmt) > 0)
		version = db_int(stmt, 0);
	db_finalize(stmt);
	return version;
}

static int create_schema(struct tagindex *index, unsigned int flags)
{
	char version[64];
	int ret = db_start(index);

	if (ret < 0)
		return ret;
	/* Somebody else made it since we looked. */
	if (schema_version(index) == SCHEMA_VERSION)
		return db_end(index, 0);
	ret = exec(index, schema);
	if (ret == 0) {
		snprintf(version, sizeof(version), "PRAGMA user_version = %d", SCHEMA_VERSION);
		ret = exec(index, version);
	}
	/* A server knows the generation before, and if it has it open does not say so again. */
	if (ret == 0)
		ret = exec(index, "UPDATE meta SET value = unixepoch() WHERE key = 'generation'");
	if (ret == 0 && flags & INDEX_RESET)
		ret = exec(index, "UPDATE meta SET value = 0 WHERE key = 'clean'");
	if (ret == 0)
		index->state |= INDEX_NEW;
	return db_end(index, ret);
}

/* As SQLite wants it: the schema, however broken, is read first, so that it stays WAL. */
static int reset(struct tagindex *index)
{
	sqlite3 *handle = sqlite_handle(index->db);
	int ret;

	sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_RESET_DATABASE, 1, NULL);
	ret = exec(index, "VACUUM");
	sqlite3_db_config(handle, SQLITE_DBCONFIG_RESET_DATABASE, 0, NULL);
	return ret;
}

static bool is_empty(const struct tagindex *index)
{
	struct stat st;

	return fstatat(index->dir, DB_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && !st.st_size;
}

bool sqlite_index_exists(const struct tagindex *index)
{
	struct stat st;

	return fstatat(index->dir, DB_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

bool sqlite_index_is_lost(struct tagindex *index)
{
	struct stat st;

	/* By its path, because the directory may be another as well. */
	if (fstatat(index->root, INDEX_DIR "/" DB_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return st.st_dev != index->db_dev || st.st_ino != index->db_ino || !st.st_size;
}

bool sqlite_index_log_is_lost(struct tagindex *index)
{
	struct stat st;

	if (!index->log_ino || sqlite_index_is_lost(index))
		return false;
	if (fstatat(index->dir, LOG_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return st.st_ino != index->log_ino;
}

void sqlite_index_adopt(struct tagindex *index)
{
	define_functions(index);
}

static int open_schema(struct tagindex *index, unsigned int flags)
{
	int version = schema_version(index);

	if (version < 0)
		return db_failed(index);
	if (version == SCHEMA_VERSION)
		return 0;
	if (version || !(flags & INDEX_CREATE)) {
		index_say(index, "index of another version (%d)", version);
		return -EUCLEAN;
	}
	return create_schema(index, flags);
}

void sqlite_index_remove(struct tagindex *index)
{
	unlinkat(index->dir, DB_NAME, 0);
	unlinkat(index->dir, LOG_NAME, 0);
	unlinkat(index->dir, DB_NAME "-shm", 0);
}

int sqlite_index_open(struct tagindex *index, unsigned int flags)
{
	int mode = flags & (INDEX_WRITE | INDEX_CREATE) ? SQLITE_OPEN_READWRITE :
							  SQLITE_OPEN_READONLY;
	struct stat st;
	char path[64];
	int ret;

	index->dialect = &dialect;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/" DB_NAME, index->dir);
	if (flags & INDEX_CREATE)
		mode |= SQLITE_OPEN_CREATE;
	/* Somebody emptied it. SQLite would wait for those who have it open to close it. */
	if (flags & INDEX_CREATE && is_empty(index))
		sqlite_index_remove(index);
	index->db = sqlite_open(path, mode, BUSY_TIMEOUT_MS);
	if (!index->db)
		return failed(index, ENOMEM);
	if (index->db->err)
		return db_failed(index);
	define_functions(index);
	ret = flags & INDEX_RESET ? reset(index) : 0;
	if (ret == 0)
		ret = exec(index, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
			  SYNCHRONOUS "; PRAGMA cache_size = -" CACHE_KIB);
	if (ret == 0 && flags & INDEX_CREATE)
		ret = exec(index, "PRAGMA journal_mode = WAL");
	if (ret == 0)
		ret = open_schema(index, flags);
	if (ret == 0 && fstatat(index->dir, DB_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		ret = failed(index, errno);
	if (ret == 0) {
		index->db_dev = st.st_dev;
		index->db_ino = st.st_ino;
		index->log_ino = fstatat(index->dir, LOG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
	}
	return ret;
}

int sqlite_index_set_unclean(struct tagindex *index)
{
	int ret = exec(index, "PRAGMA synchronous = FULL");

	if (ret == 0)
		ret = meta_set(index, "clean", 0);
	exec(index, SYNCHRONOUS);
	/* The log may be new, and where directories cannot be synced nothing else helps. */
	if (ret == 0)
		fsync(index->dir);
	return ret;
}

int sqlite_index_verify(struct tagindex *index)
{
	int64_t damaged;
	/* Not what FTS5 has to say of its words, which takes long. */
	int ret = db_ask(index, "SELECT 1 FROM sqlite_schema AS s, pragma_quick_check(s.name) AS q "
			 "WHERE type = 'table' AND rootpage > 0 AND quick_check <> 'ok' LIMIT 1",
			 &damaged);

	return ret == 0 && damaged ? failed(index, EUCLEAN) : ret;
}

uint64_t sqlite_index_bytes(struct tagindex *index)
{
	struct stat st;

	return fstatat(index->dir, DB_NAME, &st, 0) == 0 ? st.st_size : 0;
}
