/* SPDX-License-Identifier: GPL-2.0 */
/* Which mount points a connection has, as this process sees them. */
#ifndef EXTFUSECTL_MOUNTS_H
#define EXTFUSECTL_MOUNTS_H

#include <stdint.h>
#include <stdio.h>

struct mount {
	uint32_t dev_major, dev_minor;
	char *mount_point;
};

struct mounts {
	struct mount *table;
	unsigned int nr;
};

/* All mounts of /proc/self/mountinfo, or of any stream of that form. */
struct mounts mounts_read(FILE *mountinfo);
struct mounts mounts_of_self(void);
void mounts_free(struct mounts *mounts);

/*
 * The first mount of the device after @after (NULL: from the start), NULL when
 * there are no more. Bind mounts make several of one connection.
 */
const struct mount *mounts_next(const struct mounts *mounts, uint32_t dev_major,
				uint32_t dev_minor, const struct mount *after);

#endif
