// SPDX-License-Identifier: GPL-2.0
/*
 * The index over a real directory. Its file system must have user extended
 * attributes; where it has none, the tests are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "index.h"
#include "tags.h"

#include "fixture.h"

/* Creates @path, gives it tags and tells the index. */
static void tag(const char *path, const char *tags)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	struct index_name at = { .name = slash ? slash + 1 : path };
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (fsetxattr(fd, TAGS_XATTR, tags, strlen(tags), 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	at.dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(at.dir);
	close(fd);
}

/* Has the index look at @name. */
static void record_in(int dir, const char *name)
{
	struct index_name at = { .dir = dir, .name = name };
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(index_sync_file(idx, fd, &at, 1), 0);
	close(fd);
}

static void record(const char *name)
{
	record_in(root, name);
}

static void names_changed(const char *path, const char *other)
{
	struct index_name names[2] = { { root, path }, { root, other } };

	assert_int_equal(index_sync_names(idx, names, other ? 2 : 1), 0);
}

static int add_path(uint64_t ino, const char *path, void *arg)
{
	char *all = arg;

	(void)ino;
	strcat(strcat(all, path), ";");
	return 0;
}

static int add_tag(const char *name, uint64_t files, void *arg)
{
	char *all = arg;

	sprintf(all + strlen(all), "%s=%d;", name, (int)files);
	return 0;
}

static void assert_found(const char *wanted, const char *const *tags, size_t count)
{
	char all[8192] = "";

	assert_int_equal(index_find(idx, tags, count, add_path, all), 0);
	assert_string_equal(all, wanted);
}

#define FOUND(wanted, ...) assert_found(wanted, (const char *const[]){ __VA_ARGS__ }, \
					sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void assert_tags(const char *wanted)
{
	char all[8192] = "";

	assert_int_equal(index_tags(idx, "", add_tag, all), 0);
	assert_string_equal(all, wanted);
}

static void intersections(void **state)
{
	const char *const a[] = { "a" }, *const none[] = { "a", "none" };
	char all[256] = "";

	(void)state;
	tag("f1", "a,b");
	tag("f2", "a,b,c");
	tag("f3", "c");
	FOUND("f1;f2;", "a");
	FOUND("f1;f2;", "b", "a");
	FOUND("f2;", "a", "b", "c");
	FOUND("f2;", "c", "a");
	FOUND("f1;f2;", "a", "a");
	FOUND("", "nothing");
	FOUND("", "a", "nothing");
	assert_tags("a=2;b=2;c=2;");
	assert_int_equal(index_narrow(idx, a, 1, add_tag, all), 0);
	assert_string_equal(all, "b=2;c=1;");
	all[0] = '\0';
	assert_int_equal(index_narrow(idx, none, 2, add_tag, all), 0);
	assert_string_equal(all, "");
	tag("f1", "x");
	FOUND("f2;", "a");
	tag("f1", "");
	FOUND("", "x");
	assert_tags("a=1;b=1;c=2;");
}

static void directories(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkdir("d/e", 0700) | mkdir("other", 0700), 0);
	tag("d/e/f", "t");
	tag("d/e/g", "t");
	tag("d", "u");
	FOUND("d/e/f;d/e/g;", "t");
	assert_int_equal(rename("d", "other/D"), 0);
	{
		int other = open("other", O_PATH);
		struct index_name names[] = { { other, "D" }, { root, "d" } };

		assert_int_equal(index_sync_names(idx, names, 2), 0);
		close(other);
	}
	FOUND("other/D/e/f;other/D/e/g;", "t");
	FOUND("other/D;", "u");
	assert_int_equal(mkdir("p", 0700) | rename("other", "q"), 0);
	names_changed("q", "other");
	FOUND("q/D/e/f;q/D/e/g;", "t");
	assert_int_equal(renameat2(AT_FDCWD, "p", AT_FDCWD, "q", RENAME_EXCHANGE), 0);
	names_changed("q", "p");
	FOUND("p/D/e/f;p/D/e/g;", "t");
}

