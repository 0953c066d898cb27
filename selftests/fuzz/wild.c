// SPDX-License-Identifier: GPL-2.0
/*
 * wild OBJECT REQUESTS SEED: load the policy, print "ready" and wait for a line, by when
 * it is to be bound and its mount used. Put new random answers into the policy's memory
 * until it has been asked about REQUESTS requests, print "done" and wait for a line.
 * Then print for each opcode that the policy was asked about its number, how often,
 * and how many of the answers were good, and bugs.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <extfuse.h>
#include "wild.h"

#define NSEC_MAX 999999999u
#define PATIENCE 60		/* seconds without a request */

static struct wild *wild;

static unsigned int below(unsigned int n)
{
	return random() % n;
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

static uint64_t random_64(void)
{
	return (uint64_t)random() << 33 ^ (uint64_t)random() << 16 ^ random();
}

/* --- single values, some of them good --- */

static int some_return(void)
{
	static const int errors[] = {
		-EPERM, -ENOENT, -EIO, -EINTR, -ERANGE, -ESTALE, -EAGAIN, -511,
	};
	static const int nonsense[] = {
		-ENOSYS, -512, -516, -517, -4095, -4096, -INT_MAX, INT_MIN, 2, 3, 512, INT_MAX,
	};

	switch (below(8)) {
	case 0:
	case 1:
		return EXTFUSE_PASS;
	case 2:
		return PICK(errors);
	case 3:
		return below(2) ? PICK(nonsense) : (int)random_64();
	default:
		return 0;
	}
}

static bool return_valid(int ret)
{
	return ret <= EXTFUSE_PASS && ret > -512 && ret != -ENOSYS;
}

static uint64_t some_nodeid(void)
{
	static const uint64_t odd[] = { 0, 1, ~0ULL, 1ULL << 63, 1ULL << 32 };

	return below(4) ? 2 + below(60) : PICK(odd);
}

/* Nothing that a sparse file could be made of and that would then be read to its end. */
static uint64_t some_size(void)
{
	static const uint64_t odd[] = {
		0, 1, 4095, 4097, 100000, 1ULL << 62, LLONG_MAX, 1ULL << 63, ~0ULL,
	};

	return PICK(odd);
}

static uint32_t some_nsec(void)
{
	static const uint32_t odd[] = { 0, 1, NSEC_MAX, NSEC_MAX + 1, ~0u };

	return below(4) ? below(2) : PICK(odd);
}

static uint64_t some_ttl(void)
{
	return below(2) ? below(3) : random_64();
}

static uint32_t some_mode(void)
{
	static const uint32_t types[] = { S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO };

	return below(8) ? PICK(types) | (random() & 07777) : random_64();
}

static void some_attr(struct fuse_attr *attr)
{
	static const uint32_t block_sizes[] = { 0, 1, 511, 4096, 1 << 20, 1u << 31, ~0u };

	attr->ino = random_64();
	attr->size = some_size();
	attr->blocks = random_64();
	attr->atime = random_64();
	attr->mtime = random_64();
	attr->ctime = random_64();
	attr->atimensec = some_nsec();
	attr->mtimensec = some_nsec();
	attr->ctimensec = some_nsec();
	attr->mode = some_mode();
	attr->nlink = below(2) ? 1 : random_64();
	attr->uid = below(2) ? 0 : random_64();
	attr->gid = below(2) ? 0 : random_64();
	attr->rdev = random_64();
	attr->blksize = PICK(block_sizes);
	attr->flags = below(2) ? 0 : random_64();
}

static bool mode_valid(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static bool attr_valid(const struct fuse_attr *attr)
{
	return mode_valid(attr->mode) && attr->size <= LLONG_MAX && attr->atimensec <= NSEC_MAX &&
	       attr->mtimensec <= NSEC_MAX && attr->ctimensec <= NSEC_MAX;
}

/* --- replies; each returns what must become of it --- */

static enum verdict fill_entry(void *data)
{
	struct fuse_entry_out *out = data;
	bool bare;

	out->nodeid = some_nodeid();
	out->generation = below(8) ? 0 : random_64();
	out->entry_valid = some_ttl();
	out->entry_valid_nsec = some_nsec();
	if (below(4)) {
		some_attr(&out->attr);
		out->attr_valid = some_ttl();
		out->attr_valid_nsec = some_nsec();
	}
	if (!out->nodeid)
		return GOOD;	/* no such name */
	bare = !out->attr.mode && !out->attr_valid && !out->attr_valid_nsec;
	return out->nodeid == FUSE_ROOT_ID || out->entry_valid_nsec > NSEC_MAX ||
	       out->attr_valid_nsec > NSEC_MAX || (!bare && !attr_valid(&out->attr)) ? BUG : EITHER;
}

static enum verdict fill_attr(void *data)
{
	struct fuse_attr_out *out = data;

	some_attr(&out->attr);
	out->attr_valid = some_ttl();
	out->attr_valid_nsec = some_nsec();
	return attr_valid(&out->attr) && out->attr_valid_nsec <= NSEC_MAX ? EITHER : BUG;
}

/* Handles that the daemon never gave and that are no descriptor of its. */
static enum verdict fill_open(void *data)
{
	static const uint64_t handles[] = {
		EXTFUSE_FH_NONE, INT_MAX, 1u << 31, 1ULL << 63 | INT_MAX,
	};
	struct fuse_open_out *out = data;
	uint32_t known = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE | FOPEN_NONSEEKABLE | FOPEN_CACHE_DIR |
			 FOPEN_STREAM | FOPEN_NOFLUSH | FOPEN_PARALLEL_DIRECT_WRITES;

	out->fh = PICK(handles);
	out->open_flags = below(4) ? random_64() & known : random_64();
	out->backing_id = below(4) ? 0 : random_64();
	/* passthrough was not negotiated */
	return !(out->open_flags & ~known) && !out->backing_id ? GOOD : BUG;
}

static enum verdict fill_opendir(void *data)
{
	struct fuse_open_out *out = data;
	uint32_t known = FOPEN_KEEP_CACHE | FOPEN_NONSEEKABLE | FOPEN_CACHE_DIR | FOPEN_STREAM;

	out->fh = below(4) ? EXTFUSE_FH_NONE : random_64();
	out->open_flags = below(4) ? random_64() & known : random_64();
	out->backing_id = below(4) ? 0 : random_64();
	return out->fh == EXTFUSE_FH_NONE && !(out->open_flags & ~known) && !out->backing_id ?
	       GOOD : BUG;
}

static enum verdict fill_lock(void *data)
{
	struct fuse_file_lock *lk = &((struct fuse_lk_out *)data)->lk;

	lk->start = below(2) ? below(100) : random_64();
	lk->end = below(2) ? below(100) : random_64();
	lk->type = below(4) ? below(3) : random_64();
	lk->pid = random_64();
	if (lk->type == 2 /* F_UNLCK */)
		return GOOD;
	return lk->type < 2 && lk->start <= lk->end && lk->end <= LLONG_MAX ? GOOD : BUG;
}

static enum verdict fill_offset(void *data)
{
	struct fuse_lseek_out *out = data;

	out->offset = some_size();
	return out->offset > LLONG_MAX ? BUG : EITHER;
}

static enum verdict fill_poll(void *data)
{
	((struct fuse_poll_out *)data)->revents = random_64();
	return EITHER;
}

static enum verdict fill_statfs(void *data)
{
	struct fuse_statfs_out *out = data;
	size_t i;

	for (i = 0; i < sizeof(*out); i++)
		((char *)out)[i] = random() >> 8;
	return GOOD;
}

static enum verdict fill_statx(void *data)
{
	struct fuse_statx_out *out = data;
	struct fuse_statx *st = &out->stat;

	out->attr_valid = some_ttl();
	out->attr_valid_nsec = some_nsec();
	st->mask = below(4) ? STATX_BASIC_STATS | STATX_BTIME : random_64();
	st->mode = some_mode();
	st->size = some_size();
	st->nlink = random_64();
	st->mtime.tv_sec = random_64();
	st->mtime.tv_nsec = some_nsec();
	st->btime.tv_nsec = some_nsec();
	return EITHER;
}

static enum verdict fill_good(void *data)
{
	(void)data;
	return GOOD;
}

static enum verdict fill_refusal(void *data)
{
	(void)data;
	return BUG;
}

/* Operations that are not here: what 0 means is found out when it is returned. */
static enum verdict (*const fills[WILD_OPCODES])(void *data) = {
	[FUSE_LOOKUP] = fill_entry,
	[FUSE_GETATTR] = fill_attr,
	[FUSE_SETATTR] = fill_attr,
	[FUSE_OPEN] = fill_open,
	[FUSE_OPENDIR] = fill_opendir,
	[FUSE_GETLK] = fill_lock,
	[FUSE_LSEEK] = fill_offset,
	[FUSE_POLL] = fill_poll,
	[FUSE_STATFS] = fill_statfs,
	[FUSE_STATX] = fill_statx,
	/* only the daemon can do these */
	[FUSE_SYMLINK] = fill_refusal,
	[FUSE_MKNOD] = fill_refusal,
	[FUSE_MKDIR] = fill_refusal,
	[FUSE_LINK] = fill_refusal,
	[FUSE_SETLK] = fill_refusal,
	[FUSE_SETLKW] = fill_refusal,
	[FUSE_CREATE] = fill_refusal,
	[FUSE_TMPFILE] = fill_refusal,
	[FUSE_BMAP] = fill_refusal,
	[FUSE_IOCTL] = fill_refusal,
	[FUSE_COPY_FILE_RANGE] = fill_refusal,
	[FUSE_READ] = fill_refusal,
	[FUSE_WRITE] = fill_refusal,
	[FUSE_UNLINK] = fill_good,
	[FUSE_RMDIR] = fill_good,
	[FUSE_RENAME] = fill_good,
	[FUSE_RENAME2] = fill_good,
	[FUSE_RELEASE] = fill_good,
	[FUSE_FSYNC] = fill_good,
	[FUSE_FSYNCDIR] = fill_good,
	[FUSE_SETXATTR] = fill_good,
	[FUSE_REMOVEXATTR] = fill_good,
	[FUSE_FLUSH] = fill_good,
	[FUSE_ACCESS] = fill_good,
	[FUSE_FALLOCATE] = fill_good,
	[FUSE_SYNCFS] = fill_good,
};

static void fill_answer(struct answer *a, unsigned int opcode)
{
	static const unsigned int lens[] = { 0, 1, 24, 32, 152, 255, 4095, 4096, 4097, 65535 };
	enum verdict of_zero = EITHER;

	memset(a, 0, sizeof(*a));
	a->ret = some_return();
	/* most calls should come further than these two */
	if ((opcode == FUSE_LOOKUP || opcode == FUSE_GETATTR) && below(4))
		a->ret = EXTFUSE_PASS;
	a->data = below(16);
	a->len = below(2) ? PICK(lens) : below(300);
	a->backing = below(2) ? below(4) : random_64();
	if (fills[opcode])
		of_zero = fills[opcode](a->out);
	a->verdict = !return_valid(a->ret) ? BUG : a->ret ? GOOD : of_zero;
}

/* Directory records, most of them whole, and for the rest anything. */
static void fill_data(void)
{
	unsigned char *data = wild->data + below(32) * 4096;
	unsigned int at, head = below(2) ? FUSE_NAME_OFFSET : FUSE_NAME_OFFSET_DIRENTPLUS;
	struct fuse_dirent d = {};

	for (at = 0; at < 4096; at++)
		data[at] = below(3) ? 'a' + below(6) : random() >> 8;
	for (at = 0; below(16) && at + head + 300 < 4096;
	     at += FUSE_DIRENT_ALIGN(head + d.namelen)) {
		d.ino = random_64();
		d.off = below(2) ? at + 1 : random_64();
		d.namelen = below(16) ? 1 + below(8) : random_64();
		d.type = below(16) ? below(16) : random_64();
		memset(data + at, 0, head);
		memcpy(data + at + head - FUSE_NAME_OFFSET, &d, FUSE_NAME_OFFSET);
		if (d.namelen > 255)
			break;
		memset(data + at + head, 'a' + below(6), d.namelen);
	}
}

static void refill(void)
{
	unsigned int other = !(wild->table & 1), op, i;

	for (op = 0; op < WILD_OPCODES; op++)
		for (i = 0; i < WILD_ANSWERS; i++)
			fill_answer(&wild->answers[other][op][i], op);
	for (i = 0; i < 8; i++)
		fill_data();
	__atomic_add_fetch(&wild->table, 1, __ATOMIC_SEQ_CST);
}

/* --- the policy --- */

static struct bpf_link *load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_link *link = NULL;
	struct bpf_map *map;
	size_t size = 0;

	if (!object || bpf_object__load(object))
		err(1, "%s", path);
	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			link = bpf_map__attach_struct_ops(map);
		else if (strstr(bpf_map__name(map), ".bss"))
			wild = bpf_map__initial_value(map, &size);
	}
	if (!link || size < sizeof(*wild))
		err(1, "%s: no policy, or other memory", path);
	return link;
}

