// SPDX-License-Identifier: GPL-2.0
/*
 * Which names JSON has as strings, and which as arrays of bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "print.h"
#include "traits.h"

static void characters(void **state)
{
	static const char *const good[] = {
		"a b\n\x01", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"x\xc3\xbcy\xe2\x82\xac",
	};
	struct json_object *json;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		json = json_bytes(good[i]);
		assert_true(json_object_is_type(json, json_type_string));
		assert_string_equal(json_object_get_string(json), good[i]);
		json_object_put(json);
		assert_true(trait_is_value(good[i]));
	}
}

static void bytes(void **state)
{
	/* Begin nothing, overlong, a surrogate, too large, cut off, go on with something else. */
	static const char *const bad[] = {
		"\x80", "\xbf", "\xfe", "\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82",
		"\xf0\x9f\x98", "\xc3x", "\xe2\x82x", "x\xe9y",
	};
	struct json_object *json;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json = json_bytes(bad[i]);
		assert_true(json_object_is_type(json, json_type_array));
		assert_int_equal(json_object_array_length(json), strlen(bad[i]));
		for (j = 0; bad[i][j]; j++)
			assert_int_equal(json_object_get_int(json_object_array_get_idx(json, j)),
					 (unsigned char)bad[i][j]);
		json_object_put(json);
		assert_false(trait_is_value(bad[i]));
	}
}

static void nothing(void **state)
{
	struct json_object *json = json_bytes("");

	(void)state;
	assert_true(json_object_is_type(json, json_type_string));
	json_object_put(json);
	assert_false(trait_is_value(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters), cmocka_unit_test(bytes), cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
