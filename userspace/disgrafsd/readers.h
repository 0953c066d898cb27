/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors for reading files that were opened without one. Those that were used last
 * stay open, so that what is read in many pieces is opened once.
 */
#ifndef DISGRAFSD_READERS_H
#define DISGRAFSD_READERS_H

#include <stdint.h>

/* How many stay open. */
#define READERS_MAX 64

struct node;

/* A descriptor for reading @node, for reader_put(); -1 with errno. */
int reader_get(const struct node *node);
void reader_put(int fd);
/* Whoever reads the node @id from now on opens it again. */
void reader_drop(uint64_t id);

#endif
