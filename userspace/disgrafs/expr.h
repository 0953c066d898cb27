/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Find expressions:
 *
 *	expression = conjunction { "or" conjunction }
 *	conjunction = negation { [ "and" ] negation }
 *	negation   = "not" negation | "(" expression ")" | term
 *	term       = TAG | FIELD ":" VALUE
 *
 * A word ends at white space or a parenthesis, unless it, or the value of its
 * field, is in double or single quotes; within them "\" takes the next character
 * as it is. A quoted word is a tag, and so is one whose field is none of ours.
 */
#ifndef DISGRAFS_EXPR_H
#define DISGRAFS_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expr_op {
	EXPR_OR,
	EXPR_AND,
	EXPR_NOT,		/* of left */
	/* Terms. What they say about a file: */
	EXPR_TAG,		/* has the tag text */
	EXPR_NAME,		/* has a name that the pattern text matches */
	EXPR_PATH,		/* has a path below the root that it matches */
	EXPR_TYPE,		/* is of type number, S_IFMT bits */
	EXPR_MIME,		/* is of the MIME type text, or of its kind without a '/' */
	EXPR_SIZE,		/* has a size that compares to number, bytes */
	EXPR_MTIME,		/* was modified at a time that compares to number, seconds */
	EXPR_LINK,		/* has a link of relation text */
	EXPR_LINKED,		/* is what one leads to */
	EXPR_HASH,		/* has contents of which text is the SHA-256 */
	EXPR_TEXT,		/* contains the words of text, one behind the other */
	EXPR_FACT,		/* has a trait (traits.h) of key whose value compares to text, or
				 * without one to number; or any
				 */
};

enum expr_compare { EXPR_EQ, EXPR_LT, EXPR_GT, EXPR_LE, EXPR_GE };

struct expr {
	enum expr_op op;
	struct expr *left, *right;
	char *text;
	char *key;
	bool any;
	int64_t number;
	enum expr_compare compare;
	/* For whoever makes a query of it; param is that of the key, and the next of its value. */
	int param, column;
	char *nodes;		/* EXPR_LINKED: what is in the place of targets that are gone */
	bool drives;
};

struct expr_error {
	size_t position;	/* from 1, in bytes */
	char message[96];
};

/* NULL with *@error. To be freed with expr_free(). */
struct expr *expr_parse(const char *text, struct expr_error *error);
void expr_free(struct expr *expr);

/* Whether what matches may change although the index does not: by sizes and times. */
bool expr_looks_at_files(const struct expr *expr);

/* All (EXPR_AND) or any (EXPR_OR) of at least one tag. NULL: out of memory. */
struct expr *expr_of_tags(enum expr_op op, const char *const *tags, size_t count);

#endif
