// SPDX-License-Identifier: GPL-2.0
/*
 * mdcache: a metadata cache for any daemon.
 *
 * It learns from the daemon's replies - attributes, names present and absent,
 * extended attributes present and absent, link targets, access checks, statfs -
 * and answers the next request of the kind, for as long as the daemon's own
 * validity (or the longer one given at bind) lasts.
 *
 * What keeps it coherent is one rule. Every inode, every name and every
 * connection has a counter (a slot of one array, picked by hash; sharing one
 * costs a miss, never a wrong answer). A request that changes something bumps
 * the counters of all that it changes before it goes to the daemon and again
 * after the reply; in between they are marked active. A request that asks notes
 * the counter on its way out, and what it learns is stored with the noted value.
 * An entry is served only while its counter still has that value. So nothing is
 * ever served that was asked for before, or while, it was changed; no entry has
 * to be deleted, and there is no order of events to get wrong.
 *
 * The daemon's notifications bump counters too, as does FORGET.
 *
 * One thing has a counter of its own: that an inode has no security.capability,
 * which the kernel asks before each write. Writing cannot make one appear.
 *
 * Files in the map "backing" (inode -> backing id, filled by the daemon) are
 * opened in passthrough without asking, and their attributes come from the
 * backing file itself: writes and mappings that the kernel sends straight there
 * pass no request that could bump a counter. Those whose id is 0 have no backing file:
 * opens for reading are answered, for cached I/O and without a handle. Files in the map
 * "lower" are opened as the daemon says; their reads and writes are requests, carried out
 * on the backing file.
 *
 * What was learned is in tables of sets of a few entries: a key's hash tells its set,
 * where it takes the place of what was not used for longest. An array finds a set in
 * five instructions, a hash map in two hundred. Nothing is locked: an entry may be
 * rewritten under a reader's eyes or by two writers at once, so each has a checksum over
 * its content and key, and is not there if that is wrong.
 */
#include <bpf/bpf_endian.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

#define NSEC 1000000000ULL
#define FOREVER (1ULL << 62)	/* 146 years */

/*
 * Counters. The upper 48 bits count, the lower 16 are the number of changes
 * under way; both only ever move so that the sum grows, so that the sum of two
 * counters is unchanged only if both are.
 */
#define SLOTS (1 << 16)
#define BEGIN ((1ULL << 16) + 1)
#define END ((1ULL << 16) - 1)
#define ACTIVE(stamp) ((stamp) & 0xffff)

__u64 slots[SLOTS];

/*
 * Bumped by FORGET: a nodeid may then come to mean another inode, and what was
 * learned of it in its former life is void whatever the counters say.
 */
__u64 lives[SLOTS];

/*
 * Directories in which the daemon has invalidated a name. The policy is told before fs/fuse
 * drops the dentry, for which that waits while the directory is being changed: what is
 * changed may be that very name.
 */
__u8 notified[SLOTS];

/*
 * Connections on which a file was opened for writing in passthrough: what is free there
 * changes without a request.
 */
__u8 filled[SLOTS];

/* The epoch of a connection whose daemon never said that all names are obsolete, or 0. */
#define FIRST_EPOCH 1

/* Names of the request's cookies for a change under way. */
enum { OTHER, MOVED, VICTIM, BEGUN };
/* ... where VICTIM is a name's, or what else than the inode changes ... */
enum { CHANGES_CONN = 1, CHANGES_CAPS = 2 };
/* ... and the flags of an open, or what an ioctl is ... */
enum { OPEN_FLAGS = MOVED, COMMAND = MOVED };
/* ... and for a question. */
enum { STAMP, STAMP_ALL, MASK };

struct attr_key {
	__u64 conn, nodeid;
	__u32 uid, gid;		/* 0 under default_permissions */
};

struct attr_val {
	__u64 stamp;
	__u64 expires;		/* ns, CLOCK_MONOTONIC */
	__u64 vfs_expires;	/* what the daemon allowed the VFS */
	__u64 ttl;		/* the daemon's, ns */
	__u64 life;
	__u64 backing_id;	/* not 0: only attr.ino counts */
	__u64 sum;
	struct fuse_attr attr;
};

struct name_key {
	struct extfuse_name_hash hash;	/* of directory and name */
	__u32 uid, gid;
};

struct name_val {
	__u64 stamp;
	__u64 expires;
	__u64 vfs_expires;
	__u64 nodeid;		/* 0: known to be absent */
	__u64 generation;
	__u64 epoch;
	__u64 attr_ttl;		/* 0: the VFS may not keep attributes, so needs none */
	__u64 sum;
};

enum { XATTR = 1, XATTR_LIST, LINK_TARGET, ACCESS, STATFS, STATX, PAGES };

struct data_key {
	union {
		struct extfuse_name_hash name;	/* xattrs */
		struct {
			__u64 conn, nodeid;	/* all else */
		};
	};
	__u32 uid, gid;
	__u32 kind, mask;
};

/*
 * That an inode has no security.capability, one for each place: it fits the inode, and
 * the user, whose checksum it has.
 */
struct no_caps {
	__u64 stamp, expires;
	__s64 error;
	__u64 sum;
};

#define NO_CAPS (1 << 14)

struct no_caps no_caps[NO_CAPS];

#define DATA_MAX 208

/*
 * A daemon that acts as its caller tells root alone of trusted.* attributes, though the
 * kernel does all other checks: what it told a user may lack them.
 */
enum { NOT_ROOT = 1, NOT_USERS };

struct data_val {
	__u64 stamp;
	__u64 expires;
	__s32 len;		/* or -errno */
	__u32 not_for;		/* NOT_ROOT or NOT_USERS */
	__u64 sum;
	__u8 data[DATA_MAX];
};

/*
 * Sets of six, so that hardly any is full when as many entries as four times the sets
 * are there: 131,072 names, as many inodes, 32,768 data.
 */
#define WAYS 6
#define SETS (1 << 15)
#define DATA_SETS (1 << 13)

struct set {
	__u32 tag[WAYS];	/* of the key's hash; 0: none */
	__u8 used[WAYS];	/* since the hand went by */
	__u8 hand, pad;
};

struct attr_way {
	struct attr_key key;
	struct attr_val val;
};

struct name_way {
	struct name_key key;
	struct name_val val;
};

struct data_way {
	struct data_key key;
	struct data_val val;
};

struct attr_set {
	struct set set;
	struct attr_way way[WAYS];
};

struct name_set {
	struct set set;
	struct name_way way[WAYS];
};

struct data_set {
	struct set set;
	struct data_way way[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SETS);
	__type(key, __u32);
	__type(value, struct attr_set);
} attrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SETS);
	__type(key, __u32);
	__type(value, struct name_set);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DATA_SETS);
	__type(key, __u32);
	__type(value, struct data_set);
} data SEC(".maps");

/* Filled by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct extfuse_node_key);
	__type(value, __u32);
} backing SEC(".maps");

/*
 * Filled by the daemon too: inodes that it opens as it likes, without passthrough, and
 * whose READ and WRITE are carried out on the backing file.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct extfuse_node_key);
	__type(value, __u32);
} lower SEC(".maps");

/* Inodes that the daemon opened in passthrough on its own: attributes are not cached. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct extfuse_node_key);
	__type(value, __u8);
} bypassed SEC(".maps");

/*
 * Handles that the daemon gave and that are open: whether for writing. Closing one that is
 * not changes nothing. A daemon may give several of a file the same handle, which then says
 * nothing; when one is seen to, there is an entry that is all zero but the connection, and
 * the others do not count.
 */
struct handle_key {
	__u64 conn, nodeid, fh;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct handle_key);
	__type(value, __u32);
} handles SEC(".maps");

/* What daemons answered with ENOSYS, of which the kernel makes ENOTTY. */
struct ioctl_key {
	__u64 conn, cmd;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ioctl_key);
	__type(value, __u8);
} no_ioctl SEC(".maps");

/* Counters */

/* Not to be known by daemons, which choose nodeids. */
__u64 seed;

/*
 * The seed multiplies: what is only added is the same on both sides of a collision. Halves
 * are folded between the two products: as one product they send nodeids that follow each
 * other, with one seed in fifty, to few sets.
 */
static __always_inline __u64 mix(__u64 a, __u64 b)
{
	__u64 h = a ^ (b * (seed | 1));

	return (h ^ h >> 32) * 0xff51afd7ed558ccdULL;
}

static __always_inline __u64 *node_slot(__u64 conn, __u64 nodeid)
{
	return &slots[(mix(conn, nodeid) >> 48) & (SLOTS - 1)];
}

static __always_inline __u64 *node_life(__u64 conn, __u64 nodeid)
{
	return &lives[(mix(conn, nodeid) >> 48) & (SLOTS - 1)];
}

static __always_inline __u8 *notified_in(__u64 conn, __u64 dir)
{
	return &notified[(mix(conn, dir) >> 48) & (SLOTS - 1)];
}

static __always_inline __u8 *filled_on(__u64 conn)
{
	return &filled[(mix(conn, 0) >> 48) & (SLOTS - 1)];
}

static __always_inline struct no_caps *no_caps_of(__u64 conn, __u64 nodeid)
{
	return &no_caps[(mix(conn, nodeid) >> 50) & (NO_CAPS - 1)];
}

