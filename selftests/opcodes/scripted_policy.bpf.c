// SPDX-License-Identifier: GPL-2.0
/*
 * A policy that answers as its map "answers" says, opcode by opcode, and notes in
 * "heard" what its reply callbacks were told.
 */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

struct answer {
	__u32 on;
	__s32 ret;
	__u8 out[sizeof(struct fuse_statx_out)];	/* the largest there is */
};

struct heard {
	__u64 asked;		/* calls before the request */
	__u64 told;		/* calls after its reply */
	__u64 value;		/* size, or a word of the structure */
	__s64 error;
};

struct buffer {
	__u32 len;
	__s32 set;		/* what extfuse_reply_set() returned */
	__u8 data[4096];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct heard);
} heard SEC(".maps");

/* 0: the directory buffer to answer with; 1: the last one that the daemon gave */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct buffer);
} buffers SEC(".maps");

static __always_inline const struct answer *ask(struct extfuse_req *req)
{
	__u32 opcode = req->opcode;
	struct heard *h = bpf_map_lookup_elem(&heard, &opcode);
	const struct answer *a = bpf_map_lookup_elem(&answers, &opcode);

	if (h)
		__sync_fetch_and_add(&h->asked, 1);
	return a && a->on ? a : NULL;
}

static __always_inline int hear(struct extfuse_req *req, __u64 value, int error)
{
	__u32 opcode = req->opcode;
	struct heard *h = bpf_map_lookup_elem(&heard, &opcode);

	if (!h)
		return 0;
	__sync_fetch_and_add(&h->told, 1);
	h->value = value;
	h->error = error;
	return 0;
}

#define ASK(name)								\
SEC("struct_ops/" #name) int BPF_PROG(sp_##name, struct extfuse_req *req)	\
{										\
	const struct answer *a = ask(req);					\
										\
	return a ? a->ret : EXTFUSE_PASS;					\
}

#define ASK_OUT(name, in_type, out_type)					\
SEC("struct_ops/" #name)							\
int BPF_PROG(sp_##name, struct extfuse_req *req, const struct in_type *in,	\
	     struct out_type *out)						\
{										\
	const struct answer *a = ask(req);					\
										\
	if (!a)									\
		return EXTFUSE_PASS;						\
	__builtin_memcpy(out, a->out, sizeof(*out));				\
	return a->ret;								\
}

ASK_OUT(opendir, fuse_open_in, fuse_open_out)
ASK_OUT(getlk, fuse_lk_in, fuse_lk_out)
ASK_OUT(lseek, fuse_lseek_in, fuse_lseek_out)
ASK_OUT(poll, fuse_poll_in, fuse_poll_out)
ASK_OUT(statx, fuse_statx_in, fuse_statx_out)
ASK(releasedir)
ASK(fsyncdir)
ASK(setlk)
ASK(bmap)
ASK(syncfs)
ASK(read)

SEC("struct_ops/readdir")
int BPF_PROG(sp_readdir, struct extfuse_req *req, const struct fuse_read_in *in)
{
	const struct answer *a = ask(req);
	struct buffer *b;
	__u32 key = 0, len;

	b = bpf_map_lookup_elem(&buffers, &key);
	if (!a || !b)
		return EXTFUSE_PASS;
	if (in->offset)
		return extfuse_reply_set(req, b->data, 0);
	len = b->len;
	if (len > sizeof(b->data))
		return EXTFUSE_PASS;
	b->set = extfuse_reply_set(req, b->data, len);
	return a->ret;
}

SEC("struct_ops/dir_done")
int BPF_PROG(sp_dir_done, struct extfuse_req *req, __u32 size, int error)
{
	struct buffer *b;
	__u32 key = 1;

	b = bpf_map_lookup_elem(&buffers, &key);
	if (b && !error)
		b->len = extfuse_reply_data(req, b->data, sizeof(b->data));
	return hear(req, size, error);
}

SEC("struct_ops/read_done")
int BPF_PROG(sp_read_done, struct extfuse_req *req, __u32 size, int error)
{
	return hear(req, size, error);
}

SEC("struct_ops/open_done")
int BPF_PROG(sp_open_done, struct extfuse_req *req, const struct fuse_open_out *out, int error)
{
	return hear(req, out->fh, error);
}

SEC("struct_ops/lseek_done")
int BPF_PROG(sp_lseek_done, struct extfuse_req *req, const struct fuse_lseek_out *out, int error)
{
	return hear(req, out->offset, error);
}

SEC("struct_ops/statx_done")
int BPF_PROG(sp_statx_done, struct extfuse_req *req, const struct fuse_statx_out *out, int error)
{
	return hear(req, out->stat.btime.tv_sec, error);
}

SEC("struct_ops/done") int BPF_PROG(sp_done, struct extfuse_req *req, int error)
{
	return hear(req, 0, error);
}

#define SET(name) .name = (void *)sp_##name
SEC(".struct_ops.link")
struct extfuse_ops scripted_policy = {
	SET(opendir), SET(getlk), SET(lseek), SET(poll), SET(statx), SET(releasedir), SET(fsyncdir),
	SET(setlk), SET(bmap), SET(syncfs), SET(read), SET(readdir), SET(dir_done), SET(read_done),
	SET(open_done), SET(lseek_done), SET(statx_done), SET(done),
	.name = "scripted",
};
