// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs facts: what was found in files.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>

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
		if (fact->weight > 0)
			json_object_object_add(object, "weight",
					       json_object_new_double(fact->weight));
		json_object_array_add(out->json, object);
		return 0;
	}
	if (out->file)
		printf("%s: ", out->file);
	printf("%s ", fact->key);
	if (fact->weight > 0)
		printf("%.2f ", fact->weight);
	print_line(out->opt, fact->value);
	return 0;
}

static int facts_of(const struct options *opt, const char *file, bool several,
		    struct json_object *all)
{
	struct fact_output out = { .opt = opt, .file = several ? file : NULL };
	struct json_object *object;
	struct tagindex *index;
	struct tree tree;
	char *below;
	int ret = index_at(file, &tree, &index, &below);

	if (ret)
		return ret;
	out.json = all ? json_object_new_array() : NULL;
	ret = index_facts(index, below, print_fact, &out);
	if (ret < 0) {
		ret = fail(file, "%s", ret == -ENOENT ? "not in the index" : index_error(index));
		json_object_put(out.json);
	} else if (all) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(file));
		json_object_object_add(object, "facts", out.json);
		json_object_array_add(all, object);
	}
	close_index_at(&tree, index, below);
	return ret;
}

int cmd_facts(const struct options *opt, int argc, char *argv[])
{
	return each_file(opt, argc, argv, facts_of);
}