/* Everything of the connection: bumped when it is unknown which inode changes. */
static __always_inline __u64 *conn_slot(__u64 conn)
{
	return node_slot(conn, 0);
}

/* Bumped by every change and invalidation, before the slots that it is about. */
static __always_inline __u64 *any_slot(__u64 conn)
{
	return node_slot(conn, ~0ULL);
}

/* The same for all users: what one changes, the others see. */
static __always_inline __u64 *name_slot(const struct name_key *key)
{
	return &slots[key->hash.h[0] & (SLOTS - 1)];
}

/* What may give an inode a security.capability: not a write, nor anything about names. */
static __always_inline __u64 *caps_slot(__u64 conn, __u64 nodeid)
{
	return node_slot(conn, nodeid ^ 0x5bd1e9955bd1e995ULL);
}

static __always_inline __u64 caps_stamp(__u64 conn, __u64 nodeid)
{
	return READ_ONCE(*caps_slot(conn, nodeid)) + READ_ONCE(*conn_slot(conn));
}

static __always_inline __u64 node_stamp(__u64 conn, __u64 nodeid)
{
	return READ_ONCE(*node_slot(conn, nodeid)) + READ_ONCE(*conn_slot(conn));
}

/* Of names in directory @parent, which may have had other names in a former life. */
static __always_inline __u64 parent_stamp(const struct extfuse_req *req, __u64 parent)
{
	return READ_ONCE(*conn_slot(req->conn)) + READ_ONCE(*node_life(req->conn, parent));
}

static __always_inline __u64 name_stamp(const struct extfuse_req *req, const struct name_key *key,
					__u64 parent)
{
	return READ_ONCE(*name_slot(key)) + parent_stamp(req, parent);
}

/* What an entry's stamp has on top, for the inode that the name means. */
static __always_inline __u64 child_stamp(const struct extfuse_req *req, __u64 nodeid)
{
	return nodeid ? READ_ONCE(*node_life(req->conn, nodeid)) : 0;
}

static __always_inline void bump(__u64 *slot, __u64 by)
{
	__sync_fetch_and_add(slot, by);
}

/* Keys */

static __always_inline void node_key(struct attr_key *key, const struct extfuse_req *req,
				     __u64 nodeid)
{
	bool shared = req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS;

	key->conn = req->conn;
	key->nodeid = nodeid;
	key->uid = shared ? 0 : req->uid;
	key->gid = shared ? 0 : req->gid;
}

static __always_inline int name_key(struct name_key *key, struct extfuse_req *req, __u64 parent,
				    __u32 which)
{
	bool shared = req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS;

	key->uid = shared ? 0 : req->uid;
	key->gid = shared ? 0 : req->gid;
	return extfuse_req_name_hash(req, which, parent, &key->hash);
}

static __always_inline void data_key(struct data_key *key, const struct extfuse_req *req, int kind)
{
	bool shared = req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS;

	key->conn = req->conn;
	key->nodeid = req->nodeid;
	key->uid = shared ? 0 : req->uid;
	key->gid = shared ? 0 : req->gid;
	key->kind = kind;
	key->mask = 0;
}

static __always_inline bool uncached(const struct extfuse_req *req)
{
	return req->nodeid & EXTFUSE_NODEID_UNCACHED;
}

/* Checksums */

static __always_inline __u64 sum_add(__u64 sum, __u64 word)
{
	return (sum ^ word) * 0x9ddfea08eb382d69ULL;
}

static __always_inline __u64 sum_begin(__u64 a, __u64 b)
{
	return sum_add(sum_add(seed, a), b);
}

static __always_inline __u64 attr_head_sum(const struct attr_val *val, const struct attr_key *key)
{
	__u64 sum = sum_begin(key->conn, key->nodeid);

	sum = sum_add(sum, (__u64)key->uid << 32 | key->gid);
	sum = sum_add(sum, val->stamp);
	sum = sum_add(sum, val->expires);
	sum = sum_add(sum, val->vfs_expires);
	sum = sum_add(sum, val->ttl);
	sum = sum_add(sum, val->life);
	return sum_add(sum, val->backing_id);
}

static __always_inline __u64 name_sum(const struct name_val *val, const struct name_key *key)
{
	__u64 sum = sum_begin(key->hash.h[0], key->hash.h[1]);

	sum = sum_add(sum, (__u64)key->uid << 32 | key->gid);
	sum = sum_add(sum, val->stamp);
	sum = sum_add(sum, val->expires);
	sum = sum_add(sum, val->vfs_expires);
	sum = sum_add(sum, val->nodeid);
	sum = sum_add(sum, val->generation);
	sum = sum_add(sum, val->attr_ttl);
	return sum_add(sum, val->epoch);
}

static __always_inline __u64 data_head_sum(const struct data_val *val, const struct data_key *key)
{
	__u64 sum = sum_begin(key->nodeid, key->conn);

	sum = sum_add(sum, (__u64)key->uid << 32 | key->gid);
	sum = sum_add(sum, (__u64)key->kind << 32 | key->mask);
	sum = sum_add(sum, val->stamp);
	sum = sum_add(sum, val->expires);
	return sum_add(sum, (__u64)val->not_for << 32 | (__u32)val->len);
}

static __always_inline __u64 data_sum(const struct data_val *val, const struct data_key *key)
{
	const __u64 *word = (const __u64 *)val->data;
	__u64 sum = data_head_sum(val, key);
	int i;

#pragma unroll
	for (i = 0; i < DATA_MAX / 8; i++)
		sum = sum_add(sum, word[i]);
	return sum;
}

/* Tables */

static __always_inline bool same_words(const void *a, const void *b, int words)
{
	const __u64 *x = a, *y = b;
	__u64 differ = 0;
	int i;

#pragma unroll
	for (i = 0; i < words; i++)
		differ |= READ_ONCE(x[i]) ^ y[i];
	return !differ;
}

/* The place of the one that is @tag, or of none. */
static __always_inline int tagged(const struct set *set, __u32 tag)
{
	int i;

#pragma unroll
	for (i = 0; i < WAYS; i++)
		if (READ_ONCE(set->tag[i]) == tag)
			return i;
	return -1;
}

/*
 * A place for one that is @tag: its own, else a free one, else that to which the hand
 * points next of those that were not used since it went by.
 */
static __noinline int claim(struct set *set, __u32 tag)
{
	int way = tagged(set, tag), i;

	if (way < 0)
		way = tagged(set, 0);
	if (way < 0) {
		way = set->hand;
#pragma unroll
		for (i = 0; i < WAYS; i++) {
			if (way >= WAYS)
				way = 0;
			if (!set->used[way])
				break;
			set->used[way++] = 0;
		}
		if (way >= WAYS)
			way = 0;
		set->hand = way + 1;
	}
	set->used[way] = 1;
	set->tag[way] = tag;
	return way;
}

/*
 * For each table: find_NAME(), the value of @key or NULL, and keep_NAME(). @hash: of the
 * key; the upper half says which set, the lower which in the set. A set may have
 * a key twice, when two put it there at once: the first one counts.
 */
#define DEFINE_TABLE(name, map, sets)							\
static __always_inline struct name##_val *find_##name(const struct name##_key *key,	\
						      __u64 hash)			\
{											\
	__u32 index = (hash >> 32) & ((sets) - 1);					\
	struct name##_set *set = bpf_map_lookup_elem(&(map), &index);			\
	int way;									\
											\
	if (!set)									\
		return NULL;								\
	way = tagged(&set->set, (__u32)hash | 1);					\
	if (way < 0 || !same_words(&set->way[way].key, key, sizeof(*key) / 8))		\
		return NULL;								\
	if (!set->set.used[way])							\
		set->set.used[way] = 1;							\
	return &set->way[way].val;							\
}											\
											\
static __always_inline void keep_##name(const struct name##_key *key, __u64 hash,	\
					const struct name##_val *val)			\
{											\
	__u32 index = (hash >> 32) & ((sets) - 1);					\
	struct name##_set *set = bpf_map_lookup_elem(&(map), &index);			\
	int way;									\
											\
	if (!set)									\
		return;									\
	way = claim(&set->set, (__u32)hash | 1);					\
	if (way < 0 || way >= WAYS)							\
		return;									\
	set->way[way].key = *key;							\
	set->way[way].val = *val;							\
}

DEFINE_TABLE(attr, attrs, SETS)
DEFINE_TABLE(name, names, SETS)
DEFINE_TABLE(data, data, DATA_SETS)

static __always_inline __u64 node_hash(const struct attr_key *key)
{
	return mix(key->conn ^ mix(key->uid, key->gid), key->nodeid);
}

static __always_inline __u64 name_hash(const struct name_key *key)
{
	/* the slot is the lowest bits: as good as any, but not for the tag too */
	return (key->hash.h[0] & ~0xffffffffULL) ^ key->hash.h[1] ^ mix(key->uid, key->gid);
}

static __always_inline __u64 data_hash(const struct data_key *key)
{
	return mix(key->conn ^ mix(key->uid, key->gid) ^ (__u64)key->mask << 32, key->nodeid) +
	       mix(key->kind, 1);
}

