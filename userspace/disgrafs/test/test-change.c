// SPDX-License-Identifier: GPL-2.0
/*
 * What a watcher of the index is told. Its file system must have user extended
 * attributes; where it has none, the tests are skipped.
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
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "index.h"
#include "links.h"
#include "tags.h"

#include "fixture.h"

static char told[4096];

static void tell(const struct index_change *change, void *arg)
{
	static const char letters[] = "mrn+-lu";

	(void)arg;
	sprintf(told + strlen(told), "%c %s", letters[change->kind], change->path);
	if (change->what)
		sprintf(told + strlen(told), " %s", change->what);
	if (change->target)
		sprintf(told + strlen(told), " %s", change->target);
	strcat(told, "\n");
}

static void assert_told(const char *wanted)
{
	assert_string_equal(told, wanted);
	*told = '\0';
}

static void make(const char *path)
{
	close(open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(index_made(idx, root, path), 0);
}

static void changed(const char *path, const char *other)
{
	struct index_name names[2] = { { root, path }, { root, other } };

	assert_int_equal(index_sync_names(idx, names, other ? 2 : 1), 0);
}

static void set(const char *path, const char *xattr, const char *value, size_t len)
{
	struct index_name at = { root, path };
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (setxattr(path, xattr, value, len, 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(fd);
}

static void names(void **state)
{
	(void)state;
	make("before");
	index_watch(idx, tell, NULL);
	make("a");
	assert_told("m a\n");
	make("a");
	assert_told("");
	rename("a", "b");
	changed("b", "a");
	assert_told("n a b\n");
	/* A second name is made, not moved. */
	assert_int_equal(link("b", "c"), 0);
	make("c");
	assert_told("m c\n");
	unlink("b");
	changed("b", NULL);
	assert_told("r b\n");
	changed("b", NULL);
	assert_told("");
	/* Over another, which is not told of. */
	rename("c", "before");
	changed("before", "c");
	assert_told("n c before\n");
	index_watch(idx, NULL, NULL);
	make("d");
	assert_told("");
}

static void tags(void **state)
{
	(void)state;
	make("a");
	index_watch(idx, tell, NULL);
	set("a", TAGS_XATTR, "x,y", 3);
	assert_told("+ a x\n+ a y\n");
	set("a", TAGS_XATTR, "y,z", 3);
	assert_told("- a x\n+ a z\n");
	/* Another order is no change that matters. */
	set("a", TAGS_XATTR, "z,y", 3);
	assert_told("");
}

static void links(void **state)
{
	(void)state;
	make("a");
	make("b");
	index_watch(idx, tell, NULL);
	set("a", LINK_XATTR "see", "b\0", 3);
	assert_told("l a see b\n");
	set("a", LINK_XATTR "see", "c\0", 3);
	assert_told("u a see b\nl a see c\n");
}

/* What is not committed did not happen; what is, is told then. */
static void batches(void **state)
{
	(void)state;
	index_watch(idx, tell, NULL);
	assert_int_equal(index_batch_begin(idx), 0);
	make("a");
	make("b");
	assert_told("");
	assert_int_equal(index_batch_end(idx), 0);
	assert_told("m a\nm b\n");
	assert_int_equal(index_batch_begin(idx), 0);
	make("c");
	index_watch(idx, NULL, NULL);
	assert_int_equal(index_batch_end(idx), 0);
	assert_told("");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(names), TEST(tags), TEST(links), TEST(batches) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
