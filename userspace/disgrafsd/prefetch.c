// SPDX-License-Identifier: GPL-2.0
/*
 * Who opens what is told by the requests that come to the daemon: of each file the first
 * open, as later ones are answered by the policy; and those are what can be made faster.
 *
 * The processes are none of the daemon's threads: one that waits for an answer of its own
 * daemon could not be killed. They look through a copy of the mount that is attached
 * nowhere and lasts as long as one file, so that unmounting finds nobody there.
 */
#include "prefetch.h"

#include <dirent.h>
#include <limits.h>
#include <linux/mount.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "graph.h"
#include "look.h"
#include "vnode.h"

/* They wait for something slow, most of the time. */
#define NR_PROCESSES 8
/* Opens in a row that make a stream, and how many files may be left out between two. */
#define ROW 3
#define STEP 8
#define NR_STREAMS 8
/* A larger directory is not looked at. */
#define MAX_FILES 65536
#define MAX_EVENTS 64
#define MAX_LINKS 16

struct event {
	uint64_t dir;			/* a nodeid, of .graph as well */
	char name[NAME_MAX + 1];
};

struct link {
	struct event at;
	uint64_t ino;
};

struct file {
	char *name, *path;		/* below the root */
};

struct stream {
	uint64_t dir, used;
	char recent[ROW][NAME_MAX + 1];	/* the last one first */
	unsigned int count;		/* of opens; it is listed at the next power of two */
	struct file *file;		/* in the order of the opens; NULL: there is none yet */
	size_t files, at, ahead;	/* opened last, and not looked at yet */
};

static struct {
	pid_t pid[NR_PROCESSES];
	int socket;			/* -1: there are no processes */
	unsigned int depth;		/* how many files ahead */
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	struct event event[MAX_EVENTS];
	unsigned int first, events;
	struct link link[MAX_LINKS];
	unsigned int next_link;
	bool stop;

	/* The thread's */
	struct stream stream[NR_STREAMS];
	uint64_t clock;

	atomic_uint_fast64_t warmed, opened;
} prefetch = {
	.socket = -1,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
};

/* ---- the processes ---- */