/* Validity */

static __always_inline __u64 to_ns(__u64 sec, __u32 nsec)
{
	return sec > FOREVER / NSEC ? FOREVER : sec * NSEC + nsec;
}

static __always_inline __u64 later(__u64 now, __u64 ttl)
{
	return ttl >= FOREVER ? FOREVER : now + ttl;
}

/* 0: the VFS may keep nothing, which needs no look at the clock. */
static __always_inline __u64 vfs_until(__u64 now, __u64 ttl)
{
	return ttl ? later(now, ttl) : 0;
}

/*
 * How long the VFS may keep what was good until @expires in the policy and until
 * @vfs_expires in the VFS: ns, or -1 if it is good no more.
 */
static __always_inline __s64 vfs_validity(__u64 expires, __u64 vfs_expires)
{
	__u64 now;

	if (expires == FOREVER && !vfs_expires)
		return 0;
	now = bpf_ktime_get_ns();
	if (now >= expires)
		return -1;
	return vfs_expires > now ? vfs_expires - now : 0;
}

/* Attributes */

/* FIFO, CHR, DIR, BLK, REG, LNK, SOCK */
#define FILE_TYPES (1 << 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12)

/* What the module takes from a policy: fs/fuse may make something of more, or an error. */
static __always_inline bool is_good(__u32 mode, __u64 size, __u32 atimensec, __u32 mtimensec,
				    __u32 ctimensec)
{
	return (FILE_TYPES >> (mode >> 12 & 15) & 1) && (__s64)size >= 0 && atimensec < NSEC &&
	       mtimensec < NSEC && ctimensec < NSEC;
}

static __always_inline __u64 attr_sum(__u64 head_sum, const struct fuse_attr *attr)
{
	const __u64 *word = (const __u64 *)attr;
	__u64 sum = head_sum;
	int i;

#pragma unroll
	for (i = 0; i < (int)(sizeof(*attr) / 8); i++)
		sum = sum_add(sum, word[i]);
	return sum;
}

/* An entry whose attributes are those of a backing file. */
struct backed {
	struct attr_val *val;
	__u64 head_sum;
	__u32 id;
};

/*
 * Copies the cached attributes to @attr. Returns ns that the VFS may keep them,
 * or -1 if there are none to serve. Those of a backing file come from there;
 * @backed says so (only @attr->ino is good), where the caller can sleep to ask; the
 * others do not get them. @ttl receives what the daemon last allowed, also if the
 * attributes are not true any more.
 */
static __always_inline __s64 serve_attr(const struct attr_key *key, struct fuse_attr *attr,
					struct backed *backed, __u64 *ttl)
{
	struct attr_val *val = find_attr(key, node_hash(key));
	__u64 *to = (__u64 *)attr, sum, head_sum;
	struct attr_val head;
	const __u64 *from;
	int i;

	if (!val)
		return -1;
	head.stamp = READ_ONCE(val->stamp);
	head.expires = READ_ONCE(val->expires);
	head.vfs_expires = READ_ONCE(val->vfs_expires);
	head.ttl = READ_ONCE(val->ttl);
	head.life = READ_ONCE(val->life);
	head.backing_id = READ_ONCE(val->backing_id);
	head_sum = attr_head_sum(&head, key);
	sum = head_sum;
	from = (const __u64 *)&val->attr;
#pragma unroll
	for (i = 0; i < (int)(sizeof(*attr) / 8); i++) {
		__u64 word = READ_ONCE(from[i]);

		sum = sum_add(sum, word);
		to[i] = word;
	}
	if (sum != READ_ONCE(val->sum) ||
	    head.life != READ_ONCE(*node_life(key->conn, key->nodeid)))
		return -1;
	if (ttl)
		*ttl = head.ttl;
	if (head.backing_id) {
		if (!backed)
			return -1;
		*backed = (struct backed){ val, head_sum, head.backing_id };
		return head.ttl;
	}
	if (head.stamp != node_stamp(key->conn, key->nodeid))
		return -1;
	return vfs_validity(head.expires, head.vfs_expires);
}

/* Whatever else changes moves the time of change too. */
static __always_inline bool same_attr(const struct fuse_attr *a, const struct fuse_attr *b)
{
	return a->ctimensec == b->ctimensec && a->ctime == b->ctime && a->size == b->size &&
	       a->blocks == b->blocks && a->atimensec == b->atimensec;
}

/*
 * If the backing file is not as it was remembered: remember how it is now, which is
 * cheaper to confirm than to ask for. The entry may be somebody else's by now; then,
 * or if others do the same, its checksum is wrong and nobody takes it.
 */
static __always_inline void refresh_attr(const struct backed *backed, const struct fuse_attr *attr)
{
	struct fuse_attr now;

	if (same_attr(&backed->val->attr, attr))
		return;
	bpf_probe_read_kernel(&now, sizeof(now), attr);
	backed->val->attr = now;
	backed->val->sum = attr_sum(backed->head_sum, &now);
}

static __always_inline __u32 backing_id_of(const struct extfuse_req *req, __u64 nodeid)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = nodeid };
	__u32 *id = bpf_map_lookup_elem(&backing, &key);

	return id ? *id : 0;
}

static __always_inline bool is_bypassed(const struct extfuse_req *req, __u64 nodeid)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = nodeid };

	return bpf_map_lookup_elem(&bypassed, &key);
}

static __always_inline void store_attr(const struct extfuse_req *req, __u64 nodeid,
				       const struct fuse_attr *attr, __u64 ttl, __u64 stamp)
{
	struct attr_val val = {};
	struct attr_key key;
	__u64 now;

	if (ACTIVE(stamp) || (!ttl && !req->ttl) || (nodeid & EXTFUSE_NODEID_UNCACHED) ||
	    is_bypassed(req, nodeid) ||
	    !is_good(attr->mode, attr->size, attr->atimensec, attr->mtimensec, attr->ctimensec))
		return;
	now = bpf_ktime_get_ns();
	val.stamp = stamp;
	val.expires = later(now, ttl > req->ttl ? ttl : req->ttl);
	val.vfs_expires = vfs_until(now, ttl);
	val.ttl = ttl;
	/* the reply at hand keeps the daemon from forgetting the node before its FORGET */
	val.life = READ_ONCE(*node_life(req->conn, nodeid));
	val.backing_id = backing_id_of(req, nodeid);
	bpf_probe_read_kernel(&val.attr, sizeof(val.attr), attr);
	node_key(&key, req, nodeid);
	val.sum = attr_sum(attr_head_sum(&val, &key), &val.attr);
	keep_attr(&key, node_hash(&key), &val);
}

SEC("struct_ops.s/getattr")
int BPF_PROG(mdcache_getattr, struct extfuse_req *req, const struct fuse_getattr_in *in,
	     struct fuse_attr_out *out)
{
	struct backed backed = {};
	struct attr_key key;
	__s64 valid;

	if (uncached(req))
		return EXTFUSE_PASS;
	/* also for when the module does not take the answer */
	req->cookie[STAMP] = node_stamp(req->conn, req->nodeid);
	node_key(&key, req, req->nodeid);
	valid = serve_attr(&key, &out->attr, &backed, NULL);
	if (backed.id) {
		if (backed.id != backing_id_of(req, req->nodeid) ||
		    extfuse_backing_getattr(req, backed.id, &out->attr))
			valid = -1;
		else
			refresh_attr(&backed, &out->attr);
	}
	if (valid < 0)
		return EXTFUSE_PASS;
	if (valid) {
		out->attr_valid = valid / NSEC;
		out->attr_valid_nsec = valid % NSEC;
	}
	return 0;
}

/* Names */

/* @stamp: name_stamp(), now. */
static __always_inline bool load_name(const struct extfuse_req *req, const struct name_key *key,
				      __u64 stamp, struct name_val *to)
{
	const struct name_val *val = find_name(key, name_hash(key));

	if (!val)
		return false;
	to->stamp = READ_ONCE(val->stamp);
	to->expires = READ_ONCE(val->expires);
	to->vfs_expires = READ_ONCE(val->vfs_expires);
	to->nodeid = READ_ONCE(val->nodeid);
	to->generation = READ_ONCE(val->generation);
	to->epoch = READ_ONCE(val->epoch);
	to->attr_ttl = READ_ONCE(val->attr_ttl);
	return name_sum(to, key) == READ_ONCE(val->sum) &&
	       to->stamp == stamp + child_stamp(req, to->nodeid);
}

static __always_inline void store_name(const struct extfuse_req *req, const struct name_key *key,
				       const struct fuse_entry_out *entry, bool absent,
				       __u64 stamp)
{
	__u64 ttl = to_ns(entry->entry_valid, entry->entry_valid_nsec);
	__u64 now = bpf_ktime_get_ns();
	struct name_val val = {
		.stamp = stamp,
		.expires = later(now, ttl > req->ttl ? ttl : req->ttl),
		.vfs_expires = vfs_until(now, ttl),
		.nodeid = absent ? 0 : entry->nodeid,
		.generation = entry->generation,
		.epoch = req->epoch,
		.attr_ttl = to_ns(entry->attr_valid, entry->attr_valid_nsec),
	};

	if (ACTIVE(stamp) || (val.nodeid & EXTFUSE_NODEID_UNCACHED))
		return;
	val.stamp += child_stamp(req, val.nodeid);
	val.sum = name_sum(&val, key);
	keep_name(key, name_hash(key), &val);
}

