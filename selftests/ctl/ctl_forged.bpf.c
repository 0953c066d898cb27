// SPDX-License-Identifier: GPL-2.0
/* What the verifier must refuse: a request made up in the policy's own memory. */
#include "../../bpf/extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[512]);
} forged SEC(".maps");

SEC("struct_ops/readlink")
int BPF_PROG(forged_readlink, struct extfuse_req *req)
{
	__u32 zero = 0;
	char *memory = bpf_map_lookup_elem(&forged, &zero);
	char target[8] = "target";

	if (memory)
		extfuse_reply_set((struct extfuse_req *)memory, target, sizeof(target));
	return EXTFUSE_PASS;
}

SEC(".struct_ops.link")
struct extfuse_ops ctl_forged = { .readlink = (void *)forged_readlink, .name = "ctl-forged" };
