// SPDX-License-Identifier: GPL-2.0
#include "plugins.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "disgrafsd.h"

/* Of one that ends by itself or takes too long, in a row. */
#define MAX_ENDS 3
#define MAX_TYPE 100

struct plugin {
	struct worker worker;
	unsigned int ends;
	bool off;
};

/* One that others may change could do anything in the end. */
static bool is_plugin(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return false;
	if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & 022))
		return true;
	log_msg(LOG_WARNING, "%s: others may change it: not used", path);
	return false;
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void add(struct plugins *plugins, char *path, const struct worker *model)
{
	struct plugin *grown = reallocarray(plugins->plugin, plugins->count + 1, sizeof(*grown));

	if (!grown) {
		free(path);
		return;
	}
	plugins->plugin = grown;
	grown[plugins->count++] = (struct plugin){
		.worker = {
			.program = EXTRACTOR, .plugin = path,
			.timeout = model->timeout, .stop = model->stop,
		},
	};
}

void plugins_find(struct plugins *plugins, const char *dir, const struct worker *model)
{
	struct dirent **names;
	int count = scandir(dir, &names, visible, alphasort), i;
	char *path;

	for (i = 0; i < count; i++) {
		if (asprintf(&path, "%s/%s", dir, names[i]->d_name) >= 0) {
			if (is_plugin(path))
				add(plugins, path, model);
			else
				free(path);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

/* "TYPE NAME": the type as the extractor said last. */
static void describe(const struct worker_answer *answer, const char *name, char *out, size_t size)
{
	static const char key[] = "type ";
	const char *line = answer->buffer, *end = line + answer->size, *newline;
	const char *type = "application/octet-stream";
	size_t len = strlen(type);

	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', end - line);
		if ((size_t)(newline - line) < sizeof(key) || memcmp(line, key, sizeof(key) - 1))
			continue;
		type = line + sizeof(key) - 1;
		len = newline - type;
	}
	if (len > MAX_TYPE || memchr(type, ' ', len))
		len = 0;
	snprintf(out, size, "%.*s %s", (int)len, type, name);
}

static int look(struct plugin *plugin, int fd, const char *what, struct worker_answer *answer)
{
	bool ran = plugin->worker.pid;
	int ret = worker_look(&plugin->worker, fd, what, answer);

	/* Maybe it had ended before. */
	if (ret == -EPIPE && ran)
		ret = worker_look(&plugin->worker, fd, what, answer);
	/* It ended, or took too long and was ended. */
	if (ret == -EPIPE || (ret == 0 && !plugin->worker.pid))
		plugin->ends++;
	else if (ret == 0)
		plugin->ends = 0;
	if (plugin->ends == MAX_ENDS) {
		plugin->off = true;
		log_msg(LOG_WARNING, "%s: %s: not used any more", plugin->worker.plugin,
			ret == 0 ? "takes too long" : "ends by itself");
	}
	return ret;
}

int plugins_look(struct plugins *plugins, int fd, const char *name, struct worker_answer *answer)
{
	char what[MAX_TYPE + 300];
	size_t i;

	if (plugins->count)
		describe(answer, name, what, sizeof(what));
	for (i = 0; i < plugins->count; i++) {
		if (!plugins->plugin[i].off &&
		    look(&plugins->plugin[i], fd, what, answer) == -ECANCELED)
			return -ECANCELED;
	}
	return 0;
}

void plugins_end(struct plugins *plugins)
{
	while (plugins->count) {
		plugins->count--;
		worker_end(&plugins->plugin[plugins->count].worker);
		free((char *)plugins->plugin[plugins->count].worker.plugin);
	}
	free(plugins->plugin);
	plugins->plugin = NULL;
}
