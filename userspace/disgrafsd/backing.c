// SPDX-License-Identifier: GPL-2.0
/*
 * Backing files: reads, writes and mmap of a regular file that go to the lower
 * file without the daemon.
 *
 * The kernel refuses (EIO) to have an inode open in passthrough and in cached
 * mode, or with two backing files. So a node gets one backing id at its first
 * open, keeps it until the kernel forgot the node, and is never opened in
 * cached mode on a mount that has passthrough; direct I/O, the way out when
 * registering fails, gets along with both.
 */
#include "disgrafsd.h"

#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <syslog.h>

#include "policy.h"
#include "readers.h"

static int register_backing(struct disgrafsd *fs, const struct node *node, int fd, int flags)
{
	struct fuse_backing_map map = { .fd = fd };
	int read_only = -1, id;

	/*
	 * The kernel keeps this file, and opens it again with the flags of each
	 * user. Kept for writing it would make the lower file busy for execve().
	 */
	if ((flags & O_ACCMODE) != O_RDONLY) {
		read_only = open(fd_path(node->fd).path, O_RDONLY | O_CLOEXEC);
		if (read_only < 0)
			return -1;
		map.fd = read_only;
	}
	id = ioctl(fuse_session_fd(fs->se), FUSE_DEV_IOC_BACKING_OPEN, &map);
	if (read_only >= 0)
		close(read_only);
	return id;
}

/*
 * Whether an open for writing, which a policy would answer without asking us,
 * may fail on the lower file system for a reason that is not in the mode.
 */
static bool may_refuse_opens(const struct node *node)
{
	struct statx stx;

	return statx(node->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, 0, &stx) < 0 ||
	       stx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND);
}

/* What was only looked at ahead is counted when it is opened: that has to come here. */
static bool may_tell(struct disgrafsd *fs, const struct node *node)
{
	return fs->policy && !node->backing_known && node->use != NODE_WARMED;
}

void backing_open(struct disgrafsd *fs, struct node *node, int fd, struct fuse_file_info *fi)
{
	int id;

	fi->backing_id = 0;
	if (!fs->passthrough) {
		fi->keep_cache = fs_ttl(fs) > 0;
		return;
	}
	pthread_mutex_lock(&node->lock);
	if (!node->backing_id) {
		id = register_backing(fs, node, fd, fi->flags);
		if (id > 0)
			node->backing_id = id;
	}
	if (node->backing_id && may_tell(fs, node) && !may_refuse_opens(node))
		node->backing_known = policy_backing_add(fs->policy, node->id, node->backing_id);
	fi->backing_id = node->backing_id;
	pthread_mutex_unlock(&node->lock);
	if (!fi->backing_id)
		fi->direct_io = 1;
}

void backing_open_far(struct disgrafsd *fs, struct node *node, struct fuse_file_info *fi)
{
	fi->fh = EXTFUSE_FH_NONE;
	fi->keep_cache = fs_ttl(fs) > 0;
	fi->noflush = 1;
	node->read = true;
	pthread_mutex_lock(&node->lock);
	if (may_tell(fs, node) && fi->keep_cache)
		node->backing_known = policy_backing_add(fs->policy, node->id, 0);
	pthread_mutex_unlock(&node->lock);
}

void backing_release(struct node *node, void *arg)
{
	struct disgrafsd *fs = arg;
	uint32_t id = node->backing_id;

	reader_drop(node->id);
	/* First, so that no open is answered with an id that is closed. */
	if (node->backing_known)
		policy_backing_del(fs->policy, node->id);
	if (id)
		ioctl(fuse_session_fd(fs->se), FUSE_DEV_IOC_BACKING_CLOSE, &id);
}
