// SPDX-License-Identifier: GPL-2.0
/*
 * The request path: a bound connection's queue operations.
 *
 * Everything here fails open: without a policy, with one that is going away, or
 * for an opcode that nobody knows, a request goes to the daemon as if the module
 * were not there.
 */
#include <linux/srcu.h>

#include "background.h"
#include "fault.h"
#include "lower.h"
#include "ops.h"
#include "trace.h"
#include "wait.h"

static __always_inline u32 conn_flags(const struct fuse_conn *fc)
{
	u32 flags = 0;

	if (xf_conn_default_permissions(fc))
		flags |= EXTFUSE_REQ_DEFAULT_PERMISSIONS;
	if (xf_conn_writeback_cache(fc))
		flags |= EXTFUSE_REQ_WRITEBACK_CACHE;
	return flags;
}

/*
 * All that is read without being written first; kernels that zero what is on the
 * stack would zero the rest for nothing, for each request.
 */
void extfuse_ctx_init(struct extfuse_ctx *ctx, struct extfuse_conn *conn, u32 opcode, u64 nodeid)
{
	/* "hashed" is good for what nr_hashed says only */
	ctx->req = (struct extfuse_req){ .conn = conn->id, .nodeid = nodeid, .opcode = opcode };
	ctx->req.ttl = conn->ttl;
	ctx->req.flags = conn_flags(conn->fc);
	ctx->req.epoch = xf_conn_epoch(conn->fc);
	ctx->conn = conn;
	ctx->op = NULL;
	ctx->args = NULL;
	ctx->name = NULL;
	ctx->nr_hashed = 0;
	ctx->quiet = false;
	ctx->reply_set = false;
	ctx->fresh = false;
	ctx->ring = false;
	ctx->error = 0;
}

/* When a request that is to be measured began, else 0. Costs nothing while none is. */
static __always_inline u64 start_of(const struct extfuse_conn *conn)
{
	if (static_branch_unlikely(&extfuse_latency_key) && rcu_access_pointer(conn->latency))
		return ktime_get_ns();
	return 0;
}

static __always_inline void note_answered(const struct extfuse_ctx *ctx)
{
	struct extfuse_latency *latency;

	if (!static_branch_unlikely(&extfuse_latency_key) || !ctx->start)
		return;
	latency = srcu_dereference(ctx->conn->latency, &extfuse_srcu);
	if (latency)
		extfuse_latency_note(latency->answered, ctx->req.opcode, ctx->start);
}

void extfuse_note_passed(const struct extfuse_ctx *ctx)
{
	struct extfuse_latency *latency;

	if (!ctx->start)
		return;
	latency = srcu_dereference(ctx->conn->latency, &extfuse_srcu);
	if (latency)
		extfuse_latency_note(latency->passed, ctx->req.opcode, ctx->start);
}

static __always_inline void ctx_init_req(struct extfuse_ctx *ctx, struct extfuse_conn *conn,
					 const struct extfuse_op *op, struct fuse_req *req)
{
	const struct fuse_in_header *in = xf_req_in(req);

	extfuse_ctx_init(ctx, conn, in->opcode, in->nodeid);
	ctx->op = op;
	ctx->args = xf_req_args(req);
	ctx->req.uid = in->uid;
	ctx->req.gid = in->gid;
	ctx->req.pid = in->pid;
	ctx->start = start_of(conn);
}

/* Names start after the structures; an empty argument in front of them is padding. */
int extfuse_ctx_name(const struct extfuse_ctx *ctx, unsigned int which, const char **name)
{
	const struct xf_in_arg *in;
	unsigned int i, nr;
	int ext;

	if (ctx->name && !which) {
		*name = ctx->name;
		return ctx->name_len;
	}
	if (!ctx->args || !ctx->op)
		return -ENOENT;
	nr = xf_args_in_num(ctx->args);
	ext = xf_args_ext(ctx->args);
	for (i = ctx->op->structs; i < nr; i++) {
		in = xf_args_in(ctx->args, i);
		if (!in->size || !in->value || i == ext)
			continue;
		if (which--)
			continue;
		*name = in->value;
		/* the terminating NUL is there or not, depending on kernel and opcode */
		return in->size - ((*name)[in->size - 1] == '\0');
	}
	return -ENOENT;
}

int extfuse_ctx_reply_room(const struct extfuse_ctx *ctx, void **data)
{
	const struct xf_arg *out;
	unsigned int offset;

	if (!ctx->args || !xf_args_out_num(ctx->args) || !xf_args_out_argvar(ctx->args))
		return -EINVAL;
	out = xf_args_out(ctx->args, 0);
	if (xf_args_out_pages(ctx->args)) {
		if (!xf_args_num_pages(ctx->args))
			return -EINVAL;
		*data = page_address(xf_args_page(ctx->args, 0, &offset)) + offset;
		return min(xf_args_page_desc(ctx->args, 0)->length, out->size);
	}
	*data = out->value;
	return out->size;
}

