// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are found by which words.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fulltext.h"
#include "index.h"

#include "fixture.h"
#include "search.h"

/* The file @name, which has this text. */
static int64_t make_sized(const char *name, const char *text, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);
	struct index_name at = { root, name };
	int64_t node = 0;

	assert_true(fd >= 0);
	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(fd);
	assert_int_equal(index_batch_begin(idx), 0);
	assert_int_equal(path_node(idx, name, &node), 1);
	assert_int_equal(fulltext_set(idx, node, text, size), 0);
	assert_int_equal(index_batch_end(idx), 0);
	return node;
}

static int64_t make(const char *name, const char *text)
{
	return make_sized(name, text, strlen(text));
}

static void latin(void **state)
{
	(void)state;
	make("a", "The quick brown fox\njumps over the lazy dog.");
	make("b", "A QUICK R\xc3\x89SUM\xc3\x89, for foxes; don't");
	make("c", "\xc3\x84rger \xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2 x2 3.14");
	finds("text:quick", "a b ");
	finds("text:QUICK", "a b ");
	finds("text:fox", "a ");
	finds("text:\"quick brown\"", "a ");
	finds("text:\"brown quick\"", "");
	finds("text:\"fox jumps\"", "a ");
	finds("text:resume", "b ");
	finds("text:\xc3\xa4rger", "c ");
	finds("text:\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "c ");
	finds("text:quic", "");
	finds("text:x2 text:3.14", "c ");
	finds("text:don't", "b ");
	finds("text:quick not text:fox", "b ");
	finds("text:fox or text:x2", "a c ");
	finds("name:a text:dog", "a ");
	finds("not text:quick type:f", "c ");
}

static void chinese(void **state)
{
	(void)state;
	/* a: The People's Republic of China; b: Chinese character, word; c: Tokyo tower */
	make("a", "\xe4\xb8\xad\xe5\x8d\x8e\xe4\xba\xba\xe6\xb0\x91"
	     "\xe5\x85\xb1\xe5\x92\x8c\xe5\x9b\xbd");
	make("b", "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe7\xac\xa6" "FUSE\xe8\xaf\x8d\xe3\x80\x82"
	     "\xf0\xa0\x80\x80\xe9\xbe\xa6");
	make("c", "\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc");
	/* One, two and three characters, at the beginning, in the middle and at the end. */
	finds("text:\xe4\xb8\xad", "a b ");
	finds("text:\xe5\x9b\xbd", "a ");
	finds("text:\xe4\xb8\xad\xe6\x96\x87", "b ");
	finds("text:\xe4\xba\xba\xe6\xb0\x91", "a ");
	finds("text:\xe5\x85\xb1\xe5\x92\x8c\xe5\x9b\xbd", "a ");
	finds("text:\xe6\x96\x87\xe4\xb8\xad", "");
	finds("text:\xe4\xb8\xad\xe5\x9b\xbd", "");
	finds("text:\xe7\xac\xa6" "fuse\xe8\xaf\x8d", "b ");
	finds("text:fuse", "b ");
	finds("text:\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc", "c ");
	finds("text:\xe4\xba\xac\xe3\x82\xbf", "c ");
	finds("text:\xf0\xa0\x80\x80", "b ");
	finds("text:\xe9\xbe\xa6", "b ");
}

static void changes(void **state)
{
	int64_t node = make("f", "one two");

	(void)state;
	make("g", "two");
	finds("text:two", "f g ");
	assert_int_equal(make("f", "three"), node);
	finds("text:one", "");
	finds("text:three", "f ");
	assert_int_equal(index_batch_begin(idx), 0);
	assert_int_equal(fulltext_drop(idx, node), 0);
	assert_int_equal(fulltext_drop(idx, node), 0);
	assert_int_equal(index_batch_end(idx), 0);
	finds("text:three", "");
	make("f", "four");
	/* A file that is gone takes its words along: whoever gets the node has none. */
	assert_int_equal(unlink("f"), 0);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	finds("text:four", "");
	make("h", "five");
	finds("text:four", "");
	finds("text:two", "g ");
}

/* Any bytes are some text, and any are a question. */
static void hostile(void **state)
{
	static const char nul[] = "before\0after \xe4\xb8";
	static const char *const questions[] = {
		"text:'\"'", "text:'\" OR fulltext MATCH \"'", "text:*", "text:'- + ^ { }'",
		"text:\xe4", "text:\xff\xfe", "text:'words : x'", "text:NEAR",
		"text:'\"a\" NOT \"b\"'",
		/* of what would be Han, in a byte more than it takes */
		"text:\xf0\x84\xb8\xad",
	};
	char all[256], found[4096];
	struct expr_error error;
	size_t i;

	(void)state;
	make_sized("nul", nul, sizeof(nul) - 1);
	for (i = 0; i < sizeof(all); i++)
		all[i] = i;
	make_sized("all", all, sizeof(all));
	make("quotes", "say \"hello\"world");
	make("empty", "");
	make("overlong", "\xf0\x84\xb8\xad last");
	finds("text:last", "overlong ");
	finds("text:before", "nul ");
	finds("text:after", "nul ");
	finds("text:abcdefghijklmnopqrstuvwxyz", "all ");
	finds("text:'\"hello\" world'", "quotes ");
	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		*found = '\0';
		if (index_search(idx, questions[i], &error, add, found) < 0)
			fail_msg("%s: %s", questions[i], index_error(idx));
	}
	finds("text:!", "");
}

static void phrases(void **state)
{
	static const struct {
		const char *text, *phrase;
	} pairs[] = {
		{ "a b", "\"a b\"" },
		{ "a\"b", "\"a b\"" },
		{ "", "\"\"" },
		{ "\xe4\xb8\xad\xe6\x96\x87", "\" \xe4\xb8\xad  \xe6\x96\x87 \"" },
		{ "\xe4\xb8", "\"  \"" },
	};
	char *phrase;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		phrase = fulltext_phrase(pairs[i].text);
		assert_string_equal(phrase, pairs[i].phrase);
		free(phrase);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(latin), TEST(chinese), TEST(changes), TEST(hostile),
		cmocka_unit_test(phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
