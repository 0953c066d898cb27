// SPDX-License-Identifier: GPL-2.0
/*
 * Walks of a tree: that is deep, in which something is moved, and of which not everything
 * can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "autotags.h"
#include "index.h"
#include "links.h"
#include "tags.h"
#include "walk.h"

#include "fixture.h"

/* ---- a file system on which attributes of one file cannot be read ---- */

static ino_t failing;
static int failure;

static bool fails(const char *path)
{
	struct stat st;

	return failure && stat(path, &st) == 0 && st.st_ino == failing;
}

/* In place of libc's. */
ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	if (failure != E2BIG && !strcmp(name, AUTO_XATTR) && fails(path)) {
		errno = failure;
		return -1;
	}
	return syscall(SYS_getxattr, path, name, value, size);
}

ssize_t listxattr(const char *path, char *list, size_t size)
{
	if (failure == E2BIG && fails(path)) {
		errno = size < XATTR_LIST_MAX ? ERANGE : failure;
		return -1;
	}
	return syscall(SYS_listxattr, path, list, size);
}

static void make(const char *name)
{
	int fd = open(name, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (fsetxattr(fd, TAGS_XATTR, "t", 1, 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	close(fd);
}

static void fail_at(const char *name, int err)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	failing = st.st_ino;
	failure = err;
}

static int add_path(uint64_t ino, const char *path, void *arg)
{
	char *all = arg;

	(void)ino;
	strcat(strcat(all, path), ";");
	return 0;
}

/* In any order. */
static void assert_found(const char *wanted)
{
	const char *const t[] = { "t" };
	char all[256] = ";", name[16];
	size_t len;

	assert_int_equal(index_find(idx, t, 1, add_path, all), 0);
	assert_int_equal(strlen(all), strlen(wanted));
	for (; wanted[1]; wanted += len) {
		len = strcspn(wanted + 1, ";") + 1;
		snprintf(name, sizeof(name), "%.*s;", (int)len, wanted);
		assert_non_null(strstr(all, name));
	}
}

/* Is it the file's own, the others are recorded; and the index is nothing to throw away. */
static void own_error(void **state)
{
	static const int errors[] = { EIO, EUCLEAN };
	char name[16], wanted[256];
	size_t i;

	(void)state;
	make("a");
	make("c");
	make("gone");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "new%zu", i);
		make(name);
		/* Only now, lest the other has its inode. */
		if (i)
			unlink("gone");
		fail_at("a", errors[i]);
		assert_int_equal(index_rebuild(root, NULL, NULL), -errors[i]);
		snprintf(wanted, sizeof(wanted), "%s/a: %s", top, strerror(errors[i]));
		assert_string_equal(index_error(NULL), wanted);
		assert_true(index_needs_rebuild(idx));
		assert_found(i ? ";a;c;gone;new0;new1;" : ";a;c;gone;new0;");
	}
	failure = 0;
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_found(";a;c;new0;new1;");
}

/* As of a file that anybody gave too many. */
static void too_many_names(void **state)
{
	struct index_check result;

	(void)state;
	make("a");
	make("b");
	fail_at("a", E2BIG);
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(index_check(idx, false, &result, NULL, NULL), 0);
	failure = 0;
	assert_int_equal(result.problems + result.unreadable, 0);
	assert_found(";a;b;");
}

/* ---- deep ---- */

/* Makes @depth directories "d", one in the other, and returns the last. */
static int make_deep(int depth)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next, i;

	for (i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	return fd;
}

#define DEPTH 3000
#define STACK (256 << 10)
#define DESCRIPTORS 100

struct looked {
	struct index_progress at;
	struct index_check result;
	int ret;
};

static void keep_progress(const struct index_progress *progress, void *arg)
{
	struct looked *looked = arg;

	looked->at = *progress;
}

static void *look(void *arg)
{
	struct looked *looked = arg;

	looked->ret = index_rebuild_resume(root, true, keep_progress, looked) ?:
		      index_check(idx, false, &looked->result, NULL, NULL);
	return NULL;
}

