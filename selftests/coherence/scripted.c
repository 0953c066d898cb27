// SPDX-License-Identifier: GPL-2.0
/*
 * scripted [-o OPTIONS] MOUNTPOINT: a FUSE daemon over a tree in memory that does
 * what the lines on its standard input say. It answers each with a line: "ok" and
 * what was asked for, or "error" and why.
 *
 *   attr PATH                 ino mode nlink uid gid size blocks mtime ctime (ns)
 *   id PATH                   nodeid, 0 if the kernel does not know it
 *   names DIR                 names in it
 *   counts                    OPCODE=N of every request since the start
 *   bad                       requests and forgets for nodeids that are not known
 *
 * Behind the kernel's back; N in names of files and links is the tree's own:
 *   put PATH TEXT, mode PATH OCTAL, touch PATH, mkdir PATH, rm PATH, mv PATH PATH,
 *   ln PATH PATH, sym PATH TARGET, retarget PATH TARGET, setx PATH NAME VALUE,
 *   rmx PATH NAME, many DIR N (files 0, 1... of four bytes),
 *   blocks N (free blocks of statfs), nsec PATH N (of the time of modification)
 *
 * Notifications; the answer comes when libfuse has returned:
 *   inval PATH OFF LEN, entry DIR NAME, expire DIR NAME, delete DIR NAME NODEID,
 *   store PATH OFF TEXT, epoch (FUSE_NOTIFY_INC_EPOCH), prune PATH (FUSE_NOTIFY_PRUNE)
 *
 * One reply held back, in one of SLOTS slots:
 *   hold SLOT OPCODE early|late [NAME]   the next request of the kind: until it is
 *                                        released nothing is done (early), or all
 *                                        is done but the reply not sent (late)
 *   held SLOT                            wait until there is one
 *   release SLOT
 *
 * How it behaves:
 *   ttl ENTRY ATTR NEGATIVE   seconds; NEGATIVE below 0: reply ENOENT instead
 *   refuse UID                EACCES for all that this user asks; -1: nobody
 *   checks 0|1                look at permissions, as without default_permissions
 *   caller 0|1                tell root alone of trusted.* attributes
 *   reuse 0|1|2               nodeids given up: not again, with another generation,
 *                             with the same generation
 *   handles FIRST STEP        of files and directories that are opened from now on (0 0)
 *   async COMMAND             the answer comes at once, the command runs in a thread
 */
#define FUSE_USE_VERSION 317
#define _GNU_SOURCE
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_IDS 65536
#define SLOTS 8

struct xattr {
	struct xattr *next;
	char *name;
	char *value;
	size_t size;
};

struct entry {
	struct entry *next;
	char *name;
	struct node *node;
};

