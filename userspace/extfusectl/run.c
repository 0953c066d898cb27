// SPDX-License-Identifier: GPL-2.0
/* The commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "extfuse_ctl.h"
#include "monitor.h"
#include "top.h"
#include "view.h"

static struct extfuse *open_module(const struct request *request)
{
	struct extfuse *ef = extfuse_open();

	if (!ef)
		complain(request, extfuse_error(NULL));
	return ef;
}

/* O_PATH: a daemon that hangs, or that is another user's, need not agree. */
static int open_mount(const struct request *request)
{
	int fd = open(request->args[0], O_PATH | O_CLOEXEC);

	if (fd < 0)
		complain(request, errno == ENOENT ? "no such path" : strerror(errno));
	return fd;
}

/*
 * For a command that may be about a mount: @fd is on it, or -1 if no MOUNTPOINT is given.
 * False after a complaint.
 */
static bool open_both(const struct request *request, struct extfuse **ef, int *fd)
{
	*fd = -1;
	*ef = open_module(request);
	if (!*ef)
		return false;
	if (!request->args[0])
		return true;
	*fd = open_mount(request);
	if (*fd >= 0)
		return true;
	extfuse_close(*ef);
	return false;
}

/* Ends a command on @ef, @fd being -1 if it has none. */
static int finish(const struct request *request, struct extfuse *ef, int fd, int err)
{
	int status = err ? complain(request, extfuse_error(ef)) : 0;

	if (fd >= 0)
		close(fd);
	extfuse_close(ef);
	return status;
}

static int run_policy_load(const struct request *request)
{
	struct extfuse *ef = open_module(request);
	int err;

	if (!ef)
		return EXIT_FAILED;
	err = extfuse_policy_load(ef, request->args[0], NULL);
	if (request->options & OPTION_VERBOSE)
		fputs(extfuse_log(ef), stderr);
	return finish(request, ef, -1, err);
}

static int run_policy_unload(const struct request *request)
{
	struct extfuse *ef = open_module(request);

	if (!ef)
		return EXIT_FAILED;
	return finish(request, ef, -1, extfuse_policy_unload(ef, request->args[0]));
}

static int run_policy_list(const struct request *request)
{
	struct extfuse *ef = open_module(request);
	struct view view;
	int err;

	if (!ef)
		return EXIT_FAILED;
	view_start(&view, stdout, request->options & OPTION_JSON, (struct mounts){});
	err = extfuse_policy_list(ef, view_policy, &view);
	view_end(&view, !err);
	return finish(request, ef, -1, err);
}

/* The command is half done. */
static int finish_unmeasured(const struct request *request, struct extfuse *ef, int fd)
{
	char sentence[2048];
	int status;

	snprintf(sentence, sizeof(sentence), "bound, but its times are not measured: %s",
		 extfuse_error(ef));
	status = complain(request, sentence);
	finish(request, ef, fd, 0);
	return status;
}

static int run_bind(const struct request *request)
{
	struct extfuse *ef;
	int fd, err;

	if (!open_both(request, &ef, &fd))
		return EXIT_FAILED;
	err = extfuse_bind(ef, fd, request->args[1], request->ttl_ms,
			   request->options & OPTION_REPLACE, NULL);
	if (!err && (request->options & OPTION_LATENCY) && extfuse_measure(ef, fd, true))
		return finish_unmeasured(request, ef, fd);
	return finish(request, ef, fd, err);
}

static int run_latency(const struct request *request)
{
	bool on = !strcmp(request->args[1], "on");
	struct extfuse *ef;
	int fd, err;

	if (!on && strcmp(request->args[1], "off"))
		return command_misused(request, "say on or off");
	if (!open_both(request, &ef, &fd))
		return EXIT_FAILED;
	if (request->conn)
		err = extfuse_measure_conn(ef, request->conn, on);
	else
		err = extfuse_measure(ef, fd, on);
	return finish(request, ef, fd, err);
}

static int run_monitor(const struct request *request)
{
	struct extfuse *ef = open_module(request);

	if (!ef)
		return EXIT_FAILED;
	return finish(request, ef, -1, monitor(ef, stdout, request->options & OPTION_JSON));
}

