/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of one binding, per CPU and opcode. */
#ifndef EXTFUSE_STATS_H
#define EXTFUSE_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

/* Opcodes are small; what is beyond (CUSE_INIT) shares slot 0, which is no opcode. */
#define EXTFUSE_NR_OPCODES 64

struct extfuse_op_counts {
	u64 answered;
	u64 passed;
	u64 errors;
	u64 bugs;
	u64 background;
};

struct extfuse_stats {
	struct extfuse_op_counts op[EXTFUSE_NR_OPCODES];
};

#define extfuse_count(conn, opcode, what) \
	this_cpu_inc((conn)->stats->op[(opcode) < EXTFUSE_NR_OPCODES ? (opcode) : 0].what)

void extfuse_stats_sum(struct extfuse_stats __percpu *stats, unsigned int opcode,
		       struct extfuse_op_counts *sum);

#endif
