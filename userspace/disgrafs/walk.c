// SPDX-License-Identifier: GPL-2.0
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"

/*
 * So many levels keep their descriptors at the top of the tree, and so many above where the
 * walk is. Those between are opened again by ".." on the way back. The first ones need no way
 * back, so that whoever moves his directories is in nobody else's way.
 */
#define KEPT 32

struct level {
	struct names dirs;	/* to be entered */
	size_t next;		/* of them */
	size_t len;		/* of its path */
	int64_t id;
	dev_t dev;
	ino_t ino;
	int fd;			/* or -1 */
};

struct walker {
	walk_enter_fn enter;
	walk_error_fn error;
	void *arg;
	struct level *level;	/* the root, and so on to where the walk is */
	size_t count, room;
	char *path;		/* of the last */
	size_t path_room;
};

int names_add(struct names *names, const char *name)
{
	char **grown = reallocarray(names->name, names->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	names->name = grown;
	grown[names->count] = strdup(name);
	return grown[names->count] ? (names->count++, 0) : -ENOMEM;
}

void names_clear(struct names *names)
{
	while (names->count)
		free(names->name[--names->count]);
	free(names->name);
	names->name = NULL;
}

const struct dirent *walk_next(struct walk_dir *dir)
{
	const struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir->dir);
	} while (d && (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		       (!*dir->path && index_leaves_out(d->d_name))));
	return d;
}

static struct level *last(struct walker *walk)
{
	return &walk->level[walk->count - 1];
}

/* Makes the path one that is @name longer. 0 or -ENOMEM. */
static int add_to_path(struct walker *walk, const char *name, size_t *len)
{
	size_t old = walk->count ? last(walk)->len : 0, size = old + strlen(name) + 2;
	char *grown;

	if (size > walk->path_room) {
		grown = reallocarray(walk->path, 2, size);
		if (!grown)
			return -ENOMEM;
		walk->path = grown;
		walk->path_room = 2 * size;
	}
	if (old)
		walk->path[old++] = '/';
	/* That of the root is empty. */
	strcpy(walk->path + old, walk->count ? name : "");
	*len = strlen(walk->path + old) + old;
	return 0;
}

/* Consumes @fd, also if it fails. */
static int push(struct walker *walk, int fd, const char *name)
{
	size_t room = walk->room ? 2 * walk->room : KEPT;
	struct level level = { .fd = fd }, *grown;
	struct stat st;
	int ret = fstat(fd, &st) < 0 ? -errno : add_to_path(walk, name, &level.len);

	if (ret == 0 && walk->count == walk->room) {
		grown = reallocarray(walk->level, room, sizeof(*grown));
		if (grown) {
			walk->level = grown;
			walk->room = room;
		} else {
			ret = -ENOMEM;
		}
	}
	if (ret < 0) {
		close(fd);
		return ret;
	}
	level.dev = st.st_dev;
	level.ino = st.st_ino;
	walk->level[walk->count++] = level;
	return 0;
}

static void pop(struct walker *walk)
{
	struct level *level = last(walk);

	names_clear(&level->dirs);
	if (level->fd >= 0)
		close(level->fd);
	walk->count--;
	if (walk->count)
		walk->path[last(walk)->len] = '\0';
}

/* Closes the one that is too far above. */
static void close_far(struct walker *walk)
{
	struct level *far;

	if (walk->count <= 2 * KEPT)
		return;
	far = last(walk) - KEPT;
	if (far->fd >= 0)
		close(far->fd);
	far->fd = -1;
}

static int tell(struct walker *walk, const char *name, int err)
{
	return walk->error ? walk->error(walk->path ?: "", name, err, walk->arg) : 0;
}

static DIR *open_dir(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir && copy >= 0)
		close(copy);
	return dir;
}

static int enter(struct walker *walk, int parent, const char *name)
{
	struct walk_dir at = { .name = name };
	int ret;

	at.fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at.fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return 0;
		return tell(walk, name, errno);
	}
	at.dir = open_dir(at.fd);
	if (!at.dir) {
		ret = tell(walk, name, errno);
		close(at.fd);
		return ret;
	}
	if (walk->count)
		at.parent_id = last(walk)->id;
	ret = push(walk, at.fd, name);
	if (ret == 0) {
		at.path = walk->path;
		ret = walk->enter(&at, walk->arg);
		last(walk)->dirs = at.enter;
		last(walk)->id = at.id;
		close_far(walk);
	}
	closedir(at.dir);
	return ret;
}

/* The directory above @fd, if that is still @level. False: not any more. */
static bool reopen(struct level *level, int fd)
{
	struct stat st;

	level->fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (level->fd < 0)
		return false;
	if (fstat(level->fd, &st) == 0 && st.st_dev == level->dev && st.st_ino == level->ino)
		return true;
	close(level->fd);
	level->fd = -1;
	return false;
}

/* Back to the level above, or if that is not to be found to the next that is open. */
static int leave(struct walker *walk)
{
	struct level *left = last(walk);
	int ret = 0;

	if (walk->count > 1 && left[-1].fd < 0 && !reopen(&left[-1], left->fd))
		ret = tell(walk, "..", EAGAIN);
	do {
		pop(walk);
	} while (walk->count && last(walk)->fd < 0);
	return ret;
}

int walk_tree(int root, walk_enter_fn enter_fn, walk_error_fn error, void *arg)
{
	struct walker walk = { .enter = enter_fn, .error = error, .arg = arg };
	int ret = enter(&walk, root, ".");
	struct level *level;

	while (ret == 0 && walk.count) {
		level = last(&walk);
		if (level->next < level->dirs.count)
			ret = enter(&walk, level->fd, level->dirs.name[level->next++]);
		else
			ret = leave(&walk);
	}
	while (walk.count)
		pop(&walk);
	free(walk.level);
	free(walk.path);
	return ret;
}
