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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "beneath.h"
#include "find.h"
#include "fulltext.h"
#include "pattern.h"
#include "traits.h"

/* How many files a term may lead to, where nobody counts. */
#define GUESS_NAME 8
#define GUESS_HASH 8
#define GUESS_LINK 1000
#define GUESS_TEXT 1000
#define GUESS_FACT 2000

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

/* Where the reference of a link leads nowhere, its path counts, as in index_links(). */
static int print_lost(struct tagindex *index, FILE *f, const char *relation)
{
	struct db_stmt *stmt = statement(index, ST_LINKS_LOST);
	int rc = 0, ret = 0;
	int64_t node;

	if (!stmt)
		return db_failed(index);
	db_bind_string(stmt, 1, relation);
	while (ret >= 0 && (rc = db_step(stmt)) > 0) {
		ret = column_node(index, stmt, 0, &node);
		if (ret > 0)
			fprintf(f, ", %lld", (long long)node);
	}
	if (rc < 0)
		ret = db_failed(index);
	db_reset(stmt);
	return ret < 0 ? ret : 0;
}

/* Sets nodes in @expr. 0 or -errno. */
static int find_lost(struct tagindex *index, struct expr *expr)
{
	size_t size;
	FILE *f;
	int ret;

	if (expr->op <= EXPR_NOT) {
		ret = find_lost(index, expr->left);
		return ret || !expr->right ? ret : find_lost(index, expr->right);
	}
	if (expr->op != EXPR_LINKED)
		return 0;
	f = open_memstream(&expr->nodes, &size);
	if (!f)
		return failed(index, ENOMEM);
	fprintf(f, "0");	/* none */
	ret = print_lost(index, f, expr->text);
	return fclose(f) ? failed(index, ENOMEM) : ret;
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

	fprintf(f, "t.key = ?%d", p);
	if (expr->any)
		return;
	if (!expr->text)
		fprintf(f, " AND t.number %s ?%d", compare_sql[expr->compare], p + 1);
	else if (expr->compare == EXPR_EQ && has_wildcard(expr->text))
		fprintf(f, " AND matches(?%d, t.value)", p + 1);
	else
		fprintf(f, " AND t.value %s ?%d", compare_sql[expr->compare], p + 1);
}

static void print_driver(struct tagindex *index, FILE *f, const struct expr *expr)
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
		fprintf(f, "SELECT target AS id FROM link WHERE relation = ?%d "
			"UNION SELECT id FROM node WHERE id IN (%s)", expr->param, expr->nodes);
		break;
	case EXPR_HASH:
		fprintf(f, "SELECT node AS id FROM fact WHERE key = 'sha256' AND value = ?%d",
			expr->param);
		break;
	case EXPR_TEXT:
		fprintf(f, index->dialect->text_nodes, expr->param);
		break;
	case EXPR_FACT:
		fprintf(f, "SELECT DISTINCT f.node AS id FROM trait AS t %s file_trait AS f "
			"ON f.trait = t.id WHERE ", index->dialect->in_order);
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
		print_driver(index, f, expr);
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

/* What the database has no idea of, for it sees no files. */
static bool is_ours(struct tagindex *index, const struct expr *expr)
{
	return !index->dialect->sees_files && (expr->op == EXPR_SIZE || expr->op == EXPR_MTIME);
}

static void number_params(struct tagindex *index, struct expr *expr, int *count)
{
	if (expr->op <= EXPR_NOT) {
		number_params(index, expr->left, count);
		if (expr->right)
			number_params(index, expr->right, count);
	} else if (!is_ours(index, expr)) {
		expr->param = ++*count;
		*count += expr->op == EXPR_FACT && !expr->any;
	}
}

