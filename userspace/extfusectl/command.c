// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include <getopt.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "text.h"
#include "ttl.h"

#define PROGRAM "extfusectl"

/* What getopt_long() returns for options without a letter. */
#define LETTERS 256

static const struct option long_options[] = {
	{ "conn", required_argument, NULL, LETTERS + OPTION_CONN },
	{ "count", required_argument, NULL, LETTERS + OPTION_COUNT },
	{ "help", no_argument, NULL, 'h' },
	{ "interval", required_argument, NULL, LETTERS + OPTION_INTERVAL },
	{ "json", no_argument, NULL, LETTERS + OPTION_JSON },
	{ "latency", no_argument, NULL, LETTERS + OPTION_LATENCY },
	{ "once", no_argument, NULL, LETTERS + OPTION_ONCE },
	{ "replace", no_argument, NULL, LETTERS + OPTION_REPLACE },
	{ "ttl", required_argument, NULL, LETTERS + OPTION_TTL },
	{ "verbose", no_argument, NULL, LETTERS + OPTION_VERBOSE },
	{}
};

__attribute__((format(printf, 2, 3)))
static int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, PROGRAM ": %s%s", command ?: "", command ? ": " : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see " PROGRAM "%s%s --help\n", command ? " " : "", command ?: "");
	return EXIT_USAGE;
}

int command_misused(const struct request *request, const char *sentence)
{
	return usage_error(request->command->name, "%s", sentence);
}

int complain(const struct request *request, const char *sentence)
{
	char *arg = request->args[0] ? text_for_sentence(request->args[0]) : NULL;
	char *text = text_for_sentence(sentence);

	fprintf(stderr, PROGRAM ": %s%s%s", request->command->name, arg ? " " : "", arg ?: "");
	if (request->conn)
		fprintf(stderr, " --conn %llu", (unsigned long long)request->conn);
	fprintf(stderr, ": %s\n", text);
	free(arg);
	free(text);
	return EXIT_FAILED;
}

static void print_synopsis(const struct command *command)
{
	printf("%s%s%s\n", command->name, *command->synopsis ? " " : "", command->synopsis);
}

/* All commands, or with @group only those of two words that begin with it. */
static int print_commands(const char *group)
{
	const struct command *command;
	size_t len = group ? strlen(group) : 0;

	printf("Usage: " PROGRAM " %s%sCOMMAND [ARGUMENT...]\n\nCommands:\n", group ?: "",
	       group ? " " : "");
	for (command = commands; command->name; command++) {
		if (group && (strncmp(command->name, group, len) || command->name[len] != ' '))
			continue;
		fputs("  ", stdout);
		print_synopsis(command);
	}
	printf("\nSee " PROGRAM " COMMAND --help for each, and " PROGRAM "(8).\n");
	return 0;
}

static int print_help(const struct command *command)
{
	printf("Usage: " PROGRAM " ");
	print_synopsis(command);
	printf("\n%s", command->help);
	return 0;
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

static bool is_group(const char *word)
{
	const struct command *command;
	size_t len = strlen(word);

	for (command = commands; command->name; command++)
		if (!strncmp(command->name, word, len) && command->name[len] == ' ')
			return true;
	return false;
}

/* Finds the command of one or two words at @argv; @words receives how many. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	const struct command *command;
	const char *space;
	size_t len;

	for (command = commands; command->name; command++) {
		space = strchr(command->name, ' ');
		if (!space && !strcmp(argv[0], command->name)) {
			*words = 1;
			return command;
		}
		if (!space || argc < 2)
			continue;
		len = space - command->name;
		if (strlen(argv[0]) == len && !strncmp(argv[0], command->name, len) &&
		    !strcmp(argv[1], space + 1)) {
			*words = 2;
			return command;
		}
	}
	return NULL;
}

static int no_command(int argc, char **argv)
{
	char *word;

	if (!is_group(argv[0])) {
		word = text_for_sentence(argv[0]);
		usage_error(NULL, "unknown %s %s", *word == '-' ? "option" : "command", word);
		free(word);
		return EXIT_USAGE;
	}
	if (argc < 2)
		return usage_error(argv[0], "a command is missing");
	if (is_help(argv[1]))
		return print_commands(argv[0]);
	word = text_for_sentence(argv[1]);
	usage_error(argv[0], "unknown command %s", word);
	free(word);
	return EXIT_USAGE;
}

static int unknown_option(const struct command *command, char **argv)
{
	char *text;

	/* A letter may be one of several in its argument. */
	if (optopt > 0 && optopt < LETTERS)
		return usage_error(command->name, "unknown option -%c", optopt);
	text = text_for_sentence(argv[optind - 1]);
	usage_error(command->name, "unknown option %s", text);
	free(text);
	return EXIT_USAGE;
}

