// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages of the generic netlink family.
 *
 * libnl's attribute policies take an attribute that is longer than expected;
 * the getters here do not, since a size that differs means that the module
 * speaks another version of this protocol.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* --- requests --- */

struct nl_msg *build_request(int family, uint8_t cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_REQUEST | flags, cmd,
			 EXTFUSE_GENL_VERSION)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *build_conn_request(int family, uint8_t cmd, int flags, int fd, uint64_t conn)
{
	struct nl_msg *msg = build_request(family, cmd, flags);

	if (msg && ((fd >= 0 && nla_put_u32(msg, EXTFUSE_A_FD, fd)) ||
		    (conn && nla_put_u64(msg, EXTFUSE_A_CONN, conn)))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* One attribute for each name. */
static int put_policies(struct nl_msg *msg, const char *policies)
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	size_t len;
	int err;

	for (;; policies += len + 1) {
		len = strcspn(policies, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, policies);
		err = nla_put_string(msg, EXTFUSE_A_POLICY, name);
		if (err || !policies[len])
			return err;
	}
}

struct nl_msg *build_bind(int family, int fd, const char *policies, uint32_t ttl_ms, bool replace)
{
	struct nl_msg *msg = build_conn_request(family, EXTFUSE_CMD_BIND, NLM_F_ACK, fd, 0);

	if (!msg)
		return NULL;
	if (put_policies(msg, policies) ||
	    (ttl_ms && nla_put_u32(msg, EXTFUSE_A_TTL, ttl_ms)) ||
	    (replace && nla_put_flag(msg, EXTFUSE_A_REPLACE))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *build_latency(int family, uint8_t cmd, int flags, int fd, uint64_t conn, bool on)
{
	struct nl_msg *msg = build_conn_request(family, cmd, flags, fd, conn);

	if (msg && nla_put_u8(msg, EXTFUSE_A_LATENCY, on)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* --- replies --- */

static const char *attr_name(int type)
{
	static const char *const names[EXTFUSE_A_MAX + 1] = {
		[EXTFUSE_A_VERSION] = "version",
		[EXTFUSE_A_FEATURES] = "features",
		[EXTFUSE_A_POLICY] = "policy",
		[EXTFUSE_A_CONN] = "connection id",
		[EXTFUSE_A_DEV] = "device number",
		[EXTFUSE_A_TTL] = "ttl",
		[EXTFUSE_A_BINDINGS] = "bindings",
		[EXTFUSE_A_UID] = "owner",
		[EXTFUSE_A_POLICY_FLAGS] = "policy flags",
		[EXTFUSE_A_LATENCY] = "latency",
		[EXTFUSE_A_EVENT] = "event",
		[EXTFUSE_A_PREVIOUS] = "previous policy",
		[EXTFUSE_A_REASON] = "reason",
		[EXTFUSE_A_OPCODE] = "opcode",
	};

	return names[type] ? names[type] : "unnamed";
}

static const char *op_attr_name(int type)
{
	static const char *const names[EXTFUSE_OP_A_MAX + 1] = {
		[EXTFUSE_OP_A_OPCODE] = "opcode",
		[EXTFUSE_OP_A_ANSWERED] = "answered",
		[EXTFUSE_OP_A_PASSED] = "passed",
		[EXTFUSE_OP_A_ERRORS] = "errors",
		[EXTFUSE_OP_A_BUGS] = "bugs",
		[EXTFUSE_OP_A_BACKGROUND] = "background",
		[EXTFUSE_OP_A_ANSWERED_NS] = "times of answered requests",
		[EXTFUSE_OP_A_PASSED_NS] = "times of passed requests",
	};

	return names[type] ? names[type] : "unnamed";
}

static int bad_reply(struct extfuse *ef, const char *what, const char *why)
{
	return fail(ef, EPROTO, "the extfuse module's reply %s %s; are module and tool of one version?",
		    why, what);
}

/* Copies a number of exactly @len bytes. */
static int get_number(struct extfuse *ef, const struct nlattr *attr, const char *name, void *to,
		      int len)
{
	if (!attr)
		return bad_reply(ef, name, "lacks the attribute");
	if (nla_len(attr) != len)
		return bad_reply(ef, name, "has a wrong size for the attribute");
	memcpy(to, nla_data(attr), len);
	return 0;
}

static int get_string(struct extfuse *ef, const struct nlattr *attr, const char *name, char *to,
		      size_t size)
{
	size_t len;

	if (!attr)
		return bad_reply(ef, name, "lacks the attribute");
	/* The terminating NUL is optional in netlink. */
	len = strnlen(nla_data(attr), nla_len(attr));
	if (len >= size)
		return bad_reply(ef, name, "is too long in the attribute");
	memcpy(to, nla_data(attr), len);
	to[len] = '\0';
	return 0;
}

/*
 * Joins the names of all attributes of the type with commas. One that is not there
 * stands for none; nla_parse() keeps only the last of those that are.
 */
static int get_names(struct extfuse *ef, struct nlmsghdr *hdr, int type,
		     char to[EXTFUSE_POLICIES_LEN])
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	const struct nlattr *attr;
	size_t len = 0;
	int rem, err;

	to[0] = '\0';
	nlmsg_for_each_attr(attr, hdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != type)
			continue;
		err = get_string(ef, attr, attr_name(type), name, sizeof(name));
		if (err)
			return err;
		if (len + !!len + strlen(name) >= EXTFUSE_POLICIES_LEN)
			return bad_reply(ef, attr_name(type), "is too long in the attribute");
		len += sprintf(to + len, "%s%s", len ? "," : "", name);
	}
	return 0;
}

/* nla_parse() passes over a tail that is no attribute; here it is an error. */
static bool is_whole(const struct nlattr *head, int len)
{
	const struct nlattr *pos;
	int rem;

	nla_for_each_attr(pos, head, len, rem)
		;
	/* Below 0 when the last one came without its padding. */
	return rem <= 0;
}

static int parse_attrs(struct extfuse *ef, struct nlmsghdr *hdr,
		       struct nlattr *attrs[EXTFUSE_A_MAX + 1])
{
	if (hdr->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return bad_reply(ef, "its header", "is cut off in");
	if (!is_whole(nlmsg_attrdata(hdr, GENL_HDRLEN), nlmsg_attrlen(hdr, GENL_HDRLEN)) ||
	    nlmsg_parse(hdr, GENL_HDRLEN, attrs, EXTFUSE_A_MAX, NULL) < 0)
		return bad_reply(ef, "its attributes", "is cut off in");
	return 0;
}

int parse_version(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_version *v)
{
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];

	return parse_attrs(ef, hdr, attrs) ?:
	       get_string(ef, attrs[EXTFUSE_A_VERSION], attr_name(EXTFUSE_A_VERSION), v->version,
			  sizeof(v->version)) ?:
	       get_number(ef, attrs[EXTFUSE_A_FEATURES], attr_name(EXTFUSE_A_FEATURES),
			  &v->features, sizeof(v->features));
}

int parse_policy(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_policy_info *info)
{
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];

	return parse_attrs(ef, hdr, attrs) ?:
	       get_string(ef, attrs[EXTFUSE_A_POLICY], attr_name(EXTFUSE_A_POLICY), info->name,
			  sizeof(info->name)) ?:
	       get_number(ef, attrs[EXTFUSE_A_POLICY_FLAGS], attr_name(EXTFUSE_A_POLICY_FLAGS),
			  &info->flags, sizeof(info->flags)) ?:
	       get_number(ef, attrs[EXTFUSE_A_BINDINGS], attr_name(EXTFUSE_A_BINDINGS),
			  &info->bindings, sizeof(info->bindings));
}

int parse_bound(struct extfuse *ef, struct nlmsghdr *hdr, uint64_t *conn)
{
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];

	return parse_attrs(ef, hdr, attrs) ?:
	       get_number(ef, attrs[EXTFUSE_A_CONN], attr_name(EXTFUSE_A_CONN), conn,
			  sizeof(*conn));
}

int parse_conn(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_conn_info *info)
{
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];
	uint8_t latency = 0;
	uint32_t dev;
	int err;

	memset(info, 0, sizeof(*info));
	err = parse_attrs(ef, hdr, attrs) ?:
	      get_number(ef, attrs[EXTFUSE_A_CONN], attr_name(EXTFUSE_A_CONN), &info->conn,
			 sizeof(info->conn)) ?:
	      get_number(ef, attrs[EXTFUSE_A_DEV], attr_name(EXTFUSE_A_DEV), &dev, sizeof(dev)) ?:
	      get_number(ef, attrs[EXTFUSE_A_UID], attr_name(EXTFUSE_A_UID), &info->uid,
			 sizeof(info->uid));
	if (err)
		return err;
	info->dev_major = dev >> 20;
	info->dev_minor = dev & 0xfffff;

	err = get_names(ef, hdr, EXTFUSE_A_POLICY, info->policy);
	/* Absent stands for 0, as in EXTFUSE_CMD_BIND. */
	if (!err && attrs[EXTFUSE_A_TTL])
		err = get_number(ef, attrs[EXTFUSE_A_TTL], attr_name(EXTFUSE_A_TTL),
				 &info->ttl_ms, sizeof(info->ttl_ms));
	if (!err && attrs[EXTFUSE_A_LATENCY]) {
		err = get_number(ef, attrs[EXTFUSE_A_LATENCY], attr_name(EXTFUSE_A_LATENCY),
				 &latency, sizeof(latency));
		info->latency = latency;
	}
	return err;
}

