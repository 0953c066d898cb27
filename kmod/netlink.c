// SPDX-License-Identifier: GPL-2.0
/* The generic netlink family "extfuse": uapi/extfuse.h says what it speaks. */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sizes.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "conn.h"
#include "netlink.h"
#include "notify.h"

static struct genl_family extfuse_family;

static const struct nla_policy extfuse_nl_policy[EXTFUSE_A_MAX + 1] = {
	[EXTFUSE_A_FD] = { .type = NLA_U32 },
	[EXTFUSE_A_POLICY] = { .type = NLA_NUL_STRING, .len = EXTFUSE_POLICY_NAME_LEN - 1 },
	[EXTFUSE_A_CONN] = { .type = NLA_U64 },
	[EXTFUSE_A_TTL] = { .type = NLA_U32 },
	[EXTFUSE_A_REPLACE] = { .type = NLA_FLAG },
	[EXTFUSE_A_LATENCY] = { .type = NLA_U8 },
};

/* In the initial user namespace, of the socket's opener and of the sender. */
static int need_admin(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(extack, "permission denied: needs CAP_SYS_ADMIN");
	return -EPERM;
}

static bool may_see(struct sk_buff *skb, const struct extfuse_conn *conn)
{
	return uid_eq(NETLINK_CREDS(skb)->uid, conn->owner) || netlink_capable(skb, CAP_SYS_ADMIN);
}

static struct file *file_of(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct file *file = fget_raw(nla_get_u32(attrs[EXTFUSE_A_FD]));

	if (!file) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[EXTFUSE_A_FD], "no such file descriptor");
		return ERR_PTR(-EBADF);
	}
	return file;
}

static int reply(struct genl_info *info, struct sk_buff *msg, void *hdr)
{
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int version_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &extfuse_family, 0, EXTFUSE_CMD_VERSION_GET);
	if (!hdr || nla_put_string(msg, EXTFUSE_A_VERSION, EXTFUSE_MODULE_VERSION) ||
	    nla_put_u32(msg, EXTFUSE_A_FEATURES,
			extfuse_notify_available() ? EXTFUSE_FEATURE_NOTIFY : 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return reply(info, msg, hdr);
}

static bool wants_latency(struct nlattr **attrs)
{
	return attrs[EXTFUSE_A_LATENCY] && nla_get_u8(attrs[EXTFUSE_A_LATENCY]);
}

static u64 ttl_ns(const struct nlattr *attr)
{
	u32 ms = nla_get_u32(attr);

	return ms == U32_MAX ? U64_MAX : ms * (u64)NSEC_PER_MSEC;
}

static u32 ttl_ms(u64 ns)
{
	return ns == U64_MAX ? U32_MAX : div_u64(ns, NSEC_PER_MSEC);
}

/* Netlink's table of attributes has only the last of those with one type. */
static int names_of(struct genl_info *info, struct extfuse_names *names)
{
	const struct nlattr *attr;
	int rem;

	names->nr = 0;
	nla_for_each_attr(attr, genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr), rem) {
		if (nla_type(attr) != EXTFUSE_A_POLICY)
			continue;
		if (names->nr == EXTFUSE_CHAIN_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
						"a mount cannot have more than %u policies",
						EXTFUSE_CHAIN_MAX);
			return -E2BIG;
		}
		nla_strscpy(names->name[names->nr++], attr, EXTFUSE_POLICY_NAME_LEN);
	}
	return 0;
}

static int bind_doit(struct sk_buff *skb, struct genl_info *info)
{
	u64 ttl = info->attrs[EXTFUSE_A_TTL] ? ttl_ns(info->attrs[EXTFUSE_A_TTL]) : 0;
	struct extfuse_names names;
	struct sk_buff *msg;
	struct file *file;
	u64 id = 0;
	void *hdr;
	int err;

	err = need_admin(skb, info->extack);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, EXTFUSE_A_FD) ||
	    GENL_REQ_ATTR_CHECK(info, EXTFUSE_A_POLICY)) {
		NL_SET_ERR_MSG(info->extack, "bind needs a file descriptor and a policy");
		return -EINVAL;
	}
	err = names_of(info, &names);
	if (err)
		return err;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	file = file_of(info->attrs, info->extack);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto free;
	err = extfuse_bind(file, &names, ttl, info->attrs[EXTFUSE_A_REPLACE], &id, info->extack);
	fput(file);
	if (err)
		goto free;
	hdr = genlmsg_put_reply(msg, info, &extfuse_family, 0, EXTFUSE_CMD_BIND);
	if (WARN_ON_ONCE(!hdr || nla_put_u64_64bit(msg, EXTFUSE_A_CONN, id, EXTFUSE_A_PAD))) {
		err = -EMSGSIZE;
		goto free;
	}
	return reply(info, msg, hdr);

