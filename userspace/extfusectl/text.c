// SPDX-License-Identifier: GPL-2.0
/* Names as other people chose them. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "utf8.h"

void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "extfusectl: out of memory\n");
		exit(1);
	}
	return p;
}

char *text_for_json(const char *string)
{
	size_t left = strlen(string), len;
	char *out = must(malloc(2 * left + 1)), *to = out;
	uint32_t c;

	for (; left; string += len, left -= len) {
		len = utf8_next(string, left, &c);
		if (c == UTF8_INVALID) {
			to += utf8_put(to, (unsigned char)*string);
		} else {
			memcpy(to, string, len);
			to += len;
		}
	}
	*to = '\0';
	return out;
}

/* What would be mistaken for something else, or is no character. */
static bool is_escaped(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\' || c == UTF8_INVALID;
}

static char *escape(const char *string, bool keep_space)
{
	size_t left = strlen(string), len, i;
	char *out = must(malloc(4 * left + 1)), *to = out;
	uint32_t c;

	for (; left; string += len, left -= len) {
		len = utf8_next(string, left, &c);
		if (!is_escaped(c) && (c != ' ' || keep_space)) {
			memcpy(to, string, len);
			to += len;
			continue;
		}
		for (i = 0; i < len; i++)
			to += sprintf(to, "\\%03o", (unsigned char)string[i]);
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
