// SPDX-License-Identifier: GPL-2.0
/*
 * A thread with a connection of its own sends what changed here as notifications, each
 * with as many changes as have come together and fit in, and hears those of the others:
 *
 *	iINO		attributes of an inode
 *	dINO		its contents as well
 *	nINO:HEX	a name in a directory
 *	*		everything
 *
 * Whoever has no connection hears nothing: it has the kernel keep nothing (ttl 0) until
 * it is back, and begins with empty caches then. A server that ended without saying so may
 * have changed what it told nobody: its row is left and its advisory lock free, whoever
 * sees that first has everybody drop everything, and rebuilds the index.
 */
#include "peers.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include "clock.h"
#include "index.h"
#include "invalidate.h"
#include "postgresql.h"
#include "tagging.h"

/* Of a notification's 8000 bytes. */
#define PAYLOAD_MAX 7800
/* What waits to be told while there is no connection. */
#define QUEUE_MAX (1 << 20)

/* How often is looked for servers that are gone, and whether the connection lives. */
#define BEAT_MS 2000
#define RETRY_MS 500
/* A rebuild that another rebuild did not make unnecessary. */
#define REBUILD_MS 10000

/*
 * An answer that was on its way to the kernel may have been of before the change, and
 * the kernel did not know the inode yet: once more, so much later.
 */
#define AGAIN_MS 1000

struct again {
	struct again *next;
	int64_t when;
	char payload[];
};

static struct {
	pthread_mutex_t lock;		/* of the queue */
	char *queue;			/* changes, ' ' between them */
	size_t len, room;
	bool everything;		/* instead of the queue */

	int wake;			/* an eventfd */
	_Atomic bool stop;
	pthread_t thread;
	bool running;

	/* The thread's own. */
	struct db *db;
	const char *tree;
	int64_t id;			/* of the row in "server" */
	bool connected, before;
	struct again *first, **last;
	int64_t rebuilt;
} peers = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.last = &peers.first,
};

/* ---- telling ---- */

static bool same_as_last(const char *change, size_t len)
{
	return peers.len >= len && !memcmp(peers.queue + peers.len - len, change, len) &&
	       (peers.len == len || peers.queue[peers.len - len - 1] == ' ');
}

static void add(const char *change)
{
	size_t len = strlen(change), room;
	char *grown;

	pthread_mutex_lock(&peers.lock);
	if (peers.everything || (peers.len && same_as_last(change, len)))
		goto out;
	if (peers.len + len + 2 > peers.room) {
		room = peers.room ? peers.room * 2 : 4096;
		grown = room <= QUEUE_MAX ? realloc(peers.queue, room) : NULL;
		if (!grown) {
			peers.everything = true;
			goto out;
		}
		peers.queue = grown;
		peers.room = room;
	}
	if (peers.len)
		peers.queue[peers.len++] = ' ';
	memcpy(peers.queue + peers.len, change, len + 1);
	peers.len += len;
out:
	pthread_mutex_unlock(&peers.lock);
	eventfd_write(peers.wake, 1);
}

void peers_file(struct disgrafsd *fs, const struct stat *st, bool data)
{
	char change[32];

	/* What is mounted in LOWER is this machine's own. */
	if (!peers.running || st->st_dev != fs->nodes.root->dev)
		return;
	snprintf(change, sizeof(change), "%c%" PRIu64, data ? 'd' : 'i', (uint64_t)st->st_ino);
	add(change);
}

void peers_node(struct disgrafsd *fs, const struct node *node, bool data)
{
	peers_file(fs, &(struct stat){ .st_dev = node->dev, .st_ino = node->ino }, data);
}

void peers_name(struct disgrafsd *fs, const struct stat *dir, const char *name)
{
	char change[32 + 2 * NAME_MAX + 1];
	int len;

	if (!peers.running || dir->st_dev != fs->nodes.root->dev)
		return;
	len = snprintf(change, sizeof(change), "n%" PRIu64 ":", (uint64_t)dir->st_ino);
	for (; *name && len + 3 < (int)sizeof(change); name++)
		len += sprintf(change + len, "%02x", (unsigned char)*name);
	add(change);
}

void peers_entry(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	peers_name(fs, &(struct stat){ .st_dev = dir->dev, .st_ino = dir->ino }, name);
}

void peers_all(struct disgrafsd *fs)
{
	(void)fs;
	if (!peers.running)
		return;
	pthread_mutex_lock(&peers.lock);
	peers.everything = true;
	pthread_mutex_unlock(&peers.lock);
	eventfd_write(peers.wake, 1);
}

