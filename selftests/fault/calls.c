// SPDX-License-Identifier: GPL-2.0
/* System calls on files of a mount. */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "nth.h"

static char *buffer;
static int zero;		/* /dev/zero */
static volatile sig_atomic_t stop;

static int closing(int fd)
{
	if (fd < 0)
		return -1;
	return close(fd);
}

static int op_stat(bool undo)
{
	struct stat st;

	return undo ? 0 : stat("full", &st);
}

static int op_stat_absent(bool undo)
{
	struct stat st;

	if (undo)
		return 0;
	return stat("absent", &st) && errno == ENOENT ? 0 : -1;
}

static int op_stat_cold(bool undo)
{
	int fd;

	if (!undo)
		return op_stat(false);
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	return write(fd, "2", 1) == 1 ? closing(fd) : -1;
}

static int op_open(bool undo)
{
	return undo ? 0 : closing(open("full", O_RDONLY | O_CLOEXEC));
}

static int op_read(bool undo)
{
	int fd, ret;

	if (undo)
		return 0;
	fd = open("full", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	ret = read(fd, buffer, 65536) == 65536 ? 0 : -1;
	return closing(fd) || ret ? -1 : 0;
}

static int op_read_direct(bool undo)
{
	int fd, ret;

	if (undo)
		return 0;
	fd = open("full", O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = read(fd, buffer, 65536) == 65536 ? 0 : -1;
	return closing(fd) || ret ? -1 : 0;
}

static int op_write(bool undo)
{
	int fd, ret;

	if (undo)
		return 0;
	fd = open("written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	ret = pwrite(fd, buffer, 8192, 0) == 8192 ? 0 : -1;
	return closing(fd) || ret ? -1 : 0;
}

static int op_map(bool undo)
{
	int fd, ret;
	char *map;

	if (undo)
		return 0;
	fd = open("full", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	/* by the kernel, for which a fault that fails is an error and no signal */
	ret = read(zero, map, 1) == 1 ? 0 : -1;
	if (msync(map, 4096, MS_SYNC))
		ret = -1;
	munmap(map, 4096);
	return ret;
}

static int op_list(bool undo)
{
	struct dirent *d;
	DIR *stream;
	int ret;

	if (undo)
		return 0;
	stream = opendir(".");
	if (!stream)
		return -1;
	errno = 0;
	while ((d = readdir(stream)))
		;
	ret = errno ? -1 : 0;
	closedir(stream);
	return ret;
}

static int op_readlink(bool undo)
{
	char buf[64];

	return undo || readlink("link", buf, sizeof(buf)) > 0 ? 0 : -1;
}

static int op_getxattr(bool undo)
{
	char buf[64];

	return undo || getxattr("full", "user.test", buf, sizeof(buf)) > 0 ? 0 : -1;
}

static int op_listxattr(bool undo)
{
	char buf[256];

	return undo || listxattr("full", buf, sizeof(buf)) > 0 ? 0 : -1;
}

static int op_setxattr(bool undo)
{
	return undo ? 0 : setxattr("full", "user.test", "other", 5, 0);
}

static int op_create(bool undo)
{
	if (undo)
		return unlink("new");
	return closing(open("new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
}

static int op_mkdir(bool undo)
{
	return undo ? rmdir("new") : mkdir("new", 0700);
}

static int op_symlink(bool undo)
{
	return undo ? unlink("new") : symlink("full", "new");
}

static int op_link_name(bool undo)
{
	return undo ? unlink("new") : link("full", "new");
}

static int op_rename(bool undo)
{
	if (undo) {
		rename("new", "moved");
		return 0;
	}
	return rename("moved", "new");
}

static int op_unlink(bool undo)
{
	if (undo)
		return closing(open("gone", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	return unlink("gone");
}

static int op_chmod(bool undo)
{
	return undo ? 0 : chmod("full", 0640);
}

static int op_truncate(bool undo)
{
	return undo ? 0 : truncate("written", 100);
}

static int op_access(bool undo)
{
	return undo ? 0 : access("full", R_OK);
}

static int op_statfs(bool undo)
{
	struct statfs st;

	return undo ? 0 : statfs(".", &st);
}

static int op_fsync(bool undo)
{
	int fd, ret;

	if (undo)
		return 0;
	fd = open("written", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = fsync(fd);
	return closing(fd) || ret ? -1 : 0;
}

static const struct operation of_looks[] = {
	{ "stat", op_stat },
	{ "stat of an absent name", op_stat_absent },
	{ "open and close", op_open },
	{ "read", op_read },
	{ "list", op_list },
	{ "readlink", op_readlink },
	{ "getxattr", op_getxattr },
	{ "listxattr", op_listxattr },
	{ "access", op_access },
	{ "statfs", op_statfs },
	{}
};

static const struct operation of_rest[] = {
	{ "stat of a forgotten node", op_stat_cold },
	{ "direct read", op_read_direct },
	{ "write", op_write },
	{ "mmap", op_map },
	{ "setxattr", op_setxattr },
	{ "create", op_create },
	{ "mkdir", op_mkdir },
	{ "symlink", op_symlink },
	{ "link", op_link_name },
	{ "rename", op_rename },
	{ "unlink", op_unlink },
	{ "chmod", op_chmod },
	{ "truncate", op_truncate },
	{ "fsync", op_fsync },
	{}
};

/* May have been done before. */
static void prepare(const char *dir)
{
	int fd;

	if (chdir(dir))
		err(1, "%s", dir);
	buffer = aligned_alloc(4096, 65536);
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (!buffer || zero < 0)
		err(1, "/dev/zero");
	memset(buffer, 'x', 65536);
	fd = open("full", O_CREAT | O_RDWR, 0600);
	if (fd < 0 || write(fd, buffer, 65536) != 65536 || close(fd) ||
	    setxattr("full", "user.test", "value", 5, 0) ||
	    (symlink("full", "link") && errno != EEXIST) ||
	    closing(open("moved", O_CREAT | O_RDWR, 0600)) ||
	    closing(open("gone", O_CREAT | O_RDWR, 0600)))
		err(1, "%s", dir);
}

void calls(const char *dir)
{
	prepare(dir);
	try_each(of_looks);
	try_each(of_rest);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

void looks(const char *dir, bool tolerant)
{
	const struct operation *o;

	signal(SIGTERM, on_term);
	prepare(dir);
	while (!stop) {
		for (o = of_looks; o->name; o++)
			if (o->op(false) && !tolerant && !stop)
				err(1, "%s: %s", dir, o->name);
	}
}
