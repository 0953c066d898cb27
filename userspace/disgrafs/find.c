// SPDX-License-Identifier: GPL-2.0
/*
 * Find expressions as SQL. What an expression says is only ever bound to a
 * parameter of the statement, never part of its text.
 *
 * The statement goes through the files that one of the terms leads to, the one
 * with the fewest, if every match has to be among these; otherwise through all
 * files. Sizes and times are those that the files have now.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "fulltext.h"
#include "traits.h"

/* How many files a term may lead to, where nobody counts. */
#define GUESS_NAME 8
#define GUESS_HASH 8
#define GUESS_LINK 1000
#define GUESS_TEXT 1000
#define GUESS_FACT 2000

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
	bool found = path && fstatat(index->root, path, st, AT_SYMLINK_NOFOLLOW) == 0;

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

void find_functions(struct tagindex *index)
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
	size_t i;

	for (i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		sqlite3_create_function(index->db, functions[i].name, functions[i].args,
					SQLITE_UTF8, index, functions[i].fn, NULL, NULL);
}

/* ---- what leads to files ---- */

static bool has_wildcard(const char *pattern)
{
	return strpbrk(pattern, "*?[\\");
}

/* Whether the term is one trait. */
static bool is_value(const struct expr *expr)
{
	return expr->text && expr->compare == EXPR_EQ && !has_wildcard(expr->text);
}

/* At most how many files a match of @expr is among, or -1: it may be any. */
static int64_t estimate(struct tagindex *index, const struct expr *expr)
{
	int64_t left, right, tag = 0, files = 0;

	switch (expr->op) {
	case EXPR_AND:
		left = estimate(index, expr->left);
		right = estimate(index, expr->right);
		return left < 0 || (right >= 0 && right < left) ? right : left;
	case EXPR_OR:
		left = estimate(index, expr->left);
		right = left < 0 ? -1 : estimate(index, expr->right);
		return right < 0 ? -1 : left + right;
	case EXPR_TAG:
		if (run_tag(index, ST_TAG_FIND, expr->text, &tag) > 0)
			run(index, ST_TAG_COUNT, tag, NULL, 0, 0, &files);
		return files;
	case EXPR_NAME:
		return has_wildcard(expr->text) ? -1 : GUESS_NAME;
	case EXPR_LINK:
	case EXPR_LINKED:
		return GUESS_LINK;
	case EXPR_HASH:
		return GUESS_HASH;
	case EXPR_TEXT:
		return GUESS_TEXT;
	case EXPR_FACT:
		return is_value(expr) ? traits_files(index, expr->key, expr->text) : GUESS_FACT;
	default:
		return -1;
	}
}

static const char *const compare_sql[] = {
	[EXPR_EQ] = "=", [EXPR_LT] = "<", [EXPR_GT] = ">", [EXPR_LE] = "<=", [EXPR_GE] = ">=",
};

/* What is true of the trait t. */
static void print_trait(FILE *f, const struct expr *expr)
{
	int p = expr->param;

	fprintf(f, "t.key = ?%d", p + 1);
	if (expr->any)
		return;
	if (!expr->text)
		fprintf(f, " AND t.number %s ?%d", compare_sql[expr->compare], p);
	else if (expr->compare == EXPR_EQ && has_wildcard(expr->text))
		fprintf(f, " AND matches(?%d, t.value)", p);
	else
		fprintf(f, " AND t.value %s ?%d", compare_sql[expr->compare], p);
}

static void print_driver(FILE *f, const struct expr *expr)
{
	switch (expr->op) {
	case EXPR_TAG:
		fprintf(f, "SELECT node AS id FROM file_tag WHERE tag = ?%d", expr->param);
		break;
	case EXPR_NAME:
		fprintf(f, "SELECT DISTINCT child AS id FROM name "
			"WHERE stem = stem(?%d) AND name = ?%d", expr->param, expr->param);
		break;
	case EXPR_LINK:
		fprintf(f, "SELECT DISTINCT source AS id FROM link WHERE relation = ?%d",
			expr->param);
		break;
	case EXPR_LINKED:
		fprintf(f, "SELECT DISTINCT target AS id FROM link WHERE relation = ?%d",
			expr->param);
		break;
	case EXPR_HASH:
		fprintf(f, "SELECT node AS id FROM fact WHERE key = 'sha256' AND value = ?%d",
			expr->param);
		break;
	case EXPR_TEXT:
		fprintf(f, "SELECT rowid AS id FROM fulltext WHERE fulltext MATCH ?%d",
			expr->param);
		break;
	case EXPR_FACT:
		fprintf(f, "SELECT DISTINCT f.node AS id FROM trait AS t CROSS JOIN file_trait AS f "
			"ON f.trait = t.id WHERE ");
		print_trait(f, expr);
		break;
	default:
		break;
	}
}

