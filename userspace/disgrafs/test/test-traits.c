// SPDX-License-Identifier: GPL-2.0
/*
 * Facts, keywords and automatic tags in the index: what is found and related by them.
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
#include <unistd.h>
#include <cmocka.h>

#include "autotags.h"
#include "traits.h"

#include "fixture.h"
#include "search.h"

/* Makes the file @name, of which @found is known. */
static void make(const char *name, const struct index_findings *found)
{
	struct index_job job = { };
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(index_made(idx, root, name), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_string_equal(job.name, name);
	assert_int_equal(index_found(idx, &job, found), 0);
	close(job.fd);
}

#define FOUND(facts, keywords) &(struct index_findings){ \
	facts, sizeof(facts) / sizeof(*(facts)), keywords, sizeof(keywords) / sizeof(*(keywords)), \
	NULL, 0 }

static void library(void)
{
	struct index_fact a[] = { { "author", "Jane Doe", 0 }, { "pages", "12", 0 },
				  { "type", "x/y", 0 }, { "title", "First", 0 } };
	struct index_fact b[] = { { "author", "JANE DOE", 0 }, { "pages", "100", 0 },
				  { "camera", "Acme", 0 } };
	struct index_fact c[] = { { "author", "John", 0 }, { "pages", "viii", 0 },
				  { "taken", "2020-05-06 10:00:00", 0 }, { "camera", "Acme", 0 } };
	struct index_keyword ak[] = { { "networks", 1.0 }, { "common", 0.5 } };
	struct index_keyword bk[] = { { "common", 0.5 }, { "bridges", 0.4 } };
	struct index_keyword ck[] = { { "Network", 0.2 }, { "common", 1.0 } };

	make("a", FOUND(a, ak));
	make("b", FOUND(b, bk));
	make("c", FOUND(c, ck));
}

static void finding(void **state)
{
	struct expr_error error;

	(void)state;
	library();
	finds("author:\"jane doe\"", "a b ");
	finds("author:J*", "a b c ");
	finds("author:\"jane doe\" pages:>50", "b ");
	finds("pages:12", "a ");
	finds("pages:<=100", "a b ");
	finds("pages:>=12 or author:john", "a b c ");
	finds("not author:\"jane doe\" type:f", "c ");
	finds("camera:acme not pages:100", "c ");
	finds("fact:camera", "b c ");
	finds("fact:camera=ACME author:john", "c ");
	finds("fact:pages<20", "a ");
	finds("fact:type", "");
	finds("taken:2020-05", "c ");
	finds("taken:2020-06 or taken:2021", "");
	finds("taken:>2020-05-01 taken:<2020-05-31", "c ");
	finds("keyword:network", "a c ");
	finds("keyword:NETWORKING", "a c ");
	finds("keyword:bridge or keyword:none", "b ");
	finds("title:first keyword:common", "a ");
	/* A field that is none, and values that are nothing. */
	finds("writer:x", "");
	assert_int_equal(index_search(idx, "author:", &error, add, NULL), -EINVAL);
	assert_int_equal(index_search(idx, "fact:", &error, add, NULL), -EINVAL);
	assert_int_equal(index_search(idx, "pages:>", &error, add, NULL), -EINVAL);
	/* Only ever a value. */
	finds("author:\"x' OR '1'='1\"", "");
	finds("\"fact:x') OR 1=1 --\"", "");
}

/* What is known changes, and goes, with the file. */
static void forgetting(void **state)
{
	struct index_findings nothing = { };
	struct index_job job = { };
	int fd;

	(void)state;
	library();
	assert_int_equal(traits_files(idx, "author", "jane doe"), 2);
	fd = open("a", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "changed", 7), 7);
	assert_int_equal(index_look_at(idx, fd), 0);
	close(fd);
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_int_equal(index_found(idx, &job, &nothing), 0);
	close(job.fd);
	finds("author:\"jane doe\"", "b ");
	finds("keyword:network", "c ");
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(index_sync_names(idx, &(struct index_name){ root, "b" }, 1), 0);
	assert_int_equal(traits_files(idx, "author", "jane doe"), 0);
	assert_int_equal(index_forget_facts(idx), 0);
	finds("fact:author", "");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(traits_files(idx, "author", "john"), 0);
}

