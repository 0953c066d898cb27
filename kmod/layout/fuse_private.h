/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accessors to fs/fuse's private structures, whose headers no kernel package
 * carries. The offsets come from the target kernel's BTF (genlayout); this is
 * the only file of the module that knows them, or which kernel keeps a member
 * where.
 */
#ifndef EXTFUSE_FUSE_PRIVATE_H
#define EXTFUSE_FUSE_PRIVATE_H

#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "extfuse_layout.h"

struct fuse_args;
struct fuse_backing;
struct fuse_conn;
struct fuse_forget_link;
struct fuse_iqueue;
struct fuse_mount;
struct fuse_req;

/* Small enough to be written out; checked against the kernel's below. */
struct xf_in_arg {
	unsigned int size;
	const void *value;
};

struct xf_arg {
	unsigned int size;
	void *value;
};

struct fuse_iqueue_ops {
	void (*send_forget)(struct fuse_iqueue *fiq, struct fuse_forget_link *link);
	void (*send_interrupt)(struct fuse_iqueue *fiq, struct fuse_req *req);
	void (*send_req)(struct fuse_iqueue *fiq, struct fuse_req *req);
	void (*release)(struct fuse_iqueue *fiq);
};

static_assert(sizeof(struct xf_in_arg) == XF_sizeof_fuse_in_arg);
static_assert(offsetof(struct xf_in_arg, value) == XF_fuse_in_arg__value);
static_assert(sizeof(struct xf_arg) == XF_sizeof_fuse_arg);
static_assert(offsetof(struct xf_arg, value) == XF_fuse_arg__value);
static_assert(sizeof(struct fuse_iqueue_ops) == XF_sizeof_fuse_iqueue_ops);
static_assert(offsetof(struct fuse_iqueue_ops, send_forget) == XF_fuse_iqueue_ops__send_forget);
static_assert(offsetof(struct fuse_iqueue_ops, send_interrupt) ==
	      XF_fuse_iqueue_ops__send_interrupt);
static_assert(offsetof(struct fuse_iqueue_ops, send_req) == XF_fuse_iqueue_ops__send_req);
static_assert(offsetof(struct fuse_iqueue_ops, release) == XF_fuse_iqueue_ops__release);

/* Exported by fs/fuse without a public declaration. */
void fuse_request_end(struct fuse_req *req);
struct fuse_conn *fuse_conn_get(struct fuse_conn *fc);
void fuse_conn_put(struct fuse_conn *fc);

#define XF_AT(type, ptr, member) ((type *)((char *)(ptr) + XF_##member))
#define XF_BIT_SET(ptr, member) \
	(!!(READ_ONCE(*XF_AT(u8, ptr, member)) & XF_##member##_MASK))

/* struct fuse_args: one request's arguments, owned by the caller of fs/fuse's send. */

static inline u64 xf_args_nodeid(const struct fuse_args *args)
{
	return *XF_AT(u64, args, fuse_args__nodeid);
}

static inline u32 xf_args_opcode(const struct fuse_args *args)
{
	return *XF_AT(u32, args, fuse_args__opcode);
}

static inline unsigned int xf_args_in_num(const struct fuse_args *args)
{
	return *XF_AT(u8, args, fuse_args__in_numargs);
}

static inline unsigned int xf_args_out_num(const struct fuse_args *args)
{
	return *XF_AT(u8, args, fuse_args__out_numargs);
}

static inline struct xf_in_arg *xf_args_in(const struct fuse_args *args, unsigned int i)
{
	return XF_AT(struct xf_in_arg, args, fuse_args__in_args) + i;
}

static inline struct xf_arg *xf_args_out(const struct fuse_args *args, unsigned int i)
{
	return XF_AT(struct xf_arg, args, fuse_args__out_args) + i;
}

static inline bool xf_args_force(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__force);
}

static inline bool xf_args_noreply(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__noreply);
}

static inline bool xf_args_in_pages(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__in_pages);
}

