// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs: tag files and find them by their tags and other things.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "print.h"
#include "tags.h"

static const struct option long_options[] = {
	{ "all",	no_argument,	   NULL, 'a' },
	{ "count",	required_argument, NULL, 'n' },
	{ "depth",	required_argument, NULL, 'd' },
	{ "dir",	required_argument, NULL, 'C' },
	{ "edges",	required_argument, NULL, 'e' },
	{ "json",	no_argument,	   NULL, 'j' },
	{ "null",	no_argument,	   NULL, '0' },
	{ "prefix",	required_argument, NULL, 'P' },
	{ "progress",	no_argument,	   NULL, 'p' },
	{ "repair",	no_argument,	   NULL, 'r' },
	{ "tags",	no_argument,	   NULL, 't' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ }
};

static const struct {
	char option;
	const char *text;
} option_help[] = {
	{ 'a', "  -a, --all        all of the file's" },
	{ 'C', "  -C, --dir DIR    the tree that DIR is in (default: the current directory)" },
	{ '0', "  -0, --null       end lines with NUL instead of a newline" },
	{ 'j', "  -j, --json       print JSON" },
	{ 'P', "  -P, --prefix TEXT  only tags that begin with TEXT" },
	{ 'p', "  -p, --progress   say how far it is" },
	{ 'd', "  -d, --depth N    up to so many edges away (default: 2)" },
	{ 'n', "  -n, --count N    so many files at most (default: 20; for graph, of a tag or a kind)" },
	{ 'e', "  -e, --edges KIND,...  tags, links, contents, facts, keywords, stem, directory; derived:\n"
	       "                   the last five; all (default: all but keywords and directory)" },
	{ 'r', "  -r, --repair     repair what is found" },
	{ 't', "  -t, --tags       the arguments are tags, whatever is in them" },
	{ 'h', "  -h, --help       this text" },
};

/* ---- tag, untag, tags FILE ---- */

static struct json_object *json_file(const char *path, const struct tags *tags)
{
	struct json_object *file = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	for (i = 0; i < tags->count; i++)
		json_object_array_add(list, json_bytes(tags->tag[i]));
	json_object_object_add(file, "path", json_bytes(path));
	json_object_object_add(file, "tags", list);
	return file;
}

enum change { ADD, REMOVE, REMOVE_ALL };

static int apply(struct tags *tags, enum change change, int argc, char *argv[])
{
	int i, ret = 0;

	if (change == REMOVE_ALL)
		tags_free(tags);
	for (i = 0; i < argc && ret == 0 && change != REMOVE_ALL; i++) {
		if (change == ADD)
			ret = tags_add(tags, argv[i], strlen(argv[i]));
		else
			tags_remove(tags, argv[i], strlen(argv[i]));
	}
	return ret;
}

/* Changes the tags of @file by the tags in @argv. Returns the exit status. */
static int change_tags(const struct options *opt, const char *file, enum change change, int argc,
		       char *argv[])
{
	const char *error = NULL;
	struct tags tags;
	char locked[32];
	int lock, ret;

	lock = tree_lock(file);
	ret = tags_read(&tags, tree_locked(lock, file, locked));
	if (ret == 0)
		ret = apply(&tags, change, argc, argv);
	if (ret == 0)
		ret = tags_write(&tags, file);
	if (ret == -EOPNOTSUPP)
		ret = fail(file, "no place for tags: not a regular file or directory, or its file system has no user extended attributes");
	else if (ret == -ENOSPC || ret == -E2BIG || ret == -ERANGE)
		ret = fail(file, "no room for so many tags");
	else if (ret < 0)
		ret = fail(file, "%s", strerror(-ret));
	else if (tree_record(file, &error) < 0)
		fail(file, "tagged, but the index was not changed: %s; see 'disgrafs reindex'", error);
	if (ret == 0 && opt->json)
		ret = print_json(json_file(file, &tags)) < 0;
	tags_free(&tags);
	if (lock >= 0)
		close(lock);
	return ret;
}

static int cmd_tag(const struct options *opt, int argc, char *argv[])
{
	int ret;

	if (argc < 2)
		return usage_error(opt, NULL, "needs a file and tags");
	ret = check_tags(opt, argc - 1, argv + 1);
	return ret ? ret : change_tags(opt, argv[0], ADD, argc - 1, argv + 1);
}

static int cmd_untag(const struct options *opt, int argc, char *argv[])
{
	int ret;

	if (argc < 1)
		return usage_error(opt, NULL, "needs a file");
	if (opt->all ? argc > 1 : argc < 2)
		return usage_error(opt, NULL, "needs tags, or --all and none");
	ret = check_tags(opt, argc - 1, argv + 1);
	return ret ? ret : change_tags(opt, argv[0], opt->all ? REMOVE_ALL : REMOVE, argc - 1,
				       argv + 1);
}

