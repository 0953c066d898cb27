/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that policies may call; documented where they are defined. */
#ifndef EXTFUSE_KFUNCS_H
#define EXTFUSE_KFUNCS_H

#include <linux/types.h>

struct extfuse_name_hash;
struct extfuse_req;
struct fuse_attr;

int extfuse_req_name(struct extfuse_req *req, u32 which, void *buf, u32 buf__sz);
int extfuse_req_name_hash(struct extfuse_req *req, u32 which, u64 dir,
			  struct extfuse_name_hash *hash);
int extfuse_req_child(struct extfuse_req *req, u32 which, u64 *nodeid);
int extfuse_reply_set(struct extfuse_req *req, const void *data, u32 data__sz);
int extfuse_reply_data(struct extfuse_req *req, void *buf, u32 buf__sz);
int extfuse_open_flags(struct extfuse_req *req, u32 flags);
int extfuse_backing_getattr(struct extfuse_req *req, u32 backing_id, struct fuse_attr *attr);
int extfuse_backing_read(struct extfuse_req *req, u32 backing_id);
int extfuse_backing_write(struct extfuse_req *req, u32 backing_id);

int extfuse_delay(struct extfuse_req *req, u64 ns);

int extfuse_kfuncs_init(void);

#endif
