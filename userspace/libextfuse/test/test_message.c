// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests as they are built, replies as nobody should send them. */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "test.h"

#define FAMILY 0x42

static struct extfuse ef = { .family = FAMILY };

/*
 * Parsers get an allocation of exactly the message's size, so that the address
 * sanitizer sees a step beyond it.
 */
static struct nlmsghdr *exact(const struct nlmsghdr *hdr)
{
	struct nlmsghdr *copy = malloc(hdr->nlmsg_len);

	memcpy(copy, hdr, hdr->nlmsg_len);
	return copy;
}

static struct nl_msg *reply(uint8_t cmd)
{
	return build_request(FAMILY, cmd, 0);
}

static struct nl_msg *conn_reply(void)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_STATS_GET);

	nla_put_u64(msg, EXTFUSE_A_CONN, 0x1122334455667788);
	nla_put_u32(msg, EXTFUSE_A_DEV, 3 << 20 | 0x54321);
	nla_put_u32(msg, EXTFUSE_A_UID, 1000);
	nla_put_u32(msg, EXTFUSE_A_TTL, 1500);
	nla_put_string(msg, EXTFUSE_A_POLICY, "mdcache");
	return msg;
}

static void put_op(struct nl_msg *msg, uint32_t opcode, uint64_t answered)
{
	struct nlattr *nest = nla_nest_start(msg, EXTFUSE_A_OP);

	nla_put_u32(msg, EXTFUSE_OP_A_OPCODE, opcode);
	nla_put_u64(msg, EXTFUSE_OP_A_ANSWERED, answered);
	nla_put_u64(msg, EXTFUSE_OP_A_PASSED, 2);
	nla_put_u64(msg, EXTFUSE_OP_A_ERRORS, 3);
	nla_put_u64(msg, EXTFUSE_OP_A_BUGS, 4);
	nla_put_u64(msg, EXTFUSE_OP_A_BACKGROUND, 5);
	nla_nest_end(msg, nest);
}

/* --- requests --- */

static void bind_request(void **state)
{
	struct nl_msg *msg = build_bind(FAMILY, 5, "mdcache", 1500, true);
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];
	struct nlmsghdr *hdr = nlmsg_hdr(msg);

	(void)state;
	assert_int_equal(hdr->nlmsg_type, FAMILY);
	assert_true(hdr->nlmsg_flags & NLM_F_REQUEST);
	assert_int_equal(genlmsg_hdr(hdr)->cmd, EXTFUSE_CMD_BIND);
	assert_int_equal(genlmsg_hdr(hdr)->version, EXTFUSE_GENL_VERSION);
	assert_int_equal(nlmsg_parse(hdr, GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL), 0);
	assert_int_equal(nla_get_u32(attrs[EXTFUSE_A_FD]), 5);
	assert_string_equal(nla_get_string(attrs[EXTFUSE_A_POLICY]), "mdcache");
	assert_int_equal(nla_get_u32(attrs[EXTFUSE_A_TTL]), 1500);
	assert_int_equal(nla_len(attrs[EXTFUSE_A_REPLACE]), 0);
	nlmsg_free(msg);
}

static void requests_leave_out(void **state)
{
	struct nl_msg *msg = build_bind(FAMILY, 0, "x", 0, false);
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];

	(void)state;
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL), 0);
	assert_non_null(attrs[EXTFUSE_A_FD]);
	assert_null(attrs[EXTFUSE_A_TTL]);
	assert_null(attrs[EXTFUSE_A_REPLACE]);
	nlmsg_free(msg);

	msg = build_conn_request(FAMILY, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP, -1, 0);
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL), 0);
	assert_null(attrs[EXTFUSE_A_FD]);
	assert_null(attrs[EXTFUSE_A_CONN]);
	assert_int_equal(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
	nlmsg_free(msg);

	msg = build_conn_request(FAMILY, EXTFUSE_CMD_UNBIND, NLM_F_ACK, -1, 0x100000002);
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL), 0);
	assert_null(attrs[EXTFUSE_A_FD]);
	assert_true(nla_get_u64(attrs[EXTFUSE_A_CONN]) == 0x100000002);
	nlmsg_free(msg);
}

