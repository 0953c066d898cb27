// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "graphname.h"

static void round_trip(const char *tag, const char *name)
{
	char encoded[GRAPH_NAME_MAX + 1], decoded[GRAPH_NAME_MAX + 1];

	assert_int_equal(graphname_encode(encoded, tag), 0);
	assert_string_equal(encoded, name);
	assert_int_equal(graphname_decode(decoded, encoded), 0);
	assert_string_equal(decoded, tag);
}

static void encodes(void **state)
{
	(void)state;
	round_trip("a", "a");
	round_trip("a b\n\xff\"'", "a b\n\xff\"'");
	round_trip("a/b", "a%2Fb");
	round_trip("/", "%2F");
	round_trip("100%", "100%25");
	round_trip("%2F", "%252F");
	round_trip(".", "%2E");
	round_trip("..", "%2E%2E");
	round_trip("...", "...");
	round_trip(".hidden", ".hidden");
}

static void one_name_each(void **state)
{
	static const char *const wrong[] = { "%", "%2", "%2f", "%41", "%00", "%zz", "a/b", ".", "..",
					     "%2E%2E%2E", "a%2E", "%25%" };
	char tag[GRAPH_NAME_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(graphname_decode(tag, wrong[i]), -ENOENT);
}

static void escapes(const char *text, const char *name)
{
	char escaped[GRAPH_NAME_MAX + 1], again[GRAPH_NAME_MAX + 1];

	assert_int_equal(graphname_escape(escaped, text), 0);
	assert_string_equal(escaped, name);
	graphname_unescape(again, escaped);
	assert_string_equal(again, text);
}

static void expressions(void **state)
{
	char out[GRAPH_NAME_MAX + 1], longer[GRAPH_NAME_MAX + 2];

	(void)state;
	escapes("a and (b or c)", "a and (b or c)");
	escapes("path:a/b", "path:a%2Fb");
	escapes("100%", "100%");
	escapes("%2F", "%252F");
	escapes("%25 %zz %2f", "%2525 %zz %2f");
	escapes("..", "%2E%2E");
	graphname_unescape(out, "a%2Cb%2C%");
	assert_string_equal(out, "a,b,%");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[GRAPH_NAME_MAX + 1] = '\0';
	assert_int_equal(graphname_escape(out, longer), -ENAMETOOLONG);
}

static void lengths(void **state)
{
	char tag[GRAPH_NAME_MAX + 2], name[GRAPH_NAME_MAX + 1], decoded[GRAPH_NAME_MAX + 1];
	char fuse[1025];

	(void)state;
	memset(tag, 'x', sizeof(tag) - 1);
	tag[GRAPH_NAME_MAX + 1] = '\0';
	assert_int_equal(graphname_encode(name, tag), -ENAMETOOLONG);
	tag[GRAPH_NAME_MAX] = '\0';
	assert_int_equal(graphname_encode(name, tag), 0);
	tag[0] = '/';
	assert_int_equal(graphname_encode(name, tag), -ENAMETOOLONG);
	tag[GRAPH_NAME_MAX - 2] = '\0';
	assert_int_equal(graphname_encode(name, tag), 0);
	assert_int_equal(strlen(name), GRAPH_NAME_MAX);
	memset(fuse, 'f', sizeof(fuse) - 1);
	fuse[sizeof(fuse) - 1] = '\0';
	assert_int_equal(graphname_decode(decoded, fuse), -ENAMETOOLONG);
}

static void suffixes(void **state)
{
	char file[GRAPH_NAME_MAX + 1], name[GRAPH_NAME_MAX + 1];

	(void)state;
	graphname_suffix(name, "f", 12);
	assert_string_equal(name, "f~12");
	memset(file, 'n', GRAPH_NAME_MAX);
	file[GRAPH_NAME_MAX] = '\0';
	graphname_suffix(name, file, UINT64_MAX);
	assert_int_equal(strlen(name), GRAPH_NAME_MAX);
	assert_string_equal(name + GRAPH_NAME_MAX - 21, "~18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes),
		cmocka_unit_test(one_name_each),
		cmocka_unit_test(expressions),
		cmocka_unit_test(lengths),
		cmocka_unit_test(suffixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
