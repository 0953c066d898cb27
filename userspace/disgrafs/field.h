/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A line of .graph/events and of "disgrafs watch": fields with a tab in front, in which
 * tabs, newlines and backslashes are \011, \012 and \134.
 */
#ifndef FIELD_H
#define FIELD_H

#include <stdio.h>
#include <string.h>

/* @field: NULL if there is none. */
static inline void put_field(FILE *f, const char *field)
{
	if (!field)
		return;
	putc_unlocked('\t', f);
	for (; *field; field++) {
		if (strchr("\t\n\\", *field))
			fprintf(f, "\\%03o", *field);
		else
			putc_unlocked(*field, f);
	}
}

#endif