static void chain_request(void **state)
{
	static const char *const names[] = { "count", "deny", "mdcache" };
	struct nl_msg *msg = build_bind(FAMILY, 7, "count,deny,mdcache", 0, true);
	struct nlattr *attr;
	unsigned int n = 0;
	int rem;

	(void)state;
	nlmsg_for_each_attr(attr, nlmsg_hdr(msg), GENL_HDRLEN, rem) {
		if (nla_type(attr) != EXTFUSE_A_POLICY)
			continue;
		assert_true(n < 3);
		assert_string_equal(nla_get_string(attr), names[n++]);
	}
	assert_int_equal(n, 3);
	nlmsg_free(msg);
}

static void latency_request(void **state)
{
	struct nl_msg *msg = build_latency(FAMILY, EXTFUSE_CMD_CONN_SET, NLM_F_ACK, 5, 0, false);
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];

	(void)state;
	assert_int_equal(genlmsg_hdr(nlmsg_hdr(msg))->cmd, EXTFUSE_CMD_CONN_SET);
	assert_int_equal(nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL), 0);
	assert_int_equal(nla_get_u32(attrs[EXTFUSE_A_FD]), 5);
	assert_int_equal(nla_len(attrs[EXTFUSE_A_LATENCY]), 1);
	assert_int_equal(nla_get_u8(attrs[EXTFUSE_A_LATENCY]), 0);
	nlmsg_free(msg);
}

/* --- good replies --- */

static void version(void **state)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_VERSION_GET);
	struct extfuse_version v;

	(void)state;
	nla_put_string(msg, EXTFUSE_A_VERSION, "0.1.0");
	nla_put_u32(msg, EXTFUSE_A_FEATURES, EXTFUSE_FEATURE_NOTIFY | 0x80);
	/* Attributes of a newer module. */
	nla_put_u32(msg, EXTFUSE_A_MAX + 1, 1);
	nla_put_u64(msg, 4000, 1);
	assert_int_equal(parse_version(&ef, nlmsg_hdr(msg), &v), 0);
	assert_string_equal(v.version, "0.1.0");
	assert_int_equal(v.features, 0x81);
	nlmsg_free(msg);
}

static void policy(void **state)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_POLICY_GET);
	struct extfuse_policy_info info;

	(void)state;
	/* Without its NUL, which netlink allows. */
	nla_put(msg, EXTFUSE_A_POLICY, 7, "mdcache");
	nla_put_u32(msg, EXTFUSE_A_POLICY_FLAGS, 3);
	nla_put_u32(msg, EXTFUSE_A_BINDINGS, 2);
	assert_int_equal(parse_policy(&ef, nlmsg_hdr(msg), &info), 0);
	assert_string_equal(info.name, "mdcache");
	assert_int_equal(info.flags, 3);
	assert_int_equal(info.bindings, 2);
	nlmsg_free(msg);
}

static void conn(void **state)
{
	struct extfuse_conn_info info;
	struct nl_msg *msg = conn_reply();

	(void)state;
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), 0);
	assert_true(info.conn == 0x1122334455667788);
	assert_int_equal(info.dev_major, 3);
	assert_int_equal(info.dev_minor, 0x54321);
	assert_int_equal(info.uid, 1000);
	assert_int_equal(info.ttl_ms, 1500);
	assert_string_equal(info.policy, "mdcache");
	nlmsg_free(msg);
}

