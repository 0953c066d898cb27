// SPDX-License-Identifier: GPL-2.0
/* The command line, taken apart here and given to the program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "extfuse_ctl.h"
#include "test.h"

#define MAX_ARGS 10

static int parse(struct request *request, const char *line)
{
	static char buf[256];
	char *argv[MAX_ARGS + 1] = { "extfusectl" }, *save, *word;
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (word = strtok_r(buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return command_parse(argc, argv, request);
}

static void good_lines(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(parse(&request, "bind /mnt mdcache"), -1);
	assert_string_equal(request.command->name, "bind");
	assert_string_equal(request.args[0], "/mnt");
	assert_string_equal(request.args[1], "mdcache");
	assert_int_equal(request.options, 0);
	assert_int_equal(request.ttl_ms, 0);

	assert_int_equal(parse(&request, "bind --ttl 0.5 /mnt --replace mdcache"), -1);
	assert_string_equal(request.args[0], "/mnt");
	assert_string_equal(request.args[1], "mdcache");
	assert_int_equal(request.options, OPTION_TTL | OPTION_REPLACE);
	assert_int_equal(request.ttl_ms, 500);

	assert_int_equal(parse(&request, "bind --ttl=2 -- -mnt -policy"), -1);
	assert_string_equal(request.args[0], "-mnt");
	assert_string_equal(request.args[1], "-policy");

	assert_int_equal(parse(&request, "policy load x.bpf.o --verbose"), -1);
	assert_string_equal(request.command->name, "policy load");
	assert_string_equal(request.args[0], "x.bpf.o");

	assert_int_equal(parse(&request, "policy list --json"), -1);
	assert_int_equal(request.options, OPTION_JSON);
	assert_int_equal(parse(&request, "stats"), -1);
	assert_int_equal(request.nr_args, 0);
	assert_int_equal(parse(&request, "stats /mnt --json"), -1);
	assert_int_equal(request.nr_args, 1);
	assert_int_equal(parse(&request, "bind /mnt mdcache --latency"), -1);
	assert_int_equal(request.options, OPTION_LATENCY);
	assert_int_equal(parse(&request, "stats --latency --json"), -1);
	assert_int_equal(request.options, OPTION_LATENCY | OPTION_JSON);
	assert_int_equal(parse(&request, "latency /mnt off"), -1);
	assert_string_equal(request.args[1], "off");
	assert_int_equal(parse(&request, "monitor --json"), -1);
	assert_int_equal(parse(&request, "top"), -1);
	assert_int_equal(request.count, 0);
	assert_int_equal(request.interval_ms, 0);
	assert_int_equal(parse(&request, "top /mnt -n 3 --interval 0.25"), -1);
	assert_int_equal(request.count, 3);
	assert_int_equal(request.interval_ms, 250);
	assert_int_equal(parse(&request, "top --once"), -1);
	assert_int_equal(request.count, 1);
	assert_int_equal(parse(&request, "top --count=4294967295"), -1);
	assert_int_equal(request.count, UINT32_MAX);
	assert_int_equal(parse(&request, "unbind --conn 18446744073709551615"), -1);
	assert_true(request.conn == UINT64_MAX);
	assert_null(request.args[0]);
	assert_int_equal(parse(&request, "latency on --conn 7"), -1);
	assert_true(request.conn == 7);
	assert_null(request.args[0]);
	assert_string_equal(request.args[1], "on");
	assert_int_equal(parse(&request, "stats --conn=7 --latency"), -1);
	assert_int_equal(parse(&request, "top --conn 7 --once"), -1);
	assert_null(request.args[0]);
	/* Unambiguous beginnings of options are as good, as everywhere. */
	assert_int_equal(parse(&request, "list --js"), -1);
}

/* Runs the program; returns its status and what it wrote, standard output first. */
static int run(char *out, char *err, size_t size, const char *redirect, const char *line)
{
	char command[512];
	size_t len;
	FILE *f;
	int status;

	snprintf(command, sizeof(command), "'%s' %s %s 2>'%s.stderr'", TEST_PROGRAM, line, redirect,
		 TEST_PROGRAM);
	f = popen(command, "re");
	assert_non_null(f);
	len = fread(out, 1, size - 1, f);
	out[len] = '\0';
	status = pclose(f);
	assert_true(WIFEXITED(status));

	f = fopen(TEST_PROGRAM ".stderr", "re");
	assert_non_null(f);
	len = fread(err, 1, size - 1, f);
	err[len] = '\0';
	fclose(f);
	return WEXITSTATUS(status);
}

static char out[8192], err[8192];

