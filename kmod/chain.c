// SPDX-License-Identifier: GPL-2.0
/*
 * The policies of a binding: how they come, stay and go.
 *
 * A chain is exchanged as a whole. Requests on their way finish with the one that
 * they began with; a policy that is in both chains hears of those too, and of every
 * request in between. That is all that a cache needs to stay as it is, as long as
 * what is behind it is the same: what it remembers are the answers of those after it
 * as much as the daemon's. A policy that remembers replies therefore begins anew when
 * anything after it changes.
 */
#include <linux/slab.h>

#include "chain.h"
#include "conn.h"
#include "dispatch.h"
#include "trace.h"

static void member_put(struct extfuse_member *member)
{
	if (!refcount_dec_and_test(&member->refs))
		return;
	extfuse_policy_put(member->policy);
	kfree(member);
}

/* Any context. */
void extfuse_chain_put(struct extfuse_chain *chain)
{
	unsigned int i;

	if (!refcount_dec_and_test(&chain->refs))
		return;
	for (i = 0; i < chain->nr; i++)
		member_put(chain->member[i]);
	kfree(chain);
}

struct extfuse_member *extfuse_chain_find(const struct extfuse_chain *chain,
					  const struct extfuse_policy *policy)
{
	unsigned int i;

	for (i = 0; chain && i < chain->nr; i++)
		if (chain->member[i]->policy == policy)
			return chain->member[i];
	return NULL;
}

static bool has_member(const struct extfuse_chain *chain, const struct extfuse_member *member)
{
	return extfuse_chain_find(chain, member->policy) == member;
}

struct extfuse_chain *extfuse_chain_of(const struct extfuse_conn *conn)
{
	return rcu_dereference_protected(conn->chain, lockdep_is_held(&extfuse_mutex));
}

/* Its callbacks, under extfuse_mutex, which unregistration takes too. */
static const struct extfuse_ops *ops_of(struct extfuse_policy *policy)
{
	return rcu_dereference_protected(policy->ops, lockdep_is_held(&extfuse_mutex));
}

static struct extfuse_member *member_new(struct extfuse_policy *policy, gfp_t gfp)
{
	struct extfuse_member *member = kzalloc(sizeof(*member), gfp);

	if (!member)
		return NULL;
	extfuse_policy_get(policy);
	member->policy = policy;
	member->ops = ops_of(policy);
	/* who remembers nothing need not have heard of what is under way */
	member->settled = !extfuse_ops_remember(member->ops);
	refcount_set(&member->refs, 1);
	return member;
}

static struct extfuse_chain *chain_alloc(gfp_t gfp)
{
	struct extfuse_chain *chain = kzalloc(sizeof(*chain), gfp);

	if (chain)
		refcount_set(&chain->refs, 1);
	return chain;
}

static void append(struct extfuse_chain *chain, struct extfuse_member *member)
{
	chain->member[chain->nr++] = member;
}

/*
 * May the member of @old go on where it is in the new list, of which @tail are the @nr
 * policies after it?
 */
static bool may_stay(const struct extfuse_chain *old, const struct extfuse_member *member,
		     struct extfuse_policy *const *tail, unsigned int nr)
{
	unsigned int i;

	if (!extfuse_ops_remember(member->ops))
		return true;
	if (nr >= old->nr || old->member[old->nr - nr - 1] != member)
		return false;
	for (i = 0; i < nr; i++)
		if (old->member[old->nr - nr + i]->policy != tail[i])
			return false;
	return true;
}

/*
 * The new chain: members that stay, and new ones that have not begun. Nothing remembered
 * may last longer than is allowed from now on.
 */
