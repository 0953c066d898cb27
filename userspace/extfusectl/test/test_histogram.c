// SPDX-License-Identifier: GPL-2.0
/* Times of requests, in words, in bars and as JSON. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "test.h"

static void times(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0ns" }, { 128, "128ns" }, { 512, "512ns" }, { 1024, "1.02us" },
		{ 16384, "16.4us" }, { 131072, "131us" }, { 1048576, "1.05ms" },
		{ UINT64_C(1) << 30, "1.07s" }, { UINT64_C(1) << 37, "137s" },
		{ UINT64_C(1) << 38, "275s" },
	};
	char buf[16];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		histogram_time(cases[i].ns, buf);
		assert_string_equal(buf, cases[i].text);
	}
}

static char *print(const uint64_t *counts)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	histogram_print(out, "GETATTR", "answered", counts);
	fclose(out);
	return text;
}

static void bars(void **state)
{
	uint64_t counts[EXTFUSE_LATENCY_BUCKETS] = { [2] = 80, [4] = 41, [5] = 1 };
	char *text = print(counts);

	(void)state;
	/* What is empty in between is shown, what is empty around is not. */
	assert_string_equal(text,
		"\nGETATTR, answered: 122 requests\n"
		"  FROM   BELOW  REQUESTS  \n"
		" 256ns   512ns        80  ########################################\n"
		" 512ns  1.02us         0  \n"
		"1.02us  2.05us        41  ####################\n"
		"2.05us  4.10us         1  \n");
	free(text);
}

static void first_and_last(void **state)
{
	uint64_t counts[EXTFUSE_LATENCY_BUCKETS] = { 1 };
	char *text = print(counts);

	(void)state;
	assert_string_equal(text,
		"\nGETATTR, answered: 1 request\n"
		"FROM  BELOW  REQUESTS  \n"
		"   0  128ns         1  ########################################\n");
	free(text);
	counts[0] = 0;
	counts[EXTFUSE_LATENCY_BUCKETS - 1] = UINT64_MAX;
	text = print(counts);
	assert_non_null(strstr(text, "\n137s      -  18446744073709551615  ####"));
	free(text);
	counts[EXTFUSE_LATENCY_BUCKETS - 1] = 0;
	text = print(counts);
	assert_string_equal(text, "");
	free(text);
}

static void json(void **state)
{
	uint64_t counts[EXTFUSE_LATENCY_BUCKETS] = {
		[0] = 1, [1] = 2, [EXTFUSE_LATENCY_BUCKETS - 1] = UINT64_MAX
	};
	struct json_object *array = histogram_json(counts);

	(void)state;
	assert_string_equal(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN),
			    "[{\"from\":0,\"below\":128,\"count\":1},"
			    "{\"from\":128,\"below\":256,\"count\":2},"
			    "{\"from\":137438953472,\"below\":null,\"count\":18446744073709551615}]");
	json_object_put(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(bars),
		cmocka_unit_test(first_and_last),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
