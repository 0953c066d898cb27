// SPDX-License-Identifier: GPL-2.0
#include "print.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at @s, 0 if it is none. */
static size_t sequence(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = *s;
	size_t len, i;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	c &= 0x7f >> len;
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Too long for what it says, a surrogate, beyond Unicode */
	return c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : len;
}

static bool is_utf8(const char *bytes)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t len;

	while (*s) {
		len = sequence(s);
		if (!len)
			return false;
		s += len;
	}
	return true;
}

struct json_object *json_bytes(const char *bytes)
{
	struct json_object *array;

	if (is_utf8(bytes))
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
