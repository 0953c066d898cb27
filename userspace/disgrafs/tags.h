/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tags of a file: the value of its xattr user.xdg.tags, tags with commas
 * between them, as file managers and search tools write it. White space around a
 * tag does not count, a tag counts once, and the order is kept. In the value a
 * comma that is part of a tag is "%2C", and "%" is "%25" where it would otherwise
 * look like one of these two; any other "%" is itself.
 */
#ifndef DISGRAFS_TAGS_H
#define DISGRAFS_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#define TAGS_XATTR "user.xdg.tags"

struct tags {
	char **tag;
	size_t count;
};

/* NULL, or why @tag cannot be stored. */
const char *tag_problem(const char *tag);

/* The three return 0 or -ENOMEM; adding what is there and removing what is not is no error. */
int tags_parse(struct tags *tags, const char *value, size_t len);
int tags_add(struct tags *tags, const char *tag, size_t len);
bool tags_remove(struct tags *tags, const char *tag, size_t len);
bool tags_contain(const struct tags *tags, const char *tag, size_t len);
void tags_free(struct tags *tags);

/* The xattr's value, @len bytes, to be freed. NULL: out of memory. */
char *tags_format(const struct tags *tags, size_t *len);

/*
 * Of the file at @path, following symbolic links ("/proc/self/fd/N" for a
 * descriptor of any kind). Return 0 or -errno; no tags is no error.
 */
int tags_read(struct tags *tags, const char *path);
int tags_write(const struct tags *tags, const char *path);
/* The same in another xattr. */
int tags_read_xattr(struct tags *tags, const char *path, const char *name);
int tags_write_xattr(const struct tags *tags, const char *path, const char *name);

#endif
