// SPDX-License-Identifier: GPL-2.0
/* What is done to the module: policies that come and go, bindings, questions. */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <extfuse.h>
#include "nth.h"

struct message {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
	char attrs[256];
};

static int family;
static int sk = -1;
static int mnt;			/* O_PATH */
static struct bpf_map *policies[2];
static struct bpf_link *policy_link;
static int loaded;		/* which of the policies */
static char policy_name[EXTFUSE_POLICY_NAME_LEN];

static void begin(struct message *m, uint16_t type, uint8_t cmd, uint16_t flags)
{
	memset(m, 0, sizeof(*m));
	m->hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m->hdr.nlmsg_type = type;
	m->hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	m->genl.cmd = cmd;
	m->genl.version = EXTFUSE_GENL_VERSION;
}

static void add(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (struct nlattr *)((char *)m + m->hdr.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = sizeof(*attr) + len;
	memcpy(attr + 1, data, len);
	m->hdr.nlmsg_len += NLA_ALIGN(attr->nla_len);
}

static void open_netlink(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	close(sk);
	sk = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (sk < 0 || connect(sk, (struct sockaddr *)&kernel, sizeof(kernel)))
		err(1, "netlink");
}

/*
 * Sends @m and reads the answer to its end. An answer for which there was no
 * memory does not come, so nothing more is waited for than is there: the kernel
 * has answered when send() returns.
 */
static int exchange(const struct message *m)
{
	static char buf[65536] __attribute__((aligned(4)));
	struct nlmsghdr *hdr;
	struct nlattr *attr;
	int len, error;

	if (send(sk, m, m->hdr.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		len = recv(sk, buf, sizeof(buf), MSG_DONTWAIT);
		if (len <= 0)
			return -1;
		for (hdr = (void *)buf; NLMSG_OK(hdr, (unsigned int)len);
		     hdr = NLMSG_NEXT(hdr, len)) {
			if (hdr->nlmsg_type == NLMSG_ERROR || hdr->nlmsg_type == NLMSG_DONE) {
				memcpy(&error, NLMSG_DATA(hdr), sizeof(error));
				errno = -error;
				return error ? -1 : 0;
			}
			if (hdr->nlmsg_type != GENL_ID_CTRL)
				continue;
			/* the only one asked of it: the family's number */
			attr = (void *)((char *)hdr + NLMSG_LENGTH(GENL_HDRLEN));
			while ((char *)attr < (char *)hdr + hdr->nlmsg_len) {
				if (attr->nla_type == CTRL_ATTR_FAMILY_ID)
					family = *(uint16_t *)(attr + 1);
				attr = (void *)((char *)attr + NLA_ALIGN(attr->nla_len));
			}
		}
	}
}

static void find_family(void)
{
	struct message m;

	begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	add(&m, CTRL_ATTR_FAMILY_NAME, EXTFUSE_GENL_NAME, sizeof(EXTFUSE_GENL_NAME));
	if (exchange(&m) || !family)
		errx(1, "the extfuse module is not loaded");
}

static int ask(uint8_t cmd, uint16_t flags, bool undo)
{
	struct message m;

	if (undo) {
		/* what was not read of an answer goes with the socket */
		open_netlink();
		return 0;
	}
	begin(&m, family, cmd, flags);
	return exchange(&m);
}

static int bind_as(bool replace)
{
	uint32_t ttl = 60000, fd = mnt;
	struct message m;

	begin(&m, family, EXTFUSE_CMD_BIND, 0);
	add(&m, EXTFUSE_A_FD, &fd, sizeof(fd));
	add(&m, EXTFUSE_A_POLICY, policy_name, strlen(policy_name) + 1);
	add(&m, EXTFUSE_A_TTL, &ttl, sizeof(ttl));
	if (replace)
		add(&m, EXTFUSE_A_REPLACE, NULL, 0);
	return exchange(&m);
}

static int unbind(void)
{
	uint32_t fd = mnt;
	struct message m;

	begin(&m, family, EXTFUSE_CMD_UNBIND, 0);
	add(&m, EXTFUSE_A_FD, &fd, sizeof(fd));
	return exchange(&m);
}

static int op_version(bool undo)
{
	return ask(EXTFUSE_CMD_VERSION_GET, 0, undo);
}

static int op_policies(bool undo)
{
	return ask(EXTFUSE_CMD_POLICY_GET, NLM_F_DUMP, undo);
}

static int op_conns(bool undo)
{
	return ask(EXTFUSE_CMD_CONN_GET, NLM_F_DUMP, undo);
}

static int op_stats(bool undo)
{
	return ask(EXTFUSE_CMD_STATS_GET, NLM_F_DUMP, undo);
}

static int op_bind(bool undo)
{
	if (!undo)
		return bind_as(false);
	open_netlink();
	return unbind();
}

static int op_replace(bool undo)
{
	if (!undo)
		return bind_as(true);
	open_netlink();
	return 0;
}

/* Does it to a mount that is bound, and leaves it bound. */
static int op_unbind(bool undo)
{
	if (!undo)
		return unbind();
	open_netlink();
	return bind_as(true);
}

static int op_link(bool undo)
{
	if (undo) {
		bpf_link__destroy(policy_link);
		policy_link = NULL;
		return 0;
	}
	policy_link = bpf_map__attach_struct_ops(policies[loaded]);
	return policy_link ? 0 : -1;
}

static int op_update(bool undo)
{
	if (undo)
		return 0;
	if (bpf_link__update_map(policy_link, policies[!loaded]))
		return -1;
	loaded = !loaded;
	return 0;
}

/* Without undoing it: it is the last one. */
static int op_unregister(bool undo)
{
	int ret;

	if (undo)
		return op_link(false);
	ret = bpf_link__destroy(policy_link);
	policy_link = NULL;
	return ret;
}

static const struct operation of_link[] = {
	{ "register a policy", op_link },
	{}
};

static const struct operation of_registered[] = {
	{ "version", op_version },
	{ "dump of policies", op_policies },
	{ "exchange a policy", op_update },
	{ "bind", op_bind },
	{}
};

static const struct operation of_bound[] = {
	{ "dump of bindings", op_conns },
	{ "dump of statistics", op_stats },
	{ "bind --replace", op_replace },
	{ "exchange the policy of a binding", op_update },
	{ "unbind", op_unbind },
	{}
};

static const struct operation of_last[] = {
	{ "unregister the policy of a binding", op_unregister },
	{}
};

static struct bpf_map *load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_map *map;

	if (!object || bpf_object__load(object))
		err(1, "%s", path);
	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	errx(1, "%s: no policy", path);
}

void control(const char *object, const char *name, const char *dir)
{
	snprintf(policy_name, sizeof(policy_name), "%s", name);
	mnt = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mnt < 0)
		err(1, "%s", dir);
	policies[0] = load(object);
	policies[1] = load(object);
	open_netlink();
	find_family();

	try_each(of_link);
	if (op_link(false))
		err(1, "registering the policy");
	try_each(of_registered);
	if (bind_as(false))
		err(1, "binding");
	try_each(of_bound);
	try_each(of_last);
	/* which was taken from the binding with the first policy */
	if (unbind())
		err(1, "unbinding");
	bpf_link__destroy(policy_link);
}