SEC("struct_ops/lookup")
int BPF_PROG(mdcache_lookup, struct extfuse_req *req, struct fuse_entry_out *out)
{
	struct attr_key node;
	struct name_key key;
	struct name_val val;
	__s64 valid, left;
	__u64 stamp;

	if (uncached(req) || name_key(&key, req, req->nodeid, 0))
		return EXTFUSE_PASS;
	req->cookie[STAMP_ALL] = READ_ONCE(*any_slot(req->conn));
	stamp = name_stamp(req, &key, req->nodeid);
	req->cookie[STAMP] = stamp;
	if (!load_name(req, &key, stamp, &val) || val.epoch != req->epoch)
		return EXTFUSE_PASS;
	left = vfs_validity(val.expires, val.vfs_expires);
	if (left < 0)
		return EXTFUSE_PASS;
	if (val.nodeid && val.attr_ttl) {
		node_key(&node, req, val.nodeid);
		valid = serve_attr(&node, &out->attr, NULL, NULL);
		if (valid < 0)
			return EXTFUSE_PASS;
		if (valid) {
			out->attr_valid = valid / NSEC;
			out->attr_valid_nsec = valid % NSEC;
		}
	}
	out->generation = val.generation;
	if (left) {
		out->entry_valid = left / NSEC;
		out->entry_valid_nsec = left % NSEC;
	}
	out->nodeid = val.nodeid;
	return 0;
}

SEC("struct_ops/forget")
int BPF_PROG(mdcache_forget, struct extfuse_req *req, __u64 nlookup)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };

	bump(node_life(req->conn, req->nodeid), BEGIN - 1);
	bump(node_slot(req->conn, req->nodeid), BEGIN - 1);
	bump(caps_slot(req->conn, req->nodeid), BEGIN - 1);
	bpf_map_delete_elem(&bypassed, &key);
	return EXTFUSE_PASS;
}

/* Changes: begin() before the request, end() after its reply, with the same arguments. */

static __always_inline void begin_node(const struct extfuse_req *req, __u64 nodeid)
{
	bump(node_slot(req->conn, nodeid), BEGIN);
}

static __always_inline void end_node(const struct extfuse_req *req, __u64 nodeid)
{
	bump(node_slot(req->conn, nodeid), END);
}

static __always_inline void begin_any(struct extfuse_req *req)
{
	bump(any_slot(req->conn), BEGIN);
	req->cookie[BEGUN] = 1;
}

static __always_inline void end_any(struct extfuse_req *req)
{
	bump(any_slot(req->conn), END);
}

static __always_inline int change_node(struct extfuse_req *req)
{
	begin_any(req);
	begin_node(req, req->nodeid);
	return EXTFUSE_PASS;
}

/*
 * The inode that a name means: as the kernel has it or, where that may be out of date, as
 * LOOKUP told after the last notification. Not known: 0, whose slot is that of everything
 * on the connection. Known to be absent: ~0, whose slot is bumped anyway.
 *
 * @before: the name's slot before the change.
 */
static __always_inline __u64 child_of(struct extfuse_req *req, const struct name_key *key,
				      __u64 dir, __u32 which, __u64 before)
{
	struct name_val val;
	__u64 nodeid = 0;

	if (READ_ONCE(*notified_in(req->conn, dir)) || req->epoch > FIRST_EPOCH) {
		if (!load_name(req, key, before + parent_stamp(req, dir), &val) ||
		    val.epoch != req->epoch)
			return 0;
		nodeid = val.nodeid;
	} else if (extfuse_req_child(req, which, &nodeid)) {
		return 0;
	}
	return nodeid ?: ~0ULL;
}

/* A name in directory nodeid appears. */
static __always_inline int begin_name(struct extfuse_req *req)
{
	struct name_key key;

	if (name_key(&key, req, req->nodeid, 0))
		return EXTFUSE_PASS;
	begin_any(req);
	begin_node(req, req->nodeid);
	bump(name_slot(&key), BEGIN);
	req->cookie[BEGUN] = name_stamp(req, &key, req->nodeid);
	return EXTFUSE_PASS;
}

/*
 * A name goes and takes a link of its inode along. A notification of the name from now on
 * moves its slot, which end_going() sees; one of before has been noted already.
 */
static __always_inline __u64 begin_going(struct extfuse_req *req, const struct name_key *key,
					 __u64 dir, __u32 which)
{
	__u64 before = __sync_fetch_and_add(name_slot(key), BEGIN);
	__u64 child = child_of(req, key, dir, which, before);

	begin_node(req, child);
	/* a daemon that goes by name may not find a file that is open any more */
	bump(caps_slot(req->conn, child), BEGIN);
	req->cookie[BEGUN] += before + BEGIN;
	return child;
}

static __always_inline int begin_removal(struct extfuse_req *req)
{
	struct name_key key;

	if (name_key(&key, req, req->nodeid, 0))
		return EXTFUSE_PASS;
	begin_any(req);
	begin_node(req, req->nodeid);
	req->cookie[MOVED] = begin_going(req, &key, req->nodeid, 0);
	return EXTFUSE_PASS;
}

/*
 * Where the daemon checks permissions, names learned in a directory are answers
 * about its mode too: everything of the connection goes with it.
 */
static __always_inline int change_permissions(struct extfuse_req *req)
{
	if (!(req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS)) {
		begin_node(req, 0);
		req->cookie[VICTIM] |= CHANGES_CONN;
	}
	return change_node(req);
}

static __always_inline void change_caps(struct extfuse_req *req)
{
	bump(caps_slot(req->conn, req->nodeid), BEGIN);
	req->cookie[VICTIM] |= CHANGES_CAPS;
}

static __always_inline void end_permissions(struct extfuse_req *req)
{
	if (req->cookie[VICTIM] & CHANGES_CONN)
		end_node(req, 0);
	if (req->cookie[VICTIM] & CHANGES_CAPS)
		bump(caps_slot(req->conn, req->nodeid), END);
}

SEC("struct_ops/setattr")
int BPF_PROG(mdcache_setattr, struct extfuse_req *req, const struct fuse_setattr_in *in)
{
	if (!(in->valid & (FATTR_MODE | FATTR_UID | FATTR_GID)))
		return change_node(req);
	change_caps(req);
	return change_permissions(req);
}

static __always_inline __u32 lower_id_of(const struct extfuse_req *req)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };
	__u32 *id = bpf_map_lookup_elem(&lower, &key);

	return id ? *id : 0;
}

/* Begun and ended like any change, whoever carries it out. */
SEC("struct_ops/write")
int BPF_PROG(mdcache_write, struct extfuse_req *req)
{
	__u32 id = lower_id_of(req);

	change_node(req);
	return id && !extfuse_backing_write(req, id) ? 0 : EXTFUSE_PASS;
}

SEC("struct_ops/fallocate")
int BPF_PROG(mdcache_fallocate, struct extfuse_req *req)
{
	return change_node(req);
}

/* A daemon that has no ioctl() is asked once what a file is not, as isatty() does. */
SEC("struct_ops/ioctl")
int BPF_PROG(mdcache_ioctl, struct extfuse_req *req, const struct fuse_ioctl_in *in)
{
	struct ioctl_key key = { .conn = req->conn, .cmd = in->cmd };

	if (bpf_map_lookup_elem(&no_ioctl, &key))
		return -ENOTTY;
	req->cookie[COMMAND] = in->cmd;
	change_caps(req);
	return change_node(req);
}

/* Daemons that buffer writes change times and sizes when they write back. */
SEC("struct_ops/fsync")
int BPF_PROG(mdcache_fsync, struct extfuse_req *req)
{
	return change_node(req);
}

SEC("struct_ops/fsyncdir")
int BPF_PROG(mdcache_fsyncdir, struct extfuse_req *req)
{
	return change_node(req);
}

SEC("struct_ops/syncfs")
int BPF_PROG(mdcache_syncfs, struct extfuse_req *req)
{
	begin_node(req, 0);
	req->cookie[VICTIM] |= CHANGES_CONN;
	return change_node(req);
}

/* Handles */

/* What there is no room for may have a handle in common with what there will be. */
static __always_inline void handle_opened(const struct extfuse_req *req, __u64 nodeid, __u64 fh,
					  __u32 writes)
{
	struct handle_key key = { .conn = req->conn, .nodeid = nodeid, .fh = fh };

	/* only_read() does not ask for these */
	if (!fh || fh == EXTFUSE_FH_NONE)
		return;
	if (!bpf_map_update_elem(&handles, &key, &writes, BPF_NOEXIST))
		return;
	key.nodeid = 0;
	key.fh = 0;
	bpf_map_update_elem(&handles, &key, &writes, BPF_ANY);
}

static __always_inline void handle_closed(const struct extfuse_req *req, __u64 fh)
{
	struct handle_key key = { .conn = req->conn, .nodeid = req->nodeid, .fh = fh };

	if (fh != EXTFUSE_FH_NONE)
		bpf_map_delete_elem(&handles, &key);
}

