// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at a file: what is read of it, and that nothing else is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "index.h"
#include "look.h"

#include "fixture.h"

static char buffer[LOOK_BUFFER];

static int watch(const char *path)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, path, IN_OPEN) >= 0);
	return fd;
}

/* Whether something in the directory that @fd watches was opened. Closes it. */
static bool was_opened(int fd)
{
	char events[4096];
	ssize_t len = read(fd, events, sizeof(events));

	close(fd);
	return len > 0;
}

static void what_is_there(void **state)
{
	int in;

	(void)state;
	assert_int_equal(mkdir("d", 0700) | symlink("nowhere", "d/link") | mkfifo("d/fifo", 0600), 0);
	write_file("d/f", "one two");
	in = watch("d");
	assert_int_equal(look_at(root, "d/f", buffer), 7);
	assert_true(was_opened(in));
	in = watch("d");
	assert_int_equal(look_at(root, "d", buffer), 0);
	assert_int_equal(look_at(root, "d/link", buffer), 0);
	assert_int_equal(look_at(root, "d/fifo", buffer), 0);
	assert_int_equal(look_at(root, "d/none", buffer), -ENOENT);
	assert_false(was_opened(in));
}

static void leads_out(void **state)
{
	char path[128];
	int in, below;

	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("out", 0700) | symlink("../out", "d/dir") |
			 symlink("../out/f", "d/file"), 0);
	write_file("out/f", "one two");
	snprintf(path, sizeof(path), "%s/out/f", top);
	below = open("d", O_PATH | O_DIRECTORY | O_CLOEXEC);
	in = watch("out");
	assert_int_equal(look_at(below, "dir/f", buffer), -ELOOP);
	assert_int_equal(look_at(root, "d/dir/f", buffer), -ELOOP);
	assert_int_equal(look_at(below, "file", buffer), 0);
	assert_int_equal(look_at(below, "../out/f", buffer), -EXDEV);
	assert_int_equal(look_at(below, path, buffer), -EXDEV);
	assert_false(was_opened(in));
	close(below);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there), TEST(leads_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
