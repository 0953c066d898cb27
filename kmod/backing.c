// SPDX-License-Identifier: GPL-2.0
/* Backing files: what the daemon registered with FUSE_DEV_IOC_BACKING_OPEN. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/stat.h>

#include "backing.h"
#include "layout/fuse_private.h"

/*
 * The backing object is freed after a grace period and holds its file until its
 * count reaches zero. A file whose reference was taken while the count was not
 * zero is therefore the right one, and not a recycled struct file.
 */
static struct file *backing_file_get(struct fuse_conn *fc, u32 backing_id,
				     const struct cred **cred)
{
	struct file *file = NULL;
	struct fuse_backing *fb;

	rcu_read_lock();
	fb = idr_find(xf_conn_backing_files(fc), backing_id);
	if (fb)
		file = get_file_rcu(xf_backing_file(fb));
	if (file) {
		smp_mb__after_atomic();
		if (refcount_read(xf_backing_count(fb)))
			*cred = get_cred(xf_backing_cred(fb));
		else
			goto gone;
	}
	rcu_read_unlock();
	return file;

gone:
	rcu_read_unlock();
	fput(file);
	return NULL;
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
	attr->uid = from_kuid_munged(user_ns, stat->uid);
	attr->gid = from_kgid_munged(user_ns, stat->gid);
	attr->rdev = new_encode_dev(stat->rdev);
	attr->blksize = stat->blksize;
	attr->flags = 0;
}

/**
 * extfuse_backing_attr - attributes of a backing file
 * @fc: connection that it is registered on
 * @backing_id: its id
 * @attr: receives everything but ino
 *
 * Asked for with the credentials of the daemon that registered the file.
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, or the lower file system's error.
 */
int extfuse_backing_attr(struct fuse_conn *fc, u32 backing_id, struct fuse_attr *attr)
{
	const struct cred *cred, *old;
	struct kstat stat;
	struct file *file;
	int err;

	file = backing_file_get(fc, backing_id, &cred);
	if (!file)
		return -ENOENT;
	old = override_creds(cred);
	err = vfs_getattr_nosec(&file->f_path, &stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	revert_creds(old);
	put_cred(cred);
	fput(file);
	if (!err)
		attr_from_kstat(fc, &stat, attr);
	return err;
}
