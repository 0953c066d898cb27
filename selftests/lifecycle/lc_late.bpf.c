// SPDX-License-Identifier: GPL-2.0
/*
 * A policy that thinks about a RELEASE for so long that the connection can be aborted
 * meanwhile, and then wants to hear of its end.
 */
#include "lifecycle.bpf.h"

#define LONG 3000000000ULL	/* ns */

static int is_late(__u64 i, void *until)
{
	return bpf_ktime_get_ns() > *(__u64 *)until;
}

SEC("struct_ops/release")
int BPF_PROG(late_release, struct extfuse_req *req)
{
	__u64 until = bpf_ktime_get_ns() + LONG;

	bpf_loop(1 << 23, is_late, &until, 0);
	return EXTFUSE_PASS;
}

SEC("struct_ops/done")
int BPF_PROG(late_done, struct extfuse_req *req)
{
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops lc_late = {
	.release = (void *)late_release,
	.done = (void *)late_done,
	.name = "lc-late",
};
