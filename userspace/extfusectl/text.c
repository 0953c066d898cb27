// SPDX-License-Identifier: GPL-2.0
/* Names as other people chose them. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "extfusectl: out of memory\n");
		exit(1);
	}
	return p;
}

/*
 * Length of the UTF-8 sequence at @s (RFC 3629: no overlong ones, no surrogates,
 * nothing above U+10FFFF) and its character, 0 if it is not valid.
 */
static unsigned int utf8_next(const unsigned char *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int len, i;

	if (s[0] < 0x80) {
		*c = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;

	*c = s[0] & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		/* Ends at the string's NUL too, which continues nothing. */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[len] || (*c >= 0xd800 && *c <= 0xdfff) || *c > 0x10ffff)
		return 0;
	return len;
}

char *text_for_json(const char *string)
{
	const unsigned char *s = (const unsigned char *)string;
	char *out = must(malloc(2 * strlen(string) + 1)), *to = out;
	unsigned int len;
	uint32_t c;

	while (*s) {
		len = utf8_next(s, &c);
		if (len) {
			memcpy(to, s, len);
			to += len;
			s += len;
		} else {
			*to++ = 0xc0 | *s >> 6;
			*to++ = 0x80 | (*s & 0x3f);
			s++;
		}
	}
	*to = '\0';
	return out;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static char *escape(const char *string, bool keep_space)
{
	const unsigned char *s = (const unsigned char *)string;
	char *out = must(malloc(4 * strlen(string) + 1)), *to = out;
	unsigned int len, i;
	uint32_t c;

	while (*s) {
		len = utf8_next(s, &c);
		if (len && !is_control(c) && c != '\\' && (c != ' ' || keep_space)) {
			memcpy(to, s, len);
			to += len;
			s += len;
			continue;
		}
		for (i = 0; i < (len ?: 1); i++)
			to += sprintf(to, "\\%03o", *s++);
	}
	*to = '\0';
	return out;
}

char *text_for_column(const char *s)
{
	return escape(s, false);
}

char *text_for_sentence(const char *s)
{
	return escape(s, true);
}

/* Counts characters; what is wider or narrower than one column is rare in a name. */
unsigned int text_width(const char *s)
{
	unsigned int width = 0;

	for (; *s; s++)
		if ((*s & 0xc0) != 0x80)
			width++;
	return width;
}