static void conn_of_chain(void **state)
{
	struct extfuse_conn_info info;
	struct nl_msg *msg = conn_reply();
	char name[EXTFUSE_POLICY_NAME_LEN] = {};
	int i;

	(void)state;
	nla_put_string(msg, EXTFUSE_A_POLICY, "count");
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), 0);
	assert_string_equal(info.policy, "mdcache,count");

	/* four of the longest fit, not one more */
	nlmsg_free(msg);
	memset(name, 'x', sizeof(name) - 1);
	msg = reply(EXTFUSE_CMD_CONN_GET);
	nla_put_u64(msg, EXTFUSE_A_CONN, 1);
	nla_put_u32(msg, EXTFUSE_A_DEV, 51);
	nla_put_u32(msg, EXTFUSE_A_UID, 0);
	for (i = 0; i < EXTFUSE_CHAIN_MAX; i++)
		nla_put_string(msg, EXTFUSE_A_POLICY, name);
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), 0);
	assert_int_equal(strlen(info.policy), sizeof(info.policy) - 1);
	nla_put_string(msg, EXTFUSE_A_POLICY, "y");
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
}

static void conn_of_unloaded_policy(void **state)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_CONN_GET);
	struct extfuse_conn_info info;

	(void)state;
	nla_put_u64(msg, EXTFUSE_A_CONN, 1);
	nla_put_u32(msg, EXTFUSE_A_DEV, 51);
	nla_put_u32(msg, EXTFUSE_A_UID, 0);
	memset(&info, 0xff, sizeof(info));
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), 0);
	assert_string_equal(info.policy, "");
	assert_int_equal(info.ttl_ms, 0);
	nlmsg_free(msg);
}

static void stats(void **state)
{
	struct nl_msg *msg = conn_reply();
	struct extfuse_conn_info info;
	struct extfuse_op_stats *ops;
	unsigned int nr;

	(void)state;
	put_op(msg, 15, 7);
	put_op(msg, 1, UINT64_MAX);
	put_op(msg, 4096, 9);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(ops[0].opcode, 1);
	assert_true(ops[0].answered == UINT64_MAX);
	assert_int_equal(ops[1].opcode, 15);
	assert_int_equal(ops[2].opcode, 4096);
	assert_int_equal(ops[2].passed, 2);
	assert_int_equal(ops[2].errors, 3);
	assert_int_equal(ops[2].bugs, 4);
	assert_int_equal(ops[2].background, 5);
	free(ops);
	nlmsg_free(msg);
}

static void stats_of_nothing(void **state)
{
	struct nl_msg *msg = conn_reply();
	struct extfuse_conn_info info;
	struct extfuse_op_stats *ops;
	unsigned int nr = 1;

	(void)state;
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), 0);
	assert_int_equal(nr, 0);
	assert_null(ops);
	nlmsg_free(msg);
}

static void histograms(void **state)
{
	uint64_t counts[EXTFUSE_LATENCY_BUCKETS + 1];
	struct nl_msg *msg = conn_reply();
	struct extfuse_conn_info info;
	struct extfuse_op_stats *ops;
	struct nlattr *nest;
	unsigned int nr, i;

	(void)state;
	for (i = 0; i <= EXTFUSE_LATENCY_BUCKETS; i++)
		counts[i] = i + 1;
	nla_put_u8(msg, EXTFUSE_A_LATENCY, 1);
	put_op(msg, 1, 1);
	nest = nla_find(nlmsg_attrdata(nlmsg_hdr(msg), GENL_HDRLEN),
			nlmsg_attrlen(nlmsg_hdr(msg), GENL_HDRLEN), EXTFUSE_A_OP);
	nla_put(msg, EXTFUSE_OP_A_ANSWERED_NS, 3 * sizeof(*counts), counts);
	nla_nest_end(msg, nest);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), 0);
	assert_true(info.latency);
	assert_int_equal(nr, 1);
	assert_int_equal(ops[0].answered_ns[2], 3);
	assert_int_equal(ops[0].answered_ns[3], 0);
	assert_int_equal(ops[0].passed_ns[0], 0);
	free(ops);

	/* All of them; one more than there are, or half of one, is another protocol. */
	nla_put(msg, EXTFUSE_OP_A_PASSED_NS, sizeof(counts) - sizeof(*counts), counts);
	nla_nest_end(msg, nest);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), 0);
	assert_int_equal(ops[0].passed_ns[EXTFUSE_LATENCY_BUCKETS - 1], EXTFUSE_LATENCY_BUCKETS);
	free(ops);
	nla_put(msg, EXTFUSE_OP_A_PASSED_NS, sizeof(counts), counts);
	nla_nest_end(msg, nest);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), -EPROTO);
	assert_non_null(strstr(ef.error, "times of passed requests"));
	nla_put(msg, EXTFUSE_OP_A_PASSED_NS, 12, counts);
	nla_nest_end(msg, nest);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), -EPROTO);
	nlmsg_free(msg);
}

