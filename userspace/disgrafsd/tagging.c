// SPDX-License-Identifier: GPL-2.0
/*
 * Between the file operations and the index. The index looks at LOWER itself;
 * all that is passed on is where.
 */
#include "tagging.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "clock.h"
#include "extract.h"

/* Names of one file that are reported at a time; hardly any file has more. */
#define MAX_NAMES 64

/* Changes that the database did not get, and those that a rebuild is about to find. */
static _Atomic bool missed, catching_up;

/* How often is looked whether somebody has marked the index. */
#define MEND_MS 1000
/* Between rebuilds, which fail as long as the disk is full: twice as long each time. */
#define PAUSE_MIN_MS 2000
#define PAUSE_MAX_MS 300000

static struct {
	bool running;			/* the index is this machine's own */
	_Atomic bool lost;		/* a change, or what a rebuild did not get to */
	_Atomic bool said;
	_Atomic int64_t due;		/* not before that */
	int64_t pause;			/* of the rebuild under way */
} mending;

static void complain(struct disgrafsd *fs, int err)
{
	/* It is said that it is away, and when it is back all files are looked at. */
	if (err == -EHOSTDOWN) {
		missed = true;
		return;
	}
	if (err < 0)
		mending.lost = true;
	/* Once, not for every file while the disk is full. */
	if (err == -EUCLEAN)
		tagging_damaged(fs);
	else if (err < 0 && !atomic_exchange(&mending.said, true))
		log_msg(LOG_ERR, "%s/" INDEX_DIR ": %s: the index is out of date until it has been "
			"rebuilt, in the background", fs->opt.lower, index_error(fs->index));
}

/*
 * Names come and go often, and nobody needs to know at once: they wait here, are
 * recorded many at a time, and before anything is asked of the index or recorded
 * of a file's tags.
 */
#define QUEUE_MAX 4096
#define QUEUE_BATCH 256
#define QUEUE_DELAY_MS 50
/* How often an index is made anew at most that turns out to be damaged. */
#define DAMAGED_S 60

/* How many rebuilds were asked for since the last one under way began, and that one. */
static _Atomic unsigned int rebuilds;

enum event_type { MADE, NAME_CHANGED, WRITTEN };

struct event {
	struct event *next;
	enum event_type type;
	struct node *dir[2];		/* WRITTEN: the file, whose name is "" */
	char *name[2];
};

static struct {
	pthread_mutex_t lock;		/* of what follows */
	struct event *first, **last;
	size_t count;
	bool stop;
	pthread_cond_t wake;
	pthread_mutex_t recording;	/* taken first: all is recorded in order */
	int refused;			/* why it could not be begun, last */
	int64_t until;			/* and is not tried again */
	pthread_t thread;
	bool running;
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.recording = PTHREAD_MUTEX_INITIALIZER,
	.last = &queue.first,
};

static void event_free(struct disgrafsd *fs, struct event *event)
{
	int i;

	for (i = 0; i < 2; i++) {
		node_put(&fs->nodes, event->dir[i]);
		free(event->name[i]);
	}
	free(event);
}

static void record_written(struct disgrafsd *fs, int fd)
{
	complain(fs, index_look_at(fs->index, fd));
	extract_wake();
}

static void record(struct disgrafsd *fs, const struct event *event)
{
	struct index_name at[2];
	size_t count = event->dir[1] ? 2 : 1, i;

	if (event->type == WRITTEN) {
		record_written(fs, event->dir[0]->fd);
		return;
	}
	for (i = 0; i < count; i++)
		at[i] = (struct index_name){ event->dir[i]->fd, event->name[i] };
	if (event->type == MADE)
		complain(fs, index_made(fs->index, at[0].dir, at[0].name));
	else
		complain(fs, index_sync_names(fs->index, at, count));
}

static struct event *take_events(size_t max)
{
	struct event *events, **end = &events;

	pthread_mutex_lock(&queue.lock);
	events = queue.first;
	for (; *end && max; end = &(*end)->next, max--)
		queue.count--;
	queue.first = *end;
	*end = NULL;
	if (!queue.first)
		queue.last = &queue.first;
	pthread_mutex_unlock(&queue.lock);
	return events;
}

