// SPDX-License-Identifier: GPL-2.0
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

/* How long a process that ends may take to do so. */
#define END_MS 1000
#define MAX_FACTS 64
#define MAX_KEYWORDS 32
#define MAX_KEY 32
#define MAX_VALUE 1024
#define MAX_TEXT (1 << 20)
/* Of one worker: a MiB of text, with "text " in front of lines that may be empty, and facts. */
#define MAX_ANSWER (7 << 20)

extern char **environ;

/* ---- the process ---- */

static int spawn(struct worker *worker, int socket)
{
	char *argv[] = { (char *)worker->program, worker->plugin ? "--plugin" : NULL,
			 (char *)worker->plugin, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	/* A group of its own, to be killed with what it starts. */
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				 POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	err = posix_spawn(&worker->pid, worker->program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (err)
		worker->pid = 0;
	return -err;
}

static int start(struct worker *worker)
{
	int sockets[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	ret = spawn(worker, sockets[1]);
	close(sockets[1]);
	if (ret < 0)
		close(sockets[0]);
	else
		worker->socket = sockets[0];
	return ret;
}

void worker_end(struct worker *worker)
{
	if (!worker->pid)
		return;
	kill(-worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	close(worker->socket);
	worker->pid = 0;
}

/*
 * Whether the process, which was to stay, is no more. What it had open is closed in no
 * certain order, the socket maybe a moment later than what it answers on.
 */
static bool has_ended(const struct worker *worker)
{
	struct pollfd fd = { worker->socket, 0, 0 };

	return poll(&fd, 1, END_MS) != 0;
}

/* ---- a question and its answer ---- */

static int ask(struct worker *worker, int fd, int out, const char *name)
{
	int fds[2] = { fd, out };
	union {
		char space[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr header;
	} control = { };
	struct iovec iov = { (char *)name, strlen(name) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	return sendmsg(worker->socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Reads to the end. 0, -ETIMEDOUT, -E2BIG, -ECANCELED or another -errno. */
static int hear(const struct worker *worker, int in, char *buffer, size_t *size)
{
	struct pollfd fds[] = { { in, POLLIN, 0 }, { worker->stop, POLLIN, 0 } };
	int64_t end = now_ms() + (int64_t)worker->timeout * 1000, left;
	ssize_t n;

	for (;;) {
		left = end - now_ms();
		n = left > 0 ? poll(fds, 2, left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		if (fds[1].revents)
			return -ECANCELED;
		if (*size == MAX_ANSWER)
			return -E2BIG;
		n = read(in, buffer + *size, MAX_ANSWER - *size);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		*size += n;
	}
}

static int exchange(struct worker *worker, int fd, const char *name, char *buffer, size_t *size)
{
	int pipe_fds[2], ret;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	ret = ask(worker, fd, pipe_fds[1], name);
	close(pipe_fds[1]);
	if (ret == 0)
		ret = hear(worker, pipe_fds[0], buffer, size);
	close(pipe_fds[0]);
	return ret;
}

int worker_look(struct worker *worker, int fd, const char *name, struct worker_answer *answer)
{
	int ret = worker->pid ? 0 : start(worker);
	size_t size = 0;
	char *longer, *end;

	if (ret < 0)
		return ret;
	/* Untouched pages of it cost nothing. */
	longer = realloc(answer->buffer, answer->size + MAX_ANSWER);
	if (!longer)
		return -ENOMEM;
	answer->buffer = longer;
	ret = exchange(worker, fd, name, answer->buffer + answer->size, &size);
	/* If it said something and ended then, the next question finds out. */
	if (ret == 0 && !size && has_ended(worker))
		ret = -EPIPE;
	/* Not ready for another one. */
	if (ret < 0)
		worker_end(worker);
	/* That is this file's own fault. */
	if (ret < 0 && ret != -ETIMEDOUT && ret != -E2BIG)
		return ret;
	/* A line that does not end is what was left when the process did. */
	end = memrchr(answer->buffer + answer->size, '\n', size);
	if (end)
		answer->size = end + 1 - answer->buffer;
	return 0;
}

void worker_answer_free(struct worker_answer *answer)
{
	free(answer->found.keyword);
	free(answer->found.fact);
	free(answer->text);
	free(answer->buffer);
	memset(answer, 0, sizeof(*answer));
}

/* ---- what it says ---- */

static bool is_key(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return len && !key[len] && len <= MAX_KEY;
}

/* Whatever cannot be shown in a line is not taken. */
static bool is_value(const char *value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return false;
	}
	return size && size <= MAX_VALUE;
}

/* One more line of text. What is too much is left out. */
static void add_text(struct worker_answer *answer, const char *line, size_t size)
{
	struct index_findings *found = &answer->found;

	if (found->text_size + size + 1 > MAX_TEXT)
		return;
	memcpy(answer->text + found->text_size, line, size);
	found->text_size += size;
	answer->text[found->text_size++] = '\n';
}

/* "WEIGHT WORD" */
static void add_keyword(struct worker_answer *answer, char *value)
{
	struct index_findings *found = &answer->found;
	char *word;
	double weight = strtod(value, &word);

	if (word == value || *word != ' ' || !word[1] || !(weight > 0 && weight <= 1) ||
	    found->keywords == MAX_KEYWORDS)
		return;
	found->keyword[found->keywords++] = (struct index_keyword){ word + 1, weight };
}

/* Whoever looks closer knows better what it is. */
static bool set_type(struct index_findings *found, const char *key, const char *value)
{
	size_t i;

	for (i = 0; i < found->count && !strcmp(key, "type"); i++) {
		if (!strcmp(found->fact[i].key, key)) {
			found->fact[i].value = value;
			return true;
		}
	}
	return false;
}

/* "KEY VALUE" of @size bytes, behind which there is room for a NUL. */
static void parse_line(struct worker_answer *answer, char *line, size_t size)
{
	struct index_findings *found = &answer->found;
	char *value = memchr(line, ' ', size);

	if (!value)
		return;
	*value++ = '\0';
	size -= value - line;
	if (!strcmp(line, "text")) {
		add_text(answer, value, size);
		return;
	}
	if (!is_key(line) || !is_value(value, size))
		return;
	value[size] = '\0';
	if (!strcmp(line, "keyword"))
		add_keyword(answer, value);
	else if (!set_type(found, line, value) && found->count < MAX_FACTS)
		found->fact[found->count++] = (struct index_fact){ line, value, 0 };
}

int worker_parse(struct worker_answer *answer)
{
	struct index_findings *found = &answer->found;
	char *line = answer->buffer, *end = line + answer->size, *newline;

	found->fact = calloc(MAX_FACTS, sizeof(*found->fact));
	found->keyword = calloc(MAX_KEYWORDS, sizeof(*found->keyword));
	answer->text = malloc(MAX_TEXT);
	if (!found->fact || !found->keyword || !answer->text)
		return -ENOMEM;
	found->text = answer->text;
	for (; line < end && (newline = memchr(line, '\n', end - line)); line = newline + 1)
		parse_line(answer, line, newline - line);
	return 0;
}
