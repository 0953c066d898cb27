/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking into files that were written, and recording what is found. A thread of its
 * own goes through what the index says is to be looked at; nobody ever waits for it.
 */
#ifndef DISGRAFSD_EXTRACT_H
#define DISGRAFSD_EXTRACT_H

#include "disgrafsd.h"

/* After tagging_start(). If files are not to be looked into, all facts are dropped. */
void extract_start(struct disgrafsd *fs);
/* Before tagging_stop(). */
void extract_stop(void);
/* There may be more to look at. At any time, by any thread. */
void extract_wake(void);

#endif
