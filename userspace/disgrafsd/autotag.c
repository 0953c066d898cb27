// SPDX-License-Identifier: GPL-2.0
#include "autotag.h"

#include <sys/file.h>
#include <time.h>

#include "autotags.h"
#include "invalidate.h"
#include "peers.h"

/* Commands lock a file for a moment; others may have it locked for long. */
#define LOCK_TRIES 10
#define LOCK_MS 20

bool lock_tags(int fd)
{
	const struct timespec delay = { .tv_nsec = LOCK_MS * 1000000 };
	int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&delay, NULL);
	}
	return false;
}

/* 1: they changed, 0 or -errno. */
static int update(int fd, const struct tags *found, struct tags *automatic)
{
	struct fd_path path = fd_path(fd);
	struct tags own = { };
	int ret;

	ret = tags_read_xattr(automatic, path.path, AUTO_XATTR);
	if (ret == 0)
		ret = tags_read(&own, path.path);
	if (ret == 0)
		ret = auto_merge(automatic, &own, found);
	if (ret > 0)
		ret = tags_write_xattr(automatic, path.path, AUTO_XATTR) ?: 1;
	tags_free(&own);
	return ret;
}

/*
 * Changes neither data nor mtime, by which it is told what to look into, so that this is
 * no reason to look again; nor is it one for whoever watches LOWER for us, because it is
 * this process that does it.
 */
void autotag(struct disgrafsd *fs, struct tagindex *index, const struct index_job *job)
{
	struct tags found, automatic = { };
	bool locked;
	int ret;

	if (index_suggest_tags(index, job, &found) != 0) {
		tags_free(&found);
		return;
	}
	locked = lock_tags(job->fd);
	ret = update(job->fd, &found, &automatic);
	if (locked)
		flock(job->fd, LOCK_UN);
	if (ret > 0) {
		/* The kernel did not see that. */
		invalidate_file(fs, &job->st, false);
		index_set_auto(index, job, &automatic);
		peers_file(fs, &job->st, false);
	}
	tags_free(&automatic);
	tags_free(&found);
}
