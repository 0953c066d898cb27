// SPDX-License-Identifier: GPL-2.0
/*
 * What the directories of .graph hold.
 *
 *	tags/		a directory for each tag
 *	tags/a/b/	a link to each file with the tags a and b, and a directory for each
 *			other tag that one of them has; any other tag can be looked up
 *	any/a,b/	a link to each file with one of the tags; any/ lists what tags/ does
 *	find/EXPR/	a link to each file that matches the find expression; in the name
 *			'/' is %2F and '%' may be %25
 *	links/		what the tree has, each file a directory
 *	links/PATH/cites/
 *			a link to each file that PATH has a link of that relation to
 *	links/PATH/~cites/
 *			one to each file that has such a link to PATH
 *	related/PATH/	a link to each file that has to do with PATH, the best first
 *	links/DIR/%2E/	for the directory DIR itself, also in related/
 *	events		what changes, see events.h; not listed, because whoever reads all that
 *			is listed would read for ever
 */
#include "vnode.h"

#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "graphname.h"
#include "index.h"
#include "tagging.h"
#include "utf8.h"

static const char *const fixed_names[GRAPH_FIXED] = {
	[GRAPH_ROOT] = GRAPH_NAME,
	[GRAPH_TAGS] = "tags",
	[GRAPH_ANY] = "any",
	[GRAPH_FIND] = "find",
	[GRAPH_LINKS] = "links",
	[GRAPH_RELATED] = "related",
	[GRAPH_EVENTS] = "events",
};

const char *graph_fixed_name(enum graph_kind kind)
{
	return fixed_names[kind];
}

char *graph_target(size_t depth, const char *path)
{
	size_t up = 3 * depth, len = strlen(path), i;
	char *target = malloc(up + len + 1);

	if (!target)
		return NULL;
	for (i = 0; i < up; i += 3)
		memcpy(target + i, "../", 3);
	memcpy(target + up, path, len + 1);
	return target;
}

const char *graph_link_path(const struct vnode *link)
{
	/* The link's own name does not count. */
	return link->arg + 3 * (link->depth - 1);
}

/* ---- entries ---- */

/* As add_tag(), for the names in any/, in which a comma is no part of a tag. */
static int add_one_of(const char *tag, uint64_t files, void *arg)
{
	char *name = malloc(3 * strlen(tag) + 1), *out = name;
	bool dots = !strcmp(tag, ".") || !strcmp(tag, "..");

	(void)files;
	if (!name)
		return -ENOMEM;
	for (; *tag; tag++) {
		if (strchr("/%,", *tag) || dots)
			out += sprintf(out, "%%%02X", (unsigned char)*tag);
		else
			*out++ = *tag;
	}
	*out = '\0';
	if (out - name <= GRAPH_NAME_MAX)
		return listing_add(arg, name, GRAPH_ANY_OF, strdup(name), 0);
	free(name);
	return 0;
}

static int add_tag(const char *tag, uint64_t files, void *arg)
{
	char name[GRAPH_NAME_MAX + 1];

	(void)files;
	if (graphname_encode(name, tag) < 0)
		return 0;
	return listing_add(arg, strdup(name), GRAPH_TAG, strdup(tag), 0);
}

struct add_file {
	struct listing *listing;
	size_t depth;
};

static int add_file(uint64_t ino, const char *path, void *arg)
{
	const struct add_file *add = arg;
	const struct entry *last = add->listing->entry + add->listing->count - 1;
	const char *slash = strrchr(path, '/');
	char *target;

	/* One link a file, though it may have several names. */
	if (add->listing->count && last->kind == GRAPH_LINK && last->ino == ino)
		return 0;
	/* No symbolic link can say where it is. */
	if (3 * add->depth + strlen(path) >= PATH_MAX)
		return 0;
	target = graph_target(add->depth, path);
	/* The root itself, if it is tagged, is shown under the name "%2E". */
	if (!strcmp(path, "."))
		path = "%2E";
	return listing_add(add->listing, strdup(slash ? slash + 1 : path), GRAPH_LINK, target, ino);
}

/* ---- directories ---- */

/* The tags of a name in any/, a NULL behind them. NULL: out of memory. */
static char **split_tags(const char *list)
{
	char **tags = calloc(strlen(list) / 2 + 2, sizeof(*tags)), *escaped;
	size_t len, count = 0;

	for (; tags && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (!len)
			continue;
		escaped = strndup(list, len);
		tags[count] = escaped ? malloc(len + 1) : NULL;
		if (tags[count])
			graphname_unescape(tags[count], escaped);
		free(escaped);
		if (!tags[count++]) {
			free_tags(tags);
			return NULL;
		}
	}
	return tags;
}

