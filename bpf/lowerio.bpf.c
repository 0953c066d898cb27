// SPDX-License-Identifier: GPL-2.0
/*
 * lowerio: reads and writes straight from lower files, with the page cache kept.
 *
 * A daemon that shows files of a lower file system copies every byte that is not in
 * the page cache through itself. Where it can say which lower file has the bytes,
 * the kernel needs it for nothing else: the daemon registers the lower file with
 * FUSE_DEV_IOC_BACKING_OPEN, open for what it is to be used for, and puts nodeid and
 * backing id into the map "backing" here. READ and WRITE of that inode are then
 * carried out in the kernel, readahead and write-back included.
 *
 * The daemon opens such a file without FOPEN_PASSTHROUGH. Unlike passthrough opens,
 * this goes together with opens that the daemon serves itself, and can begin and end
 * while the file is open: as soon as the inode is not in the map any more, its
 * requests go to the daemon.
 */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

/* Filled by the daemon, of any number of mounts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct extfuse_node_key);
	__type(value, __u32);
} backing SEC(".maps");

/* 0 is no backing id. */
static __always_inline __u32 backing_id(const struct extfuse_req *req)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };
	__u32 *id = bpf_map_lookup_elem(&backing, &key);

	return id ? *id : 0;
}

/* 0 says that the answer is what the module was just told to do. */
SEC("struct_ops/read")
int BPF_PROG(lowerio_read, struct extfuse_req *req)
{
	return extfuse_backing_read(req, backing_id(req)) ? EXTFUSE_PASS : 0;
}

SEC("struct_ops/write")
int BPF_PROG(lowerio_write, struct extfuse_req *req)
{
	return extfuse_backing_write(req, backing_id(req)) ? EXTFUSE_PASS : 0;
}

/* What only the daemon would delete. */
static long drop(void *map, struct extfuse_node_key *key, void *value, __u64 *conn)
{
	if (key->conn == *conn)
		bpf_map_delete_elem(map, key);
	return 0;
}

SEC("struct_ops/exit")
int BPF_PROG(lowerio_exit, struct extfuse_req *req)
{
	__u64 conn = req->conn;

	bpf_for_each_map_elem(&backing, drop, &conn, 0);
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops lowerio = {
	.read = (void *)lowerio_read,
	.write = (void *)lowerio_write,
	.exit = (void *)lowerio_exit,
	.name = "lowerio",
};
