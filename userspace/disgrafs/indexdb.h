/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the index share: the handle, its statements, transactions.
 * index.c opens and keeps it, record.c writes what is true in the tree, query.c
 * and the files beside it ask.
 */
#ifndef DISGRAFS_INDEXDB_H
#define DISGRAFS_INDEXDB_H

#include "index.h"

#include <pthread.h>

#include "db.h"

#define ROOT_NODE 1

enum statement {
	ST_META_GET,
	ST_META_SET,
	ST_NODE_FIND,
	ST_NODE_ADD,
	ST_NODE_DROP,
	ST_DIR_FIND,
	ST_NAME_ADD,
	ST_NAME_FIND,
	ST_NAME_SEEN,
	ST_NAME_DROP,
	ST_NAME_DROP_OTHERS,
	ST_NAME_COUNT,
	ST_NAMELESS,
	ST_NAME_OF,
	ST_TAG_ADD,
	ST_TAG_KEEP,
	ST_TAG_DROP,
	ST_TAG_FIND,
	ST_TAG_SHOWN,
	ST_TAG_COUNT,
	ST_TAGS,
	ST_TAGS_BETWEEN,
	ST_FILE_TAG_ADD,
	ST_FILE_TAG_ANY,
	ST_FILE_TAG_DROP,
	ST_LINK_ADD,
	ST_LINK_ANY,
	ST_LINK_DROP,
	ST_LINK_NEXT,
	ST_LINK_TARGET,
	ST_LINKS_FROM,
	ST_LINKS_TO,
	ST_LINKS_LOST,
	ST_CHILDREN,
	ST_NODE_TYPE,
	ST_NODE_INO,
	ST_LAST_NODE,
	ST_TAG_NODES,
	ST_NODE_TAGS,
	ST_NODE_TAGS_BY_FILES,
	ST_FILE_HAS_TAG,
	ST_NAMES_OF,
	ST_STEM_NODES,
	ST_DIR_NODES,
	ST_LINKED_NODES,
	ST_SAME_CONTENTS,
	ST_LOOK_AGAIN,
	ST_LOOK_AT,
	ST_LOOK_AT_NEW,
	ST_LOOK_NEXT,
	ST_LOOKED,
	ST_LOOKED_ANY,
	ST_FACTS,
	ST_FACT_ADD,
	ST_FACT_DROP,
	ST_FORGET_LOOKED,
	ST_FORGET_FACTS,
	ST_FORGET_TEXT,
	ST_TEXT_ADD,
	ST_TEXT_DROP,
	ST_TRAIT_ADD,
	ST_TRAIT_FILES,
	ST_TRAIT_NODES,
	ST_FILE_TRAIT_ADD,
	ST_FILE_TRAIT_DROP,
	ST_FILE_AUTO_DROP,
	ST_NODE_TRAITS,
	ST_NODE_AUTO,
	ST_KEYWORD,
	ST_FORGET_TRAITS,
	ST_SWEEP_TRAITS,
	ST_SWEEP_NAMES,
	ST_SWEEP_NODES,
	ST_SWEEP_TAGS,
	NR_STATEMENTS
};

/* What the databases do not have in common. */
struct sql_dialect {
	const char *sql[NR_STATEMENTS];	/* statements that are another */
	const char *in_order;		/* the JOIN that is done as it is written */
	const char *after_term;		/* of a condition, which means nothing */
	const char *text_nodes;		/* which nodes have the words; one %d, the parameter */
	size_t text_part;		/* bytes of a text that one row may have, or 0: any */
	bool sees_files;		/* it calls us to look at them; see find.c */
};

struct change;

struct changes {
	index_change_fn fn;		/* NULL: nobody wants to know */
	void *arg;
	struct change *first, *last;	/* of the transaction under way */
};

struct nodes {
	int64_t *id;
	size_t count, room;
};

struct tagindex {
	struct db *db;
	const struct sql_dialect *dialect;
	struct db_stmt *stmt[NR_STATEMENTS];
	pthread_mutex_t lock;		/* recursive: batches */
	unsigned int depth;		/* of transactions */
	int root, dir;			/* LOWER and LOWER/.disgrafs */
	dev_t root_dev;
	ino_t root_ino;
	dev_t db_dev;			/* of SQLite's file when it was opened */
	ino_t db_ino, log_ino;		/* 0: it has no write-ahead log */
	unsigned int followed;		/* how often it was another one then */
	bool was_followed;
	unsigned int state;
	bool writable, serving;
	bool shared;			/* with other machines: PostgreSQL */
	bool creates, patient;
	char tree[33];			/* its id there */
	bool walking;			/* finds every name in the end */
	int64_t walk_began;		/* in ns, or 0: it goes on with no other */
	int64_t walk_generation;
	uint64_t passed;
	struct changes changes;
	struct nodes nameless;		/* perhaps: lost a name in the transaction under way */
	char error[INDEX_ERROR_MAX];
};

