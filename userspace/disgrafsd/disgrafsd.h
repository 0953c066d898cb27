/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of disgrafsd share: the state of the one file system that a
 * daemon serves, and the operations that ops.c puts into the table.
 */
#ifndef DISGRAFSD_H
#define DISGRAFSD_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <extfuse.h>
#include "node.h"
#include "options.h"

/* Names in the root of LOWER and of the mount that are not files of the tree. */
#define INDEX_DIR_NAME ".disgrafs"
#define GRAPH_NAME ".graph"
/* On .graph and on the root, not listed: how the disgrafs command finds LOWER. */
#define LOWER_XATTR "user.disgrafs.lower"
/* On .graph, likewise: how many files were looked at ahead, and then opened. */
#define PREFETCH_XATTR "user.disgrafs.prefetch"

struct policy;
struct graph;
struct tagindex;

struct disgrafsd {
	struct options opt;
	struct fuse_session *se;
	struct node_table nodes;
	struct policy *policy;		/* NULL: no module */
	struct tagindex *index;		/* NULL: no index */
	struct graph *graph;
	bool multiuser;			/* runs as root and acts for the caller */
	bool far;			/* asking LOWER takes long: see file.c */
	bool passthrough;		/* negotiated with the kernel */
	bool stateless_dirs;		/* see dir.c */
	bool shared;			/* others may serve LOWER as well: see peers.c */
	_Atomic bool cut_off;		/* and we do not hear of their changes */
};

/* How long the kernel may keep what it is told now. */
static inline double fs_ttl(const struct disgrafsd *fs)
{
	return fs->cut_off ? 0 : fs->opt.ttl;
}

static inline struct disgrafsd *get_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* "/proc/self/fd/N": the only kind of path that the daemon ever gives away. */
struct fd_path {
	char path[sizeof("/proc/self/fd/-2147483648")];
};

struct fd_path fd_path(int fd);

/* ops.c */
extern const struct fuse_lowlevel_ops disgrafsd_ops;
/* The node of a request, or NULL after the request was answered with an error. */
struct node *req_node(fuse_req_t req, fuse_ino_t ino);
/* True after @req was answered because @name in @parent is not for the tree. */
bool refuse_name(fuse_req_t req, const struct node *parent, const char *name);
/*
 * Fills @e for @fd, an O_PATH descriptor found as @name (NULL: no name) in
 * @parent, and consumes it. Returns the node with a reference, or NULL with errno.
 */
struct node *entry_fill(struct disgrafsd *fs, const struct node *parent, const char *name, int fd,
			struct fuse_entry_param *e);
/* The same for the name itself. */
struct node *entry_find(struct disgrafsd *fs, const struct node *parent, const char *name,
			struct fuse_entry_param *e);
/* fstat as the mount shows it: inode numbers are unique across lower devices. */
int node_stat(struct disgrafsd *fs, struct node *node, struct stat *st);

/* creds.c: files are made as the caller. Pairs; errno survives creds_leave(). */
void creds_enter(fuse_req_t req);
void creds_leave(fuse_req_t req);
int creds_init(struct disgrafsd *fs);
bool creds_in_group(fuse_req_t req, gid_t gid);
/* Whether the caller may write to the file, where the kernel has not checked. */
bool creds_may_write(fuse_req_t req, int fd, const struct stat *st);
/* Whether the caller may search each directory on the way from @root to @path. */
bool creds_may_reach(fuse_req_t req, int root, const char *path);

/* file.c */
/*
 * A descriptor for one operation on @node: the handle's, or if that is
 * EXTFUSE_FH_NONE one of its own, opened with @flags, in *@temp as well (else
 * -1), which the caller closes. -1 with errno on failure.
 */
int file_fd(const struct node *node, const struct fuse_file_info *fi, int flags, int *temp);
/* Before a name of @node goes: who has it open without a descriptor of ours, can read on. */
void file_keep(struct disgrafsd *fs, struct node *node);
void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi);
void file_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);
void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void file_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		    struct fuse_file_info *fi);
void file_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	       struct fuse_pollhandle *ph);
void file_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void file_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void file_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		    struct fuse_file_info *fi);
void file_copy_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
		     fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
		     int flags);
void file_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);

/* dir.c */
bool dir_offsets_are_stable(int fd);
void dir_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dir_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void dir_readplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi);
void dir_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dir_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

/* xattr.c */
void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	       int flags);
void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size);
void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name);

/* backing.c */
/*
 * Makes an open of @node reply with its backing id, registering it first if
 * need be. @fd is an open descriptor of it. Without passthrough the reply is
 * for cached I/O; if registering fails, for direct I/O.
 */
void backing_open(struct disgrafsd *fs, struct node *node, int fd, struct fuse_file_info *fi);
/* Makes an open of @node for reading reply without a handle, for cached I/O. */
void backing_open_far(struct disgrafsd *fs, struct node *node, struct fuse_file_info *fi);
void backing_release(struct node *node, void *fs);

/* lower.c */
/*
 * An O_PATH descriptor of the lower directory, locked until the process ends, or -1
 * after saying why not. @shared: other servers are allowed. If nothing is to be mounted it
 * is not locked, and no index chosen.
 */
int lower_open(const struct options *opt, bool *shared);
/* The same lock once more, where its directory was replaced. */
void lower_lock_again(const struct disgrafsd *fs);
/* The file system is of one of @count @types, in terms of statfs(2). */
bool lower_is_one_of(int fd, const unsigned int *types, size_t count);
/* It is on overlayfs or the like. */
bool lower_is_stacked(int fd);
/* It is on a file system that asks others, as those of networks do, and FUSE. */
bool lower_is_far(int fd);
bool lower_is_fuse(int fd);

/* background.c */
/*
 * Returns in the daemon-to-be alone, or -errno. The caller's process ends when the
 * daemon is ready, or with it.
 */
int background_start(const struct options *opt);
/* Leaves whoever started the daemon; nothing in the foreground. */
void background_ready(void);

/* log.c: to stderr until log_to_syslog(). */
void log_to_syslog(void);
void log_msg(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
