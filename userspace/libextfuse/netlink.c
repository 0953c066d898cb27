// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One exchange with the module.
 *
 * The whole answer is collected before anybody looks at it, so that a caller's
 * callback may use the handle, and nothing is left in the socket when one
 * stops early. All messages go through one callback rather than libnl's five:
 * NLMSG_ERROR and NLMSG_DONE both carry an errno and a sentence, and libnl's
 * own handling of them knows neither the sentence nor DONE's errno.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "message.h"
#include "netlink.h"

/* A dump during which the set of connections changed is asked for again. */
#define DUMP_ATTEMPTS 16

struct exchange {
	struct extfuse *ef;
	struct reply *reply;
	uint32_t seq;
	unsigned int seen;	/* messages, whatever they were */
	bool done;
	bool interrupted;	/* the kernel says that the dump is not consistent */
	int err;
};

void reply_free(struct reply *reply)
{
	while (reply->nr)
		nlmsg_free(reply->msgs[--reply->nr]);
	free(reply->msgs);
	reply->msgs = NULL;
}

static int keep(struct exchange *x, struct nl_msg *msg)
{
	struct nl_msg **grown;

	grown = reallocarray(x->reply->msgs, x->reply->nr + 1, sizeof(*grown));
	if (!grown)
		return fail(x->ef, ENOMEM, "out of memory");
	x->reply->msgs = grown;
	nlmsg_get(msg);
	grown[x->reply->nr++] = msg;
	return 0;
}

static int message_in(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct exchange *x = arg;
	const char *sentence;
	int err;

	x->seen++;
	/* Late answers to a request that was given up, and what is not the kernel's. */
	if (hdr->nlmsg_seq != x->seq || nlmsg_get_src(msg)->nl_pid)
		return NL_SKIP;
	if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;

	switch (hdr->nlmsg_type) {
	case NLMSG_NOOP:
		break;
	case NLMSG_ERROR:
	case NLMSG_DONE:
		sentence = parse_error(hdr, &err);
		x->done = true;
		if (err && !x->err)
			x->err = fail(x->ef, err, "%s", sentence ?: "");
		break;
	default:
		if (hdr->nlmsg_type != x->ef->family)
			x->err = fail(x->ef, EPROTO,
				      "the extfuse module's reply is of an unknown type");
		else if (!x->err)
			x->err = keep(x, msg);
	}
	return NL_SKIP;
}

static int receive(struct exchange *x)
{
	struct nl_cb *default_cb, *cb;
	unsigned int before;
	int err = 0;

	default_cb = nl_socket_get_cb(x->ef->sk);
	cb = nl_cb_clone(default_cb);
	nl_cb_put(default_cb);
	if (!cb)
		return fail(x->ef, ENOMEM, "out of memory");
	nl_cb_set(cb, NL_CB_MSG_IN, NL_CB_CUSTOM, message_in, x);

	while (!x->done) {
		before = x->seen;
		err = nl_recvmsgs_report(x->ef->sk, cb);
		if (err < 0) {
			err = fail(x->ef, EIO, "cannot receive from the kernel: %s",
				   nl_geterror(err));
			break;
		}
		err = 0;
		if (x->seen == before) {
			err = fail(x->ef, EPROTO, "the extfuse module's reply is cut off");
			break;
		}
	}
	nl_cb_put(cb);
	return err ?: x->err;
}

int exchange(struct extfuse *ef, struct nl_msg *msg, struct reply *reply)
{
	int attempts = DUMP_ATTEMPTS;
	struct exchange x;
	int err;

	*reply = (struct reply){};
	if (!msg)
		return fail(ef, ENOMEM, "out of memory");
	ef->error[0] = '\0';

	do {
		reply_free(reply);
		x = (struct exchange){ .ef = ef, .reply = reply };

		/* A sequence number of its own for every attempt. */
		nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
		nl_complete_msg(ef->sk, msg);
		x.seq = nlmsg_hdr(msg)->nlmsg_seq;
		err = nl_send(ef->sk, msg);
		if (err < 0)
			err = fail(ef, EIO, "cannot send to the kernel: %s", nl_geterror(err));
		else
			err = receive(&x);
	} while (!err && x.interrupted && --attempts);

	if (!err && x.interrupted)
		err = fail(ef, EAGAIN, "the set of bound mounts kept changing; try again");
	nlmsg_free(msg);
	if (err)
		reply_free(reply);
	return err;
}

/* --- connecting --- */

static int connect_family(struct extfuse *ef)
{
	int one = 1, err;

	err = genl_connect(ef->sk);
	if (err < 0)
		return fail(NULL, EIO, "cannot open a generic netlink socket: %s",
			    nl_geterror(err));

	ef->family = genl_ctrl_resolve(ef->sk, EXTFUSE_GENL_NAME);
	if (ef->family == -NLE_OBJ_NOTFOUND)
		return fail(NULL, ENOENT, "the extfuse module is not loaded");
	if (ef->family < 0)
		return fail(NULL, EIO, "cannot look up the extfuse module: %s",
			    nl_geterror(ef->family));

	/* Sentences with errors, and no copy of the request. Not vital. */
	setsockopt(nl_socket_get_fd(ef->sk), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl_socket_get_fd(ef->sk), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

struct extfuse *extfuse_open(void)
{
	struct extfuse *ef = calloc(1, sizeof(*ef));
	int err;

	if (ef)
		ef->sk = nl_socket_alloc();
	if (!ef || !ef->sk) {
		free(ef);
		fail(NULL, ENOMEM, "out of memory");
		return NULL;
	}
	err = connect_family(ef);
	if (err) {
		extfuse_close(ef);
		errno = -err;
		return NULL;
	}
	return ef;
}

void extfuse_close(struct extfuse *ef)
{
	if (!ef)
		return;
	nl_socket_free(ef->sk);
	free(ef->log);
	free(ef);
}
