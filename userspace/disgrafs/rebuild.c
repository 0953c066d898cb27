// SPDX-License-Identifier: GPL-2.0
/*
 * Making the index anew from the tree: walk it, and have the index look at
 * every file.
 */
#include "index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tags.h"

/* Files a transaction: others wait no longer than that takes. */
#define BATCH 256
#define PROGRESS_EVERY 200

struct walk {
	struct tagindex *index;
	int root, error;	/* the first thing that could not be looked at, in the index's error */
	struct index_progress at;
	size_t batched;		/* files in the transaction under way; 0: none is */
	index_progress_fn progress;
	void *arg;
	bool resume;
};

struct names {
	char **name;
	size_t count;
};

static int names_add(struct names *names, const char *name)
{
	char **grown = reallocarray(names->name, names->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	names->name = grown;
	grown[names->count] = strdup(name);
	return grown[names->count] ? (names->count++, 0) : -ENOMEM;
}

static void names_clear(struct names *names)
{
	while (names->count)
		free(names->name[--names->count]);
	free(names->name);
	names->name = NULL;
}

static int end_batch(struct walk *walk)
{
	if (!walk->batched)
		return 0;
	walk->batched = 0;
	return index_batch_end(walk->index);
}

/* It is not there, or not for us to read: not in the index either. */
static bool is_absent(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ELOOP || err == EACCES || err == EPERM;
}

/*
 * What is at @name in @dir cannot be told. That must not be taken for absence: the walk goes
 * on, but what it did not see stays in the index.
 */
static void note_error(struct walk *walk, int dir, const char *name, int err)
{
	char proc[32], path[PATH_MAX];
	ssize_t len;

	if (walk->error)
		return;
	walk->error = err;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", dir);
	len = readlink(proc, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	index_say(walk->index, "%s/%s: %s", path, name, strerror(err));
}

/* Many directories have few files: a transaction is over when it has BATCH files. */
static int record(struct walk *walk, int dir, struct names *files)
{
	struct index_name at = { .dir = dir };
	int fd, ret = 0;
	size_t i;

	if (!files->count)
		return 0;
	if (!walk->batched)
		ret = index_batch_begin(walk->index);
	if (ret < 0)
		return ret;
	walk->batched += files->count;
	for (i = 0; i < files->count && ret == 0; i++) {
		at.name = files->name[i];
		fd = openat(dir, at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && !is_absent(errno))
			note_error(walk, dir, at.name, errno);
		if (fd < 0)
			continue;
		ret = index_sync_file(walk->index, fd, &at, 1);
		close(fd);
	}
	names_clear(files);
	if (ret == 0 && walk->batched < BATCH)
		return 0;
	return end_batch(walk) ?: ret;
}

/* Counts it if it has tags. False: it cannot be told. */
static bool look(struct walk *walk, int dir, const char *name)
{
	char path[sizeof("/proc/self/fd/-2147483648/") + NAME_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	len = lgetxattr(path, TAGS_XATTR, NULL, 0);
	walk->at.tagged += len > 0;
	if (len >= 0 || errno == ENODATA || errno == EOPNOTSUPP || is_absent(errno))
		return true;
	note_error(walk, dir, name, errno);
	return false;
}

static bool is_dir(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool leaves_out(const char *name, bool is_top)
{
	return !strcmp(name, ".") || !strcmp(name, "..") || (is_top && index_leaves_out(name));
}

/* As many as walk_dir() will find, if nothing changes. */
static uint64_t count_names(int parent, const char *name, bool is_top)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	uint64_t count = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		if (leaves_out(d->d_name, is_top))
			continue;
		count++;
		if (is_dir(fd, d))
			count += count_names(fd, d->d_name, false);
	}
	closedir(dir);
	return count;
}

static void report(struct walk *walk)
{
	walk->at.passed = index_passed(walk->index);
	if (walk->progress)
		walk->progress(&walk->at, walk->arg);
}

static int walk_dir(struct walk *walk, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), ret = 0;
	bool is_top = parent == walk->root && !strcmp(name, ".");
	struct names files = { }, dirs = { };
	const struct dirent *d;
	size_t i;
	DIR *dir;

	if (fd < 0) {
		if (!is_absent(errno))
			note_error(walk, parent, name, errno);
		return 0;
	}
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (ret == 0 && (errno = 0, d = readdir(dir))) {
		if (leaves_out(d->d_name, is_top))
			continue;
		if (++walk->at.files % PROGRESS_EVERY == 0)
			report(walk);
		if (!look(walk, fd, d->d_name))
			continue;
		ret = names_add(&files, d->d_name);
		if (ret == 0 && is_dir(fd, d))
			ret = names_add(&dirs, d->d_name);
		if (ret == 0 && files.count == BATCH)
			ret = record(walk, fd, &files);
	}
	if (ret == 0 && errno)
		note_error(walk, parent, name, errno);
	if (ret == 0)
		ret = record(walk, fd, &files);
	for (i = 0; i < dirs.count && ret == 0; i++)
		ret = walk_dir(walk, fd, dirs.name[i]);
	names_clear(&files);
	names_clear(&dirs);
	closedir(dir);
	return ret;
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
		ret = walk_dir(&walk, walk.root, ".");
	ret = end_batch(&walk) ?: ret;
	if (ret == 0)
		ret = walk.error ? index_generation_give_up(walk.index) :
				   index_generation_end(walk.index, generation);
	if (ret == 0)
		ret = -walk.error;
	report(&walk);
	*damaged = ret == -EUCLEAN && !index_tree(walk.index);
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
					  .at.total = count ? count_names(root, ".", true) : 0,
					  .resume = true });
}
