// SPDX-License-Identifier: LGPL-2.1-or-later
/* Connections: what the module binds, lists and counts. */
#include <errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "netlink.h"

/*
 * An error may come without a sentence. The module's ENOENT has one; generic netlink's says
 * that there is no such family.
 */
static int explain(struct extfuse *ef, int err)
{
	if (err == -ENOENT && !ef->error[0])
		return fail_unloaded(ef);
	if (err && !ef->error[0])
		return fail(ef, -err, "%s", error_sentence(-err));
	return err;
}

/* For requests that are answered with exactly one message. */
static int exchange_one(struct extfuse *ef, struct nl_msg *msg, struct reply *reply)
{
	int err = explain(ef, exchange(ef, msg, reply));

	if (err)
		return err;
	if (!reply->nr) {
		reply_free(reply);
		return fail(ef, EPROTO, "the extfuse module's reply is empty");
	}
	return 0;
}

int extfuse_version(struct extfuse *ef, struct extfuse_version *v)
{
	struct reply reply;
	int err;

	memset(v, 0, sizeof(*v));
	err = exchange_one(ef, build_request(ef->family, EXTFUSE_CMD_VERSION_GET, NLM_F_ACK),
			   &reply);
	if (err)
		return err;
	err = parse_version(ef, nlmsg_hdr(reply.msgs[0]), v);
	reply_free(&reply);
	return err;
}

static int check_fd(struct extfuse *ef, int fd)
{
	return fd < 0 ? fail(ef, EBADF, "%s", strerror(EBADF)) : 0;
}

/* No connection has the id 0, which would leave the attribute out. */
static int check_conn(struct extfuse *ef, uint64_t conn)
{
	return conn ? 0 : fail(ef, ENOENT, "not bound");
}

/* Five seconds for the daemon to answer INIT, and to have its io_uring queues ready. */
#define INIT_TRIES 500
#define INIT_WAIT_US 10000

/*
 * More names than a message may have room for, and what is too long for the attribute, or
 * empty, and so cannot be the name of a policy.
 */
static int check_policies(struct extfuse *ef, const char *policies)
{
	unsigned int nr;
	size_t len;

	for (nr = 1; nr <= EXTFUSE_CHAIN_MAX; nr++, policies += len + 1) {
		len = strcspn(policies, ",");
		if (!len)
			return fail(ef, ENOENT, "no such policy: the name is empty");
		if (len >= EXTFUSE_POLICY_NAME_LEN)
			return fail(ef, ENOENT, "no such policy: %.*s", (int)len, policies);
		if (!policies[len])
			return 0;
	}
	return fail(ef, E2BIG, "a mount cannot have more than %u policies", EXTFUSE_CHAIN_MAX);
}

int extfuse_bind(struct extfuse *ef, int fd, const char *policy, uint32_t ttl_ms, bool replace,
		 uint64_t *conn)
{
	struct reply reply;
	unsigned int tries;
	uint64_t id;
	int err;

	err = check_fd(ef, fd) ?: check_policies(ef, policy);
	if (err)
		return err;

	/* A mount is there before its daemon is ready. */
	for (tries = 0; tries < INIT_TRIES; tries++) {
		err = exchange_one(ef, build_bind(ef->family, fd, policy, ttl_ms, replace), &reply);
		if (err != -EAGAIN)
			break;
		usleep(INIT_WAIT_US);
	}
	if (err)
		return err;
	err = parse_bound(ef, nlmsg_hdr(reply.msgs[0]), &id);
	reply_free(&reply);
	if (!err && conn)
		*conn = id;
	return err;
}

/* For requests that are answered with the acknowledgment alone. */
static int exchange_none(struct extfuse *ef, struct nl_msg *msg)
{
	struct reply reply;
	int err;

	err = exchange(ef, msg, &reply);
	reply_free(&reply);
	return explain(ef, err);
}

int extfuse_unbind(struct extfuse *ef, int fd)
{
	return check_fd(ef, fd) ?:
	       exchange_none(ef, build_conn_request(ef->family, EXTFUSE_CMD_UNBIND, NLM_F_ACK, fd,
						    0));
}

