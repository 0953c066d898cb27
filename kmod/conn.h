/* SPDX-License-Identifier: GPL-2.0 */
/* A binding: one FUSE connection whose queue operations are ours. */
#ifndef EXTFUSE_CONN_H
#define EXTFUSE_CONN_H

#include <linux/llist.h>
#include <linux/netlink.h>
#include <linux/siphash.h>
#include <linux/workqueue.h>

#include "layout/fuse_private.h"
#include "chain.h"
#include "latency.h"
#include "lookups.h"
#include "lower.h"
#include "policy.h"
#include "stats.h"

/*
 * Lifetime: created by bind, found through its queue's operations (@ops is
 * embedded, so no table is needed). It is detached either by unbind, which
 * restores the queue's own operations and waits for everyone who may still be
 * on the way in, or by the queue's release, after which nobody can be. The
 * detacher drops the first reference; requests that wait for a reply, queued
 * background completions, background requests under way and work for lower files
 * hold others. The
 * last one gives the memory and the module reference back, from extfuse_wq.
 */
struct extfuse_conn {
	struct fuse_iqueue_ops ops;	/* installed in the queue */
	const struct fuse_iqueue_ops *orig;
	struct fuse_iqueue *fiq;
	struct fuse_conn *fc;		/* for those who keep it: a request, a reference to it */
	struct super_block *sb;		/* alive while a request of it is under way */
	struct extfuse_chain __rcu *chain;	/* extfuse_srcu; written under extfuse_mutex */
	spinlock_t settle_lock;		/* protects its members' and its own @settled */
	u64 id;
	u64 ttl;			/* ns */
	u32 req_flags;			/* EXTFUSE_REQ_..., which INIT has settled */
	struct extfuse_latency __rcu *latency;	/* like @chain; NULL: not measured */
	siphash_key_t name_key;
	struct extfuse_lookups lookups;
	struct extfuse_stats __percpu *stats;

	struct llist_head answered;	/* background requests to complete */
	atomic_t nr_answered;
	struct delayed_work complete_work;

	struct workqueue_struct *lower_wq;
	spinlock_t lower_lock;		/* protects lower_exposed */
	struct list_head lower_exposed;	/* that an abort ends, see lower.c */
	struct delayed_work lower_watch;

	refcount_t refs;
	struct list_head node;		/* extfuse_conns */
	dev_t dev;
	bool gone;			/* the connection ended, and so the binding */
	bool ring;			/* the daemon uses io_uring */
	kuid_t owner;
	struct work_struct fault_work;
	struct work_struct free_work;
};

/* For what waits: for extfuse_mutex, grace periods, other queues. */
extern struct workqueue_struct *extfuse_wq;
/* For the ends of requests, which write-back waits for when memory is short. */
extern struct workqueue_struct *extfuse_complete_wq;
/* RCU list; changed under extfuse_conns_lock. */
extern struct list_head extfuse_conns;
extern spinlock_t extfuse_conns_lock;

static inline void extfuse_conn_get(struct extfuse_conn *conn)
{
	refcount_inc(&conn->refs);
}

void extfuse_conn_put(struct extfuse_conn *conn);

/* Queue operations, dispatch.c; release is conn.c's. */
void extfuse_send_req(struct fuse_iqueue *fiq, struct fuse_req *req);
void extfuse_send_forget(struct fuse_iqueue *fiq, struct fuse_forget_link *link);
void extfuse_send_interrupt(struct fuse_iqueue *fiq, struct fuse_req *req);
void extfuse_complete_work(struct work_struct *work);
/* For background requests that pass no table, ring.c: true if nobody else is to send it. */
bool extfuse_take_ring_background(struct fuse_req *req);

/*
 * The binding whose operations the queue has now; NULL if it was just undone.
 * Caller is inside extfuse_srcu.
 */
static inline struct extfuse_conn *extfuse_conn_of(struct fuse_iqueue *fiq)
{
	const struct fuse_iqueue_ops *ops = READ_ONCE(*xf_fiq_ops(fiq));

	if (ops->send_req != extfuse_send_req)
		return NULL;
	return container_of(ops, struct extfuse_conn, ops);
}

/**
 * struct extfuse_names - names of policies, in the order in which they are asked
 * @nr: how many
 * @name: each ends with NUL
 */
struct extfuse_names {
	unsigned int nr;
	char name[EXTFUSE_CHAIN_MAX][EXTFUSE_POLICY_NAME_LEN];
};

int extfuse_bind(struct file *file, const struct extfuse_names *names, u64 ttl, bool replace,
		 u64 *id, struct netlink_ext_ack *extack);
int extfuse_unbind(struct file *file, u64 id, struct netlink_ext_ack *extack);
/* Measures the times of a binding's requests from now on, or not any more. */
int extfuse_conn_measure(struct file *file, u64 id, bool on, struct netlink_ext_ack *extack);
/* Connection id of the mount @file is on, or 0. */
u64 extfuse_conn_id(struct file *file);

/* Under extfuse_mutex. */
void extfuse_conns_replace_policy(struct extfuse_policy *old, struct extfuse_policy *new);

int extfuse_conn_init(void);
void extfuse_conn_exit(void);

#endif
