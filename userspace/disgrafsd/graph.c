// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual directory .graph, operation by operation. What its directories
 * hold is in graphdirs.c, what changes them in retag.c.
 *
 * What a directory holds is asked of the index once and kept until the index
 * changes; what also depends on sizes and times is asked each time it is read.
 * Nothing here is cached by the kernel: validities are 0, nodeids have
 * NODE_VIRTUAL set, and a directory's mtime changes with the index, or always,
 * which invalidates listings that the kernel kept.
 */
#include "graph.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "prefetch.h"
#include "vnode.h"

/* Names of everybody's files are to be seen here. */
static mode_t node_mode(const struct disgrafsd *fs, const struct vnode *dir)
{
	mode_t mode = fs->multiuser && !fs->opt.share_graph ? 0500 : 0555;

	if (dir->kind == GRAPH_EVENTS)
		return mode & 0444;
	return dir->kind == GRAPH_TAGS || dir->kind == GRAPH_TAG ? mode | 0200 : mode;
}

static void fill_attr(struct graph *graph, const struct vnode *node, struct stat *st)
{
	struct disgrafsd *fs = graph->fs;
	struct stat root;

	memset(st, 0, sizeof(*st));
	if (fstat(fs->nodes.root->fd, &root) == 0) {
		st->st_uid = root.st_uid;
		st->st_gid = root.st_gid;
	}
	st->st_ino = node->id;
	if (node->kind == GRAPH_LINK) {
		st->st_mode = S_IFLNK | 0777;
		st->st_nlink = 1;
		st->st_size = strlen(node->arg);
	} else if (node->kind == GRAPH_EVENTS) {
		st->st_mode = S_IFREG | node_mode(fs, node);
		st->st_nlink = 1;
	} else {
		st->st_mode = S_IFDIR | node_mode(fs, node);
		st->st_nlink = 2;
	}
	st->st_mtim = graph->changed;
	if (node->live)
		clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_mtim;
	st->st_ctim = st->st_mtim;
}

void graph_reply_entry(struct graph *graph, fuse_req_t req, struct vnode *node)
{
	struct fuse_entry_param e = { .ino = node->id };

	fill_attr(graph, node, &e.attr);
	node->nlookup++;
	if (fuse_reply_entry(req, &e) < 0) {
		node->nlookup--;
		vnode_put(graph, node);
	}
}

struct graph *graph_new(struct disgrafsd *fs)
{
	struct graph *graph = calloc(1, sizeof(*graph));
	size_t i;

	if (!graph)
		return NULL;
	graph->fs = fs;
	for (i = 0; i < GRAPH_FIXED; i++) {
		graph->fixed[i].id = FIXED_ID(i);
		graph->fixed[i].kind = i;
		graph->fixed[i].arg = ".";
		graph->fixed[i].depth = i == GRAPH_ROOT ? 1 : 2;
	}
	graph->next_id = FIRST_ID;
	clock_gettime(CLOCK_REALTIME, &graph->changed);
	pthread_mutex_init(&graph->lock, NULL);
	pthread_mutex_init(&graph->tag_lock, NULL);
	if (fs->index)
		graph->index = index_open(fs->nodes.root->fd, INDEX_READ | INDEX_LATER);
	return graph;
}

void graph_free(struct graph *graph)
{
	if (!graph)
		return;
	vnodes_free(graph);
	index_close(graph->index);
	pthread_mutex_destroy(&graph->lock);
	pthread_mutex_destroy(&graph->tag_lock);
	free(graph);
}

void graph_lookup_root(struct graph *graph, fuse_req_t req)
{
	pthread_mutex_lock(&graph->lock);
	graph_refresh(graph);
	graph_reply_entry(graph, req, &graph->fixed[GRAPH_ROOT]);
	pthread_mutex_unlock(&graph->lock);
}

void graph_lookup(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct vnode *dir, *node = NULL;

	pthread_mutex_lock(&graph->lock);
	dir = vnode_find(graph, parent);
	errno = ESTALE;
	if (dir)
		node = graph_child(graph, dir, name);
	if (node)
		graph_reply_entry(graph, req, node);
	else
		fuse_reply_err(req, errno);
	pthread_mutex_unlock(&graph->lock);
}

