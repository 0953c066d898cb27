// SPDX-License-Identifier: GPL-2.0
/*
 * race [OPTION]... TRUTH MOUNT
 *
 * Processes that do random operations on one tree at the same time. How single ones end
 * is then open. But
 *
 * - each process also has files of its own, whose names nobody else uses. Of these it
 *   knows what they must look like after each of its operations: whether they are there,
 *   their type, mode, owner, size, contents, times that were set and attributes;
 * - after each round all stand still, and every file, by its path, looks in MOUNT as in
 *   TRUTH, which shows the same tree without a cache: attributes, extended attributes,
 *   contents, target, and what is listed.
 *
 * Looking fills the cache that the next round has to keep right.
 *
 *   -s SEED    so many bits of luck (from the clock)
 *   -r ROUNDS  how many rounds (5)
 *   -n OPS     how many operations in each, by each process (100)
 *   -p N       processes (2)
 *   -t         times are the same in TRUTH
 *   -k KIND    see compare, and u: the daemon tells users apart that ask at the same time
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#define OWN 3

static struct side sides[2];
static struct kind kind;
static bool same_times;

/* What a process knows of a file that only it changes. */
struct own {
	char path[PATH];
	bool there;
	struct stat st;		/* mode, uid, gid, size, mtime */
	bool mtime_set;
	unsigned char fill;	/* of all its bytes */
	long attr;		/* size of user.own, or -1 */
};

static bool wrong(const struct own *own, const char *after, const char *what, long is, long known)
{
	printf("# %s: after its own %s: %s %ld, not %ld\n", own->path, after, what, is, known);
	return false;
}

