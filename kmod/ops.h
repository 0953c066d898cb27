/* SPDX-License-Identifier: GPL-2.0 */
/* What the module knows about each FUSE operation. */
#ifndef EXTFUSE_OPS_H
#define EXTFUSE_OPS_H

#include "dispatch.h"

/* Internal results beside EXTFUSE_PASS, 0 and -errno: an answer that was refused... */
#define EXTFUSE_BUG 2
/* ... and one that is still to be carried out, on ctx->lower. */
#define EXTFUSE_LOWER 3

/**
 * struct extfuse_op - one FUSE operation
 * @pre: calls the policy before the request and checks its answer; EXTFUSE_PASS,
 *	EXTFUSE_BUG, EXTFUSE_LOWER, 0 or -errno
 * @done: calls the policy with the daemon's reply
 * @done_member: offset in struct extfuse_ops of the callback that @done calls
 * @done_member2: of the second one, or 0
 * @structs: number of input arguments before the names
 * @forced: handled even when sent with force
 * @background: may be sent in the background, so its callback never sleeps
 */
struct extfuse_op {
	int (*pre)(const struct extfuse_ops *ops, struct extfuse_ctx *ctx);
	void (*done)(const struct extfuse_ops *ops, struct extfuse_ctx *ctx, int error);
	u16 done_member;
	u16 done_member2;
	u8 structs;
	bool forced;
	bool background;
};

extern const struct extfuse_op extfuse_op_table[EXTFUSE_NR_OPCODES];

/* extfuse_open_flags(), of a request whose reply is there */
int extfuse_ctx_open_flags(const struct extfuse_ctx *ctx, u32 flags);

/* NULL for an opcode that passes untouched. */
static inline const struct extfuse_op *extfuse_op_of(u32 opcode)
{
	const struct extfuse_op *op;

	if (opcode >= EXTFUSE_NR_OPCODES)
		return NULL;
	op = &extfuse_op_table[opcode];
	return op->pre ? op : NULL;
}

static inline bool extfuse_ops_has(const struct extfuse_ops *ops, u16 member)
{
	return *(void * const *)((const char *)ops + member);
}

/* Does the policy want to hear the daemon's reply? */
static inline bool extfuse_op_wants_done(const struct extfuse_op *op,
					 const struct extfuse_ops *ops)
{
	return op->done && (extfuse_ops_has(ops, op->done_member) ||
			    (op->done_member2 && extfuse_ops_has(ops, op->done_member2)));
}

#endif
