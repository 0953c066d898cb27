// SPDX-License-Identifier: GPL-2.0
/*
 * Daemons that take their requests from io_uring queues instead of read(2).
 *
 * fs/fuse gives such a connection another table of queue operations, once, when all
 * queues are there. Ours goes on top of that one and never earlier, so that it is
 * not overwritten.
 *
 * Background requests pass no table then: fuse_uring_queue_bq_req() is called for
 * them. On its entry an ftrace callback asks the policy, and lets the function
 * return at once if the request has been taken care of. If the function does not
 * take a request, since the connection is being aborted, nobody calls args->end, and
 * an fprobe on its exit tells the policy. Both are there while such a connection is
 * bound.
 */
#include <linux/ftrace.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>

#include "background.h"
#include "compat.h"
#include "conn.h"
#include "ring.h"

/**
 * extfuse_ring_check - may our table be put on top of the ring's?
 * @fc: connection that has a ring
 * @extack: receives the reason of an error
 *
 * Several threads of the daemon may find, each on its own, that theirs was the last
 * queue that was missing, and set the table. None of them sleeps between the look
 * at ring->ready and that, so when ring->ready has been seen and each task has been seen
 * outside, the last one has.
 *
 * Context: process context, sleeps for a grace period.
 */
int extfuse_ring_check(const struct fuse_conn *fc, struct netlink_ext_ack *extack)
{
	if (!xf_conn_ring_ready(fc)) {
		NL_SET_ERR_MSG(extack, "the daemon's io_uring queues are not up");
		return -EAGAIN;
	}
	synchronize_rcu_tasks();
	return 0;
}

#ifdef XF_RING

static unsigned int users;	/* under extfuse_mutex */

/* In place of fuse_uring_queue_bq_req(): the request has been taken. */
static noinline notrace bool taken(struct fuse_req *req)
{
	return true;
}

static notrace void on_queue(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *regs)
{
	struct fuse_req *req = (void *)ftrace_regs_get_argument(regs, 0);

	if (extfuse_take_ring_background(req))
		ftrace_regs_set_instruction_pointer(regs, (unsigned long)taken);
}

static int on_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
		    extfuse_fprobe_regs *regs, void *data)
{
	*(struct fuse_req **)data = (void *)extfuse_fprobe_arg(regs, 0);
	return 0;
}

/* A request that was not taken is still the caller's, who is about to free it. */
static void on_exit(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
		    extfuse_fprobe_regs *regs, void *data)
{
	struct fuse_req *req = *(struct fuse_req **)data;

	if (!(ftrace_regs_get_return_value(regs) & 0xff))
		extfuse_background_refused(xf_req_args(req), -ENOTCONN);
}

static unsigned char function[] = "fuse_uring_queue_bq_req";

/* Permanent: turning ftrace off would let requests by that answered ones rely on. */
static struct ftrace_ops queue_ops = {
	.func = on_queue,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static struct fprobe exit_probe = {
	.entry_handler = on_entry,
	.exit_handler = on_exit,
	.entry_data_size = sizeof(struct fuse_req *),
};

static int hook(void)
{
	int err = register_fprobe(&exit_probe, (const char *)function, NULL);

	if (err)
		return err;
	err = ftrace_set_filter(&queue_ops, function, sizeof(function) - 1, 1);
	if (!err)
		err = register_ftrace_function(&queue_ops);
	if (!err)
		return 0;
	ftrace_free_filter(&queue_ops);
	unregister_fprobe(&exit_probe);
	return err;
}

/* Waits until nobody is inside. */
static void unhook(void)
{
	unregister_ftrace_function(&queue_ops);
	ftrace_free_filter(&queue_ops);
	unregister_fprobe(&exit_probe);
}

/**
 * extfuse_ring_get - see the background requests of connections with a ring from now on
 * @extack: receives the reason of an error
 *
 * Context: process context, under extfuse_mutex.
 */
int extfuse_ring_get(struct netlink_ext_ack *extack)
{
	int err;

	/* ftrace calls with preemption off, where that kernel's spinlocks cannot be taken */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		NL_SET_ERR_MSG(extack,
			       "the daemon uses io_uring, which cannot be followed with PREEMPT_RT");
		return -EOPNOTSUPP;
	}
	err = users ? 0 : hook();
	if (err) {
		NL_SET_ERR_MSG_FMT(extack,
				   "the daemon uses io_uring, and ftrace cannot show its background requests (%d)",
				   err);
		return -EOPNOTSUPP;
	}
	users++;
	return 0;
}

/* Of a binding that nobody finds any more. Under extfuse_mutex. */
void extfuse_ring_put(void)
{
	if (!--users)
		unhook();
}

#else

int extfuse_ring_get(struct netlink_ext_ack *extack)
{
	return -EOPNOTSUPP;
}

void extfuse_ring_put(void)
{
}

#endif