static int list_root(struct listing *listing)
{
	size_t i;
	int ret = 0;

	for (i = GRAPH_ROOT + 1; i < GRAPH_EVENTS && !ret; i++)
		ret = listing_add(listing, strdup(fixed_names[i]), i, strdup(""), 0);
	return ret;
}

static int list_tag(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	const char *const *tags = (const char *const *)dir->tags;
	struct add_file add = { listing, dir->depth };
	int ret = index_find(graph->index, tags, dir->count, add_file, &add);

	return ret ? ret : index_narrow(graph->index, tags, dir->count, add_tag, listing);
}

/* ---- what is there for each file of the tree ---- */

/* The directory itself, among its files. */
#define SELF_NAME "%2E"

/* What a file is in the tree of @kind, where a directory is @kind again. */
static enum graph_kind kind_of_file(enum graph_kind kind)
{
	return kind == GRAPH_LINKS ? GRAPH_LINKS_OF : GRAPH_RELATED_TO;
}

static char *child_path(const char *dir, const char *name)
{
	char *path;

	if (!strcmp(dir, "."))
		return strdup(name);
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

struct add_child {
	struct listing *listing;
	const struct vnode *dir;
};

static int add_child(const char *name, unsigned int type, void *arg)
{
	const struct add_child *add = arg;
	enum graph_kind kind = add->dir->kind;

	return listing_add(add->listing, strdup(name), S_ISDIR(type) ? kind : kind_of_file(kind),
			   child_path(add->dir->arg, name), 0);
}

static int list_children(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_child add = { listing, dir };
	int ret = index_children(graph->index, dir->arg, add_child, &add);

	if (ret == -ENOENT)
		return 0;
	if (ret || index_path_type(graph->index, dir->arg) < 0)
		return ret;
	return listing_add(listing, strdup(SELF_NAME), kind_of_file(dir->kind), strdup(dir->arg),
			   0);
}

/* Not through the listing: there may be very many. */
static struct vnode *find_child(struct graph *graph, const struct vnode *dir, const char *name)
{
	struct entry entry = { .name = (char *)name, .arg = child_path(dir->arg, name) };
	struct vnode *node = NULL;
	int type;

	if (!entry.arg) {
		errno = ENOMEM;
		return NULL;
	}
	type = index_path_type(graph->index, entry.arg);
	errno = type < 0 ? -type : ENOENT;
	entry.kind = S_ISDIR(type) ? dir->kind : kind_of_file(dir->kind);
	if (type <= 0 && !strcmp(name, SELF_NAME)) {
		free(entry.arg);
		entry.arg = strdup(dir->arg);
		entry.kind = kind_of_file(dir->kind);
		type = S_IFDIR;
	}
	if (type > 0 && entry.arg)
		node = vnode_get(graph, dir, &entry);
	free(entry.arg);
	return node;
}

struct add_link {
	struct listing *listing;
	const struct vnode *dir;
	struct add_file file;
};

/* A directory for the relation, unless it is there already. */
static int add_relation(const struct index_link *link, void *arg)
{
	const struct add_link *add = arg;
	const struct entry *last = add->listing->entry + add->listing->count - 1;
	char name[GRAPH_NAME_MAX + 1];
	char *target;

	snprintf(name, sizeof(name), "%s%s", link->from ? "~" : "", link->relation);
	if (add->listing->count && !strcmp(last->name, name))
		return 0;
	if (asprintf(&target, "%s/%s", name, add->dir->arg) < 0)
		return -ENOMEM;
	return listing_add(add->listing, strdup(name), GRAPH_RELATION, target, 0);
}

static int list_relations(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_link add = { .listing = listing, .dir = dir };

	return index_links(graph->index, dir->arg, add_relation, &add);
}

static int add_linked(const struct index_link *link, void *arg)
{
	struct add_link *add = arg;
	const char *relation = add->dir->arg + link->from;
	size_t len = strlen(link->relation);

	if (link->missing || link->from != (*add->dir->arg == '~') ||
	    strncmp(relation, link->relation, len) || relation[len] != '/')
		return 0;
	return add_file(link->ino, link->path, &add->file);
}

static int list_relation(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_link add = { listing, dir, { listing, dir->depth } };

	return index_links(graph->index, strchr(dir->arg, '/') + 1, add_linked, &add);
}

/* ---- related ---- */

/* Three digits in front of the names keep them in order. */
#define RELATED_MAX 100

/* How many bytes of @name, @max at most, are whole characters. */
static int whole_characters(const char *name, size_t max)
{
	size_t left = strlen(name), used = 0, len;
	uint32_t c;

	while (left) {
		len = utf8_next(name + used, left, &c);
		if (used + len > max)
			break;
		used += len;
		left -= len;
	}
	return used;
}

/* 001-NAME */
static int add_related(const struct index_related *related, void *arg)
{
	const struct add_file *add = arg;
	const char *slash = strrchr(related->path, '/');
	const char *own = slash ? slash + 1 : related->path;
	char name[GRAPH_NAME_MAX + 1];

	if (3 * add->depth + strlen(related->path) >= PATH_MAX)
		return 0;
	snprintf(name, sizeof(name), "%03zu-%.*s", add->listing->count + 1,
		 whole_characters(own, GRAPH_NAME_MAX - 4), own);
	return listing_add(add->listing, strdup(name), GRAPH_LINK,
			   graph_target(add->depth, related->path), related->ino);
}

static int list_related(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_file add = { listing, dir->depth };
	int ret = index_related(graph->index, dir->arg, RELATED_MAX, add_related, &add);

	return ret == -ENOENT ? 0 : ret;
}

/* ---- any and find ---- */

static int list_any(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_file add = { listing, dir->depth };
	char **tags = split_tags(dir->arg);
	size_t count = 0;
	int ret = -ENOMEM;

	while (tags && tags[count])
		count++;
	if (count)
		ret = index_find_any(graph->index, (const char *const *)tags, count, add_file,
				     &add);
	free_tags(tags);
	return ret;
}

static int list_found(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	struct add_file add = { listing, dir->depth };
	struct expr_error error;

	return index_search(graph->index, dir->arg, &error, add_file, &add);
}

static int list(struct graph *graph, const struct vnode *dir, struct listing *listing)
{
	int ret = 0;

	if (dir->kind == GRAPH_ROOT)
		ret = list_root(listing);
	else if (!graph->index)
		return 0;
	else if (dir->kind == GRAPH_TAGS)
		ret = index_tags(graph->index, "", add_tag, listing);
	else if (dir->kind == GRAPH_ANY)
		ret = index_tags(graph->index, "", add_one_of, listing);
	else if (dir->kind == GRAPH_TAG)
		ret = list_tag(graph, dir, listing);
	else if (dir->kind == GRAPH_ANY_OF)
		ret = list_any(graph, dir, listing);
	else if (dir->kind == GRAPH_FOUND)
		ret = list_found(graph, dir, listing);
	else if (dir->kind == GRAPH_RELATED_TO)
		ret = list_related(graph, dir, listing);
	else if (dir->kind == GRAPH_LINKS || dir->kind == GRAPH_RELATED)
		ret = list_children(graph, dir, listing);
	else if (dir->kind == GRAPH_LINKS_OF)
		ret = list_relations(graph, dir, listing);
	else if (dir->kind == GRAPH_RELATION)
		ret = list_relation(graph, dir, listing);
	return ret ? ret : listing_finish(listing);
}

uint64_t graph_refresh(struct graph *graph)
{
	uint64_t version;

	tagging_flush(graph->fs);
	/* Who serves it makes it. */
	if (graph->index && index_is_lost(graph->index))
		index_follow(graph->fs->index);
	version = graph->index ? index_version(graph->index) : 0;
	if (version != graph->version) {
		graph->version = version;
		clock_gettime(CLOCK_REALTIME, &graph->changed);
	}
	return version;
}

/* The errno for what asking the index came to. */
static int index_errno(struct graph *graph, int ret)
{
	if (ret == -EUCLEAN)
		tagging_damaged(graph->fs);
	return ret == -ENOMEM || ret == -EHOSTDOWN ? -ret : EIO;
}

/* For whoever looks up the names that he just read, which must not take a listing each. */
#define LIVE_NS 100000000LL
#define LIVE_TIMES 10

static bool is_current(const struct listing *listing, uint64_t version)
{
	return listing && listing->version == version &&
	       (!listing->until || now_ns() < listing->until);
}

struct listing *graph_listing(struct graph *graph, struct vnode *dir)
{
	uint64_t version = graph_refresh(graph);
	struct listing *listing;
	int64_t begun;
	int ret;

	/* An old listing is none. */
	if (graph->index && (!version || tagging_is_behind())) {
		/* SQLite is never away. */
		errno = index_errno(graph, index_tree(graph->index) ? -EHOSTDOWN : -EUCLEAN);
		return NULL;
	}
	if (is_current(dir->listing, version))
		return dir->listing;
	listing = listing_new(version);
	if (!listing)
		return NULL;
	begun = now_ns();
	ret = list(graph, dir, listing);
	if (ret) {
		listing_put(listing);
		errno = index_errno(graph, ret);
		return NULL;
	}
	if (dir->live)
		listing->until = now_ns() + LIVE_NS + LIVE_TIMES * (now_ns() - begun);
	listing_put(dir->listing);
	dir->listing = listing;
	return listing;
}

/* ---- names ---- */

static struct vnode *find_fixed(struct graph *graph, const char *name)
{
	size_t i;

	for (i = GRAPH_ROOT + 1; i < GRAPH_FIXED; i++) {
		if (!strcmp(name, fixed_names[i]))
			return &graph->fixed[i];
	}
	errno = ENOENT;
	return NULL;
}

/* A tag that no file in @dir has is not listed there, but can be entered, and so be given. */
static struct vnode *find_tag(struct graph *graph, const struct vnode *dir, const char *name)
{
	char tag[GRAPH_NAME_MAX + 1];
	struct entry entry = { .name = (char *)name, .kind = GRAPH_TAG, .arg = tag };
	size_t i;
	int found;

	errno = ENOENT;
	if (graphname_decode(tag, name) < 0)
		return NULL;
	for (i = 0; i < dir->count; i++) {
		if (!strcmp(dir->tags[i], tag))
			return NULL;
	}
	found = index_tag_exists(graph->index, tag);
	errno = found < 0 ? index_errno(graph, found) : ENOENT;
	return found > 0 ? vnode_get(graph, dir, &entry) : NULL;
}

/*
 * With its suffix a link is found also when it needs none: whoever removes two of
 * the same name by what was listed finds the second.
 */
static struct vnode *find_suffixed(struct graph *graph, const struct vnode *dir,
				   const struct listing *listing, const char *name)
{
	const char *tilde = strrchr(name, '~');
	char suffixed[GRAPH_NAME_MAX + 1], *end;
	struct entry entry;
	uint64_t ino;
	size_t i;

	errno = ENOENT;
	if (!tilde)
		return NULL;
	ino = strtoull(tilde + 1, &end, 10);
	for (i = 0; i < listing->count; i++) {
		entry = listing->entry[i];
		if (entry.kind != GRAPH_LINK || entry.ino != ino || entry.suffixed)
			continue;
		graphname_suffix(suffixed, entry.name, ino);
		entry.name = (char *)name;
		if (!strcmp(suffixed, name))
			return vnode_get(graph, dir, &entry);
	}
	return NULL;
}

/* One of the tags is there. */
static struct vnode *find_any(struct graph *graph, const struct vnode *dir, const char *name)
{
	struct entry entry = { .name = (char *)name, .kind = GRAPH_ANY_OF, .arg = (char *)name };
	char **tags = split_tags(name);
	bool found = false;
	size_t i;

	for (i = 0; tags && tags[i] && !found; i++)
		found = index_tag_exists(graph->index, tags[i]) > 0;
	errno = tags ? ENOENT : ENOMEM;
	free_tags(tags);
	return found ? vnode_get(graph, dir, &entry) : NULL;
}

static struct vnode *find_expression(struct graph *graph, const struct vnode *dir,
				     const char *name)
{
	char expression[GRAPH_NAME_MAX + 1];
	struct entry entry = { .name = (char *)name, .kind = GRAPH_FOUND, .arg = expression };
	struct expr_error error;
	struct vnode *node;
	struct expr *expr;

	errno = ENAMETOOLONG;
	if (strlen(name) > GRAPH_NAME_MAX)
		return NULL;
	graphname_unescape(expression, name);
	expr = expr_parse(expression, &error);
	errno = EINVAL;
	if (!expr)
		return NULL;
	node = vnode_get(graph, dir, &entry);
	if (node)
		node->live = expr_looks_at_files(expr);
	expr_free(expr);
	return node;
}

struct vnode *graph_child(struct graph *graph, struct vnode *dir, const char *name)
{
	const struct listing *listing;
	const struct entry *entry;
	struct vnode *node;

	graph_refresh(graph);
	if (dir->kind == GRAPH_ROOT)
		return find_fixed(graph, name);
	errno = vnode_is_dir(dir) ? ENOENT : ENOTDIR;
	if (!vnode_is_dir(dir))
		return NULL;
	if (dir->kind == GRAPH_FIND)
		return graph->index ? find_expression(graph, dir, name) : NULL;
	if (dir->kind == GRAPH_LINKS || dir->kind == GRAPH_RELATED)
		return graph->index ? find_child(graph, dir, name) : NULL;
	listing = graph_listing(graph, dir);
	if (!listing)
		return NULL;
	entry = listing_find(listing, name);
	if (entry)
		return vnode_get(graph, dir, entry);
	node = find_suffixed(graph, dir, listing, name);
	if (node)
		return node;
	if (!graph->index)
		return NULL;
	if (dir->kind == GRAPH_ANY)
		return find_any(graph, dir, name);
	return dir->kind == GRAPH_TAG ? find_tag(graph, dir, name) : NULL;
}
