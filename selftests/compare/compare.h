/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random operations, and mounts that should look alike.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define SIDES 3
#define SLOTS 6
#define PATH 64
#define USER 1000		/* who is not root */

/* A tree as it is seen in one way. */
struct side {
	const char *at;		/* where, for messages */
	int dir;
	int lower;		/* the directory below, whose times are the truth, or -1 */
	int fd[SLOTS];		/* open files, or -1 */
};

/* What differs between daemons, see compare.sh. */
struct kind {
	bool paths;		/* the daemon's inodes are names: no lasting second links */
	bool acts;		/* by name, as the caller, who may not get there */
	bool follows;		/* it changes a link's target for the link */
	bool statfs;		/* statfs() says the same of trees that are the same */
	bool blocks;		/* so does st_blocks */
	bool links;		/* st_nlink is that of the lower file */
	bool ctime;		/* so is ctime */
	bool set_ids;		/* set-user-ID and set-group-ID go by who writes */
	bool users;		/* it tells users apart that ask at the same time */
};

enum what {
	STAT, STAT_FOLLOW, STATX, OPEN, CLOSE, READ, PREAD, WRITE, PWRITE, MAP_WRITE, FTRUNCATE,
	TRUNCATE, FALLOCATE, COPY_RANGE, RENAME, LINK, UNLINK, SYMLINK, READLINK, MKDIR, RMDIR,
	MKFIFO, CHMOD, CHOWN, UTIMENS, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, ACCESS, READDIR,
	STATFS, FSYNC, FSTAT, FCHMOD, FCHOWN, FUTIMENS, FSETXATTR, FGETXATTR, GET, PUT, LSEEK, DROP,
	OPERATIONS
};

struct op {
	enum what what;
	bool user;		/* done as USER */
	char path[PATH], to[PATH];
	int slot, other;
	int flags;		/* of open(), renameat2(), fallocate(), access(), setxattr() */
	int mode, uid, gid;
	long off, to_off, len;
	struct timespec times[2];
	int attr, value;
	unsigned char fill;
};

/* How an operation ended, or how a file looks. */
struct outcome {
	long ret;
	int err;
	uint64_t digest;	/* of data, names, or values */
	bool has_stat;
	struct stat st;
	char text[400];		/* the data, as far as it is short and can be printed */
};

void side_init(struct side *side, char *at);
void kind_init(struct kind *kind, const char *letters);

uint64_t draw_bits(uint64_t *seed);
void draw(uint64_t *seed, const struct kind *kind, struct op *op);
void carry_out(struct side *side, const struct kind *kind, const struct op *op,
	       struct outcome *out);
void describe(const struct op *op, char *to, size_t size);
bool changes(const struct op *op);
bool has_slot(const struct op *op);
bool has_path(const struct op *op);
bool has_two_paths(const struct op *op);

void look(const struct side *side, const char *path, struct outcome *out);
void look_open(const struct side *side, int slot, struct outcome *out);
bool same_outcome(const struct kind *kind, const struct outcome *a, const struct outcome *b,
		  const char *at, const char *what);
bool true_times(const struct kind *kind, const struct side *plain, const struct outcome *a,
		const struct side *side, const struct outcome *b, const char *path);
bool same_tree(const struct kind *kind, const struct side *sides, int n, bool truth,
	       unsigned int *files);

#endif
