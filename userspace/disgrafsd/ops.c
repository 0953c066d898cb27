// SPDX-License-Identifier: GPL-2.0
/*
 * The operations on names and attributes, and the table of all operations, in
 * the order of struct fuse_lowlevel_ops.
 *
 * Left out on purpose: access (default_permissions: the kernel never asks), and locks of
 * both kinds (the kernel keeps them for the mount).
 */
#include "disgrafsd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <syslog.h>

#include "graph.h"
#include "links.h"
#include "peers.h"
#include "policy.h"
#include "readers.h"
#include "tagging.h"

struct fd_path fd_path(int fd)
{
	struct fd_path p;

	snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d", fd);
	return p;
}

static bool is_virtual(fuse_ino_t ino)
{
	return ino & NODE_VIRTUAL;
}

struct node *req_node(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = NULL;

	if (!is_virtual(ino)) {
		node = node_get(&get_fs(req)->nodes, ino);
		if (!node)
			fuse_reply_err(req, ESTALE);
	} else {
		fuse_reply_err(req, EPERM);
	}
	return node;
}

static bool is_root(const struct node *node)
{
	return node->id == FUSE_ROOT_ID;
}

static bool is_index_dir(const struct node *parent, const char *name)
{
	return is_root(parent) && !strcmp(name, INDEX_DIR_NAME);
}

static bool is_graph(const struct node *parent, const char *name)
{
	return is_root(parent) && !strcmp(name, GRAPH_NAME);
}

/* "..": the kernel does not send it, and it could lead out of LOWER. */
static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

bool refuse_name(fuse_req_t req, const struct node *parent, const char *name)
{
	if (!is_index_dir(parent, name) && !is_graph(parent, name) && !is_dot(name))
		return false;
	fuse_reply_err(req, EPERM);
	return true;
}

/*
 * Who hears of another time or size drops what it has cached and reads again, which shall
 * not be by a descriptor from before: many file systems look for changes when one opens.
 */
static void note_version(struct node *node, const struct stat *st)
{
	bool changed;

	pthread_mutex_lock(&node->lock);
	changed = node->mtime.tv_sec != st->st_mtim.tv_sec ||
		  node->mtime.tv_nsec != st->st_mtim.tv_nsec || node->size != st->st_size;
	node->mtime = st->st_mtim;
	node->size = st->st_size;
	pthread_mutex_unlock(&node->lock);
	if (changed)
		reader_drop(node->id);
}

