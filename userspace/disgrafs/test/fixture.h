/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An empty directory with an index, in which a test runs. After the other headers.
 * $DISGRAFS_TEST_DATABASE, the URI of a PostgreSQL database, has the index there.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

static char top[64];
static int root = -1;
static struct tagindex *idx;

/* For what is SQLite's own. */
static inline void needs_sqlite(void)
{
	if (getenv("DISGRAFS_TEST_DATABASE"))
		skip();
}

static inline void write_file(const char *path, const char *contents)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, contents, strlen(contents)), strlen(contents));
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "%s/disgrafs-XXXXXX", access("/var/tmp", W_OK) ? "/tmp" : "/var/tmp");
	if (!mkdtemp(top) || chdir(top) < 0)
		return -1;
	root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (getenv("DISGRAFS_TEST_DATABASE") &&
	    index_set_database(root, getenv("DISGRAFS_TEST_DATABASE")) < 0)
		return -1;
	idx = index_open(root, INDEX_WRITE | INDEX_CREATE);
	if (!idx)
		fprintf(stderr, "# %s\n", index_error(NULL));
	return idx ? 0 : -1;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	index_close(idx);
	close(root);
	/* rm also removes what is deeper than PATH_MAX. */
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return chdir("/") | system(command);
}

#endif
