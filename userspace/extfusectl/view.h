/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module told, as tables and as JSON. A view takes facts one by one
 * and prints at its end, since columns are as wide as the widest.
 */
#ifndef EXTFUSECTL_VIEW_H
#define EXTFUSECTL_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "extfuse_ctl.h"
#include "mounts.h"
#include "table.h"

struct json_object;

struct view {
	FILE *out;
	bool json;
	bool latency;		/* statistics with histograms */
	struct mounts mounts;
	/* One of these, depending on @json. */
	struct table table;
	struct json_object *array;
	unsigned int nr;	/* facts so far */
};

void view_start(struct view *view, FILE *out, bool json, struct mounts mounts);
/*
 * Frees what the view and its mounts hold, after it is printed unless @good is
 * false: half a list looks like a whole one.
 */
void view_end(struct view *view, bool good);

/* For extfuse_policy_list(), extfuse_conn_list() and extfuse_stats(); @arg is the view. */
int view_policy(const struct extfuse_policy_info *info, void *arg);
int view_conn(const struct extfuse_conn_info *info, void *arg);
int view_stats(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
	       unsigned int nr_ops, void *arg);

/* Prints at once. @module is NULL if it is not loaded. */
void view_version(FILE *out, bool json, const char *tool, const struct extfuse_version *module);

#endif