/*
 * A transaction, with queue.recording held. Whoever has the database locked keeps us waiting
 * no more than half of the time: in the other half it is as good as tried. 0 or -errno.
 */
static int begin_recording(struct disgrafsd *fs)
{
	int64_t began = now_ms();
	int ret = queue.refused;

	if (began < queue.until) {
		/* A rebuild that has begun since may not see this. */
		index_mark_stale(fs->index);
	} else {
		/* A failure leaves "stale" behind. */
		ret = index_batch_begin(fs->index);
		queue.refused = ret;
		/* What is away sees to that itself. */
		if (ret < 0 && ret != -EHOSTDOWN)
			queue.until = 2 * now_ms() - began;
	}
	complain(fs, ret);
	return ret;
}

static void record_queue(struct disgrafsd *fs)
{
	struct event *events, *event;
	int ret;

	while ((events = take_events(QUEUE_BATCH))) {
		ret = begin_recording(fs);
		while ((event = events)) {
			events = event->next;
			if (ret == 0)
				record(fs, event);
			event_free(fs, event);
		}
		if (ret == 0)
			complain(fs, index_batch_end(fs->index));
	}
}

void tagging_flush(struct disgrafsd *fs)
{
	if (!fs->index)
		return;
	pthread_mutex_lock(&queue.recording);
	record_queue(fs);
	pthread_mutex_unlock(&queue.recording);
}

/* For what is recorded at once, behind what waits. 0: record_end() has to follow. */
static int record_begin(struct disgrafsd *fs)
{
	int ret;

	pthread_mutex_lock(&queue.recording);
	record_queue(fs);
	ret = begin_recording(fs);
	if (ret < 0)
		pthread_mutex_unlock(&queue.recording);
	return ret;
}

static void record_end(struct disgrafsd *fs, int ret)
{
	complain(fs, ret);
	complain(fs, index_batch_end(fs->index));
	pthread_mutex_unlock(&queue.recording);
}

enum wake { WAKE_TIME, WAKE_EVENT, WAKE_STOP };

static enum wake wait_for_events(void)
{
	struct timespec until;
	enum wake wake;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MEND_MS / 1000;
	pthread_mutex_lock(&queue.lock);
	while (!queue.first && !queue.stop && !ret)
		ret = pthread_cond_timedwait(&queue.wake, &queue.lock, &until);
	wake = queue.stop ? WAKE_STOP : queue.first ? WAKE_EVENT : WAKE_TIME;
	pthread_mutex_unlock(&queue.lock);
	return wake;
}

/* Has it made anew if it is another one, or a change was not recorded, by whomever. */
static void mend(struct disgrafsd *fs)
{
	if (!mending.running || now_ms() < mending.due)
		return;
	complain(fs, index_follow(fs->index));
	if (index_was_followed(fs->index)) {
		log_msg(LOG_WARNING, "%s/" INDEX_DIR ": the index was removed or replaced: "
			"rebuilding it in the background", fs->opt.lower);
		mending.said = true;
		lower_lock_again(fs);
		tagging_rebuild(fs);
	}
	if (rebuilds)
		return;
	if (!mending.lost && !index_is_marked(fs->index))
		return;
	if (!atomic_exchange(&mending.said, true))
		log_msg(LOG_NOTICE, "%s/" INDEX_DIR ": the index is out of date: rebuilding it in "
			"the background", fs->opt.lower);
	tagging_rebuild(fs);
}

static void *recorder(void *arg)
{
	struct timespec delay = { .tv_nsec = QUEUE_DELAY_MS * 1000000 };
	struct disgrafsd *fs = arg;
	enum wake wake;

	do {
		wake = wait_for_events();
		if (wake != WAKE_STOP)
			mend(fs);
		if (wake == WAKE_EVENT)
			nanosleep(&delay, NULL);
		if (wake != WAKE_TIME)
			tagging_flush(fs);
	} while (wake != WAKE_STOP);
	return NULL;
}

/* Returns how many wait now, or 0 if it could not be added. */
static size_t add_event(struct disgrafsd *fs, struct event *event)
{
	size_t count = 0;
	int i;

	for (i = 0; i < 2; i++) {
		if (event->dir[i] && !event->name[i])
			goto err;
	}
	pthread_mutex_lock(&queue.lock);
	*queue.last = event;
	queue.last = &event->next;
	count = ++queue.count;
	pthread_cond_signal(&queue.wake);
	pthread_mutex_unlock(&queue.lock);
	return count;
err:
	event_free(fs, event);
	return 0;
}

