// SPDX-License-Identifier: GPL-2.0
/*
 * READ and WRITE carried out on a lower file.
 *
 * The policy's callback only names the file, by its backing id. Once nothing of the
 * policy's is held any more the module reads into the request's pages, or writes
 * from them: in the requesting task or from a work queue.
 * To the rest of fs/fuse it looks as if the daemon had used pread() or pwrite() on
 * the descriptor that it registered.
 *
 * A request under way here is on none of fs/fuse's lists, so that aborting the connection
 * does not end it; whoever carries it out does, once. What the work queue does for the page
 * cache has all it needs for itself, though, and is ended by lower_watch within a second
 * of the abort: what it waits for may be a task that waits for its pages.
 */
#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "backing.h"
#include "ops.h"
#include "trace.h"

/* A request on its way to the work queue. Holds references to file and binding. */
struct lower_work {
	struct work_struct work;
	struct extfuse_conn *conn;
	struct fuse_req *req;
	struct file *file;
	bool foreground;	/* a task waits for it */
	/* on the binding's lower_exposed, under its lower_lock: an abort may end @req */
	struct list_head entry;
};

/* Some for when memory is short: write-back is what gives it back. */
#define POOL_MIN 64

static struct kmem_cache *lower_cache;
static mempool_t *lower_pool;

/* Pages without an allocation, and at a time if there is no memory for more. */
#define NR_INLINE 8

/* One request's way through a file. */
struct transfer {
	struct kiocb iocb;
	const struct fuse_args *args;
	bool write;
	bool zero;		/* what is not filled */
	bool pages;		/* or one buffer of the kernel's */
	u32 size;
	unsigned int nr_pages;
	/* of @pages, those that are moved now */
	struct bio_vec *bvec;
	unsigned int room;
	bool taken;		/* all are there, each with a reference */
	unsigned int first;
	unsigned int nr;
	u32 len;
	struct bio_vec inline_bvec[NR_INLINE];
};

static bool is_write(const struct fuse_args *args)
{
	return xf_args_opcode(args) == FUSE_WRITE;
}

static bool in_pages(const struct fuse_args *args)
{
	return is_write(args) ? xf_args_in_pages(args) : xf_args_out_pages(args);
}

static u32 size_of(const struct fuse_args *args)
{
	return is_write(args) ? xf_args_in(args, 1)->size : xf_args_out(args, 0)->size;
}

/* Is the request of the shape that is known, with room for what it says? */
static bool shape_known(const struct fuse_args *args)
{
	const struct fuse_read_in *read = xf_args_in(args, 0)->value;
	const struct fuse_write_in *write = xf_args_in(args, 0)->value;
	u64 room = 0;
	unsigned int i;

	if (xf_args_out_num(args) != 1)
		return false;
	if (is_write(args)) {
		if (xf_args_in_num(args) != 2 || write->size != size_of(args) ||
		    xf_args_out(args, 0)->size != sizeof(struct fuse_write_out))
			return false;
	} else if (xf_args_in_num(args) != 1 || !xf_args_out_argvar(args) ||
		   read->size != size_of(args)) {
		return false;
	}
	if (!in_pages(args))
		return is_write(args) ? !!xf_args_in(args, 1)->value :
					!!xf_args_out(args, 0)->value;
	for (i = 0; i < xf_args_num_pages(args) && room < size_of(args); i++)
		room += xf_args_page_desc(args, i)->length;
	return room >= size_of(args);
}

static bool same_type(const struct extfuse_conn *conn, const struct file *file)
{
	return file_inode(file)->i_sb->s_type == conn->sb->s_type;
}

/* There may be FUSE below. */
static bool is_stacked(const struct extfuse_conn *conn, const struct file *file)
{
	return same_type(conn, file) || file_inode(file)->i_sb->s_stack_depth;
}

static bool for_page_cache(const struct fuse_args *args)
{
	return in_pages(args) && (is_write(args) ? !xf_args_user_pages(args) :
						   xf_args_page_zeroing(args));
}