/* The working directory becomes the root of a copy of the mount. False: it is no more. */
static bool enter_mount(const struct options *opt)
{
	int fd = syscall(SYS_open_tree, AT_FDCWD, opt->mountpoint, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	bool entered;

	if (fd < 0)
		return false;
	entered = fchdir(fd) == 0 && getxattr(".", LOWER_XATTR, NULL, 0) > 0;
	close(fd);
	return entered;
}

/* Each message is a path. Ends with the daemon. */
static void __attribute__((noreturn)) look(const struct options *opt, int socket)
{
	char path[PATH_MAX], *buffer = malloc(LOOK_BUFFER);
	ssize_t len;

	while (buffer && (len = recv(socket, path, sizeof(path) - 1, 0)) > 0) {
		path[len] = '\0';
		if (enter_mount(opt))
			look_at(AT_FDCWD, path, buffer);
		if (chdir("/") < 0)
			break;
	}
	_exit(0);
}

static pid_t start_process(const struct options *opt, int socket)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	setsid();
	prctl(PR_SET_NAME, "disgrafsd-ahead");
	/* Of what else is open nothing may stay so, a lock or the caller's pipe among it. */
	null = open("/dev/null", O_WRONLY);
	if (dup2(socket, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		_exit(1);
	look(opt, STDIN_FILENO);
}

void prefetch_prepare(struct disgrafsd *fs)
{
	int sockets[2], i;

	prefetch.depth = fs->opt.prefetch < 0 ? (fs->far ? DEFAULT_PREFETCH : 0) : fs->opt.prefetch;
	/* The copy takes root's rights. */
	if (!prefetch.depth || !fs->multiuser ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return;
	for (i = 0; i < NR_PROCESSES; i++)
		prefetch.pid[i] = start_process(&fs->opt, sockets[1]);
	close(sockets[1]);
	prefetch.socket = sockets[0];
}

static bool is_ours(pid_t pid)
{
	int i;

	for (i = 0; i < NR_PROCESSES; i++) {
		if (prefetch.pid[i] > 0 && prefetch.pid[i] == pid)
			return true;
	}
	return false;
}

/* ---- what is opened ---- */

static void add_event(const struct event *event)
{
	pthread_mutex_lock(&prefetch.lock);
	/* Those that are too many are not worth waiting for. */
	if (prefetch.events < MAX_EVENTS) {
		prefetch.event[(prefetch.first + prefetch.events++) % MAX_EVENTS] = *event;
		pthread_cond_signal(&prefetch.wake);
	}
	pthread_mutex_unlock(&prefetch.lock);
}

void prefetch_link(uint64_t dir, const char *name, uint64_t ino)
{
	struct link *link;

	if (prefetch.socket < 0)
		return;
	pthread_mutex_lock(&prefetch.lock);
	link = &prefetch.link[prefetch.next_link++ % MAX_LINKS];
	link->at.dir = dir;
	snprintf(link->at.name, sizeof(link->at.name), "%s", name);
	link->ino = ino;
	pthread_mutex_unlock(&prefetch.lock);
}

/* The link by which the file was found just now. */
static bool find_link(uint64_t ino, struct event *event)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&prefetch.lock);
	for (i = 0; i < MAX_LINKS && !found; i++) {
		found = prefetch.link[i].ino == ino && prefetch.link[i].at.dir;
		if (found) {
			*event = prefetch.link[i].at;
			prefetch.link[i].at.dir = 0;
		}
	}
	pthread_mutex_unlock(&prefetch.lock);
	return found;
}

static bool find_name(struct node *node, struct event *event)
{
	bool found;

	pthread_mutex_lock(&node->lock);
	found = node->names;
	if (found) {
		event->dir = node->names->parent;
		snprintf(event->name, sizeof(event->name), "%s", node->names->name);
	}
	pthread_mutex_unlock(&node->lock);
	return found;
}

void prefetch_opened(fuse_req_t req, struct node *node)
{
	enum node_use unused = NODE_NEW;
	struct event event;

	if (prefetch.socket < 0)
		return;
	if (is_ours(fuse_req_ctx(req)->pid)) {
		if (atomic_compare_exchange_strong(&node->use, &unused, NODE_WARMED))
			prefetch.warmed++;
		return;
	}
	if (atomic_exchange(&node->use, NODE_OPENED) == NODE_WARMED)
		prefetch.opened++;
	if (find_link(node->ino, &event) || find_name(node, &event))
		add_event(&event);
}

bool prefetch_counts(uint64_t *warmed, uint64_t *opened)
{
	*warmed = prefetch.warmed;
	*opened = prefetch.opened;
	return prefetch.socket >= 0;
}

/* ---- what comes next ---- */

static void free_files(struct stream *stream)
{
	while (stream->files) {
		stream->files--;
		free(stream->file[stream->files].name);
		free(stream->file[stream->files].path);
	}
	free(stream->file);
	stream->file = NULL;
}

/* Takes the strings over. */
static bool add_file(struct stream *stream, char *name, char *path)
{
	size_t room = stream->files + 256;
	struct file *file = stream->file;

	if (name && path && stream->files < MAX_FILES && stream->files % 256 == 0)
		file = reallocarray(file, room, sizeof(*file));
	if (!name || !path || stream->files == MAX_FILES || !file) {
		free(name);
		free(path);
		return false;
	}
	stream->file = file;
	stream->file[stream->files++] = (struct file){ name, path };
	return true;
}

/* The path of the directory below the root, "" or with a '/' at the end, in @path. */
static bool directory_path(struct disgrafsd *fs, const struct node *dir, char path[PATH_MAX])
{
	size_t len = strlen(fs->opt.lower);
	ssize_t n = readlink(fd_path(dir->fd).path, path, PATH_MAX - 2);

	if (n < 0)
		return false;
	path[n] = '\0';
	if (!strcmp(fs->opt.lower, "/"))
		len = 0;
	if (strncmp(path, fs->opt.lower, len) || (path[len] && path[len] != '/'))
		return false;
	if (path[len])
		len++;
	memmove(path, path + len, n + 1 - len);
	if (*path)
		strcat(path, "/");
	return true;
}

static void list_directory(struct disgrafsd *fs, struct stream *stream, const struct node *dir)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *handle = fd < 0 ? NULL : fdopendir(fd);
	char at[PATH_MAX], *path;
	struct dirent *entry;
	bool below;

	if (!handle) {
		if (fd >= 0)
			close(fd);
		return;
	}
	below = directory_path(fs, dir, at);
	while (below && (entry = readdir(handle))) {
		if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
			continue;
		if (asprintf(&path, "%s%s", at, entry->d_name) < 0)
			break;
		if (!add_file(stream, strdup(entry->d_name), path))
			break;
	}
	closedir(handle);
}

static void list_links(struct disgrafsd *fs, struct stream *stream)
{
	struct listing *listing = NULL;
	const struct vnode *dir;
	const struct entry *entry;
	size_t depth = 0, i;

	pthread_mutex_lock(&fs->graph->lock);
	dir = vnode_find(fs->graph, stream->dir);
	if (dir && dir->listing) {
		listing = listing_ref(dir->listing);
		depth = dir->depth;
	}
	for (i = 0; listing && i < listing->count; i++) {
		entry = &listing->entry[i];
		if (entry->kind == GRAPH_LINK &&
		    !add_file(stream, strdup(entry->name), strdup(entry->arg + 3 * depth)))
			break;
	}
	if (listing)
		listing_put(listing);
	pthread_mutex_unlock(&fs->graph->lock);
}

