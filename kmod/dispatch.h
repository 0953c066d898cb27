/* SPDX-License-Identifier: GPL-2.0 */
/* A request on its way through a policy. */
#ifndef EXTFUSE_DISPATCH_H
#define EXTFUSE_DISPATCH_H

#include "conn.h"
#include "name_hash.h"

struct extfuse_op;

struct extfuse_hashed {
	struct extfuse_name_hash hash;
	u64 dir;
};

/*
 * Lives on the stack of the function that calls the policy, or in the record of
 * a background request. Policies see @req; kfuncs find the rest behind it.
 */
struct extfuse_ctx {
	struct extfuse_req req;
	struct extfuse_conn *conn;
	const struct extfuse_op *op;
	struct fuse_args *args;		/* NULL for forget, notifications, init, exit */
	const char *name;		/* the first one, if it is known already */
	int name_len;
	struct extfuse_hashed hashed[2];	/* names that the policy had hashed */
	u8 nr_hashed;			/* bits */
	bool quiet;			/* not the policy's business after all */
	bool more;			/* other policies are asked if this one passes */
	u32 reply_len;			/* extfuse_reply_set() */
	bool reply_set;
	int error;			/* the daemon's, in reply callbacks */
	bool fresh;			/* attributes come from the backing file, just now */
	bool ring;			/* of a ring, in the background: not counted yet */
	u64 start;			/* ns; 0: not measured; of requests only */
	struct file *lower;		/* read and write: carry out on it; set by pre_*() */
};

/* Of struct extfuse_ctx, what belongs to one policy of a chain until it hears the reply. */
struct extfuse_own {
	u64 cookie[4];
	struct extfuse_hashed hashed[2];
	u8 nr_hashed;
};

/**
 * struct extfuse_walk - a request's way through the policies of a chain
 * @heard_by: bits, those that want to hear the reply
 * @own: theirs
 */
struct extfuse_walk {
	unsigned int heard_by;
	struct extfuse_own own[EXTFUSE_CHAIN_MAX];
};

static inline struct extfuse_ctx *extfuse_ctx_of(struct extfuse_req *req)
{
	return container_of(req, struct extfuse_ctx, req);
}

/* First input argument if it is at least a @size bytes structure. */
static __always_inline const void *extfuse_ctx_in(const struct extfuse_ctx *ctx, size_t size)
{
	const struct xf_in_arg *in = xf_args_in(ctx->args, 0);

	return xf_args_in_num(ctx->args) && in->size >= size ? in->value : NULL;
}

/* Ends a request that is on none of fs/fuse's lists. Not under its bg_lock. */
static inline void extfuse_end_request(struct fuse_req *req, int error)
{
	xf_req_out(req)->error = error;
	clear_bit(XF_FR_PENDING, xf_req_flags(req));
	fuse_request_end(req);
}

void extfuse_ctx_init(struct extfuse_ctx *ctx, struct extfuse_conn *conn, u32 opcode, u64 nodeid);

/*
 * The reply is there: tells those policies that want to hear it, the last one first.
 * @own is theirs, NULL if only the first was asked. Inside extfuse_srcu.
 */
void extfuse_reply(const struct extfuse_chain *chain, struct extfuse_ctx *ctx,
		   unsigned int heard_by, const struct extfuse_own *own, int error);

/* The daemon's reply to a request that is measured is there. Inside extfuse_srcu. */
void extfuse_note_passed(const struct extfuse_ctx *ctx);

/* The @which'th name of the request: its length, or -ENOENT. */
int extfuse_ctx_name(const struct extfuse_ctx *ctx, unsigned int which, const char **name);

/* Where a reply of variable length goes: its room, or -errno. */
int extfuse_ctx_reply_room(const struct extfuse_ctx *ctx, void **data);

#endif
