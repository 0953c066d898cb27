// SPDX-License-Identifier: GPL-2.0
/*
 * count: how often each opcode was asked for, by everyone and by each user.
 *
 * Leaves every request to the daemon. Counts are in the maps
 *
 *   requests    opcode -> number of requests
 *   users       (user, opcode) -> number of requests
 *
 *   extfusectl policy load count && extfusectl bind /mnt count
 *   bpftool map dump pinned /sys/fs/bpf/extfuse/count-maps/requests
 */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

struct user_key {
	__u32 uid, opcode;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_key);
	__type(value, __u64);
} users SEC(".maps");

static __always_inline int count(struct extfuse_req *req)
{
	struct user_key key = { .uid = req->uid, .opcode = req->opcode };
	__u64 one = 1, *number;

	number = bpf_map_lookup_elem(&requests, &key.opcode);
	if (number)
		__sync_fetch_and_add(number, 1);
	number = bpf_map_lookup_elem(&users, &key);
	/* if another CPU is the first too, one of the two is not counted */
	if (number)
		__sync_fetch_and_add(number, 1);
	else
		bpf_map_update_elem(&users, &key, &one, BPF_NOEXIST);
	return EXTFUSE_PASS;
}

/* Every callback before a request; reply callbacks would hear of the same ones again. */
#define FOR_EACH(DO)								\
	DO(lookup) DO(forget) DO(getattr) DO(setattr) DO(readlink) DO(symlink)	\
	DO(mknod) DO(mkdir) DO(unlink) DO(rmdir) DO(rename) DO(link) DO(open)	\
	DO(read) DO(write) DO(statfs) DO(release) DO(fsync) DO(setxattr)	\
	DO(getxattr) DO(listxattr) DO(removexattr) DO(flush) DO(opendir)	\
	DO(readdir) DO(releasedir) DO(fsyncdir) DO(getlk) DO(setlk) DO(access)	\
	DO(create) DO(bmap) DO(ioctl) DO(poll) DO(fallocate) DO(lseek)		\
	DO(copy_file_range) DO(syncfs) DO(tmpfile) DO(statx)

#define PROGRAM(op)								\
SEC("struct_ops/" #op) int BPF_PROG(count_##op, struct extfuse_req *req)	\
{										\
	return count(req);							\
}

#define MEMBER(op) .op = (void *)count_##op,

FOR_EACH(PROGRAM)

SEC(".struct_ops.link")
struct extfuse_ops count_ops = { FOR_EACH(MEMBER) .name = "count" };
