// SPDX-License-Identifier: GPL-2.0
/*
 * Serves like lowerio, counts what begins and what ends, and does on demand what a
 * policy should not.
 */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct extfuse_node_key);
	__type(value, __u32);
} backing SEC(".maps");

/* Positions of the "counts" map. */
enum { BEGUN, ENDED, FAILED, LATE, MISTAKE };
/* ... and values of the last. */
enum { NONE, NOTE_AND_PASS, NOTE_AND_REFUSE, NOTE_TWICE, ANSWER_WITHOUT };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline int serve(struct extfuse_req *req, bool write)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };
	__u32 *id = bpf_map_lookup_elem(&backing, &key);
	__u32 what = MISTAKE;
	__u64 *n = bpf_map_lookup_elem(&counts, &what);
	__u64 mistake = n ? *n : NONE;
	int err;

	count(BEGUN);
	if (!id)
		return EXTFUSE_PASS;
	if (mistake == ANSWER_WITHOUT)
		return 0;
	err = write ? extfuse_backing_write(req, *id) : extfuse_backing_read(req, *id);
	if (err || mistake == NOTE_AND_PASS)
		return EXTFUSE_PASS;
	if (mistake == NOTE_AND_REFUSE)
		return -EPERM;
	if (mistake == NOTE_TWICE)
		err = write ? extfuse_backing_write(req, *id) : extfuse_backing_read(req, *id);
	/* of the other kind: refused */
	if ((write ? extfuse_backing_read(req, *id) : extfuse_backing_write(req, *id)) != -EINVAL)
		count(LATE);
	return err ? EXTFUSE_PASS : 0;
}

SEC("struct_ops/read")
int BPF_PROG(lc_read, struct extfuse_req *req)
{
	return serve(req, false);
}

SEC("struct_ops/write")
int BPF_PROG(lc_write, struct extfuse_req *req)
{
	return serve(req, true);
}

static __always_inline int ended(struct extfuse_req *req, int error)
{
	count(ENDED);
	if (error)
		count(FAILED);
	/* too late: refused */
	if (extfuse_backing_read(req, 1) != -EINVAL || extfuse_backing_write(req, 1) != -EINVAL)
		count(LATE);
	return 0;
}

SEC("struct_ops/read_done")
int BPF_PROG(lc_read_done, struct extfuse_req *req, __u32 size, int error)
{
	return ended(req, error);
}

SEC("struct_ops/done")
int BPF_PROG(lc_done, struct extfuse_req *req, int error)
{
	return req->opcode == FUSE_WRITE ? ended(req, error) : 0;
}

SEC(".struct_ops.link")
struct extfuse_ops lowerio_count = {
	.read = (void *)lc_read,
	.write = (void *)lc_write,
	.read_done = (void *)lc_read_done,
	.done = (void *)lc_done,
	.name = "lowerio-count",
};