#define DEFAULT_INTERVAL_MS 1000

static int run_top(const struct request *request)
{
	struct top top = {
		.out = stdout,
		.json = request->options & OPTION_JSON,
		.interval_ms = request->interval_ms ?: DEFAULT_INTERVAL_MS,
		.count = request->count,
		.conn = request->conn,
	};
	struct extfuse *ef;
	int err;

	if (!open_both(request, &ef, &top.fd))
		return EXIT_FAILED;
	err = top_run(&top, ef);
	return finish(request, ef, top.fd, err);
}

static int run_unbind(const struct request *request)
{
	struct extfuse *ef;
	int fd, err;

	if (!open_both(request, &ef, &fd))
		return EXIT_FAILED;
	if (request->conn)
		err = extfuse_unbind_conn(ef, request->conn);
	else
		err = extfuse_unbind(ef, fd);
	return finish(request, ef, fd, err);
}

static int run_list(const struct request *request)
{
	struct extfuse *ef = open_module(request);
	struct view view;
	int err;

	if (!ef)
		return EXIT_FAILED;
	view_start(&view, stdout, request->options & OPTION_JSON, mounts_of_self());
	err = extfuse_conn_list(ef, view_conn, &view);
	view_end(&view, !err);
	return finish(request, ef, -1, err);
}

static int run_stats(const struct request *request)
{
	struct extfuse *ef;
	struct view view;
	int fd, err;

	if (!open_both(request, &ef, &fd))
		return EXIT_FAILED;
	view_start(&view, stdout, request->options & OPTION_JSON, mounts_of_self());
	view.latency = request->options & OPTION_LATENCY;
	if (view.latency && request->conn)
		err = extfuse_latency_conn(ef, request->conn, view_stats, &view);
	else if (view.latency)
		err = extfuse_latency(ef, fd, view_stats, &view);
	else if (request->conn)
		err = extfuse_stats_conn(ef, request->conn, view_stats, &view);
	else
		err = extfuse_stats(ef, fd, view_stats, &view);
	view_end(&view, !err);
	return finish(request, ef, fd, err);
}

static int run_version(const struct request *request)
{
	bool json = request->options & OPTION_JSON;
	struct extfuse_version version;
	struct extfuse *ef = extfuse_open();
	int err;

	/* The tool's own version is worth knowing without the module too. */
	err = ef ? extfuse_version(ef, &version) : -errno;
	view_version(stdout, json, EXTFUSE_VERSION, err ? NULL : &version);
	return finish(request, ef, -1, err);
}

#define CONN_HELP \
"  --conn ID  not the mount at MOUNTPOINT, but that of this connection, the first\n" \
"             column of list: also one that no path leads to\n"

