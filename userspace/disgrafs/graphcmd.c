// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs related, stats, check: what the index knows as a whole.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "print.h"

#define RELATED_DEFAULT 20

/* See disgrafsd.h. */
#define PREFETCH_XATTR "user.disgrafs.prefetch"

/* Between the two looks at a tree that is in use. */
#define SETTLE_NS 300000000

/* ---- related ---- */

struct related_output {
	const struct options *opt;
	const struct tree *tree;
	struct json_object *json;
};

static int print_related(const struct index_related *related, void *arg)
{
	struct related_output *out = arg;
	char *path = tree_path(out->tree, related->path);
	struct json_object *object;

	if (!path)
		return -ENOMEM;
	if (out->json) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(path));
		json_object_object_add(object, "score", json_object_new_double(related->score));
		json_object_object_add(object, "tags", json_object_new_int(related->tags));
		json_object_object_add(object, "link",
				       json_object_new_boolean(related->why & RELATED_LINK));
		json_object_object_add(object, "contents",
				       json_object_new_boolean(related->why & RELATED_CONTENTS));
		json_object_object_add(object, "facts",
				       json_object_new_boolean(related->why & RELATED_FACT));
		json_object_object_add(object, "keywords",
				       json_object_new_boolean(related->why & RELATED_KEYWORD));
		json_object_object_add(object, "stem",
				       json_object_new_boolean(related->why & RELATED_STEM));
		json_object_object_add(object, "directory",
				       json_object_new_boolean(related->why & RELATED_DIR));
		json_object_array_add(out->json, object);
	} else {
		printf("%7.2f ", related->score);
		print_line(out->opt, path);
	}
	free(path);
	return 0;
}

int cmd_related(const struct options *opt, int argc, char *argv[])
{
	struct related_output out = { .opt = opt };
	struct tagindex *index;
	struct tree tree;
	char *below;
	int ret;

	if (argc != 1)
		return usage_error(opt, NULL, "needs one file");
	ret = index_at(argv[0], &tree, &index, &below);
	if (ret)
		return ret;
	out.tree = &tree;
	out.json = opt->json ? json_object_new_array() : NULL;
	ret = index_related(index, below, opt->count ?: RELATED_DEFAULT, print_related, &out);
	if (ret < 0) {
		json_object_put(out.json);
		ret = fail(argv[0], "%s", ret == -ENOENT ? "not in the index" : index_error(index));
	} else if (out.json) {
		ret = print_json(out.json) < 0;
	}
	close_index_at(&tree, index, below);
	return ret;
}

/* ---- stats ---- */

/* What the daemon has looked at ahead, and of that what was opened. False: not known. */
static bool prefetch_counts(const struct tree *tree, unsigned long long *warmed,
			    unsigned long long *opened)
{
	char *path, value[64];
	ssize_t len;

	if (!tree->mounted || asprintf(&path, "%s/.graph", tree->path) < 0)
		return false;
	len = getxattr(path, PREFETCH_XATTR, value, sizeof(value) - 1);
	free(path);
	if (len < 0)
		return false;
	value[len] = '\0';
	return sscanf(value, "%llu %llu", warmed, opened) == 2;
}

/* Without a file there is no rate. */
static void print_prefetch(struct json_object *json, const struct tree *tree)
{
	unsigned long long warmed, opened;
	struct json_object *rate = NULL;

	if (!prefetch_counts(tree, &warmed, &opened))
		return;
	if (json) {
		if (warmed)
			rate = json_object_new_double(100.0 * opened / warmed);
		json_object_object_add(json, "warmed", json_object_new_int64(warmed));
		json_object_object_add(json, "opened", json_object_new_int64(opened));
		json_object_object_add(json, "hit_rate", rate);
	} else {
		printf("%-12s %llu\n%-12s %llu\n", "warmed", warmed, "opened", opened);
		if (warmed)
			printf("%-12s %.1f%%\n", "hit rate", 100.0 * opened / warmed);
	}
}

