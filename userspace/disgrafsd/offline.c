// SPDX-License-Identifier: GPL-2.0
/*
 * Changes that were made in LOWER while it was not served.
 *
 * Whatever is made, removed or renamed, and whoever is given tags, changes a ctime.
 * So a daemon that ends leaves a file with the time in LOWER/.disgrafs, and the next
 * one looks at the ctimes of all files, in a thread that nobody waits for. If one is
 * between the two times the index is made anew, in the background. What changed
 * later was noticed. Without the file nothing is known: after a daemon that did not
 * end properly the index is made anew anyway.
 */
#include "offline.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <syslog.h>

#include "disgrafsd.h"
#include "index.h"
#include "tagging.h"
#include "walk.h"

#define ENDED_NAME "ended"

static struct {
	pthread_t thread;
	bool running;		/* there is a thread to be waited for */
	bool looked;		/* nothing before @begun is unknown */
	atomic_bool stop;
	struct timespec ended, begun;
} offline;

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool is_changed(const struct stat *st)
{
	return is_before(&offline.ended, &st->st_ctim) && is_before(&st->st_ctim, &offline.begun);
}

/* 1: it is. */
static int entry_changed(struct walk_dir *dir, const char *name)
{
	struct stat st;

	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (is_changed(&st))
		return 1;
	return S_ISDIR(st.st_mode) ? names_add(&dir->enter, name) : 0;
}

static int dir_changed(struct walk_dir *dir, void *arg)
{
	const struct dirent *d;
	int ret = 0;

	(void)arg;
	while (!ret && !offline.stop && (d = walk_next(dir)))
		ret = entry_changed(dir, d->d_name);
	return ret || !offline.stop ? ret : -ECANCELED;
}

/* Who may not look sees no change, but there is one if it was moved. */
static int no_entry(const char *path, const char *name, int err, void *arg)
{
	(void)path;
	(void)name;
	(void)arg;
	return err == EAGAIN;
}

/* What cannot be told is taken for a change. */
static bool tree_changed(int root)
{
	struct stat st;
	int ret;

	if (fstat(root, &st) == 0 && is_changed(&st))
		return true;
	ret = walk_tree(root, dir_changed, no_entry, NULL);
	return ret && ret != -ECANCELED;
}

static void *look(void *arg)
{
	struct disgrafsd *fs = arg;

	/* Of the thread, which may wait for everybody else. */
	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
	if (tree_changed(fs->nodes.root->fd)) {
		log_msg(LOG_NOTICE, "%s: changed while it was not served: looking at all files",
			fs->opt.lower);
		tagging_rebuild(fs);
		offline.looked = true;
	} else {
		offline.looked = !offline.stop;
	}
	return NULL;
}

/* In @dir. -1: there is none, or something else. */
static int open_ended(int dir, int flags, struct stat *st)
{
	int fd = openat(dir, ENDED_NAME, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode)))
		return fd;
	close(fd);
	return -1;
}

/* By the clock that gives LOWER's files their times. */
static int take_time(int fd, struct timespec *now)
{
	struct stat st;

	if (futimens(fd, NULL) < 0 || fstat(fd, &st) < 0)
		return -1;
	*now = st.st_mtim;
	return 0;
}

/* Where asking takes long, and where others serve LOWER as well, that is left to them. */
static bool is_wanted(const struct disgrafsd *fs)
{
	return fs->index && fs->opt.fanotify && !fs->far && !fs->shared;
}

void offline_start(struct disgrafsd *fs)
{
	struct stat st;
	int dir, fd;

	offline.looked = true;
	dir = is_wanted(fs) ? index_open_dir(fs->nodes.root->fd, INDEX_READ) : -1;
	if (dir < 0)
		return;
	fd = open_ended(dir, O_RDWR, &st);
	if (fd >= 0 && take_time(fd, &offline.begun) == 0) {
		offline.ended = st.st_mtim;
		offline.looked = false;
		offline.running = !pthread_create(&offline.thread, NULL, look, fs);
	}
	if (fd >= 0)
		close(fd);
	unlinkat(dir, ENDED_NAME, 0);
	close(dir);
}

void offline_stop(struct disgrafsd *fs)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, offline.ended };
	struct stat st;
	int dir, fd;

	offline.stop = true;
	if (offline.running)
		pthread_join(offline.thread, NULL);
	offline.running = false;
	/* Whoever owns LOWER may have put another one in its place. */
	dir = is_wanted(fs) ? index_open_dir(fs->nodes.root->fd, INDEX_READ) : -1;
	if (dir < 0)
		return;
	fd = open_ended(dir, O_WRONLY | O_CREAT, &st);
	/* Who has not looked at all leaves that to the next. */
	if (fd >= 0 && !offline.looked && futimens(fd, times) < 0)
		log_msg(LOG_WARNING, "%s/" INDEX_DIR "/" ENDED_NAME ": %s", fs->opt.lower,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	close(dir);
}