/* A number from 1 to @max; 0 if it is none. */
static uint64_t number_parse(const char *s, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(s, &end, 10);
	return *s < '0' || *s > '9' || *end || errno || n > max ? 0 : n;
}

/* Returns as command_parse(). */
static int take_value(unsigned int bit, struct request *request)
{
	const char *name = request->command->name;

	if (bit == OPTION_TTL && !ttl_parse(optarg, &request->ttl_ms))
		return usage_error(name,
				   "--ttl takes seconds from 0 to 4294967.295, such as 1 or 0.5");
	if (bit == OPTION_INTERVAL &&
	    (!ttl_parse(optarg, &request->interval_ms) || !request->interval_ms ||
	     request->interval_ms > INT32_MAX))
		return usage_error(name, "--interval takes seconds, such as 2 or 0.5");
	if (bit == OPTION_COUNT)
		request->count = number_parse(optarg, UINT32_MAX);
	if (bit == OPTION_COUNT && !request->count)
		return usage_error(name, "--count takes a number from 1 up");
	if (bit == OPTION_CONN)
		request->conn = number_parse(optarg, UINT64_MAX);
	if (bit == OPTION_CONN && !request->conn)
		return usage_error(name, "--conn takes a connection id, a number from 1 up");
	if (bit == OPTION_ONCE)
		request->count = 1;
	request->options |= bit;
	return -1;
}

/* Returns as command_parse(). @c is what getopt_long() returned. */
static int take_option(int c, int long_index, char **argv, struct request *request)
{
	const struct command *command = request->command;
	unsigned int bit;

	if (c == 'h')
		return print_help(command);
	if (c == ':')
		return usage_error(command->name, "option %s needs a value", argv[optind - 1]);
	if (c == 'n' && !(command->options & OPTION_COUNT))
		return usage_error(command->name, "option -n does not apply");
	if (c == 'n')
		return take_value(OPTION_COUNT, request);
	if (c < LETTERS)
		return unknown_option(command, argv);
	bit = c - LETTERS;
	if (!(command->options & bit))
		return usage_error(command->name, "option --%s does not apply",
				   long_options[long_index].name);
	return take_value(bit, request);
}

/* @argv[0] is the last word of the command's name. */
static int parse_rest(int argc, char **argv, struct request *request)
{
	const struct command *command = request->command;
	int c, status, long_index;

	/* 0 has glibc start afresh, as the unit tests need. */
	optind = 0;
	opterr = 0;
	for (;;) {
		long_index = -1;
		c = getopt_long(argc, argv, ":hn:", long_options, &long_index);
		if (c < 0)
			break;
		status = take_option(c, long_index, argv, request);
		if (status >= 0)
			return status;
	}

	/* A place that is taken. */
	request->nr_args = request->conn ? 1 : 0;
	if (request->nr_args + (argc - optind) < command->min_args)
		return usage_error(command->name, "an argument is missing");
	if (request->nr_args + (argc - optind) > command->max_args)
		return usage_error(command->name, "too many arguments");
	while (optind < argc)
		request->args[request->nr_args++] = argv[optind++];
	return -1;
}

int command_parse(int argc, char **argv, struct request *request)
{
	int words;

	*request = (struct request){};
	if (argc < 2)
		return usage_error(NULL, "a command is missing");
	if (is_help(argv[1]))
		return print_commands(NULL);
	request->command = find_command(argc - 1, argv + 1, &words);
	if (!request->command)
		return no_command(argc - 1, argv + 1);
	return parse_rest(argc - words, argv + words, request);
}
