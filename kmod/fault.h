/* SPDX-License-Identifier: GPL-2.0 */
/* Policies whose answers are refused, time after time. */
#ifndef EXTFUSE_FAULT_H
#define EXTFUSE_FAULT_H

#include "dispatch.h"

/*
 * The policy's answer to @ctx was refused. Any context, inside extfuse_srcu.
 */
void extfuse_fault(struct extfuse_ctx *ctx, struct extfuse_member *member);

/* The policy's answer was good. This is on the path of every answered request. */
static __always_inline void extfuse_no_fault(struct extfuse_member *member)
{
	if (unlikely(atomic_read(&member->faults)))
		atomic_set(&member->faults, 0);
}

void extfuse_fault_work(struct work_struct *work);

#endif
