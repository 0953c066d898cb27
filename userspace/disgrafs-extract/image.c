// SPDX-License-Identifier: GPL-2.0
/*
 * Photographs: what the camera wrote into them.
 */
#include "kinds.h"

#include <libexif/exif-data.h>
#include <string.h>

/* It comes first, in segments of 64 KiB at most. */
#define MAX_HEADER (1 << 20)

/* As libexif prints it, or "". */
static void get(ExifData *exif, ExifIfd ifd, ExifTag tag, char *value, size_t size)
{
	ExifEntry *entry = exif_content_get_entry(exif->ifd[ifd], tag);

	*value = '\0';
	if (entry)
		exif_entry_get_value(entry, value, size);
}

/* The first number of an entry of shorts or longs, or -1. */
static long get_number(ExifData *exif, ExifIfd ifd, ExifTag tag)
{
	ExifEntry *entry = exif_content_get_entry(exif->ifd[ifd], tag);
	ExifByteOrder order = exif_data_get_byte_order(exif);

	if (!entry || !entry->components)
		return -1;
	if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
		return exif_get_short(entry->data, order);
	if (entry->format == EXIF_FORMAT_LONG && entry->size >= 4)
		return exif_get_long(entry->data, order);
	return -1;
}

/* Most makers say their name again in that of the model. */
static void say_camera(ExifData *exif, FILE *out)
{
	char make[256], model[256], camera[520];
	size_t len;

	get(exif, EXIF_IFD_0, EXIF_TAG_MAKE, make, sizeof(make));
	get(exif, EXIF_IFD_0, EXIF_TAG_MODEL, model, sizeof(model));
	len = strcspn(make, " ");
	snprintf(camera, sizeof(camera), "%s %s", strncasecmp(make, model, len) ? make : "", model);
	say(out, "camera", camera);
}

/* "2024:05:01 10:20:30" is how they have it. */
static void say_time(ExifData *exif, FILE *out)
{
	char time[64];

	get(exif, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_ORIGINAL, time, sizeof(time));
	if (!*time)
		get(exif, EXIF_IFD_0, EXIF_TAG_DATE_TIME, time, sizeof(time));
	if (strlen(time) < 10 || time[4] != ':' || time[7] != ':' || !strncmp(time, "0000", 4))
		return;
	time[4] = '-';
	time[7] = '-';
	say(out, "taken", time);
}

/* Degrees, minutes and seconds as degrees. False: not there, or nonsense. */
static bool get_degrees(ExifData *exif, int tag, char negative, double max, double *degrees)
{
	ExifEntry *entry = exif_content_get_entry(exif->ifd[EXIF_IFD_GPS], (ExifTag)tag);
	ExifByteOrder order = exif_data_get_byte_order(exif);
	double unit = 1;
	ExifRational r;
	char sign[8];
	int i;

	if (!entry || entry->format != EXIF_FORMAT_RATIONAL || entry->components != 3 ||
	    entry->size < 24)
		return false;
	*degrees = 0;
	for (i = 0; i < 3; i++, unit *= 60) {
		r = exif_get_rational(entry->data + 8 * i, order);
		if (!r.denominator)
			return false;
		*degrees += (double)r.numerator / r.denominator / unit;
	}
	get(exif, EXIF_IFD_GPS, (ExifTag)(tag - 1), sign, sizeof(sign));
	if (*sign == negative)
		*degrees = -*degrees;
	return *degrees >= -max && *degrees <= max;
}

static void say_place(ExifData *exif, FILE *out)
{
	double latitude, longitude;

	if (get_degrees(exif, EXIF_TAG_GPS_LATITUDE, 'S', 90, &latitude) &&
	    get_degrees(exif, EXIF_TAG_GPS_LONGITUDE, 'W', 180, &longitude))
		fprintf(out, "gps %.6f,%.6f\n", latitude, longitude);
}

static void say_positive(FILE *out, const char *key, long number)
{
	if (number > 0)
		say_number(out, key, number);
}

void image_look(const struct contents *contents, FILE *out, struct text *text)
{
	size_t size = contents->size < MAX_HEADER ? contents->size : MAX_HEADER;
	ExifData *exif = exif_data_new_from_data((const unsigned char *)contents->data, size);

	(void)text;
	if (!exif)
		return;
	say_camera(exif, out);
	say_time(exif, out);
	say_positive(out, "orientation", get_number(exif, EXIF_IFD_0, EXIF_TAG_ORIENTATION));
	say_positive(out, "width", get_number(exif, EXIF_IFD_EXIF, EXIF_TAG_PIXEL_X_DIMENSION));
	say_positive(out, "height", get_number(exif, EXIF_IFD_EXIF, EXIF_TAG_PIXEL_Y_DIMENSION));
	say_place(exif, out);
	exif_data_unref(exif);
}
