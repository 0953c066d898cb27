// SPDX-License-Identifier: LGPL-2.1-or-later
/* The names that a program gets from the library. */
#include <stdio.h>
#include <string.h>

#include "test.h"

static void only_ours(void **state)
{
	FILE *f = popen("nm --extern-only --defined-only --format=just-symbols " TEST_LIBRARY, "re");
	unsigned int nr = 0;
	char name[256];

	(void)state;
	assert_non_null(f);
	while (fgets(name, sizeof(name), f)) {
		/* The archive's member, before its names. */
		if (strchr(name, ':') || *name == '\n')
			continue;
		nr++;
		if (strncmp(name, "extfuse_", 8))
			fail_msg("%s", name);
	}
	assert_int_equal(pclose(f), 0);
	assert_true(nr > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_ours),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
