// SPDX-License-Identifier: GPL-2.0
/* Events in words and as JSON, of mounts that somebody hostile named. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"
#include "test.h"

static const struct extfuse_event fault = {
	.type = EXTFUSE_EVENT_FAULT, .conn = 3, .dev_minor = 51, .uid = 1000, .policy = "wrong",
	.opcode = 3, .reason = "too many"
};
static const struct extfuse_event replaced = {
	.type = EXTFUSE_EVENT_REPLACED, .conn = 4, .dev_minor = 99, .policy = "new",
	.previous = "old"
};

static char *print(bool json, const struct extfuse_event *event)
{
	static char mountinfo[] = "1 0 0:51 / /evil\\012\033[2J\\040x rw - fuse x rw\n";
	FILE *f = fmemopen(mountinfo, strlen(mountinfo), "r");
	struct mounts mounts = mounts_read(f);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	monitor_print(out, json, event, &mounts);
	fclose(out);
	fclose(f);
	mounts_free(&mounts);
	return text;
}

/* Behind the time. */
static void assert_words(const struct extfuse_event *event, const char *words)
{
	char *text = print(false, event);

	assert_int_equal(text[2], ':');
	assert_int_equal(text[8], '.');
	assert_string_equal(text + 13, words);
	free(text);
}

static void words(void **state)
{
	const struct extfuse_event newer = { .type = 99, .conn = 1, .dev_minor = 99 };

	(void)state;
	assert_words(&fault, "fault /evil\\012\\033[2J\\040x: policy wrong, "
		     "connection 3 (0:51): too many (GETATTR)\n");
	assert_words(&replaced, "replaced -: policy new after old, connection 4 (0:99)\n");
	assert_words(&newer, "event 99 -: policy -, connection 1 (0:99)\n");
	assert_words(NULL, "lost: more happened than could be read\n");
}

static const char *string(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static struct json_object *parse(const struct extfuse_event *event)
{
	char *text = print(true, event);
	struct json_object *object;

	/* One line. */
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	object = json_tokener_parse(text);
	assert_non_null(object);
	free(text);
	return object;
}

static void json(void **state)
{
	struct json_object *object = parse(&fault), *array;

	(void)state;
	assert_string_equal(string(object, "event"), "fault");
	assert_string_equal(string(object, "dev"), "0:51");
	assert_string_equal(string(object, "policy"), "wrong");
	assert_string_equal(string(object, "reason"), "too many");
	assert_string_equal(string(object, "name"), "GETATTR");
	assert_int_equal(json_object_get_int(json_object_object_get(object, "opcode")), 3);
	assert_int_equal(json_object_get_int(json_object_object_get(object, "conn")), 3);
	assert_int_equal(json_object_get_int(json_object_object_get(object, "uid")), 1000);
	assert_int_equal(strlen(string(object, "time")), strlen("2026-01-01T00:00:00.000Z"));
	assert_false(json_object_object_get_ex(object, "previous", NULL));
	array = json_object_object_get(object, "mountpoints");
	assert_string_equal(json_object_get_string(json_object_array_get_idx(array, 0)),
			    "/evil\n\033[2J x");
	json_object_put(object);

	object = parse(&replaced);
	assert_string_equal(string(object, "previous"), "old");
	assert_false(json_object_object_get_ex(object, "opcode", NULL));
	assert_int_equal(json_object_array_length(json_object_object_get(object, "mountpoints")), 0);
	json_object_put(object);

	object = parse(NULL);
	assert_string_equal(string(object, "event"), "lost");
	assert_false(json_object_object_get_ex(object, "conn", NULL));
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
