// SPDX-License-Identifier: GPL-2.0
#include "readers.h"

#include <pthread.h>

#include "disgrafsd.h"

struct reader {
	uint64_t id;		/* of the node; 0: nobody takes it any more */
	int fd;			/* open if there is an id, or somebody is busy with it */
	unsigned int busy;
	uint64_t used;
};

static struct {
	pthread_mutex_t lock;	/* of what follows */
	struct reader reader[READERS_MAX];
	uint64_t clock;
} readers = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static void use(struct reader *reader)
{
	reader->busy++;
	reader->used = ++readers.clock;
}

static int take(uint64_t id)
{
	int fd = -1;
	size_t i;

	pthread_mutex_lock(&readers.lock);
	for (i = 0; i < READERS_MAX && fd < 0; i++) {
		if (readers.reader[i].id == id) {
			use(&readers.reader[i]);
			fd = readers.reader[i].fd;
		}
	}
	pthread_mutex_unlock(&readers.lock);
	return fd;
}

/* In the place of that of those at rest that was not used for longest, if there is any. */
static void keep(uint64_t id, int fd)
{
	struct reader *reader, *oldest = NULL;
	int old = -1;
	size_t i;

	pthread_mutex_lock(&readers.lock);
	for (i = 0; i < READERS_MAX; i++) {
		reader = &readers.reader[i];
		if (!reader->busy && (!oldest || reader->used < oldest->used))
			oldest = reader;
	}
	if (oldest) {
		if (oldest->id)
			old = oldest->fd;
		oldest->id = id;
		oldest->fd = fd;
		use(oldest);
	}
	pthread_mutex_unlock(&readers.lock);
	if (old >= 0)
		close(old);
}

int reader_get(const struct node *node)
{
	int fd = take(node->id);

	if (fd >= 0)
		return fd;
	fd = open(fd_path(node->fd).path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		keep(node->id, fd);
	return fd;
}

/* There was no place for it, or it is not wanted any more: it is closed. */
void reader_put(int fd)
{
	struct reader *reader = NULL;
	bool stays = false;
	int err = errno;
	size_t i;

	pthread_mutex_lock(&readers.lock);
	for (i = 0; i < READERS_MAX && !reader; i++) {
		if (readers.reader[i].busy && readers.reader[i].fd == fd)
			reader = &readers.reader[i];
	}
	if (reader) {
		reader->busy--;
		stays = reader->id || reader->busy;
	}
	pthread_mutex_unlock(&readers.lock);
	if (!stays)
		close(fd);
	errno = err;
}

void reader_drop(uint64_t id)
{
	int fds[READERS_MAX];
	size_t i, count = 0;

	pthread_mutex_lock(&readers.lock);
	for (i = 0; i < READERS_MAX; i++) {
		if (readers.reader[i].id != id)
			continue;
		readers.reader[i].id = 0;
		readers.reader[i].used = 0;
		if (!readers.reader[i].busy)
			fds[count++] = readers.reader[i].fd;
	}
	pthread_mutex_unlock(&readers.lock);
	while (count)
		close(fds[--count]);
}
