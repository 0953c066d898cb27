// SPDX-License-Identifier: GPL-2.0
/*
 * A supervisor holds /dev/fuse while daemons die and are replaced.
 *
 * This process mounts and keeps the descriptor; daemons are children that get it
 * over a socket and are killed at bad moments. What they know (which file has which
 * mode) is in shared memory, as is a log of each request that was read and each reply
 * that was taken. ROUNDS in the environment: how many daemons the load sees die (10).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"

#define FILES 64
#define FIRST_NODE 2		/* file i has nodeid FIRST_NODE + i, with each daemon */
#define READERS 4		/* threads of a daemon */
#define LOADS 3			/* callers, each with files of its own */
#define LOAD_FILES 8
#define LOG_SIZE (1 << 20)

struct record {
	uint64_t unique;
	uint32_t opcode;
	bool reply;
};

static struct shared {
	uint32_t mode[FILES];
	uint32_t hold;		/* opcode of which requests are read and not answered */
	uint32_t held;
	uint32_t dawdle;	/* between a request and its reply */
	uint32_t inits;
	uint32_t resent;	/* requests read with the mark of FUSE_NOTIFY_RESEND */
	uint32_t twice;		/* replies that the kernel had no request for */
	uint32_t reads;		/* requests that want a reply */
	uint32_t stop_load;
	uint64_t calls;
	uint32_t logged;
	struct record log[LOG_SIZE];
} *shared;

static char at[] = "/tmp/successor.XXXXXX";
static int device = -1;
static pid_t daemon_pid = -1;
static int slower = 1;

/* The daemon */

static void record(uint64_t unique, uint32_t opcode, bool reply)
{
	uint32_t i = __atomic_fetch_add(&shared->logged, 1, __ATOMIC_RELAXED);

	if (i < LOG_SIZE)
		shared->log[i] = (struct record){ unique & ~FUSE_UNIQUE_RESEND, opcode, reply };
}

static void reply(int fd, const struct fuse_in_header *in, int error, const void *data, size_t size)
{
	char buf[1024];
	struct fuse_out_header *out = (void *)buf;
	size_t len = sizeof(*out) + (error ? 0 : size);

	*out = (struct fuse_out_header){ .len = len, .error = -error, .unique = in->unique };
	if (!error && size)
		memcpy(out + 1, data, size);
	if (write(fd, buf, len) == (ssize_t)len)
		record(in->unique, in->opcode, true);
	else if (errno == ENOENT && in->opcode != FUSE_DESTROY)
		__atomic_fetch_add(&shared->twice, 1, __ATOMIC_RELAXED);
}

static struct fuse_attr attr_of(uint64_t nodeid)
{
	struct fuse_attr attr = { .ino = nodeid, .nlink = 1, .blksize = 4096 };

	attr.mode = nodeid == FUSE_ROOT_ID ? S_IFDIR | 0755 :
					     S_IFREG | shared->mode[nodeid - FIRST_NODE];
	return attr;
}

static void on_init(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.flags = FUSE_PARALLEL_DIROPS,
		.max_readahead = 65536,
		.max_write = 65536,
		.max_background = 12,
		.congestion_threshold = 9,
		.time_gran = 1,
	};

	__atomic_fetch_add(&shared->inits, 1, __ATOMIC_RELAXED);
	reply(fd, in, 0, &out, sizeof(out));
}

static void on_lookup(int fd, const struct fuse_in_header *in)
{
	struct fuse_entry_out out = {};
	int i;

	if (sscanf((const char *)(in + 1), "f%d", &i) != 1 || i < 0 || i >= FILES) {
		reply(fd, in, ENOENT, NULL, 0);
		return;
	}
	out.nodeid = FIRST_NODE + i;
	out.attr = attr_of(out.nodeid);
	reply(fd, in, 0, &out, sizeof(out));
}

static void on_setattr(int fd, const struct fuse_in_header *in)
{
	const struct fuse_setattr_in *arg = (const void *)(in + 1);
	struct fuse_attr_out out = {};

	if (in->nodeid >= FIRST_NODE && arg->valid & FATTR_MODE)
		shared->mode[in->nodeid - FIRST_NODE] = arg->mode & 07777;
	out.attr = attr_of(in->nodeid);
	reply(fd, in, 0, &out, sizeof(out));
}