/* 0 is what daemons give that have none. Of one from before the bind nothing is known. */
static __always_inline bool only_read(const struct extfuse_req *req, __u64 fh)
{
	struct handle_key key = { .conn = req->conn, .nodeid = req->nodeid, .fh = fh };
	__u32 *writes;

	if (!fh || fh == EXTFUSE_FH_NONE)
		return false;
	writes = bpf_map_lookup_elem(&handles, &key);
	if (!writes || *writes)
		return false;
	key.nodeid = 0;
	key.fh = 0;
	return !bpf_map_lookup_elem(&handles, &key);
}

/*
 * Daemons that buffer writes change times and sizes when they are flushed. Also how the
 * daemon hears that POSIX locks are gone.
 */
SEC("struct_ops/flush")
int BPF_PROG(mdcache_flush, struct extfuse_req *req, const struct fuse_flush_in *in)
{
	return only_read(req, in->fh) ? EXTFUSE_PASS : change_node(req);
}

/* The xattr may be an access control list. */
SEC("struct_ops/setxattr")
int BPF_PROG(mdcache_setxattr, struct extfuse_req *req)
{
	change_caps(req);
	return change_permissions(req);
}

SEC("struct_ops/removexattr")
int BPF_PROG(mdcache_removexattr, struct extfuse_req *req)
{
	change_caps(req);
	return change_permissions(req);
}

/*
 * Reading moves the access time. Where the validity was extended at bind, the
 * access time may be as old as that.
 */
SEC("struct_ops/read")
int BPF_PROG(mdcache_read, struct extfuse_req *req)
{
	__u32 id = lower_id_of(req);

	if (!req->ttl)
		change_node(req);
	return id && !extfuse_backing_read(req, id) ? 0 : EXTFUSE_PASS;
}

SEC("struct_ops/readdir")
int BPF_PROG(mdcache_readdir, struct extfuse_req *req)
{
	return req->ttl ? EXTFUSE_PASS : change_node(req);
}

SEC("struct_ops/copy_file_range")
int BPF_PROG(mdcache_copy_file_range, struct extfuse_req *req,
	     const struct fuse_copy_file_range_in *in)
{
	change_node(req);
	req->cookie[OTHER] = in->nodeid_out;
	begin_node(req, in->nodeid_out);
	return EXTFUSE_PASS;
}

SEC("struct_ops/symlink")
int BPF_PROG(mdcache_symlink, struct extfuse_req *req)
{
	return begin_name(req);
}

SEC("struct_ops/mknod")
int BPF_PROG(mdcache_mknod, struct extfuse_req *req)
{
	return begin_name(req);
}

SEC("struct_ops/mkdir")
int BPF_PROG(mdcache_mkdir, struct extfuse_req *req)
{
	return begin_name(req);
}

SEC("struct_ops/create")
int BPF_PROG(mdcache_create, struct extfuse_req *req)
{
	return begin_name(req);
}

SEC("struct_ops/tmpfile")
int BPF_PROG(mdcache_tmpfile, struct extfuse_req *req)
{
	return change_node(req);
}

SEC("struct_ops/link")
int BPF_PROG(mdcache_link, struct extfuse_req *req, const struct fuse_link_in *in)
{
	begin_name(req);
	req->cookie[OTHER] = in->oldnodeid;
	begin_node(req, in->oldnodeid);
	return EXTFUSE_PASS;
}

SEC("struct_ops.s/unlink")
int BPF_PROG(mdcache_unlink, struct extfuse_req *req)
{
	return begin_removal(req);
}

SEC("struct_ops.s/rmdir")
int BPF_PROG(mdcache_rmdir, struct extfuse_req *req)
{
	return begin_removal(req);
}

SEC("struct_ops.s/rename")
int BPF_PROG(mdcache_rename, struct extfuse_req *req, const struct fuse_rename2_in *in)
{
	struct name_key key;

	begin_removal(req);
	if (name_key(&key, req, in->newdir, 1))
		return EXTFUSE_PASS;
	req->cookie[OTHER] = in->newdir;
	begin_node(req, in->newdir);
	req->cookie[VICTIM] = begin_going(req, &key, in->newdir, 1);
	return EXTFUSE_PASS;
}

/* Over already, or as good as. */
static __always_inline void change_at_once(__u64 conn, __u64 nodeid)
{
	bump(node_slot(conn, nodeid), BEGIN - 1);
	bump(caps_slot(conn, nodeid), BEGIN - 1);
}

/* Undoes begin_name(). */
static __always_inline void end_name(struct extfuse_req *req, const struct name_key *key)
{
	bump(name_slot(key), END);
	end_node(req, req->nodeid);
	end_any(req);
}

/* Undoes begin_going(). Returns what the name's slot was. */
static __always_inline __u64 end_going(struct extfuse_req *req, const struct name_key *key,
				       __u64 child)
{
	end_node(req, child);
	bump(caps_slot(req->conn, child), END);
	return __sync_fetch_and_add(name_slot(key), END);
}

/* Undoes begin_removal(). @was: from end_going() of another name, or 0. */
static __always_inline void end_removal(struct extfuse_req *req, __u64 was)
{
	struct name_key key;

	if (name_key(&key, req, req->nodeid, 0))
		return;
	was += end_going(req, &key, req->cookie[MOVED]);
	/* somebody else was at a name: it may have meant another inode */
	if (req->cookie[BEGUN] != 1 + was)
		bump(conn_slot(req->conn), BEGIN - 1);
	end_node(req, req->nodeid);
	end_any(req);
}

static __always_inline void end_rename(struct extfuse_req *req)
{
	struct name_key key;
	__u64 was;

	if (name_key(&key, req, req->cookie[OTHER], 1))
		return;
	was = end_going(req, &key, req->cookie[VICTIM]);
	end_node(req, req->cookie[OTHER]);
	end_removal(req, was);
}

/*
 * What a changed name means now may be kept if nobody else was at it: then its
 * stamp is what it was after our own first bump, plus our second ones. Returns
 * 0 if it is not.
 */
static __always_inline __u64 settled_stamp(const struct extfuse_req *req,
					   const struct name_key *key)
{
	__u64 stamp = req->cookie[BEGUN] + END;

	return !ACTIVE(stamp) && name_stamp(req, key, req->nodeid) == stamp ? stamp : 0;
}

/* Replies */

/*
 * On ESTALE the VFS looks names up once more and means the daemon's answer, not
 * ours.
 */
static __always_inline void check_handle(const struct extfuse_req *req, int error)
{
	if (error != -ESTALE)
		return;
	bump(any_slot(req->conn), BEGIN - 1);
	bump(conn_slot(req->conn), BEGIN - 1);
}

SEC("struct_ops/attr_done")
int BPF_PROG(mdcache_attr_done, struct extfuse_req *req, const struct fuse_attr_out *out, int error)
{
	check_handle(req, error);
	if (req->opcode == FUSE_SETATTR) {
		end_permissions(req);
		end_node(req, req->nodeid);
		end_any(req);
	} else if (!error && !uncached(req)) {
		store_attr(req, req->nodeid, &out->attr,
			   to_ns(out->attr_valid, out->attr_valid_nsec), req->cookie[STAMP]);
	}
	return 0;
}

/*
 * Which inode a LOOKUP is about is known only now, too late to note its counter
 * on the way out. But if nothing at all changed meanwhile, it did not either;
 * its counter is read before that is checked.
 */
static __always_inline void learn_entry(struct extfuse_req *req, const struct name_key *key,
					const struct fuse_entry_out *entry, __u64 name, __u64 any)
{
	__u64 node = node_stamp(req->conn, entry->nodeid);

	store_name(req, key, entry, !entry->nodeid, name);
	/* nothing is added: a load that no processor does before those above */
	if (entry->nodeid && !ACTIVE(any) && __sync_fetch_and_add(any_slot(req->conn), 0) == any)
		store_attr(req, entry->nodeid, &entry->attr,
			   to_ns(entry->attr_valid, entry->attr_valid_nsec), node);
}

static __always_inline int looked_up(struct extfuse_req *req, const struct fuse_entry_out *entry,
				     int error)
{
	struct name_key key;

	if (uncached(req) || name_key(&key, req, req->nodeid, 0))
		return 0;
	if (!error)
		learn_entry(req, &key, entry, req->cookie[STAMP], req->cookie[STAMP_ALL]);
	else if (error == -ENOENT)
		/* no validity from the daemon: only the administrator's counts */
		store_name(req, &key, entry, true, req->cookie[STAMP]);
	return 0;
}

static __always_inline int created(struct extfuse_req *req, const struct fuse_entry_out *entry,
				   int error)
{
	struct name_key key;
	__u64 stamp, before;

	if (req->opcode == FUSE_LINK)
		end_node(req, req->cookie[OTHER]);
	else
		req->cookie[OTHER] = error ? 0 : entry->nodeid;
	if (req->opcode == FUSE_TMPFILE) {
		end_node(req, req->nodeid);
		end_any(req);
		return 0;
	}
	if (name_key(&key, req, req->nodeid, 0))
		return 0;
	if (!error) {
		before = node_stamp(req->conn, entry->nodeid);
		/* someone else's file may have been there, and CREATE have truncated it */
		change_at_once(req->conn, entry->nodeid);
		/* void, but what it says of validity is good for data_expires() */
		store_attr(req, entry->nodeid, &entry->attr,
			   to_ns(entry->attr_valid, entry->attr_valid_nsec), before);
	}
	end_name(req, &key);
	stamp = settled_stamp(req, &key);
	if (!error && stamp && !uncached(req))
		store_name(req, &key, entry, false, stamp);
	return 0;
}

