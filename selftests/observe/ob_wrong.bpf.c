// SPDX-License-Identifier: GPL-2.0
/* A policy whose answers to GETATTR mean nothing, while those to GETXATTR are good. */
#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/getattr")
int BPF_PROG(wrong_getattr, struct extfuse_req *req, const struct fuse_getattr_in *in,
	     struct fuse_attr_out *out)
{
	return 7;
}

SEC("struct_ops/getxattr")
int BPF_PROG(wrong_getxattr, struct extfuse_req *req, const struct fuse_getxattr_in *in)
{
	return -ENODATA;
}

SEC(".struct_ops.link")
struct extfuse_ops ob_wrong = {
	.getattr = (void *)wrong_getattr,
	.getxattr = (void *)wrong_getxattr,
	.name = "ob-wrong",
};
