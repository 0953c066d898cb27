/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process that looks into files. It is trusted with nothing: what it says is parsed
 * with care, and if it takes too long, or says too much, it is killed.
 */
#ifndef DISGRAFSD_WORKER_H
#define DISGRAFSD_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "index.h"

struct worker {
	const char *program;
	const char *plugin;	/* what it is to run, see disgrafs-extract, or NULL */
	unsigned int timeout;	/* seconds for a file */
	int stop;		/* an eventfd: whoever waits stops waiting */
	pid_t pid;		/* 0: not running */
	int socket;
};

/* What one file yielded, and maybe of several workers. Begins with zeros. */
struct worker_answer {
	struct index_findings found;
	char *buffer, *text;	/* which all of that points into */
	size_t size;		/* of what is in the buffer: whole lines */
};

/*
 * Starts the process unless it runs, and has it look at @fd, whose name is @name. What it
 * says in time is added to the answer. 0;
 * -ECANCELED: told to stop; -EPIPE: the process ended by itself; or another -errno.
 */
int worker_look(struct worker *worker, int fd, const char *name, struct worker_answer *answer);
/* Makes findings of what was said. 0 or -ENOMEM. */
int worker_parse(struct worker_answer *answer);
void worker_answer_free(struct worker_answer *answer);
/* Kills it, with what it started. */
void worker_end(struct worker *worker);

#endif
