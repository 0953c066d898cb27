// SPDX-License-Identifier: LGPL-2.1-or-later
/* Policy object files, before they are in the kernel. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

#define OPS_TYPE "extfuse_ops"

void object_path(char path[PATH_MAX], const char *file)
{
	const char *dir = secure_getenv("EXTFUSE_POLICY_DIR");
	size_t len = strlen(file);

	/* A name is bare when nothing about it says file. */
	if (strchr(file, '/') || (len > 2 && !strcmp(file + len - 2, ".o")))
		snprintf(path, PATH_MAX, "%s", file);
	else
		snprintf(path, PATH_MAX, "%s/%s.bpf.o", dir && *dir ? dir : EXTFUSE_POLICY_DIR,
			 file);
}

/* The structure type of the C variable that @map was made of. */
static const struct btf_type *ops_type_of(const struct btf *btf, const struct bpf_map *map)
{
	const struct btf_type *type;
	int id;

	id = btf__find_by_name_kind(btf, bpf_map__name(map), BTF_KIND_VAR);
	if (id < 0)
		return NULL;
	id = btf__resolve_type(btf, id);
	if (id < 0)
		return NULL;
	type = btf__type_by_id(btf, id);
	return type && btf_is_struct(type) ? type : NULL;
}

/* libbpf ignores what follows three underscores in a type's name (CO-RE flavors). */
static bool is_ops_type(const char *type)
{
	size_t len = strlen(OPS_TYPE);

	return !strncmp(type, OPS_TYPE, len) && (!type[len] || !strncmp(type + len, "___", 3));
}

/* Copies the char array @member of a structure at @data. */
static bool copy_name(const struct btf *btf, const struct btf_type *type, const char *data,
		      size_t size, char name[EXTFUSE_POLICY_NAME_LEN])
{
	const struct btf_member *member = btf_members(type);
	size_t offset, len;
	int64_t room;
	unsigned int i;

	for (i = 0; i < btf_vlen(type); i++, member++)
		if (!strcmp(btf__name_by_offset(btf, member->name_off), "name"))
			break;
	if (i == btf_vlen(type))
		return false;
	offset = btf_member_bit_offset(type, i) / 8;
	room = btf__resolve_size(btf, member->type);
	if (room <= 0 || offset + room > size)
		return false;
	len = strnlen(data + offset, room);
	if (len >= EXTFUSE_POLICY_NAME_LEN)
		return false;
	memcpy(name, data + offset, len);
	name[len] = '\0';
	return true;
}

int object_policy_name(struct extfuse *ef, const struct bpf_object *obj, struct bpf_map *map,
		       char name[EXTFUSE_POLICY_NAME_LEN])
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *type = btf ? ops_type_of(btf, map) : NULL;
	const char *type_name, *data;
	size_t size;

	data = bpf_map__initial_value(map, &size);
	if (!type || !data)
		return fail(ef, EINVAL, "%s has no type information; compile with -g",
			    bpf_map__name(map));
	type_name = btf__name_by_offset(btf, type->name_off);
	if (!is_ops_type(type_name))
		return fail(ef, EINVAL, "%s is a struct %s, not a policy (struct %s)",
			    bpf_map__name(map), type_name, OPS_TYPE);
	if (!copy_name(btf, type, data, size, name))
		return fail(ef, EINVAL, "%s has no member \"name\" of at most %d bytes",
			    bpf_map__name(map), EXTFUSE_POLICY_NAME_LEN - 1);
	if (!policy_name_is_valid(name))
		return fail(ef, EINVAL,
			    "%s has an invalid name \"%s\": 1 to %d letters, digits, _ and -, not ending in -maps",
			    bpf_map__name(map), name, EXTFUSE_POLICY_NAME_LEN - 1);
	/* Without it, bpf_map__attach_struct_ops() makes no link that can be pinned. */
	if (!(bpf_map__map_flags(map) & BPF_F_LINK))
		return fail(ef, EINVAL, "%s must be in SEC(\".struct_ops.link\")",
			    bpf_map__name(map));
	return 0;
}
