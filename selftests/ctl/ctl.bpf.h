/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The least that makes a policy. These are about being loaded and bound and
 * look at no request, so they need no type of the kernel's.
 */
#ifndef CTL_BPF_H
#define CTL_BPF_H

#define SEC(name) __attribute__((section(name), used))
#define EXTFUSE_PASS 1
#define EACCES 13
#define BPF_MAP_TYPE_ARRAY 2

struct extfuse_ops {
	int (*statfs)(void *req, void *out);
	int (*mkdir)(void *req, const void *in);
	char name[32];
};

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

char _license[] SEC("license") = "GPL";

#endif
