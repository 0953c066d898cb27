/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/self/mountinfo, see proc_pid_mountinfo(5). */
#ifndef EXTFUSECTL_MOUNTINFO_H
#define EXTFUSECTL_MOUNTINFO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct mountinfo {
	int mnt_id;
	uint32_t dev_major, dev_minor;
	/* Decoded: any byte but NUL may be in there. Point into the line. */
	char *mount_point;
	char *fstype;
};

/*
 * Takes @line, without its newline, apart in place. False if it is no line of
 * mountinfo.
 */
bool mountinfo_parse(char *line, struct mountinfo *info);

/*
 * Calls @cb for every mount in @stream, oldest first, until it returns nonzero,
 * and returns that. Lines that cannot be parsed are passed over.
 */
int mountinfo_for_each(FILE *stream, int (*cb)(const struct mountinfo *info, void *arg), void *arg);

#endif