static struct nl_msg *event_message(uint32_t type)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_EVENT);

	nla_put_u32(msg, EXTFUSE_A_EVENT, type);
	nla_put_u64(msg, EXTFUSE_A_CONN, 0x1122334455667788);
	nla_put_u32(msg, EXTFUSE_A_DEV, 3 << 20 | 0x54321);
	nla_put_u32(msg, EXTFUSE_A_UID, 1000);
	return msg;
}

static void event(void **state)
{
	struct nl_msg *msg = event_message(EXTFUSE_EVENT_FAULT);
	struct extfuse_event event;

	(void)state;
	/* The least there is. */
	memset(&event, 0xff, sizeof(event));
	assert_int_equal(parse_event(&ef, nlmsg_hdr(msg), &event), 0);
	assert_int_equal(event.type, EXTFUSE_EVENT_FAULT);
	assert_true(event.conn == 0x1122334455667788);
	assert_int_equal(event.dev_major, 3);
	assert_int_equal(event.dev_minor, 0x54321);
	assert_int_equal(event.uid, 1000);
	assert_string_equal(event.policy, "");
	assert_string_equal(event.previous, "");
	assert_string_equal(event.reason, "");
	assert_int_equal(event.opcode, 0);

	nla_put_string(msg, EXTFUSE_A_POLICY, "mdcache");
	nla_put_string(msg, EXTFUSE_A_PREVIOUS, "count");
	nla_put_string(msg, EXTFUSE_A_REASON, "why not");
	nla_put_u32(msg, EXTFUSE_A_OPCODE, 3);
	nla_put_u32(msg, EXTFUSE_A_MAX + 1, 1);
	assert_int_equal(parse_event(&ef, nlmsg_hdr(msg), &event), 0);
	assert_string_equal(event.policy, "mdcache");
	assert_string_equal(event.previous, "count");
	assert_string_equal(event.reason, "why not");
	assert_int_equal(event.opcode, 3);
	nlmsg_free(msg);
}

static void bad_events(void **state)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_EVENT);
	struct extfuse_event event;
	char reason[200];

	(void)state;
	assert_int_equal(parse_event(&ef, nlmsg_hdr(msg), &event), -EPROTO);
	assert_non_null(strstr(ef.error, "attribute event"));
	nlmsg_free(msg);

	msg = event_message(1);
	nla_put_u64(msg, EXTFUSE_A_OPCODE, 1);
	assert_int_equal(parse_event(&ef, nlmsg_hdr(msg), &event), -EPROTO);
	nlmsg_free(msg);

	memset(reason, 'x', sizeof(reason));
	msg = event_message(1);
	nla_put(msg, EXTFUSE_A_REASON, sizeof(reason), reason);
	assert_int_equal(parse_event(&ef, nlmsg_hdr(msg), &event), -EPROTO);
	nlmsg_free(msg);
}

static struct nlmsghdr *family_message(uint8_t cmd, uint32_t id, int id_size)
{
	struct nl_msg *msg = build_request(GENL_ID_CTRL, cmd, 0);
	struct nlmsghdr *hdr;

	nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, "extfuse");
	nla_put(msg, CTRL_ATTR_FAMILY_ID, id_size, &id);
	hdr = exact(nlmsg_hdr(msg));
	nlmsg_free(msg);
	return hdr;
}