/* The answer is final: give it the size that extfuse_reply_set() was told. */
static void finish_reply(struct extfuse_ctx *ctx)
{
	struct xf_arg *out = xf_args_out(ctx->args, 0);

	if (!ctx->reply_set)
		return;
	if (xf_args_out_argvar(ctx->args))
		out->size = ctx->reply_len;
	else
		*(struct fuse_getxattr_out *)out->value =
			(struct fuse_getxattr_out){ .size = ctx->reply_len };
}

/* Asks the policy; EXTFUSE_PASS, EXTFUSE_LOWER, 0 or -errno. Inside extfuse_srcu. */
static __always_inline int ask(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	struct extfuse_op_counts __percpu *counts;
	int ret = ctx->op->pre(ops, ctx);

	/* an opcode that has a row has a slot */
	counts = &ctx->conn->stats->op[ctx->op - extfuse_op_table];

	if (ctx->req.flags & EXTFUSE_REQ_BACKGROUND)
		this_cpu_inc(counts->background);
	if (likely(ret <= 0)) {
		this_cpu_inc(counts->answered);
		if (ret)
			this_cpu_inc(counts->errors);
		else
			finish_reply(ctx);
		extfuse_no_fault(ctx->conn);
		trace_extfuse_answered(ctx->conn, ops->name, ctx->req.opcode, ctx->req.nodeid,
				       ctx->req.flags & EXTFUSE_REQ_BACKGROUND, ret);
		note_answered(ctx);
		return ret;
	}
	if (ret == EXTFUSE_LOWER) {
		/* counted when it is clear who carries it out */
		extfuse_no_fault(ctx->conn);
		return ret;
	}
	if (ret != EXTFUSE_PASS) {
		this_cpu_inc(counts->bugs);
		extfuse_fault(ctx, ops->name);
	}
	this_cpu_inc(counts->passed);
	trace_extfuse_passed(ctx->conn, ops->name, ctx->req.opcode, ctx->req.nodeid,
			     ctx->req.flags & EXTFUSE_REQ_BACKGROUND,
			     ret == EXTFUSE_PASS ? EXTFUSE_PASSED_POLICY : EXTFUSE_PASSED_BUG);
	return EXTFUSE_PASS;
}

/*
 * A change that was on its way to the daemon when the policy came is one that
 * the policy never heard of. Until there has been a moment when the request at
 * hand was the only one, the policy is not asked.
 */
static bool settle(struct extfuse_conn *conn, const struct extfuse_policy *policy)
{
	if (xf_conn_num_waiting(conn->fc) != 1)
		return false;
	WRITE_ONCE(conn->settled, policy);
	return true;
}

static const struct extfuse_ops *conn_ops(struct extfuse_conn *conn,
					  struct extfuse_policy **policy)
{
	*policy = srcu_dereference(conn->policy, &extfuse_srcu);
	if (!*policy)
		return NULL;
	if (unlikely(READ_ONCE(conn->settled) != *policy) && !settle(conn, *policy))
		return NULL;
	return extfuse_policy_ops(*policy);
}

static __always_inline const struct extfuse_op *op_of(struct fuse_req *req)
{
	const struct fuse_args *args = xf_req_args(req);
	const struct extfuse_op *op = extfuse_op_of(xf_args_opcode(args));

	if (!op || xf_args_noreply(args) || (xf_args_force(args) && !op->forced))
		return NULL;
	return op;
}

/* Why no policy is asked about the request. */
static enum extfuse_passed why_not(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
				   const struct extfuse_op *op)
{
	if (!op)
		return EXTFUSE_PASSED_OPCODE;
	if (!xf_fiq_connected(fiq))
		return EXTFUSE_PASSED_DISCONNECTED;
	return rcu_access_pointer(conn->policy) ? EXTFUSE_PASSED_UNSETTLED :
						  EXTFUSE_PASSED_NO_POLICY;
}

/* Counts a request that no policy is asked about. */
static void count_passed(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
			 struct fuse_req *req, const struct extfuse_op *op)
{
	const struct fuse_args *args = xf_req_args(req);

	extfuse_count(conn, xf_args_opcode(args), passed);
	if (trace_extfuse_passed_enabled())
		trace_extfuse_passed(conn, "", xf_args_opcode(args), xf_args_nodeid(args),
				     xf_req_test(req, XF_FR_BACKGROUND), why_not(conn, fiq, op));
}

