// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/self/mountinfo.
 *
 * Read directly and not through getmntent(3), which knows nothing of device
 * numbers. Reading it sends no request to any file system, and therefore works
 * when a daemon hangs.
 */
#include <stdlib.h>
#include <string.h>

#include "mountinfo.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline, backslash and # as \ooo. */
static void decode(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) &&
		    is_octal(s[3])) {
			char c = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');

			/* \000 is nothing that the kernel writes; leave it as it is. */
			if (c) {
				*to++ = c;
				s += 4;
				continue;
			}
		}
		*to++ = *s++;
	}
	*to = '\0';
}

bool mountinfo_parse(char *line, struct mountinfo *info)
{
	char *save, *field, *end;

	/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw */
	field = strtok_r(line, " ", &save);
	if (!field)
		return false;
	info->mnt_id = strtol(field, &end, 10);
	if (*end || end == field)
		return false;

	field = strtok_r(NULL, " ", &save);	/* parent */
	if (!field)
		return false;

	field = strtok_r(NULL, " ", &save);
	if (!field)
		return false;
	info->dev_major = strtoul(field, &end, 10);
	if (*end != ':' || end == field)
		return false;
	field = end + 1;
	info->dev_minor = strtoul(field, &end, 10);
	if (*end || end == field)
		return false;

	if (!strtok_r(NULL, " ", &save))	/* root */
		return false;
	info->mount_point = strtok_r(NULL, " ", &save);
	if (!info->mount_point)
		return false;
	decode(info->mount_point);

	/* Options, then any number of optional fields up to a hyphen. */
	do {
		field = strtok_r(NULL, " ", &save);
		if (!field)
			return false;
	} while (strcmp(field, "-"));
	info->fstype = strtok_r(NULL, " ", &save);
	if (!info->fstype)
		return false;
	decode(info->fstype);
	return true;
}

int mountinfo_for_each(FILE *stream, int (*cb)(const struct mountinfo *info, void *arg), void *arg)
{
	struct mountinfo info;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int ret = 0;

	while (!ret && (len = getline(&line, &size, stream)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (mountinfo_parse(line, &info))
			ret = cb(&info, arg);
	}
	free(line);
	return ret;
}
