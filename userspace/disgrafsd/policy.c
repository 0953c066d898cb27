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
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
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
	const char *name;
	int mount_fd;		/* O_PATH; -1 once bound */
	int backing_map;	/* -1: the policy has none */
	pthread_t binder;
	void (*done)(void);	/* called by it at last */
	bool shared;		/* others change files, and may not be heard */
	bool binding;		/* there is a binder to wait for */
	uint64_t conn;
	atomic_bool bound;	/* @conn is good */
};

struct policy *policy_load(const char *mountpoint, const char *name, bool shared)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	int ret;

	if (!policy)
		return NULL;
	policy->name = name;
	policy->shared = shared;
	policy->backing_map = -1;
	policy->mount_fd = open(mountpoint, O_PATH | O_CLOEXEC);
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
	if (ret < 0 && ret != -EEXIST) {
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

/* Waits inside extfuse_bind() until the session has answered INIT. */
static void *bind_mount(void *arg)
{
	struct policy *policy = arg;
	int ret;

	ret = extfuse_bind(policy->ef, policy->mount_fd, policy->name,
			   policy->shared ? 0 : KEEP_FOREVER, false, &policy->conn);
	if (ret < 0)
		log_msg(LOG_WARNING, "policy %s: %s: serving as a plain FUSE file system",
			policy->name, extfuse_error(policy->ef));
	else
		atomic_store_explicit(&policy->bound, true, memory_order_release);
	/* a descriptor on the mount would keep it busy */
	close(policy->mount_fd);
	policy->mount_fd = -1;
	policy->done();
	return NULL;
}

void policy_bind(struct policy *policy, void (*done)(void))
{
	int err;

	policy->done = done;
	err = pthread_create(&policy->binder, NULL, bind_mount, policy);
	policy->binding = !err;
	if (err) {
		log_msg(LOG_WARNING, "policy %s: %s: serving as a plain FUSE file system",
			policy->name, strerror(err));
		done();
	}
}

/* The binding ends with the mount. */
void policy_stop(struct policy *policy)
{
	if (!policy)
		return;
	if (policy->binding)
		pthread_join(policy->binder, NULL);
	if (policy->mount_fd >= 0)
		close(policy->mount_fd);
	if (policy->backing_map >= 0)
		close(policy->backing_map);
	extfuse_close(policy->ef);
	free(policy);
}

static bool knows_backing(struct policy *policy)
{
	return policy->backing_map >= 0 &&
	       atomic_load_explicit(&policy->bound, memory_order_acquire);
}

bool policy_backing_add(struct policy *policy, uint64_t nodeid, uint32_t backing_id)
{
	struct extfuse_node_key key = { .conn = policy->conn, .nodeid = nodeid };

	if (!knows_backing(policy))
		return false;
	/* A full map costs no more than opens that come to the daemon. */
	bpf_map_update_elem(policy->backing_map, &key, &backing_id, BPF_ANY);
	return true;
}

void policy_backing_del(struct policy *policy, uint64_t nodeid)
{
	struct extfuse_node_key key = { .conn = policy->conn, .nodeid = nodeid };

	if (knows_backing(policy))
		bpf_map_delete_elem(policy->backing_map, &key);
}
