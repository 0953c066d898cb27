// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs link, unlink, links: typed links between files.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "links.h"
#include "print.h"
#include "tree.h"

/* ---- link, unlink ---- */

/* Adds (or takes away) links of @relation to @target, a path as the user has it. */
static int change_link(const struct tree *tree, struct links *links, const char *relation,
		       const char *target, bool add)
{
	char *below = tree_below(tree, target), *reference;
	int ret;

	if (!below && errno == EXDEV)
		return fail(target, "not in the tree %s", tree->path);
	/* What is gone can still be taken away, by its path in the tree. */
	if (!below && (add || !links_remove(links, relation, target, "")))
		return fail(target, "%s", strerror(errno));
	if (!below)
		return 0;
	/* Without LOWER it is the daemon that finds the reference. */
	reference = tree->lower < 0 ? strdup("") : link_reference(tree->lower, below);
	ret = reference ? 0 : -ENOMEM;
	if (ret == 0 && add)
		ret = links_add(links, relation, below, reference);
	else if (ret == 0)
		links_remove(links, relation, below, reference);
	free(reference);
	free(below);
	return ret < 0 ? fail(target, "%s", strerror(-ret)) : 0;
}

static int no_room(const char *file, const char *relation, const struct links *links)
{
	size_t len = 0;

	free(links_format(links, relation, &len));
	if (len > XATTR_SIZE_MAX)
		return fail(file, "no room for so many links '%s': they take %zu bytes, and an attribute has %d at most",
			    relation, len, XATTR_SIZE_MAX);
	return fail(file, "no room for so many links '%s': they take %zu bytes, more than its file system has left for attributes",
		    relation, len);
}

static int write_failed(const char *file, const char *relation, const struct links *links, int ret)
{
	if (ret == -EOPNOTSUPP)
		return fail(file, "no place for links: not a regular file or directory, or its file system has no user extended attributes");
	if (ret == -ENOSPC || ret == -E2BIG || ret == -ERANGE)
		return no_room(file, relation, links);
	return fail(file, "%s", strerror(-ret));
}

/* As `links --json` has it, but only what the file itself says. */
static int print_changed(const struct tree *tree, const char *file, const struct links *links)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array(), *link;
	char *path;
	size_t i;

	for (i = 0; i < links->count; i++) {
		path = tree_path(tree, links->link[i].path);
		if (!path)
			continue;
		link = json_object_new_object();
		json_object_object_add(link, "relation", json_bytes(links->link[i].relation));
		json_object_object_add(link, "to", json_bytes(path));
		json_object_array_add(list, link);
		free(path);
	}
	json_object_object_add(json, "path", json_bytes(file));
	json_object_object_add(json, "links", list);
	return print_json(json) < 0;
}

static int change_links(const struct options *opt, const struct tree *tree, char *argv[], int argc,
			bool add)
{
	const char *file = argv[0], *relation = argv[1], *error = NULL;
	struct links links;
	char locked[32];
	int lock, ret, i;

	lock = tree_lock(file);
	ret = links_read(&links, tree_locked(lock, file, locked));
	if (ret < 0)
		ret = fail(file, "%s", strerror(-ret));
	for (i = 0; opt->all && ret == 0 && (size_t)i < links.count; i++) {
		if (!strcmp(links.link[i].relation, relation)) {
			links_remove(&links, relation, links.link[i].path, links.link[i].reference);
			i--;
		}
	}
	for (i = 2; i < argc && ret == 0; i++)
		ret = change_link(tree, &links, relation, argv[i], add);
	if (ret == 0) {
		ret = links_write(&links, relation, file);
		ret = ret < 0 ? write_failed(file, relation, &links, ret) : 0;
	}
	if (ret == 0 && tree_record(file, &error) < 0)
		fail(file, "linked, but the index was not changed: %s; see 'disgrafs reindex'", error);
	if (ret == 0 && opt->json)
		ret = print_changed(tree, file, &links);
	links_free(&links);
	if (lock >= 0)
		close(lock);
	return ret;
}

static int cmd_change(const struct options *opt, int argc, char *argv[], bool add)
{
	struct tree tree;
	int ret;

	if (argc < 2 || (opt->all ? argc > 2 : argc < 3))
		return usage_error(opt, NULL, add ? "needs a file, a relation and targets" :
				   "needs a file, a relation, and targets or --all");
	if (relation_problem(argv[1]))
		return usage_error(opt, argv[1], relation_problem(argv[1]));
	ret = tree_at(argv[0], &tree);
	if (ret)
		return ret;
	ret = change_links(opt, &tree, argv, argc, add);
	tree_close(&tree);
	return ret;
}

int cmd_link(const struct options *opt, int argc, char *argv[])
{
	return cmd_change(opt, argc, argv, true);
}

int cmd_unlink(const struct options *opt, int argc, char *argv[])
{
	return cmd_change(opt, argc, argv, false);
}

/* ---- links ---- */

struct link_output {
	const struct options *opt;
	const struct tree *tree;
	const char *file;		/* NULL: only one */
	struct json_object *json;
};

static int print_link(const struct index_link *link, void *arg)
{
	struct link_output *out = arg;
	char *path = tree_path(out->tree, link->path);
	struct json_object *object;

	if (!path)
		return -ENOMEM;
	if (out->json) {
		object = json_object_new_object();
		json_object_object_add(object, "relation", json_bytes(link->relation));
		json_object_object_add(object, link->from ? "from" : "to", json_bytes(path));
		json_object_object_add(object, "missing", json_object_new_boolean(link->missing));
		json_object_array_add(out->json, object);
	} else {
		if (out->file)
			printf("%s: ", out->file);
		printf("%s %s %s%s", link->relation, link->from ? "<-" : "->", path,
		       link->missing ? " (missing)" : "");
		putchar(out->opt->null ? '\0' : '\n');
	}
	free(path);
	return 0;
}

static int links_of(const struct options *opt, const char *file, bool several,
		    struct json_object *all)
{
	struct link_output out = { .opt = opt, .file = several ? file : NULL };
	struct json_object *object;
	const char *error = NULL;
	struct tree tree;
	char *below;
	int ret = tree_at(file, &tree);

	if (ret)
		return ret;
	below = tree_below(&tree, file);
	if (!below) {
		ret = fail(file, "%s", strerror(errno));
		goto out;
	}
	out.tree = &tree;
	out.json = all ? json_object_new_array() : NULL;
	ret = tree_links(&tree, below, print_link, &out, &error);
	if (ret < 0) {
		ret = fail(file, "%s", error);
		json_object_put(out.json);
	} else if (all) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(file));
		json_object_object_add(object, "links", out.json);
		json_object_array_add(all, object);
	}
	free(below);
out:
	tree_close(&tree);
	return ret;
}

int cmd_links(const struct options *opt, int argc, char *argv[])
{
	return each_file(opt, argc, argv, links_of);
}
