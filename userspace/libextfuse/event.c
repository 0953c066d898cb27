// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the module tells unasked. A socket that listens is not asked anything any
 * more, so its messages need no sorting, and are read without libnl, which would
 * hide that a signal came.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "message.h"

/* More than the kernel puts into a message of a family. */
#define MESSAGE_SIZE 8192

static int join(struct extfuse *ef, int group)
{
	if (setsockopt(nl_socket_get_fd(ef->sk), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		       sizeof(group)))
		return fail(ef, errno, "%s", error_sentence(errno));
	return 0;
}

int extfuse_events_start(struct extfuse *ef)
{
	int events = genl_ctrl_resolve_grp(ef->sk, EXTFUSE_GENL_NAME, EXTFUSE_GENL_EVENTS);
	/* Where the kernel tells that a family is gone, and its groups with it. */
	int families = genl_ctrl_resolve_grp(ef->sk, "nlctrl", "notify");

	if (events < 0)
		return fail(ef, EOPNOTSUPP, "the extfuse module that is loaded tells no events");
	if (families < 0)
		return fail(ef, EIO, "cannot look up the families' group: %s",
			    nl_geterror(families));
	return join(ef, families) ?: join(ef, events);
}

int extfuse_events_fd(const struct extfuse *ef)
{
	return nl_socket_get_fd(ef->sk);
}

static int receive(struct extfuse *ef, void *buf, ssize_t *len)
{
	struct sockaddr_nl from = {};
	socklen_t size = sizeof(from);

	do {
		*len = recvfrom(nl_socket_get_fd(ef->sk), buf, MESSAGE_SIZE, MSG_DONTWAIT,
				(struct sockaddr *)&from, &size);
		/* Not the kernel's: anybody may send to a netlink socket. */
	} while ((*len < 0 && errno == EINTR) || (*len >= 0 && from.nl_pid));
	if (*len >= 0)
		return 0;
	if (errno == ENOBUFS)
		return fail(ef, ENOBUFS, "events were lost");
	return fail(ef, errno, "cannot receive from the kernel: %s", strerror(errno));
}

int extfuse_event_next(struct extfuse *ef, struct extfuse_event *event)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_SIZE];
	struct nlmsghdr *hdr = (struct nlmsghdr *)buf;
	const struct genlmsghdr *genl;
	ssize_t len;
	int err;

	for (;;) {
		err = receive(ef, buf, &len);
		if (err)
			return err;
		if (!nlmsg_ok(hdr, len))
			return fail(ef, EPROTO, "the extfuse module's event is cut off");
		if (tells_unloaded(hdr, ef->family))
			return fail_unloaded(ef);
		if (hdr->nlmsg_type != ef->family ||
		    hdr->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
			continue;
		genl = nlmsg_data(hdr);
		if (genl->cmd == EXTFUSE_CMD_EVENT)
			return parse_event(ef, hdr, event);
	}
}
