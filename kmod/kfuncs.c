// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that policies may call. All take the request that the callback was
 * given; none keeps anything beyond the call.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "backing.h"
#include "child.h"
#include "compat.h"
#include "dispatch.h"
#include "kfuncs.h"
#include "lower.h"
#include "name_hash.h"
#include "ops.h"

#define DIR_NAME_MAX 1024	/* fs/fuse's own limit */

/* Size of the record at @data, of which there are @len bytes; 0: it is not a good one. */
static size_t dirent_check(void *data, size_t len, bool plus)
{
	size_t head = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET, size;
	const struct fuse_dirent *dirent = data;

	if (len < head)
		return 0;
	if (plus)
		dirent = &((struct fuse_direntplus *)data)->dirent;
	size = FUSE_DIRENT_ALIGN(head + dirent->namelen);
	if (!dirent->namelen || dirent->namelen > DIR_NAME_MAX || size > len || dirent->type > 15 ||
	    memchr(dirent->name, '/', dirent->namelen) || memchr(dirent->name, 0, dirent->namelen))
		return 0;
	return size;
}

/* Data for READDIR and READDIRPLUS; whatever for other opcodes. */
static bool dir_valid(u32 opcode, void *data, size_t len)
{
	bool plus = opcode == FUSE_READDIRPLUS;
	size_t size;

	if (opcode != FUSE_READDIR && !plus)
		return true;
	for (; len; data += size, len -= size) {
		size = dirent_check(data, len, plus);
		if (!size)
			return false;
		/* nothing that counts as a lookup */
		if (plus)
			memset(data, 0, sizeof(struct fuse_entry_out));
	}
	return true;
}

__bpf_kfunc_start_defs();

/**
 * extfuse_req_name - copy a name that the request carries
 * @req: the request
 * @which: 0 for the first name, 1 for the second (rename)
 * @buf: receives the name, without a terminating NUL
 * @buf__sz: size of @buf
 *
 * File names have 1 to 1024 bytes (in 7.3 up to 4095, if the daemon takes requests of more
 * than one page), any but NUL and '/'; xattr names 1 to 255.
 *
 * Return: length of the name, -ENOENT if there is none, -E2BIG if @buf is too
 * small, -EINVAL in the reply callback of lookup.
 */
__bpf_kfunc int extfuse_req_name(struct extfuse_req *req, u32 which, void *buf, u32 buf__sz)
{
	const char *name;
	int len;

	/* a looked-up name may have been renamed while the daemon thought */
	if (req->opcode == FUSE_LOOKUP && (req->flags & EXTFUSE_REQ_REPLY))
		return -EINVAL;
	len = extfuse_ctx_name(extfuse_ctx_of(req), which, &name);
	if (len < 0)
		return len;
	if (len > buf__sz)
		return -E2BIG;
	memcpy(buf, name, len);
	return len;
}

/**
 * extfuse_req_name_hash - 128-bit keyed hash of a name that the request carries
 * @req: the request
 * @which: 0 for the first name, 1 for the second (rename)
 * @dir: nodeid that the name belongs to: req->nodeid, or newdir of a rename
 * @hash: receives the hash
 *
 * A map key of fixed size: covers @dir and the name, not who asks. The random key
 * differs for each binding, so bindings share no hashes and nobody can make two
 * names collide on purpose. Reply callbacks get what the callback before the
 * request got.
 *
 * Return: 0, -ENOENT if there is no such name, or -EINVAL in the reply callback of
 * lookup if the hash was not asked for before.
 */
__bpf_kfunc int extfuse_req_name_hash(struct extfuse_req *req, u32 which, u64 dir,
				      struct extfuse_name_hash *hash)
{
	struct extfuse_ctx *ctx = extfuse_ctx_of(req);
	const char *name;
	int len;

	if (which > 1)
		return -ENOENT;
	if (req->flags & EXTFUSE_REQ_REPLY) {
		if ((ctx->nr_hashed & BIT(which)) && ctx->hashed[which].dir == dir) {
			*hash = ctx->hashed[which].hash;
			return 0;
		}
		if (req->opcode == FUSE_LOOKUP)
			return -EINVAL;
	}
	len = extfuse_ctx_name(ctx, which, &name);
	if (len < 0)
		return len;
	extfuse_name_hash(&ctx->conn->name_key, dir, name, len, hash);
	ctx->hashed[which].hash = *hash;
	ctx->hashed[which].dir = dir;
	ctx->nr_hashed |= BIT(which);
	return 0;
}

