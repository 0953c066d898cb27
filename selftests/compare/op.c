// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: how they are drawn, carried out and told. What is drawn depends on the
 * seed alone, never on how an operation ended, so some may be left out and the rest
 * stays the same.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compare.h"

#define MAX_DATA 65536
#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char *const names[OPERATIONS] = {
	[STAT] = "lstat", [STAT_FOLLOW] = "stat", [STATX] = "statx", [OPEN] = "open",
	[CLOSE] = "close", [READ] = "read", [PREAD] = "pread", [WRITE] = "write",
	[PWRITE] = "pwrite", [MAP_WRITE] = "mmap", [FTRUNCATE] = "ftruncate",
	[TRUNCATE] = "truncate", [FALLOCATE] = "fallocate", [COPY_RANGE] = "copy_file_range",
	[RENAME] = "rename", [LINK] = "link", [UNLINK] = "unlink", [SYMLINK] = "symlink",
	[READLINK] = "readlink", [MKDIR] = "mkdir", [RMDIR] = "rmdir", [MKFIFO] = "mkfifo",
	[CHMOD] = "chmod", [CHOWN] = "lchown", [UTIMENS] = "utimensat", [SETXATTR] = "lsetxattr",
	[GETXATTR] = "lgetxattr", [LISTXATTR] = "llistxattr", [REMOVEXATTR] = "lremovexattr",
	[ACCESS] = "access", [READDIR] = "readdir", [STATFS] = "statfs", [FSYNC] = "fsync",
	[FSTAT] = "fstat", [FCHMOD] = "fchmod", [FCHOWN] = "fchown", [FUTIMENS] = "futimens",
	[FSETXATTR] = "fsetxattr", [FGETXATTR] = "fgetxattr", [GET] = "get", [PUT] = "put",
	[LSEEK] = "lseek", [DROP] = "drop caches",
};

/* How often, of a sum that does not matter. */
static const unsigned char weights[OPERATIONS] = {
	[STAT] = 30, [STAT_FOLLOW] = 15, [STATX] = 4, [OPEN] = 45, [CLOSE] = 12, [READ] = 12,
	[PREAD] = 15, [WRITE] = 15, [PWRITE] = 25, [MAP_WRITE] = 10, [FTRUNCATE] = 10,
	[TRUNCATE] = 12, [FALLOCATE] = 8, [COPY_RANGE] = 8, [RENAME] = 45, [LINK] = 15,
	[UNLINK] = 25, [SYMLINK] = 15, [READLINK] = 12, [MKDIR] = 25, [RMDIR] = 12, [MKFIFO] = 5,
	[CHMOD] = 15, [CHOWN] = 12, [UTIMENS] = 15, [SETXATTR] = 20, [GETXATTR] = 20,
	[LISTXATTR] = 10, [REMOVEXATTR] = 10, [ACCESS] = 15, [READDIR] = 15, [STATFS] = 6,
	[FSYNC] = 5, [FSTAT] = 20, [FCHMOD] = 8, [FCHOWN] = 4, [FUTIMENS] = 8, [FSETXATTR] = 6,
	[FGETXATTR] = 6, [GET] = 20, [PUT] = 35, [LSEEK] = 6, [DROP] = 1,
};

static const char *const attrs[] = {
	"user.a", "user.b", "user.c", "trusted.t", "security.capability",
};

/* mdcache keeps up to 208 bytes. */
static const unsigned short value_sizes[] = { 0, 1, 7, 100, 208, 209, 1000 };

static const int open_flags[] = {
	O_TRUNC, O_APPEND, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_SYNC,
};

static const int fallocate_modes[] = { 0, 0, 1, 3, 0x10, 0x11 };

static char buffer[MAX_DATA];

uint64_t draw_bits(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (*seed * 0x2545f4914f6cdd1dULL) >> 16;
}

static unsigned int below(uint64_t *seed, unsigned int n)
{
	return draw_bits(seed) % n;
}

