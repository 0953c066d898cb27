/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A path that somebody wrote into an attribute, a name or the index must not lead out of
 * the tree: into a file that is another's, or into the mount itself, where the server
 * would wait for its own answer.
 */
#ifndef DISGRAFS_BENEATH_H
#define DISGRAFS_BENEATH_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * An O_PATH descriptor of the file at @path below @root, or -1 with errno. @resolve: what is
 * not followed, RESOLVE_... of openat2(2), besides what leads out. @flags: O_NOFOLLOW.
 */
static inline int open_beneath(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | resolve,
	};

	return syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* What is there, symbolic links not followed. 0, or -1 with errno. */
static inline int stat_beneath(int root, const char *path, struct stat *st)
{
	int fd = open_beneath(root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS), ret;

	if (fd < 0)
		return -1;
	ret = fstat(fd, st);
	close(fd);
	return ret;
}

#endif
