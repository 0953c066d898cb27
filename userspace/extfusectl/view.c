// SPDX-License-Identifier: GPL-2.0
/* What the module told, as tables and as JSON. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "json.h"
#include "text.h"
#include "ttl.h"
#include "view.h"

/* What a table has where there is nothing to say. */
#define NOTHING "-"

static const struct {
	enum extfuse_features bit;
	const char *name;
} features[] = {
	{ EXTFUSE_FEATURE_NOTIFY, "notify" },
};

/* --- JSON --- */

static struct json_object *json_conn(const struct view *view, const struct extfuse_conn_info *info)
{
	struct json_object *object = must(json_object_new_object());

	json_object_object_add(object, "conn", json_u64(info->conn));
	json_object_object_add(object, "dev", json_dev(info->dev_major, info->dev_minor));
	json_object_object_add(object, "policy", info->policy[0] ? json_text(info->policy) : NULL);
	json_object_object_add(object, "policies", json_policies(info->policy));
	json_object_object_add(object, "ttl_ms", json_u64(info->ttl_ms));
	json_object_object_add(object, "uid", json_u64(info->uid));
	json_object_object_add(object, "mountpoints",
			       json_mounts(&view->mounts, info->dev_major, info->dev_minor));
	json_object_object_add(object, "latency", must(json_object_new_boolean(info->latency)));
	return object;
}

static void json_counts(struct json_object *object, const struct extfuse_op_stats *op)
{
	json_object_object_add(object, "answered", json_u64(op->answered));
	json_object_object_add(object, "passed", json_u64(op->passed));
	json_object_object_add(object, "errors", json_u64(op->errors));
	json_object_object_add(object, "bugs", json_u64(op->bugs));
	json_object_object_add(object, "background", json_u64(op->background));
}

static struct json_object *json_op(const struct view *view, const struct extfuse_op_stats *op)
{
	struct json_object *object = must(json_object_new_object());

	json_object_object_add(object, "opcode", json_u64(op->opcode));
	json_object_object_add(object, "name", json_text(extfuse_opcode_name(op->opcode)));
	json_counts(object, op);
	if (view->latency) {
		json_object_object_add(object, "answered_ns", histogram_json(op->answered_ns));
		json_object_object_add(object, "passed_ns", histogram_json(op->passed_ns));
	}
	return object;
}

/* --- sums --- */

static struct extfuse_op_stats total_of(const struct extfuse_op_stats *ops, unsigned int nr_ops)
{
	struct extfuse_op_stats total = {};
	unsigned int i;

	for (i = 0; i < nr_ops; i++) {
		total.answered += ops[i].answered;
		total.passed += ops[i].passed;
		total.errors += ops[i].errors;
		total.bugs += ops[i].bugs;
		total.background += ops[i].background;
	}
	return total;
}

/*
 * Of all requests, those that the daemon did not see; 0 if there were none.
 * Down to a tenth: 100.0 means all of them.
 */
static double percent_answered(const struct extfuse_op_stats *total)
{
	double all = (double)total->answered + (double)total->passed, percent;

	if (all == 0)
		return 0;
	percent = 100 * (double)total->answered / all;
	return (double)(unsigned int)(percent * 10) / 10;
}

/* --- views --- */

void view_start(struct view *view, FILE *out, bool json, struct mounts mounts)
{
	*view = (struct view){ .out = out, .json = json, .mounts = mounts };
	if (json)
		view->array = must(json_object_new_array());
}

void view_end(struct view *view, bool good)
{
	if (view->json && good)
		json_print(view->array, view->out);
	else if (view->json)
		json_object_put(view->array);
	else if (good && view->table.nr_cells)
		table_print(&view->table, view->out);
	else
		table_free(&view->table);
	mounts_free(&view->mounts);
}

static void start_table(struct view *view, const char *right, const char *const *header)
{
	unsigned int i;

	view->table.right = right;
	view->table.nr_columns = strlen(right);
	for (i = 0; i < view->table.nr_columns; i++)
		table_add(&view->table, header[i]);
}

static void add_text(struct view *view, const char *s)
{
	char *text = text_for_column(s);

	table_add(&view->table, *text ? text : NOTHING);
	free(text);
}

int view_policy(const struct extfuse_policy_info *info, void *arg)
{
	static const char *const header[] = { "POLICY", "FLAGS", "BINDINGS" };
	struct view *view = arg;
	struct json_object *object;

	if (view->json) {
		object = must(json_object_new_object());
		json_object_object_add(object, "name", json_text(info->name));
		json_object_object_add(object, "flags", json_u64(info->flags));
		json_object_object_add(object, "bindings", json_u64(info->bindings));
		json_object_array_add(view->array, object);
		return 0;
	}
	if (!view->nr++)
		start_table(view, "lrr", header);
	add_text(view, info->name);
	table_addf(&view->table, "%#x", info->flags);
	table_addf(&view->table, "%u", info->bindings);
	return 0;
}

static const char *first_mount_point(const struct view *view, const struct extfuse_conn_info *info)
{
	const struct mount *mount = mounts_next(&view->mounts, info->dev_major, info->dev_minor,
						NULL);

	return mount ? mount->mount_point : "";
}

