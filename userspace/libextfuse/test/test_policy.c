// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be told about policies without a kernel that takes them. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "pin.h"
#include "test.h"

static void paths(void **state)
{
	char path[PATH_MAX];

	(void)state;
	unsetenv("EXTFUSE_POLICY_DIR");
	object_path(path, "mdcache");
	assert_string_equal(path, "/usr/lib/extfuse/mdcache.bpf.o");
	object_path(path, "mdcache.bpf.o");
	assert_string_equal(path, "mdcache.bpf.o");
	object_path(path, "./mdcache");
	assert_string_equal(path, "./mdcache");
	object_path(path, ".o");
	assert_string_equal(path, "/usr/lib/extfuse/.o.bpf.o");
	setenv("EXTFUSE_POLICY_DIR", "/tmp", 1);
	object_path(path, "mdcache");
	assert_string_equal(path, "/tmp/mdcache.bpf.o");
	setenv("EXTFUSE_POLICY_DIR", "", 1);
	object_path(path, "mdcache");
	assert_string_equal(path, "/usr/lib/extfuse/mdcache.bpf.o");
	unsetenv("EXTFUSE_POLICY_DIR");

	pin_link_path(path, "mdcache");
	assert_string_equal(path, "/sys/fs/bpf/extfuse/mdcache");
	pin_map_path(path, "mdcache", "backing");
	assert_string_equal(path, "/sys/fs/bpf/extfuse/mdcache-maps/backing");
}

static void names(void **state)
{
	(void)state;
	assert_true(policy_name_is_valid("mdcache"));
	assert_true(policy_name_is_valid("md_cache-2"));
	assert_true(policy_name_is_valid("0123456789012345678901234567890"));
	assert_false(policy_name_is_valid("01234567890123456789012345678901"));
	assert_false(policy_name_is_valid(""));
	assert_false(policy_name_is_valid("."));
	assert_false(policy_name_is_valid(".."));
	assert_false(policy_name_is_valid("a/b"));
	assert_false(policy_name_is_valid("a.b"));
	assert_false(policy_name_is_valid("a b"));
	assert_false(policy_name_is_valid("a\033b"));
	assert_false(policy_name_is_valid("\303\274"));
	assert_false(policy_name_is_valid("mdcache-maps"));
	assert_false(policy_name_is_valid("-maps"));
}

static void verifier_log(void **state)
{
	static const char log[] =
		"libbpf: prog 'getattr': BPF program load failed: Permission denied\n"
		"libbpf: prog 'getattr': -- BEGIN PROG LOAD LOG --\n"
		"0: R1=ctx() R10=fp0\n"
		"1: (79) r1 = *(u64 *)(r1 +0)\n"
		"R1 invalid mem access 'scalar'\n"
		"processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1\n"
		"-- END PROG LOAD LOG --\n"
		"libbpf: prog 'getattr': failed to load: -13\n"
		"libbpf: failed to load object 'mdcache.bpf.o'\n";
	char reason[768];

	(void)state;
	log_reason(log, reason, sizeof(reason));
	assert_string_equal(reason, "the verifier refuses program getattr: "
				    "1: (79) r1 = *(u64 *)(r1 +0); R1 invalid mem access 'scalar'");
	/* As much as there is room for. */
	log_reason(log, reason, 20);
	assert_string_equal(reason, "the verifier refuse");
}

static void libbpf_log(void **state)
{
	char reason[768];

	(void)state;
	log_reason("libbpf: extern (func ksym) 'gone': not found in kernel or module BTFs\n"
		   "libbpf: failed to load object 'x.o'\n", reason, sizeof(reason));
	assert_string_equal(reason,
			    "extern (func ksym) 'gone': not found in kernel or module BTFs");
	log_reason(NULL, reason, sizeof(reason));
	assert_string_equal(reason, "");
	log_reason("", reason, sizeof(reason));
	assert_string_equal(reason, "");
	log_reason("libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n", reason,
		   sizeof(reason));
	assert_string_equal(reason, "");
	/* Cut off by the kernel. */
	log_reason("libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\nbad", reason, sizeof(reason));
	assert_string_equal(reason, "bad");
}

