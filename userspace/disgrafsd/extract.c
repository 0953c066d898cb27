// SPDX-License-Identifier: GPL-2.0
#include "extract.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <time.h>

#include "autotag.h"
#include "index.h"
#include "plugins.h"
#include "tagging.h"
#include "worker.h"

/* A file that is written again and again is looked at no more often. */
#define DELAY_MS 1000
/* How long a rebuild that somebody else made may go unnoticed. */
#define LOOK_AROUND_MS 60000
/* Of a worker that ends by itself. */
#define MAX_RESTARTS 3

static struct {
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	bool some, stop;
	bool running;
	pthread_t thread;
	struct worker worker;
	unsigned int restarts;
	struct plugins plugins;
	int64_t generation;		/* whose new files are known to be to be looked at */
} extract = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
};

void extract_wake(void)
{
	pthread_mutex_lock(&extract.lock);
	extract.some = true;
	pthread_cond_signal(&extract.wake);
	pthread_mutex_unlock(&extract.lock);
}

/* Waits so long, or for less if there is something to do unless @quiet. False: the end. */
static bool wait_ms(unsigned int ms, bool quiet)
{
	struct timespec until;
	int ret = 0;
	bool stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&extract.lock);
	while (!extract.stop && (quiet || !extract.some) && !ret)
		ret = pthread_cond_timedwait(&extract.wake, &extract.lock, &until);
	stop = extract.stop;
	pthread_mutex_unlock(&extract.lock);
	return !stop;
}

/* 0, or what ends the pass. */
static int look(struct disgrafsd *fs, struct tagindex *index, struct index_job *job)
{
	struct worker_answer answer = { };
	int ret = 0;

	if (job->fd < 0) {
		/* Renamed a moment ago, or not to be had. */
		tagging_flush(fs);
		job->node--;
		if (index_next_job(index, job) <= 0)
			return 0;
	}
	if (job->fd >= 0)
		ret = worker_look(&extract.worker, job->fd, job->name, &answer);
	if (ret == 0 && job->fd >= 0)
		ret = plugins_look(&extract.plugins, job->fd, job->name, &answer);
	if (ret == 0)
		ret = worker_parse(&answer);
	if (ret == 0)
		ret = index_found(index, job, &answer.found);
	worker_answer_free(&answer);
	if (ret == 0 && job->fd >= 0 && fs->opt.auto_tags)
		autotag(fs, index, job);
	if (job->fd >= 0)
		close(job->fd);
	return ret;
}

/* Looks at each file that is to be looked at. Returns whether to go on. */
static bool pass(struct disgrafsd *fs, struct tagindex *index)
{
	struct index_job job = { };
	int ret = 0;

	while (ret == 0 && index_next_job(index, &job) > 0) {
		ret = look(fs, index, &job);
		if (ret == -EPIPE && ++extract.restarts < MAX_RESTARTS) {
			/* Maybe by the file before: once more. After that it stays to be done. */
			if (extract.restarts == 1)
				job.node--;
			ret = 0;
		} else if (ret == 0) {
			extract.restarts = 0;
		}
		/* Someone else writes to the index, or the disk is full: later. */
		if (ret == -EBUSY)
			extract_wake();
		if (ret == -EUCLEAN)
			tagging_damaged(fs);
		if (ret == -EBUSY || ret == -ENOSPC || ret == -EHOSTDOWN || ret == -EUCLEAN)
			return true;
	}
	if (ret == 0 || ret == -ECANCELED)
		return true;
	log_msg(LOG_WARNING, "%s: %s: files are not looked into", extract.worker.program,
		ret == -EPIPE ? "ends by itself" : strerror(-ret));
	return false;
}

/* What no one has told us of: files that a rebuild found. */
static void look_around(struct tagindex *index)
{
	int64_t generation = index_generation(index);

	if (generation && generation != extract.generation && index_look_at_new(index) == 0)
		extract.generation = generation;
}

static void *extractor(void *arg)
{
	struct disgrafsd *fs = arg;
	/* Another handle: requests do not wait for this one. */
	struct tagindex *index = index_open(fs->nodes.root->fd, INDEX_WRITE | INDEX_LATER);
	bool go = index;

	while (go && wait_ms(LOOK_AROUND_MS, false)) {
		/* What was just written may be written again at once. */
		if (!wait_ms(DELAY_MS, true))
			break;
		pthread_mutex_lock(&extract.lock);
		extract.some = false;
		pthread_mutex_unlock(&extract.lock);
		tagging_flush(fs);
		index_follow(index);
		look_around(index);
		go = pass(fs, index);
	}
	plugins_end(&extract.plugins);
	worker_end(&extract.worker);
	index_close(index);
	return NULL;
}

void extract_start(struct disgrafsd *fs)
{
	if (!fs->index)
		return;
	if (!fs->opt.extract) {
		/* They would not be true for long. */
		index_forget_facts(fs->index);
		return;
	}
	extract.worker.program = fs->opt.extractor;
	extract.worker.timeout = fs->opt.extract_timeout;
	extract.worker.stop = eventfd(0, EFD_CLOEXEC);
	plugins_find(&extract.plugins, fs->opt.plugins, &extract.worker);
	extract.some = true;
	extract.running = extract.worker.stop >= 0 &&
			  !pthread_create(&extract.thread, NULL, extractor, fs);
	if (!extract.running)
		log_msg(LOG_ERR, "cannot look into files: out of resources");
}

void extract_stop(void)
{
	if (!extract.running)
		return;
	pthread_mutex_lock(&extract.lock);
	extract.stop = true;
	pthread_cond_signal(&extract.wake);
	pthread_mutex_unlock(&extract.lock);
	eventfd_write(extract.worker.stop, 1);
	pthread_join(extract.thread, NULL);
	close(extract.worker.stop);
}
