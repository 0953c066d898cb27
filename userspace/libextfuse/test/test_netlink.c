// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whole exchanges, with a script in the place of the kernel: libnl lets the
 * functions that send and receive be replaced.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "test.h"

#define FAMILY 0x42
#define MAX_DATAGRAMS 64

/* The script: datagrams that the kernel sends, one a receive. */
static struct {
	char *data[MAX_DATAGRAMS];
	size_t len[MAX_DATAGRAMS];
	unsigned int nr, next;
	unsigned int requests;
	uint32_t seq;		/* of the last request */
} script;

static struct extfuse *ef;

static int send_request(struct nl_sock *sk, struct nl_msg *msg)
{
	(void)sk;
	script.requests++;
	script.seq = nlmsg_hdr(msg)->nlmsg_seq;
	return nlmsg_hdr(msg)->nlmsg_len;
}

static int receive_next(struct nl_sock *sk, struct sockaddr_nl *from, unsigned char **buf,
			struct ucred **creds)
{
	unsigned int i = script.next++;
	struct nlmsghdr *hdr;
	int rem;

	(void)sk;
	(void)creds;
	memset(from, 0, sizeof(*from));
	if (i >= script.nr)
		return 0;
	*buf = malloc(script.len[i]);
	memcpy(*buf, script.data[i], script.len[i]);
	/* Sequence numbers 0 stand for the right one. */
	rem = script.len[i];
	for (hdr = (struct nlmsghdr *)*buf; nlmsg_ok(hdr, rem); hdr = nlmsg_next(hdr, &rem))
		if (!hdr->nlmsg_seq)
			hdr->nlmsg_seq = script.seq;
	return script.len[i];
}

static int setup(void **state)
{
	struct nl_cb *cb;

	(void)state;
	memset(&script, 0, sizeof(script));
	ef = calloc(1, sizeof(*ef));
	ef->family = FAMILY;
	ef->sk = nl_socket_alloc();
	cb = nl_socket_get_cb(ef->sk);
	nl_cb_overwrite_recv(cb, receive_next);
	nl_cb_overwrite_send(cb, send_request);
	nl_cb_put(cb);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (script.nr)
		free(script.data[--script.nr]);
	extfuse_close(ef);
	return 0;
}

/* Adds a message to the datagram that is last, or begins a new one. */
static void say(struct nl_msg *msg, bool new_datagram)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	size_t len = NLMSG_ALIGN(hdr->nlmsg_len);
	unsigned int i;

	if (new_datagram || !script.nr)
		script.nr++;
	i = script.nr - 1;
	script.data[i] = realloc(script.data[i], script.len[i] + len);
	memset(script.data[i] + script.len[i], 0, len);
	memcpy(script.data[i] + script.len[i], hdr, hdr->nlmsg_len);
	script.len[i] += len;
	nlmsg_free(msg);
}

static void say_error(int error, const char *sentence)
{
	struct nlmsgerr e = { .error = error };
	struct nl_msg *msg = nlmsg_alloc();

	nlmsg_put(msg, 0, 0, NLMSG_ERROR, 0, NLM_F_CAPPED | (sentence ? NLM_F_ACK_TLVS : 0));
	nlmsg_append(msg, &e, sizeof(e), 0);
	if (sentence)
		nla_put_string(msg, NLMSGERR_ATTR_MSG, sentence);
	say(msg, true);
}

static void say_done(int error, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	nlmsg_put(msg, 0, 0, NLMSG_DONE, 0, NLM_F_MULTI | flags);
	nlmsg_append(msg, &error, sizeof(error), 0);
	say(msg, true);
}

static struct nl_msg *conn_message(uint64_t id, int flags)
{
	struct nl_msg *msg = build_request(FAMILY, EXTFUSE_CMD_CONN_GET, flags);

	nlmsg_hdr(msg)->nlmsg_flags = flags;
	nla_put_u64(msg, EXTFUSE_A_CONN, id);
	nla_put_u32(msg, EXTFUSE_A_DEV, 51);
	nla_put_u32(msg, EXTFUSE_A_UID, 0);
	return msg;
}

static int sum_conns(const struct extfuse_conn_info *info, void *arg)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 10 + info->conn;
	return 0;
}

