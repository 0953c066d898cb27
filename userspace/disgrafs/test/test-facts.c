// SPDX-License-Identifier: GPL-2.0
/*
 * Which files are to be looked at, and what is known of those that were.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "index.h"

#include "fixture.h"
#include "search.h"

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void closed(const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(index_look_at(idx, fd), 0);
	close(fd);
}

/* Records of the file what is in it, as its text, and facts. */
static void look(const struct index_job *job)
{
	struct index_fact facts[] = { { "type", "text/plain", 0 }, { "sha256", HASH, 0 } };
	struct index_findings found = { .fact = facts, .count = 2 };
	char text[256];

	found.text_size = read(job->fd, text, sizeof(text));
	found.text = text;
	assert_int_equal(index_found(idx, job, &found), 0);
}

/* Looks at what is to be looked at, which are the files of @names. */
static void looks_at(const char *names)
{
	struct index_job job = { };
	char all[4096] = "";

	while (index_next_job(idx, &job) > 0) {
		strcat(strcat(all, job.name), " ");
		if (job.fd >= 0)
			look(&job);
		close(job.fd);
	}
	assert_string_equal(all, names);
}

static int add_fact(const struct index_fact *fact, void *arg)
{
	strcat(strcat(strcat(strcat(arg, fact->key), "="), fact->value), " ");
	return 0;
}

static void new_and_changed(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | symlink("a", "link") | mkfifo("fifo", 0600), 0);
	write_file("a", "one");
	write_file("d/b", "two");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	looks_at("");
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("a b ");
	looks_at("");
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("");
	finds("text:two", "d/b ");
	/* Closed, but not changed; a directory. */
	closed("a");
	closed("d");
	looks_at("");
	write_file("d/b", "three");
	closed("d/b");
	finds("text:two", "d/b ");
	looks_at("b ");
	finds("text:two", "");
	finds("text:three", "d/b ");
	/* Not known yet. */
	write_file("new", "four");
	closed("new");
	looks_at("");
	/* A rebuild sees what changed behind our back. */
	write_file("a", "longer");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	looks_at("a ");
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("new ");
	finds("text:longer", "a ");
	finds("text:four", "new ");
}

static void renamed(const char *from, const char *to)
{
	const struct index_name names[] = { { root, to }, { root, from } };

	assert_int_equal(index_sync_names(idx, names, 2), 0);
}

/* Faster than that is recorded. */
static void renamed_twice(void **state)
{
	(void)state;
	write_file("a", "words");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("a ");
	assert_int_equal(rename("a", "b") | rename("b", "c"), 0);
	assert_int_equal(index_batch_begin(idx), 0);
	renamed("a", "b");
	renamed("b", "c");
	assert_int_equal(index_batch_end(idx), 0);
	finds("text:words", "c ");
	looks_at("c ");
	/* Not in one transaction. */
	assert_int_equal(rename("c", "d") | rename("d", "e"), 0);
	renamed("c", "d");
	renamed("d", "e");
	looks_at("e ");
	finds("text:words", "e ");
}

