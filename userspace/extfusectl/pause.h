/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting, in commands that go on until they are told to end. */
#ifndef EXTFUSECTL_PAUSE_H
#define EXTFUSECTL_PAUSE_H

enum pause {
	PAUSE_OVER,		/* the time is */
	PAUSE_READABLE,		/* the descriptor is */
	PAUSE_END,		/* SIGINT, SIGTERM, or nobody reads standard output any more */
};

/* From now on SIGINT and SIGTERM do no more than end a pause. */
void pause_start(void);

/* @fd may be -1; @ms too, for no limit. */
enum pause pause_for(int fd, int ms);

#endif
