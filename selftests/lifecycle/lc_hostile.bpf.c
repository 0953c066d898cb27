// SPDX-License-Identifier: GPL-2.0
/*
 * A policy that only ever gives wrong answers, a different one each time: values
 * that mean nothing, success where the daemon alone can act, and replies that no
 * daemon could send. None may reach the kernel, and every request the daemon.
 */
#include "lifecycle.bpf.h"

#define S_IFBLK 0060000
#define S_IFREG 0100000
#define S_IFMT 0170000

__u64 calls;

static __always_inline __u64 turn(__u64 of)
{
	return __sync_fetch_and_add(&calls, 1) % of;
}

static __always_inline int nonsense(__u64 i)
{
	switch (i % 7) {
	case 0: return 7;
	case 1: return -4095;
	case 2: return -ENOSYS;
	case 3: return -512;		/* ERESTARTSYS */
	case 4: return 2;
	case 5: return 0x7fffffff;
	default: return -0x7fffffff;
	}
}

/* Attributes that cannot be true of any inode that the kernel has. */
static __always_inline void wild_attr(struct fuse_attr *attr, __u64 i)
{
	attr->mode = S_IFREG | 0777;
	attr->nlink = 1;
	switch (i % 6) {
	case 0:
		attr->mode = 0;
		break;
	case 1:
		attr->mode = S_IFMT | 07777;
		break;
	case 2:
		attr->mode = S_IFBLK | 0777;
		break;
	case 3:
		attr->size = 1ULL << 63;
		break;
	case 4:
		attr->size = ~0ULL;
		break;
	default:
		attr->mtimensec = 1000000000;
		break;
	}
}

SEC("struct_ops/lookup")
int BPF_PROG(hostile_lookup, struct extfuse_req *req, struct fuse_entry_out *out)
{
	__u64 i = turn(16);

	if (i < 7)
		return nonsense(i);
	out->nodeid = 2;
	out->attr_valid = 1;	/* attributes of zeroes are not meant to be none */
	wild_attr(&out->attr, i);
	switch (i) {
	case 13:
		out->nodeid = 1;
		out->attr.mode = S_IFREG;
		break;
	case 14:
		out->nodeid = ~0ULL;
		out->attr.mode = S_IFBLK;
		break;
	case 15:
		out->attr.mode = S_IFREG;
		out->entry_valid_nsec = ~0U;
		break;
	}
	return 0;
}

SEC("struct_ops/getattr")
int BPF_PROG(hostile_getattr, struct extfuse_req *req, const struct fuse_getattr_in *in,
	     struct fuse_attr_out *out)
{
	__u64 i = turn(14);

	if (i < 7)
		return nonsense(i);
	wild_attr(&out->attr, i);
	if (i == 13) {
		out->attr.mode = S_IFREG;
		out->attr_valid_nsec = ~0U;
	}
	return 0;
}

SEC("struct_ops/setattr")
int BPF_PROG(hostile_setattr, struct extfuse_req *req, const struct fuse_setattr_in *in,
	     struct fuse_attr_out *out)
{
	__u64 i = turn(13);

	if (i < 7)
		return nonsense(i);
	wild_attr(&out->attr, i);
	return 0;
}

SEC("struct_ops/open")
int BPF_PROG(hostile_open, struct extfuse_req *req, const struct fuse_open_in *in,
	     struct fuse_open_out *out)
{
	__u64 i = turn(12);

	if (i < 7)
		return nonsense(i);
	switch (i) {
	case 7:
		out->open_flags = ~0U;
		break;
	case 8:
		out->open_flags = FOPEN_PASSTHROUGH;	/* and no backing file */
		break;
	case 9:
		out->open_flags = FOPEN_PASSTHROUGH;
		out->backing_id = 12345;
		break;
	case 10:
		out->open_flags = FOPEN_PASSTHROUGH | FOPEN_KEEP_CACHE;
		out->backing_id = -1;
		break;
	default:
		out->backing_id = 1;			/* without passthrough */
		break;
	}
	return 0;
}

SEC("struct_ops/opendir")
int BPF_PROG(hostile_opendir, struct extfuse_req *req, const struct fuse_open_in *in,
	     struct fuse_open_out *out)
{
	__u64 i = turn(11);

	if (i < 7)
		return nonsense(i);
	out->fh = i == 7 ? 1 : EXTFUSE_FH_NONE;
	out->open_flags = i == 8 ? FOPEN_PASSTHROUGH : i == 9 ? ~0U : 0;
	out->backing_id = i == 10;
	return 0;
}

SEC("struct_ops/statx")
int BPF_PROG(hostile_statx, struct extfuse_req *req, const struct fuse_statx_in *in,
	     struct fuse_statx_out *out)
{
	__u64 i = turn(11);

