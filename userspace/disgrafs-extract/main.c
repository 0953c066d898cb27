// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs-extract: looks into files for disgrafsd, which starts it.
 *
 * Standard input is a Unix socket of messages. Each is the name of a file and has two
 * descriptors: the file, open for reading, and a pipe for what is found in it. Every
 * file gets a process of its own, which is what the sandbox is for: whatever a file
 * makes it do, the next one does not notice; and another one if it is of a kind of which
 * there is more to say. The pipe ends when these do.
 *
 * With --plugin it looks into nothing itself, but has a program of somebody else do so.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds.h"
#include "look.h"
#include "plugin.h"
#include "request.h"
#include "sandbox.h"

#define CPU_SECONDS 10

/* What a child ends with: this and the kind that the file is of, or less. */
#define STATUS_KIND 16

/* @kind: -1 for what can be said of any file. */
static void __attribute__((noreturn)) child(const struct looker *looker,
					    const struct request *request, int kind)
{
	int ret, found = -1;

	/* Whoever wonders what takes so long sees it. */
	prctl(PR_SET_NAME, request->name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(STDIN_FILENO);
	/* Libraries complain of files. */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	ret = sandbox_limits(CPU_SECONDS);
	if (ret == 0)
		ret = sandbox_filter();
	if (ret == 0)
		ret = kind < 0 ? look(looker, request->file, request->out, &found) :
				 kind_look(kind, request->file, request->out);
	_exit(ret < 0 ? 1 : found < 0 ? 0 : STATUS_KIND + found);
}

/* The kind that the file was found to be of, -1, or -errno below that. */
static int run(const struct looker *looker, const struct request *request, int kind)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		child(looker, request, kind);
	if (pid < 0)
		return -errno;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) >= STATUS_KIND ?
		WEXITSTATUS(status) - STATUS_KIND : -1;
}

static int serve(const struct looker *looker)
{
	struct request request;
	int ret, kind;

	while ((ret = request_receive(&request)) > 0) {
		kind = run(looker, &request, -1);
		if (kind >= 0)
			kind = run(looker, &request, kind);
		close(request.file);
		close(request.out);
		if (kind < -1)
			return kind;
	}
	return ret;
}

int main(int argc, char *argv[])
{
	struct looker looker;
	int ret;

	if (argc != 1 && (argc != 3 || strcmp(argv[1], "--plugin"))) {
		fprintf(stderr, "Usage: disgrafs-extract [--plugin PROGRAM]\n"
				"For disgrafsd, which starts it.\n");
		return 2;
	}
	setpriority(PRIO_PROCESS, 0, 19);
	ret = sandbox_user();
	if (ret < 0) {
		fprintf(stderr, "disgrafs-extract: cannot give up rights: %s\n", strerror(-ret));
		return 1;
	}
	/* Only now: another user forgets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc == 3)
		return plugin_serve(argv[2]) < 0;
	ret = looker_open(&looker);
	if (ret < 0) {
		fprintf(stderr, "disgrafs-extract: no database of file types: %s\n",
			strerror(-ret));
		return 1;
	}
	kinds_open();
	ret = serve(&looker);
	if (ret < 0)
		fprintf(stderr, "disgrafs-extract: %s\n", strerror(-ret));
	looker_close(&looker);
	return ret < 0;
}
