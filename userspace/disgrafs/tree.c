// SPDX-License-Identifier: GPL-2.0
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "graphname.h"

/* Answered by disgrafsd on .graph and on the root of its mount: the path of LOWER. */
#define LOWER_XATTR "user.disgrafs.lower"
#define GRAPH_TAGS ".graph/tags"
#define GRAPH_FIND ".graph/find/"

static void proc_path(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* The path of @fd, to be freed. NULL: too long, or gone. */
static char *fd_name(int fd)
{
	char proc[32], path[PATH_MAX];
	ssize_t len;

	proc_path(proc, fd);
	len = readlink(proc, path, sizeof(path) - 1);
	return len < 0 ? NULL : strndup(path, len);
}

/*
 * The lower directory of the mount whose root @fd is, to be freed, or NULL. Asked of
 * .graph, the question reaches the daemon, which brings the index up to date then: a
 * policy caches the root's attributes, but not what is virtual. Who may not see .graph
 * has no use for the index either.
 */
static char *lower_of(int fd)
{
	char proc[32], graph[48], lower[PATH_MAX];
	struct statfs sf;
	ssize_t len;

	if (fstatfs(fd, &sf) < 0 || (unsigned int)sf.f_type != FUSE_SUPER_MAGIC)
		return NULL;
	proc_path(proc, fd);
	snprintf(graph, sizeof(graph), "%s/" GRAPH_DIR, proc);
	len = getxattr(graph, LOWER_XATTR, lower, sizeof(lower) - 1);
	if (len < 0)
		len = getxattr(proc, LOWER_XATTR, lower, sizeof(lower) - 1);
	return len < 0 ? NULL : strndup(lower, len);
}

/* Opens @path, unless what is there is the mount @root itself, over its LOWER. */
static int open_lower(const char *path, int root)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st, mount;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && fstat(root, &mount) == 0 && st.st_dev != mount.st_dev)
		return fd;
	close(fd);
	return -1;
}

static bool is_root(struct tree *tree, int fd)
{
	char *lower = lower_of(fd);
	struct stat st;

	if (lower) {
		tree->mounted = true;
		tree->lower = open_lower(lower, fd);
		free(lower);
		return true;
	}
	if (fstatat(fd, INDEX_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return false;
	tree->lower = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return true;
}

/* The directory @path, or the one that the file @path is in. */
static int open_start(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC), dir;
	struct stat st;
	char *name, *slash;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)))
		return fd;
	/* Behind symbolic links if possible. */
	name = fd_name(fd) ?: strdup(path);
	close(fd);
	if (!name)
		return -1;
	slash = strrchr(name, '/');
	if (slash)
		slash[slash == name] = '\0';
	dir = open(slash ? name : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(name);
	return dir;
}

static void tree_init(struct tree *tree)
{
	*tree = (struct tree){ .root = -1, .lower = -1 };
}

int tree_find(struct tree *tree, const char *path)
{
	struct stat st, up;
	int fd, parent;

	tree_init(tree);
	fd = open_start(path);
	if (fd < 0)
		return -errno;
	while (!is_root(tree, fd)) {
		parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0 || fstat(fd, &st) < 0 || fstat(parent, &up) < 0 ||
		    (st.st_dev == up.st_dev && st.st_ino == up.st_ino)) {
			if (parent >= 0)
				close(parent);
			close(fd);
			return -ENOENT;
		}
		close(fd);
		fd = parent;
	}
	tree->root = fd;
	tree->path = fd_name(fd) ?: strdup(path);
	return tree->path ? 0 : -ENOMEM;
}

int tree_new(struct tree *tree, const char *path)
{
	tree_init(tree);
	tree->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree->root < 0)
		return -errno;
	tree->lower = fcntl(tree->root, F_DUPFD_CLOEXEC, 0);
	tree->path = fd_name(tree->root) ?: strdup(path);
	return tree->path && tree->lower >= 0 ? 0 : -ENOMEM;
}

void tree_close(struct tree *tree)
{
	free(tree->path);
	if (tree->root >= 0)
		close(tree->root);
	if (tree->lower >= 0)
		close(tree->lower);
	tree_init(tree);
}

/* ---- through .graph ---- */