/* Optional ones: what is not there stays as it is. */
static int get_event_details(struct extfuse *ef, struct nlmsghdr *hdr, struct nlattr **attrs,
			     struct extfuse_event *event)
{
	int err = get_names(ef, hdr, EXTFUSE_A_POLICY, event->policy) ?:
		  get_names(ef, hdr, EXTFUSE_A_PREVIOUS, event->previous);

	if (!err && attrs[EXTFUSE_A_REASON])
		err = get_string(ef, attrs[EXTFUSE_A_REASON], attr_name(EXTFUSE_A_REASON),
				 event->reason, sizeof(event->reason));
	if (!err && attrs[EXTFUSE_A_OPCODE])
		err = get_number(ef, attrs[EXTFUSE_A_OPCODE], attr_name(EXTFUSE_A_OPCODE),
				 &event->opcode, sizeof(event->opcode));
	return err;
}

int parse_event(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_event *event)
{
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];
	uint32_t dev;
	int err;

	memset(event, 0, sizeof(*event));
	err = parse_attrs(ef, hdr, attrs) ?:
	      get_number(ef, attrs[EXTFUSE_A_EVENT], attr_name(EXTFUSE_A_EVENT), &event->type,
			 sizeof(event->type)) ?:
	      get_number(ef, attrs[EXTFUSE_A_CONN], attr_name(EXTFUSE_A_CONN), &event->conn,
			 sizeof(event->conn)) ?:
	      get_number(ef, attrs[EXTFUSE_A_DEV], attr_name(EXTFUSE_A_DEV), &dev, sizeof(dev)) ?:
	      get_number(ef, attrs[EXTFUSE_A_UID], attr_name(EXTFUSE_A_UID), &event->uid,
			 sizeof(event->uid));
	if (err)
		return err;
	event->dev_major = dev >> 20;
	event->dev_minor = dev & 0xfffff;
	return get_event_details(ef, hdr, attrs, event);
}

