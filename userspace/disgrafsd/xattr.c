// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes, straight from the lower file. The path goes through
 * /proc, because the calls for descriptors do not take O_PATH ones; it ends at
 * the node itself, symlink or not.
 */
#include "disgrafsd.h"

#include <inttypes.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "autotags.h"
#include "links.h"
#include "peers.h"
#include "prefetch.h"
#include "tagging.h"
#include "vnode.h"

#define ACL_XATTR "system.posix_acl_access"

/*
 * An ACL changes the mode, and the mode of a file outside the caller's groups
 * loses its set-group-ID bit by that. Root's ACLs keep it, and root it is.
 */
static void drop_set_gid(fuse_req_t req, const struct node *node)
{
	struct stat st;

	if (fuse_req_ctx(req)->uid == 0 || fstat(node->fd, &st) < 0 || !(st.st_mode & S_ISGID) ||
	    creds_in_group(req, st.st_gid))
		return;
	chmod(fd_path(node->fd).path, st.st_mode & 07777 & ~S_ISGID);
}

/* What the index knows of a file. */
static bool is_indexed(const char *name)
{
	return !strcmp(name, TAGS_XATTR) || !strcmp(name, AUTO_XATTR) ||
	       !strncmp(name, LINK_XATTR, strlen(LINK_XATTR));
}

/* A reference says whether there is such a file, and more. */
static bool may_reach(void *req, const char *path)
{
	return creds_may_reach(req, get_fs(req)->nodes.root->fd, path);
}

/*
 * Links that come with paths alone, as a command has to set them that cannot see
 * LOWER, get their references here. 0 or -errno.
 */
static int set_links(fuse_req_t req, const struct node *node, const char *name,
		     const char *value, size_t size, int flags)
{
	const char *relation = name + strlen(LINK_XATTR);
	struct links links = { };
	char *formatted = NULL;
	size_t len;
	int ret;

	if (relation_problem(relation))
		return -EINVAL;
	ret = links_parse(&links, relation, value, size);
	if (ret == 0)
		ret = links_complete(&links, get_fs(req)->nodes.root->fd, may_reach, req);
	if (ret == 0) {
		formatted = links_format(&links, relation, &len);
		if (!formatted)
			ret = -ENOMEM;
		else if (setxattr(fd_path(node->fd).path, name, formatted, len, flags) < 0)
			ret = -errno;
	}
	free(formatted);
	links_free(&links);
	return ret;
}

static int set_value(fuse_req_t req, const struct node *node, const char *name,
		     const char *value, size_t size, int flags)
{
	if (!strncmp(name, LINK_XATTR, strlen(LINK_XATTR)))
		return set_links(req, node, name, value, size, flags);
	return setxattr(fd_path(node->fd).path, name, value, size, flags) < 0 ? -errno : 0;
}

void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	       int flags)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = req_node(req, ino);
	int ret;

	if (!node)
		return;
	ret = node == fs->nodes.root && !strcmp(name, LOWER_XATTR) ? -EPERM :
		set_value(req, node, name, value, size, flags);
	if (ret < 0) {
		fuse_reply_err(req, -ret);
	} else {
		if (fs->multiuser && !strcmp(name, ACL_XATTR))
			drop_set_gid(req, node);
		if (is_indexed(name))
			tagging_file_changed(fs, node);
		peers_node(fs, node, false);
		fuse_reply_err(req, 0);
	}
	node_put(&fs->nodes, node);
}

/* Answers with the @len bytes at @value, or only @len when the caller asks for that. */
static void reply_value(fuse_req_t req, const char *value, ssize_t len, size_t size)
{
	if (len < 0)
		fuse_reply_err(req, errno);
	else if (!size)
		fuse_reply_xattr(req, len);
	else if ((size_t)len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

/* False: there are none. */
static bool reply_counts(fuse_req_t req, size_t size)
{
	uint64_t warmed, opened;
	char value[64];

	if (!prefetch_counts(&warmed, &opened))
		return false;
	snprintf(value, sizeof(value), "%" PRIu64 " %" PRIu64, warmed, opened);
	reply_value(req, value, strlen(value), size);
	return true;
}

void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct disgrafsd *fs = get_fs(req);
	char small[256], *value = small;
	struct node *node;

	if ((ino == FUSE_ROOT_ID || ino == FIXED_ID(GRAPH_ROOT)) && !strcmp(name, LOWER_XATTR)) {
		/* Whoever asks is about to look into the index. */
		tagging_flush(fs);
		reply_value(req, fs->opt.lower, strlen(fs->opt.lower), size);
		return;
	}
	if (ino == FIXED_ID(GRAPH_ROOT) && !strcmp(name, PREFETCH_XATTR) && reply_counts(req, size))
		return;
	if (ino & NODE_VIRTUAL) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	if (size > XATTR_SIZE_MAX)
		size = XATTR_SIZE_MAX;
	if (size > sizeof(small))
		value = malloc(size);
	if (!value) {
		fuse_reply_err(req, ENOMEM);
	} else {
		reply_value(req, value,
			    getxattr(fd_path(node->fd).path, name, size ? value : NULL, size),
			    size);
	}
	if (value != small)
		free(value);
	node_put(&fs->nodes, node);
}

/*
 * As listxattr(2), but what root alone may read is told to nobody else: it is root that asks.
 * @list has room for XATTR_LIST_MAX.
 */
static ssize_t list_for_others(const struct node *node, char *list)
{
	ssize_t len = listxattr(fd_path(node->fd).path, list, XATTR_LIST_MAX), kept = 0;
	const char *name = list;
	size_t n;

	for (; name < list + len; name += n) {
		n = strlen(name) + 1;
		if (!strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN))
			continue;
		memmove(list + kept, name, n);
		kept += n;
	}
	return len < 0 ? len : kept;
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct disgrafsd *fs = get_fs(req);
	bool root = fuse_req_ctx(req)->uid == 0;
	size_t room = root ? size : XATTR_LIST_MAX;
	char small[1024], *list = small;
	struct node *node;

	if (ino & NODE_VIRTUAL) {
		reply_value(req, "", 0, size);
		return;
	}
	node = req_node(req, ino);
	if (!node)
		return;
	if (room > XATTR_LIST_MAX)
		room = XATTR_LIST_MAX;
	if (room > sizeof(small))
		list = malloc(room);
	if (!list)
		fuse_reply_err(req, ENOMEM);
	else if (root)
		reply_value(req, list, listxattr(fd_path(node->fd).path, room ? list : NULL, room),
			    size);
	else
		reply_value(req, list, list_for_others(node, list), size);
	if (list != small)
		free(list);
	node_put(&fs->nodes, node);
}

void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct disgrafsd *fs = get_fs(req);
	struct node *node = req_node(req, ino);

	if (!node)
		return;
	if (removexattr(fd_path(node->fd).path, name) < 0) {
		fuse_reply_err(req, errno);
	} else {
		if (is_indexed(name))
			tagging_file_changed(fs, node);
		peers_node(fs, node, false);
		fuse_reply_err(req, 0);
	}
	node_put(&fs->nodes, node);
}
