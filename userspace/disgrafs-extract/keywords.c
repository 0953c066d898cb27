// SPDX-License-Identifier: GPL-2.0
#include "keywords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terms.h"

/* How many are said. */
#define MAX_KEYWORDS 20
/* What is said once tells little. */
#define MIN_COUNT 2

struct ranking {
	struct term *best[MAX_KEYWORDS];
	size_t count;
};

static bool is_better(const struct term *a, const struct term *b)
{
	return a->count != b->count ? a->count > b->count : strcmp(a->word, b->word) < 0;
}

static void rank(struct ranking *ranking, struct term *term)
{
	size_t i;

	if (term->count < MIN_COUNT || !term->word)
		return;
	for (i = ranking->count; i && is_better(term, ranking->best[i - 1]); i--) {
		if (i < MAX_KEYWORDS)
			ranking->best[i] = ranking->best[i - 1];
	}
	if (i == MAX_KEYWORDS)
		return;
	ranking->best[i] = term;
	if (ranking->count < MAX_KEYWORDS)
		ranking->count++;
}

/*
 * A pair that makes up at least half of what there is of one of its words is a phrase,
 * and counts in their place.
 */
static void take_phrase(struct term *pair)
{
	struct term *first = (struct term *)pair->part[0], *second = (struct term *)pair->part[1];
	unsigned int least = first->count < second->count ? first->count : second->count;

	if (pair->count < MIN_COUNT || 2 * pair->count < least || pair->count > least)
		return;
	if (!first->word || !second->word ||
	    asprintf(&pair->word, "%s %s", first->word, second->word) < 0) {
		pair->word = NULL;
		return;
	}
	first->count -= pair->count;
	second->count -= pair->count;
}

static void say_best(const struct ranking *ranking, FILE *out)
{
	double most = ranking->count ? 1 + log(ranking->best[0]->count) : 1;
	size_t i;

	for (i = 0; i < ranking->count; i++)
		fprintf(out, "keyword %.3f %s\n", (1 + log(ranking->best[i]->count)) / most,
			ranking->best[i]->word);
}

void keywords_say(const struct text *text, bool markup, FILE *out)
{
	struct terms words = { }, pairs = { };
	struct ranking ranking = { };
	struct term *term = NULL;

	if (terms_init(&words) == 0 && terms_init(&pairs) == 0) {
		words_count(text, markup, &words, &pairs);
		han_count(text, &words);
		while ((term = terms_next(&pairs, term)))
			take_phrase(term);
		while ((term = terms_next(&pairs, term)))
			rank(&ranking, term);
		while ((term = terms_next(&words, term)))
			rank(&ranking, term);
	}
	say_best(&ranking, out);
	terms_free(&pairs);
	terms_free(&words);
}
