// SPDX-License-Identifier: GPL-2.0
/*
 * scale FILES: how long the index takes to answer with that many files, 1000
 * tags and 5 tags a file, and 10 of 5000 keywords and one of 1000 authors. 100 more tags
 * have 50 files however many there are. Then, how fast a tree of 20,000 files with 5
 * tags each is read. Not a test: figures for a machine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "indexdb.h"
#include "tags.h"

#define TAGS 1000
#define TAGS_A_FILE 5
#define RARE_PAIRS 50
#define RARE_FILES 50
#define RARE_SHARED 10
#define FILES_A_DIR 100
#define KEYWORDS 5000
#define KEYWORDS_A_FILE 10
#define AUTHORS 1000
#define ROUNDS 1000
#define TREE_FILES 20000

static struct tagindex *idx;
static unsigned int seed = 1;

static void sql(const char *text)
{
	if (db_exec(idx->db, text) < 0) {
		fprintf(stderr, "%s: %s\n", text, idx->db->error);
		exit(1);
	}
}

static struct db_stmt *prepared(const char *text)
{
	struct db_stmt *stmt = db_prepare(idx->db, text, true);

	if (!stmt) {
		fprintf(stderr, "%s: %s\n", text, idx->db->error);
		exit(1);
	}
	return stmt;
}

static struct db_stmt *file_tag, *file_trait;

static void insert(struct db_stmt *stmt, unsigned long what, unsigned long node, double number)
{
	db_bind_int(stmt, 1, what);
	db_bind_int(stmt, 2, node);
	db_bind_double(stmt, 3, number);
	if (db_step(stmt) < 0) {
		fprintf(stderr, "%s\n", idx->db->error);
		exit(1);
	}
	db_reset(stmt);
}

/* What is in the file: words are the rarer the higher their number is. */
static void fill_traits(unsigned long node)
{
	int i, trait;

	for (i = 0; i <= KEYWORDS_A_FILE; i++) {
		trait = rand_r(&seed) % (rand_r(&seed) % KEYWORDS + 1) + 1;
		if (i == KEYWORDS_A_FILE)
			trait = KEYWORDS + rand_r(&seed) % AUTHORS + 1;
		insert(file_trait, trait, node, 1.0 / (i % KEYWORDS_A_FILE + 1));
	}
}

/* Of each pair of tags each has so many files, and some of them both. */
static void fill_rare(unsigned long files)
{
	unsigned long i, p, at;
	char text[512];

	for (p = 0; p < 2 * RARE_PAIRS; p++) {
		snprintf(text, sizeof(text), "INSERT INTO tag(id, name) VALUES(%lu, CAST('rare%02lu' AS BLOB))",
			 TAGS + p + 1, p);
		sql(text);
		for (i = 0; i < RARE_FILES; i++) {
			at = p / 2 * RARE_FILES * 2 + i;
			if (p % 2 && i >= RARE_SHARED)
				at += RARE_FILES;
			insert(file_tag, TAGS + p + 1, at * 7919 % files + 2, TAGS_A_FILE);
		}
	}
}

