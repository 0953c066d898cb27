// SPDX-License-Identifier: GPL-2.0
/* A policy that refuses every mount. */
#include "lifecycle.bpf.h"

SEC("struct_ops/init")
int BPF_PROG(init_refuses, struct extfuse_req *req)
{
	return -EPERM;
}

SEC(".struct_ops.link")
struct extfuse_ops lc_init = {
	.init = (void *)init_refuses,
	.name = "lc-init",
};
