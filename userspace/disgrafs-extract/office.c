// SPDX-License-Identifier: GPL-2.0
/*
 * Documents of OOXML (docx, xlsx, pptx) and OpenDocument (odt, ods, odp): ZIP archives
 * with XML in them, which is read as it comes, and no further than the text counts.
 */
#include "kinds.h"

#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* Of one member: what is written for people is a lot shorter. */
#define MAX_XML (64 << 20)
#define MAX_SLIDES 1000

/* An element, by its name without prefix, in the members that say it. */
struct wanted {
	const char *element, *key;
};

static const struct wanted properties[] = {
	{ "title", "title" }, { "creator", "author" }, { "initial-creator", "author" },
	{ "Pages", "pages" }, { "Slides", "pages" },
	{ }
};

struct member {
	zip_file_t *file;
	size_t left;
};

static int read_member(void *arg, char *buffer, int size)
{
	struct member *member = arg;
	zip_int64_t n;

	if ((size_t)size > member->left)
		size = member->left;
	n = size ? zip_fread(member->file, buffer, size) : 0;
	if (n < 0)
		return -1;
	member->left -= n;
	return n;
}

typedef bool (*node_fn)(xmlTextReaderPtr reader, void *arg);

/* Calls @fn for each node until that returns false, or the XML is none. */
static bool read_xml(zip_t *zip, const char *name, node_fn fn, void *arg)
{
	struct member member = { zip_fopen(zip, name, 0), MAX_XML };
	xmlTextReaderPtr reader;

	if (!member.file)
		return false;
	/* No entities are replaced and nothing else is loaded, so it is no longer than it is. */
	reader = xmlReaderForIO(read_member, NULL, &member, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				XML_PARSE_COMPACT);
	while (reader && xmlTextReaderRead(reader) == 1 && fn(reader, arg))
		;
	xmlFreeTextReader(reader);
	zip_fclose(member.file);
	return true;
}

static bool is_text(xmlTextReaderPtr reader)
{
	int type = xmlTextReaderNodeType(reader);

	return type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA ||
	       type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE;
}

/* ---- what is said of the document ---- */

struct saying {
	FILE *out;
	const char *key;	/* of the element that we are in */
	const char *said[4];	/* keys */
	size_t count;
};

/* The first says it. */
static void say_once(struct saying *saying, const char *key, const char *value)
{
	size_t i;

	for (i = 0; i < saying->count; i++) {
		if (!strcmp(saying->said[i], key))
			return;
	}
	if (saying->count == sizeof(saying->said) / sizeof(*saying->said))
		return;
	saying->said[saying->count++] = key;
	say(saying->out, key, value);
}

static bool say_property(xmlTextReaderPtr reader, void *arg)
{
	struct saying *saying = arg;
	const struct wanted *wanted;
	const char *name;
	xmlChar *pages;

	if (is_text(reader)) {
		if (saying->key)
			say_once(saying, saying->key,
				 (const char *)xmlTextReaderConstValue(reader));
		return true;
	}
	saying->key = NULL;
	if (xmlTextReaderNodeType(reader) != XML_READER_TYPE_ELEMENT)
		return true;
	name = (const char *)xmlTextReaderConstLocalName(reader);
	for (wanted = properties; wanted->element && name; wanted++) {
		if (!strcmp(name, wanted->element))
			saying->key = wanted->key;
	}
	if (name && !strcmp(name, "document-statistic")) {
		pages = xmlTextReaderGetAttribute(reader, (const xmlChar *)"meta:page-count");
		if (pages)
			say_once(saying, "pages", (const char *)pages);
		xmlFree(pages);
	}
	return true;
}

/* ---- what is in it ---- */

/* The elements that are lines; within them text is one piece, however it is marked up. */
static bool ends_line(const char *name)
{
	static const char *const lines[] = { "p", "h", "si", "br", "line-break", "table-cell" };
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (name && !strcmp(name, lines[i]))
			return true;
	}
	return false;
}

static bool add_text(xmlTextReaderPtr reader, void *arg)
{
	const char *name, *value;
	struct text *text = arg;

	if (is_text(reader)) {
		value = (const char *)xmlTextReaderConstValue(reader);
		return !value || text_add(text, value, strlen(value));
	}
	name = (const char *)xmlTextReaderConstLocalName(reader);
	if (name && (!strcmp(name, "tab") || !strcmp(name, "s")))
		return text_add(text, " ", 1);
	if (ends_line(name) && text->size && text->data[text->size - 1] != '\n')
		return text_add(text, "\n", 1);
	return true;
}

/* ---- which it is ---- */

/* What marks them, where their text is, and what libmagic may not have found. */
static const struct {
	const char *member, *type;
} formats[] = {
	{ "word/document.xml", "wordprocessingml.document" },
	{ "xl/sharedStrings.xml", "spreadsheetml.sheet" },
	{ "ppt/presentation.xml", "presentationml.presentation" },
};

static void look_ooxml(zip_t *zip, FILE *out, struct text *text)
{
	char slide[64];
	size_t i;
	int n;

	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		if (zip_name_locate(zip, formats[i].member, 0) < 0)
			continue;
		fprintf(out, "type application/vnd.openxmlformats-officedocument.%s\n",
			formats[i].type);
		read_xml(zip, formats[i].member, add_text, text);
	}
	for (n = 1; n <= MAX_SLIDES && text->size < MAX_TEXT; n++) {
		snprintf(slide, sizeof(slide), "ppt/slides/slide%d.xml", n);
		if (!read_xml(zip, slide, add_text, text))
			break;
	}
}

static void look_opendocument(zip_t *zip, FILE *out, struct text *text)
{
	zip_file_t *file = zip_fopen(zip, "mimetype", 0);
	char type[100];
	zip_int64_t n = file ? zip_fread(file, type, sizeof(type) - 1) : -1;

	if (file)
		zip_fclose(file);
	if (n <= 0)
		return;
	type[n] = '\0';
	if (strncmp(type, "application/vnd.oasis.opendocument.", 35))
		return;
	say(out, "type", type);
	read_xml(zip, "content.xml", add_text, text);
}

void office_look(const struct contents *contents, FILE *out, struct text *text)
{
	zip_source_t *source = zip_source_buffer_create(contents->data, contents->size, 0, NULL);
	zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, NULL) : NULL;
	struct saying saying = { .out = out };

	if (!zip) {
		zip_source_free(source);
		return;
	}
	read_xml(zip, "docProps/core.xml", say_property, &saying);
	read_xml(zip, "docProps/app.xml", say_property, &saying);
	read_xml(zip, "meta.xml", say_property, &saying);
	look_opendocument(zip, out, text);
	look_ooxml(zip, out, text);
	zip_discard(zip);
}
