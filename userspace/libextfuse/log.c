// SPDX-License-Identifier: LGPL-2.1-or-later
/* What libbpf and the verifier say about a policy. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

/* How many lines of a log go into an error's sentence. */
#define REASON_LINES 2

/* libbpf has one print function a process, so one log is taken at a time. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static libbpf_print_fn_t previous;
static __thread FILE *stream;
static __thread size_t stream_len;

__attribute__((format(printf, 2, 0)))
static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	/* Another thread, which uses libbpf for itself. */
	if (!stream)
		return previous ? previous(level, fmt, ap) : 0;
	return level == LIBBPF_WARN ? vfprintf(stream, fmt, ap) : 0;
}

int log_start(struct extfuse *ef)
{
	free(ef->log);
	ef->log = NULL;
	stream = open_memstream(&ef->log, &stream_len);
	if (!stream)
		return fail(ef, ENOMEM, "out of memory");
	pthread_mutex_lock(&log_mutex);
	previous = libbpf_set_print(print);
	return 0;
}

void log_stop(struct extfuse *ef)
{
	libbpf_set_print(previous);
	pthread_mutex_unlock(&log_mutex);
	if (fclose(stream)) {
		free(ef->log);
		ef->log = NULL;
	}
	stream = NULL;
}

const char *log_so_far(struct extfuse *ef)
{
	/* What makes ef->log point to the text. */
	fflush(stream);
	return ef->log;
}

const char *extfuse_log(const struct extfuse *ef)
{
	return ef->log ?: "";
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* Lines that follow from others, or count what the verifier did. */
static bool is_noise(const char *line)
{
	return !*line || starts_with(line, "processed ") ||
	       starts_with(line, "verification time") || starts_with(line, "stack depth") || starts_with(line, "failed to load object") ||
	       strstr(line, "failed to load: ") || strstr(line, "BPF program load failed") ||
	       strstr(line, " PROG LOAD LOG --");
}

/*
 * The verifier's last words, and not libbpf's, when there is a log of it: libbpf
 * goes on about every object that it gives up because of the program.
 */
static void verifier_part(char *log, char **start, char **end)
{
	*start = strstr(log, "-- BEGIN PROG LOAD LOG --");
	*end = *start ? strstr(*start, "-- END PROG LOAD LOG --") : NULL;
}

static void program_name(const char *log, char *name, size_t size)
{
	const char *quote = strstr(log, "prog '"), *end;

	name[0] = '\0';
	if (!quote)
		return;
	quote += strlen("prog '");
	end = strchr(quote, '\'');
	if (end && (size_t)(end - quote) < size) {
		memcpy(name, quote, end - quote);
		name[end - quote] = '\0';
	}
}

void log_reason(const char *log, char *reason, size_t size)
{
	char *copy, *start, *end, *line, *save;
	char *last[REASON_LINES] = { NULL };
	char program[64];
	size_t len = 0;
	int i;

	reason[0] = '\0';
	copy = log ? strdup(log) : NULL;
	if (!copy)
		return;
	program_name(copy, program, sizeof(program));
	verifier_part(copy, &start, &end);
	if (start && end)
		*end = '\0';
	else
		start = copy;

	for (line = strtok_r(start, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (starts_with(line, "libbpf: "))
			line += strlen("libbpf: ");
		if (is_noise(line))
			continue;
		memmove(last, last + 1, sizeof(last) - sizeof(last[0]));
		last[REASON_LINES - 1] = line;
	}

	if (end)
		len = snprintf(reason, size, "the verifier refuses program %s: ", program);
	for (i = 0; i < REASON_LINES; i++)
		if (last[i] && len < size)
			len += snprintf(reason + len, size - len, "%s%s", last[i],
					i < REASON_LINES - 1 ? "; " : "");
	if (!last[REASON_LINES - 1])
		reason[0] = '\0';
	free(copy);
}
