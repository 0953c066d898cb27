/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in files that are more than text. Each kind is looked at by a process of its
 * own, after what can be said of any file.
 */
#ifndef EXTRACT_KINDS_H
#define EXTRACT_KINDS_H

#include <stdio.h>

#include "say.h"

/* The file in memory; of a very long one only the beginning. */
struct contents {
	const char *data;
	size_t size;
	bool whole;
};

/*
 * Says the facts to @out, and adds to @text what there is to read, which the caller says.
 * What cannot be read says nothing.
 */
typedef void (*kind_fn)(const struct contents *contents, FILE *out, struct text *text);

/* camera, taken, orientation, width, height, gps: EXIF in a JPEG (libexif) */
void image_look(const struct contents *contents, FILE *out, struct text *text);
/* title, artist, album, genre, year, length (TagLib) */
void audio_look(const struct contents *contents, FILE *out, struct text *text);
/* title, author, pages and the text (Poppler) */
void pdf_look(const struct contents *contents, FILE *out, struct text *text);
/* The same of what word processors, spreadsheets and presentations write (libzip, libxml2) */
void office_look(const struct contents *contents, FILE *out, struct text *text);

/* Has the libraries open what they will need, while they still can. */
void kinds_open(void);

/* A number from 0 for files of the MIME type, or -1. */
int kind_of(const char *type);
/* 0 or -errno. */
int kind_look(int kind, int fd, int out);

#endif