/**
 * extfuse_req_child - which inode a name that the request carries means
 * @req: an unlink, rmdir or rename request, in its callback
 * @which: 0 for the first name, 1 for the second (rename)
 * @nodeid: receives the nodeid; 0: the name is known to be absent
 *
 * What the kernel takes it to mean, however it learned that: by LOOKUP, whoever answered,
 * or from a listing (READDIRPLUS), of which no policy hears. The daemon may have
 * invalidated it since: fs/fuse waits until the request is over before it does.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such name, or the kernel has dropped it meanwhile;
 * -EINVAL for other requests and in reply callbacks.
 */
__bpf_kfunc int extfuse_req_child(struct extfuse_req *req, u32 which, u64 *nodeid)
{
	return extfuse_ctx_child(extfuse_ctx_of(req), which, nodeid);
}

/**
 * extfuse_reply_set - answer with data of variable length
 * @req: a getxattr, listxattr, readlink or readdir request
 * @data: the value, list of names, link target (without NUL), or directory buffer
 * @data__sz: its length in bytes
 *
 * A caller that only asked for an xattr's size gets that. Takes effect if the
 * callback then returns 0.
 *
 * A directory buffer has nothing but whole records of struct fuse_dirent, or of
 * fuse_direntplus for READDIRPLUS: padded to 8 bytes, names of 1 to 1024 bytes
 * without '/' and NUL, types up to 15. The kernel is not given the nodeids and
 * attributes of fuse_direntplus, which would count as lookups at the daemon. So
 * what extfuse_reply_data() gave can be the answer. In 6.12 the caller's buffer is
 * one page, later as large as getdents(2)'s, so keep to 4096 bytes.
 *
 * Return: 0; -ERANGE if the caller's buffer is too small, which is the right
 * answer for an xattr; -EINVAL for other requests and malformed buffers.
 */
__bpf_kfunc int extfuse_reply_set(struct extfuse_req *req, const void *data, u32 data__sz)
{
	struct extfuse_ctx *ctx = extfuse_ctx_of(req);
	void *room;
	int size;

	ctx->reply_set = false;
	switch (ctx->req.opcode) {
	case FUSE_READLINK:
		if (!data__sz)
			return -EINVAL;
		break;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		break;
	default:
		return -EINVAL;
	}
	if (!ctx->args || (ctx->req.flags & EXTFUSE_REQ_REPLY))
		return -EINVAL;

	size = extfuse_ctx_reply_room(ctx, &room);
	if (size >= 0) {
		if (data__sz > size)
			return -ERANGE;
		memcpy(room, data, data__sz);
		/* the copy: a map's content may change any time */
		if (!dir_valid(ctx->req.opcode, room, data__sz))
			return -EINVAL;
	} else if (xf_args_out_num(ctx->args) != 1 ||
		   xf_args_out(ctx->args, 0)->size != sizeof(struct fuse_getxattr_out)) {
		return -EINVAL;
	}
	ctx->reply_len = data__sz;
	ctx->reply_set = true;
	return 0;
}

/**
 * extfuse_reply_data - copy the daemon's data of variable length
 * @req: a getxattr, listxattr, readlink or readdir request, in its reply callback
 * @buf: receives the data
 * @buf__sz: size of @buf
 *
 * Return: length of the data; -ENODATA if the caller only asked for the size,
 * -E2BIG if @buf is too small, -EINVAL for other requests and for errors.
 */
__bpf_kfunc int extfuse_reply_data(struct extfuse_req *req, void *buf, u32 buf__sz)
{
	const struct extfuse_ctx *ctx = extfuse_ctx_of(req);
	void *data;
	int size;

	if (!(ctx->req.flags & EXTFUSE_REQ_REPLY) || ctx->error)
		return -EINVAL;
	switch (ctx->req.opcode) {
	case FUSE_READLINK:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		break;
	default:
		return -EINVAL;
	}
	size = extfuse_ctx_reply_room(ctx, &data);
	if (size < 0)
		return -ENODATA;
	if (size > buf__sz)
		return -E2BIG;
	memcpy(buf, data, size);
	return size;
}

/**
 * extfuse_open_flags - have more kept of an open file than its daemon said
 * @req: an open or opendir request that succeeded, in its reply callback
 * @flags: FOPEN_KEEP_CACHE: pages that the kernel has are not dropped; of opendir also
 *	FOPEN_CACHE_DIR: what is listed is kept in such pages
 *
 * The policy answers for it that the pages are what the daemon would give.
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP if the daemon wants none used (FOPEN_DIRECT_IO, FOPEN_STREAM,
 * FOPEN_PASSTHROUGH), or for FOPEN_CACHE_DIR if it has no FUSE_AUTO_INVAL_DATA, without which
 * the kernel lists a directory that stays open from its pages for good; -EINVAL for other
 * requests, errors and flags.
 */