/* The directory of what an expression finds. */
static int open_found(const struct tree *tree, const char *expression)
{
	char path[sizeof(GRAPH_FIND) + GRAPH_NAME_MAX] = GRAPH_FIND;
	int ret = graphname_escape(path + strlen(GRAPH_FIND), expression);

	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return openat(tree->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Calls @fn with the path of every link in @fd. Consumes @fd. */
static int each_link(int fd, index_path_fn fn, void *arg)
{
	DIR *dir = fdopendir(fd);
	char target[PATH_MAX];
	const char *path;
	struct dirent *d;
	struct stat st;
	ssize_t len;
	int ret = 0;

	if (!dir) {
		close(fd);
		return -errno;
	}
	while (!ret && (d = readdir(dir))) {
		len = readlinkat(fd, d->d_name, target, sizeof(target) - 1);
		if (len < 0)
			continue;	/* a directory */
		target[len] = '\0';
		for (path = target; !strncmp(path, "../", 3); path += 3)
			;
		if (fstatat(fd, d->d_name, &st, 0) < 0)
			st.st_ino = 0;
		ret = fn(st.st_ino, path, arg);
	}
	closedir(dir);
	return ret;
}

static int count_link(uint64_t ino, const char *path, void *arg)
{
	(void)ino;
	(void)path;
	++*(uint64_t *)arg;
	return 0;
}

static int graph_tags(struct tree *tree, const char *prefix, index_tag_fn fn, void *arg)
{
	int fd = openat(tree->root, GRAPH_TAGS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	char tag[NAME_MAX + 1];
	struct dirent *d;
	uint64_t files;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while (!ret && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    graphname_decode(tag, d->d_name) < 0 || strncmp(tag, prefix, strlen(prefix)))
			continue;
		fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		files = 0;
		ret = each_link(fd, count_link, &files);
		if (!ret)
			ret = fn(tag, files, arg);
	}
	closedir(dir);
	return ret;
}

/* ---- asking ---- */

const char *tree_sentence(int err)
{
	return err == -EUCLEAN ? "the index is damaged; 'disgrafs reindex' makes a new one" :
				 strerror(-err);
}

/* The index, or NULL with the sentence; ENOENT means to ask .graph. */
static struct tagindex *open_index(const struct tree *tree, const char **error)
{
	struct tagindex *index;

	if (tree->lower < 0) {
		errno = ENOENT;
		return NULL;
	}
	index = index_open(tree->lower, INDEX_READ);
	if (index) {
		if (index_state(index) & INDEX_STALE)
			fprintf(stderr, "disgrafs: %s: the index may be out of date; %s\n", tree->path,
				tree->mounted ? "it is being rebuilt" : "see 'disgrafs reindex'");
		return index;
	}
	*error = index_error(NULL);
	if (tree->mounted)
		errno = ENOENT;
	return NULL;
}

int tree_tags(struct tree *tree, const char *prefix, index_tag_fn fn, void *arg, const char **error)
{
	struct tagindex *index = open_index(tree, error);
	int ret;

	if (!index) {
		ret = errno == ENOENT && tree->mounted ? graph_tags(tree, prefix, fn, arg) : -errno;
		if (ret < 0 && tree->mounted)
			*error = strerror(-ret);
		return ret;
	}
	ret = index_tags(index, prefix, fn, arg);
	if (ret < 0)
		*error = tree_sentence(ret);
	index_close(index);
	return ret;
}

int tree_search(struct tree *tree, const char *expression, index_path_fn fn, void *arg,
		const char **error)
{
	struct tagindex *index = open_index(tree, error);
	struct expr_error expr_error;
	int ret, fd;

	if (!index) {
		if (errno != ENOENT || !tree->mounted)
			return -errno;
		fd = open_found(tree, expression);
		ret = fd >= 0 ? each_link(fd, fn, arg) : -errno;
		if (ret < 0)
			*error = strerror(-ret);
		return ret;
	}
	ret = index_search(index, expression, &expr_error, fn, arg);
	if (ret < 0)
		*error = tree_sentence(ret);
	index_close(index);
	return ret;
}

char *tree_below(const struct tree *tree, const char *path)
{
	size_t len = strcmp(tree->path, "/") ? strlen(tree->path) : 0;
	int fd = open(path, O_PATH | O_CLOEXEC);
	char *name, *below = NULL;

	if (fd < 0)
		return NULL;
	name = fd_name(fd);
	close(fd);
	errno = name ? EXDEV : ENAMETOOLONG;
	if (name && !strncmp(name, tree->path, len) && (!name[len] || name[len] == '/'))
		below = strdup(name[len] && name[len + 1] ? name + len + 1 : ".");
	free(name);
	return below;
}

int tree_links(struct tree *tree, const char *below, index_link_fn fn, void *arg,
	       const char **error)
{
	struct tagindex *index = open_index(tree, error);
	int ret;

	if (!index) {
		if (errno == ENOENT)
			*error = "the index cannot be read";
		return -EACCES;
	}
	ret = index_links(index, below, fn, arg);
	if (ret < 0)
		*error = tree_sentence(ret);
	index_close(index);
	return ret;
}

struct tagindex *tree_index(const struct tree *tree, unsigned int flags, const char **error)
{
	struct tagindex *index;

	*error = "the lower directory of this mount cannot be reached from here";
	if (tree->lower < 0)
		return NULL;
	index = index_open(tree->lower, flags);
	*error = index_error(NULL);
	return index;
}

int tree_lock(const char *path)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct tree tree;
	char *below;
	int fd = -1;

	if (tree_find(&tree, path) == 0) {
		/* A mount keeps locks to itself. */
		below = tree.mounted && tree.lower >= 0 ? tree_below(&tree, path) : NULL;
		if (below)
			fd = openat(tree.lower, below, flags | O_NOFOLLOW);
		free(below);
		tree_close(&tree);
	}
	if (fd < 0)
		fd = open(path, flags);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

const char *tree_locked(int lock, const char *path, char proc[32])
{
	if (lock < 0)
		return path;
	proc_path(proc, lock);
	return proc;
}

int tree_record(const char *path, const char **error)
{
	struct index_name at = { .dir = -1 };
	struct tagindex *index;
	char *name = NULL;
	struct tree tree;
	int fd, ret;

	ret = tree_find(&tree, path);
	if (ret == -ENOENT)
		return 0;	/* a tag needs no index */
	if (ret < 0) {
		*error = strerror(-ret);
		return ret;
	}
	if (tree.mounted) {
		tree_close(&tree);
		return 0;
	}
	index = index_open(tree.lower, INDEX_WRITE);
	tree_close(&tree);
	if (!index) {
		*error = index_error(NULL);
		return -errno;
	}
	ret = -ENOENT;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		name = fd_name(fd) ?: strdup(path);
		at.dir = open_start(path);
		at.name = name && strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
		ret = at.name ? index_sync_file(index, fd, &at, 1) : -ENOMEM;
		close(fd);
	}
	if (ret < 0)
		*error = strerror(-ret);
	if (at.dir >= 0)
		close(at.dir);
	free(name);
	index_close(index);
	return ret;
}
