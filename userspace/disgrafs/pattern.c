// SPDX-License-Identifier: GPL-2.0
#include "pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void put_literal(FILE *f, unsigned char c)
{
	if (c < 0x80 && ispunct(c))
		putc('\\', f);
	putc(c, f);
}

/* What is behind the '[' at @pattern and its ']', or NULL: there is none. */
static const char *bracket_end(const char *pattern)
{
	const char *p = pattern + 1;

	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p && *p != ']'; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' && p[1] == ':' && strstr(p, ":]"))
			p = strstr(p, ":]") + 1;
	}
	return *p ? p + 1 : NULL;
}

/* One end of a range, or a character alone. */
static const char *bracket_char(const char *p, unsigned char *c)
{
	if (*p == '\\' && p[1])
		p++;
	*c = *p;
	return p + 1;
}

/* The bracket expression from @p to @end. */
static void put_bracket(FILE *f, const char *p, const char *end)
{
	unsigned char from, to;
	const char *class;

	fputs("[", f);
	p++;
	if (*p == '!' || *p == '^') {
		putc('^', f);
		p++;
	}
	while (p < end - 1) {
		if (*p == '[' && p[1] == ':' && strstr(p, ":]")) {
			class = strstr(p, ":]") + 2;
			fwrite(p, 1, class - p, f);
			p = class;
			continue;
		}
		p = bracket_char(p, &from);
		to = from;
		if (*p == '-' && p + 1 < end - 1)
			p = bracket_char(p + 1, &to);
		if (from > to)
			from = to = 1;	/* no range: what no name has */
		put_literal(f, from);
		if (to != from) {
			putc('-', f);
			put_literal(f, to);
		}
	}
	fputs("]", f);
}

char *pattern_regex(const char *pattern)
{
	char *regex = NULL;
	const char *end;
	size_t size;
	FILE *f = open_memstream(&regex, &size);

	if (!f)
		return NULL;
	putc('^', f);
	for (; *pattern; pattern++) {
		if (*pattern == '*') {
			fputs(".*", f);
		} else if (*pattern == '?') {
			putc('.', f);
		} else if (*pattern == '[' && (end = bracket_end(pattern))) {
			put_bracket(f, pattern, end);
			pattern = end - 1;
		} else {
			if (*pattern == '\\' && pattern[1])
				pattern++;
			put_literal(f, *pattern);
		}
	}
	putc('$', f);
	return fclose(f) ? NULL : regex;
}