static void unloaded(void **state)
{
	static const struct {
		uint8_t cmd;
		uint32_t id;
		int id_size;
		bool unloaded;
	} cases[] = {
		{ CTRL_CMD_DELFAMILY, FAMILY, 2, true },
		{ CTRL_CMD_DELFAMILY, FAMILY + 1, 2, false },
		{ CTRL_CMD_NEWFAMILY, FAMILY, 2, false },
		{ CTRL_CMD_DELFAMILY, FAMILY, 1, false },
		{ CTRL_CMD_DELFAMILY, FAMILY, 4, false },
	};
	struct nlmsghdr *hdr;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hdr = family_message(cases[i].cmd, cases[i].id, cases[i].id_size);
		assert_int_equal(tells_unloaded(hdr, FAMILY), cases[i].unloaded);
		hdr->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
		assert_false(tells_unloaded(hdr, FAMILY));
		hdr->nlmsg_len = NLMSG_HDRLEN;
		assert_false(tells_unloaded(hdr, FAMILY));
		free(hdr);
	}
}

/* --- bad replies --- */

static void missing(void **state)
{
	struct nl_msg *msg = reply(EXTFUSE_CMD_VERSION_GET);
	struct extfuse_policy_info info;
	struct extfuse_conn_info ci;
	struct extfuse_version v;
	uint64_t id;

	(void)state;
	assert_int_equal(parse_version(&ef, nlmsg_hdr(msg), &v), -EPROTO);
	assert_string_equal(ef.error, "the extfuse module's reply lacks the attribute version; "
				      "are module and tool of one version?");
	assert_int_equal(parse_policy(&ef, nlmsg_hdr(msg), &info), -EPROTO);
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &ci), -EPROTO);
	assert_int_equal(parse_bound(&ef, nlmsg_hdr(msg), &id), -EPROTO);
	nlmsg_free(msg);
}

static void wrong_sizes(void **state)
{
	struct extfuse_conn_info info;
	struct extfuse_version v;
	struct nl_msg *msg;
	uint64_t id;

	(void)state;
	msg = reply(EXTFUSE_CMD_BIND);
	nla_put_u32(msg, EXTFUSE_A_CONN, 1);
	assert_int_equal(parse_bound(&ef, nlmsg_hdr(msg), &id), -EPROTO);
	nlmsg_free(msg);

	msg = reply(EXTFUSE_CMD_CONN_GET);
	nla_put_u64(msg, EXTFUSE_A_CONN, 1);
	nla_put_u64(msg, EXTFUSE_A_DEV, 1);
	nla_put_u32(msg, EXTFUSE_A_UID, 1);
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), -EPROTO);
	assert_non_null(strstr(ef.error, "device number"));
	nlmsg_free(msg);

	msg = reply(EXTFUSE_CMD_VERSION_GET);
	nla_put(msg, EXTFUSE_A_VERSION, 0, NULL);
	nla_put(msg, EXTFUSE_A_FEATURES, 0, NULL);
	assert_int_equal(parse_version(&ef, nlmsg_hdr(msg), &v), -EPROTO);
	nlmsg_free(msg);
}

static void long_strings(void **state)
{
	char name[EXTFUSE_POLICY_NAME_LEN + 1];
	struct nl_msg *msg = conn_reply();
	struct extfuse_conn_info info;

	(void)state;
	memset(name, 'x', sizeof(name));
	nla_put(msg, EXTFUSE_A_POLICY, EXTFUSE_POLICY_NAME_LEN - 1, name);
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), 0);
	/* with the one that was there, and a comma */
	assert_int_equal(strlen(info.policy), 8 + EXTFUSE_POLICY_NAME_LEN - 1);
	nla_put(msg, EXTFUSE_A_POLICY, EXTFUSE_POLICY_NAME_LEN, name);
	assert_int_equal(parse_conn(&ef, nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
}

static void bad_op(void **state)
{
	struct extfuse_op_stats *ops;
	struct extfuse_conn_info info;
	struct nl_msg *msg;
	struct nlattr *nest;
	unsigned int nr;

	(void)state;
	/* A good one first: it must not leak. */
	msg = conn_reply();
	put_op(msg, 1, 1);
	nest = nla_nest_start(msg, EXTFUSE_A_OP);
	nla_put_u32(msg, EXTFUSE_OP_A_OPCODE, 3);
	nla_nest_end(msg, nest);
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), -EPROTO);
	assert_null(ops);
	assert_int_equal(nr, 0);
	nlmsg_free(msg);

	/* Not even room for an attribute's header. */
	msg = conn_reply();
	nla_put(msg, EXTFUSE_A_OP, 3, "abc");
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), -EPROTO);
	nlmsg_free(msg);

	/* An attribute inside that reaches beyond the nest. */
	msg = conn_reply();
	nla_put(msg, EXTFUSE_A_OP, 8, "\x40\0\1\0\1\0\0\0");
	assert_int_equal(parse_stats(&ef, nlmsg_hdr(msg), &info, &ops, &nr), -EPROTO);
	nlmsg_free(msg);
}

