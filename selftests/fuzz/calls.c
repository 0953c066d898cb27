// SPDX-License-Identifier: GPL-2.0
/*
 * calls SEED DIRECTORY: random system calls on a few names in DIRECTORY, which
 * becomes the root, until SIGTERM. What they return is of no interest: the mount
 * may lie. Prints "ready" when it may be told to end, and how many calls there were.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static sigjmp_buf fault;
static char buf[70000];

static unsigned int below(unsigned int n)
{
	return random() % n;
}

static const char *name(void)
{
	static char names[4][32];
	static unsigned int next;
	char *s = names[next++ % 4];

	if (below(4))
		sprintf(s, "/d%u/%c", below(3), 'a' + below(6));
	else if (below(2))
		sprintf(s, "/d%u", below(3));
	else
		sprintf(s, "/%c", 'a' + below(6));
	return s;
}

static const char *xattr(void)
{
	static const char *const names[] = { "user.a", "user.b", "trusted.a" };

	return names[below(3)];
}

/* Calls that take a name. */

static void look(void)
{
	struct statx st;

	statx(AT_FDCWD, name(), below(2) ? AT_SYMLINK_NOFOLLOW : 0,
	      below(2) ? STATX_BTIME | STATX_BASIC_STATS : STATX_BASIC_STATS, &st);
	if (below(4))
		return;
	access(name(), below(8));
	readlink(name(), buf, below(300));
}

static void look_at_xattrs(void)
{
	getxattr(name(), xattr(), buf, below(2) ? 0 : below(5000));
	listxattr(name(), buf, below(2) ? 0 : below(5000));
	lgetxattr(name(), xattr(), buf, sizeof(buf));
}

static void change_xattrs(void)
{
	setxattr(name(), xattr(), buf, below(200), 0);
	if (below(2))
		removexattr(name(), xattr());
}

static void change_attributes(void)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = below(100000) } };

	switch (below(4)) {
	case 0:
		chmod(name(), below(010000));
		break;
	case 1:
		lchown(name(), below(3), below(3));
		break;
	case 2:
		utimensat(AT_FDCWD, name(), times, AT_SYMLINK_NOFOLLOW);
		break;
	default:
		truncate(name(), below(70000));
	}
}

static void make(void)
{
	switch (below(5)) {
	case 0:
	case 1:
		mkdir(name(), 0755);
		break;
	case 2:
		mknod(name(), S_IFIFO | 0644, 0);
		break;
	case 3:
		symlink(name(), name());
		break;
	default:
		link(name(), name());
	}
}

static void unmake(void)
{
	if (below(3))
		unlink(name());
	else
		rmdir(name());
}

static void move(void)
{
	static const unsigned int flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };

	renameat2(AT_FDCWD, name(), AT_FDCWD, name(), flags[below(4)]);
}

static void look_at_fs(void)
{
	struct statvfs fs;

	statvfs(name(), &fs);
}

/* A listing may have no end. */
static void list(void)
{
	DIR *dir = opendir(below(3) ? "/d0" : "/");
	struct dirent *d;
	unsigned int i;

	if (!dir)
		return;
	for (i = 0; i < 40; i++) {
		d = readdir(dir);
		if (!d)
			break;
		if (!below(8))
			seekdir(dir, below(2) ? d->d_off : random());
	}
	if (!below(4))
		fsync(dirfd(dir));
	closedir(dir);
}

/* Calls on what is open. */

static void read_or_write(int fd)
{
	off_t at = below(80000);

	switch (below(4)) {
	case 0:
		(void)!pwrite(fd, buf, below(20000), at);
		break;
	case 1:
		(void)!write(fd, buf, below(100));
		break;
	default:
		(void)!pread(fd, buf, below(sizeof(buf)), at);
	}
}

static void map(int fd)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, below(2) ? MAP_SHARED : MAP_PRIVATE,
		       fd, 0);

	if (p == MAP_FAILED)
		return;
	/* there may be no such page of the file */
	if (!sigsetjmp(fault, 1)) {
		p[below(8192)]++;
		if (below(2))
			msync(p, 8192, MS_SYNC);
	}
	munmap(p, 8192);
}

static void lock(int fd)
{
	struct flock lk = { .l_type = below(3), .l_start = below(100), .l_len = below(100) };

	fcntl(fd, below(2) ? F_GETLK : F_SETLK, &lk);
	flock(fd, LOCK_NB | (below(2) ? LOCK_SH : LOCK_EX));
}

static void copy(int fd)
{
	int to = open(name(), O_WRONLY | O_CREAT | O_NONBLOCK, 0644);

	if (to < 0)
		return;
	if (below(2))
		copy_file_range(fd, NULL, to, NULL, below(30000), 0);
	else
		sendfile(to, fd, NULL, below(30000));
	close(to);
}

static void rest(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct stat st;
	int arg = 0;

	switch (below(8)) {
	case 0:
		fsync(fd);
		break;
	case 1:
		fallocate(fd, below(2) ? FALLOC_FL_KEEP_SIZE : 0, below(50000), 1 + below(50000));
		break;
	case 2:
		lseek(fd, below(70000), below(2) ? SEEK_DATA : SEEK_HOLE);
		break;
	case 3:
		poll(&p, 1, 0);
		break;
	case 4:
		ioctl(fd, _IOWR('z', below(256), int), &arg);
		break;
	case 5:
		ftruncate(fd, below(70000));
		break;
	case 6:
		fchmod(fd, 0644);
		break;
	default:
		fstat(fd, &st);
	}
}

static void use(void)
{
	static const int flags[] = {
		O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT, O_RDWR | O_TRUNC,
		O_WRONLY | O_APPEND, O_RDWR | O_DIRECT, O_RDWR | O_CREAT | O_EXCL,
	};
	static void (*const calls[])(int) = { read_or_write, read_or_write, map, lock, copy, rest };
	unsigned int n = below(4);
	int fd;

	if (below(12))
		fd = open(name(), flags[below(8)] | O_NONBLOCK | O_CLOEXEC, 0644);
	else
		fd = open("/d0", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return;
	while (n--)
		calls[below(sizeof(calls) / sizeof(*calls))](fd);
	close(fd);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(fault, 1);
}

int main(int argc, char **argv)
{
	static void (*const calls[])(void) = {
		look, look, look, look_at_xattrs, change_xattrs, change_attributes, make, unmake,
		move, look_at_fs, list, list, use, use, use, use,
	};
	struct sigaction term = { .sa_handler = on_term }, bus = { .sa_handler = on_bus };
	unsigned int tries = 0;
	unsigned long n;

	if (argc != 3)
		return 2;
	srandom(atoi(argv[1]));
	umask(0);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGBUS, &bus, NULL);
	puts("ready");
	fflush(stdout);
	/* it may lie about its root, too */
	while (!stop && (chroot(argv[2]) || chdir("/")))
		if (tries++ > 1000)
			err(1, "%s", argv[2]);
	for (n = 0; !stop; n++)
		calls[below(sizeof(calls) / sizeof(*calls))]();
	printf("%lu\n", n);
	return 0;
}
