// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual directory .graph:
 *
 *	.graph/tags/		a directory for each tag
 *	.graph/tags/a/b/	a symbolic link to each file with the tags a and b, and
 *				a directory for each other tag that one of them has
 *
 * What a directory holds is asked of the index once and kept until the index
 * changes. Nothing here is cached by the kernel: validities are 0, nodeids have
 * NODE_VIRTUAL set, and a directory's mtime changes with the index, which
 * invalidates listings that the kernel kept.
 */
#include "graph.h"

#include <linux/limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "graphname.h"
#include "index.h"

#define ROOT_ID (NODE_VIRTUAL | 1)
#define TAGS_ID (NODE_VIRTUAL | 2)
#define FIRST_ID (NODE_VIRTUAL | 3)
#define TAGS_NAME "tags"
#define BUCKETS 4096

/* ".graph" and "tags": what a link has to go up besides its tags. */
#define LEVELS_ABOVE_TAGS 2

struct entry {
	char *name;
	char *tag;		/* of a directory, or NULL */
	char *target;		/* of a link, or NULL */
	uint64_t ino;		/* of the file that a link is to */
	bool suffixed;
};

struct listing {
	struct entry *entry;
	size_t count, room;
	uint64_t version;	/* of the index */
};

struct vnode {
	uint64_t id;
	uint64_t nlookup;
	uint64_t parent;
	char *name;
	char **tags;		/* of a directory below "tags" */
	size_t count;
	char *target;		/* of a link */
	struct listing *listing;
	struct vnode *next_id, *next_name;
};

struct graph {
	struct disgrafsd *fs;
	struct tagindex *index;	/* for reading: no one waits for a listing */
	pthread_mutex_t lock;
	uint64_t next_id;
	uint64_t version;
	struct timespec changed;
	struct vnode root, tags;
	struct vnode *by_id[BUCKETS], *by_name[BUCKETS];
};

/* ---- listings ---- */

static void listing_free(struct listing *listing)
{
	size_t i;

	if (!listing)
		return;
	for (i = 0; i < listing->count; i++) {
		free(listing->entry[i].name);
		free(listing->entry[i].tag);
		free(listing->entry[i].target);
	}
	free(listing->entry);
	free(listing);
}

/* Takes the strings over, also when it fails. */
static int listing_add(struct listing *listing, char *name, char *tag, char *target, uint64_t ino)
{
	size_t room = listing->room ? listing->room * 2 : 16;
	struct entry *grown;

	if (!name || (!tag && !target))
		goto err;
	if (listing->count == listing->room) {
		grown = reallocarray(listing->entry, room, sizeof(*grown));
		if (!grown)
			goto err;
		listing->entry = grown;
		listing->room = room;
	}
	listing->entry[listing->count++] = (struct entry){
		.name = name, .tag = tag, .target = target, .ino = ino,
	};
	return 0;
err:
	free(name);
	free(tag);
	free(target);
	return -ENOMEM;
}

static int add_tag(const char *tag, uint64_t files, void *arg)
{
	char name[GRAPH_NAME_MAX + 1];

	(void)files;
	if (graphname_encode(name, tag) < 0)
		return 0;
	return listing_add(arg, strdup(name), strdup(tag), NULL, 0);
}

struct add_file {
	struct listing *listing;
	size_t levels;
};

