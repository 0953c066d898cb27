// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs warm: looks at all that matches, as whoever opens it would, so that the
 * kernel, the policy and the lower file system have it at hand afterwards.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "print.h"

/* They wait for something slow, most of the time. */
#define NR_THREADS 16
/* Of a file; by then whoever reads on is ahead of by readahead. */
#define MAX_DATA (1 << 20)
#define MAX_LIST 65536

struct warm {
	pthread_mutex_t lock;		/* of what follows */
	char **paths;
	size_t count, room, next;
	uint64_t bytes;
	size_t failed;
};

static int add_path(const char *path, void *arg)
{
	struct warm *warm = arg;
	size_t room = warm->room ? 2 * warm->room : 1024;
	char **paths;

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

/* What there is none of, or may not be seen, is found out all the same. */
static void look_at_xattrs(const char *path, char *list, char *value)
{
	ssize_t len = llistxattr(path, list, MAX_LIST);
	const char *name;

	for (name = list; len > 0 && name < list + len; name += strlen(name) + 1)
		lgetxattr(path, name, value, MAX_DATA);
}

static int64_t read_data(const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == EPERM)
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, MAX_DATA);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

/*
 * Bytes read, or -errno. @buffer: MAX_DATA bytes, and MAX_LIST. The first open of a file
 * may change where its attributes are from, so these are asked for afterwards.
 */
static int64_t look_at(const char *path, char *buffer)
{
	int64_t ret = 0;
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return readlink(path, buffer, PATH_MAX) < 0 ? -errno : 0;
	if (S_ISREG(st.st_mode))
		ret = read_data(path, buffer);
	if (ret < 0)
		return ret;
	look_at_xattrs(path, buffer + MAX_DATA, buffer);
	return lstat(path, &st) < 0 ? -errno : ret;
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
	pthread_mutex_lock(&warm->lock);
	if (ret >= 0)
		warm->bytes += ret;
	else
		warm->failed += fail(path, "%s", strerror(-ret));
	pthread_mutex_unlock(&warm->lock);
}

static void *worker(void *arg)
{
	char *buffer = malloc(MAX_DATA + MAX_LIST);
	const char *path;

	while (buffer && (path = take(arg)))
		note(arg, path, look_at(path, buffer));
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
	int status = find_files(opt, argc, argv, add_path, &warm);

	if (status == 0) {
		look_at_all(&warm);
		status = report(opt, &warm);
	}
	if (status == 0 && warm.next < warm.count)
		status = fail(NULL, "%s", strerror(ENOMEM));
	while (warm.count)
		free(warm.paths[--warm.count]);
	free(warm.paths);
	return status ?: warm.failed != 0;
}
