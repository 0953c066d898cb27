/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names as other people chose them. A mount point may hold any byte but NUL;
 * JSON must be UTF-8, and a terminal must not be told what to do.
 */
#ifndef EXTFUSECTL_TEXT_H
#define EXTFUSECTL_TEXT_H

/*
 * Each byte that is no part of valid UTF-8 becomes the character with that
 * number (U+0080 to U+00FF). For the caller to free().
 */
char *text_for_json(const char *s);

/*
 * Space, backslash, control characters and bytes that are no part of valid
 * UTF-8 become \ooo, as in /proc/self/mountinfo, so that columns stay columns.
 * The second leaves spaces as they are. For the caller to free().
 */
char *text_for_column(const char *s);
char *text_for_sentence(const char *s);

/* Columns that @s, as either of the two gave it, takes on a terminal. */
unsigned int text_width(const char *s);

/* @p if it is not NULL; else this program ends for want of memory. */
void *must(void *p);

#endif
