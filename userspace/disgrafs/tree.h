/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tree with an index: found from any place in it, be it a mount of disgrafsd
 * or the lower directory itself.
 */
#ifndef DISGRAFS_TREE_H
#define DISGRAFS_TREE_H

#include <stdbool.h>

#include "index.h"

struct tree {
	char *path;		/* of the root, as the user sees it */
	int root;		/* mount point or lower directory */
	int lower;		/* lower directory, or -1 if it is not to be had */
	bool mounted;		/* path is a mount of disgrafsd */
};

/* The tree that @path, a file or directory, is in. 0, -ENOENT (none) or -errno. */
int tree_find(struct tree *tree, const char *path);
/* The directory @path as a tree that has no index yet. 0 or -errno. */
int tree_new(struct tree *tree, const char *path);
void tree_close(struct tree *tree);

/*
 * Like index_tags() and index_search(), from the index or, where that is not
 * readable, from .graph. 0, what @fn returned, or -errno with the sentence in
 * *@error.
 */
int tree_tags(struct tree *tree, const char *prefix, index_tag_fn fn, void *arg,
	      const char **error);
int tree_search(struct tree *tree, const char *expression, index_path_fn fn, void *arg,
		const char **error);

/* The path of @path (followed) below the root of @tree, to be freed, or NULL with errno. */
char *tree_below(const struct tree *tree, const char *path);
/* Like index_links(); 0 or -errno with the sentence in *@error. Needs the index. */
int tree_links(struct tree *tree, const char *below, index_link_fn fn, void *arg,
	       const char **error);

/* What -errno @err of an index that is open means. */
const char *tree_sentence(int err);
/* The index of the tree (enum index_flags); NULL with the sentence in *@error. */
struct tagindex *tree_index(const struct tree *tree, unsigned int flags, const char **error);

/*
 * Waits until nobody else changes what the file at @path is tagged with or linked to: no
 * command, and where LOWER can be reached no daemon. A descriptor that ends that when it
 * is closed, or -1: a file that may not be read is not locked.
 */
int tree_lock(const char *path);
/*
 * The path, maybe in @proc, by which to read the attributes of the file at @path that tree_lock()
 * gave @lock for: what is there, and not what a mount still has in a cache.
 */
const char *tree_locked(int lock, const char *path, char proc[32]);
/*
 * Records the tags of the file at @path in the index of its tree, if it has one
 * and no daemon does that. 0 or -errno with the sentence in *@error.
 */
int tree_record(const char *path, const char **error);

#endif
