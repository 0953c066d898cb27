// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE daemon that shows the files of one directory and, when it is told to,
 * registers them as backing files and tells a policy's map.
 *
 * usage: lowerd [-w] [-d] [-n] [-r] LOWER MOUNTPOINT
 *	-w  ask for write-back cache, with which there are no backing files
 *	-d  open with FOPEN_DIRECT_IO
 *	-n  have no backing files
 *	-r  register files that are open for reading only
 *
 * Files whose names begin with "pass" are opened in passthrough. Commands are
 * lines on the standard input, each answered with one line:
 *	offer CONN MAP  register every file, put them into the pinned map
 *	withdraw        the opposite
 *	counts          READs and WRITEs that came here
 *	sleep MS        do so in each READ and WRITE from now on
 * Its end is "quit" or the end of the mount.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 317

#include <bpf/bpf.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "extfuse.h"

struct node {
	char name[256];
	int fd;
	int offered;	/* backing id, or 0 */
	int own;	/* backing id of opens in passthrough */
};

#define MAX_NODES 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* nodes */
static struct node nodes[MAX_NODES];
static unsigned int nr_nodes;

static int lower;
static bool writeback, direct, no_backing, read_only;
static struct fuse_session *session;
static int map = -1;
static uint64_t conn;
static atomic_ulong reads, writes;
static atomic_uint delay;

static struct node *node_of(fuse_ino_t ino)
{
	return &nodes[ino - 2];
}

static fuse_ino_t ino_of(const struct node *node)
{
	return node - nodes + 2;
}

static void dawdle(void)
{
	usleep(delay * 1000);
}

/* Backing files, under @lock. */

static int register_fd(int fd)
{
	struct fuse_backing_map arg = { .fd = fd };

	return ioctl(fuse_session_fd(session), FUSE_DEV_IOC_BACKING_OPEN, &arg);
}

static void unregister(int *id)
{
	if (*id > 0)
		ioctl(fuse_session_fd(session), FUSE_DEV_IOC_BACKING_CLOSE, id);
	*id = 0;
}

static int offer(struct node *node)
{
	struct extfuse_node_key key = { .conn = conn, .nodeid = ino_of(node) };
	char path[64];
	int fd, id;

	if (map < 0 || node->offered)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", node->fd);
	fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	id = register_fd(fd);
	close(fd);
	if (id <= 0)
		return -errno;
	node->offered = id;
	return bpf_map_update_elem(map, &key, &id, BPF_ANY);
}

static void withdraw(struct node *node)
{
	struct extfuse_node_key key = { .conn = conn, .nodeid = ino_of(node) };

	if (!node->offered)
		return;
	bpf_map_delete_elem(map, &key);
	unregister(&node->offered);
}

static struct node *node_new(const char *name, int flags, mode_t mode)
{
	struct node *node = &nodes[nr_nodes];
	int fd;

	if (nr_nodes == MAX_NODES) {
		errno = ENOSPC;
		return NULL;
	}
	fd = openat(lower, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, mode);
	if (fd < 0)
		return NULL;
	snprintf(node->name, sizeof(node->name), "%s", name);
	node->fd = fd;
	nr_nodes++;
	offer(node);
	return node;
}

/* Of a name that is there now. */
static struct node *node_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_nodes; i++)
		if (!strcmp(nodes[i].name, name))
			return &nodes[i];
	return node_new(name, 0, 0);
}

/* Operations */

static void op_init(void *data, struct fuse_conn_info *info)
{
	if (writeback)
		fuse_set_feature_flag(info, FUSE_CAP_WRITEBACK_CACHE);
	else if (!no_backing && fuse_set_feature_flag(info, FUSE_CAP_PASSTHROUGH))
		info->max_backing_stack_depth = FUSE_BACKING_STACKED_OVER;
	fuse_unset_feature_flag(info, FUSE_CAP_AUTO_INVAL_DATA);
}

static int attr_of(fuse_ino_t ino, struct stat *st)
{
	int fd = ino == FUSE_ROOT_ID ? lower : node_of(ino)->fd;

	if (fstat(fd, st))
		return errno;
	st->st_ino = ino;
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {};
	struct node *node;
	int err = ENOENT;

	pthread_mutex_lock(&lock);
	node = node_find(name);
	pthread_mutex_unlock(&lock);
	if (node) {
		entry.ino = ino_of(node);
		err = attr_of(entry.ino, &entry.attr);
	}
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &entry);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int err = attr_of(ino, &st);

	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, 0);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(lower, &st))
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

