// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

/* Counters are read without stopping anyone: each is right, their sums may be a moment apart. */
void extfuse_stats_sum(struct extfuse_stats __percpu *stats, unsigned int opcode,
		       struct extfuse_op_counts *sum)
{
	const struct extfuse_op_counts *op;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		op = &per_cpu_ptr(stats, cpu)->op[opcode];
		sum->answered += READ_ONCE(op->answered);
		sum->passed += READ_ONCE(op->passed);
		sum->errors += READ_ONCE(op->errors);
		sum->bugs += READ_ONCE(op->bugs);
		sum->background += READ_ONCE(op->background);
	}
}
