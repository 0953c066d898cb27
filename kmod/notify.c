// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE_NOTIFY_INVAL_INODE, INVAL_ENTRY and DELETE are writes to /dev/fuse and
 * pass no queue. The functions that carry them out are observed with fprobes, so
 * that the policy drops what it remembers before the daemon's write returns.
 *
 * The probes see the notifications of every connection; those of connections
 * that are not bound cost the look at the list of bindings.
 */
#include <linux/fprobe.h>
#include <linux/rculist.h>
#include <linux/srcu.h>

#include "compat.h"
#include "dispatch.h"
#include "notify.h"

static bool available;

static struct extfuse_conn *find_conn(const struct fuse_conn *fc)
{
	struct extfuse_conn *conn;

	list_for_each_entry_srcu(conn, &extfuse_conns, node, srcu_read_lock_held(&extfuse_srcu))
		if (conn->fc == fc)
			return conn;
	return NULL;
}

/* The policies of @fc, NULL for none, and the binding. Inside extfuse_srcu. */
static const struct extfuse_chain *chain_of(struct fuse_conn *fc, struct extfuse_conn **conn)
{
	*conn = find_conn(fc);
	return *conn ? srcu_dereference((*conn)->chain, &extfuse_srcu) : NULL;
}

/* int fuse_reverse_inval_inode(fc, nodeid, offset, len) */
static int on_inval_inode(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
			  extfuse_fprobe_regs *regs, void *data)
{
	const struct extfuse_chain *chain;
	const struct extfuse_ops *ops;
	struct extfuse_conn *conn;
	struct extfuse_ctx ctx;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&extfuse_srcu);
	chain = chain_of((void *)extfuse_fprobe_arg(regs, 0), &conn);
	for (i = 0; chain && i < chain->nr; i++) {
		ops = extfuse_policy_ops(chain->member[i]->policy);
		if (!ops || !ops->inval_inode)
			continue;
		extfuse_ctx_init(&ctx, conn, 0, extfuse_fprobe_arg(regs, 1));
		ops->inval_inode(&ctx.req, extfuse_fprobe_arg(regs, 2),
				 extfuse_fprobe_arg(regs, 3));
	}
	srcu_read_unlock(&extfuse_srcu, idx);
	return 0;
}

/* int fuse_reverse_inval_entry(fc, parent, child, name, flags) */
static int on_inval_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
			  extfuse_fprobe_regs *regs, void *data)
{
	const struct extfuse_chain *chain;
	const struct extfuse_ops *ops;
	struct extfuse_conn *conn;
	const struct qstr *name;
	struct extfuse_ctx ctx;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&extfuse_srcu);
	chain = chain_of((void *)extfuse_fprobe_arg(regs, 0), &conn);
	for (i = 0; chain && i < chain->nr; i++) {
		ops = extfuse_policy_ops(chain->member[i]->policy);
		if (!ops || !ops->inval_entry)
			continue;
		extfuse_ctx_init(&ctx, conn, 0, extfuse_fprobe_arg(regs, 1));
		name = (const struct qstr *)extfuse_fprobe_arg(regs, 3);
		ctx.name = name->name;
		ctx.name_len = name->len;
		ops->inval_entry(&ctx.req, extfuse_fprobe_arg(regs, 2));
	}
	srcu_read_unlock(&extfuse_srcu, idx);
	return 0;
}

static bool canary_heard;

/* Called to find out whether fprobes fire: kernel.ftrace_enabled may be 0. */
noinline void extfuse_notify_canary(void);
noinline void extfuse_notify_canary(void)
{
	barrier();
}

static int on_canary(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
		     extfuse_fprobe_regs *regs, void *data)
{
	WRITE_ONCE(canary_heard, true);
	return 0;
}

static struct fprobe canary_probe = { .entry_handler = on_canary };
static struct fprobe inval_inode_probe = { .entry_handler = on_inval_inode };
static struct fprobe inval_entry_probe = { .entry_handler = on_inval_entry };

/**
 * extfuse_notify_available - can the daemon's invalidations be seen?
 *
 * Without it no policy that remembers replies may be loaded.
 */
bool extfuse_notify_available(void)
{
	return available;
}

/**
 * extfuse_notify_works - do the probes fire, now?
 *
 * Context: process context, under extfuse_mutex.
 */
bool extfuse_notify_works(void)
{
	if (!available)
		return false;
	WRITE_ONCE(canary_heard, false);
	extfuse_notify_canary();
	return READ_ONCE(canary_heard);
}

static int register_probes(void)
{
	int err = register_fprobe(&inval_inode_probe, "fuse_reverse_inval_inode", NULL);

	if (err)
		return err;
	err = register_fprobe(&inval_entry_probe, "fuse_reverse_inval_entry", NULL);
	if (err)
		goto inode;
	err = register_fprobe(&canary_probe, "extfuse_notify_canary", NULL);
	if (!err)
		return 0;
	unregister_fprobe(&inval_entry_probe);
inode:
	unregister_fprobe(&inval_inode_probe);
	return err;
}

void extfuse_notify_init(void)
{
	int err = register_probes();

	available = !err;
	if (err)
		pr_notice("the daemon's invalidations cannot be observed (fprobe: %d), policies that cache will be refused\n",
			  err);
}

void extfuse_notify_exit(void)
{
	if (!available)
		return;
	unregister_fprobe(&canary_probe);
	unregister_fprobe(&inval_entry_probe);
	unregister_fprobe(&inval_inode_probe);
}
