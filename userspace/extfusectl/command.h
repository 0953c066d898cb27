/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef EXTFUSECTL_COMMAND_H
#define EXTFUSECTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses. */
#define EXIT_FAILED 1
#define EXIT_USAGE 2

enum option_bits {
	OPTION_JSON	= 1 << 0,
	OPTION_TTL	= 1 << 1,
	OPTION_REPLACE	= 1 << 2,
	OPTION_VERBOSE	= 1 << 3,
	OPTION_LATENCY	= 1 << 4,
	OPTION_INTERVAL	= 1 << 5,
	OPTION_COUNT	= 1 << 6,
	OPTION_ONCE	= 1 << 7,
	OPTION_CONN	= 1 << 8,
};

struct command;

/* What the user asked for. */
struct request {
	const struct command *command;
	unsigned int options;		/* enum option_bits */
	uint32_t ttl_ms;
	uint32_t interval_ms;
	unsigned int count;		/* 0: no limit */
	uint64_t conn;			/* connection id; 0: none is given */
	unsigned int nr_args;
	char *args[2];			/* with @conn, in the place of MOUNTPOINT NULL */
};

struct command {
	const char *name;		/* one word or two */
	const char *synopsis;		/* what follows the name */
	const char *help;		/* ends in a newline */
	unsigned int options;		/* those it takes */
	unsigned int min_args, max_args;
	int (*run)(const struct request *request);	/* returns an exit status */
};

/* Ends with one that has no name. */
extern const struct command commands[];

/*
 * Takes the command line apart. Returns -1 if @request is to be run, else the
 * exit status: 0 after help, which goes to standard output, EXIT_USAGE after
 * a complaint on standard error.
 */
int command_parse(int argc, char **argv, struct request *request);

/* For what the parser does not know: complains on standard error, returns EXIT_USAGE. */
int command_misused(const struct request *request, const char *sentence);

/*
 * "extfusectl: bind /mnt: SENTENCE" in one line on standard error, for the sentence may
 * have names in it that others chose; returns EXIT_FAILED.
 */
int complain(const struct request *request, const char *sentence);

#endif
