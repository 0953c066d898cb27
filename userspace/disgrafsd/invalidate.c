// SPDX-License-Identifier: GPL-2.0
#include "invalidate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include "readers.h"

/* How long a notification may take when the daemon ends. */
#define STOP_SECONDS 2

/*
 * Aborts our connection, and does nothing when that is gone: by then another one may have
 * its number, and something else be mounted where we were. -1: there is no fusectl.
 */
static int abort_fd = -1;

/* The node of the file, or 0 if nobody has to be told of it. */
static uint64_t known_id(struct disgrafsd *fs, const struct stat *st)
{
	struct node *node = node_find(&fs->nodes, st);
	uint64_t id = node ? node->id : 0;

	node_put(&fs->nodes, node);
	return id;
}

void invalidate_file(struct disgrafsd *fs, const struct stat *st, bool data)
{
	uint64_t id = known_id(fs, st);

	/* Not an error: the kernel forgot it. */
	if (!id)
		return;
	if (data)
		reader_drop(id);
	fuse_lowlevel_notify_inval_inode(fs->se, id, data ? 0 : -1, 0);
}

void invalidate_name(struct disgrafsd *fs, const struct stat *dir, const char *name)
{
	uint64_t id = known_id(fs, dir);

	if (!id)
		return;
	fuse_lowlevel_notify_inval_entry(fs->se, id, name, strlen(name));
	fuse_lowlevel_notify_inval_inode(fs->se, id, -1, 0);
}

/* A name that the kernel knows @node by. 0, or -ENOENT at the last. */
static int name_at(struct node *node, size_t position, uint64_t *parent, char name[NAME_MAX + 1])
{
	const struct node_name *known;

	pthread_mutex_lock(&node->lock);
	for (known = node->names; known && position--; known = known->next)
		;
	if (known) {
		*parent = known->parent;
		snprintf(name, NAME_MAX + 1, "%s", known->name);
	}
	pthread_mutex_unlock(&node->lock);
	return known ? 0 : -ENOENT;
}

void invalidate_all(struct disgrafsd *fs)
{
	size_t count, i, position;
	uint64_t *ids, parent;
	char name[NAME_MAX + 1];
	struct node *node;

	count = node_ids(&fs->nodes, &ids);
	for (i = 0; i < count; i++) {
		node = node_get(&fs->nodes, ids[i]);
		if (!node)
			continue;
		for (position = 0; name_at(node, position, &parent, name) == 0; position++)
			fuse_lowlevel_notify_inval_entry(fs->se, parent, name, strlen(name));
		node_put(&fs->nodes, node);
		reader_drop(ids[i]);
		fuse_lowlevel_notify_inval_inode(fs->se, ids[i], 0, 0);
	}
	free(ids);
}

void invalidate_start(const struct disgrafsd *fs)
{
	struct statx stx;
	char path[64];

	if (statx(AT_FDCWD, fs->opt.mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &stx) < 0)
		return;
	/* The device as the kernel writes it, which is not what makedev() returns. */
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort",
		 stx.stx_dev_major << 20 | stx.stx_dev_minor);
	abort_fd = open(path, O_WRONLY | O_CLOEXEC);
}

/* Nobody serves any more what a notification may be waiting for. */
static void abort_connection(struct disgrafsd *fs)
{
	if (abort_fd < 0)
		log_msg(LOG_WARNING, "%s: cannot abort the connection without fusectl: waiting",
			fs->opt.mountpoint);
	else if (write(abort_fd, "1", 1) < 0)
		log_msg(LOG_WARNING, "%s: cannot abort the connection: %s", fs->opt.mountpoint,
			strerror(errno));
}

void invalidate_stop(struct disgrafsd *fs, pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_SECONDS;
	if (pthread_timedjoin_np(thread, NULL, &until)) {
		abort_connection(fs);
		pthread_join(thread, NULL);
	}
}
