/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libextfuse share with each other; not installed. */
#ifndef LIBEXTFUSE_INTERNAL_H
#define LIBEXTFUSE_INTERNAL_H

#include "extfuse_ctl.h"

struct nl_sock;
struct nl_msg;

struct extfuse {
	struct nl_sock *sk;
	int family;			/* generic netlink family id */
	char error[1024];
	char *log;			/* of the last extfuse_policy_load(), or NULL */
};

/*
 * Set the sentence of @ef (of extfuse_open() with NULL) and return -@err, so
 * that a caller can say return fail(ef, EINVAL, ...).
 */
int fail(struct extfuse *ef, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* For a handle whose module is gone. Loaded again, it is another family. */
int fail_unloaded(struct extfuse *ef);
/* The sentence for an errno that came without one. */
const char *error_sentence(int err);

/* Policy names become file names in a bpf file system; see pin.c. */
bool policy_name_is_valid(const char *name);

#endif
