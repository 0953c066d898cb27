// SPDX-License-Identifier: GPL-2.0
/*
 * A policy that returns, and replies, what wild.c has put at random into its memory,
 * and counts what of that must be refused.
 */
#include "extfuse.bpf.h"
#include "wild.h"

char _license[] SEC("license") = "GPL";

struct wild wild;

static __always_inline __u32 slot(const struct extfuse_req *req)
{
	return req->opcode & (WILD_OPCODES - 1);
}

static __always_inline int count(const struct extfuse_req *req, int ret, __u32 verdict)
{
	__u32 op = slot(req);

	verdict &= 3;
	if (verdict < NR_VERDICTS)
		__sync_fetch_and_add(&wild.verdicts[op][verdict], 1);
	return ret;
}

static __always_inline const struct answer *take(struct extfuse_req *req, __u32 *table)
{
	__u32 op = slot(req);
	__u64 turn = __sync_fetch_and_add(&wild.calls[op], 1);

	*table = READ_ONCE(wild.table);
	return &wild.answers[*table & 1][op][turn & (WILD_ANSWERS - 1)];
}

/* What was taken may have been overwritten meanwhile, and its verdict with it. */
static __always_inline int give(const struct extfuse_req *req, __u32 table, int ret, __u32 verdict)
{
	barrier();
	if (READ_ONCE(wild.table) != table)
		return count(req, EXTFUSE_PASS, GOOD);
	return count(req, ret, verdict);
}

static __always_inline int plain(struct extfuse_req *req)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret);

	verdict = READ_ONCE(a->verdict);
	return give(req, table, ret, verdict);
}

static __always_inline int set_data(struct extfuse_req *req, const struct answer *a)
{
	__u32 at = READ_ONCE(a->data) & 15, len = READ_ONCE(a->len) & 0xffff;

	return extfuse_reply_set(req, &wild.data[at * 4096], len);
}

/* Answered with what extfuse_reply_set() took, and not without. */
static __always_inline int with_data(struct extfuse_req *req)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret), set;

	verdict = READ_ONCE(a->verdict);
	set = set_data(req, a);
	if (!ret)
		verdict = set ? BUG : GOOD;
	return give(req, table, ret, verdict);
}

#define PLAIN(name) \
SEC("struct_ops/" #name) int BPF_PROG(wild_##name, struct extfuse_req *req) { return plain(req); }

/* Asks besides what a name means that there may not be. */
static __always_inline int goes(struct extfuse_req *req)
{
	__u64 nodeid = 0;

	extfuse_req_child(req, READ_ONCE(wild.replies) & 3, &nodeid);
	req->cookie[1] = nodeid;
	return plain(req);
}

#define GOES(name) \
SEC("struct_ops.s/" #name) int BPF_PROG(wild_##name, struct extfuse_req *req) { return goes(req); }

#define DATA(name) \
SEC("struct_ops/" #name) \
int BPF_PROG(wild_##name, struct extfuse_req *req) { return with_data(req); }

#define OUT(name, in_type, out_type)						\
SEC("struct_ops/" #name)							\
int BPF_PROG(wild_##name, struct extfuse_req *req, const struct in_type *in,	\
	     struct out_type *out)						\
{										\
	__u32 table, verdict;							\
	const struct answer *a = take(req, &table);				\
	int ret = READ_ONCE(a->ret);						\
										\
	verdict = READ_ONCE(a->verdict);					\
	__builtin_memcpy(out, a->out, sizeof(*out));				\
	set_data(req, a);	/* there is no place for it */			\
	return give(req, table, ret, verdict);					\
}

SEC("struct_ops.s/lookup")
int BPF_PROG(wild_lookup, struct extfuse_req *req, struct fuse_entry_out *out)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	struct fuse_attr attr = {};
	int ret = READ_ONCE(a->ret);

	verdict = READ_ONCE(a->verdict);
	__builtin_memcpy(out, a->out, sizeof(*out));
	extfuse_backing_getattr(req, a->backing, &attr);
	return give(req, table, ret, verdict);
}

OUT(getattr, fuse_getattr_in, fuse_attr_out)
OUT(setattr, fuse_setattr_in, fuse_attr_out)
OUT(open, fuse_open_in, fuse_open_out)
OUT(opendir, fuse_open_in, fuse_open_out)
OUT(getlk, fuse_lk_in, fuse_lk_out)
OUT(poll, fuse_poll_in, fuse_poll_out)
OUT(lseek, fuse_lseek_in, fuse_lseek_out)
OUT(statx, fuse_statx_in, fuse_statx_out)

SEC("struct_ops/statfs")
int BPF_PROG(wild_statfs, struct extfuse_req *req, struct fuse_statfs_out *out)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret);

	verdict = READ_ONCE(a->verdict);
	__builtin_memcpy(out, a->out, sizeof(*out));
	return give(req, table, ret, verdict);
}

/* There are no backing files, so 0 is a lie. */
SEC("struct_ops/read")
int BPF_PROG(wild_read, struct extfuse_req *req, const struct fuse_read_in *in)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret);

	verdict = READ_ONCE(a->verdict);
	extfuse_backing_read(req, a->backing);
	extfuse_backing_write(req, a->backing);
	set_data(req, a);
	return give(req, table, ret, verdict);
}

