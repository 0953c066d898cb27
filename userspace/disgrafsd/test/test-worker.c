// SPDX-License-Identifier: GPL-2.0
/*
 * What is taken of what an extractor says, and extractors that misbehave.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "worker.h"

static struct worker_answer parse(const char *said, size_t size)
{
	struct worker_answer answer = { .size = size };

	answer.buffer = malloc(size);
	memcpy(answer.buffer, said, size);
	assert_int_equal(worker_parse(&answer), 0);
	return answer;
}

static void says(const char *said, const char *facts, const char *text)
{
	struct worker_answer answer = parse(said, strlen(said));
	char all[256] = "";
	size_t i;

	for (i = 0; i < answer.found.count; i++) {
		strcat(strcat(all, answer.found.fact[i].key), "=");
		strcat(strcat(all, answer.found.fact[i].value), ";");
	}
	assert_string_equal(all, facts);
	assert_int_equal(answer.found.text_size, strlen(text));
	assert_memory_equal(answer.found.text, text, strlen(text));
	worker_answer_free(&answer);
}

static void lines(void **state)
{
	(void)state;
	says("type a/b\nsha256 00\n", "type=a/b;sha256=00;", "");
	says("type a/b\ntext one\ntext \ntext  two\nx y z\n", "type=a/b;x=y z;", "one\n\n two\n");
	says("", "", "");
	says("\n\n \n", "", "");
	/* The end is missing. */
	says("type a/b\nsha256 00", "type=a/b;", "");
	/* No keys, no values. */
	says("Type a\na/b c\n key v\nkey\nkey \nk \001\nk \x7f\n", "", "");
	says("textual one\ntext\n", "textual=one;", "");
}

static void keywords(void **state)
{
	static const char said[] = "keyword 0.5 two words\nkeyword 1 x\nkeyword 2 y\nkeyword 0 y\n"
		"keyword nan y\nkeyword y\nkeyword 0.5\nkeyword 0.5 \nkeyword 0.5y y\nkey word\n";
	struct worker_answer answer = parse(said, strlen(said));

	(void)state;
	assert_int_equal(answer.found.keywords, 2);
	assert_string_equal(answer.found.keyword[0].word, "two words");
	assert_true(answer.found.keyword[0].weight == 0.5);
	assert_string_equal(answer.found.keyword[1].word, "x");
	assert_int_equal(answer.found.count, 1);
	worker_answer_free(&answer);
	/* Who says the type last knows better. */
	says("type a/b\nx y\ntype c/d\n", "type=c/d;x=y;", "");
}

static void nothing(void **state)
{
	struct worker_answer answer = { };

	(void)state;
	assert_int_equal(worker_parse(&answer), 0);
	assert_int_equal(answer.found.count, 0);
	worker_answer_free(&answer);
}

static void too_much(void **state)
{
	struct worker_answer answer;
	size_t size, i;
	char *said;
	FILE *f;

	(void)state;
	f = open_memstream(&said, &size);
	for (i = 0; i < 1000; i++)
		fprintf(f, "key%zu value\n", i);
	fprintf(f, "%033d value\nkey %02000d\n", 0, 0);
	for (i = 0; i < 3000; i++)
		fprintf(f, "text %01000d\n", 0);
	fclose(f);
	answer = parse(said, size);
	assert_int_equal(answer.found.count, 64);
	assert_in_range(answer.found.text_size, (1 << 20) - 1001, 1 << 20);
	worker_answer_free(&answer);
	free(said);
}

/* ---- programs ---- */

static char program[] = "/tmp/extractor-XXXXXX";
static struct worker worker = { .program = program };

/* An extractor in Python, which has done @body by the time it ends. */
static void use(const char *body)
{
	int fd;
	FILE *f;

	worker_end(&worker);
	fd = open(program, O_WRONLY | O_TRUNC | O_CLOEXEC);
	f = fdopen(fd, "w");
	fprintf(f, "#!/usr/bin/python3\n"
		"import os, socket, time\n"
		"s = socket.socket(fileno=0)\n"
		"def next():\n"
		"    name, fds, _, _ = socket.recv_fds(s, 256, 2)\n"
		"    if not name: os._exit(0)\n"
		"    return name.decode(), os.read(fds[0], 99).decode(), os.fdopen(fds[1], 'wb')\n"
		"%s\n", body);
	fclose(f);
}

