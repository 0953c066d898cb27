/* SPDX-License-Identifier: GPL-2.0 */
/* A policy that has one callback and leaves everything to the daemon. */
#define SEC(name) __attribute__((section(name), used))

struct extfuse_ops {
	int (*statfs)(void *req, void *out);
	char name[32];
};

SEC("struct_ops/statfs")
int pass(unsigned long long *ctx)
{
	(void)ctx;
	return 1;	/* EXTFUSE_PASS */
}

char _license[] SEC("license") = "GPL";
