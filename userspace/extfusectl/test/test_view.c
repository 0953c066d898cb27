// SPDX-License-Identifier: GPL-2.0
/* Tables and JSON of facts that are made up, in part by somebody hostile. */
#include <iconv.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "view.h"

static const struct extfuse_conn_info conn = {
	.conn = 3, .dev_minor = 51, .uid = 1000, .ttl_ms = 1500, .policy = "mdcache"
};

static const struct extfuse_op_stats ops[] = {
	{ .opcode = 1, .answered = 970, .passed = 20, .errors = 100, .bugs = 1 },
	{ .opcode = 99, .answered = 1, .passed = 9, .background = UINT32_MAX },
};

/* The same mounts for each test; 0:51 has three of them. */
static struct mounts some_mounts(void)
{
	static char text[] =
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"2 1 0:51 / /mnt/a\\040b rw - fuse.sshfs x rw\n"
		"3 1 0:51 / /evil\\011\"\\012\033[2J\377 rw - fuse.sshfs x rw\n"
		"4 1 0:51 /sub /home/\303\274 rw - fuse.sshfs x rw\n"
		"5 1 0:52 / /caf\351 rw - fuse x rw\n";
	FILE *f = fmemopen(text, strlen(text), "r");
	struct mounts mounts = mounts_read(f);

	fclose(f);
	return mounts;
}

/* Fills a view by @fill and returns what it printed. */
static char *print(bool json, void (*fill)(struct view *view))
{
	char *text = NULL;
	struct view view;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	view_start(&view, out, json, some_mounts());
	fill(&view);
	view_end(&view, true);
	fclose(out);
	return text;
}

static void assert_utf8(char *text)
{
	size_t left = strlen(text), size = 4 * (left + 2);
	char *ucs = malloc(size), *to = ucs;
	iconv_t cd = iconv_open("UCS-4", "UTF-8");

	assert_true(cd != (iconv_t)-1);
	assert_true(iconv(cd, &text, &left, &to, &size) != (size_t)-1);
	iconv_close(cd);
	free(ucs);
}

