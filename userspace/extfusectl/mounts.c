// SPDX-License-Identifier: GPL-2.0
/* Which mount points a connection has, as this process sees them. */
#include <stdlib.h>
#include <string.h>

#include "mountinfo.h"
#include "mounts.h"
#include "text.h"

static int add(const struct mountinfo *info, void *arg)
{
	struct mounts *mounts = arg;
	struct mount *mount;

	mounts->table = must(reallocarray(mounts->table, mounts->nr + 1, sizeof(*mount)));
	mount = &mounts->table[mounts->nr++];
	mount->dev_major = info->dev_major;
	mount->dev_minor = info->dev_minor;
	mount->mount_point = must(strdup(info->mount_point));
	return 0;
}

struct mounts mounts_read(FILE *mountinfo)
{
	struct mounts mounts = {};

	mountinfo_for_each(mountinfo, add, &mounts);
	return mounts;
}

/* Without /proc, no mount point is visible; the rest can still be told. */
struct mounts mounts_of_self(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct mounts mounts = {};

	if (f) {
		mounts = mounts_read(f);
		fclose(f);
	}
	return mounts;
}

void mounts_free(struct mounts *mounts)
{
	while (mounts->nr)
		free(mounts->table[--mounts->nr].mount_point);
	free(mounts->table);
	mounts->table = NULL;
}

const struct mount *mounts_next(const struct mounts *mounts, uint32_t dev_major,
				uint32_t dev_minor, const struct mount *after)
{
	unsigned int i;

	for (i = after ? after - mounts->table + 1 : 0; i < mounts->nr; i++)
		if (mounts->table[i].dev_major == dev_major &&
		    mounts->table[i].dev_minor == dev_minor)
			return &mounts->table[i];
	return NULL;
}
