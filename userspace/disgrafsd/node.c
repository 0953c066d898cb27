// SPDX-License-Identifier: GPL-2.0
/*
 * The node table: nodeid -> node and (st_dev, st_ino, type) -> node.
 *
 * nlookup counts what the kernel was told; it changes under the table's lock
 * (shared for more, exclusive for less), so a node that a lookup finds cannot
 * be on its way out. The operations that run on a node hold references; memory
 * and descriptors go with the last of them, wherever the FORGET came.
 */
#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INITIAL_BUCKETS 1024

static size_t id_bucket(const struct node_table *table, uint64_t id)
{
	return id & (table->buckets - 1);
}

static size_t inode_bucket(const struct node_table *table, dev_t dev, ino_t ino)
{
	uint64_t h = ino * 0x9e3779b97f4a7c15ULL ^ dev * 0xc2b2ae3d27d4eb4fULL;

	return (h ^ h >> 32) & (table->buckets - 1);
}

static struct node *find_id(const struct node_table *table, uint64_t id)
{
	struct node *node = table->by_id[id_bucket(table, id)];

	while (node && node->id != id)
		node = node->next_id;
	return node;
}

static struct node *find_inode(const struct node_table *table, const struct stat *st)
{
	struct node *node = table->by_inode[inode_bucket(table, st->st_dev, st->st_ino)];

	/*
	 * The type guards against network file systems whose server gave the
	 * number to another file although we hold the old one.
	 */
	while (node && (node->ino != st->st_ino || node->dev != st->st_dev ||
			(st->st_mode && node->type != (st->st_mode & S_IFMT))))
		node = node->next_inode;
	return node;
}

static void insert(struct node_table *table, struct node *node)
{
	struct node **id = &table->by_id[id_bucket(table, node->id)];
	struct node **inode = &table->by_inode[inode_bucket(table, node->dev, node->ino)];

	node->next_id = *id;
	*id = node;
	if (node->retired)
		return;
	node->next_inode = *inode;
	*inode = node;
}

static void remove_inode(struct node_table *table, struct node *node)
{
	struct node **p;

	if (node->retired)
		return;
	for (p = &table->by_inode[inode_bucket(table, node->dev, node->ino)]; *p != node;
	     p = &(*p)->next_inode)
		;
	*p = node->next_inode;
}

static void remove_node(struct node_table *table, struct node *node)
{
	struct node **p;

	for (p = &table->by_id[id_bucket(table, node->id)]; *p != node; p = &(*p)->next_id)
		;
	*p = node->next_id;
	remove_inode(table, node);
	table->count--;
}

/* Being unable to grow only makes the chains longer. */
static void grow(struct node_table *table)
{
	struct node **by_id, **by_inode, **old = table->by_id, *node, *next;
	size_t i, old_buckets = table->buckets, buckets = old_buckets * 2;

	by_id = calloc(buckets, sizeof(*by_id));
	by_inode = calloc(buckets, sizeof(*by_inode));
	if (!by_id || !by_inode) {
		free(by_id);
		free(by_inode);
		return;
	}
	free(table->by_inode);
	table->by_id = by_id;
	table->by_inode = by_inode;
	table->buckets = buckets;
	for (i = 0; i < old_buckets; i++) {
		for (node = old[i]; node; node = next) {
			next = node->next_id;
			insert(table, node);
		}
	}
	free(old);
}

static struct node *new_node(int fd, const struct stat *st)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->type = st->st_mode & S_IFMT;
	node->fd = fd;
	node->refs = 1;
	node->nlookup = 1;
	node->kept = -1;
	pthread_mutex_init(&node->lock, NULL);
	return node;
}

static void free_node(struct node *node)
{
	struct node_name *name;

	while ((name = node->names)) {
		node->names = name->next;
		free(name);
	}
	if (node->kept >= 0)
		close(node->kept);
	close(node->fd);
	pthread_mutex_destroy(&node->lock);
	free(node);
}

int node_table_init(struct node_table *table, int root_fd, uint64_t root_id, size_t max)
{
	struct stat st;

	memset(table, 0, sizeof(*table));
	if (fstat(root_fd, &st) < 0)
		return -errno;
	table->buckets = INITIAL_BUCKETS;
	table->max = max;
	table->by_id = calloc(table->buckets, sizeof(*table->by_id));
	table->by_inode = calloc(table->buckets, sizeof(*table->by_inode));
	table->root = new_node(root_fd, &st);
	if (!table->by_id || !table->by_inode || !table->root) {
		free(table->by_id);
		free(table->by_inode);
		free(table->root);
		return -ENOMEM;
	}
	pthread_rwlock_init(&table->lock, NULL);
	table->root->id = root_id;
	table->next_id = root_id + 1;
	table->count = 1;
	insert(table, table->root);
	return 0;
}