int cmd_stats(const struct options *opt, int argc, char *argv[])
{
	struct json_object *json;
	struct index_stats stats;
	struct tagindex *index;
	const char *state;
	struct tree tree;
	char *below;
	size_t i;
	int ret;

	if (argc > 1)
		return usage_error(opt, NULL, "needs one directory");
	ret = index_at(argc ? argv[0] : ".", &tree, &index, &below);
	if (ret)
		return ret;
	ret = index_stats(index, &stats);
	if (ret < 0) {
		ret = fail(tree.path, "%s", index_error(index));
		close_index_at(&tree, index, below);
		return ret;
	}
	state = index_state(index) & INDEX_STALE ? "stale" :
		index_state(index) & INDEX_UNCLEAN ? "in use" : "clean";
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{ "files", stats.files }, { "directories", stats.directories },
		{ "names", stats.names }, { "tagged", stats.tagged }, { "tags", stats.tags },
		{ "taggings", stats.taggings }, { "links", stats.links },
		{ "unresolved", stats.unresolved }, { "bytes", stats.bytes },
	};
	json = opt->json ? json_object_new_object() : NULL;
	if (json) {
		json_object_object_add(json, "root", json_bytes(tree.path));
		json_object_object_add(json, "state", json_object_new_string(state));
	} else {
		printf("%-12s %s\n", "state", state);
	}
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (json)
			json_object_object_add(json, lines[i].name,
					       json_object_new_int64(lines[i].value));
		else
			printf("%-12s %llu\n", lines[i].name, (unsigned long long)lines[i].value);
	}
	print_prefetch(json, &tree);
	ret = json && print_json(json) < 0;
	close_index_at(&tree, index, below);
	return ret;
}

/* ---- check ---- */

struct check_output {
	const struct options *opt;
	const struct tree *tree;
	struct json_object *json;	/* differences, or NULL */
	struct json_object *unreadable;
};

static int print_problem(const char *path, const char *problem, int err, void *arg)
{
	struct check_output *out = arg;
	char *full = tree_path(out->tree, path);
	struct json_object *object;

	if (!full)
		return -ENOMEM;
	if (out->json) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(full));
		json_object_object_add(object, "problem",
				       json_object_new_string(problem ?: strerror(err)));
		json_object_array_add(err ? out->unreadable : out->json, object);
	} else {
		printf("%s: %s%s\n", full, err ? "cannot be looked at: " : "",
		       problem ?: strerror(err));
	}
	free(full);
	return 0;
}

static int check_once(const struct tree *tree, bool repair, struct index_check *result,
		      index_problem_fn fn, void *arg)
{
	const char *error = NULL;
	struct tagindex *index = tree_index(tree, repair ? INDEX_WRITE | INDEX_PATIENT :
							     INDEX_READ, &error);
	int ret;

	if (!index)
		return fail(tree->path, "%s", error);
	ret = index_check(index, repair, result, fn, arg);
	if (ret < 0)
		ret = fail(tree->path, "%s", index_error(index));
	index_close(index);
	return ret;
}

/* What there is to repair before anything can be compared, or NULL. */
static const char *unsound(struct tagindex *index, int err, const char *error)
{
	if (!index)
		return err == EUCLEAN || err == ENOENT ? error : NULL;
	return index_verify(index) == -EUCLEAN ? tree_sentence(-EUCLEAN) : NULL;
}

/* An index that cannot be compared is made anew with --repair. Returns the exit status. */
static int make_sound(const struct options *opt, const struct tree *tree)
{
	const char *error = NULL, *problem;
	struct tagindex *index = tree_index(tree, INDEX_READ, &error);
	bool stale = index && index_state(index) & INDEX_STALE;
	int ret = 0;

	problem = unsound(index, tree->lower < 0 ? 0 : errno, error);
	if (!index && !(problem && opt->repair))
		ret = fail(tree->path, "%s", error);
	else if (problem && !opt->repair)
		ret = fail(tree->path, "%s", problem);
	else if ((problem || (stale && opt->repair)) && index_rebuild(tree->lower, NULL, NULL) < 0)
		ret = fail(tree->path, "cannot repair: %s", index_error(NULL));
	else if (problem)
		fprintf(stderr, "disgrafs: %s: the index was missing or damaged, and is made anew\n",
			tree->path);
	index_close(index);
	return ret;
}

