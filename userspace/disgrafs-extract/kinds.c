// SPDX-License-Identifier: GPL-2.0
#include "kinds.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keywords.h"

/* As much of a file as goes into memory, for some libraries twice. */
#define MAX_CONTENTS (64UL << 20)

static const struct {
	const char *type;	/* with '/' or '.' at its end: all that begin so */
	kind_fn look;
} kinds[] = {
	{ "image/jpeg", image_look },
	{ "audio/", audio_look },
	{ "application/ogg", audio_look },
	{ "video/mp4", audio_look },
	{ "video/x-ms-asf", audio_look },
	{ "application/pdf", pdf_look },
	/* Where the order of what is in it does not tell. */
	{ "application/zip", office_look },
	{ "application/vnd.openxmlformats-officedocument.", office_look },
	{ "application/vnd.oasis.opendocument.", office_look },
};

int kind_of(const char *type)
{
	size_t i, len;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		len = strlen(kinds[i].type);
		if (strchr("/.", kinds[i].type[len - 1]) ? !strncmp(type, kinds[i].type, len) :
							   !strcmp(type, kinds[i].type))
			return i;
	}
	return -1;
}

void kinds_open(void)
{
	/* Poppler makes its tables with the first document. */
	static const char pdf[] =
		"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
		"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources"
		"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
		"4 0 obj<</Length 29>>stream\nBT /F 9 Tf 0 0 Td (a) Tj ET  \nendstream endobj\n"
		"trailer<</Root 1 0 R/Size 5>>\n%%EOF\n";
	const struct contents contents = { pdf, sizeof(pdf) - 1, true };
	struct text text;
	FILE *out = fopen("/dev/null", "w");

	if (out && text_init(&text) == 0) {
		pdf_look(&contents, out, &text);
		text_free(&text);
	}
	if (out)
		fclose(out);
}

int kind_look(int kind, int fd, int out)
{
	struct contents contents;
	struct text text;
	struct stat st;
	void *data;
	FILE *f;

	if (kind < 0 || kind >= (int)(sizeof(kinds) / sizeof(*kinds)) || fstat(fd, &st) < 0)
		return -EINVAL;
	contents.size = st.st_size < (off_t)MAX_CONTENTS ? (size_t)st.st_size : MAX_CONTENTS;
	contents.whole = contents.size == (size_t)st.st_size;
	/* If somebody cuts it we get a SIGBUS, which costs this file alone. */
	data = mmap(NULL, contents.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	contents.data = data;
	f = fdopen(out, "w");
	if (!f || text_init(&text) < 0)
		return -ENOMEM;
	/* So that facts are not lost with what comes behind them. */
	setlinebuf(f);
	kinds[kind].look(&contents, f, &text);
	setvbuf(f, NULL, _IOFBF, BUFSIZ);
	text_say(&text, f);
	fflush(f);
	keywords_say(&text, false, f);
	text_free(&text);
	munmap(data, contents.size);
	return fclose(f) ? -errno : 0;
}
