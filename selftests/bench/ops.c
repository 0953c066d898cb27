// SPDX-License-Identifier: GPL-2.0
/*
 * ops [-s] [-t THREADS] DIRECTORY [CALLS [OPERATION...]]: the cost of single calls on
 * files in DIRECTORY, which must be writable and is left as it was. One line per
 * operation:
 *
 *	OPERATION<TAB>MEDIAN<TAB>MEAN<TAB>99TH PERCENTILE<TAB>CALLS
 *
 * in nanoseconds of CLOCK_MONOTONIC. In a guest whose clock counts instructions
 * (selftests/vm/run --icount) a nanosecond is an instruction, and the cost of
 * reading the clock, which is subtracted, is the same every time. An operation that
 * fails has a line "OPERATION<TAB>-<TAB>WHY" instead.
 *
 * -s: print "OPERATION<TAB>warm" between warming up and measuring, and wait there and
 * after the result for a line on standard input, so that somebody can count.
 * -t THREADS: so many threads call at the same time, each on files of its own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

#define NR_FILES 32
#define NR_BIG 4
#define BIG_SIZE (1 << 20)
#define NR_ENTRIES 100		/* of the directory that is listed */
#define NR_MANY 10000		/* of the large one */
#define MAX_THREADS 16

static char paths[NR_FILES][512], absent[NR_FILES][512], links[NR_FILES][512];
static char big_paths[NR_BIG][512], list_path[512], many_path[512];
static int fds[NR_FILES], big[NR_BIG], null_fd;
static bool made_many;
static __thread char buf[4096];
static char big_buf[BIG_SIZE];

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

