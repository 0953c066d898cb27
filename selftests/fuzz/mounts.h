/* SPDX-License-Identifier: GPL-2.0 */
/* FUSE mounts with a daemon each that answers INIT, and nothing else. */
#ifndef FUZZ_MOUNTS_H
#define FUZZ_MOUNTS_H

#include <sys/types.h>

struct mount {
	char at[64];
	int dev;		/* of /dev/fuse */
	int path;		/* O_PATH */
	uid_t owner;
	unsigned int id;	/* device number as EXTFUSE_A_DEV has it */
};

/* With @serve false even INIT is not answered. */
void mount_begin(struct mount *m, uid_t owner, int serve);
void mount_end(struct mount *m);

#endif