/*
 * Whether a task that has the lower inode locked may have to wait, in a page fault, for the
 * end of the request, or the request come in such a fault. fs/fuse keeps a page of a WRITE
 * locked if not all of it is valid.
 */
static bool others_may_wait(const struct fuse_args *args)
{
	unsigned int i, offset;

	if (!for_page_cache(args))
		return false;
	if (!is_write(args))
		return true;
	for (i = 0; i < xf_args_num_pages(args); i++) {
		if (PageLocked(xf_args_page(args, i, &offset)))
			return true;
	}
	return false;
}

static int check_file(const struct extfuse_ctx *ctx, const struct file *file)
{
	const struct fuse_mount *fm = file_inode(file)->i_sb->s_fs_info;
	fmode_t need = is_write(ctx->args) ? FMODE_WRITE | FMODE_CAN_WRITE :
					     FMODE_READ | FMODE_CAN_READ;

	if ((file->f_mode & need) != need)
		return -EBADF;
	if (!S_ISREG(file_inode(file)->i_mode))
		return -EINVAL;
	if (is_write(ctx->args) ? !file->f_op->write_iter : !file->f_op->read_iter)
		return -EINVAL;
	/* what is stacked too high cannot be registered in the first place */
	if (same_type(ctx->conn, file) && xf_mount_fc(fm) == ctx->conn->fc)
		return -ELOOP;
	return 0;
}

/**
 * extfuse_lower_set - note the lower file that a request is to be carried out on
 * @ctx: a READ or WRITE, in its callback
 * @backing_id: id of the file
 *
 * Context: any, inside extfuse_srcu.
 * Return: 0 or -errno, see extfuse_backing_read().
 */
int extfuse_lower_set(struct extfuse_ctx *ctx, u32 backing_id)
{
	struct file *file;
	int err;

	if (!ctx->args || (ctx->req.flags & EXTFUSE_REQ_REPLY) || !shape_known(ctx->args))
		return -EINVAL;
	file = extfuse_backing_file(ctx->conn->fc, backing_id);
	if (!file)
		return -ENOENT;
	err = check_file(ctx, file);
	if (err) {
		fput(file);
		return err;
	}
	extfuse_lower_drop(ctx);
	ctx->lower = file;
	return 0;
}

/* The policy decided otherwise. */
void extfuse_lower_drop(struct extfuse_ctx *ctx)
{
	if (ctx->lower)
		fput(ctx->lower);
	ctx->lower = NULL;
}

/* What the request asks for on top of how the file was opened. */
static void set_flags(struct transfer *t, const struct fuse_args *args, bool background)
{
	const struct fuse_write_in *write = xf_args_in(args, 0)->value;
	const struct fuse_read_in *read = xf_args_in(args, 0)->value;
	u32 flags = t->write ? write->flags : read->flags;

	if ((flags & O_DIRECT) && !for_page_cache(args) &&
	    (t->iocb.ki_filp->f_mode & FMODE_CAN_ODIRECT))
		t->iocb.ki_flags |= IOCB_DIRECT;
	if (!t->write)
		return;
	if (flags & O_DSYNC)
		t->iocb.ki_flags |= IOCB_DSYNC;
	if (flags & __O_SYNC)
		t->iocb.ki_flags |= IOCB_SYNC;
	/* parts of one write, on their way at the same time, would change places */
	if ((flags & O_APPEND) && !background && !(write->write_flags & FUSE_WRITE_CACHE))
		t->iocb.ki_flags |= IOCB_APPEND;
}

