// SPDX-License-Identifier: GPL-2.0
/*
 * fanotify tells of the whole file system that LOWER is on: for each change the
 * directory, by its handle, and the name. All that is taken from it is where to look.
 *
 * The daemon's own changes are left out; while there is nothing but those, they are read
 * a few at a time, because being woken for each costs more than reading them. Data that
 * goes through to backing files is written by the callers, and looks like a change behind
 * the mount: it costs an invalidation when such a file is closed.
 *
 * The kernel takes locks to invalidate a name for which it may be waiting for an
 * answer of ours. So this is done by a thread that serves no requests, and with no
 * lock held.
 */
#include "behind.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <syslog.h>

#include "disgrafsd.h"
#include "index.h"
#include "invalidate.h"
#include "peers.h"
#include "tagging.h"

#define NAMES (FAN_CREATE | FAN_DELETE | FAN_RENAME)
#define WANTED (NAMES | FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_ONDIR)

/* Between two readings of nothing but our own changes. */
#define PACE_MS 2

/* How much of what happened until then is still looked at. */
#define LAST_READS 64

static struct {
	int fanotify, stop;	/* stop: an eventfd */
	int lower;		/* like the root's, but not O_PATH, for handles */
	pthread_t thread;
	bool running;
	bool ending;		/* nobody serves, and nobody is told */
} behind;

/* A name in a directory of LOWER, or with dir -1 somewhere else. */
struct place {
	int dir;
	const char *name;
};

static ssize_t path_of(int fd, char path[PATH_MAX])
{
	ssize_t len = readlink(fd_path(fd).path, path, PATH_MAX - 1);

	if (len >= 0)
		path[len] = '\0';
	return len;
}

/* @path, or what it is in, is called @name. */
static bool is_in(const char *path, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(path, name, len) && (!path[len] || path[len] == '/');
}

/* By its path, which leads nowhere through mounts, also not through our own on LOWER. */
static bool is_in_lower(int dir)
{
	char path[PATH_MAX], lower[PATH_MAX];
	ssize_t len = path_of(behind.lower, lower);

	if (len < 0 || path_of(dir, path) < 0 || strncmp(path, lower, len) ||
	    (path[len] && path[len] != '/' && strcmp(lower, "/")))
		return false;
	if (!strcmp(lower, "/"))
		len = 0;
	return !is_in(path + len, "/" INDEX_DIR_NAME) && !is_in(path + len, "/" GRAPH_NAME);
}

static void drop_place(struct place *place)
{
	if (place->dir >= 0)
		close(place->dir);
	place->dir = -1;
}

static struct place find_place(const struct fanotify_event_info_fid *info)
{
	struct file_handle *handle = (struct file_handle *)info->handle;
	struct place place = { .dir = open_by_handle_at(behind.lower, handle, O_PATH | O_CLOEXEC) };

	place.name = (const char *)handle->f_handle + handle->handle_bytes;
	if (place.dir >= 0 && !is_in_lower(place.dir))
		drop_place(&place);
	return place;
}

static bool is_left_out(struct disgrafsd *fs, const struct place *place)
{
	struct stat st;

	return place->dir >= 0 && index_leaves_out(place->name) && fstat(place->dir, &st) == 0 &&
	       st.st_dev == fs->nodes.root->dev && st.st_ino == fs->nodes.root->ino;
}

static void file_seen(struct disgrafsd *fs, int fd, bool data)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	if (!behind.ending)
		invalidate_file(fs, &st, data);
	peers_file(fs, &st, data);
}

static void name_seen(struct disgrafsd *fs, const struct place *place)
{
	struct stat st;

	if (fstat(place->dir, &st) < 0)
		return;
	if (!behind.ending)
		invalidate_name(fs, &st, place->name);
	peers_name(fs, &st, place->name);
}