static void usage_errors(void **state)
{
	static const char *const lines[] = {
		"", "frobnicate", "--frobnicate", "-x", "'fro\nb'", "policy", "policy frobnicate",
		"policy list x", "policy load", "policy load a b", "policy unload", "bind",
		"bind /mnt", "bind /mnt a b", "bind /mnt a --ttl", "bind /mnt a --ttl -1",
		"bind /mnt a --ttl x", "bind /mnt a --json", "bind /mnt a -r", "unbind",
		"unbind /mnt --replace", "list /mnt", "list --ttl 1", "list -xh", "stats a b",
		"latency /mnt", "latency /mnt maybe", "monitor x", "monitor -n 1", "top a b", "top -n",
		"top -n 0", "top -n x", "top -n 1x", "top -n -1", "top --count 4294967296",
		"top --interval 0", "top --interval -1", "top --interval 2147483.648", "list -n 1",
		"unbind --conn", "unbind --conn 0", "unbind --conn x", "unbind --conn -1",
		"unbind --conn 18446744073709551616", "unbind /mnt --conn 1", "stats / --conn 1",
		"latency --conn 1", "latency / on --conn 1", "top / --conn 1", "list --conn 1",
		"bind --conn 1 mdcache",
		"stats --frobnicate", "stats --json=1", "version x", "polic list", "policy\\ list",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(run(out, err, sizeof(out), "", lines[i]), EXIT_USAGE);
		assert_string_equal(out, "");
		assert_memory_equal(err, "extfusectl: ", 12);
		/* One line, that says where to look. */
		assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
		assert_non_null(strstr(err, "--help"));
	}
	assert_int_equal(run(out, err, sizeof(out), "", "bind /mnt a --json"), EXIT_USAGE);
	assert_string_equal(err, "extfusectl: bind: option --json does not apply; "
				 "see extfusectl bind --help\n");
}

static void help(void **state)
{
	const struct command *command;
	char line[64];

	(void)state;
	for (command = commands; command->name; command++) {
		snprintf(line, sizeof(line), "%s --help", command->name);
		assert_int_equal(run(out, err, sizeof(out), "", line), 0);
		assert_memory_equal(out, "Usage: extfusectl ", 18);
		assert_non_null(strstr(out, command->help));
		assert_string_equal(err, "");
		snprintf(line, sizeof(line), "%s -h", command->name);
		assert_int_equal(run(out, err, sizeof(out), "", line), 0);
	}
	assert_int_equal(run(out, err, sizeof(out), "", "--help"), 0);
	for (command = commands; command->name; command++)
		assert_non_null(strstr(out, command->name));
	assert_int_equal(run(out, err, sizeof(out), "", "-h"), 0);
	assert_int_equal(run(out, err, sizeof(out), "", "policy --help"), 0);
	assert_non_null(strstr(out, "policy unload NAME"));
	assert_null(strstr(out, "unbind"));
	/* Also beside nonsense that comes later. */
	assert_int_equal(run(out, err, sizeof(out), "", "bind --help a b c"), 0);
}

static void skip_with_module(void)
{
	struct extfuse *ef = extfuse_open();

	if (!ef && errno == ENOENT)
		return;
	extfuse_close(ef);
	skip();
}

static void no_module(void **state)
{
	static const char *const lines[][2] = {
		{ "policy load mdcache", "policy load mdcache" },
		{ "policy load ./x.bpf.o --verbose", "policy load ./x.bpf.o" },
		{ "policy list", "policy list" },
		{ "policy list --json", "policy list" },
		{ "policy unload mdcache", "policy unload mdcache" },
		{ "bind / mdcache", "bind /" },
		{ "bind /nonexistent mdcache --ttl 1 --replace", "bind /nonexistent" },
		{ "bind \"$(printf '/a\\nb')\" mdcache", "bind /a\\012b" },
		{ "unbind /", "unbind /" },
		{ "unbind --conn 5", "unbind --conn 5" },
		{ "latency --conn 5 on", "latency --conn 5" },
		{ "list", "list" },
		{ "list --json", "list" },
		{ "stats", "stats" },
		{ "stats / --json", "stats /" },
		{ "stats --latency", "stats" },
		{ "latency / on", "latency /" },
		{ "monitor --json", "monitor" },
		{ "top / --once", "top /" },
	};
	char expected[256];
	unsigned int i;

	(void)state;
	skip_with_module();
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(run(out, err, sizeof(out), "", lines[i][0]), EXIT_FAILED);
		snprintf(expected, sizeof(expected),
			 "extfusectl: %s: the extfuse module is not loaded\n", lines[i][1]);
		assert_string_equal(err, expected);
		assert_string_equal(out, "");
	}
	/* The tool's own version is worth printing anyway. */
	assert_int_equal(run(out, err, sizeof(out), "", "version"), EXIT_FAILED);
	assert_string_equal(out, "extfusectl " EXTFUSE_VERSION "\n");
	assert_string_equal(err, "extfusectl: version: the extfuse module is not loaded\n");
	assert_int_equal(run(out, err, sizeof(out), "", "version --json"), EXIT_FAILED);
	assert_non_null(strstr(out, "\"module\": null"));
}

/* A policy's name, as a file may have it. */
static void hostile_sentence(void **state)
{
	struct request request;
	int saved = dup(STDERR_FILENO), file = memfd_create("stderr", 0);

	(void)state;
	assert_int_equal(parse(&request, "policy load x.o"), -1);
	dup2(file, STDERR_FILENO);
	assert_int_equal(complain(&request, "an invalid name \"a\n\033[2Jb\""), EXIT_FAILED);
	dup2(saved, STDERR_FILENO);
	close(saved);
	err[pread(file, err, sizeof(err) - 1, 0)] = '\0';
	close(file);
	assert_string_equal(err, "extfusectl: policy load x.o: "
				 "an invalid name \"a\\012\\033[2Jb\"\n");
}

static void cannot_write(void **state)
{
	(void)state;
	assert_int_equal(run(out, err, sizeof(out), ">/dev/full", "--help"), EXIT_FAILED);
	assert_string_equal(err, "extfusectl: cannot write: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(usage_errors),
		cmocka_unit_test(help),
		cmocka_unit_test(no_module),
		cmocka_unit_test(hostile_sentence),
		cmocka_unit_test(cannot_write),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
