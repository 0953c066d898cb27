// SPDX-License-Identifier: GPL-2.0
/* Aligned columns under a header. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "text.h"

void table_add(struct table *table, const char *text)
{
	table->cells = must(reallocarray(table->cells, table->nr_cells + 1,
					 sizeof(*table->cells)));
	table->cells[table->nr_cells++] = must(strdup(text));
}

void table_addf(struct table *table, const char *fmt, ...)
{
	char buf[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	table_add(table, buf);
}

static unsigned int column_width(const struct table *table, unsigned int column)
{
	unsigned int i, width, widest = 0;

	for (i = column; i < table->nr_cells; i += table->nr_columns) {
		width = text_width(table->cells[i]);
		if (width > widest)
			widest = width;
	}
	return widest;
}

void table_free(struct table *table)
{
	while (table->nr_cells)
		free(table->cells[--table->nr_cells]);
	free(table->cells);
	table->cells = NULL;
}

void table_print(struct table *table, FILE *out)
{
	unsigned int *widths = must(calloc(table->nr_columns, sizeof(*widths)));
	unsigned int i, column, pad;

	for (i = 0; i < table->nr_columns; i++)
		widths[i] = column_width(table, i);

	for (i = 0; i < table->nr_cells; i++) {
		column = i % table->nr_columns;
		pad = widths[column] - text_width(table->cells[i]);
		if (table->right[column] == 'r')
			fprintf(out, "%*s%s", pad, "", table->cells[i]);
		else if (column + 1 < table->nr_columns)
			fprintf(out, "%s%*s", table->cells[i], pad, "");
		else
			fputs(table->cells[i], out);
		fputs(column + 1 < table->nr_columns ? "  " : "\n", out);
	}
	free(widths);
	table_free(table);
}
