// SPDX-License-Identifier: GPL-2.0
/*
 * Going to the background. Whoever started the daemon waits until the mount
 * answers, and gets its messages and its exit status until then.
 */
#include "disgrafsd.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <syslog.h>

static int ready_fd = -1;

/* Waits for the daemon to answer INIT. */
static bool answers(const char *mountpoint)
{
	struct statfs sf;

	if (statfs(mountpoint, &sf) < 0)
		log_msg(LOG_ERR, "%s: %s", mountpoint, strerror(errno));
	else if ((unsigned int)sf.f_type != FUSE_SUPER_MAGIC)
		log_msg(LOG_ERR, "%s: unmounted again at once", mountpoint);
	else
		return true;
	return false;
}

/* The exit status of a daemon that ended before it was ready: it has said why. */
static int status_of(pid_t pid, int failure)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return failure;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ?: failure;
	log_msg(LOG_ERR, "ended by signal %d", WTERMSIG(status));
	return failure;
}

int background_start(const struct options *opt)
{
	int fds[2];
	pid_t pid;
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(fds[0]);
		ready_fd = fds[1];
		return 0;
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		exit(status_of(pid, opt->failure));
	exit(answers(opt->mountpoint) ? 0 : opt->failure);
}

void background_ready(void)
{
	int null;

	if (ready_fd < 0)
		return;
	log_to_syslog();
	/* Not before: Ctrl-C ends a daemon that is not ready. */
	setsid();
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	if (write(ready_fd, "", 1) < 0)
		log_msg(LOG_WARNING, "nobody waits for the mount");
	close(ready_fd);
	ready_fd = -1;
}
