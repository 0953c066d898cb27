// SPDX-License-Identifier: GPL-2.0
/*
 * compare [OPTION]... MOUNT[=LOWER] MOUNT[=LOWER]...
 *
 * The same random operations, one after the other, in each of these trees, which begin
 * alike: results, errors, data and attributes are those of the first, of which nothing
 * is cached; after each operation what it was about is looked at, now and then
 * everything. With the directories below the mounts, times are compared with those
 * there.
 *
 *   -s SEED    so many bits of luck (from the clock)
 *   -n OPS     how many operations (1000)
 *   -t OPS     compare the whole trees after so many (1000)
 *   -f OP      carry out none before this one
 *   -o WORDS   carry out only those whose description contains one of these, with
 *              commas in between: "f1,#2"
 *   -k KIND    what the daemon is like, letters: p its inodes are paths, a it acts as the
 *              caller, also on files that are open, f it follows links to what it changes;
 *              what can be compared: s statfs(), b blocks, l the number of links, c ctime
 *              with that of the lower file, i set-user-ID and set-group-ID bits
 *   -v         print each operation
 *
 * The operations that a seed makes do not depend on how they end, so that -f and -o
 * make a difference smaller.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#define LAST 25

static struct side sides[SIDES];
static int nsides;
static struct kind kind;
static char *only;
static bool verbose;
static char last[LAST][240];
static unsigned long done, agreed[OPERATIONS], succeeded[OPERATIONS];

static bool wanted(const char *description)
{
	char words[1024], *word, *rest = words;

	if (!only)
		return true;
	snprintf(words, sizeof(words), "%s", only);
	while ((word = strsep(&rest, ",")))
		if (*word && strstr(description, word))
			return true;
	return false;
}

static bool all_same(const struct outcome *outcomes, const char *what)
{
	bool same = true;
	int i;

	for (i = 1; i < nsides; i++)
		same &= same_outcome(&kind, &outcomes[0], &outcomes[i], sides[i].at, what);
	return same;
}

static bool look_at(const char *path)
{
	struct outcome outcomes[SIDES];
	bool same;
	int i;

	for (i = 0; i < nsides; i++)
		look(&sides[i], path, &outcomes[i]);
	same = all_same(outcomes, path);
	for (i = 1; i < nsides; i++)
		same &= true_times(&kind, &sides[0], &outcomes[0], &sides[i], &outcomes[i], path);
	return same;
}

static bool look_at_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH];

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	return look_at(parent);
}

static bool look_at_slot(int slot)
{
	struct outcome outcomes[SIDES];
	int i;

	if (sides[0].fd[slot] < 0)
		return true;
	for (i = 0; i < nsides; i++)
		look_open(&sides[i], slot, &outcomes[i]);
	return all_same(outcomes, "the open file");
}

/* What a change was about, and now and then the directory. */
static bool look_after(const struct op *op, uint64_t *seed)
{
	bool same = true, parent = draw_bits(seed) % 3 == 0;

	if (!changes(op))
		return true;
	if (has_slot(op))
		same &= look_at_slot(op->slot);
	if (op->what == COPY_RANGE)
		same &= look_at_slot(op->other);
	if (has_path(op))
		same &= look_at(op->path);
	if (has_path(op) && parent)
		same &= look_at_parent(op->path);
	if (has_two_paths(op)) {
		same &= look_at(op->to);
		if (parent)
			same &= look_at_parent(op->to);
	}
	return same;
}

/* Of a slot that is not open, the next that is. */
static int open_slot(int slot)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (sides[0].fd[(slot + i) % SLOTS] >= 0)
			return (slot + i) % SLOTS;
	return slot;
}

static bool step(struct op *op, uint64_t *seed)
{
	struct outcome outcomes[SIDES];
	bool same = true;
	char what[200];
	int i;

	if (op->what != OPEN) {
		op->slot = open_slot(op->slot);
		op->other = open_slot(op->other);
	}
	describe(op, what, sizeof(what));
	for (i = 0; i < nsides; i++)
		carry_out(&sides[i], &kind, op, &outcomes[i]);
	snprintf(last[done++ % LAST], sizeof(last[0]), "%s: %s", what,
		 outcomes[0].err ? strerrorname_np(outcomes[0].err) : "ok");
	if (verbose)
		printf("# %s\n", last[(done - 1) % LAST]);
	same = all_same(outcomes, what);
	agreed[op->what]++;
	succeeded[op->what] += !outcomes[0].err;
	if (op->what == STAT || op->what == STATX)
		for (i = 1; i < nsides; i++)
			same &= true_times(&kind, &sides[0], &outcomes[0], &sides[i], &outcomes[i],
					   op->path);
	return look_after(op, seed) && same;
}

static void print_last(unsigned long op)
{
	unsigned long i = done > LAST ? done - LAST : 0;

	for (; i < done; i++)
		printf("#   %lu: %s\n", op + 1 - (done - i), last[i % LAST]);
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* @op: the number that the last was; with -o, the numbers before it are too large. */
static int different(unsigned long op, uint64_t seed, const char *how)
{
	print_last(op);
	printf("# different after operation %lu of SEED=%lu%s\n", op, (unsigned long)seed, how);
	return 1;
}

static int compare(uint64_t seed, unsigned long ops, unsigned long from, unsigned long every)
{
	/* mixed, so that small seeds are as good as large ones; never 0 */
	uint64_t state = (seed ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL | 1;
	uint64_t luck = state ^ 0x5bd1e9955bd1e995ULL;
	double start = seconds();
	unsigned int files = 0;
	unsigned long i;
	char what[200];
	struct op op;

	for (i = 1; i <= ops; i++) {
		draw(&state, &kind, &op);
		describe(&op, what, sizeof(what));
		if (i >= from && wanted(what) && !step(&op, &luck))
			return different(i, seed, "");
		if (i % every == 0 && i >= from && !same_tree(&kind, sides, nsides, false, &files))
			return different(i, seed, ", in the whole tree");
	}
	if (!same_tree(&kind, sides, nsides, false, &files))
		return different(ops, seed, ", in the whole tree");
	printf("# %lu operations in %d trees, %u files compared, %.0f s, SEED=%lu\n", done, nsides,
	       files, seconds() - start, (unsigned long)seed);
	return 0;
}

static void print_counts(void)
{
	struct op op = { .path = "" };
	char name[200];
	int i;

	for (i = 0; i < OPERATIONS; i++) {
		op.what = i;
		describe(&op, name, sizeof(name));
		printf("# %s: %lu, ok %lu\n", strtok(name, " "), agreed[i], succeeded[i]);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = time(NULL);
	unsigned long ops = 1000, from = 0, every = 1000;
	int option, ret;

	/* a FIFO that nobody reads: EPIPE */
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "s:n:t:f:o:k:v")) != -1) {
		switch (option) {
		case 's': seed = strtoul(optarg, NULL, 0); break;
		case 'n': ops = strtoul(optarg, NULL, 0); break;
		case 't': every = strtoul(optarg, NULL, 0); break;
		case 'f': from = strtoul(optarg, NULL, 0); break;
		case 'o': only = optarg; break;
		case 'k': kind_init(&kind, optarg); break;
		case 'v': verbose = true; break;
		default: return 2;
		}
	}
	nsides = argc - optind;
	if (nsides < 2 || nsides > SIDES || !every)
		errx(2, "needs 2 or 3 trees");
	for (option = 0; option < nsides; option++)
		side_init(&sides[option], argv[optind + option]);
	umask(0);
	ret = compare(seed, ops, from, every);
	if (verbose)
		print_counts();
	return ret;
}
