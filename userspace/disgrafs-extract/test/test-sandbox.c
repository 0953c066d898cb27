// SPDX-License-Identifier: GPL-2.0
/*
 * What a process in the sandbox can do, and what ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandbox.h"

/* How a process ends that does this in the sandbox. */
static int status_of(void (*action)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_user() < 0 || sandbox_filter() < 0)
			_exit(2);
		action();
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void read_and_write(void)
{
	static char buf[1 << 16];

	/* Not through the sanitizers, which do more. */
	syscall(SYS_lseek, 0, 0, SEEK_CUR);
	syscall(SYS_pread64, 0, buf, sizeof(buf), 0);
	syscall(SYS_write, -1, buf, sizeof(buf));
	syscall(SYS_mmap, NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
}

/* Libraries try to, so it is not the end. */
static void open_file(void)
{
	struct stat st;

	if (syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY) >= 0 ||
	    syscall(SYS_openat, -1, "/dev/null", O_WRONLY) >= 0 ||
	    syscall(SYS_access, "/etc/passwd", F_OK) == 0 ||
	    syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, 0) == 0)
		syscall(SYS_exit_group, 3);
}

static void open_by_handle(void)
{
	syscall(SYS_open_by_handle_at, 0, NULL, O_RDONLY);
}

static void open_with_how(void)
{
	syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0);
}

static void connect_somewhere(void)
{
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void fork_process(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void run_program(void)
{
	char *argv[] = { "/bin/true", NULL };

	syscall(SYS_execve, argv[0], argv, NULL);
}

static void kill_parent(void)
{
	syscall(SYS_kill, 1, 0);
}

static void make_code(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void change_mode(void)
{
	syscall(SYS_fchmod, 0, 0777);
}

static void filter(void **state)
{
	static void (*const refused[])(void) = {
		open_by_handle, open_with_how, connect_somewhere, fork_process, run_program, kill_parent, make_code,
		change_mode,
	};
	int status = status_of(read_and_write);
	size_t i;

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	status = status_of(open_file);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		status = status_of(refused[i]);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("action %zu: %#x", i, status);
	}
}

/* Of a plug-in, and what it starts. */
static void plugin(void **state)
{
	char *argv[] = { "/bin/sh", "-c",
			 "echo x >/dev/null && ! ( echo x >/tmp/written ) 2>/dev/null", NULL };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		/* The sanitizers take more memory than that leaves. */
		if (sandbox_user() < 0 || sandbox_plugin() < 0)
			_exit(2);
		if (syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0 ||
		    syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 ||
		    syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno != EPERM ||
		    truncate("/dev/null", 0) == 0 || errno != EPERM ||
		    syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0 || errno != EPERM ||
		    syscall(SYS_setsid) >= 0)
			_exit(3);
		execv(argv[0], argv);
		_exit(4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void limits(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		/* Not the memory of sanitizers, but the rest. */
		if (sandbox_limits(1) < 0)
			_exit(2);
		for (;;)
			;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU);
}

static void user(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(sandbox_user() < 0 || getuid() == 0 || getgid() == 0 ||
		      setuid(0) == 0 || open("/etc/shadow", O_RDONLY) >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter),
		cmocka_unit_test(plugin),
		cmocka_unit_test(limits),
		cmocka_unit_test(user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
