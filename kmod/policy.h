/* SPDX-License-Identifier: GPL-2.0 */
/* What a policy is: the struct_ops type extfuse_ops, and the registry of loaded ones. */
#ifndef EXTFUSE_POLICY_H
#define EXTFUSE_POLICY_H

#include <linux/build_bug.h>
#include <linux/fuse.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/srcu.h>

#include "uapi/extfuse.h"

/**
 * struct extfuse_req - one request as a policy sees it
 * @conn: id of the bound connection; never reused while the module is loaded
 * @nodeid: inode the request is about; the parent directory where the request
 *	carries a name
 * @ttl: nanoseconds that the administrator or the daemon allows answers to be
 *	kept at the least (EXTFUSE_A_TTL); 0: honour the daemon's validity
 * @cookie: the policy's own, 0 at first, writable; carried from the callback
 *	before the request to the one after its reply
 * @opcode: FUSE opcode
 * @flags: enum extfuse_req_flags
 * @uid: the caller's user as on the wire, in the daemon's user namespace;
 *	(u32)-1 on idmapped mounts, where the kernel checks permissions itself
 * @gid: the caller's group, likewise
 * @pid: the caller's process, in the daemon's pid namespace; 0 if unknown
 * @epoch: how often the daemon declared all names obsolete
 *	(FUSE_NOTIFY_INC_EPOCH); 0 on kernels without it
 * @opaque: always NULL. A structure of numbers alone the verifier would take
 *	from a policy's own memory too, and kfuncs look behind this one.
 *
 * Valid for the duration of the callback.
 */
struct extfuse_req {
	u64 conn;
	u64 nodeid;
	u64 ttl;
	u64 cookie[4];
	u32 opcode;
	u32 flags;
	u32 uid;
	u32 gid;
	u32 pid;
	u32 epoch;
	const void *opaque;
};

/**
 * struct extfuse_ops - a policy
 *
 * Callbacks before the request (lookup to statx, in the order of the opcodes)
 * return EXTFUSE_PASS, 0 or -errno, see EXTFUSE_PASS. They run in the requesting
 * task, which may hold inode locks; @read, @write, @release, @releasedir and
 * @forget may run under a spinlock. Output structures are zeroed before the
 * callback and validated after it. A missing callback passes.
 *
 * Requests that make a nodeid known to the kernel (mknod, mkdir, symlink,
 * link, create, tmpfile) may be refused with an error by a policy, never
 * answered with success: only the daemon can make a node.
 *
 * Reply callbacks (*_done) run for requests that went to the daemon, or that the
 * module carried out on a lower file, once the reply is there and before the caller
 * sees it, always of the same policy whose
 * callback ran before the request, even if the binding has another one by now;
 * not if the policy was unloaded meanwhile. Of several policies on a binding those
 * before the one that answered hear its answer, so do all that passed the daemon's,
 * the last one first. @error is the daemon's (or the lower
 * file's), 0 or negative; structures are private copies, zeroed if @error is set. They cannot
 * sleep. A request with several replies gets several callbacks (create:
 * entry_done, then open_done).
 *
 * Names, xattr values, link targets and directory buffers: extfuse_req_name(),
 * extfuse_req_name_hash(), extfuse_reply_data(), extfuse_reply_set().
 *
 * Callbacks before the request may be sleepable programs, except @read, @write,
 * @release, @releasedir and @forget.
 *
 * @lookup: name in directory nodeid; a nodeid of 0 in @out is "does not exist"
 *	with a validity. The answer counts only for a nodeid that the kernel
 *	knows already, otherwise the request goes to the daemon. With @out->attr
 *	left zero, and no validity for it, the kernel keeps the attributes that
 *	it has.
 * @forget: the kernel gives up @nlookup references to nodeid. Cannot be
 *	answered. May run in memory reclaim.
 * @getattr: attributes of nodeid
 * @setattr: change attributes
 * @readlink: answered by extfuse_reply_set()
 * @symlink: name 0 is the link's name
 * @mknod: name 0
 * @mkdir: name 0
 * @unlink: name 0
 * @rmdir: name 0
 * @rename: name 0 in nodeid to name 1 in @in->newdir; RENAME and RENAME2 alike
 *	(flags 0 for the former)
 * @link: @in->oldnodeid gets name 0 in nodeid
 * @open: a regular file. With FOPEN_PASSTHROUGH and a backing id in @out, reads,
 *	writes and mappings go straight to the backing file. @out->fh should be
 *	EXTFUSE_FH_NONE.
 * @read: from an open file; may be refused, or carried out on a lower file, which is
 *	what 0 means after extfuse_backing_read()
 * @write: to an open file; likewise, extfuse_backing_write(). Of write-back a refusal
 *	counts as EXTFUSE_PASS
 * @statfs: of the file system
 * @release: an open file is gone
 * @fsync: write an open file back
 * @setxattr: name 0
 * @getxattr: name 0; answered by extfuse_reply_set()
 * @listxattr: answered by extfuse_reply_set() with NUL-terminated names
 * @removexattr: name 0
 * @flush: a descriptor was closed
 * @opendir: a directory; @out->fh must be EXTFUSE_FH_NONE, which READDIR and
 *	FSYNCDIR carry then. For daemons that go by the nodeid in that case, or
 *	policies that answer those too.
 * @readdir: READDIR and READDIRPLUS alike; answered by extfuse_reply_set() with
 *	whole struct fuse_dirent, or fuse_direntplus; none: the end
 * @releasedir: an open directory is gone. What the daemon opened, it also closes:
 *	answers count only for EXTFUSE_FH_NONE, of which it never hears.
 * @fsyncdir: write a directory back
 * @getlk: who holds a POSIX lock that conflicts
 * @setlk: SETLK and SETLKW alike (flock too, with FUSE_LK_FLOCK); may only be
 *	refused
 * @access: access(2) without default_permissions
 * @create: create and open; name 0
 * @bmap: of a file on a block device, which the kernel may then write to by
 *	itself (swap); may only be refused
 * @ioctl: may only be refused
 * @poll: events of an open file. With FUSE_POLL_SCHEDULE_NOTIFY in @in->flags, only
 *	the daemon can wake the caller later: some of @in->events must be there.
 * @fallocate: allocate or punch
 * @lseek: SEEK_DATA and SEEK_HOLE; not to before @in->offset
 * @copy_file_range: from nodeid to @in->nodeid_out; may only be refused
 * @syncfs: write all back
 * @tmpfile: an unnamed file in directory nodeid
 * @statx: attributes of nodeid with the time of birth; at the least those of
 *	STATX_BASIC_STATS
 *
 * @entry_done: after lookup, symlink, mknod, mkdir, link, create, tmpfile
 * @attr_done: after getattr, setattr
 * @open_done: after open, opendir, create, tmpfile
 * @read_done: after read; @size: bytes that were read
 * @dir_done: after readdir; @size: bytes of the directory buffer, which
 *	extfuse_reply_data() gives; 0: the end
 * @xattr_done: after getxattr, listxattr; @size: bytes of the value, which
 *	extfuse_reply_data() gives unless the caller only asked for the size
 * @link_target_done: after readlink; @size likewise
 * @statfs_done: after statfs
 * @statx_done: after statx
 * @lseek_done: after lseek
 * @done: after unlink, rmdir, rename, write, release, fsync, setxattr,
 *	removexattr, flush, releasedir, fsyncdir, getlk, setlk, access, bmap, ioctl,
 *	poll, fallocate, copy_file_range, syncfs
 *
 * @inval_inode: the daemon said that attributes of nodeid, and data from @off
 *	(negative: no data) for @len bytes (<= 0: to the end), are obsolete. Runs
 *	before the daemon's write to /dev/fuse returns; preemption is off.
 * @inval_entry: the same for name 0 in directory nodeid; @child is the nodeid
 *	it named (FUSE_NOTIFY_DELETE), 0 if the daemon did not say
 *
 * @init: called when the policy is bound to a connection; an error refuses
 * @exit: called when it is not bound to it any more
 * @name: letters, digits, "_" and "-"; unique among loaded policies
 * @flags: must be 0
 */
