// SPDX-License-Identifier: GPL-2.0
/*
 * The inode of a name that is about to go: the kernel has its dentry, of which the
 * request carries the name alone.
 *
 * The VFS holds the directory exclusively and both dentries while UNLINK, RMDIR and
 * RENAME are under way, so what is found stays what it is, and the references that are
 * put here are not the last. A daemon may have given the directory's nodeid to another
 * one meanwhile: what counts is the dentry whose very name the request carries, and the
 * other directory is held by a reference of ours.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fuse.h>

#include "child.h"
#include "compat.h"
#include "dispatch.h"
#include "layout/fuse_private.h"
#include "lookups.h"

/* Nodeid of the directory that a name is in; the second name is always one of a rename. */
static u64 dir_of(const struct extfuse_ctx *ctx, u32 which)
{
	const struct fuse_rename_in *in;

	if (!which)
		return ctx->req.nodeid;
	/* which struct fuse_rename2_in begins with */
	BUILD_BUG_ON(offsetof(struct fuse_rename_in, newdir) !=
		     offsetof(struct fuse_rename2_in, newdir));
	in = extfuse_ctx_in(ctx, sizeof(*in));
	return in ? in->newdir : 0;
}

static struct inode *find_dir(struct super_block *sb, u64 nodeid)
{
	struct inode *inode;

	rcu_read_lock();
	inode = extfuse_live_inode(sb, nodeid);
	if (inode)
		inode = S_ISDIR(inode->i_mode) ? igrab(inode) : NULL;
	rcu_read_unlock();
	return inode;
}

static struct dentry *find_child(struct inode *inode, const char *name, int len)
{
	struct dentry *dir = d_find_any_alias(inode), *child;
	struct qstr qstr = QSTR_INIT(name, len);

	if (!dir)
		return NULL;
	qstr.hash = full_name_hash(dir, name, len);
	child = d_lookup(dir, &qstr);
	dput(dir);
	return child;
}

static int nodeid_of(const struct dentry *child, const char *name, u64 *nodeid)
{
	if (child->d_name.name != (const unsigned char *)name)
		return -ENOENT;
	*nodeid = d_is_negative(child) ? 0 : xf_inode_nodeid(d_inode(child));
	return 0;
}

/**
 * extfuse_ctx_child - nodeid that a name of the request has in the kernel
 * @ctx: an unlink, rmdir or rename request, before it is sent
 * @which: 0 for the first name, 1 for the second
 * @nodeid: receives it; 0: the kernel knows the name to be absent
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such name, or the kernel has it no more; -EINVAL for
 * other requests.
 */
int extfuse_ctx_child(const struct extfuse_ctx *ctx, u32 which, u64 *nodeid)
{
	struct dentry *child;
	const char *name;
	struct inode *dir;
	int len, ret;

	switch (ctx->req.opcode) {
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
		break;
	default:
		return -EINVAL;
	}
	if (!ctx->args || (ctx->req.flags & EXTFUSE_REQ_REPLY))
		return -EINVAL;
	len = extfuse_ctx_name(ctx, which, &name);
	if (len < 0)
		return len;
	dir = find_dir(ctx->conn->sb, dir_of(ctx, which));
	if (!dir)
		return -ENOENT;
	child = find_child(dir, name, len);
	ret = child ? nodeid_of(child, name, nodeid) : -ENOENT;
	dput(child);
	iput(dir);
	return ret;
}
