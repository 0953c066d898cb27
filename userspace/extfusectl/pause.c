// SPDX-License-Identifier: GPL-2.0
/* Waiting, in commands that go on until they are told to end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <unistd.h>

#include "pause.h"

/* At once, not after what is being written: that may be to a reader who does not read. */
static void on_signal(int signal)
{
	(void)signal;
	_exit(0);
}

void pause_start(void)
{
	struct sigaction end = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&end.sa_mask);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	signal(SIGPIPE, SIG_IGN);

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

enum pause pause_for(int fd, int ms)
{
	struct pollfd fds[] = {
		/* Nothing is asked of it: an error is told anyway. */
		{ .fd = STDOUT_FILENO },
		{ .fd = fd, .events = POLLIN },
	};
	int n;

	do {
		n = poll(fds, 2, ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0 || (fds[0].revents & (POLLERR | POLLHUP)))
		return PAUSE_END;
	return fds[1].revents ? PAUSE_READABLE : PAUSE_OVER;
}

void pause_end(FILE *out)
{
	struct pollfd reader = { .fd = fileno(out) };

	if (ferror(out) && poll(&reader, 1, 0) == 1 && (reader.revents & (POLLERR | POLLHUP))) {
		__fpurge(out);
		clearerr(out);
	}
}
