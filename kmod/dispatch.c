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

/*
 * All that is read without being written first; kernels that zero what is on the
 * stack would zero the rest for nothing, for each request.
 */
void extfuse_ctx_init(struct extfuse_ctx *ctx, struct extfuse_conn *conn, u32 opcode, u64 nodeid)
{
	/* "hashed" is good for what nr_hashed says only */
	ctx->req = (struct extfuse_req){ .conn = conn->id, .nodeid = nodeid, .opcode = opcode };
	ctx->req.ttl = conn->ttl;
	ctx->req.flags = conn->req_flags;
	ctx->req.epoch = xf_conn_epoch(conn->fc);
	ctx->conn = conn;
	ctx->op = NULL;
	ctx->args = NULL;
	ctx->name = NULL;
	ctx->nr_hashed = 0;
	ctx->quiet = false;
	ctx->more = false;
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
static struct xf_in_arg *name_arg(const struct extfuse_ctx *ctx, unsigned int which)
{
	struct xf_in_arg *in;
	unsigned int i, nr;
	int ext;

	if (!ctx->args || !ctx->op)
		return NULL;
	nr = xf_args_in_num(ctx->args);
	ext = xf_args_ext(ctx->args);
	for (i = ctx->op->structs; i < nr; i++) {
		in = xf_args_in(ctx->args, i);
		if (!in->size || !in->value || i == ext)
			continue;
		if (!which--)
			return in;
	}
	return NULL;
}

/* The terminating NUL is there or not, depending on kernel and opcode. */
static int name_len(const char *name, unsigned int size)
{
	return size - (name[size - 1] == '\0');
}

int extfuse_ctx_name(const struct extfuse_ctx *ctx, unsigned int which, const char **name)
{
	const struct xf_in_arg *in;

	if (ctx->name && !which) {
		*name = ctx->name;
		return ctx->name_len;
	}
	in = name_arg(ctx, which);
	if (!in)
		return -ENOENT;
	*name = in->value;
	return name_len(*name, in->size);
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

/*
 * Counts what came of asking, @member being the last that was asked, and completes an
 * answer; EXTFUSE_PASS, EXTFUSE_LOWER, 0 or -errno. Inside extfuse_srcu.
 */
static __always_inline int conclude(struct extfuse_member *member, struct extfuse_ctx *ctx, int ret)
{
	struct extfuse_op_counts __percpu *counts;

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
		extfuse_no_fault(member);
		trace_extfuse_answered(ctx->conn, member->ops->name, ctx->req.opcode,
				       ctx->req.nodeid, ctx->req.flags & EXTFUSE_REQ_BACKGROUND,
				       ret);
		note_answered(ctx);
		return ret;
	}
	if (ret == EXTFUSE_LOWER) {
		/* counted when it is clear who carries it out */
		extfuse_no_fault(member);
		return ret;
	}
	if (ret != EXTFUSE_PASS) {
		this_cpu_inc(counts->bugs);
		extfuse_fault(ctx, member);
	}
	this_cpu_inc(counts->passed);
	trace_extfuse_passed(ctx->conn, member->ops->name, ctx->req.opcode, ctx->req.nodeid,
			     ctx->req.flags & EXTFUSE_REQ_BACKGROUND,
			     ret == EXTFUSE_PASS ? EXTFUSE_PASSED_POLICY : EXTFUSE_PASSED_BUG);
	return EXTFUSE_PASS;
}

/* The policies of @settled are the first one alone. */
static __always_inline int ask(const struct extfuse_chain *chain, struct extfuse_ctx *ctx)
{
	struct extfuse_member *member = chain->member[0];

	return conclude(member, ctx, ctx->op->pre(member->ops, ctx));
}

/* Nothing of what the policy before did is left. */
static void ctx_next(struct extfuse_ctx *ctx)
{
	struct xf_arg *out;

	memset(ctx->req.cookie, 0, sizeof(ctx->req.cookie));
	ctx->nr_hashed = 0;
	ctx->quiet = false;
	ctx->reply_set = false;
	ctx->fresh = false;
	/* all others are zeroed for each */
	if (ctx->req.opcode == FUSE_GETATTR && xf_args_out_num(ctx->args)) {
		out = xf_args_out(ctx->args, 0);
		memset(out->value, 0, out->size);
	}
}

static void keep_own(struct extfuse_walk *walk, unsigned int i, const struct extfuse_ctx *ctx)
{
	struct extfuse_own *own = &walk->own[i];

	walk->heard_by |= BIT(i);
	memcpy(own->cookie, ctx->req.cookie, sizeof(own->cookie));
	memcpy(own->hashed, ctx->hashed, sizeof(own->hashed));
	own->nr_hashed = ctx->nr_hashed;
}

/*
 * Asks the policies of which @settled has the bits, one or more of them, until one does
 * not pass. As conclude().
 */
static int ask_chain(const struct extfuse_chain *chain, unsigned int settled,
		     struct extfuse_ctx *ctx, struct extfuse_walk *walk)
{
	unsigned int i = __ffs(settled);
	struct extfuse_member *member;
	int ret;

	walk->heard_by = 0;
	for (;;) {
		member = chain->member[i];
		ctx->more = settled >> i > 1;
		ret = ctx->op->pre(member->ops, ctx);
		if (ret > 0 && !ctx->quiet && extfuse_op_wants_done(ctx->op, member->ops))
			keep_own(walk, i, ctx);
		if ((ret != EXTFUSE_PASS && ret != EXTFUSE_BUG) || !ctx->more)
			return conclude(member, ctx, ret);
		if (ret == EXTFUSE_BUG) {
			extfuse_count(ctx->conn, ctx->req.opcode, bugs);
			extfuse_fault(ctx, member);
		}
		i += 1 + __ffs(settled >> (i + 1));
		ctx_next(ctx);
	}
}

void extfuse_reply(const struct extfuse_chain *chain, struct extfuse_ctx *ctx,
		   unsigned int heard_by, const struct extfuse_own *own, int error)
{
	const struct extfuse_ops *ops;
	unsigned int i;

	ctx->req.flags |= EXTFUSE_REQ_REPLY;
	ctx->error = error;
	while (heard_by) {
		i = __fls(heard_by);
		heard_by &= ~BIT(i);
		ops = extfuse_policy_ops(chain->member[i]->policy);
		if (!ops)
			continue;
		if (own) {
			memcpy(ctx->req.cookie, own[i].cookie, sizeof(own[i].cookie));
			memcpy(ctx->hashed, own[i].hashed, sizeof(own[i].hashed));
			ctx->nr_hashed = own[i].nr_hashed;
		}
		ctx->op->done(ops, ctx, error);
	}
}

/*
 * A change that was on its way to the daemon when a policy came is one that the
 * policy never heard of. Until there has been a moment when the request at hand
 * was the only one, a policy that remembers replies is not asked.
 *
 * The lock keeps another request from slipping by, unheard of, between the look and
 * what is made of it. Returns the bits of those that may be asked.
 */
static noinline unsigned int settle(struct extfuse_conn *conn, struct extfuse_chain *chain)
{
	unsigned int i, settled = 0;
	bool alone;

	spin_lock(&conn->settle_lock);
	alone = xf_conn_num_waiting(conn->fc) == 1;
	for (i = 0; i < chain->nr; i++) {
		if (alone)
			WRITE_ONCE(chain->member[i]->settled, true);
		if (chain->member[i]->settled)
			settled |= BIT(i);
	}
	if (settled == extfuse_chain_all(chain))
		WRITE_ONCE(chain->settled, settled);
	spin_unlock(&conn->settle_lock);
	return settled;
}

/* The policies to ask, NULL for none: those whose bits are in @settled. */
static __always_inline struct extfuse_chain *conn_chain(struct extfuse_conn *conn,
							unsigned int *settled)
{
	struct extfuse_chain *chain = srcu_dereference(conn->chain, &extfuse_srcu);

	if (!chain)
		return NULL;
	*settled = READ_ONCE(chain->settled);
	if (likely(*settled))
		return chain;
	*settled = settle(conn, chain);
	return *settled ? chain : NULL;
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
	return rcu_access_pointer(conn->chain) ? EXTFUSE_PASSED_UNSETTLED :
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

/* A directory that a policy opened which is gone: the daemon never heard of it. */
static bool is_nobodys(const struct fuse_req *req)
{
	const struct fuse_args *args = xf_req_args(req);
	const struct fuse_release_in *in;

	if (xf_args_opcode(args) != FUSE_RELEASEDIR || !xf_args_in_num(args))
		return false;
	in = xf_args_in(args, 0)->value;
	return xf_args_in(args, 0)->size >= sizeof(*in) && in->fh == EXTFUSE_FH_NONE;
}

/*
 * Has a foreground request carried out that was not answered, and those policies told
 * of the reply that want to hear it. Enters with extfuse_srcu held and leaves without.
 */
static __always_inline void carry_on(struct extfuse_ctx *ctx, struct fuse_iqueue *fiq,
				     struct fuse_req *req, struct extfuse_chain *chain,
				     unsigned int heard_by, const struct extfuse_own *own,
				     int ret, int idx)
	__releases(&extfuse_srcu)
{
	struct extfuse_conn *conn = ctx->conn;
	const struct fuse_iqueue_ops *orig = conn->orig;
	bool served, lower;

	if (ret == EXTFUSE_PASS && !heard_by && !ctx->start) {
		srcu_read_unlock(&extfuse_srcu, idx);
		orig->send_req(fiq, req);
		return;
	}

	/* Nothing may be held while others think, except that it all still exists. */
	extfuse_conn_get(conn);
	extfuse_chain_get(chain);
	srcu_read_unlock(&extfuse_srcu, idx);

	if (ret == EXTFUSE_LOWER)
		ret = extfuse_lower_foreground(ctx, req);
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
		note_answered(ctx);
	else
		extfuse_note_passed(ctx);
	extfuse_reply(chain, ctx, heard_by, own, ret);
	srcu_read_unlock(&extfuse_srcu, idx);
	if (served)
		extfuse_end_request(req, ret);
	extfuse_chain_put(chain);
	extfuse_conn_put(conn);
}

static void check_hash(const struct extfuse_ctx *ctx, const struct extfuse_hashed *hashed,
		       u8 *nr_hashed)
{
	struct extfuse_name_hash hash;

	if (!(*nr_hashed & BIT(0)))
		return;
	extfuse_name_hash(&ctx->conn->name_key, hashed->dir, ctx->name, ctx->name_len, &hash);
	if (memcmp(&hash, &hashed->hash, sizeof(hash)))
		*nr_hashed = 0;
}

/*
 * As carry_on(), of a LOOKUP whose reply is of interest. A rename may write over the name until
 * the daemon reads it, which would then answer for another name than policies have hashed: it
 * is sent a copy, and hashes of something else are forgotten, as are those of names too long
 * for that. Nobody reads the copy when the reply is there.
 */
static noinline void carry_on_lookup(struct extfuse_ctx *ctx, struct fuse_iqueue *fiq,
				     struct fuse_req *req, struct extfuse_chain *chain,
				     unsigned int heard_by, struct extfuse_own *own, int ret,
				     int idx)
	__releases(&extfuse_srcu)
{
	struct xf_in_arg *in = name_arg(ctx, 0);
	char copy[NAME_MAX + 1];
	const void *name = NULL;
	unsigned int i;

	if (in && in->size <= sizeof(copy)) {
		name = in->value;
		memcpy(copy, name, in->size);
		in->value = copy;
		ctx->name = copy;
		ctx->name_len = name_len(copy, in->size);
		check_hash(ctx, &ctx->hashed[0], &ctx->nr_hashed);
		for (i = 0; own && i < EXTFUSE_CHAIN_MAX; i++)
			if (heard_by & BIT(i))
				check_hash(ctx, &own[i].hashed[0], &own[i].nr_hashed);
	} else {
		heard_by = 0;
	}
	carry_on(ctx, fiq, req, chain, heard_by, own, ret, idx);
	if (name)
		in->value = name;
}

/* As carry_on(), of any request. */
static __always_inline void carry_on_any(struct extfuse_ctx *ctx, struct fuse_iqueue *fiq,
					 struct fuse_req *req, struct extfuse_chain *chain,
					 unsigned int heard_by, struct extfuse_own *own, int ret,
					 int idx)
	__releases(&extfuse_srcu)
{
	if (EXTFUSE_NAMES_MOVE && ctx->req.opcode == FUSE_LOOKUP && heard_by)
		carry_on_lookup(ctx, fiq, req, chain, heard_by, own, ret, idx);
	else
		carry_on(ctx, fiq, req, chain, heard_by, own, ret, idx);
}

/*
 * As send_foreground(), which calls it unless only the first policy is asked. An answer is
 * the reply to those policies that were asked before.
 */
static noinline void send_through_chain(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
					struct fuse_req *req, const struct extfuse_op *op,
					struct extfuse_chain *chain, unsigned int settled, int idx)
	__releases(&extfuse_srcu)
{
	struct extfuse_walk walk __uninitialized;
	struct extfuse_ctx ctx __uninitialized;
	int ret;

	ctx_init_req(&ctx, conn, op, req);
	ret = ask_chain(chain, settled, &ctx, &walk);
	if (ret <= 0) {
		extfuse_reply(chain, &ctx, walk.heard_by, walk.own, ret);
		srcu_read_unlock(&extfuse_srcu, idx);
		extfuse_end_request(req, ret);
		return;
	}
	carry_on_any(&ctx, fiq, req, chain, walk.heard_by, walk.own, ret, idx);
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
	struct extfuse_ctx ctx __uninitialized;
	struct extfuse_chain *chain;
	unsigned int settled;
	int ret;

	chain = op ? conn_chain(conn, &settled) : NULL;
	if (!chain && xf_fiq_connected(fiq) && is_nobodys(req)) {
		extfuse_count(conn, FUSE_RELEASEDIR, answered);
		srcu_read_unlock(&extfuse_srcu, idx);
		extfuse_end_request(req, 0);
		return;
	}
	if (!chain || !xf_fiq_connected(fiq)) {
		const struct fuse_iqueue_ops *orig = conn->orig;

		count_passed(conn, fiq, req, op);
		srcu_read_unlock(&extfuse_srcu, idx);
		orig->send_req(fiq, req);
		return;
	}
	if (settled != BIT(0)) {
		send_through_chain(conn, fiq, req, op, chain, settled, idx);
		return;
	}

	ctx_init_req(&ctx, conn, op, req);
	ret = ask(chain, &ctx);
	if (likely(ret <= 0)) {
		srcu_read_unlock(&extfuse_srcu, idx);
		extfuse_end_request(req, ret);
		return;
	}
	carry_on_any(&ctx, fiq, req, chain,
		     !ctx.quiet && extfuse_op_wants_done(op, chain->member[0]->ops), NULL, ret,
		     idx);
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
	if (mod_delayed_work(extfuse_complete_wq, &conn->complete_work, delay))
		extfuse_conn_put(conn);
}

/* The request was not answered; @walk is NULL if only the first policy was asked. */
static bool background_carry_on(struct extfuse_ctx *ctx, struct fuse_req *req,
				struct extfuse_chain *chain, unsigned int heard_by,
				const struct extfuse_walk *walk, int ret)
{
	if (ret == EXTFUSE_LOWER)
		ctx->start = 0;	/* is not measured */
	if ((heard_by || ctx->start) && xf_req_test(req, XF_FR_ASYNC))
		extfuse_background_track(ctx, chain, heard_by, walk);
	return ret == EXTFUSE_LOWER && extfuse_lower_queue(ctx, req);
}

static void answer_background(struct extfuse_ctx *ctx, struct fuse_req *req, int ret)
{
	if (ctx->ring)
		xf_conn_count_background(ctx->conn->fc);
	complete_later(ctx->conn, req, ret);
}

/* As take_background(), which calls it unless only the first policy is asked. */
static noinline bool background_through_chain(struct extfuse_ctx *ctx, struct fuse_req *req,
					      struct extfuse_chain *chain, unsigned int settled)
{
	struct extfuse_walk walk __uninitialized;
	int ret = ask_chain(chain, settled, ctx, &walk);

	if (ret > 0)
		return background_carry_on(ctx, req, chain, walk.heard_by, &walk, ret);
	extfuse_reply(chain, ctx, walk.heard_by, walk.own, ret);
	answer_background(ctx, req, ret);
	return true;
}

/*
 * Asks the policies about a background request; false if it is to be sent. Under
 * fs/fuse's bg_lock (but of a ring: see below), so nothing here sleeps or completes the
 * request.
 */
static bool take_background(struct extfuse_conn *conn, struct fuse_iqueue *fiq,
			    struct fuse_req *req, bool ring)
{
	const struct extfuse_op *op = op_of(req);
	struct extfuse_ctx ctx __uninitialized;
	struct extfuse_chain *chain;
	unsigned int settled;
	int ret;

	chain = op && op->background ? conn_chain(conn, &settled) : NULL;
	if (!xf_fiq_connected(fiq) || (!chain && !is_nobodys(req))) {
		count_passed(conn, fiq, req, op);
		return false;
	}
	ctx_init_req(&ctx, conn, op, req);
	ctx.req.flags |= EXTFUSE_REQ_BACKGROUND;
	ctx.ring = ring;
	if (!chain) {
		extfuse_count(conn, FUSE_RELEASEDIR, answered);
		answer_background(&ctx, req, 0);
		return true;
	}
	if (settled != BIT(0))
		return background_through_chain(&ctx, req, chain, settled);
	ret = ask(chain, &ctx);
	if (ret > 0)
		return background_carry_on(&ctx, req, chain,
					   extfuse_op_wants_done(op, chain->member[0]->ops),
					   NULL, ret);
	answer_background(&ctx, req, ret);
	return true;
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

/* The name of the last policy that was asked; the others are asked in any case. */
static const char *forget(struct extfuse_conn *conn, u64 nodeid, u64 nlookup)
{
	const struct extfuse_chain *chain = srcu_dereference(conn->chain, &extfuse_srcu);
	const struct extfuse_ops *ops = NULL;
	struct extfuse_ctx ctx;
	unsigned int i;

	for (i = 0; chain && i < chain->nr; i++) {
		ops = chain->member[i]->ops;
		if (!ops->forget)
			continue;
		extfuse_ctx_init(&ctx, conn, FUSE_FORGET, nodeid);
		ops->forget(&ctx.req, nlookup);
	}
	return ops ? ops->name : "";
}

/* May run in memory reclaim. */
void extfuse_send_forget(struct fuse_iqueue *fiq, struct fuse_forget_link *link)
{
	int idx = srcu_read_lock(&extfuse_srcu);
	struct extfuse_conn *conn = extfuse_conn_of(fiq);
	struct fuse_forget_one *one = xf_forget_one(link);
	const char *policy;

	if (unlikely(!conn)) {
		srcu_read_unlock(&extfuse_srcu, idx);
		READ_ONCE(*xf_fiq_ops(fiq))->send_forget(fiq, link);
		return;
	}
	policy = forget(conn, one->nodeid, one->nlookup);
	one->nlookup -= extfuse_lookup_forget(&conn->lookups, one->nodeid, one->nlookup);
	if (one->nlookup) {
		extfuse_count(conn, FUSE_FORGET, passed);
		trace_extfuse_passed(conn, policy, FUSE_FORGET, one->nodeid, true,
				     *policy ? EXTFUSE_PASSED_POLICY : EXTFUSE_PASSED_NO_POLICY);
		conn->orig->send_forget(fiq, link);
	} else {
		extfuse_count(conn, FUSE_FORGET, answered);
		trace_extfuse_answered(conn, policy, FUSE_FORGET, one->nodeid, true, 0);
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