static void handle(int fd, const struct fuse_in_header *in)
{
	struct fuse_attr_out attr = {};

	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	    in->opcode == FUSE_INTERRUPT)
		return;
	record(in->unique, in->opcode, false);
	if (in->unique & FUSE_UNIQUE_RESEND)
		__atomic_fetch_add(&shared->resent, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shared->reads, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&shared->hold, __ATOMIC_RELAXED) == in->opcode) {
		__atomic_fetch_add(&shared->held, 1, __ATOMIC_RELAXED);
		return;
	}
	/* that is where it is to be killed */
	if (__atomic_load_n(&shared->dawdle, __ATOMIC_RELAXED) && in->unique / 2 % 4 == 0)
		usleep(20000);
	switch (in->opcode) {
	case FUSE_INIT:
		on_init(fd, in);
		break;
	case FUSE_LOOKUP:
		on_lookup(fd, in);
		break;
	case FUSE_GETATTR:
		attr.attr = attr_of(in->nodeid);
		reply(fd, in, 0, &attr, sizeof(attr));
		break;
	case FUSE_SETATTR:
		on_setattr(fd, in);
		break;
	default:
		reply(fd, in, ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	size_t size = 65536 + 4096;
	char *buf = malloc(size);
	int fd = (intptr_t)arg;
	ssize_t len;

	while (buf) {
		len = read(fd, buf, size);
		if (len >= (ssize_t)sizeof(struct fuse_in_header))
			handle(fd, (void *)buf);
		else if (len < 0 && errno == ENODEV)
			_exit(0);
	}
	return NULL;
}

static void send_fd(int sock, int fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { .hdr = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { "f", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		ksft_exit_fail_msg("sendmsg: %s\n", strerror(errno));
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || control.hdr.cmsg_type != SCM_RIGHTS)
		_exit(1);
	memcpy(&fd, CMSG_DATA(&control.hdr), sizeof(fd));
	return fd;
}

/* Starts a daemon, which does not inherit the descriptor. */
static void daemon_start(void)
{
	int socks[2], fd, i;
	pthread_t thread;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks))
		ksft_exit_fail_msg("socketpair: %s\n", strerror(errno));
	daemon_pid = fork();
	if (!daemon_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(device);
		close(socks[0]);
		fd = receive_fd(socks[1]);
		for (i = 1; i < READERS; i++)
			pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
		serve((void *)(intptr_t)fd);
		_exit(1);
	}
	close(socks[1]);
	send_fd(socks[0], device);
	close(socks[0]);
}

static void daemon_kill(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = -1;
}

/* Has the kernel hand out again what was read and not answered. */
static bool resend(void)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = FUSE_NOTIFY_RESEND };

	return write(device, &out, sizeof(out)) == sizeof(out);
}

/* Callers */

static const char *path_of(int file)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/f%d", at, file);
	return path;
}

static bool stat_file(int file)
{
	struct stat st;

	return !stat(path_of(file), &st) && (st.st_mode & 07777) == shared->mode[file];
}

static bool chmod_file(int file, uint32_t mode)
{
	struct stat st;

	return !chmod(path_of(file), mode) && !stat(path_of(file), &st) &&
	       (st.st_mode & 07777) == mode;
}

static pid_t call(bool change, int file, uint32_t mode)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(device);
		_exit(!(change ? chmod_file(file, mode) : stat_file(file)));
	}
	return pid;
}

static void nap(void)
{
	usleep(20000);
}

/* Is it over, and did it see what it should, in time? */
static bool succeeds(pid_t pid)
{
	int i, status;

	for (i = 0; i < 1000 * slower; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status);
		nap();
	}
	ksft_print_msg("a call hangs\n");
	kill(pid, SIGKILL);
	return false;
}