free:
	nlmsg_free(msg);
	return err;
}

/* Of the two that name a binding: @file, to be given back, or else @id. */
static int binding_of(struct nlattr **attrs, struct file **file, u64 *id,
		      struct netlink_ext_ack *extack)
{
	*file = NULL;
	*id = 0;
	if (attrs[EXTFUSE_A_FD]) {
		*file = file_of(attrs, extack);
		return PTR_ERR_OR_ZERO(*file);
	}
	if (!attrs[EXTFUSE_A_CONN])
		return -EINVAL;
	*id = nla_get_u64(attrs[EXTFUSE_A_CONN]);
	return 0;
}

static int unbind_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct file *file;
	u64 id;
	int err;

	err = need_admin(skb, info->extack);
	if (err)
		return err;
	err = binding_of(info->attrs, &file, &id, info->extack);
	if (err) {
		if (err == -EINVAL)
			NL_SET_ERR_MSG(info->extack,
				       "unbind needs a file descriptor or a connection id");
		return err;
	}
	err = extfuse_unbind(file, id, info->extack);
	if (file)
		fput(file);
	return err;
}

static int conn_set(struct sk_buff *skb, struct genl_info *info)
{
	struct file *file;
	u64 id;
	int err;

	err = need_admin(skb, info->extack);
	if (err)
		return err;
	err = binding_of(info->attrs, &file, &id, info->extack);
	if (err == -EINVAL || (!err && !info->attrs[EXTFUSE_A_LATENCY])) {
		NL_SET_ERR_MSG(info->extack,
			       "set needs a file descriptor or a connection id, and what to set");
		err = -EINVAL;
	}
	if (!err)
		err = extfuse_conn_measure(file, id, wants_latency(info->attrs), info->extack);
	if (!IS_ERR_OR_NULL(file))
		fput(file);
	return err;
}

static int put_policy(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct extfuse_policy *policy)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&extfuse_family, NLM_F_MULTI, EXTFUSE_CMD_POLICY_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, EXTFUSE_A_POLICY, policy->name) ||
	    nla_put_u32(skb, EXTFUSE_A_POLICY_FLAGS, policy->flags) ||
	    nla_put_u32(skb, EXTFUSE_A_BINDINGS, policy->bindings)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int policy_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct extfuse_policy *policy;
	long i = 0;
	int err;

	err = need_admin(cb->skb, cb->extack);
	if (err)
		return err;
	mutex_lock(&extfuse_mutex);
	list_for_each_entry(policy, &extfuse_policies, node) {
		if (i++ < cb->args[0])
			continue;
		err = put_policy(skb, cb, policy);
		if (err)
			break;
		cb->args[0] = i;
	}
	mutex_unlock(&extfuse_mutex);
	return skb->len ?: err;
}

