/* SPDX-License-Identifier: GPL-2.0 */
/* How many requests a second, again and again. */
#ifndef EXTFUSECTL_TOP_H
#define EXTFUSECTL_TOP_H

#include <stdbool.h>
#include <stdio.h>

#include "extfuse_ctl.h"
#include "mounts.h"

struct top {
	FILE *out;
	bool json;
	unsigned int interval_ms;
	unsigned int count;		/* 0: until interrupted */
	/* Which mount alone is wanted: on it, or -1, and its connection, or 0. */
	int fd;
	uint64_t conn;
};

/*
 * Returns 0, or a negative errno with the sentence in @ef. @top->fd is closed early, and
 * -1 then: the mount must not be busy because of us.
 */
int top_run(struct top *top, struct extfuse *ef);

/* The counters of all mounts at one moment. */
struct sample {
	struct sample_conn {
		struct extfuse_conn_info info;
		struct extfuse_op_stats *ops;
		unsigned int nr_ops;
	} *conns;
	unsigned int nr;
};

/* For extfuse_stats(); @arg is the sample. */
int sample_add(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
	       unsigned int nr_ops, void *arg);
void sample_free(struct sample *sample);

/*
 * Prints what happened from @before to @now, @seconds later. @lines is how many may
 * be printed, 0 for all.
 */
void top_print(FILE *out, bool json, const struct sample *before, const struct sample *now,
	       double seconds, const struct mounts *mounts, unsigned int lines);

#endif