static int tags_of(const struct options *opt, const char *file, bool several,
		   struct json_object *json)
{
	struct tags tags;
	int ret = tags_read(&tags, file);
	size_t t;

	if (ret < 0)
		return fail(file, "%s", strerror(-ret));
	if (json)
		json_object_array_add(json, json_file(file, &tags));
	for (t = 0; t < tags.count && !json; t++) {
		if (several)
			printf("%s: ", file);
		print_line(opt, tags.tag[t]);
	}
	tags_free(&tags);
	return 0;
}

/* ---- tags, reindex ---- */

struct output {
	const struct options *opt;
	const struct tree *tree;
	struct json_object *json;
};

static int print_tag(const char *tag, uint64_t files, void *arg)
{
	struct output *out = arg;
	struct json_object *object;

	if (!out->json) {
		printf("%7llu ", (unsigned long long)files);
		print_line(out->opt, tag);
		return 0;
	}
	object = json_object_new_object();
	json_object_object_add(object, "tag", json_bytes(tag));
	json_object_object_add(object, "files", json_object_new_int64(files));
	json_object_array_add(out->json, object);
	return 0;
}

static int finish(struct output *out, int ret, const char *error)
{
	if (out->json && ret >= 0)
		ret = print_json(out->json);
	else
		json_object_put(out->json);
	return ret < 0 ? fail(out->tree->path, "%s", error ?: strerror(-ret)) : 0;
}

static int cmd_tags(const struct options *opt, int argc, char *argv[])
{
	struct output out = { .opt = opt };
	const char *error = NULL;
	struct tree tree;
	int ret;

	if (argc)
		return each_file(opt, argc, argv, tags_of);
	if (find_tree(opt, &tree))
		return 1;
	out.tree = &tree;
	out.json = opt->json ? json_object_new_array() : NULL;
	ret = tree_tags(&tree, opt->prefix ?: "", print_tag, &out, &error);
	ret = finish(&out, ret, error);
	tree_close(&tree);
	return ret;
}

struct progress {
	struct index_progress at;
	int64_t began;			/* ms */
	bool show;
};

#define BAR 20

/* "\r 43 % [########............] 43000 of 100000 files, 8113/s" */
static void show_progress(const struct progress *p)
{
	static const char done[] = "####################", open[] = "....................";
	uint64_t files = p->at.files, total = p->at.total > files ? p->at.total : files;
	unsigned int part = total ? files * BAR / total : BAR;
	int64_t ms = now_ms() - p->began;

	fprintf(stderr, "\r%3u %% [%.*s%.*s] %llu of %llu files, %llu/s",
		total ? (unsigned int)(files * 100 / total) : 100, part, done, BAR - part, open,
		(unsigned long long)files, (unsigned long long)total,
		(unsigned long long)(ms > 0 ? files * 1000 / ms : 0));
}

static void progress(const struct index_progress *at, void *arg)
{
	struct progress *p = arg;

	p->at = *at;
	if (p->show)
		show_progress(p);
}

static int cmd_reindex(const struct options *opt, int argc, char *argv[])
{
	struct progress p = { .began = now_ms(), .show = opt->progress || isatty(STDERR_FILENO) };
	struct json_object *json;
	struct tree tree;
	const char *dir;
	int ret;

	if (argc > 1)
		return usage_error(opt, NULL, "needs one directory");
	dir = argc ? argv[0] : ".";
	ret = tree_find(&tree, dir);
	if (ret == -ENOENT)
		ret = tree_new(&tree, dir);
	if (ret < 0)
		return fail(dir, "%s", strerror(-ret));
	if (tree.lower < 0) {
		tree_close(&tree);
		return fail(dir, "the lower directory of this mount cannot be reached from here");
	}
	ret = index_rebuild_resume(tree.lower, p.show, progress, &p);
	if (p.show)
		fputc('\n', stderr);
	if (p.at.passed && !opt->json)
		fprintf(stderr, "disgrafs: %s: %llu files were looked at before, by one that did not end\n",
			tree.path, (unsigned long long)p.at.passed);
	if (ret < 0) {
		ret = fail(tree.path, "%s", index_error(NULL));
	} else if (opt->json) {
		json = json_object_new_object();
		json_object_object_add(json, "root", json_bytes(tree.path));
		json_object_object_add(json, "files", json_object_new_int64(p.at.files));
		json_object_object_add(json, "tagged", json_object_new_int64(p.at.tagged));
		json_object_object_add(json, "passed", json_object_new_int64(p.at.passed));
		ret = print_json(json) < 0;
	}
	tree_close(&tree);
	return ret;
}

/* ---- command line ---- */

