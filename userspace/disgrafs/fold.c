// SPDX-License-Identifier: GPL-2.0
#include "fold.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

/* Of two bytes of UTF-8 that are a letter; all these stay two bytes. */
static void fold_letter(unsigned char *s)
{
	unsigned int c = (s[0] & 0x1f) << 6 | (s[1] & 0x3f);

	if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) ||
	    (c >= 0x410 && c <= 0x42f))
		c += 0x20;
	else if (c >= 0x400 && c <= 0x40f)
		c += 0x50;
	else if ((c >= 0x100 && c <= 0x137 && !(c & 1) && c != 0x130) ||
		 (c >= 0x139 && c <= 0x148 && c & 1) || (c >= 0x14a && c <= 0x177 && !(c & 1)) ||
		 (c >= 0x179 && c <= 0x17e && c & 1))
		c++;
	s[0] = 0xc0 | c >> 6;
	s[1] = 0x80 | (c & 0x3f);
}

char *fold_case(const char *text)
{
	char *folded = strdup(text);
	unsigned char *s;

	for (s = (unsigned char *)folded; s && *s; s++) {
		if (*s >= 'A' && *s <= 'Z') {
			*s |= 0x20;
		} else if (*s >= 0xc3 && *s <= 0xd3 && (s[1] & 0xc0) == 0x80) {
			fold_letter(s);
			s++;
		}
	}
	return folded;
}

char *fold_keyword(const char *text)
{
	struct sb_stemmer *stemmer = sb_stemmer_new("english", "UTF_8");
	char *folded = fold_case(text), *out = folded, *word, *next;
	const sb_symbol *stem;
	size_t len;

	for (word = folded; stemmer && folded && *word; word = next) {
		len = strcspn(word, " ");
		next = word + len + !!word[len];
		stem = sb_stemmer_stem(stemmer, (const sb_symbol *)word, len);
		len = stem ? (size_t)sb_stemmer_length(stemmer) : 0;
		/* No longer than the word, so far. */
		if (out != folded)
			*out++ = ' ';
		if (stem && out + len <= next)
			out = mempcpy(out, stem, len);
		if (!*next)
			*out = '\0';
	}
	sb_stemmer_delete(stemmer);
	return folded;
}
