/* SPDX-License-Identifier: GPL-2.0 */
/* How words are compared. */
#ifndef DISGRAFS_FOLD_H
#define DISGRAFS_FOLD_H

/*
 * @text in lower case (Latin, Greek, Cyrillic); bytes that are no UTF-8 stay. To be freed;
 * NULL: out of memory.
 */
char *fold_case(const char *text);
/* The same of the stems of English words, which make @text up with spaces between them. */
char *fold_keyword(const char *text);

#endif
