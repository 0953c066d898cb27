/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nodes: what the kernel knows by a nodeid, and the lower inode behind it.
 *
 * There is one node for a lower inode however many names it has. It holds an
 * O_PATH descriptor, so no operation ever walks a path: names may be renamed,
 * unlinked or deeper than PATH_MAX, and as long as the node lives its lower
 * inode number cannot be given to another file. A nodeid is never used twice
 * in the life of the daemon, because caches in the kernel are keyed by it.
 */
#ifndef DISGRAFSD_NODE_H
#define DISGRAFSD_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Nodeids with this bit are virtual (graph.c); policies never cache them. */
#define NODE_VIRTUAL (1ULL << 63)

/* A name under which the kernel found a node. */
struct node_name {
	struct node_name *next;
	uint64_t parent;
	char name[];
};

/* Whether a file was opened for reading; warmed: by nobody but prefetch.c. */
enum node_use { NODE_NEW, NODE_WARMED, NODE_OPENED };

struct node {
	uint64_t id;
	dev_t dev;
	ino_t ino;
	mode_t type;			/* S_IFMT bits */
	int fd;				/* O_PATH | O_NOFOLLOW */
	_Atomic uint64_t nlookup;	/* what the kernel will give back in FORGETs */
	atomic_uint refs;		/* one while nlookup > 0, one a running operation */
	pthread_mutex_t lock;		/* of what follows */
	int32_t backing_id;		/* 0: not registered */
	bool retired;			/* not in by_inode; under the table's lock */
	bool backing_known;		/* by the policy: also that there is none */
	_Atomic bool read;		/* opened for reading without a descriptor */
	_Atomic enum node_use use;	/* kept if there is prefetching */
	atomic_int kept;		/* one for that, since a name of it went; or -1 */
	struct timespec mtime;		/* and size, as they were last told, if it is far */
	off_t size;
	struct node_name *names;
	struct node *next_id, *next_inode;
};

struct node_table {
	pthread_rwlock_t lock;
	struct node **by_id, **by_inode;
	size_t buckets;			/* of each, a power of two */
	size_t count, max;
	uint64_t next_id;
	/* Called once a node, before its descriptor is closed. */
	void (*release)(struct node *node, void *arg);
	void *arg;
	struct node *root;
};

/*
 * @root_fd becomes the node @root_id and is owned by the table. @max: no more
 * nodes than that, which keeps descriptors free for everything else. Returns 0
 * or -errno.
 */
int node_table_init(struct node_table *table, int root_fd, uint64_t root_id, size_t max);
void node_table_destroy(struct node_table *table);

/* The live node @id with a reference, or NULL. */
struct node *node_get(struct node_table *table, uint64_t id);
/* The same by lower inode; if its st_mode is 0, of whatever type. */
struct node *node_find(struct node_table *table, const struct stat *st);
/* The ids of all there are now, in an array to be freed. */
size_t node_ids(struct node_table *table, uint64_t **ids);
void node_put(struct node_table *table, struct node *node);

/*
 * The node of the inode that the O_PATH descriptor @fd is on and @st describes,
 * with one more nlookup and a reference. Consumes @fd in every case. NULL with
 * errno ENFILE (table full) or ENOMEM.
 */
struct node *node_lookup(struct node_table *table, int fd, const struct stat *st);
/* The inode's number is another file's by now: it is not found by that any more. */
void node_retire(struct node_table *table, struct node *node);
void node_forget(struct node_table *table, uint64_t id, uint64_t nlookup);

/* Remember and drop names; no-ops when out of memory. */
void node_name_add(struct node *node, uint64_t parent, const char *name);
void node_name_del(struct node *node, uint64_t parent, const char *name);

#endif