static int stop_at_first(const struct extfuse_conn_info *info, void *arg)
{
	*(uint64_t *)arg = info->conn;
	return 17;
}

static void bind_good(void **state)
{
	uint64_t conn = 0;

	(void)state;
	say(conn_message(9, 0), true);
	say_error(0, NULL);
	assert_int_equal(extfuse_bind(ef, 0, "mdcache", 0, false, &conn), 0);
	assert_int_equal(conn, 9);
}

static void bind_refused(void **state)
{
	(void)state;
	say_error(-EBUSY, "already bound to mdcache");
	assert_int_equal(extfuse_bind(ef, 0, "mdcache", 0, false, NULL), -EBUSY);
	assert_string_equal(extfuse_error(ef), "already bound to mdcache");
}

static void bind_names(void **state)
{
	(void)state;
	/* Nothing is sent. */
	assert_int_equal(extfuse_bind(ef, 0, "", 0, false, NULL), -ENOENT);
	assert_int_equal(extfuse_bind(ef, 0, "a,,b", 0, false, NULL), -ENOENT);
	assert_string_equal(extfuse_error(ef), "no such policy: the name is empty");
	assert_int_equal(extfuse_bind(ef, 0, "a,a-name-of-more-than-thirty-one-bytes,b", 0, false,
				      NULL), -ENOENT);
	assert_string_equal(extfuse_error(ef),
			    "no such policy: a-name-of-more-than-thirty-one-bytes");
	assert_int_equal(extfuse_bind(ef, 0, "a,b,c,d,e", 0, false, NULL), -E2BIG);
	assert_string_equal(extfuse_error(ef), "a mount cannot have more than 4 policies");
	assert_int_equal(extfuse_bind(ef, -1, "mdcache", 0, false, NULL), -EBADF);
	assert_int_equal(extfuse_unbind(ef, -1), -EBADF);
	assert_int_equal(script.requests, 0);
}

static int no_stats(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
		    unsigned int nr_ops, void *arg)
{
	(void)info;
	(void)ops;
	(void)nr_ops;
	(void)arg;
	return 0;
}

static void no_such_conn(void **state)
{
	(void)state;
	/* 0, which would stand for all of them: nothing is sent. */
	assert_int_equal(extfuse_unbind_conn(ef, 0), -ENOENT);
	assert_int_equal(extfuse_measure_conn(ef, 0, true), -ENOENT);
	assert_int_equal(extfuse_latency_conn(ef, 0, no_stats, NULL), -ENOENT);
	assert_int_equal(extfuse_stats_conn(ef, 0, no_stats, NULL), -ENOENT);
	assert_string_equal(extfuse_error(ef), "not bound");
	assert_int_equal(script.requests, 0);
	/* One that is not there, or not to be seen. */
	say_done(0, 0);
	assert_int_equal(extfuse_stats_conn(ef, 9, no_stats, NULL), -ENOENT);
	say_done(0, 0);
	assert_int_equal(extfuse_latency_conn(ef, 9, no_stats, NULL), -ENOENT);
	say_error(-ENOENT, "not bound");
	assert_int_equal(extfuse_unbind_conn(ef, 9), -ENOENT);
	say_error(0, NULL);
	assert_int_equal(extfuse_unbind_conn(ef, 9), 0);
	say_error(0, NULL);
	assert_int_equal(extfuse_measure_conn(ef, 9, true), 0);
}

static void denied_without_sentence(void **state)
{
	(void)state;
	say_error(-EPERM, NULL);
	assert_int_equal(extfuse_unbind(ef, 0), -EPERM);
	assert_string_equal(extfuse_error(ef), "permission denied: needs CAP_SYS_ADMIN");
}

/* What the kernel says of a family that is gone, asked for the last id that one can have. */
static void unloaded(void **state)
{
	struct extfuse gone = { .sk = nl_socket_alloc(), .family = GENL_MAX_ID };
	struct extfuse_version v;
	uint64_t sum;

	(void)state;
	if (genl_connect(gone.sk) < 0) {
		nl_socket_free(gone.sk);
		skip();
	}
	assert_int_equal(extfuse_version(&gone, &v), -ENODEV);
	assert_string_equal(extfuse_error(&gone), "the extfuse module was unloaded");
	assert_int_equal(extfuse_conn_list(&gone, sum_conns, &sum), -ENODEV);
	assert_int_equal(extfuse_unbind(&gone, 0), -ENODEV);
	nl_socket_free(gone.sk);
}