static int add_file(uint64_t ino, const char *path, void *arg)
{
	const struct add_file *add = arg;
	const struct entry *last = add->listing->entry + add->listing->count - 1;
	size_t up = 3 * add->levels, len = strlen(path), i;
	const char *slash = strrchr(path, '/');
	char *target;

	/* One link a file, though it may have several names. */
	if (add->listing->count && last->target && last->ino == ino)
		return 0;
	/* No symbolic link can say where it is. */
	if (up + len >= PATH_MAX)
		return 0;
	target = malloc(up + len + 1);
	if (target) {
		for (i = 0; i < up; i += 3)
			memcpy(target + i, "../", 3);
		memcpy(target + up, path, len + 1);
	}
	/* The root itself, if it is tagged, is shown under the name "%2E". */
	if (!strcmp(path, "."))
		path = "%2E";
	return listing_add(add->listing, strdup(slash ? slash + 1 : path), NULL, target, ino);
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/*
 * Every file whose name something else here has as well gets a suffix, so that
 * no name depends on who else is there first. Tags keep theirs.
 */
static int make_unique(struct listing *listing)
{
	char name[GRAPH_NAME_MAX + 1];
	struct entry *e;
	bool again = true;
	size_t i, j, k;

	while (again) {
		again = false;
		qsort(listing->entry, listing->count, sizeof(*listing->entry), by_name);
		for (i = 0; i < listing->count; i = j) {
			for (j = i + 1; j < listing->count &&
			     !strcmp(listing->entry[i].name, listing->entry[j].name); j++)
				;
			for (k = i; k < j && j - i > 1; k++) {
				e = &listing->entry[k];
				if (e->tag || e->suffixed)
					continue;
				e->suffixed = true;
				again = true;
			}
		}
		for (i = 0; again && i < listing->count; i++) {
			e = &listing->entry[i];
			if (!e->suffixed || !e->ino)
				continue;
			graphname_suffix(name, e->name, e->ino);
			free(e->name);
			e->name = strdup(name);
			e->ino = 0;	/* done */
			if (!e->name) {
				e->name = strdup("");
				return -ENOMEM;
			}
		}
	}
	return 0;
}

static int list(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	const char *const *tags = (const char *const *)dir->tags;
	struct add_file add = { listing, dir->count + LEVELS_ABOVE_TAGS };
	int ret;

	if (dir == &graph->root)
		return listing_add(listing, strdup(TAGS_NAME), strdup(TAGS_NAME), NULL, 0);
	if (!graph->index)
		return 0;
	if (dir == &graph->tags) {
		ret = index_tags(graph->index, add_tag, listing);
	} else {
		ret = index_find(graph->index, tags, dir->count, add_file, &add);
		if (!ret)
			ret = index_narrow(graph->index, tags, dir->count, add_tag, listing);
	}
	return ret ? ret : make_unique(listing);
}

/* Notes whether the index changed. */
static uint64_t refresh_version(struct graph *graph)
{
	uint64_t version = graph->index ? index_version(graph->index) : 0;

	if (version != graph->version) {
		graph->version = version;
		clock_gettime(CLOCK_REALTIME, &graph->changed);
	}
	return version;
}

/* What is in @dir now. NULL with errno. */
static const struct listing *current_listing(struct graph *graph, struct vnode *dir)
{
	uint64_t version = refresh_version(graph);
	struct listing *listing;
	int ret;

	if (dir->listing && dir->listing->version == version)
		return dir->listing;
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return NULL;
	listing->version = version;
	ret = list(graph, dir, listing);
	if (ret) {
		listing_free(listing);
		errno = ret < 0 ? EIO : ENOMEM;
		return NULL;
	}
	listing_free(dir->listing);
	dir->listing = listing;
	return listing;
}

/* ---- virtual nodes ---- */

static struct vnode *find_id(struct graph *graph, uint64_t id)
{
	struct vnode *node = graph->by_id[id % BUCKETS];

	if (id == ROOT_ID)
		return &graph->root;
	if (id == TAGS_ID)
		return &graph->tags;
	while (node && node->id != id)
		node = node->next_id;
	return node;
}

static size_t name_bucket(uint64_t parent, const char *name)
{
	uint64_t h = parent;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3ULL;
	return (h ^ h >> 32) % BUCKETS;
}

static void vnode_free(struct vnode *node)
{
	while (node->count)
		free(node->tags[--node->count]);
	free(node->tags);
	free(node->name);
	free(node->target);
	listing_free(node->listing);
	free(node);
}

static struct vnode *vnode_new(struct graph *graph, const struct vnode *parent,
			       const struct entry *entry)
{
	struct vnode *node = calloc(1, sizeof(*node));
	size_t i, bucket;

	if (!node)
		return NULL;
	node->id = graph->next_id++;
	node->parent = parent->id;
	node->name = strdup(entry->name);
	if (!node->name)
		goto err;
	if (entry->target) {
		node->target = strdup(entry->target);
		if (!node->target)
			goto err;
	} else {
		node->tags = calloc(parent->count + 1, sizeof(*node->tags));
		if (!node->tags)
			goto err;
		for (i = 0; i <= parent->count; i++) {
			node->tags[i] = strdup(i < parent->count ? parent->tags[i] : entry->tag);
			if (!node->tags[i])
				goto err;
			node->count++;
		}
	}
	bucket = node->id % BUCKETS;
	node->next_id = graph->by_id[bucket];
	graph->by_id[bucket] = node;
	bucket = name_bucket(node->parent, node->name);
	node->next_name = graph->by_name[bucket];
	graph->by_name[bucket] = node;
	return node;
err:
	vnode_free(node);
	return NULL;
}

static void vnode_remove(struct graph *graph, struct vnode *node)
{
	struct vnode **p;

	for (p = &graph->by_id[node->id % BUCKETS]; *p != node; p = &(*p)->next_id)
		;
	*p = node->next_id;
	for (p = &graph->by_name[name_bucket(node->parent, node->name)]; *p != node;
	     p = &(*p)->next_name)
		;
	*p = node->next_name;
	vnode_free(node);
}

/* The node of an entry: what a nodeid means never changes, so a link has one for each target. */
static struct vnode *entry_node(struct graph *graph, const struct vnode *parent,
				const struct entry *entry)
{
	struct vnode *node = graph->by_name[name_bucket(parent->id, entry->name)];

	for (; node; node = node->next_name) {
		if (node->parent == parent->id && !strcmp(node->name, entry->name) &&
		    !node->target == !entry->target &&
		    (!node->target || !strcmp(node->target, entry->target)))
			return node;
	}
	return vnode_new(graph, parent, entry);
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
	if (node->target) {
		st->st_mode = S_IFLNK | 0777;
		st->st_nlink = 1;
		st->st_size = strlen(node->target);
	} else {
		/* Names of everybody's files are to be seen here. */
		st->st_mode = S_IFDIR | (fs->multiuser && !fs->opt.share_graph ? 0500 : 0555);
		st->st_nlink = 2;
	}
	st->st_atim = graph->changed;
	st->st_mtim = graph->changed;
	st->st_ctim = graph->changed;
}

static void reply_entry(struct graph *graph, fuse_req_t req, struct vnode *node)
{
	struct fuse_entry_param e = { .ino = node->id };

	fill_attr(graph, node, &e.attr);
	node->nlookup++;
	if (fuse_reply_entry(req, &e) < 0 && !--node->nlookup && node->id >= FIRST_ID)
		vnode_remove(graph, node);
}

/* ---- operations ---- */

struct graph *graph_new(struct disgrafsd *fs)
{
	struct graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return NULL;
	graph->fs = fs;
	graph->root.id = ROOT_ID;
	graph->tags.id = TAGS_ID;
	graph->next_id = FIRST_ID;
	clock_gettime(CLOCK_REALTIME, &graph->changed);
	pthread_mutex_init(&graph->lock, NULL);
	if (fs->index)
		graph->index = index_open(fs->nodes.root->fd, INDEX_READ);
	return graph;
}

void graph_free(struct graph *graph)
{
	struct vnode *node;
	size_t i;

	if (!graph)
		return;
	for (i = 0; i < BUCKETS; i++) {
		while ((node = graph->by_id[i])) {
			graph->by_id[i] = node->next_id;
			vnode_free(node);
		}
	}
	listing_free(graph->root.listing);
	listing_free(graph->tags.listing);
	index_close(graph->index);
	pthread_mutex_destroy(&graph->lock);
	free(graph);
}

void graph_lookup_root(struct graph *graph, fuse_req_t req)
{
	pthread_mutex_lock(&graph->lock);
	refresh_version(graph);
	reply_entry(graph, req, &graph->root);
	pthread_mutex_unlock(&graph->lock);
}

void graph_lookup(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct entry key = { .name = (char *)name };
	struct vnode *dir, *node = NULL;
	const struct listing *listing;
	const struct entry *entry;

	pthread_mutex_lock(&graph->lock);
	dir = find_id(graph, parent);
	errno = dir ? ENOENT : ESTALE;
	if (dir == &graph->root) {
		refresh_version(graph);
		node = strcmp(name, TAGS_NAME) ? NULL : &graph->tags;
	} else if (dir && !dir->target && (listing = current_listing(graph, dir))) {
		entry = listing->count ? bsearch(&key, listing->entry, listing->count,
						 sizeof(*entry), by_name) : NULL;
		errno = ENOENT;
		if (entry)
			node = entry_node(graph, dir, entry);
	}
	if (node)
		reply_entry(graph, req, node);
	else
		fuse_reply_err(req, errno);
	pthread_mutex_unlock(&graph->lock);
}

void graph_forget(struct graph *graph, fuse_ino_t ino, uint64_t nlookup)
{
	struct vnode *node;

	pthread_mutex_lock(&graph->lock);
	node = find_id(graph, ino);
	if (node) {
		node->nlookup = node->nlookup > nlookup ? node->nlookup - nlookup : 0;
		if (!node->nlookup && ino >= FIRST_ID)
			vnode_remove(graph, node);
	}
	pthread_mutex_unlock(&graph->lock);
}

void graph_getattr(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	struct vnode *node;
	struct stat st;

	pthread_mutex_lock(&graph->lock);
	node = find_id(graph, ino);
	if (node) {
		refresh_version(graph);
		fill_attr(graph, node, &st);
		fuse_reply_attr(req, &st, 0);
	} else {
		fuse_reply_err(req, ESTALE);
	}
	pthread_mutex_unlock(&graph->lock);
}

void graph_readlink(struct graph *graph, fuse_req_t req, fuse_ino_t ino)
{
	struct vnode *node;

	pthread_mutex_lock(&graph->lock);
	node = find_id(graph, ino);
	if (!node)
		fuse_reply_err(req, ESTALE);
	else if (!node->target)
		fuse_reply_err(req, EINVAL);
	else
		fuse_reply_readlink(req, node->target);
	pthread_mutex_unlock(&graph->lock);
}

static size_t add_name(fuse_req_t req, char *buf, size_t size, const char *name, mode_t type,
		       off_t next, bool plus)
{
	/* Without a nodeid: whoever needs one looks the name up. */
	struct fuse_entry_param e = { .attr.st_mode = type, .attr.st_ino = NODE_VIRTUAL };

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
				     entry->target ? S_IFLNK : S_IFDIR, i + 1, plus);
		}
		if (n > size - used)
			break;
		used += n;
	}
	return used;
}

void graph_readdir(struct graph *graph, fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   bool plus)
{
	const struct listing *listing = NULL;
	struct vnode *dir;
	char *buf = malloc(size);

	pthread_mutex_lock(&graph->lock);
	dir = find_id(graph, ino);
	errno = !buf ? ENOMEM : dir ? ENOTDIR : ESTALE;
	/* Whoever reads on does so in the listing that was begun. */
	if (buf && dir && !dir->target)
		listing = off && dir->listing ? dir->listing : current_listing(graph, dir);
	if (listing)
		fuse_reply_buf(req, buf, fill(req, listing, buf, size, off, plus));
	else
		fuse_reply_err(req, errno);
	pthread_mutex_unlock(&graph->lock);
	free(buf);
}
