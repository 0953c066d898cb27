/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the generic netlink family: building requests, parsing replies.
 * Nothing here touches a socket.
 */
#ifndef LIBEXTFUSE_MESSAGE_H
#define LIBEXTFUSE_MESSAGE_H

#include "internal.h"

struct nlmsghdr;

/*
 * The builders return a message for the caller to send and nlmsg_free(), or
 * NULL when out of memory. @fd -1, @conn 0 and @ttl_ms 0 leave their attribute out.
 */
struct nl_msg *build_request(int family, uint8_t cmd, int flags);
struct nl_msg *build_conn_request(int family, uint8_t cmd, int flags, int fd, uint64_t conn);
struct nl_msg *build_latency(int family, uint8_t cmd, int flags, int fd, uint64_t conn, bool on);
struct nl_msg *build_bind(int family, int fd, const char *policies, uint32_t ttl_ms, bool replace);

/*
 * The parsers trust nothing about @hdr but that hdr->nlmsg_len bytes of it can
 * be read. They return 0, or -EPROTO with the sentence in @ef.
 */
int parse_version(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_version *v);
int parse_policy(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_policy_info *info);
int parse_conn(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_conn_info *info);
int parse_event(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_event *event);
int parse_bound(struct extfuse *ef, struct nlmsghdr *hdr, uint64_t *conn);
/* As parse_conn(); @ops, by ascending opcode, is for the caller to free(). */
int parse_stats(struct extfuse *ef, struct nlmsghdr *hdr, struct extfuse_conn_info *info,
		struct extfuse_op_stats **ops, unsigned int *nr_ops);

/* Whether generic netlink says that @family is gone; trusts no more than the parsers do. */
bool tells_unloaded(struct nlmsghdr *hdr, int family);

/*
 * The sentence that the kernel attached to an NLMSG_ERROR or NLMSG_DONE message,
 * NULL if none. @err receives the errno of it, 0 for an acknowledgment.
 */
const char *parse_error(struct nlmsghdr *hdr, int *err);

#endif
