/* SPDX-License-Identifier: GPL-2.0 */
/* How long requests take: histograms of one binding, per CPU and opcode. */
#ifndef EXTFUSE_LATENCY_H
#define EXTFUSE_LATENCY_H

#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/percpu.h>

#include "stats.h"
#include "uapi/extfuse.h"

struct extfuse_histograms {
	u64 count[EXTFUSE_NR_OPCODES][EXTFUSE_LATENCY_BUCKETS];
};

/* Two allocations: together they would be all that alloc_percpu() gives. */
struct extfuse_latency {
	struct extfuse_histograms __percpu *answered;
	struct extfuse_histograms __percpu *passed;
};

/* Counts the bindings whose requests are measured. */
DECLARE_STATIC_KEY_FALSE(extfuse_latency_key);

struct extfuse_latency *extfuse_latency_alloc(void);
void extfuse_latency_free(struct extfuse_latency *latency);

/* Notes that a request took from @start, of ktime_get_ns(), until now. Any context. */
void extfuse_latency_note(struct extfuse_histograms __percpu *histograms, u32 opcode, u64 start);

/* Returns how many buckets there are up to the last one that is not 0. */
unsigned int extfuse_latency_sum(struct extfuse_histograms __percpu *histograms,
				 unsigned int opcode, u64 sum[EXTFUSE_LATENCY_BUCKETS]);

#endif
