// SPDX-License-Identifier: GPL-2.0
#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"

const char *relation_problem(const char *relation)
{
	if (!*relation)
		return "a relation cannot be empty";
	if (strlen(relation) > RELATION_MAX)
		return "the relation is too long";
	if (strchr(relation, '/') || *relation == '~' || *relation == '.')
		return "a relation has no '/' and does not begin with '~' or '.'";
	return NULL;
}

bool link_path_is_valid(const char *path)
{
	size_t len;

	if (!strcmp(path, "."))
		return true;
	for (;; path += len + 1) {
		len = strcspn(path, "/");
		if (!len || (len == 1 && *path == '.') || (len == 2 && !strncmp(path, "..", 2)))
			return false;
		if (!path[len])
			return true;
	}
}

/* The same file: by reference if both have one. */
static bool is_target(const struct link *link, const char *path, const char *reference)
{
	if (*link->reference && *reference)
		return !strcmp(link->reference, reference);
	return !strcmp(link->path, path);
}

static struct link *find(const struct links *links, const char *relation, const char *path,
			 const char *reference)
{
	size_t i;

	for (i = 0; i < links->count; i++) {
		if (!strcmp(links->link[i].relation, relation) &&
		    is_target(&links->link[i], path, reference))
			return &links->link[i];
	}
	return NULL;
}

static void link_free(struct link *link)
{
	free(link->relation);
	free(link->path);
	free(link->reference);
}

static int link_init(struct link *link, const char *relation, const char *path,
		     const char *reference)
{
	link->relation = strdup(relation);
	link->path = strdup(path);
	link->reference = strdup(reference);
	if (link->relation && link->path && link->reference)
		return 0;
	link_free(link);
	return -ENOMEM;
}

int links_add(struct links *links, const char *relation, const char *path, const char *reference)
{
	struct link *there = find(links, relation, path, reference), *grown, new;
	int ret = link_init(&new, relation, path, reference);

	if (ret < 0)
		return ret;
	if (there) {
		link_free(there);
		*there = new;
		return 0;
	}
	grown = links->count == LINKS_MAX ? NULL :
		reallocarray(links->link, links->count + 1, sizeof(*grown));
	if (!grown) {
		link_free(&new);
		return links->count == LINKS_MAX ? -E2BIG : -ENOMEM;
	}
	links->link = grown;
	grown[links->count++] = new;
	return 0;
}

bool links_remove(struct links *links, const char *relation, const char *path,
		  const char *reference)
{
	struct link *link = find(links, relation, path, reference);

	if (!link)
		return false;
	link_free(link);
	links->count--;
	memmove(link, link + 1, (char *)(links->link + links->count) - (char *)link);
	return true;
}

void links_free(struct links *links)
{
	while (links->count)
		link_free(&links->link[--links->count]);
	free(links->link);
	links->link = NULL;
}

int links_parse(struct links *links, const char *relation, const char *value, size_t len)
{
	char *copy, *path, *reference, *end;
	int ret = 0;

	/* With a NUL behind it, and one for a reference that was left out. */
	copy = calloc(1, len + 2);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, len);
	end = copy + len;
	for (path = copy; path < end && ret == 0; path = reference + strlen(reference) + 1) {
		reference = path + strlen(path) + 1;
		if (reference > end)
			reference = end;
		while (*path == '/')
			path++;
		ret = link_path_is_valid(path) ? links_add(links, relation, path, reference) :
						 -EINVAL;
	}
	free(copy);
	return ret;
}

char *links_format(const struct links *links, const char *relation, size_t *len)
{
	const struct link *link;
	char *value = NULL;
	size_t i;
	FILE *f;

	f = open_memstream(&value, len);
	if (!f)
		return NULL;
	for (i = 0; i < links->count; i++) {
		link = &links->link[i];
		if (!strcmp(link->relation, relation))
			fprintf(f, "%s%c%s%c", link->path, 0, link->reference, 0);
	}
	if (fclose(f)) {
		free(value);
		return NULL;
	}
	return value;
}

