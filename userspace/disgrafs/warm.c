// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs warm: looks at all that matches, see look.h.
 */
#include "command.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"
#include "print.h"

/* They wait for something slow, most of the time. */
#define NR_THREADS 16

struct warm {
	struct tree tree;
	pthread_mutex_t lock;		/* of what follows */
	char **paths;			/* below the root */
	size_t count, room, next;
	uint64_t bytes;
	size_t failed;
};

static int add_path(uint64_t ino, const char *path, void *arg)
{
	struct warm *warm = arg;
	size_t room = warm->room ? 2 * warm->room : 1024;
	char **paths;

	(void)ino;
	if (warm->count == warm->room) {
		paths = reallocarray(warm->paths, room, sizeof(*paths));
		if (!paths)
			return -ENOMEM;
		warm->paths = paths;
		warm->room = room;
	}
	warm->paths[warm->count] = strdup(path);
	return warm->paths[warm->count++] ? 0 : -ENOMEM;
}

static const char *take(struct warm *warm)
{
	const char *path = NULL;

	pthread_mutex_lock(&warm->lock);
	if (warm->next < warm->count)
		path = warm->paths[warm->next++];
	pthread_mutex_unlock(&warm->lock);
	return path;
}

static void note(struct warm *warm, const char *path, int64_t ret)
{
	char *full = ret < 0 ? tree_path(&warm->tree, path) : NULL;

	pthread_mutex_lock(&warm->lock);
	if (ret >= 0)
		warm->bytes += ret;
	else
		warm->failed += fail(full, "%s", strerror(-ret));
	pthread_mutex_unlock(&warm->lock);
	free(full);
}

static void *worker(void *arg)
{
	char *buffer = malloc(LOOK_BUFFER);
	struct warm *warm = arg;
	const char *path;

	while (buffer && (path = take(warm)))
		note(warm, path, look_at(warm->tree.root, path, buffer));
	free(buffer);
	return NULL;
}

/* As many threads as there are to be had, and this one. */
static void look_at_all(struct warm *warm)
{
	pthread_t threads[NR_THREADS - 1];
	size_t i, started = 0;

	while (started < NR_THREADS - 1 && started + 1 < warm->count &&
	       !pthread_create(&threads[started], NULL, worker, warm))
		started++;
	worker(warm);
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

static int report(const struct options *opt, const struct warm *warm)
{
	size_t files = warm->next - warm->failed;
	struct json_object *json;

	if (!opt->json) {
		printf("%zu files, %llu bytes read\n", files, (unsigned long long)warm->bytes);
		return 0;
	}
	json = json_object_new_object();
	json_object_object_add(json, "files", json_object_new_int64(files));
	json_object_object_add(json, "bytes", json_object_new_int64(warm->bytes));
	json_object_object_add(json, "failed", json_object_new_int64(warm->failed));
	return print_json(json) < 0;
}

int cmd_warm(const struct options *opt, int argc, char *argv[])
{
	struct warm warm = { .lock = PTHREAD_MUTEX_INITIALIZER };
	int status = find_files(opt, argc, argv, &warm.tree, add_path, &warm);

	if (status == 0) {
		look_at_all(&warm);
		tree_close(&warm.tree);
		status = report(opt, &warm);
	}
	if (status == 0 && warm.next < warm.count)
		status = fail(NULL, "%s", strerror(ENOMEM));
	while (warm.count)
		free(warm.paths[--warm.count]);
	free(warm.paths);
	return status ?: warm.failed != 0;
}
