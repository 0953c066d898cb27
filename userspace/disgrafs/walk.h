/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walking a tree, which may be as deep as it likes: neither the stack nor the descriptors
 * that a process may have are what ends it.
 */
#ifndef DISGRAFS_WALK_H
#define DISGRAFS_WALK_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

struct names {
	char **name;
	size_t count;
};

/* 0 or -ENOMEM */
int names_add(struct names *names, const char *name);
void names_clear(struct names *names);

/* A directory that the walk has come to. */
struct walk_dir {
	int fd;			/* for what is in it; not to be read */
	DIR *dir;		/* for walk_next() */
	const char *name;	/* "." for the root */
	const char *path;	/* below the root, "" for that */
	struct names enter;	/* directories in it that the walk is to go to, in this order */
	int64_t id, parent_id;	/* the caller sets the first, and finds that of the one above */
};

/* What is not 0 ends the walk and is its result. */
typedef int (*walk_enter_fn)(struct walk_dir *dir, void *arg);
/*
 * The directory @name in that at @path cannot be entered. With ".." it is the way back that is
 * not to be found, because a directory was moved meanwhile, and @err is EAGAIN: the walk does
 * not come to what is left in some of the directories above.
 */
typedef int (*walk_error_fn)(const char *path, const char *name, int err, void *arg);

/*
 * Calls @enter for @root, a descriptor of any kind, and then for what it says, each before
 * what is in it. @error may be NULL. Directories that are not there any more are no error.
 * 0, what one of the two has returned, or -errno.
 */
int walk_tree(int root, walk_enter_fn enter, walk_error_fn error, void *arg);

/*
 * The next name in the directory, but for those that nobody wants to know of. NULL: there is
 * none, or if errno is not 0, that cannot be told.
 */
const struct dirent *walk_next(struct walk_dir *dir);

#endif
