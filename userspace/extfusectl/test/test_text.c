// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "text.h"

static void check(char *(*f)(const char *s), const char *in, const char *out)
{
	/* Of its exact size, for the address sanitizer. */
	char *copy = strdup(in), *got = f(copy);

	assert_string_equal(got, out);
	free(got);
	free(copy);
}

static void json(void **state)
{
	(void)state;
	check(text_for_json, "", "");
	check(text_for_json, "/mnt/a b\n\x01", "/mnt/a b\n\x01");
	check(text_for_json, "/\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
	      "/\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
	check(text_for_json, "\xff", "\xc3\xbf");
	check(text_for_json, "\x80", "\xc2\x80");
	/* Latin-1, cut off, overlong, a surrogate, too large. */
	check(text_for_json, "caf\xe9", "caf\xc3\xa9");
	check(text_for_json, "\xe2\x82", "\xc3\xa2\xc2\x82");
	check(text_for_json, "\xf0\x9f\x98", "\xc3\xb0\xc2\x9f\xc2\x98");
	check(text_for_json, "\xc0\xaf", "\xc3\x80\xc2\xaf");
	check(text_for_json, "\xe0\x80\xaf", "\xc3\xa0\xc2\x80\xc2\xaf");
	check(text_for_json, "\xed\xa0\x80", "\xc3\xad\xc2\xa0\xc2\x80");
	check(text_for_json, "\xf4\x90\x80\x80", "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80");
	check(text_for_json, "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

static void column(void **state)
{
	(void)state;
	check(text_for_column, "/mnt", "/mnt");
	check(text_for_column, "/a b\tc\nd\\e", "/a\\040b\\011c\\012d\\134e");
	check(text_for_column, "\033[31m\x7f", "\\033[31m\\177");
	check(text_for_column, "\xc3\xbc", "\xc3\xbc");
	check(text_for_column, "\xff", "\\377");
	/* A control character of two bytes: CSI. */
	check(text_for_column, "\xc2\x9b", "\\302\\233");
	check(text_for_sentence, "/a b\n", "/a b\\012");
}

static void width(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("\xc3\xbc\xe2\x82\xac"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json),
		cmocka_unit_test(column),
		cmocka_unit_test(width),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