/*
 * A request that a task waits for: process context, no spinlocks, possibly
 * inode locks. Enters with extfuse_srcu held and leaves without.
 */
static void send_foreground(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
			    struct fuse_req *req, int idx)
	__releases(&extfuse_srcu)
{
	const struct extfuse_op *op = op_of(req);
	const struct fuse_iqueue_ops *orig = conn->orig;
	const struct extfuse_ops *ops;
	struct extfuse_policy *policy;
	struct extfuse_ctx ctx __uninitialized;
	bool wants_done, served, lower;
	int ret;

	ops = op ? conn_ops(conn, &policy) : NULL;
	if (!ops || !xf_fiq_connected(fiq)) {
		count_passed(conn, fiq, req, op);
		srcu_read_unlock(&extfuse_srcu, idx);
		orig->send_req(fiq, req);
		return;
	}

	ctx_init_req(&ctx, conn, op, req);
	ret = ask(ops, &ctx);
	if (likely(ret <= 0)) {
		srcu_read_unlock(&extfuse_srcu, idx);
		extfuse_end_request(req, ret);
		return;
	}
	wants_done = !ctx.quiet && extfuse_op_wants_done(op, ops);
	if (ret == EXTFUSE_PASS && !wants_done && !ctx.start) {
		srcu_read_unlock(&extfuse_srcu, idx);
		orig->send_req(fiq, req);
		return;
	}

	/* Nothing may be held while others think, except that it all still exists. */
	extfuse_conn_get(conn);
	extfuse_policy_get(policy);
	srcu_read_unlock(&extfuse_srcu, idx);

	if (ret == EXTFUSE_LOWER)
		ret = extfuse_lower_foreground(&ctx, req);
	lower = ret != EXTFUSE_PASS;
	served = ret <= 0;
	if (ret == EXTFUSE_PASS)
		orig->send_req(fiq, req);
	if (!served) {
		extfuse_wait_reply(conn, fiq, req);
		ret = xf_req_out(req)->error;
	}

	idx = srcu_read_lock(&extfuse_srcu);
	if (lower)
		note_answered(&ctx);
	else
		extfuse_note_passed(&ctx);
	ops = extfuse_policy_ops(policy);
	if (ops && wants_done) {
		ctx.req.flags |= EXTFUSE_REQ_REPLY;
		ctx.error = ret;
		op->done(ops, &ctx, ret);
	}
	srcu_read_unlock(&extfuse_srcu, idx);
	if (served)
		extfuse_end_request(req, ret);
	extfuse_policy_put(policy);
	extfuse_conn_put(conn);
}

/*
 * Answered background requests, which are RELEASEs, cannot be completed on the
 * spot: fs/fuse sends them under a lock that completion takes again. Nobody waits
 * for them, so a work item completes them by the batch, when there is one or a
 * tick after the first; fs/fuse allows at least a dozen at a time.
 */
#define COMPLETE_BATCH 8
#define COMPLETE_DELAY 1	/* jiffies */

void extfuse_complete_work(struct work_struct *work)
{
	struct extfuse_conn *conn = container_of(to_delayed_work(work), struct extfuse_conn,
						 complete_work);
	struct llist_node *node, *next;

	atomic_set(&conn->nr_answered, 0);
	node = llist_del_all(&conn->answered);
	for (; node; node = next) {
		next = node->next;
		fuse_request_end(xf_req_of_list(node));
	}
	extfuse_conn_put(conn);
}

static void complete_later(struct extfuse_conn *conn, struct fuse_req *req, int error)
{
	unsigned long delay = COMPLETE_DELAY;
	bool first;

	static_assert(sizeof(struct llist_node) <= sizeof(struct list_head));

	xf_req_out(req)->error = error;
	clear_bit(XF_FR_PENDING, xf_req_flags(req));
	first = llist_add((struct llist_node *)xf_req_list(req), &conn->answered);
	if (atomic_inc_return(&conn->nr_answered) >= COMPLETE_BATCH)
		delay = 0;
	else if (!first)
		return;
	/* the work item holds a reference while it is pending */
	extfuse_conn_get(conn);
	if (mod_delayed_work(extfuse_wq, &conn->complete_work, delay))
		extfuse_conn_put(conn);
}

/*
 * Asks the policy about a background request; false if it is to be sent. Under
 * fs/fuse's bg_lock (but of a ring: see below), so nothing here sleeps or completes the
 * request.
 */
static bool take_background(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
			    struct fuse_req *req, bool ring)
{
	const struct extfuse_op *op = op_of(req);
	const struct extfuse_ops *ops;
	struct extfuse_policy *policy;
	struct extfuse_ctx ctx __uninitialized;
	int ret;

