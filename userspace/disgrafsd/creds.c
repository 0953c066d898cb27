// SPDX-License-Identifier: GPL-2.0
/*
 * Making files as the caller.
 *
 * The kernel checks every permission before a request is sent (the mount always
 * has default_permissions), so all that is left for the daemon is that a new
 * file belongs to its maker: file system uid and gid of the thread become the
 * caller's, but the capabilities stay (SECBIT_NO_SETUID_FIXUP). Without them
 * the lower file system would check again and know nothing of the caller's
 * supplementary groups. Set-group-ID directories, and the bit in the mode of a
 * caller outside the group, were dealt with by the kernel.
 *
 * The umask has to be the caller's as well, because only the lower file system
 * knows whether a default ACL replaces it. Threads share one umask unless they
 * ask not to.
 */
#include "disgrafsd.h"

#include <linux/securebits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static uid_t own_uid;
static gid_t own_gid;
static _Thread_local bool own_umask;
static _Thread_local mode_t current_umask;

int creds_init(struct disgrafsd *fs)
{
	int bits;

	own_uid = geteuid();
	own_gid = getegid();
	fs->multiuser = own_uid == 0;
	if (!fs->multiuser)
		return 0;
	bits = prctl(PR_GET_SECUREBITS);
	if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;
	return 0;
}

/* Four system calls less a request for those who are who the daemon is. */
static void set_ids(uid_t old_uid, gid_t old_gid, uid_t uid, gid_t gid)
{
	if (gid != old_gid)
		setfsgid(gid);
	if (uid != old_uid)
		setfsuid(uid);
}

static void set_umask(mode_t mask)
{
	if (!own_umask) {
		if (unshare(CLONE_FS) < 0)
			return;
		own_umask = true;
		current_umask = umask(mask);
	}
	if (current_umask != mask)
		umask(mask);
	current_umask = mask;
}

void creds_enter(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	set_umask(ctx->umask & 0777);
	if (get_fs(req)->multiuser)
		set_ids(own_uid, own_gid, ctx->uid, ctx->gid);
}

void creds_leave(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int err = errno;

	if (get_fs(req)->multiuser)
		set_ids(ctx->uid, ctx->gid, own_uid, own_gid);
	errno = err;
}

bool creds_in_group(fuse_req_t req, gid_t gid)
{
	gid_t small[64], *groups = small;
	bool found = fuse_req_ctx(req)->gid == gid;
	int i, n;

	if (found)
		return true;
	n = fuse_req_getgroups(req, 64, small);
	if (n > 64) {
		groups = calloc(n, sizeof(*groups));
		if (!groups)
			return false;
		n = fuse_req_getgroups(req, n, groups);
	}
	for (i = 0; i < n && !found; i++)
		found = groups[i] == gid;
	if (groups != small)
		free(groups);
	return found;
}

/* @mode: as others need it. */
static bool may(fuse_req_t req, int fd, const struct stat *st, mode_t mode)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	/* Alone, the daemon can do what its user can. */
	if (!get_fs(req)->multiuser || uid == 0)
		return true;
	if (uid == st->st_uid)
		return st->st_mode & mode << 6;
	/* Whom the ACL names is not worth finding out here: its group bits are a mask. */
	if (getxattr(fd_path(fd).path, "system.posix_acl_access", NULL, 0) > 0)
		return false;
	return st->st_mode & (creds_in_group(req, st->st_gid) ? mode << 3 : mode);
}

bool creds_may_write(fuse_req_t req, int fd, const struct stat *st)
{
	return may(req, fd, st, 02);
}

bool creds_may_reach(fuse_req_t req, int root, const char *path)
{
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	const char *slash;
	struct stat st;
	char *name;
	bool ret;

	while ((ret = fd >= 0 && fstat(fd, &st) == 0 && may(req, fd, &st, 01)) &&
	       (slash = strchr(path, '/'))) {
		name = strndup(path, slash - path);
		next = name ? openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
		free(name);
		close(fd);
		fd = next;
		path = slash + 1;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}