static inline bool xf_args_out_pages(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__out_pages);
}

static inline bool xf_args_out_argvar(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__out_argvar);
}

/* What a short reply leaves of the pages is to be zeroed: they are the page cache's. */
static inline bool xf_args_page_zeroing(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__page_zeroing);
}

static inline bool xf_args_user_pages(const struct fuse_args *args)
{
	return XF_BIT_SET(args, fuse_args__user_pages);
}

/* Index of the extension argument (security context, groups), or -1. */
static inline int xf_args_ext(const struct fuse_args *args)
{
	if (!XF_BIT_SET(args, fuse_args__is_ext))
		return -1;
	return *XF_AT(u8, args, fuse_args__ext_idx);
}

/* fuse_page_desc and fuse_folio_desc alike */
struct xf_page_desc {
	unsigned int length, offset;
};

#ifdef XF_fuse_folio_desc__length
static_assert(offsetof(struct xf_page_desc, length) == XF_fuse_folio_desc__length);
static_assert(offsetof(struct xf_page_desc, offset) == XF_fuse_folio_desc__offset);
#endif
#ifdef XF_fuse_page_desc__length
static_assert(offsetof(struct xf_page_desc, length) == XF_fuse_page_desc__length);
static_assert(offsetof(struct xf_page_desc, offset) == XF_fuse_page_desc__offset);
#endif

/*
 * The pages of a request that has in_pages or out_pages; @args is then the first
 * member of its fuse_args_pages.
 */
static inline unsigned int xf_args_num_pages(const struct fuse_args *args)
{
	static_assert(XF_fuse_args_pages__args == 0);
#ifdef XF_fuse_args_pages__folios
	return *XF_AT(unsigned int, args, fuse_args_pages__num_folios);
#else
	return *XF_AT(unsigned int, args, fuse_args_pages__num_pages);
#endif
}

static inline const struct xf_page_desc *xf_args_page_desc(const struct fuse_args *args,
							   unsigned int i)
{
	return *XF_AT(const struct xf_page_desc *, args, fuse_args_pages__descs) + i;
}

/*
 * The page that part @i starts in, and where in it; a part of a folio goes on in
 * the pages that follow. 6.12 keeps pages and folios in one union, and a page
 * serves as a folio here.
 */
static inline struct page *xf_args_page(const struct fuse_args *args, unsigned int i,
					unsigned int *offset)
{
	unsigned int from = xf_args_page_desc(args, i)->offset;
	struct folio *folio;

#ifdef XF_fuse_args_pages__folios
	folio = (*XF_AT(struct folio **, args, fuse_args_pages__folios))[i];
#else
	folio = (*XF_AT(struct folio **, args, fuse_args_pages__pages))[i];
#endif
	*offset = offset_in_page(from);
	return folio_page(folio, from >> PAGE_SHIFT);
}

/* Completion callback of a background request. */
#ifdef XF_fuse_conn__chan
typedef void (*xf_end_t)(struct fuse_args *args, int error);
#define XF_END_PARAMS struct fuse_args *args, int error
#define XF_END_CALL(fn) ((fn)(args, error))
#else
typedef void (*xf_end_t)(struct fuse_mount *fm, struct fuse_args *args, int error);
#define XF_END_PARAMS struct fuse_mount *fm, struct fuse_args *args, int error
#define XF_END_CALL(fn) ((fn)(fm, args, error))
#endif

static inline xf_end_t *xf_args_end(struct fuse_args *args)
{
	return XF_AT(xf_end_t, args, fuse_args__end);
}

/* struct fuse_req */

static inline struct fuse_args *xf_req_args(const struct fuse_req *req)
{
	return *XF_AT(struct fuse_args *, req, fuse_req__args);
}

static inline unsigned long *xf_req_flags(struct fuse_req *req)
{
	return XF_AT(unsigned long, req, fuse_req__flags);
}

static inline bool xf_req_test(struct fuse_req *req, int flag)
{
	return test_bit(flag, xf_req_flags(req));
}

