// SPDX-License-Identifier: GPL-2.0
/*
 * The node table, alone and with many threads that look up and forget.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "node.h"

#define ROOT_ID 1
#define FILES 64
#define THREADS 8
#define ROUNDS 20000

static struct node_table table;
static atomic_uint released;
static char top[] = "/tmp/disgrafsd-node-XXXXXX";

static void count_release(struct node *node, void *arg)
{
	(void)node;
	(void)arg;
	released++;
}

static int setup(void **state)
{
	(void)state;
	released = 0;
	strcpy(top + sizeof(top) - 7, "XXXXXX");
	if (!mkdtemp(top) || chdir(top) < 0 ||
	    node_table_init(&table, open(top, O_PATH | O_DIRECTORY), ROOT_ID, 1000) < 0)
		return -1;
	table.release = count_release;
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	node_table_destroy(&table);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return chdir("/") | system(command);
}

static int open_file(const char *name, struct stat *st)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	close(fd);
	fd = open(name, O_PATH | O_NOFOLLOW);
	assert_int_equal(fstat(fd, st), 0);
	return fd;
}

static struct node *look_up(const char *name)
{
	struct stat st;
	int fd = open_file(name, &st);

	return node_lookup(&table, fd, &st);
}

static void one_node_an_inode(void **state)
{
	struct node *a = look_up("a"), *b, *again = look_up("a");

	(void)state;
	assert_int_equal(link("a", "b"), 0);
	b = look_up("b");
	assert_ptr_equal(a, again);
	assert_ptr_equal(a, b);
	assert_int_equal(a->nlookup, 3);
	assert_ptr_equal(node_get(&table, a->id), a);
	node_put(&table, a);
	node_put(&table, a);
	node_put(&table, again);
	node_put(&table, b);
}

static void ids_are_never_reused(void **state)
{
	struct node *a = look_up("a");
	uint64_t id = a->id;

	(void)state;
	node_put(&table, a);
	node_forget(&table, id, 1);
	assert_null(node_get(&table, id));
	assert_int_equal(released, 1);
	a = look_up("a");
	assert_int_not_equal(a->id, id);
	assert_true(a->id > id);
	assert_false(a->id & NODE_VIRTUAL);
	node_put(&table, a);
}

static void a_reference_outlives_the_forget(void **state)
{
	struct node *a = look_up("a"), *b;
	struct stat st;

	(void)state;
	node_forget(&table, a->id, 1);
	assert_int_equal(released, 0);
	assert_int_equal(fstat(a->fd, &st), 0);
	/* Looked up meanwhile, it is another node. */
	b = look_up("a");
	assert_ptr_not_equal(a, b);
	node_put(&table, a);
	assert_int_equal(released, 1);
	assert_ptr_equal(node_get(&table, b->id), b);
	node_put(&table, b);
	node_put(&table, b);
}

static void another_file_with_the_number(void **state)
{
	struct node *a = look_up("a"), *b;

	(void)state;
	node_retire(&table, a);
	node_retire(&table, a);
	b = look_up("a");
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(node_get(&table, a->id), a);
	node_put(&table, a);
	node_forget(&table, a->id, 1);
	node_put(&table, a);
	assert_int_equal(released, 1);
	assert_ptr_equal(look_up("a"), b);
	/* Gone from the table, and kept by the caller alone. */
	node_forget(&table, b->id, 2);
	node_retire(&table, b);
	node_put(&table, b);
	node_put(&table, b);
	assert_int_equal(released, 2);
}

static void forgets_too_many(void **state)
{
	struct node *a = look_up("a");

	(void)state;
	node_forget(&table, a->id, 1000);
	node_forget(&table, a->id, 1);
	node_forget(&table, 12345, 1);
	node_forget(&table, ROOT_ID, 1000);
	node_put(&table, a);
	a = node_get(&table, ROOT_ID);
	assert_ptr_equal(a, table.root);
	node_put(&table, a);
}

static void fills_up(void **state)
{
	struct node *node[1001];
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 999; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		node[i] = look_up(name);
		if (!node[i])
			break;
		node_put(&table, node[i]);
	}
	assert_true(i == 999 || errno == EBADF);
	if (i == 999) {
		assert_null(look_up("one more"));
		assert_int_equal(errno, ENFILE);
		node_forget(&table, node[0]->id, 1);
		node[0] = look_up("one more");
		assert_non_null(node[0]);
		node_put(&table, node[0]);
	}
}

static void names(void **state)
{
	struct node *a = look_up("a");

	(void)state;
	node_name_add(a, 1, "x");
	node_name_add(a, 1, "x");
	node_name_add(a, 2, "x");
	assert_non_null(a->names->next);
	assert_null(a->names->next->next);
	node_name_del(a, 1, "x");
	node_name_del(a, 1, "y");
	assert_int_equal(a->names->parent, 2);
	assert_null(a->names->next);
	node_put(&table, a);
}

static void all_ids(void **state)
{
	struct node *node = look_up("a");
	uint64_t *ids, sum;

	(void)state;
	assert_int_equal(node_ids(&table, &ids), 2);
	sum = ids[0] + ids[1];
	assert_int_equal(sum, ROOT_ID + node->id);
	free(ids);
	node_forget(&table, node->id, 1);
	node_put(&table, node);
	assert_int_equal(node_ids(&table, &ids), 1);
	assert_int_equal(ids[0], ROOT_ID);
	free(ids);
}

static void *look_up_and_forget(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	struct node *node, *same;
	char name[16];
	uint64_t id;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "f%d", rand_r(&seed) % FILES);
		node = look_up(name);
		assert_non_null(node);
		id = node->id;
		/* The kernel's own reference keeps it in the table. */
		same = node_get(&table, id);
		assert_ptr_equal(same, node);
		node_name_add(node, rand_r(&seed) % 4, name);
		node_name_del(node, rand_r(&seed) % 4, name);
		node_put(&table, same);
		if (rand_r(&seed) % 2) {
			node_forget(&table, id, 1);
			node_put(&table, node);
		} else {
			node_put(&table, node);
			node_forget(&table, id, 1);
		}
		/* One that may be gone. */
		node_put(&table, node_get(&table, id));
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t thread[THREADS];
	uintptr_t i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, look_up_and_forget, (void *)i), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(table.count, 1);
	assert_true(released > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_node_an_inode), TEST(ids_are_never_reused),
		TEST(a_reference_outlives_the_forget), TEST(another_file_with_the_number),
		TEST(forgets_too_many), TEST(fills_up), TEST(names), TEST(all_ids), TEST(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
