/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is said of a file, in the lines that disgrafsd takes, and the text that is
 * gathered to be said.
 */
#ifndef EXTRACT_SAY_H
#define EXTRACT_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* As much of a text as disgrafsd takes. */
#define MAX_TEXT (1 << 20)

/* "KEY VALUE", if something is left of the value as one line of UTF-8. NULL: nothing. */
void say(FILE *out, const char *key, const char *value);
void say_number(FILE *out, const char *key, long number);

struct text {
	char *data;
	size_t size;
};

/* 0 or -ENOMEM. */
int text_init(struct text *text);
void text_free(struct text *text);
/* Returns whether there is room for more. */
bool text_add(struct text *text, const char *s, size_t size);
/* Its lines; what ends in no newline is a line as well. */
void text_say(const struct text *text, FILE *out);

#endif
