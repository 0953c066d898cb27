// SPDX-License-Identifier: GPL-2.0
/*
 * db.h with PostgreSQL. All rows of an answer are here before the first is looked at, so
 * other statements may be run between two.
 */
#include "postgresql.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A server that does not answer for so long is lost. Whoever writes holds up a file
 * operation, and others who write.
 */
#define READ_MS 30000
#define WRITE_MS 5000

/* After a failure: waits so long, and ten times as long as the attempt took. */
#define RETRY_MS 500

struct pg_db {
	struct db db;
	char *url;
	PGconn *conn;			/* NULL: none */
	uint64_t connection;		/* which one that is, from 1 */
	unsigned int statements;	/* that have had a name */
	bool writing;			/* in a transaction */
	bool preparing;			/* the session, in ready() */
	struct db_stmt *version;	/* for it is asked all the time */
	int64_t retry;			/* when, in ms */
	int (*ready)(void *arg);
	void *arg;
};

struct pg_stmt {
	struct db_stmt stmt;		/* sql: with $ */
	char name[16];			/* "": not kept */
	uint64_t connection;		/* that knows it */
	int count;			/* of parameters: */
	char **value;			/* NULL: NULL */
	int *size, *format;		/* 0: text, 1: bytes */
	PGresult *result;
	int row;
};

static struct pg_db *of_db(struct db *db)
{
	return (struct pg_db *)db;
}

static struct pg_stmt *of_stmt(struct db_stmt *stmt)
{
	return (struct pg_stmt *)stmt;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- errors ---- */

static int to_errno(const char *state)
{
	static const struct {
		const char *state;
		int err;
	} known[] = {
		{ "08", EHOSTDOWN }, { "57P", EHOSTDOWN },
		{ "25006", EHOSTDOWN },		/* a standby now */
		{ "53100", ENOSPC }, { "53200", ENOMEM }, { "53300", EHOSTDOWN },
		{ "55P03", EBUSY }, { "40", EBUSY },
		{ "42501", EACCES }, { "28", EACCES },
		{ "3F", EUCLEAN }, { "42P01", EUCLEAN }, { "42883", EUCLEAN }, { "42703", EUCLEAN },
		{ "XX", EUCLEAN },
	};
	size_t i;

	for (i = 0; state && i < sizeof(known) / sizeof(*known); i++) {
		if (!strncmp(state, known[i].state, strlen(known[i].state)))
			return -known[i].err;
	}
	return -EIO;
}

static int lost(struct pg_db *pg, const char *why)
{
	db_fail(&pg->db, -EHOSTDOWN, why && *why ? why : "the connection to the database was lost");
	PQfinish(pg->conn);
	pg->conn = NULL;
	return -EHOSTDOWN;
}

static int fail_result(struct pg_db *pg, const PGresult *result)
{
	int err = to_errno(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	const char *sentence = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQstatus(pg->conn) != CONNECTION_OK || err == -EHOSTDOWN)
		return lost(pg, sentence ?: PQresultErrorMessage(result));
	return db_fail(&pg->db, err, sentence ?: PQresultErrorMessage(result));
}

/* ---- the connection ---- */

static void no_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

PGconn *postgresql_connect(const char *url)
{
	/* What comes later counts: all of this may be said otherwise in the URI. */
	static const char *const keywords[] = {
		"fallback_application_name", "target_session_attrs", "connect_timeout",
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"dbname", "client_encoding", NULL
	};
	const char *const values[] = {
		"disgrafs", "read-write", "2", "2", "1", "3", "5000", url, "UTF8", NULL
	};
	PGconn *conn = PQconnectdbParams(keywords, values, 1);

	PQsetNoticeReceiver(conn, no_notice, NULL);
	return conn;
}

static int connect_again(struct pg_db *pg)
{
	int64_t began = now_ms();
	int ret;

	pg->conn = postgresql_connect(pg->url);
	pg->connection++;
	if (PQstatus(pg->conn) != CONNECTION_OK) {
		ret = lost(pg, PQerrorMessage(pg->conn));
	} else {
		pg->preparing = true;
		ret = pg->ready(pg->arg);
		pg->preparing = false;
		if (ret < 0) {
			PQfinish(pg->conn);
			pg->conn = NULL;
			pg->db.err = ret;
		}
	}
	if (ret < 0)
		pg->retry = now_ms() + RETRY_MS + 10 * (now_ms() - began);
	return ret;
}

static int reach(struct pg_db *pg)
{
	if (pg->conn)
		return 0;
	/* The error is that of the last attempt. */
	if (pg->writing || pg->preparing || now_ms() < pg->retry) {
		pg->db.failures++;
		return pg->db.err ?: db_fail(&pg->db, -EHOSTDOWN, "no connection");
	}
	return connect_again(pg);
}

int postgresql_reach(struct db *db)
{
	return reach(of_db(db));
}

/* The last result of what was sent, or the first that is a failure. NULL: lost. */
static PGresult *wait_result(struct pg_db *pg, int ms)
{
	struct pollfd wait = { .fd = PQsocket(pg->conn) };
	PGresult *result, *last = NULL;
	int64_t end = now_ms() + ms;
	int flush, left;

	for (;;) {
		flush = PQflush(pg->conn);
		if (flush == 0 && !PQisBusy(pg->conn)) {
			result = PQgetResult(pg->conn);
			if (!result)
				return last;
			if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
				PQclear(result);
				continue;
			}
			PQclear(last);
			last = result;
			continue;
		}
		wait.events = POLLIN | (flush > 0 ? POLLOUT : 0);
		left = end - now_ms();
		if (flush < 0 || left <= 0 || (poll(&wait, 1, left) < 0 && errno != EINTR) ||
		    !PQconsumeInput(pg->conn)) {
			PQclear(last);
			lost(pg, left <= 0 ? "the database does not answer" :
					     PQerrorMessage(pg->conn));
			return NULL;
		}
	}
}

