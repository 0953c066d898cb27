// SPDX-License-Identifier: LGPL-2.1-or-later
/* Loading and unloading policies. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "object.h"
#include "pin.h"
#include "registered.h"

/* The kernel keeps 15 bytes of a map's name. */
#define MAP_NAME_LEN (BPF_OBJ_NAME_LEN - 1)

static bool is_ops_map(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS;
}

/* --- loading --- */

/* One policy of an object that is being loaded. */
struct loading {
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct bpf_map *map;
	struct bpf_link *link;
	bool link_pinned;
	bool maps_pinned;
};

struct load {
	struct extfuse *ef;
	struct bpf_object *obj;
	struct loading *policies;
	unsigned int nr;
};

static int is_registered(const struct extfuse_policy_info *info, void *arg)
{
	/* Not a negative errno, to tell it from failure. */
	return !strcmp(info->name, arg);
}

/* Notes name and map of each policy in the object. */
static int find_policies(struct load *load)
{
	struct loading *grown;
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, load->obj) {
		if (!is_ops_map(map))
			continue;
		grown = reallocarray(load->policies, load->nr + 1, sizeof(*grown));
		if (!grown)
			return fail(load->ef, ENOMEM, "out of memory");
		load->policies = grown;
		grown[load->nr] = (struct loading){ .map = map };
		err = object_policy_name(load->ef, load->obj, map, grown[load->nr].name);
		if (err)
			return err;
		load->nr++;
	}
	if (!load->nr)
		return fail(load->ef, EINVAL,
			    "holds no policy (struct extfuse_ops in SEC(\".struct_ops.link\"))");
	return 0;
}