static int look(struct worker_answer *answer)
{
	int pipe_fds[2], ret;

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "contents", 8), 8);
	close(pipe_fds[1]);
	memset(answer, 0, sizeof(*answer));
	ret = worker_look(&worker, pipe_fds[0], "name", answer);
	close(pipe_fds[0]);
	if (ret == 0)
		ret = worker_parse(answer);
	if (ret < 0)
		worker_answer_free(answer);
	return ret;
}

static void answers(void **state)
{
	struct worker_answer answer;
	int i;

	(void)state;
	use("while True:\n"
	    "    name, contents, out = next()\n"
	    "    out.write(f'name {name}\\ncontents {contents}\\ntext words\\n'.encode())\n"
	    "    out.close()\n");
	for (i = 0; i < 2; i++) {
		assert_int_equal(look(&answer), 0);
		assert_int_equal(answer.found.count, 2);
		assert_string_equal(answer.found.fact[0].value, "name");
		assert_string_equal(answer.found.fact[1].value, "contents");
		assert_int_equal(answer.found.text_size, 6);
		worker_answer_free(&answer);
	}
}

static void hangs(void **state)
{
	struct worker_answer answer;
	time_t start = time(NULL);

	(void)state;
	worker.timeout = 5;
	use("name, contents, out = next()\n"
	    "out.write(b'type a/b\\n')\n"
	    "out.flush()\n"
	    "time.sleep(600)");
	assert_int_equal(look(&answer), 0);
	assert_in_range(time(NULL) - start, 2, 60);
	assert_int_equal(worker.pid, 0);
	worker.timeout = 30;
	/* What it said until then counts. */
	assert_int_equal(answer.found.count, 1);
	worker_answer_free(&answer);
}

static void ends(void **state)
{
	struct worker_answer answer;

	(void)state;
	use("os._exit(1)");
	assert_int_equal(look(&answer), -EPIPE);
	assert_int_equal(worker.pid, 0);
	use("next()\nos.kill(os.getpid(), 11)");
	assert_int_equal(look(&answer), -EPIPE);
	worker.program = "/nonexistent";
	assert_int_equal(look(&answer), -ENOENT);
	worker.program = program;
}

static void talks(void **state)
{
	struct worker_answer answer;

	(void)state;
	use("name, contents, out = next()\n"
	    "while True: out.write(b'text words and words\\n' * 1000)");
	assert_int_equal(look(&answer), 0);
	assert_in_range(answer.found.text_size, (1 << 20) - 100, 1 << 20);
	assert_int_equal(worker.pid, 0);
	worker_answer_free(&answer);
}

static void stops(void **state)
{
	struct worker_answer answer;
	uint64_t value;

	(void)state;
	use("next()\ntime.sleep(600)");
	eventfd_write(worker.stop, 1);
	assert_int_equal(look(&answer), -ECANCELED);
	assert_int_equal(worker.pid, 0);
	eventfd_read(worker.stop, &value);
}

static int make_program(void **state)
{
	int fd = mkstemp(program);

	(void)state;
	worker.timeout = 30;
	worker.stop = eventfd(0, EFD_CLOEXEC);
	return fd < 0 || fchmod(fd, 0700) < 0 || close(fd) < 0;
}

static int remove_program(void **state)
{
	(void)state;
	worker_end(&worker);
	close(worker.stop);
	return unlink(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines), cmocka_unit_test(keywords), cmocka_unit_test(nothing),
		cmocka_unit_test(too_much),
		cmocka_unit_test(answers),
		cmocka_unit_test(hangs),
		cmocka_unit_test(ends),
		cmocka_unit_test(talks),
		cmocka_unit_test(stops),
	};

	return cmocka_run_group_tests(tests, make_program, remove_program);
}
