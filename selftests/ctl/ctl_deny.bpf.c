// SPDX-License-Identifier: GPL-2.0
/* Allows no directory to be made. */
#include "ctl.bpf.h"

SEC("struct_ops/mkdir")
int deny_mkdir(unsigned long long *ctx)
{
	return -EACCES;
}

SEC(".struct_ops.link")
struct extfuse_ops ctl_deny = { .mkdir = (void *)deny_mkdir, .name = "ctl-deny" };