static inline struct fuse_in_header *xf_req_in(struct fuse_req *req)
{
	return XF_AT(struct fuse_in_header, req, fuse_req__in);
}

static inline struct fuse_out_header *xf_req_out(struct fuse_req *req)
{
	return XF_AT(struct fuse_out_header, req, fuse_req__out);
}

static inline wait_queue_head_t *xf_req_waitq(struct fuse_req *req)
{
	return XF_AT(wait_queue_head_t, req, fuse_req__waitq);
}

/* The entry on the queue that holds the request; free while we do. */
static inline struct list_head *xf_req_list(struct fuse_req *req)
{
	return XF_AT(struct list_head, req, fuse_req__list);
}

static inline struct fuse_req *xf_req_of_list(void *list)
{
	return (struct fuse_req *)((char *)list - XF_fuse_req__list);
}

/* struct fuse_iqueue */

static inline bool xf_fiq_connected(struct fuse_iqueue *fiq)
{
	return READ_ONCE(*XF_AT(unsigned int, fiq, fuse_iqueue__connected));
}

static inline spinlock_t *xf_fiq_lock(struct fuse_iqueue *fiq)
{
	return XF_AT(spinlock_t, fiq, fuse_iqueue__lock);
}

static inline const struct fuse_iqueue_ops **xf_fiq_ops(struct fuse_iqueue *fiq)
{
	return XF_AT(const struct fuse_iqueue_ops *, fiq, fuse_iqueue__ops);
}

static inline struct fuse_forget_one *xf_forget_one(struct fuse_forget_link *link)
{
	return XF_AT(struct fuse_forget_one, link, fuse_forget_link__forget_one);
}

/* struct fuse_mount, fuse_conn and fuse_chan */

static inline struct fuse_conn *xf_mount_fc(const struct fuse_mount *fm)
{
	return *XF_AT(struct fuse_conn *, fm, fuse_mount__fc);
}

static inline struct super_block *xf_mount_sb(const struct fuse_mount *fm)
{
	return *XF_AT(struct super_block *, fm, fuse_mount__sb);
}

static inline refcount_t *xf_conn_count(struct fuse_conn *fc)
{
	return XF_AT(refcount_t, fc, fuse_conn__count);
}

static inline kuid_t xf_conn_user_id(const struct fuse_conn *fc)
{
	return *XF_AT(kuid_t, fc, fuse_conn__user_id);
}

static inline struct user_namespace *xf_conn_user_ns(const struct fuse_conn *fc)
{
	return *XF_AT(struct user_namespace *, fc, fuse_conn__user_ns);
}

static inline dev_t xf_conn_dev(const struct fuse_conn *fc)
{
	return *XF_AT(dev_t, fc, fuse_conn__dev);
}

/* Minor version of the protocol, once initialized. */
static inline unsigned int xf_conn_minor(const struct fuse_conn *fc)
{
	return *XF_AT(unsigned int, fc, fuse_conn__minor);
}

/* Held for reading, keeps the super blocks of the connection's mounts. */
static inline struct rw_semaphore *xf_conn_killsb(struct fuse_conn *fc)
{
	return XF_AT(struct rw_semaphore, fc, fuse_conn__killsb);
}

static inline struct list_head *xf_conn_mounts(struct fuse_conn *fc)
{
	return XF_AT(struct list_head, fc, fuse_conn__mounts);
}

static inline bool xf_conn_default_permissions(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__default_permissions);
}

static inline bool xf_conn_allow_other(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__allow_other);
}

static inline bool xf_conn_auto_inval_data(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__auto_inval_data);
}

static inline bool xf_conn_writeback_cache(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__writeback_cache);
}

static inline bool xf_conn_passthrough(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__passthrough);
}

static inline struct idr *xf_conn_backing_files(struct fuse_conn *fc)
{
	return XF_AT(struct idr, fc, fuse_conn__backing_files_map);
}