void node_table_destroy(struct node_table *table)
{
	struct node *node, *next;
	size_t i;

	for (i = 0; i < table->buckets; i++) {
		for (node = table->by_id[i]; node; node = next) {
			next = node->next_id;
			if (table->release)
				table->release(node, table->arg);
			free_node(node);
		}
	}
	free(table->by_id);
	free(table->by_inode);
	pthread_rwlock_destroy(&table->lock);
}

struct node *node_get(struct node_table *table, uint64_t id)
{
	struct node *node;

	pthread_rwlock_rdlock(&table->lock);
	node = find_id(table, id);
	if (node)
		node->refs++;
	pthread_rwlock_unlock(&table->lock);
	return node;
}

struct node *node_find(struct node_table *table, const struct stat *st)
{
	struct node *node;

	pthread_rwlock_rdlock(&table->lock);
	node = find_inode(table, st);
	if (node)
		node->refs++;
	pthread_rwlock_unlock(&table->lock);
	return node;
}

size_t node_ids(struct node_table *table, uint64_t **ids)
{
	const struct node *node;
	size_t i, count = 0;

	pthread_rwlock_rdlock(&table->lock);
	*ids = calloc(table->count, sizeof(**ids));
	for (i = 0; i < table->buckets && *ids; i++) {
		for (node = table->by_id[i]; node; node = node->next_id)
			(*ids)[count++] = node->id;
	}
	pthread_rwlock_unlock(&table->lock);
	return count;
}

void node_put(struct node_table *table, struct node *node)
{
	if (!node || --node->refs)
		return;
	if (table->release)
		table->release(node, table->arg);
	free_node(node);
}

static struct node *lookup_existing(struct node_table *table, const struct stat *st)
{
	struct node *node = find_inode(table, st);

	if (node) {
		node->nlookup++;
		node->refs++;
	}
	return node;
}

struct node *node_lookup(struct node_table *table, int fd, const struct stat *st)
{
	struct node *node, *new;

	pthread_rwlock_rdlock(&table->lock);
	node = lookup_existing(table, st);
	pthread_rwlock_unlock(&table->lock);
	if (node) {
		close(fd);
		return node;
	}

	new = new_node(fd, st);
	if (!new) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	pthread_rwlock_wrlock(&table->lock);
	node = lookup_existing(table, st);	/* another thread may have been faster */
	if (!node && table->count < table->max) {
		if (table->count >= table->buckets)
			grow(table);
		new->id = table->next_id++;
		new->refs = 2;
		insert(table, new);
		table->count++;
		node = new;
		new = NULL;
	}
	pthread_rwlock_unlock(&table->lock);
	if (new)
		free_node(new);
	if (!node)
		errno = ENFILE;
	return node;
}

void node_retire(struct node_table *table, struct node *node)
{
	pthread_rwlock_wrlock(&table->lock);
	/* It may be gone from there, and be kept by nothing but the caller. */
	if (node->nlookup) {
		remove_inode(table, node);
		node->retired = true;
	}
	pthread_rwlock_unlock(&table->lock);
}

void node_forget(struct node_table *table, uint64_t id, uint64_t nlookup)
{
	struct node *node;
	bool last = false;

	pthread_rwlock_wrlock(&table->lock);
	node = find_id(table, id);
	/* The kernel holds its root for ever and never says so. */
	if (node && node != table->root) {
		node->nlookup = node->nlookup > nlookup ? node->nlookup - nlookup : 0;
		last = !node->nlookup;
		if (last)
			remove_node(table, node);
	}
	pthread_rwlock_unlock(&table->lock);
	if (last)
		node_put(table, node);
}

void node_name_add(struct node *node, uint64_t parent, const char *name)
{
	struct node_name *entry;
	size_t len;

	pthread_mutex_lock(&node->lock);
	for (entry = node->names; entry; entry = entry->next) {
		if (entry->parent == parent && !strcmp(entry->name, name))
			goto out;
	}
	len = strlen(name) + 1;
	entry = malloc(sizeof(*entry) + len);
	if (entry) {
		entry->parent = parent;
		memcpy(entry->name, name, len);
		entry->next = node->names;
		node->names = entry;
	}
out:
	pthread_mutex_unlock(&node->lock);
}

void node_name_del(struct node *node, uint64_t parent, const char *name)
{
	struct node_name **p, *entry;

	pthread_mutex_lock(&node->lock);
	for (p = &node->names; (entry = *p); p = &entry->next) {
		if (entry->parent == parent && !strcmp(entry->name, name)) {
			*p = entry->next;
			free(entry);
			break;
		}
	}
	pthread_mutex_unlock(&node->lock);
}