const struct command commands[] = {
	{
		.name = "policy load",
		.synopsis = "FILE [--verbose]",
		.help =
"Load the policies in FILE, a BPF object file. A name without a slash that does\n"
"not end in .o is that of a shipped policy: mdcache is /usr/lib/extfuse/mdcache.bpf.o.\n"
"The policy stays loaded until it is unloaded. Takes CAP_SYS_ADMIN.\n"
"\n"
"  --verbose  print everything that libbpf and the verifier have to say\n",
		.options = OPTION_VERBOSE,
		.min_args = 1,
		.max_args = 1,
		.run = run_policy_load,
	}, {
		.name = "policy unload",
		.synopsis = "NAME",
		.help =
"Unload a policy. Mounts that are bound to it are served by their daemons from\n"
"then on, and by other policies that they are bound to. Takes CAP_SYS_ADMIN.\n",
		.min_args = 1,
		.max_args = 1,
		.run = run_policy_unload,
	}, {
		.name = "policy list",
		.synopsis = "[--json]",
		.help =
"List the loaded policies, and how many mounts are bound to each. Takes\n"
"CAP_SYS_ADMIN.\n",
		.options = OPTION_JSON,
		.run = run_policy_list,
	}, {
		.name = "bind",
		.synopsis = "MOUNTPOINT POLICY[,POLICY]... [--ttl SECONDS] [--replace] [--latency]",
		.help =
"Let a loaded policy answer requests of the FUSE mount at MOUNTPOINT, until it is\n"
"unbound or unmounted. Of several policies, up to four, the second is asked what\n"
"the first leaves to the daemon, and so on. Takes CAP_SYS_ADMIN.\n"
"\n"
"  --ttl SECONDS  let the policy keep answers at least this long, even where the\n"
"                 daemon gave them a shorter validity; fractions are allowed,\n"
"                 0, the default, honours the daemon's\n"
"  --replace      if the mount is bound already, exchange its policies, all in one\n"
"                 step: no request goes by unserved, none is served by both; the\n"
"                 ttl too, which is 0 without --ttl\n"
"  --latency      measure how long its requests take, see extfusectl latency\n",
		.options = OPTION_TTL | OPTION_REPLACE | OPTION_LATENCY,
		.min_args = 2,
		.max_args = 2,
		.run = run_bind,
	}, {
		.name = "unbind",
		.synopsis = "MOUNTPOINT | --conn ID",
		.help =
"Leave the requests of the FUSE mount at MOUNTPOINT to its daemon again. Takes\n"
"CAP_SYS_ADMIN.\n"
"\n"
CONN_HELP,
		.options = OPTION_CONN,
		.min_args = 1,
		.max_args = 1,
		.run = run_unbind,
	}, {
		.name = "list",
		.synopsis = "[--json]",
		.help =
"List the bound mounts; without CAP_SYS_ADMIN, those that you mounted.\n",
		.options = OPTION_JSON,
		.run = run_list,
	}, {
		.name = "stats",
		.synopsis = "[MOUNTPOINT | --conn ID] [--latency] [--json]",
		.help =
"Show how many requests the policies answered and how many went to the daemon, by\n"
"opcode, of one or of all bound mounts; without CAP_SYS_ADMIN, of those that you\n"
"mounted.\n"
"\n"
CONN_HELP
"  --latency  show how long they took, too, for mounts on which it is measured\n",
		.options = OPTION_JSON | OPTION_LATENCY | OPTION_CONN,
		.max_args = 1,
		.run = run_stats,
	}, {
		.name = "latency",
		.synopsis = "{MOUNTPOINT | --conn ID} on|off",
		.help =
"Measure how long the requests of a bound mount take, from now on, or stop that.\n"
"stats --latency shows it. What was measured before is forgotten in both cases,\n"
"unless it is on already. Takes CAP_SYS_ADMIN.\n"
"\n"
CONN_HELP,
		.options = OPTION_CONN,
		.min_args = 2,
		.max_args = 2,
		.run = run_latency,
	}, {
		.name = "top",
		.synopsis = "[MOUNTPOINT | --conn ID] [--interval SECONDS] [-n COUNT | --once] [--json]",
		.help =
"Show again and again how many requests a second are answered in the kernel and\n"
"how many go to the daemon, by mount and opcode, of one or of all bound mounts;\n"
"without CAP_SYS_ADMIN, of those that you mounted.\n"
"\n"
CONN_HELP
"  --interval SECONDS  between two samples; fractions are allowed, default 1\n"
"  -n, --count COUNT   end after so many samples\n"
"  --once              end after one\n"
"  --json              print each sample as JSON, one a line\n",
		.options = OPTION_JSON | OPTION_INTERVAL | OPTION_COUNT | OPTION_ONCE |
			   OPTION_CONN,
		.max_args = 1,
		.run = run_top,
	}, {
		.name = "monitor",
		.synopsis = "[--json]",
		.help =
"Print what happens to bindings, one event a line, until interrupted: bound,\n"
"replaced, unbound, gone, policy-off, fault; and lost, if more happened than could be\n"
"read. Ends with an error when the module is unloaded. Takes CAP_SYS_ADMIN.\n",
		.options = OPTION_JSON,
		.run = run_monitor,
	}, {
		.name = "version",
		.synopsis = "[--json]",
		.help =
"Show the versions of this program and of the module, and the module's features.\n",
		.options = OPTION_JSON,
		.run = run_version,
	},
	{}
};
