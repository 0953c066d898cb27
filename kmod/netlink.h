/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_NETLINK_H
#define EXTFUSE_NETLINK_H

#include "conn.h"

/**
 * struct extfuse_event - what happened to a binding
 * @type: what
 * @policy: the policy that this is about; empty if there is none
 * @previous: EXTFUSE_EVENT_REPLACED: the one before
 * @reason: a sentence, or NULL
 * @opcode: EXTFUSE_EVENT_FAULT: of the last request that was answered wrongly
 */
struct extfuse_event {
	enum extfuse_event_type type;
	char policy[EXTFUSE_POLICY_NAME_LEN];
	char previous[EXTFUSE_POLICY_NAME_LEN];
	const char *reason;
	u32 opcode;
};

/*
 * Tells whoever listens. Under extfuse_mutex, so that events come in the order in
 * which things happened; never waits for those who listen.
 */
void extfuse_netlink_event(const struct extfuse_conn *conn, const struct extfuse_event *event);

int extfuse_netlink_init(void);
void extfuse_netlink_exit(void);

#endif
