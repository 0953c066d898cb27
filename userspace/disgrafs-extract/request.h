/* SPDX-License-Identifier: GPL-2.0 */
/* What disgrafsd asks for on standard input. */
#ifndef EXTRACT_REQUEST_H
#define EXTRACT_REQUEST_H

struct request {
	char name[512];		/* for a plug-in with "TYPE " in front */
	int file, out;		/* to be closed */
};

/* 1, 0 at the end, or -errno. */
int request_receive(struct request *request);

#endif
