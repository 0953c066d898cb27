/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands of disgrafs share, and those that are not in main.c. */
#ifndef DISGRAFS_COMMAND_H
#define DISGRAFS_COMMAND_H

#include <json-c/json.h>
#include <stdbool.h>

#include "tree.h"

struct options;

struct command {
	const char *name;
	const char *args;
	const char *summary;
	const char *options;		/* the short ones that it takes */
	int (*run)(const struct options *opt, int argc, char *argv[]);
};

struct options {
	const struct command *command;
	const char *dir, *prefix, *edges;
	unsigned int count, depth;	/* 0: the default */
	bool all, json, null, progress, repair, tags;
};

/* Prints a sentence on stderr and returns the exit status 1. */
int fail(const char *what, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for wrong usage, which is 2. */
int usage_error(const struct options *opt, const char *what, const char *problem);
/* 0, or the exit status if one of them cannot be a tag. */
int check_tags(const struct options *opt, int argc, char *argv[]);
void print_line(const struct options *opt, const char *line);
/* The tree that @path is in. 0 or the exit status. */
int tree_at(const char *path, struct tree *tree);
/* The same, its index, and @path below its root. */
int index_at(const char *path, struct tree *tree, struct tagindex **index, char **below);
void close_index_at(struct tree *tree, struct tagindex *index, char *below);
/* The tree of --dir, or of the current directory. 0 or the exit status. */
int find_tree(const struct options *opt, struct tree *tree);
/* @below as the user sees it, to be freed, or NULL. */
char *tree_path(const struct tree *tree, const char *below);

/* findcmd.c */
/*
 * Calls @fn for each file in @tree, which is found first, that matches the expression in
 * @argv, until that returns not 0. 0, and the caller closes the tree, or the exit status.
 */
int find_files(const struct options *opt, int argc, char *argv[], struct tree *tree,
	       index_path_fn fn, void *arg);
int cmd_find(const struct options *opt, int argc, char *argv[]);
/* warm.c */
int cmd_warm(const struct options *opt, int argc, char *argv[]);
/*
 * What @fn says of each file, of one at least. It prints, with the file's name if there
 * are @several, or adds to @json if that is not NULL. Both return the exit status.
 */
typedef int (*file_fn)(const struct options *opt, const char *file, bool several,
		       struct json_object *json);
int each_file(const struct options *opt, int argc, char *argv[], file_fn fn);

/* linkcmd.c. Each returns the exit status. */
int cmd_link(const struct options *opt, int argc, char *argv[]);
int cmd_unlink(const struct options *opt, int argc, char *argv[]);
int cmd_links(const struct options *opt, int argc, char *argv[]);
/* factcmd.c */
int cmd_facts(const struct options *opt, int argc, char *argv[]);
/* autocmd.c */
int cmd_auto(const struct options *opt, int argc, char *argv[]);
int cmd_accept(const struct options *opt, int argc, char *argv[]);
int cmd_refuse(const struct options *opt, int argc, char *argv[]);
/* graph.c */
int cmd_graph(const struct options *opt, int argc, char *argv[]);
/* graphcmd.c */
int cmd_related(const struct options *opt, int argc, char *argv[]);
int cmd_stats(const struct options *opt, int argc, char *argv[]);
int cmd_check(const struct options *opt, int argc, char *argv[]);
/* watch.c */
int cmd_watch(const struct options *opt, int argc, char *argv[]);

#endif
