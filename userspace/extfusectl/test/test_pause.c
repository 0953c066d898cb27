// SPDX-License-Identifier: GPL-2.0
/* How commands that go on end: each in a process of its own. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pause.h"
#include "test.h"

/* A test that does not end fails. */
#define PATIENCE_S 20

static int ends[2];

static void fill(void)
{
	for (;;)
		puts("as much as the pipe takes, and more");
}

static void wait_for_ever(void)
{
	pause_for(-1, -1);
}

static void write_to(int fd)
{
	dup2(fd, STDOUT_FILENO);
	puts("one");
	fflush(stdout);
	if (!ferror(stdout))
		_exit(2);
	pause_end(stdout);
	_exit(fflush(stdout) || ferror(stdout));
}

static void write_to_nobody(void)
{
	int fds[2];

	if (pipe(fds))
		_exit(4);
	close(fds[0]);
	write_to(fds[1]);
}

static void write_to_full(void)
{
	write_to(open("/dev/full", O_WRONLY | O_CLOEXEC));
}

/* Has a child do @what with standard output in the pipe. */
static pid_t begin(void (*what)(void))
{
	pid_t pid;

	assert_return_code(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		alarm(PATIENCE_S);
		pause_start();
		/* It is about to. */
		write(STDOUT_FILENO, "x", 1);
		what();
		_exit(3);
	}
	close(ends[1]);
	return pid;
}

static void assert_exit(pid_t pid, int expected)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
	close(ends[0]);
}

static void signals(void **state)
{
	static void (*const whats[])(void) = { fill, wait_for_ever };
	static const int numbers[] = { SIGINT, SIGTERM };
	unsigned int i, j;
	pid_t pid;
	char c;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			pid = begin(whats[i]);
			assert_int_equal(read(ends[0], &c, 1), 1);
			usleep(100000);
			kill(pid, numbers[j]);
			assert_exit(pid, 0);
		}
	}
}

static void no_reader(void **state)
{
	(void)state;
	assert_exit(begin(write_to_nobody), 0);
	/* Any other error stays one. */
	assert_exit(begin(write_to_full), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals),
		cmocka_unit_test(no_reader),
	};

	return cmocka_run_group_tests_name("pause", tests, NULL, NULL);
}