SEC("struct_ops/entry_done")
int BPF_PROG(mdcache_entry_done, struct extfuse_req *req, const struct fuse_entry_out *entry,
	     int error)
{
	check_handle(req, error);
	if (req->opcode == FUSE_LOOKUP)
		return looked_up(req, entry, error);
	return created(req, entry, error);
}

/* Files opened in the kernel */

SEC("struct_ops/open")
int BPF_PROG(mdcache_open, struct extfuse_req *req, const struct fuse_open_in *in,
	     struct fuse_open_out *out)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };
	__u32 *id;

	req->cookie[OPEN_FLAGS] = in->flags;
	if (in->flags & O_TRUNC)
		return change_node(req);
	/* without default_permissions the daemon is who checks */
	if (!(req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS) || uncached(req))
		return EXTFUSE_PASS;
	id = bpf_map_lookup_elem(&backing, &key);
	if (!id || (!*id && (in->flags & O_ACCMODE)))
		return EXTFUSE_PASS;
	if (in->flags & O_ACCMODE)
		*filled_on(req->conn) = 1;
	out->fh = EXTFUSE_FH_NONE;
	out->backing_id = *id;
	out->open_flags = *id ? FOPEN_PASSTHROUGH : FOPEN_KEEP_CACHE | FOPEN_NOFLUSH;
	return 0;
}

/* Data: xattrs, link targets, access checks, statfs */

/*
 * These replies carry no validity of their own: they last as long as the
 * attributes of their inode, or would if the daemon gave them again now: those
 * that are cached are void after a write.
 */
static __always_inline __u64 data_expires(const struct extfuse_req *req, bool now_on)
{
	__u64 now = bpf_ktime_get_ns();
	struct fuse_attr attr;
	struct attr_val *val;
	struct attr_key key;
	__u64 expires, ttl = 0;
	struct backed backed;

	if (req->ttl) {
		expires = later(now, req->ttl);
		return expires > now ? expires : 0;
	}
	node_key(&key, req, req->nodeid);
	if (serve_attr(&key, &attr, &backed, &ttl) < 0 && !now_on)
		return 0;
	if (now_on)
		return ttl ? later(now, ttl) : 0;
	val = find_attr(&key, node_hash(&key));
	expires = val ? READ_ONCE(val->expires) : 0;
	return expires > now ? expires : 0;
}

/* Copies an entry that is good now to @to: true, or false if there is none. */
static __always_inline bool load_data(const struct data_key *key, __u64 stamp,
				      struct data_val *to)
{
	const struct data_val *val = find_data(key, data_hash(key));

	if (!val)
		return false;
	to->stamp = READ_ONCE(val->stamp);
	to->expires = READ_ONCE(val->expires);
	to->len = READ_ONCE(val->len);
	to->not_for = READ_ONCE(val->not_for);
	to->sum = READ_ONCE(val->sum);
	if (to->stamp != stamp || vfs_validity(to->expires, 0) < 0)
		return false;
	if (to->len <= 0)
		return to->sum == data_head_sum(to, key);
	__builtin_memcpy(to->data, val->data, sizeof(to->data));
	return to->len <= DATA_MAX && to->sum == data_sum(to, key);
}

static __always_inline void store_data(const struct extfuse_req *req, const struct data_key *key,
				       struct data_val *val)
{
	if (ACTIVE(val->stamp) || uncached(req))
		return;
	if (!val->expires)
		val->expires = data_expires(req, false);
	if (!val->expires)
		return;
	val->sum = val->len > 0 ? data_sum(val, key) : data_head_sum(val, key);
	keep_data(key, data_hash(key), val);
}

static __always_inline int serve_data(struct extfuse_req *req, const struct data_key *key)
{
	struct data_val val;
	__u32 len;
	int ret;

	req->cookie[STAMP] = node_stamp(req->conn, req->nodeid);
	if (!load_data(key, req->cookie[STAMP], &val) ||
	    val.not_for & (req->uid ? NOT_USERS : NOT_ROOT))
		return EXTFUSE_PASS;
	if (val.len < 0)
		return val.len;
	len = val.len;
	barrier_var(len);	/* the compiler knows the bound, the verifier not */
	if (len > DATA_MAX)
		return EXTFUSE_PASS;
	ret = extfuse_reply_set(req, val.data, len);
	return ret == -ERANGE || !ret ? ret : EXTFUSE_PASS;
}

#define TRUSTED 0x747275737465642eULL	/* "trusted.", the first byte on top */

/* If there may be a name of trusted.* in a list. */
static __noinline bool has_trusted(const struct data_val *list)
{
	__u64 word = 0;
	int i;

	for (i = 0; i < DATA_MAX && i < list->len; i++) {
		word = word << 8 | list->data[i];
		if (word == TRUSTED)
			return true;
	}
	return false;
}

/* If the request may name an attribute of trusted.*: of long names nobody knows. */
static __always_inline bool names_trusted(struct extfuse_req *req)
{
	union {
		char name[64];
		__u64 word;
	} is = {};

	return extfuse_req_name(req, 0, is.name, sizeof(is.name)) < 0 ||
	       bpf_be64_to_cpu(is.word) == TRUSTED;
}

/* Keeps the reply to an xattr or readlink request, until @expires or as store_data(). */
static __always_inline int learn_data(struct extfuse_req *req, const struct data_key *key,
				      __u64 expires, int error)
{
	struct data_val val = { .stamp = req->cookie[STAMP], .expires = expires };

	val.len = error ?: extfuse_reply_data(req, val.data, sizeof(val.data));
	/* a question for the size alone, or too large a value */
	if (!error && val.len < 0)
		return 0;
	if (key->kind == XATTR_LIST && !error)
		val.not_for = req->uid ? NOT_ROOT : has_trusted(&val) ? NOT_USERS : 0;
	else if (key->kind == XATTR && names_trusted(req))
		val.not_for = req->uid ? NOT_ROOT : NOT_USERS;
	store_data(req, key, &val);
	return 0;
}

/* Pages */

/*
 * With each open of a daemon that does not say otherwise fs/fuse drops what it has read of
 * a file, and it keeps nothing of what is listed of a directory. Where the validity was
 * extended at bind that is kept as long, and until something is changed: an entry says
 * that no page is older. At first it has the handle of the open that drops them, and
 * counts when that is released: until it has ended, what it drops may be there.
 *
 * Something, not just the inode: to daemons that know files by name each link is another
 * one. They are everybody's, so nothing is kept where the daemon may tell users different
 * things.
 */
static __always_inline __u64 pages_stamp(const struct extfuse_req *req)
{
	return READ_ONCE(*any_slot(req->conn)) + node_stamp(req->conn, req->nodeid);
}

static __always_inline void pages_key(struct data_key *key, const struct extfuse_req *req)
{
	data_key(key, req, PAGES);
	key->uid = 0;
	key->gid = 0;
}

/* 0 is what daemons give that have no handles: whose is it? */
static __always_inline bool pages_count(const struct extfuse_req *req, __u64 fh)
{
	return req->ttl && fh && fh != EXTFUSE_FH_NONE &&
	       (req->flags & (EXTFUSE_REQ_DEFAULT_PERMISSIONS | EXTFUSE_REQ_OWNER_ONLY));
}

static __always_inline void pages_opened(struct extfuse_req *req, const struct fuse_open_out *out)
{
	__u32 flags = req->opcode == FUSE_OPENDIR ? FOPEN_CACHE_DIR : 0;
	struct data_val val = {};
	struct data_key key;
	__u64 stamp;

	/* ... which drops nothing, as do opens by the kernel itself, without flags, for ioctl() */
	if (!pages_count(req, out->fh) || (out->open_flags & FOPEN_KEEP_CACHE) ||
	    !req->cookie[OPEN_FLAGS])
		return;
	pages_key(&key, req);
	stamp = pages_stamp(req);
	if (load_data(&key, stamp, &val) && !val.len) {
		extfuse_open_flags(req, flags | FOPEN_KEEP_CACHE);
		return;
	}
	val.stamp = stamp;
	val.expires = 0;
	val.len = sizeof(out->fh);
	*(__u64 *)val.data = out->fh;
	store_data(req, &key, &val);
	if (flags)
		extfuse_open_flags(req, flags);
}

static __always_inline void pages_released(struct extfuse_req *req, __u64 fh)
{
	struct data_val val;
	struct data_key key;

	if (!pages_count(req, fh))
		return;
	pages_key(&key, req);
	if (!load_data(&key, pages_stamp(req), &val) ||
	    val.len != sizeof(fh) || *(__u64 *)val.data != fh)
		return;
	val.len = 0;
	store_data(req, &key, &val);
}