/* Counts FUSE_NOTIFY_INC_EPOCH; kernels without it: 0. */
static inline u32 xf_conn_epoch(struct fuse_conn *fc)
{
#ifdef XF_fuse_conn__epoch
	return atomic_read(XF_AT(atomic_t, fc, fuse_conn__epoch));
#else
	return 0;
#endif
}

#ifdef XF_fuse_conn__chan

static inline void *xf_conn_chan(const struct fuse_conn *fc)
{
	return *XF_AT(void *, fc, fuse_conn__chan);
}

/* A right layout knows its way back. */
static inline bool xf_conn_plausible(const struct fuse_conn *fc)
{
	return xf_conn_chan(fc) && *XF_AT(const struct fuse_conn *, xf_conn_chan(fc),
					  fuse_chan__conn) == fc;
}

static inline struct fuse_iqueue *xf_conn_fiq(const struct fuse_conn *fc)
{
	return XF_AT(struct fuse_iqueue, xf_conn_chan(fc), fuse_chan__iq);
}

static inline bool xf_conn_initialized(const struct fuse_conn *fc)
{
	/* pairs with fs/fuse's store when INIT is answered */
	return smp_load_acquire(XF_AT(int, xf_conn_chan(fc), fuse_chan__initialized));
}

/* Requests of any kind that are not over. */
static inline int xf_conn_num_waiting(const struct fuse_conn *fc)
{
	return atomic_read(XF_AT(atomic_t, xf_conn_chan(fc), fuse_chan__num_waiting));
}

static inline bool xf_conn_no_interrupt(const struct fuse_conn *fc)
{
	return XF_BIT_SET(xf_conn_chan(fc), fuse_chan__no_interrupt);
}

#else

static inline bool xf_conn_plausible(const struct fuse_conn *fc)
{
	return true;
}

static inline struct fuse_iqueue *xf_conn_fiq(const struct fuse_conn *fc)
{
	return XF_AT(struct fuse_iqueue, fc, fuse_conn__iq);
}

static inline bool xf_conn_initialized(const struct fuse_conn *fc)
{
	/* pairs with fs/fuse's store when INIT is answered */
	return smp_load_acquire(XF_AT(int, fc, fuse_conn__initialized));
}

static inline int xf_conn_num_waiting(const struct fuse_conn *fc)
{
	return atomic_read(XF_AT(atomic_t, fc, fuse_conn__num_waiting));
}

static inline bool xf_conn_no_interrupt(const struct fuse_conn *fc)
{
	return XF_BIT_SET(fc, fuse_conn__no_interrupt);
}

#endif

/*
 * io_uring. A connection that agreed on it has a fuse_ring since before INIT was
 * answered, and no other ever gets one. Once all queues of the ring are there, it is
 * ready, and the operations of fuse_iqueue are those of the ring.
 */
#ifdef XF_fuse_chan__ring

#define XF_RING

static inline void *xf_conn_ring(const struct fuse_conn *fc)
{
	return READ_ONCE(*XF_AT(void *, xf_conn_chan(fc), fuse_chan__ring));
}

static inline bool xf_conn_has_ring(const struct fuse_conn *fc)
{
	return xf_conn_ring(fc);
}

static inline bool xf_conn_ring_ready(const struct fuse_conn *fc)
{
	/* pairs with fs/fuse's store, which comes after that of the operations */
	return smp_load_acquire(XF_AT(bool, xf_conn_ring(fc), fuse_ring__ready));
}

/* Is the request in a queue of the ring, or was it? Known when it has been sent. */
static inline bool xf_req_on_ring(struct fuse_req *req)
{
	return xf_req_test(req, XF_FR_URING);
}

/* Lock of the ring's queue that the request is in. */
static inline spinlock_t *xf_req_ring_lock(const struct fuse_req *req)
{
	return XF_AT(spinlock_t, *XF_AT(void *, req, fuse_req__ring_queue), fuse_ring_queue__lock);
}

