// SPDX-License-Identifier: GPL-2.0
/*
 * ops DIRECTORY [CALLS [OPERATION...]]: the cost of single calls on files in DIRECTORY,
 * which must be writable and is left as it was. One line per operation:
 *
 *	OPERATION<TAB>MEDIAN<TAB>MEAN<TAB>99TH PERCENTILE
 *
 * in nanoseconds of CLOCK_MONOTONIC. In a guest whose clock counts instructions
 * (selftests/vm/run --icount) a nanosecond is an instruction, and the cost of
 * reading the clock, which is subtracted, is the same every time.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NR_FILES 64
#define NR_BIG 4
#define BIG_SIZE (1 << 20)
#define NR_ENTRIES 100		/* of the directory that is listed */

static char paths[NR_FILES][512], absent[NR_FILES][512], links[NR_FILES][512];
static char big_paths[NR_BIG][512], entries[NR_ENTRIES][512], list_path[512];
static int fds[NR_FILES], big[NR_BIG], null_fd;
static char buf[4096], big_buf[BIG_SIZE];

static void die(const char *what, const char *path)
{
	fprintf(stderr, "ops: %s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

/* Each returns 0 if the call did what it should. */

static int op_nothing(int i)
{
	(void)i;
	return 0;
}

static int op_stat(int i)
{
	struct stat st;

	return stat(paths[i], &st);
}

static int op_stat_absent(int i)
{
	struct stat st;

	return stat(absent[i], &st) == -1 && errno == ENOENT ? 0 : -1;
}

static int op_access(int i)
{
	return access(paths[i], R_OK);
}

static int op_getxattr(int i)
{
	return getxattr(paths[i], "user.present", buf, sizeof(buf)) == 5 ? 0 : -1;
}

static int op_getxattr_absent(int i)
{
	return getxattr(paths[i], "user.absent", buf, sizeof(buf)) == -1 && errno == ENODATA ?
		0 : -1;
}

static int op_listxattr(int i)
{
	return listxattr(paths[i], buf, sizeof(buf)) > 0 ? 0 : -1;
}

static int op_readlink(int i)
{
	return readlink(links[i], buf, sizeof(buf)) > 0 ? 0 : -1;
}

static int op_open_close(int i)
{
	int fd = open(paths[i], O_RDONLY);

	return fd < 0 ? -1 : close(fd);
}

static int op_pread(int i)
{
	return pread(fds[i], buf, sizeof(buf), 0) == sizeof(buf) ? 0 : -1;
}

static int op_pwrite(int i)
{
	return pwrite(fds[i], buf, sizeof(buf), 0) == sizeof(buf) ? 0 : -1;
}

static int op_fstat_after_write(int i)
{
	struct stat st;

	return fstat(fds[i], &st);
}

static int op_statfs(int i)
{
	struct statvfs st;

	return statvfs(paths[i], &st);
}

/* Lists the directory, and looks at each entry if @with_stat. */
static int list(bool with_stat)
{
	DIR *dir = opendir(list_path);
	struct dirent *d;
	struct stat st;
	int n = 0;

	if (!dir)
		return -1;
	while ((d = readdir(dir))) {
		if (with_stat && fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			break;
		n++;
	}
	closedir(dir);
	return n == NR_ENTRIES + 2 ? 0 : -1;
}

static int op_readdir(int i)
{
	(void)i;
	return list(false);
}

static int op_readdir_stat(int i)
{
	(void)i;
	return list(true);
}

static int op_pread_big(int i)
{
	return pread(big[i % NR_BIG], big_buf, BIG_SIZE, 0) == BIG_SIZE ? 0 : -1;
}

static int op_pwrite_big(int i)
{
	return pwrite(big[i % NR_BIG], big_buf, BIG_SIZE, 0) == BIG_SIZE ? 0 : -1;
}

static int op_sendfile(int i)
{
	off_t at = 0;

	while (at < BIG_SIZE) {
		if (sendfile(null_fd, big[i % NR_BIG], &at, BIG_SIZE - at) <= 0)
			return -1;
	}
	return 0;
}

static int op_mmap_fault(int i)
{
	volatile char *page = mmap(NULL, sizeof(buf), PROT_READ, MAP_PRIVATE, fds[i], 0);
	char byte;

	if (page == MAP_FAILED)
		return -1;
	byte = *page;
	(void)byte;
	return munmap((void *)page, sizeof(buf));
}

static int op_copy_file_range(int i)
{
	off_t from = 0, to = 0;
	const ssize_t len = 64 << 10;

	return copy_file_range(big[i % NR_BIG], &from, big[(i + 1) % NR_BIG], &to, len, 0) == len ?
		0 : -1;
}

static int op_fsync(int i)
{
	return fsync(fds[i]);
}

static int op_create(int i)
{
	int fd = open(absent[i], O_WRONLY | O_CREAT | O_EXCL, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int op_unlink(int i)
{
	return unlink(absent[i]);
}

static int op_mkdir(int i)
{
	return mkdir(absent[i], 0755);
}

static int op_rmdir(int i)
{
	return rmdir(absent[i]);
}

static int op_rename(int i)
{
	return rename(absent[i], links[i]);
}

static int no_file(int i)
{
	return unlink(absent[i]) && errno != ENOENT ? -1 : 0;
}

static int no_dir(int i)
{
	return rmdir(absent[i]) && errno != ENOENT ? -1 : 0;
}

static int new_file(int i)
{
	return no_file(i) ?: op_create(i);
}

static int new_dir(int i)
{
	return no_dir(i) ?: op_mkdir(i);
}

/* What rename() replaced is a symbolic link again. */
static int link_again(int i)
{
	if (unlink(links[i]) || symlink(paths[i], links[i]))
		return -1;
	return new_file(i);
}

static int op_chmod(int i)
{
	static mode_t mode;

	mode ^= 0111;
	return chmod(paths[i], 0644 | mode);
}

static int op_truncate(int i)
{
	static off_t size = sizeof(buf);

	size ^= 1;
	return truncate(paths[i], size);
}

static const struct {
	const char *name;
	int (*call)(int i);
	int (*before)(int i);	/* not measured */
	int fewer;		/* one of so many calls, where they cost much */
} ops[] = {
	{ "stat", op_stat, NULL, 1 },
	{ "stat-absent", op_stat_absent, NULL, 1 },
	{ "access", op_access, NULL, 1 },
	{ "getxattr", op_getxattr, NULL, 1 },
	{ "getxattr-absent", op_getxattr_absent, NULL, 1 },
	{ "listxattr", op_listxattr, NULL, 1 },
	{ "readlink", op_readlink, NULL, 1 },
	{ "open-close", op_open_close, NULL, 1 },
	{ "pread-4k", op_pread, NULL, 1 },
	{ "pwrite-4k", op_pwrite, NULL, 1 },
	{ "fstat-after-write", op_fstat_after_write, op_pwrite, 1 },
	{ "statfs", op_statfs, NULL, 1 },
	{ "readdir-100", op_readdir, NULL, 8 },
	{ "readdir-stat-100", op_readdir_stat, NULL, 8 },
	{ "pread-1m", op_pread_big, NULL, 8 },
	{ "pwrite-1m", op_pwrite_big, NULL, 8 },
	{ "sendfile-1m", op_sendfile, NULL, 8 },
	{ "mmap-fault", op_mmap_fault, NULL, 1 },
	{ "copy-64k", op_copy_file_range, NULL, 8 },
	{ "fsync", op_fsync, op_pwrite, 8 },
	{ "create-close", op_create, no_file, 1 },
	{ "rename", op_rename, link_again, 1 },
	{ "unlink", op_unlink, new_file, 1 },
	{ "mkdir", op_mkdir, no_dir, 1 },
	{ "rmdir", op_rmdir, new_dir, 1 },
	{ "chmod", op_chmod, NULL, 1 },
	{ "truncate", op_truncate, NULL, 1 },
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Keeps a sampling profiler from meeting every call at the same point. */
static void wander(void)
{
	static uint32_t state = 1;
	volatile uint32_t n;

	state = state * 1664525 + 1013904223;
	for (n = state >> 20; n; n--)
		;
}

struct cost {
	uint64_t median, mean, p99;
};

/* Of @calls calls, of those of @name's. */
static struct cost measure(int (*call)(int), int (*before)(int), int calls, int warm_up,
			   const char *name)
{
	uint64_t *t = calloc(calls, sizeof(*t)), start, sum = 0;
	struct cost cost;
	int i;

	if (!t)
		die("calloc", name);
	/* twice round to warm up: the caches under test learn from the first calls */
	for (i = -warm_up; i < calls; i++) {
		int file = (i + warm_up) % NR_FILES;

		if (before && before(file))
			die(name, paths[file]);
		wander();
		start = now();
		if (call(file))
			die(name, paths[file]);
		if (i >= 0)
			sum += t[i] = now() - start;
	}
	qsort(t, calls, sizeof(*t), by_value);
	cost = (struct cost){ t[calls / 2], sum / calls, t[calls * 99 / 100] };
	free(t);
	return cost;
}

static void prepare(const char *dir)
{
	char block[4096];
	int i;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < NR_FILES; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/file-%02d", dir, i);
		snprintf(absent[i], sizeof(absent[i]), "%s/absent-%02d", dir, i);
		snprintf(links[i], sizeof(links[i]), "%s/link-%02d", dir, i);
		fds[i] = open(paths[i], O_RDWR | O_CREAT | O_TRUNC, 0644);
		if (fds[i] < 0 || write(fds[i], block, sizeof(block)) != sizeof(block))
			die("create", paths[i]);
		if (setxattr(paths[i], "user.present", "value", 5, 0))
			die("setxattr", paths[i]);
		if (symlink(paths[i], links[i]))
			die("symlink", links[i]);
	}
	for (i = 0; i < NR_BIG; i++) {
		snprintf(big_paths[i], sizeof(big_paths[i]), "%s/big-%d", dir, i);
		big[i] = open(big_paths[i], O_RDWR | O_CREAT | O_TRUNC, 0644);
		if (big[i] < 0 || write(big[i], big_buf, BIG_SIZE) != BIG_SIZE)
			die("create", big_paths[i]);
	}
	snprintf(list_path, sizeof(list_path), "%s/list", dir);
	if (mkdir(list_path, 0755))
		die("mkdir", list_path);
	for (i = 0; i < NR_ENTRIES; i++) {
		snprintf(entries[i], sizeof(entries[i]), "%s/list/entry-%03d", dir, i);
		if (mknod(entries[i], S_IFREG | 0644, 0))
			die("mknod", entries[i]);
	}
	null_fd = open("/dev/null", O_WRONLY);
	if (null_fd < 0)
		die("open", "/dev/null");
	/* blocks that are still to be allocated would keep attributes in motion */
	sync();
}

static void clean_up(void)
{
	int i;

	for (i = 0; i < NR_FILES; i++) {
		close(fds[i]);
		unlink(paths[i]);
		unlink(links[i]);
		if (unlink(absent[i]))
			rmdir(absent[i]);
	}
	for (i = 0; i < NR_BIG; i++) {
		close(big[i]);
		unlink(big_paths[i]);
	}
	for (i = 0; i < NR_ENTRIES; i++)
		unlink(entries[i]);
	rmdir(list_path);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 3; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
	}
	return argc <= 3;
}

int main(int argc, char **argv)
{
	int calls = argc > 2 ? atoi(argv[2]) : 1000;
	struct cost clock, cost;
	int fewer;
	size_t i;

	if (argc < 2 || calls < 1) {
		fprintf(stderr, "usage: ops DIRECTORY [CALLS [OPERATION...]]\n");
		return 2;
	}
	prepare(argv[1]);
	clock = measure(op_nothing, NULL, calls, 2 * NR_FILES, "clock");
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!is_wanted(ops[i].name, argc, argv))
			continue;
		fewer = ops[i].fewer;
		cost = measure(ops[i].call, ops[i].before, calls / fewer ?: 1,
			       2 * NR_FILES / fewer, ops[i].name);
		printf("%s\t%lld\t%lld\t%lld\n", ops[i].name,
		       (long long)(cost.median - clock.median),
		       (long long)(cost.mean - clock.median),
		       (long long)(cost.p99 - clock.median));
	}
	clean_up();
	return 0;
}