/* @sent: whether the sending was begun. A result that is none, or NULL after an error. */
static PGresult *answer(struct pg_db *pg, int sent)
{
	PGresult *result;

	if (!sent) {
		lost(pg, PQerrorMessage(pg->conn));
		return NULL;
	}
	result = wait_result(pg, pg->writing ? WRITE_MS : READ_MS);
	if (!result) {
		if (pg->conn)
			lost(pg, PQerrorMessage(pg->conn));
		return NULL;
	}
	if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	fail_result(pg, result);
	PQclear(result);
	return NULL;
}

static int exec(struct db *db, const char *sql)
{
	struct pg_db *pg = of_db(db);
	PGresult *result;
	int ret = reach(pg);

	if (ret < 0)
		return ret;
	result = answer(pg, PQsendQuery(pg->conn, sql));
	PQclear(result);
	return result ? 0 : db->err;
}

static void close_pg(struct db *db)
{
	db_finalize(of_db(db)->version);
	PQfinish(of_db(db)->conn);
	free(of_db(db)->url);
	free(db);
}

/* ---- transactions ---- */

static void rollback(struct db *db)
{
	struct pg_db *pg = of_db(db);

	if (pg->conn && PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		PQclear(answer(pg, PQsendQuery(pg->conn, "ROLLBACK")));
	pg->writing = false;
}

/* One writer at a time, because each looks at the tree before it writes. */
static int begin(struct db *db)
{
	struct pg_db *pg = of_db(db);
	int ret = reach(pg);

	if (ret < 0)
		return ret;
	ret = exec(db, "BEGIN; SELECT pg_advisory_xact_lock(hashtext(current_schema()), 0)");
	if (ret < 0) {
		rollback(db);
		db->err = ret;
	}
	pg->writing = ret == 0;
	return ret;
}

static int commit(struct db *db)
{
	struct pg_db *pg = of_db(db);
	int ret = exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'version'; COMMIT");

	if (ret == 0)
		pg->writing = false;
	return ret;
}

static int64_t version(struct db *db)
{
	struct pg_db *pg = of_db(db);
	int64_t version = 0;

	if (!pg->version)
		pg->version = db_prepare(db, "SELECT value FROM meta WHERE key = 'version'", true);
	if (!pg->version)
		return 0;
	if (db_step(pg->version) > 0)
		version = db_int(pg->version, 0);
	db_reset(pg->version);
	return version;
}

/* ---- statements ---- */

/* "?N" to "$N". Returns the highest N. */
static int translate(char *sql)
{
	int count = 0, n;

	while ((sql = strchr(sql, '?'))) {
		*sql++ = '$';
		n = atoi(sql);
		if (n > count)
			count = n;
	}
	return count;
}

static void finalize(struct db_stmt *stmt)
{
	struct pg_stmt *s = of_stmt(stmt);
	int i;

	PQclear(s->result);
	for (i = 0; s->value && i < s->count; i++)
		free(s->value[i]);
	free(s->value);
	free(s->size);
	free(s->format);
	free(stmt->sql);
	free(s);
}

static struct db_stmt *prepare(struct db *db, const char *sql, bool keep)
{
	struct pg_stmt *s = calloc(1, sizeof(*s));

	if (s) {
		s->stmt.db = db;
		s->stmt.sql = strdup(sql);
		if (s->stmt.sql) {
			s->count = translate(s->stmt.sql);
			s->value = calloc(s->count + 1, sizeof(*s->value));
			s->size = calloc(s->count + 1, sizeof(*s->size));
			s->format = calloc(s->count + 1, sizeof(*s->format));
		}
		if (keep)
			snprintf(s->name, sizeof(s->name), "s%u", ++of_db(db)->statements);
		if (s->value && s->size && s->format)
			return &s->stmt;
		finalize(&s->stmt);
	}
	db_fail(db, -ENOMEM, "out of memory");
	return NULL;
}

static int params(struct db_stmt *stmt)
{
	return of_stmt(stmt)->count;
}

static void bind(struct db_stmt *stmt, int param, const char *value, size_t size, int format)
{
	struct pg_stmt *s = of_stmt(stmt);
	char *copy = value ? malloc(size + 1) : NULL;

	if (--param >= s->count) {
		free(copy);
		return;
	}
	if (copy) {
		memcpy(copy, value, size);
		copy[size] = '\0';
	}
	free(s->value[param]);
	s->value[param] = copy;
	s->size[param] = size;
	s->format[param] = format;
}

static void bind_int(struct db_stmt *stmt, int param, int64_t value)
{
	char text[24];

	/* As text it fits whatever integer the parameter is. */
	bind(stmt, param, text, snprintf(text, sizeof(text), "%" PRId64, value), 0);
}

static void bind_bytes(struct db_stmt *stmt, int param, const char *bytes, size_t size)
{
	bind(stmt, param, bytes, size, 1);
}

/* As its bytes, for a locale may have another point; the most significant first. */
static void bind_double(struct db_stmt *stmt, int param, double value)
{
	char bytes[sizeof(value)];
	uint64_t bits;
	size_t i;

	memcpy(&bits, &value, sizeof(bits));
	for (i = sizeof(bytes); i--; bits >>= 8)
		bytes[i] = bits;
	bind(stmt, param, bytes, sizeof(bytes), 1);
}

static void bind_null(struct db_stmt *stmt, int param)
{
	bind(stmt, param, NULL, 0, 0);
}

static int make_known(struct pg_db *pg, struct pg_stmt *s)
{
	PGresult *result;

	if (!*s->name || s->connection == pg->connection)
		return 0;
	result = answer(pg, PQsendPrepare(pg->conn, s->name, s->stmt.sql, 0, NULL));
	PQclear(result);
	if (!result)
		return pg->db.err;
	s->connection = pg->connection;
	return 0;
}

static int run(struct pg_db *pg, struct pg_stmt *s)
{
	const char *const *values = (const char *const *)s->value;
	int ret = reach(pg), sent;

	if (ret == 0)
		ret = make_known(pg, s);
	if (ret < 0)
		return ret;
	if (*s->name)
		sent = PQsendQueryPrepared(pg->conn, s->name, s->count, values, s->size, s->format, 1);
	else
		sent = PQsendQueryParams(pg->conn, s->stmt.sql, s->count, NULL, values, s->size,
					 s->format, 1);
	s->result = answer(pg, sent);
	return s->result ? 0 : pg->db.err;
}

static int step(struct db_stmt *stmt)
{
	struct pg_stmt *s = of_stmt(stmt);
	int ret;

	if (!s->result) {
		ret = run(of_db(stmt->db), s);
		if (ret < 0)
			return ret;
		s->row = -1;
	}
	return ++s->row < PQntuples(s->result);
}

static const char *column_bytes(struct db_stmt *stmt, int column, size_t *size)
{
	struct pg_stmt *s = of_stmt(stmt);

	*size = PQgetlength(s->result, s->row, column);
	return PQgetvalue(s->result, s->row, column);
}

/* An integer or boolean of whatever size, the most significant byte first. */
static int64_t column_int(struct db_stmt *stmt, int column)
{
	size_t size, i;
	const unsigned char *bytes = (const unsigned char *)column_bytes(stmt, column, &size);
	uint64_t value = size && size < 8 && bytes[0] & 0x80 ? ~0ULL : 0;

	for (i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

static double column_double(struct db_stmt *stmt, int column)
{
	int64_t bits = column_int(stmt, column);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void reset(struct db_stmt *stmt)
{
	struct pg_stmt *s = of_stmt(stmt);

	PQclear(s->result);
	s->result = NULL;
}

static const struct db_ops ops = {
	.close = close_pg,
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
	.bind_text = bind_bytes,
	.bind_double = bind_double,
	.bind_null = bind_null,
	.step = step,
	.column_int = column_int,
	.column_double = column_double,
	.column_bytes = column_bytes,
	.reset = reset,
};

struct db *postgresql_open(const char *url, int (*ready)(void *arg), void *arg)
{
	struct pg_db *pg = calloc(1, sizeof(*pg));

	if (!pg)
		return NULL;
	pg->db.ops = &ops;
	pg->ready = ready;
	pg->arg = arg;
	pg->url = strdup(url);
	if (pg->url)
		return &pg->db;
	free(pg);
	return NULL;
}

/* ---- notifications ---- */

int postgresql_socket(struct db *db)
{
	return of_db(db)->conn ? PQsocket(of_db(db)->conn) : -1;
}

int postgresql_hear(struct db *db, void (*fn)(const char *payload, void *arg), void *arg)
{
	struct pg_db *pg = of_db(db);
	PGnotify *notify;

	if (!pg->conn)
		return -EHOSTDOWN;
	if (!PQconsumeInput(pg->conn))
		return lost(pg, PQerrorMessage(pg->conn));
	while ((notify = PQnotifies(pg->conn))) {
		if (notify->be_pid != PQbackendPID(pg->conn))
			fn(notify->extra, arg);
		PQfreemem(notify);
	}
	return 0;
}
