// SPDX-License-Identifier: GPL-2.0
/* Waiting, in commands that go on until they are told to end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "pause.h"

static volatile sig_atomic_t ended;
/* With the two signals let through, which otherwise are blocked: none comes unseen. */
static sigset_t waiting;

static void on_signal(int signal)
{
	(void)signal;
	ended = 1;
}

void pause_start(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&action.sa_mask);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &waiting);
	sigdelset(&waiting, SIGINT);
	sigdelset(&waiting, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

enum pause pause_for(int fd, int ms)
{
	struct timespec limit = { ms / 1000, ms % 1000 * 1000000L };
	struct pollfd fds[] = {
		/* Nothing is asked of it: an error is told anyway. */
		{ .fd = STDOUT_FILENO },
		{ .fd = fd, .events = POLLIN },
	};
	int n;

	do {
		n = ppoll(fds, 2, ms < 0 ? NULL : &limit, &waiting);
	} while (n < 0 && errno == EINTR && !ended);
	if (ended || n < 0 || (fds[0].revents & (POLLERR | POLLHUP)))
		return PAUSE_END;
	return fds[1].revents ? PAUSE_READABLE : PAUSE_OVER;
}