int view_conn(const struct extfuse_conn_info *info, void *arg)
{
	static const char *const header[] = {
		"CONN", "DEV", "POLICY", "TTL", "UID", "MOUNTPOINT"
	};
	struct view *view = arg;
	char ttl[16];

	if (view->json) {
		json_object_array_add(view->array, json_conn(view, info));
		return 0;
	}
	if (!view->nr++)
		start_table(view, "rrlrrl", header);
	ttl_format(info->ttl_ms, ttl);
	table_addf(&view->table, "%llu", (unsigned long long)info->conn);
	table_addf(&view->table, "%u:%u", info->dev_major, info->dev_minor);
	add_text(view, info->policy);
	table_add(&view->table, info->ttl_ms ? ttl : NOTHING);
	table_addf(&view->table, "%u", info->uid);
	add_text(view, first_mount_point(view, info));
	return 0;
}

static void add_counts(struct view *view, const char *name, const struct extfuse_op_stats *op)
{
	const uint64_t counts[] = {
		op->answered, op->passed, op->errors, op->bugs, op->background
	};
	unsigned int i;

	table_add(&view->table, name);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		table_addf(&view->table, "%llu", (unsigned long long)counts[i]);
}

static void print_latency(struct view *view, const struct extfuse_conn_info *info,
			  const struct extfuse_op_stats *ops, unsigned int nr_ops)
{
	unsigned int i;

	if (!info->latency)
		fprintf(view->out, "\ntimes are not measured: extfusectl latency MOUNTPOINT on\n");
	for (i = 0; i < nr_ops; i++) {
		histogram_print(view->out, extfuse_opcode_name(ops[i].opcode), "answered",
				ops[i].answered_ns);
		histogram_print(view->out, extfuse_opcode_name(ops[i].opcode), "passed",
				ops[i].passed_ns);
	}
}

/* Each connection has a table of its own, under a line that says which it is. */
static void print_stats(struct view *view, const struct extfuse_conn_info *info,
			const struct extfuse_op_stats *ops, unsigned int nr_ops)
{
	static const char *const header[] = {
		"OPCODE", "ANSWERED", "PASSED", "ERRORS", "BUGS", "BACKGROUND"
	};
	struct extfuse_op_stats total = total_of(ops, nr_ops);
	char *policy = text_for_column(info->policy);
	char *point = text_for_column(first_mount_point(view, info));
	unsigned int i;

	fprintf(view->out, "%s%s: policy %s, connection %llu (%u:%u)\n", view->nr++ ? "\n" : "",
		*point ? point : NOTHING, *policy ? policy : NOTHING,
		(unsigned long long)info->conn, info->dev_major, info->dev_minor);
	start_table(view, "lrrrrr", header);
	for (i = 0; i < nr_ops; i++)
		add_counts(view, extfuse_opcode_name(ops[i].opcode), &ops[i]);
	add_counts(view, "TOTAL", &total);
	table_print(&view->table, view->out);
	fprintf(view->out, "%.1f%% answered in the kernel\n", percent_answered(&total));
	if (view->latency)
		print_latency(view, info, ops, nr_ops);
	free(policy);
	free(point);
}

int view_stats(const struct extfuse_conn_info *info, const struct extfuse_op_stats *ops,
	       unsigned int nr_ops, void *arg)
{
	struct extfuse_op_stats total = total_of(ops, nr_ops);
	struct json_object *object, *array, *sum;
	struct view *view = arg;
	unsigned int i;

	if (!view->json) {
		print_stats(view, info, ops, nr_ops);
		return 0;
	}
	array = must(json_object_new_array());
	for (i = 0; i < nr_ops; i++)
		json_object_array_add(array, json_op(view, &ops[i]));
	sum = must(json_object_new_object());
	json_counts(sum, &total);
	json_object_object_add(sum, "percent_answered",
			       must(json_object_new_double(percent_answered(&total))));
	json_object_set_serializer(json_object_object_get(sum, "percent_answered"),
				   json_object_double_to_json_string, (void *)"%.1f", NULL);

	object = json_conn(view, info);
	json_object_object_add(object, "ops", array);
	json_object_object_add(object, "total", sum);
	json_object_array_add(view->array, object);
	return 0;
}

/* --- version --- */

static void version_json(FILE *out, const char *tool, const struct extfuse_version *module)
{
	struct json_object *object = must(json_object_new_object());
	struct json_object *array = module ? must(json_object_new_array()) : NULL;
	unsigned int i;

	for (i = 0; array && i < sizeof(features) / sizeof(features[0]); i++)
		if (module->features & features[i].bit)
			json_object_array_add(array, json_text(features[i].name));
	json_object_object_add(object, "tool", json_text(tool));
	json_object_object_add(object, "module", module ? json_text(module->version) : NULL);
	json_object_object_add(object, "features", array);
	json_print(object, out);
}

void view_version(FILE *out, bool json, const char *tool, const struct extfuse_version *module)
{
	unsigned int i, nr = 0;
	char *version;

	if (json) {
		version_json(out, tool, module);
		return;
	}
	fprintf(out, "extfusectl %s\n", tool);
	if (!module)
		return;
	version = text_for_column(module->version);
	fprintf(out, "extfuse module %s", version);
	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (module->features & features[i].bit)
			fprintf(out, "%s%s", nr++ ? " " : ", features: ", features[i].name);
	fputc('\n', out);
	free(version);
}
