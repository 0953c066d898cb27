// SPDX-License-Identifier: GPL-2.0
/*
 * A policy whose answers are refused costs its mount time and does nothing for
 * it. After so many in a row, from all tasks together, it is taken off the
 * binding, and the mount goes on with its daemon alone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/ratelimit.h>

#include "fault.h"
#include "netlink.h"
#include "trace.h"

static unsigned int fault_limit = 1000;
module_param(fault_limit, uint, 0644);
MODULE_PARM_DESC(fault_limit,
		 "Invalid answers in a row after which a policy is taken off a mount, 0: never");

static bool too_many(unsigned int faults)
{
	unsigned int limit = READ_ONCE(fault_limit);

	return limit && faults >= limit;
}

void extfuse_fault(struct extfuse_ctx *ctx, struct extfuse_member *member)
{
	struct extfuse_conn *conn = ctx->conn;
	unsigned int faults = atomic_inc_return(&member->faults);

	trace_extfuse_policy_bug(conn, member->ops->name, ctx->req.opcode, ctx->req.nodeid, faults);
	WRITE_ONCE(member->fault_opcode, ctx->req.opcode);
	if (!too_many(faults))
		return;
	/* the work item holds a reference while it is pending */
	extfuse_conn_get(conn);
	if (!queue_work(extfuse_wq, &conn->fault_work))
		extfuse_conn_put(conn);
}

static void take_off(struct extfuse_conn *conn, const struct extfuse_member *member)
{
	struct extfuse_event event = {
		.type = EXTFUSE_EVENT_FAULT,
		.opcode = READ_ONCE(member->fault_opcode),
	};
	char reason[80];

	/* the policy may be gone when it is off */
	extfuse_event_names(&event.policies, member->policy);
	snprintf(reason, sizeof(reason), "%u invalid answers in a row, the last one to opcode %u",
		 atomic_read(&member->faults), event.opcode);
	event.reason = reason;
	extfuse_chain_remove(conn, member->policy, "fault");
	pr_warn_ratelimited("policy %s taken off connection %llu (%u:%u): %s\n",
			    event.policies.name[0], conn->id, MAJOR(conn->dev), MINOR(conn->dev),
			    reason);
	extfuse_netlink_event(conn, &event);
}

static const struct extfuse_member *at_fault(const struct extfuse_conn *conn)
{
	const struct extfuse_chain *chain = extfuse_chain_of(conn);
	unsigned int i;

	for (i = 0; chain && i < chain->nr; i++)
		if (too_many(atomic_read(&chain->member[i]->faults)))
			return chain->member[i];
	return NULL;
}

/*
 * The count is that of the policy's stay on the binding: it never hits a successor.
 *
 * From a binding that is not listed any more, policies are not taken off when they are
 * unregistered: it may have some whose memory is gone. Before that it is @gone, and what
 * is registered stays so while the mutex is held.
 */
void extfuse_fault_work(struct work_struct *work)
{
	struct extfuse_conn *conn = container_of(work, struct extfuse_conn, fault_work);
	const struct extfuse_member *member;

	mutex_lock(&extfuse_mutex);
	while (!READ_ONCE(conn->gone) && (member = at_fault(conn)))
		take_off(conn, member);
	mutex_unlock(&extfuse_mutex);
	extfuse_conn_put(conn);
}