static void hard_links(void **state)
{
	(void)state;
	tag("a", "t");
	assert_int_equal(link("a", "b"), 0);
	tag("b", "t");
	FOUND("a;b;", "t");
	assert_tags("t=1;");
	assert_int_equal(rename("a", "c"), 0);
	names_changed("c", "a");
	FOUND("b;c;", "t");
	assert_int_equal(unlink("b"), 0);
	names_changed("b", NULL);
	FOUND("c;", "t");
	tag("over", "o");
	assert_int_equal(rename("c", "over"), 0);
	names_changed("over", "c");
	FOUND("over;", "t");
	FOUND("", "o");
	assert_tags("t=1;");
	assert_int_equal(unlink("over"), 0);
	names_changed("over", NULL);
	assert_tags("");
}

static rlim_t limit_files(rlim_t limit)
{
	struct rlimit now;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	before = now.rlim_cur;
	now.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

/* That it cannot be looked at does not mean that nothing is there. */
static void no_descriptors(void **state)
{
	struct index_name at = { root, "f" };
	rlim_t limit;
	int ret;

	(void)state;
	write_file("f", "");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	names_changed("none", NULL);
	assert_int_equal(index_made(idx, root, "none"), 0);
	limit = limit_files(1);
	ret = index_made(idx, root, "f");
	limit_files(limit);
	assert_int_equal(ret, -EMFILE);
	assert_true(index_state(idx) & INDEX_STALE);
	write_file("g", "");
	at.name = "g";
	limit = limit_files(1);
	ret = index_sync_names(idx, &at, 1);
	limit_files(limit);
	assert_int_equal(ret, -EMFILE);
	names_changed("g", NULL);
}

static void reused_inode(void **state)
{
	(void)state;
	tag("a", "t");
	/* Behind the index's back, as if the number was given to a new file. */
	assert_int_equal(rename("a", "b") | removexattr("b", TAGS_XATTR), 0);
	assert_int_equal(index_made(idx, root, "b"), 0);
	FOUND("", "t");
}

static bool is_stale(void)
{
	return access(INDEX_DIR "/stale", F_OK) == 0;
}

/* Names are told later than they change, and what is in a directory not at all. */
static void renamed_twice(void **state)
{
	struct index_name gone = { .name = "f" };

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	tag("d/f", "t");
	tag("g", "u");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(rename("d", "x") | rename("x", "y") | rename("g", "h") | rename("h", "i"),
			 0);
	assert_int_equal(index_batch_begin(idx), 0);
	names_changed("x", "d");
	names_changed("h", "g");
	names_changed("y", "x");
	names_changed("i", "h");
	assert_int_equal(index_batch_end(idx), 0);
	FOUND("y/f;", "t");
	FOUND("i;", "u");
	assert_false(is_stale());
	/* In two transactions it is not known, but that is. */
	assert_int_equal(rename("y", "d") | rename("d", "z"), 0);
	names_changed("d", "y");
	names_changed("z", "d");
	assert_true(is_stale());
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	FOUND("z/f;", "t");
	/* A directory that is removed was emptied before. */
	gone.dir = open("z", O_PATH | O_CLOEXEC);
	assert_int_equal(unlink("z/f") | rmdir("z"), 0);
	assert_int_equal(index_sync_names(idx, &gone, 1), 0);
	close(gone.dir);
	names_changed("z", NULL);
	assert_false(is_stale());
}

static void exchanged(void **state)
{
	(void)state;
	assert_int_equal(mkdir("a", 0700) | mkdir("b", 0700), 0);
	tag("a/f", "t");
	tag("b/g", "t");
	tag("file", "u");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(rename("a", "tmp") | rename("b", "a") | rename("tmp", "b"), 0);
	assert_int_equal(index_batch_begin(idx), 0);
	names_changed("tmp", "a");
	names_changed("a", "b");
	names_changed("b", "tmp");
	assert_int_equal(index_batch_end(idx), 0);
	FOUND("b/f;a/g;", "t");
	assert_int_equal(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
	names_changed("a", "b");
	FOUND("a/f;b/g;", "t");
	assert_int_equal(renameat2(AT_FDCWD, "a", AT_FDCWD, "file", RENAME_EXCHANGE), 0);
	names_changed("file", "a");
	FOUND("file/f;b/g;", "t");
	FOUND("a;", "u");
	assert_false(is_stale());
}

/* The number of a file that went is given to one that is made and renamed. */
static void reused_at_once(void **state)
{
	(void)state;
	tag("a", "t");
	assert_int_equal(rename("a", "b") | removexattr("b", TAGS_XATTR), 0);
	assert_int_equal(index_batch_begin(idx), 0);
	names_changed("a", NULL);
	assert_int_equal(index_made(idx, root, "tmp"), 0);
	names_changed("b", "tmp");
	assert_int_equal(index_batch_end(idx), 0);
	FOUND("", "t");
}

static void hostile(void **state)
{
	static const char *const names[] = {
		"'", "\"", "a\nb", "%s%n", "\xff\xfe", "a b", "-rf", "*", "x'; DROP TABLE node; --",
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
	};
	char wanted[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		tag(names[i], names[i]);
		snprintf(wanted, sizeof(wanted), "%s;", names[i]);
		FOUND(wanted, names[i]);
	}
	tag("plain", "a/b,..,%2F");
	FOUND("plain;", "..", "a/b", "%2F");
}

static void assert_prefix(const char *prefix, const char *wanted)
{
	char all[256] = "";

	assert_int_equal(index_tags(idx, prefix, add_tag, all), 0);
	assert_string_equal(all, wanted);
}

static void prefixes(void **state)
{
	(void)state;
	tag("f", "a,ab,abc,b,\xff,\xff\xff,\xffz");
	assert_prefix("a", "a=1;ab=1;abc=1;");
	assert_prefix("ab", "ab=1;abc=1;");
	assert_prefix("abcd", "");
	assert_prefix("\xff", "\xff=1;\xffz=1;\xff\xff=1;");
	assert_prefix("\xff\xff", "\xff\xff=1;");
	assert_prefix("", "a=1;ab=1;abc=1;b=1;\xff=1;\xffz=1;\xff\xff=1;");
}

static void kept(void **state)
{
	(void)state;
	assert_int_equal(index_tag_keep(idx, "k"), 0);
	assert_int_equal(index_tag_keep(idx, "k"), -EEXIST);
	assert_tags("k=0;");
	tag("f", "k,t");
	assert_int_equal(index_tag_keep(idx, "t"), -EEXIST);
	assert_tags("k=1;t=1;");
	assert_int_equal(index_tag_drop(idx, "k"), -ENOTEMPTY);
	tag("f", "");
	assert_tags("k=0;");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_tags("k=0;");
	assert_int_equal(index_tag_drop(idx, "k"), 0);
	assert_int_equal(index_tag_drop(idx, "k"), -ENOENT);
	assert_tags("");
	tag("d", "t");
	assert_int_equal(unlink("d"), 0);
	names_changed("d", NULL);
	assert_tags("");	/* counted, also when the file goes */
}

#define DEEP_NAME "ddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static void deep(void **state)
{
	const char *const t[] = { "t" };
	int fd = open(".", O_RDONLY | O_DIRECTORY), next, i;
	char *all = calloc(1, 1 << 16);
	struct index_name at;

	(void)state;
	tag("probe", "p");	/* skips */
	for (i = 0; i < 100; i++) {
		assert_int_equal(mkdirat(fd, DEEP_NAME, 0700), 0);
		next = openat(fd, DEEP_NAME, O_RDONLY);
		close(fd);
		fd = next;
	}
	next = openat(fd, "f", O_RDWR | O_CREAT, 0600);
	assert_int_equal(fsetxattr(next, TAGS_XATTR, "t", 1, 0), 0);
	at = (struct index_name){ fd, "f" };
	assert_int_equal(index_sync_file(idx, next, &at, 1), 0);
	close(next);
	assert_int_equal(index_find(idx, t, 1, add_path, all), 0);
	assert_int_equal(strlen(all), 100 * 54 + 2);
	assert_string_equal(all + 100 * 54 - 2, "d/f;");
	free(all);
	close(fd);
}

static void rebuilds(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	tag("d/f", "t");
	tag("g", "t");
	assert_int_equal(rename("d", "e") | setxattr("g", TAGS_XATTR, "u", 1, 0) |
			 mkdir("n", 0700) | link("g", "n/h") |
			 setxattr("n", TAGS_XATTR, "u", 1, 0), 0);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	FOUND("e/f;", "t");
	{
		char all[256] = "";
		const char *const u[] = { "u" };

		assert_int_equal(index_find(idx, u, 1, add_path, all), 0);
		assert_int_equal(strlen(all), strlen("g;n;n/h;"));
	}
	index_close(idx);
	idx = index_open(root, INDEX_READ);
	assert_non_null(idx);
	assert_int_equal(index_state(idx), 0);
	assert_false(is_stale());
}

/* A walk meets the names one by one as well. */
static void rebuilds_moved(void **state)
{
	int64_t generation;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	tag("d/f", "t");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(rename("d", "e"), 0);
	write_file("d", "");
	assert_int_equal(index_generation_begin(idx, false, &generation), 0);
	record("d");
	assert_false(is_stale());
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	FOUND("e/f;", "t");
	assert_false(is_stale());
}

/* What the walk that began last is not through with, nobody knows to be true. */
static void two_rebuilds(void **state)
{
	struct tagindex *other = index_open(root, INDEX_WRITE);
	int64_t first, second;

	(void)state;
	assert_non_null(other);
	assert_int_equal(index_generation_begin(idx, false, &first), 0);
	assert_int_equal(index_generation_begin(other, false, &second), 0);
	assert_int_equal(index_generation_end(idx, first), 0);
	assert_true(index_needs_rebuild(idx));
	assert_int_equal(index_generation_end(other, second), 0);
	assert_false(index_needs_rebuild(idx));
	index_close(other);
}

static void keep_progress(const struct index_progress *at, void *arg)
{
	*(struct index_progress *)arg = *at;
}

/* A walk that stopped in the middle is gone on with, but not with what changed since. */
static void resumed(void **state)
{
	struct index_progress at;
	int64_t generation;

	(void)state;
	tag("changed", "t");
	tag("same", "t");
	tag("gone", "g");
	tag("renamed", "r");
	/* Times of files are those of the kernel's last tick. */
	usleep(20000);
	assert_int_equal(index_generation_begin(idx, false, &generation), 0);
	record("changed");
	record("same");
	record("gone");
	record("renamed");
	usleep(20000);
	assert_int_equal(setxattr("changed", TAGS_XATTR, "u", 1, 0), 0);
	assert_int_equal(close(open("new", O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(setxattr("new", TAGS_XATTR, "n", 1, 0), 0);
	assert_int_equal(unlink("gone"), 0);
	assert_int_equal(rename("renamed", "elsewhere"), 0);

	assert_int_equal(index_rebuild_resume(root, true, keep_progress, &at), 0);
	assert_int_equal(at.total, 4);
	assert_int_equal(at.files, 4);
	assert_int_equal(at.passed, 1);
	FOUND("same;", "t");
	FOUND("", "g");
	FOUND("elsewhere;", "r");
	FOUND("new;", "n");
	FOUND("changed;", "u");
	/* That one came to its end. */
	assert_int_equal(index_rebuild_resume(root, true, keep_progress, &at), 0);
	assert_int_equal(at.passed, 0);
}

/* A directory has a row as soon as something in it has, but not yet its tags. */
static void resumed_above(void **state)
{
	struct index_progress at;
	int64_t generation;
	int dir;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	tag("d/f", "f");
	assert_int_equal(setxattr("d", TAGS_XATTR, "t", 1, 0), 0);
	usleep(20000);
	assert_int_equal(index_generation_begin(idx, false, &generation), 0);
	dir = open("d", O_PATH | O_CLOEXEC);
	record_in(dir, "f");
	close(dir);
	assert_int_equal(index_rebuild_resume(root, true, keep_progress, &at), 0);
	FOUND("d;", "t");
}

static void damaged(void **state)
{
	int fd;

	(void)state;
	needs_sqlite();
	tag("f", "t");
	index_close(idx);
	idx = NULL;
	fd = open(INDEX_DIR "/index.db", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "nonsense nonsense nonsense nonsense", 35), 35);
	close(fd);
	assert_null(index_open(root, INDEX_READ));
	assert_int_equal(errno, EUCLEAN);
	assert_string_not_equal(index_error(NULL), "");
	idx = index_open(root, INDEX_WRITE | INDEX_CREATE);
	assert_non_null(idx);
	assert_true(index_state(idx) & INDEX_NEW);
	FOUND("", "t");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	FOUND("f;", "t");
}

/* What has been synced, also by SQLite. */
static struct {
	unsigned int logs, dirs;
} synced;

static int note_sync(int fd)
{
	char proc[32], path[4096];
	ssize_t len;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	len = readlink(proc, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	synced.logs += !!strstr(path, "/" INDEX_DIR "/index.db-wal");
	synced.dirs += len > 0 && !strcmp(strrchr(path, '/'), "/" INDEX_DIR);
	return 0;
}

int fsync(int fd)
{
	return note_sync(fd);
}

int fdatasync(int fd)
{
	return note_sync(fd);
}

static void assert_synced(bool is_synced)
{
	assert_int_equal(synced.logs > 0, is_synced);
	assert_int_equal(synced.dirs > 0, is_synced);
	memset(&synced, 0, sizeof(synced));
}

/* After a power cut the index must not look clean. */
static void unclean_is_synced(void **state)
{
	(void)state;
	needs_sqlite();
	memset(&synced, 0, sizeof(synced));
	assert_int_equal(index_serve(idx), 0);
	assert_synced(true);
	tag("f", "t");
	assert_synced(false);
	assert_int_equal(unlink(INDEX_DIR "/index.db") | unlink(INDEX_DIR "/index.db-wal"), 0);
	assert_int_equal(index_follow(idx), 1);
	assert_synced(true);
	tag("f", "u");
	assert_synced(false);
}

static void states(void **state)
{
	struct tagindex *server;

	(void)state;
	needs_sqlite();
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	server = index_open(root, INDEX_WRITE);
	assert_int_equal(index_state(server), 0);
	assert_int_equal(index_serve(server), 0);
	index_close(idx);
	idx = index_open(root, INDEX_WRITE);
	assert_true(index_state(idx) & INDEX_UNCLEAN);
	index_close(server);
	index_close(idx);
	idx = index_open(root, INDEX_WRITE);
	assert_int_equal(index_state(idx), 0);
}

static void not_ours(void **state)
{
	(void)state;
	assert_int_equal(chmod(INDEX_DIR, 0777), 0);
	assert_null(index_open(root, INDEX_READ));
	assert_int_equal(errno, EPERM);
	assert_int_equal(rename(INDEX_DIR, "elsewhere") | symlink("elsewhere", INDEX_DIR), 0);
	assert_null(index_open(root, INDEX_READ));
	assert_int_equal(unlink(INDEX_DIR), 0);
}

static void *renamer(void *arg)
{
	const char *name = arg;
	char other[16];
	int i;

	snprintf(other, sizeof(other), "%s-2", name);
	for (i = 0; i < 50; i++) {
		if (rename(i % 2 ? other : name, i % 2 ? name : other) == 0)
			names_changed(i % 2 ? name : other, i % 2 ? other : name);
	}
	return NULL;
}

static void threads(void **state)
{
	static char *names[] = { "a", "b", "c", "d" };
	const char *const t[] = { "t" };
	pthread_t thread[4];
	char all[256] = "";
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		tag(names[i], "t");
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, renamer, names[i]);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	/* In any order: one that moved as the rebuild ended is a new node. */
	assert_int_equal(index_find(idx, t, 1, add_path, all), 0);
	assert_int_equal(strlen(all), strlen("a;b;c;d;"));
	for (i = 0; i < 4; i++)
		assert_non_null(strstr(all, names[i]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(intersections), TEST(directories), TEST(hard_links), TEST(no_descriptors),
		TEST(reused_inode), TEST(renamed_twice), TEST(exchanged), TEST(reused_at_once),
		TEST(prefixes), TEST(kept), TEST(hostile), TEST(deep), TEST(rebuilds),
		TEST(rebuilds_moved), TEST(two_rebuilds), TEST(resumed), TEST(resumed_above),
		TEST(damaged), TEST(unclean_is_synced), TEST(states), TEST(not_ours), TEST(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