struct extfuse_ops {
	int (*lookup)(struct extfuse_req *req, struct fuse_entry_out *out);
	int (*forget)(struct extfuse_req *req, u64 nlookup);
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
	/*
	 * Member 23. Up to 7.3 the verifier takes a struct_ops program at this
	 * index, which equals BPF_TRACE_RAW_TP, for one whose arguments may be
	 * NULL; so no callback is here.
	 */
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
	int (*read_done)(struct extfuse_req *req, u32 size, int error);
	int (*dir_done)(struct extfuse_req *req, u32 size, int error);
	int (*xattr_done)(struct extfuse_req *req, u32 size, int error);
	int (*link_target_done)(struct extfuse_req *req, u32 size, int error);
	int (*statfs_done)(struct extfuse_req *req, const struct fuse_statfs_out *statfs,
			   int error);
	int (*statx_done)(struct extfuse_req *req, const struct fuse_statx_out *statx, int error);
	int (*lseek_done)(struct extfuse_req *req, const struct fuse_lseek_out *lseek, int error);
	int (*done)(struct extfuse_req *req, int error);

	int (*inval_inode)(struct extfuse_req *req, s64 off, s64 len);
	int (*inval_entry)(struct extfuse_req *req, u64 child);

	int (*init)(struct extfuse_req *req);
	int (*exit)(struct extfuse_req *req);

	u32 flags;
};

static_assert(offsetof(struct extfuse_ops, name) == 23 * sizeof(void *));

/*
 * A loaded policy.
 *
 * Lifetime: the registry holds a reference from reg() to unreg(), so does every
 * chain that has it (see chain.h). @ops is good
 * only inside extfuse_srcu and NULL once the policy is unregistered; unreg()
 * waits for the readers that saw it.
 */
struct extfuse_policy {
	struct list_head node;		/* extfuse_policies, under extfuse_mutex */
	const struct extfuse_ops __rcu *ops;
	refcount_t refs;
	unsigned int bindings;		/* under extfuse_mutex */
	u32 flags;
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct rcu_head rcu;
};

/*
 * Serialises registration, binding and their opposites. Taken in process
 * context only, never on the request path.
 */
extern struct mutex extfuse_mutex;
/*
 * Read side: whoever uses a binding found through its queue, or a policy's
 * callbacks. Never held while waiting for the daemon.
 */
extern struct srcu_struct extfuse_srcu;
extern struct list_head extfuse_policies;

/* Under extfuse_mutex. */
struct extfuse_policy *extfuse_policy_find(const char *name);

static inline const struct extfuse_ops *extfuse_policy_ops(struct extfuse_policy *policy)
{
	return srcu_dereference(policy->ops, &extfuse_srcu);
}

static inline void extfuse_policy_get(struct extfuse_policy *policy)
{
	refcount_inc(&policy->refs);
}

void extfuse_policy_put(struct extfuse_policy *policy);
bool extfuse_ops_remember(const struct extfuse_ops *ops);

int extfuse_policy_init(void);

#endif
