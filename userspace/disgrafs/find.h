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

#endif
