// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs find: what matches an expression.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "print.h"

/* The arguments as one expression; with --tags each is a tag, whatever is in it. */
static char *join_expression(const struct options *opt, int argc, char *argv[])
{
	char *text = NULL;
	const char *p;
	size_t size;
	FILE *f;
	int i;

	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	for (i = 0; i < argc; i++) {
		fputs(i ? " " : "", f);
		if (!opt->tags) {
			fputs(argv[i], f);
			continue;
		}
		fputc('"', f);
		for (p = argv[i]; *p; p++) {
			if (*p == '"' || *p == '\\')
				fputc('\\', f);
			fputc(*p, f);
		}
		fputc('"', f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int check_expression(const struct options *opt, const char *text)
{
	struct expr_error error;
	struct expr *expr = expr_parse(text, &error);
	char problem[sizeof(error.message) + 40];

	if (expr) {
		expr_free(expr);
		return 0;
	}
	snprintf(problem, sizeof(problem), "position %zu: %s", error.position, error.message);
	return usage_error(opt, text, problem);
}

static int search_tree(const struct options *opt, const char *expression, struct tree *tree,
		       index_path_fn fn, void *arg)
{
	const char *error = NULL;
	int ret = find_tree(opt, tree);

	if (ret)
		return ret;
	ret = tree_search(tree, expression, fn, arg, &error);
	if (ret < 0)
		ret = fail(tree->path, "%s", error ?: strerror(-ret));
	if (ret)
		tree_close(tree);
	return ret;
}

int find_files(const struct options *opt, int argc, char *argv[], struct tree *tree,
	       index_path_fn fn, void *arg)
{
	char *text;
	int ret;

	if (!argc)
		return usage_error(opt, NULL, "needs an expression");
	ret = opt->tags ? check_tags(opt, argc, argv) : 0;
	if (ret)
		return ret;
	text = join_expression(opt, argc, argv);
	if (!text)
		return fail(NULL, "%s", strerror(ENOMEM));
	ret = check_expression(opt, text) ?: search_tree(opt, text, tree, fn, arg);
	free(text);
	return ret;
}

struct find_output {
	const struct options *opt;
	struct tree tree;
	struct json_object *json;
};

static int print_path(uint64_t ino, const char *below, void *arg)
{
	struct find_output *out = arg;
	char *path = tree_path(&out->tree, below);
	struct json_object *object;

	(void)ino;
	if (!path)
		return -ENOMEM;
	if (out->json) {
		object = json_object_new_object();
		json_object_object_add(object, "path", json_bytes(path));
		json_object_array_add(out->json, object);
	} else {
		print_line(out->opt, path);
	}
	free(path);
	return 0;
}

int cmd_find(const struct options *opt, int argc, char *argv[])
{
	struct find_output out = { .opt = opt };
	int status;

	out.json = opt->json ? json_object_new_array() : NULL;
	status = find_files(opt, argc, argv, &out.tree, print_path, &out);
	if (status == 0)
		tree_close(&out.tree);
	if (out.json && status == 0)
		return print_json(out.json) < 0;
	json_object_put(out.json);
	return status;
}