/* Straight into the tables: what takes time otherwise is making the files. */
static void fill(unsigned long files)
{
	unsigned long i, dir = 0;
	char text[512];
	int t;

	sql("PRAGMA cache_size = -2000000; PRAGMA foreign_keys = OFF");
	sql("BEGIN");
	file_tag = prepared("INSERT OR IGNORE INTO file_tag VALUES(?1, ?2, ?3)");
	file_trait = prepared("INSERT OR IGNORE INTO file_trait VALUES(?1, ?2, ?3)");
	for (i = 0; i < TAGS; i++) {
		snprintf(text, sizeof(text), "INSERT INTO tag(id, name) VALUES(%lu, CAST('tag%03lu' AS BLOB))",
			 i + 1, i);
		sql(text);
	}
	for (i = 0; i < KEYWORDS + AUTHORS; i++) {
		snprintf(text, sizeof(text), "INSERT INTO trait(id, key, value) VALUES(%lu, '%s', 'value%lu')",
			 i + 1, i < KEYWORDS ? "keyword" : "author", i);
		sql(text);
	}
	for (i = 0; i < files; i++) {
		if (i % FILES_A_DIR == 0) {
			dir = 10000000 + i / FILES_A_DIR;
			snprintf(text, sizeof(text), "INSERT INTO node VALUES(%lu, 0, %lu, 4, 1);"
				 "INSERT INTO name VALUES(1, CAST('dir%lu' AS BLOB), %lu, 1, CAST('dir%lu' AS BLOB))",
				 dir, dir, dir, dir, dir);
			sql(text);
		}
		snprintf(text, sizeof(text), "INSERT INTO node VALUES(%lu, 0, %lu, 8, 1);"
			 "INSERT INTO name VALUES(%lu, CAST('file%lu.txt' AS BLOB), %lu, 1, CAST('file%lu' AS BLOB))",
			 i + 2, i + 100, dir, i, i + 2, i);
		sql(text);
		for (t = 0; t < TAGS_A_FILE; t++)
			insert(file_tag, rand_r(&seed) % TAGS + 1, i + 2, t);
		fill_traits(i + 2);
	}
	fill_rare(files);
	db_finalize(file_tag);
	db_finalize(file_trait);
	sql("COMMIT");
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static unsigned long found;

static int count_path(uint64_t ino, const char *path, void *arg)
{
	(void)ino;
	(void)path;
	(void)arg;
	found++;
	return 0;
}

static int count_tag(const char *tag, uint64_t files, void *arg)
{
	(void)files;
	return count_path(0, tag, arg);
}

static int count_related(const struct index_related *related, void *arg)
{
	return count_path(0, related->path, arg);
}

static void intersection(unsigned long files)
{
	char a[16], b[16];
	const char *tags[] = { a, b };

	(void)files;
	snprintf(a, sizeof(a), "tag%03d", rand_r(&seed) % TAGS);
	snprintf(b, sizeof(b), "tag%03d", rand_r(&seed) % TAGS);
	index_find(idx, tags, 2, count_path, NULL);
}

static void rare_intersection(unsigned long files)
{
	int pair = rand_r(&seed) % RARE_PAIRS;
	char a[16], b[16];
	const char *tags[] = { a, b };

	(void)files;
	snprintf(a, sizeof(a), "rare%02d", 2 * pair);
	snprintf(b, sizeof(b), "rare%02d", 2 * pair + 1);
	index_find(idx, tags, 2, count_path, NULL);
}

static void prefix(unsigned long files)
{
	char text[16];

	(void)files;
	snprintf(text, sizeof(text), "tag%d", rand_r(&seed) % 10);
	index_tags(idx, text, count_tag, NULL);
}

static void related(unsigned long files)
{
	unsigned long i = rand_r(&seed) % files;
	char path[64];

	snprintf(path, sizeof(path), "dir%lu/file%lu.txt", 10000000 + i / FILES_A_DIR, i);
	index_related(idx, path, 20, count_related, NULL);
}

static void by_facts(unsigned long files)
{
	struct expr_error error;
	char text[64];

	(void)files;
	snprintf(text, sizeof(text), "keyword:value%d author:value%d", rand_r(&seed) % KEYWORDS,
		 KEYWORDS + rand_r(&seed) % AUTHORS);
	index_search(idx, text, &error, count_path, NULL);
}

static void measure(const char *what, unsigned long files, void (*fn)(unsigned long files))
{
	static double times[ROUNDS];
	static double cpu[ROUNDS];
	int i;

	found = 0;
	for (i = 0; i < ROUNDS; i++) {
		times[i] = -now(CLOCK_MONOTONIC);
		cpu[i] = -now(CLOCK_THREAD_CPUTIME_ID);
		fn(files);
		times[i] += now(CLOCK_MONOTONIC);
		cpu[i] += now(CLOCK_THREAD_CPUTIME_ID);
	}
	qsort(times, ROUNDS, sizeof(*times), by_time);
	qsort(cpu, ROUNDS, sizeof(*cpu), by_time);
	printf("%-18s %8lu files, ms: p50 %.3f, p99 %.3f; of the CPU p50 %.3f, p99 %.3f; %.1f results\n",
	       what, files, times[ROUNDS / 2], times[ROUNDS * 99 / 100], cpu[ROUNDS / 2],
	       cpu[ROUNDS * 99 / 100], (double)found / ROUNDS);
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), t;
	char value[TAGS_A_FILE * 8] = "";

	for (t = 0; t < TAGS_A_FILE; t++)
		sprintf(strchr(value, '\0'), "%stag%03d", t ? "," : "", rand_r(&seed) % TAGS);
	if (fd < 0 || fsetxattr(fd, TAGS_XATTR, value, strlen(value), 0) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void make_tree(const char *top)
{
	char path[128];
	int i;

	for (i = 0; i < TREE_FILES; i++) {
		snprintf(path, sizeof(path), "%s/dir%d", top, i / FILES_A_DIR);
		if (i % FILES_A_DIR == 0)
			mkdir(path, 0700);
		sprintf(strchr(path, '\0'), "/file%d.txt", i);
		make_file(path);
	}
}

static void rebuild(int root, const char *what)
{
	double wall = -now(CLOCK_MONOTONIC), cpu = -now(CLOCK_PROCESS_CPUTIME_ID);

	if (index_rebuild(root, NULL, NULL) < 0) {
		fprintf(stderr, "%s\n", index_error(NULL));
		exit(1);
	}
	wall += now(CLOCK_MONOTONIC);
	cpu += now(CLOCK_PROCESS_CPUTIME_ID);
	printf("%-16s %8d files, a second: %.0f, of the CPU %.0f\n", what, TREE_FILES,
	       TREE_FILES / wall * 1e3, TREE_FILES / cpu * 1e3);
}

static void measure_rebuild(int root, const char *top)
{
	make_tree(top);
	rebuild(root, "new tree");
	rebuild(root, "the same again");
}

int main(int argc, char *argv[])
{
	unsigned long files = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	char top[] = "/var/tmp/disgrafs-XXXXXX", command[64];
	int root;

	if (!files || !mkdtemp(top))
		return 1;
	root = open(top, O_PATH | O_DIRECTORY);
	idx = index_open(root, INDEX_WRITE | INDEX_CREATE);
	if (!idx)
		return 1;
	fill(files);
	/* As others have it, with the cache that it has. */
	index_close(idx);
	idx = index_open(root, INDEX_READ);
	if (!idx)
		return 1;
	measure("two tags", files, intersection);
	measure("two rare tags", files, rare_intersection);
	measure("tags by prefix", files, prefix);
	measure("keyword and author", files, by_facts);
	measure("related", files, related);
	index_close(idx);
	unlinkat(root, INDEX_DIR "/index.db", 0);
	unlinkat(root, INDEX_DIR "/index.db-wal", 0);
	unlinkat(root, INDEX_DIR "/index.db-shm", 0);
	measure_rebuild(root, top);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}
