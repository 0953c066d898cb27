// SPDX-License-Identifier: GPL-2.0
/*
 * deny: names that match one of the "patterns" ('*': any bytes, '?': one; 63 bytes and a NUL)
 * are not found (ENOENT) or made (EACCES), though listed. "users" get EACCES for what reaches
 * the daemon, which is not what the kernel knows or has open. Names have up to 255 bytes.
 */
#include "extfuse.bpf.h"
char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, char[64]);
} patterns SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} users SEC(".maps");

struct match { char pattern[64], name[256]; __u32 p, n, star, mark, hit; };

/* Compares a byte, or lets the last star stand for one more; 1: the end. Verified once. */
__weak int step(struct match *m __arg_nonnull)
{
	char p = m->pattern[m->p & 63], n = m->name[m->n & 255];

	if (p == '*') {
		m->star = ++m->p;
		m->mark = m->n;
	} else if (n && (p == n || p == '?')) {
		m->p++;
		m->n++;
	} else {
		m->hit = !n && !p;
		m->p = m->star;
		m->n = ++m->mark;
		return !n || !m->star;
	}
	return 0;
}

static long next(__u64 i, struct match *m)
{
	return !!step(m);
}

static long compare(void *map, const __u32 *key, char *pattern, struct match *m)
{
	bpf_probe_read_kernel(m->pattern, sizeof(m->pattern) - 1, pattern);
	__builtin_memset(&m->p, 0, 3 * sizeof(m->p));
	bpf_loop(1 << 14, next, m, 0);
	return !!m->hit;
}

/* @which: the name that is asked for, or would come into being; -1: none */
static __noinline int check(struct extfuse_req *req, int which)
{
	struct match m = {};

	if (bpf_map_lookup_elem(&users, &(__u32){ req->uid }))
		return -EACCES;
	if (which < 0 || extfuse_req_name(req, which, m.name, sizeof(m.name) - 1) <= 0)
		return which < 0 ? EXTFUSE_PASS : -ENAMETOOLONG;
	bpf_for_each_map_elem(&patterns, compare, &m, 0);
	return !m.hit ? EXTFUSE_PASS : req->opcode == FUSE_LOOKUP ? -ENOENT : -EACCES;
}

#define FOR_EACH(DO) DO(lookup, 0) DO(create, 0) DO(mknod, 0) DO(mkdir, 0) DO(symlink, 0)	\
	DO(link, 0) DO(rename, 1) DO(unlink, -1) DO(rmdir, -1) DO(getattr, -1) DO(setattr, -1)	\
	DO(open, -1) DO(opendir, -1) DO(readlink, -1) DO(statfs, -1) DO(statx, -1) DO(access, -1) \
	DO(tmpfile, -1) DO(getxattr, -1) DO(setxattr, -1) DO(listxattr, -1) DO(removexattr, -1)
#define PROGRAM(op, which) SEC("struct_ops/" #op)				\
int BPF_PROG(deny_##op, struct extfuse_req *req) { return check(req, which); }
#define MEMBER(op, which) .op = (void *)deny_##op,
FOR_EACH(PROGRAM)
SEC(".struct_ops.link") struct extfuse_ops deny = { FOR_EACH(MEMBER) .name = "deny" };