bool tells_unloaded(struct nlmsghdr *hdr, int family)
{
	const struct nlattr *id;

	if (hdr->nlmsg_type != GENL_ID_CTRL || hdr->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN) ||
	    genlmsg_hdr(hdr)->cmd != CTRL_CMD_DELFAMILY)
		return false;
	id = nlmsg_find_attr(hdr, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);
	return id && nla_len(id) == sizeof(uint16_t) && nla_get_u16(id) == family;
}

/* Buckets after the last one that is not 0 are left out, or all of them. */
static int get_histogram(struct extfuse *ef, struct nlattr **attrs, int type,
			 uint64_t to[EXTFUSE_LATENCY_BUCKETS])
{
	const struct nlattr *attr = attrs[type];

	memset(to, 0, EXTFUSE_LATENCY_BUCKETS * sizeof(*to));
	if (!attr)
		return 0;
	if (nla_len(attr) % sizeof(*to) ||
	    (size_t)nla_len(attr) > EXTFUSE_LATENCY_BUCKETS * sizeof(*to))
		return bad_reply(ef, op_attr_name(type), "has a wrong size for the attribute");
	memcpy(to, nla_data(attr), nla_len(attr));
	return 0;
}

static int parse_op(struct extfuse *ef, struct nlattr *nest, struct extfuse_op_stats *op)
{
	struct nlattr *attrs[EXTFUSE_OP_A_MAX + 1];
	struct {
		int type;
		uint64_t *to;
	} numbers[] = {
		{ EXTFUSE_OP_A_ANSWERED, &op->answered },
		{ EXTFUSE_OP_A_PASSED, &op->passed },
		{ EXTFUSE_OP_A_ERRORS, &op->errors },
		{ EXTFUSE_OP_A_BUGS, &op->bugs },
		{ EXTFUSE_OP_A_BACKGROUND, &op->background },
	};
	unsigned int i;
	int err;

	if (!is_whole(nla_data(nest), nla_len(nest)) ||
	    nla_parse_nested(attrs, EXTFUSE_OP_A_MAX, nest, NULL) < 0)
		return bad_reply(ef, "the statistics of an opcode", "is cut off in");
	err = get_number(ef, attrs[EXTFUSE_OP_A_OPCODE], op_attr_name(EXTFUSE_OP_A_OPCODE),
			 &op->opcode, sizeof(op->opcode));
	for (i = 0; !err && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		err = get_number(ef, attrs[numbers[i].type], op_attr_name(numbers[i].type),
				 numbers[i].to, sizeof(*numbers[i].to));
	return err ?: get_histogram(ef, attrs, EXTFUSE_OP_A_ANSWERED_NS, op->answered_ns) ?:
	       get_histogram(ef, attrs, EXTFUSE_OP_A_PASSED_NS, op->passed_ns);
}

static int by_opcode(const void *a, const void *b)
{
	uint32_t x = ((const struct extfuse_op_stats *)a)->opcode;
	uint32_t y = ((const struct extfuse_op_stats *)b)->opcode;

	return (x > y) - (x < y);
}

int parse_stats(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_conn_info *info,
		struct extfuse_op_stats **ops, unsigned int *nr_ops)
{
	struct extfuse_op_stats *table = NULL, *grown;
	struct nlattr *attr;
	unsigned int nr = 0;
	int rem, err;

	*ops = NULL;
	*nr_ops = 0;
	err = parse_conn(ef, hdr, info);
	if (err)
		return err;

	/* One nest an opcode under the same attribute type: nla_parse() keeps only one. */
	nlmsg_for_each_attr(attr, hdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != EXTFUSE_A_OP)
			continue;
		grown = reallocarray(table, nr + 1, sizeof(*table));
		if (!grown) {
			err = fail(ef, ENOMEM, "out of memory");
			break;
		}
		table = grown;
		err = parse_op(ef, attr, &table[nr]);
		if (err)
			break;
		nr++;
	}
	if (err) {
		free(table);
		return err;
	}
	if (nr)
		qsort(table, nr, sizeof(*table), by_opcode);
	*ops = table;
	*nr_ops = nr;
	return 0;
}

