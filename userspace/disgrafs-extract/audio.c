// SPDX-License-Identifier: GPL-2.0
/*
 * Music and other sound: what its tags say. TagLib finds out itself of what kind it is.
 */
#include "kinds.h"

#include <tag_c.h>

static void say_tags(TagLib_File *file, FILE *out)
{
	TagLib_Tag *tag = taglib_file_tag(file);

	if (!tag)
		return;
	say(out, "title", taglib_tag_title(tag));
	say(out, "artist", taglib_tag_artist(tag));
	say(out, "album", taglib_tag_album(tag));
	say(out, "genre", taglib_tag_genre(tag));
	if (taglib_tag_year(tag))
		say_number(out, "year", taglib_tag_year(tag));
	taglib_tag_free_strings();
}

void audio_look(const struct contents *contents, FILE *out, struct text *text)
{
	TagLib_IOStream *stream = taglib_memory_iostream_new(contents->data, contents->size);
	TagLib_File *file = stream ? taglib_file_new_iostream(stream) : NULL;
	const TagLib_AudioProperties *properties;

	(void)text;
	if (file && taglib_file_is_valid(file)) {
		say_tags(file, out);
		properties = taglib_file_audioproperties(file);
		/* It is reckoned from the size. */
		if (properties && contents->whole && taglib_audioproperties_length(properties) > 0)
			say_number(out, "length", taglib_audioproperties_length(properties));
	}
	if (file)
		taglib_file_free(file);
	if (stream)
		taglib_iostream_free(stream);
}
