/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A policy that records by request: the attribute that REMOVEXATTR names has the request's
 * number in it. Included with NAME, and MINE, the numbers that it answers itself.
 */
#include "extfuse.bpf.h"
#include "swap.h"

char _license[] SEC("license") = "GPL";

/* Which of those that are loaded this one is. */
const volatile __u32 instance = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_REQUESTS);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

SEC("struct_ops/removexattr")
int BPF_PROG(swap_removexattr, struct extfuse_req *req)
{
	char name[PREFIX_LEN + DIGITS];
	struct record *record;
	__u32 n = 0, i;

	if (extfuse_req_name(req, 0, name, sizeof(name)) != sizeof(name))
		return EXTFUSE_PASS;
	for (i = PREFIX_LEN; i < sizeof(name); i++)
		n = n * 10 + name[i] - '0';
	record = bpf_map_lookup_elem(&records, &n);
	if (!record)
		return EXTFUSE_PASS;
	__sync_fetch_and_add(&record->asked, 1);
	if (req->cookie[0] || req->cookie[1])
		__sync_fetch_and_add(&record->wrong, 1);
	if (n % 8 == MINE) {
		__sync_fetch_and_add(&record->answered, 1);
		return -MY_ERROR;
	}
	req->cookie[0] = n + 1;
	req->cookie[1] = instance;
	return EXTFUSE_PASS;
}

SEC("struct_ops/done")
int BPF_PROG(swap_done, struct extfuse_req *req, int error)
{
	__u32 n = req->cookie[0] - 1;
	struct record *record;

	if (req->opcode != FUSE_REMOVEXATTR)
		return 0;
	record = bpf_map_lookup_elem(&records, &n);
	if (!record) {
		n = 0;
		record = bpf_map_lookup_elem(&records, &n);
	}
	if (!record)
		return 0;
	__sync_fetch_and_add(&record->heard, 1);
	/* of another policy's request, or of none */
	if (req->cookie[1] != instance || !req->cookie[0])
		__sync_fetch_and_add(&record->wrong, 1);
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops swap = {
	.removexattr = (void *)swap_removexattr,
	.done = (void *)swap_done,
	.name = NAME,
};
