// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a header with the member offsets of fs/fuse's private structures, read
 * from the BTF of the kernel that the module is built for.
 *
 * The members that the module needs are the table below. A member that is
 * missing, or is not of the kind that the accessors in fuse_private.h assume,
 * is an error that names structure and member: better no module than one that
 * guesses.
 *
 * usage: genlayout VMLINUX > HEADER
 *
 * Kernels with CONFIG_FUSE_FS=m keep these types in a module and are refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

enum kind {
	PTR,		/* any pointer */
	INT,		/* integer or enum of the given size */
	AGG,		/* struct, union or array; only the offset is used */
	BIT,		/* bool or one-bit field: byte offset and mask */
};

struct member {
	const char *type;
	const char *name;
	enum kind kind;
	unsigned int size;	/* INT: bytes */
	bool optional;		/* not in every supported kernel */
};

static const struct member members[] = {
	{ "fuse_in_arg", "size", INT, 4 },
	{ "fuse_in_arg", "value", PTR },
	{ "fuse_arg", "size", INT, 4 },
	{ "fuse_arg", "value", PTR },
	{ "fuse_args", "nodeid", INT, 8 },
	{ "fuse_args", "opcode", INT, 4 },
	{ "fuse_args", "in_numargs", INT, 1 },
	{ "fuse_args", "out_numargs", INT, 1 },
	{ "fuse_args", "ext_idx", INT, 1 },
	{ "fuse_args", "force", BIT },
	{ "fuse_args", "noreply", BIT },
	{ "fuse_args", "in_pages", BIT },
	{ "fuse_args", "out_pages", BIT },
	{ "fuse_args", "out_argvar", BIT },
	{ "fuse_args", "page_zeroing", BIT },
	{ "fuse_args", "user_pages", BIT },
	{ "fuse_args", "is_ext", BIT },
	{ "fuse_args", "in_args", AGG },
	{ "fuse_args", "out_args", AGG },
	{ "fuse_args", "end", PTR },
	{ "fuse_args_pages", "args", AGG },
	{ "fuse_args_pages", "pages", PTR, .optional = true },
	{ "fuse_args_pages", "folios", PTR, .optional = true },
	{ "fuse_args_pages", "descs", PTR },
	{ "fuse_args_pages", "num_pages", INT, 4, .optional = true },
	{ "fuse_args_pages", "num_folios", INT, 4, .optional = true },
	{ "fuse_page_desc", "length", INT, 4, .optional = true },
	{ "fuse_page_desc", "offset", INT, 4, .optional = true },
	{ "fuse_folio_desc", "length", INT, 4, .optional = true },
	{ "fuse_folio_desc", "offset", INT, 4, .optional = true },
	{ "fuse_req", "list", AGG },
	{ "fuse_req", "args", PTR },
	{ "fuse_req", "flags", INT, 8 },
	{ "fuse_req", "in", AGG },
	{ "fuse_req", "out", AGG },
	{ "fuse_req", "waitq", AGG },
	{ "fuse_req", "chan", PTR, .optional = true },
	{ "fuse_req", "ring_queue", PTR, .optional = true },
	{ "fuse_iqueue", "connected", INT, 4 },
	{ "fuse_iqueue", "lock", AGG },
	{ "fuse_iqueue", "ops", PTR },
	{ "fuse_iqueue_ops", "send_forget", PTR },
	{ "fuse_iqueue_ops", "send_interrupt", PTR },
	{ "fuse_iqueue_ops", "send_req", PTR },
	{ "fuse_iqueue_ops", "release", PTR },
	{ "fuse_forget_link", "forget_one", AGG },
	{ "fuse_forget_link", "next", PTR },
	{ "fuse_mount", "fc", PTR },
	{ "fuse_mount", "sb", PTR },
	{ "fuse_conn", "count", AGG },
	{ "fuse_conn", "user_id", AGG },
	{ "fuse_conn", "user_ns", PTR },
	{ "fuse_conn", "dev", INT, 4 },
	{ "fuse_conn", "minor", INT, 4 },
	{ "fuse_conn", "killsb", AGG },
	{ "fuse_conn", "mounts", AGG },
	{ "fuse_conn", "default_permissions", BIT },
	{ "fuse_conn", "allow_other", BIT },
	{ "fuse_conn", "auto_inval_data", BIT },
	{ "fuse_conn", "writeback_cache", BIT },
	{ "fuse_conn", "passthrough", BIT },
	{ "fuse_conn", "backing_files_map", AGG },
	{ "fuse_conn", "epoch", AGG, .optional = true },
	/* 6.12: in the connection; later: in its channel */
	{ "fuse_conn", "iq", AGG, .optional = true },
	{ "fuse_conn", "initialized", INT, 4, .optional = true },
	{ "fuse_conn", "num_waiting", AGG, .optional = true },
	{ "fuse_conn", "no_interrupt", BIT, .optional = true },
	{ "fuse_conn", "chan", PTR, .optional = true },
	{ "fuse_chan", "conn", PTR, .optional = true },
	{ "fuse_chan", "iq", AGG, .optional = true },
	{ "fuse_chan", "initialized", INT, 4, .optional = true },
	{ "fuse_chan", "num_waiting", AGG, .optional = true },
	{ "fuse_chan", "no_interrupt", BIT, .optional = true },
	{ "fuse_chan", "bg_lock", AGG, .optional = true },
	{ "fuse_chan", "num_background", INT, 4, .optional = true },
	{ "fuse_chan", "active_background", INT, 4, .optional = true },
	{ "fuse_chan", "max_background", INT, 4, .optional = true },
	{ "fuse_chan", "blocked", INT, 4, .optional = true },
	{ "fuse_chan", "ring", PTR, .optional = true },
	{ "fuse_ring", "ready", BIT, .optional = true },
	{ "fuse_ring_queue", "lock", AGG, .optional = true },
	{ "fuse_inode", "inode", AGG },
	{ "fuse_inode", "nodeid", INT, 8 },
	{ "fuse_inode", "nlookup", INT, 8 },
	{ "fuse_inode", "lock", AGG },
	{ "fuse_inode", "inval_mask", INT, 4 },
	{ "fuse_inode", "orig_i_mode", INT, 2 },
	{ "fuse_inode", "orig_ino", INT, 8 },
	{ "fuse_inode", "cached_i_blkbits", INT, 1, .optional = true },
	{ "fuse_inode", "iocachectr", INT, 4 },
	{ "fuse_inode", "fb", PTR },
	{ "fuse_backing", "file", PTR },
	{ "fuse_backing", "count", AGG },
};

