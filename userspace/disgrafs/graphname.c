// SPDX-License-Identifier: GPL-2.0
#include "graphname.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_dots(const char *tag)
{
	return !strcmp(tag, ".") || !strcmp(tag, "..");
}

int graphname_encode(char name[GRAPH_NAME_MAX + 1], const char *tag)
{
	bool dots = is_dots(tag);
	size_t n = 0, width;

	for (; *tag; tag++, n += width) {
		bool encode = *tag == '/' || *tag == '%' || dots;

		width = encode ? 3 : 1;
		if (n + width > GRAPH_NAME_MAX)
			return -ENAMETOOLONG;
		if (encode)
			snprintf(name + n, 4, "%%%02X", (unsigned char)*tag);
		else
			name[n] = *tag;
	}
	name[n] = '\0';
	return 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int graphname_decode(char tag[GRAPH_NAME_MAX + 1], const char *name)
{
	char again[GRAPH_NAME_MAX + 1];
	const char *in = name;
	char *out = tag;

	if (strlen(name) > GRAPH_NAME_MAX)
		return -ENAMETOOLONG;
	while (*in) {
		if (*in == '%') {
			if (hex(in[1]) < 0 || hex(in[2]) < 0 || (!hex(in[1]) && !hex(in[2])))
				return -ENOENT;
			*out++ = hex(in[1]) << 4 | hex(in[2]);
			in += 3;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	/* One tag, one name. */
	return graphname_encode(again, tag) < 0 || strcmp(again, name) ? -ENOENT : 0;
}

static bool is_escape(const char *p)
{
	static const char *const escapes[] = { "%2F", "%25", "%2C", "%2E" };
	size_t i;

	for (i = 0; i < 4; i++) {
		if (!strncmp(p, escapes[i], 3))
			return true;
	}
	return false;
}

void graphname_unescape(char *out, const char *name)
{
	while (*name) {
		if (is_escape(name)) {
			*out++ = hex(name[1]) << 4 | hex(name[2]);
			name += 3;
		} else {
			*out++ = *name++;
		}
	}
	*out = '\0';
}

int graphname_escape(char name[GRAPH_NAME_MAX + 1], const char *text)
{
	bool dots = is_dots(text), escape;
	size_t n = 0, width;

	for (; *text; text++, n += width) {
		escape = *text == '/' || dots || is_escape(text);
		width = escape ? 3 : 1;
		if (n + width > GRAPH_NAME_MAX)
			return -ENAMETOOLONG;
		if (escape)
			snprintf(name + n, 4, "%%%02X", (unsigned char)*text);
		else
			name[n] = *text;
	}
	name[n] = '\0';
	return 0;
}

void graphname_suffix(char name[GRAPH_NAME_MAX + 1], const char *file, uint64_t inode)
{
	char suffix[24];
	int len = snprintf(suffix, sizeof(suffix), "~%llu", (unsigned long long)inode);

	snprintf(name, GRAPH_NAME_MAX + 1, "%.*s%s", GRAPH_NAME_MAX - len, file, suffix);
}