/* The value of an xattr, which may grow while we look. NULL with errno. */
static char *read_value(const char *path, const char *name, ssize_t *len)
{
	char *value = malloc(XATTR_SIZE_MAX);

	*len = value ? getxattr(path, name, value, XATTR_SIZE_MAX) : -1;
	if (*len >= 0)
		return value;
	free(value);
	return NULL;
}

static int read_relation(struct links *links, const char *path, const char *name)
{
	const char *relation = name + strlen(LINK_XATTR);
	ssize_t len;
	char *value;
	int ret;

	if (relation_problem(relation))
		return 0;
	value = read_value(path, name, &len);
	if (!value)
		return errno == ENODATA ? 0 : -errno;
	ret = links_parse(links, relation, value, len);
	free(value);
	/* Somebody else's nonsense is not ours to complain about. */
	return ret == -EINVAL ? 0 : ret;
}

int links_read(struct links *links, const char *path)
{
	char small[512], *list = small;
	const char *name;
	ssize_t len;
	int ret = 0;

	memset(links, 0, sizeof(*links));
	len = listxattr(path, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		list = malloc(XATTR_LIST_MAX);
		if (!list)
			return -ENOMEM;
		len = listxattr(path, list, XATTR_LIST_MAX);
	}
	if (len < 0 && errno != EOPNOTSUPP && errno != EPERM)
		ret = -errno;
	for (name = list; name < list + len && ret == 0; name += strlen(name) + 1) {
		if (!strncmp(name, LINK_XATTR, strlen(LINK_XATTR)))
			ret = read_relation(links, path, name);
	}
	if (list != small)
		free(list);
	if (ret < 0)
		links_free(links);
	return ret;
}

int links_read_few(struct links *links, const char *path)
{
	int ret = links_read(links, path);

	return ret == -E2BIG ? 0 : ret;
}

int links_write(const struct links *links, const char *relation, const char *path)
{
	char name[sizeof(LINK_XATTR) + RELATION_MAX];
	size_t len;
	char *value;
	int ret;

	snprintf(name, sizeof(name), LINK_XATTR "%s", relation);
	value = links_format(links, relation, &len);
	if (!value)
		return -ENOMEM;
	if (len)
		ret = setxattr(path, name, value, len, 0) < 0 ? -errno : 0;
	else
		ret = removexattr(path, name) < 0 && errno != ENODATA ? -errno : 0;
	free(value);
	return ret;
}

/* ---- references ---- */

char *link_reference_of(int fd)
{
	union {
		struct file_handle handle;
		unsigned char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .handle.handle_bytes = MAX_HANDLE_SZ };
	char text[64 + 2 * MAX_HANDLE_SZ];
	struct stat st;
	int mount, len;
	unsigned int i;

	if (fstat(fd, &st) < 0 || name_to_handle_at(fd, "", &h.handle, &mount, AT_EMPTY_PATH) < 0)
		return strdup("");
	len = snprintf(text, sizeof(text), "%llu:%d:", (unsigned long long)st.st_ino,
		       h.handle.handle_type);
	for (i = 0; i < h.handle.handle_bytes; i++)
		len += snprintf(text + len, sizeof(text) - len, "%02x",
				h.bytes[sizeof(struct file_handle) + i]);
	return strdup(text);
}

char *link_reference(int root, const char *path)
{
	int fd = open_beneath(root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	char *reference;

	if (fd < 0)
		return strdup("");
	reference = link_reference_of(fd);
	close(fd);
	return reference;
}

uint64_t link_inode(const char *reference)
{
	return strtoull(reference, NULL, 10);
}

int links_complete(struct links *links, int root, bool (*may)(void *arg, const char *path),
		   void *arg)
{
	char *reference;
	size_t i;

	for (i = 0; i < links->count; i++) {
		if (*links->link[i].reference || !may(arg, links->link[i].path))
			continue;
		reference = link_reference(root, links->link[i].path);
		if (!reference)
			return -ENOMEM;
		free(links->link[i].reference);
		links->link[i].reference = reference;
	}
	return 0;
}
