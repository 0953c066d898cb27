// SPDX-License-Identifier: GPL-2.0
/*
 * What was found in files. A file has been looked at when its row in "looked" says so,
 * with the mtime and size that it had; one whose row has neither is due. Nothing here
 * makes the index stale: facts that could not be recorded stay due.
 */
#include "indexdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "fold.h"
#include "fulltext.h"
#include "traits.h"

/* Nodes a transaction: others wait no longer than that takes. */
#define SCAN_BATCH 4096

static int begin(struct tagindex *index)
{
	int ret;

	pthread_mutex_lock(&index->lock);
	ret = follow(index);
	if (ret >= 0)
		ret = db_start(index);
	if (ret < 0)
		pthread_mutex_unlock(&index->lock);
	return ret;
}

static int finish(struct tagindex *index, int ret)
{
	ret = db_end(index, ret);
	pthread_mutex_unlock(&index->lock);
	return ret;
}

int64_t time_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

int64_t mtime_ns(const struct stat *st)
{
	return time_ns(&st->st_mtim);
}

int index_look_at(struct tagindex *index, int fd)
{
	int64_t node = 0;
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	ret = index_batch_begin(index);
	if (ret < 0)
		return ret;
	ret = find_node(index, &st, &node);
	if (ret > 0)
		ret = run(index, ST_LOOK_AT, node, NULL, mtime_ns(&st), st.st_size, NULL);
	return end(index, ret);
}

int index_look_at_new(struct tagindex *index)
{
	int64_t after = 0, last = 0;
	int ret = run(index, ST_LAST_NODE, 0, NULL, 0, 0, &last);

	for (; ret >= 0 && after < last; after += SCAN_BATCH) {
		ret = begin(index);
		if (ret == 0)
			ret = finish(index, run(index, ST_LOOK_AT_NEW, after, NULL,
						after + SCAN_BATCH, 0, NULL));
	}
	return ret < 0 ? ret : 0;
}

int64_t index_generation(struct tagindex *index)
{
	int64_t generation = 0, stale = 1;

	pthread_mutex_lock(&index->lock);
	if (meta_get(index, "stale", &stale) == 0 && !stale)
		meta_get(index, "generation", &generation);
	pthread_mutex_unlock(&index->lock);
	return generation;
}

/* ---- one file ---- */

/*
 * Opens the file for reading if it still is the node of the job, without making it
 * look read, and without waiting for whoever has a lease on it.
 */
static void open_job(struct tagindex *index, const char *path, struct index_job *job)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	int fd = open_beneath(index->root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	int64_t node = 0;
	char proc[32];

	if (fd < 0) {
		job->err = errno;
		return;
	}
	if (fstat(fd, &job->st) == 0 && S_ISREG(job->st.st_mode) &&
	    find_node(index, &job->st, &node) > 0 && node == job->node) {
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		job->fd = open(proc, flags | O_NOATIME);
		if (job->fd < 0 && errno == EPERM)
			job->fd = open(proc, flags);
		job->err = job->fd < 0 ? errno : 0;
	}
	close(fd);
}

int index_next_job(struct tagindex *index, struct index_job *job)
{
	const char *name;
	char *path;
	int ret;

	job->fd = -1;
	job->err = 0;
	memset(&job->st, 0, sizeof(job->st));
	pthread_mutex_lock(&index->lock);
	ret = run(index, ST_LOOK_NEXT, job->node, NULL, 0, 0, &job->node);
	path = ret > 0 ? first_path(index, job->node) : NULL;
	if (path) {
		open_job(index, path, job);
		name = strrchr(path, '/');
		snprintf(job->name, sizeof(job->name), "%s", name ? name + 1 : path);
	}
	pthread_mutex_unlock(&index->lock);
	free(path);
	return ret;
}

/* It could be opened another time: there is a lease on it, no descriptor is left. */
static bool is_for_now(int err)
{
	/* 0: something else is there */
	return err && !is_absent(err) && err != ENXIO && err != EXDEV && err != ENAMETOOLONG;
}

/* Whether the file of the job has changed since it was opened, so that it is due again. */
static bool changed(const struct index_job *job)
{
	struct stat st;

	return fstat(job->fd, &st) == 0 &&
	       (mtime_ns(&st) != mtime_ns(&job->st) || st.st_size != job->st.st_size);
}

/* 1: what was found in the file of the job is not true of its node. 0 or -errno. */
static int is_outdated(struct tagindex *index, const struct index_job *job)
{
	int64_t node = 0;
	int ret;

	if (job->fd < 0)
		return 0;
	if (changed(job))
		return 1;
	/* It is gone, and SQLite gave its number to another one. */
	ret = find_node(index, &job->st, &node);
	return ret < 0 ? ret : node != job->node;
}

static int add_fact(struct tagindex *index, int64_t node, const struct index_fact *fact)
{
	struct db_stmt *stmt = statement(index, ST_FACT_ADD);
	int ret;

	if (!stmt)
		return db_failed(index);
	if (!trait_is_value(fact->value))
		return 0;
	db_bind_int(stmt, 1, node);
	db_bind_text(stmt, 2, fact->key, strlen(fact->key));
	db_bind_text(stmt, 3, fact->value, strlen(fact->value));
	ret = db_step(stmt) < 0 ? db_failed(index) : 0;
	db_reset(stmt);
	return ret;
}

