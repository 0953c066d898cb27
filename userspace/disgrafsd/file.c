// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files: open, read, write and what else needs a descriptor.
 *
 * With passthrough the daemon keeps no handle at all: data goes to the backing
 * file without asking, and every other operation opens the node for as long as
 * it takes. So RELEASE has nothing to do, and handles of opens that a policy
 * answered in the kernel are no special case.
 *
 * Where asking LOWER takes long, files that are opened for reading are not opened there
 * until something is read that is not in the kernel's page cache, and no handle is kept
 * of these either: see readers.h. Opens for writing have handles, as without passthrough.
 */
#include "disgrafsd.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "peers.h"
#include "prefetch.h"
#include "readers.h"
#include "tagging.h"

/*
 * What an open of a lower file keeps of the caller's flags. Not O_DIRECT: the
 * buffers are the daemon's, and the kernel bypassed its own cache already.
 */
#define KEEP_FLAGS (O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC | O_NOATIME | O_NONBLOCK | O_LARGEFILE)

/* The one file that is virtual. */
static bool is_events(fuse_ino_t ino)
{
	return ino & NODE_VIRTUAL;
}

static int open_node(const struct node *node, int flags)
{
	return open(fd_path(node->fd).path, flags | O_CLOEXEC);
}

int file_fd(const struct node *node, const struct fuse_file_info *fi, int flags, int *temp)
{
	*temp = -1;
	if (fi && fi->fh != EXTFUSE_FH_NONE)
		return fi->fh;
	if (node->kept >= 0 && (flags & O_ACCMODE) == O_RDONLY)
		return node->kept;
	*temp = open_node(node, flags);
	return *temp;
}

static void close_keep_errno(int fd)
{
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
}

/*
 * Turns the open descriptor @fd into the handle of the reply: passthrough needs
 * none. Consumes it.
 */
static void set_handle(struct disgrafsd *fs, struct node *node, int fd, struct fuse_file_info *fi)
{
	backing_open(fs, node, fd, fi);
	if (fi->backing_id) {
		close(fd);
		fi->fh = EXTFUSE_FH_NONE;
	} else {
		fi->fh = fd;
	}
}

static void drop_handle(const struct fuse_file_info *fi)
{
	if (fi->fh != EXTFUSE_FH_NONE)
		close(fi->fh);
}

/*
 * On some file systems the node cannot be opened again once its last name is gone. That
 * it may not go, or was not the last, does no harm.
 */
static void keep_open(struct node *node)
{
	int none = -1, fd = open_node(node, O_RDONLY);

	if (fd >= 0 && !atomic_compare_exchange_strong(&node->kept, &none, fd))
		close(fd);
}

void file_keep(struct disgrafsd *fs, struct node *node)
{
	if (fs->far && node->type == S_IFREG && node->read && node->kept < 0)
		keep_open(node);
}

void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;
	int fd;

	if (is_events(ino)) {
		events_open(req, fi);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	if ((fi->flags & O_ACCMODE) == O_RDONLY)
		prefetch_opened(req, node);
	if (fs->far && (fi->flags & O_ACCMODE) == O_RDONLY) {
		backing_open_far(fs, node, fi);
		fuse_reply_open(req, fi);
		node_put(&fs->nodes, node);
		return;
	}
	/*
	 * Opened even if the kernel will use the backing file, because only
	 * this tells why an open fails (EROFS, ETXTBSY, an immutable file).
	 */
	fd = open_node(node, fi->flags & KEEP_FLAGS);
	if (fd < 0) {
		fuse_reply_err(req, errno);
	} else {
		set_handle(fs, node, fd, fi);
		if (fuse_reply_open(req, fi) < 0)
			drop_handle(fi);
	}
	node_put(&fs->nodes, node);
}