static void print_term(struct tagindex *index, FILE *f, const struct expr *expr)
{
	int p = expr->param;

	if (expr->drives) {
		fprintf(f, "1 = 1");
		return;
	}
	switch (expr->op) {
	case EXPR_TAG:
		fprintf(f, "EXISTS(SELECT 1 FROM file_tag WHERE tag = ?%d AND node = n.id)", p);
		break;
	case EXPR_NAME:
		fprintf(f, has_wildcard(expr->text) ?
			"EXISTS(SELECT 1 FROM name WHERE child = n.id AND matches(?%d, name))" :
			"EXISTS(SELECT 1 FROM name WHERE child = n.id AND name = ?%d)", p);
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
		fprintf(f, "(n.id IN (%s) OR EXISTS("
			"SELECT 1 FROM link WHERE target = n.id AND relation = ?%d))",
			expr->nodes, p);
		break;
	case EXPR_HASH:
		fprintf(f, "EXISTS(SELECT 1 FROM fact WHERE node = n.id AND key = 'sha256' "
			"AND value = ?%d)", p);
		break;
	case EXPR_TEXT:
		fprintf(f, "n.id IN (");
		fprintf(f, index->dialect->text_nodes, p);
		fprintf(f, ")");
		break;
	case EXPR_FACT:
		fprintf(f, "EXISTS(SELECT 1 FROM file_trait AS f JOIN trait AS t ON t.id = f.trait "
			"WHERE f.node = n.id AND ");
		print_trait(f, expr);
		fprintf(f, ")");
		break;
	default:
		fprintf(f, "1 = 0");
	}
}

/*
 * What is ours is not false where that is what is wanted, so that more may match: see
 * find_agrees(). Chains of one operator without parentheses, of which SQLite takes
 * only so many.
 */
static void print_condition(struct tagindex *index, FILE *f, const struct expr *expr,
			    enum expr_op above, bool negated)
{
	bool parentheses = expr->op != above && expr->op < EXPR_NOT;

	if (parentheses)
		fprintf(f, "(");
	switch (expr->op) {
	case EXPR_AND:
	case EXPR_OR:
		print_condition(index, f, expr->left, expr->op, negated);
		fprintf(f, expr->op == EXPR_AND ? " AND " : " OR ");
		print_condition(index, f, expr->right, expr->op, negated);
		break;
	case EXPR_NOT:
		fprintf(f, "NOT ");
		print_condition(index, f, expr->left, EXPR_NOT, !negated);
		break;
	default:
		if (is_ours(index, expr))
			fprintf(f, negated ? "1 = 0" : "1 = 1");
		else
			print_term(index, f, expr);
		fprintf(f, "%s", index->dialect->after_term);
	}
	if (parentheses)
		fprintf(f, ")");
}

/* ---- the statement ---- */

static bool has_ours(struct tagindex *index, const struct expr *expr)
{
	if (expr->op > EXPR_NOT)
		return is_ours(index, expr);
	return has_ours(index, expr->left) || (expr->right && has_ours(index, expr->right));
}

/* Asks for what each of the database's terms is, from column *@column on. */
static void print_terms(struct tagindex *index, FILE *f, struct expr *expr, int *column)
{
	if (expr->op <= EXPR_NOT) {
		print_terms(index, f, expr->left, column);
		if (expr->right)
			print_terms(index, f, expr->right, column);
	} else if (!is_ours(index, expr)) {
		fprintf(f, ", ");
		print_term(index, f, expr);
		expr->column = (*column)++;
	}
}

static bool compare(int64_t a, enum expr_compare how, int64_t b)
{
	switch (how) {
	case EXPR_LT:
		return a < b;
	case EXPR_GT:
		return a > b;
	case EXPR_LE:
		return a <= b;
	case EXPR_GE:
		return a >= b;
	default:
		return a == b;
	}
}

/* @st: NULL: it is not there, so that no comparison is true. */
static bool agrees(struct tagindex *index, const struct expr *expr, struct db_stmt *stmt,
		   const struct stat *st)
{
	switch (expr->op) {
	case EXPR_AND:
		return agrees(index, expr->left, stmt, st) && agrees(index, expr->right, stmt, st);
	case EXPR_OR:
		return agrees(index, expr->left, stmt, st) || agrees(index, expr->right, stmt, st);
	case EXPR_NOT:
		return !agrees(index, expr->left, stmt, st);
	case EXPR_SIZE:
		return st && compare(st->st_size, expr->compare, expr->number);
	case EXPR_MTIME:
		return st && compare(st->st_mtime, expr->compare, expr->number);
	default:
		return db_int(stmt, expr->column);
	}
}

bool find_agrees(struct tagindex *index, const struct expr *expr, struct db_stmt *stmt,
		 const char *path)
{
	struct stat st;
	bool found;

	if (!has_ours(index, expr))
		return true;
	found = stat_beneath(index->root, path, &st) == 0;
	return agrees(index, expr, stmt, found ? &st : NULL);
}

