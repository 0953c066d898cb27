// SPDX-License-Identifier: GPL-2.0
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "tags.h"

int fail(const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "disgrafs: ");
	if (what)
		fprintf(stderr, "%s: ", what);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return 1;
}

int usage_error(const struct options *opt, const char *what, const char *problem)
{
	fail(what, "%s", problem);
	fprintf(stderr, "Try 'disgrafs %s --help'.\n", opt->command->name);
	return 2;
}

int check_tags(const struct options *opt, int argc, char *argv[])
{
	const char *problem;
	int i;

	for (i = 0; i < argc; i++) {
		problem = tag_problem(argv[i]);
		if (problem)
			return usage_error(opt, argv[i], problem);
	}
	return 0;
}

void print_line(const struct options *opt, const char *line)
{
	fputs(line, stdout);
	putchar(opt->null ? '\0' : '\n');
}

int tree_at(const char *path, struct tree *tree)
{
	int ret = tree_find(tree, path);

	if (ret == -ENOENT && access(path, F_OK) == 0)
		return fail(path, "no index here or above; 'disgrafs reindex' makes one");
	return ret < 0 ? fail(path, "%s", strerror(-ret)) : 0;
}

int find_tree(const struct options *opt, struct tree *tree)
{
	return tree_at(opt->dir ?: ".", tree);
}

int index_at(const char *path, struct tree *tree, struct tagindex **index, char **below)
{
	const char *error = NULL;
	int ret = tree_at(path, tree);

	*index = NULL;
	*below = NULL;
	if (ret)
		return ret;
	*below = tree_below(tree, path);
	if (!*below) {
		ret = fail(path, "%s", strerror(errno));
	} else {
		*index = tree_index(tree, INDEX_READ, &error);
		ret = *index ? 0 : fail(path, "%s", error);
	}
	if (ret) {
		free(*below);
		tree_close(tree);
	}
	return ret;
}

void close_index_at(struct tree *tree, struct tagindex *index, char *below)
{
	index_close(index);
	free(below);
	tree_close(tree);
}

int each_file(const struct options *opt, int argc, char *argv[], file_fn fn)
{
	struct json_object *json;
	int i, status = 0;

	if (!argc)
		return usage_error(opt, NULL, "needs a file");
	json = opt->json ? json_object_new_array() : NULL;
	for (i = 0; i < argc; i++)
		status |= fn(opt, argv[i], argc > 1, json);
	return json && print_json(json) < 0 ? 1 : status;
}

char *tree_path(const struct tree *tree, const char *below)
{
	bool is_top = !strcmp(below, ".");
	char *path;

	if (asprintf(&path, "%s%s%s", tree->path, is_top || !strcmp(tree->path, "/") ? "" : "/",
		     is_top ? "" : below) < 0)
		return NULL;
	return path;
}
