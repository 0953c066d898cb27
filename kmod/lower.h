/* SPDX-License-Identifier: GPL-2.0 */
/* READ and WRITE carried out on a lower file. */
#ifndef EXTFUSE_LOWER_H
#define EXTFUSE_LOWER_H

#include <linux/workqueue.h>

struct extfuse_conn;
struct extfuse_ctx;
struct fuse_req;

int extfuse_lower_set(struct extfuse_ctx *ctx, u32 backing_id);
void extfuse_lower_drop(struct extfuse_ctx *ctx);
int extfuse_lower_foreground(struct extfuse_ctx *ctx, struct fuse_req *req);
bool extfuse_lower_queue(struct extfuse_ctx *ctx, struct fuse_req *req);

int extfuse_lower_conn_init(struct extfuse_conn *conn);
void extfuse_lower_conn_exit(struct extfuse_conn *conn);
int extfuse_lower_init(void);
void extfuse_lower_exit(void);

#endif
