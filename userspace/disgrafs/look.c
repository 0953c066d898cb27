// SPDX-License-Identifier: GPL-2.0
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What there is none of, or may not be seen, is found out all the same. */
static void look_at_xattrs(const char *path, char *list, char *value)
{
	ssize_t len = llistxattr(path, list, (LOOK_BUFFER - LOOK_DATA));
	const char *name;

	for (name = list; len > 0 && name < list + len; name += strlen(name) + 1)
		lgetxattr(path, name, value, LOOK_DATA);
}

static int64_t read_data(const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == EPERM)
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, LOOK_DATA);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

/*
 * The first open of a file may change where its attributes are from, so these are asked
 * for afterwards.
 */
int64_t look_at(const char *path, char *buffer)
{
	int64_t ret = 0;
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return readlink(path, buffer, PATH_MAX) < 0 ? -errno : 0;
	if (S_ISREG(st.st_mode))
		ret = read_data(path, buffer);
	if (ret < 0)
		return ret;
	look_at_xattrs(path, buffer + LOOK_DATA, buffer);
	return lstat(path, &st) < 0 ? -errno : ret;
}