static int add_weight(const struct index_fact *fact, void *arg)
{
	if (fact->weight > 0)
		sprintf(strchr(arg, '\0'), "%s=%.2f ", fact->value, fact->weight);
	return 0;
}

static void weights(void **state)
{
	char all[4096] = "";

	(void)state;
	library();
	/* The root and three files; in two of them and in all. ln(1 + 4 / 2), 0.5 ln(1 + 4 / 3). */
	assert_int_equal(index_facts(idx, "a", add_weight, all), 0);
	assert_string_equal(all, "networks=1.10 common=0.42 ");
	strcpy(all, "");
	assert_int_equal(index_facts(idx, "c", add_weight, all), 0);
	assert_string_equal(all, "common=0.85 Network=0.22 ");
}

static int add_related(const struct index_related *related, void *arg)
{
	sprintf(strchr(arg, '\0'), "%s:%.2f:%x ", related->path, related->score, related->why);
	return 0;
}

static void related(void **state)
{
	const unsigned int author = RELATED_FACT | RELATED_FACT_0 << 1;
	const unsigned int both = RELATED_DIR | author | RELATED_KEYWORD;
	char all[4096] = "", wanted[4096];

	(void)state;
	library();
	assert_int_equal(index_related(idx, "a", 10, add_related, all), 0);
	/* The directory; b: the author, and 0.25 of a word of all; c: 0.2 and 0.5 of words. */
	sprintf(wanted, "b:%.2f:%x c:%.2f:%x ", 0.2542 + 1.0986 + 0.25 * 0.8473, both,
		0.2542 + 0.2 * 1.0986 + 0.5 * 0.8473, RELATED_DIR | RELATED_KEYWORD);
	assert_string_equal(all, wanted);
	assert_string_equal(index_shared_fact(1), "author");
	assert_null(index_shared_fact(100));
	strcpy(all, "");
	assert_int_equal(index_related_by(idx, "a", RELATED_FACT, 10, add_related, all), 0);
	sprintf(wanted, "b:%.2f:%x ", 1.0986, author);
	assert_string_equal(all, wanted);
}

/* ---- automatic tags ---- */

static void tag(const char *name, const char *value)
{
	struct index_name at = { root, name };
	int fd = open(name, O_PATH | O_CLOEXEC);

	assert_int_equal(setxattr(name, AUTO_XATTR, value, strlen(value), 0), 0);
	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(fd);
}

static int problem(const char *path, const char *what, int err, void *arg)
{
	assert_int_equal(err, 0);
	strcat(strcat(strcat(strcat(arg, path), ": "), what), "\n");
	return 0;
}

static void automatic(void **state)
{
	struct index_check result = { };
	char problems[1024] = "";

	(void)state;
	library();
	tag("a", "Red,blue,-green,BLUE");
	tag("b", "blue");
	finds("auto:blue", "a b ");
	finds("auto:red", "a ");
	finds("auto:green or auto:-green", "");
	/* They are not the user's, and say nothing of what is related. */
	finds("blue or tag:blue", "");
	tag("b", "red");
	finds("auto:blue", "a ");
	/* Facts come and go without them. */
	assert_int_equal(index_forget_facts(idx), 0);
	finds("auto:red", "a b ");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	finds("auto:red", "a b ");
	assert_int_equal(index_check(idx, false, &result, problem, problems), 0);
	assert_string_equal(problems, "");
	assert_int_equal(setxattr("b", AUTO_XATTR, "x", 1, 0) | removexattr("a", AUTO_XATTR), 0);
	assert_int_equal(index_check(idx, false, &result, problem, problems), 0);
	assert_int_equal(result.problems, 2);
	assert_non_null(strstr(problems, "b: has other automatic tags in the index\n"));
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	finds("auto:red", "");
	finds("auto:x", "b ");
}

