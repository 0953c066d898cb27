/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies that are in the kernel, as BPF links and maps. */
#ifndef LIBEXTFUSE_REGISTERED_H
#define LIBEXTFUSE_REGISTERED_H

#include "internal.h"

struct btf;

/* The module's type information, loaded when first needed. */
struct module_types {
	struct btf *vmlinux;
	struct btf *module;
};

void module_types_free(struct module_types *types);

/*
 * The policy that a link registers. 0, or a negative errno: -EINVAL for what is
 * no link of a policy, -ENOLINK for one that was detached.
 */
int link_policy(struct module_types *types, int link_fd, char name[EXTFUSE_POLICY_NAME_LEN]);
/* Id of the struct_ops map behind a link, or 0. */
uint32_t link_map_id(int link_fd);
/* As link_policy(), of a struct_ops map. */
int ops_map_policy(struct module_types *types, int map_fd, char name[EXTFUSE_POLICY_NAME_LEN]);

/*
 * Take @fd of every link (map) in the system until @cb returns nonzero, and
 * return that. They take CAP_SYS_ADMIN.
 */
int for_each_link(int (*cb)(int fd, void *arg), void *arg);
int for_each_map(int (*cb)(int fd, void *arg), void *arg);

#endif
