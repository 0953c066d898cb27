// SPDX-License-Identifier: GPL-2.0
#include "say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* What disgrafsd takes of a value. */
#define MAX_VALUE 1024

void say(FILE *out, const char *key, const char *value)
{
	char line[MAX_VALUE + 4];
	size_t left = value ? strlen(value) : 0, size = 0, len;
	bool space = false;
	uint32_t c;

	for (; left; value += len, left -= len) {
		len = utf8_next(value, left, &c);
		if (c <= ' ' || c == 0x7f || c == UTF8_INVALID) {
			space = size;
			continue;
		}
		if (size + space + len > MAX_VALUE)
			break;
		if (space)
			line[size++] = ' ';
		space = false;
		memcpy(line + size, value, len);
		size += len;
	}
	line[size] = '\0';
	if (size)
		fprintf(out, "%s %s\n", key, line);
}

void say_number(FILE *out, const char *key, long number)
{
	fprintf(out, "%s %ld\n", key, number);
}

int text_init(struct text *text)
{
	text->size = 0;
	/* Untouched pages of it cost nothing. */
	text->data = malloc(MAX_TEXT);
	return text->data ? 0 : -ENOMEM;
}

void text_free(struct text *text)
{
	free(text->data);
	text->data = NULL;
}

bool text_add(struct text *text, const char *s, size_t size)
{
	size_t room = MAX_TEXT - text->size;

	if (size > room)
		size = room;
	memcpy(text->data + text->size, s, size);
	text->size += size;
	return text->size < MAX_TEXT;
}

void text_say(const struct text *text, FILE *out)
{
	const char *s = text->data, *end = s + text->size, *newline;

	for (; s < end; s = newline + 1) {
		newline = memchr(s, '\n', end - s) ?: end;
		fputs("text ", out);
		fwrite(s, 1, newline - s, out);
		putc('\n', out);
	}
}
