// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tags.h"

static void assert_parses(const char *value, size_t len, const char *formatted)
{
	struct tags tags;
	size_t out_len;
	char *out;

	assert_int_equal(tags_parse(&tags, value, len), 0);
	out = tags_format(&tags, &out_len);
	assert_string_equal(out, formatted);
	assert_int_equal(out_len, strlen(formatted));
	free(out);
	tags_free(&tags);
}

#define PARSES(value, formatted) assert_parses(value, sizeof(value) - 1, formatted)

static void parses(void **state)
{
	(void)state;
	PARSES("", "");
	PARSES("a", "a");
	PARSES("b,a", "b,a");
	PARSES(" a ,\tb\n", "a,b");
	PARSES("a,,b,", "a,b");
	PARSES(" , ,", "");
	PARSES("a,b,a, b", "a,b");
	PARSES("two words,\"quoted\"", "two words,\"quoted\"");
	PARSES("\xff\xfe,\xe6\xa0\x87", "\xff\xfe,\xe6\xa0\x87");
	PARSES("a\0", "a");
	PARSES("a\0b", "a,b");
	PARSES("../x,.,%2F", "../x,.,%2F");
}

static void assert_escaped(const char *tag, const char *value)
{
	struct tags tags = { }, again;
	size_t len;
	char *out;

	assert_int_equal(tags_add(&tags, tag, strlen(tag)), 0);
	out = tags_format(&tags, &len);
	assert_string_equal(out, value);
	assert_int_equal(tags_parse(&again, out, len), 0);
	assert_int_equal(again.count, 1);
	assert_string_equal(again.tag[0], tag);
	tags_free(&again);
	tags_free(&tags);
	free(out);
}

static void escapes(void **state)
{
	(void)state;
	assert_escaped("a,b", "a%2Cb");
	assert_escaped(",", "%2C");
	assert_escaped("100%", "100%");
	assert_escaped("%2F%2", "%2F%2");
	assert_escaped("%2C", "%252C");
	assert_escaped("%25", "%2525");
	assert_escaped("%252C", "%25252C");
	assert_escaped("%%2C,", "%%252C%2C");
	assert_escaped("%,", "%%2C");
	assert_escaped("%2c", "%2c");
	PARSES("a%2Cb,c%", "a%2Cb,c%");
	PARSES("%2", "%2");
}

static void changes(void **state)
{
	struct tags tags = { };

	(void)state;
	assert_int_equal(tags_add(&tags, "a", 1), 0);
	assert_int_equal(tags_add(&tags, " a ", 3), 0);
	assert_int_equal(tags_add(&tags, "b", 1), 0);
	assert_int_equal(tags_add(&tags, "", 0), 0);
	assert_int_equal(tags.count, 2);
	assert_true(tags_contain(&tags, "b", 1));
	assert_false(tags_contain(&tags, "ab", 2));
	assert_true(tags_remove(&tags, "a", 1));
	assert_false(tags_remove(&tags, "a", 1));
	assert_int_equal(tags.count, 1);
	assert_string_equal(tags.tag[0], "b");
	tags_free(&tags);
	assert_int_equal(tags.count, 0);
}

static void problems(void **state)
{
	(void)state;
	assert_null(tag_problem("a b/c%\n\xff"));
	assert_null(tag_problem("a,b"));
	assert_non_null(tag_problem(""));
	assert_non_null(tag_problem(" \t"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(escapes),
		cmocka_unit_test(changes),
		cmocka_unit_test(problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
