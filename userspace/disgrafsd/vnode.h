/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual nodes: what the kernel knows of .graph. What a nodeid means never
 * changes; a link whose target changes becomes another node.
 */
#ifndef DISGRAFSD_VNODE_H
#define DISGRAFSD_VNODE_H

#include <time.h>

#include "disgrafsd.h"
#include "listing.h"

#define VNODE_BUCKETS 4096
#define FIXED_ID(kind) (NODE_VIRTUAL | (1 + (kind)))
#define FIRST_ID (NODE_VIRTUAL | 64)

struct vnode {
	uint64_t id;
	uint64_t nlookup;
	uint64_t parent;
	enum graph_kind kind;
	size_t depth;		/* components below the root of the mount */
	char *name;
	/*
	 * GRAPH_TAG: the last tag; GRAPH_ANY_OF: tags with commas between them;
	 * GRAPH_FOUND: the expression; GRAPH_LINKS, GRAPH_LINKS_OF, GRAPH_RELATED and
	 * GRAPH_RELATED_TO: the path of a directory or file below the root;
	 * GRAPH_RELATION: relation, '/', path; GRAPH_LINK: the target.
	 */
	char *arg;
	uint64_t ino;		/* GRAPH_LINK: of the file */
	bool live;		/* GRAPH_FOUND: it depends on more than the index */
	bool removed;		/* the kernel takes it for dead */
	char **tags;		/* GRAPH_TAG: all of the path, a NULL behind them */
	size_t count;
	struct listing *listing;
	struct listing *reading; /* that a reader began */
	struct vnode *next_id, *next_name;
};

/* .graph, and the directories in it, are always there. */
#define GRAPH_FIXED GRAPH_TAG

struct graph {
	struct disgrafsd *fs;
	struct tagindex *index;	/* for reading: no one waits for a listing */
	pthread_mutex_t lock;
	pthread_mutex_t tag_lock; /* from reading a file's tags to writing them */
	uint64_t next_id;
	uint64_t version;
	struct timespec changed;
	struct vnode fixed[GRAPH_FIXED];
	struct vnode *by_id[VNODE_BUCKETS], *by_name[VNODE_BUCKETS];
};

static inline bool vnode_is_dir(const struct vnode *node)
{
	return node->kind != GRAPH_LINK && node->kind != GRAPH_EVENTS;
}

/* All with graph->lock held. */
struct vnode *vnode_find(struct graph *graph, uint64_t id);
/* The node of an entry of @parent, with no reference if it is new. NULL: out of memory. */
struct vnode *vnode_get(struct graph *graph, const struct vnode *parent, const struct entry *entry);
/* Removes a node that nobody refers to. */
void vnode_put(struct graph *graph, struct vnode *node);
void vnodes_free(struct graph *graph);
/*
 * Copies of @dir's tags, to be used without the lock, of @more too unless it is NULL, and a
 * NULL behind them. NULL: out of memory.
 */
char **copy_tags(const struct vnode *dir, const char *more);
void free_tags(char **tags);

/* graphdirs.c: what is in the directory @dir now, NULL with errno. */
struct listing *graph_listing(struct graph *graph, struct vnode *dir);
/* The node @name in @dir, NULL with errno. For vnode_put() if nobody takes it. */
struct vnode *graph_child(struct graph *graph, struct vnode *dir, const char *name);
/* What the directories that are always there are called. */
const char *graph_fixed_name(enum graph_kind kind);
/* The target of a link at depth @depth to @path below the root, or NULL. */
char *graph_target(size_t depth, const char *path);
/* The path below the root that a link leads to. */
const char *graph_link_path(const struct vnode *link);
/* Notes whether the index changed, and returns its version. */
uint64_t graph_refresh(struct graph *graph);

/* graph.c: answers with @node, and puts it if the kernel does not take it. */
void graph_reply_entry(struct graph *graph, fuse_req_t req, struct vnode *node);

#endif
