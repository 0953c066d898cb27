// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever looks may be root, and whoever owns the directories on the way may put a symbolic
 * link or a device in the place of anything: the file is found once, below the root, and
 * opened only after it is known to be a regular one.
 */
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"

/* What there is none of, or may not be seen, is found out all the same. */
static void look_at_xattrs(const char *path, char *list, char *value)
{
	ssize_t len = listxattr(path, list, (LOOK_BUFFER - LOOK_DATA));
	const char *name;

	for (name = list; len > 0 && name < list + len; name += strlen(name) + 1)
		getxattr(path, name, value, LOOK_DATA);
}

static int64_t read_data(const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == EPERM)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, LOOK_DATA);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

/* @file: an O_PATH descriptor. */
static int64_t look_at_file(int file, char *buffer)
{
	int64_t ret = 0;
	struct stat st;
	char path[32];

	if (fstat(file, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return readlinkat(file, "", buffer, PATH_MAX) < 0 ? -errno : 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (S_ISREG(st.st_mode))
		ret = read_data(path, buffer);
	if (ret >= 0)
		look_at_xattrs(path, buffer + LOOK_DATA, buffer);
	return ret;
}

/*
 * The first open of a file may change where its attributes are from, so these are asked
 * for afterwards, by its name.
 */
int64_t look_at(int root, const char *path, char *buffer)
{
	int file = open_beneath(root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	struct stat st;
	int64_t ret;

	if (file < 0)
		return -errno;
	ret = look_at_file(file, buffer);
	close(file);
	return ret >= 0 && stat_beneath(root, path, &st) < 0 ? -errno : ret;
}
