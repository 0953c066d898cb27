/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Typed links from a file to others of its tree: its xattrs
 * user.disgrafs.link.RELATION. The value is, for each target, its path below the
 * root of the tree and a reference, each with a NUL behind it (the last may be
 * left out, and with it the last reference).
 *
 * The reference is "INODE:TYPE:HEX", inode number and file handle, or nothing:
 * it finds the target wherever it was moved. The path is where it was when the
 * link was made; it counts when the reference leads nowhere, for instance after a
 * copy, or because an editor put another file in the place of the target.
 */
#ifndef DISGRAFS_LINKS_H
#define DISGRAFS_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_XATTR "user.disgrafs.link."
#define RELATION_MAX 200
/* Of one file. Anybody can give his file more than it is good to look at. */
#define LINKS_MAX 1024

struct link {
	char *relation, *path, *reference;
};

struct links {
	struct link *link;
	size_t count;
};

/* NULL, or why @relation is none. */
const char *relation_problem(const char *relation);
/* Where @path, without "." in it, leads to below the root: no "/" around it. False: outside. */
bool link_path_is_valid(const char *path);

/*
 * All return 0 or -errno. Adding what is there only renews its reference; -E2BIG: there would
 * be more than LINKS_MAX.
 */
int links_add(struct links *links, const char *relation, const char *path, const char *reference);
/* Adds those in the value of a relation's xattr. -EINVAL: it is none. */
int links_parse(struct links *links, const char *relation, const char *value, size_t len);
/* False: there was none. */
bool links_remove(struct links *links, const char *relation, const char *path,
		  const char *reference);
void links_free(struct links *links);
/* The value for @relation, @len bytes, to be freed. NULL: out of memory. */
char *links_format(const struct links *links, const char *relation, size_t *len);

/*
 * All links of the file at @path; follows symbolic links. -E2BIG: there are more than
 * LINKS_MAX, or it has so many attributes that their names cannot be read.
 */
int links_read(struct links *links, const char *path);
/* As the index has them: none of a file with too many. */
int links_read_few(struct links *links, const char *path);
/* Those of @relation only. */
int links_write(const struct links *links, const char *relation, const char *path);

/* Of the file @path below @root, or "" where it has none. To be freed. */
char *link_reference(int root, const char *path);
/* Of what @fd (of any kind) is. */
char *link_reference_of(int fd);
/* The inode number in a reference, or 0. */
uint64_t link_inode(const char *reference);
/* Gives those that have none, and of whose path @may says so, references to what is there now. */
int links_complete(struct links *links, int root, bool (*may)(void *arg, const char *path),
		   void *arg);

#endif