/* What @place is now, or -1. */
static int open_place(const struct place *place)
{
	return openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* One name, or the new and the old of a rename. */
static void names_changed(struct disgrafsd *fs, const struct place *places, size_t count)
{
	struct index_name names[2] = { };
	size_t i;
	int fd;

	for (i = 0; i < count; i++)
		names[i] = (struct index_name){ places[i].dir, places[i].name };
	tagging_names_changed(fs, names, count);
	for (i = 0; i < count; i++) {
		name_seen(fs, &places[i]);
		/* Its link count; and it may be new, or have been written under another name. */
		fd = open_place(&places[i]);
		if (fd >= 0) {
			tagging_path_written(fs, fd);
			file_seen(fs, fd, false);
			close(fd);
		}
	}
}

static void file_changed(struct disgrafsd *fs, const struct place *place, uint64_t mask)
{
	int fd = open_place(place);

	if (fd < 0)
		return;
	if (mask & FAN_ATTRIB)
		tagging_path_changed(fs, fd, place->dir, place->name);
	if (mask & FAN_CLOSE_WRITE)
		tagging_path_written(fs, fd);
	file_seen(fs, fd, mask & FAN_CLOSE_WRITE);
	close(fd);
}

/* A directory that came into LOWER or left it takes with it what nobody told of. */
static void crossed(struct disgrafsd *fs, const struct place *from, const struct place *to,
		    uint64_t mask)
{
	names_changed(fs, to->dir >= 0 ? to : from, 1);
	if (mask & FAN_ONDIR)
		tagging_rebuild(fs);
}

static void rename_seen(struct disgrafsd *fs, const struct place *from, const struct place *to,
			uint64_t mask)
{
	struct place both[2] = { *to, *from };

	if (from->dir >= 0 && to->dir >= 0)
		names_changed(fs, both, 2);
	else if (from->dir >= 0 || to->dir >= 0)
		crossed(fs, from, to, mask);
}

static void event_seen(struct disgrafsd *fs, const struct fanotify_event_metadata *event)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;
	struct place place = { -1, NULL }, from = { -1, NULL };
	const struct fanotify_event_info_header *info;

	for (; at + sizeof(*info) <= end; at += info->len) {
		info = (const void *)at;
		if (!info->len)
			break;
		if (info->info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME)
			from = find_place((const void *)at);
		else if (info->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME ||
			 info->info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME)
			place = find_place((const void *)at);
	}
	if (is_left_out(fs, &place))
		drop_place(&place);
	if (is_left_out(fs, &from))
		drop_place(&from);
	if (event->mask & FAN_RENAME) {
		rename_seen(fs, &from, &place, event->mask);
	} else if (place.dir >= 0) {
		if (event->mask & NAMES)
			names_changed(fs, &place, 1);
		if (event->mask & (FAN_ATTRIB | FAN_CLOSE_WRITE))
			file_changed(fs, &place, event->mask);
	}
	drop_place(&place);
	drop_place(&from);
}

/* More happened than fits into the queue: nothing that was known need be true. */
static void overflow(struct disgrafsd *fs)
{
	peers_all(fs);
	if (behind.ending) {
		tagging_missed(fs);
		return;
	}
	log_msg(LOG_NOTICE, "%s: too many changes behind the mount: looking at all files",
		fs->opt.lower);
	tagging_rebuild(fs);
	invalidate_all(fs);
}

enum seen { SEEN_NONE, SEEN_OWN, SEEN_OTHERS };

static enum seen events_seen(struct disgrafsd *fs)
{
	enum seen seen = SEEN_NONE;
	char buf[65536] __attribute__((aligned(8)));
	ssize_t len = read(behind.fanotify, buf, sizeof(buf));
	const struct fanotify_event_metadata *event = (const void *)buf;
	pid_t self = getpid();

	for (; len > 0 && FAN_EVENT_OK(event, len); event = FAN_EVENT_NEXT(event, len)) {
		if (event->mask & FAN_Q_OVERFLOW) {
			overflow(fs);
		} else if (event->pid != self) {
			event_seen(fs, event);
			seen = SEEN_OTHERS;
		} else if (!seen) {
			seen = SEEN_OWN;
		}
	}
	return seen;
}

static void *watch(void *arg)
{
	int left = LAST_READS;
	struct pollfd wait[] = {
		{ .fd = behind.fanotify, .events = POLLIN },
		{ .fd = behind.stop, .events = POLLIN },
	};

	while (poll(wait, 2, -1) > 0 && !wait[1].revents) {
		if (events_seen(arg) == SEEN_OWN && poll(wait + 1, 1, PACE_MS) > 0)
			break;
	}
	behind.ending = true;
	while (left && events_seen(arg))
		left--;
	if (!left)
		tagging_missed(arg);
	return NULL;
}

static void close_all(void)
{
	if (behind.fanotify >= 0)
		close(behind.fanotify);
	if (behind.stop >= 0)
		close(behind.stop);
	if (behind.lower >= 0)
		close(behind.lower);
}

/* FAN_RENAME names both sides: since 5.17. */
static int start(struct disgrafsd *fs)
{
	behind.stop = -1;
	behind.lower = -1;
	behind.fanotify = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC |
					FAN_NONBLOCK, O_RDONLY | O_LARGEFILE);
	if (behind.fanotify < 0)
		return -errno;
	behind.stop = eventfd(0, EFD_CLOEXEC);
	behind.lower = openat(fs->nodes.root->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (behind.stop < 0 || behind.lower < 0 ||
	    fanotify_mark(behind.fanotify, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, WANTED,
			  behind.lower, NULL) < 0)
		return -errno;
	return -pthread_create(&behind.thread, NULL, watch, fs);
}

void behind_start(struct disgrafsd *fs)
{
	int ret;

	if (!fs->opt.fanotify)
		return;
	ret = start(fs);
	behind.running = ret == 0;
	if (ret == 0)
		return;
	log_msg(LOG_NOTICE, "%s: changes behind the mount go unnoticed: fanotify: %s",
		fs->opt.lower, strerror(-ret));
	close_all();
}

void behind_stop(struct disgrafsd *fs)
{
	uint64_t one = 1;

	if (!behind.running)
		return;
	if (write(behind.stop, &one, sizeof(one)) < 0)
		log_msg(LOG_WARNING, "eventfd: %s", strerror(errno));
	invalidate_stop(fs, behind.thread);
	close_all();
}
