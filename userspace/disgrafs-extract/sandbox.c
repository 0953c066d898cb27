// SPDX-License-Identifier: GPL-2.0
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
/*
 * The libraries take 70 MiB, libmagic's database, 10 MiB, among it; a file up to 64 MiB,
 * for TagLib twice.
 */
#define MAX_MEMORY (384UL << 20)
/* The headers may be older than the kernel; the same on all architectures. */
#define SETXATTRAT 463
#define REMOVEXATTRAT 466
/* Of a plug-in, which may have a model to load. */
#define PLUGIN_MEMORY (8UL << 30)

int sandbox_user(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	return 0;
}

static int limit(int resource, rlim_t max)
{
	return setrlimit(resource, &(struct rlimit){ max, max }) < 0 ? -errno : 0;
}

int sandbox_limits(unsigned int cpu_seconds)
{
	int ret = limit(RLIMIT_CPU, cpu_seconds);

	if (ret == 0)
		ret = limit(RLIMIT_AS, MAX_MEMORY);
	if (ret == 0)
		ret = limit(RLIMIT_FSIZE, 0);
	if (ret == 0)
		ret = limit(RLIMIT_CORE, 0);
	/* What is open stays so. */
	return ret ?: limit(RLIMIT_NOFILE, 0);
}

#define CHANGES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
		 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
		 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
		 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
		 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What this kernel's Landlock can forbid; 0: it has none. */
static uint64_t changes(void)
{
	int version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return 0;
	return version < 3 ? CHANGES : CHANGES | LANDLOCK_ACCESS_FS_TRUNCATE;
}

/* No files are made, removed or written to but /dev/null, where the kernel has Landlock. */
static int forbid_changes(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = changes() };
	struct landlock_path_beneath_attr null = {
		.allowed_access = attr.handled_access_fs &
			(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE),
	};
	int rules, ret = 0;

	if (!attr.handled_access_fs)
		return 0;
	rules = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	null.parent_fd = open("/dev/null", O_PATH | O_CLOEXEC);
	if (null.parent_fd < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &null, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		ret = -errno;
	if (null.parent_fd >= 0)
		close(null.parent_fd);
	close(rules);
	return ret;
}

int sandbox_plugin(void)
{
	static const int refused[] = {
		SCMP_SYS(socket), SCMP_SYS(io_uring_setup), SCMP_SYS(bpf), SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),
		SCMP_SYS(pidfd_getfd), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
		SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(unshare),
		SCMP_SYS(setns), SCMP_SYS(mount), SCMP_SYS(fsopen), SCMP_SYS(open_tree),
		SCMP_SYS(setpgid), SCMP_SYS(setsid),
		/* what Landlock leaves alone; and shrinking, before it could forbid that */
		SCMP_SYS(truncate), SCMP_SYS(ftruncate), SCMP_SYS(chmod), SCMP_SYS(fchmod),
		SCMP_SYS(fchmodat), SCMP_SYS(fchmodat2), SCMP_SYS(chown), SCMP_SYS(fchown),
		SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(utime), SCMP_SYS(utimes),
		SCMP_SYS(futimesat), SCMP_SYS(utimensat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
		SCMP_SYS(fsetxattr), SCMP_SYS(removexattr), SCMP_SYS(lremovexattr),
		SCMP_SYS(fremovexattr),
	};
	/* libc then takes clone(), of which the flags can be seen. */
	static const int unknown[] = { SCMP_SYS(clone3), SETXATTRAT, REMOVEXATTRAT };
	static const unsigned long namespaces[] = {
		CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
		CLONE_NEWCGROUP,
	};
	scmp_filter_ctx filter;
	int ret = limit(RLIMIT_FSIZE, 0);
	size_t i;

	if (ret == 0)
		ret = limit(RLIMIT_CORE, 0);
	if (ret == 0)
		ret = forbid_changes();
	if (ret < 0)
		return ret;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	for (i = 0; i < sizeof(refused) / sizeof(*refused) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	for (i = 0; i < sizeof(unknown) / sizeof(*unknown) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), unknown[i], 0);
	for (i = 0; i < sizeof(namespaces) / sizeof(*namespaces) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret ?: limit(RLIMIT_AS, PLUGIN_MEMORY);
}

int sandbox_filter(void)
{
	static const int allowed[] = {
		SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(write),
		SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat),
		SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
		SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group),
	};
	/* Libraries look for their tables and settings, and do without. */
	static const int refused[] = {
		SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(access), SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(readlink),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = 0;
	size_t i;

	if (!filter)
		return -ENOMEM;
	for (i = 0; i < sizeof(allowed) / sizeof(*allowed) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (i = 0; i < sizeof(refused) / sizeof(*refused) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	/* Memory that is no code. */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* fdopen() */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	/* How libc does fstat(); of a name it would find out only whether there is one. */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				       SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 1,
				       SCMP_A3(SCMP_CMP_NE, AT_EMPTY_PATH));
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}
