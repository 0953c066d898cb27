/* SPDX-License-Identifier: GPL-2.0 */
/* What is counted in a text: words, phrases. */
#ifndef EXTRACT_TERMS_H
#define EXTRACT_TERMS_H

#include <stdbool.h>
#include <stddef.h>

#include "say.h"

struct term {
	struct term *next;
	unsigned int count;
	const struct term *part[2];	/* of a pair */
	char *word;			/* as it is shown */
	size_t size;
	char key[];			/* what it is counted by */
};

struct terms {
	struct term **bucket;
	size_t count;
};

/* 0 or -ENOMEM. */
int terms_init(struct terms *terms);
void terms_free(struct terms *terms);
/*
 * Counts the term with this key once more; of several words for it the shortest is kept.
 * NULL: out of memory, or there are too many.
 */
struct term *terms_count(struct terms *terms, const void *key, size_t key_size, const char *word,
			 size_t size);

/* The one behind @term, or with NULL the first; NULL at the end. */
struct term *terms_next(const struct terms *terms, const struct term *term);

/*
 * Add what there is in the text: words.c, pairs of which have a table of their own; han.c.
 * What memory does not suffice for is left out.
 */
void words_count(const struct text *text, bool markup, struct terms *words, struct terms *pairs);
void han_count(const struct text *text, struct terms *words);

#endif
