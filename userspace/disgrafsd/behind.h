/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes that others make in LOWER, behind the mount: recorded in the index, and
 * told to the kernel and so to the policy, whose caches they make untrue.
 */
#ifndef DISGRAFSD_BEHIND_H
#define DISGRAFSD_BEHIND_H

struct disgrafsd;

/* Where it is not possible, says why and does nothing. */
void behind_start(struct disgrafsd *fs);
/* While there still is a session. */
void behind_stop(struct disgrafsd *fs);

#endif
