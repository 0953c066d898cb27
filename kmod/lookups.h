/* SPDX-License-Identifier: GPL-2.0 */
/* LOOKUPs that were answered without the daemon, and the FORGETs they cost. */
#ifndef EXTFUSE_LOOKUPS_H
#define EXTFUSE_LOOKUPS_H

#include <linux/list.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define EXTFUSE_LOOKUP_BITS 13

struct extfuse_lookup_bucket {
	spinlock_t lock;	/* protects head and the counts in it */
	struct hlist_head head;
};

struct extfuse_lookups {
	hsiphash_key_t key;	/* no daemon shall choose the bucket of its nodes */
	struct extfuse_lookup_bucket *buckets;
};

struct inode;
struct super_block;

int extfuse_lookups_init(struct extfuse_lookups *lookups);
void extfuse_lookups_free(struct extfuse_lookups *lookups);

struct extfuse_lookup_bucket *extfuse_lookup_lock(struct extfuse_lookups *lookups, u64 nodeid)
	__acquires(lookups);
bool extfuse_lookup_count(struct extfuse_lookup_bucket *bucket, u64 nodeid);

static inline void extfuse_lookup_unlock(struct extfuse_lookup_bucket *bucket)
	__releases(bucket)
{
	spin_unlock(&bucket->lock);
}

u64 extfuse_lookup_forget(struct extfuse_lookups *lookups, u64 nodeid, u64 nlookup);
bool extfuse_lookups_settle(struct extfuse_lookups *lookups, struct super_block *sb);

struct inode *extfuse_live_inode(struct super_block *sb, u64 nodeid);

int extfuse_lookups_module_init(void);
void extfuse_lookups_module_exit(void);

#endif
