// SPDX-License-Identifier: GPL-2.0
/*
 * Waits for the daemon's reply in the requesting task, so that the policy can
 * see it before the caller does.
 *
 * fs/fuse would wait right after us, in the same way: any signal sends an
 * INTERRUPT, a fatal one takes back a request that the daemon has not read yet.
 * The same is done here, because a reply that the policy does not see would
 * leave it believing what a change made untrue.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "wait.h"

static bool finished(struct fuse_req *req)
{
	return xf_req_test(req, XF_FR_FINISHED);
}

static void interrupt(struct extfuse_conn *conn, struct fuse_iqueue *fiq, struct fuse_req *req)
{
	set_bit(XF_FR_INTERRUPTED, xf_req_flags(req));
	/* Pairs with the daemon's read, which sets FR_SENT and then looks at FR_INTERRUPTED. */
	smp_mb__after_atomic();
	if (xf_req_test(req, XF_FR_SENT))
		conn->orig->send_interrupt(fiq, req);
}

/* Takes back a request that the daemon has not read. */
static void take_back(struct fuse_iqueue *fiq, struct fuse_req *req)
{
	spinlock_t *lock = xf_req_on_ring(req) ? xf_req_ring_lock(req) : xf_fiq_lock(fiq);

	spin_lock(lock);
	if (!xf_req_test(req, XF_FR_PENDING)) {
		spin_unlock(lock);
		return;
	}
	list_del_init(xf_req_list(req));
	clear_bit(XF_FR_PENDING, xf_req_flags(req));
	spin_unlock(lock);
	xf_req_out(req)->error = -EINTR;
	fuse_request_end(req);
}

/**
 * extfuse_wait_reply - wait until a foreground request is finished
 * @conn: binding it was sent through
 * @fiq: its queue
 * @req: the request, sent
 *
 * Context: process context, may sleep.
 */
void extfuse_wait_reply(struct extfuse_conn *conn, struct fuse_iqueue *fiq, struct fuse_req *req)
{
	wait_queue_head_t *waitq = xf_req_waitq(req);

	if (!xf_conn_no_interrupt(conn->fc)) {
		if (!wait_event_interruptible(*waitq, finished(req)))
			goto out;
		interrupt(conn, fiq, req);
	}
	if (!xf_req_test(req, XF_FR_FORCE)) {
		if (!wait_event_killable(*waitq, finished(req)))
			goto out;
		take_back(fiq, req);
	}
	wait_event(*waitq, finished(req));
out:
	/* Pairs with the barrier between filling the reply and setting FR_FINISHED. */
	smp_rmb();
}
