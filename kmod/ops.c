// SPDX-License-Identifier: GPL-2.0
/*
 * The FUSE operations: for each opcode, which callbacks of a policy it has, what
 * they are given, and what the module checks before the kernel sees an answer.
 *
 * Opcodes without a row here pass untouched:
 *
 * INIT, DESTROY: the connection's own life, which only the daemon can negotiate
 *	and end; CUSE_INIT likewise, and character devices cannot be bound.
 * FORGET: has a path of its own, as it has no reply (extfuse_send_forget()).
 *	BATCH_FORGET is made of FORGETs when the daemon reads them.
 * INTERRUPT: belongs to a request that is with the daemon already.
 * NOTIFY_REPLY: the kernel's answer to a question of the daemon.
 * SETUPMAPPING, REMOVEMAPPING: manage virtiofs' DAX window; virtiofs cannot be bound.
 *
 * So do opcodes that are newer than the module.
 */
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "compat.h"
#include "ids.h"
#include "lower.h"
#include "ops.h"

#define NSEC_MAX 999999999u

/* Output structure @i if the caller gave room for exactly that. */
static __always_inline void *out_arg(const struct extfuse_ctx *ctx, unsigned int i, size_t size)
{
	const struct xf_arg *out = xf_args_out(ctx->args, i);

	return xf_args_out_num(ctx->args) > i && out->size == size ? out->value : NULL;
}

static __always_inline void *out_arg_zeroed(const struct extfuse_ctx *ctx, size_t size)
{
	void *out = out_arg(ctx, 0, size);

	return out ? memset(out, 0, size) : NULL;
}

static bool attr_valid(const struct fuse_attr *attr)
{
	switch (attr->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return false;
	}
	return attr->size <= LLONG_MAX && attr->atimensec <= NSEC_MAX &&
	       attr->mtimensec <= NSEC_MAX && attr->ctimensec <= NSEC_MAX;
}

/*
 * Remembered attributes are not believed against the kernel's own knowledge:
 * once it found some of them obsolete (after a write, a link, a notification...),
 * only a reply of the daemon makes them good again; and a size that is not the
 * kernel's missed a change of it, and would cut the page cache. The access time
 * is the policy's concern.
 */
static bool kernel_content(const struct inode *inode)
{
	return !(xf_inode_inval_mask(inode) & STATX_BASIC_STATS & ~STATX_ATIME);
}

/*
 * What it was told in some other way, by a directory listing or a reply to another user, may
 * be newer than what is remembered. Who knows the same does not care which is newer.
 */
static bool kernel_has(const struct extfuse_ctx *ctx, const struct inode *inode,
		       const struct fuse_attr *attr)
{
	struct user_namespace *ns = xf_conn_user_ns(ctx->conn->fc);
	struct timespec64 mtime = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(inode);

	if (xf_inode_mode(inode) != attr->mode ||
	    !uid_eq(inode->i_uid, extfuse_make_kuid(ns, attr->uid)) ||
	    !gid_eq(inode->i_gid, extfuse_make_kgid(ns, attr->gid)))
		return false;
	/* with write-back caching the times are its own */
	return ctx->req.flags & EXTFUSE_REQ_WRITEBACK_CACHE ||
	       ((u64)mtime.tv_sec == attr->mtime && mtime.tv_nsec == attr->mtimensec &&
		(u64)ctime.tv_sec == attr->ctime && ctime.tv_nsec == attr->ctimensec);
}

static bool kernel_agrees(const struct extfuse_ctx *ctx, struct inode *inode,
			  const struct fuse_attr *attr)
{
	if (ctx->fresh)
		return true;
	if (!kernel_content(inode))
		return false;
	if (!kernel_has(ctx, inode, attr))
		return false;
	/* open in passthrough: data changes without a request */
	if (S_ISREG(attr->mode) && xf_inode_iocachectr(inode) < 0)
		return false;
	return !S_ISREG(attr->mode) || (ctx->req.flags & EXTFUSE_REQ_WRITEBACK_CACHE) ||
	       i_size_read(inode) == attr->size;
}