static void what_is_known(void **state)
{
	char all[4096] = "";

	(void)state;
	write_file("a", "words");
	assert_int_equal(index_rebuild(root, NULL, NULL), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("a ");
	assert_int_equal(index_facts(idx, "a", add_fact, all), 0);
	assert_string_equal(all, "sha256=" HASH " type=text/plain ");
	assert_int_equal(index_facts(idx, "none", add_fact, all), -ENOENT);
	finds("hash:" HASH, "a ");
	finds("type:text", "a ");
	finds("type:text/plain type:f", "a ");
	finds("type:text/pla or type:text/plain2 or type:image", "");
	finds("hash:" HASH " type:f text:words", "a ");
	finds("type:f not hash:" HASH, "");
	assert_int_equal(rename("a", "b"), 0);
	renamed("a", "b");
	finds("hash:" HASH, "b ");
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(index_sync_names(idx, &(struct index_name){ root, "b" }, 1), 0);
	finds("hash:" HASH, "");
	write_file("c", "");
	assert_int_equal(index_made(idx, root, "c"), 0);
	*all = '\0';
	assert_int_equal(index_facts(idx, "c", add_fact, all), 0);
	assert_string_equal(all, "");
	/* Off: nothing is known any more. */
	closed("c");
	looks_at("c ");
	assert_int_equal(index_forget_facts(idx), 0);
	assert_int_equal(index_forget_facts(idx), 0);
	assert_int_equal(index_facts(idx, "c", add_fact, all), 0);
	assert_string_equal(all, "");
	finds("hash:" HASH, "");
}

/* What changes while it is looked at is looked at again; what is gone is not. */
static void changes_meanwhile(void **state)
{
	struct index_findings nothing = { };
	struct index_job job = { };

	(void)state;
	write_file("a", "one");
	write_file("b", "two");
	assert_int_equal(index_made(idx, root, "a") | index_made(idx, root, "b"), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	assert_int_equal(index_next_job(idx, &job), 1);
	write_file("a", "other");
	look(&job);
	close(job.fd);
	finds("text:one or text:other", "");
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_string_equal(job.name, "b");
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(index_sync_names(idx, &(struct index_name){ root, "b" }, 1), 0);
	look(&job);
	close(job.fd);
	looks_at("a ");
	finds("text:other", "a ");
	finds("text:two", "");
	/* Something else in its place, that is not recorded: not what we are looking for. */
	write_file("c", "three");
	assert_int_equal(index_made(idx, root, "c"), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	assert_int_equal(rename("c", "d") | symlink("a", "c"), 0);
	job.node = 0;
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_string_equal(job.name, "c");
	assert_int_equal(job.fd, -1);
	assert_int_equal(index_found(idx, &job, &nothing), 0);
	looks_at("");
}

/* The last node goes, and SQLite gives its number to the next one. */
static void gone_meanwhile(void **state)
{
	struct index_job job = { };

	(void)state;
	write_file("a", "one");
	assert_int_equal(index_made(idx, root, "a"), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(index_sync_names(idx, &(struct index_name){ root, "a" }, 1), 0);
	write_file("b", "two");
	assert_int_equal(index_made(idx, root, "b"), 0);
	closed("b");
	look(&job);
	close(job.fd);
	finds("text:one", "");
	looks_at("b ");
	finds("text:two", "b ");
}

/* What cannot be opened for the moment stays to be looked at, and what was found in it. */
static void leased(void **state)
{
	struct index_findings nothing = { };
	struct index_job job = { };
	int fd;

	(void)state;
	write_file("a", "one");
	assert_int_equal(index_made(idx, root, "a"), 0);
	assert_int_equal(index_look_at_new(idx), 0);
	looks_at("a ");
	write_file("a", "other");
	closed("a");
	/* Whoever has a lease is told so. */
	signal(SIGIO, SIG_IGN);
	fd = open("a", O_RDWR | O_CLOEXEC);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
		close(fd);
		skip();
	}
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_int_equal(job.fd, -1);
	assert_int_equal(job.err, EWOULDBLOCK);
	assert_int_equal(index_found(idx, &job, &nothing), 0);
	assert_int_equal(index_next_job(idx, &job), 0);
	finds("text:one", "a ");
	close(fd);
	looks_at("a ");
	finds("text:other", "a ");
	/* It will not get better. */
	write_file("a", "more");
	closed("a");
	assert_int_equal(rename("a", "b"), 0);
	job.node = 0;
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_int_equal(job.err, ENOENT);
	assert_int_equal(index_found(idx, &job, &nothing), 0);
	looks_at("");
}

static void *found_nothing(void *job)
{
	struct index_findings nothing = { };

	return (void *)(intptr_t)index_found(idx, job, &nothing);
}

/* While what was found waits for somebody who records that the file has changed since. */
static void changes_before_recorded(void **state)
{
	struct tagindex *other = index_open(root, INDEX_WRITE);
	struct index_job job = { };
	pthread_t thread;
	void *ret;
	int fd;

	(void)state;
	assert_non_null(other);
	write_file("a", "one");
	assert_int_equal(index_made(idx, root, "a") | index_look_at_new(idx), 0);
	assert_int_equal(index_next_job(idx, &job), 1);
	assert_int_equal(index_batch_begin(other), 0);
	assert_int_equal(pthread_create(&thread, NULL, found_nothing, &job), 0);
	usleep(300000);
	write_file("a", "other");
	fd = open("a", O_PATH | O_CLOEXEC);
	assert_int_equal(index_look_at(other, fd) | index_batch_end(other), 0);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, 0);
	close(fd);
	close(job.fd);
	looks_at("a ");
	finds("text:other", "a ");
	index_close(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_and_changed), TEST(renamed_twice), TEST(what_is_known),
		TEST(leased), TEST(changes_meanwhile), TEST(gone_meanwhile),
		TEST(changes_before_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