__bpf_kfunc int extfuse_open_flags(struct extfuse_req *req, u32 flags)
{
	const struct extfuse_ctx *ctx = extfuse_ctx_of(req);

	if (!(ctx->req.flags & EXTFUSE_REQ_REPLY) || ctx->error)
		return -EINVAL;
	return extfuse_ctx_open_flags(ctx, flags);
}

/**
 * extfuse_backing_getattr - attributes of a backing file, as they are now
 * @req: a lookup or getattr request
 * @backing_id: id from FUSE_DEV_IOC_BACKING_OPEN on this connection
 * @attr: what the policy remembers of them, or zero; receives the attributes,
 *	user and group as the daemon would see them; ino is left alone
 *
 * Context: may sleep.
 * Return: 0, -ENOENT if the id is not (or no longer) registered, -EOPNOTSUPP if
 * the file is not on a local file system, or that file system's error.
 */
__bpf_kfunc int extfuse_backing_getattr(struct extfuse_req *req, u32 backing_id,
					struct fuse_attr *attr)
{
	struct extfuse_ctx *ctx = extfuse_ctx_of(req);
	int err = extfuse_backing_attr(ctx->conn->fc, backing_id, attr);

	if (!err)
		ctx->fresh = true;
	return err;
}

/**
 * extfuse_backing_read - have a READ served from a backing file
 * @req: a read request, in its callback
 * @backing_id: id from FUSE_DEV_IOC_BACKING_OPEN on this connection, of a file
 *	that is open for reading
 *
 * Takes effect if the callback then returns 0: the module reads from the file what
 * the kernel asked for, as a daemon would with pread() on the registered
 * descriptor, with the credentials of whoever opened it. Bytes up to the end of
 * the file are the reply, or its error. Direct I/O is read without the lower page cache,
 * where the lower file can and its alignment is met.
 * The reply callback (read_done) runs afterwards, as for a request that was passed.
 *
 * A request that cannot be begun goes to the daemon after all, for want of memory. If the
 * connection is aborted meanwhile what is for the page cache ends with ECONNABORTED.
 *
 * Context: any; only notes the file.
 * Return: 0; -ENOENT if the id is not (or no longer) registered, -EBADF if the file
 * is not open for reading, -ELOOP if it is on this very connection, -EINVAL for other
 * requests.
 */
__bpf_kfunc int extfuse_backing_read(struct extfuse_req *req, u32 backing_id)
{
	if (req->opcode != FUSE_READ)
		return -EINVAL;
	return extfuse_lower_set(extfuse_ctx_of(req), backing_id);
}

/**
 * extfuse_backing_write - have a WRITE carried out on a backing file
 * @req: a write request, in its callback
 * @backing_id: id from FUSE_DEV_IOC_BACKING_OPEN on this connection, of a file
 *	that is open for writing
 *
 * The counterpart of extfuse_backing_read(). O_APPEND (in requests of the
 * foreground), O_SYNC and O_DSYNC of the request hold in addition to the file's
 * own, and with FUSE_WRITE_KILL_SUIDGID set-user-ID and set-group-ID go. The reply
 * is the number of bytes written, or the error if there were none; write-back and
 * asynchronous writes, of which nobody sees the number, get the error also if
 * there were some. A write from the page cache by a task goes to the daemon while readers
 * share the lock of the file's inode, too.
 *
 * Context: any; only notes the file.
 * Return: as for extfuse_backing_read(), with writing for reading.
 */
__bpf_kfunc int extfuse_backing_write(struct extfuse_req *req, u32 backing_id)
{
	if (req->opcode != FUSE_WRITE)
		return -EINVAL;
	return extfuse_lower_set(extfuse_ctx_of(req), backing_id);
}

/* The longest that extfuse_delay() sleeps: 1 s, for which an unbind may have to wait. */
#define DELAY_MAX NSEC_PER_SEC

/**
 * extfuse_delay - have a request wait; for tests
 * @req: the request
 * @ns: for how long; at most a second
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if a fatal signal ended it early.
 */
__bpf_kfunc int extfuse_delay(struct extfuse_req *req, u64 ns)
{
	ktime_t expires = ns_to_ktime(min_t(u64, ns, DELAY_MAX));

	set_current_state(TASK_KILLABLE);
	return schedule_hrtimeout(&expires, HRTIMER_MODE_REL);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(extfuse_kfunc_ids)
BTF_ID_FLAGS(func, extfuse_req_name, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_req_name_hash, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_req_child, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, extfuse_reply_set, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_reply_data, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_open_flags, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_backing_getattr, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, extfuse_backing_read, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_backing_write, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, extfuse_delay, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_KFUNCS_END(extfuse_kfunc_ids)

static const struct btf_kfunc_id_set extfuse_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &extfuse_kfunc_ids,
};

int extfuse_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &extfuse_kfunc_set);
}