/* What would be empty is left out. */
static int put_latency(struct sk_buff *skb, const struct extfuse_latency *latency,
		       unsigned int opcode)
{
	u64 sum[EXTFUSE_LATENCY_BUCKETS];
	unsigned int nr;

	nr = extfuse_latency_sum(latency->answered, opcode, sum);
	if (nr && nla_put_64bit(skb, EXTFUSE_OP_A_ANSWERED_NS, nr * sizeof(*sum), sum,
				EXTFUSE_OP_A_PAD))
		return -EMSGSIZE;
	nr = extfuse_latency_sum(latency->passed, opcode, sum);
	if (nr && nla_put_64bit(skb, EXTFUSE_OP_A_PASSED_NS, nr * sizeof(*sum), sum,
				EXTFUSE_OP_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_op(struct sk_buff *skb, unsigned int opcode, const struct extfuse_op_counts *op,
		  const struct extfuse_latency *latency)
{
	struct nlattr *nest = nla_nest_start(skb, EXTFUSE_A_OP);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, EXTFUSE_OP_A_OPCODE, opcode) ||
	    nla_put_u64_64bit(skb, EXTFUSE_OP_A_ANSWERED, op->answered, EXTFUSE_OP_A_PAD) ||
	    nla_put_u64_64bit(skb, EXTFUSE_OP_A_PASSED, op->passed, EXTFUSE_OP_A_PAD) ||
	    nla_put_u64_64bit(skb, EXTFUSE_OP_A_ERRORS, op->errors, EXTFUSE_OP_A_PAD) ||
	    nla_put_u64_64bit(skb, EXTFUSE_OP_A_BUGS, op->bugs, EXTFUSE_OP_A_PAD) ||
	    nla_put_u64_64bit(skb, EXTFUSE_OP_A_BACKGROUND, op->background, EXTFUSE_OP_A_PAD))
		return -EMSGSIZE;
	if (latency && put_latency(skb, latency, opcode))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_stats(struct sk_buff *skb, const struct extfuse_conn *conn,
		     const struct extfuse_latency *latency)
{
	struct extfuse_op_counts op;
	unsigned int i;
	int err;

	for (i = 0; i < EXTFUSE_NR_OPCODES; i++) {
		extfuse_stats_sum(conn->stats, i, &op);
		if (!op.answered && !op.passed)
			continue;
		err = put_op(skb, i, &op, latency);
		if (err)
			return err;
	}
	return 0;
}

static int put_chain(struct sk_buff *skb, const struct extfuse_chain *chain)
{
	unsigned int i;

	if (!chain)
		return nla_put_string(skb, EXTFUSE_A_POLICY, "");
	for (i = 0; i < chain->nr; i++)
		if (nla_put_string(skb, EXTFUSE_A_POLICY, chain->member[i]->policy->name))
			return -EMSGSIZE;
	return 0;
}

/* Inside extfuse_srcu. */
static int put_conn(struct sk_buff *skb, struct netlink_callback *cb, struct extfuse_conn *conn,
		    u8 cmd)
{
	const struct extfuse_chain *chain = srcu_dereference(conn->chain, &extfuse_srcu);
	const struct extfuse_latency *latency = srcu_dereference(conn->latency, &extfuse_srcu);
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&extfuse_family, NLM_F_MULTI, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u64_64bit(skb, EXTFUSE_A_CONN, conn->id, EXTFUSE_A_PAD) ||
	    nla_put_u32(skb, EXTFUSE_A_DEV, conn->dev) ||
	    nla_put_u32(skb, EXTFUSE_A_UID, from_kuid_munged(current_user_ns(), conn->owner)) ||
	    nla_put_u32(skb, EXTFUSE_A_TTL, ttl_ms(READ_ONCE(conn->ttl))) ||
	    put_chain(skb, chain) ||
	    nla_put_u8(skb, EXTFUSE_A_LATENCY, !!latency) ||
	    (cmd == EXTFUSE_CMD_STATS_GET &&
	     put_stats(skb, conn, cb->args[2] ? latency : NULL))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* What the statistics of every opcode take in one message, without histograms and with them. */
#define STATS_SIZE SZ_16K
#define LATENCY_SIZE (STATS_SIZE + \
		      EXTFUSE_NR_OPCODES * 2 * (EXTFUSE_LATENCY_BUCKETS * sizeof(u64) + 8))

/*
 * cb->args: 0 the last connection id that was sent, 1 the only one wanted or 0,
 * 2 whether histograms are wanted
 */
static int conns_start(struct netlink_callback *cb)
{
	struct nlattr **attrs = genl_info_dump(cb)->attrs;
	struct file *file;

	cb->args[2] = wants_latency(attrs);
	cb->min_dump_alloc = cb->args[2] ? LATENCY_SIZE : STATS_SIZE;
	if (attrs[EXTFUSE_A_FD]) {
		file = file_of(attrs, cb->extack);
		if (IS_ERR(file))
			return PTR_ERR(file);
		cb->args[1] = extfuse_conn_id(file);
		fput(file);
	} else if (attrs[EXTFUSE_A_CONN]) {
		cb->args[1] = nla_get_u64(attrs[EXTFUSE_A_CONN]);
	} else {
		return 0;
	}
	if (!cb->args[1]) {
		NL_SET_ERR_MSG(cb->extack, "not bound");
		return -ENOENT;
	}
	return 0;
}

static int conns_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	u8 cmd = genl_info_dump(cb)->genlhdr->cmd;
	struct extfuse_conn *conn;
	int idx, err = 0;

	/* ids only grow, and the list is in their order */
	idx = srcu_read_lock(&extfuse_srcu);
	list_for_each_entry_srcu(conn, &extfuse_conns, node, srcu_read_lock_held(&extfuse_srcu)) {
		if (conn->id <= cb->args[0] || (cb->args[1] && conn->id != cb->args[1]) ||
		    !may_see(cb->skb, conn))
			continue;
		err = put_conn(skb, cb, conn, cmd);
		if (err)
			break;
		cb->args[0] = conn->id;
	}
	srcu_read_unlock(&extfuse_srcu, idx);
	return skb->len ?: err;
}

/* Who has no business with other people's mounts does not hear of them, in any namespace. */
static int may_not_hear(struct sock *sk, struct sk_buff *skb, void *data)
{
	const struct socket *sock = sk->sk_socket;

	return !sock || !sock->file ||
	       !file_ns_capable(sock->file, &init_user_ns, CAP_SYS_ADMIN);
}

static int put_names(struct sk_buff *msg, int type, const struct extfuse_names *names)
{
	unsigned int i;

	if (!names->nr)
		return nla_put_string(msg, type, "");
	for (i = 0; i < names->nr; i++)
		if (nla_put_string(msg, type, names->name[i]))
			return -EMSGSIZE;
	return 0;
}

static struct sk_buff *event_msg(const struct extfuse_conn *conn, const struct extfuse_event *event)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, 0, 0, &extfuse_family, 0, EXTFUSE_CMD_EVENT);
	if (!hdr || nla_put_u32(msg, EXTFUSE_A_EVENT, event->type) ||
	    nla_put_u64_64bit(msg, EXTFUSE_A_CONN, conn->id, EXTFUSE_A_PAD) ||
	    nla_put_u32(msg, EXTFUSE_A_DEV, conn->dev) ||
	    nla_put_u32(msg, EXTFUSE_A_UID, from_kuid_munged(&init_user_ns, conn->owner)) ||
	    put_names(msg, EXTFUSE_A_POLICY, &event->policies) ||
	    (event->type == EXTFUSE_EVENT_REPLACED &&
	     put_names(msg, EXTFUSE_A_PREVIOUS, &event->previous)) ||
	    (event->type == EXTFUSE_EVENT_FAULT &&
	     nla_put_u32(msg, EXTFUSE_A_OPCODE, event->opcode)) ||
	    (event->reason && nla_put_string(msg, EXTFUSE_A_REASON, event->reason))) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

