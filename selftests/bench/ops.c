// SPDX-License-Identifier: GPL-2.0
/*
 * ops DIRECTORY [CALLS [OPERATION]]: the median cost of single calls on files in DIRECTORY,
 * which must be writable and is left as it was. One line per operation:
 *
 *	OPERATION<TAB>MEDIAN
 *
 * in nanoseconds of CLOCK_MONOTONIC. In a guest whose clock counts instructions
 * (selftests/vm/run --icount) a nanosecond is an instruction, and the cost of
 * reading the clock, which is subtracted, is the same every time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NR_FILES 64

static char paths[NR_FILES][512], absent[NR_FILES][512], links[NR_FILES][512];
static int fds[NR_FILES];
static char buf[4096];

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

static const struct {
	const char *name;
	int (*call)(int i);
	int (*before)(int i);	/* not measured */
} ops[] = {
	{ "stat", op_stat, NULL },
	{ "stat-absent", op_stat_absent, NULL },
	{ "access", op_access, NULL },
	{ "getxattr", op_getxattr, NULL },
	{ "getxattr-absent", op_getxattr_absent, NULL },
	{ "listxattr", op_listxattr, NULL },
	{ "readlink", op_readlink, NULL },
	{ "open-close", op_open_close, NULL },
	{ "pread-4k", op_pread, NULL },
	{ "pwrite-4k", op_pwrite, NULL },
	{ "fstat-after-write", op_fstat_after_write, op_pwrite },
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

static uint64_t median(int (*call)(int), int (*before)(int), int calls, const char *name)
{
	uint64_t *t = calloc(calls, sizeof(*t)), start, m;
	int i;

	if (!t)
		die("calloc", name);
	/* twice round to warm up: the caches under test learn from the first calls */
	for (i = -2 * NR_FILES; i < calls; i++) {
		int file = (i + 2 * NR_FILES) % NR_FILES;

		if (before && before(file))
			die(name, paths[file]);
		wander();
		start = now();
		if (call(file))
			die(name, paths[file]);
		if (i >= 0)
			t[i] = now() - start;
	}
	qsort(t, calls, sizeof(*t), by_value);
	m = t[calls / 2];
	free(t);
	return m;
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
	}
}

int main(int argc, char **argv)
{
	int calls = argc > 2 ? atoi(argv[2]) : 1000;
	uint64_t clock;
	size_t i;

	if (argc < 2 || calls < 1) {
		fprintf(stderr, "usage: ops DIRECTORY [CALLS [OPERATION]]\n");
		return 2;
	}
	prepare(argv[1]);
	clock = median(op_nothing, NULL, calls, "clock");
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (argc > 3 && strcmp(argv[3], ops[i].name))
			continue;
		printf("%s\t%llu\n", ops[i].name, (unsigned long long)
		       (median(ops[i].call, ops[i].before, calls, ops[i].name) - clock));
	}
	clean_up();
	return 0;
}
