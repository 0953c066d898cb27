/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_LOOK_H
#define DISGRAFS_LOOK_H

#include <stdint.h>

/* Of a file; by then whoever reads on is ahead of by readahead. */
#define LOOK_DATA (1 << 20)
/* Size of a buffer. */
#define LOOK_BUFFER (LOOK_DATA + 65536)

/*
 * Looks at all of the file @path below the directory @root that whoever opens and reads it
 * would, so that the kernel, the policy and the lower file system have it at hand
 * afterwards. Bytes read, or -errno: -ELOOP if a symbolic link is on the way.
 */
int64_t look_at(int root, const char *path, char *buffer);

#endif
