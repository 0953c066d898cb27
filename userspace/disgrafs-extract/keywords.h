/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a text is about: the words and phrases that it says again and again, with weights
 * up to 1. How many other texts say them as well is not known here; the index weighs that.
 *
 * English: words that are no stop words, counted by their stems (Snowball), and pairs of
 * them that mostly come together.
 *
 * Chinese, without a dictionary: a string of two to four characters is a word if its parts
 * are together more often than they would be by chance (cohesion: the least pointwise
 * mutual information of all ways to cut it in two), while what is beside it varies
 * (entropy, on both sides). A part of a word has always the same neighbour; two words that
 * are next to each other are not very cohesive.
 */
#ifndef EXTRACT_KEYWORDS_H
#define EXTRACT_KEYWORDS_H

#include <stdio.h>

#include "say.h"

/* "keyword WEIGHT WORD" for each, the best first. @markup: what is in <> does not count. */
void keywords_say(const struct text *text, bool markup, FILE *out);

#endif
