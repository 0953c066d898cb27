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

#include "index.h"

/* Names of one file that are reported at a time; hardly any file has more. */
#define MAX_NAMES 64

/* Once, not for every file while the disk is full. */
static void complain(struct disgrafsd *fs, int err)
{
	static _Atomic bool said;

	if (err < 0 && !atomic_exchange(&said, true))
		log_msg(LOG_ERR, "%s/" INDEX_DIR ": %s: tags may be missing from the graph until "
			"'disgrafs reindex'", fs->opt.lower, index_error(fs->index));
}

void tagging_made(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	if (fs->index)
		complain(fs, index_made(fs->index, dir->fd, name));
}

void tagging_name_changed(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	struct index_name at = { dir->fd, name };

	if (fs->index)
		complain(fs, index_sync_names(fs->index, &at, 1));
}

void tagging_renamed(struct disgrafsd *fs, const struct node *dir, const char *name,
		     const struct node *new_dir, const char *new_name)
{
	struct index_name at[] = { { new_dir->fd, new_name }, { dir->fd, name } };

	if (fs->index)
		complain(fs, index_sync_names(fs->index, at, 2));
}

void tagging_file_changed(struct disgrafsd *fs, struct node *node)
{
	struct node *dirs[MAX_NAMES];
	struct index_name names[MAX_NAMES];
	const struct node_name *known;
	size_t count = 0, i;

	if (!fs->index)
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
	complain(fs, index_sync_file(fs->index, node->fd, names, count));
	for (i = 0; i < count; i++) {
		free((char *)names[i].name);
		node_put(&fs->nodes, dirs[i]);
	}
}

/* Has nothing of the daemon's but a descriptor of its own: the daemon may end meanwhile. */
static void *rebuild(void *arg)
{
	int root = (intptr_t)arg, ret = index_rebuild(root, NULL, NULL);

	if (ret < 0)
		log_msg(LOG_ERR, "cannot rebuild the index: %s", strerror(-ret));
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
	}
	pthread_attr_destroy(&attr);
}

void tagging_start(struct disgrafsd *fs)
{
	unsigned int state;

	fs->index = index_open(fs->nodes.root->fd, INDEX_WRITE | INDEX_CREATE);
	if (!fs->index) {
		log_msg(LOG_WARNING, "%s/" INDEX_DIR ": %s: serving without a graph",
			fs->opt.lower, index_error(NULL));
		return;
	}
	state = index_state(fs->index);
	index_serve(fs->index);
	if (!state)
		return;
	log_msg(LOG_NOTICE, "%s/" INDEX_DIR ": the index is %s: rebuilding it in the background",
		fs->opt.lower, state & INDEX_NEW ? "new" : state & INDEX_UNCLEAN ?
		"of a server that did not end properly" : "out of date");
	start_rebuild(fs);
}

void tagging_stop(struct disgrafsd *fs)
{
	index_close(fs->index);
	fs->index = NULL;
}