/* The first PAYLOAD_MAX bytes of whole changes that wait, to be freed, or NULL. */
static char *take(void)
{
	char *payload = NULL, *end;
	size_t len;

	pthread_mutex_lock(&peers.lock);
	len = peers.len;
	if (peers.everything) {
		payload = strdup("*");
		peers.everything = !payload;
		peers.len = payload ? 0 : len;
	} else if (len) {
		if (len > PAYLOAD_MAX) {
			end = memrchr(peers.queue, ' ', PAYLOAD_MAX);
			len = end - peers.queue;
		}
		payload = strndup(peers.queue, len);
		if (payload && len < peers.len)
			len++;
		if (payload) {
			peers.len -= len;
			memmove(peers.queue, peers.queue + len, peers.len + 1);
		}
	}
	pthread_mutex_unlock(&peers.lock);
	return payload;
}

static int notify(const char *payload)
{
	struct db_stmt *stmt = db_prepare(peers.db, "SELECT pg_notify(?1, ?2)", false);
	char channel[64];
	int ret = -ENOMEM;

	if (stmt) {
		snprintf(channel, sizeof(channel), "disgrafs_%s", peers.tree);
		db_bind_text(stmt, 1, channel, strlen(channel));
		db_bind_text(stmt, 2, payload, strlen(payload));
		ret = db_step(stmt);
	}
	db_finalize(stmt);
	return ret < 0 ? ret : 0;
}

/* What cannot be told is lost, and with it all: see above. */
static int tell(void)
{
	char *payload;
	int ret = 0;

	while (ret == 0 && (payload = take())) {
		ret = notify(payload);
		if (ret < 0)
			peers_all(NULL);
		free(payload);
	}
	return ret;
}

/* ---- hearing ---- */

/* "HEX" up to a space. */
static void decode(const char *hex, char name[NAME_MAX + 1])
{
	unsigned int byte;
	size_t len;

	for (len = 0; len < NAME_MAX && sscanf(hex, "%2x", &byte) == 1 && *hex != ' '; hex += 2)
		name[len++] = byte;
	name[len] = '\0';
}

/* One change, with a space or nothing behind it. */
static void apply(struct disgrafsd *fs, const char *change)
{
	struct stat st = { .st_dev = fs->nodes.root->dev };
	char name[NAME_MAX + 1], *end;

	if (*change == '*') {
		invalidate_all(fs);
		return;
	}
	st.st_ino = strtoull(change + 1, &end, 10);
	if (*change == 'n' && *end == ':') {
		decode(end + 1, name);
		invalidate_name(fs, &st, name);
	} else if (*change == 'i' || *change == 'd') {
		invalidate_file(fs, &st, *change == 'd');
	}
}

static void apply_all(struct disgrafsd *fs, const char *payload)
{
	while (payload && *payload) {
		apply(fs, payload);
		payload = strchr(payload, ' ');
		if (payload)
			payload++;
	}
}

static void heard(const char *payload, void *arg)
{
	struct again *again = malloc(sizeof(*again) + strlen(payload) + 1);

	apply_all(arg, payload);
	if (!again)
		return;
	again->when = now_ms() + AGAIN_MS;
	again->next = NULL;
	strcpy(again->payload, payload);
	*peers.last = again;
	peers.last = &again->next;
}

/* @all: also what is not due yet. */
static void apply_again(struct disgrafsd *fs, bool all)
{
	struct again *again;

	while ((again = peers.first) && (all || again->when <= now_ms())) {
		peers.first = again->next;
		if (!peers.first)
			peers.last = &peers.first;
		if (!all)
			apply_all(fs, again->payload);
		free(again);
	}
}

/* ---- the connection ---- */

/* Of each session: hears, and is known to live. */
static int ready(void *arg)
{
	struct db_stmt *stmt;
	char sql[256];
	int ret;

	(void)arg;
	snprintf(sql, sizeof(sql), "SET search_path = disgrafs_%s; LISTEN disgrafs_%s",
		 peers.tree, peers.tree);
	ret = db_exec(peers.db, sql);
	if (ret < 0)
		return ret;
	/* Others see the row when the lock is held. */
	stmt = db_prepare(peers.db, "WITH own AS (INSERT INTO server DEFAULT VALUES RETURNING id) "
			  "SELECT id, pg_advisory_lock(hashtext(current_schema()), id::int) FROM own",
			  false);
	ret = stmt ? db_step(stmt) : -ENOMEM;
	if (ret > 0)
		peers.id = db_int(stmt, 0);
	db_finalize(stmt);
	return ret < 0 ? ret : 0;
}

