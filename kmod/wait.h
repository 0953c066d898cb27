/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXTFUSE_WAIT_H
#define EXTFUSE_WAIT_H

#include "conn.h"

void extfuse_wait_reply(struct extfuse_conn *conn, struct fuse_iqueue *fiq, struct fuse_req *req);

#endif
