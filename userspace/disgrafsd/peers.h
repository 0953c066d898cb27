/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other daemons that serve the same tree, on other machines: they are told what changes
 * here, and what changes there is dropped from the kernel's caches here. Without an index
 * in PostgreSQL there are none, and all of this does nothing.
 *
 * Telling never waits, and never fails: what cannot be told makes the others drop
 * everything.
 */
#ifndef DISGRAFSD_PEERS_H
#define DISGRAFSD_PEERS_H

#include "disgrafsd.h"

void peers_start(struct disgrafsd *fs);
void peers_stop(struct disgrafsd *fs);

/* The attributes of the file have changed, or @data: also its contents. */
void peers_file(struct disgrafsd *fs, const struct stat *st, bool data);
void peers_node(struct disgrafsd *fs, const struct node *node, bool data);
/* @name in @dir came, went, or is another file. */
void peers_name(struct disgrafsd *fs, const struct stat *dir, const char *name);
void peers_entry(struct disgrafsd *fs, const struct node *dir, const char *name);
/* Nobody knows what has changed. */
void peers_all(struct disgrafsd *fs);

#endif
