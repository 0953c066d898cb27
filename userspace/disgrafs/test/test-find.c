// SPDX-License-Identifier: GPL-2.0
/*
 * Find expressions against files, and how SQLite goes about them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "find.h"
#include "index.h"
#include "tags.h"

#include "fixture.h"
#include "plan.h"

static void make(const char *path, size_t size, const char *tags)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	if (*tags && fsetxattr(fd, TAGS_XATTR, tags, strlen(tags), 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	close(fd);
}

struct found {
	char *path[64];
	size_t count;
};

static int add(uint64_t ino, const char *path, void *arg)
{
	struct found *found = arg;

	(void)ino;
	found->path[found->count++] = strdup(path);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void finds(const char *expression, const char *wanted)
{
	struct expr_error error;
	struct found found = { };
	char all[4096] = "";
	size_t i;

	if (index_search(idx, expression, &error, add, &found) < 0)
		fail_msg("%s: %s", expression, index_error(idx));
	qsort(found.path, found.count, sizeof(char *), by_path);
	for (i = 0; i < found.count; i++) {
		strcat(strcat(all, found.path[i]), " ");
		free(found.path[i]);
	}
	if (strcmp(all, wanted))
		fail_msg("%s: found '%s', not '%s'", expression, all, wanted);
}

static void expressions(void **state)
{
	struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct expr_error error;

	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("d/e", 0700), 0);
	make("a.txt", 0, "t");
	make("b.txt", 2000, "t,u");
	make("d/a.jpg", 5000000, "u,two words");
	make("d/e/A.JPG", 10, "");
	assert_int_equal(symlink("a.txt", "d/link") | link("b.txt", "d/b2"), 0);
	assert_int_equal(utimensat(AT_FDCWD, "d/a.jpg", old, 0), 0);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	finds("t", "a.txt b.txt d/b2 ");
	finds("t u", "b.txt d/b2 ");
	finds("t or u", "a.txt b.txt d/a.jpg d/b2 ");
	finds("not t and not type:d", "d/a.jpg d/e/A.JPG d/link ");
	finds("t and not u", "a.txt ");
	finds("nothing", "");
	finds("t or nothing", "a.txt b.txt d/b2 ");
	finds("t and nothing", "");
	finds("\"two words\"", "d/a.jpg ");
	finds("tag:'two words' or (t not u)", "a.txt d/a.jpg ");
	finds("type:d", ". d d/e ");
	finds("type:l", "d/link ");
	finds("name:*.jpg", "d/a.jpg ");
	finds("name:*.[jJ][pP][gG] type:f", "d/a.jpg d/e/A.JPG ");
	finds("name:a.txt", "a.txt ");
	finds("name:b2", "b.txt d/b2 ");
	finds("name:a.txt or name:a.jpg", "a.txt d/a.jpg ");
	finds("path:d/* type:f not t", "d/a.jpg d/e/A.JPG ");
	finds("size:>1k type:f", "b.txt d/a.jpg d/b2 ");
	finds("size:2000", "b.txt d/b2 ");
	finds("t size:0", "a.txt ");
	finds("size:<=10 type:f", "a.txt d/e/A.JPG ");
	finds("name:b2 or name:b.txt", "b.txt d/b2 ");
	finds("u mtime:>1w", "d/a.jpg ");
	finds("u mtime:<1h", "b.txt d/b2 ");
	finds("mtime:<2002-01-01", "d/a.jpg ");
	finds("not (t or u or type:d or type:l)", "d/e/A.JPG ");
	finds("\"';DROP TABLE node;--\"", "");
	/* Sizes are those that the files have now. */
	assert_int_equal(truncate("a.txt", 3000000), 0);
	finds("size:>2M", "a.txt d/a.jpg ");
	assert_int_equal(unlink("a.txt"), 0);
	finds("size:>2M", "d/a.jpg ");
	finds("not size:>2M type:f t", "a.txt b.txt d/b2 ");
	assert_int_equal(index_search(idx, "t and", &error, add, NULL), -EINVAL);
	assert_int_equal(error.position, 6);
}

static int count(uint64_t ino, const char *path, void *arg)
{
	(void)ino;
	(void)path;
	++*(size_t *)arg;
	return 0;
}

/* As many terms and as deep as an expression may be. */
static void large(void **state)
{
	struct expr_error error;
	char *text = NULL;
	size_t size, found = 0;
	FILE *f;
	int i;

	(void)state;
	/* PostgreSQL's planner takes minutes. */
	needs_sqlite();
	f = open_memstream(&text, &size);
	make("f", 0, "t");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	for (i = 0; i < 11; i++)
		fprintf(f, "not (x%d or ", i);
	for (i = 0; i < 475; i++)
		fprintf(f, "%s ", i % 3 ? "t" : "name:f");
	for (i = 0; i < 11; i++)
		fprintf(f, ")");
	fclose(f);
	assert_int_equal(index_search(idx, text, &error, count, &found), 0);
	assert_int_equal(found, 1);
	free(text);
}

/* What SQLite does for an expression. */
static char *plan(const char *expression)
{
	struct expr_error error;
	struct expr *expr = expr_parse(expression, &error);
	struct db_stmt *stmt;
	char *out;

	assert_non_null(expr);
	assert_int_equal(find_prepare(idx, "SELECT n.ino, m.parent, m.name, n.id", expr,
				      " ORDER BY n.id, m.parent, m.name", &stmt), 0);
	out = plan_of(stmt->sql);
	db_finalize(stmt);
	expr_free(expr);
	return out;
}

static void uses_indexes(const char *expression, const char *first)
{
	char *lines = plan(expression);

	if (strstr(lines, "SCAN n") || strstr(lines, "SCAN m") || !strstr(lines, first))
		fail_msg("%s:\n%s", expression, lines);
	free(lines);
}

static void plans(void **state)
{
	char *lines;

	(void)state;
	needs_sqlite();
	make("f", 0, "t,u,v,u2");
	make("g", 0, "t");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	uses_indexes("t", "SEARCH file_tag USING PRIMARY KEY (tag=?)");
	uses_indexes("t u", "SEARCH file_tag USING PRIMARY KEY (tag=? AND node=?)");
	uses_indexes("t (u or v)", "SEARCH file_tag USING PRIMARY KEY (tag=? AND node=?)");
	uses_indexes("t or u", "SEARCH file_tag USING PRIMARY KEY (tag=?)");
	uses_indexes("t not u size:>1k", "SEARCH file_tag USING PRIMARY KEY (tag=?)");
	uses_indexes("name:f type:f", "SEARCH name USING INDEX name_stem (stem=?)");
	uses_indexes("link:cites", "USING COVERING INDEX link_relation");
	uses_indexes("t linked:cites", "link");
	uses_indexes("text:word", "fulltext VIRTUAL TABLE INDEX");
	/* The rare tag leads to the files, wherever it stands. */
	lines = plan("t u");
	free(lines);
	/* Nothing to lead to them: all are looked at. */
	lines = plan("not t");
	assert_non_null(strstr(lines, "SCAN n"));
	free(lines);
}

static void tag_plan(void **state)
{
	char *lines;

	(void)state;
	needs_sqlite();
	lines = plan_of(statement(idx, ST_TAGS_BETWEEN)->sql);
	assert_string_equal(lines,
			    "SEARCH tag USING INDEX sqlite_autoindex_tag_1 (name>? AND name<?)\n");
	free(lines);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(expressions), TEST(large), TEST(plans), TEST(tag_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
