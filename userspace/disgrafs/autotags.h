/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Automatic tags: what was found in a file, in words that could be tags, in an xattr of
 * their own, which looks like that of the user's tags (tags.h). A tag that the user does
 * not want stays there with a "-" in front, so that it is not found again. Whatever
 * becomes of them, the user's own tags are never touched unless the user accepts one.
 */
#ifndef DISGRAFS_AUTOTAGS_H
#define DISGRAFS_AUTOTAGS_H

#include <stdbool.h>

#include "tags.h"

#define AUTO_XATTR "user.disgrafs.auto"

static inline bool auto_is_refusal(const char *tag)
{
	return *tag == '-';
}

/* What is found is added if it can be one. 0 or -ENOMEM. */
int auto_suggest(struct tags *found, const char *tag);
/* Whether @tag is refused in @automatic. */
bool auto_is_refused(const struct tags *automatic, const char *tag);
/* From now on it is; whether it was there. 0, 1 or -ENOMEM. */
int auto_refuse(struct tags *automatic, const char *tag);
/*
 * Of the @found, those that are neither the user's @own nor refused take the place of
 * those in @automatic. 1: these are others now; 0 or -ENOMEM.
 */
int auto_merge(struct tags *automatic, const struct tags *own, const struct tags *found);

#endif
