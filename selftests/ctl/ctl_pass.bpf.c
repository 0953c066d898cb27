// SPDX-License-Identifier: GPL-2.0
/* Leaves everything to the daemon, and counts in a map. */
#include "ctl.bpf.h"

struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*max_entries)[1];
	unsigned int *key;
	unsigned long long *value;
} calls SEC(".maps");

SEC("struct_ops/statfs")
int pass_statfs(unsigned long long *ctx)
{
	unsigned int key = 0;
	unsigned long long *count = bpf_map_lookup_elem(&calls, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	return EXTFUSE_PASS;
}

/* The variable's name is not the policy's, as some tools take it to be. */
SEC(".struct_ops.link")
struct extfuse_ops a_variable = { .statfs = (void *)pass_statfs, .name = "ctl-pass" };
