// SPDX-License-Identifier: GPL-2.0
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int find_tree(const struct options *opt, struct tree *tree)
{
	const char *dir = opt->dir ?: ".";
	int ret = tree_find(tree, dir);

	if (ret == -ENOENT && access(dir, F_OK) == 0)
		return fail(dir, "no index here or above; 'disgrafs reindex' makes one");
	return ret < 0 ? fail(dir, "%s", strerror(-ret)) : 0;
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
