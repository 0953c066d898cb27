// SPDX-License-Identifier: GPL-2.0
#include "db.h"

#include <stdio.h>
#include <string.h>

void db_bind_string(struct db_stmt *stmt, int param, const char *string)
{
	db_bind_bytes(stmt, param, string, strlen(string));
}

int db_fail(struct db *db, int err, const char *sentence)
{
	size_t len = strcspn(sentence, "\n");

	snprintf(db->error, sizeof(db->error), "%.*s", (int)len, sentence);
	db->err = err;
	db->failures++;
	return err;
}
