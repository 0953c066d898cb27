// SPDX-License-Identifier: GPL-2.0
/* Loading and unloading of the module. */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>

#include "background.h"
#include "conn.h"
#include "kfuncs.h"
#include "lower.h"
#include "netlink.h"
#include "notify.h"

static int __init extfuse_module_init(void)
{
	int err;

	err = extfuse_lookups_module_init();
	if (err)
		return err;
	err = extfuse_background_init();
	if (err)
		goto lookups;
	err = extfuse_lower_init();
	if (err)
		goto background;
	err = extfuse_conn_init();
	if (err)
		goto lower;
	extfuse_notify_init();
	err = extfuse_netlink_init();
	if (err)
		goto notify;
	/* these two have no opposite: they go with the module's BTF */
	err = extfuse_kfuncs_init();
	if (err)
		goto netlink;
	err = extfuse_policy_init();
	if (err)
		goto netlink;
	return 0;

netlink:
	extfuse_netlink_exit();
notify:
	extfuse_notify_exit();
	extfuse_conn_exit();
lower:
	extfuse_lower_exit();
background:
	extfuse_background_exit();
lookups:
	extfuse_lookups_module_exit();
	return err;
}

/* A bound connection and a loaded policy each hold the module: there are none. */
static void __exit extfuse_module_exit(void)
{
	extfuse_netlink_exit();
	extfuse_notify_exit();
	extfuse_conn_exit();
	/* the last ones to have left our functions may be preempted on their way out */
	synchronize_rcu_tasks();
	synchronize_srcu(&extfuse_srcu);
	/* policies and inodes' records were given to kfree_rcu() */
	rcu_barrier();
	extfuse_lower_exit();
	extfuse_background_exit();
	extfuse_lookups_module_exit();
}

module_init(extfuse_module_init);
module_exit(extfuse_module_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("extfuse maintainers");
MODULE_DESCRIPTION("Lets BPF programs answer FUSE requests in the kernel");
MODULE_VERSION(EXTFUSE_MODULE_VERSION);