static bool one_in(uint64_t *seed, unsigned int n)
{
	return !below(seed, n);
}

/*
 * Few names, so that they meet. @leaf is the first letter of the last one: d names
 * are mostly directories, s names symbolic links.
 */
static void draw_path(uint64_t *seed, char leaf, char *path)
{
	unsigned int depth = below(seed, 8);
	char *end = path;

	if (one_in(seed, 10))
		leaf = "fds"[below(seed, 3)];
	if (depth >= 3)
		end += sprintf(end, "%c%u/", one_in(seed, 30) ? 's' : 'd', below(seed, 3));
	if (depth >= 6)
		end += sprintf(end, "d%u/", below(seed, 2));
	sprintf(end, "%c%u", leaf, below(seed, leaf == 'f' ? 4 : 3));
}

static enum what draw_what(uint64_t *seed)
{
	static unsigned int sum;
	unsigned int at, what;

	if (!sum)
		for (what = 0; what < OPERATIONS; what++)
			sum += weights[what];
	at = below(seed, sum);
	for (what = 0; at >= weights[what]; what++)
		at -= weights[what];
	return what;
}

/* Before 2020, so that what was set can be told from what the clock said. */
static void draw_times(uint64_t *seed, struct timespec *times)
{
	int i;

	for (i = 0; i < 2; i++) {
		times[i].tv_sec = 1000000000 + below(seed, 500000000);
		times[i].tv_nsec = below(seed, 1000000000);
	}
	if (one_in(seed, 6))
		times[0].tv_nsec = UTIME_OMIT;
	else if (one_in(seed, 6))
		times[1].tv_nsec = UTIME_OMIT;
	else if (one_in(seed, 12))
		times[1].tv_nsec = UTIME_NOW;
}

static char leaf_of(uint64_t *seed, enum what what)
{
	switch (what) {
	case MKDIR:
	case RMDIR:
	case READDIR:
		return 'd';
	case SYMLINK:
	case READLINK:
		return 's';
	case RENAME:
		return one_in(seed, 3) ? 'd' : 'f';
	case STAT:
	case CHMOD:
	case CHOWN:
	case UTIMENS:
	case SETXATTR:
	case GETXATTR:
	case ACCESS:
		return one_in(seed, 4) ? 'd' : 'f';
	default:
		return 'f';
	}
}