static void report(struct disgrafsd *fs, enum event_type type, const struct node *dir, const char *name,
		   const struct node *new_dir, const char *new_name)
{
	struct event *event;
	size_t count = 0;

	if (!fs->index)
		return;
	event = calloc(1, sizeof(*event));
	if (event) {
		event->type = type;
		event->dir[0] = node_get(&fs->nodes, dir->id);
		event->name[0] = strdup(name);
		if (new_dir) {
			event->dir[1] = node_get(&fs->nodes, new_dir->id);
			event->name[1] = strdup(new_name);
		}
		/* The kernel forgot it: nothing can be there any more. */
		if (!event->dir[0] || (new_dir && !event->dir[1])) {
			event_free(fs, event);
			return;
		}
		count = add_event(fs, event);
	}
	if (!count)
		index_mark_stale(fs->index);
	else if (count > QUEUE_MAX)
		tagging_flush(fs);
}

void tagging_made(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	report(fs, MADE, dir, name, NULL, NULL);
}

void tagging_name_changed(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	report(fs, NAME_CHANGED, dir, name, NULL, NULL);
}

void tagging_renamed(struct disgrafsd *fs, const struct node *dir, const char *name,
		     const struct node *new_dir, const char *new_name)
{
	report(fs, NAME_CHANGED, new_dir, new_name, dir, name);
}

void tagging_written(struct disgrafsd *fs, const struct node *node)
{
	if (fs->opt.extract)
		report(fs, WRITTEN, node, "", NULL, NULL);
}