static struct extfuse_chain *chain_build(const struct extfuse_conn *conn,
					 const struct extfuse_exchange *exchange)
{
	const struct extfuse_chain *old = extfuse_chain_of(conn);
	struct extfuse_chain *chain = chain_alloc(exchange->gfp);
	bool shorter = exchange->ttl < conn->ttl;
	struct extfuse_member *member;
	unsigned int i;

	for (i = 0; chain && i < exchange->nr; i++) {
		member = extfuse_chain_find(old, exchange->policies[i]);
		if (member && !(shorter && extfuse_ops_remember(member->ops)) &&
		    may_stay(old, member, &exchange->policies[i + 1], exchange->nr - i - 1)) {
			refcount_inc(&member->refs);
		} else {
			member = member_new(exchange->policies[i], exchange->gfp);
			if (!member) {
				extfuse_chain_put(chain);
				return NULL;
			}
		}
		append(chain, member);
	}
	return chain;
}

/* What stays of @old until @new takes its place: not what is to begin anew. */
static struct extfuse_chain *chain_between(const struct extfuse_chain *old,
					   const struct extfuse_chain *new, gfp_t gfp)
{
	struct extfuse_chain *chain = chain_alloc(gfp);
	unsigned int i;

	for (i = 0; chain && i < old->nr; i++) {
		if (extfuse_chain_find(new, old->member[i]->policy) &&
		    !has_member(new, old->member[i]))
			continue;
		refcount_inc(&old->member[i]->refs);
		append(chain, old->member[i]);
	}
	return chain;
}

static int call_init(struct extfuse_conn *conn, struct extfuse_member *member, u64 ttl)
{
	/* without a look at fs/fuse's connection, which may be gone */
	struct extfuse_ctx ctx = {
		.conn = conn,
		.req = { .conn = conn->id, .ttl = ttl, .flags = conn->req_flags },
	};
	const struct extfuse_ops *ops;
	int idx, ret = 0;

	idx = srcu_read_lock(&extfuse_srcu);
	ops = extfuse_policy_ops(member->policy);
	if (ops && ops->init)
		ret = ops->init(&ctx.req);
	srcu_read_unlock(&extfuse_srcu, idx);
	member->begun = !ret;
	return ret > 0 || ret < -MAX_ERRNO ? -EINVAL : ret;
}

static void call_exit(struct extfuse_conn *conn, struct extfuse_member *member)
{
	const struct extfuse_ops *ops;
	struct extfuse_ctx ctx = { .conn = conn, .req.conn = conn->id };
	int idx;

	idx = srcu_read_lock(&extfuse_srcu);
	ops = extfuse_policy_ops(member->policy);
	if (ops && ops->exit)
		ops->exit(&ctx.req);
	srcu_read_unlock(&extfuse_srcu, idx);
	member->begun = false;
}

static bool all_settled(const struct extfuse_chain *chain)
{
	unsigned int i;

	for (i = 0; i < chain->nr; i++)
		if (!READ_ONCE(chain->member[i]->settled))
			return false;
	return true;
}

/*
 * Puts @chain, whose reference is the binding's from now on, in the place of the one
 * before; NULL for none. Nobody is in the old one any more when its members exit,
 * except for requests that wait for their reply.
 */
static void install(struct extfuse_conn *conn, struct extfuse_chain *chain, const char *reason)
{
	struct extfuse_chain *old = extfuse_chain_of(conn);
	struct extfuse_member *member;
	unsigned int i;

	for (i = 0; chain && i < chain->nr; i++) {
		member = chain->member[i];
		if (has_member(old, member))
			continue;
		member->policy->bindings++;
		trace_extfuse_bound(conn, member->policy->name, reason);
	}
	if (chain && all_settled(chain))
		chain->settled = extfuse_chain_all(chain);
	rcu_assign_pointer(conn->chain, chain);
	if (!old)
		return;
	synchronize_srcu(&extfuse_srcu);
	for (i = 0; i < old->nr; i++) {
		member = old->member[i];
		if (has_member(chain, member))
			continue;
		trace_extfuse_unbound(conn, member->policy->name, reason);
		call_exit(conn, member);
		member->policy->bindings--;
	}
	extfuse_chain_put(old);
}

/* A chain without members is none. */
static void install_or_none(struct extfuse_conn *conn, struct extfuse_chain *chain,
			    const char *reason)
{
	if (!chain->nr) {
		extfuse_chain_put(chain);
		chain = NULL;
	}
	install(conn, chain, reason);
}

