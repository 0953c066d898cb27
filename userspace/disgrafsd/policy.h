/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The extfuse module's part in this mount.
 */
#ifndef DISGRAFSD_POLICY_H
#define DISGRAFSD_POLICY_H

#include <stdint.h>

struct policy;

/*
 * Loads the policy @name and binds the mount at @mountpoint to it. NULL, after
 * saying why in one line, when the mount has to do without.
 */
struct policy *policy_start(const char *mountpoint, const char *name);
void policy_stop(struct policy *policy);

/* Tells the policy that opens of @nodeid may be answered with @backing_id. */
void policy_backing_add(struct policy *policy, uint64_t nodeid, uint32_t backing_id);
void policy_backing_del(struct policy *policy, uint64_t nodeid);

#endif
