// SPDX-License-Identifier: GPL-2.0
#include "print.h"

#include <errno.h>
#include <stdio.h>

#include "utf8.h"

struct json_object *json_bytes(const char *bytes)
{
	struct json_object *array;

	if (utf8_is_valid(bytes))
		return json_object_new_string(bytes);
	array = json_object_new_array();
	while (*bytes)
		json_object_array_add(array, json_object_new_int((unsigned char)*bytes++));
	return array;
}

int print_json(struct json_object *json)
{
	int ret;

	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
						  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	ret = fflush(stdout) || ferror(stdout) ? -errno : 0;
	return ret;
}
