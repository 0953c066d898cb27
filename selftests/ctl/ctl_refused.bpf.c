// SPDX-License-Identifier: GPL-2.0
/* What the verifier must refuse: a pointer out of nowhere. */
#include "ctl.bpf.h"

SEC("struct_ops/statfs")
int refused_statfs(unsigned long long *ctx)
{
	return *(volatile int *)0x1234;
}

SEC(".struct_ops.link")
struct extfuse_ops ctl_refused = { .statfs = (void *)refused_statfs, .name = "ctl-refused" };
