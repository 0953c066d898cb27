// SPDX-License-Identifier: GPL-2.0
#include "tags.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* A NUL at the end of the value, which some writers leave, is no part of a tag. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || !c;
}

static void trim(const char **tag, size_t *len)
{
	while (*len && is_blank(**tag)) {
		++*tag;
		--*len;
	}
	while (*len && is_blank((*tag)[*len - 1]))
		--*len;
}

const char *tag_problem(const char *tag)
{
	size_t len = strlen(tag);
	const char *trimmed = tag;

	if (strchr(tag, ','))
		return "a tag cannot contain a comma";
	trim(&trimmed, &len);
	if (!len)
		return "a tag cannot be empty";
	if (len > XATTR_SIZE_MAX)
		return "the tag is too long";
	return NULL;
}

static size_t find(const struct tags *tags, const char *tag, size_t len)
{
	size_t i;

	for (i = 0; i < tags->count; i++) {
		if (strlen(tags->tag[i]) == len && !memcmp(tags->tag[i], tag, len))
			break;
	}
	return i;
}

bool tags_contain(const struct tags *tags, const char *tag, size_t len)
{
	trim(&tag, &len);
	return find(tags, tag, len) < tags->count;
}

int tags_add(struct tags *tags, const char *tag, size_t len)
{
	char **grown, *copy;

	trim(&tag, &len);
	if (!len || find(tags, tag, len) < tags->count)
		return 0;
	grown = reallocarray(tags->tag, tags->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	tags->tag = grown;
	copy = strndup(tag, len);
	if (!copy)
		return -ENOMEM;
	tags->tag[tags->count++] = copy;
	return 0;
}

bool tags_remove(struct tags *tags, const char *tag, size_t len)
{
	size_t i;

	trim(&tag, &len);
	i = find(tags, tag, len);
	if (i == tags->count)
		return false;
	free(tags->tag[i]);
	tags->count--;
	memmove(&tags->tag[i], &tags->tag[i + 1], (tags->count - i) * sizeof(*tags->tag));
	return true;
}

void tags_free(struct tags *tags)
{
	while (tags->count)
		free(tags->tag[--tags->count]);
	free(tags->tag);
	tags->tag = NULL;
}

int tags_parse(struct tags *tags, const char *value, size_t len)
{
	const char *end = value + len, *p;
	int ret;

	memset(tags, 0, sizeof(*tags));
	for (; value < end; value = p + 1) {
		for (p = value; p < end && *p && *p != ','; p++)
			;
		ret = tags_add(tags, value, p - value);
		if (ret < 0) {
			tags_free(tags);
			return ret;
		}
	}
	return 0;
}

char *tags_format(const struct tags *tags, size_t *len)
{
	char *value, *p;
	size_t i, n;

	*len = 0;
	for (i = 0; i < tags->count; i++)
		*len += strlen(tags->tag[i]) + !!i;
	value = malloc(*len + 1);
	if (!value)
		return NULL;
	for (p = value, i = 0; i < tags->count; i++) {
		if (i)
			*p++ = ',';
		n = strlen(tags->tag[i]);
		memcpy(p, tags->tag[i], n);
		p += n;
	}
	*p = '\0';
	return value;
}

int tags_read(struct tags *tags, const char *path)
{
	char small[1024], *value = small;
	ssize_t len;
	int ret;

	memset(tags, 0, sizeof(*tags));
	len = getxattr(path, TAGS_XATTR, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		value = malloc(XATTR_SIZE_MAX);
		if (!value)
			return -ENOMEM;
		len = getxattr(path, TAGS_XATTR, value, XATTR_SIZE_MAX);
	}
	if (len >= 0)
		ret = tags_parse(tags, value, len);
	else if (errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM)
		ret = 0;	/* the last two: a file of a kind that cannot have any */
	else
		ret = -errno;
	if (value != small)
		free(value);
	return ret;
}

int tags_write(const struct tags *tags, const char *path)
{
	size_t len;
	char *value;
	int ret;

	if (!tags->count)
		return removexattr(path, TAGS_XATTR) < 0 && errno != ENODATA ? -errno : 0;
	value = tags_format(tags, &len);
	if (!value)
		return -ENOMEM;
	ret = setxattr(path, TAGS_XATTR, value, len, 0) < 0 ? -errno : 0;
	free(value);
	return ret;
}
