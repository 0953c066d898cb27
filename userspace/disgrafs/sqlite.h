/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_SQLITE_H
#define DISGRAFS_SQLITE_H

#include <sqlite3.h>

#include "db.h"

/*
 * @path is used as it is. @flags: SQLITE_OPEN_...; @busy_ms: how long to wait for
 * another writer. NULL: out of memory; whether it worked is db->err.
 */
struct db *sqlite_open(const char *path, int flags, int busy_ms);
sqlite3 *sqlite_handle(struct db *db);

#endif