/* What every match of @expr, which estimate() found something for, is among. */
static void print_drivers(struct tagindex *index, FILE *f, struct expr *expr)
{
	int64_t left, right;

	switch (expr->op) {
	case EXPR_AND:
		left = estimate(index, expr->left);
		right = estimate(index, expr->right);
		print_drivers(index, f, left < 0 || (right >= 0 && right < left) ? expr->right :
										   expr->left);
		break;
	case EXPR_OR:
		print_drivers(index, f, expr->left);
		fprintf(f, " UNION ");
		print_drivers(index, f, expr->right);
		break;
	default:
		print_driver(f, expr);
	}
}

/* The term that alone drives @expr, a conjunction: what it says need not be said again. */
static struct expr *only_driver(struct tagindex *index, struct expr *expr)
{
	int64_t left, right;

	if (expr->op == EXPR_TAG || expr->op == EXPR_HASH || expr->op == EXPR_TEXT ||
	    expr->op == EXPR_FACT)
		return expr;
	if (expr->op != EXPR_AND)
		return NULL;
	left = estimate(index, expr->left);
	right = estimate(index, expr->right);
	return only_driver(index, left < 0 || (right >= 0 && right < left) ? expr->right :
									     expr->left);
}

/* ---- what must be true ---- */

static void number_params(struct expr *expr, int *count)
{
	if (expr->op <= EXPR_NOT) {
		number_params(expr->left, count);
		if (expr->right)
			number_params(expr->right, count);
	} else {
		expr->param = ++*count;
		*count += expr->op == EXPR_FACT;
	}
}

static void print_term(FILE *f, const struct expr *expr)
{
	int p = expr->param;

	if (expr->drives) {
		fprintf(f, "1");
		return;
	}
	switch (expr->op) {
	case EXPR_TAG:
		fprintf(f, "EXISTS(SELECT 1 FROM file_tag WHERE tag = ?%d AND node = n.id)", p);
		break;
	case EXPR_NAME:
		fprintf(f, "EXISTS(SELECT 1 FROM name WHERE child = n.id AND matches(?%d, name))",
			p);
		break;
	case EXPR_PATH:
		fprintf(f, "EXISTS(SELECT 1 FROM name WHERE child = n.id "
			"AND path_matches(?%d, parent, name))", p);
		break;
	case EXPR_TYPE:
		fprintf(f, "n.type = ?%d", p);
		break;
	case EXPR_MIME:
		/* '0' is what comes behind '/'. */
		fprintf(f, "EXISTS(SELECT 1 FROM fact WHERE node = n.id AND key = 'type' "
			"AND (value = ?%d OR (value > ?%d || '/' AND value < ?%d || '0')))",
			p, p, p);
		break;
	case EXPR_SIZE:
		fprintf(f, "coalesce(file_size(n.id) %s ?%d, 0)", compare_sql[expr->compare], p);
		break;
	case EXPR_MTIME:
		fprintf(f, "coalesce(file_mtime(n.id) %s ?%d, 0)", compare_sql[expr->compare], p);
		break;
	case EXPR_LINK:
		fprintf(f, "EXISTS(SELECT 1 FROM link WHERE source = n.id AND relation = ?%d)", p);
		break;
	case EXPR_LINKED:
		fprintf(f, "EXISTS(SELECT 1 FROM link WHERE target = n.id AND relation = ?%d)", p);
		break;
	case EXPR_HASH:
		fprintf(f, "EXISTS(SELECT 1 FROM fact WHERE node = n.id AND key = 'sha256' "
			"AND value = ?%d)", p);
		break;
	case EXPR_TEXT:
		fprintf(f, "n.id IN (SELECT rowid FROM fulltext WHERE fulltext MATCH ?%d)", p);
		break;
	case EXPR_FACT:
		fprintf(f, "EXISTS(SELECT 1 FROM file_trait AS f JOIN trait AS t ON t.id = f.trait "
			"WHERE f.node = n.id AND ");
		print_trait(f, expr);
		fprintf(f, ")");
		break;
	default:
		fprintf(f, "0");
	}
}

