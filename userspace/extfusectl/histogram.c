// SPDX-License-Identifier: GPL-2.0
/* How long requests took, by powers of two. */
#include <stdbool.h>

#include "histogram.h"
#include "json.h"
#include "table.h"
#include "text.h"

#define BAR 40
#define LAST (EXTFUSE_LATENCY_BUCKETS - 1)

static uint64_t from_ns(unsigned int bucket)
{
	return bucket ? UINT64_C(1) << (EXTFUSE_LATENCY_SHIFT + bucket - 1) : 0;
}

static uint64_t below_ns(unsigned int bucket)
{
	return UINT64_C(1) << (EXTFUSE_LATENCY_SHIFT + bucket);
}

void histogram_time(uint64_t ns, char buf[16])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double n = (double)ns;
	unsigned int unit = 0;

	while (n >= 1000 && unit < 3) {
		n /= 1000;
		unit++;
	}
	snprintf(buf, 16, "%.*f%s", !unit || n >= 100 ? 0 : n >= 10 ? 1 : 2, n, units[unit]);
}

static void add_time(struct table *table, uint64_t ns)
{
	char buf[16];

	histogram_time(ns, buf);
	table_add(table, ns ? buf : "0");
}

static void add_bar(struct table *table, uint64_t count, uint64_t most)
{
	char bar[BAR + 1];
	unsigned int len = (double)count / (double)most * BAR, i;

	for (i = 0; i < len; i++)
		bar[i] = '#';
	bar[i] = '\0';
	table_add(table, bar);
}

void histogram_print(FILE *out, const char *opcode, const char *what,
		     const uint64_t counts[EXTFUSE_LATENCY_BUCKETS])
{
	struct table table = { .right = "rrrl", .nr_columns = 4 };
	uint64_t sum = 0, most = 0;
	unsigned int i, first = EXTFUSE_LATENCY_BUCKETS, last = 0;

	for (i = 0; i < EXTFUSE_LATENCY_BUCKETS; i++) {
		sum += counts[i];
		if (counts[i] > most)
			most = counts[i];
		if (counts[i] && first > i)
			first = i;
		if (counts[i])
			last = i;
	}
	if (!sum)
		return;
	fprintf(out, "\n%s, %s: %llu request%s\n", opcode, what, (unsigned long long)sum,
		sum == 1 ? "" : "s");
	table_add(&table, "FROM");
	table_add(&table, "BELOW");
	table_add(&table, "REQUESTS");
	table_add(&table, "");
	for (i = first; i <= last; i++) {
		add_time(&table, from_ns(i));
		if (i == LAST)
			table_add(&table, "-");
		else
			add_time(&table, below_ns(i));
		table_addf(&table, "%llu", (unsigned long long)counts[i]);
		add_bar(&table, counts[i], most);
	}
	table_print(&table, out);
}

struct json_object *histogram_json(const uint64_t counts[EXTFUSE_LATENCY_BUCKETS])
{
	struct json_object *array = must(json_object_new_array()), *object;
	unsigned int i;

	for (i = 0; i < EXTFUSE_LATENCY_BUCKETS; i++) {
		if (!counts[i])
			continue;
		object = must(json_object_new_object());
		json_object_object_add(object, "from", json_u64(from_ns(i)));
		json_object_object_add(object, "below", i == LAST ? NULL : json_u64(below_ns(i)));
		json_object_object_add(object, "count", json_u64(counts[i]));
		json_object_array_add(array, object);
	}
	return array;
}
