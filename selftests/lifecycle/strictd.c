// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE daemon that shows a directory and holds the kernel to its word.
 *
 * It counts the lookups of each node as the protocol says, and never gives a
 * nodeid to a second node. What the kernel must not do is reported: to forget
 * more than was looked up, or to ask about a node that it has forgotten.
 *
 * Signals: SIGUSR1 writes the report (by rename, so a reader sees a whole one),
 * SIGUSR2 holds requests back unanswered, or answers those that were; while it
 * does, there is a file REPORT.holding. SIGWINCH has the kernel drop what it knows of
 * the attributes of each node. The report is also written at the end.
 *
 * Built with a libfuse that speaks io_uring it does so with FUSE_URING_ENABLE=1 in
 * the environment.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 312

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <extfuse.h>

/* Never freed, so that a node that was forgotten is known as such. */
struct node {
	struct node *next;	/* in its hash chain, while alive */
	dev_t dev;
	ino_t ino;
	uint64_t lookups;
	int fd;			/* O_PATH */
};

#define CHAINS 4096
#define CHUNK 1024
#define CHUNKS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* nodes and the report */
static struct node *chains[CHAINS];
static struct node *chunks[CHUNKS];
static uint64_t nodes = FUSE_ROOT_ID;	/* last nodeid given away */

static uint64_t errors;
static char first_error[256];
static uint64_t by_ring, by_read;	/* requests, by how they came */

static pthread_mutex_t hold_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hold_cond = PTHREAD_COND_INITIALIZER;
static bool holding;
static unsigned int held;

static const char *report_path;
static double ttl;
static bool heed_interrupts;
static struct fuse_session *session;

static void __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!errors++)
		vsnprintf(first_error, sizeof(first_error), format, args);
	va_end(args);
}

/* Nodes; all under @lock. */

static struct node *node_at(uint64_t nodeid)
{
	return nodeid && nodeid <= nodes ? &chunks[nodeid / CHUNK][nodeid % CHUNK] : NULL;
}

static uint64_t node_id(const struct node *node)
{
	uint64_t i;

	for (i = 0; i < CHUNKS && chunks[i]; i++)
		if (node >= chunks[i] && node < chunks[i] + CHUNK)
			return i * CHUNK + (node - chunks[i]);
	return 0;
}

static struct node **chain_of(dev_t dev, ino_t ino)
{
	return &chains[(ino ^ dev) % CHAINS];
}

static uint64_t node_new(int fd, const struct stat *st)
{
	struct node **chain = chain_of(st->st_dev, st->st_ino), *node;
	uint64_t nodeid = nodes + 1;

	if (!chunks[nodeid / CHUNK])
		chunks[nodeid / CHUNK] = calloc(CHUNK, sizeof(*node));
	node = chunks[nodeid / CHUNK] ? &chunks[nodeid / CHUNK][nodeid % CHUNK] : NULL;
	if (!node)
		errx(1, "out of memory");
	nodes = nodeid;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->fd = fd;
	node->next = *chain;
	*chain = node;
	return nodeid;
}

static struct node *node_find(dev_t dev, ino_t ino)
{
	struct node *node;

	for (node = *chain_of(dev, ino); node; node = node->next)
		if (node->dev == dev && node->ino == ino)
			break;
	return node;
}

static void node_forget(uint64_t nodeid, uint64_t lookups)
{
	struct node *node, **at;

	pthread_mutex_lock(&lock);
	node = node_at(nodeid);
	if (nodeid == FUSE_ROOT_ID)
		goto out;
	if (!node || node->lookups < lookups) {
		wrong("forget %llu of node %llu, which has %llu", (unsigned long long)lookups,
		      (unsigned long long)nodeid, node ? (unsigned long long)node->lookups : 0);
		if (!node)
			goto out;
		lookups = node->lookups;
	}
	if (!node->lookups)
		goto out;
	node->lookups -= lookups;
	if (!node->lookups) {
		for (at = chain_of(node->dev, node->ino); *at != node; at = &(*at)->next)
			;
		*at = node->next;
		close(node->fd);
	}
out:
	pthread_mutex_unlock(&lock);
}

/* The node's O_PATH descriptor, or -1 if the kernel must not know it any more. */
static int node_fd(uint64_t nodeid, const char *what)
{
	struct node *node;
	int fd = -1;

	pthread_mutex_lock(&lock);
	node = node_at(nodeid);
	if (node && node->lookups)
		fd = node->fd;
	else
		wrong("%s on forgotten node %llu", what, (unsigned long long)nodeid);
	pthread_mutex_unlock(&lock);
	return fd;
}

