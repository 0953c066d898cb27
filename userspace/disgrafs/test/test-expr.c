// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "expr.h"

static const char *const names[] = {
	[EXPR_TAG] = "", [EXPR_NAME] = "name:", [EXPR_PATH] = "path:", [EXPR_TYPE] = "type:",
	[EXPR_SIZE] = "size:", [EXPR_MTIME] = "mtime:", [EXPR_LINK] = "link:",
	[EXPR_LINKED] = "linked:", [EXPR_MIME] = "mime:", [EXPR_HASH] = "hash:",
	[EXPR_TEXT] = "text:",
};

/* Fully parenthesized, terms in brackets. */
static void print(FILE *f, const struct expr *e)
{
	static const char *const compare[] = { "=", "<", ">", "<=", ">=" };

	if (e->op == EXPR_NOT) {
		fprintf(f, "!");
		print(f, e->left);
	} else if (e->op == EXPR_AND || e->op == EXPR_OR) {
		fprintf(f, "(");
		print(f, e->left);
		fprintf(f, e->op == EXPR_AND ? "&" : "|");
		print(f, e->right);
		fprintf(f, ")");
	} else if (e->op == EXPR_FACT) {
		fprintf(f, "[%s%s", e->key, e->any ? "" : compare[e->compare]);
		if (e->text)
			fprintf(f, "'%s'", e->text);
		else if (!e->any)
			fprintf(f, "%lld", (long long)e->number);
		fprintf(f, "]");
	} else if (e->text) {
		fprintf(f, "[%s%s]", names[e->op], e->text);
	} else {
		fprintf(f, "[%s%s%lld]", names[e->op], e->op == EXPR_TYPE ? "" : compare[e->compare],
			(long long)e->number);
	}
}

static void parses_as(const char *text, const char *wanted)
{
	struct expr_error error;
	struct expr *expr = expr_parse(text, &error);
	char *out = NULL;
	size_t size;
	FILE *f;

	if (!expr)
		fail_msg("'%s': %zu: %s", text, error.position, error.message);
	f = open_memstream(&out, &size);
	print(f, expr);
	fclose(f);
	assert_string_equal(out, wanted);
	free(out);
	expr_free(expr);
}

static void fails_at(const char *text, size_t position, const char *message)
{
	struct expr_error error;
	struct expr *expr = expr_parse(text, &error);

	assert_null(expr);
	if (error.position != position || !strstr(error.message, message))
		fail_msg("'%s': %zu: %s", text, error.position, error.message);
}

static void structure(void **state)
{
	(void)state;
	parses_as("a", "[a]");
	parses_as("a b", "([a]&[b])");
	parses_as("a and b or c", "(([a]&[b])|[c])");
	parses_as("a or b and c", "([a]|([b]&[c]))");
	parses_as("a or b c or d", "(([a]|([b]&[c]))|[d])");
	parses_as("not a b", "(![a]&[b])");
	parses_as("not not a", "!![a]");
	parses_as("not (a or b) AND c", "(!([a]|[b])&[c])");
	parses_as("(a)(b)", "([a]&[b])");
	parses_as(" ( a or(b) ) ", "([a]|[b])");
	parses_as("android order note", "(([android]&[order])&[note])");
}

static void words(void **state)
{
	(void)state;
	parses_as("\"a b\"", "[a b]");
	parses_as("'a \"b\"'", "[a \"b\"]");
	parses_as("\"a \\\" \\\\ b\"", "[a \" \\ b]");
	parses_as("\"and\" 'or' tag:not", "(([and]&[or])&[not])");
	parses_as("don't 5\"", "([don't]&[5\"])");
	parses_as("mood:calm a:b:c :x", "(([mood:calm]&[a:b:c])&[:x])");
	parses_as("\"name:x\" tag:name:x", "([name:x]&[name:x])");
	parses_as("tag:\"(x)\"", "[(x)]");
	parses_as("a/b %2F \xff\xfe", "(([a/b]&[%2F])&[\xff\xfe])");
	parses_as("\xe6\xa0\x87\xe7\xad\xbe", "[\xe6\xa0\x87\xe7\xad\xbe]");
	parses_as("name:'*.j pg'", "[name:*.j pg]");
	parses_as("'; DROP TABLE node; --'", "[; DROP TABLE node; --]");
}

static void parses_as_age(const char *text, enum expr_compare compare, time_t age)
{
	time_t before = time(NULL);
	struct expr_error error;
	struct expr *expr = expr_parse(text, &error);

	assert_non_null(expr);
	assert_int_equal(expr->op, EXPR_MTIME);
	assert_int_equal(expr->compare, compare);
	assert_in_range(expr->number + age, before, time(NULL));
	expr_free(expr);
}

