// SPDX-License-Identifier: GPL-2.0
/*
 * Every point at which an operation can fail, one after the other.
 *
 * nth control OBJECT NAME DIRECTORY: what is done to the module: registering and
 * exchanging the policy of OBJECT, which is called NAME, binding the mount at
 * DIRECTORY to it, asking.
 * nth calls DIRECTORY: system calls on files of a mount.
 * nth looks [-t] DIRECTORY: those that change nothing, again and again until SIGTERM. With
 * -t they may fail. The rest of this is not about it.
 *
 * An operation is done with the first allocation or user copy in it failing
 * (/proc/thread-self/fail-nth), then with the second, until it has no further
 * one. It may succeed or fail; done once more without failures it must succeed.
 * Prints a line for each operation; status 1 if one did not recover, or nothing failed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nth.h"

#define POINTS 400		/* no operation has as many */

static int fail_nth;		/* /proc/thread-self/fail-nth */
static unsigned int reached_points;
static int status;

static void fail_at(unsigned int point)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%u", point);

	/* this write may be what fails */
	while (pwrite(fail_nth, buf, len, 0) != len)
		if (errno != EFAULT && errno != ENOMEM)
			err(1, "fail-nth");
}

/* Ends the injection; whether the point was reached. */
static bool failed(void)
{
	char buf[16] = "";
	unsigned int left;

	while (pread(fail_nth, buf, sizeof(buf) - 1, 0) <= 0)
		;
	left = atoi(buf);
	fail_at(0);
	return !left;
}

static void try_all(const struct operation *o)
{
	unsigned int point, errors = 0, unharmed = 0;
	bool reached = true;
	int ret;

	for (point = 1; reached && point < POINTS; point++) {
		fail_at(point);
		ret = o->op(false);
		reached = failed();
		if (reached && ret)
			errors++;
		else if (reached)
			unharmed++;
		o->op(true);
	}
	reached_points += errors + unharmed;
	ret = o->op(false);
	printf("%s: %u points of failure, %u errors%s\n", o->name, errors + unharmed, errors,
	       ret || reached ? ", and does not recover" : "");
	fflush(stdout);
	if (ret || reached) {
		if (ret)
			printf("%s: %s\n", o->name, strerror(errno));
		status = 1;
	}
	o->op(true);
}

void try_each(const struct operation *o)
{
	for (; o->name; o++)
		try_all(o);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "looks")) {
		looks(argv[argc - 1], argc == 4);
		return 0;
	}
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		err(1, "/proc/thread-self/fail-nth");
	if (argc == 5 && !strcmp(argv[1], "control"))
		control(argv[2], argv[3], argv[4]);
	else if (argc == 3 && !strcmp(argv[1], "calls"))
		calls(argv[2]);
	else
		return 2;
	if (!reached_points)
		errx(1, "nothing failed");
	return status;
}
