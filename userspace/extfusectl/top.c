// SPDX-License-Identifier: GPL-2.0
/* How many requests a second, again and again. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "pause.h"
#include "table.h"
#include "text.h"
#include "top.h"

/* --- samples --- */

int sample_add(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
	       unsigned int nr_ops, void *arg)
{
	struct sample *sample = arg;
	struct sample_conn *conn;

	sample->conns = must(reallocarray(sample->conns, sample->nr + 1, sizeof(*conn)));
	conn = &sample->conns[sample->nr++];
	conn->info = *info;
	conn->nr_ops = nr_ops;
	conn->ops = must(calloc(nr_ops + 1, sizeof(*ops)));
	if (nr_ops)
		memcpy(conn->ops, ops, nr_ops * sizeof(*ops));
	return 0;
}

void sample_free(struct sample *sample)
{
	while (sample->nr)
		free(sample->conns[--sample->nr].ops);
	free(sample->conns);
	sample->conns = NULL;
}

/* What has not been seen before began at 0: an opcode, or a mount that was bound since. */
static struct extfuse_op_stats since(const struct sample *before, uint64_t conn,
				     const struct extfuse_op_stats *op)
{
	struct extfuse_op_stats diff = *op;
	const struct extfuse_op_stats *old;
	unsigned int i, j;

	for (i = 0; i < before->nr; i++) {
		if (before->conns[i].info.conn != conn)
			continue;
		for (j = 0; j < before->conns[i].nr_ops; j++) {
			old = &before->conns[i].ops[j];
			if (old->opcode != op->opcode)
				continue;
			diff.answered -= old->answered;
			diff.passed -= old->passed;
			diff.errors -= old->errors;
			diff.bugs -= old->bugs;
			diff.background -= old->background;
		}
	}
	return diff;
}

static int by_requests(const void *a, const void *b)
{
	const struct extfuse_op_stats *x = a, *y = b;
	uint64_t nx = x->answered + x->passed, ny = y->answered + y->passed;

	if (nx != ny)
		return nx < ny ? 1 : -1;
	return (x->opcode > y->opcode) - (x->opcode < y->opcode);
}

/* The opcodes that were seen since, busiest first, behind their total; for the caller to free(). */
static struct extfuse_op_stats *active(const struct sample *before, const struct sample_conn *conn,
				       unsigned int *nr)
{
	struct extfuse_op_stats *ops = must(calloc(conn->nr_ops + 1, sizeof(*ops)));
	struct extfuse_op_stats *total = &ops[0], diff;
	unsigned int i;

	*nr = 1;
	for (i = 0; i < conn->nr_ops; i++) {
		diff = since(before, conn->info.conn, &conn->ops[i]);
		if (!diff.answered && !diff.passed)
			continue;
		total->answered += diff.answered;
		total->passed += diff.passed;
		total->errors += diff.errors;
		total->bugs += diff.bugs;
		total->background += diff.background;
		ops[(*nr)++] = diff;
	}
	qsort(ops + 1, *nr - 1, sizeof(*ops), by_requests);
	return ops;
}

/* --- printing --- */

static void add_row(struct table *table, const char *point, const char *policy, const char *name,
		    const struct extfuse_op_stats *op, double seconds)
{
	const uint64_t counts[] = { op->answered, op->passed, op->errors, op->bugs };
	double all = (double)op->answered + (double)op->passed;
	unsigned int i;

	table_add(table, point);
	table_add(table, policy);
	table_add(table, name);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		table_addf(table, "%.1f", (double)counts[i] / seconds);
	if (all > 0)
		table_addf(table, "%.1f%%", 100 * (double)op->answered / all);
	else
		table_add(table, "-");
}

static void print_table(FILE *out, const struct sample *before, const struct sample *now,
			double seconds, const struct mounts *mounts, unsigned int lines)
{
	static const char *const header[] = {
		"MOUNTPOINT", "POLICY", "OPCODE", "ANSWERED/s", "PASSED/s", "ERRORS/s", "BUGS/s",
		"IN-KERNEL"
	};
	struct table table = { .right = "lllrrrrr", .nr_columns = 8 };
	const struct sample_conn *conn;
	const struct mount *mount;
	struct extfuse_op_stats *ops;
	char *point, *policy;
	unsigned int i, j, nr;

	for (i = 0; i < table.nr_columns; i++)
		table_add(&table, header[i]);
	for (i = 0; i < now->nr; i++) {
		conn = &now->conns[i];
		mount = mounts_next(mounts, conn->info.dev_major, conn->info.dev_minor, NULL);
		point = text_for_column(mount ? mount->mount_point : "");
		policy = text_for_column(conn->info.policy);
		ops = active(before, conn, &nr);
		for (j = 0; j < nr; j++) {
			if (lines && table.nr_cells / table.nr_columns >= lines)
				break;
			add_row(&table, *point ? point : "-", *policy ? policy : "-",
				j ? extfuse_opcode_name(ops[j].opcode) : "TOTAL", &ops[j], seconds);
		}
		free(ops);
		free(point);
		free(policy);
	}
	table_print(&table, out);
}

