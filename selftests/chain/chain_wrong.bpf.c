// SPDX-License-Identifier: GPL-2.0
/* Answers LOOKUP with what means nothing, so that it is asked of the next policy. */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/lookup")
int BPF_PROG(wrong_lookup, struct extfuse_req *req, struct fuse_entry_out *out)
{
	out->nodeid = FUSE_ROOT_ID;
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops wrong = { .lookup = (void *)wrong_lookup, .name = "chain-wrong" };
