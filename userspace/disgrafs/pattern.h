/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_PATTERN_H
#define DISGRAFS_PATTERN_H

/*
 * The pattern of fnmatch(3), without flags, as a regular expression of PostgreSQL for the
 * whole of a string of bytes. To be freed; NULL: out of memory.
 */
char *pattern_regex(const char *pattern);

#endif