struct node {
	uint64_t id, generation, nlookup;	/* id 0: the kernel does not know it */
	struct stat st;
	char *data;
	char *target;
	struct xattr *xattrs;
	struct entry *entries;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct fuse_session *session;
static struct node *root;
static struct node *by_id[MAX_IDS];
static uint64_t generations[MAX_IDS];
static uint64_t given_up[MAX_IDS];
static unsigned int nr_given_up, next_id = 2;
static uint64_t last_ino;
static uint64_t counts[64], bad;
static double entry_ttl, attr_ttl, negative_ttl = -1;
static uint64_t free_blocks = 1000;
static uint64_t next_handle, handle_step;
static long refused = -1;
static bool checks, caller, writeback, no_auto_inval;
static int reuse;

enum { IDLE, ARMED, HELD, RELEASED };

static struct {
	int state;
	unsigned int opcode;
	bool late;
	char name[256];
} holds[SLOTS];

static const char *const opcodes[64] = {
	[FUSE_LOOKUP] = "LOOKUP", [FUSE_FORGET] = "FORGET", [FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR", [FUSE_READLINK] = "READLINK", [FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD", [FUSE_MKDIR] = "MKDIR", [FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR", [FUSE_RENAME] = "RENAME", [FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN", [FUSE_READ] = "READ", [FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS", [FUSE_RELEASE] = "RELEASE", [FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR", [FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR", [FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH", [FUSE_READDIR] = "READDIR", [FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE", [FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS", [FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_TMPFILE] = "TMPFILE",
};

/* --- requests in general --- */

/* The request waits here if the script says so. Called with the lock held. */
static void hold(unsigned int opcode, const char *name, bool late)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (holds[i].state != ARMED || holds[i].opcode != opcode ||
		    holds[i].late != late || (holds[i].name[0] && strcmp(holds[i].name, name)))
			continue;
		holds[i].state = HELD;
		pthread_cond_broadcast(&changed);
		while (holds[i].state == HELD)
			pthread_cond_wait(&changed, &lock);
		holds[i].state = IDLE;
		return;
	}
}

static void enter(unsigned int opcode, const char *name)
{
	pthread_mutex_lock(&lock);
	counts[opcode]++;
	hold(opcode, name, false);
}

static void leave(unsigned int opcode, const char *name)
{
	hold(opcode, name, true);
	pthread_mutex_unlock(&lock);
}

static struct timespec now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts;
}

/* --- the tree --- */

static struct node *node_new(mode_t mode, uid_t uid, gid_t gid)
{
	struct node *n = calloc(1, sizeof(*n));

	n->st.st_ino = ++last_ino;
	n->st.st_mode = mode;
	n->st.st_nlink = S_ISDIR(mode) ? 2 : 1;
	n->st.st_uid = uid;
	n->st.st_gid = gid;
	n->st.st_blksize = 4096;
	n->st.st_atim = n->st.st_mtim = n->st.st_ctim = now();
	return n;
}

static void node_free(struct node *n)
{
	struct xattr *x;

	while ((x = n->xattrs)) {
		n->xattrs = x->next;
		free(x->name);
		free(x->value);
		free(x);
	}
	free(n->data);
	free(n->target);
	free(n);
}

static void node_changed(struct node *n, bool data)
{
	n->st.st_ctim = now();
	if (data)
		n->st.st_mtim = n->st.st_ctim;
}

static void node_resize(struct node *n, size_t size)
{
	if (size > (size_t)n->st.st_size) {
		n->data = realloc(n->data, size);
		memset(n->data + n->st.st_size, 0, size - n->st.st_size);
	}
	n->st.st_size = size;
	n->st.st_blocks = (size + 511) / 512;
}

static void node_write(struct node *n, const char *data, size_t size, size_t off)
{
	if (off + size > (size_t)n->st.st_size)
		node_resize(n, off + size);
	memcpy(n->data + off, data, size);
	node_changed(n, true);
}

static struct entry **find_entry(struct node *dir, const char *name)
{
	struct entry **e;

	for (e = &dir->entries; *e; e = &(*e)->next)
		if (!strcmp((*e)->name, name))
			break;
	return e;
}

static struct node *find(struct node *dir, const char *name)
{
	struct entry *e = *find_entry(dir, name);

	return e ? e->node : NULL;
}

static void add_entry(struct node *dir, const char *name, struct node *n)
{
	struct entry **e = find_entry(dir, name);

	*e = calloc(1, sizeof(**e));
	(*e)->name = strdup(name);
	(*e)->node = n;
	if (S_ISDIR(n->st.st_mode))
		dir->st.st_nlink++;
	node_changed(dir, true);
}

static struct node *take_entry(struct node *dir, const char *name)
{
	struct entry **at = find_entry(dir, name), *e = *at;
	struct node *n = e->node;

	*at = e->next;
	free(e->name);
	free(e);
	if (S_ISDIR(n->st.st_mode))
		dir->st.st_nlink--;
	node_changed(dir, true);
	return n;
}

static void drop_link(struct node *n)
{
	n->st.st_nlink = S_ISDIR(n->st.st_mode) ? 0 : n->st.st_nlink - 1;
	node_changed(n, false);
	if (!n->st.st_nlink && !n->id)
		node_free(n);
}

static int tree_remove(struct node *dir, const char *name, bool want_dir)
{
	struct node *n = find(dir, name);

	if (!n)
		return ENOENT;
	if (S_ISDIR(n->st.st_mode) != want_dir)
		return want_dir ? ENOTDIR : EISDIR;
	if (n->entries)
		return ENOTEMPTY;
	drop_link(take_entry(dir, name));
	return 0;
}

static int tree_rename(struct node *dir, const char *name, struct node *newdir,
		       const char *newname, unsigned int flags)
{
	struct node *n = find(dir, name), *victim = find(newdir, newname);

	if (!n || (!victim && (flags & RENAME_EXCHANGE)))
		return ENOENT;
	if (victim && (flags & RENAME_NOREPLACE))
		return EEXIST;
	if (flags & ~(RENAME_EXCHANGE | RENAME_NOREPLACE))
		return EINVAL;
	if (n == victim)
		return 0;
	if (flags & RENAME_EXCHANGE) {
		take_entry(dir, name);
		take_entry(newdir, newname);
		add_entry(dir, name, victim);
		add_entry(newdir, newname, n);
		node_changed(victim, false);
	} else {
		if (victim && victim->entries)
			return ENOTEMPTY;
		if (victim)
			drop_link(take_entry(newdir, newname));
		take_entry(dir, name);
		add_entry(newdir, newname, n);
	}
	node_changed(n, false);
	return 0;
}

static struct xattr **find_xattr(struct node *n, const char *name)
{
	struct xattr **x;

	for (x = &n->xattrs; *x; x = &(*x)->next)
		if (!strcmp((*x)->name, name))
			break;
	return x;
}

static void set_xattr(struct node *n, const char *name, const char *value, size_t size)
{
	struct xattr **x = find_xattr(n, name);

	if (!*x) {
		*x = calloc(1, sizeof(**x));
		(*x)->name = strdup(name);
	}
	free((*x)->value);
	(*x)->value = malloc(size + 1);
	memcpy((*x)->value, value, size);
	(*x)->size = size;
	node_changed(n, false);
}

static int remove_xattr(struct node *n, const char *name)
{
	struct xattr **at = find_xattr(n, name), *x = *at;

	if (!x)
		return ENODATA;
	*at = x->next;
	free(x->name);
	free(x->value);
	free(x);
	node_changed(n, false);
	return 0;
}

/* --- nodeids --- */

static void node_ref(struct node *n)
{
	if (!n->id) {
		if (nr_given_up) {
			n->id = given_up[--nr_given_up];
			if (reuse == 1)
				generations[n->id]++;
		} else if (next_id < MAX_IDS) {
			n->id = next_id++;
		} else {
			abort();
		}
		n->generation = generations[n->id];
		by_id[n->id] = n;
	}
	n->nlookup++;
}

static void node_forget(uint64_t id, uint64_t nlookup)
{
	struct node *n = id < MAX_IDS ? by_id[id] : NULL;

	counts[FUSE_FORGET]++;
	if (n == root)
		return;
	if (!n || n->nlookup < nlookup) {
		bad++;
		return;
	}
	n->nlookup -= nlookup;
	if (n->nlookup)
		return;
	by_id[id] = NULL;
	n->id = 0;
	if (reuse)
		given_up[nr_given_up++] = id;
	if (!n->st.st_nlink)
		node_free(n);
}

/* The node that a request is about; replies if there is none, or it may not be. */
static struct node *get(fuse_req_t req, uint64_t id)
{
	struct node *n = id < MAX_IDS ? by_id[id] : NULL;
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	if (!n) {
		bad++;
		fuse_reply_err(req, ESTALE);
	} else if (refused >= 0 && ctx->uid == refused) {
		fuse_reply_err(req, EACCES);
		n = NULL;
	}
	return n;
}

static bool permitted(fuse_req_t req, struct node *n, int mask)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	mode_t mode = n->st.st_mode;

	if (!checks || !ctx->uid)
		return true;
	if (ctx->uid == n->st.st_uid)
		mode >>= 6;
	else if (ctx->gid == n->st.st_gid)
		mode >>= 3;
	return (mode & mask) == (mode_t)mask;
}

static struct fuse_entry_param entry_of(struct node *n)
{
	node_ref(n);
	return (struct fuse_entry_param){
		.ino = n->id, .generation = n->generation, .attr = n->st,
		.attr_timeout = attr_ttl, .entry_timeout = entry_ttl,
	};
}

/* --- operations --- */

static void op_init(void *data, struct fuse_conn_info *conn)
{
	if (writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	if (no_auto_inval)
		conn->want &= ~FUSE_CAP_AUTO_INVAL_DATA;
	conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
	conn->want &= ~FUSE_CAP_READDIRPLUS_AUTO;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {};
	struct node *dir, *n;
	int err = 0;

	enter(FUSE_LOOKUP, name);
	dir = get(req, parent);
	if (!dir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	n = find(dir, name);
	if (!permitted(req, dir, X_OK)) {
		err = EACCES;
	} else if (n) {
		e = entry_of(n);
	} else if (negative_ttl >= 0) {
		e.entry_timeout = negative_ttl;
	} else {
		err = ENOENT;
	}
	leave(FUSE_LOOKUP, name);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	pthread_mutex_lock(&lock);
	node_forget(ino, nlookup);
	pthread_mutex_unlock(&lock);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < count; i++)
		node_forget(forgets[i].ino, forgets[i].nlookup);
	pthread_mutex_unlock(&lock);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n;
	struct stat st;

	enter(FUSE_GETATTR, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	st = n->st;
	leave(FUSE_GETATTR, "");
	fuse_reply_attr(req, &st, attr_ttl);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		       struct fuse_file_info *fi)
{
	struct node *n;
	struct stat st;

	enter(FUSE_SETATTR, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	node_changed(n, false);
	if (set & FUSE_SET_ATTR_MODE)
		n->st.st_mode = (n->st.st_mode & S_IFMT) | (attr->st_mode & ~S_IFMT);
	if (set & FUSE_SET_ATTR_UID)
		n->st.st_uid = attr->st_uid;
	if (set & FUSE_SET_ATTR_GID)
		n->st.st_gid = attr->st_gid;
	if (set & FUSE_SET_ATTR_SIZE) {
		node_resize(n, attr->st_size);
		node_changed(n, true);
	}
	if (set & FUSE_SET_ATTR_ATIME)
		n->st.st_atim = set & FUSE_SET_ATTR_ATIME_NOW ? now() : attr->st_atim;
	if (set & FUSE_SET_ATTR_MTIME)
		n->st.st_mtim = set & FUSE_SET_ATTR_MTIME_NOW ? now() : attr->st_mtim;
	if (set & FUSE_SET_ATTR_CTIME)
		n->st.st_ctim = attr->st_ctim;
	st = n->st;
	leave(FUSE_SETATTR, "");
	fuse_reply_attr(req, &st, attr_ttl);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n;
	char *target;

	enter(FUSE_READLINK, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	target = strdup(n->target ?: "");
	leave(FUSE_READLINK, "");
	fuse_reply_readlink(req, target);
	free(target);
}

/* Replies with the entry, and with the open file too if there is one. */
static void make(fuse_req_t req, unsigned int opcode, fuse_ino_t parent, const char *name,
		 mode_t mode, const char *target, struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fuse_entry_param e = {};
	struct node *dir, *n;
	int err = 0;

	enter(opcode, name);
	dir = get(req, parent);
	if (!dir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	n = opcode == FUSE_TMPFILE ? NULL : find(dir, name);
	if (n && (!fi || (fi->flags & O_EXCL))) {
		err = EEXIST;
	} else if (n) {
		if (fi->flags & O_TRUNC) {
			node_resize(n, 0);
			node_changed(n, true);
		}
		e = entry_of(n);
	} else {
		n = node_new(mode, ctx->uid, ctx->gid);
		if (target) {
			n->target = strdup(target);
			n->st.st_size = strlen(target);
		}
		if (opcode == FUSE_TMPFILE)
			n->st.st_nlink = 0;
		else
			add_entry(dir, name, n);
		e = entry_of(n);
	}
	leave(opcode, name);
	if (err)
		fuse_reply_err(req, err);
	else if (fi)
		fuse_reply_create(req, &e, fi);
	else
		fuse_reply_entry(req, &e);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	make(req, FUSE_MKNOD, parent, name, mode, NULL, NULL);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, FUSE_MKDIR, parent, name, S_IFDIR | mode, NULL, NULL);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make(req, FUSE_SYMLINK, parent, name, S_IFLNK | 0777, target, NULL);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	make(req, FUSE_CREATE, parent, name, S_IFREG | (mode & 07777), NULL, fi);
}

static void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	make(req, FUSE_TMPFILE, parent, "", S_IFREG | (mode & 07777), NULL, fi);
}

static void remove_name(fuse_req_t req, unsigned int opcode, fuse_ino_t parent, const char *name)
{
	struct node *dir;
	int err;

	enter(opcode, name);
	dir = get(req, parent);
	if (!dir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	err = tree_remove(dir, name, opcode == FUSE_RMDIR);
	leave(opcode, name);
	fuse_reply_err(req, err);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, FUSE_UNLINK, parent, name);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, FUSE_RMDIR, parent, name);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned int flags)
{
	struct node *dir, *newdir;
	int err;

	enter(FUSE_RENAME, name);
	dir = get(req, parent);
	newdir = dir ? get(req, newparent) : NULL;
	if (!newdir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	err = tree_rename(dir, name, newdir, newname, flags);
	leave(FUSE_RENAME, name);
	fuse_reply_err(req, err);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct fuse_entry_param e = {};
	struct node *n, *dir;
	int err = 0;

	enter(FUSE_LINK, newname);
	n = get(req, ino);
	dir = n ? get(req, newparent) : NULL;
	if (!dir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (find(dir, newname)) {
		err = EEXIST;
	} else {
		n->st.st_nlink++;
		node_changed(n, false);
		add_entry(dir, newname, n);
		e = entry_of(n);
	}
	leave(FUSE_LINK, newname);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);
}

/* With the lock held. */
static void give_handle(struct fuse_file_info *fi)
{
	fi->fh = next_handle;
	next_handle += handle_step;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n;

	enter(FUSE_OPEN, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (fi->flags & O_TRUNC) {
		node_resize(n, 0);
		node_changed(n, true);
	}
	give_handle(fi);
	leave(FUSE_OPEN, "");
	fuse_reply_open(req, fi);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	enter(FUSE_OPENDIR, "");
	if (!get(req, ino)) {
		pthread_mutex_unlock(&lock);
		return;
	}
	give_handle(fi);
	leave(FUSE_OPENDIR, "");
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	char *data = NULL;
	struct node *n;

	enter(FUSE_READ, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (off >= n->st.st_size)
		size = 0;
	else if ((off_t)size > n->st.st_size - off)
		size = n->st.st_size - off;
	if (size) {
		data = malloc(size);
		memcpy(data, n->data + off, size);
	}
	leave(FUSE_READ, "");
	fuse_reply_buf(req, data, size);
	free(data);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct node *n;

	enter(FUSE_WRITE, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	node_write(n, data, size, off);
	leave(FUSE_WRITE, "");
	fuse_reply_write(req, size);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	struct node *n;

	enter(FUSE_FALLOCATE, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (!mode && off + len > n->st.st_size)
		node_resize(n, off + len);
	node_changed(n, true);
	leave(FUSE_FALLOCATE, "");
	fuse_reply_err(req, mode ? EOPNOTSUPP : 0);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			       struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			       struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct node *in, *out;

	enter(FUSE_COPY_FILE_RANGE, "");
	in = get(req, ino_in);
	out = in ? get(req, ino_out) : NULL;
	if (!out) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (off_in >= in->st.st_size)
		len = 0;
	else if ((off_t)len > in->st.st_size - off_in)
		len = in->st.st_size - off_in;
	if (len)
		node_write(out, in->data + off_in, len, off_out);
	in->st.st_atim = now();
	leave(FUSE_COPY_FILE_RANGE, "");
	fuse_reply_write(req, len);
}

static void simple(fuse_req_t req, unsigned int opcode)
{
	enter(opcode, "");
	leave(opcode, "");
	fuse_reply_err(req, 0);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	simple(req, FUSE_FLUSH);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	simple(req, FUSE_RELEASE);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	simple(req, FUSE_FSYNC);
}

static void read_dir(fuse_req_t req, unsigned int opcode, fuse_ino_t ino, size_t size, off_t off)
{
	struct fuse_entry_param param;
	size_t used = 0, len;
	struct entry *e;
	struct node *dir;
	off_t i = 0;
	char *buf;

	enter(opcode, "");
	dir = get(req, ino);
	if (!dir) {
		pthread_mutex_unlock(&lock);
		return;
	}
	buf = malloc(size);
	for (e = dir->entries; e; e = e->next) {
		if (i++ < off)
			continue;
		if (opcode == FUSE_READDIRPLUS) {
			param = entry_of(e->node);
			len = fuse_add_direntry_plus(req, buf + used, size - used, e->name,
						     &param, i);
		} else {
			len = fuse_add_direntry(req, buf + used, size - used, e->name,
						&e->node->st, i);
		}
		if (len > size - used) {
			if (opcode == FUSE_READDIRPLUS)
				node_forget(e->node->id, 1);
			break;
		}
		used += len;
	}
	leave(opcode, "");
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, FUSE_READDIR, ino, size, off);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	read_dir(req, FUSE_READDIRPLUS, ino, size, off);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_blocks = 100000,
			      .f_namemax = 255 };

	enter(FUSE_STATFS, "");
	st.f_bfree = st.f_bavail = free_blocks;
	st.f_files = last_ino;
	leave(FUSE_STATFS, "");
	fuse_reply_statfs(req, &st);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	struct node *n;
	bool there;
	int err = 0;

	enter(FUSE_SETXATTR, name);
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	there = *find_xattr(n, name);
	if (there && (flags & 1 /* XATTR_CREATE */))
		err = EEXIST;
	else if (!there && (flags & 2 /* XATTR_REPLACE */))
		err = ENODATA;
	else
		set_xattr(n, name, value, size);
	leave(FUSE_SETXATTR, name);
	fuse_reply_err(req, err);
}

/* Copies the value, so that the reply is the one of now. */
static void reply_data(fuse_req_t req, unsigned int opcode, const char *name, const char *data,
		       size_t len, size_t size, int err)
{
	char *copy = malloc(len + 1);

	if (len)
		memcpy(copy, data, len);
	leave(opcode, name);
	if (err)
		fuse_reply_err(req, err);
	else if (!size)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, copy, len);
	free(copy);
}

static bool hidden(fuse_req_t req, const char *name)
{
	return caller && fuse_req_ctx(req)->uid && !strncmp(name, "trusted.", strlen("trusted."));
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct xattr *x;
	struct node *n;

	enter(FUSE_GETXATTR, name);
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	x = hidden(req, name) ? NULL : *find_xattr(n, name);
	reply_data(req, FUSE_GETXATTR, name, x ? x->value : NULL, x ? x->size : 0, size,
		   x ? 0 : ENODATA);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char list[4096];
	struct xattr *x;
	struct node *n;
	size_t len = 0;

	enter(FUSE_LISTXATTR, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	for (x = n->xattrs; x; x = x->next) {
		if (hidden(req, x->name))
			continue;
		strcpy(list + len, x->name);
		len += strlen(x->name) + 1;
	}
	reply_data(req, FUSE_LISTXATTR, "", list, len, size, 0);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *n;
	int err;

	enter(FUSE_REMOVEXATTR, name);
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	err = remove_xattr(n, name);
	leave(FUSE_REMOVEXATTR, name);
	fuse_reply_err(req, err);
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct node *n;
	bool yes;

	enter(FUSE_ACCESS, "");
	n = get(req, ino);
	if (!n) {
		pthread_mutex_unlock(&lock);
		return;
	}
	yes = permitted(req, n, mask);
	leave(FUSE_ACCESS, "");
	fuse_reply_err(req, yes ? 0 : EACCES);
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.create = op_create,
	.tmpfile = op_tmpfile,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.copy_file_range = op_copy_file_range,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.access = op_access,
};

/* --- the script --- */

/* The node of a path; its directory and last name too. With the lock held. */
static struct node *resolve(const char *path, struct node **dir, const char **last)
{
	char name[256];
	struct node *n = root;
	const char *end;

	*dir = NULL;
	*last = "";
	for (;;) {
		while (*path == '/')
			path++;
		if (!*path)
			return n;
		if (!n)
			return *dir = NULL;
		end = strchrnul(path, '/');
		snprintf(name, sizeof(name), "%.*s", (int)(end - path), path);
		*dir = n;
		*last = path;
		n = find(n, name);
		path = end;
	}
}

static uint64_t id_of(const char *path)
{
	struct node *n, *dir;
	const char *last;
	uint64_t id;

	pthread_mutex_lock(&lock);
	n = resolve(path, &dir, &last);
	id = n ? n->id : 0;
	pthread_mutex_unlock(&lock);
	return id;
}

static void make_many(struct node *dir, unsigned int nr)
{
	struct node *n;
	char name[16];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		n = node_new(S_IFREG | 0644, 0, 0);
		node_write(n, "text", 4, 0);
		snprintf(name, sizeof(name), "%u", i);
		add_entry(dir, name, n);
	}
}

/* Commands that change or show the tree. With the lock held. */
static const char *tree_command(char **w, int nr, char *out, size_t size)
{
	struct node *n, *dir, *n2, *dir2;
	const char *last, *last2;
	struct entry *e;
	size_t len = 0;

	n = resolve(w[1], &dir, &last);
	if (!strcmp(w[0], "put") && nr == 3) {
		if (!n && dir) {
			n = node_new(S_IFREG | 0644, 0, 0);
			add_entry(dir, last, n);
		}
		if (!n)
			return "no directory";
		node_resize(n, 0);
		node_write(n, w[2], strlen(w[2]), 0);
		return NULL;
	}
	if (!strcmp(w[0], "mkdir") || !strcmp(w[0], "sym")) {
		if (n || !dir)
			return "exists";
		n = node_new(w[0][0] == 'm' ? S_IFDIR | 0755 : S_IFLNK | 0777, 0, 0);
		if (nr == 3) {
			n->target = strdup(w[2]);
			n->st.st_size = strlen(w[2]);
		}
		add_entry(dir, last, n);
		return NULL;
	}
	if (!n)
		return "no such file";
	if (!strcmp(w[0], "attr")) {
		snprintf(out, size, "%lu %o %lu %u %u %lu %lu %lu %lu", n->st.st_ino,
			 n->st.st_mode, n->st.st_nlink, n->st.st_uid, n->st.st_gid,
			 n->st.st_size, n->st.st_blocks,
			 n->st.st_mtim.tv_sec * 1000000000 + n->st.st_mtim.tv_nsec,
			 n->st.st_ctim.tv_sec * 1000000000 + n->st.st_ctim.tv_nsec);
	} else if (!strcmp(w[0], "names")) {
		for (e = n->entries; e; e = e->next)
			len += snprintf(out + len, size - len, "%s ", e->name);
	} else if (!strcmp(w[0], "id")) {
		snprintf(out, size, "%lu", n->id);
	} else if (!strcmp(w[0], "mode") && nr == 3) {
		n->st.st_mode = (n->st.st_mode & S_IFMT) | strtoul(w[2], NULL, 8);
		node_changed(n, false);
	} else if (!strcmp(w[0], "nsec") && nr == 3) {
		n->st.st_mtim.tv_nsec = strtol(w[2], NULL, 10);
	} else if (!strcmp(w[0], "many") && nr == 3) {
		make_many(n, strtoul(w[2], NULL, 10));
	} else if (!strcmp(w[0], "touch")) {
		node_changed(n, true);
	} else if (!strcmp(w[0], "rm")) {
		return tree_remove(dir, last, S_ISDIR(n->st.st_mode)) ? "cannot" : NULL;
	} else if (!strcmp(w[0], "retarget") && nr == 3) {
		free(n->target);
		n->target = strdup(w[2]);
		n->st.st_size = strlen(w[2]);
		node_changed(n, true);
	} else if (!strcmp(w[0], "setx") && nr == 4) {
		set_xattr(n, w[2], w[3], strlen(w[3]));
	} else if (!strcmp(w[0], "rmx") && nr == 3) {
		return remove_xattr(n, w[2]) ? "no such xattr" : NULL;
	} else if ((!strcmp(w[0], "mv") || !strcmp(w[0], "ln")) && nr == 3) {
		n2 = resolve(w[2], &dir2, &last2);
		if (!dir2)
			return "no directory";
		if (w[0][0] == 'm')
			return tree_rename(dir, last, dir2, last2, 0) ? "cannot" : NULL;
		if (n2)
			return "exists";
		n->st.st_nlink++;
		node_changed(n, false);
		add_entry(dir2, last2, n);
	} else {
		return "unknown command";
	}
	return NULL;
}

static int notify_epoch(void)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = 8 };

	return write(fuse_session_fd(session), &out, sizeof(out)) < 0 ? -errno : 0;
}

static int notify_prune(const char *path)
{
	struct {
		struct fuse_out_header header;
		uint32_t count, padding;
		uint64_t spare, nodeid;
	} out = {
		.header = { .len = sizeof(out), .error = 9 },
		.count = 1,
		.nodeid = id_of(path),
	};

	return write(fuse_session_fd(session), &out, sizeof(out)) < 0 ? -errno : 0;
}

static int notify_store(const char *path, off_t off, char *text)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(strlen(text));

	buf.buf[0].mem = text;
	return fuse_lowlevel_notify_store(session, id_of(path), off, &buf, 0);
}

/* Without the lock: the kernel may ask us meanwhile. */
static bool notify_command(char **w, int nr, int *err)
{
	if (!strcmp(w[0], "inval") && nr == 4)
		*err = fuse_lowlevel_notify_inval_inode(session, id_of(w[1]), atol(w[2]),
							atol(w[3]));
	else if (!strcmp(w[0], "entry") && nr == 3)
		*err = fuse_lowlevel_notify_inval_entry(session, id_of(w[1]), w[2],
							strlen(w[2]));
	else if (!strcmp(w[0], "expire") && nr == 3)
		*err = fuse_lowlevel_notify_expire_entry(session, id_of(w[1]), w[2],
							 strlen(w[2]));
	else if (!strcmp(w[0], "delete") && nr == 4)
		*err = fuse_lowlevel_notify_delete(session, id_of(w[1]), atol(w[3]), w[2],
						   strlen(w[2]));
	else if (!strcmp(w[0], "store") && nr == 4)
		*err = notify_store(w[1], atol(w[2]), w[3]);
	else if (!strcmp(w[0], "epoch"))
		*err = notify_epoch();
	else if (!strcmp(w[0], "prune") && nr == 2)
		*err = notify_prune(w[1]);
	else
		return false;
	return true;
}

/* Commands about the daemon itself. With the lock held. */
static bool own_command(char **w, int nr, char *out, size_t size, const char **error)
{
	unsigned int slot = nr > 1 ? strtoul(w[1], NULL, 0) % SLOTS : 0;
	struct timespec until = now();
	size_t len = 0;
	int i;

	if (!strcmp(w[0], "counts")) {
		for (i = 0; i < 64; i++)
			if (counts[i])
				len += snprintf(out + len, size - len, "%s=%lu ",
						opcodes[i] ?: "OTHER", counts[i]);
	} else if (!strcmp(w[0], "bad")) {
		snprintf(out, size, "%lu", bad);
	} else if (!strcmp(w[0], "ttl") && nr == 4) {
		entry_ttl = atof(w[1]);
		attr_ttl = atof(w[2]);
		negative_ttl = atof(w[3]);
	} else if (!strcmp(w[0], "refuse") && nr == 2) {
		refused = atol(w[1]);
	} else if (!strcmp(w[0], "checks") && nr == 2) {
		checks = atoi(w[1]);
	} else if (!strcmp(w[0], "caller") && nr == 2) {
		caller = atoi(w[1]);
	} else if (!strcmp(w[0], "reuse") && nr == 2) {
		reuse = atoi(w[1]);
		if (!reuse)
			nr_given_up = 0;
	} else if (!strcmp(w[0], "handles") && nr == 3) {
		next_handle = atol(w[1]);
		handle_step = atol(w[2]);
	} else if (!strcmp(w[0], "blocks") && nr == 2) {
		free_blocks = atol(w[1]);
	} else if (!strcmp(w[0], "hold") && nr >= 4) {
		for (i = 0; i < 64; i++)
			if (opcodes[i] && !strcmp(opcodes[i], w[2]))
				break;
		if (i == 64 || holds[slot].state != IDLE) {
			*error = "no such opcode, or slot in use";
			return true;
		}
		holds[slot].opcode = i;
		holds[slot].late = !strcmp(w[3], "late");
		snprintf(holds[slot].name, sizeof(holds[slot].name), "%s", nr > 4 ? w[4] : "");
		holds[slot].state = ARMED;
	} else if (!strcmp(w[0], "held")) {
		until.tv_sec += 20;
		while (holds[slot].state != HELD && !*error)
			if (pthread_cond_timedwait(&changed, &lock, &until))
				*error = "nothing came";
	} else if (!strcmp(w[0], "release")) {
		if (holds[slot].state == HELD)
			holds[slot].state = RELEASED;
		else
			holds[slot].state = IDLE;
		pthread_cond_broadcast(&changed);
	} else {
		return false;
	}
	return true;
}

static void command(char *line, char *out, size_t size)
{
	char *w[5] = { "", "", "", "", "" }, *save;
	const char *error = NULL;
	char text[4096] = "";
	int nr = 0, err = 0;

	for (; nr < 5; nr++) {
		w[nr] = strtok_r(nr ? NULL : line, " \n", &save);
		if (!w[nr])
			break;
	}
	if (!nr) {
		error = "no command";
	} else if (notify_command(w, nr, &err)) {
		error = err ? strerror(-err) : NULL;
	} else {
		pthread_mutex_lock(&lock);
		if (!own_command(w, nr, text, sizeof(text), &error))
			error = nr > 1 ? tree_command(w, nr, text, sizeof(text)) : "unknown";
		pthread_mutex_unlock(&lock);
	}
	if (error)
		snprintf(out, size, "error %s", error);
	else
		snprintf(out, size, "ok %s", text);
}

static void *async_command(void *line)
{
	char out[4200];

	command(line, out, sizeof(out));
	free(line);
	return NULL;
}

static void *script(void *unused)
{
	char line[4200], out[4200];
	pthread_t thread;

	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "async ", 6)) {
			pthread_create(&thread, NULL, async_command, strdup(line + 6));
			pthread_detach(thread);
			strcpy(out, "ok");
		} else {
			command(line, out, sizeof(out));
		}
		printf("%s\n", out);
		fflush(stdout);
	}
	fuse_session_exit(session);
	return NULL;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_loop_config *config;
	pthread_t thread;
	int i, err = 1;

	fuse_opt_add_arg(&args, argv[0]);
	for (i = 1; i < argc - 1; i++) {
		if (!strcmp(argv[i], "--writeback"))
			writeback = true;
		else if (!strcmp(argv[i], "--no-auto-inval"))
			no_auto_inval = true;
		else
			fuse_opt_add_arg(&args, argv[i]);
	}
	if (argc < 2)
		return 2;
	root = node_new(S_IFDIR | 0777, 0, 0);
	root->id = FUSE_ROOT_ID;
	by_id[root->id] = root;

	session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	if (!session || fuse_session_mount(session, argv[argc - 1]))
		return 1;
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_max_threads(config, 32);
	fuse_loop_cfg_set_idle_threads(config, 32);
	pthread_create(&thread, NULL, script, NULL);
	err = fuse_session_loop_mt(session, config);
	fuse_session_unmount(session);
	/* no fuse_session_destroy(): a thread may be in a notification */
	return err ? 1 : 0;
}
