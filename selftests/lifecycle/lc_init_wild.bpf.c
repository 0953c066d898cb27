// SPDX-License-Identifier: GPL-2.0
/* A policy whose init returns what is no error. */
#include "lifecycle.bpf.h"

SEC("struct_ops/init")
int BPF_PROG(init_wild, struct extfuse_req *req)
{
	return 7;
}

SEC(".struct_ops.link")
struct extfuse_ops lc_init_wild = {
	.init = (void *)init_wild,
	.name = "lc-init-wild",
};
