/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One exchange with the module. */
#ifndef LIBEXTFUSE_NETLINK_H
#define LIBEXTFUSE_NETLINK_H

#include "internal.h"

/* The messages that answered a request. */
struct reply {
	struct nl_msg **msgs;
	unsigned int nr;
};

/*
 * Sends @msg, which is freed (NULL: -ENOMEM), and collects the answer up to the
 * acknowledgment or the end of the dump. Returns 0, or a negative errno with
 * the kernel's sentence in @ef, or without a sentence (empty) if the kernel
 * sent none. On 0, @reply is for the caller to reply_free().
 */
int exchange(struct extfuse *ef, struct nl_msg *msg, struct reply *reply);
void reply_free(struct reply *reply);

#endif
