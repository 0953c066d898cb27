/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names under .graph/tags. A tag is any string without commas, a file name has
 * no '/' and is neither "." nor "..": in the name of a tag's directory '/' is
 * %2F, '%' is %25, and the dots of those two are %2E.
 */
#ifndef DISGRAFS_GRAPHNAME_H
#define DISGRAFS_GRAPHNAME_H

#include <stddef.h>
#include <stdint.h>

#define GRAPH_NAME_MAX 255

/* Returns 0, or -ENAMETOOLONG: such a tag has no directory. */
int graphname_encode(char name[GRAPH_NAME_MAX + 1], const char *tag);
/* Returns 0, -ENOENT: no tag is encoded like that, or -ENAMETOOLONG: FUSE has longer names. */
int graphname_decode(char tag[GRAPH_NAME_MAX + 1], const char *name);

/*
 * @name with %2F, %25, %2C and %2E replaced, which is all that is special in the
 * names below .graph/find and .graph/any; everything else is itself. @out: as long
 * as @name.
 */
void graphname_unescape(char *out, const char *name);
/* The shortest that becomes @text again, or -ENAMETOOLONG. */
int graphname_escape(char name[GRAPH_NAME_MAX + 1], const char *text);

/*
 * The name of a file's link among others of that name: "NAME~INODE", shortened
 * in front of the '~' if need be.
 */
void graphname_suffix(char name[GRAPH_NAME_MAX + 1], const char *file, uint64_t inode);

#endif