	if (i < 7)
		return nonsense(i);
	out->stat.mask = i == 7 ? 0 : ~0U;
	out->stat.mode = i == 8 ? S_IFBLK : i == 9 ? 0 : S_IFREG;
	out->stat.size = ~0ULL;
	return 0;
}

SEC("struct_ops/getlk")
int BPF_PROG(hostile_getlk, struct extfuse_req *req, const struct fuse_lk_in *in,
	     struct fuse_lk_out *out)
{
	__u64 i = turn(9);

	if (i < 7)
		return nonsense(i);
	out->lk.type = i == 7 ? 77 : 1 /* F_WRLCK */;
	out->lk.start = 1;
	return 0;
}

SEC("struct_ops/lseek")
int BPF_PROG(hostile_lseek, struct extfuse_req *req, const struct fuse_lseek_in *in,
	     struct fuse_lseek_out *out)
{
	__u64 i = turn(9);

	if (i < 7)
		return nonsense(i);
	out->offset = i == 7 ? ~0ULL : in->offset - 1;
	return 0;
}

/* Records that are none, in a buffer that changes while it is looked at. */
char listing[4096];

SEC("struct_ops/readdir")
int BPF_PROG(hostile_readdir, struct extfuse_req *req, const struct fuse_read_in *in)
{
	__u64 i = turn(256);

	if (i < 7)
		return nonsense(i);
	/* the names' first bytes stay 0: by chance a record could be good */
	if (i != 24 && i != 128 + 24)
		listing[i] = i;
	listing[16 + (i & 7)] = i >> 3;
	listing[128 + 16 + (i & 7)] = i;
	if (i & 1)
		extfuse_reply_set(req, listing, 1 + (i & 127));
	else
		extfuse_reply_set(req, listing, 4095);
	return 0;
}

/* 0 would say: answered; but there is no data, or nothing has been done. */
#define HOSTILE(name)							\
SEC("struct_ops/" #name)						\
int BPF_PROG(hostile_##name, struct extfuse_req *req)			\
{									\
	__u64 i = turn(8);						\
									\
	return i == 7 ? 0 : nonsense(i);				\
}

/* 0 is allowed here, and a lie that the module cannot know for one. */
#define NONSENSE(name)							\
SEC("struct_ops/" #name)						\
int BPF_PROG(hostile_##name, struct extfuse_req *req)			\
{									\
	return nonsense(turn(7));					\
}

HOSTILE(readlink)
HOSTILE(getxattr)
HOSTILE(listxattr)
HOSTILE(symlink)
HOSTILE(mknod)
HOSTILE(mkdir)
HOSTILE(link)
HOSTILE(read)
HOSTILE(write)
HOSTILE(releasedir)
HOSTILE(setlk)
HOSTILE(bmap)
HOSTILE(create)
HOSTILE(ioctl)
HOSTILE(tmpfile)
HOSTILE(copy_file_range)
NONSENSE(unlink)
NONSENSE(rmdir)
NONSENSE(rename)
NONSENSE(statfs)
NONSENSE(release)
NONSENSE(fsync)
NONSENSE(setxattr)
NONSENSE(removexattr)
NONSENSE(flush)
NONSENSE(access)
NONSENSE(fsyncdir)
NONSENSE(poll)
NONSENSE(syncfs)
NONSENSE(fallocate)
NONSENSE(forget)
NONSENSE(entry_done)
NONSENSE(attr_done)
NONSENSE(open_done)
NONSENSE(read_done)
NONSENSE(dir_done)
NONSENSE(statx_done)
NONSENSE(lseek_done)
NONSENSE(xattr_done)
NONSENSE(link_target_done)
NONSENSE(statfs_done)
NONSENSE(done)
NONSENSE(exit)

#define SET(name) .name = (void *)hostile_##name
SEC(".struct_ops.link")
struct extfuse_ops lc_hostile = {
	SET(lookup), SET(forget), SET(getattr), SET(setattr), SET(readlink), SET(symlink),
	SET(mknod), SET(mkdir), SET(unlink), SET(rmdir), SET(rename), SET(link), SET(open),
	SET(read), SET(write), SET(statfs), SET(release), SET(fsync), SET(setxattr),
	SET(getxattr), SET(listxattr), SET(removexattr), SET(flush), SET(readdir), SET(access),
	SET(create), SET(ioctl), SET(fallocate), SET(tmpfile), SET(copy_file_range),
	SET(opendir), SET(releasedir), SET(fsyncdir), SET(getlk), SET(setlk), SET(bmap), SET(poll),
	SET(lseek), SET(syncfs), SET(statx), SET(read_done), SET(dir_done), SET(statx_done),
	SET(lseek_done),
	SET(entry_done), SET(attr_done), SET(open_done), SET(xattr_done), SET(link_target_done),
	SET(statfs_done), SET(done), SET(exit),
	.name = "lc-hostile",
};