/* Chains of one operator without parentheses, of which SQLite takes only so many. */
static void print_condition(FILE *f, const struct expr *expr, enum expr_op above)
{
	bool parentheses = expr->op != above && expr->op < EXPR_NOT;

	if (parentheses)
		fprintf(f, "(");
	switch (expr->op) {
	case EXPR_AND:
	case EXPR_OR:
		print_condition(f, expr->left, expr->op);
		fprintf(f, expr->op == EXPR_AND ? " AND " : " OR ");
		print_condition(f, expr->right, expr->op);
		break;
	case EXPR_NOT:
		fprintf(f, "NOT ");
		print_condition(f, expr->left, EXPR_NOT);
		break;
	default:
		print_term(f, expr);
	}
	if (parentheses)
		fprintf(f, ")");
}

/* ---- the statement ---- */

static void bind(struct tagindex *index, sqlite3_stmt *stmt, const struct expr *expr)
{
	int64_t tag = 0;
	char *phrase;

	switch (expr->op) {
	case EXPR_AND:
	case EXPR_OR:
		bind(index, stmt, expr->right);
		bind(index, stmt, expr->left);
		break;
	case EXPR_NOT:
		bind(index, stmt, expr->left);
		break;
	case EXPR_TAG:
		/* 0: there is no such tag. */
		run_tag(index, ST_TAG_FIND, expr->text, &tag);
		sqlite3_bind_int64(stmt, expr->param, tag);
		break;
	case EXPR_TYPE:
		sqlite3_bind_int64(stmt, expr->param, expr->number >> 12);
		break;
	case EXPR_SIZE:
	case EXPR_MTIME:
		sqlite3_bind_int64(stmt, expr->param, expr->number);
		break;
	case EXPR_MIME:
	case EXPR_HASH:
		sqlite3_bind_text(stmt, expr->param, expr->text, -1, SQLITE_TRANSIENT);
		break;
	case EXPR_TEXT:
		/* Out of memory: NULL, which nothing matches. */
		phrase = fulltext_phrase(expr->text);
		sqlite3_bind_text(stmt, expr->param, phrase, -1, free);
		break;
	case EXPR_FACT:
		sqlite3_bind_text(stmt, expr->param + 1, expr->key, -1, SQLITE_TRANSIENT);
		if (expr->text)
			sqlite3_bind_text(stmt, expr->param, expr->text, -1, SQLITE_TRANSIENT);
		else
			sqlite3_bind_int64(stmt, expr->param, expr->number);
		break;
	default:
		sqlite3_bind_blob(stmt, expr->param, expr->text, strlen(expr->text),
				  SQLITE_TRANSIENT);
	}
}

static char *find_sql(struct tagindex *index, const char *before, struct expr *expr,
		      const char *after)
{
	bool driven = estimate(index, expr) >= 0, names = strstr(before, "m.name");
	struct expr *only = driven ? only_driver(index, expr) : NULL;
	int params = 0;
	char *sql = NULL;
	size_t size;
	FILE *f;

	number_params(expr, &params);
	if (only)
		only->drives = true;
	f = open_memstream(&sql, &size);
	if (!f)
		return NULL;
	fprintf(f, "%s", before);
	if (driven) {
		/* CROSS JOIN: in this order. */
		fprintf(f, " FROM (");
		print_drivers(index, f, expr);
		fprintf(f, ") AS d CROSS JOIN node AS n ON n.id = d.id");
	} else {
		fprintf(f, " FROM node AS n");
	}
	if (names)
		fprintf(f, " LEFT JOIN name AS m ON m.child = n.id");
	fprintf(f, " WHERE ");
	print_condition(f, expr, EXPR_NOT);
	fprintf(f, "%s", after);
	if (fclose(f)) {
		free(sql);
		sql = NULL;
	}
	return sql;
}

int find_prepare(struct tagindex *index, const char *before, struct expr *expr, const char *after,
		 sqlite3_stmt **stmt)
{
	char *sql = find_sql(index, before, expr, after);
	int ret = 0;

	*stmt = NULL;
	if (!sql)
		return failed(index, ENOMEM);
	if (sqlite3_prepare_v2(index->db, sql, -1, stmt, NULL) != SQLITE_OK)
		ret = db_failed(index);
	else
		bind(index, *stmt, expr);
	free(sql);
	return ret;
}
