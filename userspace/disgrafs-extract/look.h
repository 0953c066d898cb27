/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in a file, in lines for disgrafsd:
 *
 *	type TYPE/SUBTYPE	as libmagic says
 *	charset NAME		of text
 *	text LINE		the first MiB of text, if disgrafsd can read it
 *	keyword WEIGHT WORD	of prose, see keywords.h
 *	sha256 HEX		of all of it
 *
 * There is more to say of some types, see kinds.h.
 */
#ifndef EXTRACT_LOOK_H
#define EXTRACT_LOOK_H

#include <magic.h>
#include <openssl/evp.h>

/* What is needed to look into files, and cannot be had in a sandbox. */
struct looker {
	magic_t magic;
	EVP_MD *sha256;
};

/* 0 or -errno. */
int looker_open(struct looker *looker);
void looker_close(struct looker *looker);
/*
 * Writes the lines to @out, the quick ones first: the rest may take too long. @kind: for
 * kind_look(), or -1. Returns 0 or -errno.
 */
int look(const struct looker *looker, int fd, int out, int *kind);

#endif