static void report(void)
{
	uint64_t i, alive = 0, lookups = 0;
	char tmp[PATH_MAX];
	FILE *f;

	if (!report_path)
		return;
	snprintf(tmp, sizeof(tmp), "%s.tmp", report_path);
	f = fopen(tmp, "w");
	if (!f)
		return;
	pthread_mutex_lock(&lock);
	for (i = FUSE_ROOT_ID + 1; i <= nodes; i++) {
		alive += !!node_at(i)->lookups;
		lookups += node_at(i)->lookups;
	}
	fprintf(f, "errors %llu %s\nalive %llu\nlookups %llu\nnodes %llu\n",
		(unsigned long long)errors, first_error, (unsigned long long)alive,
		(unsigned long long)lookups, (unsigned long long)nodes);
	pthread_mutex_unlock(&lock);
	pthread_mutex_lock(&hold_lock);
	fprintf(f, "held %u\nring %llu\nread %llu\n", held, (unsigned long long)by_ring,
		(unsigned long long)by_read);
	pthread_mutex_unlock(&hold_lock);
	fclose(f);
	rename(tmp, report_path);
}

/* Requests that are held back */

static void interrupted(fuse_req_t req, void *data)
{
	(void)req;
	(void)data;
	pthread_mutex_lock(&hold_lock);
	pthread_cond_broadcast(&hold_cond);
	pthread_mutex_unlock(&hold_lock);
}

static bool came_by_ring(fuse_req_t req)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
	return fuse_req_is_uring(req);
#else
	(void)req;
	return false;
#endif
}

/* Returns false if the request was interrupted, and has been answered. */
static bool go_on(fuse_req_t req)
{
	bool gone = false;

	__atomic_fetch_add(came_by_ring(req) ? &by_ring : &by_read, 1, __ATOMIC_RELAXED);

	pthread_mutex_lock(&hold_lock);
	if (!holding) {
		pthread_mutex_unlock(&hold_lock);
		return true;
	}
	held++;
	pthread_mutex_unlock(&hold_lock);
	if (heed_interrupts)
		fuse_req_interrupt_func(req, interrupted, NULL);
	pthread_mutex_lock(&hold_lock);
	for (;;) {
		gone = heed_interrupts && fuse_req_interrupted(req);
		if (!holding || gone)
			break;
		pthread_cond_wait(&hold_cond, &hold_lock);
	}
	held--;
	pthread_mutex_unlock(&hold_lock);
	fuse_req_interrupt_func(req, NULL, NULL);
	if (gone)
		fuse_reply_err(req, EINTR);
	return !gone;
}

static void show_holding(void)
{
	char path[PATH_MAX];

	if (!report_path)
		return;
	snprintf(path, sizeof(path), "%s.holding", report_path);
	if (holding)
		close(open(path, O_CREAT | O_WRONLY, 0600));
	else
		unlink(path);
}

/* Not under @lock: the kernel may wait for the daemon. */
static void invalidate(void)
{
	uint64_t i, last;

	pthread_mutex_lock(&lock);
	last = nodes;
	pthread_mutex_unlock(&lock);
	for (i = FUSE_ROOT_ID; i <= last; i++)
		fuse_lowlevel_notify_inval_inode(session, i, -1, 0);
}

static void *on_signals(void *arg)
{
	sigset_t *set = arg;
	int sig;

	for (;;) {
		sigwait(set, &sig);
		if (sig == SIGUSR1) {
			report();
			continue;
		}
		if (sig == SIGWINCH) {
			invalidate();
			continue;
		}
		pthread_mutex_lock(&hold_lock);
		holding = !holding;
		show_holding();
		pthread_cond_broadcast(&hold_cond);
		pthread_mutex_unlock(&hold_lock);
	}
	return NULL;
}

/* Operations */

#define NODE(var, nodeid)				\
	int var = node_fd(nodeid, __func__);		\
							\
	if (var < 0) {					\
		fuse_reply_err(req, ESTALE);		\
		return;					\
	}						\
	if (!go_on(req))				\
		return

static const char *path_of(char *buf, int fd)
{
	sprintf(buf, "/proc/self/fd/%d", fd);
	return buf;
}

#define PATH(fd) path_of((char[32]){}, fd)

