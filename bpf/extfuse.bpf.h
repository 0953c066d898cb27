/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1 */
/*
 * All that a policy includes. The meaning of each callback and function is
 * described in kmod/policy.h and kmod/kfuncs.c; Documentation/policy-guide.rst
 * starts from an empty file.
 *
 * A policy's license must be compatible with the GPL.
 */
#ifndef EXTFUSE_BPF_H
#define EXTFUSE_BPF_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/fuse.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "extfuse.h"

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct extfuse_req {
	__u64 conn;
	__u64 nodeid;
	__u64 ttl;
	__u64 cookie[4];
	__u32 opcode;
	__u32 flags;
	__u32 uid;
	__u32 gid;
	__u32 pid;
	__u32 epoch;
};

#pragma clang attribute pop

struct extfuse_name_hash {
	__u64 h[2];
};

/* Members are matched by name: a policy built against these runs on later modules too. */
struct extfuse_ops {
	int (*lookup)(struct extfuse_req *req, struct fuse_entry_out *out);
	int (*forget)(struct extfuse_req *req, __u64 nlookup);
	int (*getattr)(struct extfuse_req *req, const struct fuse_getattr_in *in,
		       struct fuse_attr_out *out);
	int (*setattr)(struct extfuse_req *req, const struct fuse_setattr_in *in,
		       struct fuse_attr_out *out);
	int (*readlink)(struct extfuse_req *req);
	int (*symlink)(struct extfuse_req *req);
	int (*mknod)(struct extfuse_req *req, const struct fuse_mknod_in *in);
	int (*mkdir)(struct extfuse_req *req, const struct fuse_mkdir_in *in);
	int (*unlink)(struct extfuse_req *req);
	int (*rmdir)(struct extfuse_req *req);
	int (*rename)(struct extfuse_req *req, const struct fuse_rename2_in *in);
	int (*link)(struct extfuse_req *req, const struct fuse_link_in *in);
	int (*open)(struct extfuse_req *req, const struct fuse_open_in *in,
		    struct fuse_open_out *out);
	int (*read)(struct extfuse_req *req, const struct fuse_read_in *in);
	int (*write)(struct extfuse_req *req, const struct fuse_write_in *in);
	int (*statfs)(struct extfuse_req *req, struct fuse_statfs_out *out);
	int (*release)(struct extfuse_req *req, const struct fuse_release_in *in);
	int (*fsync)(struct extfuse_req *req, const struct fuse_fsync_in *in);
	int (*setxattr)(struct extfuse_req *req);
	int (*getxattr)(struct extfuse_req *req, const struct fuse_getxattr_in *in);
	int (*listxattr)(struct extfuse_req *req, const struct fuse_getxattr_in *in);
	int (*removexattr)(struct extfuse_req *req);
	int (*flush)(struct extfuse_req *req, const struct fuse_flush_in *in);
	char name[EXTFUSE_POLICY_NAME_LEN];
	int (*opendir)(struct extfuse_req *req, const struct fuse_open_in *in,
		       struct fuse_open_out *out);
	int (*readdir)(struct extfuse_req *req, const struct fuse_read_in *in);
	int (*releasedir)(struct extfuse_req *req, const struct fuse_release_in *in);
	int (*fsyncdir)(struct extfuse_req *req, const struct fuse_fsync_in *in);
	int (*getlk)(struct extfuse_req *req, const struct fuse_lk_in *in, struct fuse_lk_out *out);
	int (*setlk)(struct extfuse_req *req, const struct fuse_lk_in *in);
	int (*access)(struct extfuse_req *req, const struct fuse_access_in *in);
	int (*create)(struct extfuse_req *req, const struct fuse_create_in *in);
	int (*bmap)(struct extfuse_req *req, const struct fuse_bmap_in *in);
	int (*ioctl)(struct extfuse_req *req, const struct fuse_ioctl_in *in);
	int (*poll)(struct extfuse_req *req, const struct fuse_poll_in *in,
		    struct fuse_poll_out *out);
	int (*fallocate)(struct extfuse_req *req, const struct fuse_fallocate_in *in);
	int (*lseek)(struct extfuse_req *req, const struct fuse_lseek_in *in,
		     struct fuse_lseek_out *out);
	int (*copy_file_range)(struct extfuse_req *req,
			       const struct fuse_copy_file_range_in *in);
	int (*syncfs)(struct extfuse_req *req);
	int (*tmpfile)(struct extfuse_req *req, const struct fuse_create_in *in);
	int (*statx)(struct extfuse_req *req, const struct fuse_statx_in *in,
		     struct fuse_statx_out *out);

	int (*entry_done)(struct extfuse_req *req, const struct fuse_entry_out *entry, int error);
	int (*attr_done)(struct extfuse_req *req, const struct fuse_attr_out *attr, int error);
	int (*open_done)(struct extfuse_req *req, const struct fuse_open_out *open, int error);
	int (*read_done)(struct extfuse_req *req, __u32 size, int error);
	int (*dir_done)(struct extfuse_req *req, __u32 size, int error);
	int (*xattr_done)(struct extfuse_req *req, __u32 size, int error);
	int (*link_target_done)(struct extfuse_req *req, __u32 size, int error);
	int (*statfs_done)(struct extfuse_req *req, const struct fuse_statfs_out *statfs,
			   int error);
	int (*statx_done)(struct extfuse_req *req, const struct fuse_statx_out *statx, int error);
	int (*lseek_done)(struct extfuse_req *req, const struct fuse_lseek_out *lseek, int error);
	int (*done)(struct extfuse_req *req, int error);

	int (*inval_inode)(struct extfuse_req *req, __s64 off, __s64 len);
	int (*inval_entry)(struct extfuse_req *req, __u64 child);

	int (*init)(struct extfuse_req *req);
	int (*exit)(struct extfuse_req *req);

	__u32 flags;
};

extern int extfuse_req_name(struct extfuse_req *req, __u32 which, void *buf, __u32 buf__sz) __ksym;
extern int extfuse_req_name_hash(struct extfuse_req *req, __u32 which, __u64 dir,
				 struct extfuse_name_hash *hash) __ksym;
extern int extfuse_req_child(struct extfuse_req *req, __u32 which, __u64 *nodeid) __ksym;
extern int extfuse_reply_set(struct extfuse_req *req, const void *data, __u32 data__sz) __ksym;
extern int extfuse_reply_data(struct extfuse_req *req, void *buf, __u32 buf__sz) __ksym;
extern int extfuse_open_flags(struct extfuse_req *req, __u32 flags) __ksym;
extern int extfuse_backing_getattr(struct extfuse_req *req, __u32 backing_id,
				   struct fuse_attr *attr) __ksym;
extern int extfuse_backing_read(struct extfuse_req *req, __u32 backing_id) __ksym;
extern int extfuse_backing_write(struct extfuse_req *req, __u32 backing_id) __ksym;
extern int extfuse_delay(struct extfuse_req *req, __u64 ns) __ksym;

#endif
