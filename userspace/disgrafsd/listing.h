/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a directory of .graph holds: names, and what each leads to.
 */
#ifndef DISGRAFSD_LISTING_H
#define DISGRAFSD_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a virtual node is; vnode.h says what each kind's argument is. */
enum graph_kind {
	GRAPH_ROOT,
	GRAPH_TAGS,
	GRAPH_ANY,
	GRAPH_FIND,
	GRAPH_LINKS,
	GRAPH_RELATED,
	GRAPH_EVENTS,
	/* Those above are there once. */
	GRAPH_TAG,
	GRAPH_ANY_OF,
	GRAPH_FOUND,
	GRAPH_LINKS_OF,
	GRAPH_RELATION,
	GRAPH_RELATED_TO,
	GRAPH_LINK,
};

struct entry {
	char *name;
	enum graph_kind kind;
	char *arg;		/* of a link, its target */
	uint64_t ino;		/* of the file that a link is to */
	bool suffixed;
};

struct listing {
	struct entry *entry;
	size_t count, room;
	size_t links;		/* the first of them, once it is finished */
	uint64_t version;	/* of the index */
	int64_t until;		/* CLOCK_MONOTONIC in ns: when it is old; 0: when the index changes */
	unsigned int refs;
};

struct listing *listing_new(uint64_t version);
struct listing *listing_ref(struct listing *listing);
void listing_put(struct listing *listing);
/* Takes the strings over, also when it fails for want of memory or of a string. 0 or -ENOMEM. */
int listing_add(struct listing *listing, char *name, enum graph_kind kind, char *arg, uint64_t ino);
/*
 * Sorts by name, links first: who removes all that is listed, in that order or by
 * inode numbers, has taken a tag from all files when it comes to the directories
 * that show them again. Every file whose name something else here has as well gets a
 * suffix, so that no name depends on who else is there first; directories keep
 * theirs. 0 or -ENOMEM.
 */
int listing_finish(struct listing *listing);
/* NULL: no such name. Only after listing_finish(). */
const struct entry *listing_find(const struct listing *listing, const char *name);

#endif
