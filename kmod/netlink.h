/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_NETLINK_H
#define EXTFUSE_NETLINK_H

#include "conn.h"

/**
 * struct extfuse_event - what happened to a binding
 * @type: what
 * @policies: those that this is about
 * @previous: EXTFUSE_EVENT_REPLACED: those before
 * @reason: a sentence, or NULL
 * @opcode: EXTFUSE_EVENT_FAULT: of the last request that was answered wrongly
 */
struct extfuse_event {
	enum extfuse_event_type type;
	struct extfuse_names policies;
	struct extfuse_names previous;
	const char *reason;
	u32 opcode;
};

/* That an event is about one policy alone. */
static inline void extfuse_event_names(struct extfuse_names *names,
				       const struct extfuse_policy *policy)
{
	names->nr = 1;
	strscpy(names->name[0], policy->name);
}

/*
 * Tells whoever listens. Under extfuse_mutex, so that events come in the order in
 * which things happened; never waits for those who listen.
 */
void extfuse_netlink_event(const struct extfuse_conn *conn, const struct extfuse_event *event);

int extfuse_netlink_init(void);
void extfuse_netlink_exit(void);

#endif
