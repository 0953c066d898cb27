// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs facts: what was found in files.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

struct fact_output {
	const struct options *opt;
	const char *file;		/* NULL: only one */
	struct json_object *json;
};

static int print_fact(const struct index_fact *fact, void *arg)
{
	struct fact_output *out = arg;
	struct json_object *object;

	if (out->json) {
		object = json_object_new_object();
		json_object_object_add(object, "key", json_bytes(fact->key));
		json_object_object_add(object, "value", json_bytes(fact->value));
		json_object_array_add(out->json, object);
		return 0;
	}
	if (out->file)
		printf("%s: ", out->file);
	printf("%s ", fact->key);
	print_line(out->opt, fact->value);
	return 0;
}

static int read_facts(const struct tree *tree, const char *file, struct fact_output *out)
{
	char *below = tree_below(tree, file);
	struct tagindex *index;
	const char *error;
	int ret;

	if (!below)
		return fail(file, "%s", strerror(errno));
	index = tree_index(tree, INDEX_READ, &error);
	if (index) {
		ret = index_facts(index, below, print_fact, out);
		if (ret < 0)
			fail(file, "%s", ret == -ENOENT ? "not in the index" : index_error(index));
		index_close(index);
	} else {
		ret = fail(file, "%s", error);
	}
	free(below);
	return ret ? 1 : 0;
}

static int facts_of(const struct options *opt, const char *file, bool several,
		    struct json_object *all)
{
	struct fact_output out = { .opt = opt, .file = several ? file : NULL };
	struct json_object *object;
	struct tree tree;
	int ret = tree_find(&tree, file);

	if (ret < 0)
		return fail(file, "%s", ret == -ENOENT && access(file, F_OK) == 0 ?
			    "no index here or above" : strerror(-ret));
	out.json = all ? json_object_new_array() : NULL;
	ret = read_facts(&tree, file, &out);
	if (all && ret == 0) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(file));
		json_object_object_add(object, "facts", out.json);
		json_object_array_add(all, object);
	} else {
		json_object_put(out.json);
	}
	tree_close(&tree);
	return ret;
}

int cmd_facts(const struct options *opt, int argc, char *argv[])
{
	struct json_object *json;
	int i, status = 0;

	if (!argc)
		return usage_error(opt, NULL, "needs a file");
	json = opt->json ? json_object_new_array() : NULL;
	for (i = 0; i < argc; i++)
		status |= facts_of(opt, argv[i], argc > 1, json);
	return json && print_json(json) < 0 ? 1 : status;
}
