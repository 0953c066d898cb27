/* SPDX-License-Identifier: GPL-2.0 */
/* Characters as RFC 3629 has them: none overlong, no surrogates, none above U+10FFFF. */
#ifndef USERSPACE_UTF8_H
#define USERSPACE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UTF8_INVALID UINT32_MAX

/* The bits of @count more bytes of a character whose first byte has @bits, or 0. */
static inline uint32_t utf8_continue(const unsigned char *s, size_t count, uint32_t bits)
{
	for (; count; count--, s++) {
		if ((*s & 0xc0) != 0x80)
			return 0;
		bits = bits << 6 | (*s & 0x3f);
	}
	return bits;
}

/*
 * The character that the @left bytes (one at least) at @text begin with, and how many of
 * them it takes. UTF8_INVALID and 1 for a byte that begins none.
 */
static inline size_t utf8_next(const char *text, size_t left, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	*c = UTF8_INVALID;
	if (!len || len > left)
		return 1;
	*c = len == 1 ? *s : utf8_continue(s + 1, len - 1, *s & (0x7f >> len));
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		*c = UTF8_INVALID;
	return *c == UTF8_INVALID ? 1 : len;
}

static inline bool utf8_is_valid(const char *string)
{
	size_t left = strlen(string), len;
	uint32_t c;

	for (; left; string += len, left -= len) {
		len = utf8_next(string, left, &c);
		if (c == UTF8_INVALID)
			return false;
	}
	return true;
}

/* Into @out, 4 bytes at most, and returns how many. */
static inline size_t utf8_put(char *out, uint32_t c)
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = len - 1; i; i--, c >>= 6)
		out[i] = 0x80 | (c & 0x3f);
	out[0] = len == 1 ? c : (0xf00 >> len & 0xf0 & ~(0x80 >> len)) | c;
	return len;
}

#endif
