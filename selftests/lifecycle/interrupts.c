// SPDX-License-Identifier: GPL-2.0
/*
 * interrupts MOUNT DAEMON REPORT STATE SIGNAL: many tasks, each in a call of its own
 * that waits for the daemon, all get a signal.
 *
 * STATE is "unread" (the daemon is stopped and has not seen the requests) or
 * "read" (it holds them back, see strictd.c); SIGNAL is "caught" or "killed".
 * Prints for each call whether it ended before the daemon went on, and how. The
 * mount holds what prepare() in interrupts.sh made.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Each starts in a directory of its own, with files "old" and "full" in it. */
static int fd = -1;
static char buf[8192];

static void open_old(void) { fd = open("old", O_RDWR); }
static void open_full(void) { fd = open("full", O_RDWR); }
static void open_dir(void) { fd = open(".", O_RDONLY | O_DIRECTORY); }

static int do_lookup(void) { struct stat st; return stat("absent", &st); }
static int do_access(void) { return access("absent too", F_OK); }
static int do_mkdir(void) { return mkdir("dir", 0700); }
static int do_mknod(void) { return mknod("fifo", S_IFIFO | 0600, 0); }
static int do_symlink(void) { return symlink("target", "link"); }
static int do_link(void) { return link("old", "second"); }
static int do_unlink(void) { return unlink("old"); }
static int do_rmdir(void) { return rmdir("empty"); }
static int do_rename(void) { return rename("old", "new"); }
static int do_replace(void) { return rename("old", "full"); }
static int do_create(void) { return open("created", O_CREAT | O_EXCL | O_WRONLY, 0600); }
static int do_open(void) { return open("old", O_RDONLY); }
static int do_truncate(void) { return truncate("full", 3); }
static int do_chmod(void) { return chmod("old", 0640); }
static int do_utimes(void) { return utimensat(AT_FDCWD, "old", NULL, 0); }
static int do_setxattr(void) { return setxattr("old", "user.test", "2", 1, 0); }
static int do_getxattr(void) { return getxattr("old", "user.other", buf, sizeof(buf)); }
static int do_listxattr(void) { return listxattr("full", buf, sizeof(buf)); }
static int do_removexattr(void) { return removexattr("full", "user.test"); }
static int do_read(void) { return pread(fd, buf, sizeof(buf), 0); }
static int do_write(void) { return pwrite(fd, "written", 7, 5000); }
static int do_fsync(void) { return fsync(fd); }
static int do_fallocate(void) { return fallocate(fd, 0, 0, 9000); }
static int do_statfs(void) { struct statvfs st; return fstatvfs(fd, &st); }
static int do_readdir(void)
{
	DIR *dir = fdopendir(fd);

	if (!dir)
		return -1;
	errno = 0;
	return readdir(dir) ? 0 : errno ? -1 : 0;
}
static int do_mapped(void)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	map[10] = 'M';
	return msync(map, 4096, MS_SYNC);
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*call)(void);
} calls[] = {
#define CALL(name, ...) { #name, __VA_ARGS__ }
	CALL(lookup, NULL, do_lookup),
	CALL(access, NULL, do_access),
	CALL(mkdir, NULL, do_mkdir),
	CALL(mknod, NULL, do_mknod),
	CALL(symlink, NULL, do_symlink),
	CALL(link, NULL, do_link),
	CALL(unlink, NULL, do_unlink),
	CALL(rmdir, NULL, do_rmdir),
	CALL(rename, NULL, do_rename),
	CALL(replace, NULL, do_replace),
	CALL(create, NULL, do_create),
	CALL(open, NULL, do_open),
	CALL(truncate, NULL, do_truncate),
	CALL(chmod, NULL, do_chmod),
	CALL(utimes, NULL, do_utimes),
	CALL(setxattr, NULL, do_setxattr),
	CALL(getxattr, NULL, do_getxattr),
	CALL(listxattr, NULL, do_listxattr),
	CALL(removexattr, NULL, do_removexattr),
	CALL(read, open_full, do_read),
	CALL(write, open_old, do_write),
	CALL(fsync, open_old, do_fsync),
	CALL(fallocate, open_old, do_fallocate),
	CALL(statfs, open_old, do_statfs),
	CALL(readdir, open_dir, do_readdir),
	CALL(mapped, open_full, do_mapped),
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

static struct {
	pid_t pid;
	bool early, ended;
	int status;
} tasks[CALLS];

static void caught(int sig)
{
	(void)sig;
}

static void task(const char *mount, unsigned int i, int ready, int go)
{
	struct sigaction action = { .sa_handler = caught };	/* no SA_RESTART */
	char path[PATH_MAX];
	int ret;

	sigaction(SIGUSR1, &action, NULL);
	snprintf(path, sizeof(path), "%s/%s", mount, calls[i].name);
	if (chdir(path))
		err(1, "%s", path);
	if (calls[i].prepare)
		calls[i].prepare();
	if (write(ready, "", 1) != 1 || read(go, buf, 1) != 0)
		errx(1, "%s: cannot start", path);
	errno = 0;
	ret = calls[i].call();
	_exit(ret < 0 ? errno : 0);
}

/* Is every thread of it stopped? */
static bool stopped(pid_t pid)
{
	char path[64], line[512];
	bool all = true;
	struct dirent *d;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", pid, d->d_name);
		f = fopen(path, "r");
		if (f && fgets(line, sizeof(line), f) && strrchr(line, ')'))
			all = all && strrchr(line, ')')[2] == 'T';
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return all;
}

/* Collects those that have ended; how many are left. */
static unsigned int collect(bool early)
{
	unsigned int i, left = 0;

	for (i = 0; i < CALLS; i++) {
		if (!tasks[i].ended &&
		    waitpid(tasks[i].pid, &tasks[i].status, WNOHANG) == tasks[i].pid) {
			tasks[i].ended = true;
			tasks[i].early = early;
		}
		left += !tasks[i].ended;
	}
	return left;
}

static bool runs(pid_t pid)
{
	char path[64], line[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f) || !strrchr(line, ')'))
		line[0] = '\0';
	fclose(f);
	return line[0] && strrchr(line, ')')[2] == 'R';
}