static int draw_flags(uint64_t *seed, enum what what)
{
	static const int accesses[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	unsigned int i;
	int flags = 0;

	switch (what) {
	case OPEN:
		flags = accesses[below(seed, 4)];
		if (below(seed, 2))
			flags |= O_CREAT;
		for (i = 0; i < N(open_flags); i++)
			if (one_in(seed, 8))
				flags |= open_flags[i];
		if (one_in(seed, 40))
			flags = O_TMPFILE | O_RDWR;
		return flags;
	case PUT:
		flags = O_WRONLY | O_CREAT;
		flags |= one_in(seed, 3) ? O_APPEND : 0;
		flags |= one_in(seed, 3) ? O_TRUNC : 0;
		return flags | (one_in(seed, 6) ? O_EXCL : 0);
	case RENAME:
		return one_in(seed, 3) ? (one_in(seed, 2) ? RENAME_EXCHANGE : RENAME_NOREPLACE) : 0;
	case FALLOCATE:
		return fallocate_modes[below(seed, N(fallocate_modes))];
	case ACCESS:
		return below(seed, 8);
	case LINK:
		return one_in(seed, 4) ? AT_SYMLINK_FOLLOW : 0;
	case SETXATTR:
	case FSETXATTR:
		return one_in(seed, 3) ? (one_in(seed, 2) ? XATTR_CREATE : XATTR_REPLACE) : 0;
	case LSEEK:
		return one_in(seed, 3) ? SEEK_DATA : one_in(seed, 2) ? SEEK_HOLE : SEEK_END;
	case GETXATTR:
	case FGETXATTR:
	case LISTXATTR:
		return one_in(seed, 4);	/* only the size */
	default:
		return 0;
	}
}

void draw(uint64_t *seed, const struct kind *kind, struct op *op)
{
	char leaf;

	memset(op, 0, sizeof(*op));
	op->what = draw_what(seed);
	leaf = leaf_of(seed, op->what);
	op->user = one_in(seed, 10);
	draw_path(seed, leaf, op->path);
	/* a symlink's target is an operand that exists, or does not, below the same directory */
	draw_path(seed, op->what == SYMLINK ? 'f' : leaf, op->to);
	op->slot = below(seed, SLOTS);
	op->other = below(seed, SLOTS);
	op->flags = draw_flags(seed, op->what);
	op->mode = below(seed, 4) ? 0644 | below(seed, 0100) : below(seed, 010000);
	if (op->what == MKDIR || op->path[strlen(op->path) - 2] == 'd')
		op->mode |= one_in(seed, 8) ? 0700 : 0711;
	if (!kind->set_ids)
		op->mode &= ~(S_ISUID | S_ISGID);
	op->uid = below(seed, 4) ? (int)below(seed, 3) * (USER / 2) : -1;
	op->gid = below(seed, 4) ? (int)below(seed, 3) * (USER / 2) : -1;
	op->off = below(seed, one_in(seed, 4) ? 60000 : 9000);
	op->to_off = below(seed, 9000);
	op->len = below(seed, one_in(seed, 6) ? 20000 : 600);
	draw_times(seed, op->times);
	op->attr = below(seed, one_in(seed, 3) ? N(attrs) : 2);
	if (op->attr == 4 && (op->what == SETXATTR || op->what == FSETXATTR))
		op->attr = 0;	/* the kernel looks into its value */
	op->value = below(seed, N(value_sizes));
	op->fill = below(seed, 256);
	if (op->what == LINK && kind->paths)
		op->user = false;	/* who might not be allowed to do the rest, see do_link() */
	if (has_slot(op) && kind->acts)
		op->user = false;	/* who might not be allowed to look the file up */
	if (op->what == STATFS && !kind->statfs)
		op->what = STAT;
}

bool has_slot(const struct op *op)
{
	switch (op->what) {
	case OPEN: case CLOSE: case READ: case PREAD: case WRITE: case PWRITE: case MAP_WRITE:
	case FTRUNCATE: case FALLOCATE: case COPY_RANGE: case FSYNC: case FSTAT: case FCHMOD:
	case FCHOWN: case FUTIMENS: case FSETXATTR: case FGETXATTR: case LSEEK:
		return true;
	default:
		return false;
	}
}

bool has_path(const struct op *op)
{
	return op->what == OPEN || (!has_slot(op) && op->what != STATFS && op->what != DROP);
}

bool has_two_paths(const struct op *op)
{
	return op->what == RENAME || op->what == LINK;
}

bool changes(const struct op *op)
{
	switch (op->what) {
	case STAT: case STAT_FOLLOW: case STATX: case READ: case PREAD: case READLINK:
	case GETXATTR: case LISTXATTR: case ACCESS: case READDIR: case STATFS: case FSTAT:
	case FGETXATTR: case GET: case LSEEK: case DROP:
		return false;
	default:
		return true;
	}
}

void describe(const struct op *op, char *to, size_t size)
{
	int n = snprintf(to, size, "%s%s", op->user ? "as user: " : "", names[op->what]);

#define ADD(...) (n += snprintf(to + n, size > (size_t)n ? size - n : 0, __VA_ARGS__))
	if (has_slot(op))
		ADD(" #%d", op->slot);
	if (has_path(op))
		ADD(" %s", op->path);
	switch (op->what) {
	case OPEN:
		ADD(" flags 0%o mode 0%o", op->flags, op->mode);
		break;
	case READ: case WRITE:
		ADD(" %ld bytes", op->len);
		break;
	case PUT:
		ADD(" flags 0%o mode 0%o, %ld bytes", op->flags, op->mode, op->len);
		break;
	case PREAD: case PWRITE: case MAP_WRITE:
		ADD(" %ld bytes at %ld", op->len, op->off);
		break;
	case FTRUNCATE: case TRUNCATE:
		ADD(" to %ld", op->off);
		break;
	case FALLOCATE:
		ADD(" %ld bytes at %ld mode %d", op->len, op->off, op->flags);
		break;
	case COPY_RANGE:
		ADD(" at %ld to #%d at %ld, %ld bytes", op->off, op->other, op->to_off, op->len);
		break;
	case RENAME: case LINK: case SYMLINK:
		ADD(" %s flags %d", op->to, op->flags);
		break;
	case MKDIR: case MKFIFO: case CHMOD: case FCHMOD:
		ADD(" 0%o", op->mode);
		break;
	case CHOWN: case FCHOWN:
		ADD(" %d %d", op->uid, op->gid);
		break;
	case UTIMENS: case FUTIMENS:
		ADD(" %ld.%09ld %ld.%09ld", (long)op->times[0].tv_sec, op->times[0].tv_nsec,
		    (long)op->times[1].tv_sec, op->times[1].tv_nsec);
		break;
	case SETXATTR: case FSETXATTR:
		ADD(" %s, %d bytes flags %d", attrs[op->attr], value_sizes[op->value], op->flags);
		break;
	case GETXATTR: case FGETXATTR: case REMOVEXATTR:
		ADD(" %s", attrs[op->attr]);
		break;
	case ACCESS: case LSEEK:
		ADD(" %d", op->flags);
		break;
	default:
		break;
	}
#undef ADD
}

static uint64_t digest(const void *data, size_t size)
{
	const unsigned char *byte = data;
	uint64_t sum = size, word;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, byte + i, 8);
		sum = (sum ^ word) * 0x9ddfea08eb382d69ULL;
		sum ^= sum >> 29;
	}
	for (; i < size; i++)
		sum = (sum ^ byte[i]) * 0x9ddfea08eb382d69ULL;
	return sum;
}