static bool is_waiting(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static bool grows(const uint32_t *counter, uint32_t from)
{
	int i;

	for (i = 0; i < 1000 * slower; i++) {
		if (__atomic_load_n(counter, __ATOMIC_RELAXED) > from)
			return true;
		nap();
	}
	return false;
}

/* Is there something that no daemon has read? */
static bool unread(int timeout)
{
	struct pollfd p = { device, POLLIN, 0 };

	return poll(&p, 1, timeout) == 1 && p.revents & POLLIN;
}

/* Asks until a call is answered without the daemon. */
static bool learned(int file)
{
	uint32_t reads;
	int i;

	for (i = 0; i < 100; i++) {
		reads = shared->reads;
		if (!succeeds(call(false, file, 0)))
			return false;
		if (shared->reads == reads)
			return true;
	}
	ksft_print_msg("f%d is not remembered\n", file);
	return false;
}

/* Tests */

static bool bind_policy(void)
{
	char command[128];

	snprintf(command, sizeof(command), "extfusectl bind %s mdcache --ttl 600", at);
	return !system(command);
}

static bool unbind_policy(void)
{
	char command[128];

	snprintf(command, sizeof(command), "extfusectl unbind %s", at);
	return !system(command);
}

static bool answered_meanwhile(void)
{
	uint32_t reads;
	int i;

	if (!learned(0) || !learned(1))
		return false;
	daemon_kill();
	reads = shared->reads;
	for (i = 0; i < 50; i++)
		if (!succeeds(call(false, i & 1, 0)))
			return false;
	return shared->reads == reads && !unread(0);
}

static bool waits_for_successor(void)
{
	pid_t pid = call(false, 10, 0);
	bool waits = unread(20000 * slower) && is_waiting(pid);

	daemon_start();
	return succeeds(pid) && waits && shared->inits == 1;
}

static bool bound_by_nobody(void)
{
	pid_t pid;
	bool waits;

	daemon_kill();
	if (!unbind_policy() || !bind_policy() || !unbind_policy())
		return false;
	/* not bound: not even what was remembered */
	pid = call(false, 0, 0);
	waits = unread(20000 * slower) && is_waiting(pid);
	if (!bind_policy())
		return false;
	waits = waits && is_waiting(pid);
	daemon_start();
	return succeeds(pid) && waits && learned(0);
}

/* A call whose request a daemon has read, and has not answered when it dies. */
static pid_t call_lost(uint32_t opcode, bool change, int file, uint32_t mode)
{
	uint32_t held = shared->held;
	pid_t pid;
	bool ok;

	shared->hold = opcode;
	pid = call(change, file, mode);
	ok = grows(&shared->held, held);
	daemon_kill();
	shared->hold = 0;
	daemon_start();
	return ok ? pid : -1;
}

static bool read_is_resent(void)
{
	uint32_t resent = shared->resent;
	pid_t pid = call_lost(FUSE_LOOKUP, false, 20, 0);
	bool lost;

	/* the successor serves others, and knows nothing of it */
	if (pid < 0 || !succeeds(call(false, 21, 0)) || !succeeds(call(false, 22, 0)))
		return false;
	lost = is_waiting(pid) && !unread(0) && shared->resent == resent;
	if (!resend())
		return false;
	return succeeds(pid) && lost && shared->resent == resent + 1 && learned(20);
}

static bool change_is_resent(void)
{
	uint32_t reads, resent;
	pid_t pid;
	bool asks;

	if (!learned(30))
		return false;
	resent = shared->resent;
	pid = call_lost(FUSE_SETATTR, true, 30, 0600);
	if (pid < 0)
		return false;
	/* under way as far as the policy knows: nothing remembered is good */
	reads = shared->reads;
	asks = succeeds(call(false, 30, 0)) && shared->reads > reads && is_waiting(pid);
	if (!resend())
		return false;
	return succeeds(pid) && asks && shared->resent == resent + 1 &&
	       shared->mode[30] == 0600 && learned(30);
}

static void load(int n)
{
	unsigned int seed = n;
	int file;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(device);
	while (!__atomic_load_n(&shared->stop_load, __ATOMIC_RELAXED)) {
		file = FILES - 1 - n * LOAD_FILES - rand_r(&seed) % LOAD_FILES;
		if (!stat_file(file) || (rand_r(&seed) % 4 == 0 &&
					 !chmod_file(file, rand_r(&seed) & 0777)))
			_exit(1);
		__atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

static int by_unique(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->unique < y->unique ? -1 : x->unique > y->unique;
}

/*
 * Each request from @from on was answered, and once, and some only by the successor.
 * A daemon that died between its reply and the record of it has not recorded it: as
 * many as @killed daemons had threads may be missing.
 */
static bool each_answered_once(uint32_t from, unsigned int killed)
{
	unsigned int missing = 0, doubled = 0, requests = 0, again = 0, reads, replies;
	uint32_t i, j;

	if (shared->logged >= LOG_SIZE) {
		ksft_print_msg("the log is full\n");
		return false;
	}
	qsort(shared->log + from, shared->logged - from, sizeof(*shared->log), by_unique);
	for (i = from; i < shared->logged; i = j) {
		reads = replies = 0;
		for (j = i; j < shared->logged && shared->log[j].unique == shared->log[i].unique; j++)
			*(shared->log[j].reply ? &replies : &reads) += 1;
		requests++;
		again += reads > 1;
		missing += !replies;
		doubled += replies > 1;
	}
	ksft_print_msg("%u requests, %u read again, %u replies unrecorded, %u doubled, %u refused\n",
		       requests, again, missing, doubled, shared->twice);
	return again && !doubled && !shared->twice && missing <= killed * READERS;
}

static bool none_lost(void)
{
	const char *env = getenv("ROUNDS");
	int rounds = env ? atoi(env) : 10, i;
	uint32_t from = shared->logged, reads = shared->reads, resent = shared->resent;
	pid_t loads[LOADS];
	uint64_t calls;
	bool ok = true;

	shared->dawdle = 1;
	for (i = 0; i < LOADS; i++) {
		loads[i] = fork();
		if (!loads[i])
			load(i);
	}
	for (i = 0; i < rounds; i++) {
		calls = shared->calls;
		usleep(20000 + rand() % 100000);
		daemon_kill();
		usleep(rand() % 50000);
		/* before somebody reads: what he had read would be taken from him */
		ok = resend() && ok;
		daemon_start();
		for (int tries = 0; shared->calls < calls + LOADS * 10 && tries < 1000 * slower; tries++)
			nap();
		ok = ok && shared->calls >= calls + LOADS * 10;
	}
	shared->stop_load = 1;
	shared->dawdle = 0;
	for (i = 0; i < LOADS; i++)
		ok = succeeds(loads[i]) && ok;
	ksft_print_msg("%llu calls, %u requests read, %u of them resent\n",
		       (unsigned long long)shared->calls, shared->reads - reads,
		       shared->resent - resent);
	return each_answered_once(from, rounds) && ok && shared->inits == 1;
}

static void cleanup(void)
{
	daemon_kill();
	umount2(at, MNT_DETACH);
	close(device);
	rmdir(at);
	if (system("for i in $(seq 200); do extfusectl policy unload mdcache 2>/dev/null; "
		   "rmmod extfuse 2>/dev/null && exit; sleep 0.1; done; exit 1"))
		ksft_print_msg("the module stays\n");
}

static void mount_fuse(void)
{
	char options[128];
	int i;

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0)
		ksft_exit_fail_msg("/dev/fuse: %s\n", strerror(errno));
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", device);
	if (!mkdtemp(at) || mount("successor", at, "fuse", MS_NOSUID | MS_NODEV, options))
		ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	for (i = 0; i < FILES; i++)
		shared->mode[i] = 0644;
}

int main(void)
{
	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("needs root\n");
	if (system("modinfo extfuse >/dev/null 2>&1 && command -v extfusectl >/dev/null"))
		ksft_exit_skip("needs the extfuse module and extfusectl\n");
	if (getenv("SLOWER"))
		slower = atoi(getenv("SLOWER"));
	ksft_set_plan(6);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	if (system("modprobe extfuse && extfusectl policy load mdcache"))
		ksft_exit_fail_msg("mdcache cannot be loaded\n");
	mount_fuse();
	daemon_start();
	if (!succeeds(call(false, 0, 0)) || !bind_policy()) {
		cleanup();
		ksft_exit_fail_msg("the mount cannot be bound\n");
	}
	ksft_test_result(answered_meanwhile(),
			 "while there is no daemon the policy answers what it remembers\n");
	ksft_test_result(waits_for_successor(),
			 "what is passed waits for the successor, who sees no INIT\n");
	ksft_test_result(bound_by_nobody(), "bind and unbind while no daemon reads\n");
	ksft_test_result(read_is_resent(),
			 "what a dead daemon had read is lost until FUSE_NOTIFY_RESEND\n");
	ksft_test_result(change_is_resent(),
			 "a change that is resent is under way until its reply, then over\n");
	ksft_test_result(none_lost(), "kill -9 under load: each request is answered, and once\n");
	cleanup();
	ksft_finished();
}