static void reply_result(fuse_req_t req, int result)
{
	fuse_reply_err(req, result < 0 ? errno : 0);
}

/* Looks up a name, counts, and returns 0 or an errno. */
static int look_up(int dir, const char *name, struct fuse_entry_param *e)
{
	struct node *node;
	int fd;

	memset(e, 0, sizeof(*e));
	e->entry_timeout = ttl;
	e->attr_timeout = ttl;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH)) {
		close(fd);
		return errno;
	}
	pthread_mutex_lock(&lock);
	node = node_find(e->attr.st_dev, e->attr.st_ino);
	if (node)
		close(fd);
	else
		node = node_at(node_new(fd, &e->attr));
	node->lookups++;
	e->ino = node_id(node);
	pthread_mutex_unlock(&lock);
	return 0;
}

/* A reply that nobody waits for any more does not count. */
static void reply_entry(fuse_req_t req, int error, const struct fuse_entry_param *e)
{
	uint64_t nodeid = e->ino;

	if (error)
		fuse_reply_err(req, error);
	else if (fuse_reply_entry(req, e) == -ENOENT)
		node_forget(nodeid, 1);
}

static void sd_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	conn->want &= ~FUSE_CAP_SPLICE_READ;
}

static void sd_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int error;

	NODE(dir, parent);
	error = look_up(dir, name, &e);
	if (error == ENOENT && ttl) {
		e.ino = 0;
		fuse_reply_entry(req, &e);
		return;
	}
	reply_entry(req, error, &e);
}

static void sd_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	node_forget(ino, lookups);
	fuse_reply_none(req);
}

static void sd_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		node_forget(forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, int fd)
{
	struct stat st;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, ttl);
}

static void sd_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	NODE(fd, ino);
	(void)fi;
	reply_attr(req, fd);
}

static struct timespec time_to_set(int valid, int set, int now, struct timespec t)
{
	if (valid & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return valid & set ? t : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static void sd_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid,
		       struct fuse_file_info *fi)
{
	struct timespec times[2];

	NODE(fd, ino);
	(void)fi;
	if (valid & FUSE_SET_ATTR_MODE && chmod(PATH(fd), attr->st_mode))
		goto error;
	if (valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(fd, "", valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
		     valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		goto error;
	if (valid & FUSE_SET_ATTR_SIZE && truncate(PATH(fd), attr->st_size))
		goto error;
	times[0] = time_to_set(valid, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim);
	times[1] = time_to_set(valid, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim);
	if (utimensat(AT_FDCWD, PATH(fd), times, 0))
		goto error;
	reply_attr(req, fd);
	return;
error:
	fuse_reply_err(req, errno);
}

static void sd_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX];
	ssize_t len;

	NODE(fd, ino);
	len = readlinkat(fd, "", target, sizeof(target) - 1);
	if (len < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	target[len] = '\0';
	fuse_reply_readlink(req, target);
}

static void made(fuse_req_t req, int dir, const char *name, int result)
{
	struct fuse_entry_param e;
	int error = result < 0 ? errno : 0;

	reply_entry(req, error ?: look_up(dir, name, &e), &e);
}

static void sd_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	NODE(dir, parent);
	made(req, dir, name, mknodat(dir, name, mode, rdev));
}

static void sd_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	NODE(dir, parent);
	made(req, dir, name, mkdirat(dir, name, mode));
}

static void sd_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	NODE(dir, parent);
	made(req, dir, name, symlinkat(target, dir, name));
}

static void sd_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	int fd = node_fd(ino, __func__);

	NODE(dir, parent);
	made(req, dir, name, linkat(AT_FDCWD, PATH(fd), dir, name, AT_SYMLINK_FOLLOW));
}

static void sd_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	NODE(dir, parent);
	reply_result(req, unlinkat(dir, name, 0));
}

static void sd_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	NODE(dir, parent);
	reply_result(req, unlinkat(dir, name, AT_REMOVEDIR));
}

static void sd_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned int flags)
{
	int new_dir = node_fd(new_parent, __func__);

	NODE(dir, parent);
	reply_result(req, renameat2(dir, name, new_dir, new_name, flags));
}

static void sd_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int file;

	NODE(fd, ino);
	file = open(PATH(fd), fi->flags & ~(O_NOFOLLOW | O_APPEND | O_DIRECT));
	if (file < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = file;
	if (fuse_reply_open(req, fi) == -ENOENT)
		close(file);
}

