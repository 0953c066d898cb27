// SPDX-License-Identifier: GPL-2.0
#include "request.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int request_receive(struct request *request)
{
	char control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = { request->name, sizeof(request->name) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;
	ssize_t n = recvmsg(STDIN_FILENO, &msg, MSG_CMSG_CLOEXEC);
	int fds[2];

	if (n <= 0)
		return n < 0 ? -errno : 0;
	request->name[n] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	request->file = fds[0];
	request->out = fds[1];
	return 1;
}
