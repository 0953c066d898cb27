/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a loaded policy stays: files in a bpf file system. */
#ifndef LIBEXTFUSE_PIN_H
#define LIBEXTFUSE_PIN_H

#include <limits.h>

#include "internal.h"

/*
 * Fails if EXTFUSE_PIN_DIR is there, and another user than this or root can write to
 * it. To be called before anything in it is used or removed.
 */
int pin_check(struct extfuse *ef);
/* Makes sure that there is a bpf file system, and EXTFUSE_PIN_DIR in it, and checks that. */
int pin_prepare(struct extfuse *ef);
void pin_link_path(char path[PATH_MAX], const char *policy);
void pin_map_path(char path[PATH_MAX], const char *policy, const char *map);
/* Directory for the maps of @policy, which must not be registered: a left-over one is emptied. */
int pin_make_maps(struct extfuse *ef, const char *policy);
/* Removes the directory of maps with all in it. True if it was there. */
bool pin_remove_maps(const char *policy);
/*
 * Calls @cb for every file right in EXTFUSE_PIN_DIR until it returns nonzero,
 * and returns that.
 */
int pin_for_each(int (*cb)(const char *path, const char *file, void *arg), void *arg);

#endif
