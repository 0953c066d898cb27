// SPDX-License-Identifier: GPL-2.0
/* Binding policies to FUSE connections, and the ways in which a binding ends. */
#include <linux/file.h>
#include <linux/kallsyms.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "chain.h"
#include "compat.h"
#include "conn.h"
#include "dispatch.h"
#include "fault.h"
#include "netlink.h"
#include "notify.h"
#include "ring.h"
#include "trace.h"

LIST_HEAD(extfuse_conns);
DEFINE_SPINLOCK(extfuse_conns_lock);
struct workqueue_struct *extfuse_wq;
struct workqueue_struct *extfuse_complete_wq;
static u64 last_id;			/* under extfuse_mutex */

/* The policies' names, under extfuse_mutex. */
static void name_policies(const struct extfuse_conn *conn, struct extfuse_names *names)
{
	const struct extfuse_chain *chain = extfuse_chain_of(conn);

	names->nr = 0;
	while (chain && names->nr < chain->nr) {
		strscpy(names->name[names->nr], chain->member[names->nr]->policy->name);
		names->nr++;
	}
}

/* Under extfuse_mutex. */
static int set_latency(struct extfuse_conn *conn, bool on)
{
	struct extfuse_latency *old = rcu_dereference_protected(conn->latency,
								lockdep_is_held(&extfuse_mutex));
	struct extfuse_latency *new = NULL;

	if (on == !!old)
		return 0;
	if (on) {
		new = extfuse_latency_alloc();
		if (!new)
			return -ENOMEM;
		static_branch_inc(&extfuse_latency_key);
	}
	rcu_assign_pointer(conn->latency, new);
	if (old) {
		synchronize_srcu(&extfuse_srcu);
		static_branch_dec(&extfuse_latency_key);
		extfuse_latency_free(old);
	}
	return 0;
}

/* What conn_new() made, or got as far as making. */
static void conn_dispose(struct extfuse_conn *conn)
{
	if (conn->lower_wq)
		extfuse_lower_conn_exit(conn);
	extfuse_lookups_free(&conn->lookups);
	free_percpu(conn->stats);
	kfree(conn);
}

static void conn_free(struct work_struct *work)
{
	struct extfuse_conn *conn = container_of(work, struct extfuse_conn, free_work);
	struct extfuse_event event = { .type = EXTFUSE_EVENT_GONE };

	mutex_lock(&extfuse_mutex);
	name_policies(conn, &event.policies);
	extfuse_chain_remove(conn, NULL, conn->gone ? "gone" : "unbind");
	set_latency(conn, false);
	if (conn->ring)
		extfuse_ring_put();
	if (conn->gone)
		extfuse_netlink_event(conn, &event);
	mutex_unlock(&extfuse_mutex);
	synchronize_srcu(&extfuse_srcu);
	conn_dispose(conn);
	module_put(THIS_MODULE);
}

/* Any context. */
void extfuse_conn_put(struct extfuse_conn *conn)
{
	if (refcount_dec_and_test(&conn->refs))
		queue_work(extfuse_wq, &conn->free_work);
}

static void unlist(struct extfuse_conn *conn)
{
	spin_lock(&extfuse_conns_lock);
	list_del_rcu(&conn->node);
	spin_unlock(&extfuse_conns_lock);
}

/*
 * The last reference to the connection is gone: fs/fuse calls this once, just
 * before it frees the queue. Nobody can be on the way to it.
 */
static void extfuse_release(struct fuse_iqueue *fiq)
{
	struct extfuse_conn *conn = container_of(*xf_fiq_ops(fiq), struct extfuse_conn, ops);

	/* in this order for extfuse_fault_work() */
	WRITE_ONCE(conn->gone, true);
	unlist(conn);
	if (conn->orig->release)
		conn->orig->release(fiq);
	extfuse_conn_put(conn);
}

/* The queue operations of /dev/fuse or of a ring, by name: 7.3 does not export the tables. */
static bool known_ops(const struct fuse_iqueue_ops *ops, bool ring)
{
	static char name[KSYM_SYMBOL_LEN];	/* under extfuse_mutex */

	sprint_symbol_no_offset(name, (unsigned long)ops->send_req);
	return !strcmp(name, ring ? "fuse_uring_queue_fuse_req" : "fuse_dev_queue_req");
}

