// SPDX-License-Identifier: GPL-2.0
#include "autotags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A tag is a word or some. */
#define MAX_TAG 80
#define MAX_TAGS 24

int auto_suggest(struct tags *found, const char *tag)
{
	size_t len = strlen(tag);

	if (!len || len > MAX_TAG || auto_is_refusal(tag) || found->count == MAX_TAGS)
		return 0;
	return tags_add(found, tag, len);
}

bool auto_is_refused(const struct tags *automatic, const char *tag)
{
	size_t i;

	for (i = 0; i < automatic->count; i++) {
		if (auto_is_refusal(automatic->tag[i]) && !strcmp(automatic->tag[i] + 1, tag))
			return true;
	}
	return false;
}

int auto_refuse(struct tags *automatic, const char *tag)
{
	bool there = tags_remove(automatic, tag, strlen(tag));
	char *refusal = malloc(strlen(tag) + 2);
	int ret;

	if (!refusal)
		return -ENOMEM;
	stpcpy(stpcpy(refusal, "-"), tag);
	ret = tags_add(automatic, refusal, strlen(refusal));
	free(refusal);
	return ret < 0 ? ret : there;
}

/* Whether they are the same, in the same order. */
static bool equal(const struct tags *a, const struct tags *b)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++) {
		if (strcmp(a->tag[i], b->tag[i]))
			return false;
	}
	return a->count == b->count;
}

int auto_merge(struct tags *automatic, const struct tags *own, const struct tags *found)
{
	struct tags merged = { };
	int ret = 0;
	bool same;
	size_t i;

	for (i = 0; i < found->count && ret == 0; i++) {
		if (!tags_contain(own, found->tag[i], strlen(found->tag[i])) &&
		    !auto_is_refused(automatic, found->tag[i]))
			ret = tags_add(&merged, found->tag[i], strlen(found->tag[i]));
	}
	for (i = 0; i < automatic->count && ret == 0; i++) {
		if (auto_is_refusal(automatic->tag[i]))
			ret = tags_add(&merged, automatic->tag[i], strlen(automatic->tag[i]));
	}
	if (ret < 0) {
		tags_free(&merged);
		return ret;
	}
	same = equal(automatic, &merged);
	tags_free(automatic);
	*automatic = merged;
	return !same;
}
