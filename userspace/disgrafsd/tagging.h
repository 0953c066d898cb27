/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeps the index in step with what happens to files. Called after the change
 * was made on LOWER; never fails, because the index can always be rebuilt.
 */
#ifndef DISGRAFSD_TAGGING_H
#define DISGRAFSD_TAGGING_H

#include "disgrafsd.h"
#include "index.h"
#include "tags.h"

/* Opens the index, or makes it; without one everything else here does nothing. */
void tagging_start(struct disgrafsd *fs);
void tagging_stop(struct disgrafsd *fs);
/* From here on the index knows every change that was reported. */
void tagging_flush(struct disgrafsd *fs);

/* @name was just made in @dir: no old record of its inode number is true. */
void tagging_made(struct disgrafsd *fs, const struct node *dir, const char *name);
/* @name in @dir went away or is another file now. */
void tagging_name_changed(struct disgrafsd *fs, const struct node *dir, const char *name);
void tagging_renamed(struct disgrafsd *fs, const struct node *dir, const char *name,
		     const struct node *new_dir, const char *new_name);
/* @node, a regular file, was written to. */
void tagging_written(struct disgrafsd *fs, const struct node *node);
/* The same for an O_PATH descriptor of a file of any kind, which others wrote to. */
void tagging_path_written(struct disgrafsd *fs, int fd);
/* @node has other tags or one name more. */
void tagging_file_changed(struct disgrafsd *fs, struct node *node);
/* The same for an O_PATH descriptor of the file @name in the directory @dir. */
void tagging_path_changed(struct disgrafsd *fs, int fd, int dir, const char *name);
/* What somebody else did to names in LOWER. */
void tagging_names_changed(struct disgrafsd *fs, const struct index_name *names, size_t count);
/* Something changed in LOWER that nobody will look at. */
void tagging_missed(struct disgrafsd *fs);
/* A change was not recorded, by whomever, and there is no rebuild yet. */
bool tagging_is_stale(struct disgrafsd *fs);
/* The index lacks what was changed while its database was away: no answer is right. */
bool tagging_is_behind(void);
/* Has the index made anew, in the background, from what is there now or later. */
void tagging_rebuild(struct disgrafsd *fs);
/* The same, of an index that was met damaged; not too often. */
void tagging_damaged(struct disgrafsd *fs);

#endif