static uint64_t asked(void)
{
	uint64_t sum = 0;
	unsigned int op;

	for (op = 0; op < WILD_OPCODES; op++)
		sum += __atomic_load_n(&wild->calls[op], __ATOMIC_RELAXED);
	return sum;
}

static void run(uint64_t requests)
{
	time_t since = time(NULL);
	uint64_t last = 0, now;

	while ((now = asked()) < requests) {
		if (now != last)
			since = time(NULL);
		if (time(NULL) - since > PATIENCE)
			errx(1, "no request for %d s after %llu", PATIENCE,
			     (unsigned long long)now);
		last = now;
		refill();
		usleep(20000);
	}
}

static void report(void)
{
	unsigned int op;

	for (op = 0; op < WILD_OPCODES; op++)
		if (wild->calls[op])
			printf("%u %llu %llu %llu\n", op, wild->calls[op],
			       wild->verdicts[op][GOOD], wild->verdicts[op][BUG]);
}

static void meet(const char *word)
{
	char line[16];

	puts(word);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

int main(int argc, char **argv)
{
	struct bpf_link *link;

	if (argc != 4)
		return 2;
	srandom(atoi(argv[3]));
	link = load(argv[1]);
	refill();
	meet("ready");
	run(strtoull(argv[2], NULL, 0));
	meet("done");
	report();
	bpf_link__destroy(link);
	return 0;
}
