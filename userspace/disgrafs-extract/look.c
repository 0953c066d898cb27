// SPDX-License-Identifier: GPL-2.0
#include "look.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TEXT (1 << 20)
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

/* Returns whether it is text that we can read. */
static bool say_type(magic_t magic, int fd, FILE *out)
{
	/* "text/plain; charset=utf-8" */
	const char *mime = magic_descriptor(magic, fd), *charset;

	if (!mime)
		return false;
	fprintf(out, "type %.*s\n", (int)strcspn(mime, ";"), mime);
	charset = strstr(mime, "charset=");
	if (!charset || !strcmp(charset, "charset=binary"))
		return false;
	charset += strlen("charset=");
	fprintf(out, "charset %s\n", charset);
	return (!strncmp(mime, "text/", 5) || !strncmp(mime, "application/json;", 17)) &&
	       strncmp(charset, "utf-16", 6) && strncmp(charset, "utf-32", 6);
}

static int say_text(int fd, FILE *out)
{
	char *buf = malloc(CHUNK);
	off_t pos = 0;
	ssize_t n = 1, i;
	bool begins = true;

	if (!buf)
		return -ENOMEM;
	while (n > 0 && pos < MAX_TEXT) {
		n = pread(fd, buf, CHUNK, pos);
		pos += n;
		for (i = 0; i < n; i++) {
			if (begins)
				fputs("text ", out);
			begins = buf[i] == '\n';
			putc(buf[i], out);
		}
	}
	if (!begins)
		putc('\n', out);
	n = n < 0 ? -errno : 0;
	free(buf);
	return n;
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

int look(const struct looker *looker, int fd, int out)
{
	FILE *f = fdopen(out, "w");
	int ret = 0;

	if (!f)
		return -errno;
	if (say_type(looker->magic, fd, f))
		ret = say_text(fd, f);
	/* What follows is limited by nothing but time. */
	if (ret == 0 && fflush(f) == 0)
		ret = say_hash(looker->sha256, fd, f);
	return fclose(f) ? -errno : ret;
}
