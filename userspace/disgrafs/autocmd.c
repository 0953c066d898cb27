// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs auto, accept, refuse: the tags that were found in files.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotags.h"
#include "print.h"

/* ---- auto ---- */

static struct json_object *json_auto(const char *file, const struct tags *automatic)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array(), *refused = json_object_new_array();
	const char *tag;
	size_t i;

	for (i = 0; i < automatic->count; i++) {
		tag = automatic->tag[i];
		if (auto_is_refusal(tag))
			json_object_array_add(refused, json_bytes(tag + 1));
		else
			json_object_array_add(list, json_bytes(tag));
	}
	json_object_object_add(object, "path", json_bytes(file));
	json_object_object_add(object, "auto", list);
	json_object_object_add(object, "refused", refused);
	return object;
}

static int auto_of(const struct options *opt, const char *file, bool several,
		   struct json_object *json)
{
	struct tags automatic;
	int ret = tags_read_xattr(&automatic, file, AUTO_XATTR);
	size_t i;

	if (ret < 0)
		return fail(file, "%s", strerror(-ret));
	if (json)
		json_object_array_add(json, json_auto(file, &automatic));
	for (i = 0; i < automatic.count && !json; i++) {
		if (auto_is_refusal(automatic.tag[i]))
			continue;
		if (several)
			printf("%s: ", file);
		print_line(opt, automatic.tag[i]);
	}
	tags_free(&automatic);
	return 0;
}

int cmd_auto(const struct options *opt, int argc, char *argv[])
{
	return each_file(opt, argc, argv, auto_of);
}

/* ---- accept, refuse ---- */

struct both {
	struct tags own, automatic;
};

/* One tag, which is an automatic one or is to be refused in advance. 0 or -errno. */
static int change(struct both *tags, const char *tag, bool accept)
{
	int ret;

	if (!accept) {
		ret = auto_refuse(&tags->automatic, tag);
		return ret < 0 ? ret : 0;
	}
	if (!tags_remove(&tags->automatic, tag, strlen(tag)))
		return -ENOENT;
	return tags_add(&tags->own, tag, strlen(tag));
}

static int change_all(struct both *tags, bool accept)
{
	size_t i = 0;
	int ret = 0;
	char *tag;

	while (i < tags->automatic.count && ret == 0) {
		if (auto_is_refusal(tags->automatic.tag[i])) {
			i++;
			continue;
		}
		tag = strdup(tags->automatic.tag[i]);
		ret = tag ? change(tags, tag, accept) : -ENOMEM;
		free(tag);
	}
	return ret;
}

/* The user's own first: if the rest fails nothing is lost. */
static int write_both(const struct both *tags, const char *file, bool accept)
{
	int ret = accept ? tags_write(&tags->own, file) : 0;

	return ret ?: tags_write_xattr(&tags->automatic, file, AUTO_XATTR);
}

static int change_file(const struct options *opt, char *argv[], int argc, bool accept)
{
	const char *file = argv[0], *error = NULL;
	struct both tags = { };
	const char *there;
	char locked[32];
	int lock, ret, i;

	lock = tree_lock(file);
	there = tree_locked(lock, file, locked);
	ret = tags_read(&tags.own, there);
	if (ret == 0)
		ret = tags_read_xattr(&tags.automatic, there, AUTO_XATTR);
	if (ret == 0 && opt->all)
		ret = change_all(&tags, accept);
	for (i = 1; i < argc && ret == 0; i++) {
		ret = change(&tags, argv[i], accept);
		if (ret == -ENOENT)
			ret = fail(file, "%s: not one of its automatic tags", argv[i]);
	}
	if (ret == 0)
		ret = write_both(&tags, file, accept);
	if (ret < 0)
		ret = fail(file, "%s", strerror(-ret));
	else if (ret == 0 && tree_record(file, &error) < 0)
		fail(file, "changed, but the index was not: %s; see 'disgrafs reindex'", error);
	if (ret == 0 && opt->json)
		ret = print_json(json_auto(file, &tags.automatic)) < 0;
	tags_free(&tags.own);
	tags_free(&tags.automatic);
	if (lock >= 0)
		close(lock);
	return ret;
}

static int cmd_change(const struct options *opt, int argc, char *argv[], bool accept)
{
	int ret;

	if (argc < 1)
		return usage_error(opt, NULL, "needs a file");
	if (opt->all ? argc > 1 : argc < 2)
		return usage_error(opt, NULL, "needs tags, or --all and none");
	ret = check_tags(opt, argc - 1, argv + 1);
	return ret ? ret : change_file(opt, argv, argc, accept);
}

int cmd_accept(const struct options *opt, int argc, char *argv[])
{
	return cmd_change(opt, argc, argv, true);
}

int cmd_refuse(const struct options *opt, int argc, char *argv[])
{
	return cmd_change(opt, argc, argv, false);
}
