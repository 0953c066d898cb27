// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "mountinfo.h"
#include "test.h"

static bool parse(char *buf, const char *line, struct mountinfo *info)
{
	strcpy(buf, line);
	return mountinfo_parse(buf, info);
}

static void plain(void **state)
{
	struct mountinfo info;
	char buf[512];

	(void)state;
	assert_true(parse(buf, "36 35 0:51 / /mnt rw,noatime - fuse.sshfs u@h:/ rw,user_id=0", &info));
	assert_int_equal(info.mnt_id, 36);
	assert_int_equal(info.dev_major, 0);
	assert_int_equal(info.dev_minor, 51);
	assert_string_equal(info.mount_point, "/mnt");
	assert_string_equal(info.fstype, "fuse.sshfs");
}

static void optional_fields(void **state)
{
	struct mountinfo info;
	char buf[512];

	(void)state;
	assert_true(parse(buf, "1 2 8:1 / / rw shared:1 master:2 propagate_from:3 - ext4 /dev/sda1 rw",
			  &info));
	assert_string_equal(info.fstype, "ext4");
	/* A mount point that looks like the separator. */
	assert_true(parse(buf, "1 2 8:1 / - rw - ext4 - rw", &info));
	assert_string_equal(info.mount_point, "-");
}

static void escapes(void **state)
{
	struct mountinfo info;
	char buf[512];

	(void)state;
	assert_true(parse(buf, "1 2 0:5 / /a\\040b\\011c\\012d\\134e\\043 rw - fuse x rw", &info));
	assert_string_equal(info.mount_point, "/a b\tc\nd\\e#");
	/* A decoded backslash does not begin another escape. */
	assert_true(parse(buf, "1 2 0:5 / /a\\134040b rw - fuse x rw", &info));
	assert_string_equal(info.mount_point, "/a\\040b");
	/* What the kernel never writes stays as it is. */
	assert_true(parse(buf, "1 2 0:5 / /a\\000b\\9\\48\\777\\ rw - fuse x rw", &info));
	assert_string_equal(info.mount_point, "/a\\000b\\9\\48\\777\\");
	assert_true(parse(buf, "1 2 0:5 / /\\377 rw - fuse x rw", &info));
	assert_string_equal(info.mount_point, "/\377");
}

static void broken(void **state)
{
	static const char *const lines[] = {
		"", " ", "x", "1", "1 2", "1 2 0:5", "1 2 0:5 /", "1 2 0:5 / /m", "1 2 0:5 / /m rw",
		"1 2 0:5 / /m rw -", "1 2 05 / /m rw - fuse", "1 2 0: / /m rw - fuse",
		"1 2 :5 / /m rw - fuse", "1 2 0:5x / /m rw - fuse", "a 2 0:5 / /m rw - fuse",
	};
	struct mountinfo info;
	char buf[512];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(parse(buf, lines[i], &info));
}

static int count_until(const struct mountinfo *info, void *arg)
{
	int *count = arg;

	(*count)++;
	return !strcmp(info->mount_point, "/stop") ? 7 : 0;
}

static void stream(void **state)
{
	static char text[] = "1 2 0:5 / /a rw - fuse x rw\n"
			     "rubbish\n"
			     "1 2 0:6 / /b rw - fuse x rw\n"
			     "1 2 0:7 / /stop rw - fuse x rw\n"
			     "1 2 0:8 / /c rw - fuse x rw";
	FILE *f = fmemopen(text, strlen(text), "r");
	int count = 0;

	(void)state;
	assert_int_equal(mountinfo_for_each(f, count_until, &count), 7);
	assert_int_equal(count, 3);
	/* The last line has no newline. */
	assert_int_equal(mountinfo_for_each(f, count_until, &count), 0);
	assert_int_equal(count, 4);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(optional_fields),
		cmocka_unit_test(escapes),
		cmocka_unit_test(broken),
		cmocka_unit_test(stream),
	};

	return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
