// SPDX-License-Identifier: GPL-2.0
/* A policy that opens directories: what it opens, the daemon must not close. */
#include "lifecycle.bpf.h"

SEC("struct_ops/opendir")
int BPF_PROG(opendir_opendir, struct extfuse_req *req, const struct fuse_open_in *in,
	     struct fuse_open_out *out)
{
	out->fh = EXTFUSE_FH_NONE;
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops lc_opendir = {
	.opendir = (void *)opendir_opendir,
	.name = "lc-opendir",
};
