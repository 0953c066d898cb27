// SPDX-License-Identifier: GPL-2.0
/*
 * The struct_ops type extfuse_ops: what the verifier lets a policy do, and the
 * registry of loaded policies.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "conn.h"
#include "notify.h"
#include "policy.h"

DEFINE_MUTEX(extfuse_mutex);	/* see policy.h */
DEFINE_SRCU(extfuse_srcu);
LIST_HEAD(extfuse_policies);

struct extfuse_policy *extfuse_policy_find(const char *name)
{
	struct extfuse_policy *policy;

	lockdep_assert_held(&extfuse_mutex);
	list_for_each_entry(policy, &extfuse_policies, node)
		if (!strcmp(policy->name, name))
			return policy;
	return NULL;
}

void extfuse_policy_put(struct extfuse_policy *policy)
{
	if (refcount_dec_and_test(&policy->refs))
		kfree_rcu(policy, rcu);
}

/*
 * Structures that a callback may write to: those its prototype takes by
 * non-const pointer. btf_struct_access() is not told which callback asks, so a
 * structure writable for one is writable for all; reply callbacks therefore get
 * copies. Filled while programs are checked, only ever grows.
 */
#define MAX_WRITABLE 16
static struct {
	const struct btf_type *type;
} writable[MAX_WRITABLE];
static DEFINE_SPINLOCK(writable_lock);
static struct btf *extfuse_btf;

static void allow_writes(const struct btf_type *type)
{
	unsigned int i;

	spin_lock(&writable_lock);
	for (i = 0; i < MAX_WRITABLE; i++) {
		if (writable[i].type == type)
			break;
		if (!writable[i].type) {
			WRITE_ONCE(writable[i].type, type);
			break;
		}
	}
	spin_unlock(&writable_lock);
}

static bool writes_allowed(const struct btf_type *type)
{
	unsigned int i;

	for (i = 0; i < MAX_WRITABLE; i++)
		if (type == READ_ONCE(writable[i].type))
			return true;
	return false;
}

/* The first parameter of every callback is the request, of which only @cookie is writable. */
static const struct btf_type *req_type;

static void note_parameters(const struct btf_type *proto)
{
	const struct btf_param *param = btf_params(proto);
	const struct btf_type *t;
	unsigned int i;

	for (i = 0; i < btf_type_vlen(proto); i++) {
		t = btf_type_by_id(extfuse_btf, param[i].type);
		if (!t || !btf_type_is_ptr(t))
			continue;
		t = btf_type_by_id(extfuse_btf, t->type);
		if (!t || !btf_type_is_struct(t))
			continue;	/* const */
		if (i)
			allow_writes(t);
		else
			WRITE_ONCE(req_type, t);
	}
}

/* Callbacks before a request that always has a task waiting for it. */
static bool may_sleep(u32 moff)
{
	switch (moff) {
	case offsetof(struct extfuse_ops, forget):
	case offsetof(struct extfuse_ops, read):
	case offsetof(struct extfuse_ops, write):
	case offsetof(struct extfuse_ops, release):
	case offsetof(struct extfuse_ops, releasedir):
		return false;
	default:
		return moff <= offsetof(struct extfuse_ops, statx);
	}
}

static int extfuse_check_member(const struct btf_type *t, const struct btf_member *member,
				const struct bpf_prog *prog)
{
	const struct btf_type *proto = btf_type_by_id(extfuse_btf, member->type);

	if (prog->sleepable && !may_sleep(__btf_member_bit_offset(t, member) / 8))
		return -EINVAL;
	if (proto && btf_type_is_ptr(proto))
		proto = btf_type_by_id(extfuse_btf, proto->type);
	if (proto && btf_type_is_func_proto(proto))
		note_parameters(proto);
	return 0;
}

static int extfuse_btf_struct_access(struct bpf_verifier_log *log, const struct bpf_reg_state *reg,
				     int off, int size)
{
	const struct btf_type *t = btf_type_by_id(reg->btf, reg->btf_id);

	/* arguments are trusted; what a program cast or walked to is not */
	if (!(reg->type & PTR_TRUSTED)) {
		bpf_log(log, "only a callback's own arguments are writable\n");
		return -EACCES;
	}
	if (t == READ_ONCE(req_type)) {
		if (off >= offsetof(struct extfuse_req, cookie) &&
		    off + size <= offsetofend(struct extfuse_req, cookie))
			return 0;
		bpf_log(log, "of struct extfuse_req only cookie is writable\n");
		return -EACCES;
	}
	if (t && writes_allowed(t) && off >= 0 && off + size <= t->size)
		return 0;
	bpf_log(log, "this structure is not writable\n");
	return -EACCES;
}

