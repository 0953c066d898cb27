// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs watch: the changes of a mount as they happen, from .graph/events.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "field.h"
#include "print.h"

#define EVENTS ".graph/events"
#define FIELDS_MAX 4

struct watch {
	const struct options *opt;
	const struct tree *tree;
	const char *below;	/* what is told of; ".": everything */
};

/* What the fields of a line are in JSON. */
static const struct {
	const char *kind;
	const char *name[FIELDS_MAX - 1];
} kinds[] = {
	{ "made", { "path" } },
	{ "removed", { "path" } },
	{ "renamed", { "path", "to" } },
	{ "tagged", { "path", "tag" } },
	{ "untagged", { "path", "tag" } },
	{ "linked", { "path", "relation", "target" } },
	{ "unlinked", { "path", "relation", "target" } },
	{ "lost", { } },
};

static bool is_path(const char *name)
{
	return !strcmp(name, "path") || !strcmp(name, "to") || !strcmp(name, "target");
}

/* \040 and the like become what they stand for. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strcmp(dir, ".") ||
	       (!strncmp(path, dir, len) && (!path[len] || path[len] == '/'));
}

/* With the path that the user sees, to be freed. */
static char *whole_field(const struct watch *watch, char *field, const char *name)
{
	unescape(field);
	return is_path(name) ? tree_path(watch->tree, field) : strdup(field);
}

static int print_plain(const struct watch *watch, char *const *field, const char *const *name)
{
	char *full;
	size_t i;

	fputs(field[0], stdout);
	for (i = 1; i < FIELDS_MAX && field[i]; i++) {
		full = whole_field(watch, field[i], name[i - 1]);
		if (!full)
			return -ENOMEM;
		put_field(stdout, full);
		free(full);
	}
	putchar('\n');
	return 0;
}

static int print_object(const struct watch *watch, char *const *field, const char *const *name)
{
	struct json_object *object = json_object_new_object();
	int ret = 0;
	char *full;
	size_t i;

	json_object_object_add(object, "change", json_object_new_string(field[0]));
	for (i = 1; i < FIELDS_MAX && field[i] && ret == 0; i++) {
		full = whole_field(watch, field[i], name[i - 1]);
		if (full)
			json_object_object_add(object, name[i - 1], json_bytes(full));
		else
			ret = -ENOMEM;
		free(full);
	}
	if (ret == 0)
		puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return ret;
}

static bool is_wanted(const struct watch *watch, char *const *field, const char *const *name)
{
	bool wanted = !field[1];	/* some were lost */
	char *path;
	size_t i;

	for (i = 1; i < FIELDS_MAX && field[i] && !wanted; i++) {
		if (!is_path(name[i - 1]) || !strcmp(name[i - 1], "target"))
			continue;
		path = strdup(field[i]);
		if (!path)
			return true;
		unescape(path);
		wanted = is_below(path, watch->below);
		free(path);
	}
	return wanted;
}

static int print_change(const struct watch *watch, char *line)
{
	char *field[FIELDS_MAX] = { };
	size_t i;

	for (i = 0; i < FIELDS_MAX && line; i++)
		field[i] = strsep(&line, "\t");
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(field[0], kinds[i].kind) || (kinds[i].name[0] && !field[1]) ||
		    !is_wanted(watch, field, kinds[i].name))
			continue;
		return watch->opt->json ? print_object(watch, field, kinds[i].name) :
					  print_plain(watch, field, kinds[i].name);
	}
	return 0;
}

/* Whether the mount that @fd is on is still in the namespace. */
static bool is_mounted(int fd, FILE *mounts)
{
	char path[40], *line = NULL;
	int id = -1, found = -1;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && id < 0 && getline(&line, &size, f) > 0)
		sscanf(line, "mnt_id: %d", &id);
	if (f)
		fclose(f);
	rewind(mounts);
	while (found != id && getline(&line, &size, mounts) > 0)
		sscanf(line, "%d", &found);
	free(line);
	return id < 0 || found == id;
}

/* 1: there is more to come, 0: unmounted, or -errno. */
static int wait_for_change(int fd, FILE *mounts)
{
	struct pollfd wait[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = fileno(mounts), .events = POLLPRI },
	};

	if (poll(wait, 2, -1) < 0)
		return -errno;
	return wait[1].revents && !is_mounted(fd, mounts) ? 0 : 1;
}

static int follow(const struct watch *watch, int fd, FILE *mounts)
{
	char buf[65536 + 1], *line, *end;
	int ret;
	ssize_t n;

	while ((ret = wait_for_change(fd, mounts)) > 0) {
		n = read(fd, buf, sizeof(buf) - 1);
		if (n < 0 && errno == EAGAIN)
			continue;
		/* Errors that mean that the mount has no daemon any more */
		if (n <= 0)
			return n == 0 || errno == ENOTCONN || errno == ECONNABORTED ? 0 : -errno;
		buf[n] = '\0';
		/* A read is whole lines. */
		for (line = buf; ret > 0 && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			ret = print_change(watch, line) ?: 1;
		}
		if (fflush(stdout))
			ret = -errno;
		if (ret < 0)
			break;
	}
	return ret;
}

int cmd_watch(const struct options *opt, int argc, char *argv[])
{
	struct watch watch = { .opt = opt };
	const char *path = argc ? argv[0] : ".";
	char *below = NULL;
	struct tree tree;
	FILE *mounts;
	int ret, fd;

	if (argc > 1)
		return usage_error(opt, NULL, "needs one path");
	ret = tree_find(&tree, path);
	if (ret < 0 && ret != -ENOENT)
		return fail(path, "%s", strerror(-ret));
	if (ret < 0 || !tree.mounted) {
		tree_close(&tree);
		return fail(path, "%s", access(path, F_OK) == 0 ? "not in a mount of disgrafsd" :
			    strerror(errno));
	}
	below = argc ? tree_below(&tree, path) : strdup(".");
	watch.tree = &tree;
	watch.below = below;
	mounts = fopen("/proc/self/mountinfo", "re");
	fd = openat(tree.root, EVENTS, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ret = below && mounts && fd >= 0 ? 0 : -errno;
	if (ret == 0)
		ret = follow(&watch, fd, mounts);
	if (ret < 0)
		ret = fail(path, "%s", strerror(-ret));
	if (fd >= 0)
		close(fd);
	if (mounts)
		fclose(mounts);
	free(below);
	tree_close(&tree);
	return ret;
}