int extfuse_unbind_conn(struct extfuse *ef, uint64_t conn)
{
	return check_conn(ef, conn) ?:
	       exchange_none(ef, build_conn_request(ef->family, EXTFUSE_CMD_UNBIND, NLM_F_ACK, -1,
						    conn));
}

int extfuse_measure(struct extfuse *ef, int fd, bool on)
{
	return check_fd(ef, fd) ?:
	       exchange_none(ef, build_latency(ef->family, EXTFUSE_CMD_CONN_SET, NLM_F_ACK, fd, 0,
					       on));
}

int extfuse_measure_conn(struct extfuse *ef, uint64_t conn, bool on)
{
	return check_conn(ef, conn) ?:
	       exchange_none(ef, build_latency(ef->family, EXTFUSE_CMD_CONN_SET, NLM_F_ACK, -1,
					       conn, on));
}

int extfuse_policy_list(struct extfuse *ef,
			int (*cb)(const struct extfuse_policy_info *info, void *arg), void *arg)
{
	struct extfuse_policy_info info;
	struct reply reply;
	unsigned int i;
	int err;

	err = explain(ef, exchange(ef, build_request(ef->family, EXTFUSE_CMD_POLICY_GET,
						     NLM_F_DUMP), &reply));
	for (i = 0; !err && i < reply.nr; i++)
		err = parse_policy(ef, nlmsg_hdr(reply.msgs[i]), &info) ?: cb(&info, arg);
	reply_free(&reply);
	return err;
}

int extfuse_conn_list(struct extfuse *ef,
		      int (*cb)(const struct extfuse_conn_info *info, void *arg), void *arg)
{
	struct extfuse_conn_info info;
	struct reply reply;
	unsigned int i;
	int err;

	err = explain(ef, exchange(ef, build_request(ef->family, EXTFUSE_CMD_CONN_GET,
						     NLM_F_DUMP), &reply));
	for (i = 0; !err && i < reply.nr; i++)
		err = parse_conn(ef, nlmsg_hdr(reply.msgs[i]), &info) ?: cb(&info, arg);
	reply_free(&reply);
	return err;
}

typedef int (*stats_cb)(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
			unsigned int nr_ops, void *arg);

/* @one: of one binding, which must be there. */
static int get_stats(struct extfuse *ef, bool one, struct nl_msg *request, stats_cb cb, void *arg)
{
	struct extfuse_conn_info info;
	struct extfuse_op_stats *ops;
	struct reply reply;
	unsigned int i, nr_ops;
	int err;

	err = explain(ef, exchange(ef, request, &reply));
	if (!err && one && !reply.nr)
		err = fail(ef, ENOENT, "not bound");
	for (i = 0; !err && i < reply.nr; i++) {
		err = parse_stats(ef, nlmsg_hdr(reply.msgs[i]), &info, &ops, &nr_ops);
		if (!err) {
			err = cb(&info, ops, nr_ops, arg);
			free(ops);
		}
	}
	reply_free(&reply);
	return err;
}

int extfuse_stats(struct extfuse *ef, int fd, stats_cb cb, void *arg)
{
	return get_stats(ef, fd >= 0, build_conn_request(ef->family, EXTFUSE_CMD_STATS_GET,
							 NLM_F_DUMP, fd, 0), cb, arg);
}

int extfuse_stats_conn(struct extfuse *ef, uint64_t conn, stats_cb cb, void *arg)
{
	return check_conn(ef, conn) ?:
	       get_stats(ef, true, build_conn_request(ef->family, EXTFUSE_CMD_STATS_GET,
						      NLM_F_DUMP, -1, conn), cb, arg);
}

int extfuse_latency(struct extfuse *ef, int fd, stats_cb cb, void *arg)
{
	return get_stats(ef, fd >= 0, build_latency(ef->family, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP,
						    fd, 0, true), cb, arg);
}

int extfuse_latency_conn(struct extfuse *ef, uint64_t conn, stats_cb cb, void *arg)
{
	return check_conn(ef, conn) ?:
	       get_stats(ef, true, build_latency(ef->family, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP,
						 -1, conn, true), cb, arg);
}
