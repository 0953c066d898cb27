/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_CHILD_H
#define EXTFUSE_CHILD_H

#include <linux/types.h>

struct extfuse_ctx;

int extfuse_ctx_child(const struct extfuse_ctx *ctx, u32 which, u64 *nodeid);

#endif
