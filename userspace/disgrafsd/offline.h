/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was changed in LOWER while it was not served: looked for when a daemon starts,
 * so that the index can be made anew if there is something.
 */
#ifndef DISGRAFSD_OFFLINE_H
#define DISGRAFSD_OFFLINE_H

struct disgrafsd;

/* Once changes from now on are noticed. */
void offline_start(struct disgrafsd *fs);
/* While they still are. */
void offline_stop(struct disgrafsd *fs);

#endif
