// SPDX-License-Identifier: GPL-2.0
/*
 * Changing tags through .graph/tags:
 *
 *	mkdir x			makes the tag x, which stays though no file has it
 *	rmdir x			is the end of it
 *	ln -s FILE a/b/		gives FILE the tags a and b
 *	rm a/LINK, a/b/LINK	takes the tag a from the file
 *	rmdir a/b		changes nothing, but fails if there are files
 *	mv a/LINK b/		takes a, gives b
 *
 * rm(1) with -r, and whatever else walks, goes from a/ into a/b/, a/c/, ..., as if
 * they were a's alone. So what is removed there goes from a, and b and c stay.
 *
 * The files themselves are never touched but for their tags. A tag is written
 * with the rights of the caller, who needs to be able to write to the file.
 */
#include "graph.h"

#include <linux/limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotag.h"
#include "beneath.h"
#include "graphname.h"
#include "index.h"
#include "peers.h"
#include "tagging.h"
#include "vnode.h"

/* ---- files by path ---- */

static int open_file(struct disgrafsd *fs, const char *path, int flags)
{
	return open_beneath(fs->nodes.root->fd, path, flags, RESOLVE_NO_MAGICLINKS);
}

static bool begins_with_dir(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

static bool is_file(struct disgrafsd *fs, const char *path)
{
	int fd;

	if (!*path || begins_with_dir(path, INDEX_DIR_NAME) || begins_with_dir(path, GRAPH_NAME))
		return false;
	fd = open_file(fs, path, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * @path from the directory @base (below the root, "" is the root), with "." and
 * ".." taken out. NULL: it leaves the root. "." for the root.
 */
static char *join(const char *base, const char *path)
{
	char *out = malloc(strlen(base) + strlen(path) + 3), *end, *slash;
	const char *next;
	size_t len;

	if (!out)
		return NULL;
	strcpy(out, base);
	end = out + strlen(out);
	for (; *path; path = next) {
		len = strcspn(path, "/");
		next = path + len + (path[len] == '/');
		if (!len || (len == 1 && *path == '.'))
			continue;
		if (len == 2 && !strncmp(path, "..", 2)) {
			if (end == out) {
				free(out);
				return NULL;
			}
			*end = '\0';
			slash = strrchr(out, '/');
			end = slash ? slash : out;
			*end = '\0';
			continue;
		}
		if (end != out)
			*end++ = '/';
		end = mempcpy(end, path, len);
		*end = '\0';
	}
	if (end == out)
		strcpy(out, ".");
	return out;
}

/* The rest of the absolute @path if it is @dir or below it. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") ? strlen(dir) : 0;

	if (strncmp(path, dir, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + strspn(path + len, "/");
}

/* ---- what a link that is being made leads to ---- */

/* The path of the virtual directory @dir, below the root of the mount. */
static char *vnode_path(struct graph *graph, const struct vnode *dir)
{
	char *path = strdup(""), *longer;
	const char *name;

	while (path && dir) {
		name = dir->id < FIRST_ID ? graph_fixed_name(dir->kind) : dir->name;
		if (asprintf(&longer, "%s%s%s", name, *path ? "/" : "", path) < 0)
			longer = NULL;
		free(path);
		path = longer;
		dir = dir->kind == GRAPH_ROOT ? NULL : vnode_find(graph, dir->parent);
	}
	return path;
}

/* The path of the file that the link at @path, below .graph, leads to, or NULL. */
static char *follow_virtual(struct graph *graph, struct vnode *dir, const char *path)
{
	size_t len = strcspn(path, "/");
	char *name = strndup(path, len), *found = NULL;
	struct vnode *node = name ? graph_child(graph, dir, name) : NULL;

	free(name);
	if (!node)
		return NULL;
	if (node->kind != GRAPH_LINK && path[len])
		found = follow_virtual(graph, node, path + len + 1);
	else if (node->kind == GRAPH_LINK && !path[len])
		found = strdup(graph_link_path(node));
	vnode_put(graph, node);
	return found;
}

/* @path if it leads to a file of the tree, directly or through .graph, else NULL. Consumes it. */
static char *checked(struct graph *graph, char *path)
{
	char *found = NULL;

	if (!path)
		return NULL;
	if (!strncmp(path, GRAPH_NAME "/", sizeof(GRAPH_NAME)))
		found = follow_virtual(graph, &graph->fixed[GRAPH_ROOT], path + sizeof(GRAPH_NAME));
	else if (is_file(graph->fs, path))
		return path;
	free(path);
	return found;
}

/* Where the caller is, below the root of the mount, or NULL. */
static char *caller_dir(struct graph *graph, fuse_req_t req)
{
	char proc[32], path[PATH_MAX];
	const char *rest;
	ssize_t len;

	snprintf(proc, sizeof(proc), "/proc/%d/cwd", (int)fuse_req_ctx(req)->pid);
	len = readlink(proc, path, sizeof(path) - 1);
	if (len <= 0)
		return NULL;
	path[len] = '\0';
	rest = below(path, graph->fs->opt.mountpoint);
	return rest ? strdup(rest) : NULL;
}

/*
 * The file, as a path below the root, that a link with this text is to be made
 * to in @dir. What it says as a link comes first. But `ln -s file .graph/tags/x`
 * means the file here, and a link that was copied from another depth the file
 * that it showed there.
 */
static char *find_target(struct graph *graph, fuse_req_t req, const struct vnode *dir,
			 const char *text)
{
	const struct options *opt = &graph->fs->opt;
	char *base, *path = NULL;
	const char *rest;

	if (*text == '/') {
		rest = below(text, opt->mountpoint) ?: below(text, opt->lower);
		return rest ? checked(graph, join("", rest)) : NULL;
	}
	base = vnode_path(graph, dir);
	if (base)
		path = checked(graph, join(base, text));
	free(base);
	if (path)
		return path;
	base = caller_dir(graph, req);
	if (base)
		path = checked(graph, join(base, text));
	free(base);
	if (path)
		return path;
	while (!strncmp(text, "../", 3))
		text += 3;
	return checked(graph, join("", text));
}

/* ---- changing a file's tags ---- */

struct retag {
	const char *const *add, *const *remove;
	size_t nr_add, nr_remove;
};

static bool has_tag(const char *const *tags, size_t count, const char *tag)
{
	while (count--) {
		if (!strcmp(tags[count], tag))
			return true;
	}
	return false;
}

static int write_tags(struct graph *graph, int fd, const struct retag *change)
{
	struct fd_path path = fd_path(fd);
	struct tags tags;
	size_t i;
	int ret, lock;

	pthread_mutex_lock(&graph->tag_lock);
	/* Commands and other servers lock the file. */
	lock = open(path.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (lock >= 0)
		lock_tags(lock);
	ret = tags_read(&tags, path.path);
	for (i = 0; i < change->nr_remove && ret == 0; i++) {
		if (!has_tag(change->add, change->nr_add, change->remove[i]))
			tags_remove(&tags, change->remove[i], strlen(change->remove[i]));
	}
	for (i = 0; i < change->nr_add && ret == 0; i++)
		ret = tags_add(&tags, change->add[i], strlen(change->add[i]));
	if (ret == 0)
		ret = tags_write(&tags, path.path);
	tags_free(&tags);
	if (lock >= 0)
		close(lock);
	pthread_mutex_unlock(&graph->tag_lock);
	return ret;
}

/* The kernel did not see that the file changed. */
static void invalidate(struct disgrafsd *fs, const struct stat *st)
{
	struct node *node = node_find(&fs->nodes, st);

	if (!node)
		return;
	fuse_lowlevel_notify_inval_inode(fs->se, node->id, -1, 0);
	node_put(&fs->nodes, node);
}

/*
 * @path: below the root; @ino: what it must be, or 0. With graph->lock not held:
 * the kernel may ask for something else before it takes the notification.
 */
static int retag(struct graph *graph, fuse_req_t req, const char *path, uint64_t ino,
		 const struct retag *change)
{
	struct disgrafsd *fs = graph->fs;
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash - path) : strdup(".");
	int fd = open_file(fs, path, ino ? O_NOFOLLOW : 0), dir_fd, ret = 0;
	struct stat st;

	dir_fd = dir ? open_file(fs, dir, O_DIRECTORY) : -1;
	free(dir);
	if (fd < 0 || dir_fd < 0 || fstat(fd, &st) < 0)
		ret = -errno;
	else if (ino && st.st_ino != ino)
		ret = -ESTALE;
	else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		ret = -EPERM;		/* as setxattr() has it */
	else if (!creds_may_write(req, fd, &st))
		ret = -EACCES;
	else
		ret = write_tags(graph, fd, change);
	if (ret == 0) {
		invalidate(fs, &st);
		tagging_path_changed(fs, fd, dir_fd, slash ? slash + 1 : path);
		peers_file(fs, &st, false);
	}
	if (fd >= 0)
		close(fd);
	if (dir_fd >= 0)
		close(dir_fd);
	return ret;
}

/* ---- operations ---- */

/* A directory that tags can be made in, with graph->lock held, or NULL with errno. */
static struct vnode *tag_dir(struct graph *graph, fuse_ino_t ino)
{
	struct vnode *dir = vnode_find(graph, ino);

	errno = !dir ? ESTALE : !graph->index ? EROFS : EPERM;
	return dir && graph->index && (dir->kind == GRAPH_TAGS || dir->kind == GRAPH_TAG) ? dir
											  : NULL;
}

/*
 * The tags in whose directories the last link was stay, as directories do, so that
 * whoever emptied one can remove it.
 */
static void keep_tags(struct graph *graph, char **tags)
{
	bool gone;

	for (; *tags; tags++) {
		pthread_mutex_lock(&graph->lock);
		gone = index_tag_exists(graph->index, *tags) == 0;
		pthread_mutex_unlock(&graph->lock);
		if (gone)
			index_tag_keep(graph->fs->index, *tags);
	}
}

/* The link @name in @dir, for vnode_put(), or NULL with errno. */
static struct vnode *find_link(struct graph *graph, struct vnode *dir, const char *name)
{
	struct vnode *node = graph_child(graph, dir, name);

	if (!node || node->kind == GRAPH_LINK)
		return node;
	vnode_put(graph, node);
	errno = EISDIR;
	return NULL;
}

void graph_mkdir(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	char tag[GRAPH_NAME_MAX + 1];
	struct entry entry = { .name = (char *)name, .kind = GRAPH_TAG, .arg = tag };
	int ret = graphname_decode(tag, name);
	struct vnode *dir, *node = NULL;

	pthread_mutex_lock(&graph->lock);
	dir = tag_dir(graph, parent);
	if (!dir)
		ret = -errno;
	else if (ret == -ENOENT || (ret == 0 && tag_problem(tag)))
		ret = -EINVAL;
	else if (ret == 0)
		ret = index_tag_keep(graph->fs->index, tag);
	if (ret == 0) {
		node = vnode_get(graph, dir, &entry);
		ret = node ? 0 : -ENOMEM;
	}
	if (node)
		graph_reply_entry(graph, req, node);
	else
		fuse_reply_err(req, -ret);
	pthread_mutex_unlock(&graph->lock);
}

/* Whether the directory @node may go, with graph->lock held. 0 or -errno. */
static int may_remove(struct graph *graph, struct vnode *node)
{
	const struct listing *listing;

	if (node->kind != GRAPH_TAG)
		return -ENOTDIR;
	listing = graph_listing(graph, node);
	if (!listing)
		return -errno;
	return listing->links ? -ENOTEMPTY : 0;
}

void graph_rmdir(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct vnode *dir, *node = NULL;
	int ret;

	pthread_mutex_lock(&graph->lock);
	dir = tag_dir(graph, parent);
	if (dir)
		node = graph_child(graph, dir, name);
	ret = node ? may_remove(graph, node) : -errno;
	if (ret == 0 && dir->kind == GRAPH_TAGS)
		ret = index_tag_drop(graph->fs->index, node->arg);
	if (ret == 0)
		node->removed = true;
	if (node)
		vnode_put(graph, node);
	pthread_mutex_unlock(&graph->lock);
	fuse_reply_err(req, -ret);
}

static struct retag change(char **add, char **remove)
{
	struct retag change = { (const char *const *)add, (const char *const *)remove, 0, 0 };

	while (add && add[change.nr_add])
		change.nr_add++;
	while (remove && remove[change.nr_remove])
		change.nr_remove++;
	return change;
}

/* The kernel wants to see what it asked for, whatever the directory says from now on. */
static void reply_link(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name,
		       const char *path)
{
	struct entry entry = { .name = (char *)name, .kind = GRAPH_LINK };
	struct vnode *dir, *node = NULL;

	pthread_mutex_lock(&graph->lock);
	dir = vnode_find(graph, parent);
	entry.arg = dir ? graph_target(dir->depth, path) : NULL;
	if (entry.arg)
		node = vnode_get(graph, dir, &entry);
	if (node)
		graph_reply_entry(graph, req, node);
	else
		fuse_reply_err(req, ENOMEM);
	pthread_mutex_unlock(&graph->lock);
	free(entry.arg);
}

void graph_symlink(struct graph *graph, fuse_req_t req, const char *target, fuse_ino_t parent,
		   const char *name)
{
	char **add = NULL, *path = NULL;
	struct retag retagging;
	struct vnode *dir;
	int ret;

	pthread_mutex_lock(&graph->lock);
	dir = tag_dir(graph, parent);
	ret = dir ? 0 : -errno;
	if (dir && dir->kind == GRAPH_TAGS)
		ret = -EPERM;
	if (ret == 0) {
		add = copy_tags(dir, NULL);
		path = find_target(graph, req, dir, target);
		ret = !add ? -ENOMEM : path ? 0 : -ENOENT;
	}
	pthread_mutex_unlock(&graph->lock);
	if (ret == 0) {
		retagging = change(add, NULL);
		ret = retag(graph, req, path, 0, &retagging);
	}
	if (ret == 0)
		reply_link(graph, req, parent, name, path);
	else
		fuse_reply_err(req, -ret);
	free_tags(add);
	free(path);
}

void graph_unlink(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct vnode *dir, *node = NULL;
	char *remove[2] = { }, *path = NULL;
	struct retag retagging;
	uint64_t ino = 0;
	int ret;

	pthread_mutex_lock(&graph->lock);
	dir = tag_dir(graph, parent);
	if (dir)
		node = find_link(graph, dir, name);
	ret = node ? 0 : -errno;
	if (node) {
		remove[0] = strdup(dir->tags[0]);
		path = strdup(graph_link_path(node));
		ino = node->ino;
		vnode_put(graph, node);
		ret = remove[0] && path ? 0 : -ENOMEM;
	}
	pthread_mutex_unlock(&graph->lock);
	if (ret == 0) {
		retagging = change(NULL, remove);
		ret = retag(graph, req, path, ino, &retagging);
	}
	if (ret == 0)
		keep_tags(graph, remove);
	fuse_reply_err(req, -ret);
	free(remove[0]);
	free(path);
}

/* Both in tag directories, under graph->lock: what moving the link means. 1: nothing to do. */
static int plan_move(struct graph *graph, struct vnode *dir, const char *name,
		     struct vnode *new_dir, const char *new_name, struct vnode **link)
{
	struct vnode *there;
	int ret = 0;

	*link = find_link(graph, dir, name);
	if (!*link)
		return errno == EISDIR ? -EPERM : -errno;
	if (new_dir->kind == GRAPH_TAGS)
		return -EPERM;
	/* A link is called what its file is called. */
	if (dir == new_dir)
		return strcmp(name, new_name) ? -EPERM : 1;
	there = graph_child(graph, new_dir, new_name);
	if (!there)
		return errno == ENOENT ? 0 : -errno;
	if (there->kind != GRAPH_LINK || there->ino != (*link)->ino)
		ret = -EEXIST;
	vnode_put(graph, there);
	return ret;
}

void graph_rename(struct graph *graph, fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	char **add = NULL, **remove = NULL, *path = NULL;
	struct vnode *dir, *new_dir = NULL, *link = NULL;
	struct retag retagging;
	uint64_t ino = 0;
	int ret;

	pthread_mutex_lock(&graph->lock);
	dir = tag_dir(graph, parent);
	if (dir)
		new_dir = tag_dir(graph, new_parent);
	ret = new_dir ? 0 : -errno;
	if (ret == 0 && flags & ~RENAME_NOREPLACE)
		ret = -EINVAL;
	if (ret == 0)
		ret = plan_move(graph, dir, name, new_dir, new_name, &link);
	if (ret == 0) {
		add = copy_tags(new_dir, NULL);
		remove = copy_tags(dir, NULL);
		path = strdup(graph_link_path(link));
		ino = link->ino;
		ret = add && remove && path ? 0 : -ENOMEM;
	}
	if (link)
		vnode_put(graph, link);
	pthread_mutex_unlock(&graph->lock);
	if (ret == 0) {
		retagging = change(add, remove);
		ret = retag(graph, req, path, ino, &retagging);
		if (ret == 0)
			keep_tags(graph, remove);
	}
	fuse_reply_err(req, ret > 0 ? 0 : -ret);
	free_tags(add);
	free_tags(remove);
	free(path);
}
