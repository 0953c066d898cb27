/* SPDX-License-Identifier: GPL-2.0 */
/* Background requests that the daemon answers and policies want to hear of. */
#ifndef EXTFUSE_BACKGROUND_H
#define EXTFUSE_BACKGROUND_H

#include "dispatch.h"

void extfuse_background_track(const struct extfuse_ctx *ctx, struct extfuse_chain *chain,
			      unsigned int heard_by, const struct extfuse_walk *walk);
void extfuse_background_refused(struct fuse_args *args, int error);
int extfuse_background_init(void);
void extfuse_background_exit(void);

#endif