static int name_of(struct extfuse *ef, struct bpf_object *obj, const char *variable, char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, variable);

	assert_non_null(map);
	return object_policy_name(ef, obj, map, name);
}

static void object(void **state)
{
	struct bpf_object *obj = bpf_object__open_file(TEST_OBJECT, NULL);
	char name[EXTFUSE_POLICY_NAME_LEN];
	struct extfuse ef = {};

	(void)state;
	assert_non_null(obj);
	assert_int_equal(name_of(&ef, obj, "variable", name), 0);
	assert_string_equal(name, "the-policy");
	assert_int_equal(name_of(&ef, obj, "flavored", name), 0);
	assert_string_equal(name, "flavored");
	assert_int_equal(name_of(&ef, obj, "without_link", name), -EINVAL);
	assert_string_equal(ef.error, "without_link must be in SEC(\".struct_ops.link\")");
	assert_int_equal(name_of(&ef, obj, "other", name), -EINVAL);
	assert_string_equal(ef.error,
			    "other is a struct other_ops, not a policy (struct extfuse_ops)");
	assert_int_equal(name_of(&ef, obj, "nameless", name), -EINVAL);
	assert_int_equal(name_of(&ef, obj, "empty", name), -EINVAL);
	assert_int_equal(name_of(&ef, obj, "dotted", name), -EINVAL);
	assert_non_null(strstr(ef.error, "\"a.b\""));
	assert_int_equal(name_of(&ef, obj, "too_long", name), -EINVAL);
	bpf_object__close(obj);
}

static void log_is_taken(void **state)
{
	struct extfuse ef = {};

	(void)state;
	assert_string_equal(extfuse_log(&ef), "");
	assert_int_equal(log_start(&ef), 0);
	assert_null(bpf_object__open_file("/nonexistent.o", NULL));
	assert_non_null(strstr(log_so_far(&ef), "/nonexistent.o"));
	log_stop(&ef);
	assert_non_null(strstr(extfuse_log(&ef), "/nonexistent.o"));
	/* Starts afresh. */
	assert_int_equal(log_start(&ef), 0);
	log_stop(&ef);
	assert_string_equal(extfuse_log(&ef), "");
	free(ef.log);
}

static void bad_files(void **state)
{
	struct extfuse ef = {};

	(void)state;
	/* Refused before anything is asked of the kernel. */
	assert_int_equal(extfuse_policy_load(&ef, "/nonexistent.o", NULL), -ENOENT);
	assert_string_equal(extfuse_error(&ef), "No such file or directory");
	assert_int_equal(extfuse_policy_load(&ef, "nonexistent", NULL), -ENOENT);
	assert_string_equal(extfuse_error(&ef),
			    "/usr/lib/extfuse/nonexistent.bpf.o: No such file or directory");
	assert_true(extfuse_policy_load(&ef, "/proc/self/exe", NULL) < 0);
	assert_int_equal(extfuse_policy_load(&ef, "/dev/null", NULL), -ENOEXEC);
	assert_memory_equal(extfuse_error(&ef), "not a BPF object: ", 18);
	/* One bad policy among several. */
	assert_int_equal(extfuse_policy_load(&ef, TEST_OBJECT, NULL), -EINVAL);
	free(ef.log);
}

static void bad_map_names(void **state)
{
	struct extfuse ef = {};

	(void)state;
	assert_int_equal(extfuse_policy_map(&ef, "../x", "backing"), -ENOENT);
	assert_string_equal(extfuse_error(&ef), "no such policy");
	assert_int_equal(extfuse_policy_map(&ef, "mdcache", "../x"), -ENOENT);
	assert_string_equal(extfuse_error(&ef), "policy mdcache has no map named ../x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(names),
		cmocka_unit_test(verifier_log),
		cmocka_unit_test(libbpf_log),
		cmocka_unit_test(object),
		cmocka_unit_test(log_is_taken),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(bad_map_names),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