static inline struct fuse_iqueue *xf_req_fiq(const struct fuse_req *req)
{
	return XF_AT(struct fuse_iqueue, *XF_AT(void *, req, fuse_req__chan), fuse_chan__iq);
}

/* Counts one more background request under way, as fs/fuse does before it sends one. */
static inline void xf_conn_count_background(const struct fuse_conn *fc)
{
	void *chan = xf_conn_chan(fc);
	unsigned int *num = XF_AT(unsigned int, chan, fuse_chan__num_background);

	spin_lock(XF_AT(spinlock_t, chan, fuse_chan__bg_lock));
	++*XF_AT(unsigned int, chan, fuse_chan__active_background);
	if (++*num == *XF_AT(unsigned int, chan, fuse_chan__max_background))
		*XF_AT(int, chan, fuse_chan__blocked) = 1;
	spin_unlock(XF_AT(spinlock_t, chan, fuse_chan__bg_lock));
}

#else

static inline bool xf_conn_has_ring(const struct fuse_conn *fc)
{
	return false;
}

static inline bool xf_conn_ring_ready(const struct fuse_conn *fc)
{
	return false;
}

static inline bool xf_req_on_ring(struct fuse_req *req)
{
	return false;
}

static inline spinlock_t *xf_req_ring_lock(const struct fuse_req *req)
{
	return NULL;
}

static inline void xf_conn_count_background(const struct fuse_conn *fc)
{
}

#endif

/* struct fuse_inode */

static inline void *xf_inode(const struct inode *inode)
{
	static_assert(XF_fuse_inode__inode == 0);
	return (void *)inode;
}

static inline u64 xf_inode_nodeid(const struct inode *inode)
{
	return READ_ONCE(*XF_AT(u64, xf_inode(inode), fuse_inode__nodeid));
}

/* Under xf_inode_lock(). */
static inline u64 *xf_inode_nlookup(struct inode *inode)
{
	return XF_AT(u64, xf_inode(inode), fuse_inode__nlookup);
}

static inline spinlock_t *xf_inode_lock(struct inode *inode)
{
	return XF_AT(spinlock_t, xf_inode(inode), fuse_inode__lock);
}

/* STATX_* bits that the kernel itself has found obsolete since the last reply. */
static inline u32 xf_inode_inval_mask(const struct inode *inode)
{
	return READ_ONCE(*XF_AT(u32, xf_inode(inode), fuse_inode__inval_mask));
}

/* Mode and inode number as the daemon gave them. */
static inline umode_t xf_inode_mode(const struct inode *inode)
{
	return *XF_AT(umode_t, xf_inode(inode), fuse_inode__orig_i_mode);
}

static inline u64 xf_inode_ino(const struct inode *inode)
{
	return *XF_AT(u64, xf_inode(inode), fuse_inode__orig_ino);
}

/* Preferred I/O size as the daemon gave it. */
static inline u32 xf_inode_blksize(const struct inode *inode)
{
#ifdef XF_fuse_inode__cached_i_blkbits
	return 1u << *XF_AT(u8, xf_inode(inode), fuse_inode__cached_i_blkbits);
#else
	return i_blocksize(inode);
#endif
}

/* Regular files: > 0 open files that use the page cache, < 0 open in passthrough. */
static inline int xf_inode_iocachectr(const struct inode *inode)
{
	return READ_ONCE(*XF_AT(int, xf_inode(inode), fuse_inode__iocachectr));
}

/* Backing file that the inode is open with, or NULL; to compare, not to use. */
static inline struct fuse_backing *xf_inode_backing(const struct inode *inode)
{
	return READ_ONCE(*XF_AT(struct fuse_backing *, xf_inode(inode), fuse_inode__fb));
}

/* struct fuse_backing */

static inline struct file **xf_backing_file(struct fuse_backing *fb)
{
	return XF_AT(struct file *, fb, fuse_backing__file);
}

static inline refcount_t *xf_backing_count(struct fuse_backing *fb)
{
	return XF_AT(refcount_t, fb, fuse_backing__count);
}

#endif
