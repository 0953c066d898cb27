// SPDX-License-Identifier: GPL-2.0
/*
 * The lower directory: whether it can be served.
 */
#include "disgrafsd.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <syslog.h>
#include <time.h>

#include "index.h"

/* A daemon whose mount is gone may still have names to record. */
#define LOCK_TRIES 50
#define LOCK_WAIT_NS 60000000

/* Not in linux/magic.h. */
#define LUSTRE_MAGIC 0x0bd00bd0

static unsigned int fs_type(int fd)
{
	struct statfs sf;

	return fstatfs(fd, &sf) < 0 ? 0 : sf.f_type;
}

bool lower_is_one_of(int fd, const unsigned int *types, size_t count)
{
	unsigned int type = fs_type(fd);
	size_t i;

	for (i = 0; i < count; i++) {
		if (type == types[i])
			return true;
	}
	return false;
}

bool lower_is_fuse(int fd)
{
	return fs_type(fd) == FUSE_SUPER_MAGIC;
}

/* Another mount's root, for instance of this very LOWER over itself. */
static bool is_mount(int fd)
{
	return lower_is_fuse(fd) && getxattr(fd_path(fd).path, LOWER_XATTR, NULL, 0) > 0;
}

static bool is_same(int fd, int other)
{
	struct stat a, b;

	return other >= 0 && fstat(fd, &a) == 0 && fstat(other, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * The lock is on the directory of the index, which is what two daemons would spoil for
 * each other: it needs no file and ends with the process. Where there is none and none
 * can be made, as in a directory that is read-only, there is nothing to spoil; and no
 * lock either where the file system has none for directories (NFS). Those that share an
 * index in PostgreSQL share the lock.
 */
static int lock_index(int lower, bool shared, int tries)
{
	struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };
	static int locked = -1;
	int fd, ret;

	mkdirat(lower, INDEX_DIR_NAME, 0700);
	fd = openat(lower, INDEX_DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (is_same(fd, locked)) {
		close(fd);
		return 0;
	}
	while ((ret = flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB)) < 0 && errno == EWOULDBLOCK && --tries)
		nanosleep(&wait, NULL);
	if (ret < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return -EBUSY;
	}
	if (locked >= 0)
		close(locked);
	locked = fd;
	return 0;
}

void lower_lock_again(const struct disgrafsd *fs)
{
	if (lock_index(fs->nodes.root->fd, fs->shared, 1) < 0)
		log_msg(LOG_ERR, "%s: served by another disgrafsd as well", fs->opt.lower);
}

/* @index: as in the options. */
static bool is_shared(int lower, const char *index)
{
	char url[INDEX_URL_MAX];

	return index ? strcmp(index, "sqlite") : index_database(lower, url, sizeof(url)) > 0;
}

/* With the lock: nobody uses another one. */
static int choose_index(int lower, const char *index, bool shared)
{
	return index ? index_set_database(lower, shared ? index : "") : 0;
}

static void tell_hidden(int lower, const char *path)
{
	struct stat st;

	if (fstatat(lower, GRAPH_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		log_msg(LOG_WARNING, "%s/" GRAPH_NAME ": hidden by the virtual one and not in the index",
			path);
}

int lower_open(const struct options *opt, bool *shared)
{
	const char *path = opt->lower;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0) {
		log_msg(LOG_ERR, "%s: %s", path, strerror(errno));
		return -1;
	}
	*shared = is_shared(fd, opt->index);
	if (is_mount(fd)) {
		log_msg(LOG_ERR, "%s: is a mount of disgrafsd already", path);
	} else if (opt->fake) {
		return fd;
	} else if (lock_index(fd, *shared, LOCK_TRIES) < 0) {
		log_msg(LOG_ERR, "%s: already served by another disgrafsd", path);
	} else if ((ret = choose_index(fd, opt->index, *shared)) < 0) {
		log_msg(LOG_ERR, "%s/" INDEX_DIR_NAME ": %s", path, strerror(-ret));
	} else {
		tell_hidden(fd, path);
		return fd;
	}
	close(fd);
	return -1;
}

bool lower_is_far(int fd)
{
	static const unsigned int types[] = {
		FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
		SMB2_SUPER_MAGIC, V9FS_MAGIC, CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC, AFS_FS_MAGIC,
		CODA_SUPER_MAGIC, LUSTRE_MAGIC,
	};

	return lower_is_one_of(fd, types, sizeof(types) / sizeof(types[0]));
}

bool lower_is_stacked(int fd)
{
	unsigned int type = fs_type(fd);

	return type == OVERLAYFS_SUPER_MAGIC || type == FUSE_SUPER_MAGIC ||
	       type == ECRYPTFS_SUPER_MAGIC;
}
