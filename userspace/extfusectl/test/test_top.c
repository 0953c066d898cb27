// SPDX-License-Identifier: GPL-2.0
/* Rates from two samples of counters. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "top.h"

static const struct extfuse_conn_info a = { .conn = 1, .dev_minor = 51, .policy = "mdcache" };
static const struct extfuse_conn_info b = { .conn = 2, .dev_minor = 52 };

static struct sample before, now;

/* Of a: LOOKUP is quiet, GETATTR busy, READ new; b is bound in between. */
static int setup(void **state)
{
	const struct extfuse_op_stats old[] = {
		{ .opcode = 1, .answered = 10, .passed = 10 },
		{ .opcode = 3, .answered = 100, .passed = 5, .errors = 1 },
	};
	const struct extfuse_op_stats new[] = {
		{ .opcode = 1, .answered = 10, .passed = 10 },
		{ .opcode = 3, .answered = 400, .passed = 105, .errors = 3 },
		{ .opcode = 15, .passed = 4, .bugs = 2, .background = 2 },
	};
	const struct extfuse_op_stats other[] = { { .opcode = 3, .passed = 1 } };

	(void)state;
	sample_add(&a, old, 2, &before);
	sample_add(&a, new, 3, &now);
	sample_add(&b, other, 1, &now);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sample_free(&before);
	sample_free(&now);
	return 0;
}

static char *print(bool json, unsigned int lines)
{
	static char mountinfo[] = "1 0 0:51 / /mnt\\040x rw - fuse x rw\n";
	FILE *f = fmemopen(mountinfo, strlen(mountinfo), "r");
	struct mounts mounts = mounts_read(f);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	top_print(out, json, &before, &now, 2, &mounts, lines);
	fclose(out);
	fclose(f);
	mounts_free(&mounts);
	return text;
}

static void table(void **state)
{
	char *text = print(false, 0);

	(void)state;
	assert_string_equal(text,
		"MOUNTPOINT  POLICY   OPCODE   ANSWERED/s  PASSED/s  ERRORS/s  BUGS/s  IN-KERNEL\n"
		"/mnt\\040x   mdcache  TOTAL         150.0      52.0       1.0     1.0      74.3%\n"
		"/mnt\\040x   mdcache  GETATTR       150.0      50.0       1.0     0.0      75.0%\n"
		"/mnt\\040x   mdcache  READ            0.0       2.0       0.0     1.0       0.0%\n"
		"-           -        TOTAL           0.0       0.5       0.0     0.0       0.0%\n"
		"-           -        GETATTR         0.0       0.5       0.0     0.0       0.0%\n");
	free(text);
}

/* Not more than the terminal has. */
static void short_table(void **state)
{
	char *text = print(false, 3), *line = text;
	unsigned int nr = 0;

	(void)state;
	while ((line = strchr(line, '\n'))) {
		line++;
		nr++;
	}
	assert_int_equal(nr, 3);
	free(text);
}

static void quiet(void **state)
{
	char *text;

	(void)state;
	sample_free(&before);
	sample_add(&a, now.conns[0].ops, now.conns[0].nr_ops, &before);
	sample_add(&b, now.conns[1].ops, now.conns[1].nr_ops, &before);
	text = print(false, 0);
	assert_non_null(strstr(text, "mdcache  TOTAL          0.0       0.0       0.0     0.0          -\n"));
	assert_null(strstr(text, "GETATTR"));
	free(text);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static void json(void **state)
{
	char *text = print(true, 0);
	struct json_object *object, *mount, *op;

	(void)state;
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	object = json_tokener_parse(text);
	assert_non_null(object);
	assert_string_equal(json_object_get_string(get(object, "seconds")), "2.000");
	assert_int_equal(json_object_array_length(get(object, "mounts")), 2);
	mount = json_object_array_get_idx(get(object, "mounts"), 0);
	assert_string_equal(json_object_get_string(get(mount, "policy")), "mdcache");
	assert_int_equal(json_object_array_length(get(mount, "ops")), 2);
	op = json_object_array_get_idx(get(mount, "ops"), 0);
	assert_string_equal(json_object_get_string(get(op, "name")), "GETATTR");
	assert_string_equal(json_object_get_string(get(op, "answered")), "150.0");
	assert_string_equal(json_object_get_string(get(get(mount, "total"), "passed")), "52.0");
	assert_string_equal(json_object_get_string(get(get(mount, "total"), "background")), "1.0");
	mount = json_object_array_get_idx(get(object, "mounts"), 1);
	assert_null(get(mount, "policy"));
	json_object_put(object);
	free(text);
}

#define top_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		top_test(table),
		top_test(short_table),
		top_test(quiet),
		top_test(json),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