static int stat_path(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int op_stat(int i)
{
	return stat_path(paths[i]);
}

static int op_stat_absent(int i)
{
	struct stat st;

	return stat(absent[i], &st) == -1 && errno == ENOENT ? 0 : -1;
}

/* Through a symbolic link: its name is looked up, it is read, and what it names is walked to. */
static int op_stat_link(int i)
{
	return stat_path(links[i]);
}

/* Nobody holds the links open, so that their entries can be dropped. */
static int op_lstat_cold(int i)
{
	struct stat st;

	return lstat(links[i], &st);
}

/* What this has the daemon do shall be over when the call is made. */
static int drop_entries(int i)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	int error;

	(void)i;
	if (fd < 0)
		return -1;
	error = write(fd, "2", 1) != 1;
	close(fd);
	usleep(20000);
	return error ? -1 : 0;
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

/* Lists the directory, which has @nr entries, and looks at each if @with_stat. */
static int list(const char *path, int nr, bool with_stat)
{
	DIR *dir = opendir(path);
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
	return n == nr + 2 ? 0 : -1;
}

static int op_readdir(int i)
{
	(void)i;
	return list(list_path, NR_ENTRIES, false);
}

static int op_readdir_stat(int i)
{
	(void)i;
	return list(list_path, NR_ENTRIES, true);
}

static int op_readdir_many(int i)
{
	(void)i;
	return list(many_path, NR_MANY, false);
}

static int op_readdir_stat_many(int i)
{
	(void)i;
	return list(many_path, NR_MANY, true);
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

static int op_splice(int i)
{
	static __thread int ends[2];
	off64_t at = 0;

	if (!ends[1] && pipe(ends))
		return -1;
	while (at < BIG_SIZE) {
		ssize_t n = splice(big[i % NR_BIG], &at, ends[1], NULL, BIG_SIZE - at, 0);

		if (n <= 0 || splice(ends[0], NULL, null_fd, NULL, n, 0) != n)
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
	/*
	 * One of so many calls, where they cost much; or, negative, so many at least, where
	 * the first one of a file after a tick of the clock costs more than the next.
	 */
	int fewer;
} ops[] = {
	{ "stat", op_stat, NULL, 1 },
	{ "stat-absent", op_stat_absent, NULL, 1 },
	{ "access", op_access, NULL, 1 },
	{ "getxattr", op_getxattr, NULL, 1 },
	{ "getxattr-absent", op_getxattr_absent, NULL, 1 },
	{ "listxattr", op_listxattr, NULL, 1 },
	{ "readlink", op_readlink, NULL, 1 },
	{ "symlink-walk", op_stat_link, NULL, 1 },
	{ "open-close", op_open_close, NULL, 1 },
	{ "pread-4k", op_pread, NULL, 1 },
	{ "pwrite-4k", op_pwrite, NULL, -400 },
	{ "fstat-after-write", op_fstat_after_write, op_pwrite, 1 },
	{ "statfs", op_statfs, NULL, 1 },
	{ "readdir-100", op_readdir, NULL, 8 },
	{ "readdir-stat-100", op_readdir_stat, NULL, 8 },
	{ "pread-1m", op_pread_big, NULL, 8 },
	{ "pwrite-1m", op_pwrite_big, NULL, 8 },
	{ "sendfile-1m", op_sendfile, NULL, 8 },
	{ "splice-1m", op_splice, NULL, 8 },
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
	{ "cold-lstat", op_lstat_cold, drop_entries, 8 },
	/* last: some daemons are slower with that many files, whatever the operation */
	{ "readdir-10000", op_readdir_many, NULL, 100 },
	{ "readdir-stat-10000", op_readdir_stat_many, NULL, 200 },
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

/* What a thread does: calls, of which it measures all but the first ones. */
struct work {
	const char *name;
	int (*call)(int i);
	int (*before)(int i);
	int calls, warm_up, first, stride, error;
	uint64_t *t;
};

static pthread_barrier_t barrier;
static bool stepwise;

static int call_once(const struct work *w, int i, uint64_t *t)
{
	int file = (w->first + i * w->stride) % NR_FILES;
	uint64_t start;

	errno = 0;
	if (w->before && w->before(file))
		return errno ?: EPROTO;
	wander();
	start = now();
	if (w->call(file))
		return errno ?: EPROTO;
	*t = now() - start;
	return 0;
}

/* Waits for whoever counts. */
static void step(const char *name, const char *what)
{
	char line[8];

	if (!stepwise)
		return;
	if (what)
		printf("%s\t%s\n", name, what);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void *work(void *arg)
{
	struct work *w = arg;
	uint64_t ignored;
	int i;

	/* the caches under test learn from the first calls */
	for (i = 0; i < w->warm_up && !w->error; i++)
		w->error = call_once(w, i, &ignored);
	pthread_barrier_wait(&barrier);
	if (!w->first)
		step(w->name, "warm");
	pthread_barrier_wait(&barrier);
	for (i = 0; i < w->calls && !w->error; i++)
		w->error = call_once(w, w->warm_up + i, &w->t[i]);
	return NULL;
}

/* @w: what each of @threads threads does. Returns 0 or an errno. */
static int measure(struct work w, int threads, struct cost *cost)
{
	struct work works[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	int i, nr = w.calls * threads, error = 0;
	uint64_t *t = calloc(nr, sizeof(*t)), sum = 0;

	if (!t)
		die("calloc", w.name);
	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; i < threads; i++) {
		works[i] = w;
		works[i].first = i;
		works[i].stride = threads;
		works[i].t = t + i * w.calls;
	}
	for (i = 1; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, work, &works[i]))
			die("pthread_create", w.name);
	}
	work(&works[0]);
	for (i = 0; i < threads; i++) {
		if (i)
			pthread_join(ids[i], NULL);
		error = error ?: works[i].error;
	}
	pthread_barrier_destroy(&barrier);
	for (i = 0; i < nr; i++)
		sum += t[i];
	qsort(t, nr, sizeof(*t), by_value);
	*cost = (struct cost){ t[nr / 2], sum / nr, t[nr * 99 / 100] };
	free(t);
	return error;
}

/* A directory of @nr empty files. */
static void fill(const char *path, int nr)
{
	char entry[600];
	int i;

	if (mkdir(path, 0755))
		die("mkdir", path);
	for (i = 0; i < nr; i++) {
		snprintf(entry, sizeof(entry), "%s/entry-%05d", path, i);
		if (mknod(entry, S_IFREG | 0644, 0))
			die("mknod", entry);
	}
}

static void empty(const char *path, int nr)
{
	char entry[600];
	int i;

	for (i = 0; i < nr; i++) {
		snprintf(entry, sizeof(entry), "%s/entry-%05d", path, i);
		unlink(entry);
	}
	rmdir(path);
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
	fill(list_path, NR_ENTRIES);
	snprintf(many_path, sizeof(many_path), "%s/many", dir);
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
	empty(list_path, NR_ENTRIES);
	if (made_many)
		empty(many_path, NR_MANY);
}

static bool is_wanted(const char *name, char **wanted)
{
	char **w;

	for (w = wanted; *w; w++) {
		if (!strcmp(*w, name))
			return true;
	}
	return !*wanted;
}

/* The large directory takes long to make: it may be there before, to be used again. */
static void make_many(const char *name)
{
	if (strstr(name, "10000") && mkdir(many_path, 0755) == 0) {
		rmdir(many_path);
		fill(many_path, NR_MANY);
		made_many = true;
	}
}

static void print(const char *name, const struct cost *cost, const struct cost *clock, int calls)
{
	printf("%s\t%lld\t%lld\t%lld\t%d\n", name, (long long)(cost->median - clock->median),
	       (long long)(cost->mean - clock->median), (long long)(cost->p99 - clock->median), calls);
}

int main(int argc, char **argv)
{
	int c, calls, fewer, error, threads = 1;
	bool asked = false, usage = false;
	struct cost clock, cost;
	size_t i;

	while ((c = getopt(argc, argv, "st:")) != -1) {
		if (c == 's')
			asked = true;
		else if (c == 't')
			threads = atoi(optarg);
		else
			usage = true;
	}
	argv += optind;
	calls = argv[0] && argv[1] ? atoi(argv[1]) : 1000;
	if (usage || !argv[0] || calls < 1 || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr,
			"usage: ops [-s] [-t THREADS] DIRECTORY [CALLS [OPERATION...]]\n");
		return 2;
	}
	prepare(argv[0]);
	measure((struct work){ .name = "clock", .call = op_nothing, .calls = calls,
			       .warm_up = NR_FILES }, 1, &clock);
	stepwise = asked;
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct work w = { .name = ops[i].name, .call = ops[i].call,
				  .before = ops[i].before };

		if (argv[1] && !is_wanted(w.name, argv + 2))
			continue;
		make_many(w.name);
		fewer = ops[i].fewer > 0 ? ops[i].fewer : 1;
		w.calls = calls / fewer ?: 1;
		if (!stepwise && w.calls < -ops[i].fewer)
			w.calls = -ops[i].fewer;
		w.warm_up = NR_FILES / fewer / threads ?: 1;
		error = measure(w, threads, &cost);
		if (error)
			printf("%s\t-\t%s\n", w.name, strerror(error));
		else
			print(w.name, &cost, &clock, w.calls * threads);
		step(w.name, NULL);
	}
	clean_up();
	return 0;
}
