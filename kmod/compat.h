/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between the public interfaces of the supported kernels. */
#ifndef EXTFUSE_COMPAT_H
#define EXTFUSE_COMPAT_H

#include <linux/btf.h>
#include <linux/cred.h>
#include <linux/fprobe.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* Protocol 7.45 */
#define EXTFUSE_OP_COPY_FILE_RANGE_64 53

static inline int extfuse_inode_state(struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	return inode_state_read_once(inode);
#else
	return READ_ONCE(inode->i_state);
#endif
}

/* Others in the place of those that override_creds() took, which may hold them. */
static inline void extfuse_switch_creds(const struct cred *cred)
{
	const struct cred *old = override_creds(cred);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	put_cred(old);
#else
	(void)old;
#endif
}

/*
 * What LOOKUP carries of a name that is revalidated: the dentry's own, which a rename may write
 * over, or since then one of the caller's.
 */
#define EXTFUSE_NAMES_MOVE (LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0))

/* Since 7.0 the verifier trusts nothing else anyway. */
#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS 0
#endif

/* Said aloud since 6.18; the default before. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define EXTFUSE_WQ_PERCPU WQ_PERCPU
#else
#define EXTFUSE_WQ_PERCPU 0
#endif

/* Arguments of a function that an fprobe stopped at. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
typedef struct ftrace_regs extfuse_fprobe_regs;
#define extfuse_fprobe_arg(regs, n) ftrace_regs_get_argument(regs, n)
#else
typedef struct pt_regs extfuse_fprobe_regs;
#define extfuse_fprobe_arg(regs, n) regs_get_kernel_argument(regs, n)
#endif

#endif