int node_stat(struct disgrafsd *fs, struct node *node, struct stat *st)
{
	if (fstatat(node->fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	/*
	 * The mount has one st_dev. Files of another lower device get numbers
	 * far from those that LOWER's own device hands out.
	 */
	if (st->st_dev != fs->nodes.root->dev)
		st->st_ino ^= (uint64_t)(st->st_dev * 0x9e3779b1u & 0x7fff) << 48;
	if (fs->far && S_ISREG(st->st_mode))
		note_version(node, st);
	return 0;
}

/*
 * An open descriptor does not keep a server from giving the inode's number to another file.
 * Which one it is a file handle tells, except where FUSE makes one a name.
 */
static bool is_another(const struct node *node, int fd)
{
	char *old = NULL, *new = NULL;
	struct stat st;
	bool differ;

	if (fstatat(node->fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ESTALE;
	if (lower_is_fuse(fd))
		return false;
	old = link_reference_of(node->fd);
	new = link_reference_of(fd);
	differ = old && new && *old && *new && strcmp(old, new);
	free(old);
	free(new);
	return differ;
}

static void retire_other(struct disgrafsd *fs, int fd, const struct stat *st)
{
	struct node *node = node_find(&fs->nodes, st);

	if (node && node != fs->nodes.root && is_another(node, fd))
		node_retire(&fs->nodes, node);
	node_put(&fs->nodes, node);
}

struct node *entry_fill(struct disgrafsd *fs, const struct node *parent, const char *name, int fd,
			struct fuse_entry_param *e)
{
	struct node *node;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	if (fs->far)
		retire_other(fs, fd, &st);
	node = node_lookup(&fs->nodes, fd, &st);
	if (!node)
		return NULL;
	if (name)
		node_name_add(node, parent->id, name);

	memset(e, 0, sizeof(*e));
	e->ino = node->id;
	e->attr_timeout = fs_ttl(fs);
	e->entry_timeout = fs_ttl(fs);
	if (node_stat(fs, node, &e->attr) == 0)
		return node;
	/* That there is no such name was not said. */
	err = errno == ENOENT ? ESTALE : errno;
	node_forget(&fs->nodes, node->id, 1);
	node_put(&fs->nodes, node);
	errno = err;
	return NULL;
}

struct node *entry_find(struct disgrafsd *fs, const struct node *parent, const char *name,
			struct fuse_entry_param *e)
{
	int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? NULL : entry_fill(fs, parent, name, fd, e);
}

/* Answers with @e, which is of @node. */
static void reply_node(fuse_req_t req, struct node *node, const struct fuse_entry_param *e)
{
	struct disgrafsd *fs = get_fs(req);

	/* A caller that was killed meanwhile never got the node. */
	if (fuse_reply_entry(req, e) < 0)
		node_forget(&fs->nodes, node->id, 1);
	node_put(&fs->nodes, node);
}

/*
 * Answers with the entry @name in @parent, which was found (@type 0, and may be missing)
 * or just made. What somebody else has put in its place since is no answer if it is of
 * another type: that would be EIO to the kernel, but after ESTALE it looks again.
 */
static void reply_entry(fuse_req_t req, const struct node *parent, const char *name, mode_t type)
{
	struct disgrafsd *fs = get_fs(req);
	struct fuse_entry_param e;
	struct node *node = entry_find(fs, parent, name, &e);

	if (node && type && node->type != type) {
		node_forget(&fs->nodes, node->id, 1);
		node_put(&fs->nodes, node);
		fuse_reply_err(req, ESTALE);
	} else if (node) {
		reply_node(req, node, &e);
	} else if (errno == ENOENT && !type && fs_ttl(fs) > 0 && !fs->shared) {
		memset(&e, 0, sizeof(e));
		e.entry_timeout = fs_ttl(fs);
		fuse_reply_entry(req, &e);
	} else {
		fuse_reply_err(req, errno);
	}
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct disgrafsd *fs = userdata;

	/*
	 * Dropping set-user-ID, set-group-ID and file capabilities on write,
	 * truncate and chown is left to the kernel, which knows the caller and
	 * does it before the data goes through to the backing file: hence no
	 * HANDLE_KILLPRIV of any kind, and truncation on open as a SETATTR.
	 */
	fuse_unset_feature_flag(conn, FUSE_CAP_HANDLE_KILLPRIV);
	fuse_unset_feature_flag(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
	fuse_unset_feature_flag(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
	fuse_set_feature_flag(conn, FUSE_CAP_DONT_MASK);
	fuse_set_feature_flag(conn, FUSE_CAP_POSIX_ACL);
	fuse_set_feature_flag(conn, FUSE_CAP_SPLICE_READ);
	fuse_set_feature_flag(conn, FUSE_CAP_SPLICE_WRITE);
	fuse_set_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
	/* What a nodeid means never changes, and so neither where a link leads. */
	if (fs->opt.ttl > 0)
		fuse_set_feature_flag(conn, FUSE_CAP_CACHE_SYMLINKS);
	/* For files that could not be registered for passthrough. */
	fuse_set_feature_flag(conn, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
	if (fs->multiuser && !fs->far && fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH)) {
		fs->passthrough = true;
		conn->max_backing_stack_depth = fs->opt.stacked_lower ? FUSE_BACKING_STACKED_OVER :
									FUSE_BACKING_STACKED_UNDER;
	}
	conn->max_background = 64;
	conn->congestion_threshold = 48;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *dir;

	if (is_virtual(parent)) {
		graph_lookup(fs->graph, req, parent, name);
		return;
	}
	dir = req_node(req, parent);
	if (!dir)
		return;
	if (is_graph(dir, name))
		graph_lookup_root(fs->graph, req);
	else if (is_index_dir(dir, name) || is_dot(name))
		fuse_reply_err(req, ENOENT);
	else
		reply_entry(req, dir, name, 0);
	node_put(&fs->nodes, dir);
}

static void forget_one(struct disgrafsd *fs, fuse_ino_t ino, uint64_t nlookup)
{
	if (is_virtual(ino))
		graph_forget(fs->graph, ino, nlookup);
	else
		node_forget(&fs->nodes, ino, nlookup);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	forget_one(get_fs(req), ino, nlookup);
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, struct node *node)
{
	struct disgrafsd *fs = get_fs(req);
	struct stat st;

	if (node_stat(fs, node, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, fs_ttl(fs));
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;

	(void)fi;
	if (is_virtual(ino)) {
		graph_getattr(fs->graph, req, ino);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	reply_attr(req, node);
	node_put(&fs->nodes, node);
}

static int set_size(const struct node *node, const struct fuse_file_info *fi, off_t size)
{
	int temp, err, ret, fd = file_fd(node, fi, O_WRONLY, &temp);

	if (fd < 0)
		return -1;
	ret = ftruncate(fd, size);
	if (temp >= 0) {
		err = errno;
		close(temp);
		errno = err;
	}
	return ret;
}

static int set_times(const struct node *node, const struct stat *attr, int valid)
{
	struct timespec tv[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (valid & FUSE_SET_ATTR_ATIME_NOW)
		tv[0].tv_nsec = UTIME_NOW;
	else if (valid & FUSE_SET_ATTR_ATIME)
		tv[0] = attr->st_atim;
	if (valid & FUSE_SET_ATTR_MTIME_NOW)
		tv[1].tv_nsec = UTIME_NOW;
	else if (valid & FUSE_SET_ATTR_MTIME)
		tv[1] = attr->st_mtim;
	return utimensat(node->fd, "", tv, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

/*
 * chown before chmod: it drops set-ID bits that the new mode may have. Size
 * before times: truncation changes them.
 */
static int set_attrs(const struct node *node, const struct stat *attr, int valid,
		     const struct fuse_file_info *fi)
{
	if (valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		uid_t uid = valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
		gid_t gid = valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;

		if (fchownat(node->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
	}
	if (valid & FUSE_SET_ATTR_SIZE && set_size(node, fi, attr->st_size) < 0)
		return -1;
	if (valid & FUSE_SET_ATTR_MODE && chmod(fd_path(node->fd).path, attr->st_mode & 07777) < 0)
		return -1;
	if (valid & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
		     FUSE_SET_ATTR_MTIME_NOW) && set_times(node, attr, valid) < 0)
		return -1;
	return 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid,
		       struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;

	if (is_virtual(ino)) {
		graph_setattr(fs->graph, req, ino);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	if (set_attrs(node, attr, valid, fi) < 0) {
		fuse_reply_err(req, errno);
	} else {
		peers_node(fs, node, valid & FUSE_SET_ATTR_SIZE);
		reply_attr(req, node);
		if (valid & FUSE_SET_ATTR_SIZE)
			tagging_written(fs, node);
	}
	node_put(&fs->nodes, node);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct disgrafsd *fs = get_fs(req);
	char target[PATH_MAX + 1];
	struct node *node;
	ssize_t len;

	if (is_virtual(ino)) {
		graph_readlink(fs->graph, req, ino);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	len = readlinkat(node->fd, "", target, sizeof(target) - 1);
	if (len < 0) {
		fuse_reply_err(req, errno);
	} else {
		target[len] = '\0';
		fuse_reply_readlink(req, target);
	}
	node_put(&fs->nodes, node);
}

/* mknod, mkdir and symlink: make something as the caller, then look it up. */
static void make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev,
		 const char *target)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *dir = req_node(req, parent);
	int ret;

	if (!dir)
		return;
	if (is_graph(dir, name)) {
		fuse_reply_err(req, EEXIST);
		goto out;
	}
	if (refuse_name(req, dir, name))
		goto out;
	creds_enter(req);
	if (S_ISDIR(mode))
		ret = mkdirat(dir->fd, name, mode & 07777);
	else if (S_ISLNK(mode))
		ret = symlinkat(target, dir->fd, name);
	else
		ret = mknodat(dir->fd, name, mode, rdev);
	creds_leave(req);
	if (ret < 0) {
		fuse_reply_err(req, errno);
		goto out;
	}
	tagging_made(fs, dir, name);
	peers_entry(fs, dir, name);
	reply_entry(req, dir, name, mode & S_IFMT ?: S_IFREG);
out:
	node_put(&fs->nodes, dir);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	make(req, parent, name, mode, rdev, NULL);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (is_virtual(parent)) {
		graph_mkdir(get_fs(req)->graph, req, parent, name);
		return;
	}
	make(req, parent, name, mode | S_IFDIR, 0, NULL);
}

/* What has the name, and its node if the kernel knows it. False: there is nothing. */
static bool find_victim(struct disgrafsd *fs, const struct node *dir, const char *name,
			struct stat *st, struct node **node)
{
	if (fstatat(dir->fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*node = node_find(&fs->nodes, st);
	if (*node)
		file_keep(fs, *node);
	return true;
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *dir = req_node(req, parent), *node = NULL;
	struct stat victim;
	bool known;

	if (!dir)
		return;
	if (!refuse_name(req, dir, name)) {
		known = find_victim(fs, dir, name, &victim, &node);
		if (unlinkat(dir->fd, name, flags) < 0) {
			fuse_reply_err(req, errno);
		} else {
			if (node)
				node_name_del(node, dir->id, name);
			tagging_name_changed(fs, dir, name);
			peers_entry(fs, dir, name);
			if (known)
				peers_file(fs, &victim, false);
			fuse_reply_err(req, 0);
		}
	}
	node_put(&fs->nodes, node);
	node_put(&fs->nodes, dir);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_virtual(parent)) {
		graph_unlink(get_fs(req)->graph, req, parent, name);
		return;
	}
	remove_name(req, parent, name, 0);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_virtual(parent)) {
		graph_rmdir(get_fs(req)->graph, req, parent, name);
		return;
	}
	remove_name(req, parent, name, AT_REMOVEDIR);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	if (is_virtual(parent)) {
		graph_symlink(get_fs(req)->graph, req, target, parent, name);
		return;
	}
	make(req, parent, name, S_IFLNK, 0, target);
}

/* The kernel does not look up again what it moved itself. */
static void move_name(struct disgrafsd *fs, const struct node *dir, const char *name,
		      const struct node *new_dir, const char *new_name)
{
	struct node *node;
	struct stat st;

	if (fstatat(new_dir->fd, new_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	node = node_find(&fs->nodes, &st);
	if (!node)
		return;
	node_name_del(node, dir->id, name);
	node_name_add(node, new_dir->id, new_name);
	node_put(&fs->nodes, node);
}

/*
 * A symbolic link into .graph: mv(1) then makes it there anew, by which the file
 * gets the tag, and removes it here. Nothing else goes in.
 */
static int refuse_rename_into_graph(const struct node *dir, const char *name)
{
	struct stat st;

	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return EXDEV;
	return EPERM;
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *dir, *new_dir = NULL, *replaced = NULL;
	struct stat moved, victim;
	bool moves, replaces;

	if (is_virtual(parent) && is_virtual(new_parent)) {
		graph_rename(fs->graph, req, parent, name, new_parent, new_name, flags);
		return;
	}
	dir = req_node(req, parent);
	if (!dir)
		return;
	if (is_virtual(new_parent)) {
		fuse_reply_err(req, refuse_rename_into_graph(dir, name));
		goto out;
	}
	new_dir = req_node(req, new_parent);
	if (!new_dir || refuse_name(req, dir, name) || refuse_name(req, new_dir, new_name))
		goto out;
	moves = fstatat(dir->fd, name, &moved, AT_SYMLINK_NOFOLLOW) == 0;
	replaces = find_victim(fs, new_dir, new_name, &victim, &replaced);
	/* A whiteout is a new inode: it belongs to the caller. */
	creds_enter(req);
	if (syscall(SYS_renameat2, dir->fd, name, new_dir->fd, new_name, flags) < 0) {
		creds_leave(req);
		fuse_reply_err(req, errno);
		goto out;
	}
	creds_leave(req);
	/* Of two names of one file both stay. */
	if (replaced && !(moves && moved.st_dev == victim.st_dev && moved.st_ino == victim.st_ino))
		node_name_del(replaced, new_dir->id, new_name);
	move_name(fs, dir, name, new_dir, new_name);
	if (flags & RENAME_EXCHANGE)
		move_name(fs, new_dir, new_name, dir, name);
	tagging_renamed(fs, dir, name, new_dir, new_name);
	peers_entry(fs, dir, name);
	peers_entry(fs, new_dir, new_name);
	if (moves)
		peers_file(fs, &moved, false);
	if (replaces)
		peers_file(fs, &victim, false);
	fuse_reply_err(req, 0);
out:
	node_put(&fs->nodes, replaced);
	node_put(&fs->nodes, new_dir);
	node_put(&fs->nodes, dir);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node, *dir = NULL, *entry;
	struct fuse_entry_param e;
	int fd;

	node = req_node(req, ino);
	if (!node)
		return;
	dir = req_node(req, new_parent);
	if (!dir || refuse_name(req, dir, new_name))
		goto out;
	if (linkat(AT_FDCWD, fd_path(node->fd).path, dir->fd, new_name, AT_SYMLINK_FOLLOW) < 0) {
		fuse_reply_err(req, errno);
		goto out;
	}
	node_name_add(node, dir->id, new_name);
	tagging_file_changed(fs, node);
	peers_entry(fs, dir, new_name);
	peers_node(fs, node, false);
	/* By descriptor: the name may be another file's by now. */
	fd = fcntl(node->fd, F_DUPFD_CLOEXEC, 0);
	entry = fd < 0 ? NULL : entry_fill(fs, dir, new_name, fd, &e);
	if (entry)
		reply_node(req, entry, &e);
	else
		fuse_reply_err(req, errno);
out:
	node_put(&fs->nodes, dir);
	node_put(&fs->nodes, node);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = is_virtual(ino) ? NULL : node_get(&fs->nodes, ino);
	struct statvfs sv;

	if (fstatvfs(node ? node->fd : fs->nodes.root->fd, &sv) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &sv);
	node_put(&fs->nodes, node);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		forget_one(get_fs(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

const struct fuse_lowlevel_ops disgrafsd_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = file_open,
	.read = file_read,
	.flush = file_flush,
	.release = file_release,
	.fsync = file_fsync,
	.opendir = dir_open,
	.readdir = dir_read,
	.releasedir = dir_release,
	.fsyncdir = dir_fsync,
	.statfs = op_statfs,
	.setxattr = xattr_set,
	.getxattr = xattr_get,
	.listxattr = xattr_list,
	.removexattr = xattr_remove,
	.create = file_create,
	.poll = file_poll,
	.write_buf = file_write_buf,
	.forget_multi = op_forget_multi,
	.fallocate = file_fallocate,
	.readdirplus = dir_readplus,
	.copy_file_range = file_copy_range,
	.lseek = file_lseek,
	.tmpfile = file_tmpfile,
};