static const struct command commands[] = {
	{ "tag", "FILE TAG...", "Give a file tags", "jh", cmd_tag },
	{ "untag", "FILE TAG... | --all FILE", "Take tags from a file", "ajh", cmd_untag },
	{ "tags", "[FILE...]", "Print the tags of files, or all tags of a tree and how many files have them",
	  "CP0jh", cmd_tags },
	{ "find", "EXPRESSION... | --tags TAG...",
	  "Print the files that match, or have all these tags", "C0jth", cmd_find },
	{ "warm", "EXPRESSION... | --tags TAG...",
	  "Have what matches at hand: names, attributes, and the data that is read first", "Cjth",
	  cmd_warm },
	{ "link", "FILE RELATION TARGET...", "Link a file to others", "jh", cmd_link },
	{ "unlink", "FILE RELATION TARGET... | --all FILE RELATION", "Take links from a file",
	  "ajh", cmd_unlink },
	{ "links", "FILE...", "Print the links of files, and those to them", "0jh", cmd_links },
	{ "facts", "FILE...", "Print what was found in files", "0jh", cmd_facts },
	{ "auto", "FILE...", "Print the automatic tags of files", "0jh", cmd_auto },
	{ "accept", "FILE TAG... | --all FILE", "Make automatic tags the file's own", "ajh",
	  cmd_accept },
	{ "refuse", "FILE TAG... | --all FILE",
	  "Take automatic tags from a file, which will not get them again", "ajh", cmd_refuse },
	{ "related", "FILE", "Print the files that have most to do with one, the best first",
	  "n0jh", cmd_related },
	{ "graph", "FILE", "Print what is around a file, for Graphviz", "dnejh", cmd_graph },
	{ "watch", "[PATH]", "Print what changes at PATH and below it, as it happens", "jh",
	  cmd_watch },
	{ "stats", "[DIR]", "Print how much is in the index", "jh", cmd_stats },
	{ "check", "[DIR]", "Compare the index with the files", "jrh", cmd_check },
	{ "reindex", "[DIR]", "Make the index of a tree anew from its files", "jph", cmd_reindex },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(*commands))

static void help(FILE *f)
{
	size_t i;

	fprintf(f, "Usage: disgrafs COMMAND [OPTION...] [ARGUMENT...]\n"
		   "Tag files and find them by their tags.\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(f, "\n'disgrafs COMMAND --help' says more; --version prints the version.\n");
}

static void command_help(const struct command *command)
{
	size_t i;

	printf("Usage: disgrafs %s [OPTION...] %s\n%s.\n\n", command->name, command->args,
	       command->summary);
	for (i = 0; i < sizeof(option_help) / sizeof(*option_help); i++) {
		if (strchr(command->options, option_help[i].option))
			puts(option_help[i].text);
	}
}

static int parse_number(unsigned int *number, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (end == arg || *end || n < 1 || n > 10000)
		return -1;
	*number = n;
	return 0;
}

/* Returns -1 to go on, else the exit status. */
static int parse(struct options *opt, int argc, char *argv[])
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":aC:d:e:jn:0P:prth", long_options, NULL)) != -1) {
		if (c == ':')
			return usage_error(opt, argv[optind - 1], "needs a value");
		if (c == '?' || !strchr(opt->command->options, c))
			return usage_error(opt, argv[optind - 1], "unknown option");
		switch (c) {
		case 'a':
			opt->all = true;
			break;
		case 'C':
			opt->dir = optarg;
			break;
		case 'j':
			opt->json = true;
			break;
		case '0':
			opt->null = true;
			break;
		case 'd':
		case 'n':
			if (parse_number(c == 'd' ? &opt->depth : &opt->count, optarg) < 0)
				return usage_error(opt, optarg, "not a number from 1 to 10000");
			break;
		case 'e':
			opt->edges = optarg;
			break;
		case 'r':
			opt->repair = true;
			break;
		case 'P':
			opt->prefix = optarg;
			break;
		case 'p':
			opt->progress = true;
			break;
		case 't':
			opt->tags = true;
			break;
		case 'h':
			command_help(opt->command);
			return 0;
		}
	}
	return -1;
}

int main(int argc, char *argv[])
{
	struct options opt = { };
	struct rlimit rl;
	size_t i;
	int ret;

	if (argc < 2) {
		help(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("disgrafs %s\n", EXTFUSE_VERSION);
		return 0;
	}
	for (i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(argv[1], commands[i].name))
			opt.command = &commands[i];
	}
	if (!opt.command) {
		fail(argv[1], "unknown command");
		fprintf(stderr, "Try 'disgrafs --help'.\n");
		return 2;
	}
	/* One for each level of a tree that is walked. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	ret = parse(&opt, argc - 1, argv + 1);
	if (ret < 0)
		ret = opt.command->run(&opt, argc - 1 - optind, argv + 1 + optind);
	if (fflush(stdout) || ferror(stdout))
		ret = fail(NULL, "cannot write: %s", strerror(errno));
	return ret;
}
