// SPDX-License-Identifier: GPL-2.0
/*
 * Which automatic tags a file has in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "autotags.h"

/* Merges lists with commas, and compares; returns whether they changed. */
static int merges(const char *automatic, const char *own, const char *found, const char *wanted)
{
	struct tags a, o, f;
	size_t len;
	char *value;
	int ret;

	assert_int_equal(tags_parse(&a, automatic, strlen(automatic)), 0);
	assert_int_equal(tags_parse(&o, own, strlen(own)), 0);
	assert_int_equal(tags_parse(&f, found, strlen(found)), 0);
	ret = auto_merge(&a, &o, &f);
	value = tags_format(&a, &len);
	assert_string_equal(value, wanted);
	free(value);
	tags_free(&a);
	tags_free(&o);
	tags_free(&f);
	return ret;
}

static void merging(void **state)
{
	(void)state;
	assert_int_equal(merges("", "", "", ""), 0);
	assert_int_equal(merges("", "", "a,b", "a,b"), 1);
	assert_int_equal(merges("a,b", "", "a,b", "a,b"), 0);
	/* What is not found any more goes, what the user has is left out. */
	assert_int_equal(merges("a,b", "", "b", "b"), 1);
	assert_int_equal(merges("a", "a,c", "a,b", "b"), 1);
	/* What is refused stays so. */
	assert_int_equal(merges("-a", "", "a", "-a"), 0);
	assert_int_equal(merges("-a,b", "", "a,b", "b,-a"), 1);
	assert_int_equal(merges("b,-a", "", "a,b", "b,-a"), 0);
	assert_int_equal(merges("b,-a", "b", "", "-a"), 1);
}

static void suggesting(void **state)
{
	struct tags found = { };
	char longest[200];
	int i;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(auto_suggest(&found, "") | auto_suggest(&found, "-no") |
			 auto_suggest(&found, longest), 0);
	assert_int_equal(found.count, 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(auto_suggest(&found, longest + sizeof(longest) - 2 - i % 70), 0);
	assert_int_equal(found.count, 24);
	tags_free(&found);
}

static void refusing(void **state)
{
	struct tags automatic = { };

	(void)state;
	assert_int_equal(tags_add(&automatic, "a", 1), 0);
	assert_false(auto_is_refused(&automatic, "a"));
	assert_int_equal(auto_refuse(&automatic, "a"), 1);
	assert_int_equal(auto_refuse(&automatic, "a"), 0);
	assert_int_equal(auto_refuse(&automatic, "b"), 0);
	assert_true(auto_is_refused(&automatic, "a") && auto_is_refused(&automatic, "b"));
	assert_int_equal(automatic.count, 2);
	tags_free(&automatic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging), cmocka_unit_test(suggesting), cmocka_unit_test(refusing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
