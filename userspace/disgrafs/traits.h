/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What files have in common by what was found in them: traits are facts, keywords and
 * automatic tags, each once, as they are compared (fold.h). Within a transaction.
 */
#ifndef DISGRAFS_TRAITS_H
#define DISGRAFS_TRAITS_H

#include "indexdb.h"

#define TRAIT_KEYWORD "keyword"
#define TRAIT_AUTO "auto"

/*
 * Whether @value can be recorded: it is UTF-8, which PostgreSQL insists on, some, and not
 * too long for an index of a database. What cannot is left out.
 */
bool trait_is_value(const char *value);

/* In place of all that were found before. 0 or -errno; so do the others. */
int traits_set_found(struct tagindex *index, int64_t node, const struct index_findings *found);
/* The same for the automatic tags, of which those that are refused are left out. */
int traits_set_auto(struct tagindex *index, int64_t node, const struct tags *automatic);
/* Whether just these are recorded. */
bool traits_same_auto(struct tagindex *index, int64_t node, const struct tags *automatic);
/* All that were found in any file. */
int traits_forget(struct tagindex *index);
/* Those that no file has. */
int traits_sweep(struct tagindex *index);

/* How many files have the trait, or -errno. */
int64_t traits_files(struct tagindex *index, const char *key, const char *value);
/* What the keyword of so many files, of a @weight in one of them, counts there. */
double traits_weight(struct tagindex *index, double weight, int64_t files);

#endif
