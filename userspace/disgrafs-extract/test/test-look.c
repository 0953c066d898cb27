// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of files.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "look.h"

static struct looker looker;

static int open_looker(void **state)
{
	(void)state;
	return looker_open(&looker);
}

static int close_looker(void **state)
{
	(void)state;
	looker_close(&looker);
	return 0;
}

/* The caller frees it. */
static char *look_at(const char *contents, size_t size, size_t *said_size)
{
	int fd = memfd_create("file", 0), out = memfd_create("out", 0), keep = dup(out);
	int kind = 0;
	char *said;

	assert_int_equal(write(fd, contents, size), size);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(look(&looker, fd, out, &kind), 0);
	assert_int_equal(kind, -1);
	*said_size = lseek(keep, 0, SEEK_END);
	said = calloc(1, *said_size + 1);
	assert_int_equal(pread(keep, said, *said_size, 0), *said_size);
	close(fd);
	close(keep);
	return said;
}

static void says(const char *contents, const char *wanted)
{
	size_t size;
	char *said = look_at(contents, strlen(contents), &size);

	assert_string_equal(said, wanted);
	free(said);
}

static void kinds(void **state)
{
	(void)state;
	says("", "type application/x-empty\nsha256 e3b0c44298fc1c149afbf4c8996fb924"
	     "27ae41e4649b934ca495991b7852b855\n");
	says("words\n\nand more", "type text/plain\ncharset us-ascii\ntext words\ntext \n"
	     "text and more\n"
	     "sha256 7cae5344879887a0a968781368eb9bd86377e6b763bc6c9c03f312cb1a4d9dbe\n");
	says("\xe4\xb8\xad\xe6\x96\x87\n", "type text/plain\ncharset utf-8\n"
	     "text \xe4\xb8\xad\xe6\x96\x87\n"
	     "sha256 a20758305f24aa08fdd593d564de930e95c652027327bd291c5559db3d03f76c\n");
	says("ice and ice\n", "type text/plain\ncharset us-ascii\ntext ice and ice\n"
	     "keyword 1.000 ice\n"
	     "sha256 63e6ae00a2015fc67c1c3587adf0e3460eb33284c460c6c72409773b546237a7\n");
	says("\x89PNG\r\n\x1a\n", "type application/octet-stream\n"
	     "sha256 4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6\n");
}

/* Of a long text the beginning, and the hash of all of it. */
static void long_text(void **state)
{
	size_t size = 3 << 20, said_size;
	char *contents = malloc(size), *said;

	(void)state;
	memset(contents, 'a', size);
	said = look_at(contents, size, &said_size);
	assert_in_range(said_size, 1 << 20, (1 << 20) + 200);
	assert_non_null(strstr(said, "\nsha256 "));
	free(said);
	free(contents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(long_text),
	};

	return cmocka_run_group_tests(tests, open_looker, close_looker);
}
