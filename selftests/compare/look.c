// SPDX-License-Identifier: GPL-2.0
/*
 * How files and whole trees look, and whether they look alike.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compare.h"

#define NAMES 512
#define SET_BEFORE 1577836800	/* 2020: what is older was set, see draw_times() */

void look(const struct side *side, const char *path, struct outcome *out)
{
	memset(out, 0, offsetof(struct outcome, text) + 1);
	out->ret = fstatat(side->dir, path, &out->st, AT_SYMLINK_NOFOLLOW);
	out->err = out->ret ? errno : 0;
	out->has_stat = !out->ret;
}

void look_open(const struct side *side, int slot, struct outcome *out)
{
	memset(out, 0, offsetof(struct outcome, text) + 1);
	out->ret = fstat(side->fd[slot], &out->st);
	out->err = out->ret ? errno : 0;
	out->has_stat = !out->ret;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What the clock said differs from tree to tree. */
static bool same_set_time(const struct timespec *a, const struct timespec *b)
{
	return (a->tv_sec >= SET_BEFORE && b->tv_sec >= SET_BEFORE) || same_time(a, b);
}

static bool differ(const char *at, const char *what, const char *field, long a, long b)
{
	printf("# %s: %s: %s %ld, not %ld\n", at, what, field, b, a);
	return false;
}

static bool differ_time(const char *at, const char *what, const char *field,
			const struct timespec *a, const struct timespec *b)
{
	printf("# %s: %s: %s %ld.%09ld, not %ld.%09ld\n", at, what, field, (long)b->tv_sec,
	       b->tv_nsec, (long)a->tv_sec, a->tv_nsec);
	return false;
}

/*
 * A daemon that knows files by name hides one that is open and removed, under another name,
 * as its only link. fs/fuse knows that there is none, until it asks the daemon.
 */
static bool same_links(const struct kind *kind, const struct stat *a, const struct stat *b)
{
	return a->st_nlink == b->st_nlink ||
	       (kind->paths && a->st_nlink + b->st_nlink == 1 && !S_ISDIR(a->st_mode));
}

/* Nobody tells the kernel when such a hidden file goes from a directory: it was closed. */
static bool times_known(const struct kind *kind, const struct stat *st)
{
	return !kind->paths || !S_ISDIR(st->st_mode);
}

/*
 * Sizes of directories, and the blocks of what is no file, are the lower file system's
 * business, which may count names that were there once.
 */
static bool same_stat(const struct kind *kind, const struct stat *a, const struct stat *b,
		      const char *at, const char *what)
{
	bool same = true;

#define SAME(field, cond)							\
	do {									\
		if ((cond) && a->field != b->field)				\
			same = differ(at, what, #field, a->field, b->field);	\
	} while (0)
	if (a->st_mode != b->st_mode) {
		printf("# %s: %s: mode 0%o, not 0%o\n", at, what, b->st_mode, a->st_mode);
		same = false;
	}
	SAME(st_nlink, kind->links && !same_links(kind, a, b));
	SAME(st_uid, true);
	SAME(st_gid, true);
	SAME(st_rdev, S_ISBLK(a->st_mode) || S_ISCHR(a->st_mode));
	SAME(st_size, !S_ISDIR(a->st_mode));
	SAME(st_blksize, true);
	SAME(st_blocks, S_ISREG(a->st_mode) && kind->blocks);
#undef SAME
	if (!times_known(kind, a))
		return same;
	if (!same_set_time(&a->st_mtim, &b->st_mtim))
		same = differ_time(at, what, "mtime", &a->st_mtim, &b->st_mtim);
	if (!same_set_time(&a->st_atim, &b->st_atim))
		same = differ_time(at, what, "atime", &a->st_atim, &b->st_atim);
	return same;
}

/* @b, of what is called @at, is as @a. Prints what is not. */
bool same_outcome(const struct kind *kind, const struct outcome *a, const struct outcome *b,
		  const char *at, const char *what)
{
	if (a->err != b->err) {
		printf("# %s: %s: %s, not %s\n", at, what, b->err ? strerrorname_np(b->err) : "ok",
		       a->err ? strerrorname_np(a->err) : "ok");
		return false;
	}
	if (a->ret != b->ret)
		return differ(at, what, "result", a->ret, b->ret);
	if (a->digest != b->digest) {
		printf("# %s: %s: data differ: \"%s\", not \"%s\"\n", at, what, b->text, a->text);
		return false;
	}
	return !a->has_stat || same_stat(kind, &a->st, &b->st, at, what);
}

/* As precise as the daemon is, of which sshfs knows seconds only. */
static bool true_time(const struct timespec *seen, const struct timespec *truth)
{
	return seen->tv_sec == truth->tv_sec &&
	       (!seen->tv_nsec || seen->tv_nsec == truth->tv_nsec);
}

static bool time_is_true(const struct side *side, const char *path, const char *field,
			 const struct timespec *seen, const struct timespec *truth, bool say)
{
	if (true_time(seen, truth))
		return true;
	if (say)
		differ_time(side->at, path, field, truth, seen);
	return false;
}

static bool times_are_true(const struct kind *kind, const struct side *side,
			   const struct outcome *seen, const char *path, bool say)
{
	const struct stat *st = &seen->st;
	struct stat truth;
	bool ret;

	if (side->lower < 0 || !seen->has_stat || !times_known(kind, st))
		return true;
	if (fstatat(side->lower, path, &truth, AT_SYMLINK_NOFOLLOW))
		return true;
	ret = time_is_true(side, path, "mtime", &st->st_mtim, &truth.st_mtim, say);
	if (kind->ctime)
		ret &= time_is_true(side, path, "ctime", &st->st_ctim, &truth.st_ctim, say);
	return ret & time_is_true(side, path, "atime", &st->st_atim, &truth.st_atim, say);
}

/*
 * Times are the lower file's. If those of the mount that is not bound are not either,
 * it is the daemon's doing, or fs/fuse's.
 */
bool true_times(const struct kind *kind, const struct side *plain, const struct outcome *a,
		const struct side *side, const struct outcome *b, const char *path)
{
	if (times_are_true(kind, side, b, path, false) ||
	    !times_are_true(kind, plain, a, path, false))
		return true;
	return times_are_true(kind, side, b, path, true);
}

/* Whole trees */

struct names {
	char *name[NAMES];
	int n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(const struct side *side, const char *path, struct names *names)
{
	int fd = openat(side->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	names->n = 0;
	if (fd < 0)
		return errno;
	dir = fdopendir(fd);
	while ((entry = readdir(dir)) && names->n < NAMES) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    strncmp(entry->d_name, ".fuse_hidden", 12))
			names->name[names->n++] = strdup(entry->d_name);
	}
	closedir(dir);
	qsort(names->name, names->n, sizeof(names->name[0]), by_name);
	return 0;
}

static void free_names(struct names *names)
{
	while (names->n)
		free(names->name[--names->n]);
}

static uint64_t add(uint64_t sum, const void *data, long size)
{
	const unsigned char *byte = data;

	sum = (sum ^ size) * 0x9ddfea08eb382d69ULL;
	for (; size > 0; size--)
		sum = (sum ^ *byte++) * 0x9ddfea08eb382d69ULL;
	return sum;
}

/* The values of all attributes. @digest also changes with an error. */
static void look_attrs(const char *path, struct outcome *out)
{
	char names[4096], value[4096];
	long size = llistxattr(path, names, sizeof(names)), got;
	/* none, or a daemon that knows none, over files that have none */
	uint64_t sum = size > 0 || errno == EOPNOTSUPP ? 0 : size;
	const char *name;

	/* in any order */
	for (name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
		got = lgetxattr(path, name, value, sizeof(value));
		sum += add(add(1, name, strlen(name)), value, got);
		snprintf(out->text + strlen(out->text), sizeof(out->text) - strlen(out->text),
			 "%s=%ld ", name, got);
	}
	out->digest = sum;
}

static void look_data(const struct side *side, const char *path, struct outcome *out)
{
	static char data[1 << 18];
	long got = 0, n = 0;
	int fd;

	if (S_ISLNK(out->st.st_mode)) {
		got = readlinkat(side->dir, path, data, sizeof(data));
	} else if (S_ISREG(out->st.st_mode)) {
		fd = openat(side->dir, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			out->err = errno;
			return;
		}
		while ((n = read(fd, data + got, sizeof(data) - got)) > 0)
			got += n;
		if (n < 0)
			out->err = errno;
		close(fd);
	} else {
		return;
	}
	out->digest = add(out->digest, data, got);
	snprintf(out->text + strlen(out->text), sizeof(out->text) - strlen(out->text),
		 "and %ld bytes", got);
}

static void look_closely(const struct side *side, const char *path, struct outcome *out)
{
	char whole[4096];

	look(side, path, out);
	if (!out->has_stat)
		return;
	snprintf(whole, sizeof(whole), "%s/%s", side->at, path);
	look_attrs(whole, out);
	look_data(side, path, out);
}

static bool same_names(const struct side *a, const struct side *b, const char *path,
		       const struct names *in_a, const struct names *in_b)
{
	bool same = true;
	int i = 0, j = 0;

	while (i < in_a->n || j < in_b->n) {
		int cmp = i == in_a->n ? 1 : j == in_b->n ? -1 :
			  strcmp(in_a->name[i], in_b->name[j]);

		if (cmp) {
			same = false;
			printf("# %s: %s is listed, but not by %s\n", path,
			       cmp < 0 ? in_a->name[i] : in_b->name[j], cmp < 0 ? b->at : a->at);
		}
		i += cmp <= 0;
		j += cmp >= 0;
	}
	return same;
}

static bool same_file(const struct kind *kind, const struct side *a, const struct side *b,
		      const char *path, bool truth)
{
	struct outcome in_a, in_b;
	bool same;

	look_closely(a, path, &in_a);
	look_closely(b, path, &in_b);
	same = same_outcome(kind, &in_a, &in_b, b->at, path);
	if (truth && in_a.has_stat && in_b.has_stat && times_known(kind, &in_a.st)) {
		same &= time_is_true(b, path, "mtime", &in_b.st.st_mtim, &in_a.st.st_mtim, true);
		if (kind->ctime)
			same &= time_is_true(b, path, "ctime", &in_b.st.st_ctim, &in_a.st.st_ctim,
					     true);
	} else if (!truth) {
		same &= true_times(kind, a, &in_a, b, &in_b, path);
	}
	return same;
}

static bool same_below(const struct kind *kind, const struct side *a, const struct side *b,
		       const char *path, bool truth, unsigned int *files)
{
	struct names in_a, in_b;
	char child[1024];
	struct stat st;
	bool same;
	int i;

	if (list(a, path, &in_a) != list(b, path, &in_b)) {
		printf("# %s: %s cannot be listed\n", b->at, path);
		same = false;
	} else {
		same = same_names(a, b, path, &in_a, &in_b);
	}
	for (i = 0; i < in_a.n; i++) {
		snprintf(child, sizeof(child), "%s/%s", path, in_a.name[i]);
		same &= same_file(kind, a, b, child, truth);
		++*files;
		if (!fstatat(a->dir, child, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode))
			same &= same_below(kind, a, b, child, truth, files);
	}
	free_names(&in_a);
	free_names(&in_b);
	return same;
}

/*
 * All sides look like the first. @truth: that is what the others show, so that times are
 * the same too. Counts files.
 */
bool same_tree(const struct kind *kind, const struct side *sides, int n, bool truth,
	       unsigned int *files)
{
	bool same = true;
	int i;

	for (i = 1; i < n; i++)
		same &= same_below(kind, &sides[0], &sides[i], ".", truth, files);
	return same;
}