static void sd_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	int file, error;
	uint64_t nodeid;

	NODE(dir, parent);
	file = openat(dir, name, (fi->flags | O_CREAT) & ~(O_NOFOLLOW | O_APPEND), mode);
	if (file < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	error = look_up(dir, name, &e);
	if (error) {
		close(file);
		fuse_reply_err(req, error);
		return;
	}
	fi->fh = file;
	nodeid = e.ino;
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		close(file);
		node_forget(nodeid, 1);
	}
}

static void sd_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	ssize_t len;

	(void)ino;
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (go_on(req)) {
		len = pread(fi->fh, buf, size, off);
		if (len < 0)
			fuse_reply_err(req, errno);
		else
			fuse_reply_buf(req, buf, len);
	}
	free(buf);
}

static void sd_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	ssize_t len;

	(void)ino;
	if (!go_on(req))
		return;
	len = pwrite(fi->fh, buf, size, off);
	if (len < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, len);
}

static void sd_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	node_fd(ino, __func__);
	close(fi->fh);
	fuse_reply_err(req, 0);
}

static void sd_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	if (go_on(req))
		fuse_reply_err(req, 0);
}

static void sd_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	NODE(fd, ino);
	(void)fd;
	reply_result(req, fallocate(fi->fh, mode, off, len));
}

static void sd_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	off_t at;

	NODE(fd, ino);
	(void)fd;
	at = lseek(fi->fh, off, whence);
	if (at < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, at);
}

static void sd_copy_file_range(fuse_req_t req, fuse_ino_t ino, off_t off, struct fuse_file_info *fi,
			       fuse_ino_t to, off_t to_off, struct fuse_file_info *to_fi,
			       size_t len, int flags)
{
	ssize_t copied;

	NODE(fd, ino);
	(void)fd;
	node_fd(to, __func__);
	copied = copy_file_range(fi->fh, &off, to_fi->fh, &to_off, len, flags);
	if (copied < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, copied);
}

/* Locks belong to what is open, whoever the owner is. */
static void sd_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lk)
{
	NODE(fd, ino);
	(void)fd;
	lk->l_pid = 0;
	if (fcntl(fi->fh, F_OFD_GETLK, lk))
		fuse_reply_err(req, errno);
	else
		fuse_reply_lock(req, lk);
}

static void sd_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lk,
		     int sleep)
{
	NODE(fd, ino);
	(void)fd;
	lk->l_pid = 0;
	reply_result(req, fcntl(fi->fh, sleep ? F_OFD_SETLKW : F_OFD_SETLK, lk));
}

static void sd_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct fuse_pollhandle *ph)
{
	if (ph)
		fuse_pollhandle_destroy(ph);
	NODE(fd, ino);
	(void)fd;
	(void)fi;
	fuse_reply_poll(req, POLLIN | POLLOUT);
}

static void sd_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		     size_t out_size)
{
	NODE(fd, ino);
	(void)fd, (void)cmd, (void)arg, (void)fi, (void)flags, (void)in, (void)in_size;
	(void)out_size;
	fuse_reply_err(req, ENOTTY);
}

static void sd_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	DIR *dir;
	int file;

	NODE(fd, ino);
	file = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = file < 0 ? NULL : fdopendir(file);
	if (!dir) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (fuse_reply_open(req, fi) == -ENOENT)
		closedir(dir);
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static void read_dir(fuse_req_t req, int fd, size_t size, off_t off, DIR *dir, bool plus)
{
	char *buf = malloc(size);
	struct fuse_entry_param e;
	struct dirent *d;
	size_t used = 0, len;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (!dir) {
		fuse_reply_err(req, EBADF);
		free(buf);
		return;
	}
	seekdir(dir, off);
	while ((d = readdir(dir))) {
		memset(&e, 0, sizeof(e));
		e.attr.st_ino = d->d_ino;
		e.attr.st_mode = d->d_type << 12;
		if (plus && !is_dot(d->d_name) && look_up(fd, d->d_name, &e))
			continue;
		if (plus)
			len = fuse_add_direntry_plus(req, buf + used, size - used, d->d_name, &e,
						     d->d_off);
		else
			len = fuse_add_direntry(req, buf + used, size - used, d->d_name, &e.attr,
						d->d_off);
		if (len > size - used) {
			if (e.ino)
				node_forget(e.ino, 1);
			break;
		}
		used += len;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

/* NULL: a policy's, see EXTFUSE_FH_NONE. */
static DIR *dir_of(const struct fuse_file_info *fi)
{
	return fi->fh == EXTFUSE_FH_NONE ? NULL : (DIR *)(uintptr_t)fi->fh;
}

static void sd_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	NODE(fd, ino);
	read_dir(req, fd, size, off, dir_of(fi), false);
}

static void sd_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	NODE(fd, ino);
	read_dir(req, fd, size, off, dir_of(fi), true);
}