void graph_forget(struct graph *graph, fuse_ino_t ino, uint64_t nlookup)
{
	struct vnode *node;

	pthread_mutex_lock(&graph->lock);
	node = vnode_find(graph, ino);
	if (node) {
		node->nlookup = node->nlookup > nlookup ? node->nlookup - nlookup : 0;
		vnode_put(graph, node);
	}
	pthread_mutex_unlock(&graph->lock);
}

void graph_getattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	struct vnode *node;
	struct stat st;

	pthread_mutex_lock(&graph->lock);
	node = vnode_find(graph, ino);
	if (node) {
		graph_refresh(graph);
		fill_attr(graph, node, &st);
		fuse_reply_attr(req, &st, 0);
	} else {
		fuse_reply_err(req, ESTALE);
	}
	pthread_mutex_unlock(&graph->lock);
}

/* mv(1) and cp(1) want a link to belong to someone: it does, and that is that. */
void graph_setattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	struct vnode *node;
	bool is_link;

	pthread_mutex_lock(&graph->lock);
	node = vnode_find(graph, ino);
	is_link = node && node->kind == GRAPH_LINK;
	pthread_mutex_unlock(&graph->lock);
	if (is_link)
		graph_getattr(graph, req, ino);
	else
		fuse_reply_err(req, EPERM);
}

void graph_readlink(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	struct vnode *node;

	pthread_mutex_lock(&graph->lock);
	node = vnode_find(graph, ino);
	if (!node)
		fuse_reply_err(req, ESTALE);
	else if (node->kind != GRAPH_LINK)
		fuse_reply_err(req, EINVAL);
	else
		fuse_reply_readlink(req, node->arg);
	if (node && node->kind == GRAPH_LINK)
		prefetch_link(node->parent, node->name, node->ino);
	pthread_mutex_unlock(&graph->lock);
}

static size_t add_name(fuse_req_t req, char *buf, size_t size, const char *name, mode_t type,
		       off_t next, bool plus)
{
	/* Without a nodeid: whoever needs one looks the name up. */
	struct fuse_entry_param e = {
		.attr.st_mode = type,
		/* Who sorts by these has links first too. */
		.attr.st_ino = NODE_VIRTUAL | S_ISDIR(type),
	};

	if (plus)
		return fuse_add_direntry_plus(req, buf, size, name, &e, next);
	return fuse_add_direntry(req, buf, size, name, &e.attr, next);
}

/* The names from position @off on: the two dots, then the listing. */
static size_t fill(fuse_req_t req, const struct listing *listing, char *buf, size_t size, off_t off,
		   bool plus)
{
	size_t used = 0, n, i;
	const struct entry *entry;

	for (i = off; i < listing->count + 2; i++) {
		if (i < 2) {
			n = add_name(req, buf + used, size - used, i ? ".." : ".", S_IFDIR, i + 1,
				     plus);
		} else {
			entry = &listing->entry[i - 2];
			n = add_name(req, buf + used, size - used, entry->name,
				     entry->kind == GRAPH_LINK ? S_IFLNK : S_IFDIR, i + 1, plus);
		}
		if (n > size - used)
			break;
		used += n;
	}
	return used;
}

/* Whoever reads on does so in the listing that was begun, although files come and go. */
static const struct listing *reading(struct graph *graph, struct vnode *dir, off_t off)
{
	struct listing *now;

	if (off && dir->reading)
		return dir->reading;
	if (dir->live) {
		listing_put(dir->listing);
		dir->listing = NULL;
	}
	now = graph_listing(graph, dir);
	if (now) {
		listing_put(dir->reading);
		dir->reading = listing_ref(now);
	}
	return now;
}

void graph_readdir(struct graph *graph, fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   bool plus)
{
	const struct listing *listing = NULL;
	struct vnode *dir;
	char *buf = malloc(size);

	pthread_mutex_lock(&graph->lock);
	dir = vnode_find(graph, ino);
	errno = !buf ? ENOMEM : dir ? ENOTDIR : ESTALE;
	if (buf && dir && vnode_is_dir(dir))
		listing = reading(graph, dir, off);
	if (listing)
		fuse_reply_buf(req, buf, fill(req, listing, buf, size, off, plus));
	else
		fuse_reply_err(req, errno);
	pthread_mutex_unlock(&graph->lock);
	free(buf);
}
