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

#include <dirent.h>
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

#define ENDED_NAME INDEX_DIR "/ended"

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

static bool dir_changed(int parent, const char *name, bool is_root);

static bool entry_changed(int dir, const struct dirent *d)
{
	struct stat st;

	if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return is_changed(&st) || (S_ISDIR(st.st_mode) && dir_changed(dir, d->d_name, false));
}

static bool dir_changed(int parent, const char *name, bool is_root)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool changed = false;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!changed && !offline.stop && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") &&
		    !(is_root && index_leaves_out(d->d_name)))
			changed = entry_changed(fd, d);
	}
	closedir(dir);
	return changed;
}

static void *look(void *arg)
{
	struct disgrafsd *fs = arg;
	int root = fs->nodes.root->fd;
	struct stat st;

	/* Of the thread, which may wait for everybody else. */
	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
	if ((fstat(root, &st) == 0 && is_changed(&st)) || dir_changed(root, ".", true)) {
		log_msg(LOG_NOTICE, "%s: changed while it was not served: looking at all files",
			fs->opt.lower);
		tagging_rebuild(fs);
		offline.looked = true;
	} else {
		offline.looked = !offline.stop;
	}
	return NULL;
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
	int root = fs->nodes.root->fd, fd;
	struct stat st;

	offline.looked = true;
	if (!is_wanted(fs))
		return;
	fd = openat(root, ENDED_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && take_time(fd, &offline.begun) == 0) {
		offline.ended = st.st_mtim;
		offline.looked = false;
		offline.running = !pthread_create(&offline.thread, NULL, look, fs);
	}
	close(fd);
	unlinkat(root, ENDED_NAME, 0);
}

void offline_stop(struct disgrafsd *fs)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, offline.ended };
	int fd;

	offline.stop = true;
	if (offline.running)
		pthread_join(offline.thread, NULL);
	offline.running = false;
	if (!is_wanted(fs))
		return;
	fd = openat(fs->nodes.root->fd, ENDED_NAME,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* Who has not looked at all leaves that to the next. */
	if (!offline.looked && futimens(fd, times) < 0)
		log_msg(LOG_WARNING, "%s/" ENDED_NAME ": %s", fs->opt.lower, strerror(errno));
	close(fd);
}
