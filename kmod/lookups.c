// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel counts every LOOKUP reply in an inode's nlookup and gives the sum
 * back in FORGET; a daemon frees a node when its own count reaches zero. A
 * LOOKUP that a policy answered is counted by the kernel and not by the daemon,
 * so the module counts it too and takes it out of the FORGET it forwards.
 *
 * Let K be the kernel's count of a node, D the daemon's and C ours: K = D + C
 * at any time, and ours are given back first, so that D reaches zero only when
 * K does.
 *
 * A LOOKUP may be answered only for a node that has a live inode. The look at
 * the inode and the count, and the subtraction in FORGET, are each done under
 * the node's bucket lock: an eviction that races is either seen (the inode is
 * marked as being freed before its FORGET is sent, so the LOOKUP goes to the
 * daemon), or its FORGET comes after the count, forwards one less than the
 * daemon has, and the daemon keeps the reference that the new inode will give
 * back.
 */
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/hash.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "compat.h"
#include "layout/fuse_private.h"
#include "lookups.h"

struct extfuse_lookup {
	struct hlist_node node;
	u64 nodeid;
	u64 count;
};

static struct kmem_cache *extfuse_lookup_cache;

static struct extfuse_lookup_bucket *bucket_of(struct extfuse_lookups *lookups, u64 nodeid)
{
	u32 hash = hsiphash_2u32(lower_32_bits(nodeid), upper_32_bits(nodeid), &lookups->key);

	return &lookups->buckets[hash_32(hash, EXTFUSE_LOOKUP_BITS)];
}

static struct extfuse_lookup *find(struct extfuse_lookup_bucket *bucket, u64 nodeid)
{
	struct extfuse_lookup *l;

	hlist_for_each_entry(l, &bucket->head, node)
		if (l->nodeid == nodeid)
			return l;
	return NULL;
}

static void drop(struct extfuse_lookup *l)
{
	hlist_del(&l->node);
	kmem_cache_free(extfuse_lookup_cache, l);
}

static int nodeid_matches(struct inode *inode, void *nodeid)
{
	return xf_inode_nodeid(inode) == *(u64 *)nodeid && !(extfuse_inode_state(inode) & I_NEW);
}

/**
 * extfuse_live_inode - the inode of a nodeid, if the kernel has a live one
 * @sb: the mount's super block
 * @nodeid: daemon's nodeid
 *
 * Context: RCU read lock, which is also what keeps the inode.
 * Return: the inode, neither new nor being freed, or NULL.
 */
struct inode *extfuse_live_inode(struct super_block *sb, u64 nodeid)
{
	return find_inode_rcu(sb, nodeid, nodeid_matches, &nodeid);
}

/**
 * extfuse_lookup_lock - lock a node's count
 * @lookups: the binding's
 * @nodeid: the node
 *
 * Between this and extfuse_lookup_unlock() a live inode stays one as far as
 * FORGET is concerned.
 *
 * Context: any but hard interrupt.
 */
struct extfuse_lookup_bucket *extfuse_lookup_lock(struct extfuse_lookups *lookups, u64 nodeid)
	__acquires(lookups)
{
	struct extfuse_lookup_bucket *bucket = bucket_of(lookups, nodeid);

	spin_lock(&bucket->lock);
	return bucket;
}

/**
 * extfuse_lookup_count - account for a positive LOOKUP about to be answered
 * @bucket: from extfuse_lookup_lock()
 * @nodeid: the node, which the caller found alive since
 *
 * Return: false without memory; the daemon has to answer.
 */
bool extfuse_lookup_count(struct extfuse_lookup_bucket *bucket, u64 nodeid)
{
	struct extfuse_lookup *l = find(bucket, nodeid);

	if (!l) {
		l = kmem_cache_alloc(extfuse_lookup_cache, GFP_ATOMIC | __GFP_NOWARN);
		if (!l)
			return false;
		l->nodeid = nodeid;
		l->count = 0;
		hlist_add_head(&l->node, &bucket->head);
	}
	l->count++;
	return true;
}

/**
 * extfuse_lookup_forget - give counted LOOKUPs back
 * @lookups: the binding's
 * @nodeid: node that the kernel forgets
 * @nlookup: how often
 *
 * Return: how many of @nlookup are ours, which the daemon must not hear of.
 */
u64 extfuse_lookup_forget(struct extfuse_lookups *lookups, u64 nodeid, u64 nlookup)
{
	struct extfuse_lookup_bucket *bucket = bucket_of(lookups, nodeid);
	struct extfuse_lookup *l;
	u64 ours = 0;

	spin_lock(&bucket->lock);
	l = find(bucket, nodeid);
	if (l) {
		ours = min(l->count, nlookup);
		l->count -= ours;
		if (!l->count)
			drop(l);
	}
	spin_unlock(&bucket->lock);
	return ours;
}