SEC("struct_ops/release")
int BPF_PROG(mdcache_release, struct extfuse_req *req, const struct fuse_release_in *in)
{
	/* before the daemon can give it again */
	handle_closed(req, in->fh);
	/* What was open for writing may be other than before, which the daemon wants to know. */
	if (in->flags & O_ACCMODE)
		return change_node(req);
	if (in->fh == EXTFUSE_FH_NONE && !(in->release_flags & FUSE_RELEASE_FLOCK_UNLOCK))
		return 0;
	pages_released(req, in->fh);
	return EXTFUSE_PASS;
}

SEC("struct_ops/releasedir")
int BPF_PROG(mdcache_releasedir, struct extfuse_req *req, const struct fuse_release_in *in)
{
	pages_released(req, in->fh);
	return EXTFUSE_PASS;
}

SEC("struct_ops/opendir")
int BPF_PROG(mdcache_opendir, struct extfuse_req *req, const struct fuse_open_in *in)
{
	req->cookie[OPEN_FLAGS] = in->flags;
	return EXTFUSE_PASS;
}

SEC("struct_ops/open_done")
int BPF_PROG(mdcache_open_done, struct extfuse_req *req, const struct fuse_open_out *out, int error)
{
	struct extfuse_node_key key = { .conn = req->conn, .nodeid = req->nodeid };
	bool writes = req->opcode != FUSE_OPEN || (req->cookie[OPEN_FLAGS] & O_ACCMODE);
	__u8 one = 1;

	check_handle(req, error);
	if (!error && req->opcode != FUSE_CREATE && req->opcode != FUSE_TMPFILE)
		pages_opened(req, out);
	if (req->opcode == FUSE_OPENDIR)
		return 0;
	if (req->opcode != FUSE_OPEN)
		key.nodeid = req->cookie[OTHER];	/* see created() */
	if (!error)
		handle_opened(req, key.nodeid, out->fh, writes);
	if (!error && (out->open_flags & FOPEN_PASSTHROUGH)) {
		/* what is cached of its attributes is not true any more */
		bump(any_slot(req->conn), BEGIN - 1);
		bump(node_slot(req->conn, key.nodeid), BEGIN - 1);
		if (writes)
			*filled_on(req->conn) = 1;
		/* without room, the module still asks the daemon while it is open */
		if (!backing_id_of(req, key.nodeid))
			bpf_map_update_elem(&bypassed, &key, &one, BPF_ANY);
	}
	if (req->opcode == FUSE_OPEN && req->cookie[BEGUN]) {
		end_node(req, req->nodeid);
		end_any(req);
	}
	return 0;
}

/* By the word, and one comparison: by the byte the verifier would follow 2^19 paths. */
static __always_inline bool names_caps(struct extfuse_req *req)
{
	union {
		char name[24];
		__u64 word[3];
	} is = {}, caps = { "security.capability" };

	/* -E2BIG for any longer name */
	if (extfuse_req_name(req, 0, is.name, sizeof("security.capability") - 1) < 0)
		return false;
	return !((is.word[0] ^ caps.word[0]) | (is.word[1] ^ caps.word[1]) |
		 (is.word[2] ^ caps.word[2]));
}

static __always_inline __u64 no_caps_sum(const struct extfuse_req *req, const struct no_caps *val)
{
	__u64 sum = sum_begin(req->conn, req->nodeid);

	if (!(req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS))
		sum = sum_add(sum, (__u64)req->uid << 32 | req->gid);
	sum = sum_add(sum, val->stamp);
	sum = sum_add(sum, val->expires);
	return sum_add(sum, val->error);
}

/* The error, if it is known that the inode has none; 0. */
static __always_inline int serve_no_caps(struct extfuse_req *req)
{
	const struct no_caps *val = no_caps_of(req->conn, req->nodeid);
	struct no_caps is;

	req->cookie[STAMP_ALL] = caps_stamp(req->conn, req->nodeid);
	is.stamp = READ_ONCE(val->stamp);
	is.expires = READ_ONCE(val->expires);
	is.error = READ_ONCE(val->error);
	if (is.stamp != req->cookie[STAMP_ALL] || no_caps_sum(req, &is) != READ_ONCE(val->sum) ||
	    vfs_validity(is.expires, 0) < 0)
		return 0;
	return is.error;
}

static __always_inline int learn_no_caps(struct extfuse_req *req, int error)
{
	struct no_caps *to = no_caps_of(req->conn, req->nodeid);
	struct no_caps val = { .stamp = req->cookie[STAMP_ALL], .error = error };

	val.expires = data_expires(req, true);
	if (ACTIVE(val.stamp) || uncached(req) || !val.expires)
		return 0;
	val.sum = no_caps_sum(req, &val);
	*to = val;
	return 0;
}

/* The kernel asks for security.capability before each write, and not for its value. */
SEC("struct_ops/getxattr")
int BPF_PROG(mdcache_getxattr, struct extfuse_req *req, const struct fuse_getxattr_in *in)
{
	struct data_key key;
	int error;

	if (!in->size && names_caps(req)) {
		error = serve_no_caps(req);
		if (error)
			return error;
	}
	data_key(&key, req, XATTR);
	if (uncached(req) || extfuse_req_name_hash(req, 0, req->nodeid, &key.name))
		return EXTFUSE_PASS;
	return serve_data(req, &key);
}

SEC("struct_ops/listxattr")
int BPF_PROG(mdcache_listxattr, struct extfuse_req *req)
{
	struct data_key key;

	data_key(&key, req, XATTR_LIST);
	return uncached(req) ? EXTFUSE_PASS : serve_data(req, &key);
}

SEC("struct_ops/readlink")
int BPF_PROG(mdcache_readlink, struct extfuse_req *req)
{
	struct data_key key;

	data_key(&key, req, LINK_TARGET);
	return uncached(req) ? EXTFUSE_PASS : serve_data(req, &key);
}

SEC("struct_ops/xattr_done")
int BPF_PROG(mdcache_xattr_done, struct extfuse_req *req, __u32 size, int error)
{
	bool one = req->opcode == FUSE_GETXATTR;
	struct data_key key;

	check_handle(req, error);
	if (error && error != -ENODATA && error != -EOPNOTSUPP)
		return 0;
	/* a stamp that only serve_no_caps() leaves */
	if (one && error && req->cookie[STAMP_ALL])
		return learn_no_caps(req, error);
	data_key(&key, req, one ? XATTR : XATTR_LIST);
	if (one && extfuse_req_name_hash(req, 0, req->nodeid, &key.name))
		return 0;
	return learn_data(req, &key, 0, error);
}

SEC("struct_ops/link_target_done")
int BPF_PROG(mdcache_link_target_done, struct extfuse_req *req, __u32 size, int error)
{
	struct data_key key;
	__u64 expires;

	check_handle(req, error);
	if (error)
		return 0;
	expires = data_expires(req, false);
	/* that moved the access time, as reading does: of what was known the target stays */
	if (!req->ttl) {
		bump(any_slot(req->conn), BEGIN - 1);
		bump(node_slot(req->conn, req->nodeid), BEGIN - 1);
		req->cookie[STAMP] += BEGIN - 1;
	}
	data_key(&key, req, LINK_TARGET);
	return expires ? learn_data(req, &key, expires, 0) : 0;
}

/* Only asked without default_permissions, so the key has the user. */
SEC("struct_ops/access")
int BPF_PROG(mdcache_access, struct extfuse_req *req, const struct fuse_access_in *in)
{
	struct data_val val;
	struct data_key key;

	if (uncached(req))
		return EXTFUSE_PASS;
	data_key(&key, req, ACCESS);
	key.mask = in->mask;
	req->cookie[MASK] = in->mask;
	req->cookie[STAMP] = node_stamp(req->conn, req->nodeid);
	if (!load_data(&key, req->cookie[STAMP], &val) || val.len > 0)
		return EXTFUSE_PASS;
	return val.len;
}

static __noinline int learn_access(struct extfuse_req *req, int error)
{
	struct data_val val = { .stamp = req->cookie[STAMP], .len = error };
	struct data_key key;

	data_key(&key, req, ACCESS);
	key.mask = req->cookie[MASK];
	store_data(req, &key, &val);
	return 0;
}

/* Every change may change what is free: the stamp is that of any change. */
SEC("struct_ops/statfs")
int BPF_PROG(mdcache_statfs, struct extfuse_req *req, struct fuse_statfs_out *out)
{
	struct data_val val;
	struct data_key key;

	data_key(&key, req, STATFS);
	req->cookie[STAMP] = READ_ONCE(*any_slot(req->conn));
	if (uncached(req) || READ_ONCE(*filled_on(req->conn)) ||
	    !load_data(&key, req->cookie[STAMP], &val) || val.len != sizeof(*out))
		return EXTFUSE_PASS;
	__builtin_memcpy(out, val.data, sizeof(*out));
	return 0;
}

/*
 * Attributes with the time of birth, which only some callers ask for. Those of a
 * backing file are left to the daemon: it alone knows when the file was made.
 */
struct birth {
	__u64 vfs_expires;
	__u8 stat[__builtin_offsetof(struct fuse_statx, __spare2)];
};

/* or does not compile */
enum { STATX_FITS = 1 / (sizeof(struct birth) <= DATA_MAX) };

