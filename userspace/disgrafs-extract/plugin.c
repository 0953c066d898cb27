// SPDX-License-Identifier: GPL-2.0
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "request.h"
#include "sandbox.h"

#define DEFAULT_BYTES (16L << 20)
#define CHUNK 65536
/* What is more of a line is left out. */
#define LINE_BYTES (1 << 20)

struct plugin {
	int in;			/* what it reads */
	FILE *out;		/* what it writes */
	char *types;		/* NULL: all */
	long bytes;
	char *line;		/* the last that it wrote, without its end; LINE_BYTES */
};

static void __attribute__((noreturn)) run(const char *program, int in, int out)
{
	char *argv[] = { (char *)program, NULL };
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	ret = sandbox_plugin();
	if (ret == 0) {
		execv(program, argv);
		ret = -errno;
	}
	fprintf(stderr, "disgrafs-extract: %s: %s\n", program, strerror(-ret));
	_exit(1);
}

static int start(struct plugin *plugin, const char *program)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run(program, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	plugin->in = in[1];
	plugin->out = fdopen(out[0], "r");
	return pid < 0 || !plugin->out ? -errno : 0;
}

/* False: that was the end of the plug-in. */
static bool read_line(struct plugin *plugin)
{
	size_t len = 0;
	int c;

	while ((c = getc_unlocked(plugin->out)) != EOF && c != '\n') {
		if (len < LINE_BYTES - 1)
			plugin->line[len++] = c;
	}
	plugin->line[len] = '\0';
	return c == '\n';
}

static bool begins(const char *s, const char *word)
{
	return !strncmp(s, word, strlen(word));
}

static int greet(struct plugin *plugin)
{
	while (read_line(plugin)) {
		if (!strcmp(plugin->line, "ready"))
			return 0;
		if (begins(plugin->line, "types ")) {
			free(plugin->types);
			plugin->types = strdup(plugin->line + 6);
		} else if (begins(plugin->line, "bytes ")) {
			plugin->bytes = atol(plugin->line + 6);
		}
	}
	return -EPIPE;
}

/* Whether one of the prefixes is of the @len bytes of the type. */
static bool is_wanted(const struct plugin *plugin, const char *type, size_t len)
{
	const char *prefix = plugin->types;
	size_t n;

	for (; prefix && *prefix; prefix += n + strspn(prefix + n, " ")) {
		n = strcspn(prefix, " ");
		if (n && n <= len && !strncmp(type, prefix, n))
			return true;
	}
	return !plugin->types;
}

static bool write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		n = write(fd, data, size);
		if (n <= 0)
			return false;
	}
	return true;
}

/* The line and the bytes, which are as many as it says even if the file is cut meanwhile. */
static bool ask(const struct plugin *plugin, const struct request *request, long bytes)
{
	char line[sizeof(request->name) + 32], chunk[CHUNK];
	off_t pos = 0;
	ssize_t n;
	char *c;

	snprintf(line, sizeof(line), "file %ld %s", bytes, request->name);
	for (c = line; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = '?';
	}
	*c++ = '\n';
	if (!write_all(plugin->in, line, c - line))
		return false;
	for (; pos < bytes; pos += n) {
		n = pread(request->file, chunk, sizeof(chunk), pos);
		if (n <= 0) {
			memset(chunk, 0, sizeof(chunk));
			n = sizeof(chunk);
		}
		if (n > bytes - pos)
			n = bytes - pos;
		if (!write_all(plugin->in, chunk, n))
			return false;
	}
	return true;
}

/* Asked by a process of its own: it may answer before it has read all. */
static int look(struct plugin *plugin, const struct request *request)
{
	struct stat st;
	bool ended;
	long bytes;
	pid_t pid;

	if (fstat(request->file, &st) < 0)
		return 0;
	bytes = st.st_size < plugin->bytes ? st.st_size : plugin->bytes;
	pid = fork();
	if (pid == 0)
		_exit(!ask(plugin, request, bytes));
	while (!(ended = !read_line(plugin)) && strcmp(plugin->line, "done")) {
		/* These are what others rely on. */
		if (begins(plugin->line, "type ") || begins(plugin->line, "charset ") ||
		    begins(plugin->line, "sha256 "))
			continue;
		dprintf(request->out, "%s\n", plugin->line);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return ended || pid < 0 ? -EPIPE : 0;
}

int plugin_serve(const char *program)
{
	struct plugin plugin = { .bytes = DEFAULT_BYTES, .line = malloc(LINE_BYTES) };
	struct request request;
	int ret;

	/* Whoever hears nothing any more kills us. */
	signal(SIGPIPE, SIG_IGN);
	ret = plugin.line ? start(&plugin, program) : -ENOMEM;
	if (ret == 0)
		ret = greet(&plugin);
	while (ret == 0 && (ret = request_receive(&request)) > 0) {
		ret = 0;
		if (is_wanted(&plugin, request.name, strcspn(request.name, " ")))
			ret = look(&plugin, &request);
		/* An answer without anything would be none. */
		if (ret == 0)
			dprintf(request.out, "\n");
		close(request.file);
		close(request.out);
	}
	return ret;
}