/* Those that were on the binding neither before nor begin anew now. */
static int begin_new(struct extfuse_conn *conn, const struct extfuse_chain *old,
		     struct extfuse_chain *new, struct extfuse_exchange *exchange)
{
	struct extfuse_member *member;
	unsigned int i;
	int err;

	for (i = 0; i < new->nr; i++) {
		member = new->member[i];
		if (member->begun || extfuse_chain_find(old, member->policy))
			continue;
		err = call_init(conn, member, exchange->ttl);
		if (!err)
			continue;
		exchange->refused = member->policy;
		while (i--)
			if (!has_member(old, new->member[i]) && new->member[i]->begun)
				call_exit(conn, new->member[i]);
		return err;
	}
	return 0;
}

/* One that refuses now, which it did not before, is not in @new any more. */
static int begin_anew(struct extfuse_conn *conn, struct extfuse_chain *new,
		      struct extfuse_exchange *exchange)
{
	unsigned int i, nr = 0;
	int ret, err = 0;

	for (i = 0; i < new->nr; i++) {
		ret = new->member[i]->begun ? 0 : call_init(conn, new->member[i], exchange->ttl);
		if (ret) {
			err = ret;
			exchange->refused = new->member[i]->policy;
			member_put(new->member[i]);
			continue;
		}
		new->member[nr++] = new->member[i];
	}
	new->nr = nr;
	return err;
}

/**
 * extfuse_chain_exchange - give a binding other policies, in one step
 * @conn: binding
 * @exchange: what they are
 *
 * Policies that stay are asked about every request on the way. Those that are to begin
 * anew are off in between: until they have settled they would not be asked anyway.
 *
 * Context: process context, under extfuse_mutex, sleeps for grace periods.
 * Return: 0; -ENOMEM, or the error of a policy that refused, which is then in
 * @exchange->refused. After an error everything is as before, unless a policy refused
 * that was to begin anew: then the exchange was made without that one.
 */
int extfuse_chain_exchange(struct extfuse_conn *conn, struct extfuse_exchange *exchange)
{
	struct extfuse_chain *old = extfuse_chain_of(conn), *new, *between = NULL;
	int err;

	exchange->refused = NULL;
	new = chain_build(conn, exchange);
	if (!new)
		return -ENOMEM;
	if (old) {
		between = chain_between(old, new, exchange->gfp);
		if (!between) {
			extfuse_chain_put(new);
			return -ENOMEM;
		}
	}
	err = begin_new(conn, old, new, exchange);
	if (err) {
		if (between)
			extfuse_chain_put(between);
		extfuse_chain_put(new);
		return err;
	}
	if (between && between->nr < old->nr)
		install_or_none(conn, between, exchange->reason);
	else if (between)
		extfuse_chain_put(between);
	err = begin_anew(conn, new, exchange);
	WRITE_ONCE(conn->ttl, exchange->ttl);
	install_or_none(conn, new, exchange->reason);
	return err;
}

/**
 * extfuse_chain_remove - take a policy off a binding, or all
 * @conn: binding
 * @policy: the one, or NULL for all
 * @reason: for traces
 *
 * Context: as extfuse_chain_exchange(). Cannot fail.
 */
void extfuse_chain_remove(struct extfuse_conn *conn, const struct extfuse_policy *policy,
			  const char *reason)
{
	struct extfuse_exchange exchange = {
		.ttl = conn->ttl,
		.gfp = GFP_KERNEL | __GFP_NOFAIL,
		.reason = reason,
	};
	struct extfuse_chain *chain = extfuse_chain_of(conn);
	unsigned int i;

	if (!policy || !chain) {
		install(conn, NULL, reason);
		return;
	}
	for (i = 0; i < chain->nr; i++)
		if (chain->member[i]->policy != policy)
			exchange.policies[exchange.nr++] = chain->member[i]->policy;
	extfuse_chain_exchange(conn, &exchange);
}
