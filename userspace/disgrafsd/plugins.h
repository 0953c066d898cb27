/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of others that look into files as well, each run by a worker of its own, so
 * that one that hangs or ends costs what it would have said and nothing else.
 */
#ifndef DISGRAFSD_PLUGINS_H
#define DISGRAFSD_PLUGINS_H

#include "worker.h"

struct plugin;

struct plugins {
	struct plugin *plugin;
	size_t count;
};

/*
 * Those in the directory @dir, by name; none if there is no such directory. They get the
 * timeout and the eventfd of @model.
 */
void plugins_find(struct plugins *plugins, const char *dir, const struct worker *model);
/*
 * Adds what they say of the file, of which it is known what the extractor said, to the
 * answer. 0 or -ECANCELED.
 */
int plugins_look(struct plugins *plugins, int fd, const char *name, struct worker_answer *answer);
void plugins_end(struct plugins *plugins);

#endif
