// SPDX-License-Identifier: GPL-2.0
/*
 * readonly: a mount on which nothing can be opened for writing or changed, by nobody.
 *
 * Other than with a remount, files that are open for writing stay open, and writing to them
 * fails with EROFS from the bind on. Not what reaches the page cache by other ways, mappings
 * and the write-back cache, for there is nobody left to tell: it is written back as ever.
 * Nor does anybody ask about files that are open in passthrough. In a
 * chain it comes before policies that answer opens and writes, such as mdcache.
 *
 *   extfusectl policy load readonly && extfusectl bind /mnt readonly
 */
#include <linux/fcntl.h>

#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

#define W_OK 2

/* Requests that always change something. */
#define FOR_EACH(DO)								\
	DO(setattr) DO(symlink) DO(mknod) DO(mkdir) DO(unlink) DO(rmdir)	\
	DO(rename) DO(link) DO(write) DO(setxattr) DO(removexattr) DO(create)	\
	DO(fallocate) DO(copy_file_range) DO(tmpfile)

#define PROGRAM(op)								\
SEC("struct_ops/" #op) int BPF_PROG(readonly_##op, struct extfuse_req *req)	\
{										\
	return -EROFS;								\
}

#define MEMBER(op) .op = (void *)readonly_##op,

FOR_EACH(PROGRAM)

SEC("struct_ops/open")
int BPF_PROG(readonly_open, struct extfuse_req *req, const struct fuse_open_in *in)
{
	return in->flags & (O_ACCMODE | O_TRUNC) ? -EROFS : EXTFUSE_PASS;
}

/* Without default_permissions. */
SEC("struct_ops/access")
int BPF_PROG(readonly_access, struct extfuse_req *req, const struct fuse_access_in *in)
{
	return in->mask & W_OK ? -EROFS : EXTFUSE_PASS;
}

/*
 * What an ioctl does, only the daemon knows. The size that the command says is
 * written to it is a good guess: nothing, for one that only asks.
 */
SEC("struct_ops/ioctl")
int BPF_PROG(readonly_ioctl, struct extfuse_req *req, const struct fuse_ioctl_in *in)
{
	return in->in_size ? -EROFS : EXTFUSE_PASS;
}

SEC(".struct_ops.link")
struct extfuse_ops readonly = {
	FOR_EACH(MEMBER)
	.open = (void *)readonly_open,
	.access = (void *)readonly_access,
	.ioctl = (void *)readonly_ioctl,
	.name = "readonly",
};