static bool extfuse_is_valid_access(int off, int size, enum bpf_access_type type,
				    const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_func_proto *extfuse_func_proto(enum bpf_func_id id,
						       const struct bpf_prog *prog)
{
	return bpf_base_func_proto(id, prog);
}

static const struct bpf_verifier_ops extfuse_verifier_ops = {
	.get_func_proto = extfuse_func_proto,
	.is_valid_access = extfuse_is_valid_access,
	.btf_struct_access = extfuse_btf_struct_access,
};

static int extfuse_init(struct btf *btf)
{
	extfuse_btf = btf;
	return 0;
}

static bool name_valid(const char *name)
{
	size_t len = strnlen(name, EXTFUSE_POLICY_NAME_LEN);

	if (!len || len == EXTFUSE_POLICY_NAME_LEN)
		return false;
	while (len--)
		if (!isascii(name[len]) || (!isalnum(name[len]) && !strchr("_-", name[len])))
			return false;
	return true;
}

static int extfuse_init_member(const struct btf_type *t, const struct btf_member *member,
			       void *kdata, const void *udata)
{
	const struct extfuse_ops *from = udata;
	struct extfuse_ops *to = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct extfuse_ops, name):
		if (!name_valid(from->name)) {
			pr_info("policy refused: its name is empty, too long or has odd characters\n");
			return -EINVAL;
		}
		memcpy(to->name, from->name, sizeof(to->name));
		return 1;
	case offsetof(struct extfuse_ops, flags):
		if (from->flags) {
			pr_info("policy %s refused: unknown flags %#x\n", from->name, from->flags);
			return -EINVAL;
		}
		return 1;
	default:
		return 0;
	}
}

/* Whoever remembers replies has to hear when they become untrue. */
bool extfuse_ops_remember(const struct extfuse_ops *ops)
{
	return ops->entry_done || ops->attr_done || ops->dir_done || ops->xattr_done ||
	       ops->link_target_done || ops->statfs_done || ops->statx_done || ops->lseek_done ||
	       (ops->access && ops->done) || ops->inval_inode || ops->inval_entry;
}

static int extfuse_validate(void *kdata)
{
	const struct extfuse_ops *ops = kdata;

	if (!name_valid(ops->name))
		return -EINVAL;
	if (extfuse_ops_remember(ops) && !extfuse_notify_available()) {
		pr_info("policy %s refused: it caches, and this kernel cannot observe the daemon's invalidations (fprobe)\n",
			ops->name);
		return -EOPNOTSUPP;
	}
	return 0;
}

static struct extfuse_policy *policy_new(const struct extfuse_ops *ops)
{
	struct extfuse_policy *policy = kzalloc(sizeof(*policy), GFP_KERNEL);

	if (!policy)
		return NULL;
	refcount_set(&policy->refs, 1);
	policy->flags = ops->flags;
	memcpy(policy->name, ops->name, sizeof(policy->name));
	RCU_INIT_POINTER(policy->ops, ops);
	return policy;
}

static int extfuse_reg(void *kdata, struct bpf_link *link)
{
	struct extfuse_policy *policy = policy_new(kdata);
	int err = 0;

	if (!policy)
		return -ENOMEM;
	mutex_lock(&extfuse_mutex);
	if (extfuse_policy_find(policy->name))
		err = -EEXIST;
	else
		list_add_tail(&policy->node, &extfuse_policies);
	mutex_unlock(&extfuse_mutex);
	if (err)
		extfuse_policy_put(policy);
	return err;
}

static struct extfuse_policy *policy_of(const struct extfuse_ops *ops)
{
	struct extfuse_policy *policy;

	list_for_each_entry(policy, &extfuse_policies, node)
		if (rcu_access_pointer(policy->ops) == ops)
			return policy;
	return NULL;
}

/* Afterwards nobody runs the policy's programs, and nobody will. */
static void retire(struct extfuse_policy *policy, struct extfuse_policy *successor)
{
	list_del(&policy->node);
	extfuse_conns_replace_policy(policy, successor);
	rcu_assign_pointer(policy->ops, NULL);
	synchronize_srcu(&extfuse_srcu);
	extfuse_policy_put(policy);
}

static void extfuse_unreg(void *kdata, struct bpf_link *link)
{
	struct extfuse_policy *policy;

	mutex_lock(&extfuse_mutex);
	policy = policy_of(kdata);
	if (policy)
		retire(policy, NULL);
	mutex_unlock(&extfuse_mutex);
}

static int extfuse_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	struct extfuse_policy *policy = policy_new(kdata), *old;
	int err = 0;

	if (!policy)
		return -ENOMEM;
	mutex_lock(&extfuse_mutex);
	old = policy_of(old_kdata);
	if (!old) {
		err = -ENOENT;
	} else if (strcmp(old->name, policy->name)) {
		err = -EINVAL;	/* bindings know their policy by name */
	} else {
		list_add_tail(&policy->node, &extfuse_policies);
		retire(old, policy);
	}
	mutex_unlock(&extfuse_mutex);
	if (err)
		extfuse_policy_put(policy);
	return err;
}

/* Prototypes for the control-flow integrity of calls into a policy; never called. */
#define STUB(member, ...) static int stub_##member(__VA_ARGS__) { return EXTFUSE_PASS; }
#define REQ struct extfuse_req *req