/* However short it is cut, a message is refused or parsed; it is never overrun. */
static void truncated(void **state)
{
	struct extfuse_op_stats *ops;
	struct extfuse_conn_info info;
	struct nl_msg *msg = conn_reply();
	struct nlmsghdr *hdr;
	unsigned int nr, len, full;
	int err;

	(void)state;
	put_op(msg, 1, 1);
	put_op(msg, 3, 1);
	full = nlmsg_hdr(msg)->nlmsg_len;
	for (len = NLMSG_HDRLEN; len < full; len++) {
		nlmsg_hdr(msg)->nlmsg_len = len;
		hdr = exact(nlmsg_hdr(msg));
		err = parse_stats(&ef, hdr, &info, &ops, &nr);
		assert_true(!err || err == -EPROTO);
		if (!err)
			free(ops);
		free(hdr);
	}
	nlmsg_hdr(msg)->nlmsg_len = full;
	nlmsg_free(msg);
}

/* Every byte of a good reply, changed. */
static void mangled(void **state)
{
	static const unsigned char values[] = { 0, 1, 3, 4, 5, 0x7f, 0x80, 0xff };
	struct extfuse_op_stats *ops;
	struct extfuse_conn_info info;
	struct nl_msg *msg = conn_reply();
	struct nlmsghdr *hdr;
	unsigned int nr, at, v;
	int err;

	(void)state;
	put_op(msg, 1, 1);
	put_op(msg, 3, 1);
	for (at = NLMSG_HDRLEN; at < nlmsg_hdr(msg)->nlmsg_len; at++) {
		for (v = 0; v < sizeof(values); v++) {
			hdr = exact(nlmsg_hdr(msg));
			((unsigned char *)hdr)[at] = values[v];
			err = parse_stats(&ef, hdr, &info, &ops, &nr);
			assert_true(!err || err == -EPROTO);
			if (!err)
				free(ops);
			free(hdr);
		}
	}
	nlmsg_free(msg);
}

/* --- errors --- */

static struct nl_msg *error_message(int error, int flags, const void *request, uint32_t request_len)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlmsgerr e = { .error = error, .msg.nlmsg_len = request_len };

	nlmsg_put(msg, 0, 0, NLMSG_ERROR, 0, flags);
	nlmsg_append(msg, &e, sizeof(e), 0);
	if (request)
		nlmsg_append(msg, (void *)request, request_len - NLMSG_HDRLEN, NLMSG_ALIGNTO);
	return msg;
}

static void ext_ack(void **state)
{
	struct nl_msg *msg;
	int err;

	(void)state;
	msg = error_message(-EBUSY, NLM_F_ACK_TLVS | NLM_F_CAPPED, NULL, 100);
	nla_put_u32(msg, NLMSGERR_ATTR_OFFS, 20);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "already bound");
	assert_string_equal(parse_error(nlmsg_hdr(msg), &err), "already bound");
	assert_int_equal(err, EBUSY);
	nlmsg_free(msg);

	/* After a copy of the request whose length is no multiple of four. */
	msg = error_message(-EBUSY, NLM_F_ACK_TLVS, "request", NLMSG_HDRLEN + 7);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "already bound");
	assert_string_equal(parse_error(nlmsg_hdr(msg), &err), "already bound");
	nlmsg_free(msg);

	msg = error_message(0, NLM_F_CAPPED, NULL, 100);
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	assert_int_equal(err, 0);
	nlmsg_free(msg);
}