/*
 * The connection of the mount that @file is on. What must be true of a right
 * layout is checked before anything else is believed.
 */
static struct fuse_conn *conn_of_file(struct file *file, struct netlink_ext_ack *extack)
{
	struct super_block *sb = file->f_path.mnt->mnt_sb;
	struct fuse_mount *fm = sb->s_fs_info;

	if (S_ISCHR(file_inode(file)->i_mode) && sb->s_magic != FUSE_SUPER_MAGIC) {
		NL_SET_ERR_MSG(extack,
			       "a character device, not a FUSE mount (CUSE is not supported)");
		return ERR_PTR(-EINVAL);
	}
	if (sb->s_magic != FUSE_SUPER_MAGIC) {
		NL_SET_ERR_MSG_FMT(extack, "not a FUSE mount (%s)", sb->s_type->name);
		return ERR_PTR(-EINVAL);
	}
	if (strcmp(sb->s_type->name, "fuse") && strcmp(sb->s_type->name, "fuseblk")) {
		NL_SET_ERR_MSG_FMT(extack, "%s is not supported, only /dev/fuse", sb->s_type->name);
		return ERR_PTR(-EOPNOTSUPP);
	}
	if (!fm || xf_mount_sb(fm) != sb || xf_conn_dev(xf_mount_fc(fm)) != sb->s_dev ||
	    !xf_conn_plausible(xf_mount_fc(fm))) {
		NL_SET_ERR_MSG(extack,
			       "the kernel's FUSE structures are not what the module was built for");
		return ERR_PTR(-EPROTO);
	}
	return xf_mount_fc(fm);
}