SEC("struct_ops/write")
int BPF_PROG(wild_write, struct extfuse_req *req, const struct fuse_write_in *in)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret);

	verdict = READ_ONCE(a->verdict);
	extfuse_backing_write(req, a->backing);
	extfuse_backing_read(req, a->backing);
	return give(req, table, ret, verdict);
}

/* The module answers for handles that a policy gave, whatever the policy says. */
SEC("struct_ops/releasedir")
int BPF_PROG(wild_releasedir, struct extfuse_req *req, const struct fuse_release_in *in)
{
	__u32 table, verdict;
	const struct answer *a = take(req, &table);
	int ret = READ_ONCE(a->ret);

	verdict = in->fh == EXTFUSE_FH_NONE || ret == EXTFUSE_PASS ? GOOD : BUG;
	return give(req, table, ret, verdict);
}

DATA(readlink)
DATA(getxattr)
DATA(listxattr)
DATA(readdir)
PLAIN(symlink)
PLAIN(mknod)
PLAIN(mkdir)
GOES(unlink)
GOES(rmdir)
GOES(rename)
PLAIN(link)
PLAIN(release)
PLAIN(fsync)
PLAIN(setxattr)
PLAIN(removexattr)
PLAIN(flush)
PLAIN(fsyncdir)
PLAIN(setlk)
PLAIN(access)
PLAIN(create)
PLAIN(bmap)
PLAIN(ioctl)
PLAIN(fallocate)
PLAIN(copy_file_range)
PLAIN(syncfs)
PLAIN(tmpfile)
PLAIN(forget)

/* Reply callbacks: ask for more than there is, and return what there is not. */
static __always_inline int reply(struct extfuse_req *req)
{
	__u64 turn = __sync_fetch_and_add(&wild.replies, 1);
	__u32 op = slot(req), len = turn & 255;
	struct extfuse_name_hash hash = {};
	char buf[256] = {};

	extfuse_req_name(req, turn & 3, buf, len);
	extfuse_req_name_hash(req, turn >> 2, req->nodeid + (turn & 1), &hash);
	extfuse_reply_data(req, buf, len);
	extfuse_reply_set(req, buf, len);
	extfuse_open_flags(req, turn & 16 ? turn : turn & (FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR));
	req->cookie[0] = turn;
	return READ_ONCE(wild.answers[0][op][turn & (WILD_ANSWERS - 1)].ret);
}

#define REPLY(name) \
SEC("struct_ops/" #name) int BPF_PROG(wild_##name, struct extfuse_req *req) { return reply(req); }

REPLY(entry_done)
REPLY(attr_done)
REPLY(open_done)
REPLY(read_done)
REPLY(dir_done)
REPLY(xattr_done)
REPLY(link_target_done)
REPLY(statfs_done)
REPLY(statx_done)
REPLY(lseek_done)
REPLY(done)
REPLY(inval_inode)
REPLY(inval_entry)
REPLY(exit)

#define SET(name) .name = (void *)wild_##name
SEC(".struct_ops.link")
struct extfuse_ops wild_policy = {
	SET(lookup), SET(forget), SET(getattr), SET(setattr), SET(readlink), SET(symlink),
	SET(mknod), SET(mkdir), SET(unlink), SET(rmdir), SET(rename), SET(link), SET(open),
	SET(read), SET(write), SET(statfs), SET(release), SET(fsync), SET(setxattr),
	SET(getxattr), SET(listxattr), SET(removexattr), SET(flush), SET(opendir), SET(readdir),
	SET(releasedir), SET(fsyncdir), SET(getlk), SET(setlk), SET(access), SET(create), SET(bmap),
	SET(ioctl), SET(poll), SET(fallocate), SET(lseek), SET(copy_file_range), SET(syncfs),
	SET(tmpfile), SET(statx), SET(entry_done), SET(attr_done), SET(open_done), SET(read_done),
	SET(dir_done), SET(xattr_done), SET(link_target_done), SET(statfs_done), SET(statx_done),
	SET(lseek_done), SET(done), SET(inval_inode), SET(inval_entry), SET(exit),
	.name = "wild",
};
