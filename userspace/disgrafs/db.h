/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A database as the index needs it: statements with parameters ?1, ?2..., and rows of
 * numbers and bytes. sqlite.c and postgresql.c are what is behind it; all SQL that
 * both understand is written once, and sql_dialect has the rest.
 *
 * Functions return 0 or -errno; db->error then has the sentence.
 */
#ifndef DISGRAFS_DB_H
#define DISGRAFS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

struct db_stmt {
	struct db *db;
	char *sql;
};

struct db_ops {
	void (*close)(struct db *db);
	int (*exec)(struct db *db, const char *sql);
	int (*begin)(struct db *db);
	int (*commit)(struct db *db);
	void (*rollback)(struct db *db);
	int64_t (*version)(struct db *db);
	struct db_stmt *(*prepare)(struct db *db, const char *sql, bool keep);
	void (*finalize)(struct db_stmt *stmt);
	int (*params)(struct db_stmt *stmt);
	void (*bind_int)(struct db_stmt *stmt, int param, int64_t value);
	void (*bind_bytes)(struct db_stmt *stmt, int param, const char *bytes, size_t size);
	void (*bind_text)(struct db_stmt *stmt, int param, const char *text, size_t size);
	void (*bind_double)(struct db_stmt *stmt, int param, double value);
	void (*bind_null)(struct db_stmt *stmt, int param);
	int (*step)(struct db_stmt *stmt);
	int64_t (*column_int)(struct db_stmt *stmt, int column);
	double (*column_double)(struct db_stmt *stmt, int column);
	const char *(*column_bytes)(struct db_stmt *stmt, int column, size_t *size);
	void (*reset)(struct db_stmt *stmt);
};

struct db {
	const struct db_ops *ops;
	int err;			/* the last error: -errno and its sentence */
	char error[256];
	unsigned int failures;		/* how many there have been */
};

static inline void db_close(struct db *db)
{
	if (db)
		db->ops->close(db);
}

/* Statements without parameters, ';' between them. */
static inline int db_exec(struct db *db, const char *sql)
{
	return db->ops->exec(db, sql);
}

/* Nobody else writes until db_commit() or db_rollback(); -EBUSY: someone does, for long. */
static inline int db_begin(struct db *db)
{
	return db->ops->begin(db);
}

static inline int db_commit(struct db *db)
{
	return db->ops->commit(db);
}

/* The error stays as it was. No transaction: nothing happens. */
static inline void db_rollback(struct db *db)
{
	db->ops->rollback(db);
}

/* A number that changes when anyone has written; 0: unknown. */
static inline int64_t db_version(struct db *db)
{
	return db->ops->version(db);
}

/* @keep: it will be used often. NULL: an error. */
static inline struct db_stmt *db_prepare(struct db *db, const char *sql, bool keep)
{
	return db->ops->prepare(db, sql, keep);
}

static inline void db_finalize(struct db_stmt *stmt)
{
	if (stmt)
		stmt->db->ops->finalize(stmt);
}

static inline int db_params(struct db_stmt *stmt)
{
	return stmt->db->ops->params(stmt);
}

/* Parameters count from 1 and keep their values when the statement is reset. */
static inline void db_bind_int(struct db_stmt *stmt, int param, int64_t value)
{
	stmt->db->ops->bind_int(stmt, param, value);
}

/* Copies. */
static inline void db_bind_bytes(struct db_stmt *stmt, int param, const char *bytes, size_t size)
{
	stmt->db->ops->bind_bytes(stmt, param, bytes, size);
}

void db_bind_string(struct db_stmt *stmt, int param, const char *string);

/* For columns of text: UTF-8. */
static inline void db_bind_text(struct db_stmt *stmt, int param, const char *text, size_t size)
{
	stmt->db->ops->bind_text(stmt, param, text, size);
}

/* For columns that are DOUBLE PRECISION; so is db_double(). */
static inline void db_bind_double(struct db_stmt *stmt, int param, double value)
{
	stmt->db->ops->bind_double(stmt, param, value);
}

static inline void db_bind_null(struct db_stmt *stmt, int param)
{
	stmt->db->ops->bind_null(stmt, param);
}

/* 1: there is a row. 0: no more. -errno. */
static inline int db_step(struct db_stmt *stmt)
{
	return stmt->db->ops->step(stmt);
}

/* Of the row; columns count from 0. NULL is 0, and no bytes. */
static inline int64_t db_int(struct db_stmt *stmt, int column)
{
	return stmt->db->ops->column_int(stmt, column);
}

static inline double db_double(struct db_stmt *stmt, int column)
{
	return stmt->db->ops->column_double(stmt, column);
}

/* Until the next step. Never NULL. */
static inline const char *db_bytes(struct db_stmt *stmt, int column, size_t *size)
{
	return stmt->db->ops->column_bytes(stmt, column, size);
}

static inline void db_reset(struct db_stmt *stmt)
{
	if (stmt)
		stmt->db->ops->reset(stmt);
}

/* Sets the sentence and returns @err, a -errno. */
int db_fail(struct db *db, int err, const char *sentence);

#endif
