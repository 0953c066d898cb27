/* SPDX-License-Identifier: GPL-2.0 */
/* Gives files tags by what was found in them, see autotags.h. */
#ifndef DISGRAFSD_AUTOTAG_H
#define DISGRAFSD_AUTOTAG_H

#include "disgrafsd.h"
#include "index.h"

/*
 * After index_found(), and with the file of the job still open. A file that cannot have
 * any goes without.
 */
void autotag(struct disgrafsd *fs, struct tagindex *index, const struct index_job *job);
/*
 * Before tags of the file @fd, open for reading, are read to be changed; commands do so too.
 * flock(2) until it is closed. False: somebody else has had it locked for long.
 */
bool lock_tags(int fd);

#endif