/* Written with one value, so its contents are known. */
static bool own_data(const struct own *own, const char *after)
{
	char data[8192];
	long n, i;
	int fd = openat(sides[1].dir, own->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return wrong(own, after, "open: error", errno, 0);
	n = read(fd, data, sizeof(data));
	close(fd);
	if (n != own->st.st_size)
		return wrong(own, after, "bytes", n, own->st.st_size);
	for (i = 0; i < n; i++)
		if ((unsigned char)data[i] != own->fill)
			return wrong(own, after, "byte", (unsigned char)data[i], own->fill);
	return true;
}

static bool own_attr(const struct own *own, const char *after)
{
	char whole[4096], value[512];
	long size;

	snprintf(whole, sizeof(whole), "%s/%s", sides[1].at, own->path);
	size = lgetxattr(whole, "user.own", value, sizeof(value));
	if (size < 0 && errno != ENODATA)
		return wrong(own, after, "getxattr: error", errno, ENODATA);
	return size == own->attr || wrong(own, after, "size of the attribute", size, own->attr);
}

static bool own_right(const struct own *own, const char *after, bool attrs)
{
	struct stat st;
	int error = fstatat(sides[1].dir, own->path, &st, AT_SYMLINK_NOFOLLOW) ? errno : 0;

	if (!own->there || error)
		return error == (own->there ? 0 : ENOENT) ||
		       wrong(own, after, "stat: error", error, own->there ? 0 : ENOENT);
	if (st.st_mode != own->st.st_mode)
		return wrong(own, after, "mode", st.st_mode, own->st.st_mode);
	if (st.st_uid != own->st.st_uid)
		return wrong(own, after, "uid", st.st_uid, own->st.st_uid);
	if (st.st_size != own->st.st_size)
		return wrong(own, after, "size", st.st_size, own->st.st_size);
	if (st.st_nlink != 1)
		return wrong(own, after, "links", st.st_nlink, 1);
	if (own->mtime_set && st.st_mtime != own->st.st_mtime)
		return wrong(own, after, "mtime", st.st_mtime, own->st.st_mtime);
	if (attrs && !own_attr(own, after))
		return false;
	return own_data(own, after);
}

static bool own_write(struct own *own, uint64_t luck)
{
	char data[4096];
	int fd = openat(sides[1].dir, own->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return wrong(own, "creation", "error", errno, 0);
	if (!own->there) {
		own->there = true;
		own->st.st_mode = S_IFREG | 0600;
		own->st.st_uid = 0;
		own->attr = -1;
	}
	own->st.st_size = luck % sizeof(data);
	own->fill = luck >> 16;
	own->mtime_set = false;
	memset(data, own->fill, own->st.st_size);
	if (write(fd, data, own->st.st_size) != own->st.st_size)
		return wrong(own, "creation", "write: error", errno, 0);
	if (close(fd))
		return wrong(own, "creation", "close: error", errno, 0);
	return true;
}

/* To a name that it had not before, or over another of its own. */
static bool own_rename(struct own *from, struct own *to)
{
	char path[PATH];

	if (!from->there || from == to)
		return true;
	if (renameat(sides[1].dir, from->path, sides[1].dir, to->path))
		return wrong(from, "rename", "error", errno, 0);
	strcpy(path, to->path);
	*to = *from;
	strcpy(to->path, path);
	from->there = false;
	return own_right(from, "rename away", false);
}

/* An operation on a file of the process's own, and what it must look like then. */
static bool own_step(struct own *owns, uint64_t *luck, bool attrs)
{
	static const char *const names[] = {
		"write", "unlink", "rename", "chmod", "chown", "truncate", "utimes", "setxattr",
		"removexattr", "nothing",
	};
	unsigned int what = draw_bits(luck) % 10;
	struct own *own = &owns[draw_bits(luck) % OWN], *to = &owns[draw_bits(luck) % OWN];
	struct timespec times[2] = {
		{ .tv_sec = 1000000000 }, { .tv_sec = 1000000000 + draw_bits(luck) % 100000000 },
	};
	char whole[4096], value[300] = "";
	long size = draw_bits(luck) % sizeof(value);
	int ret = 0;

	snprintf(whole, sizeof(whole), "%s/%s", sides[1].at, own->path);
	if (!own->there || !what) {
		if (!own_write(own, draw_bits(luck)))
			return false;
		return own_right(own, "write", attrs);
	}
	switch (what) {
	case 1:
		ret = unlinkat(sides[1].dir, own->path, 0);
		own->there = false;
		break;
	case 2:
		if (!own_rename(own, to))
			return false;
		own = to;
		break;
	case 3:
		own->st.st_mode = S_IFREG | 0600 | (size & 077);
		ret = fchmodat(sides[1].dir, own->path, 0600 | (size & 077), 0);
		break;
	case 4:
		own->st.st_uid = size;
		ret = fchownat(sides[1].dir, own->path, size, -1, 0);
		break;
	case 5:
		/* never longer, so that all bytes stay the same */
		own->st.st_size = own->st.st_size * size / sizeof(value);
		own->mtime_set = false;
		ret = truncate(whole, own->st.st_size);
		break;
	case 6:
		own->st.st_mtime = times[1].tv_sec;
		own->mtime_set = true;
		ret = utimensat(sides[1].dir, own->path, times, 0);
		break;
	case 7:
		if (attrs) {
			own->attr = size;
			ret = lsetxattr(whole, "user.own", value, size, 0);
		}
		break;
	case 8:
		if (attrs && own->attr >= 0) {
			own->attr = -1;
			ret = lremovexattr(whole, "user.own");
		}
		break;
	}
	if (ret)
		return wrong(own, names[what], "error", errno, 0);
	return own_right(own, names[what], attrs);
}

/* What else may be open when the round is over would be hidden, not removed. */
static void close_all(struct side *side)
{
	struct op op = { .what = CLOSE };
	struct outcome out;

	for (op.slot = 0; op.slot < SLOTS; op.slot++)
		carry_out(side, &kind, &op, &out);
}

/* A second name would be a second inode to some daemons, see do_link(). */
static bool fits(const struct op *op)
{
	return op->what != LINK || !kind.paths;
}

static bool do_round(uint64_t seed, int process, int ops, struct own *owns, bool attrs)
{
	struct outcome out;
	struct op op;
	int i;

	for (i = 0; i < ops; i++) {
		draw(&seed, &kind, &op);
		op.user &= kind.users;
		if (fits(&op))
			carry_out(&sides[1], &kind, &op, &out);
		if (i % 4 == process % 4 && !own_step(owns, &seed, attrs)) {
			printf("# process %d, operation %d of its round\n", process, i);
			return false;
		}
	}
	close_all(&sides[1]);
	return true;
}

/* Has its tree, and hears by the pipe of each round. */
static int process(uint64_t seed, int number, int ops, int begin, int done, bool attrs)
{
	struct own owns[OWN] = {};
	bool right = true;
	uint64_t round;
	char answer;
	int i;

	for (i = 0; i < OWN; i++)
		snprintf(owns[i].path, PATH, "own%d-%d", number, i);
	while (read(begin, &round, sizeof(round)) == sizeof(round)) {
		right = right && do_round((seed ^ (round * OWN + number) * 0x9e3779b97f4a7c15ULL) | 1,
					  number, ops, owns, attrs);
		fflush(stdout);
		answer = right ? '+' : '-';
		if (write(done, &answer, 1) != 1)
			return 1;
	}
	return !right;
}

static bool user_attrs(void)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s/.", sides[1].at);
	return lgetxattr(whole, "user.none", NULL, 0) == 0 || errno == ENODATA;
}

static int race(uint64_t seed, unsigned int rounds, int ops, int n)
{
	uint64_t mixed = (seed ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
	int begin[n], done[2], i, wrong = 0, pipes[2];
	struct timespec from, to;
	unsigned int files = 0;
	uint64_t round;
	char answer;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (pipe2(done, O_CLOEXEC))
		err(2, "pipe");
	for (i = 0; i < n; i++) {
		if (pipe2(pipes, O_CLOEXEC))
			err(2, "pipe");
		fflush(stdout);
		if (!fork()) {
			close(pipes[1]);
			_exit(process(mixed, i, ops, pipes[0], done[1], user_attrs()));
		}
		close(pipes[0]);
		begin[i] = pipes[1];
	}
	close(done[1]);
	for (round = 0; round < rounds && !wrong; round++) {
		for (i = 0; i < n; i++)
			if (write(begin[i], &round, sizeof(round)) != sizeof(round))
				err(2, "process %d", i);
		for (i = 0; i < n; i++)
			wrong |= read(done[0], &answer, 1) != 1 || answer != '+';
		/* twice: the second time it may come from what the first has left in the cache */
		for (i = 0; i < 2 && !wrong; i++)
			wrong |= !same_tree(&kind, sides, 2, same_times, &files);
		if (wrong)
			printf("# in round %lu of SEED=%lu\n", (long)round, (long)seed);
	}
	for (i = 0; i < n; i++)
		close(begin[i]);
	while (wait(NULL) > 0)
		;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("# %lu rounds of %d operations by each of %d processes, %u files compared, %ld s, "
	       "SEED=%lu\n", (long)round, ops, n, files, (long)(to.tv_sec - from.tv_sec), (long)seed);
	return wrong;
}

int main(int argc, char **argv)
{
	int option, rounds = 5, ops = 100, processes = 2;
	uint64_t seed = time(NULL);

	/* a FIFO that nobody reads: EPIPE */
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "s:r:n:p:tk:")) != -1) {
		switch (option) {
		case 's': seed = strtoul(optarg, NULL, 0); break;
		case 'r': rounds = atoi(optarg); break;
		case 'n': ops = atoi(optarg); break;
		case 'p': processes = atoi(optarg); break;
		case 't': same_times = true; break;
		case 'k': kind_init(&kind, optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 2 || processes < 1)
		errx(2, "needs the truth and a mount");
	side_init(&sides[0], argv[optind]);
	side_init(&sides[1], argv[optind + 1]);
	umask(0);
	return race(seed, rounds, ops, processes);
}