/*
 * Around what asks many times, with the lock: an answer of which a part failed, and was
 * left out, is none. ask_end() returns @ret, or that failure's -errno.
 */
unsigned int ask_begin(struct tagindex *index);
int ask_end(struct tagindex *index, unsigned int begun, int ret);
/* Set the sentence and return -errno. */
int db_failed(struct tagindex *index);
int failed(struct tagindex *index, int err);

struct db_stmt *statement(struct tagindex *index, enum statement which);
/*
 * Steps a statement with up to three integers bound, and a name in place of the
 * second if there is one. Returns 1 with a row (column 0 in @value if not NULL),
 * 0 without, or -errno.
 */
int run(struct tagindex *index, enum statement which, int64_t a, const char *name, int64_t b,
	int64_t c, int64_t *value);
int run1(struct tagindex *index, enum statement which, int64_t a);
/* Like run() with the bytes of a tag as its only parameter. */
int run_tag(struct tagindex *index, enum statement which, const char *tag, int64_t *value);

int meta_get(struct tagindex *index, const char *key, int64_t *value);
int meta_set(struct tagindex *index, const char *key, int64_t value);

/* A change of the tree that is not in the index: only a rebuild finds it again. */
void mark_stale(struct tagindex *index);
/* index_follow(), with the lock. */
int follow(struct tagindex *index);
/* A transaction, for those who do not count them: 0 or -errno. */
int db_start(struct tagindex *index);
/* Commits, or undoes all if @ret, how it went, is a failure. 0 or -errno. */
int db_end(struct tagindex *index, int ret);
/* Ends what index_batch_begin() began. @ret: how it went; a failure undoes all of it. */
int end(struct tagindex *index, int ret);

/* The only value that @query asks for, NULL or none: 0. 0 or -errno. */
int db_ask(struct tagindex *index, const char *query, int64_t *value);
/* What each opening and each new connection begins with. */
int index_ready(struct tagindex *index);

/* pgindex.c */
int pg_index_open(struct tagindex *index, const char *url, unsigned int flags);
uint64_t pg_index_bytes(struct tagindex *index);

/* sqliteindex.c */
int sqlite_index_open(struct tagindex *index, unsigned int flags);
int sqlite_index_verify(struct tagindex *index);
/* Its server has not ended: on disk, because the changes that it may lack then are as well. */
int sqlite_index_set_unclean(struct tagindex *index);
/* Nothing is lost: it says what the files say. */
void sqlite_index_remove(struct tagindex *index);
bool sqlite_index_exists(const struct tagindex *index);
/* Its file is not at its path, or empty. */
bool sqlite_index_is_lost(struct tagindex *index);
/* That is there, but not the write-ahead log that we write to. */
bool sqlite_index_log_is_lost(struct tagindex *index);
/* The database is another handle's. */
void sqlite_index_adopt(struct tagindex *index);
uint64_t sqlite_index_bytes(struct tagindex *index);

int64_t time_ns(const struct timespec *time);
int64_t mtime_ns(const struct stat *st);

struct tags;
struct links;
/*
 * change.c: each is called before what it is about is recorded. @only_name: that of a
 * file with no other.
 */
void change_name(struct tagindex *index, int64_t parent, const char *name, int64_t id,
		 bool only_name);
void change_name_gone(struct tagindex *index, int64_t parent, const char *name);
void change_tags(struct tagindex *index, int64_t id, const struct tags *tags);
void change_links(struct tagindex *index, int64_t id, const struct links *links);
/* The transaction is over. */
void changes_end(struct tagindex *index, bool committed);

/* Whoever lost a name in the transaction, and got no other, is gone. 0 or -errno. */
int drop_nameless(struct tagindex *index);
/* By this error it is not there, or not for us to read: not in the index either. */
bool is_absent(int err);
/* 1 and the node's @id, 0, or -errno. */
int find_node(struct tagindex *index, const struct stat *st, int64_t *id);
/* A column as a string of its own. */
char *column_string(struct db_stmt *stmt, int column);
/* @name in the node @parent, as a path from the root. NULL: not below the root. */
char *node_path(struct tagindex *index, int64_t parent, const char *name);
/* Whether the node @id is recorded with just these tags. */
bool same_tags(struct tagindex *index, int64_t id, const struct tags *tags);
/* What was found in the file @node, see index_facts(). */
int index_node_facts(struct tagindex *index, int64_t node, index_fact_fn fn, void *arg);
/* Looks again where all links lead to. */
int index_resolve_links(struct tagindex *index);
/* The node at @path below the root. 1, 0 (none), or -errno. */
int path_node(struct tagindex *index, const char *path, int64_t *id);
/* The same at the path in a column. */
int column_node(struct tagindex *index, struct db_stmt *stmt, int column, int64_t *id);
/* The path of the node @id by one of its names, "." for the root, or NULL. */
char *first_path(struct tagindex *index, int64_t id);

#endif
