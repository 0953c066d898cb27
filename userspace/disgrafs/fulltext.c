// SPDX-License-Identifier: GPL-2.0
#include "fulltext.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* What two parts of a text have in common, for phrases that would be cut in two. */
#define PART_OVERLAP 512

/* Scripts whose characters are words of their own, sorted. */
static const struct {
	uint32_t first, last;
} spaceless[] = {
	{ 0x2e80, 0x2fdf },	/* radicals */
	{ 0x3005, 0x3007 },	/* iteration mark, zero */
	{ 0x3041, 0x30ff },	/* Hiragana, Katakana */
	{ 0x31f0, 0x31ff },
	{ 0x3400, 0x4dbf },	/* Han */
	{ 0x4e00, 0x9fff },
	{ 0xac00, 0xd7a3 },	/* Hangul */
	{ 0xf900, 0xfaff },
	{ 0xff66, 0xff9f },	/* Katakana of half the width */
	{ 0x20000, 0x3ffff },	/* Han */
};

static bool is_spaceless(uint32_t c)
{
	size_t i;

	for (i = 0; i < sizeof(spaceless) / sizeof(*spaceless); i++) {
		if (c >= spaceless[i].first && c <= spaceless[i].last)
			return true;
	}
	return false;
}

/*
 * Copies to @out, which has room for twice @size, and returns how much that is. ASCII that
 * is in no word is the same to SQLite, but not to PostgreSQL, which would find addresses
 * and numbers with a point; nor does that take what is not UTF-8, and neither of them NUL.
 */
static size_t separate(char *out, const char *text, size_t size)
{
	char *to = out;
	bool alone;
	size_t len;
	uint32_t c;

	for (; size; text += len, size -= len) {
		len = utf8_next(text, size, &c);
		if (len == 1) {
			*to++ = c != UTF8_INVALID && isalnum(c) ? c : ' ';
			continue;
		}
		alone = is_spaceless(c);
		if (alone)
			*to++ = ' ';
		to = mempcpy(to, text, len);
		if (alone)
			*to++ = ' ';
	}
	return to - out;
}

/* Where to end what begins at @words and has at most @max of @size bytes: between words. */
static size_t part_len(const char *words, size_t size, size_t max)
{
	size_t len = max;

	if (!max || size <= max)
		return size;
	while (len && words[len - 1] != ' ')
		len--;
	if (len)
		return len;
	/* One word: it is no use, but has to be whole characters. */
	for (len = max; len > 1 && ((unsigned char)words[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

/* In parts if the database wants that; each begins with the end of the one before. */
static int add_words(struct tagindex *index, int64_t node, const char *words, size_t size)
{
	size_t max = index->dialect->text_part, at = 0, len, back;
	struct db_stmt *stmt = statement(index, ST_TEXT_ADD);
	int ret = stmt ? 0 : db_failed(index), part;

	for (part = 0; ret == 0; part++) {
		len = part_len(words + at, size - at, max);
		db_bind_int(stmt, 1, node);
		db_bind_int(stmt, 2, part);
		db_bind_text(stmt, 3, words + at, len);
		ret = db_step(stmt) < 0 ? db_failed(index) : 0;
		db_reset(stmt);
		if (at + len == size)
			break;
		for (back = len > PART_OVERLAP ? len - PART_OVERLAP : len;
		     back < len && words[at + back - 1] != ' '; back++)
			;
		at += back;
	}
	if (stmt)
		db_bind_null(stmt, 3);
	return ret;
}

int fulltext_set(struct tagindex *index, int64_t node, const char *text, size_t size)
{
	char *words = malloc(2 * size + 1);
	int ret;

	if (!words)
		return failed(index, ENOMEM);
	ret = fulltext_drop(index, node);
	if (ret == 0)
		ret = add_words(index, node, words, separate(words, text, size));
	free(words);
	return ret;
}

int fulltext_drop(struct tagindex *index, int64_t node)
{
	int ret = run1(index, ST_TEXT_DROP, node);

	return ret < 0 ? ret : 0;
}

char *fulltext_phrase(const char *text)
{
	size_t size = strlen(text), len;
	char *phrase = malloc(2 * size + 3);

	if (!phrase)
		return NULL;
	phrase[0] = '"';
	len = 1 + separate(phrase + 1, text, size);
	memcpy(phrase + len, "\"", 2);
	return phrase;
}
