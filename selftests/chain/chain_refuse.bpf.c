// SPDX-License-Identifier: GPL-2.0
/* Refuses every mount. */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/init")
int BPF_PROG(refuse_init, struct extfuse_req *req)
{
	return -EPERM;
}

SEC(".struct_ops.link")
struct extfuse_ops refuse = { .init = (void *)refuse_init, .name = "chain-refuse" };