static void acknowledged_without_answer(void **state)
{
	struct extfuse_version v;

	(void)state;
	say_error(0, NULL);
	assert_int_equal(extfuse_version(ef, &v), -EPROTO);
}

static void no_answer(void **state)
{
	struct extfuse_version v;

	(void)state;
	assert_int_equal(extfuse_version(ef, &v), -EPROTO);
	assert_string_equal(extfuse_error(ef), "the extfuse module's reply is cut off");
}

static void dump(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say(conn_message(1, NLM_F_MULTI), true);
	say(conn_message(2, NLM_F_MULTI), false);
	say(conn_message(3, NLM_F_MULTI), true);
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), 0);
	assert_int_equal(sum, 123);
}

static void dump_stopped(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say(conn_message(1, NLM_F_MULTI), true);
	say(conn_message(2, NLM_F_MULTI), true);
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, stop_at_first, &sum), 17);
	assert_int_equal(sum, 1);
	/* All of the answer is gone from the socket. */
	assert_int_equal(script.next, script.nr);
}

static void dump_empty(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), 0);
	assert_int_equal(sum, 0);
}

static void dump_fails_late(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say(conn_message(1, NLM_F_MULTI), true);
	say_done(-EPERM, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), -EPERM);
	assert_int_equal(sum, 0);
}

static void dump_asked_again(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say(conn_message(1, NLM_F_MULTI), true);
	say_done(0, NLM_F_DUMP_INTR);
	say(conn_message(2, NLM_F_MULTI), true);
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), 0);
	assert_int_equal(sum, 2);
	assert_int_equal(script.requests, 2);
}

static void dump_never_quiet(void **state)
{
	uint64_t sum = 0;
	int i;

	(void)state;
	for (i = 0; i < MAX_DATAGRAMS; i++)
		say_done(0, NLM_F_DUMP_INTR);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), -EAGAIN);
}

/* What is left of an earlier request, and a message that is not the family's. */
static void strangers(void **state)
{
	struct nl_msg *msg = conn_message(7, NLM_F_MULTI);
	uint64_t sum = 0;

	(void)state;
	nlmsg_hdr(msg)->nlmsg_seq = 0xdead;
	say(msg, true);
	say(conn_message(1, NLM_F_MULTI), true);
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), 0);
	assert_int_equal(sum, 1);

	msg = conn_message(7, NLM_F_MULTI);
	nlmsg_hdr(msg)->nlmsg_type = FAMILY + 1;
	say(msg, true);
	say_done(0, 0);
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), -EPROTO);
}

static void stats_of_unbound(void **state)
{
	(void)state;
	say_done(0, 0);
	assert_int_equal(extfuse_stats(ef, 0, no_stats, NULL), -ENOENT);
	assert_string_equal(extfuse_error(ef), "not bound");
	say_done(0, 0);
	assert_int_equal(extfuse_stats(ef, -1, no_stats, NULL), 0);
}

/* A datagram that ends in the middle of a message. */
static void cut_datagram(void **state)
{
	uint64_t sum = 0;

	(void)state;
	say(conn_message(1, NLM_F_MULTI), true);
	script.len[0] -= 8;
	assert_int_equal(extfuse_conn_list(ef, sum_conns, &sum), -EPROTO);
}

#define exchange_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		exchange_test(bind_good),
		exchange_test(bind_refused),
		exchange_test(bind_names),
		exchange_test(no_such_conn),
		exchange_test(denied_without_sentence),
		cmocka_unit_test(unloaded),
		exchange_test(acknowledged_without_answer),
		exchange_test(no_answer),
		exchange_test(dump),
		exchange_test(dump_stopped),
		exchange_test(dump_empty),
		exchange_test(dump_fails_late),
		exchange_test(dump_asked_again),
		exchange_test(dump_never_quiet),
		exchange_test(strangers),
		exchange_test(stats_of_unbound),
		exchange_test(cut_datagram),
	};

	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