SEC("struct_ops/statx")
int BPF_PROG(mdcache_statx, struct extfuse_req *req, const struct fuse_statx_in *in,
	     struct fuse_statx_out *out)
{
	struct data_val val;
	struct data_key key;
	struct birth *birth = (void *)val.data;
	__s64 valid;

	data_key(&key, req, STATX);
	req->cookie[STAMP] = node_stamp(req->conn, req->nodeid);
	if (uncached(req) || in->sx_flags || backing_id_of(req, req->nodeid) ||
	    !load_data(&key, req->cookie[STAMP], &val) || val.len != sizeof(*birth))
		return EXTFUSE_PASS;
	valid = vfs_validity(val.expires, birth->vfs_expires);
	if (valid < 0)
		return EXTFUSE_PASS;
	out->attr_valid = valid / NSEC;
	out->attr_valid_nsec = valid % NSEC;
	__builtin_memcpy(&out->stat, birth->stat, sizeof(birth->stat));
	return 0;
}

SEC("struct_ops/statx_done")
int BPF_PROG(mdcache_statx_done, struct extfuse_req *req, const struct fuse_statx_out *out,
	     int error)
{
	struct data_val val = { .stamp = req->cookie[STAMP], .len = sizeof(struct birth) };
	struct birth *birth = (void *)val.data;
	__u64 ttl = to_ns(out->attr_valid, out->attr_valid_nsec), now;
	const struct fuse_statx *stat = &out->stat;
	struct data_key key;

	check_handle(req, error);
	if (error || (!ttl && !req->ttl) || is_bypassed(req, req->nodeid) ||
	    (stat->mask & STATX_BASIC_STATS) != STATX_BASIC_STATS ||
	    !is_good(stat->mode, stat->size, stat->atime.tv_nsec, stat->mtime.tv_nsec,
		     stat->ctime.tv_nsec))
		return 0;
	now = bpf_ktime_get_ns();
	val.expires = later(now, ttl > req->ttl ? ttl : req->ttl);
	birth->vfs_expires = vfs_until(now, ttl);
	bpf_probe_read_kernel(birth->stat, sizeof(birth->stat), &out->stat);
	data_key(&key, req, STATX);
	store_data(req, &key, &val);
	return 0;
}

SEC("struct_ops/statfs_done")
int BPF_PROG(mdcache_statfs_done, struct extfuse_req *req, const struct fuse_statfs_out *out,
	     int error)
{
	struct data_val val = { .stamp = req->cookie[STAMP], .len = sizeof(*out) };
	struct data_key key;

	if (error)
		return 0;
	data_key(&key, req, STATFS);
	bpf_probe_read_kernel(val.data, sizeof(*out), out);
	store_data(req, &key, &val);
	return 0;
}

/* What began with change_node(), or change_permissions(). */
static __always_inline int changed_node(struct extfuse_req *req)
{
	if (!req->cookie[BEGUN])
		return 0;
	end_permissions(req);
	if (req->cookie[OTHER])
		end_node(req, req->cookie[OTHER]);
	end_node(req, req->nodeid);
	end_any(req);
	return 0;
}

SEC("struct_ops/read_done")
int BPF_PROG(mdcache_read_done, struct extfuse_req *req, __u32 size, int error)
{
	check_handle(req, error);
	return changed_node(req);
}

SEC("struct_ops/dir_done")
int BPF_PROG(mdcache_dir_done, struct extfuse_req *req, __u32 size, int error)
{
	check_handle(req, error);
	return changed_node(req);
}

static __noinline int note_no_ioctl(struct extfuse_req *req)
{
	struct ioctl_key key = { .conn = req->conn, .cmd = req->cookie[COMMAND] };
	__u8 one = 1;

	return bpf_map_update_elem(&no_ioctl, &key, &one, BPF_ANY);
}

SEC("struct_ops/done")
int BPF_PROG(mdcache_done, struct extfuse_req *req, int error)
{
	check_handle(req, error);
	switch (req->opcode) {
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		end_removal(req, 0);
		return 0;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		end_rename(req);
		return 0;
	case FUSE_IOCTL:
		if (error == -ENOSYS)
			note_no_ioctl(req);
		return changed_node(req);
	case FUSE_ACCESS:
		if (!error || error == -EACCES)
			learn_access(req, error);
		return 0;
	default:
		return changed_node(req);
	}
}

/* The daemon's notifications */

SEC("struct_ops/inval_inode")
int BPF_PROG(mdcache_inval_inode, struct extfuse_req *req)
{
	bump(any_slot(req->conn), BEGIN - 1);
	change_at_once(req->conn, req->nodeid);
	/* as in change_permissions(): it may be about the mode of a directory */
	if (!(req->flags & EXTFUSE_REQ_DEFAULT_PERMISSIONS))
		bump(conn_slot(req->conn), BEGIN - 1);
	return 0;
}

SEC("struct_ops/inval_entry")
int BPF_PROG(mdcache_inval_entry, struct extfuse_req *req, __u64 child)
{
	struct name_key key;

	*notified_in(req->conn, req->nodeid) = 1;
	bump(any_slot(req->conn), BEGIN - 1);
	change_at_once(req->conn, req->nodeid);
	if (child)
		change_at_once(req->conn, child);
	if (name_key(&key, req, req->nodeid, 0))
		bump(conn_slot(req->conn), BEGIN - 1);
	else
		bump(name_slot(&key), BEGIN - 1);
	return 0;
}

/* The connection is gone or has another policy: what only the daemon would delete. */

static long drop_backing(void *map, struct extfuse_node_key *key, void *value, __u64 *conn)
{
	if (key->conn == *conn)
		bpf_map_delete_elem(map, key);
	return 0;
}

static long drop_handle(void *map, struct handle_key *key, void *value, __u64 *conn)
{
	if (key->conn == *conn)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* Another policy may have had the connection meanwhile: nothing known of it counts. */
SEC("struct_ops/init")
int BPF_PROG(mdcache_init, struct extfuse_req *req)
{
	if (!seed)
		seed = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	bump(any_slot(req->conn), BEGIN - 1);
	bump(conn_slot(req->conn), BEGIN - 1);
	return 0;
}

SEC("struct_ops/exit")
int BPF_PROG(mdcache_exit, struct extfuse_req *req)
{
	__u64 conn = req->conn;

	bpf_for_each_map_elem(&backing, drop_backing, &conn, 0);
	bpf_for_each_map_elem(&lower, drop_backing, &conn, 0);
	bpf_for_each_map_elem(&bypassed, drop_backing, &conn, 0);
	bpf_for_each_map_elem(&handles, drop_handle, &conn, 0);
	return 0;
}

SEC(".struct_ops.link")
struct extfuse_ops mdcache = {
	.lookup = (void *)mdcache_lookup,
	.forget = (void *)mdcache_forget,
	.getattr = (void *)mdcache_getattr,
	.setattr = (void *)mdcache_setattr,
	.readlink = (void *)mdcache_readlink,
	.symlink = (void *)mdcache_symlink,
	.mknod = (void *)mdcache_mknod,
	.mkdir = (void *)mdcache_mkdir,
	.unlink = (void *)mdcache_unlink,
	.rmdir = (void *)mdcache_rmdir,
	.rename = (void *)mdcache_rename,
	.link = (void *)mdcache_link,
	.open = (void *)mdcache_open,
	.read = (void *)mdcache_read,
	.write = (void *)mdcache_write,
	.statfs = (void *)mdcache_statfs,
	.release = (void *)mdcache_release,
	.opendir = (void *)mdcache_opendir,
	.releasedir = (void *)mdcache_releasedir,
	.fsync = (void *)mdcache_fsync,
	.setxattr = (void *)mdcache_setxattr,
	.getxattr = (void *)mdcache_getxattr,
	.listxattr = (void *)mdcache_listxattr,
	.removexattr = (void *)mdcache_removexattr,
	.flush = (void *)mdcache_flush,
	.fsyncdir = (void *)mdcache_fsyncdir,
	.syncfs = (void *)mdcache_syncfs,
	.readdir = (void *)mdcache_readdir,
	.access = (void *)mdcache_access,
	.create = (void *)mdcache_create,
	.ioctl = (void *)mdcache_ioctl,
	.fallocate = (void *)mdcache_fallocate,
	.tmpfile = (void *)mdcache_tmpfile,
	.copy_file_range = (void *)mdcache_copy_file_range,
	.entry_done = (void *)mdcache_entry_done,
	.attr_done = (void *)mdcache_attr_done,
	.open_done = (void *)mdcache_open_done,
	.read_done = (void *)mdcache_read_done,
	.dir_done = (void *)mdcache_dir_done,
	.xattr_done = (void *)mdcache_xattr_done,
	.link_target_done = (void *)mdcache_link_target_done,
	.statfs_done = (void *)mdcache_statfs_done,
	.statx = (void *)mdcache_statx,
	.statx_done = (void *)mdcache_statx_done,
	.done = (void *)mdcache_done,
	.inval_inode = (void *)mdcache_inval_inode,
	.inval_entry = (void *)mdcache_inval_entry,
	.init = (void *)mdcache_init,
	.exit = (void *)mdcache_exit,
	.name = "mdcache",
};
