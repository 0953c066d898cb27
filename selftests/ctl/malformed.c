// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink messages that no tool would send: cut off, of wrong sizes, for things
 * that are no FUSE mounts, from those who may not. Each must be answered with
 * an error, and leave the kernel's log empty; the runner looks at that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <extfuse.h>
#include "kselftest.h"

#define ANSWER_TIMEOUT 20		/* seconds; icount guests are slow */
#define NOBODY 65534
#define RANDOM_MESSAGES 20000

struct message {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
	char attrs[8192];
};

static int family;

/* --- building --- */

static void begin(struct message *m, uint8_t cmd, uint16_t flags)
{
	memset(m, 0, sizeof(*m));
	m->hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m->hdr.nlmsg_type = family;
	m->hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	m->genl.cmd = cmd;
	m->genl.version = EXTFUSE_GENL_VERSION;
}

/* An attribute that says it has @said bytes and has @len. */
static void add_as(struct message *m, uint16_t type, const void *data, size_t len, uint16_t said)
{
	struct nlattr *attr = (struct nlattr *)((char *)m + m->hdr.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = said;
	memcpy(attr + 1, data, len);
	m->hdr.nlmsg_len += NLA_ALIGN(sizeof(*attr) + len);
}

static void add(struct message *m, uint16_t type, const void *data, size_t len)
{
	add_as(m, type, data, len, sizeof(struct nlattr) + len);
}

static void add_u32(struct message *m, uint16_t type, uint32_t value)
{
	add(m, type, &value, sizeof(value));
}

static void add_string(struct message *m, uint16_t type, const char *s)
{
	add(m, type, s, strlen(s) + 1);
}

/* --- exchanging --- */

static int open_netlink(void)
{
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int sk = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (sk < 0 || connect(sk, (struct sockaddr *)&kernel, sizeof(kernel)))
		ksft_exit_fail_msg("netlink: %s\n", strerror(errno));
	setsockopt(sk, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return sk;
}

/*
 * The errno that ends an answer, 0 for success, -1 if there is none in time.
 * Data goes to @data, if there is any and it is not NULL.
 */
static int answer(int sk, struct message *data)
{
	static char buf[65536] __attribute__((aligned(4)));
	struct nlmsghdr *hdr;
	int len, error;

	for (;;) {
		len = recv(sk, buf, sizeof(buf), 0);
		if (len <= 0)
			return -1;
		for (hdr = (void *)buf; NLMSG_OK(hdr, (unsigned int)len);
		     hdr = NLMSG_NEXT(hdr, len)) {
			if (hdr->nlmsg_type == NLMSG_ERROR || hdr->nlmsg_type == NLMSG_DONE) {
				memcpy(&error, NLMSG_DATA(hdr), sizeof(error));
				return -error;
			}
			if (data && hdr->nlmsg_len <= sizeof(*data))
				memcpy(data, hdr, hdr->nlmsg_len);
		}
	}
}

static int exchange_on(int sk, const struct message *m)
{
	if (send(sk, m, m->hdr.nlmsg_len, 0) < 0)
		return errno;
	return answer(sk, NULL);
}

static int exchange(const struct message *m)
{
	int sk = open_netlink(), err = exchange_on(sk, m);

	close(sk);
	return err;
}

static void find_family(void)
{
	int sk = open_netlink(), left;
	struct message m, reply = {};
	struct nlattr *attr;

	begin(&m, CTRL_CMD_GETFAMILY, 0);
	m.hdr.nlmsg_type = GENL_ID_CTRL;
	add_string(&m, CTRL_ATTR_FAMILY_NAME, EXTFUSE_GENL_NAME);
	send(sk, &m, m.hdr.nlmsg_len, 0);
	if (answer(sk, &reply))
		ksft_exit_skip("the extfuse module is not loaded\n");
	attr = (struct nlattr *)reply.attrs;
	left = reply.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	while (left >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr)) {
		if (attr->nla_type == CTRL_ATTR_FAMILY_ID)
			family = *(uint16_t *)(attr + 1);
		left -= NLA_ALIGN(attr->nla_len);
		attr = (struct nlattr *)((char *)attr + NLA_ALIGN(attr->nla_len));
	}
	close(sk);
}

static bool alive(void)
{
	struct message m;

	begin(&m, EXTFUSE_CMD_VERSION_GET, 0);
	return exchange(&m) == 0;
}

/* --- tests --- */

static unsigned int plan;

/* Passes if @err is one of the two. */
static void expect2(const char *name, int err, int one, int other)
{
	bool ok = err == one || err == other;

	plan++;
	if (!ok)
		ksft_print_msg("errno %d (%s), expected %d (%s)\n", err,
			       err < 0 ? "no answer" : strerror(err), one, strerror(one));
	ksft_test_result(ok, "%s\n", name);
}

static void expect(const char *name, int err, int wanted)
{
	expect2(name, err, wanted, wanted);
}

static void expect_true(const char *name, bool ok)
{
	plan++;
	ksft_test_result(ok, "%s\n", name);
}

static void begin_bind(struct message *m, int fd)
{
	begin(m, EXTFUSE_CMD_BIND, 0);
	add_u32(m, EXTFUSE_A_FD, fd);
	add_string(m, EXTFUSE_A_POLICY, "nonexistent");
}

static void commands(void)
{
	struct message m;

	begin(&m, EXTFUSE_CMD_UNSPEC, 0);
	expect("command 0", exchange(&m), EOPNOTSUPP);
	begin(&m, EXTFUSE_CMD_MAX + 1, 0);
	expect("first unknown command", exchange(&m), EOPNOTSUPP);
	begin(&m, 255, 0);
	expect("command 255", exchange(&m), EOPNOTSUPP);
	begin(&m, 255, NLM_F_DUMP);
	expect("dump of command 255", exchange(&m), EOPNOTSUPP);
	begin(&m, EXTFUSE_CMD_STATS_GET, 0);
	expect("a dump's command without the dump flag", exchange(&m), EOPNOTSUPP);
	begin(&m, EXTFUSE_CMD_BIND, NLM_F_DUMP);
	expect("a dump of BIND", exchange(&m), EOPNOTSUPP);
	begin(&m, EXTFUSE_CMD_VERSION_GET, 0);
	m.hdr.nlmsg_len = NLMSG_HDRLEN + 2;
	expect("half a generic netlink header", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_VERSION_GET, 0);
	m.genl.version = 200;
	expect2("an unknown version", exchange(&m), 0, EINVAL);
}

static void sizes(int fd)
{
	static const char long_name[4096] = { [0 ... 4094] = 'x' };
	struct message m;
	char name[64];
	int len;

	begin(&m, EXTFUSE_CMD_BIND, 0);
	expect("BIND without attributes", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	expect("BIND without a policy", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_string(&m, EXTFUSE_A_POLICY, "nonexistent");
	expect("BIND without a descriptor", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_UNBIND, 0);
	expect("UNBIND without attributes", exchange(&m), EINVAL);

	for (len = 0; len <= 8; len++) {
		if (len == sizeof(uint32_t))
			continue;
		begin(&m, EXTFUSE_CMD_UNBIND, 0);
		add(&m, EXTFUSE_A_FD, "\0\0\0\0\0\0\0", len);
		snprintf(name, sizeof(name), "a descriptor of %d bytes", len);
		expect2(name, exchange(&m), EINVAL, ERANGE);
		begin(&m, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP);
		add(&m, EXTFUSE_A_FD, "\0\0\0\0\0\0\0", len);
		snprintf(name, sizeof(name), "statistics of a descriptor of %d bytes", len);
		expect2(name, exchange(&m), EINVAL, ERANGE);
	}
	begin(&m, EXTFUSE_CMD_UNBIND, 0);
	add_u32(&m, EXTFUSE_A_CONN, 1);
	expect2("a connection id of 4 bytes", exchange(&m), EINVAL, ERANGE);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	add(&m, EXTFUSE_A_POLICY, "unterminated", 12);
	expect("a policy name without NUL", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	add(&m, EXTFUSE_A_POLICY, "", 0);
	expect2("a policy name of no bytes", exchange(&m), EINVAL, ERANGE);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	add(&m, EXTFUSE_A_POLICY, long_name + 4095 - EXTFUSE_POLICY_NAME_LEN,
	    EXTFUSE_POLICY_NAME_LEN + 1);
	expect2("a policy name one byte too long", exchange(&m), EINVAL, ERANGE);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	add(&m, EXTFUSE_A_POLICY, long_name, sizeof(long_name));
	expect2("a policy name of 4 KiB", exchange(&m), EINVAL, ERANGE);
	begin_bind(&m, fd);
	for (len = 1; len <= EXTFUSE_CHAIN_MAX; len++)
		add_string(&m, EXTFUSE_A_POLICY, "nonexistent");
	expect("one policy too many", exchange(&m), E2BIG);
	begin_bind(&m, fd);
	add(&m, EXTFUSE_A_POLICY, "unterminated", 12);
	expect("a second policy name without NUL", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	add_string(&m, EXTFUSE_A_POLICY, "");
	expect2("a second policy name that is empty", exchange(&m), EINVAL, ENOENT);
	begin_bind(&m, fd);
	add(&m, EXTFUSE_A_TTL, "12345678", 8);
	expect2("a ttl of 8 bytes", exchange(&m), EINVAL, ERANGE);
	begin_bind(&m, fd);
	add_u32(&m, EXTFUSE_A_REPLACE, 1);
	expect2("a flag with a value", exchange(&m), EINVAL, ERANGE);
}

static void structure(int fd)
{
	struct message m;

	begin_bind(&m, fd);
	add_u32(&m, 200, 1);
	expect("an unknown attribute", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	add_as(&m, EXTFUSE_A_TTL, "1234", 4, 2000);
	expect("an attribute that ends after the message", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	add_as(&m, EXTFUSE_A_TTL, "1234", 4, 3);
	expect("an attribute shorter than its header", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	m.hdr.nlmsg_len += 3;
	expect("bytes after the last attribute", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	add(&m, EXTFUSE_A_OP | NLA_F_NESTED, "\xff\0\1\0abcd", 8);
	expect("a nest whose inside is longer than it", exchange(&m), EINVAL);
	begin_bind(&m, fd);
	add(&m, EXTFUSE_A_OP | NLA_F_NESTED, "\1", 1);
	expect("a nest of one byte", exchange(&m), EINVAL);
	begin(&m, EXTFUSE_CMD_BIND, 0);
	add_u32(&m, EXTFUSE_A_FD | NLA_F_NESTED, fd);
	add_string(&m, EXTFUSE_A_POLICY, "nonexistent");
	expect("a number that says it is a nest", exchange(&m), EINVAL);
}

/* BIND, UNBIND and STATS_GET of something that is no bound FUSE mount. */
static void one_fd(const char *what, int fd, int bind_errno)
{
	struct message m;
	char name[128];

	begin_bind(&m, fd);
	snprintf(name, sizeof(name), "bind %s", what);
	expect(name, exchange(&m), bind_errno);
	begin(&m, EXTFUSE_CMD_UNBIND, 0);
	add_u32(&m, EXTFUSE_A_FD, fd);
	snprintf(name, sizeof(name), "unbind %s", what);
	expect2(name, exchange(&m), bind_errno, ENOENT);
	begin(&m, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP);
	add_u32(&m, EXTFUSE_A_FD, fd);
	snprintf(name, sizeof(name), "statistics of %s", what);
	expect2(name, exchange(&m), bind_errno, ENOENT);
}

static void descriptors(void)
{
	int pipes[2], pair[2], fd;

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		ksft_exit_fail_msg("%s\n", strerror(errno));
	one_fd("no descriptor", 1000000, EBADF);
	one_fd("descriptor -1", -1, EBADF);
	one_fd("descriptor INT_MIN", 0x80000000, EBADF);
	one_fd("a pipe", pipes[0], EINVAL);
	one_fd("a socket", pair[0], EINVAL);
	fd = open_netlink();
	one_fd("a netlink socket", fd, EINVAL);
	close(fd);
	fd = eventfd(0, 0);
	one_fd("an eventfd", fd, EINVAL);
	close(fd);
	fd = memfd_create("x", 0);
	one_fd("a memfd", fd, EINVAL);
	close(fd);
	fd = syscall(SYS_pidfd_open, getpid(), 0);
	one_fd("a pidfd", fd, EINVAL);
	close(fd);
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	one_fd("a namespace", fd, EINVAL);
	close(fd);
	fd = open("/proc", O_PATH);
	one_fd("/proc", fd, EINVAL);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	one_fd("/dev/null", fd, EINVAL);
	close(fd);
	fd = open("/dev/fuse", O_RDWR);
	one_fd("/dev/fuse itself", fd, EINVAL);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	close(pair[0]);
	close(pair[1]);
}

static void connections(void)
{
	static const uint64_t ids[] = { 0, 1ULL << 63, UINT64_MAX };
	struct message m;
	char name[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		begin(&m, EXTFUSE_CMD_UNBIND, 0);
		add(&m, EXTFUSE_A_CONN, &ids[i], sizeof(ids[i]));
		snprintf(name, sizeof(name), "unbind connection %#llx", (unsigned long long)ids[i]);
		expect(name, exchange(&m), ENOENT);
		begin(&m, EXTFUSE_CMD_STATS_GET, NLM_F_DUMP);
		add(&m, EXTFUSE_A_CONN, &ids[i], sizeof(ids[i]));
		snprintf(name, sizeof(name), "statistics of connection %#llx",
			 (unsigned long long)ids[i]);
		expect2(name, exchange(&m), ENOENT, 0);
	}
}

/* A mount whose daemon has not said a word, and then is gone. */
static void silent_daemon(void)
{
	char dir[] = "/tmp/malformed.XXXXXX", options[64];
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC), fd;

	if (dev < 0 || !mkdtemp(dir))
		ksft_exit_fail_msg("%s\n", strerror(errno));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (mount("malformed", dir, "fuse", 0, options))
		ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	fd = open(dir, O_PATH);
	/* ENOENT: it may look for the policy first. */
	{
		struct message m;

		begin_bind(&m, fd);
		expect2("bind a mount before INIT", exchange(&m), EAGAIN, ENOENT);
		begin(&m, EXTFUSE_CMD_UNBIND, 0);
		add_u32(&m, EXTFUSE_A_FD, fd);
		expect("unbind a mount before INIT", exchange(&m), ENOENT);
		close(dev);
		begin_bind(&m, fd);
		expect2("bind a mount whose daemon is gone", exchange(&m), ENOTCONN, ENOENT);
		umount2(dir, MNT_DETACH);
		begin_bind(&m, fd);
		expect2("bind a mount that is detached", exchange(&m), ENOTCONN, ENOENT);
	}
	close(fd);
	rmdir(dir);
}

/* --- those who may not --- */

static void begin_privileged(struct message *m, unsigned int i)
{
	switch (i) {
	case 0:
		begin_bind(m, 0);
		break;
	case 1:
		begin(m, EXTFUSE_CMD_UNBIND, 0);
		add_u32(m, EXTFUSE_A_FD, 0);
		break;
	default:
		begin(m, EXTFUSE_CMD_POLICY_GET, NLM_F_DUMP);
	}
}

static const char *const privileged[] = { "bind", "unbind", "list policies" };

/* Runs in a child, which exits with the errno; @sk is the parent's or -1. */
static int in_child(unsigned int i, int sk, bool user_namespace)
{
	struct message m;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
			_exit(255);
		if (user_namespace && unshare(CLONE_NEWUSER))
			_exit(254);
		begin_privileged(&m, i);
		_exit(sk < 0 ? exchange(&m) : exchange_on(sk, &m));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A socket that a child without privileges opened, and this process uses. */
static int on_strangers_socket(unsigned int i)
{
	struct message m;
	int sk = -1, err;

	if (seteuid(NOBODY))
		return -1;
	sk = open_netlink();
	if (seteuid(0))
		return -1;
	begin_privileged(&m, i);
	err = exchange_on(sk, &m);
	close(sk);
	return err;
}

static void unprivileged(void)
{
	char name[128];
	unsigned int i;
	int sk, err;

	for (i = 0; i < ARRAY_SIZE(privileged); i++) {
		snprintf(name, sizeof(name), "%s as an ordinary user", privileged[i]);
		expect(name, in_child(i, -1, false), EPERM);
		snprintf(name, sizeof(name), "%s as root of a user namespace", privileged[i]);
		err = in_child(i, -1, true);
		plan++;
		if (err == 254)
			ksft_test_result_skip("%s\n", name);
		else
			ksft_test_result(err == EPERM, "%s\n", name);
		sk = open_netlink();
		snprintf(name, sizeof(name), "%s as an ordinary user on root's socket",
			 privileged[i]);
		expect(name, in_child(i, sk, false), EPERM);
		close(sk);
		snprintf(name, sizeof(name), "%s as root on an ordinary user's socket",
			 privileged[i]);
		expect(name, on_strangers_socket(i), EPERM);
	}
}

/* --- chance --- */

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/*
 * Good messages with a few bytes changed. That they are all answered is not
 * asked: what looks like no message of ours may be ignored.
 */
static void random_messages(int fd)
{
	uint32_t state = 1;
	struct message m;
	unsigned int i, n, at;
	int sk = open_netlink();
	char drain[8192];

	for (i = 0; i < RANDOM_MESSAGES; i++) {
		begin_bind(&m, fd);
		m.genl.cmd = next_random(&state) % (EXTFUSE_CMD_MAX + 2);
		if (next_random(&state) % 2)
			m.hdr.nlmsg_flags |= NLM_F_DUMP;
		if (next_random(&state) % 2)
			add(&m, EXTFUSE_A_CONN, "\1\2\3\4\5\6\7", 8);
		for (n = next_random(&state) % 4; n; n--) {
			/* Not the length: the socket would refuse it. */
			at = sizeof(m.hdr) +
			     next_random(&state) % (m.hdr.nlmsg_len - sizeof(m.hdr));
			((char *)&m)[at] = next_random(&state);
		}
		send(sk, &m, m.hdr.nlmsg_len - next_random(&state) % 8, MSG_DONTWAIT);
		while (recv(sk, drain, sizeof(drain), MSG_DONTWAIT) > 0)
			;
	}
	close(sk);
	expect_true("the module answers after random messages", alive());
}

int main(void)
{
	int fd;

	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("needs root\n");
	find_family();
	fd = open("/proc", O_PATH);

	commands();
	sizes(fd);
	structure(fd);
	descriptors();
	connections();
	silent_daemon();
	unprivileged();
	random_messages(fd);

	/* The plan may come last. */
	ksft_set_plan(plan);
	ksft_finished();
}
