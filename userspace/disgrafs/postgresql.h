/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFS_POSTGRESQL_H
#define DISGRAFS_POSTGRESQL_H

#include <libpq-fe.h>

#include "db.h"

/*
 * A new connection to the server of @url, an URI of libpq, that can be written to. Always
 * to be ended with PQfinish(); PQstatus() says whether there is one. Not longer than a few
 * seconds a host.
 */
PGconn *postgresql_connect(const char *url);

/*
 * Connects when something is asked. A connection that is lost is made anew when something
 * is asked next, but not in a transaction, and after a failure not at once: until then
 * everything fails with -EHOSTDOWN. @ready: called after each connecting, to prepare the
 * session, 0 or -errno. NULL: out of memory.
 */
struct db *postgresql_open(const char *url, int (*ready)(void *arg), void *arg);
/* 0, or why there is no connection. */
int postgresql_reach(struct db *db);
/* To poll for input, or -1. */
int postgresql_socket(struct db *db);
/* Tells of what others have notified until now. 0, or -EHOSTDOWN: there is no connection. */
int postgresql_hear(struct db *db, void (*fn)(const char *payload, void *arg), void *arg);

#endif