static int set_facts(struct tagindex *index, const struct index_job *job,
		     const struct index_findings *found)
{
	struct index_fact keyword;
	size_t i;
	int ret;

	ret = run(index, ST_LOOKED, job->node, NULL, mtime_ns(&job->st), job->st.st_size, NULL);
	/* Without a row: the node is gone meanwhile. */
	if (ret <= 0)
		return ret;
	ret = run1(index, ST_FACT_DROP, job->node);
	for (i = 0; i < found->count && ret >= 0; i++)
		ret = add_fact(index, job->node, &found->fact[i]);
	for (i = 0; i < found->keywords && ret >= 0; i++) {
		keyword = (struct index_fact){ TRAIT_KEYWORD, found->keyword[i].word, 0 };
		ret = add_fact(index, job->node, &keyword);
	}
	if (ret >= 0)
		ret = traits_set_found(index, job->node, found);
	if (ret < 0)
		return ret;
	if (found->text_size)
		return fulltext_set(index, job->node, found->text, found->text_size);
	return fulltext_drop(index, job->node);
}

int index_found(struct tagindex *index, const struct index_job *job,
		const struct index_findings *found)
{
	int ret;

	if (job->fd < 0 && is_for_now(job->err))
		return 0;
	ret = begin(index);
	if (ret < 0)
		return ret;
	/* Only now, when nobody else can record that it has changed. */
	ret = is_outdated(index, job);
	return finish(index, ret ?: set_facts(index, job, found));
}

/* ---- all of one file ---- */

struct keywords {
	struct index_fact *fact;
	size_t count;
};

static void free_keywords(struct keywords *keywords)
{
	while (keywords->count)
		free((char *)keywords->fact[--keywords->count].value);
	free(keywords->fact);
}

/* How much it says of the file, by what else has it. */
static double weight_of(struct tagindex *index, int64_t node, const char *word)
{
	struct db_stmt *stmt = statement(index, ST_KEYWORD);
	char *folded = fold_keyword(word);
	double weight = 0;

	if (stmt && folded) {
		db_bind_text(stmt, 1, folded, strlen(folded));
		db_bind_int(stmt, 2, node);
		if (db_step(stmt) > 0)
			weight = traits_weight(index, db_double(stmt, 0), db_int(stmt, 1));
		db_reset(stmt);
	}
	free(folded);
	return weight;
}

static int add_keyword(struct tagindex *index, int64_t node, const char *word,
		       struct keywords *keywords)
{
	struct index_fact *grown = reallocarray(keywords->fact, keywords->count + 1,
						sizeof(*grown));
	char *copy = grown ? strdup(word) : NULL;

	if (grown)
		keywords->fact = grown;
	if (!copy)
		return failed(index, ENOMEM);
	grown[keywords->count++] = (struct index_fact){ TRAIT_KEYWORD, copy,
							weight_of(index, node, word) };
	return 0;
}

static int by_weight(const void *a, const void *b)
{
	const struct index_fact *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return strcmp(x->value, y->value);
}

static int tell_facts(struct tagindex *index, int64_t node, struct keywords *keywords,
		      index_fact_fn fn, void *arg)
{
	struct db_stmt *stmt = statement(index, ST_FACTS);
	char *key, *value;
	int ret = 0;

	if (!stmt)
		return db_failed(index);
	db_bind_int(stmt, 1, node);
	while (!ret && db_step(stmt) > 0) {
		key = column_string(stmt, 0);
		value = column_string(stmt, 1);
		if (!key || !value)
			ret = failed(index, ENOMEM);
		else if (!strcmp(key, TRAIT_KEYWORD))
			ret = add_keyword(index, node, value, keywords);
		else
			ret = fn(&(struct index_fact){ key, value, 0 }, arg);
		free(key);
		free(value);
	}
	db_reset(stmt);
	return ret;
}

int index_node_facts(struct tagindex *index, int64_t node, index_fact_fn fn, void *arg)
{
	unsigned int begun = ask_begin(index);
	struct keywords keywords = { };
	size_t i;
	int ret;

	ret = tell_facts(index, node, &keywords, fn, arg);
	if (keywords.count)
		qsort(keywords.fact, keywords.count, sizeof(*keywords.fact), by_weight);
	for (i = 0; i < keywords.count && !ret; i++)
		ret = fn(&keywords.fact[i], arg);
	ret = ask_end(index, begun, ret);
	free_keywords(&keywords);
	return ret;
}

int index_facts(struct tagindex *index, const char *path, index_fact_fn fn, void *arg)
{
	int64_t node;
	int ret;
	unsigned int begun;

	begun = ask_begin(index);
	ret = path_node(index, path, &node);
	if (ret >= 0)
		ret = ret ? index_node_facts(index, node, fn, arg) : -ENOENT;
	ret = ask_end(index, begun, ret);
	return ret;
}

int index_forget_facts(struct tagindex *index)
{
	int64_t some = 0;
	int ret = run(index, ST_LOOKED_ANY, 0, NULL, 0, 0, &some);

	if (ret <= 0)
		return ret;
	ret = begin(index);
	if (ret < 0)
		return ret;
	ret = run1(index, ST_FORGET_LOOKED, 0);
	if (ret >= 0)
		ret = run1(index, ST_FORGET_FACTS, 0);
	if (ret >= 0)
		ret = run1(index, ST_FORGET_TEXT, 0);
	if (ret >= 0)
		ret = traits_forget(index);
	return finish(index, ret);
}
