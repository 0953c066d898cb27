// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/slab.h>

#include "latency.h"

DEFINE_STATIC_KEY_FALSE(extfuse_latency_key);

/* Context: process context, may sleep. */
struct extfuse_latency *extfuse_latency_alloc(void)
{
	struct extfuse_latency *latency = kzalloc(sizeof(*latency), GFP_KERNEL);

	if (!latency)
		return NULL;
	latency->answered = alloc_percpu(struct extfuse_histograms);
	latency->passed = alloc_percpu(struct extfuse_histograms);
	if (!latency->answered || !latency->passed) {
		extfuse_latency_free(latency);
		return NULL;
	}
	return latency;
}

/* NULL is fine. */
void extfuse_latency_free(struct extfuse_latency *latency)
{
	if (!latency)
		return;
	free_percpu(latency->answered);
	free_percpu(latency->passed);
	kfree(latency);
}

static unsigned int bucket_of(u64 ns)
{
	int bits = fls64(ns);

	if (bits <= EXTFUSE_LATENCY_SHIFT)
		return 0;
	return min(bits - EXTFUSE_LATENCY_SHIFT, EXTFUSE_LATENCY_BUCKETS - 1);
}

void extfuse_latency_note(struct extfuse_histograms __percpu *histograms, u32 opcode, u64 start)
{
	this_cpu_inc(histograms->count[opcode][bucket_of(ktime_get_ns() - start)]);
}

/* Like extfuse_stats_sum(): nobody is stopped. */
unsigned int extfuse_latency_sum(struct extfuse_histograms __percpu *histograms,
				 unsigned int opcode, u64 sum[EXTFUSE_LATENCY_BUCKETS])
{
	unsigned int i, nr = EXTFUSE_LATENCY_BUCKETS;
	const u64 *count;
	int cpu;

	memset(sum, 0, EXTFUSE_LATENCY_BUCKETS * sizeof(*sum));
	for_each_possible_cpu(cpu) {
		count = per_cpu_ptr(histograms, cpu)->count[opcode];
		for (i = 0; i < EXTFUSE_LATENCY_BUCKETS; i++)
			sum[i] += READ_ONCE(count[i]);
	}
	while (nr && !sum[nr - 1])
		nr--;
	return nr;
}
