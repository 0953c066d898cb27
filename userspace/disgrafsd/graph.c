// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual directory .graph.
 */
#include "graph.h"

#include <stdlib.h>

struct graph {
	struct disgrafsd *fs;
};

struct graph *graph_new(struct disgrafsd *fs)
{
	struct graph *graph = calloc(1, sizeof(*graph));

	if (graph)
		graph->fs = fs;
	return graph;
}

void graph_free(struct graph *graph)
{
	free(graph);
}

void graph_lookup_root(struct graph *graph, fuse_req_t req)
{
	(void)graph;
	fuse_reply_err(req, ENOENT);
}

void graph_lookup(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)graph;
	(void)parent;
	(void)name;
	fuse_reply_err(req, ENOENT);
}

void graph_forget(struct graph *graph, fuse_ino_t ino, uint64_t nlookup)
{
	(void)graph;
	(void)ino;
	(void)nlookup;
}

void graph_getattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	(void)graph;
	(void)ino;
	fuse_reply_err(req, ESTALE);
}

void graph_readlink(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	(void)graph;
	(void)ino;
	fuse_reply_err(req, ESTALE);
}

void graph_readdir(struct graph *graph, fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   bool plus)
{
	(void)graph;
	(void)ino;
	(void)size;
	(void)off;
	(void)plus;
	fuse_reply_err(req, ESTALE);
}
