// SPDX-License-Identifier: GPL-2.0
/*
 * Links: their value, and how they follow their targets in the index.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "index.h"
#include "links.h"

#include "fixture.h"

#define PARSE(links, value) links_parse(links, "r", value, sizeof(value) - 1)

static void values(void **state)
{
	struct links links = { };
	size_t len;
	char *value;

	(void)state;
	assert_int_equal(PARSE(&links, "a/b\0" "12:1:ff\0" "c\0\0"), 0);
	assert_int_equal(links.count, 2);
	assert_string_equal(links.link[0].path, "a/b");
	assert_string_equal(links.link[0].reference, "12:1:ff");
	assert_int_equal(link_inode(links.link[0].reference), 12);
	assert_string_equal(links.link[1].path, "c");
	assert_string_equal(links.link[1].reference, "");
	value = links_format(&links, "r", &len);
	assert_int_equal(len, 15);
	assert_memory_equal(value, "a/b\0" "12:1:ff\0" "c\0", 15);
	free(value);
	/* The same target by its reference, or by its path if there is none. */
	assert_int_equal(links_add(&links, "r", "moved", "12:1:ff"), 0);
	assert_int_equal(links_add(&links, "r", "c", "13:1:00"), 0);
	assert_int_equal(links.count, 2);
	assert_string_equal(links.link[0].path, "moved");
	assert_int_equal(links_add(&links, "other", "c", ""), 0);
	assert_int_equal(links.count, 3);
	assert_true(links_remove(&links, "r", "whatever", "12:1:ff"));
	assert_false(links_remove(&links, "r", "whatever", "12:1:ff"));
	assert_int_equal(links.count, 2);
	links_free(&links);
	/* As a person would write it. */
	assert_int_equal(PARSE(&links, "/a"), 0);
	assert_int_equal(PARSE(&links, "b\0"), 0);
	assert_int_equal(PARSE(&links, ""), 0);
	assert_int_equal(links.count, 2);
	assert_string_equal(links.link[0].path, "a");
	links_free(&links);
	assert_int_equal(PARSE(&links, "../a"), -EINVAL);
	assert_int_equal(PARSE(&links, "a//b"), -EINVAL);
	assert_int_equal(PARSE(&links, "a/./b"), -EINVAL);
	assert_int_equal(PARSE(&links, "a/"), -EINVAL);
	assert_int_equal(PARSE(&links, "a\0\0\0"), -EINVAL);
	links_free(&links);
	assert_null(relation_problem("cites, \xff"));
	assert_non_null(relation_problem(""));
	assert_non_null(relation_problem("a/b"));
	assert_non_null(relation_problem("~a"));
	assert_non_null(relation_problem(".."));
}

static void sync_path(const char *path)
{
	struct index_name at = { root, path };
	int fd = open(path, O_PATH | O_NOFOLLOW);

	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(fd);
}

static void make(const char *path)
{
	close(open(path, O_WRONLY | O_CREAT, 0600));
	sync_path(path);
}

static bool may(void *arg, const char *path)
{
	return !arg || !strcmp(arg, path);
}

/* Gives @source a link and tells the index. */
static void link_to(const char *source, const char *relation, const char *target)
{
	struct links links;

	assert_int_equal(links_read(&links, source), 0);
	assert_int_equal(links_add(&links, relation, target, ""), 0);
	assert_int_equal(links_complete(&links, root, may, NULL), 0);
	if (links_write(&links, relation, source) == -EOPNOTSUPP) {
		links_free(&links);
		skip();
	}
	links_free(&links);
	sync_path(source);
}

static int add_link(const struct index_link *link, void *arg)
{
	char *all = arg;

	sprintf(all + strlen(all), "%s%s%s%s;", link->relation, link->from ? "<" : ">", link->path,
		link->missing ? "!" : "");
	return 0;
}

static void assert_links(const char *path, const char *wanted)
{
	char all[4096] = "";

	assert_int_equal(index_links(idx, path, add_link, all), 0);
	assert_string_equal(all, wanted);
}

static void names_changed(const char *path, const char *other)
{
	struct index_name names[2] = { { root, path }, { root, other } };

	assert_int_equal(index_sync_names(idx, names, other ? 2 : 1), 0);
}