static struct json_object *parse(char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	assert_utf8(text);
	/* Not strict: json-c 0.18 then refuses all that is not ASCII. */
	object = json_tokener_parse_ex(tokener, text, strlen(text));
	assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
	json_tokener_free(tokener);
	free(text);
	return object;
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static const char *string_at(struct json_object *array, unsigned int i)
{
	return json_object_get_string(json_object_array_get_idx(array, i));
}

static void nothing(struct view *view)
{
	(void)view;
}

static void conns(struct view *view)
{
	const struct extfuse_conn_info hidden = { .conn = 12, .dev_minor = 99 };
	const struct extfuse_conn_info latin = {
		.conn = UINT64_MAX, .dev_minor = 52, .policy = "p\xff\n"
	};

	assert_int_equal(view_conn(&conn, view), 0);
	assert_int_equal(view_conn(&hidden, view), 0);
	assert_int_equal(view_conn(&latin, view), 0);
}

static void conn_table(void **state)
{
	char *text = print(false, conns);

	(void)state;
	assert_string_equal(text,
		"                CONN   DEV  POLICY     TTL   UID  MOUNTPOINT\n"
		"                   3  0:51  mdcache    1.5  1000  /mnt/a\\040b\n"
		"                  12  0:99  -            -     0  -\n"
		"18446744073709551615  0:52  p\\377\\012    -     0  /caf\\351\n");
	free(text);
}

static void conn_json(void **state)
{
	struct json_object *array = parse(print(true, conns));
	struct json_object *first = json_object_array_get_idx(array, 0);
	struct json_object *points = get(first, "mountpoints");

	(void)state;
	assert_int_equal(json_object_array_length(array), 3);
	assert_int_equal(json_object_get_int64(get(first, "conn")), 3);
	assert_string_equal(json_object_get_string(get(first, "dev")), "0:51");
	assert_int_equal(json_object_array_length(get(first, "policies")), 1);
	assert_string_equal(string_at(get(first, "policies"), 0), "mdcache");
	assert_int_equal(json_object_get_int64(get(first, "ttl_ms")), 1500);
	assert_int_equal(json_object_get_int64(get(first, "uid")), 1000);
	assert_int_equal(json_object_array_length(points), 3);
	assert_string_equal(string_at(points, 0), "/mnt/a b");
	assert_string_equal(string_at(points, 1), "/evil\t\"\n\033[2J\xc3\xbf");
	assert_string_equal(string_at(points, 2), "/home/\xc3\xbc");

	/* Policy unloaded, no mount point visible. */
	first = json_object_array_get_idx(array, 1);
	assert_null(get(first, "policy"));
	assert_int_equal(json_object_array_length(get(first, "policies")), 0);
	assert_int_equal(json_object_array_length(get(first, "mountpoints")), 0);

	first = json_object_array_get_idx(array, 2);
	assert_true(json_object_get_uint64(get(first, "conn")) == UINT64_MAX);
	assert_string_equal(json_object_get_string(get(first, "policy")), "p\xc3\xbf\n");
	json_object_put(array);
}

static void empty(void **state)
{
	struct json_object *array = parse(print(true, nothing));
	char *text = print(false, nothing);

	(void)state;
	assert_true(json_object_is_type(array, json_type_array));
	assert_int_equal(json_object_array_length(array), 0);
	json_object_put(array);
	assert_string_equal(text, "");
	free(text);
}

static void stats(struct view *view)
{
	const struct extfuse_conn_info idle = { .conn = 4, .dev_minor = 99 };

	assert_int_equal(view_stats(&conn, ops, 2, view), 0);
	assert_int_equal(view_stats(&idle, NULL, 0, view), 0);
}

static void stats_table(void **state)
{
	char *text = print(false, stats);

	(void)state;
	assert_string_equal(text,
		"/mnt/a\\040b: policy mdcache, connection 3 (0:51)\n"
		"OPCODE     ANSWERED  PASSED  ERRORS  BUGS  BACKGROUND\n"
		"LOOKUP          970      20     100     1           0\n"
		"opcode 99         1       9       0     0  4294967295\n"
		"TOTAL           971      29     100     1  4294967295\n"
		"97.1% answered in the kernel\n"
		"\n"
		"-: policy -, connection 4 (0:99)\n"
		"OPCODE  ANSWERED  PASSED  ERRORS  BUGS  BACKGROUND\n"
		"TOTAL          0       0       0     0           0\n"
		"0.0% answered in the kernel\n");
	free(text);
}

static void stats_json(void **state)
{
	struct json_object *array = parse(print(true, stats));
	struct json_object *first = json_object_array_get_idx(array, 0);
	struct json_object *op = json_object_array_get_idx(get(first, "ops"), 1);
	struct json_object *total = get(first, "total");

	(void)state;
	assert_string_equal(json_object_get_string(get(op, "name")), "opcode 99");
	assert_int_equal(json_object_get_int64(get(op, "opcode")), 99);
	assert_int_equal(json_object_get_int64(get(op, "background")), UINT32_MAX);
	assert_int_equal(json_object_get_int64(get(total, "answered")), 971);
	assert_string_equal(json_object_get_string(get(total, "percent_answered")), "97.1");
	first = json_object_array_get_idx(array, 1);
	assert_int_equal(json_object_array_length(get(first, "ops")), 0);
	json_object_put(array);
}

/* 100.0% is not said when the daemon saw a single request. */
static void nearly_all(struct view *view)
{
	const struct extfuse_op_stats op = { .opcode = 1, .answered = 99999999, .passed = 1 };

	assert_int_equal(view_stats(&conn, &op, 1, view), 0);
}

static void percent_is_not_rounded_up(void **state)
{
	char *text = print(false, nearly_all);

	(void)state;
	assert_non_null(strstr(text, "\n99.9% answered"));
	free(text);
}

static void policies(struct view *view)
{
	const struct extfuse_policy_info info = { .name = "mdcache", .flags = 5, .bindings = 2 };
	const struct extfuse_policy_info other = { .name = "deny" };

	assert_int_equal(view_policy(&info, view), 0);
	assert_int_equal(view_policy(&other, view), 0);
}

static void policy_views(void **state)
{
	struct json_object *array = parse(print(true, policies));
	struct json_object *first = json_object_array_get_idx(array, 0);
	char *text = print(false, policies);

	(void)state;
	assert_string_equal(json_object_get_string(get(first, "name")), "mdcache");
	assert_int_equal(json_object_get_int64(get(first, "flags")), 5);
	assert_int_equal(json_object_get_int64(get(first, "bindings")), 2);
	json_object_put(array);
	assert_string_equal(text, "POLICY   FLAGS  BINDINGS\n"
				  "mdcache    0x5         2\n"
				  "deny         0         0\n");
	free(text);
}

/* A list that failed half way prints nothing and leaks nothing. */
static void failed(void **state)
{
	char *text = NULL;
	struct view view;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int json;

	(void)state;
	for (json = 0; json < 2; json++) {
		view_start(&view, out, json, some_mounts());
		conns(&view);
		view_end(&view, false);
	}
	fclose(out);
	assert_string_equal(text, "");
	free(text);
}

static char *version_text(bool json, const struct extfuse_version *module)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	view_version(out, json, "1.2.3", module);
	fclose(out);
	return text;
}

static void version(void **state)
{
	struct extfuse_version module = { .version = "4.5", .features = EXTFUSE_FEATURE_NOTIFY };
	struct json_object *object;
	char *text;

	(void)state;
	text = version_text(false, &module);
	assert_string_equal(text, "extfusectl 1.2.3\nextfuse module 4.5, features: notify\n");
	free(text);
	text = version_text(false, NULL);
	assert_string_equal(text, "extfusectl 1.2.3\n");
	free(text);

	object = parse(version_text(true, &module));
	assert_string_equal(json_object_get_string(get(object, "module")), "4.5");
	assert_string_equal(string_at(get(object, "features"), 0), "notify");
	json_object_put(object);
	object = parse(version_text(true, NULL));
	assert_string_equal(json_object_get_string(get(object, "tool")), "1.2.3");
	assert_null(get(object, "module"));
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conn_table),
		cmocka_unit_test(conn_json),
		cmocka_unit_test(empty),
		cmocka_unit_test(stats_table),
		cmocka_unit_test(stats_json),
		cmocka_unit_test(percent_is_not_rounded_up),
		cmocka_unit_test(policy_views),
		cmocka_unit_test(failed),
		cmocka_unit_test(version),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
