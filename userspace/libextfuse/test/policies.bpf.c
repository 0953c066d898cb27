// SPDX-License-Identifier: GPL-2.0
/*
 * Objects with good and bad policies for test_policy.c, which opens and never
 * loads them. No header: nothing of the kernel's is needed for that.
 */
#define SEC(name) __attribute__((section(name), used))

struct extfuse_ops {
	int (*getattr)(void *req);
	unsigned int flags;
	char name[32];
};

/* As a policy author writes who needs two versions of it. */
struct extfuse_ops___old {
	char name[16];
	int (*getattr)(void *req);
};

struct other_ops {
	int (*getattr)(void *req);
	char name[32];
};

struct extfuse_ops___nameless {
	int (*getattr)(void *req);
};

char _license[] SEC("license") = "GPL";

SEC("struct_ops/getattr")
int getattr(unsigned long long *ctx)
{
	(void)ctx;
	return 1;
}

#define OPS(variable, section, type, ...) \
	SEC(section) struct type variable = { .getattr = (void *)getattr, __VA_ARGS__ }

OPS(variable, ".struct_ops.link", extfuse_ops, .name = "the-policy");
OPS(flavored, ".struct_ops.link", extfuse_ops___old, .name = "flavored");
OPS(without_link, ".struct_ops", extfuse_ops, .name = "without_link");
OPS(other, ".struct_ops.link", other_ops, .name = "other");
OPS(nameless, ".struct_ops.link", extfuse_ops___nameless);
OPS(empty, ".struct_ops.link", extfuse_ops, .name = "");
OPS(dotted, ".struct_ops.link", extfuse_ops, .name = "a.b");
OPS(too_long, ".struct_ops.link", extfuse_ops, .name = "0123456789012345678901234567890A");
