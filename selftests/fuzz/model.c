// SPDX-License-Identifier: GPL-2.0
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "model.h"

/* What __nla_validate_parse() does with the family's attributes, strictly. */

enum kind { NONE, U8, U32, U64, FLAG, NAME };

static const enum kind kinds[EXTFUSE_A_MAX + 1] = {
	[EXTFUSE_A_FD] = U32,
	[EXTFUSE_A_POLICY] = NAME,
	[EXTFUSE_A_CONN] = U64,
	[EXTFUSE_A_TTL] = U32,
	[EXTFUSE_A_REPLACE] = FLAG,
	[EXTFUSE_A_LATENCY] = U8,
};

static bool name_valid(const char *name, size_t len)
{
	size_t end = strnlen(name, len);

	if (end == len || end >= EXTFUSE_POLICY_NAME_LEN)
		return false;
	return len - !name[len - 1] < EXTFUSE_POLICY_NAME_LEN;
}

static bool attr_valid(enum kind kind, const char *data, size_t len)
{
	switch (kind) {
	case U8:
		return len == 1;
	case U32:
		return len == 4;
	case U64:
		return len == 8;
	case FLAG:
		return !len;
	case NAME:
		return len && name_valid(data, len);
	default:
		return false;
	}
}

/* Of EXTFUSE_A_POLICY all count, of the others the last. */
struct names {
	unsigned int nr;
	const char *name[EXTFUSE_CHAIN_MAX];
};

static bool parse(const char *data, size_t len, const char **attrs, struct names *names)
{
	struct nlattr attr;
	unsigned int type;
	size_t step;

	while (len >= sizeof(attr)) {
		memcpy(&attr, data, sizeof(attr));
		type = attr.nla_type & NLA_TYPE_MASK;
		if (attr.nla_len < sizeof(attr) || attr.nla_len > len)
			break;
		if (type > EXTFUSE_A_MAX || (attr.nla_type & NLA_F_NESTED) ||
		    !attr_valid(kinds[type], data + sizeof(attr), attr.nla_len - sizeof(attr)))
			return false;
		attrs[type] = data + sizeof(attr);
		if (type == EXTFUSE_A_POLICY && names->nr++ < EXTFUSE_CHAIN_MAX)
			names->name[names->nr - 1] = attrs[type];
		step = NLA_ALIGN(attr.nla_len);
		if (step >= len)
			return true;
		data += step;
		len -= step;
	}
	return !len;
}

/* What the commands do. */

