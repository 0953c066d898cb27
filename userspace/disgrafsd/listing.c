// SPDX-License-Identifier: GPL-2.0
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graphname.h"

struct listing *listing_new(uint64_t version)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (listing) {
		listing->version = version;
		listing->refs = 1;
	}
	return listing;
}

struct listing *listing_ref(struct listing *listing)
{
	listing->refs++;
	return listing;
}

void listing_put(struct listing *listing)
{
	size_t i;

	if (!listing || --listing->refs)
		return;
	for (i = 0; i < listing->count; i++) {
		free(listing->entry[i].name);
		free(listing->entry[i].arg);
	}
	free(listing->entry);
	free(listing);
}

int listing_add(struct listing *listing, char *name, enum graph_kind kind, char *arg, uint64_t ino)
{
	size_t room = listing->room ? listing->room * 2 : 16;
	struct entry *grown;

	if (!name || !arg)
		goto err;
	if (listing->count == listing->room) {
		grown = reallocarray(listing->entry, room, sizeof(*grown));
		if (!grown)
			goto err;
		listing->entry = grown;
		listing->room = room;
	}
	listing->entry[listing->count++] = (struct entry){
		.name = name, .kind = kind, .arg = arg, .ino = ino,
	};
	return 0;
err:
	free(name);
	free(arg);
	return -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int links_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = (y->kind == GRAPH_LINK) - (x->kind == GRAPH_LINK);

	return order ? order : by_name(a, b);
}

static int add_suffix(struct entry *e)
{
	char name[GRAPH_NAME_MAX + 1], *copy;

	graphname_suffix(name, e->name, e->ino);
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(e->name);
	e->name = copy;
	e->suffixed = true;
	return 0;
}

/* Of a run of equal names. 1 if one got a suffix. */
static int add_suffixes(struct entry *entry, size_t count)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < count && ret >= 0; i++) {
		if (entry[i].kind == GRAPH_LINK && !entry[i].suffixed)
			ret = add_suffix(&entry[i]) ?: 1;
	}
	return ret;
}

int listing_finish(struct listing *listing)
{
	struct entry *entry = listing->entry;
	size_t i, j;
	int again, ret;

	do {
		again = 0;
		qsort(entry, listing->count, sizeof(*entry), by_name);
		/* The names in @entry behind j are still sorted. */
		for (i = 0; i < listing->count; i = j) {
			for (j = i + 1; j < listing->count &&
			     !strcmp(entry[i].name, entry[j].name); j++)
				;
			ret = j - i > 1 ? add_suffixes(entry + i, j - i) : 0;
			if (ret < 0)
				return ret;
			again |= ret;
		}
	} while (again);
	qsort(entry, listing->count, sizeof(*entry), links_first);
	while (listing->links < listing->count && entry[listing->links].kind == GRAPH_LINK)
		listing->links++;
	return 0;
}

const struct entry *listing_find(const struct listing *listing, const char *name)
{
	struct entry key = { .name = (char *)name };
	const struct entry *found = NULL;

	if (listing->links)
		found = bsearch(&key, listing->entry, listing->links, sizeof(key), by_name);
	if (!found && listing->count > listing->links)
		found = bsearch(&key, listing->entry + listing->links,
				listing->count - listing->links, sizeof(key), by_name);
	return found;
}