	ops = op && op->background ? conn_ops(conn, &policy) : NULL;
	if (!ops || !xf_fiq_connected(fiq)) {
		count_passed(conn, fiq, req, op);
		return false;
	}
	ctx_init_req(&ctx, conn, op, req);
	ctx.req.flags |= EXTFUSE_REQ_BACKGROUND;
	ctx.ring = ring;
	ret = ask(ops, &ctx);
	if (ret <= 0) {
		if (ring)
			xf_conn_count_background(conn->fc);
		complete_later(conn, req, ret);
		return true;
	}
	if (ret == EXTFUSE_LOWER)
		ctx.start = 0;	/* is not measured */
	if ((extfuse_op_wants_done(op, ops) || ctx.start) && xf_req_test(req, XF_FR_ASYNC))
		extfuse_background_track(&ctx, policy);
	return ret == EXTFUSE_LOWER && extfuse_lower_queue(&ctx, req);
}

#ifdef XF_RING
/*
 * Not under bg_lock, but possibly under spinlocks of who sends it. fs/fuse has not counted
 * the request yet, and its end takes it out of the count.
 */
bool extfuse_take_ring_background(struct fuse_req *req)
{
	struct fuse_iqueue *fiq = xf_req_fiq(req);
	int idx = srcu_read_lock(&extfuse_srcu);
	struct extfuse_conn *conn = extfuse_conn_of(fiq);
	bool taken = conn && take_background(conn, fiq, req, true);

	srcu_read_unlock(&extfuse_srcu, idx);
	return taken;
}
#endif

void extfuse_send_req(struct fuse_iqueue *fiq, struct fuse_req *req)
{
	int idx = srcu_read_lock(&extfuse_srcu);
	struct extfuse_conn *conn = extfuse_conn_of(fiq);

	if (unlikely(!conn)) {
		/* unbound between the caller's look at the operations and here */
		srcu_read_unlock(&extfuse_srcu, idx);
		READ_ONCE(*xf_fiq_ops(fiq))->send_req(fiq, req);
	} else if (xf_req_test(req, XF_FR_BACKGROUND)) {
		if (!take_background(conn, fiq, req, false))
			conn->orig->send_req(fiq, req);
		srcu_read_unlock(&extfuse_srcu, idx);
	} else {
		send_foreground(conn, fiq, req, idx);
	}
}

static const char *name_of(const struct extfuse_ops *ops)
{
	return ops ? ops->name : "";
}

/* May run in memory reclaim. */
void extfuse_send_forget(struct fuse_iqueue *fiq, struct fuse_forget_link *link)
{
	int idx = srcu_read_lock(&extfuse_srcu);
	struct extfuse_conn *conn = extfuse_conn_of(fiq);
	struct fuse_forget_one *one = xf_forget_one(link);
	const struct extfuse_ops *ops;
	struct extfuse_policy *policy;
	struct extfuse_ctx ctx;

	if (unlikely(!conn)) {
		srcu_read_unlock(&extfuse_srcu, idx);
		READ_ONCE(*xf_fiq_ops(fiq))->send_forget(fiq, link);
		return;
	}
	policy = srcu_dereference(conn->policy, &extfuse_srcu);
	ops = policy ? extfuse_policy_ops(policy) : NULL;
	if (ops && ops->forget) {
		extfuse_ctx_init(&ctx, conn, FUSE_FORGET, one->nodeid);
		ops->forget(&ctx.req, one->nlookup);
	}
	one->nlookup -= extfuse_lookup_forget(&conn->lookups, one->nodeid, one->nlookup);
	if (one->nlookup) {
		extfuse_count(conn, FUSE_FORGET, passed);
		trace_extfuse_passed(conn, name_of(ops), FUSE_FORGET, one->nodeid, true,
				     ops ? EXTFUSE_PASSED_POLICY : EXTFUSE_PASSED_NO_POLICY);
		conn->orig->send_forget(fiq, link);
	} else {
		extfuse_count(conn, FUSE_FORGET, answered);
		trace_extfuse_answered(conn, name_of(ops), FUSE_FORGET, one->nodeid, true, 0);
		kfree(link);
	}
	srcu_read_unlock(&extfuse_srcu, idx);
}

void extfuse_send_interrupt(struct fuse_iqueue *fiq, struct fuse_req *req)
{
	int idx = srcu_read_lock(&extfuse_srcu);
	struct extfuse_conn *conn = extfuse_conn_of(fiq);
	const struct fuse_iqueue_ops *ops = conn ? conn->orig : READ_ONCE(*xf_fiq_ops(fiq));

	ops->send_interrupt(fiq, req);
	srcu_read_unlock(&extfuse_srcu, idx);
}
