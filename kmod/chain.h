/* SPDX-License-Identifier: GPL-2.0 */
/* The policies of a binding, in the order in which they are asked. */
#ifndef EXTFUSE_CHAIN_H
#define EXTFUSE_CHAIN_H

#include <linux/bits.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "policy.h"

struct extfuse_conn;

/*
 * A policy's stay on a binding, from its init to its exit. Chains that succeed one
 * another share those members that stay; each holds a reference.
 */
struct extfuse_member {
	const struct extfuse_ops *ops;	/* good for who found the chain on its binding */
	struct extfuse_policy *policy;	/* holds a reference */
	bool settled;			/* no request is older; under the binding's settle_lock */
	bool begun;			/* init was called; under extfuse_mutex */
	atomic_t faults;		/* refused answers since the last good one */
	u32 fault_opcode;		/* of the last one */
	refcount_t refs;
};

/*
 * Never changed once it is on a binding, but for @settled: another takes its place.
 *
 * Lifetime: the binding holds a reference, so does every request that waits for its
 * reply, which is how that one's callbacks find the policies that were asked. Whoever
 * takes a chain off its binding waits for extfuse_srcu before the reference goes, so
 * inside that the chain of a binding is there. A member's @ops are good for as long as
 * that, too; later, extfuse_policy_ops() says whether they still are.
 */
struct extfuse_chain {
	unsigned int settled;		/* bits of all members once all are, 0 before */
	unsigned int nr;		/* 1 to EXTFUSE_CHAIN_MAX */
	refcount_t refs;
	struct extfuse_member *member[EXTFUSE_CHAIN_MAX];
};

/* The bits of all members of a chain. */
static inline unsigned int extfuse_chain_all(const struct extfuse_chain *chain)
{
	return BIT(chain->nr) - 1;
}

static inline void extfuse_chain_get(struct extfuse_chain *chain)
{
	refcount_inc(&chain->refs);
}

void extfuse_chain_put(struct extfuse_chain *chain);

/* Where the policy is in the chain, which may be NULL: its member, or NULL. */
struct extfuse_member *extfuse_chain_find(const struct extfuse_chain *chain,
					  const struct extfuse_policy *policy);

/* Under extfuse_mutex: the binding's, NULL without policies. */
struct extfuse_chain *extfuse_chain_of(const struct extfuse_conn *conn);

/**
 * struct extfuse_exchange - what a binding's policies become
 * @policies: in the order in which they are asked
 * @nr: how many
 * @ttl: as extfuse_conn.ttl, from then on
 * @gfp: for what it takes
 * @reason: for traces
 * @refused: receives the policy that refused the mount, or NULL
 */
struct extfuse_exchange {
	struct extfuse_policy *policies[EXTFUSE_CHAIN_MAX];
	unsigned int nr;
	u64 ttl;
	gfp_t gfp;
	const char *reason;
	const struct extfuse_policy *refused;
};

int extfuse_chain_exchange(struct extfuse_conn *conn, struct extfuse_exchange *exchange);
void extfuse_chain_remove(struct extfuse_conn *conn, const struct extfuse_policy *policy,
			  const char *reason);

#endif
