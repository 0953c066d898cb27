// SPDX-License-Identifier: GPL-2.0
#include "terms.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 32768
#define MAX_TERMS 200000

int terms_init(struct terms *terms)
{
	terms->count = 0;
	terms->bucket = calloc(BUCKETS, sizeof(*terms->bucket));
	return terms->bucket ? 0 : -ENOMEM;
}

void terms_free(struct terms *terms)
{
	struct term *term, *next;
	size_t i;

	for (i = 0; terms->bucket && i < BUCKETS; i++) {
		for (term = terms->bucket[i]; term; term = next) {
			next = term->next;
			free(term->word);
			free(term);
		}
	}
	free(terms->bucket);
	terms->bucket = NULL;
}

static size_t hash(const unsigned char *key, size_t size)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	while (size--)
		h = (h ^ *key++) * 0x100000001b3ULL;
	return (h ^ h >> 32) % BUCKETS;
}

static struct term *new_term(const void *key, size_t key_size)
{
	struct term *term = calloc(1, sizeof(*term) + key_size);

	if (term) {
		term->size = key_size;
		memcpy(term->key, key, key_size);
	}
	return term;
}

struct term *terms_count(struct terms *terms, const void *key, size_t key_size, const char *word,
			 size_t size)
{
	struct term **at = &terms->bucket[hash(key, key_size)], *term;

	while (*at && ((*at)->size != key_size || memcmp((*at)->key, key, key_size)))
		at = &(*at)->next;
	term = *at;
	if (!term) {
		term = terms->count < MAX_TERMS ? new_term(key, key_size) : NULL;
		if (!term)
			return NULL;
		*at = term;
		terms->count++;
	}
	term->count++;
	if (word && (!term->word || size < strlen(term->word))) {
		free(term->word);
		term->word = strndup(word, size);
	}
	return term;
}

struct term *terms_next(const struct terms *terms, const struct term *term)
{
	size_t i = term ? hash((const unsigned char *)term->key, term->size) + 1 : 0;

	if (term && term->next)
		return term->next;
	while (i < BUCKETS && !terms->bucket[i])
		i++;
	return i < BUCKETS ? terms->bucket[i] : NULL;
}
