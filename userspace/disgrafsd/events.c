// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever has .graph/events open is a reader with lines that it has not read yet.
 * A read that has to wait holds no thread: whoever has a line for it answers.
 */
#include "events.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "index.h"
#include "tagging.h"

/* A reader that falls so far behind loses what comes next, and is told. */
#define READER_MAX (1 << 20)

struct reader {
	struct reader *next;
	char *lines;
	size_t len;
	bool lost;
	fuse_req_t waiting;	/* a read, or NULL */
	size_t size;		/* of it */
	struct fuse_pollhandle *poll;
};

/* The index's lock is taken first: it tells of changes with that held. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reader *readers;
static bool stopped;

/* The index tells if there is a reader. Taken before both. */
static pthread_mutex_t watching = PTHREAD_MUTEX_INITIALIZER;

static const char *const kinds[] = {
	[INDEX_MADE] = "made",
	[INDEX_REMOVED] = "removed",
	[INDEX_RENAMED] = "renamed",
	[INDEX_TAGGED] = "tagged",
	[INDEX_UNTAGGED] = "untagged",
	[INDEX_LINKED] = "linked",
	[INDEX_UNLINKED] = "unlinked",
};

static char *format_line(const struct index_change *change, size_t *len)
{
	char *line = NULL;
	FILE *f = open_memstream(&line, len);

	if (!f)
		return NULL;
	fputs(kinds[change->kind], f);
	put_field(f, change->path);
	put_field(f, change->what);
	put_field(f, change->target);
	putc('\n', f);
	return fclose(f) ? NULL : line;
}

/* How much of the lines, and no part of one, fits into @size. */
static size_t whole_lines(const struct reader *reader, size_t size)
{
	const char *end;

	if (reader->len <= size)
		return reader->len;
	end = memrchr(reader->lines, '\n', size);
	return end ? (size_t)(end - reader->lines) + 1 : 0;
}

/* Answers @req with what there is. */
static void give(struct reader *reader, fuse_req_t req, size_t size)
{
	size_t len = whole_lines(reader, size);

	if (!len) {
		fuse_reply_err(req, EINVAL);	/* no room for one line */
		return;
	}
	fuse_reply_buf(req, reader->lines, len);
	reader->len -= len;
	memmove(reader->lines, reader->lines + len, reader->len);
}

static void wake_poll(struct reader *reader)
{
	if (!reader->poll)
		return;
	fuse_lowlevel_notify_poll(reader->poll);
	fuse_pollhandle_destroy(reader->poll);
	reader->poll = NULL;
}

static void wake(struct reader *reader)
{
	if (reader->waiting) {
		give(reader, reader->waiting, reader->size);
		reader->waiting = NULL;
	}
	wake_poll(reader);
}

static void append(struct reader *reader, const char *line, size_t len)
{
	static const char lost[] = "lost\n";
	char *grown;

	if (reader->len && reader->lost)
		return;
	reader->lost = reader->len + len > READER_MAX;
	if (reader->lost) {
		line = lost;
		len = strlen(lost);
	}
	grown = realloc(reader->lines, reader->len + len);
	if (!grown) {
		reader->lost = true;
		return;
	}
	memcpy(grown + reader->len, line, len);
	reader->lines = grown;
	reader->len += len;
	wake(reader);
}

static void tell(const struct index_change *change, void *arg)
{
	struct reader *reader;
	size_t len;
	char *line = format_line(change, &len);

	(void)arg;
	if (!line)
		return;
	pthread_mutex_lock(&lock);
	for (reader = readers; reader; reader = reader->next)
		append(reader, line, len);
	pthread_mutex_unlock(&lock);
	free(line);
}

static struct reader *reader_of(const struct fuse_file_info *fi)
{
	return (struct reader *)(uintptr_t)fi->fh;
}

static void reader_free(struct disgrafsd *fs, struct reader *reader)
{
	struct reader **p;
	bool last;

	pthread_mutex_lock(&watching);
	pthread_mutex_lock(&lock);
	for (p = &readers; *p != reader; p = &(*p)->next)
		;
	*p = reader->next;
	last = !readers;
	pthread_mutex_unlock(&lock);
	if (last)
		index_watch(fs->index, NULL, NULL);
	pthread_mutex_unlock(&watching);
	if (reader->poll)
		fuse_pollhandle_destroy(reader->poll);
	free(reader->lines);
	free(reader);
}

void events_open(fuse_req_t req, struct fuse_file_info *fi)
{
	struct disgrafsd *fs = get_fs(req);
	struct reader *reader;

	if (!fs->index || (fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, fs->index ? EPERM : EOPNOTSUPP);
		return;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	/* What happened before is none of its business. */
	tagging_flush(fs);
	pthread_mutex_lock(&watching);
	pthread_mutex_lock(&lock);
	reader->next = readers;
	readers = reader;
	pthread_mutex_unlock(&lock);
	index_watch(fs->index, tell, NULL);
	pthread_mutex_unlock(&watching);
	fi->fh = (uintptr_t)reader;
	fi->direct_io = 1;
	fi->nonseekable = 1;
	if (fuse_reply_open(req, fi) < 0)
		reader_free(fs, reader);
}

/* A signal: the read ends. @req may be answered already, by another thread. */
static void interrupted(fuse_req_t req, void *arg)
{
	struct reader *reader;

	(void)arg;
	pthread_mutex_lock(&lock);
	for (reader = readers; reader; reader = reader->next) {
		if (reader->waiting != req)
			continue;
		reader->waiting = NULL;
		fuse_reply_err(req, EINTR);
		break;
	}
	pthread_mutex_unlock(&lock);
}

void events_read(fuse_req_t req, size_t size, struct fuse_file_info *fi)
{
	struct reader *reader = reader_of(fi);

	/* Calls it at once if need be, when nothing waits yet. */
	fuse_req_interrupt_func(req, interrupted, NULL);
	pthread_mutex_lock(&lock);
	if (reader->len) {
		give(reader, req, size);
	} else if (stopped) {
		fuse_reply_buf(req, NULL, 0);
	} else if (fi->flags & O_NONBLOCK) {
		fuse_reply_err(req, EAGAIN);
	} else if (reader->waiting) {
		fuse_reply_err(req, EBUSY);
	} else if (fuse_req_interrupted(req)) {
		fuse_reply_err(req, EINTR);
	} else {
		reader->waiting = req;
		reader->size = size;
	}
	pthread_mutex_unlock(&lock);
}

void events_poll(fuse_req_t req, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct reader *reader = reader_of(fi);

	pthread_mutex_lock(&lock);
	if (ph) {
		if (reader->poll)
			fuse_pollhandle_destroy(reader->poll);
		reader->poll = ph;
	}
	fuse_reply_poll(req, reader->len || stopped ? POLLIN | POLLRDNORM : 0);
	pthread_mutex_unlock(&lock);
}

void events_release(fuse_req_t req, struct fuse_file_info *fi)
{
	reader_free(get_fs(req), reader_of(fi));
	fuse_reply_err(req, 0);
}

void events_stop(struct disgrafsd *fs)
{
	struct reader *reader;

	if (fs->index)
		index_watch(fs->index, NULL, NULL);
	pthread_mutex_lock(&lock);
	stopped = true;
	for (reader = readers; reader; reader = reader->next) {
		if (reader->waiting)
			fuse_reply_buf(reader->waiting, NULL, 0);
		reader->waiting = NULL;
		wake_poll(reader);
	}
	pthread_mutex_unlock(&lock);
}
