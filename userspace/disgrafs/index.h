/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index: the files of the tree, which tags they have, and where they are.
 * SQLite in LOWER/.disgrafs/index.db, or PostgreSQL for several machines that share
 * LOWER, if LOWER/.disgrafs/database says so.
 *
 * Everything in it is derived from the tree, and every function that changes it
 * looks at the tree, under the index's write lock, for what is true now; its
 * arguments only say where to look. So it does not matter in which order
 * concurrent changes report themselves: the last to look sees them all.
 *
 * A file is its inode, and has one or more names. So a rename, also of a
 * directory, is one row.
 *
 * Functions return 0 or -errno unless they say otherwise; index_error() then has
 * the sentence. One handle may be used by several threads.
 */
#ifndef DISGRAFS_INDEX_H
#define DISGRAFS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "expr.h"

#define INDEX_DIR ".disgrafs"
/* Virtual. What has this name in LOWER cannot be seen in the mount. */
#define GRAPH_DIR ".graph"

/* What is not in the index of what is in the root. */
static inline bool index_leaves_out(const char *name)
{
	return !strcmp(name, INDEX_DIR) || !strcmp(name, GRAPH_DIR);
}

struct tagindex;

enum index_flags {
	INDEX_READ	= 0,
	INDEX_WRITE	= 1 << 0,
	INDEX_CREATE	= 1 << 1,	/* and replace one that is damaged */
	INDEX_LATER	= 1 << 2,	/* the database may be away: -EHOSTDOWN until it is there */
	INDEX_PATIENT	= 1 << 3,	/* no file operation waits, so others that write may */
	INDEX_RESET	= 1 << 4,	/* empty it, whoever has it open; not one that is shared */
};

/* What index_open() found, and others since. */
enum index_state {
	INDEX_NEW	= 1 << 0,	/* created, or replaced a damaged one */
	INDEX_UNCLEAN	= 1 << 1,	/* its last server did not end properly */
	INDEX_STALE	= 1 << 2,	/* a change could not be recorded */
};

/* A name in a directory, which is an open descriptor of any kind. */
struct index_name {
	int dir;
	const char *name;
};

/* What is not 0 ends the enumeration and is its result. */
typedef int (*index_tag_fn)(const char *tag, uint64_t files, void *arg);
/* @ino: of the file; @path: below the root, without a leading slash. */
typedef int (*index_path_fn)(uint64_t ino, const char *path, void *arg);
/* @type: S_IFMT bits */
typedef int (*index_child_fn)(const char *name, unsigned int type, void *arg);

/* A typed link, seen from one end. */
struct index_link {
	const char *relation;
	const char *path;	/* of the other end, below the root */
	uint64_t ino;		/* of that, or 0 */
	bool from;		/* it is the other end that has the link */
	bool missing;		/* nothing is there */
};

typedef int (*index_link_fn)(const struct index_link *link, void *arg);
enum related_why {
	RELATED_TAG	= 1 << 0,	/* shares tags */
	RELATED_LINK	= 1 << 1,
	RELATED_STEM	= 1 << 2,	/* has the same name but for the extension */
	RELATED_DIR	= 1 << 3,	/* is in the same directory */
	RELATED_CONTENTS = 1 << 4,	/* has the same contents */
	RELATED_FACT	= 1 << 5,	/* has the same author, album, camera... */
	RELATED_KEYWORD	= 1 << 6,
	RELATED_FACT_0	= 1 << 8,	/* and on: which facts, see index_shared_fact() */
};

struct index_related {
	const char *path;	/* below the root */
	uint64_t ino;
	double score;
	unsigned int tags;	/* that they share */
	unsigned int why;
};

typedef int (*index_related_fn)(const struct index_related *related, void *arg);
/* What happened to the file at @path, which is where it was before. */
enum index_change_kind {
	INDEX_MADE,		/* it has this name now, perhaps beside others */
	INDEX_REMOVED,		/* it has not any more */
	INDEX_RENAMED,		/* what: where it is now; what was there is gone */
	INDEX_TAGGED,		/* what: the tag */
	INDEX_UNTAGGED,
	INDEX_LINKED,		/* what: the relation; target: its path */
	INDEX_UNLINKED,
};

struct index_change {
	enum index_change_kind kind;
	const char *path;
	const char *what;
	const char *target;
};

typedef void (*index_change_fn)(const struct index_change *change, void *arg);

/* How far a rebuild is. @total: 0 if nobody counted. @passed: of @files, by another before. */
struct index_progress {
	uint64_t total, files, tagged, passed;
};

typedef void (*index_progress_fn)(const struct index_progress *progress, void *arg);

#define INDEX_URL_MAX 2048
/* What a sentence about an error may have; it may name a file. */
#define INDEX_ERROR_MAX 1024

