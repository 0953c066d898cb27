/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Has the kernel, and with it the policy, forget what it knows of files, because others
 * changed them. The kernel may wait for an answer of ours meanwhile: only for threads that
 * serve no requests, and with no lock held.
 */
#ifndef DISGRAFSD_INVALIDATE_H
#define DISGRAFSD_INVALIDATE_H

#include <pthread.h>

#include "disgrafsd.h"

/* @data: its contents as well. */
void invalidate_file(struct disgrafsd *fs, const struct stat *st, bool data);
/* @name in @dir, and the attributes of @dir. */
void invalidate_name(struct disgrafsd *fs, const struct stat *dir, const char *name);
void invalidate_all(struct disgrafsd *fs);
/* As soon as @fs is mounted, and before anybody can have unmounted it. */
void invalidate_start(const struct disgrafsd *fs);
/* Waits for a thread that was told to end; aborts the connection if it hangs in the above. */
void invalidate_stop(struct disgrafsd *fs, pthread_t thread);

#endif