struct value {
	const char *name;
	bool optional;
};

static const struct value values[] = {
	{ "FR_FORCE" }, { "FR_BACKGROUND" }, { "FR_INTERRUPTED" }, { "FR_PENDING" },
	{ "FR_SENT" }, { "FR_FINISHED" }, { "FR_ASYNC" }, { "FR_URING", .optional = true },
};

static const char * const sizes[] = {
	"fuse_in_arg", "fuse_arg", "fuse_iqueue_ops",
};

static const struct btf_type *strip(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

/* Finds a member by name, looking into anonymous structs and unions too. */
static const struct btf_member *find(const struct btf *btf, const struct btf_type *t,
				     const char *name, __u32 base, __u32 *bit, __u32 *bits)
{
	const struct btf_member *m = btf_members(t), *found;
	const struct btf_type *sub;
	unsigned int i;

	for (i = 0; i < btf_vlen(t); i++, m++) {
		const char *n = btf__name_by_offset(btf, m->name_off);

		if (!strcmp(n, name)) {
			*bit = base + btf_member_bit_offset(t, i);
			*bits = btf_member_bitfield_size(t, i);
			return m;
		}
		sub = strip(btf, m->type);
		if (!*n && sub && btf_is_composite(sub)) {
			found = find(btf, sub, name, base + btf_member_bit_offset(t, i), bit, bits);
			if (found)
				return found;
		}
	}
	return NULL;
}

static int emit(const struct btf *btf, const struct member *want)
{
	const struct btf_member *m = NULL;
	const struct btf_type *t;
	__u32 bit, bits;
	__s32 id;

	id = btf__find_by_name_kind(btf, want->type, BTF_KIND_STRUCT);
	if (id > 0)
		m = find(btf, btf__type_by_id(btf, id), want->name, 0, &bit, &bits);
	if (!m) {
		if (want->optional)
			return 0;
		fprintf(stderr, "genlayout: struct %s has no member %s in this kernel\n",
			want->type, want->name);
		return -ENOENT;
	}

	t = strip(btf, m->type);
	switch (want->kind) {
	case PTR:
		if (btf_is_ptr(t) && !bits)
			break;
		goto odd;
	case INT:
		if ((btf_is_int(t) || btf_is_any_enum(t)) && !bits && t->size == want->size)
			break;
		goto odd;
	case AGG:
		if ((btf_is_composite(t) || btf_is_array(t)) && !bits)
			break;
		goto odd;
	case BIT:
		if (!btf_is_int(t) || bits > 1 || (!bits && t->size != 1))
			goto odd;
		printf("#define XF_%s__%s %u\n#define XF_%s__%s_MASK 0x%x\n", want->type,
		       want->name, bit / 8, want->type, want->name,
		       bits ? 1u << (bit % 8) : 0xffu);
		return 0;
	}
	printf("#define XF_%s__%s %u\n", want->type, want->name, bit / 8);
	return 0;

odd:
	fprintf(stderr, "genlayout: struct %s: member %s is of an unexpected type in this kernel\n",
		want->type, want->name);
	return -EINVAL;
}

static int emit_value(const struct btf *btf, const struct value *want)
{
	__s32 id = btf__find_by_name_kind(btf, "fuse_req_flag", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;
	unsigned int i;

	for (i = 0; t && i < btf_vlen(t); i++, e++) {
		if (strcmp(btf__name_by_offset(btf, e->name_off), want->name))
			continue;
		printf("#define XF_%s %d\n", want->name, e->val);
		return 0;
	}
	if (want->optional)
		return 0;
	fprintf(stderr, "genlayout: enum fuse_req_flag has no %s in this kernel\n", want->name);
	return -ENOENT;
}

static int emit_size(const struct btf *btf, const char *type)
{
	__s32 id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);

	if (id <= 0) {
		fprintf(stderr, "genlayout: this kernel has no struct %s\n", type);
		return -ENOENT;
	}
	printf("#define XF_sizeof_%s %u\n", type, btf__type_by_id(btf, id)->size);
	return 0;
}

int main(int argc, char **argv)
{
	struct btf *btf;
	int err = 0;
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: genlayout VMLINUX > HEADER\n");
		return 2;
	}
	btf = btf__parse(argv[1], NULL);
	if (!btf) {
		fprintf(stderr, "genlayout: %s: no BTF: %s\n", argv[1], strerror(errno));
		return 1;
	}

	printf("/* Generated by genlayout. Do not edit. */\n");
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		err = emit(btf, &members[i]) ?: err;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		err = emit_value(btf, &values[i]) ?: err;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		err = emit_size(btf, sizes[i]) ?: err;
	return err ? 1 : 0;
}