static int check_bindable(struct fuse_conn *fc, struct netlink_ext_ack *extack)
{
	struct fuse_iqueue *fiq = xf_conn_fiq(fc);
	int err;

	if (!xf_fiq_connected(fiq)) {
		NL_SET_ERR_MSG(extack, "the connection was aborted or its daemon is gone");
		return -ENOTCONN;
	}
	if (!xf_conn_initialized(fc)) {
		NL_SET_ERR_MSG(extack, "the daemon has not answered INIT yet");
		return -EAGAIN;
	}
	if (xf_conn_minor(fc) < 12) {
		NL_SET_ERR_MSG(extack, "the daemon speaks a FUSE protocol older than 7.12");
		return -EOPNOTSUPP;
	}
	if (xf_conn_has_ring(fc)) {
		err = extfuse_ring_check(fc, extack);
		if (err)
			return err;
	}
	if (!known_ops(READ_ONCE(*xf_fiq_ops(fiq)), xf_conn_has_ring(fc))) {
		NL_SET_ERR_MSG(extack, "the connection's queue belongs to an unknown transport");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Binding of the connection, by pointer. Under extfuse_mutex, which keeps it listed or not. */
static struct extfuse_conn *bound_conn(const struct fuse_conn *fc)
{
	struct extfuse_conn *conn, *found = NULL;

	spin_lock(&extfuse_conns_lock);
	list_for_each_entry(conn, &extfuse_conns, node)
		if (conn->fc == fc)
			found = conn;
	spin_unlock(&extfuse_conns_lock);
	return found;
}

static void unload(struct extfuse_conn *conn, const struct extfuse_policy *old,
		   const char *why, const char *reason)
{
	struct extfuse_event event = { .type = EXTFUSE_EVENT_POLICY_OFF, .reason = why };

	extfuse_event_names(&event.policies, old);
	extfuse_chain_remove(conn, old, reason);
	extfuse_netlink_event(conn, &event);
}

static void update(struct extfuse_conn *conn, const struct extfuse_policy *old,
		   struct extfuse_policy *new)
{
	struct extfuse_exchange exchange = {
		.ttl = conn->ttl,
		.gfp = GFP_KERNEL | __GFP_NOFAIL,
		.reason = "update",
	};
	struct extfuse_event event = {
		.type = EXTFUSE_EVENT_REPLACED,
		.reason = "the policy was updated",
	};
	const struct extfuse_chain *chain = extfuse_chain_of(conn);

	for (; exchange.nr < chain->nr; exchange.nr++) {
		exchange.policies[exchange.nr] = chain->member[exchange.nr]->policy;
		if (exchange.policies[exchange.nr] == old)
			exchange.policies[exchange.nr] = new;
	}
	name_policies(conn, &event.previous);
	extfuse_chain_exchange(conn, &exchange);
	if (exchange.refused == new) {
		unload(conn, old, "the updated policy refused the mount", "refused");
		return;
	}
	name_policies(conn, &event.policies);
	extfuse_netlink_event(conn, &event);
}

/* A binding that has the policy, with a reference; NULL: none has. */
static struct extfuse_conn *conn_with(const struct extfuse_policy *policy)
{
	struct extfuse_conn *conn, *found = NULL;

	spin_lock(&extfuse_conns_lock);
	list_for_each_entry(conn, &extfuse_conns, node) {
		if (!extfuse_chain_find(extfuse_chain_of(conn), policy) ||
		    !refcount_inc_not_zero(&conn->refs))
			continue;
		found = conn;
		break;
	}
	spin_unlock(&extfuse_conns_lock);
	return found;
}

/**
 * extfuse_conns_replace_policy - a policy goes or is updated
 * @old: policy that is going
 * @new: its successor, or NULL: the mounts are then served by the other policies that
 *	they have, and their daemons
 */
void extfuse_conns_replace_policy(struct extfuse_policy *old, struct extfuse_policy *new)
{
	struct extfuse_conn *conn;

	/* sleeps for each: one binding at a time, kept by a reference */
	while ((conn = conn_with(old))) {
		if (new)
			update(conn, old, new);
		else
			unload(conn, old, "the policy was unloaded", "unload");
		extfuse_conn_put(conn);
	}
}

static u32 req_flags(const struct fuse_conn *fc)
{
	u32 flags = 0;

	if (xf_conn_default_permissions(fc))
		flags |= EXTFUSE_REQ_DEFAULT_PERMISSIONS;
	if (xf_conn_writeback_cache(fc))
		flags |= EXTFUSE_REQ_WRITEBACK_CACHE;
	if (!xf_conn_allow_other(fc))
		flags |= EXTFUSE_REQ_OWNER_ONLY;
	return flags;
}

static struct extfuse_conn *conn_new(struct fuse_conn *fc, struct super_block *sb)
{
	struct extfuse_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	conn->stats = alloc_percpu(struct extfuse_stats);
	conn->id = ++last_id;
	if (!conn->stats || extfuse_lookups_init(&conn->lookups) ||
	    extfuse_lower_conn_init(conn)) {
		conn_dispose(conn);
		return NULL;
	}
	conn->ops = (struct fuse_iqueue_ops){
		.send_forget = extfuse_send_forget,
		.send_interrupt = extfuse_send_interrupt,
		.send_req = extfuse_send_req,
		.release = extfuse_release,
	};
	conn->fc = fc;
	conn->fiq = xf_conn_fiq(fc);
	conn->orig = *xf_fiq_ops(conn->fiq);
	conn->sb = sb;
	conn->dev = xf_conn_dev(fc);
	conn->owner = xf_conn_user_id(fc);
	conn->req_flags = req_flags(fc);
	get_random_bytes(&conn->name_key, sizeof(conn->name_key));
	spin_lock_init(&conn->settle_lock);
	init_llist_head(&conn->answered);
	INIT_DELAYED_WORK(&conn->complete_work, extfuse_complete_work);
	INIT_WORK(&conn->fault_work, extfuse_fault_work);
	INIT_WORK(&conn->free_work, conn_free);
	refcount_set(&conn->refs, 1);
	return conn;
}

static void conn_discard(struct extfuse_conn *conn)
{
	if (conn->ring)
		extfuse_ring_put();
	conn_dispose(conn);
}

static int exchange(struct extfuse_conn *conn, struct extfuse_exchange *exchange,
		    struct netlink_ext_ack *extack)
{
	int err = extfuse_chain_exchange(conn, exchange);

	if (exchange->refused)
		NL_SET_ERR_MSG_FMT(extack, "policy %s refused the mount", exchange->refused->name);
	return err;
}

static int bind_new(struct fuse_conn *fc, struct super_block *sb, struct extfuse_exchange *to,
		    u64 *id, struct netlink_ext_ack *extack)
{
	struct extfuse_event event = { .type = EXTFUSE_EVENT_BOUND };
	struct extfuse_conn *conn;
	int err;

	err = check_bindable(fc, extack);
	if (err)
		return err;
	conn = conn_new(fc, sb);
	if (!conn)
		return -ENOMEM;
	if (xf_conn_has_ring(fc)) {
		err = extfuse_ring_get(extack);
		if (err) {
			conn_discard(conn);
			return err;
		}
		conn->ring = true;
	}
	if (!try_module_get(THIS_MODULE)) {
		conn_discard(conn);
		return -ENODEV;
	}
	to->reason = "bind";
	err = exchange(conn, to, extack);
	if (err) {
		conn_discard(conn);
		module_put(THIS_MODULE);
		return err;
	}
	spin_lock(&extfuse_conns_lock);
	list_add_tail_rcu(&conn->node, &extfuse_conns);
	spin_unlock(&extfuse_conns_lock);

	/* from here on requests come in */
	if (cmpxchg(xf_fiq_ops(conn->fiq), conn->orig, &conn->ops) != conn->orig) {
		NL_SET_ERR_MSG(extack, "the connection's queue changed hands meanwhile");
		unlist(conn);
		extfuse_conn_put(conn);
		return -EAGAIN;
	}
	name_policies(conn, &event.policies);
	extfuse_netlink_event(conn, &event);
	*id = conn->id;
	return 0;
}

static int bind_again(struct extfuse_conn *conn, struct extfuse_exchange *to, bool replace,
		      u64 *id, struct netlink_ext_ack *extack)
{
	const struct extfuse_chain *old = extfuse_chain_of(conn);
	struct extfuse_event event = {
		.type = old ? EXTFUSE_EVENT_REPLACED : EXTFUSE_EVENT_BOUND,
	};
	int err;

	name_policies(conn, &event.previous);
	if (!replace && old) {
		NL_SET_ERR_MSG_FMT(extack, "already bound to policy %s%s", event.previous.name[0],
				   old->nr > 1 ? " and others" : "");
		return -EBUSY;
	}
	to->reason = old ? "replace" : "bind";
	err = exchange(conn, to, extack);
	if (err && extfuse_chain_of(conn) == old)
		return err;
	name_policies(conn, &event.policies);
	extfuse_netlink_event(conn, &event);
	*id = conn->id;
	return err;
}

/* The policies of these names; under extfuse_mutex, which keeps them loaded. */
static int find_policies(const struct extfuse_names *names, struct extfuse_exchange *to,
			 struct netlink_ext_ack *extack)
{
	struct extfuse_policy *policy;
	unsigned int i;

	for (i = 0; i < names->nr; i++) {
		policy = extfuse_policy_find(names->name[i]);
		if (!policy) {
			NL_SET_ERR_MSG_FMT(extack, "no such policy: %s", names->name[i]);
			return -ENOENT;
		}
		for (to->nr = 0; to->nr < i; to->nr++) {
			if (to->policies[to->nr] != policy)
				continue;
			NL_SET_ERR_MSG_FMT(extack, "policy %s is named twice", policy->name);
			return -EINVAL;
		}
		if (extfuse_ops_remember(rcu_dereference_protected(policy->ops, true)) &&
		    !extfuse_notify_works()) {
			NL_SET_ERR_MSG_FMT(extack,
					   "policy %s caches, and kernel.ftrace_enabled is off",
					   policy->name);
			return -EOPNOTSUPP;
		}
		to->policies[to->nr++] = policy;
	}
	return 0;
}

/**
 * extfuse_bind - bind a mount's connection to policies
 * @file: any file on the mount; keeps the mount for the time of the call
 * @names: at least one policy
 * @ttl: ns for which answers may be kept at the least
 * @replace: exchange the policies of a connection that is bound already
 * @id: receives the connection id
 * @extack: receives the reason of an error
 *
 * Context: process context, may sleep.
 */
int extfuse_bind(struct file *file, const struct extfuse_names *names, u64 ttl, bool replace,
		 u64 *id, struct netlink_ext_ack *extack)
{
	struct extfuse_exchange to = { .ttl = ttl, .gfp = GFP_KERNEL };
	struct extfuse_conn *conn;
	struct fuse_conn *fc;
	int err;

	mutex_lock(&extfuse_mutex);
	fc = conn_of_file(file, extack);
	err = PTR_ERR_OR_ZERO(fc);
	if (err)
		goto unlock;
	err = find_policies(names, &to, extack);
	if (err)
		goto unlock;
	conn = bound_conn(fc);
	if (conn)
		err = bind_again(conn, &to, replace, id, extack);
	else
		err = bind_new(fc, file->f_path.mnt->mnt_sb, &to, id, extack);
unlock:
	mutex_unlock(&extfuse_mutex);
	return err;
}

/*
 * LOOKUPs that were answered but have not reached their inodes are a matter of
 * microseconds, unless their task waits for an inode that is being created or
 * freed.
 */
#define SETTLE_TRIES 500

static bool try_settle(struct extfuse_conn *conn)
{
	bool settled;

	/* a daemon can have it held, and an unmount wait for it, for as long as it likes */
	if (!down_read_trylock(xf_conn_killsb(conn->fc)))
		return false;
	/* without a super block and a connection no FORGET is sent any more */
	if (list_empty(xf_conn_mounts(conn->fc)))
		settled = !xf_fiq_connected(conn->fiq);
	else
		settled = extfuse_lookups_settle(&conn->lookups, conn->sb);
	up_read(xf_conn_killsb(conn->fc));
	return settled;
}

static bool settle(struct extfuse_conn *conn)
{
	unsigned int i;

	for (i = 0; i < SETTLE_TRIES; i++) {
		if (try_settle(conn))
			return true;
		schedule_timeout_uninterruptible(1);
	}
	return false;
}

/*
 * Takes the module out of a living connection, whose reference the caller
 * holds. First nobody may be answering (so that the counts of LOOKUPs can be
 * settled), then the queue gets its operations back, then everyone must have
 * left who came in before: rcu_tasks for a task preempted between its look at
 * the operations and our functions, SRCU for one inside them.
 */
static int take_out(struct extfuse_conn *conn, struct netlink_ext_ack *extack)
{
	extfuse_chain_remove(conn, NULL, "unbind");
	synchronize_srcu(&extfuse_srcu);
	synchronize_rcu_tasks();
	if (!settle(conn)) {
		NL_SET_ERR_MSG(extack, "lookups are still under way, try again; the policy is off");
		return -EBUSY;
	}
	if (cmpxchg(xf_fiq_ops(conn->fiq), &conn->ops, conn->orig) != &conn->ops) {
		NL_SET_ERR_MSG(extack,
			       "someone else replaced the queue's operations; the policy is off");
		return -EBUSY;
	}
	synchronize_rcu_tasks();
	synchronize_srcu(&extfuse_srcu);
	return 0;
}

static int detach(struct extfuse_conn *conn, struct netlink_ext_ack *extack)
{
	struct extfuse_event event = { .type = EXTFUSE_EVENT_UNBOUND };
	int err;

	name_policies(conn, &event.policies);
	err = take_out(conn, extack);
	if (err) {
		event.type = EXTFUSE_EVENT_POLICY_OFF;
		event.reason = "unbind could not finish";
	}
	extfuse_netlink_event(conn, &event);
	if (err)
		return err;
	unlist(conn);
	extfuse_conn_put(conn);
	return 0;
}

/* A binding by connection id, with a reference to its connection. */
static struct extfuse_conn *conn_by_id(u64 id)
{
	struct extfuse_conn *conn, *found = NULL;

	spin_lock(&extfuse_conns_lock);
	list_for_each_entry(conn, &extfuse_conns, node) {
		/* listed until its release has run, so the memory is there */
		if (conn->id == id && refcount_inc_not_zero(xf_conn_count(conn->fc)))
			found = conn;
	}
	spin_unlock(&extfuse_conns_lock);
	return found;
}

/*
 * The binding of the mount that @file is on, or with NULL that of @id, with a
 * reference to its connection; ERR_PTR if there is none. Under extfuse_mutex.
 */
static struct extfuse_conn *get_bound(struct file *file, u64 id, struct netlink_ext_ack *extack)
{
	struct extfuse_conn *conn;
	struct fuse_conn *fc;

	if (file) {
		fc = conn_of_file(file, extack);
		if (IS_ERR(fc))
			return ERR_CAST(fc);
		conn = bound_conn(fc);
		id = conn ? conn->id : 0;
	}
	conn = conn_by_id(id);
	if (!conn) {
		NL_SET_ERR_MSG(extack, "not bound");
		return ERR_PTR(-ENOENT);
	}
	return conn;
}

/**
 * extfuse_unbind - undo a binding
 * @file: any file on the mount, or NULL
 * @id: connection id, if @file is NULL
 * @extack: receives the reason of an error
 *
 * Context: process context, sleeps for a grace period.
 */
int extfuse_unbind(struct file *file, u64 id, struct netlink_ext_ack *extack)
{
	struct fuse_conn *fc = NULL;
	struct extfuse_conn *conn;
	int err;

	mutex_lock(&extfuse_mutex);
	conn = get_bound(file, id, extack);
	err = PTR_ERR_OR_ZERO(conn);
	if (!err) {
		fc = conn->fc;
		err = detach(conn, extack);
	}
	mutex_unlock(&extfuse_mutex);
	if (fc)
		fuse_conn_put(fc);
	return err;
}

/**
 * extfuse_conn_measure - switch the measuring of a binding's times
 * @file: any file on the mount, or NULL
 * @id: connection id, if @file is NULL
 * @on: measure from now on, beginning with empty histograms if they were off
 * @extack: receives the reason of an error
 *
 * Context: process context, sleeps for a grace period.
 */
int extfuse_conn_measure(struct file *file, u64 id, bool on, struct netlink_ext_ack *extack)
{
	struct fuse_conn *fc = NULL;
	struct extfuse_conn *conn;
	int err;

	mutex_lock(&extfuse_mutex);
	conn = get_bound(file, id, extack);
	err = PTR_ERR_OR_ZERO(conn);
	if (!err) {
		fc = conn->fc;
		err = set_latency(conn, on);
	}
	mutex_unlock(&extfuse_mutex);
	if (fc)
		fuse_conn_put(fc);
	return err;
}

u64 extfuse_conn_id(struct file *file)
{
	struct extfuse_conn *conn;
	struct fuse_conn *fc;
	u64 id = 0;

	mutex_lock(&extfuse_mutex);
	fc = conn_of_file(file, NULL);
	if (!IS_ERR(fc)) {
		conn = bound_conn(fc);
		if (conn)
			id = conn->id;
	}
	mutex_unlock(&extfuse_mutex);
	return id;
}

int extfuse_conn_init(void)
{
	extfuse_wq = alloc_workqueue("extfuse", EXTFUSE_WQ_PERCPU, 0);
	extfuse_complete_wq = alloc_workqueue("extfuse-complete",
					      WQ_MEM_RECLAIM | EXTFUSE_WQ_PERCPU, 0);
	if (extfuse_wq && extfuse_complete_wq)
		return 0;
	extfuse_conn_exit();
	return -ENOMEM;
}

/* No binding is left, or the module would be in use; one may still be on its way to be freed. */
void extfuse_conn_exit(void)
{
	/* in this order: a completion may drop the last reference */
	if (extfuse_complete_wq)
		destroy_workqueue(extfuse_complete_wq);
	if (extfuse_wq)
		destroy_workqueue(extfuse_wq);
}
