// SPDX-License-Identifier: GPL-2.0
/* extfusectl: load policies and bind them to FUSE mounts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

int main(int argc, char **argv)
{
	struct request request;
	int status;

	status = command_parse(argc, argv, &request);
	if (status < 0)
		status = request.command->run(&request);

	/* A full disk or a closed pipe must not look like an empty list. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "extfusectl: cannot write: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}