static void fields(void **state)
{
	(void)state;
	parses_as("type:f", "[type:32768]");
	parses_as("type:image type:text/plain", "([mime:image]&[mime:text/plain])");
	parses_as("type:d or type:l", "([type:16384]|[type:40960])");
	parses_as("size:10", "[size:=10]");
	parses_as("size:>10k size:<=2M", "([size:>10240]&[size:<=2097152])");
	parses_as("size:>=1G size:<1T", "([size:>=1073741824]&[size:<1099511627776])");
	parses_as("path:docs/* link:cites linked:cites", "(([path:docs/*]&[link:cites])&[linked:cites])");
	parses_as("author:Jane pages:>10 pages:12 year:<=1960",
		  "((([author='jane']&[pages>10])&[pages='12'])&[year<=1960])");
	parses_as("album:\"Kind of *\" keyword:Networks",
		  "([album='kind of *']&[keyword='network'])");
	parses_as("taken:2020-05 taken:>=2020-05-01 taken:2020*",
		  "(([taken='2020-05*']&[taken>='2020-05-01'])&[taken='2020*'])");
	parses_as("fact:colour fact:colour=Red fact:width>5 fact:a<=b",
		  "((([colour]&[colour='red'])&[width>5])&[a<='b'])");
	parses_as("text:word text:\"a phrase\"", "([text:word]&[text:a phrase])");
	parses_as("hash:E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "[hash:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855]");
	parses_as_age("mtime:<7d", EXPR_GT, 7 * 86400);
	parses_as_age("mtime:>=30m", EXPR_LE, 30 * 60);
	parses_as_age("mtime:<=2y", EXPR_GE, 2 * 365 * 86400);
	setenv("TZ", "UTC0", 1);
	tzset();
	parses_as("mtime:>2026-01-31", "[mtime:>1769817600]");
	parses_as("mtime:>2024-02-29", "[mtime:>1709164800]");
}

static void errors(void **state)
{
	char deep[4096] = "";
	int i;

	(void)state;
	fails_at("", 1, "is missing");
	fails_at("   ", 4, "is missing");
	fails_at("a and", 6, "is missing");
	fails_at("or a", 1, "is missing");
	fails_at("a or or b", 6, "is missing");
	fails_at("a not", 6, "is missing");
	fails_at("()", 2, "is missing");
	fails_at("a (b or c", 3, "not closed");
	fails_at("((a)", 1, "not closed");
	fails_at("a) b", 2, "no parenthesis");
	fails_at("a \"b c", 3, "quote is not closed");
	fails_at("a name:'b", 8, "quote is not closed");
	fails_at("\"a\\", 1, "quote is not closed");
	fails_at("\"a\"b", 4, "space is missing");
	fails_at("a mtime:>2024-02-30", 3, "no such day");
	fails_at("mtime:<2023-02-29", 1, "no such day");
	fails_at("mtime:>2024-13-01", 1, "mtime: is");
	fails_at("a type:x", 3, "type:");
	fails_at("type:", 1, "type:");
	fails_at("type:imag", 1, "type:");
	fails_at("type:image/", 1, "type:");
	fails_at("type:ff", 1, "type:");
	fails_at("size:big", 1, "size:");
	fails_at("size:", 1, "size:");
	fails_at("size:>", 1, "size:");
	fails_at("size:-1", 1, "size:");
	fails_at("size:1X", 1, "size:");
	fails_at("size:1kk", 1, "size:");
	fails_at("size:99999999999999999999", 1, "size:");
	fails_at("size:9999999999999T", 1, "size:");
	fails_at("mtime:7d", 1, "mtime:");
	fails_at("mtime:<7", 1, "mtime:");
	fails_at("mtime:<7q", 1, "mtime:");
	fails_at("mtime:<2026-13-01", 1, "mtime:");
	fails_at("x name:", 3, "value is missing");
	fails_at("hash:abc", 1, "hash:");
	fails_at("author:", 1, "value is missing");
	fails_at("a pages:>", 3, "value is missing");
	fails_at("taken:", 1, "value is missing");
	fails_at("fact:", 1, "fact:");
	fails_at("fact:=x", 1, "fact:");
	fails_at("fact:x=", 1, "value is missing");
	fails_at("text:", 1, "value is missing");
	fails_at("tag:\"\"", 1, "value is missing");
	fails_at("\"\"", 1, "value is missing");
	for (i = 0; i < 30; i++)
		strcat(deep, "(");
	fails_at(deep, 25, "nested");
	deep[0] = '\0';
	for (i = 0; i < 501; i++)
		strcat(deep, "a ");
	fails_at(deep, 1001, "terms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),
		cmocka_unit_test(words),
		cmocka_unit_test(fields),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
