// SPDX-License-Identifier: GPL-2.0
/*
 * usage: cost FILE [CALLS]: median nanoseconds of reads and writes of a file of at
 * least 2 MiB that are not served from its page cache, one line each.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_CALLS 1000

static const struct operation {
	const char *name;
	size_t size;
	int flags;
	int write;
} operations[] = {
	{ "pread-4k-direct", 4096, O_DIRECT, 0 },
	{ "pread-4k-uncached", 4096, 0, 0 },
	{ "pwrite-4k", 4096, 0, 1 },
	{ "pwrite-4k-direct", 4096, O_DIRECT, 1 },
	{ "pread-1m-direct", 1 << 20, O_DIRECT, 0 },
	{ "pread-1m-uncached", 1 << 20, 0, 0 },
	{ "pwrite-1m", 1 << 20, 0, 1 },
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t once(const struct operation *op, int fd, char *buf, off_t off)
{
	uint64_t from;
	ssize_t ret;

	/* not in the file's page cache; what is below it keeps its own */
	if (!(op->flags & O_DIRECT) && !op->write)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	from = now();
	ret = op->write ? pwrite(fd, buf, op->size, off) : pread(fd, buf, op->size, off);
	from = now() - from;
	if (ret != (ssize_t)op->size)
		err(1, "%s", op->name);
	return from;
}

static void measure(const struct operation *op, const char *path, unsigned int calls)
{
	static uint64_t costs[MAX_CALLS];
	int fd = open(path, O_RDWR | op->flags);
	unsigned int i;
	char *buf;

	if (fd < 0 || posix_memalign((void **)&buf, 4096, op->size))
		err(1, "%s", path);
	memset(buf, 'x', op->size);
	if (op->size == 4096)
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (i = 0; i < calls; i++)
		costs[i] = once(op, fd, buf, i % 64 * 4096);
	qsort(costs, calls, sizeof(*costs), compare);
	printf("%s\t%lu\n", op->name, costs[calls / 2]);
	free(buf);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned int calls = argc > 2 ? atoi(argv[2]) : 200, i;

	if (argc < 2 || !calls || calls > MAX_CALLS)
		errx(2, "usage: cost FILE [CALLS]");
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		measure(&operations[i], argv[1], calls);
	return 0;
}