static uint32_t u32_of(const char *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static uint64_t u64_of(const char *data)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static struct binding *by_fd(struct model *model, const char *fd)
{
	unsigned int i;

	for (i = 0; i < model->nr; i++)
		if (model->bindings[i].mount->path == (int)u32_of(fd))
			return &model->bindings[i];
	return NULL;
}

static struct binding *bound(struct model *model, const char **attrs)
{
	struct binding *b = NULL;
	unsigned int i;

	if (attrs[EXTFUSE_A_FD]) {
		b = by_fd(model, attrs[EXTFUSE_A_FD]);
		return b && b->bound ? b : NULL;
	}
	if (!attrs[EXTFUSE_A_CONN] || !u64_of(attrs[EXTFUSE_A_CONN]))
		return NULL;
	for (i = 0; i < model->nr; i++) {
		b = &model->bindings[i];
		if (b->bound && b->conn == u64_of(attrs[EXTFUSE_A_CONN]))
			return b;
	}
	return NULL;
}

static const char *known_policy(const struct model *model, const char *name)
{
	const char *const *p;

	for (p = model->policies; *p; p++)
		if (!strcmp(*p, name))
			return *p;
	return NULL;
}

/* They are loaded, not too many, and none is there twice. */
static bool may_bind(const struct model *model, const struct names *names)
{
	unsigned int i, k;

	if (!names->nr || names->nr > EXTFUSE_CHAIN_MAX)
		return false;
	for (i = 0; i < names->nr; i++) {
		if (!known_policy(model, names->name[i]))
			return false;
		for (k = 0; k < i; k++)
			if (!strcmp(names->name[k], names->name[i]))
				return false;
	}
	return true;
}

static bool bind_mount(struct model *model, const char **attrs, const struct names *names)
{
	struct binding *b;
	unsigned int i;

	if (!attrs[EXTFUSE_A_FD] || !may_bind(model, names))
		return false;
	b = by_fd(model, attrs[EXTFUSE_A_FD]);
	if (!b || (b->bound && !attrs[EXTFUSE_A_REPLACE]))
		return false;
	if (!b->bound) {
		b->conn = 0;
		b->latency = false;
	}
	b->bound = true;
	b->policies[0] = '\0';
	for (i = 0; i < names->nr; i++) {
		strcat(b->policies, i ? "," : "");
		strcat(b->policies, names->name[i]);
	}
	b->ttl = attrs[EXTFUSE_A_TTL] ? u32_of(attrs[EXTFUSE_A_TTL]) : 0;
	return true;
}

static bool unbind(struct model *model, const char **attrs)
{
	struct binding *b = bound(model, attrs);

	if (b)
		b->bound = false;
	return b;
}

static bool set(struct model *model, const char **attrs)
{
	struct binding *b = bound(model, attrs);

	if (!b || !attrs[EXTFUSE_A_LATENCY])
		return false;
	b->latency = *attrs[EXTFUSE_A_LATENCY];
	return true;
}

static bool may_dump(struct model *model, const char **attrs)
{
	if (attrs[EXTFUSE_A_FD])
		return bound(model, attrs);
	return !attrs[EXTFUSE_A_CONN] || u64_of(attrs[EXTFUSE_A_CONN]);
}

static const bool dumps[256] = {
	[EXTFUSE_CMD_POLICY_GET] = true,
	[EXTFUSE_CMD_CONN_GET] = true,
	[EXTFUSE_CMD_STATS_GET] = true,
};

static bool run(struct model *model, uint8_t cmd, const char **attrs, const struct names *names,
		bool admin, bool *changes)
{
	bool done = false;

	switch (cmd) {
	case EXTFUSE_CMD_VERSION_GET:
		return true;
	case EXTFUSE_CMD_POLICY_GET:
		return admin;
	case EXTFUSE_CMD_CONN_GET:
	case EXTFUSE_CMD_STATS_GET:
		return may_dump(model, attrs);
	case EXTFUSE_CMD_BIND:
		done = admin && bind_mount(model, attrs, names);
		break;
	case EXTFUSE_CMD_UNBIND:
		done = admin && unbind(model, attrs);
		break;
	case EXTFUSE_CMD_CONN_SET:
		done = admin && set(model, attrs);
		break;
	}
	*changes |= done;
	return done;
}

static bool message_valid(const struct nlmsghdr *hdr, const struct genlmsghdr *genl)
{
	uint16_t flags = hdr->nlmsg_flags;
	bool dump = (flags & NLM_F_DUMP) == NLM_F_DUMP;

	if (hdr->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN) || genl->reserved ||
	    dump != dumps[genl->cmd])
		return false;
	if (dump)
		flags &= ~NLM_F_DUMP;
	return !(flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO));
}

static enum verdict one(struct model *model, const struct nlmsghdr *hdr, bool admin,
			struct verdicts *v)
{
	const struct genlmsghdr *genl = NLMSG_DATA(hdr);
	const char *attrs[EXTFUSE_A_MAX + 1] = {};
	struct names names = {};
	bool acked = hdr->nlmsg_flags & NLM_F_ACK;
	size_t head = NLMSG_LENGTH(GENL_HDRLEN);

	if (hdr->nlmsg_type != model->family || !(hdr->nlmsg_flags & NLM_F_REQUEST))
		return acked ? ACCEPTED : SILENT;
	if (hdr->nlmsg_len >= head)
		v->cmd[v->nr] = genl->cmd;
	if (!message_valid(hdr, genl) ||
	    !parse((const char *)hdr + head, hdr->nlmsg_len - head, attrs, &names) ||
	    !run(model, genl->cmd, attrs, &names, admin, &v->changes))
		return REFUSED;
	return acked || dumps[genl->cmd] ? ACCEPTED : SILENT;
}

void model_send(struct model *model, char *data, size_t len, bool admin, struct verdicts *v)
{
	bool dumping = false;
	struct nlmsghdr *hdr;
	size_t step;

	memset(v, 0, sizeof(*v));
	while (len >= NLMSG_HDRLEN && v->nr < MAX_MESSAGES) {
		hdr = (struct nlmsghdr *)data;
		if (hdr->nlmsg_len < NLMSG_HDRLEN || hdr->nlmsg_len > len)
			break;
		if (hdr->nlmsg_type >= NLMSG_MIN_TYPE)
			hdr->nlmsg_type = model->family;
		hdr->nlmsg_seq = v->nr;
		v->verdict[v->nr] = one(model, hdr, admin, v);
		/* a second dump finds the socket busy, unless the first was empty */
		if (dumps[v->cmd[v->nr]] && v->verdict[v->nr] == ACCEPTED) {
			if (dumping)
				v->verdict[v->nr] = EITHER;
			dumping = true;
		}
		v->nr++;
		step = NLMSG_ALIGN(hdr->nlmsg_len);
		if (step >= len)
			break;
		data += step;
		len -= step;
	}
}
