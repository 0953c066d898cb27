// SPDX-License-Identifier: GPL-2.0
/* JSON values of what the commands print. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "text.h"

struct json_object *json_text(const char *s)
{
	char *text = text_for_json(s);
	struct json_object *object = must(json_object_new_string(text));

	free(text);
	return object;
}

struct json_object *json_policies(const char *names)
{
	struct json_object *array = must(json_object_new_array());
	char *copy = strdup(names), *rest = copy, *name;

	must(copy);
	while (*names && (name = strsep(&rest, ",")))
		json_object_array_add(array, json_text(name));
	free(copy);
	return array;
}

struct json_object *json_u64(uint64_t n)
{
	return must(json_object_new_uint64(n));
}

struct json_object *json_fixed(double n, int decimals)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%.*f", decimals, n);
	return must(json_object_new_double_s(n, buf));
}

struct json_object *json_dev(uint32_t dev_major, uint32_t dev_minor)
{
	char dev[32];

	snprintf(dev, sizeof(dev), "%u:%u", dev_major, dev_minor);
	return json_text(dev);
}

struct json_object *json_mounts(const struct mounts *mounts, uint32_t dev_major,
				uint32_t dev_minor)
{
	struct json_object *array = must(json_object_new_array());
	const struct mount *mount = NULL;

	while ((mount = mounts_next(mounts, dev_major, dev_minor, mount)))
		json_object_array_add(array, json_text(mount->mount_point));
	return array;
}

struct json_object *json_now(void)
{
	char seconds[32], buf[48];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, sizeof(buf), "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	return json_text(buf);
}

static void print(struct json_object *object, FILE *out, int flags)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void json_print(struct json_object *object, FILE *out)
{
	print(object, out, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
}

void json_print_line(struct json_object *object, FILE *out)
{
	print(object, out, JSON_C_TO_STRING_PLAIN);
}
