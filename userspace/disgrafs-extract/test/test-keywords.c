// SPDX-License-Identifier: GPL-2.0
/*
 * What texts are about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "keywords.h"
#include "utf8.h"

/* The keywords, each with a space behind it, and '_' for those within. */
static char *keywords(const char *contents, size_t size, bool markup)
{
	static char words[4096];
	struct text text;
	char *said, *line;
	size_t len;
	FILE *f = open_memstream(&said, &len);

	assert_int_equal(text_init(&text), 0);
	text_add(&text, contents, size);
	keywords_say(&text, markup, f);
	fclose(f);
	text_free(&text);
	*words = '\0';
	for (line = strtok(said, "\n"); line; line = strtok(NULL, "\n")) {
		assert_memory_equal(line, "keyword ", 8);
		line = strchr(line + 8, ' ') + 1;
		for (char *c = line; *c; c++)
			*c = *c == ' ' ? '_' : *c;
		strcat(strcat(words, line), " ");
	}
	free(said);
	return words;
}

static void has(const char *contents, const char *wanted)
{
	assert_string_equal(keywords(contents, strlen(contents), false), wanted);
}

static void english(void **state)
{
	(void)state;
	has("", "");
	has("nothing twice here today", "");
	/* By stems, shown by the shortest word, the most frequent first. */
	has("Networks fail. A network stops; networking may fail, and networks.", "network fail ");
	has("the the the and and who who", "");
	has("ab ab ab", "");
	/* Accents, and upper case in ASCII. */
	has("Caf\xc3\xa9 caf\xc3\xa9 CAF\xc3\xa9", "caf\xc3\xa9 ");
	/* Across lines, but not sentences. */
	has("tidal wave of a tidal\nwave", "tidal_wave ");
	has("tidal. Wave, tidal. Wave", "tidal wave ");
	/* A part that is there by itself as well. */
	has("tidal wave, tidal wave, wave, wave and wave", "wave tidal_wave ");
}

static void markup(void **state)
{
	static const char html[] =
		"<html><style>body { colour: body }</style><script>var x = var</script>"
		"<div class=\"div\">glacier</div><div>1 < 2 glaciers</div>";

	(void)state;
	assert_string_equal(keywords(html, strlen(html), true), "glacier ");
	assert_string_equal(keywords("<div <div", 9, true), "div ");
	assert_string_equal(keywords("<", 1, true), "");
	assert_string_equal(keywords("<script>a a", 11, true), "");
}

static void chinese(void **state)
{
	(void)state;
	/* Each is between other characters, and its parts are not. */
	has("人工智能改变了世界，我们研究人工智能。学习人工智能要时间", "人工智能 ");
	/* Always the same neighbour: not a word of its own. */
	has("改人工智能变，有人工智能的，学人工智能要", "人工智能 ");
	has("中华人民共和国", "");
	/* Lines are broken anywhere. */
	has("研究机\n器，用机器做，机器好，上午下雨，明天天晴", "机器 ");
	/* Parts of sentences. */
	has("我的书，你看我的笔，拿我的纸", "");
}

/* Whatever it is, and in little time. */
static void anything(void **state)
{
	static char junk[MAX_TEXT + 100];
	unsigned int seed = time(NULL), round;
	time_t start = time(NULL);
	size_t i;

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < sizeof(junk); i++)
			junk[i] = round == 0 ? rand() : round == 1 ? "ab <\n"[rand() % 5] :
				round == 2 ? "\xe4\xb8\xad\xe4\xb8\xad"[i % 6] : 'a';
		keywords(junk, sizeof(junk), round == 1);
	}
	for (i = 0; i + 3 <= sizeof(junk); i += 3)
		utf8_put(junk + i, 0x4e00 + rand() % 300);
	keywords(junk, sizeof(junk), false);
	assert_in_range(time(NULL) - start, 0, 120);
}

static void utf8(void **state)
{
	static const uint32_t codes[] = { 0, 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff,
					  0x10000, 0x10ffff };
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
					   "\xf4\x90\x80\x80", "\xff", "\xe4\xb8", "\xe4xx" };
	char s[4];
	uint32_t c;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		n = utf8_put(s, codes[i]);
		assert_int_equal(utf8_next(s, n, &c), n);
		assert_int_equal(c, codes[i]);
		if (n > 1)
			assert_int_equal(utf8_next(s, n - 1, &c), 1);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(utf8_next(bad[i], strlen(bad[i]), &c), 1);
		assert_int_equal(c, UTF8_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8), cmocka_unit_test(english), cmocka_unit_test(markup),
		cmocka_unit_test(chinese), cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