STUB(lookup, REQ, struct fuse_entry_out *out)
STUB(forget, REQ, u64 nlookup)
STUB(getattr, REQ, const struct fuse_getattr_in *in, struct fuse_attr_out *out)
STUB(setattr, REQ, const struct fuse_setattr_in *in, struct fuse_attr_out *out)
STUB(readlink, REQ)
STUB(symlink, REQ)
STUB(mknod, REQ, const struct fuse_mknod_in *in)
STUB(mkdir, REQ, const struct fuse_mkdir_in *in)
STUB(unlink, REQ)
STUB(rmdir, REQ)
STUB(rename, REQ, const struct fuse_rename2_in *in)
STUB(link, REQ, const struct fuse_link_in *in)
STUB(open, REQ, const struct fuse_open_in *in, struct fuse_open_out *out)
STUB(read, REQ, const struct fuse_read_in *in)
STUB(write, REQ, const struct fuse_write_in *in)
STUB(statfs, REQ, struct fuse_statfs_out *out)
STUB(release, REQ, const struct fuse_release_in *in)
STUB(fsync, REQ, const struct fuse_fsync_in *in)
STUB(setxattr, REQ)
STUB(getxattr, REQ, const struct fuse_getxattr_in *in)
STUB(listxattr, REQ, const struct fuse_getxattr_in *in)
STUB(removexattr, REQ)
STUB(flush, REQ, const struct fuse_flush_in *in)
STUB(opendir, REQ, const struct fuse_open_in *in, struct fuse_open_out *out)
STUB(readdir, REQ, const struct fuse_read_in *in)
STUB(releasedir, REQ, const struct fuse_release_in *in)
STUB(fsyncdir, REQ, const struct fuse_fsync_in *in)
STUB(getlk, REQ, const struct fuse_lk_in *in, struct fuse_lk_out *out)
STUB(setlk, REQ, const struct fuse_lk_in *in)
STUB(access, REQ, const struct fuse_access_in *in)
STUB(create, REQ, const struct fuse_create_in *in)
STUB(bmap, REQ, const struct fuse_bmap_in *in)
STUB(ioctl, REQ, const struct fuse_ioctl_in *in)
STUB(poll, REQ, const struct fuse_poll_in *in, struct fuse_poll_out *out)
STUB(fallocate, REQ, const struct fuse_fallocate_in *in)
STUB(lseek, REQ, const struct fuse_lseek_in *in, struct fuse_lseek_out *out)
STUB(copy_file_range, REQ, const struct fuse_copy_file_range_in *in)
STUB(syncfs, REQ)
STUB(tmpfile, REQ, const struct fuse_create_in *in)
STUB(statx, REQ, const struct fuse_statx_in *in, struct fuse_statx_out *out)
STUB(entry_done, REQ, const struct fuse_entry_out *entry, int error)
STUB(attr_done, REQ, const struct fuse_attr_out *attr, int error)
STUB(open_done, REQ, const struct fuse_open_out *open, int error)
STUB(read_done, REQ, u32 size, int error)
STUB(dir_done, REQ, u32 size, int error)
STUB(xattr_done, REQ, u32 size, int error)
STUB(link_target_done, REQ, u32 size, int error)
STUB(statfs_done, REQ, const struct fuse_statfs_out *statfs, int error)
STUB(statx_done, REQ, const struct fuse_statx_out *statx, int error)
STUB(lseek_done, REQ, const struct fuse_lseek_out *lseek, int error)
STUB(done, REQ, int error)
STUB(inval_inode, REQ, s64 off, s64 len)
STUB(inval_entry, REQ, u64 child)
STUB(init, REQ)
STUB(exit, REQ)

#define SET(member) .member = stub_##member
static struct extfuse_ops stubs = {
	SET(lookup), SET(forget), SET(getattr), SET(setattr), SET(readlink), SET(symlink),
	SET(mknod), SET(mkdir), SET(unlink), SET(rmdir), SET(rename), SET(link), SET(open),
	SET(read), SET(write), SET(statfs), SET(release), SET(fsync), SET(setxattr),
	SET(getxattr), SET(listxattr), SET(removexattr), SET(flush), SET(opendir), SET(readdir),
	SET(releasedir), SET(fsyncdir), SET(getlk), SET(setlk), SET(access), SET(create), SET(bmap),
	SET(ioctl), SET(poll), SET(fallocate), SET(lseek), SET(copy_file_range), SET(syncfs),
	SET(tmpfile), SET(statx), SET(entry_done), SET(attr_done), SET(open_done), SET(read_done),
	SET(dir_done), SET(xattr_done), SET(link_target_done), SET(statfs_done), SET(statx_done),
	SET(lseek_done), SET(done), SET(inval_inode), SET(inval_entry), SET(init), SET(exit),
};

static struct bpf_struct_ops extfuse_struct_ops = {
	.verifier_ops = &extfuse_verifier_ops,
	.init = extfuse_init,
	.check_member = extfuse_check_member,
	.init_member = extfuse_init_member,
	.reg = extfuse_reg,
	.unreg = extfuse_unreg,
	.update = extfuse_update,
	.validate = extfuse_validate,
	.cfi_stubs = &stubs,
	.name = "extfuse_ops",
	.owner = THIS_MODULE,
};

int extfuse_policy_init(void)
{
	return register_bpf_struct_ops(&extfuse_struct_ops, extfuse_ops);
}
