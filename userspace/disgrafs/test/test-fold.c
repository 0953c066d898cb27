// SPDX-License-Identifier: GPL-2.0
/*
 * How words are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fold.h"

static void folds(char *folded, const char *wanted)
{
	assert_string_equal(folded, wanted);
	free(folded);
}

static void cases(void **state)
{
	(void)state;
	folds(fold_case(""), "");
	folds(fold_case("Kind of BLUE [1]"), "kind of blue [1]");
	folds(fold_case("ÀÖÞ×ÿ ŁÓDŹ ΑΩ ЁЖ 中文"), "àöþ×ÿ łódź αω ёж 中文");
	folds(fold_case("\xc3"), "\xc3");
	folds(fold_case("\xff\xc3\x28"), "\xff\xc3\x28");
}

static void keywords(void **state)
{
	(void)state;
	folds(fold_keyword(""), "");
	folds(fold_keyword("Networks"), "network");
	folds(fold_keyword("neural NETWORKS"), "neural network");
	folds(fold_keyword("  a  b "), "a  b");
	folds(fold_keyword("人工智能"), "人工智能");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases), cmocka_unit_test(keywords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