static void filled(const struct op *op, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		buffer[i] = op->fill + i / 13;
}

/* What was asked for, for messages. */
static void tell(struct outcome *out, const char *data, size_t size)
{
	size_t i;

	if (size > sizeof(out->text) - 1)
		size = sizeof(out->text) - 1;
	for (i = 0; i < size; i++)
		out->text[i] = data[i] >= ' ' && data[i] <= '~' ? data[i] : '.';
	out->text[i] = 0;
}

static void got(struct outcome *out, const char *data, long size)
{
	if (size < 0)
		return;
	out->digest = digest(data, size);
	tell(out, data, size < 40 ? size : 40);
}

static void close_slot(struct side *side, int slot)
{
	if (side->fd[slot] >= 0)
		close(side->fd[slot]);
	side->fd[slot] = -1;
}

static long do_open(struct side *side, const struct op *op)
{
	const char *path = op->path;

	close_slot(side, op->slot);
	/* a FIFO without O_NONBLOCK would wait for its other end */
	if ((op->flags & O_TMPFILE) == O_TMPFILE)
		path = ".";
	side->fd[op->slot] = openat(side->dir, path, op->flags | O_NONBLOCK | O_CLOEXEC, op->mode);
	return side->fd[op->slot] < 0 ? -1 : 0;
}

/*
 * Pages are written back through any handle of the file, and each as often as the kernel
 * likes. With O_APPEND, daemons append them all.
 */
static bool appends(const struct side *side)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (side->fd[i] >= 0 && fcntl(side->fd[i], F_GETFL) & O_APPEND)
			return true;
	return false;
}

