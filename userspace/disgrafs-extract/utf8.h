/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTRACT_UTF8_H
#define EXTRACT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID UINT32_MAX

/*
 * The character that the @left bytes (one at least) at @text begin with, and how many of
 * them it takes. UTF8_INVALID and 1 for a byte that begins none.
 */
static inline size_t utf8_next(const char *text, size_t left, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t len, i;

	len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	*c = UTF8_INVALID;
	if (!len || len > left)
		return 1;
	*c = len == 1 ? *s : *s & (0x7f >> len);
	for (i = 1; i < len && *c != UTF8_INVALID; i++)
		*c = (s[i] & 0xc0) == 0x80 ? *c << 6 | (s[i] & 0x3f) : UTF8_INVALID;
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		*c = UTF8_INVALID;
	return *c == UTF8_INVALID ? 1 : len;
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
