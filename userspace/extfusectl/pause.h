/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting, in commands that go on until they are told to end. */
#ifndef EXTFUSECTL_PAUSE_H
#define EXTFUSECTL_PAUSE_H

#include <stdio.h>

enum pause {
	PAUSE_OVER,		/* the time is */
	PAUSE_READABLE,		/* the descriptor is */
	PAUSE_END,		/* nobody reads standard output any more */
};

/*
 * From now on SIGINT and SIGTERM end the program with status 0, whatever it is at, and to
 * write what nobody reads any more is an error of the stream and no signal.
 */
void pause_start(void);

/* @fd may be -1; @ms too, for no limit. */
enum pause pause_for(int fd, int ms);

/* That nobody reads any more is the end, and no failure: forgets such an error of @out. */
void pause_end(FILE *out);

#endif
