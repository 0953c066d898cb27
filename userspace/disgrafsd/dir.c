// SPDX-License-Identifier: GPL-2.0
/*
 * Reading directories.
 *
 * Where an offset (d_off) means the same to every descriptor of a directory,
 * which is so on all disk file systems, no handle is needed: OPENDIR is refused
 * once with ENOSYS, after which the kernel sends neither it nor RELEASEDIR and
 * caches listings until the directory changes. Elsewhere an offset only counts
 * through one descriptor's private list (overlayfs), and each opendir() gets one.
 */
#include "disgrafsd.h"

#include <dirent.h>
#include <linux/fuse.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "graph.h"

#define XFS_MAGIC 0x58465342
#define ZFS_MAGIC 0x2fc12fc1

/* An entry in a READDIRPLUS reply takes this much more than getdents64() gives. */
#define PLUS_SIZE_RATIO 5

struct dirent64_raw {
	ino64_t d_ino;
	off64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

bool dir_offsets_are_stable(int fd)
{
	static const unsigned int types[] = {
		EXT4_SUPER_MAGIC, XFS_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC,
		NFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, ZFS_MAGIC,
	};

	return lower_is_one_of(fd, types, sizeof(types) / sizeof(*types));
}

static int open_dir(const struct node *node)
{
	return openat(node->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void dir_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;
	int fd;

	if (fs->stateless_dirs) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->fh = EXTFUSE_FH_NONE;
	if (ino & NODE_VIRTUAL) {
		fuse_reply_open(req, fi);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	fd = open_dir(node);
	if (fd < 0) {
		fuse_reply_err(req, errno);
	} else {
		fi->fh = fd;
		fi->cache_readdir = fs_ttl(fs) > 0;
		fi->keep_cache = fi->cache_readdir;
		if (fuse_reply_open(req, fi) < 0)
			close(fd);
	}
	node_put(&fs->nodes, node);
}

/* With stateless directories the kernel knows no handle and sends 0. */
static bool has_handle(const struct disgrafsd *fs, const struct fuse_file_info *fi)
{
	return !fs->stateless_dirs && fi->fh != EXTFUSE_FH_NONE;
}

static bool is_hidden(const struct node *dir, const char *name)
{
	return dir->id == FUSE_ROOT_ID &&
	       (!strcmp(name, INDEX_DIR_NAME) || !strcmp(name, GRAPH_NAME));
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/*
 * Adds @d to the reply. Returns its size there, or more than @size, with nothing
 * done, when it does not fit.
 */
static size_t add_entry(fuse_req_t req, const struct node *dir, const struct dirent64_raw *d,
			char *buf, size_t size, bool plus)
{
	struct fuse_entry_param e = { .attr.st_ino = d->d_ino, .attr.st_mode = d->d_type << 12 };
	struct disgrafsd *fs = get_fs(req);
	struct node *node = NULL;
	size_t n;

	if (!plus)
		return fuse_add_direntry(req, buf, size, d->d_name, &e.attr, d->d_off);
	n = fuse_add_direntry_plus(req, NULL, 0, d->d_name, NULL, 0);
	if (n > size)
		return n;
	/* An entry without a node is looked up when someone asks for it. */
	if (!is_dot(d->d_name))
		node = entry_find(fs, dir, d->d_name, &e);
	if (!node)
		e.ino = 0;
	node_put(&fs->nodes, node);
	return fuse_add_direntry_plus(req, buf, size, d->d_name, &e, d->d_off);
}

/* Gives back the nodes of a reply that the kernel did not take. */
static void forget_entries(struct disgrafsd *fs, const char *reply, size_t len)
{
	const struct fuse_direntplus *d;
	size_t pos;

	for (pos = 0; pos < len; pos += FUSE_DIRENTPLUS_SIZE(d)) {
		d = (const void *)(reply + pos);
		if (d->entry_out.nodeid)
			node_forget(&fs->nodes, d->entry_out.nodeid, 1);
	}
}

static ssize_t fill(fuse_req_t req, const struct node *dir, int fd, char *reply, size_t size,
		    off_t off, bool plus)
{
	char raw[16384] __attribute__((aligned(8)));
	size_t want = plus ? size / PLUS_SIZE_RATIO : size, used = 0, n;
	const struct dirent64_raw *d;
	ssize_t len, pos;

	if (want > sizeof(raw))
		want = sizeof(raw);
	/* Room for the longest name at least. */
	if (want < 512)
		want = 512;
	if (lseek(fd, off, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		len = syscall(SYS_getdents64, fd, raw, want);
		if (len < 0)
			return used ? (ssize_t)used : -errno;
		if (!len)
			return used;
		for (pos = 0; pos < len; pos += d->d_reclen) {
			d = (const void *)(raw + pos);
			if (is_hidden(dir, d->d_name))
				continue;
			n = add_entry(req, dir, d, reply + used, size - used, plus);
			if (n > size - used)
				return used;
			used += n;
		}
	}
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi, bool plus)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;
	char *reply;
	ssize_t len;
	int fd;

	if (ino & NODE_VIRTUAL) {
		graph_readdir(fs->graph, req, ino, size, off, plus);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	reply = malloc(size);
	fd = has_handle(fs, fi) ? (int)fi->fh : open_dir(node);
	if (!reply)
		errno = ENOMEM;
	len = !reply || fd < 0 ? -errno : fill(req, node, fd, reply, size, off, plus);
	if (len < 0)
		fuse_reply_err(req, -len);
	else if (fuse_reply_buf(req, reply, len) < 0 && plus)
		forget_entries(fs, reply, len);
	if (fd >= 0 && !has_handle(fs, fi))
		close(fd);
	free(reply);
	node_put(&fs->nodes, node);
}

void dir_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, false);
}

void dir_readplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, true);
}

void dir_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (has_handle(get_fs(req), fi))
		close(fi->fh);
	fuse_reply_err(req, 0);
}

void dir_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node;
	int fd;

	if (ino & NODE_VIRTUAL) {
		fuse_reply_err(req, 0);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	fd = has_handle(fs, fi) ? (int)fi->fh : open_dir(node);
	if (fd < 0 || (datasync ? fdatasync(fd) : fsync(fd)) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_err(req, 0);
	if (fd >= 0 && !has_handle(fs, fi))
		close(fd);
	node_put(&fs->nodes, node);
}