static void sd_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	node_fd(ino, __func__);
	closedir((DIR *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void sd_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	sd_fsync(req, ino, datasync, fi);
}

static void sd_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	NODE(fd, ino);
	if (fstatvfs(fd, &st))
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

static void sd_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	NODE(fd, ino);
	reply_result(req, setxattr(PATH(fd), name, value, size, flags));
}

static void reply_xattr(fuse_req_t req, const char *value, size_t size, ssize_t len)
{
	if (len < 0)
		fuse_reply_err(req, errno);
	else if (size)
		fuse_reply_buf(req, value, len);
	else
		fuse_reply_xattr(req, len);
}

static void sd_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char value[65536];

	NODE(fd, ino);
	size = size > sizeof(value) ? sizeof(value) : size;
	reply_xattr(req, value, size, getxattr(PATH(fd), name, value, size));
}

static void sd_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char list[65536];

	NODE(fd, ino);
	size = size > sizeof(list) ? sizeof(list) : size;
	reply_xattr(req, list, size, listxattr(PATH(fd), list, size));
}

static void sd_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	NODE(fd, ino);
	reply_result(req, removexattr(PATH(fd), name));
}

static const struct fuse_lowlevel_ops ops = {
	.init = sd_init,
	.lookup = sd_lookup,
	.forget = sd_forget,
	.forget_multi = sd_forget_multi,
	.getattr = sd_getattr,
	.setattr = sd_setattr,
	.readlink = sd_readlink,
	.mknod = sd_mknod,
	.mkdir = sd_mkdir,
	.symlink = sd_symlink,
	.link = sd_link,
	.unlink = sd_unlink,
	.rmdir = sd_rmdir,
	.rename = sd_rename,
	.open = sd_open,
	.create = sd_create,
	.read = sd_read,
	.write = sd_write,
	.release = sd_release,
	.fsync = sd_fsync,
	.fallocate = sd_fallocate,
	.lseek = sd_lseek,
	.copy_file_range = sd_copy_file_range,
	.getlk = sd_getlk,
	.setlk = sd_setlk,
	.poll = sd_poll,
	.ioctl = sd_ioctl,
	.opendir = sd_opendir,
	.readdir = sd_readdir,
	.readdirplus = sd_readdirplus,
	.releasedir = sd_releasedir,
	.fsyncdir = sd_fsyncdir,
	.statfs = sd_statfs,
	.setxattr = sd_setxattr,
	.getxattr = sd_getxattr,
	.listxattr = sd_listxattr,
	.removexattr = sd_removexattr,
};

static void make_root(const char *lower)
{
	struct stat st;
	int fd = open(lower, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", lower);
	nodes = FUSE_ROOT_ID - 1;
	node_at(node_new(fd, &st))->lookups = 1;
}

int main(int argc, char **argv)
{
	char *mount_args[] = { argv[0], "-o", "fsname=strictd,default_permissions", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, mount_args);
	struct rlimit files = { 500000, 500000 };
	struct fuse_loop_config *loop;
	pthread_t signals;
	int opt, result;
	sigset_t set;

	while ((opt = getopt(argc, argv, "it:r:")) != -1) {
		switch (opt) {
		case 'i':
			heed_interrupts = true;
			break;
		case 't':
			ttl = atof(optarg);
			break;
		case 'r':
			report_path = optarg;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "Usage: strictd [-i] [-t TTL] [-r REPORT] LOWER MOUNTPOINT\n");
		return 2;
	}
	umask(0);
	setrlimit(RLIMIT_NOFILE, &files);
	make_root(argv[optind]);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&signals, NULL, on_signals, &set);

	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_set_signal_handlers(session) ||
	    fuse_session_mount(session, argv[optind + 1]))
		return 1;
	loop = fuse_loop_cfg_create();
	fuse_loop_cfg_set_max_threads(loop, 64);
	fuse_loop_cfg_set_idle_threads(loop, 64);
	result = fuse_session_loop_mt(session, loop);
	report();
	fuse_session_unmount(session);
	return errors ? 1 : result < 0 ? 3 : 0;
}