/* Until for half a second nobody has run or ended; how many are left. */
static unsigned int settle(void)
{
	unsigned int i, left = CALLS, now, quiet;

	for (quiet = 0; quiet < 10; quiet++) {
		usleep(50000);
		now = collect(true);
		if (now != left)
			quiet = 0;
		left = now;
		for (i = 0; i < CALLS; i++)
			if (!tasks[i].ended && runs(tasks[i].pid))
				quiet = 0;
	}
	return left;
}

int main(int argc, char **argv)
{
	int ready[2], go[2];
	bool stop, kills, all;
	unsigned int i;
	char holding[PATH_MAX];
	pid_t daemon;

	if (argc != 6)
		return 2;
	snprintf(holding, sizeof(holding), "%s.holding", argv[3]);
	daemon = atoi(argv[2]);
	stop = !strcmp(argv[4], "unread");
	kills = !strcmp(argv[5], "killed");
	if (pipe(ready) || pipe(go))
		err(1, "pipe");
	for (i = 0; i < CALLS; i++) {
		tasks[i].pid = fork();
		if (!tasks[i].pid) {
			close(go[1]);
			task(argv[1], i, ready[1], go[0]);
		}
	}
	for (i = 0; i < CALLS; i++)
		if (read(ready[0], buf, 1) != 1)
			err(1, "ready");

	kill(daemon, stop ? SIGSTOP : SIGUSR2);
	while (stop ? !stopped(daemon) : access(holding, F_OK))
		usleep(1000);
	close(go[1]);
	all = settle() == CALLS;
	for (i = 0; i < CALLS; i++) {
		if (tasks[i].ended)
			warnx("%s: did not wait for the daemon", calls[i].name);
		else
			kill(tasks[i].pid, kills ? SIGKILL : SIGUSR1);
	}
	settle();
	kill(daemon, stop ? SIGCONT : SIGUSR2);
	for (i = 0; i < 600 && collect(false); i++)
		usleep(50000);

	for (i = 0; i < CALLS; i++) {
		printf("%s: %s, ", calls[i].name, tasks[i].early ? "at once" : "after the daemon");
		if (!tasks[i].ended)
			printf("never\n");
		else if (WIFSIGNALED(tasks[i].status))
			printf("killed by %d\n", WTERMSIG(tasks[i].status));
		else
			printf("%s\n", strerror(WEXITSTATUS(tasks[i].status)));
	}
	return !all || collect(false) > 0;
}
