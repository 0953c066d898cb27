/* SPDX-License-Identifier: GPL-2.0 */
/* Daemons that use io_uring. */
#ifndef EXTFUSE_RING_H
#define EXTFUSE_RING_H

#include <linux/types.h>

struct fuse_conn;
struct netlink_ext_ack;

int extfuse_ring_check(const struct fuse_conn *fc, struct netlink_ext_ack *extack);
int extfuse_ring_get(struct netlink_ext_ack *extack);
void extfuse_ring_put(void);

#endif