/* What is different a moment later as well is no change on its way. */
static int compare(const struct tree *tree, struct index_check *result, struct check_output *out)
{
	struct timespec settle = { .tv_nsec = SETTLE_NS };
	int ret = check_once(tree, false, result, NULL, NULL);

	if (ret || !(result->problems || result->unreadable))
		return ret;
	nanosleep(&settle, NULL);
	return check_once(tree, false, result, print_problem, out);
}

static int print_result(const struct check_output *out, const struct index_check *result,
			bool repaired)
{
	struct json_object *json;

	if (!out->json) {
		printf("%llu files, %llu differences%s; %llu links, %llu outdated%s, %llu missing",
		       (unsigned long long)result->files, (unsigned long long)result->problems,
		       repaired && result->problems ? " (repaired)" : "",
		       (unsigned long long)result->links, (unsigned long long)result->outdated,
		       repaired && result->outdated ? " (repaired)" : "",
		       (unsigned long long)result->missing);
		if (result->unreadable)
			printf("; %llu unreadable", (unsigned long long)result->unreadable);
		putchar('\n');
		return 0;
	}
	json = json_object_new_object();
	json_object_object_add(json, "root", json_bytes(out->tree->path));
	json_object_object_add(json, "files", json_object_new_int64(result->files));
	json_object_object_add(json, "differences", out->json);
	json_object_object_add(json, "unreadable", out->unreadable);
	json_object_object_add(json, "links", json_object_new_int64(result->links));
	json_object_object_add(json, "outdated", json_object_new_int64(result->outdated));
	json_object_object_add(json, "missing", json_object_new_int64(result->missing));
	json_object_object_add(json, "repaired", json_object_new_boolean(repaired));
	return print_json(json) < 0;
}

/* A rebuild is the one way to repair that cannot forget anything. */
static int repair(const struct tree *tree, const struct index_check *found,
		  struct index_check *left)
{
	struct timespec settle = { .tv_nsec = SETTLE_NS };
	int ret = 0;

	if (found->problems)
		ret = index_rebuild(tree->lower, NULL, NULL);
	if (ret < 0)
		return fail(tree->path, "cannot repair: %s", index_error(NULL));
	ret = check_once(tree, true, left, NULL, NULL);
	if (ret || !(left->problems || left->outdated))
		return ret;
	nanosleep(&settle, NULL);
	ret = check_once(tree, false, left, NULL, NULL);
	if (ret == 0 && left->problems)
		ret = fail(tree->path, "%llu differences are left",
			   (unsigned long long)left->problems);
	return ret;
}

static bool is_well(const struct index_check *result)
{
	return !result->problems && !result->unreadable && !result->outdated && !result->missing;
}

int cmd_check(const struct options *opt, int argc, char *argv[])
{
	struct check_output out = { .opt = opt };
	struct index_check found = { }, left;
	const char *dir = argc ? argv[0] : ".";
	struct tree tree;
	int ret;

	if (argc > 1)
		return usage_error(opt, NULL, "needs one directory");
	if (tree_at(dir, &tree))
		return 1;
	out.tree = &tree;
	out.json = opt->json ? json_object_new_array() : NULL;
	out.unreadable = opt->json ? json_object_new_array() : NULL;
	ret = make_sound(opt, &tree) ?: compare(&tree, &found, &out);
	left = found;
	if (ret == 0 && opt->repair)
		ret = repair(&tree, &found, &left);
	if (ret == 0) {
		ret = print_result(&out, &found, opt->repair);
	} else {
		json_object_put(out.json);
		json_object_put(out.unreadable);
	}
	tree_close(&tree);
	return ret ? ret : is_well(&left) ? 0 : 3;
}
