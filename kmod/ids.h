/* SPDX-License-Identifier: GPL-2.0 */
/* Users and groups as a daemon sees them. */
#ifndef EXTFUSE_IDS_H
#define EXTFUSE_IDS_H

#include <linux/uidgid.h>
#include <linux/user_namespace.h>

/* The initial namespace maps every id to itself; most daemons live there. */
static inline u32 extfuse_from_kuid(struct user_namespace *ns, kuid_t uid)
{
	return ns == &init_user_ns ? __kuid_val(uid) : from_kuid_munged(ns, uid);
}

static inline u32 extfuse_from_kgid(struct user_namespace *ns, kgid_t gid)
{
	return ns == &init_user_ns ? __kgid_val(gid) : from_kgid_munged(ns, gid);
}

static inline kuid_t extfuse_make_kuid(struct user_namespace *ns, u32 uid)
{
	return ns == &init_user_ns ? KUIDT_INIT(uid) : make_kuid(ns, uid);
}

static inline kgid_t extfuse_make_kgid(struct user_namespace *ns, u32 gid)
{
	return ns == &init_user_ns ? KGIDT_INIT(gid) : make_kgid(ns, gid);
}

#endif