/* The text of a pattern, as the database takes it. */
static void bind_pattern(struct tagindex *index, struct db_stmt *stmt, int param,
			 const char *pattern)
{
	char *regex;

	if (index->dialect->sees_files) {
		db_bind_string(stmt, param, pattern);
		return;
	}
	regex = pattern_regex(pattern);
	/* Out of memory: nothing matches. */
	if (regex)
		db_bind_string(stmt, param, regex);
	else
		db_bind_null(stmt, param);
	free(regex);
}

/* What no value of a file can be, and no database may take, is as NULL: nothing. */
static void bind_value(struct db_stmt *stmt, int param, const char *value)
{
	if (trait_is_value(value))
		db_bind_text(stmt, param, value, strlen(value));
	else
		db_bind_null(stmt, param);
}

static void bind_fact(struct tagindex *index, struct db_stmt *stmt, const struct expr *expr)
{
	bind_value(stmt, expr->param, expr->key);
	if (expr->any)
		return;
	if (!expr->text)
		db_bind_int(stmt, expr->param + 1, expr->number);
	else if (expr->compare == EXPR_EQ && has_wildcard(expr->text))
		bind_pattern(index, stmt, expr->param + 1, expr->text);
	else
		bind_value(stmt, expr->param + 1, expr->text);
}

static void bind(struct tagindex *index, struct db_stmt *stmt, const struct expr *expr)
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
		db_bind_int(stmt, expr->param, tag);
		break;
	case EXPR_TYPE:
		db_bind_int(stmt, expr->param, expr->number >> 12);
		break;
	case EXPR_SIZE:
	case EXPR_MTIME:
		if (!is_ours(index, expr))
			db_bind_int(stmt, expr->param, expr->number);
		break;
	case EXPR_NAME:
		if (has_wildcard(expr->text))
			bind_pattern(index, stmt, expr->param, expr->text);
		else
			db_bind_string(stmt, expr->param, expr->text);
		break;
	case EXPR_PATH:
		bind_pattern(index, stmt, expr->param, expr->text);
		break;
	case EXPR_MIME:
	case EXPR_HASH:
		bind_value(stmt, expr->param, expr->text);
		break;
	case EXPR_TEXT:
		/* Out of memory: NULL, which nothing matches. */
		phrase = fulltext_phrase(expr->text);
		if (phrase)
			db_bind_text(stmt, expr->param, phrase, strlen(phrase));
		else
			db_bind_null(stmt, expr->param);
		free(phrase);
		break;
	case EXPR_FACT:
		bind_fact(index, stmt, expr);
		break;
	default:
		db_bind_string(stmt, expr->param, expr->text);
	}
}

static char *find_sql(struct tagindex *index, const char *before, struct expr *expr,
		      const char *after)
{
	bool driven = estimate(index, expr) >= 0, names = strstr(before, "m.name");
	struct expr *only = driven ? only_driver(index, expr) : NULL;
	int params = 0, column = FIND_COLUMNS;
	char *sql = NULL;
	size_t size;
	FILE *f;

	number_params(index, expr, &params);
	if (only)
		only->drives = true;
	f = open_memstream(&sql, &size);
	if (!f)
		return NULL;
	fprintf(f, "%s", before);
	if (names && has_ours(index, expr))
		print_terms(index, f, expr, &column);
	if (driven) {
		fprintf(f, " FROM (");
		print_drivers(index, f, expr);
		fprintf(f, ") AS d %s node AS n ON n.id = d.id", index->dialect->in_order);
	} else {
		fprintf(f, " FROM node AS n");
	}
	if (names)
		fprintf(f, " LEFT JOIN name AS m ON m.child = n.id");
	fprintf(f, " WHERE ");
	print_condition(index, f, expr, EXPR_NOT, false);
	fprintf(f, "%s", after);
	if (fclose(f)) {
		free(sql);
		sql = NULL;
	}
	return sql;
}

int find_prepare(struct tagindex *index, const char *before, struct expr *expr, const char *after,
		 struct db_stmt **stmt)
{
	int ret = find_lost(index, expr);
	char *sql;

	*stmt = NULL;
	if (ret < 0)
		return ret;
	sql = find_sql(index, before, expr, after);
	if (!sql)
		return failed(index, ENOMEM);
	*stmt = db_prepare(index->db, sql, false);
	if (!*stmt)
		ret = db_failed(index);
	else
		bind(index, *stmt, expr);
	free(sql);
	return ret;
}
