// SPDX-License-Identifier: GPL-2.0
#include "fulltext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* The bits of @count more bytes of a character whose first byte has @bits, or 0. */
static uint32_t continue_utf8(const unsigned char *s, size_t count, uint32_t bits)
{
	for (; count; count--, s++) {
		if ((*s & 0xc0) != 0x80)
			return 0;
		bits = bits << 6 | (*s & 0x3f);
	}
	return bits;
}

/* How many of the @left bytes at @s are a character of such a script, or 0. */
static size_t spaceless_len(const unsigned char *s, size_t left)
{
	uint32_t c = 0;
	size_t len, i;

	/* All of them take three or four bytes. */
	len = *s >= 0xf0 && *s < 0xf8 ? 4 : *s >= 0xe0 && *s < 0xf0 ? 3 : 0;
	if (len && len <= left)
		c = continue_utf8(s + 1, len - 1, *s & (len == 4 ? 0x07 : 0x0f));
	for (i = 0; i < sizeof(spaceless) / sizeof(*spaceless); i++) {
		if (c >= spaceless[i].first && c <= spaceless[i].last)
			return len;
	}
	return 0;
}

/* Copies to @out, which has room for twice @size, and returns how much that is. */
static size_t separate(char *out, const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + size;
	char *to = out;
	size_t len;

	while (s < end) {
		len = spaceless_len(s, end - s);
		if (!len) {
			/* No NUL for SQLite's sake, and no quote for that of a query. */
			*to++ = *s && *s != '"' ? *s : ' ';
			s++;
			continue;
		}
		*to++ = ' ';
		memcpy(to, s, len);
		to += len;
		*to++ = ' ';
		s += len;
	}
	return to - out;
}

int fulltext_set(struct tagindex *index, int64_t node, const char *text, size_t size)
{
	struct db_stmt *stmt = statement(index, ST_TEXT_ADD);
	char *words = malloc(2 * size + 1);
	int ret = fulltext_drop(index, node);

	if (!stmt || !words) {
		free(words);
		return stmt ? failed(index, ENOMEM) : db_failed(index);
	}
	db_bind_int(stmt, 1, node);
	db_bind_text(stmt, 3, words, separate(words, text, size));
	if (ret == 0)
		ret = db_step(stmt) < 0 ? db_failed(index) : 0;
	db_reset(stmt);
	db_bind_null(stmt, 3);
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