/* Answers create and tmpfile. @fd is the new file, in @parent if it has a @name. */
static void reply_created(fuse_req_t req, const struct node *parent, const char *name, int fd,
			  struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct fuse_entry_param e;
	struct node *node = NULL;
	int path_fd;

	/* By descriptor: the name may be another file's by now. */
	path_fd = open(fd_path(fd).path, O_PATH | O_CLOEXEC);
	if (path_fd >= 0)
		node = entry_fill(fs, parent, name, path_fd, &e);
	if (!node) {
		fuse_reply_err(req, errno);
		close(fd);
		return;
	}
	set_handle(fs, node, fd, fi);
	if (fuse_reply_create(req, &e, fi) < 0) {
		drop_handle(fi);
		node_forget(&fs->nodes, node->id, 1);
	}
	node_put(&fs->nodes, node);
}

void file_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	int fd, flags = (fi->flags & KEEP_FLAGS) | O_CREAT | O_EXCL | O_NOFOLLOW;
	struct node *dir = req_node(req, parent);

	if (!dir)
		return;
	if (refuse_name(req, dir, name))
		goto out;
	creds_enter(req);
	fd = openat(dir->fd, name, flags | O_CLOEXEC, mode & 07777);
	creds_leave(req);
	if (fd < 0) {
		/*
		 * The kernel takes it for new, and checks no permission: a file that somebody
		 * else has made meanwhile it has to look up and open.
		 */
		fuse_reply_err(req, errno == EEXIST && !(fi->flags & O_EXCL) ? ESTALE : errno);
		goto out;
	}
	tagging_made(fs, dir, name);
	peers_entry(fs, dir, name);
	reply_created(req, dir, name, fd, fi);
out:
	node_put(&fs->nodes, dir);
}

void file_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	int fd, flags = (fi->flags & (KEEP_FLAGS | O_EXCL)) | O_TMPFILE;
	struct node *dir = req_node(req, parent);

	if (!dir)
		return;
	creds_enter(req);
	fd = openat(dir->fd, ".", flags | O_CLOEXEC, mode & 07777);
	creds_leave(req);
	if (fd < 0)
		fuse_reply_err(req, errno);
	else
		reply_created(req, dir, NULL, fd, fi);
	node_put(&fs->nodes, dir);
}

/* A descriptor for reading, and in *@reader what is to be put back, or -1. */
static int read_fd(const struct node *node, const struct fuse_file_info *fi, int *reader)
{
	*reader = -1;
	if (fi->fh != EXTFUSE_FH_NONE)
		return fi->fh;
	if (node->kept >= 0)
		return node->kept;
	*reader = reader_get(node);
	return *reader;
}

void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);
	struct node *node;
	int fd, reader;

	if (is_events(ino)) {
		events_read(req, size, fi);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	fd = read_fd(node, fi, &reader);
	if (fd < 0) {
		fuse_reply_err(req, errno);
	} else {
		buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		buf.buf[0].fd = fd;
		buf.buf[0].pos = off;
		fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
		if (reader >= 0)
			reader_put(reader);
	}
	node_put(&fs->nodes, node);
}

/*
 * The kernel drops set-ID bits before a cached or passthrough write, but leaves
 * it to the daemon when a file is in direct I/O, and root's write does not do it.
 */
static void drop_set_ids(fuse_req_t req, int fd)
{
	mode_t drop;
	struct stat st;

	if (fuse_req_ctx(req)->uid == 0 || fstat(fd, &st) < 0)
		return;
	drop = st.st_mode & S_ISUID;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		drop |= S_ISGID;
	if (drop)
		fchmod(fd, st.st_mode & 07777 & ~drop);
}

/*
 * Dirty pages of a mapping go to their own offset, but pwrite() through a
 * handle that was opened with O_APPEND would put them at the end.
 */
static int writepage_fd(const struct node *node, const struct fuse_file_info *fi, int *temp)
{
	int fd;

	*temp = -1;
	if (fi->fh != EXTFUSE_FH_NONE && !(fcntl(fi->fh, F_GETFL) & O_APPEND))
		return fi->fh;
	fd = open_node(node, O_WRONLY);
	*temp = fd;
	return fd;
}