static struct json_object *json_rates(const struct extfuse_op_stats *op, double seconds)
{
	struct json_object *object = must(json_object_new_object());

	if (op->opcode) {
		json_object_object_add(object, "opcode", json_u64(op->opcode));
		json_object_object_add(object, "name",
				       json_text(extfuse_opcode_name(op->opcode)));
	}
	json_object_object_add(object, "answered", json_fixed((double)op->answered / seconds, 1));
	json_object_object_add(object, "passed", json_fixed((double)op->passed / seconds, 1));
	json_object_object_add(object, "errors", json_fixed((double)op->errors / seconds, 1));
	json_object_object_add(object, "bugs", json_fixed((double)op->bugs / seconds, 1));
	json_object_object_add(object, "background",
			       json_fixed((double)op->background / seconds, 1));
	return object;
}

static struct json_object *json_conn(const struct sample *before, const struct sample_conn *conn,
				     double seconds, const struct mounts *mounts)
{
	const struct extfuse_conn_info *info = &conn->info;
	struct json_object *object = must(json_object_new_object());
	struct json_object *array = must(json_object_new_array());
	struct extfuse_op_stats *ops;
	unsigned int i, nr;

	ops = active(before, conn, &nr);
	for (i = 1; i < nr; i++)
		json_object_array_add(array, json_rates(&ops[i], seconds));
	json_object_object_add(object, "conn", json_u64(info->conn));
	json_object_object_add(object, "dev", json_dev(info->dev_major, info->dev_minor));
	json_object_object_add(object, "policy", info->policy[0] ? json_text(info->policy) : NULL);
	json_object_object_add(object, "policies", json_policies(info->policy));
	json_object_object_add(object, "mountpoints",
			       json_mounts(mounts, info->dev_major, info->dev_minor));
	json_object_object_add(object, "ops", array);
	json_object_object_add(object, "total", json_rates(&ops[0], seconds));
	free(ops);
	return object;
}

static void print_json(FILE *out, const struct sample *before, const struct sample *now,
		       double seconds, const struct mounts *mounts)
{
	struct json_object *object = must(json_object_new_object());
	struct json_object *array = must(json_object_new_array());
	unsigned int i;

	for (i = 0; i < now->nr; i++)
		json_object_array_add(array, json_conn(before, &now->conns[i], seconds, mounts));
	json_object_object_add(object, "time", json_now());
	json_object_object_add(object, "seconds", json_fixed(seconds, 3));
	json_object_object_add(object, "mounts", array);
	json_print_line(object, out);
}

void top_print(FILE *out, bool json, const struct sample *before, const struct sample *now,
	       double seconds, const struct mounts *mounts, unsigned int lines)
{
	if (json)
		print_json(out, before, now, seconds, mounts);
	else
		print_table(out, before, now, seconds, mounts, lines);
	fflush(out);
}

/* --- again and again --- */

static double monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Lines of the terminal that @out is, less one for the cursor; 0 if it is none. */
static unsigned int terminal_lines(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)))
		return 0;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) || size.ws_row < 2)
		return 24;
	return size.ws_row - 1;
}

/* A terminal is overwritten from its top, elsewhere a blank line parts the samples. */
static void separate(const struct top *top, unsigned int lines, unsigned int nr)
{
	if (top->json)
		return;
	if (lines)
		fputs("\033[H\033[J", top->out);
	else if (nr)
		fputc('\n', top->out);
}

/* The first one finds out what connection the descriptor is for. */
static int take_sample(struct top *top, struct extfuse *ef, struct sample *sample)
{
	int err;

	if (top->conn)
		return extfuse_stats_conn(ef, top->conn, sample_add, sample);
	err = extfuse_stats(ef, top->fd, sample_add, sample);
	if (!err && top->fd >= 0) {
		top->conn = sample->conns[0].info.conn;
		close(top->fd);
		top->fd = -1;
	}
	return err;
}

int top_run(struct top *top, struct extfuse *ef)
{
	struct sample before = {}, now = {};
	double then, at = monotonic();
	struct mounts mounts;
	unsigned int lines, nr = 0;
	int err;

	pause_start();
	err = take_sample(top, ef, &before);
	while (!err && (!top->count || nr < top->count) && !ferror(top->out)) {
		if (pause_for(-1, top->interval_ms) == PAUSE_END)
			break;
		then = at;
		at = monotonic();
		err = take_sample(top, ef, &now);
		if (err)
			break;
		mounts = mounts_of_self();
		lines = top->json ? 0 : terminal_lines(top->out);
		separate(top, lines, nr++);
		top_print(top->out, top->json, &before, &now, at - then, &mounts, lines);
		mounts_free(&mounts);
		sample_free(&before);
		before = now;
		now = (struct sample){};
	}
	pause_end(top->out);
	sample_free(&before);
	sample_free(&now);
	return err;
}
