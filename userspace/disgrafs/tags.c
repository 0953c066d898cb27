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

/*
 * What stands for one character in the value: a comma would end the tag, and a
 * '%' that is no part of this could be taken for one.
 */
static bool is_escape(const char *p, const char *end)
{
	return end - p >= 3 && (!memcmp(p, "%2C", 3) || !memcmp(p, "%25", 3));
}

static int add_escaped(struct tags *tags, const char *value, size_t len)
{
	const char *end = value + len;
	char *tag, *out;
	int ret;

	if (!memchr(value, '%', len))
		return tags_add(tags, value, len);
	tag = malloc(len);
	if (!tag)
		return -ENOMEM;
	for (out = tag; value < end; value++) {
		*out++ = *value;
		if (is_escape(value, end)) {
			out[-1] = value[2] == 'C' ? ',' : '%';
			value += 2;
		}
	}
	ret = tags_add(tags, tag, out - tag);
	free(tag);
	return ret;
}

int tags_parse(struct tags *tags, const char *value, size_t len)
{
	const char *end = value + len, *p;
	int ret;

	memset(tags, 0, sizeof(*tags));
	for (; value < end; value = p + 1) {
		for (p = value; p < end && *p && *p != ','; p++)
			;
		ret = add_escaped(tags, value, p - value);
		if (ret < 0) {
			tags_free(tags);
			return ret;
		}
	}
	return 0;
}

/* Copies @tag to @out with escapes. Returns the end. */
static char *escape(char *out, const char *tag)
{
	const char *end = tag + strlen(tag);

	for (; *tag; tag++) {
		if (*tag == ',' || is_escape(tag, end))
			out = stpcpy(out, *tag == ',' ? "%2C" : "%25");
		else
			*out++ = *tag;
	}
	return out;
}

char *tags_format(const struct tags *tags, size_t *len)
{
	char *value, *p;
	size_t i, n = 1;

	for (i = 0; i < tags->count; i++)
		n += 3 * strlen(tags->tag[i]) + 1;
	value = malloc(n);
	if (!value)
		return NULL;
	for (p = value, i = 0; i < tags->count; i++) {
		if (i)
			*p++ = ',';
		p = escape(p, tags->tag[i]);
	}
	*p = '\0';
	*len = p - value;
	return value;
}

int tags_read_xattr(struct tags *tags, const char *path, const char *name)
{
	char small[1024], *value = small;
	ssize_t len;
	int ret;

	memset(tags, 0, sizeof(*tags));
	len = getxattr(path, name, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		value = malloc(XATTR_SIZE_MAX);
		if (!value)
			return -ENOMEM;
		len = getxattr(path, name, value, XATTR_SIZE_MAX);
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

int tags_read(struct tags *tags, const char *path)
{
	return tags_read_xattr(tags, path, TAGS_XATTR);
}

int tags_write_xattr(const struct tags *tags, const char *path, const char *name)
{
	size_t len;
	char *value;
	int ret;

	if (!tags->count)
		return removexattr(path, name) < 0 && errno != ENODATA ? -errno : 0;
	value = tags_format(tags, &len);
	if (!value)
		return -ENOMEM;
	ret = setxattr(path, name, value, len, 0) < 0 ? -errno : 0;
	free(value);
	return ret;
}

int tags_write(const struct tags *tags, const char *path)
{
	return tags_write_xattr(tags, path, TAGS_XATTR);
}
