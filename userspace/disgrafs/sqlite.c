// SPDX-License-Identifier: GPL-2.0
/*
 * db.h with SQLite.
 */
#include "sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_db {
	struct db db;
	sqlite3 *handle;
	sqlite3_stmt *data_version;
};

struct sqlite_stmt {
	struct db_stmt stmt;
	sqlite3_stmt *handle;
};

static struct sqlite_db *of_db(struct db *db)
{
	return (struct sqlite_db *)db;
}

static sqlite3_stmt *of_stmt(struct db_stmt *stmt)
{
	return ((struct sqlite_stmt *)stmt)->handle;
}

sqlite3 *sqlite_handle(struct db *db)
{
	return of_db(db)->handle;
}

static int to_errno(int rc)
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

static int fail(struct db *db)
{
	sqlite3 *handle = sqlite_handle(db);

	return db_fail(db, to_errno(sqlite3_extended_errcode(handle)), sqlite3_errmsg(handle));
}

static void close_sqlite(struct db *db)
{
	sqlite3_finalize(of_db(db)->data_version);
	sqlite3_close(sqlite_handle(db));
	free(db);
}

static int exec(struct db *db, const char *sql)
{
	return sqlite3_exec(sqlite_handle(db), sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db);
}

static int begin(struct db *db)
{
	return exec(db, "BEGIN IMMEDIATE");
}

static int commit(struct db *db)
{
	return exec(db, "COMMIT");
}

static void rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(sqlite_handle(db)))
		sqlite3_exec(sqlite_handle(db), "ROLLBACK", NULL, NULL, NULL);
}

/* Others' changes are in the first half, our own in the second. */
static int64_t version(struct db *db)
{
	struct sqlite_db *sqlite = of_db(db);
	int64_t version = 0;

	if (!sqlite->data_version)
		sqlite3_prepare_v3(sqlite->handle, "PRAGMA data_version", -1,
				   SQLITE_PREPARE_PERSISTENT, &sqlite->data_version, NULL);
	if (sqlite3_step(sqlite->data_version) == SQLITE_ROW)
		version = sqlite3_column_int64(sqlite->data_version, 0);
	sqlite3_reset(sqlite->data_version);
	return version << 32 | (uint32_t)sqlite3_total_changes(sqlite->handle);
}

static struct db_stmt *prepare(struct db *db, const char *sql, bool keep)
{
	struct sqlite_stmt *stmt = calloc(1, sizeof(*stmt));

	if (!stmt) {
		db_fail(db, -ENOMEM, "out of memory");
		return NULL;
	}
	stmt->stmt.db = db;
	stmt->stmt.sql = strdup(sql);
	if (sqlite3_prepare_v3(sqlite_handle(db), sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0,
			       &stmt->handle, NULL) == SQLITE_OK)
		return &stmt->stmt;
	fail(db);
	free(stmt->stmt.sql);
	free(stmt);
	return NULL;
}

static void finalize(struct db_stmt *stmt)
{
	sqlite3_finalize(of_stmt(stmt));
	free(stmt->sql);
	free(stmt);
}

static int params(struct db_stmt *stmt)
{
	return sqlite3_bind_parameter_count(of_stmt(stmt));
}

static void bind_int(struct db_stmt *stmt, int param, int64_t value)
{
	sqlite3_bind_int64(of_stmt(stmt), param, value);
}

static void bind_bytes(struct db_stmt *stmt, int param, const char *bytes, size_t size)
{
	sqlite3_bind_blob64(of_stmt(stmt), param, bytes, size, SQLITE_TRANSIENT);
}

static void bind_text(struct db_stmt *stmt, int param, const char *text, size_t size)
{
	sqlite3_bind_text64(of_stmt(stmt), param, text, size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void bind_double(struct db_stmt *stmt, int param, double value)
{
	sqlite3_bind_double(of_stmt(stmt), param, value);
}

static void bind_null(struct db_stmt *stmt, int param)
{
	sqlite3_bind_null(of_stmt(stmt), param);
}

static int step(struct db_stmt *stmt)
{
	int rc = sqlite3_step(of_stmt(stmt));

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(stmt->db);
	return rc == SQLITE_ROW;
}

static int64_t column_int(struct db_stmt *stmt, int column)
{
	return sqlite3_column_int64(of_stmt(stmt), column);
}

static double column_double(struct db_stmt *stmt, int column)
{
	return sqlite3_column_double(of_stmt(stmt), column);
}

static const char *column_bytes(struct db_stmt *stmt, int column, size_t *size)
{
	const char *bytes = sqlite3_column_blob(of_stmt(stmt), column);

	*size = sqlite3_column_bytes(of_stmt(stmt), column);
	return bytes ? bytes : "";
}

static void reset(struct db_stmt *stmt)
{
	sqlite3_reset(of_stmt(stmt));
}

static const struct db_ops ops = {
	.close = close_sqlite,
	.exec = exec,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.version = version,
	.prepare = prepare,
	.finalize = finalize,
	.params = params,
	.bind_int = bind_int,
	.bind_bytes = bind_bytes,
	.bind_text = bind_text,
	.bind_double = bind_double,
	.bind_null = bind_null,
	.step = step,
	.column_int = column_int,
	.column_double = column_double,
	.column_bytes = column_bytes,
	.reset = reset,
};

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

struct db *sqlite_open(const char *path, int flags, int busy_ms)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite_db *sqlite = calloc(1, sizeof(*sqlite));

	if (!sqlite)
		return NULL;
	pthread_once(&once, register_vfs);
	sqlite->db.ops = &ops;
	flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	if (sqlite3_open_v2(path, &sqlite->handle, flags, "disgrafs") != SQLITE_OK) {
		fail(&sqlite->db);
	} else {
		sqlite3_extended_result_codes(sqlite->handle, 1);
		sqlite3_busy_timeout(sqlite->handle, busy_ms);
	}
	return &sqlite->db;
}