/* Attributes of an inode that the kernel has and that they could belong to. */
static __always_inline int check_live(const struct extfuse_ctx *ctx, u64 nodeid,
				      const struct fuse_attr *attr)
{
	struct inode *inode;
	int ret = EXTFUSE_PASS;

	rcu_read_lock();
	inode = extfuse_live_inode(ctx->conn->sb, nodeid);
	if (inode) {
		if (inode_wrong_type(inode, attr->mode))
			ret = EXTFUSE_BUG;
		else if (kernel_agrees(ctx, inode, attr))
			ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

/*
 * -ENOSYS would switch the operation off for the life of the connection, and
 * errors from 512 on are not for user space.
 */
static int check_return(int ret)
{
	if (ret == EXTFUSE_PASS || !ret || (ret < 0 && ret > -512 && ret != -ENOSYS))
		return ret;
	return EXTFUSE_BUG;
}

/* For operations that only the daemon can carry out. */
static int check_refusal(int ret)
{
	ret = check_return(ret);
	return ret ? ret : EXTFUSE_BUG;
}

/* For operations whose answer is data set by extfuse_reply_set(). */
static int check_data(const struct extfuse_ctx *ctx, int ret)
{
	ret = check_return(ret);
	return ret || ctx->reply_set ? ret : EXTFUSE_BUG;
}

/* The attributes that the kernel has of an inode, as the daemon would give them. */
static void attr_of_inode(struct fuse_conn *fc, struct inode *inode, struct fuse_attr *attr)
{
	struct timespec64 atime = inode_get_atime(inode);
	struct timespec64 mtime = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(inode);

	attr->ino = xf_inode_ino(inode);
	attr->size = i_size_read(inode);
	attr->blocks = inode->i_blocks;
	attr->atime = atime.tv_sec;
	attr->mtime = mtime.tv_sec;
	attr->ctime = ctime.tv_sec;
	attr->atimensec = atime.tv_nsec;
	attr->mtimensec = mtime.tv_nsec;
	attr->ctimensec = ctime.tv_nsec;
	attr->mode = xf_inode_mode(inode);
	attr->nlink = inode->i_nlink;
	attr->uid = extfuse_from_kuid(xf_conn_user_ns(fc), inode->i_uid);
	attr->gid = extfuse_from_kgid(xf_conn_user_ns(fc), inode->i_gid);
	attr->rdev = new_encode_dev(inode->i_rdev);
	attr->blksize = xf_inode_blksize(inode);
	attr->flags = 0;
}

/*
 * A positive answer to LOOKUP: fits the inode that the kernel has, with the
 * attributes that it has if the policy gave none.
 */
static __always_inline int check_entry(const struct extfuse_ctx *ctx, struct fuse_entry_out *out)
{
	bool bare = !out->attr.mode && !out->attr_valid && !out->attr_valid_nsec;
	struct extfuse_lookup_bucket *bucket;
	struct inode *inode;
	int ret = EXTFUSE_PASS;

	if (out->nodeid == FUSE_ROOT_ID || (!bare && !attr_valid(&out->attr)) ||
	    out->entry_valid_nsec > NSEC_MAX || out->attr_valid_nsec > NSEC_MAX)
		return EXTFUSE_BUG;

	bucket = extfuse_lookup_lock(&ctx->conn->lookups, out->nodeid);
	rcu_read_lock();
	inode = extfuse_live_inode(ctx->conn->sb, out->nodeid);
	if (!inode || inode->i_generation != (u32)out->generation)
		goto unlock;
	/* an owner whom the daemon's namespace does not have would become 65534 */
	if (bare && (!uid_valid(inode->i_uid) || !gid_valid(inode->i_gid)))
		goto unlock;
	if (bare)
		attr_of_inode(ctx->conn->fc, inode, &out->attr);
	else if (inode_wrong_type(inode, out->attr.mode))
		ret = EXTFUSE_BUG;
	if (ret != EXTFUSE_BUG &&
	    (bare ? kernel_content(inode) : kernel_agrees(ctx, inode, &out->attr)) &&
	    extfuse_lookup_count(bucket, out->nodeid))
		ret = 0;
unlock:
	rcu_read_unlock();
	extfuse_lookup_unlock(bucket);
	return ret;
}

/* "." or ".." */
static bool is_dot_name(struct extfuse_ctx *ctx)
{
	int len;

	ctx->name_len = extfuse_ctx_name(ctx, 0, &ctx->name);
	len = ctx->name_len;
	return len > 0 && len <= 2 && ctx->name[0] == '.' && ctx->name[len - 1] == '.';
}

static int pre_lookup(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	struct fuse_entry_out *out;
	int ret;

	if (!ops->lookup)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	/* asked for by NFS export; no rename or rmdir names them */
	if (is_dot_name(ctx)) {
		ctx->quiet = true;
		return EXTFUSE_PASS;
	}
	ret = check_return(ops->lookup(&ctx->req, out));
	return ret || !out->nodeid ? ret : check_entry(ctx, out);
}

static __always_inline int check_attr_out(const struct extfuse_ctx *ctx,
					  const struct fuse_attr_out *out, int ret)
{
	ret = check_return(ret);
	if (ret)
		return ret;
	if (!attr_valid(&out->attr) || out->attr_valid_nsec > NSEC_MAX)
		return EXTFUSE_BUG;
	return check_live(ctx, ctx->req.nodeid, &out->attr);
}

static int pre_getattr(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_getattr_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_attr_out *out;

	if (!ops->getattr || !in)
		return EXTFUSE_PASS;
	/* zeroed by fs/fuse */
	out = out_arg(ctx, 0, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	return check_attr_out(ctx, out, ops->getattr(&ctx->req, in, out));
}

static int pre_setattr(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_setattr_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_attr_out *out;

	if (!ops->setattr || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ctx->fresh = true;
	return check_attr_out(ctx, out, ops->setattr(&ctx->req, in, out));
}

/*
 * One open mode and one backing file an inode at a time: anything else would
 * end in EIO.
 */
static int check_backing(const struct extfuse_ctx *ctx, const struct fuse_open_out *out)
{
	struct fuse_backing *fb;
	struct inode *inode;
	int ret = EXTFUSE_PASS;

	rcu_read_lock();
	inode = extfuse_live_inode(ctx->conn->sb, ctx->req.nodeid);
	fb = idr_find(xf_conn_backing_files(ctx->conn->fc), out->backing_id);
	if (inode && fb && xf_inode_iocachectr(inode) <= 0 &&
	    (!xf_inode_backing(inode) || xf_inode_backing(inode) == fb))
		ret = 0;
	rcu_read_unlock();
	return ret;
}

/* EIO, too, while it is open in passthrough. The daemon may have it opened so once more. */
static bool is_open_in_passthrough(const struct extfuse_ctx *ctx)
{
	struct inode *inode;
	bool ret;

	if (!xf_conn_passthrough(ctx->conn->fc))
		return false;
	rcu_read_lock();
	inode = extfuse_live_inode(ctx->conn->sb, ctx->req.nodeid);
	ret = inode && S_ISREG(inode->i_mode) && xf_inode_backing(inode);
	rcu_read_unlock();
	return ret;
}

#define OPEN_FLAGS (FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE | FOPEN_NONSEEKABLE | FOPEN_CACHE_DIR | \
		    FOPEN_STREAM | FOPEN_NOFLUSH | FOPEN_PARALLEL_DIRECT_WRITES | \
		    FOPEN_PASSTHROUGH)
#define PASSTHROUGH_FLAGS (FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES | \
			   FOPEN_NOFLUSH)

static int pre_open(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_open_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_open_out *out;
	int ret;

	if (!ops->open || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->open(&ctx->req, in, out));
	if (ret)
		return ret;
	if (out->open_flags & ~OPEN_FLAGS)
		return EXTFUSE_BUG;
	if (!(out->open_flags & FOPEN_PASSTHROUGH)) {
		if (out->backing_id)
			return EXTFUSE_BUG;
		return is_open_in_passthrough(ctx) ? EXTFUSE_PASS : 0;
	}
	if (out->backing_id <= 0 || (out->open_flags & ~PASSTHROUGH_FLAGS))
		return EXTFUSE_BUG;
	if (!xf_conn_passthrough(ctx->conn->fc))
		return EXTFUSE_BUG;
	return check_backing(ctx, out);
}

#define OPENDIR_FLAGS (FOPEN_KEEP_CACHE | FOPEN_NONSEEKABLE | FOPEN_CACHE_DIR | FOPEN_STREAM)

static int pre_opendir(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_open_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_open_out *out;
	int ret;

	if (!ops->opendir || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->opendir(&ctx->req, in, out));
	if (ret)
		return ret;
	/* pre_releasedir() must know it from the daemon's */
	if (out->fh != EXTFUSE_FH_NONE || (out->open_flags & ~OPENDIR_FLAGS) || out->backing_id)
		return EXTFUSE_BUG;
	return 0;
}

/* For each handle that it gave away, and for no other, the daemon gets a RELEASEDIR. */
static int pre_releasedir(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_release_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	int ret = EXTFUSE_PASS;

	if (!in)
		return EXTFUSE_PASS;
	if (ops->releasedir)
		ret = check_return(ops->releasedir(&ctx->req, in));
	/* the policy that gave it away may be one of those after this one */
	if (in->fh == EXTFUSE_FH_NONE)
		return ret <= 0 || ctx->more ? ret : 0;
	return ret <= 0 ? EXTFUSE_BUG : ret;
}

static int pre_rename(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	struct fuse_rename2_in in = {};
	const void *arg;

	if (!ops->rename)
		return EXTFUSE_PASS;
	if (ctx->req.opcode == FUSE_RENAME2) {
		arg = extfuse_ctx_in(ctx, sizeof(in));
		if (arg)
			memcpy(&in, arg, sizeof(in));
	} else {
		arg = extfuse_ctx_in(ctx, sizeof(struct fuse_rename_in));
		if (arg)
			in.newdir = ((const struct fuse_rename_in *)arg)->newdir;
	}
	return arg ? check_return(ops->rename(&ctx->req, &in)) : EXTFUSE_PASS;
}

static int pre_statfs(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	struct fuse_statfs_out *out;

	if (!ops->statfs)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	return out ? check_return(ops->statfs(&ctx->req, out)) : EXTFUSE_PASS;
}

static bool statx_valid(const struct fuse_statx *stat, struct fuse_attr *attr)
{
	*attr = (struct fuse_attr){
		.mode = stat->mode,
		.size = stat->size,
		.uid = stat->uid,
		.gid = stat->gid,
		.mtime = stat->mtime.tv_sec,
		.ctime = stat->ctime.tv_sec,
		.atimensec = stat->atime.tv_nsec,
		.mtimensec = stat->mtime.tv_nsec,
		.ctimensec = stat->ctime.tv_nsec,
	};
	return (stat->mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && attr_valid(attr) &&
	       stat->btime.tv_nsec <= NSEC_MAX;
}

static int pre_statx(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_statx_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_statx_out *out;
	struct fuse_attr attr;
	int ret;

	if (!ops->statx || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->statx(&ctx->req, in, out));
	if (ret)
		return ret;
	if (!statx_valid(&out->stat, &attr) || out->attr_valid_nsec > NSEC_MAX)
		return EXTFUSE_BUG;
	return check_live(ctx, ctx->req.nodeid, &attr);
}

static bool lock_valid(const struct fuse_file_lock *lk)
{
	switch (lk->type) {
	case F_UNLCK:
		return true;
	case F_RDLCK:
	case F_WRLCK:
		return lk->start <= lk->end && lk->end <= LLONG_MAX;
	default:
		return false;
	}
}

static int pre_getlk(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_lk_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_lk_out *out;
	int ret;

	if (!ops->getlk || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->getlk(&ctx->req, in, out));
	return ret || lock_valid(&out->lk) ? ret : EXTFUSE_BUG;
}

static int pre_lseek(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_lseek_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_lseek_out *out;
	int ret;

	if (!ops->lseek || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->lseek(&ctx->req, in, out));
	if (ret)
		return ret;
	return out->offset >= in->offset && out->offset <= LLONG_MAX ? 0 : EXTFUSE_BUG;
}

static int pre_poll(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_poll_in *in = extfuse_ctx_in(ctx, sizeof(*in));
	struct fuse_poll_out *out;
	int ret;

	if (!ops->poll || !in)
		return EXTFUSE_PASS;
	out = out_arg_zeroed(ctx, sizeof(*out));
	if (!out)
		return EXTFUSE_PASS;
	ret = check_return(ops->poll(&ctx->req, in, out));
	/* nobody would wake the caller */
	if (!ret && (in->flags & FUSE_POLL_SCHEDULE_NOTIFY) && !(out->revents & in->events))
		return EXTFUSE_BUG;
	return ret;
}

static int pre_readdir(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_read_in *in = extfuse_ctx_in(ctx, sizeof(*in));

	if (!ops->readdir || !in)
		return EXTFUSE_PASS;
	return check_data(ctx, ops->readdir(&ctx->req, in));
}

static int pre_readlink(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	return ops->readlink ? check_data(ctx, ops->readlink(&ctx->req)) : EXTFUSE_PASS;
}

static int pre_getxattr(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_getxattr_in *in = extfuse_ctx_in(ctx, sizeof(*in));

	if (!ops->getxattr || !in)
		return EXTFUSE_PASS;
	return check_data(ctx, ops->getxattr(&ctx->req, in));
}

static int pre_listxattr(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)
{
	const struct fuse_getxattr_in *in = extfuse_ctx_in(ctx, sizeof(*in));

	if (!ops->listxattr || !in)
		return EXTFUSE_PASS;
	return check_data(ctx, ops->listxattr(&ctx->req, in));
}

/* Callbacks that take the request alone, or one input structure, and give no data. */
#define PRE(op, check)								\
static int pre_##op(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)	\
{										\
	return ops->op ? check(ops->op(&ctx->req)) : EXTFUSE_PASS;		\
}

#define PRE_IN(op, type, check)							\
static int pre_##op(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)	\
{										\
	const struct type *in = extfuse_ctx_in(ctx, sizeof(*in));			\
										\
	return ops->op && in ? check(ops->op(&ctx->req, in)) : EXTFUSE_PASS;	\
}

PRE(symlink, check_refusal)
PRE_IN(mknod, fuse_mknod_in, check_refusal)
PRE_IN(mkdir, fuse_mkdir_in, check_refusal)
PRE(unlink, check_return)
PRE(rmdir, check_return)
PRE_IN(link, fuse_link_in, check_refusal)
PRE_IN(release, fuse_release_in, check_return)
PRE_IN(fsync, fuse_fsync_in, check_return)
PRE(setxattr, check_return)
PRE(removexattr, check_return)
PRE_IN(flush, fuse_flush_in, check_return)
PRE_IN(fsyncdir, fuse_fsync_in, check_return)
PRE_IN(setlk, fuse_lk_in, check_refusal)
PRE_IN(access, fuse_access_in, check_return)
PRE_IN(create, fuse_create_in, check_refusal)
PRE_IN(bmap, fuse_bmap_in, check_refusal)
PRE_IN(ioctl, fuse_ioctl_in, check_refusal)
PRE_IN(fallocate, fuse_fallocate_in, check_return)
PRE_IN(tmpfile, fuse_create_in, check_refusal)
PRE_IN(copy_file_range, fuse_copy_file_range_in, check_refusal)
PRE(syncfs, check_return)

/* Either of the two that are carried out on a lower file, if the policy named one. */
static int check_lower(struct extfuse_ctx *ctx, int ret)
{
	ret = check_return(ret);
	if (!ctx->lower)
		return ret ?: EXTFUSE_BUG;
	if (!ret)
		return EXTFUSE_LOWER;
	extfuse_lower_drop(ctx);
	return ret;
}

/* Write-back has nobody to be refused: what is written was promised already. */
static int check_force(const struct extfuse_ctx *ctx, int ret)
{
	return ret < 0 && xf_args_force(ctx->args) ? EXTFUSE_PASS : ret;
}

#define PRE_LOWER(op, type)							\
static int pre_##op(const struct extfuse_ops *ops, struct extfuse_ctx *ctx)	\
{										\
	const struct type *in = extfuse_ctx_in(ctx, sizeof(*in));			\
										\
	if (!ops->op || !in)							\
		return EXTFUSE_PASS;						\
	ctx->lower = NULL;							\
	return check_force(ctx, check_lower(ctx, ops->op(&ctx->req, in)));	\
}

PRE_LOWER(read, fuse_read_in)
PRE_LOWER(write, fuse_write_in)

/*
 * Reply callbacks get a copy: the program may write to structures of these
 * types elsewhere, and what the daemon said is not for it to change.
 */
#define DONE_STRUCT(cb, type, index)							\
static void cb(const struct extfuse_ops *ops, struct extfuse_ctx *ctx, int error)	\
{											\
	const struct type *out = error ? NULL : out_arg(ctx, index, sizeof(*out));	\
	struct type copy = {};								\
											\
	if (!ops->cb)									\
		return;									\
	if (out)									\
		copy = *out;								\
	ops->cb(&ctx->req, &copy, error ?: out ? 0 : -EPROTO);				\
}

DONE_STRUCT(entry_done, fuse_entry_out, 0)
DONE_STRUCT(attr_done, fuse_attr_out, 0)
DONE_STRUCT(open_done, fuse_open_out, 0)
DONE_STRUCT(statfs_done, fuse_statfs_out, 0)
DONE_STRUCT(statx_done, fuse_statx_out, 0)
DONE_STRUCT(lseek_done, fuse_lseek_out, 0)

int extfuse_ctx_open_flags(const struct extfuse_ctx *ctx, u32 flags)
{
	const u32 uncached = FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_PASSTHROUGH;
	struct fuse_open_out *out;
	u32 allowed;

	if (ctx->req.opcode == FUSE_OPEN)
		allowed = FOPEN_KEEP_CACHE;
	else if (ctx->req.opcode == FUSE_OPENDIR)
		allowed = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR;
	else
		return -EINVAL;
	out = out_arg(ctx, 0, sizeof(*out));
	if (!out || (flags & ~allowed))
		return -EINVAL;
	if (out->open_flags & uncached)
		return -EOPNOTSUPP;
	/* else a directory that is open would be listed from its pages for good */
	if ((flags & FOPEN_CACHE_DIR) && !xf_conn_auto_inval_data(ctx->conn->fc))
		return -EOPNOTSUPP;
	out->open_flags |= flags;
	return 0;
}

static void create_done(const struct extfuse_ops *ops, struct extfuse_ctx *ctx, int error)
{
	const struct fuse_open_out *out = error ? NULL : out_arg(ctx, 1, sizeof(*out));
	struct fuse_open_out copy = {};

	entry_done(ops, ctx, error);
	if (!ops->open_done)
		return;
	if (out)
		copy = *out;
	ops->open_done(&ctx->req, &copy, error ?: out ? 0 : -EPROTO);
}

/* Bytes of a reply of variable length. */
static u32 reply_size(const struct extfuse_ctx *ctx)
{
	const struct fuse_getxattr_out *out;

	if (xf_args_out_argvar(ctx->args))
		return xf_args_out(ctx->args, 0)->size;
	out = out_arg(ctx, 0, sizeof(*out));
	return out ? out->size : 0;
}

#define DONE_SIZE(cb)									\
static void cb(const struct extfuse_ops *ops, struct extfuse_ctx *ctx, int error)	\
{											\
	if (ops->cb)									\
		ops->cb(&ctx->req, error ? 0 : reply_size(ctx), error);			\
}

DONE_SIZE(read_done)
DONE_SIZE(dir_done)
DONE_SIZE(xattr_done)
DONE_SIZE(link_target_done)

static void done(const struct extfuse_ops *ops, struct extfuse_ctx *ctx, int error)
{
	if (ops->done)
		ops->done(&ctx->req, error);
}

#define MEMBER(name) offsetof(struct extfuse_ops, name)
#define OP(cb, reply, ...) \
	{ .pre = pre_##cb, .done = reply, .done_member = MEMBER(reply), ##__VA_ARGS__ }
#define CREATES(cb, ...) \
	{ .pre = pre_##cb, .done = create_done, .done_member = MEMBER(entry_done), \
	  .done_member2 = MEMBER(open_done), ##__VA_ARGS__ }

const struct extfuse_op extfuse_op_table[EXTFUSE_NR_OPCODES] = {
	[FUSE_LOOKUP]		= OP(lookup, entry_done),
	[FUSE_GETATTR]		= OP(getattr, attr_done, .structs = 1),
	[FUSE_SETATTR]		= OP(setattr, attr_done, .structs = 1),
	[FUSE_READLINK]		= OP(readlink, link_target_done),
	[FUSE_SYMLINK]		= OP(symlink, entry_done),
	[FUSE_MKNOD]		= OP(mknod, entry_done, .structs = 1),
	[FUSE_MKDIR]		= OP(mkdir, entry_done, .structs = 1),
	[FUSE_UNLINK]		= OP(unlink, done),
	[FUSE_RMDIR]		= OP(rmdir, done),
	[FUSE_RENAME]		= OP(rename, done, .structs = 1),
	[FUSE_LINK]		= OP(link, entry_done, .structs = 1),
	[FUSE_OPEN]		= OP(open, open_done, .structs = 1),
	[FUSE_READ]		= OP(read, read_done, .structs = 1, .background = true),
	[FUSE_WRITE]		= OP(write, done, .structs = 1, .forced = true,
				     .background = true),
	[FUSE_STATFS]		= OP(statfs, statfs_done),
	[FUSE_RELEASE]		= OP(release, done, .structs = 1, .forced = true,
				     .background = true),
	[FUSE_FSYNC]		= OP(fsync, done, .structs = 1),
	[FUSE_SETXATTR]		= OP(setxattr, done, .structs = 1),
	[FUSE_GETXATTR]		= OP(getxattr, xattr_done, .structs = 1),
	[FUSE_LISTXATTR]	= OP(listxattr, xattr_done, .structs = 1),
	[FUSE_REMOVEXATTR]	= OP(removexattr, done),
	[FUSE_FLUSH]		= OP(flush, done, .structs = 1, .forced = true),
	[FUSE_OPENDIR]		= OP(opendir, open_done, .structs = 1),
	[FUSE_READDIR]		= OP(readdir, dir_done, .structs = 1),
	[FUSE_RELEASEDIR]	= OP(releasedir, done, .structs = 1, .forced = true,
				     .background = true),
	[FUSE_FSYNCDIR]		= OP(fsyncdir, done, .structs = 1),
	[FUSE_GETLK]		= OP(getlk, done, .structs = 1),
	[FUSE_SETLK]		= OP(setlk, done, .structs = 1),
	[FUSE_SETLKW]		= OP(setlk, done, .structs = 1),
	[FUSE_ACCESS]		= OP(access, done, .structs = 1),
	[FUSE_CREATE]		= CREATES(create, .structs = 1),
	[FUSE_BMAP]		= OP(bmap, done, .structs = 1),
	[FUSE_IOCTL]		= OP(ioctl, done, .structs = 1),
	[FUSE_POLL]		= OP(poll, done, .structs = 1),
	[FUSE_FALLOCATE]	= OP(fallocate, done, .structs = 1),
	[FUSE_READDIRPLUS]	= OP(readdir, dir_done, .structs = 1),
	[FUSE_RENAME2]		= OP(rename, done, .structs = 1),
	[FUSE_LSEEK]		= OP(lseek, lseek_done, .structs = 1),
	[FUSE_COPY_FILE_RANGE]	= OP(copy_file_range, done, .structs = 1),
	[FUSE_SYNCFS]		= OP(syncfs, done, .structs = 1),
	[FUSE_TMPFILE]		= CREATES(tmpfile, .structs = 1),
	[FUSE_STATX]		= OP(statx, statx_done, .structs = 1),
	[EXTFUSE_OP_COPY_FILE_RANGE_64] = OP(copy_file_range, done, .structs = 1),
};
