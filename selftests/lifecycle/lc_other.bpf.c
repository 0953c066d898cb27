// SPDX-License-Identifier: GPL-2.0
/* A policy that takes part in every kind of request and answers none. */
#include "lifecycle.bpf.h"

__u64 seen;

#define PASS(name)						\
SEC("struct_ops/" #name)					\
int BPF_PROG(other_##name, struct extfuse_req *req)		\
{								\
	__sync_fetch_and_add(&seen, 1);				\
	return EXTFUSE_PASS;					\
}

PASS(lookup)
PASS(forget)
PASS(getattr)
PASS(open)
PASS(read)
PASS(write)
PASS(release)
PASS(getxattr)
PASS(create)
PASS(unlink)
PASS(entry_done)
PASS(attr_done)
PASS(open_done)
PASS(xattr_done)
PASS(done)

SEC(".struct_ops.link")
struct extfuse_ops lc_other = {
	.lookup = (void *)other_lookup,
	.forget = (void *)other_forget,
	.getattr = (void *)other_getattr,
	.open = (void *)other_open,
	.read = (void *)other_read,
	.write = (void *)other_write,
	.release = (void *)other_release,
	.getxattr = (void *)other_getxattr,
	.create = (void *)other_create,
	.unlink = (void *)other_unlink,
	.entry_done = (void *)other_entry_done,
	.attr_done = (void *)other_attr_done,
	.open_done = (void *)other_open_done,
	.xattr_done = (void *)other_xattr_done,
	.done = (void *)other_done,
	.name = "lc-other",
};
