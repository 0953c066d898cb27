/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_BACKING_H
#define EXTFUSE_BACKING_H

#include <linux/types.h>

struct fuse_attr;
struct fuse_conn;

int extfuse_backing_attr(struct fuse_conn *fc, u32 backing_id, struct fuse_attr *attr);

#endif
