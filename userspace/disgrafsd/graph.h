/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtual directory .graph: tags as directories, files as symbolic links.
 * Each function answers its request.
 */
#ifndef DISGRAFSD_GRAPH_H
#define DISGRAFSD_GRAPH_H

#include "disgrafsd.h"

struct graph *graph_new(struct disgrafsd *fs);
void graph_free(struct graph *graph);

/* .graph itself */
void graph_lookup_root(struct graph *graph, fuse_req_t req);
void graph_lookup(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name);
void graph_forget(struct graph *graph, fuse_ino_t ino, uint64_t nlookup);
void graph_getattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino);
void graph_setattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino);
void graph_readlink(struct graph *graph, fuse_req_t req, fuse_ino_t ino);
void graph_readdir(struct graph *graph, fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   bool plus);

/* retag.c */
void graph_mkdir(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name);
void graph_rmdir(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name);
void graph_symlink(struct graph *graph, fuse_req_t req, const char *target, fuse_ino_t parent,
		   const char *name);
void graph_unlink(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name);
/* Of a name in .graph to another there. */
void graph_rename(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t new_parent, const char *new_name, unsigned int flags);

#endif
