/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The extfuse module's part in this mount.
 */
#ifndef DISGRAFSD_POLICY_H
#define DISGRAFSD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct policy;

/*
 * Loads the policy @name for the mount at @mountpoint. NULL, after saying why
 * in one line, when the mount has to do without. @name must stay.
 * @shared: validities count, because others change files as well.
 */
struct policy *policy_load(const char *mountpoint, const char *name, bool shared);
/*
 * Binds the mount, in a thread of its own: it can be bound only once it is served.
 * @done is called when that is over, however it went.
 */
void policy_bind(struct policy *policy, void (*done)(void));
void policy_stop(struct policy *policy);

/*
 * Tells the policy that opens of @nodeid may be answered with @backing_id; 0: those for
 * reading, without any.
 * False: not bound yet, ask again at the next open.
 */
bool policy_backing_add(struct policy *policy, uint64_t nodeid, uint32_t backing_id);
void policy_backing_del(struct policy *policy, uint64_t nodeid);

#endif
