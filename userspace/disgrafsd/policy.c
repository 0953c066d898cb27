// SPDX-License-Identifier: GPL-2.0
/*
 * The extfuse module's part in this mount: the policy answers requests in the
 * kernel, and learns from a map which backing file an inode has. Nothing here
 * is needed for the file system to work, so no failure is fatal.
 */
#include "policy.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "disgrafsd.h"
#include "extfuse_ctl.h"

/*
 * Every change goes through the mount, where the policy sees it: it need not
 * forget by the clock, however short a validity the VFS is given.
 */
#define KEEP_FOREVER UINT32_MAX

struct policy {
	struct extfuse *ef;
	uint64_t conn;
	int backing_map;	/* -1: the policy has none */
};

static int bind_mount(struct policy *policy, const char *mountpoint, const char *name)
{
	int ret, fd = open(mountpoint, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = extfuse_bind(policy->ef, fd, name, KEEP_FOREVER, false, &policy->conn);
	close(fd);
	return ret;
}

struct policy *policy_start(const char *mountpoint, const char *name)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	int ret;

	if (!policy)
		return NULL;
	policy->backing_map = -1;
	policy->ef = extfuse_open();
	if (!policy->ef) {
		if (errno == ENOENT)
			log_msg(LOG_NOTICE, "the extfuse module is not loaded: serving as a plain FUSE file system");
		else
			log_msg(LOG_WARNING, "%s: serving as a plain FUSE file system",
				extfuse_error(NULL));
		goto err;
	}
	ret = extfuse_policy_load(policy->ef, name, NULL);
	if (ret == 0 || ret == -EEXIST)
		ret = bind_mount(policy, mountpoint, name);
	if (ret < 0) {
		log_msg(LOG_WARNING, "policy %s: %s: serving as a plain FUSE file system", name,
			extfuse_error(policy->ef));
		goto err;
	}
	policy->backing_map = extfuse_policy_map(policy->ef, name, "backing");
	if (policy->backing_map < 0)
		log_msg(LOG_WARNING, "policy %s: no map of backing files: opens go to the daemon",
			name);
	return policy;
err:
	policy_stop(policy);
	return NULL;
}

/* The binding ends with the mount. */
void policy_stop(struct policy *policy)
{
	if (!policy)
		return;
	if (policy->backing_map >= 0)
		close(policy->backing_map);
	extfuse_close(policy->ef);
	free(policy);
}

void policy_backing_add(struct policy *policy, uint64_t nodeid, uint32_t backing_id)
{
	struct extfuse_node_key key = { .conn = policy->conn, .nodeid = nodeid };

	/* A full map costs no more than opens that come to the daemon. */
	if (policy->backing_map >= 0)
		bpf_map_update_elem(policy->backing_map, &key, &backing_id, BPF_ANY);
}

void policy_backing_del(struct policy *policy, uint64_t nodeid)
{
	struct extfuse_node_key key = { .conn = policy->conn, .nodeid = nodeid };

	if (policy->backing_map >= 0)
		bpf_map_delete_elem(policy->backing_map, &key);
}
