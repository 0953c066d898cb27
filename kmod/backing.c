// SPDX-License-Identifier: GPL-2.0
/* Backing files: what the daemon registered with FUSE_DEV_IOC_BACKING_OPEN. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "backing.h"
#include "ids.h"
#include "layout/fuse_private.h"

/**
 * extfuse_backing_file - the file behind a backing id
 * @fc: connection that it is registered on
 * @backing_id: its id
 *
 * The backing object is freed after a grace period and holds its file until its
 * count reaches zero. A file whose reference was taken while the count was not
 * zero is therefore the right one, and not a recycled struct file.
 *
 * Context: any.
 * Return: the file with a reference, or NULL.
 */
struct file *extfuse_backing_file(struct fuse_conn *fc, u32 backing_id)
{
	struct file *file = NULL;
	struct fuse_backing *fb;
	bool right = false;

	rcu_read_lock();
	fb = idr_find(xf_conn_backing_files(fc), backing_id);
	if (fb)
		file = get_file_active(xf_backing_file(fb));
	if (file) {
		/* the count is looked at after the file is held */
		smp_mb__after_atomic();
		right = refcount_read(xf_backing_count(fb));
	}
	rcu_read_unlock();
	if (file && !right) {
		fput(file);
		return NULL;
	}
	return file;
}

static void attr_from_kstat(struct fuse_conn *fc, const struct kstat *stat, struct fuse_attr *attr)
{
	struct user_namespace *user_ns = xf_conn_user_ns(fc);

	attr->size = stat->size;
	attr->blocks = stat->blocks;
	attr->atime = stat->atime.tv_sec;
	attr->mtime = stat->mtime.tv_sec;
	attr->ctime = stat->ctime.tv_sec;
	attr->atimensec = stat->atime.tv_nsec;
	attr->mtimensec = stat->mtime.tv_nsec;
	attr->ctimensec = stat->ctime.tv_nsec;
	attr->mode = stat->mode;
	attr->nlink = stat->nlink;
	attr->uid = extfuse_from_kuid(user_ns, stat->uid);
	attr->gid = extfuse_from_kgid(user_ns, stat->gid);
	attr->rdev = new_encode_dev(stat->rdev);
	attr->blksize = stat->blksize;
	attr->flags = 0;
}

static bool same_time(struct timespec64 a, u64 sec, u32 nsec)
{
	return a.tv_sec == (s64)sec && a.tv_nsec == nsec;
}

/*
 * File systems whose inodes are not a cache of something remote, so that asking
 * for attributes waits for no other machine and no daemon.
 */
static bool is_local(const struct super_block *sb)
{
	switch (sb->s_magic) {
	case EXT4_SUPER_MAGIC:		/* and ext2's and ext3's */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * Are the attributes that the caller remembers still those of the inode? Delayed
 * allocation shows in a different number of blocks.
 */
static bool unchanged(struct fuse_conn *fc, struct inode *inode, const struct fuse_attr *attr)
{
	struct user_namespace *user_ns = xf_conn_user_ns(fc);

	return attr->mode == inode->i_mode && attr->size == (u64)i_size_read(inode) &&
	       attr->blocks == inode->i_blocks && attr->nlink == inode->i_nlink &&
	       same_time(inode_get_mtime(inode), attr->mtime, attr->mtimensec) &&
	       same_time(inode_get_ctime(inode), attr->ctime, attr->ctimensec) &&
	       same_time(inode_get_atime(inode), attr->atime, attr->atimensec) &&
	       attr->uid == extfuse_from_kuid(user_ns, inode->i_uid) &&
	       attr->gid == extfuse_from_kgid(user_ns, inode->i_gid);
}

/**
 * extfuse_backing_attr - attributes of a backing file
 * @fc: connection that it is registered on
 * @backing_id: its id
 * @attr: what is remembered of them; receives everything but ino
 *
 * Asked for with the credentials of whoever opened the file, the daemon.
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, -EOPNOTSUPP if the lower file system is not a local one,
 * or its error.
 */
int extfuse_backing_attr(struct fuse_conn *fc, u32 backing_id, struct fuse_attr *attr)
{
	const struct cred *old;
	struct kstat stat;
	struct file *file;
	int err = 0;

	file = extfuse_backing_file(fc, backing_id);
	if (!file)
		return -ENOENT;
	/* the caller is inside extfuse_srcu, which a lower daemon must not hold up */
	if (!is_local(file_inode(file)->i_sb)) {
		err = -EOPNOTSUPP;
		goto out;
	}
	if (unchanged(fc, file_inode(file), attr))
		goto out;
	old = override_creds(file->f_cred);
	err = vfs_getattr_nosec(&file->f_path, &stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	revert_creds(old);
	if (!err)
		attr_from_kstat(fc, &stat, attr);
out:
	fput(file);
	return err;
}