/* In every network namespace: bindings belong to none. Whoever misses the event gets ENOBUFS. */
void extfuse_netlink_event(const struct extfuse_conn *conn, const struct extfuse_event *event)
{
	struct sk_buff *msg = event_msg(conn, event), *copy;
	struct net *net;

	lockdep_assert_held(&extfuse_mutex);
	rcu_read_lock();
	for_each_net_rcu(net) {
		if (!genl_has_listeners(&extfuse_family, net, 0))
			continue;
		copy = msg ? skb_clone(msg, GFP_ATOMIC) : NULL;
		if (copy)
			genlmsg_multicast_netns_filtered(&extfuse_family, net, copy, 0, 0,
							 GFP_ATOMIC, may_not_hear, NULL);
		else
			genl_set_err(&extfuse_family, net, 0, 0, -ENOBUFS);
	}
	rcu_read_unlock();
	nlmsg_free(msg);
}

static const struct genl_multicast_group extfuse_groups[] = {
	{ .name = EXTFUSE_GENL_EVENTS, .flags = GENL_MCAST_CAP_SYS_ADMIN },
};

static const struct genl_ops extfuse_genl_ops[] = {
	{
		.cmd = EXTFUSE_CMD_VERSION_GET,
		.doit = version_get,
	},
	{
		.cmd = EXTFUSE_CMD_POLICY_GET,
		.dumpit = policy_dump,
	},
	{
		.cmd = EXTFUSE_CMD_BIND,
		.doit = bind_doit,
	},
	{
		.cmd = EXTFUSE_CMD_UNBIND,
		.doit = unbind_doit,
	},
	{
		.cmd = EXTFUSE_CMD_CONN_GET,
		.start = conns_start,
		.dumpit = conns_dump,
	},
	{
		.cmd = EXTFUSE_CMD_STATS_GET,
		.start = conns_start,
		.dumpit = conns_dump,
	},
	{
		.cmd = EXTFUSE_CMD_CONN_SET,
		.doit = conn_set,
	},
};

static struct genl_family extfuse_family __ro_after_init = {
	.name = EXTFUSE_GENL_NAME,
	.version = EXTFUSE_GENL_VERSION,
	.maxattr = EXTFUSE_A_MAX,
	.policy = extfuse_nl_policy,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = extfuse_genl_ops,
	.n_ops = ARRAY_SIZE(extfuse_genl_ops),
	.mcgrps = extfuse_groups,
	.n_mcgrps = ARRAY_SIZE(extfuse_groups),
	.resv_start_op = EXTFUSE_CMD_UNSPEC + 1,
};

int __init extfuse_netlink_init(void)
{
	return genl_register_family(&extfuse_family);
}

void extfuse_netlink_exit(void)
{
	genl_unregister_family(&extfuse_family);
}
