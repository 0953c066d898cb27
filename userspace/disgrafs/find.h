/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_FIND_H
#define DISGRAFS_FIND_H

#include "expr.h"
#include "indexdb.h"

/*
 * Prepares "@before FROM ... WHERE ... @after" for all files that match @expr. n is
 * the node, and if @before asks for m.name, m each of its names. 0 or -errno.
 */
int find_prepare(struct tagindex *index, const char *before, struct expr *expr, const char *after,
		 struct db_stmt **stmt);

/* How many columns @before then has to ask for. */
#define FIND_COLUMNS 4

/* Whether the row of that, whose path is @path, is of a file that matches. */
bool find_agrees(struct tagindex *index, const struct expr *expr, struct db_stmt *stmt,
		 const char *path);

#endif
