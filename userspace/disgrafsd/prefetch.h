/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking ahead: when files of a directory, or that links of a directory in .graph lead
 * to, are opened one after the other, a few processes look at those that come next, through
 * the mount, before anyone asks for them.
 */
#ifndef DISGRAFSD_PREFETCH_H
#define DISGRAFSD_PREFETCH_H

#include "disgrafsd.h"

/* Before the file system is mounted and there are threads: starts the processes. */
void prefetch_prepare(struct disgrafsd *fs);
void prefetch_start(struct disgrafsd *fs);
/* The session may be over. */
void prefetch_stop(void);

/* @node is opened for reading; before the open is answered. */
void prefetch_opened(fuse_req_t req, struct node *node);
/* Somebody asks where the link @name in the directory @dir of .graph leads: to the file @ino. */
void prefetch_link(uint64_t dir, const char *name, uint64_t ino);
/* How many files were looked at, and how many of them were opened afterwards. False: off. */
bool prefetch_counts(uint64_t *warmed, uint64_t *opened);

#endif
