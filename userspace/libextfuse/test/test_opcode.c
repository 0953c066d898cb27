// SPDX-License-Identifier: LGPL-2.1-or-later
#include <linux/fuse.h>

#include "extfuse_ctl.h"
#include "test.h"

static void known(void **state)
{
	(void)state;
	assert_string_equal(extfuse_opcode_name(FUSE_LOOKUP), "LOOKUP");
	assert_string_equal(extfuse_opcode_name(FUSE_STATFS), "STATFS");
	assert_string_equal(extfuse_opcode_name(FUSE_FSYNC), "FSYNC");
	assert_string_equal(extfuse_opcode_name(FUSE_READDIRPLUS), "READDIRPLUS");
	assert_string_equal(extfuse_opcode_name(FUSE_RENAME2), "RENAME2");
	assert_string_equal(extfuse_opcode_name(FUSE_REMOVEMAPPING), "REMOVEMAPPING");
	assert_string_equal(extfuse_opcode_name(FUSE_SYNCFS), "SYNCFS");
	assert_string_equal(extfuse_opcode_name(FUSE_TMPFILE), "TMPFILE");
	assert_string_equal(extfuse_opcode_name(52), "STATX");
	assert_string_equal(extfuse_opcode_name(53), "COPY_FILE_RANGE_64");
	assert_string_equal(extfuse_opcode_name(CUSE_INIT), "CUSE_INIT");
}

static void unknown(void **state)
{
	(void)state;
	/* Numbers that were never given out, and the ends of the table. */
	assert_string_equal(extfuse_opcode_name(0), "opcode 0");
	assert_string_equal(extfuse_opcode_name(7), "opcode 7");
	assert_string_equal(extfuse_opcode_name(19), "opcode 19");
	assert_string_equal(extfuse_opcode_name(54), "opcode 54");
	assert_string_equal(extfuse_opcode_name(4095), "opcode 4095");
	assert_string_equal(extfuse_opcode_name(UINT32_MAX), "opcode 4294967295");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests_name("opcode", tests, NULL, NULL);
}