/* --- errors --- */

/* Netlink's flags and attributes of extended acknowledgments. */
static const char *ext_ack_sentence(struct nlmsghdr *hdr, int offset)
{
	struct nlattr *head, *attr;
	int len;

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS) || offset >= nlmsg_datalen(hdr))
		return NULL;
	head = (struct nlattr *)((char *)nlmsg_data(hdr) + offset);
	len = nlmsg_datalen(hdr) - offset;
	attr = nla_find(head, len, NLMSGERR_ATTR_MSG);
	if (!attr || !memchr(nla_data(attr), '\0', nla_len(attr)) || !*(char *)nla_data(attr))
		return NULL;
	return nla_data(attr);
}

const char *parse_error(struct nlmsghdr *hdr, int *err)
{
	struct nlmsgerr *e = nlmsg_data(hdr);
	int offset = sizeof(*e);
	int code;

	*err = 0;
	if (hdr->nlmsg_len < NLMSG_LENGTH(sizeof(int))) {
		/* An empty NLMSG_DONE is a dump's success; an empty error is not one. */
		if (hdr->nlmsg_type == NLMSG_ERROR)
			*err = EPROTO;
		return NULL;
	}
	memcpy(&code, nlmsg_data(hdr), sizeof(code));
	/* Errors of netlink are errno; what is none is as good as unknown. */
	if (code < 0)
		*err = code >= -4095 ? -code : EPROTO;

	if (hdr->nlmsg_type == NLMSG_DONE)
		return ext_ack_sentence(hdr, NLMSG_ALIGN(sizeof(int)));
	if (hdr->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return NULL;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED)) {
		if (e->msg.nlmsg_len < NLMSG_HDRLEN ||
		    e->msg.nlmsg_len > (unsigned int)nlmsg_datalen(hdr))
			return NULL;
		offset += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	}
	return ext_ack_sentence(hdr, offset);
}