static int set_times(int fd, const struct stat *attr, int what)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (what & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	else if (what & FUSE_SET_ATTR_ATIME)
		times[0] = attr->st_atim;
	if (what & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
	else if (what & FUSE_SET_ATTR_MTIME)
		times[1] = attr->st_mtim;
	return futimens(fd, times);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int what,
		       struct fuse_file_info *fi)
{
	int fd = ino == FUSE_ROOT_ID ? lower : node_of(ino)->fd;

	if (((what & FUSE_SET_ATTR_MODE) && fchmod(fd, attr->st_mode)) ||
	    ((what & FUSE_SET_ATTR_SIZE) && ftruncate(fd, attr->st_size)) ||
	    ((what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) && set_times(fd, attr, what)))
		fuse_reply_err(req, errno);
	else
		op_getattr(req, ino, fi);
}

/* One backing file an inode: the one it was opened with first. */
static void open_flags(struct node *node, struct fuse_file_info *fi)
{
	fi->keep_cache = 1;
	fi->direct_io = direct;
	if (strncmp(node->name, "pass", 4))
		return;
	pthread_mutex_lock(&lock);
	if (!node->own)
		node->own = register_fd(node->fd);
	fi->backing_id = node->own > 0 ? node->own : 0;
	fi->keep_cache = 0;
	pthread_mutex_unlock(&lock);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	open_flags(node_of(ino), fi);
	fuse_reply_open(req, fi);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = {};
	struct node *node;
	int err = 0;

	pthread_mutex_lock(&lock);
	node = node_new(name, O_CREAT | O_EXCL, mode);
	if (!node)
		err = errno;
	pthread_mutex_unlock(&lock);
	if (!err) {
		entry.ino = ino_of(node);
		err = attr_of(entry.ino, &entry.attr);
	}
	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	open_flags(node, fi);
	fuse_reply_create(req, &entry, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	ssize_t ret;

	reads++;
	dawdle();
	ret = pread(node_of(ino)->fd, buf, size, off);
	if (ret < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, ret);
	free(buf);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	ssize_t ret;

	writes++;
	dawdle();
	ret = pwrite(node_of(ino)->fd, buf, size, off);
	if (ret < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, ret);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, fsync(node_of(ino)->fd) ? errno : 0);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct stat st = {};
	size_t used = 0, len;
	char *buf = malloc(size);
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = off; i < nr_nodes; i++) {
		st.st_ino = i + 2;
		st.st_mode = S_IFREG;
		len = fuse_add_direntry(req, buf + used, size - used, nodes[i].name, &st, i + 1);
		if (len > size - used)
			break;
		used += len;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.statfs = op_statfs,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.readdir = op_readdir,
};

/* Commands */

static int offer_all(const char *args)
{
	char path[256];
	unsigned int i;
	int err = 0;

	if (sscanf(args, "%lu %255s", &conn, path) != 2)
		return -EINVAL;
	map = bpf_obj_get(path);
	if (map < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_nodes && !err; i++)
		err = offer(&nodes[i]);
	pthread_mutex_unlock(&lock);
	return err;
}

static void withdraw_all(void)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_nodes; i++)
		withdraw(&nodes[i]);
	if (map >= 0)
		close(map);
	map = -1;
	pthread_mutex_unlock(&lock);
}

static void *commands(void *arg)
{
	char line[512];
	int err;

	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "offer ", 6)) {
			err = offer_all(line + 6);
			printf("%s\n", err ? strerror(-err) : "ok");
		} else if (!strcmp(line, "withdraw\n")) {
			withdraw_all();
			printf("ok\n");
		} else if (!strcmp(line, "counts\n")) {
			printf("%lu %lu\n", reads, writes);
		} else if (!strncmp(line, "sleep ", 6)) {
			delay = atoi(line + 6);
			printf("ok\n");
		} else if (!strcmp(line, "quit\n")) {
			break;
		} else {
			printf("what?\n");
		}
		fflush(stdout);
	}
	fuse_session_exit(session);
	fuse_session_unmount(session);
	return NULL;
}

static void scan(void)
{
	DIR *dir = fdopendir(dup(lower));
	struct dirent *entry;

	if (!dir)
		err(1, "readdir");
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG && !node_new(entry->d_name, 0, 0))
			err(1, "%s", entry->d_name);
	closedir(dir);
}

int main(int argc, char **argv)
{
	char *args[] = { argv[0], "-o", "default_permissions,allow_other,fsname=lowerd", NULL };
	struct fuse_args fuse_args = FUSE_ARGS_INIT(3, args);
	struct fuse_loop_config *config;
	pthread_t thread;
	int opt;

	while ((opt = getopt(argc, argv, "wdnr")) != -1) {
		writeback |= opt == 'w';
		direct |= opt == 'd';
		no_backing |= opt == 'n';
		read_only |= opt == 'r';
		if (opt == '?')
			return 2;
	}
	if (optind + 2 != argc)
		return 2;
	umask(0);
	lower = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lower < 0)
		err(1, "%s", argv[optind]);
	scan();
	session = fuse_session_new(&fuse_args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, argv[optind + 1]))
		return 1;
	pthread_create(&thread, NULL, commands, NULL);
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_clone_fd(config, 0);
	opt = fuse_session_loop_mt(session, config);
	/* the other thread may still be unmounting */
	_exit(opt != 0);
}