/* Not every database takes any bytes, or any number of them. */
static void odd_values(void **state)
{
	char longest[1025], too_long[3001], tags[4096], problems[1024] = "";
	struct index_fact facts[] = { { "author", "J\xff", 0 }, { "title", "\xc3\x84pfel", 0 },
				      { "album", longest, 0 }, { "genre", too_long, 0 },
				      { "camera", "\xed\xa0\x80", 0 } };
	struct index_keyword keywords[] = { { "w\xc3", 1 }, { "word", 1 } };
	struct index_check result = { };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(too_long) - 1; i++)
		too_long[i] = 'a' + rand() % 26;
	too_long[i] = '\0';
	memcpy(longest, too_long, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	make("a", FOUND(facts, keywords));
	finds("title:\xc3\xa4pfel keyword:word", "a ");
	finds("title:\xc3?*", "a ");
	finds("title:\xc3\xa4[a-q]*", "a ");
	sprintf(tags, "album:%s", longest);
	finds(tags, "a ");
	sprintf(tags, "genre:%s", too_long);
	finds(tags, "");
	finds("fact:author or fact:genre or fact:camera", "");
	finds("author:J\xff or keyword:w\xc3 or fact:\xff=x", "");
	finds("author:>\xff or author:\xff* or title:zzz", "");
	sprintf(tags, "b\xff,%s,good", too_long);
	tag("a", tags);
	finds("auto:good", "a ");
	finds("auto:b\xff", "");
	assert_int_equal(index_check(idx, false, &result, problem, problems), 0);
	assert_string_equal(problems, "");
}

static void suggestions(void **state)
{
	struct index_fact facts[] = { { "type", "image/png", 0 }, { "album", "Kind of Blue", 0 },
				      { "title", "So What", 0 }, { "tag", "cat", 0 },
				      { "tag", "-odd", 0 } };
	struct index_keyword keywords[] = {
		{ "one", 0.6 }, { "two", 0.9 }, { "three", 0.8 }, { "four", 0.7 }, { "five", 1 },
		{ "six", 0.5 },
	};
	struct index_job job = { };
	struct tags tags;
	size_t len;
	char *value;

	(void)state;
	make("a", FOUND(facts, keywords));
	job.node = 2;
	assert_int_equal(index_suggest_tags(idx, &job, &tags), 0);
	value = tags_format(&tags, &len);
	assert_string_equal(value, "Kind of Blue,cat,image,five,two,three,four,one");
	free(value);
	tags_free(&tags);
}

/* Nothing goes through a whole table. */
static void plans(void **state)
{
	static const char *const queries[] = {
		"SELECT files FROM trait WHERE key = 'a' AND value = 'b'",
		"SELECT id, key, files, weight FROM file_trait JOIN trait ON id = trait "
		"WHERE node = 1 AND files > 1 AND key <> 'auto' ORDER BY files",
		"SELECT node, weight FROM file_trait WHERE trait = 1",
		"SELECT DISTINCT f.node AS id FROM trait AS t CROSS JOIN file_trait AS f "
		"ON f.trait = t.id WHERE t.key = 'a' AND t.value = 'b'",
		"SELECT 1 FROM file_trait AS f JOIN trait AS t ON t.id = f.trait WHERE f.node = 1 "
		"AND t.key = 'a' AND t.number > 5",
	};
	char explain[1024];
	struct db_stmt *stmt;
	char *step;
	size_t i;

	(void)state;
	needs_sqlite();
	for (i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", queries[i]);
		stmt = db_prepare(idx->db, explain, false);
		assert_non_null(stmt);
		while (db_step(stmt) > 0) {
			step = column_string(stmt, 3);
			if (!strncmp(step, "SCAN", 4))
				fail_msg("%s: %s", queries[i], step);
			free(step);
		}
		db_finalize(stmt);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finding), TEST(forgetting), TEST(weights), TEST(related), TEST(automatic),
		TEST(odd_values), TEST(suggestions), TEST(plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