static void bad_ext_ack(void **state)
{
	struct nlmsghdr *hdr;
	struct nl_msg *msg;
	unsigned int full, len;
	int err;

	(void)state;
	/* The copy of the request is said to be longer than all there is. */
	msg = error_message(-EPERM, NLM_F_ACK_TLVS, NULL, 0x7fffffff);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "denied");
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	assert_int_equal(err, EPERM);
	nlmsg_free(msg);
	msg = error_message(-EPERM, NLM_F_ACK_TLVS, NULL, 0);
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	nlmsg_free(msg);

	/* Not terminated; empty. */
	msg = error_message(-EPERM, NLM_F_ACK_TLVS | NLM_F_CAPPED, NULL, 0);
	nla_put(msg, NLMSGERR_ATTR_MSG, 4, "deny");
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	nlmsg_free(msg);
	msg = error_message(-EPERM, NLM_F_ACK_TLVS | NLM_F_CAPPED, NULL, 0);
	nla_put(msg, NLMSGERR_ATTR_MSG, 0, NULL);
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	nlmsg_free(msg);

	/* Cut off anywhere. */
	msg = error_message(-EPERM, NLM_F_ACK_TLVS, "request", NLMSG_HDRLEN + 7);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "denied");
	full = nlmsg_hdr(msg)->nlmsg_len;
	for (len = NLMSG_HDRLEN; len < full; len++) {
		nlmsg_hdr(msg)->nlmsg_len = len;
		hdr = exact(nlmsg_hdr(msg));
		parse_error(hdr, &err);
		assert_true(err == EPERM || err == EPROTO);
		free(hdr);
	}
	nlmsg_hdr(msg)->nlmsg_len = full;
	nlmsg_free(msg);

	/* An errno that is none. */
	msg = error_message(-100000, 0, NULL, 0);
	parse_error(nlmsg_hdr(msg), &err);
	assert_int_equal(err, EPROTO);
	nlmsg_free(msg);
}

static void dump_error(void **state)
{
	struct nl_msg *msg = nlmsg_alloc();
	int error = -EPERM, err;

	(void)state;
	nlmsg_put(msg, 0, 0, NLMSG_DONE, 0, NLM_F_MULTI | NLM_F_ACK_TLVS);
	nlmsg_append(msg, &error, sizeof(error), 0);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "denied");
	assert_string_equal(parse_error(nlmsg_hdr(msg), &err), "denied");
	assert_int_equal(err, EPERM);
	nlmsg_free(msg);

	msg = nlmsg_alloc();
	nlmsg_put(msg, 0, 0, NLMSG_DONE, 0, NLM_F_MULTI);
	assert_null(parse_error(nlmsg_hdr(msg), &err));
	assert_int_equal(err, 0);
	nlmsg_free(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_request),
		cmocka_unit_test(requests_leave_out),
		cmocka_unit_test(version),
		cmocka_unit_test(policy),
		cmocka_unit_test(conn),
		cmocka_unit_test(conn_of_chain),
		cmocka_unit_test(conn_of_unloaded_policy),
		cmocka_unit_test(stats),
		cmocka_unit_test(stats_of_nothing),
		cmocka_unit_test(chain_request),
		cmocka_unit_test(latency_request),
		cmocka_unit_test(histograms),
		cmocka_unit_test(event),
		cmocka_unit_test(bad_events),
		cmocka_unit_test(unloaded),
		cmocka_unit_test(missing),
		cmocka_unit_test(wrong_sizes),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(bad_op),
		cmocka_unit_test(truncated),
		cmocka_unit_test(mangled),
		cmocka_unit_test(ext_ack),
		cmocka_unit_test(bad_ext_ack),
		cmocka_unit_test(dump_error),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
