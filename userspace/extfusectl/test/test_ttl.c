// SPDX-License-Identifier: GPL-2.0
#include "test.h"
#include "ttl.h"

static void good(void **state)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} cases[] = {
		{ "0", 0 }, { "0.0", 0 }, { "0.000000", 0 }, { "1", 1000 }, { "1.", 1000 },
		{ ".5", 500 }, { "0.5", 500 }, { "1.25", 1250 }, { "0.001", 1 }, { "007", 7000 },
		/* Rounded up: 0 would mean something else. */
		{ "0.0001", 1 }, { "0.00000000000000000001", 1 }, { "1.0001", 1001 },
		{ "4294967.295", UINT32_MAX }, { "4294967", 4294967000 },
	};
	unsigned int i;
	uint32_t ms;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(ttl_parse(cases[i].text, &ms));
		assert_int_equal(ms, cases[i].ms);
	}
}

static void bad(void **state)
{
	static const char *const cases[] = {
		"", ".", "-1", "+1", " 1", "1 ", "1s", "1,5", "1.5.", "1e3", "0x1", "inf", "nan",
		"4294967.296", "4294967.2951", "4294968", "99999999999999999999999999999",
		"18446744073709551616",
	};
	unsigned int i;
	uint32_t ms;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(ttl_parse(cases[i], &ms));
}

static void format(void **state)
{
	char buf[16];

	(void)state;
	ttl_format(0, buf);
	assert_string_equal(buf, "0");
	ttl_format(1, buf);
	assert_string_equal(buf, "0.001");
	ttl_format(1500, buf);
	assert_string_equal(buf, "1.5");
	ttl_format(10000, buf);
	assert_string_equal(buf, "10");
	ttl_format(UINT32_MAX, buf);
	assert_string_equal(buf, "4294967.295");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(format),
	};

	return cmocka_run_group_tests_name("ttl", tests, NULL, NULL);
}
