// SPDX-License-Identifier: GPL-2.0
/*
 * What is related to a file, in which order, and that no question goes through
 * all files.
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

#include "indexdb.h"
#include "links.h"
#include "tags.h"

#include "fixture.h"
#include "plan.h"

static void make(const char *path, const char *tags)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	if (*tags && fsetxattr(fd, TAGS_XATTR, tags, strlen(tags), 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	close(fd);
}

/* Somebody looked into the file, which has @size bytes with that hash. */
static void look(const char *path, const char *hash, off_t size)
{
	struct index_fact fact = { "sha256", hash, 0 };
	struct index_findings found = { .fact = &fact, .count = 1 };
	struct index_job job = { .fd = open(path, O_WRONLY) };
	int64_t node;

	assert_int_equal(ftruncate(job.fd, size) | fstat(job.fd, &job.st), 0);
	assert_int_equal(path_node(idx, path, &node), 1);
	assert_int_equal(index_look_at(idx, job.fd), 0);
	job.node = node;
	assert_int_equal(index_found(idx, &job, &found), 0);
	close(job.fd);
}

static int add(const struct index_related *related, void *arg)
{
	char *all = arg;

	sprintf(all + strlen(all), "%s%s%s%s%s%s ", related->path,
		related->why & RELATED_TAG ? "+t" : "", related->why & RELATED_LINK ? "+l" : "",
		related->why & RELATED_CONTENTS ? "+c" : "",
		related->why & RELATED_STEM ? "+s" : "", related->why & RELATED_DIR ? "+d" : "");
	return 0;
}

static void assert_related(const char *path, size_t max, const char *wanted)
{
	char all[4096] = "";

	assert_int_equal(index_related(idx, path, max, add, all), 0);
	assert_string_equal(all, wanted);
}

static void assert_related_by(unsigned int why, const char *wanted)
{
	char all[4096] = "";

	assert_int_equal(index_related_by(idx, "d/a.txt", why, 10, add, all), 0);
	assert_string_equal(all, wanted);
}

static int add_score(const struct index_related *related, void *arg)
{
	*(double *)arg += related->score;
	return 0;
}

static void ranks(void **state)
{
	double stem = 0, both = 0;
	struct links links = { };
	char name[32];
	int i;

	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("e", 0700) | mkdir("many", 0700), 0);
	make("d/a.txt", "common,rare");
	make("e/rare", "rare");
	make("e/both", "common,rare");
	make("e/a.jpg", "");
	make("e/linked", "");
	make("d/beside", "");
	make("e/nothing", "other");
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		make(name, "common");
	}
	assert_int_equal(links_add(&links, "see", "e/linked", ""), 0);
	assert_int_equal(links_write(&links, "see", "d/a.txt"), 0);
	links_free(&links);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_related("d/a.txt", 5, "e/linked+l e/both+t e/a.jpg+s e/rare+t d/beside+d ");
	assert_related("d/a.txt", 1, "e/linked+l ");
	assert_related("d/beside", 10, "d/a.txt+d ");
	assert_related("e/linked", 1, "d/a.txt+l ");
	look("d/a.txt", "1", 10);
	look("e/nothing", "1", 10);
	look("e/rare", "2", 10);
	make("e/b.txt", "rare");
	make("e/b.jpg", "rare");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	/* What it has in common otherwise does not count. */
	assert_int_equal(index_related_by(idx, "e/b.txt", RELATED_STEM, 1, add_score, &stem), 0);
	assert_int_equal(index_related_by(idx, "e/b.txt", RELATED_STEM | RELATED_TAG, 1, add_score,
					  &both), 0);
	assert_true(stem > 0 && both > stem);
	assert_int_equal(unlink("e/b.txt") | unlink("e/b.jpg"), 0);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_related("d/a.txt", 3, "e/linked+l e/nothing+c e/both+t ");
	assert_related_by(RELATED_LINK, "e/linked+l ");
	assert_related_by(RELATED_STEM, "e/a.jpg+s ");
	assert_related_by(RELATED_CONTENTS | RELATED_DIR, "e/nothing+c d/beside+d ");
	assert_related_by(RELATED_FACT | RELATED_KEYWORD, "");
	assert_related("e/nothing", 1, "d/a.txt+c ");
	/* Nothing is not much to have in common. */
	look("d/a.txt", "0", 0);
	look("e/nothing", "0", 0);
	assert_related("d/a.txt", 2, "e/linked+l e/both+t ");
	assert_int_equal(index_related(idx, "none", 5, add, NULL), -ENOENT);
}