static void follow(void **state)
{
	(void)state;
	make("a");
	make("b");
	make("c");
	link_to("a", "cites", "b");
	link_to("a", "cites", "c");
	link_to("c", "is like", "b");
	assert_links("a", "cites>b;cites>c;");
	assert_links("b", "cites<a;is like<c;");
	assert_int_equal(rename("b", "b2"), 0);
	names_changed("b2", "b");
	assert_links("a", "cites>b2;cites>c;");
	assert_links("b2", "cites<a;is like<c;");
	/* Another file at the old place is not the target. */
	make("b");
	assert_links("b", "");
	assert_links("a", "cites>b2;cites>c;");
	/* Nor after the index was made anew. */
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_links("a", "cites>b2;cites>c;");
	assert_links("b2", "cites<a;is like<c;");
	assert_links("b", "");
	/* The target is gone: what is in its old place? */
	assert_int_equal(unlink("b2"), 0);
	names_changed("b2", NULL);
	assert_links("b", "cites<a;is like<c;");
	assert_links("a", "cites>b;cites>c;");
	assert_int_equal(unlink("b"), 0);
	names_changed("b", NULL);
	assert_links("a", "cites>b!;cites>c;");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_links("a", "cites>b!;cites>c;");
	/* The source is gone. */
	assert_int_equal(unlink("a"), 0);
	names_changed("a", NULL);
	assert_links("c", "is like>b!;");
}

static void replaced(void **state)
{
	(void)state;
	make("a");
	make("b");
	link_to("a", "cites", "b");
	/* As editors save. */
	make("b.new");
	assert_int_equal(rename("b.new", "b"), 0);
	names_changed("b", "b.new");
	assert_links("a", "cites>b;");
	assert_links("b", "cites<a;");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_links("b", "cites<a;");
}

static void hostile(void **state)
{
	static const char *const names[] = {
		"'", "\"", "a\nb", "%s%n", "\xff\xfe", "a b", "-rf", "~x~", "'); DROP TABLE link; --",
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
	};
	char wanted[600];
	size_t i;

	(void)state;
	make("target");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *relation = strlen(names[i]) > RELATION_MAX || *names[i] == '~' ? "r" :
										     names[i];

		make(names[i]);
		link_to("target", relation, names[i]);
		snprintf(wanted, sizeof(wanted), "%s<target;", relation);
		assert_links(names[i], wanted);
	}
}

/* References to what is not within reach are left out. */
static void reach(void **state)
{
	struct links links = { };

	(void)state;
	make("near");
	make("far");
	assert_int_equal(PARSE(&links, "near\0\0far\0\0"), 0);
	assert_int_equal(links_complete(&links, root, may, "near"), 0);
	assert_int_equal(links.count, 2);
	assert_string_not_equal(links.link[0].reference, "");
	assert_string_equal(links.link[1].reference, "");
	links_free(&links);
}

/* Gives the file f @count links to files that are not there, in little room. */
static void many_links(int count)
{
	char name[] = LINK_XATTR "a", value[3 * 200] = "";
	size_t len;

	for (; count > 0; name[sizeof(name) - 2]++, count -= 200) {
		for (len = 0; len < sizeof(value) && len < 3 * (size_t)count; len += 3)
			value[len] = len / 3 + '0';
		if (setxattr("f", name, value, len, 0) < 0)
			skip();
	}
}

/* Anybody can give a file more links than are worth looking at. */
static void many(void **state)
{
	struct links links = { };

	(void)state;
	make("f");
	many_links(LINKS_MAX);
	assert_int_equal(links_read(&links, "f"), 0);
	assert_int_equal(links.count, LINKS_MAX);
	assert_int_equal(links_add(&links, "a", "0", "1:1:00"), 0);
	assert_int_equal(links_add(&links, "a", "one more", ""), -E2BIG);
	links_free(&links);
	many_links(LINKS_MAX + 1);
	assert_int_equal(links_read(&links, "f"), -E2BIG);
	assert_int_equal(links_read_few(&links, "f"), 0);
	assert_int_equal(links.count, 0);
	sync_path("f");
	assert_links("f", "");
}

static void *repair(void *arg)
{
	struct index_check result;

	(void)arg;
	return (void *)(intptr_t)index_check(idx, true, &result, NULL, NULL);
}

/* While somebody else adds a link: none undoes what the other did. */
static void repaired_meanwhile(void **state)
{
	struct links links;
	pthread_t thread;
	void *ret;
	int lock;

	(void)state;
	make("source");
	make("target");
	make("other");
	link_to("source", "see", "target");
	assert_int_equal(rename("target", "moved"), 0);
	names_changed("moved", "target");
	lock = open("source", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(links_read(&links, "source"), 0);
	assert_string_equal(links.link[0].path, "target");
	pthread_create(&thread, NULL, repair, NULL);
	usleep(200000);
	assert_int_equal(links_add(&links, "see", "other", ""), 0);
	assert_int_equal(links_write(&links, "see", "source"), 0);
	links_free(&links);
	close(lock);
	pthread_join(thread, &ret);
	assert_null(ret);
	assert_int_equal(links_read(&links, "source"), 0);
	assert_int_equal(links.count, 2);
	assert_int_equal(strcmp(links.link[0].path, "moved") && strcmp(links.link[1].path, "moved"),
			 0);
	links_free(&links);
	assert_links("source", "see>other;see>moved;");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), TEST(reach), TEST(many), TEST(follow), TEST(replaced), TEST(hostile),
		TEST(repaired_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
