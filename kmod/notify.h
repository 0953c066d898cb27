/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon's own invalidations. */
#ifndef EXTFUSE_NOTIFY_H
#define EXTFUSE_NOTIFY_H

#include <linux/types.h>

bool extfuse_notify_available(void);
bool extfuse_notify_works(void);
void extfuse_notify_init(void);
void extfuse_notify_exit(void);

#endif
