// SPDX-License-Identifier: GPL-2.0
#include "vnode.h"

#include <stdlib.h>
#include <string.h>

struct vnode *vnode_find(struct graph *graph, uint64_t id)
{
	struct vnode *node = graph->by_id[id % VNODE_BUCKETS];

	if (id >= FIXED_ID(0) && id < FIXED_ID(GRAPH_FIXED))
		return &graph->fixed[id - FIXED_ID(0)];
	while (node && node->id != id)
		node = node->next_id;
	return node;
}

static size_t name_bucket(uint64_t parent, const char *name)
{
	uint64_t h = parent;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3ULL;
	return (h ^ h >> 32) % VNODE_BUCKETS;
}

char **copy_tags(const struct vnode *dir, const char *more)
{
	size_t count = dir->count + (more ? 1 : 0), i;
	char **tags = calloc(count + 1, sizeof(*tags));

	for (i = 0; tags && i < count; i++) {
		tags[i] = strdup(i < dir->count ? dir->tags[i] : more);
		if (!tags[i]) {
			free_tags(tags);
			return NULL;
		}
	}
	return tags;
}

void free_tags(char **tags)
{
	size_t i;

	for (i = 0; tags && tags[i]; i++)
		free(tags[i]);
	free(tags);
}

static void vnode_free(struct vnode *node)
{
	free_tags(node->tags);
	free(node->name);
	free(node->arg);
	listing_put(node->listing);
	listing_put(node->reading);
	free(node);
}

static struct vnode *vnode_new(struct graph *graph, const struct vnode *parent,
			       const struct entry *entry)
{
	struct vnode *node = calloc(1, sizeof(*node));
	size_t bucket;

	if (!node)
		return NULL;
	node->id = graph->next_id++;
	node->parent = parent->id;
	node->depth = parent->depth + 1;
	node->kind = entry->kind;
	node->ino = entry->ino;
	node->name = strdup(entry->name);
	node->arg = strdup(entry->arg);
	if (node->kind == GRAPH_TAG) {
		node->tags = copy_tags(parent, entry->arg);
		node->count = parent->count + 1;
	}
	if (!node->name || !node->arg || (node->count && !node->tags)) {
		vnode_free(node);
		return NULL;
	}
	bucket = node->id % VNODE_BUCKETS;
	node->next_id = graph->by_id[bucket];
	graph->by_id[bucket] = node;
	bucket = name_bucket(node->parent, node->name);
	node->next_name = graph->by_name[bucket];
	graph->by_name[bucket] = node;
	return node;
}

struct vnode *vnode_get(struct graph *graph, const struct vnode *parent, const struct entry *entry)
{
	struct vnode *node = graph->by_name[name_bucket(parent->id, entry->name)];

	for (; node; node = node->next_name) {
		if (node->parent == parent->id && !strcmp(node->name, entry->name) &&
		    node->kind == entry->kind && !strcmp(node->arg, entry->arg) &&
		    node->ino == entry->ino && !node->removed)
			return node;
	}
	return vnode_new(graph, parent, entry);
}

void vnode_put(struct graph *graph, struct vnode *node)
{
	struct vnode **p;

	if (node->nlookup || node->id < FIRST_ID)
		return;
	for (p = &graph->by_id[node->id % VNODE_BUCKETS]; *p != node; p = &(*p)->next_id)
		;
	*p = node->next_id;
	for (p = &graph->by_name[name_bucket(node->parent, node->name)]; *p != node;
	     p = &(*p)->next_name)
		;
	*p = node->next_name;
	vnode_free(node);
}

void vnodes_free(struct graph *graph)
{
	struct vnode *node;
	size_t i;

	for (i = 0; i < VNODE_BUCKETS; i++) {
		while ((node = graph->by_id[i])) {
			graph->by_id[i] = node->next_id;
			vnode_free(node);
		}
	}
	for (i = 0; i < GRAPH_FIXED; i++) {
		listing_put(graph->fixed[i].listing);
		listing_put(graph->fixed[i].reading);
	}
}
