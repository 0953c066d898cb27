// SPDX-License-Identifier: GPL-2.0
/*
 * Making the index anew from the tree: walk it, and have the index look at
 * every file.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tags.h"
#include "walk.h"

/* Files a transaction: others wait no longer than that takes. */
#define BATCH 256
#define PROGRESS_EVERY 200

struct walk {
	struct tagindex *index;
	int root;
	int error;		/* of the first thing that could not be looked at */
	char sentence[INDEX_ERROR_MAX];
	struct index_progress at;
	size_t batched;		/* files in the transaction under way; 0: none is */
	index_progress_fn progress;
	void *arg;
	bool resume;
};

static int end_batch(struct walk *walk)
{
	if (!walk->batched)
		return 0;
	walk->batched = 0;
	return index_batch_end(walk->index);
}

/* What a sentence shows of the root's path and of one below it, at most: the beginning. */
#define SHOWN 320

/*
 * What is at @name (NULL: itself) in the directory at @path cannot be told. That must not be
 * taken for absence: the walk goes on, but what it did not see stays in the index.
 */
static void note_error(struct walk *walk, const char *path, const char *name, int err)
{
	const char *more = strlen(path) > SHOWN ? "..." : "";
	char proc[32], top[SHOWN];
	ssize_t len;

	if (walk->error)
		return;
	walk->error = err;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", walk->root);
	len = readlink(proc, top, sizeof(top) - 1);
	top[len < 0 ? 0 : len] = '\0';
	snprintf(walk->sentence, sizeof(walk->sentence), "%s%s%.*s%s%s%s: %s",
		 top, *path ? "/" : "", SHOWN, path, more, name ? "/" : "", name ?: "",
		 strerror(err));
}

/* Errors that are the file's own are no reason to end the walk, as are those of the database. */
static int sync_file(struct walk *walk, const struct walk_dir *dir, const char *name)
{
	struct index_name at = { .dir = dir->fd, .name = name };
	unsigned int failures = walk->index->db->failures;
	int fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret = -errno;

	if (fd >= 0) {
		ret = index_sync_file(walk->index, fd, &at, 1);
		close(fd);
	}
	if (ret == 0 || walk->index->db->failures != failures)
		return ret;
	if (!is_absent(-ret))
		note_error(walk, dir->path, name, -ret);
	return 0;
}

/* Many directories have few files: a transaction is over when it has BATCH files. */
static int record(struct walk *walk, const struct walk_dir *dir, struct names *files)
{
	int ret = 0;
	size_t i;

	if (!files->count)
		return 0;
	if (!walk->batched)
		ret = index_batch_begin(walk->index);
	if (ret < 0)
		return ret;
	walk->batched += files->count;
	for (i = 0; i < files->count && ret == 0; i++)
		ret = sync_file(walk, dir, files->name[i]);
	names_clear(files);
	if (ret == 0 && walk->batched < BATCH)
		return 0;
	return end_batch(walk) ?: ret;
}

/* Counts it if it has tags. False: it cannot be told. */
static bool look(struct walk *walk, const struct walk_dir *dir, const char *name)
{
	char path[sizeof("/proc/self/fd/-2147483648/") + NAME_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir->fd, name);
	len = lgetxattr(path, TAGS_XATTR, NULL, 0);
	walk->at.tagged += len > 0;
	if (len >= 0 || errno == ENODATA || errno == EOPNOTSUPP || is_absent(errno))
		return true;
	note_error(walk, dir->path, name, errno);
	return false;
}

static bool is_dir(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* As many as look_into() will find, if nothing changes. */
static int count_names(struct walk_dir *dir, void *arg)
{
	uint64_t *count = arg;
	const struct dirent *d;
	int ret = 0;

	while (ret == 0 && (d = walk_next(dir))) {
		++*count;
		if (is_dir(dir->fd, d))
			ret = names_add(&dir->enter, d->d_name);
	}
	return ret;
}

static uint64_t count_tree(int root)
{
	uint64_t count = 0;

	walk_tree(root, count_names, NULL, &count);
	return count;
}

static void report(struct walk *walk)
{
	walk->at.passed = index_passed(walk->index);
	if (walk->progress)
		walk->progress(&walk->at, walk->arg);
}

static int look_into(struct walk_dir *dir, void *arg)
{
	struct walk *walk = arg;
	struct names files = { };
	const struct dirent *d;
	int ret = 0;

	while (ret == 0 && (d = walk_next(dir))) {
		if (++walk->at.files % PROGRESS_EVERY == 0)
			report(walk);
		if (!look(walk, dir, d->d_name))
			continue;
		ret = names_add(&files, d->d_name);
		if (ret == 0 && is_dir(dir->fd, d))
			ret = names_add(&dir->enter, d->d_name);
		if (ret == 0 && files.count == BATCH)
			ret = record(walk, dir, &files);
	}
	if (ret == 0 && errno)
		note_error(walk, dir->path, NULL, errno);
	if (ret == 0)
		ret = record(walk, dir, &files);
	names_clear(&files);
	return ret;
}

static int no_entry(const char *path, const char *name, int err, void *arg)
{
	if (!is_absent(err))
		note_error(arg, path, name, err);
	return 0;
}

/* @damaged: an index that says so of itself is of one machine and can be thrown away. */
static int rebuild(struct walk walk, unsigned int flags, bool *damaged)
{
	int64_t generation;
	int ret;

	walk.index = index_open(walk.root, INDEX_WRITE | INDEX_CREATE | INDEX_PATIENT | flags);
	if (!walk.index)
		return -errno;
	ret = index_verify(walk.index);
	if (ret == 0)
		ret = index_generation_begin(walk.index, walk.resume, &generation);
	if (ret == 0)
		ret = index_sync_file(walk.index, walk.root, NULL, 0);
	if (ret == 0)
		ret = walk_tree(walk.root, look_into, no_entry, &walk);
	ret = end_batch(&walk) ?: ret;
	if (ret == 0)
		ret = walk.error ? index_generation_give_up(walk.index) :
				   index_generation_end(walk.index, generation);
	*damaged = ret == -EUCLEAN && !index_tree(walk.index);
	if (ret == 0 && walk.error) {
		index_say(walk.index, "%s", walk.sentence);
		ret = -walk.error;
	}
	report(&walk);
	index_close_failed(walk.index);
	return ret;
}

static int rebuild_any(struct walk walk)
{
	bool damaged = false;
	int ret = rebuild(walk, 0, &damaged);

	return damaged ? rebuild(walk, INDEX_RESET, &damaged) : ret;
}

int index_rebuild(int root, index_progress_fn progress, void *arg)
{
	return rebuild_any((struct walk){ .root = root, .progress = progress, .arg = arg });
}

int index_rebuild_resume(int root, bool count, index_progress_fn progress, void *arg)
{
	return rebuild_any((struct walk){ .root = root, .progress = progress, .arg = arg,
					  .at.total = count ? count_tree(root) : 0,
					  .resume = true });
}
