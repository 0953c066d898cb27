/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of files, by which they are found.
 *
 * SQLite's tokenizer takes what is between spaces and punctuation for a word and folds
 * case and diacritics. Chinese, Japanese and Korean have no spaces in such places, so
 * their characters are words of their own here, both in what is recorded and in what is
 * asked: a word of any number of them is a phrase.
 */
#ifndef DISGRAFS_FULLTEXT_H
#define DISGRAFS_FULLTEXT_H

#include "indexdb.h"

/* Within a transaction: @text, any @size bytes, is what the node contains. 0 or -errno. */
int fulltext_set(struct tagindex *index, int64_t node, const char *text, size_t size);
/* Within a transaction: forgets what it contains. 0 or -errno. */
int fulltext_drop(struct tagindex *index, int64_t node);
/* What to MATCH for the words of @text, one behind the other. NULL: out of memory. */
char *fulltext_phrase(const char *text);

#endif
