// SPDX-License-Identifier: GPL-2.0
/* What the verifier must refuse: a write through a pointer that was cast, not given. */
#include "../../bpf/extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

struct fuse_attr_out___kernel {
	__u64 attr_valid;
} __attribute__((preserve_access_index));

SEC("struct_ops/readlink")
int BPF_PROG(cast_readlink, struct extfuse_req *req)
{
	struct fuse_attr_out *out;

	out = bpf_rdonly_cast((void *)req->nodeid,
			      __builtin_btf_type_id(*(struct fuse_attr_out___kernel *)0, 1));
	out->attr_valid = 1;
	return EXTFUSE_PASS;
}

/* Makes attributes writable, as an answer of this callback. */
SEC("struct_ops/getattr")
int BPF_PROG(cast_getattr, struct extfuse_req *req, const struct fuse_getattr_in *in,
	     struct fuse_attr_out *out)
{
	out->attr_valid = 0;
	return EXTFUSE_PASS;
}

SEC(".struct_ops.link")
struct extfuse_ops ctl_cast = {
	.readlink = (void *)cast_readlink,
	.getattr = (void *)cast_getattr,
	.name = "ctl-cast",
};
