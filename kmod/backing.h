/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_BACKING_H
#define EXTFUSE_BACKING_H

#include <linux/types.h>

struct file;
struct fuse_attr;
struct fuse_conn;

struct file *extfuse_backing_file(struct fuse_conn *fc, u32 backing_id);
int extfuse_backing_attr(struct fuse_conn *fc, u32 backing_id, struct fuse_attr *attr);

#endif