void tagging_path_written(struct disgrafsd *fs, int fd)
{
	struct node *node;
	struct stat st;

	if (!fs->index || !fs->opt.extract || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	/* Mostly through a backing file of ours: with what else waits. */
	node = node_find(&fs->nodes, &st);
	if (node) {
		tagging_written(fs, node);
	} else if (record_begin(fs) == 0) {
		record_written(fs, fd);
		record_end(fs, 0);
	}
	node_put(&fs->nodes, node);
}

void tagging_file_changed(struct disgrafsd *fs, struct node *node)
{
	struct node *dirs[MAX_NAMES];
	struct index_name names[MAX_NAMES];
	const struct node_name *known;
	size_t count = 0, i;

	if (!fs->index || record_begin(fs) < 0)
		return;
	/* What the kernel knows it by; the index sees which of them are true. */
	pthread_mutex_lock(&node->lock);
	for (known = node->names; known && count < MAX_NAMES; known = known->next) {
		dirs[count] = node_get(&fs->nodes, known->parent);
		if (!dirs[count])
			continue;
		names[count].dir = dirs[count]->fd;
		names[count].name = strdup(known->name);
		if (names[count].name)
			count++;
		else
			node_put(&fs->nodes, dirs[count]);
	}
	pthread_mutex_unlock(&node->lock);
	record_end(fs, index_sync_file(fs->index, node->fd, names, count));
	for (i = 0; i < count; i++) {
		free((char *)names[i].name);
		node_put(&fs->nodes, dirs[i]);
	}
}

void tagging_path_changed(struct disgrafsd *fs, int fd, int dir, const char *name)
{
	struct index_name at = { dir, name };

	if (fs->index && record_begin(fs) == 0)
		record_end(fs, index_sync_file(fs->index, fd, &at, 1));
}

void tagging_names_changed(struct disgrafsd *fs, const struct index_name *names, size_t count)
{
	if (fs->index && record_begin(fs) == 0)
		record_end(fs, index_sync_names(fs->index, names, count));
}

static void rebuilt(void)
{
	catching_up = false;
	mending.pause = 0;
	if (atomic_exchange(&mending.said, false))
		log_msg(LOG_NOTICE, "the index has been rebuilt");
}

static void not_rebuilt(void)
{
	if (!mending.running) {
		log_msg(LOG_ERR, "cannot rebuild the index: %s", index_error(NULL));
		return;
	}
	mending.lost = true;
	mending.pause = 2 * mending.pause;
	if (mending.pause < PAUSE_MIN_MS)
		mending.pause = PAUSE_MIN_MS;
	if (mending.pause > PAUSE_MAX_MS)
		mending.pause = PAUSE_MAX_MS;
	log_msg(LOG_ERR, "cannot rebuild the index: %s: trying again", index_error(NULL));
}

static void rebuild_once(int root)
{
	int64_t began = now_ms(), took;

	mending.lost = false;
	if (atomic_exchange(&missed, false))
		catching_up = true;
	if (index_rebuild(root, NULL, NULL) == 0)
		rebuilt();
	else
		not_rebuilt();
	/* No more than half of the time. */
	took = now_ms() - began;
	mending.due = now_ms() + (took > mending.pause ? took : mending.pause);
}

/* Has nothing of the daemon's but a descriptor of its own: the daemon may end meanwhile. */
static void *rebuild(void *arg)
{
	int root = (intptr_t)arg;
	unsigned int asked;

	do {
		asked = rebuilds;
		rebuild_once(root);
	} while (atomic_fetch_sub(&rebuilds, asked) != asked);
	extract_wake();
	close(root);
	return NULL;
}

/* Not waited for: what a daemon leaves unfinished is stale, and the next begins again. */
static void start_rebuild(struct disgrafsd *fs)
{
	intptr_t root = fcntl(fs->nodes.root->fd, F_DUPFD_CLOEXEC, 0);
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (root < 0 || pthread_create(&thread, &attr, rebuild, (void *)root)) {
		log_msg(LOG_ERR, "cannot rebuild the index: out of resources");
		if (root >= 0)
			close(root);
		rebuilds = 0;
	}
	pthread_attr_destroy(&attr);
}

bool tagging_is_behind(void)
{
	return missed || catching_up;
}

bool tagging_is_stale(struct disgrafsd *fs)
{
	return !rebuilds && (tagging_is_behind() || index_is_marked(fs->index));
}

void tagging_missed(struct disgrafsd *fs)
{
	if (fs->index)
		index_mark_stale(fs->index);
}

void tagging_rebuild(struct disgrafsd *fs)
{
	if (!fs->index)
		return;
	index_mark_stale(fs->index);
	if (!atomic_fetch_add(&rebuilds, 1))
		start_rebuild(fs);
}

void tagging_damaged(struct disgrafsd *fs)
{
	static _Atomic int64_t next;
	int64_t now = time(NULL), due = next;

	if (now < due || rebuilds || !atomic_compare_exchange_strong(&next, &due, now + DAMAGED_S))
		return;
	log_msg(LOG_ERR, "%s/" INDEX_DIR ": the index is damaged: rebuilding it in the background",
		fs->opt.lower);
	tagging_rebuild(fs);
}

void tagging_start(struct disgrafsd *fs)
{
	unsigned int state;

	fs->index = index_open(fs->nodes.root->fd, INDEX_WRITE | INDEX_CREATE | INDEX_LATER);
	if (!fs->index) {
		log_msg(LOG_WARNING, "%s/" INDEX_DIR ": %s: serving without a graph",
			fs->opt.lower, index_error(NULL));
		return;
	}
	state = index_state(fs->index);
	index_serve(fs->index);
	/* Where it is shared, whoever is connected sees to that. */
	mending.running = !index_tree(fs->index);
	queue.running = !pthread_create(&queue.thread, NULL, recorder, fs);
	if (!state || !mending.running)
		return;
	log_msg(LOG_NOTICE, "%s/" INDEX_DIR ": the index is %s: rebuilding it in the background",
		fs->opt.lower, state & INDEX_NEW ? "new" : state & INDEX_UNCLEAN ?
		"of a server that did not end properly" : "out of date");
	rebuilds = 1;
	start_rebuild(fs);
}

void tagging_stop(struct disgrafsd *fs)
{
	if (queue.running) {
		pthread_mutex_lock(&queue.lock);
		queue.stop = true;
		pthread_cond_signal(&queue.wake);
		pthread_mutex_unlock(&queue.lock);
		pthread_join(queue.thread, NULL);
	}
	tagging_flush(fs);
	/* It may not have been possible. */
	if (mending.running && mending.lost)
		index_mark_stale(fs->index);
	index_close(fs->index);
	fs->index = NULL;
}