void file_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		    struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	struct node *node = req_node(req, ino);
	int fd, temp;
	ssize_t n;

	if (!node)
		return;
	if (fi->writepage)
		fd = writepage_fd(node, fi, &temp);
	else
		fd = file_fd(node, fi, (fi->flags & KEEP_FLAGS & ~O_ACCMODE) | O_WRONLY, &temp);
	if (fd < 0) {
		fuse_reply_err(req, errno);
	} else {
		if (fs->multiuser && !fi->writepage)
			drop_set_ids(req, fd);
		out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		out.buf[0].fd = fd;
		out.buf[0].pos = off;
		n = fuse_buf_copy(&out, in, 0);
		if (n > 0)
			peers_node(fs, node, true);
		if (n < 0)
			fuse_reply_err(req, -n);
		else
			fuse_reply_write(req, n);
		close_keep_errno(temp);
	}
	node_put(&fs->nodes, node);
}

/*
 * Where writing may fail later, as on a network, close(2) is to say so. Elsewhere nothing is
 * kept back, and the kernel does not ask again.
 */
void file_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int fd;

	(void)ino;
	if (!get_fs(req)->far) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fd = fi->fh != EXTFUSE_FH_NONE ? dup(fi->fh) : -1;
	fuse_reply_err(req, fd >= 0 && close(fd) < 0 ? errno : 0);
}

void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;

	if (is_events(ino)) {
		events_release(req, fi);
		return;
	}
	node = (fi->flags & O_ACCMODE) != O_RDONLY ? node_get(&fs->nodes, ino) : NULL;
	drop_handle(fi);
	fuse_reply_err(req, 0);
	/* It may have been written to without us: a backing file, or a mapping. */
	if (node) {
		tagging_written(fs, node);
		peers_node(fs, node, true);
	}
	node_put(&fs->nodes, node);
}

/* Everything but the events is always ready. */
void file_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	       struct fuse_pollhandle *ph)
{
	if (is_events(ino)) {
		events_poll(req, fi, ph);
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

void file_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = req_node(req, ino);
	int fd, temp;

	if (!node)
		return;
	fd = file_fd(node, fi, O_RDONLY, &temp);
	if (fd < 0 || (datasync ? fdatasync(fd) : fsync(fd)) < 0) {
		fuse_reply_err(req, errno);
	} else {
		peers_node(fs, node, true);
		fuse_reply_err(req, 0);
	}
	close_keep_errno(temp);
	node_put(&fs->nodes, node);
}

void file_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		    struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = req_node(req, ino);
	int fd, temp;

	if (!node)
		return;
	fd = file_fd(node, fi, O_WRONLY, &temp);
	if (fd < 0 || fallocate(fd, mode, off, len) < 0) {
		fuse_reply_err(req, errno);
	} else {
		peers_node(fs, node, true);
		fuse_reply_err(req, 0);
	}
	close_keep_errno(temp);
	node_put(&fs->nodes, node);
}

void file_copy_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
		     fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
		     int flags)
{
	struct disgrafsd *fs = get_fs(req);
	int in = -1, out = -1, temp_in = -1, temp_out = -1;
	struct node *node_in, *node_out = NULL;
	ssize_t n;

	node_in = req_node(req, ino_in);
	if (!node_in)
		return;
	node_out = req_node(req, ino_out);
	if (!node_out)
		goto out;
	in = file_fd(node_in, fi_in, O_RDONLY, &temp_in);
	if (in >= 0)
		out = file_fd(node_out, fi_out, O_WRONLY, &temp_out);
	if (in < 0 || out < 0)
		goto error;
	n = copy_file_range(in, &off_in, out, &off_out, len, flags);
	if (n < 0)
		goto error;
	peers_node(fs, node_out, true);
	fuse_reply_write(req, n);
	goto out;
error:
	fuse_reply_err(req, errno);
out:
	close_keep_errno(temp_in);
	close_keep_errno(temp_out);
	node_put(&fs->nodes, node_out);
	node_put(&fs->nodes, node_in);
}

void file_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = req_node(req, ino);
	int fd, temp;
	off_t pos;

	if (!node)
		return;
	fd = file_fd(node, fi, O_RDONLY, &temp);
	pos = fd < 0 ? -1 : lseek(fd, off, whence);
	if (pos < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, pos);
	close_keep_errno(temp);
	node_put(&fs->nodes, node);
}