/* In a thread with a small stack, as one with a large one has in a deeper tree. */
static void look_in_thread(struct looked *looked)
{
	struct rlimit few, before;
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = DESCRIPTORS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, STACK), 0);
	assert_int_equal(pthread_create(&thread, &attr, look, looked), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void deep(void **state)
{
	char *found = calloc(1, 2 * DEPTH + 8);
	const char *const t[] = { "t" };
	struct looked looked = { };
	int fd, file;

	(void)state;
	make("probe");		/* skips */
	unlink("probe");
	fd = make_deep(DEPTH);
	file = openat(fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fsetxattr(file, TAGS_XATTR, "t", 1, 0), 0);
	close(file);
	close(fd);
	look_in_thread(&looked);
	if (looked.ret)
		print_message("%s, %s\n", index_error(NULL), index_error(idx));
	assert_int_equal(looked.ret, 0);
	assert_int_equal(looked.at.total, DEPTH + 1);
	assert_int_equal(looked.at.files, DEPTH + 1);
	assert_int_equal(looked.result.files, DEPTH + 1);
	assert_int_equal(looked.result.problems + looked.result.unreadable, 0);
	assert_int_equal(index_find(idx, t, 1, add_path, found), 0);
	assert_int_equal(strlen(found), 2 * DEPTH + 2);
	assert_string_equal(found + 2 * DEPTH - 2, "d/f;");
	free(found);
}

/* ---- moved ---- */

#define LAST 100
#define MOVED 40

/* "d/d/d..." is @depth deep. */
static void deep_path(char *path, int depth)
{
	*path = '\0';
	while (depth--)
		strcat(path, depth ? "d/" : "d");
}

static void make_in(int depth, const char *name)
{
	char path[2 * LAST + 16];

	deep_path(path, depth);
	strcat(strcat(path, "/"), name);
	assert_int_equal(mkdir(path, 0700), 0);
}

struct seen {
	char names[64], error[2 * LAST + 16];
	int err;
};

/* Goes to "d" first. Where it ends, a directory above is moved. */
static int enter(struct walk_dir *dir, void *arg)
{
	struct seen *seen = arg;
	char path[2 * LAST + 16];
	const struct dirent *d;
	bool deeper = false;

	dir->id = dir->parent_id + 1;
	if (strcmp(dir->name, "d") && *dir->path)
		strcat(strcat(seen->names, dir->name), " ");
	else if (strncmp(dir->path, "moved", 5))
		assert_int_equal(dir->id, (strlen(dir->path) + 1) / 2 + 1);
	if (dir->id == LAST + 1) {
		deep_path(path, MOVED);
		assert_int_equal(rename(path, "moved"), 0);
	}
	while ((d = walk_next(dir))) {
		if (!strcmp(d->d_name, "d"))
			deeper = true;
	}
	if (deeper)
		assert_int_equal(names_add(&dir->enter, "d"), 0);
	rewinddir(dir->dir);
	while ((d = walk_next(dir))) {
		if (strcmp(d->d_name, "d"))
			assert_int_equal(names_add(&dir->enter, d->d_name), 0);
	}
	return 0;
}

static int no_entry(const char *path, const char *name, int err, void *arg)
{
	struct seen *seen = arg;

	snprintf(seen->error, sizeof(seen->error), "%s/%s", path, name);
	assert_int_equal(seen->err, 0);
	seen->err = err;
	return 0;
}

/* One that is moved takes along those above it, but not those at the top. */
static void moved(void **state)
{
	char wanted[2 * LAST + 16];
	struct seen seen = { };

	(void)state;
	close(make_deep(LAST));
	make_in(90, "open");
	make_in(50, "below");
	make_in(35, "above");
	make_in(10, "top");
	assert_int_equal(walk_tree(root, enter, no_entry, &seen), 0);
	assert_string_equal(seen.names, "open below top ");
	assert_int_equal(seen.err, EAGAIN);
	deep_path(wanted, MOVED);
	strcat(wanted, "/..");
	assert_string_equal(seen.error, wanted);
	/* What it did not come to is there for the next. */
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(walk_tree(root, enter, no_entry, &seen), 0);
	assert_int_equal(seen.err, 0);
	assert_non_null(strstr(seen.names, "above "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(own_error), TEST(too_many_names), TEST(deep), TEST(moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
