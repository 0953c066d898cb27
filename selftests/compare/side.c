// SPDX-License-Identifier: GPL-2.0
/*
 * What to compare.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>

#include "compare.h"

/* @at: MOUNT, or MOUNT=LOWER, or MOUNT= if there is none. */
void side_init(struct side *side, char *at)
{
	char *lower = strchr(at, '=');
	int i;

	if (lower)
		*lower++ = 0;
	side->at = at;
	side->dir = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (side->dir < 0)
		err(2, "%s", at);
	side->lower = -1;
	if (lower && *lower) {
		side->lower = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (side->lower < 0)
			err(2, "%s", lower);
	}
	for (i = 0; i < SLOTS; i++)
		side->fd[i] = -1;
}

/* Letters: see compare -k. */
void kind_init(struct kind *kind, const char *letters)
{
	kind->paths = strchr(letters, 'p');
	kind->acts = strchr(letters, 'a');
	kind->follows = strchr(letters, 'f');
	kind->statfs = strchr(letters, 's');
	kind->blocks = strchr(letters, 'b');
	kind->links = strchr(letters, 'l');
	kind->ctime = strchr(letters, 'c');
	kind->set_ids = strchr(letters, 'i');
	kind->users = strchr(letters, 'u');
}
