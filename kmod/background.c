// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody waits for a background request (readahead, write-back, asynchronous
 * direct I/O, RELEASE); fs/fuse calls args->end when it is over, also when the
 * connection is aborted. For requests whose end the policy wants to hear of, the
 * callback is replaced by ours, and a record keeps the original.
 */
#include <linux/hash.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "background.h"
#include "ops.h"

#define BUCKET_BITS 6

/* Holds references to the binding and its policies until the request ends. */
struct extfuse_background {
	struct hlist_node node;
	xf_end_t end;
	struct extfuse_chain *chain;
	struct extfuse_ctx ctx;
	bool walked;
	struct extfuse_walk walk;	/* @own only if @walked */
};

static struct {
	spinlock_t lock;	/* protects head */
	struct hlist_head head;
} buckets[1 << BUCKET_BITS];

/* Some for when memory is short: these requests are what gives it back. */
#define POOL_MIN 64

static struct kmem_cache *background_cache;
static mempool_t *background_pool;

static unsigned int bucket_of(const struct fuse_args *args)
{
	return hash_ptr(args, BUCKET_BITS);
}

static struct extfuse_background *take(const struct fuse_args *args)
{
	unsigned int i = bucket_of(args);
	struct extfuse_background *bg;
	unsigned long flags;

	spin_lock_irqsave(&buckets[i].lock, flags);
	hlist_for_each_entry(bg, &buckets[i].head, node) {
		if (bg->ctx.args != args)
			continue;
		hlist_del(&bg->node);
		break;
	}
	spin_unlock_irqrestore(&buckets[i].lock, flags);
	return bg;
}

/* Tells the policies, frees the record and puts the original callback back. */
static void end_record(struct extfuse_background *bg, struct fuse_args *args, int error)
{
	int idx;

	/* before the kernel acts on the reply: nothing cached may outlive it */
	idx = srcu_read_lock(&extfuse_srcu);
	extfuse_note_passed(&bg->ctx);
	extfuse_reply(bg->chain, &bg->ctx, bg->walk.heard_by,
		      bg->walked ? bg->walk.own : NULL, error);
	srcu_read_unlock(&extfuse_srcu, idx);

	*xf_args_end(args) = bg->end;
	extfuse_chain_put(bg->chain);
	mempool_free(bg, background_pool);
}

static void background_end(XF_END_PARAMS)
{
	struct extfuse_background *bg = take(args);
	struct extfuse_conn *conn = bg->ctx.conn;
	xf_end_t end = bg->end;

	end_record(bg, args, error);
	XF_END_CALL(end);
	/* may be what keeps the module */
	extfuse_conn_put(conn);
}

/**
 * extfuse_background_refused - the request was not sent after all
 * @args: of a request that fs/fuse did not take; whoever sent it cleans up
 * @error: what the policies are told
 *
 * Context: atomic.
 */
void extfuse_background_refused(struct fuse_args *args, int error)
{
	struct extfuse_background *bg;
	struct extfuse_conn *conn;

	if (*xf_args_end(args) != background_end)
		return;
	bg = take(args);
	conn = bg->ctx.conn;
	end_record(bg, args, error);
	extfuse_conn_put(conn);
}

/**
 * extfuse_background_track - have policies told when a request ends
 * @ctx: the request, about to be sent to the daemon
 * @chain: the policies that were asked
 * @heard_by: bits, those that want to hear
 * @walk: what is theirs, NULL if only the first was asked
 *
 * Without memory and reserve the policies never hear the end. A cache takes the
 * change for one that is still under way: it serves less from then on, nothing
 * stale.
 *
 * Context: atomic, inside extfuse_srcu.
 */
void extfuse_background_track(const struct extfuse_ctx *ctx, struct extfuse_chain *chain,
			      unsigned int heard_by, const struct extfuse_walk *walk)
{
	xf_end_t *end = xf_args_end(ctx->args);
	unsigned int i = bucket_of(ctx->args);
	struct extfuse_background *bg;
	unsigned long flags;

	bg = mempool_alloc(background_pool, GFP_ATOMIC | __GFP_NOWARN);
	if (!bg)
		return;
	extfuse_conn_get(ctx->conn);
	extfuse_chain_get(chain);
	bg->end = *end;
	bg->chain = chain;
	bg->ctx = *ctx;
	bg->walked = walk;
	if (walk)
		bg->walk = *walk;
	else
		bg->walk.heard_by = heard_by;

	spin_lock_irqsave(&buckets[i].lock, flags);
	hlist_add_head(&bg->node, &buckets[i].head);
	spin_unlock_irqrestore(&buckets[i].lock, flags);
	*end = background_end;
}

int extfuse_background_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++)
		spin_lock_init(&buckets[i].lock);
	background_cache = KMEM_CACHE(extfuse_background, 0);
	if (!background_cache)
		return -ENOMEM;
	background_pool = mempool_create_slab_pool(POOL_MIN, background_cache);
	if (!background_pool) {
		kmem_cache_destroy(background_cache);
		return -ENOMEM;
	}
	return 0;
}

/* Every record held a binding, and every binding the module: there are none left. */
void extfuse_background_exit(void)
{
	mempool_destroy(background_pool);
	kmem_cache_destroy(background_cache);
}