static long do_map_write(int fd, const struct op *op)
{
	struct stat st;
	long ret = -1;
	char *map;
	long len = op->len;

	if (fstat(fd, &st))
		return -1;
	if (op->off >= st.st_size || !S_ISREG(st.st_mode))
		return 0;
	if (len > st.st_size - op->off)
		len = st.st_size - op->off;
	map = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	memset(map + op->off, op->fill, len);
	/* now, or when the kernel likes, and times would be anything */
	ret = msync(map, st.st_size, MS_SYNC);
	munmap(map, st.st_size);
	return ret;
}

static long do_copy_range(struct side *side, const struct op *op)
{
	off_t from = op->off, to = op->to_off;

	return copy_file_range(side->fd[op->slot], &from, side->fd[op->other], &to, op->len, 0);
}

/* SFTP changes what a link leads to, of which the kernel would know nothing. */
static int nofollow(const struct kind *kind)
{
	return kind->follows ? 0 : AT_SYMLINK_NOFOLLOW;
}

/*
 * A daemon that knows files by name sees two of a file with two names, and what is
 * changed through one shows through the other when its validity ends, bound or not. There
 * a link is only a way to rename: the old name goes at once, and nothing is open. The
 * times are set so that everybody hears of the number of links.
 */
static long do_link(struct side *side, const struct kind *kind, const struct op *op)
{
	long ret;
	int i;

	if (!kind->paths)
		return linkat(side->dir, op->path, side->dir, op->to, op->flags);
	for (i = 0; i < SLOTS; i++)
		close_slot(side, i);
	ret = linkat(side->dir, op->path, side->dir, op->to, 0);
	ret = ret ?: unlinkat(side->dir, op->path, 0);
	return ret ?: utimensat(side->dir, op->to, op->times, nofollow(kind));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names and types, sorted. What libfuse hides because it is open has a name of its own. */
static long do_readdir(struct side *side, const struct op *op, struct outcome *out)
{
	char *found[256], list[4096] = "";
	size_t n = 0, i, len = 0;
	struct dirent *entry;
	DIR *dir;
	int fd;

	fd = openat(side->dir, op->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	errno = 0;
	while ((entry = readdir(dir)) && n < N(found)) {
		if (strncmp(entry->d_name, ".fuse_hidden", 12))
			if (asprintf(&found[n++], "%s:%d", entry->d_name, entry->d_type) < 0)
				abort();
	}
	qsort(found, n, sizeof(found[0]), by_name);
	for (i = 0; i < n; i++) {
		if (len + strlen(found[i]) + 2 < sizeof(list))
			len += sprintf(list + len, "%s ", found[i]);
		free(found[i]);
	}
	out->digest = digest(list, len);
	tell(out, list, len);
	closedir(dir);
	return n;
}

/* In any order: that of gocryptfs is the one of the encrypted names. */
static long do_list(const char *path, size_t size, struct outcome *out)
{
	char found[4096], *names[256], sorted[4096];
	long ret = llistxattr(path, found, size);
	size_t n = 0, i, len = 0;
	char *name;

	if (!size)
		return ret;
	for (name = found; ret > 0 && name < found + ret && n < N(names); name += strlen(name) + 1)
		names[n++] = name;
	qsort(names, n, sizeof(names[0]), by_name);
	for (i = 0; i < n; i++)
		len += sprintf(sorted + len, "%s ", names[i]);
	got(out, sorted, len);
	return ret;
}

static long do_statfs(struct side *side, struct outcome *out)
{
	struct statvfs st;
	long ret = fstatvfs(side->dir, &st);

	if (!ret) {
		sprintf(out->text, "blocks %lu of %lu and %lu, bsize %lu %lu, files %lu of %lu, "
			"names %lu",
			(long)st.f_bfree, (long)st.f_blocks, (long)st.f_bavail, st.f_bsize,
			st.f_frsize, (long)st.f_ffree, (long)st.f_files, st.f_namemax);
		out->digest = digest(out->text, strlen(out->text));
	}
	return ret;
}

static long do_get(struct side *side, const struct op *op, struct outcome *out)
{
	int fd = openat(side->dir, op->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	long ret;
	int error;

	if (fd < 0)
		return -1;
	ret = read(fd, buffer, sizeof(buffer));
	error = errno;
	got(out, buffer, ret);
	close(fd);
	errno = error;
	return ret;
}

static long do_put(struct side *side, const struct op *op)
{
	int fd = openat(side->dir, op->path, op->flags | O_NONBLOCK | O_CLOEXEC, op->mode), error;
	long ret;

	if (fd < 0)
		return -1;
	filled(op, op->len);
	ret = write(fd, buffer, op->len);
	error = errno;
	if (close(fd) && ret >= 0)
		return -1;
	errno = error;
	return ret;
}

static long do_statx(struct side *side, const struct op *op, struct outcome *out)
{
	struct statx stx;
	long ret = statx(side->dir, op->path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
			 &stx);

	if (!ret) {
		out->has_stat = true;
		out->st = (struct stat){
			.st_mode = stx.stx_mode, .st_nlink = stx.stx_nlink, .st_uid = stx.stx_uid,
			.st_gid = stx.stx_gid, .st_size = stx.stx_size, .st_blocks = stx.stx_blocks,
			.st_blksize = stx.stx_blksize,
			.st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
			.st_atim = { stx.stx_atime.tv_sec, stx.stx_atime.tv_nsec },
			.st_mtim = { stx.stx_mtime.tv_sec, stx.stx_mtime.tv_nsec },
			.st_ctim = { stx.stx_ctime.tv_sec, stx.stx_ctime.tv_nsec },
		};
	}
	return ret;
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "2", 1) < 0)
		perror("drop_caches");
	close(fd);
}

/* By a path that starts at the side: there are no xattr calls that take a directory. */
static const char *whole(const struct side *side, const char *path)
{
	static char whole[4096];

	snprintf(whole, sizeof(whole), "%s/%s", side->at, path);
	return whole;
}

static long do_op(struct side *side, const struct kind *kind, const struct op *op,
		  struct outcome *out)
{
	int fd = side->fd[op->slot], size = op->flags ? 0 : 4096;
	long ret = 0;

	switch (op->what) {
	case STAT:
		ret = fstatat(side->dir, op->path, &out->st, AT_SYMLINK_NOFOLLOW);
		out->has_stat = !ret;
		break;
	case STAT_FOLLOW:
		ret = fstatat(side->dir, op->path, &out->st, 0);
		out->has_stat = !ret;
		break;
	case STATX:
		ret = do_statx(side, op, out);
		break;
	case OPEN:
		ret = do_open(side, op);
		break;
	case CLOSE:
		close_slot(side, op->slot);
		break;
	case READ:
		ret = read(fd, buffer, op->len);
		got(out, buffer, ret);
		break;
	case PREAD:
		ret = pread(fd, buffer, op->len, op->off);
		got(out, buffer, ret);
		break;
	case WRITE:
		filled(op, op->len);
		ret = write(fd, buffer, op->len);
		break;
	case PWRITE:
		filled(op, op->len);
		ret = pwrite(fd, buffer, op->len, op->off);
		break;
	case MAP_WRITE:
		ret = appends(side) ? 0 : do_map_write(fd, op);
		break;
	case FTRUNCATE:
		ret = ftruncate(fd, op->off);
		break;
	case TRUNCATE:
		ret = truncate(whole(side, op->path), op->off);
		break;
	case FALLOCATE:
		ret = fallocate(fd, op->flags, op->off, op->len);
		break;
	case COPY_RANGE:
		ret = do_copy_range(side, op);
		break;
	case RENAME:
		ret = renameat2(side->dir, op->path, side->dir, op->to, op->flags);
		break;
	case LINK:
		ret = do_link(side, kind, op);
		break;
	case UNLINK:
		ret = unlinkat(side->dir, op->path, 0);
		break;
	case SYMLINK:
		ret = symlinkat(op->to, side->dir, op->path);
		break;
	case READLINK:
		ret = readlinkat(side->dir, op->path, buffer, sizeof(buffer));
		got(out, buffer, ret);
		break;
	case MKDIR:
		ret = mkdirat(side->dir, op->path, op->mode);
		break;
	case RMDIR:
		ret = unlinkat(side->dir, op->path, AT_REMOVEDIR);
		break;
	case MKFIFO:
		ret = mkfifoat(side->dir, op->path, op->mode & 0777);
		break;
	case CHMOD:
		ret = fchmodat(side->dir, op->path, op->mode, 0);
		break;
	case CHOWN:
		ret = fchownat(side->dir, op->path, op->uid, op->gid, nofollow(kind));
		break;
	case UTIMENS:
		ret = utimensat(side->dir, op->path, op->times, nofollow(kind));
		break;
	case SETXATTR:
		filled(op, value_sizes[op->value]);
		ret = lsetxattr(whole(side, op->path), attrs[op->attr], buffer,
				value_sizes[op->value], op->flags);
		break;
	case GETXATTR:
		ret = lgetxattr(whole(side, op->path), attrs[op->attr], buffer, size);
		got(out, buffer, size ? ret : -1);
		break;
	case LISTXATTR:
		ret = do_list(whole(side, op->path), size, out);
		break;
	case REMOVEXATTR:
		ret = lremovexattr(whole(side, op->path), attrs[op->attr]);
		break;
	case ACCESS:
		/* of the file system's user, as all else */
		ret = syscall(SYS_faccessat2, side->dir, op->path, op->flags, AT_EACCESS);
		break;
	case READDIR:
		ret = do_readdir(side, op, out);
		break;
	case STATFS:
		ret = do_statfs(side, out);
		break;
	case FSYNC:
		ret = fsync(fd);
		break;
	case FSTAT:
		ret = fstat(fd, &out->st);
		out->has_stat = !ret;
		break;
	case FCHMOD:
		ret = fchmod(fd, op->mode);
		break;
	case FCHOWN:
		ret = fchown(fd, op->uid, op->gid);
		break;
	case FUTIMENS:
		ret = futimens(fd, op->times);
		break;
	case FSETXATTR:
		filled(op, value_sizes[op->value]);
		ret = fsetxattr(fd, attrs[op->attr], buffer, value_sizes[op->value], op->flags);
		break;
	case FGETXATTR:
		ret = fgetxattr(fd, attrs[op->attr], buffer, size);
		got(out, buffer, size ? ret : -1);
		break;
	case GET:
		ret = do_get(side, op, out);
		break;
	case PUT:
		ret = do_put(side, op);
		break;
	case LSEEK:
		ret = lseek(fd, op->flags == SEEK_END ? 0 : op->off, op->flags);
		break;
	case DROP:
		drop_caches();
		break;
	case OPERATIONS:
		break;
	}
	return ret;
}

/*
 * A daemon that acts as its caller uses an open file as whoever it heard of last. What it
 * hears of here is a change, if of nothing: a question may be answered in the kernel. It is
 * about a file that nothing else is done with.
 */
static void heard_of_root(const struct side *side)
{
	const char *path = whole(side, "heard");
	int fd;

	if (!removexattr(path, "user.none") || errno != ENOENT)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

/* On a slot that is not open, EBADF. */
void carry_out(struct side *side, const struct kind *kind, const struct op *op,
	       struct outcome *out)
{
	memset(out, 0, offsetof(struct outcome, text) + 1);
	if (kind->acts && has_slot(op) && !op->user)
		heard_of_root(side);
	if (op->user) {
		setfsgid(USER);
		setfsuid(USER);
	}
	errno = 0;
	out->ret = do_op(side, kind, op, out);
	out->err = out->ret < 0 ? errno : 0;
	if (op->user) {
		setfsuid(0);
		setfsgid(0);
	}
}
