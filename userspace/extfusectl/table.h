/* SPDX-License-Identifier: GPL-2.0 */
/* Aligned columns under a header. */
#ifndef EXTFUSECTL_TABLE_H
#define EXTFUSECTL_TABLE_H

#include <stdio.h>

struct table {
	unsigned int nr_columns;
	const char *right;	/* a character for each column: 'r' aligns to the right */
	char **cells;
	unsigned int nr_cells;
};

/* Columns are added cell by cell, the header's first. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Both leave the table without cells. */
void table_print(struct table *table, FILE *out);
void table_free(struct table *table);

#endif
