/* SPDX-License-Identifier: GPL-2.0 */
/*
 * .graph/events: a stream of what changes, a line each, from when it is opened:
 *
 *	KIND<TAB>PATH[<TAB>WHAT[<TAB>TARGET]]
 *
 * with tabs, newlines and backslashes as \011, \012 and \134. A read returns whole
 * lines and waits for one, unless the file was opened with O_NONBLOCK; it can be
 * polled. Each function answers its request.
 */
#ifndef DISGRAFSD_EVENTS_H
#define DISGRAFSD_EVENTS_H

#include "disgrafsd.h"

void events_open(fuse_req_t req, struct fuse_file_info *fi);
void events_read(fuse_req_t req, size_t size, struct fuse_file_info *fi);
void events_poll(fuse_req_t req, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
void events_release(fuse_req_t req, struct fuse_file_info *fi);
/* Before the session goes: readers that wait see the end. */
void events_stop(struct disgrafsd *fs);

#endif
