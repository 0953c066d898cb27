// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs-extract: looks into files for disgrafsd, which starts it.
 *
 * Standard input is a Unix socket of messages. Each is the name of a file and has two
 * descriptors: the file, open for reading, and a pipe for what is found in it. Every
 * file gets a process of its own, which is what the sandbox is for: whatever a file
 * makes it do, the next one does not notice. The pipe ends when that process does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "look.h"
#include "sandbox.h"

#define CPU_SECONDS 10

struct request {
	char name[256];
	int file, out;
};

/* 1, 0 at the end, or -errno. */
static int receive(struct request *request)
{
	char control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = { request->name, sizeof(request->name) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;
	ssize_t n = recvmsg(STDIN_FILENO, &msg, MSG_CMSG_CLOEXEC);
	int fds[2];

	if (n <= 0)
		return n < 0 ? -errno : 0;
	request->name[n] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	request->file = fds[0];
	request->out = fds[1];
	return 1;
}

static void __attribute__((noreturn)) child(const struct looker *looker, const struct request *request)
{
	int ret;

	/* Whoever wonders what takes so long sees it. */
	prctl(PR_SET_NAME, request->name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(STDIN_FILENO);
	ret = sandbox_limits(CPU_SECONDS);
	if (ret == 0)
		ret = sandbox_filter();
	if (ret == 0)
		ret = look(looker, request->file, request->out);
	_exit(ret < 0);
}

static int serve(const struct looker *looker)
{
	struct request request;
	pid_t pid;
	int ret;

	while ((ret = receive(&request)) > 0) {
		pid = fork();
		if (pid == 0)
			child(looker, &request);
		close(request.file);
		close(request.out);
		if (pid < 0)
			return -errno;
		waitpid(pid, NULL, 0);
	}
	return ret;
}

int main(void)
{
	struct looker looker;
	int ret;

	setpriority(PRIO_PROCESS, 0, 19);
	ret = sandbox_user();
	if (ret < 0) {
		fprintf(stderr, "disgrafs-extract: cannot give up rights: %s\n", strerror(-ret));
		return 1;
	}
	/* Only now: another user forgets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ret = looker_open(&looker);
	if (ret < 0) {
		fprintf(stderr, "disgrafs-extract: no database of file types: %s\n",
			strerror(-ret));
		return 1;
	}
	ret = serve(&looker);
	if (ret < 0)
		fprintf(stderr, "disgrafs-extract: %s\n", strerror(-ret));
	looker_close(&looker);
	return ret < 0;
}
