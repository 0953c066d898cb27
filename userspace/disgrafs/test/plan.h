/* SPDX-License-Identifier: GPL-2.0 */
/* How SQLite goes about a statement. After fixture.h. */
#ifndef TEST_PLAN_H
#define TEST_PLAN_H

#include "sqlite.h"

/* A line for each loop, to be freed. */
static char *plan_of(const char *sql)
{
	char *explain, *out = NULL, *step;
	struct db_stmt *stmt;
	size_t size;
	FILE *f;

	assert_true(asprintf(&explain, "EXPLAIN QUERY PLAN %s", sql) > 0);
	stmt = db_prepare(idx->db, explain, false);
	assert_non_null(stmt);
	f = open_memstream(&out, &size);
	while (db_step(stmt) > 0) {
		step = column_string(stmt, 3);
		fprintf(f, "%s\n", step);
		free(step);
	}
	fclose(f);
	db_finalize(stmt);
	free(explain);
	return out;
}

#endif