/* Also the check that the caller may load anything, before libbpf tries in vain. */
static int check_not_registered(struct load *load)
{
	unsigned int i;
	int ret;

	for (i = 0; i < load->nr; i++) {
		ret = extfuse_policy_list(load->ef, is_registered, load->policies[i].name);
		if (ret > 0)
			return fail(load->ef, EEXIST, "a policy named %s is already loaded",
				    load->policies[i].name);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * A link that was detached without us leaves its file behind, and the name is
 * free to register again.
 */
static bool remove_dead_link(const char *path)
{
	int fd = bpf_obj_get(path);
	bool dead = fd >= 0 && !link_map_id(fd);

	if (fd >= 0)
		close(fd);
	return dead && !unlink(path);
}

static int pin_link(struct extfuse *ef, struct loading *policy)
{
	int fd = bpf_link__fd(policy->link), err;
	char path[PATH_MAX];

	pin_link_path(path, policy->name);
	err = bpf_obj_pin(fd, path) ? errno : 0;
	if (err == EEXIST && remove_dead_link(path))
		err = bpf_obj_pin(fd, path) ? errno : 0;
	if (err)
		return fail(ef, err, "cannot pin the policy at %s: %s", path, strerror(err));
	policy->link_pinned = true;
	return 0;
}

/* Every policy of an object gets all of its maps: which of them it uses is not known. */
static int pin_maps(struct load *load, struct loading *policy)
{
	char path[PATH_MAX];
	struct bpf_map *map;
	int err;

	err = pin_make_maps(load->ef, policy->name);
	if (err)
		return err;
	policy->maps_pinned = true;
	bpf_object__for_each_map(map, load->obj) {
		/* Variables and constants: their names have dots, which cannot be pinned. */
		if (is_ops_map(map) || bpf_map__is_internal(map))
			continue;
		pin_map_path(path, policy->name, bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return fail(load->ef, errno, "cannot pin a map at %s: %s", path,
				    strerror(errno));
	}
	return 0;
}

static int attach(struct load *load, struct loading *policy)
{
	int err;

	policy->link = bpf_map__attach_struct_ops(policy->map);
	if (!policy->link) {
		err = errno;
		/* Someone was faster since check_not_registered(). */
		if (err == EEXIST)
			return fail(load->ef, err, "a policy named %s is already loaded",
				    policy->name);
		return fail(load->ef, err,
			    "the extfuse module refuses policy %s: %s; the kernel's log may say more",
			    policy->name, strerror(err));
	}
	return pin_link(load->ef, policy) ?: pin_maps(load, policy);
}

static void detach(struct loading *policy)
{
	char path[PATH_MAX];

	if (policy->maps_pinned)
		pin_remove_maps(policy->name);
	if (policy->link_pinned) {
		pin_link_path(path, policy->name);
		unlink(path);
	}
	/* Closing the last descriptor would do it too, but later. */
	if (policy->link)
		bpf_link__detach(policy->link);
}

/* With the reason out of libbpf's log, or else out of @err, which may be one of its own. */
static int fail_with_log(struct extfuse *ef, int err, const char *what)
{
	char reason[768];

	log_reason(log_so_far(ef), reason, sizeof(reason));
	if (!reason[0])
		libbpf_strerror(err, reason, sizeof(reason));
	return fail(ef, err < __LIBBPF_ERRNO__START ? err : ENOEXEC, "%s%s", what, reason);
}

static int open_object(struct load *load, const char *path)
{
	/* libbpf's own word for a missing file is one line among others. */
	if (access(path, R_OK))
		return fail(load->ef, errno, "%s", strerror(errno));
	load->obj = bpf_object__open_file(path, NULL);
	if (!load->obj)
		return fail_with_log(load->ef, errno, "not a BPF object: ");
	return 0;
}

static int load_object(struct load *load)
{
	int err = bpf_object__load(load->obj);

	return err ? fail_with_log(load->ef, -err, "") : 0;
}

static int attach_all(struct load *load)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < load->nr; i++)
		err = attach(load, &load->policies[i]);
	if (err)
		for (i = 0; i < load->nr; i++)
			detach(&load->policies[i]);
	return err;
}

static void load_end(struct load *load)
{
	unsigned int i;

	for (i = 0; i < load->nr; i++)
		bpf_link__destroy(load->policies[i].link);
	free(load->policies);
	bpf_object__close(load->obj);
}

/* Says which file, when the caller gave only a bare name. */
static int name_file(struct extfuse *ef, int err, const char *file, const char *path)
{
	char sentence[sizeof(ef->error)];

	if (!err || !strcmp(file, path))
		return err;
	snprintf(sentence, sizeof(sentence), "%s", ef->error);
	return fail(ef, -err, "%s: %s", path, sentence);
}

int extfuse_policy_load(struct extfuse *ef, const char *file, char name[EXTFUSE_POLICY_NAME_LEN])
{
	struct load load = { .ef = ef };
	char path[PATH_MAX];
	int err;

	object_path(path, file);
	err = log_start(ef);
	if (err)
		return err;
	err = name_file(ef, open_object(&load, path) ?: find_policies(&load), file, path) ?:
	      check_not_registered(&load) ?:
	      pin_prepare(ef) ?:
	      name_file(ef, load_object(&load), file, path) ?:
	      attach_all(&load);
	if (!err && name)
		memcpy(name, load.policies[0].name, EXTFUSE_POLICY_NAME_LEN);
	load_end(&load);
	log_stop(ef);
	return err;
}

/* --- unloading --- */

struct unload {
	const char *name;
	struct module_types types;
	bool found;
};

/* Files whose link is the policy's, or is nobody's any more and has its name. */
static int unpin_link(const char *path, const char *file, void *arg)
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct unload *unload = arg;
	int fd = bpf_obj_get(path);
	int err;

	if (fd < 0)
		return 0;
	err = link_policy(&unload->types, fd, name);
	if ((!err && !strcmp(name, unload->name)) ||
	    (err == -ENOLINK && !strcmp(file, unload->name))) {
		/* Not only the file: somebody else may hold the link open. */
		bpf_link_detach(fd);
		if (!unlink(path))
			unload->found = true;
	}
	close(fd);
	return 0;
}