static void transfer_init(struct transfer *t, const struct fuse_args *args, struct file *file,
			  bool background)
{
	const struct fuse_write_in *write = xf_args_in(args, 0)->value;
	const struct fuse_read_in *read = xf_args_in(args, 0)->value;

	t->args = args;
	t->write = is_write(args);
	t->zero = !t->write && xf_args_page_zeroing(args);
	t->pages = in_pages(args);
	t->size = size_of(args);
	t->nr_pages = t->pages ? xf_args_num_pages(args) : 0;
	t->bvec = t->inline_bvec;
	t->room = NR_INLINE;
	t->taken = false;
	t->first = 0;
	t->nr = 0;
	t->len = 0;
	init_sync_kiocb(&t->iocb, file);
	t->iocb.ki_pos = t->write ? write->offset : read->offset;
	set_flags(t, args, background);
	if (t->nr_pages > NR_INLINE) {
		t->bvec = kmalloc_array(t->nr_pages, sizeof(*t->bvec),
					GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (t->bvec)
			t->room = t->nr_pages;
		else
			t->bvec = t->inline_bvec;
	}
}

static void transfer_exit(struct transfer *t)
{
	unsigned int i;

	for (i = 0; t->taken && i < t->nr; i++)
		put_page(t->bvec[i].bv_page);
	if (t->bvec != t->inline_bvec)
		kfree(t->bvec);
}

/* Goes on to what comes after @done bytes of the request; false at its end. */
static bool next_part(struct transfer *t, u32 done)
{
	unsigned int offset;
	struct page *page;
	u32 len;

	if (t->taken)
		return done < t->len;
	t->first += t->nr;
	t->nr = 0;
	t->len = 0;
	if (!t->pages) {
		t->len = t->size - done;
		return t->len;
	}
	while (t->nr < t->room && t->first + t->nr < t->nr_pages && t->len < t->size - done) {
		page = xf_args_page(t->args, t->first + t->nr, &offset);
		len = min(xf_args_page_desc(t->args, t->first + t->nr)->length,
			  t->size - done - t->len);
		bvec_set_page(&t->bvec[t->nr++], page, len, offset);
		t->len += len;
	}
	return t->len;
}

/*
 * Whether the request may end now: all that is still needed is here, and its pages stay. Not
 * pages from elsewhere than the page cache, which need not have a count of references.
 */
static bool take_pages(struct transfer *t)
{
	unsigned int i;

	if (!for_page_cache(t->args) || t->room < t->nr_pages || !next_part(t, 0))
		return false;
	for (i = 0; i < t->nr; i++)
		get_page(t->bvec[i].bv_page);
	t->taken = true;
	return true;
}

/* The part that is moved now, without its first @skip bytes. */
static void part_iter(const struct transfer *t, struct kvec *kvec, struct iov_iter *iter, u32 skip)
{
	unsigned int dir = t->write ? ITER_SOURCE : ITER_DEST;

	if (t->pages) {
		iov_iter_bvec(iter, dir, t->bvec, t->nr, t->len);
	} else {
		kvec->iov_base = t->write ? (void *)xf_args_in(t->args, 1)->value :
					    xf_args_out(t->args, 0)->value;
		kvec->iov_len = t->len;
		iov_iter_kvec(iter, dir, kvec, 1, t->len);
	}
	iov_iter_advance(iter, skip);
}

static ssize_t move(struct transfer *t, struct iov_iter *iter)
{
	struct file *file = t->iocb.ki_filp;

	return t->write ? vfs_iocb_iter_write(file, &t->iocb, iter) :
			  vfs_iocb_iter_read(file, &t->iocb, iter);
}

/*
 * Moves a part: the bytes done, less than there are at the end of the file or with
 * @err. A file may give less than it has, and fs/fuse takes that for its end: it is
 * asked until it gives nothing. Direct I/O has alignments that FUSE does not ask of
 * its users; what does not meet them goes through the lower page cache.
 */
static u32 move_part(struct transfer *t, int *err)
{
	struct iov_iter iter;
	struct kvec kvec;
	u32 done = 0;
	ssize_t ret;
	loff_t pos;

	*err = 0;
	part_iter(t, &kvec, &iter, 0);
	/* the file system may have cut it: then what is left is not for it */
	while (iov_iter_count(&iter)) {
		pos = t->iocb.ki_pos;
		ret = move(t, &iter);
		if (ret == -EINVAL && (t->iocb.ki_flags & IOCB_DIRECT)) {
			t->iocb.ki_flags &= ~IOCB_DIRECT;
			t->iocb.ki_pos = pos;
			part_iter(t, &kvec, &iter, done);
			continue;
		}
		if (ret < 0)
			*err = ret;
		if (ret <= 0)
			break;
		done += ret;
	}
	return done;
}

/* The daemon's copy to the page cache's pages would have zeroed what it does not fill. */
static void zero_rest(struct transfer *t, u32 done, u32 skip)
{
	struct iov_iter iter;
	struct kvec kvec;

	do {
		part_iter(t, &kvec, &iter, skip);
		iov_iter_zero(iov_iter_count(&iter), &iter);
		done += t->len - skip;
		skip = 0;
	} while (next_part(t, done));
}

/*
 * The bytes done, or the error. After some bytes an error is for the next request
 * to meet, unless nobody looks at the number: a short read is the end of the file
 * to the page cache, and a short write-back is lost.
 */
static ssize_t transfer(struct transfer *t, bool background)
{
	u32 done = 0, part = 0;
	int err = 0;

	while (next_part(t, done)) {
		part = move_part(t, &err);
		done += part;
		if (part < t->len)
			break;
	}
	if (err && (!done || (t->write ? background : t->zero)))
		return err <= -512 ? -EINTR : err;
	if (t->zero && done < t->size)
		zero_rest(t, done, part);
	return done;
}

/*
 * Whether a write takes set-user-ID away is for the daemon to decide, except where
 * fs/fuse asks for it.
 */
static const struct cred *override_lower_creds(struct transfer *t, struct cred **dropped)
{
	const struct cred *old = override_creds(t->iocb.ki_filp->f_cred);
	const struct fuse_write_in *in = xf_args_in(t->args, 0)->value;

	*dropped = NULL;
	if (!t->write || !(in->write_flags & FUSE_WRITE_KILL_SUIDGID) ||
	    IS_NOSEC(file_inode(t->iocb.ki_filp)))
		return old;
	*dropped = prepare_creds();
	if (!*dropped) {
		revert_creds(old);
		return NULL;
	}
	cap_lower((*dropped)->cap_effective, CAP_FSETID);
	extfuse_switch_creds(*dropped);
	return old;
}

/* From now on the watch may end the request. */
static void expose(struct lower_work *lower)
{
	struct extfuse_conn *conn = lower->conn;

	spin_lock(&conn->lower_lock);
	list_add_tail(&lower->entry, &conn->lower_exposed);
	spin_unlock(&conn->lower_lock);
	queue_delayed_work(extfuse_complete_wq, &conn->lower_watch, HZ);
}

/* False if it did, and nothing of the request is there any more. */
static bool reclaim(struct lower_work *lower)
{
	struct extfuse_conn *conn = lower->conn;
	bool mine;

	spin_lock(&conn->lower_lock);
	mine = !list_empty(&lower->entry);
	list_del_init(&lower->entry);
	spin_unlock(&conn->lower_lock);
	return mine;
}

/*
 * EXTFUSE_PASS if it was not begun, 0 with the reply in place, or -errno; EXTFUSE_LOWER
 * if @lower was ended meanwhile.
 */
static int carry_out(struct fuse_args *args, struct file *file, bool background,
		     struct lower_work *lower)
{
	const struct cred *old;
	struct cred *dropped;
	struct transfer t;
	ssize_t ret;
	bool ended;

	transfer_init(&t, args, file, background);
	old = override_lower_creds(&t, &dropped);
	if (!old) {
		transfer_exit(&t);
		return EXTFUSE_PASS;
	}
	if (lower && take_pages(&t))
		expose(lower);
	ret = transfer(&t, background);
	revert_creds(old);
	if (dropped)
		put_cred(dropped);
	ended = t.taken && !reclaim(lower);
	transfer_exit(&t);
	if (ended)
		return EXTFUSE_LOWER;
	if (ret < 0)
		return ret;
	if (t.write)
		*(struct fuse_write_out *)xf_args_out(args, 0)->value =
			(struct fuse_write_out){ .size = ret };
	else
		xf_args_out(args, 0)->size = ret;
	return 0;
}

static void note_carried_out(struct extfuse_conn *conn, const struct fuse_args *args, int error,
			     bool background)
{
	extfuse_count(conn, xf_args_opcode(args), answered);
	if (error)
		extfuse_count(conn, xf_args_opcode(args), errors);
	trace_extfuse_answered(conn, "", xf_args_opcode(args), xf_args_nodeid(args), background,
			       error);
}

/*
 * Write-back must go on when memory is short. It does not wait for memory that only
 * write-back to this mount would free, and is throttled by the lower device alone,
 * not by the pages that wait for it.
 */
static void lower_work(struct work_struct *work)
{
	struct lower_work *lower = container_of(work, struct lower_work, work);
	unsigned int throttle = current->flags & PF_LOCAL_THROTTLE;
	struct extfuse_conn *conn = lower->conn;
	struct fuse_req *req = lower->req;
	bool foreground = lower->foreground;
	struct fuse_args *args = xf_req_args(req);
	unsigned int nofs;
	int ret;

	current->flags |= PF_LOCAL_THROTTLE;
	nofs = memalloc_nofs_save();
	ret = carry_out(args, lower->file, !foreground, lower);
	/* a background request cannot be given to a ring from here: until there is memory */
	while (ret == EXTFUSE_PASS && !foreground && conn->ring) {
		schedule_timeout_uninterruptible(1);
		ret = carry_out(args, lower->file, true, lower);
	}
	memalloc_nofs_restore(nofs);
	current->flags = (current->flags & ~PF_LOCAL_THROTTLE) | throttle;

	fput(lower->file);
	mempool_free(lower, lower_pool);
	/* one that a task waits for was taken from where it could be given back */
	if (ret == EXTFUSE_PASS && foreground)
		ret = -ENOMEM;
	if (ret == EXTFUSE_PASS) {
		extfuse_count(conn, xf_args_opcode(args), passed);
		conn->orig->send_req(conn->fiq, req);
	} else if (ret != EXTFUSE_LOWER) {
		note_carried_out(conn, args, ret, !foreground);
		extfuse_end_request(req, ret);
	}
	/* may be what keeps the queue that this runs on: it is freed from another */
	extfuse_conn_put(conn);
}

/* Ends what is under way if the connection was aborted. Nothing of it is freed before. */
static void watch(struct work_struct *work)
{
	struct extfuse_conn *conn = container_of(to_delayed_work(work), struct extfuse_conn,
						 lower_watch);
	struct lower_work *lower;
	struct fuse_req *req;
	bool foreground;

	spin_lock(&conn->lower_lock);
	while (!list_empty(&conn->lower_exposed) && !xf_fiq_connected(conn->fiq)) {
		lower = list_first_entry(&conn->lower_exposed, struct lower_work, entry);
		list_del_init(&lower->entry);
		req = lower->req;
		foreground = lower->foreground;
		spin_unlock(&conn->lower_lock);
		note_carried_out(conn, xf_req_args(req), -ECONNABORTED, !foreground);
		extfuse_end_request(req, -ECONNABORTED);
		spin_lock(&conn->lower_lock);
	}
	if (!list_empty(&conn->lower_exposed))
		queue_delayed_work(extfuse_complete_wq, &conn->lower_watch, HZ);
	spin_unlock(&conn->lower_lock);
}

static bool queue_lower(struct extfuse_ctx *ctx, struct fuse_req *req, bool foreground)
{
	struct lower_work *lower = mempool_alloc(lower_pool, GFP_ATOMIC | __GFP_NOWARN);

	if (!lower)
		return false;
	INIT_WORK(&lower->work, lower_work);
	lower->conn = ctx->conn;
	lower->req = req;
	lower->file = ctx->lower;
	lower->foreground = foreground;
	INIT_LIST_HEAD(&lower->entry);
	ctx->lower = NULL;
	extfuse_conn_get(lower->conn);
	if (ctx->ring)
		xf_conn_count_background(ctx->conn->fc);
	if (foreground)
		/* a fatal signal must not take it back while it is under way */
		clear_bit(XF_FR_PENDING, xf_req_flags(req));
	queue_work(lower->conn->lower_wq, &lower->work);
	return true;
}

/**
 * extfuse_lower_queue - carry out a background request on its lower file
 * @ctx: the request, whose callback named the file
 * @req: the same
 *
 * Context: atomic, inside extfuse_srcu.
 * Return: false if it could not be begun: it is the daemon's then.
 */
bool extfuse_lower_queue(struct extfuse_ctx *ctx, struct fuse_req *req)
{
	if (queue_lower(ctx, req, false))
		return true;
	extfuse_lower_drop(ctx);
	extfuse_count(ctx->conn, ctx->req.opcode, passed);
	return false;
}

/**
 * extfuse_lower_foreground - carry out a request that a task waits for
 * @ctx: the request, whose callback named the file
 * @req: the same
 *
 * In the task itself; from the work queue, as if the daemon did it,
 *
 * - if the lower file is on FUSE too, or on what is stacked on something: the task may hold
 *   locks of the upper inode that are of the same classes as those to come;
 * - if it is for the page cache, and others may wait for it: a task that has the lower inode
 *   locked may need one of its pages.
 *
 * Context: process context, may sleep; the caller holds references to the binding.
 * Return: EXTFUSE_PASS if it could not be begun, 0 or -errno if it is done and is to
 * be ended by the caller, EXTFUSE_LOWER if it is ended by the work queue.
 */
int extfuse_lower_foreground(struct extfuse_ctx *ctx, struct fuse_req *req)
{
	int ret;

	if (is_stacked(ctx->conn, ctx->lower) || others_may_wait(ctx->args)) {
		if (queue_lower(ctx, req, true))
			return EXTFUSE_LOWER;
		ret = EXTFUSE_PASS;
	} else {
		ret = carry_out(ctx->args, ctx->lower, false, NULL);
	}
	extfuse_lower_drop(ctx);
	if (ret == EXTFUSE_PASS)
		extfuse_count(ctx->conn, ctx->req.opcode, passed);
	else
		note_carried_out(ctx->conn, ctx->args, ret, false);
	return ret;
}

/*
 * A queue of its own for each binding, so that one whose lower file system hangs does
 * not hold up the others, nor one the mount that it is stacked on. Not one with
 * WQ_MEM_RECLAIM, whose work must not wait for a queue without, as the lower file
 * system may when it is full.
 */
int extfuse_lower_conn_init(struct extfuse_conn *conn)
{
	spin_lock_init(&conn->lower_lock);
	INIT_LIST_HEAD(&conn->lower_exposed);
	INIT_DELAYED_WORK(&conn->lower_watch, watch);
	conn->lower_wq = alloc_workqueue("extfuse-lower/%llu", WQ_UNBOUND, 0, conn->id);
	return conn->lower_wq ? 0 : -ENOMEM;
}

/* What was queued held a reference to the binding: it is over, or returning. */
void extfuse_lower_conn_exit(struct extfuse_conn *conn)
{
	cancel_delayed_work_sync(&conn->lower_watch);
	destroy_workqueue(conn->lower_wq);
}

int extfuse_lower_init(void)
{
	lower_cache = KMEM_CACHE(lower_work, 0);
	if (!lower_cache)
		return -ENOMEM;
	lower_pool = mempool_create_slab_pool(POOL_MIN, lower_cache);
	if (!lower_pool) {
		kmem_cache_destroy(lower_cache);
		return -ENOMEM;
	}
	return 0;
}

void extfuse_lower_exit(void)
{
	mempool_destroy(lower_pool);
	kmem_cache_destroy(lower_cache);
}