static size_t position(const struct stream *stream, const char *name)
{
	size_t i = 0;

	while (i < stream->files && strcmp(stream->file[i].name, name))
		i++;
	return i;
}

/* The last opens are in this order, without too much between them. */
static bool in_order(struct stream *stream)
{
	size_t i, at, last = position(stream, stream->recent[0]);

	stream->at = last;
	if (last == stream->files)
		return false;
	for (i = 1; i < ROW; i++) {
		at = position(stream, stream->recent[i]);
		if (at >= last || last - at > STEP)
			return false;
		last = at;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* In the order of the directory, as find(1) goes, or in that of names, as '*' does. */
static void list(struct disgrafsd *fs, struct stream *stream)
{
	struct node *dir;

	if (stream->dir & NODE_VIRTUAL) {
		list_links(fs, stream);
	} else {
		dir = node_get(&fs->nodes, stream->dir);
		if (dir)
			list_directory(fs, stream, dir);
		node_put(&fs->nodes, dir);
	}
	if (!in_order(stream)) {
		if (stream->files)
			qsort(stream->file, stream->files, sizeof(*stream->file), by_name);
		if (!in_order(stream))
			free_files(stream);
	}
	stream->ahead = stream->at + 1;
}

static void look_ahead(struct stream *stream)
{
	size_t end = stream->at + 1 + prefetch.depth;
	const char *path;

	if (stream->ahead <= stream->at)
		stream->ahead = stream->at + 1;
	for (; stream->ahead < end && stream->ahead < stream->files; stream->ahead++) {
		path = stream->file[stream->ahead].path;
		/* What does not fit has to wait for the next open. */
		if (send(prefetch.socket, path, strlen(path), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	}
}

/* False: what was opened does not come next. */
static bool go_on(struct stream *stream, const char *name)
{
	size_t i;

	for (i = stream->at; i < stream->files && i <= stream->at + STEP; i++) {
		if (!strcmp(stream->file[i].name, name)) {
			stream->at = i;
			return true;
		}
	}
	return false;
}

static struct stream *find_stream(uint64_t dir)
{
	struct stream *stream, *oldest = &prefetch.stream[0];
	size_t i;

	for (i = 0; i < NR_STREAMS; i++) {
		stream = &prefetch.stream[i];
		if (stream->dir == dir)
			return stream;
		if (stream->used < oldest->used)
			oldest = stream;
	}
	free_files(oldest);
	memset(oldest, 0, sizeof(*oldest));
	oldest->dir = dir;
	return oldest;
}

static void opened(struct disgrafsd *fs, const struct event *event)
{
	struct stream *stream = find_stream(event->dir);

	stream->used = ++prefetch.clock;
	if (stream->file && !go_on(stream, event->name)) {
		free_files(stream);
		stream->count = 0;
	}
	if (!stream->file) {
		memmove(stream->recent[1], stream->recent[0], sizeof(stream->recent[0]) * (ROW - 1));
		strcpy(stream->recent[0], event->name);
		stream->count++;
		/* Listing may take long: ever more rarely if it was in vain. */
		if (stream->count >= ROW &&
		    (stream->count == ROW || !(stream->count & (stream->count - 1))))
			list(fs, stream);
	}
	if (stream->file)
		look_ahead(stream);
}

static bool next_event(struct event *event)
{
	pthread_mutex_lock(&prefetch.lock);
	while (!prefetch.events && !prefetch.stop)
		pthread_cond_wait(&prefetch.wake, &prefetch.lock);
	if (!prefetch.stop) {
		*event = prefetch.event[prefetch.first];
		prefetch.first = (prefetch.first + 1) % MAX_EVENTS;
		prefetch.events--;
	}
	pthread_mutex_unlock(&prefetch.lock);
	return !prefetch.stop;
}

static void *watch(void *arg)
{
	struct event event;

	while (next_event(&event))
		opened(arg, &event);
	return NULL;
}

void prefetch_start(struct disgrafsd *fs)
{
	prefetch.running = prefetch.socket >= 0 &&
			   !pthread_create(&prefetch.thread, NULL, watch, fs);
}

/* The processes end by themselves: what they wait for ends with the session. */
void prefetch_stop(void)
{
	size_t i;

	if (prefetch.running) {
		pthread_mutex_lock(&prefetch.lock);
		prefetch.stop = true;
		pthread_cond_signal(&prefetch.wake);
		pthread_mutex_unlock(&prefetch.lock);
		pthread_join(prefetch.thread, NULL);
	}
	for (i = 0; i < NR_STREAMS; i++)
		free_files(&prefetch.stream[i]);
	if (prefetch.socket >= 0)
		close(prefetch.socket);
}
