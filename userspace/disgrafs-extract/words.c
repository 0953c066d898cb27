// SPDX-License-Identifier: GPL-2.0
/*
 * English words, by their stems; words of other alphabets count as they are.
 */
#include "terms.h"

#include <ctype.h>
#include <libstemmer.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "utf8.h"

#define MIN_WORD 3
#define MAX_WORD 40
/* Longer than any that counts, so that the end of a long one is not taken for a word. */
#define ROOM 48

/* What says nothing of what a text is about; sorted. */
static const char *const stop_words[] = {
	"able", "about", "above", "across", "after", "again", "against", "ago", "all", "almost",
	"along", "already", "also", "although", "always", "among", "and", "another", "any",
	"anyone", "anything", "are", "around", "away", "back", "became", "because", "become",
	"becomes", "been", "before", "began", "behind", "being", "below", "between", "both",
	"but", "came", "can", "cannot", "come", "comes", "could", "did", "does", "doing", "done",
	"down", "during", "each", "either", "else", "enough", "etc", "even", "ever", "every",
	"everything", "few", "first", "for", "found", "from", "gave", "get", "gets", "give",
	"given", "goes", "going", "gone", "got", "had", "has", "have", "having", "her", "here",
	"hers", "herself", "him", "himself", "his", "how", "however", "http", "https", "into",
	"its", "itself", "just", "keep", "kept", "knew", "know", "last", "later", "least", "less",
	"let", "like", "likely", "made", "make", "makes", "many", "may", "maybe", "might", "mine",
	"more", "most", "much", "must", "myself", "near", "need", "neither", "never", "next",
	"none", "nor", "not", "nothing", "now", "off", "often", "once", "one", "ones", "only",
	"onto", "other", "others", "our", "ours", "out", "over", "own", "perhaps", "put", "quite",
	"rather", "said", "same", "saw", "say", "says", "see", "seem", "seems", "seen", "several",
	"shall", "she", "should", "since", "some", "someone", "something", "soon", "still",
	"such", "take", "taken", "than", "that", "the", "their", "theirs", "them", "themselves",
	"then", "there", "therefore", "these", "they", "thing", "things", "this", "those",
	"though", "three", "through", "thus", "together", "too", "took", "toward", "towards",
	"two", "under", "until", "upon", "use", "used", "uses", "using", "very", "want", "was",
	"way", "well", "went", "were", "what", "whatever", "when", "where", "whether", "which",
	"while", "who", "whole", "whom", "whose", "why", "will", "with", "within", "without",
	"would", "www", "yet", "you", "your", "yours", "yourself",
};

static int compare_word(const void *key, const void *word)
{
	return strcmp(key, *(const char *const *)word);
}

static bool is_stop_word(const char *word)
{
	return bsearch(word, stop_words, sizeof(stop_words) / sizeof(*stop_words),
		       sizeof(*stop_words), compare_word);
}

/* Of alphabets, roughly. */
static bool is_letter(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= 0xc0 && c < 0x2000 && c != 0xd7 && c != 0xf7);
}

struct reader {
	struct sb_stemmer *stemmer;
	struct terms *words, *pairs;
	const struct term *before;	/* the word in front, if only a space is between */
	char word[ROOM + 1];
	size_t size;
};

static void count_pair(struct reader *reader, const struct term *first, const struct term *second)
{
	const struct term *parts[2] = { first, second };
	struct term *pair = terms_count(reader->pairs, parts, sizeof(parts), NULL, 0);

	if (pair)
		memcpy(pair->part, parts, sizeof(parts));
}

static void end_word(struct reader *reader)
{
	const struct term *term = NULL;
	const sb_symbol *stem = NULL;
	size_t size = reader->size;

	if (!size)
		return;
	reader->size = 0;
	reader->word[size] = '\0';
	if (size >= MIN_WORD && size <= MAX_WORD && !is_stop_word(reader->word))
		stem = sb_stemmer_stem(reader->stemmer, (const sb_symbol *)reader->word, size);
	if (stem)
		term = terms_count(reader->words, stem, sb_stemmer_length(reader->stemmer),
				   reader->word, size);
	if (term && reader->before && reader->before != term)
		count_pair(reader, reader->before, term);
	reader->before = term;
}

static void add_letter(struct reader *reader, const char *s, size_t len)
{
	if (reader->size + len > ROOM)
		return;
	memcpy(reader->word + reader->size, s, len);
	/* Upper case, of ASCII. */
	if (len == 1)
		reader->word[reader->size] |= 0x20;
	reader->size += len;
}

/* How much of @s is a tag, with what is between those of scripts and styles. */
static size_t markup_len(const char *s, size_t left)
{
	static const char *const skipped[] = { "script", "style" };
	const char *end = memchr(s, '>', left), *close;
	char closing[16];
	size_t i;

	if (!end || left < 2 || (!isalpha((unsigned char)s[1]) && !strchr("/!?", s[1])))
		return 1;
	for (i = 0; i < sizeof(skipped) / sizeof(*skipped); i++) {
		if (left <= strlen(skipped[i]) ||
		    strncasecmp(s + 1, skipped[i], strlen(skipped[i])))
			continue;
		snprintf(closing, sizeof(closing), "</%s", skipped[i]);
		close = memmem(s, left, closing, strlen(closing));
		end = close ? memchr(close, '>', s + left - close) : NULL;
	}
	return end ? (size_t)(end - s + 1) : left;
}

static void read_words(struct reader *reader, const struct text *text, bool markup)
{
	size_t left = text->size, len;
	const char *s = text->data;
	uint32_t c;

	for (; left; s += len, left -= len) {
		len = utf8_next(s, left, &c);
		if (is_letter(c)) {
			add_letter(reader, s, len);
			continue;
		}
		end_word(reader);
		if (c == '<' && markup)
			len = markup_len(s, left);
		if (c != ' ' && c != '\n' && c != '\r')
			reader->before = NULL;
	}
	end_word(reader);
}

void words_count(const struct text *text, bool markup, struct terms *words, struct terms *pairs)
{
	struct reader reader = { .words = words, .pairs = pairs };

	reader.stemmer = sb_stemmer_new("english", "UTF_8");
	if (!reader.stemmer)
		return;
	read_words(&reader, text, markup);
	sb_stemmer_delete(reader.stemmer);
}
