// SPDX-License-Identifier: GPL-2.0
/*
 * slow: every request of an opcode waits before it goes to the daemon. For tests:
 * of what times out, and of what happens meanwhile.
 *
 * How long is in the map "delays", opcode -> nanoseconds, at most a second. All are
 * 0 at first. A LOOKUP that takes a quarter of a second (1 is its opcode):
 *
 *   extfusectl policy load slow && extfusectl bind /mnt slow
 *   bpftool map update pinned /sys/fs/bpf/extfuse/slow-maps/delays \
 *       key 1 0 0 0 value 0x80 0xb2 0xe6 0x0e 0 0 0 0
 *
 * READ, WRITE, RELEASE and RELEASEDIR may be sent under a spinlock, so their
 * callbacks cannot sleep and are not here; nor is FORGET.
 */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} delays SEC(".maps");

static __always_inline int wait(struct extfuse_req *req)
{
	__u32 opcode = req->opcode;
	__u64 *ns = bpf_map_lookup_elem(&delays, &opcode);

	/* a fatal signal ends the delay, and then also the request */
	if (ns && *ns)
		extfuse_delay(req, *ns);
	return EXTFUSE_PASS;
}

#define FOR_EACH(DO)								\
	DO(lookup) DO(getattr) DO(setattr) DO(readlink) DO(symlink) DO(mknod)	\
	DO(mkdir) DO(unlink) DO(rmdir) DO(rename) DO(link) DO(open) DO(statfs)	\
	DO(fsync) DO(setxattr) DO(getxattr) DO(listxattr) DO(removexattr)	\
	DO(flush) DO(opendir) DO(readdir) DO(fsyncdir) DO(getlk) DO(setlk)	\
	DO(access) DO(create) DO(bmap) DO(ioctl) DO(poll) DO(fallocate)		\
	DO(lseek) DO(copy_file_range) DO(syncfs) DO(tmpfile) DO(statx)

/* "struct_ops.s": programs that may sleep. */
#define PROGRAM(op)								\
SEC("struct_ops.s/" #op) int BPF_PROG(slow_##op, struct extfuse_req *req)	\
{										\
	return wait(req);							\
}

#define MEMBER(op) .op = (void *)slow_##op,

FOR_EACH(PROGRAM)

SEC(".struct_ops.link")
struct extfuse_ops slow = { FOR_EACH(MEMBER) .name = "slow" };
