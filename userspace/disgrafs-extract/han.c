// SPDX-License-Identifier: GPL-2.0
/*
 * Chinese words, without a dictionary, see keywords.h.
 */
#include "terms.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* As much of a text as is looked at. */
#define MAX_HAN 200000
#define MAX_GRAM 4
#define MIN_COUNT 2
#define MIN_COHESION 1.5
#define MIN_ENTROPY 0.3

/* Characters that words hardly begin or end with: strings with them are parts of sentences. */
static const char particles[] =
	"的了吗呢吧啊么们是在和与及或而但也都就又很把被让从我你您他她它这那之其此些没不有请"
	"嗎麼們與從讓這個還沒請";

struct han {
	uint16_t *c;			/* 0 between runs */
	uint32_t *at;			/* places, sorted by the strings that begin there */
	size_t count, places;
	bool *particle;			/* of each character */
};

static int compare_at(const uint16_t *a, const uint16_t *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return *a < *b ? -1 : 1;
		/* Nothing is behind the end of a run. */
		if (!*a)
			return 0;
	}
	return 0;
}

static int by_string(const void *a, const void *b, void *arg)
{
	const struct han *han = arg;

	return compare_at(han->c + *(const uint32_t *)a, han->c + *(const uint32_t *)b,
			  MAX_GRAM + 1);
}

/* Where the strings that begin with the @n characters at @s begin among the places. */
static size_t first_at(const struct han *han, const uint16_t *s, size_t n, int below)
{
	size_t low = 0, high = han->places, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (compare_at(han->c + han->at[middle], s, n) < below)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static double count_of(const struct han *han, const uint16_t *s, size_t n)
{
	return first_at(han, s, n, 1) - first_at(han, s, n, 0);
}

/* The least of all ways to cut it in two. */
static double cohesion(const struct han *han, const uint16_t *s, size_t n, size_t count)
{
	double least = INFINITY, mutual;
	size_t cut;

	for (cut = 1; cut < n; cut++) {
		mutual = log((double)count * han->places /
			     (count_of(han, s, cut) * count_of(han, s + cut, n - cut)));
		if (mutual < least)
			least = mutual;
	}
	return least;
}

static int by_code(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Of @count neighbours, which this sorts; the end of a run is another one each time. */
static double entropy(uint16_t *neighbours, size_t count)
{
	double sum = 0, p;
	size_t i, n;

	qsort(neighbours, count, sizeof(*neighbours), by_code);
	for (i = 0; i < count; i += n) {
		n = 1;
		while (neighbours[i] && i + n < count && neighbours[i + n] == neighbours[i])
			n++;
		p = (double)n / count;
		sum -= p * log(p);
	}
	return sum;
}

/* Whether the string at @count places from @from on is a word, by what is beside it. */
static bool is_free(const struct han *han, size_t from, size_t count, size_t n, uint16_t *beside)
{
	size_t i;

	for (i = 0; i < count; i++)
		beside[i] = han->at[from + i] ? han->c[han->at[from + i] - 1] : 0;
	if (entropy(beside, count) < MIN_ENTROPY)
		return false;
	for (i = 0; i < count; i++)
		beside[i] = han->c[han->at[from + i] + n];
	return entropy(beside, count) >= MIN_ENTROPY;
}

static void count_gram(struct terms *terms, const uint16_t *s, size_t n, size_t count)
{
	char word[4 * MAX_GRAM];
	struct term *term;
	size_t size = 0, i;

	for (i = 0; i < n; i++)
		size += utf8_put(word + size, s[i]);
	term = terms_count(terms, word, size, word, size);
	if (term)
		term->count = count;
}

/* It ends before, or is no word for its first or last character. */
static bool is_none(const struct han *han, const uint16_t *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!s[i])
			return true;
	}
	return han->particle[s[0]] || han->particle[s[n - 1]];
}

/* The words of @n characters. */
static void find_grams(const struct han *han, size_t n, uint16_t *beside, struct terms *terms)
{
	const uint16_t *s;
	size_t i, count;

	for (i = 0; i < han->places; i += count) {
		s = han->c + han->at[i];
		count = 1;
		while (i + count < han->places &&
		       !compare_at(han->c + han->at[i + count], s, n))
			count++;
		if (count >= MIN_COUNT && !is_none(han, s, n) &&
		    cohesion(han, s, n, count) >= MIN_COHESION &&
		    is_free(han, i, count, n, beside))
			count_gram(terms, s, n, count);
	}
}

static bool is_han(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf);
}

static void read_han(struct han *han, const struct text *text)
{
	size_t left = text->size, len;
	const char *s = text->data;
	uint32_t c;

	for (; left && han->places < MAX_HAN; s += len, left -= len) {
		len = utf8_next(s, left, &c);
		if (is_han(c)) {
			han->at[han->places++] = han->count;
			han->c[han->count++] = c;
		} else if (han->count && han->c[han->count - 1] && c != '\n') {
			/* Lines are broken anywhere. */
			han->c[han->count++] = 0;
		}
	}
}

static void mark_particles(struct han *han)
{
	size_t left = strlen(particles), len;
	const char *s = particles;
	uint32_t c;

	for (; left; s += len, left -= len) {
		len = utf8_next(s, left, &c);
		if (c <= UINT16_MAX)
			han->particle[c] = true;
	}
}

void han_count(const struct text *text, struct terms *words)
{
	/* No more ends of runs than characters, and some behind the last. */
	const size_t room = 2 * MAX_HAN + MAX_GRAM + 2;
	struct han han = {
		.c = calloc(room, sizeof(*han.c)),
		.at = malloc(MAX_HAN * sizeof(*han.at)),
		.particle = calloc(UINT16_MAX + 1, sizeof(*han.particle)),
	};
	uint16_t *beside = malloc(MAX_HAN * sizeof(*beside));
	size_t n;

	if (han.c && han.at && han.particle && beside) {
		read_han(&han, text);
		mark_particles(&han);
		qsort_r(han.at, han.places, sizeof(*han.at), by_string, &han);
		for (n = 2; n <= MAX_GRAM; n++)
			find_grams(&han, n, beside, words);
	}
	free(beside);
	free(han.particle);
	free(han.at);
	free(han.c);
}
