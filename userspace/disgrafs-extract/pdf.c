// SPDX-License-Identifier: GPL-2.0
#include "kinds.h"

#include <poppler.h>
#include <string.h>

static void say_string(FILE *out, const char *key, char *value)
{
	say(out, key, value);
	g_free(value);
}

static bool add_page(PopplerDocument *document, int number, struct text *text)
{
	PopplerPage *page = poppler_document_get_page(document, number);
	bool more = true;
	char *words;

	if (!page)
		return true;
	words = poppler_page_get_text(page);
	if (words)
		more = text_add(text, words, strlen(words)) && text_add(text, "\n", 1);
	g_free(words);
	g_object_unref(page);
	return more;
}

void pdf_look(const struct contents *contents, FILE *out, struct text *text)
{
	GBytes *bytes = g_bytes_new_static(contents->data, contents->size);
	PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
	int pages, i;

	if (document) {
		say_string(out, "title", poppler_document_get_title(document));
		say_string(out, "author", poppler_document_get_author(document));
		pages = poppler_document_get_n_pages(document);
		if (pages > 0)
			say_number(out, "pages", pages);
		for (i = 0; i < pages && add_page(document, i, text); i++)
			;
		g_object_unref(document);
	}
	g_bytes_unref(bytes);
}
