/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_UTF8_H
#define DISGRAFS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* How many of the @left bytes at @s, one at least, are a character; 0: they begin none. */
static inline size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	uint32_t c = 0;

	if (len < 2)
		return len;
	if (len <= left)
		c = utf8_continue(s + 1, len - 1, *s & (0x7f >> len));
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (len == 4 && (c < 0x10000 || c >= 0x110000)))
		c = 0;
	return c ? len : 0;
}

static inline bool utf8_is_valid(const char *string)
{
	const unsigned char *s = (const unsigned char *)string;
	size_t left = strlen(string), len;

	for (; left; s += len, left -= len) {
		len = utf8_len(s, left);
		if (!len)
			return false;
	}
	return true;
}

#endif