/* A tag that very many have does not make everything related, but still counts. */
static void common(void **state)
{
	char query[256], all[4096] = "";
	int i;

	(void)state;
	make("a", "all,rare");
	make("b", "all,rare");
	make("c", "rare");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(db_exec(idx->db, "BEGIN"), 0);
	for (i = 0; i < 20000; i++) {
		snprintf(query, sizeof(query), "INSERT INTO node VALUES(%d, 9, %d, 8, 1);"
			 "INSERT INTO file_tag SELECT tag, %d, 0 FROM file_tag "
			 "WHERE node = (SELECT child FROM name WHERE length(name) = 1 "
			 "ORDER BY name LIMIT 1) AND position = 0",
			 i + 1000, i, i + 1000);
		assert_int_equal(db_exec(idx->db, query), 0);
	}
	assert_int_equal(db_exec(idx->db, "COMMIT"), 0);
	assert_int_equal(index_related(idx, "a", 10, add, all), 0);
	assert_string_equal(all, "b+t+d c+t+d ");
}

static void plans(void **state)
{
	static const enum statement asked[] = {
		ST_TAG_NODES, ST_NODE_TAGS, ST_NODE_TAGS_BY_FILES, ST_FILE_HAS_TAG, ST_NAMES_OF,
		ST_STEM_NODES, ST_DIR_NODES, ST_LINKED_NODES, ST_SAME_CONTENTS, ST_LINKS_FROM,
		ST_LINKS_TO, ST_NAME_OF, ST_NAME_FIND, ST_CHILDREN, ST_TAGS_BETWEEN, ST_TAG_FIND, ST_NODE_FIND,
	};
	struct db_stmt *stmt;
	char *lines, *line;
	size_t i;

	(void)state;
	needs_sqlite();
	for (i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		stmt = statement(idx, asked[i]);
		assert_non_null(stmt);
		lines = plan_of(stmt->sql);
		for (line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
			if (!strncmp(line, "SCAN", 4) && strncmp(line, "SCAN (", 6))
				fail_msg("%s: %s", stmt->sql, line);
		}
		free(lines);
	}
}

static bool has_step(const char *sql, const char *wanted)
{
	struct db_stmt *stmt;
	bool found = false;
	char *explain, *step;

	assert_true(asprintf(&explain, "EXPLAIN %s", sql) > 0);
	stmt = db_prepare(idx->db, explain, false);
	assert_non_null(stmt);
	while (!found && db_step(stmt) > 0) {
		step = column_string(stmt, 1);
		found = !strcmp(step, wanted);
		free(step);
	}
	db_finalize(stmt);
	free(explain);
	return found;
}

/* What a rebuild asks for each file makes no table for it: that takes longer than all else. */
static void no_tables(void **state)
{
	static const enum statement asked[] = {
		ST_NODE_FIND, ST_NODE_ADD, ST_DIR_FIND, ST_NAME_FIND, ST_NAME_ADD,
		ST_NAME_COUNT, ST_LOOK_AGAIN, ST_NODE_TAGS, ST_NODE_AUTO, ST_FILE_TAG_ANY,
		ST_TAG_ADD, ST_TAG_FIND, ST_FILE_TAG_ADD, ST_LINK_ANY,
	};
	size_t i;

	(void)state;
	needs_sqlite();
	for (i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		if (has_step(statement(idx, asked[i])->sql, "OpenEphemeral"))
			fail_msg("%s", statement(idx, asked[i])->sql);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(ranks), TEST(common), TEST(plans), TEST(no_tables) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