/* Links that are pinned elsewhere, or only held open. */
static int detach_link(int fd, void *arg)
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct unload *unload = arg;

	if (!link_policy(&unload->types, fd, name) && !strcmp(name, unload->name) &&
	    !bpf_link_detach(fd))
		unload->found = true;
	return 0;
}

/* Policies in SEC(".struct_ops"), which have no link: the map's one element registers them. */
static int delete_ops(int fd, void *arg)
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct unload *unload = arg;
	uint32_t key = 0;

	if (!ops_map_policy(&unload->types, fd, name) && !strcmp(name, unload->name) &&
	    !bpf_map_delete_elem(fd, &key))
		unload->found = true;
	return 0;
}

int extfuse_policy_unload(struct extfuse *ef, const char *name)
{
	struct unload unload = { .name = name };
	int registered, err;

	/* First of all tells those who may not from those who name nothing. */
	registered = extfuse_policy_list(ef, is_registered, (void *)name);
	if (registered < 0)
		return registered;
	if (!policy_name_is_valid(name) && !registered)
		return fail(ef, ENOENT, "no such policy");
	err = pin_check(ef) ?: log_start(ef);
	if (err)
		return err;

	pin_for_each(unpin_link, &unload);
	for_each_link(detach_link, &unload);
	if (registered)
		for_each_map(delete_ops, &unload);
	if (policy_name_is_valid(name) && pin_remove_maps(name))
		unload.found = true;
	module_types_free(&unload.types);
	log_stop(ef);

	if (unload.found)
		return 0;
	if (registered)
		return fail(ef, EBUSY,
			    "the policy is registered, but neither its link nor its map can be found");
	return fail(ef, ENOENT, "no such policy");
}

/* --- maps --- */

struct map_search {
	const char *policy;
	const char *map;
	struct module_types types;
	uint32_t btf_id;	/* of the object that the policy is from */
	int fd;
};

static uint32_t btf_id_of(int map_fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(map_fd, &info, &len) ? 0 : info.btf_id;
}

static int find_object(int link_fd, void *arg)
{
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct map_search *search = arg;
	int fd;

	if (link_policy(&search->types, link_fd, name) || strcmp(name, search->policy))
		return 0;
	fd = bpf_map_get_fd_by_id(link_map_id(link_fd));
	if (fd < 0)
		return 0;
	search->btf_id = btf_id_of(fd);
	close(fd);
	return 1;
}

static int find_map(int fd, void *arg)
{
	struct map_search *search = arg;
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.btf_id != search->btf_id ||
	    strncmp(info.name, search->map, MAP_NAME_LEN))
		return 0;
	search->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 1;
}

/*
 * bpftool pins no maps. Every load of an object gives its type information a
 * new id, which all that was loaded with it has in common.
 */
static int search_map(struct extfuse *ef, const char *policy, const char *map)
{
	struct map_search search = { .policy = policy, .map = map, .fd = -1 };
	int err;

	err = log_start(ef);
	if (err)
		return err;
	if (for_each_link(find_object, &search) && search.btf_id)
		for_each_map(find_map, &search);
	module_types_free(&search.types);
	log_stop(ef);
	return search.fd;
}

int extfuse_policy_map(struct extfuse *ef, const char *policy, const char *map)
{
	char path[PATH_MAX];
	int fd, err;

	if (!policy_name_is_valid(policy))
		return fail(ef, ENOENT, "no such policy");
	if (!*map || strchr(map, '/') || strchr(map, '.'))
		return fail(ef, ENOENT, "policy %s has no map named %s", policy, map);
	err = pin_check(ef);
	if (err)
		return err;
	pin_map_path(path, policy, map);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		return fd;
	if (errno == EPERM || errno == EACCES)
		return fail(ef, errno, "%s", error_sentence(errno));
	fd = search_map(ef, policy, map);
	if (fd >= 0)
		return fd;
	return fail(ef, ENOENT, "policy %s has no map named %s", policy, map);
}
