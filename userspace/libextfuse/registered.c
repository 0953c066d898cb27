// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Policies that are in the kernel, as BPF links and maps.
 *
 * A policy's name is in the value of its struct_ops map, whose layout is the
 * module's. Neither the map's name nor the name of a pinned link says it:
 * bpftool pins under the name of the C variable.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registered.h"

#define VALUE_TYPE "bpf_struct_ops_extfuse_ops"

void module_types_free(struct module_types *types)
{
	btf__free(types->module);
	btf__free(types->vmlinux);
}

/* Other modules have struct_ops types too; reading vmlinux's for them would be a waste. */
static bool is_ours(uint32_t btf_id)
{
	char name[64] = "";
	struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };
	uint32_t len = sizeof(info);
	int fd, err;

	fd = bpf_btf_get_fd_by_id(btf_id);
	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	return !err && info.kernel_btf && !strcmp(name, EXTFUSE_GENL_NAME);
}

static int load_types(struct module_types *types, uint32_t btf_id)
{
	if (types->module)
		return 0;
	if (!is_ours(btf_id))
		return -EINVAL;
	if (!types->vmlinux)
		types->vmlinux = btf__load_vmlinux_btf();
	if (!types->vmlinux)
		return -errno;
	types->module = btf__load_from_kernel_by_id_split(btf_id, types->vmlinux);
	return types->module ? 0 : -errno;
}

/* Offset in bytes of a member, whose type goes to @member_type; -1 if there is none. */
static int member_offset(const struct btf *btf, const struct btf_type *type, const char *name,
			 const struct btf_type **member_type)
{
	const struct btf_member *member;
	unsigned int i;

	if (!type || !btf_is_struct(type))
		return -1;
	for (i = 0, member = btf_members(type); i < btf_vlen(type); i++, member++) {
		if (strcmp(btf__name_by_offset(btf, member->name_off), name))
			continue;
		*member_type = btf__type_by_id(btf, member->type);
		return btf_member_bit_offset(type, i) / 8;
	}
	return -1;
}

/* Where the policy's name is in the value of a struct_ops map. */
static int name_offset(const struct btf *btf, uint32_t value_type)
{
	const struct btf_type *type = btf__type_by_id(btf, value_type), *ops;
	int data, name;

	if (!type || strcmp(btf__name_by_offset(btf, type->name_off), VALUE_TYPE))
		return -EINVAL;
	data = member_offset(btf, type, "data", &ops);
	if (data < 0)
		return -EINVAL;
	name = member_offset(btf, ops, "name", &ops);
	return name < 0 ? -EINVAL : data + name;
}

int ops_map_policy(struct module_types *types, int map_fd, char name[EXTFUSE_POLICY_NAME_LEN])
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), key = 0;
	char *value;
	int err, offset;

	if (bpf_obj_get_info_by_fd(map_fd, &info, &len))
		return -errno;
	if (info.type != BPF_MAP_TYPE_STRUCT_OPS)
		return -EINVAL;
	err = load_types(types, info.btf_vmlinux_id);
	if (err)
		return err;
	offset = name_offset(types->module, info.btf_vmlinux_value_type_id);
	if (offset < 0 || offset + EXTFUSE_POLICY_NAME_LEN > (int)info.value_size)
		return -EINVAL;

	value = calloc(1, info.value_size);
	if (!value)
		return -ENOMEM;
	err = bpf_map_lookup_elem(map_fd, &key, value) ? -errno : 0;
	if (!err) {
		memcpy(name, value + offset, EXTFUSE_POLICY_NAME_LEN);
		name[EXTFUSE_POLICY_NAME_LEN - 1] = '\0';
	}
	free(value);
	return err;
}

static int link_info(int fd, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len))
		return -errno;
	return info->type == BPF_LINK_TYPE_STRUCT_OPS ? 0 : -EINVAL;
}

uint32_t link_map_id(int link_fd)
{
	struct bpf_link_info info;

	return link_info(link_fd, &info) ? 0 : info.struct_ops.map_id;
}

int link_policy(struct module_types *types, int link_fd, char name[EXTFUSE_POLICY_NAME_LEN])
{
	struct bpf_link_info info;
	int err, fd;

	err = link_info(link_fd, &info);
	if (err)
		return err;
	if (!info.struct_ops.map_id)
		return -ENOLINK;
	fd = bpf_map_get_fd_by_id(info.struct_ops.map_id);
	if (fd < 0)
		return -errno;
	err = ops_map_policy(types, fd, name);
	close(fd);
	return err;
}

int for_each_link(int (*cb)(int fd, void *arg), void *arg)
{
	uint32_t id = 0;
	int fd, ret = 0;

	while (!ret && !bpf_link_get_next_id(id, &id)) {
		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			continue;	/* gone in between */
		ret = cb(fd, arg);
		close(fd);
	}
	return ret;
}

int for_each_map(int (*cb)(int fd, void *arg), void *arg)
{
	uint32_t id = 0;
	int fd, ret = 0;

	while (!ret && !bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0)
			continue;
		ret = cb(fd, arg);
		close(fd);
	}
	return ret;
}