/* The directory of the index. It is trusted, so it must be ours and nobody else's: -1, EPERM. */
int index_open_dir(int root, unsigned int flags);
/* Puts into @url (INDEX_URL_MAX) where the index of @root is. 0: in SQLite; 1; -errno. */
int index_database(int root, char *url, size_t size);
/* @url: of PostgreSQL, for all who open the index from now on; "": SQLite. 0 or -errno. */
int index_set_database(int root, const char *url);
/* @root: descriptor of LOWER, of any kind; stays the caller's. NULL with errno. */
struct tagindex *index_open(int root, unsigned int flags);
void index_close(struct tagindex *index);
/* The same; index_error(NULL) then says what index_error(@index) did. */
void index_close_failed(struct tagindex *index);
/* The sentence for the last error on @index, or with NULL of index_open() in this thread. */
const char *index_error(struct tagindex *index);
/* Make it this one. */
void index_say(struct tagindex *index, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
unsigned int index_state(struct tagindex *index);
/* There is a change that was not recorded, and no rebuild has begun since. */
bool index_is_marked(struct tagindex *index);
/* Connects to the database if it was away. 0 or -errno. */
int index_reach(struct tagindex *index);
/* What the tree is called there, or NULL: no other machine sees this index. */
const char *index_tree(struct tagindex *index);
/* Whether somebody, not only this handle, could not record a change. */
bool index_needs_rebuild(struct tagindex *index);
/*
 * Somebody has removed the file of the index, or its directory, or put another in its place,
 * or emptied it. What is opened is always asked, and never written to, until it is followed:
 * by whatever changes the index, by index_version(), and by:
 */
bool index_is_lost(struct tagindex *index);
/* Opens what is there now; who serves it makes it if need be. 1: so it was. 0 or -errno. */
int index_follow(struct tagindex *index);
/* It has been followed since this was asked last, and lacks what was recorded before. */
bool index_was_followed(struct tagindex *index);
/* A change will never be recorded: what is there is stale. */
void index_mark_stale(struct tagindex *index);

/*
 * Says that a server keeps the index from now on; closing ends it. Until then,
 * and after a crash, the index is unclean.
 */
int index_serve(struct tagindex *index);
/* -EUCLEAN: something in it is damaged, which nobody may have met yet. Not of a shared one. */
int index_verify(struct tagindex *index);

/*
 * The file @fd (of any kind) and its tags are recorded anew, and of the @names
 * those that it really has. Needs no names for a directory.
 */
int index_sync_file(struct tagindex *index, int fd, const struct index_name *names, size_t count);
/* The @names went away, appeared, or are other files than before: all those of one operation. */
int index_sync_names(struct tagindex *index, const struct index_name *names, size_t count);
/* The file @name in @dir was just made: what is recorded of its inode number is not its own. */
int index_made(struct tagindex *index, int dir, const char *name);
/* A tag without files that is shown nevertheless. -EEXIST: there is one. */
int index_tag_keep(struct tagindex *index, const char *tag);
/* The end of such a tag. -ENOTEMPTY: it has files; -ENOENT. */
int index_tag_drop(struct tagindex *index, const char *tag);
/* Several of the above as one transaction, in which nobody else writes. */
int index_batch_begin(struct tagindex *index);
int index_batch_end(struct tagindex *index);

/*
 * From now on @fn (NULL: nobody) is told what is recorded through this handle, once it
 * is committed. It must not use the index.
 */
void index_watch(struct tagindex *index, index_change_fn fn, void *arg);

/* A number that changes when the index does. */
uint64_t index_version(struct tagindex *index);
/* All tags that begin with @prefix, by name. */
int index_tags(struct tagindex *index, const char *prefix, index_tag_fn fn, void *arg);
/* 1: it has files, or is kept. 0 or -errno. */
int index_tag_exists(struct tagindex *index, const char *tag);
/* The paths of the files that have all of @tags. */
int index_find(struct tagindex *index, const char *const *tags, size_t count, index_path_fn fn,
	       void *arg);
/* Those that have any of @tags. */
int index_find_any(struct tagindex *index, const char *const *tags, size_t count, index_path_fn fn,
		   void *arg);
/* Those that match the find expression, see expr.h. -EINVAL with *@error: it is none. */
int index_search(struct tagindex *index, const char *expression, struct expr_error *error,
		 index_path_fn fn, void *arg);
/* The other tags that files with all of @tags have, and how many of them. */
int index_narrow(struct tagindex *index, const char *const *tags, size_t count, index_tag_fn fn,
		 void *arg);

/* The type (S_IFMT bits) of what is at @path below the root, 0 (nothing), or -errno. */
int index_path_type(struct tagindex *index, const char *path);
/* What is in the directory @path. */
int index_children(struct tagindex *index, const char *path, index_child_fn fn, void *arg);
/* The links of the file at @path, then those to it. */
int index_links(struct tagindex *index, const char *path, index_link_fn fn, void *arg);

/* The tags of the file at @path, in their order. */
int index_file_tags(struct tagindex *index, const char *path, index_tag_fn fn, void *arg);
/* The @max files that have most to do with the one at @path, the best first. -ENOENT. */
int index_related(struct tagindex *index, const char *path, size_t max, index_related_fn fn,
		  void *arg);

/*
 * The same by only those features that @why has, and scores of these alone. What is not
 * asked for is not looked at.
 */
int index_related_by(struct tagindex *index, const char *path, unsigned int why, size_t max,
		     index_related_fn fn, void *arg);
/* The key of the fact of RELATED_FACT_0 << @i, or NULL behind the last. */
const char *index_shared_fact(unsigned int i);

/* Something that was found in a file, both parts UTF-8. */
struct index_fact {
	const char *key, *value;
	double weight;		/* of a keyword, otherwise 0 */
};

/* What a file is about, @weight: how much, up to 1. */
struct index_keyword {
	const char *word;
	double weight;
};

/* What was found in one, and the beginning of its text. */
struct index_findings {
	struct index_fact *fact;
	size_t count;
	struct index_keyword *keyword;
	size_t keywords;
	const char *text;
	size_t text_size;
};

/* A file to look at. */
struct index_job {
	int64_t node;
	int fd;			/* open for reading, or -1: cannot be opened */
	int err;		/* why, an errno; 0: it is not there any more */
	struct stat st;		/* as it was then */
	char name[256];		/* one of its names */
};

typedef int (*index_fact_fn)(const struct index_fact *fact, void *arg);

/* The file @fd, of any kind, was written to: it is to be looked at if it has changed. */
int index_look_at(struct tagindex *index, int fd);
/* So are all files that never were. */
int index_look_at_new(struct tagindex *index);
/*
 * The next to be looked at behind the node of @job, 0 at first. 1, and the caller
 * closes the file; 0: there is none. It stays one to be looked at until index_found().
 */
int index_next_job(struct tagindex *index, struct index_job *job);
/*
 * Records what was found, unless the file has changed meanwhile, or could not be opened for
 * a reason that may pass: then it stays one to be looked at.
 */
int index_found(struct tagindex *index, const struct index_job *job,
		const struct index_findings *found);
/*
 * What was found in the file at @path, keywords last and the best of them first, weighed
 * by how few other files have them. -ENOENT.
 */
int index_facts(struct tagindex *index, const char *path, index_fact_fn fn, void *arg);
/* Tags that the file of the job could have by what was found in it, to be freed. */
struct tags;
int index_suggest_tags(struct tagindex *index, const struct index_job *job, struct tags *tags);
/* These are the automatic ones that it has now. */
int index_set_auto(struct tagindex *index, const struct index_job *job,
		   const struct tags *automatic);
/* The number of the last rebuild, or 0 while one is under way or needed. */
int64_t index_generation(struct tagindex *index);
/* No file was ever looked at. */
int index_forget_facts(struct tagindex *index);

/*
 * Between the two everything that is synced is marked; what was not is dropped
 * at the end. For index_rebuild(). @resume: index_sync_file() passes by what a walk that
 * was begun and not ended has recorded, unless its ctime is later than that beginning.
 */
int index_generation_begin(struct tagindex *index, bool resume, int64_t *generation);
int index_generation_end(struct tagindex *index, int64_t generation);
/* Instead, if something could not be looked at: nothing is dropped, and nobody goes on with it. */
int index_generation_give_up(struct tagindex *index);
/* How many files were passed by. */
uint64_t index_passed(const struct tagindex *index);

/*
 * Makes the index anew from the tree, beside whoever keeps it up to date. May
 * take long; @progress (or NULL) is called now and then. If something in the tree cannot be
 * looked at, the rest is, and the index stays stale. index_error(NULL) has the sentence.
 */
int index_rebuild(int root, index_progress_fn progress, void *arg);
/*
 * The same, going on where one stopped that did not come to its end. @count: the names first,
 * so that there is a total.
 */
int index_rebuild_resume(int root, bool count, index_progress_fn progress, void *arg);

/* What index_check() found. */
struct index_check {
	uint64_t files;		/* looked at */
	uint64_t problems;	/* where index and tree differ */
	uint64_t unreadable;	/* files and directories that could not be looked at */
	uint64_t links;
	uint64_t missing;	/* that lead nowhere */
	uint64_t outdated;	/* whose attribute has another path or reference than the target */
};

/* @err: not 0 if @path could not be looked at, and why; @problem: otherwise. */
typedef int (*index_problem_fn)(const char *path, const char *problem, int err, void *arg);

/*
 * Compares the index with the tree and calls @fn (or NULL) for each difference, and for
 * what cannot be compared.
 * What changes meanwhile may be one. @repair_links: brings the attributes of links
 * up to date.
 */
int index_check(struct tagindex *index, bool repair_links, struct index_check *result,
		index_problem_fn fn, void *arg);

struct index_stats {
	uint64_t files, directories, names;
	uint64_t tagged;	/* files and directories */
	uint64_t tags, taggings;
	uint64_t links, unresolved;
	uint64_t bytes;
};

int index_stats(struct tagindex *index, struct index_stats *stats);

#endif
