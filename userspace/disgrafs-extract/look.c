// SPDX-License-Identifier: GPL-2.0
#include "look.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keywords.h"
#include "kinds.h"
#include "say.h"

#define CHUNK 65536

int looker_open(struct looker *looker)
{
	int ret = 0;

	looker->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	looker->magic = magic_open(MAGIC_MIME | MAGIC_NO_CHECK_COMPRESS);
	if (!looker->sha256 || !looker->magic)
		ret = -ENOMEM;
	else if (magic_load(looker->magic, NULL) < 0)
		ret = -(magic_errno(looker->magic) ?: EINVAL);
	/* So that each file need not have libmagic compile its regular expressions again. */
	if (ret == 0)
		magic_buffer(looker->magic, "text\n", 5);
	else
		looker_close(looker);
	return ret;
}

void looker_close(struct looker *looker)
{
	if (looker->magic)
		magic_close(looker->magic);
	EVP_MD_free(looker->sha256);
}

/* Says the type, which it puts into @type. Returns whether it is text that we can read. */
static bool say_type(magic_t magic, int fd, FILE *out, char *type, size_t size)
{
	/* "text/plain; charset=utf-8" */
	const char *mime = magic_descriptor(magic, fd), *charset;

	*type = '\0';
	if (!mime)
		return false;
	snprintf(type, size, "%.*s", (int)strcspn(mime, ";"), mime);
	fprintf(out, "type %s\n", type);
	charset = strstr(mime, "charset=");
	if (!charset || !strcmp(charset, "charset=binary"))
		return false;
	charset += strlen("charset=");
	fprintf(out, "charset %s\n", charset);
	return (!strncmp(type, "text/", 5) || !strcmp(type, "application/json")) &&
	       strncmp(charset, "utf-16", 6) && strncmp(charset, "utf-32", 6);
}

static bool is_markup(const char *type)
{
	return !strcmp(type, "text/html") || !strcmp(type, "text/xml");
}

static int read_text(int fd, struct text *text)
{
	ssize_t n = 1;

	while (n > 0 && text->size < MAX_TEXT) {
		n = pread(fd, text->data + text->size, MAX_TEXT - text->size, text->size);
		text->size += n > 0 ? n : 0;
	}
	return n < 0 ? -errno : 0;
}

/* Names of variables and the words of a language tell little of what a program is about. */
static bool is_prose(const char *type)
{
	return !strcmp(type, "text/plain") || !strcmp(type, "text/markdown") || is_markup(type);
}

static int say_text(const char *type, int fd, FILE *out)
{
	struct text text;
	int ret = text_init(&text);

	if (ret == 0)
		ret = read_text(fd, &text);
	if (ret == 0) {
		text_say(&text, out);
		if (fflush(out) == 0 && is_prose(type))
			keywords_say(&text, is_markup(type), out);
	}
	text_free(&text);
	return ret;
}

static int say_hash(const EVP_MD *sha256, int fd, FILE *out)
{
	unsigned char *buf = malloc(CHUNK), hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int size = 0, i;
	int ret = -ENOMEM;
	off_t pos = 0;
	ssize_t n = 0;

	if (!buf || !context || !EVP_DigestInit_ex(context, sha256, NULL))
		goto out;
	while ((n = pread(fd, buf, CHUNK, pos)) > 0) {
		EVP_DigestUpdate(context, buf, n);
		pos += n;
	}
	ret = n < 0 ? -errno : 0;
	if (ret < 0 || !EVP_DigestFinal_ex(context, hash, &size))
		goto out;
	fputs("sha256 ", out);
	for (i = 0; i < size; i++)
		fprintf(out, "%02x", hash[i]);
	putc('\n', out);
out:
	EVP_MD_CTX_free(context);
	free(buf);
	return ret;
}

int look(const struct looker *looker, int fd, int out, int *kind)
{
	FILE *f = fdopen(out, "w");
	char type[256];
	int ret = 0;

	if (!f)
		return -errno;
	if (say_type(looker->magic, fd, f, type, sizeof(type)))
		ret = say_text(type, fd, f);
	*kind = kind_of(type);
	/* What follows is limited by nothing but time. */
	if (ret == 0 && fflush(f) == 0)
		ret = say_hash(looker->sha256, fd, f);
	return fclose(f) ? -errno : ret;
}
