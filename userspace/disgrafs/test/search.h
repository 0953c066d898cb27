/* SPDX-License-Identifier: GPL-2.0 */
/* What an expression finds. After fixture.h. */
#ifndef TEST_SEARCH_H
#define TEST_SEARCH_H

static int add(uint64_t ino, const char *path, void *arg)
{
	(void)ino;
	strcat(strcat(arg, path), " ");
	return 0;
}

/* @wanted: the paths as they come, each with a space behind it */
static void finds(const char *expression, const char *wanted)
{
	struct expr_error error;
	char found[4096] = "";

	if (index_search(idx, expression, &error, add, found) < 0)
		fail_msg("%s: %s", expression, index_error(idx));
	if (strcmp(found, wanted))
		fail_msg("%s: found '%s', not '%s'", expression, found, wanted);
}

#endif