/* Rows of servers that are gone are removed. 1: there were some. */
static int find_gone(void)
{
	struct db_stmt *stmt = db_prepare(peers.db,
		"DELETE FROM server WHERE id <> ?1 AND "
		"pg_try_advisory_xact_lock(hashtext(current_schema()), id::int) RETURNING id",
		false);
	int ret = -ENOMEM;

	if (stmt) {
		db_bind_int(stmt, 1, peers.id);
		ret = db_step(stmt);
	}
	db_finalize(stmt);
	return ret;
}

static void rebuild(struct disgrafsd *fs)
{
	peers.rebuilt = now_ms();
	tagging_rebuild(fs);
}

static int beat(struct disgrafsd *fs)
{
	int ret = find_gone();

	if (ret > 0) {
		log_msg(LOG_NOTICE, "%s: another server did not end properly: looking at all files",
			fs->opt.lower);
		peers_all(fs);
		invalidate_all(fs);
		rebuild(fs);
	} else if (ret == 0 && now_ms() > peers.rebuilt + REBUILD_MS && tagging_is_stale(fs)) {
		rebuild(fs);
	}
	return ret < 0 ? ret : tell();
}

static void connected(struct disgrafsd *fs)
{
	peers.connected = true;
	/* What happened since nobody heard us, and we nobody. */
	peers_all(fs);
	fs->cut_off = false;
	invalidate_all(fs);
	if (index_needs_rebuild(fs->index))
		rebuild(fs);
	if (peers.before)
		log_msg(LOG_NOTICE, "%s: the database is back", fs->opt.lower);
	peers.before = true;
}

static void disconnected(struct disgrafsd *fs)
{
	peers.connected = false;
	fs->cut_off = true;
	log_msg(LOG_WARNING, "%s: the database is away: %s: serving without a graph",
		fs->opt.lower, peers.db->error);
	invalidate_all(fs);
}

static void try_to_connect(struct disgrafsd *fs)
{
	/* The index makes the tables. */
	if (index_reach(fs->index) == 0 && postgresql_reach(peers.db) == 0)
		connected(fs);
}

static void *serve_peers(void *arg)
{
	struct disgrafsd *fs = arg;
	int64_t next = 0;
	eventfd_t count;
	int ret, wait;

	while (!peers.stop) {
		struct pollfd fds[] = {
			{ .fd = peers.wake, .events = POLLIN },
			{ .fd = postgresql_socket(peers.db), .events = POLLIN },
		};

		wait = peers.connected ? next - now_ms() : RETRY_MS;
		if (peers.first && wait > AGAIN_MS / 4)
			wait = AGAIN_MS / 4;
		/* While nobody hears, the waker is not listened to. */
		poll(fds + !peers.connected, peers.connected ? 2 : 1, wait > 0 ? wait : 0);
		if (fds[0].revents)
			eventfd_read(peers.wake, &count);
		apply_again(fs, false);
		if (!peers.connected) {
			try_to_connect(fs);
			continue;
		}
		ret = postgresql_hear(peers.db, heard, fs);
		if (ret == 0)
			ret = tell();
		if (ret == 0 && now_ms() >= next) {
			next = now_ms() + BEAT_MS;
			ret = beat(fs);
		}
		/* What came with the answers. */
		if (ret == 0)
			ret = postgresql_hear(peers.db, heard, fs);
		if (ret < 0)
			disconnected(fs);
	}
	return NULL;
}

void peers_start(struct disgrafsd *fs)
{
	char url[INDEX_URL_MAX];

	if (!fs->index || !index_tree(fs->index) ||
	    index_database(fs->nodes.root->fd, url, sizeof(url)) <= 0)
		return;
	peers.tree = index_tree(fs->index);
	peers.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	peers.db = postgresql_open(url, ready, NULL);
	/* Until it is connected. */
	fs->cut_off = true;
	if (peers.wake >= 0 && peers.db) {
		try_to_connect(fs);
		peers.running = !pthread_create(&peers.thread, NULL, serve_peers, fs);
	}
	if (!peers.running)
		log_msg(LOG_ERR, "cannot hear of other servers: out of resources");
}

/* After the last change was recorded. */
void peers_stop(struct disgrafsd *fs)
{
	char sql[64];

	if (!peers.running)
		return;
	peers.stop = true;
	eventfd_write(peers.wake, 1);
	invalidate_stop(fs, peers.thread);
	if (peers.connected && tell() == 0) {
		snprintf(sql, sizeof(sql), "DELETE FROM server WHERE id = %" PRId64, peers.id);
		db_exec(peers.db, sql);
	}
	apply_again(fs, true);
	db_close(peers.db);
	close(peers.wake);
	free(peers.queue);
	peers.running = false;
}