/*
 * Takes what we counted for @nodeid out of its inode's own count, after which
 * the kernel's FORGET is right without us. With nothing under way the inode's
 * count is the larger one, as the daemon's is part of it. Under the inode's i_lock,
 * and not being freed, so that an eviction sends its FORGET afterwards.
 */
static bool give_back(struct extfuse_lookups *lookups, struct inode *inode, u64 nodeid)
{
	struct extfuse_lookup_bucket *bucket = bucket_of(lookups, nodeid);
	struct extfuse_lookup *l;
	bool settled = true;

	spin_lock(xf_inode_lock(inode));
	spin_lock(&bucket->lock);
	l = find(bucket, nodeid);
	if (l && l->count < *xf_inode_nlookup(inode)) {
		*xf_inode_nlookup(inode) -= l->count;
		drop(l);
	} else if (l) {
		settled = false;
	}
	spin_unlock(&bucket->lock);
	spin_unlock(xf_inode_lock(inode));
	return settled;
}

/*
 * No reference to the inode is taken: it might turn out to be the last, and putting
 * that waits for a daemon that may be stuck.
 */
static bool settle_node(struct extfuse_lookups *lookups, struct super_block *sb, u64 nodeid)
{
	bool settled = false;
	struct inode *inode;

	rcu_read_lock();
	inode = extfuse_live_inode(sb, nodeid);
	if (inode) {
		spin_lock(&inode->i_lock);
		if (!(extfuse_inode_state(inode) & (I_FREEING | I_WILL_FREE)))
			settled = give_back(lookups, inode, nodeid);
		spin_unlock(&inode->i_lock);
	}
	rcu_read_unlock();
	return settled;
}

/* Any node of the bucket; 0 if it is empty. */
static u64 first_nodeid(struct extfuse_lookup_bucket *bucket)
{
	struct extfuse_lookup *l;
	u64 nodeid = 0;

	spin_lock(&bucket->lock);
	if (!hlist_empty(&bucket->head)) {
		l = hlist_entry(bucket->head.first, struct extfuse_lookup, node);
		nodeid = l->nodeid;
	}
	spin_unlock(&bucket->lock);
	return nodeid;
}

/**
 * extfuse_lookups_settle - make the kernel's counts right without us
 * @lookups: the binding's; nobody answers LOOKUPs any more
 * @sb: the mount's super block, which the caller keeps
 *
 * A LOOKUP answered a moment ago may not have reached its inode yet; then there
 * is one to come back for.
 *
 * Context: may sleep.
 * Return: true if nothing of ours is left.
 */
bool extfuse_lookups_settle(struct extfuse_lookups *lookups, struct super_block *sb)
{
	unsigned int i;
	u64 nodeid;

	for (i = 0; i < 1 << EXTFUSE_LOOKUP_BITS; i++) {
		while ((nodeid = first_nodeid(&lookups->buckets[i]))) {
			if (!settle_node(lookups, sb, nodeid))
				return false;
			cond_resched();
		}
	}
	return true;
}

int extfuse_lookups_init(struct extfuse_lookups *lookups)
{
	unsigned int i;

	lookups->buckets = kvcalloc(1 << EXTFUSE_LOOKUP_BITS, sizeof(*lookups->buckets),
				    GFP_KERNEL);
	if (!lookups->buckets)
		return -ENOMEM;
	get_random_bytes(&lookups->key, sizeof(lookups->key));
	for (i = 0; i < 1 << EXTFUSE_LOOKUP_BITS; i++)
		spin_lock_init(&lookups->buckets[i].lock);
	return 0;
}

/* Nobody uses the table any more. What is left belongs to inodes that died with the mount. */
void extfuse_lookups_free(struct extfuse_lookups *lookups)
{
	struct extfuse_lookup *l;
	struct hlist_node *tmp;
	unsigned int i;

	if (!lookups->buckets)
		return;
	for (i = 0; i < 1 << EXTFUSE_LOOKUP_BITS; i++)
		hlist_for_each_entry_safe(l, tmp, &lookups->buckets[i].head, node)
			drop(l);
	kvfree(lookups->buckets);
}

int extfuse_lookups_module_init(void)
{
	extfuse_lookup_cache = KMEM_CACHE(extfuse_lookup, 0);
	return extfuse_lookup_cache ? 0 : -ENOMEM;
}

void extfuse_lookups_module_exit(void)
{
	kmem_cache_destroy(extfuse_lookup_cache);
}
