// SPDX-License-Identifier: GPL-2.0
/*
 * Random generic netlink messages, most of them wrong in some way, from those who
 * may bind and those who may not. model.c says of each whether it must be refused;
 * what the module says and which bindings there are must agree with that.
 *
 * In the environment: MESSAGES, how many (20000); CHANGES, of how many at the most one
 * changes a binding (200), which takes as long as hundreds of others; SEED.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"
#include "model.h"

#define NOBODY 65534
#define NR_MOUNTS 4
#define DATAGRAM 16384

static const char *const policies[] = { "count", "readonly", "mdcache", NULL };

static struct mount mounts[NR_MOUNTS], silent, dead;
static struct binding bindings[NR_MOUNTS];
static struct model model = { .policies = policies, .bindings = bindings, .nr = NR_MOUNTS };
static int descriptors[16];
static unsigned int nr_descriptors;
static unsigned long accepted[256], refused[256], changes, changes_one_in, abandoned;
static uint64_t newest;		/* connection id */

/* Who sends: by a socket that somebody opened, as root or as an ordinary user. */
struct sender {
	const char *who;
	int sk;
	bool as_user;
	bool admin;
};

static struct sender senders[] = {
	{ "root", .admin = true },
	{ "root in another network namespace", .admin = true },
	{ "a user", .as_user = true },
	{ "a user on root's socket", .as_user = true },
	{ "root on a user's socket" },
	{ "root on a socket of a user namespace's root" },
};

static unsigned int below(unsigned int n)
{
	return random() % n;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* --- sockets --- */

static int open_socket(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int sk = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), on = one_in(2);

	if (sk < 0 || connect(sk, (struct sockaddr *)&kernel, sizeof(kernel)))
		ksft_exit_fail_msg("netlink: %s\n", strerror(errno));
	setsockopt(sk, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	return sk;
}

/* Of this thread alone: glibc would have all of them change, and the mounts' daemons wait. */
static void become(uid_t uid)
{
	if (syscall(SYS_setresuid, uid, uid, -1))
		ksft_exit_fail_msg("setresuid: %s\n", strerror(errno));
}

static int socket_of_user(void)
{
	int sk;

	become(NOBODY);
	sk = open_socket();
	become(0);
	return sk;
}

static int socket_of_netns(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), sk;

	if (home < 0 || unshare(CLONE_NEWNET))
		ksft_exit_fail_msg("network namespace: %s\n", strerror(errno));
	sk = open_socket();
	if (setns(home, CLONE_NEWNET))
		ksft_exit_fail_msg("network namespace: %s\n", strerror(errno));
	close(home);
	return sk;
}

/* By a child, which shares the descriptors and not the namespace; exits with its number. */
static int open_in_userns(void *unused)
{
	(void)unused;
	if (syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) || unshare(CLONE_NEWUSER))
		return 0;
	return open_socket();
}

static int socket_of_userns(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(open_in_userns, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    !WEXITSTATUS(status))
		ksft_exit_fail_msg("no socket from a user namespace\n");
	return WEXITSTATUS(status);
}

static void open_senders(void)
{
	senders[0].sk = open_socket();
	senders[1].sk = socket_of_netns();
	senders[2].sk = socket_of_user();
	senders[3].sk = open_socket();
	senders[4].sk = socket_of_user();
	senders[5].sk = socket_of_userns();
}

/* --- messages --- */

static void random_bytes(char *data, size_t len)
{
	while (len--)
		data[len] = random() >> 8;
}

static void put_name(struct nl_msg *msg, int type)
{
	static const char *const hostile[] = {
		"", "%s%n%x", "../../count", "count ", "COUNT", "count\n", "\xff\xfe",
		"0123456789012345678901234567890", "01234567890123456789012345678901",
	};
	const char *name = policies[below(ARRAY_SIZE(policies) - 1)];
	char data[4096];

	if (one_in(4))
		name = hostile[below(ARRAY_SIZE(hostile))];
	if (one_in(16)) {
		random_bytes(data, sizeof(data));
		nla_put(msg, type, below(sizeof(data)), data);
	} else {
		/* sometimes without its NUL, or with something after it */
		memset(data, 0, 64);
		strcpy(data, name);
		data[strlen(name) + 1] = one_in(8) ? 'x' : 0;
		nla_put(msg, type, strlen(name) + (one_in(8) ? below(4) : 1), data);
	}
}

static uint32_t some_descriptor(void)
{
	if (one_in(3))
		return descriptors[below(nr_descriptors)];
	if (one_in(16))
		return random() * 2u;
	return mounts[below(NR_MOUNTS)].path;
}

static uint64_t some_conn(void)
{
	static const uint64_t odd[] = { 0, 1ULL << 63, UINT64_MAX, 1ULL << 32 };

	if (one_in(4))
		return odd[below(ARRAY_SIZE(odd))];
	return bindings[below(NR_MOUNTS)].conn;
}

static void put_number(struct nl_msg *msg, int type, uint64_t value, int size)
{
	char data[64] = {};

	memcpy(data, &value, sizeof(value));
	if (one_in(12))
		size = below(sizeof(data));
	nla_put(msg, type, size, data);
}

static void put_nested(struct nl_msg *msg, int type)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	if (!nest)
		return;
	put_number(msg, below(EXTFUSE_A_MAX + 2), some_descriptor(), 4);
	if (one_in(2)) {
		put_nested(msg, type);
		put_name(msg, EXTFUSE_A_POLICY);
	}
	nla_nest_end(msg, nest);
}

static void put_attr(struct nl_msg *msg, int type)
{
	switch (type) {
	case EXTFUSE_A_FD:
		put_number(msg, type, some_descriptor(), 4);
		break;
	case EXTFUSE_A_POLICY:
		put_name(msg, type);
		break;
	case EXTFUSE_A_CONN:
		put_number(msg, type, some_conn(), 8);
		break;
	case EXTFUSE_A_TTL:
		put_number(msg, type, one_in(4) ? UINT32_MAX : random(), 4);
		break;
	case EXTFUSE_A_REPLACE:
		nla_put(msg, type, one_in(12) ? below(16) : 0, "0123456789abcdef");
		break;
	case EXTFUSE_A_LATENCY:
		put_number(msg, type, below(3), 1);
		break;
	default:
		put_number(msg, type, random(), below(12));
	}
}

static void put_odd_attr(struct nl_msg *msg)
{
	if (one_in(3))
		put_nested(msg, below(EXTFUSE_A_MAX + 2));
	else if (one_in(2))
		put_attr(msg, below(EXTFUSE_A_MAX + 3));
	else
		put_attr(msg, random() & 0xffff);
}

/* What the command needs, or most of it. */
static void put_attrs(struct nl_msg *msg, uint8_t cmd)
{
	bool by_fd = below(3);

	if (cmd == EXTFUSE_CMD_BIND ? !one_in(10) : by_fd && !one_in(4))
		put_attr(msg, EXTFUSE_A_FD);
	if (cmd == EXTFUSE_CMD_BIND ? one_in(20) : !by_fd || one_in(8))
		put_attr(msg, EXTFUSE_A_CONN);
	if (cmd == EXTFUSE_CMD_BIND ? !one_in(10) : one_in(20))
		do
			put_attr(msg, EXTFUSE_A_POLICY);
		while (one_in(3));
	if (one_in(cmd == EXTFUSE_CMD_BIND ? 2 : 20))
		put_attr(msg, EXTFUSE_A_TTL);
	if (one_in(cmd == EXTFUSE_CMD_BIND ? 2 : 20))
		put_attr(msg, EXTFUSE_A_REPLACE);
	if (one_in(cmd == EXTFUSE_CMD_CONN_SET ? 1 : 4))
		put_attr(msg, EXTFUSE_A_LATENCY);
	/* twice, or what does not belong there */
	while (one_in(3))
		put_odd_attr(msg);
}

static uint16_t some_flags(uint8_t cmd)
{
	uint16_t flags = NLM_F_REQUEST;

	if (cmd == EXTFUSE_CMD_POLICY_GET || cmd == EXTFUSE_CMD_CONN_GET ||
	    cmd == EXTFUSE_CMD_STATS_GET)
		flags |= NLM_F_DUMP;
	if (!one_in(4))
		flags |= NLM_F_ACK;
	if (one_in(12))
		flags ^= 1 << below(16);
	return flags;
}

/* Returns its length. */
static size_t some_message(char *data)
{
	uint8_t cmd = one_in(30) ? random() : below(EXTFUSE_CMD_MAX + 2);
	struct nl_msg *msg = nlmsg_alloc_size(DATAGRAM / 2);
	size_t len;

	if (!msg || !genlmsg_put(msg, 0, 0, model.family, 0, some_flags(cmd), cmd,
				 EXTFUSE_GENL_VERSION))
		ksft_exit_fail_msg("out of memory\n");
	put_attrs(msg, cmd);
	len = nlmsg_hdr(msg)->nlmsg_len;
	memcpy(data, nlmsg_hdr(msg), len);
	nlmsg_free(msg);
	return len;
}

/* Changes some bytes. Returns the length that the message is sent with. */
static size_t mutate(char *data, size_t len)
{
	struct nlmsghdr *hdr = (struct nlmsghdr *)data;
	unsigned int n;

	for (n = below(4); n; n--)
		data[NLMSG_HDRLEN + below(len - NLMSG_HDRLEN)] = random() >> 8;
	switch (below(6)) {
	case 0:
		hdr->nlmsg_len -= below(len);
		break;
	case 1:
		len -= below(len - NLMSG_HDRLEN);
		hdr->nlmsg_len = len;
		break;
	case 2:
		len -= below(len);
		break;
	case 3:
		hdr->nlmsg_flags = random();
		break;
	case 4:
		hdr->nlmsg_len = one_in(2) ? random() * 2u : (unsigned int)len + below(32);
		break;
	}
	return len;
}

static size_t some_datagram(char *data)
{
	unsigned int n = one_in(4) ? 1 + below(4) : 1;
	size_t len = 0, one;

	memset(data, 0, DATAGRAM);
	while (n-- && len < DATAGRAM / 2) {
		one = some_message(data + len);
		if (one_in(2))
			one = mutate(data + len, one);
		len += NLMSG_ALIGN(one);
	}
	return len;
}

/* --- exchanging --- */

static unsigned int failures;

static void __attribute__((format(printf, 1, 2))) no(const char *format, ...)
{
	va_list args;
	char line[512];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (failures++ < 20)
		ksft_print_msg("%s\n", line);
}

static bool send_as(const struct sender *sender, const char *data, size_t len)
{
	ssize_t sent;

	if (sender->as_user)
		become(NOBODY);
	sent = send(sender->sk, data, len, 0);
	if (sender->as_user)
		become(0);
	return sent == (ssize_t)len;
}

/* Answers are there when send() returns, but for the rest of a dump. */
static void each_answer(int sk, void (*see)(struct nlmsghdr *hdr, void *arg), void *arg)
{
	static char buf[131072] __attribute__((aligned(8)));
	struct nlmsghdr *hdr;
	int len;

	for (;;) {
		len = recv(sk, buf, sizeof(buf), MSG_DONTWAIT);
		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0) {
			no("recv: %s", strerror(errno));
			return;
		}
		for (hdr = (void *)buf; nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len))
			see(hdr, arg);
	}
}

struct answers {
	int count[MAX_MESSAGES];
	int error[MAX_MESSAGES];
};

static void see_end(struct nlmsghdr *hdr, void *arg)
{
	struct answers *answers = arg;

	if (hdr->nlmsg_type != NLMSG_ERROR && hdr->nlmsg_type != NLMSG_DONE)
		return;
	if (hdr->nlmsg_seq >= MAX_MESSAGES) {
		no("an answer to message %u", hdr->nlmsg_seq);
		return;
	}
	answers->count[hdr->nlmsg_seq]++;
	answers->error[hdr->nlmsg_seq] = *(int *)nlmsg_data(hdr);
}

static bool as_said(enum verdict verdict, int count, int error)
{
	if (count != (verdict != SILENT))
		return false;
	if (verdict == SILENT || (verdict != REFUSED && !error))
		return true;
	return verdict != ACCEPTED && error < 0 && error >= -4095;
}

static void print_datagram(const struct sender *sender, const char *data, size_t len)
{
	char line[3 * 256 + 1];
	size_t i;

	for (i = 0; i < len && i < 256; i++)
		sprintf(line + 3 * i, " %02x", (unsigned char)data[i]);
	ksft_print_msg("%s sent %zu bytes:%s\n", sender->who, len, line);
}

static void exchange(const struct sender *sender, char *data, size_t len, const struct verdicts *v)
{
	static const char *const words[] = { "silence", "success", "refusal", "either" };
	struct answers answers = {};
	unsigned int i;

	if (!send_as(sender, data, len)) {
		no("send: %s", strerror(errno));
		return;
	}
	each_answer(sender->sk, see_end, &answers);
	for (i = 0; i < v->nr; i++) {
		if (answers.error[i])
			refused[v->cmd[i]]++;
		else if (v->verdict[i] == ACCEPTED)
			accepted[v->cmd[i]]++;
		if (as_said(v->verdict[i], answers.count[i], answers.error[i]))
			continue;
		no("message %u, command %u: %d answers, the last one %s, instead of %s", i,
		   v->cmd[i], answers.count[i], strerror(-answers.error[i]), words[v->verdict[i]]);
		print_datagram(sender, data, len);
	}
}

/* --- bindings --- */

struct listing {
	const char *who;
	bool seen[NR_MOUNTS];
};

static bool same(const struct binding *b, struct nlattr **attrs, const char *policies)
{
	return b->bound && nla_get_u64(attrs[EXTFUSE_A_CONN]) == b->conn &&
	       !strcmp(policies, b->policies) &&
	       nla_get_u32(attrs[EXTFUSE_A_TTL]) == b->ttl &&
	       nla_get_u8(attrs[EXTFUSE_A_LATENCY]) == b->latency &&
	       nla_get_u32(attrs[EXTFUSE_A_UID]) == b->mount->owner;
}

/* A binding that was made anew has a connection id that is greater than all before. */
static void learn(struct binding *b, uint64_t conn)
{
	if (b->conn || !b->bound)
		return;
	if (conn <= newest)
		no("connection id %llu after %llu", (unsigned long long)conn,
		   (unsigned long long)newest);
	newest = conn;
	b->conn = conn;
}

static void join_policies(struct nlmsghdr *hdr, char *to, size_t size)
{
	const struct nlattr *attr;
	size_t len = 0;
	int rem;

	nlmsg_for_each_attr(attr, hdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == EXTFUSE_A_POLICY && len < size)
			len += snprintf(to + len, size - len, "%s%s", len ? "," : "",
					nla_get_string(attr));
}

static void see_conn(struct nlmsghdr *hdr, void *arg)
{
	char policies[2 * EXTFUSE_CHAIN_MAX * EXTFUSE_POLICY_NAME_LEN] = "";
	struct nlattr *attrs[EXTFUSE_A_MAX + 1];
	struct listing *listing = arg;
	unsigned int i;

	if (hdr->nlmsg_type != model.family ||
	    genlmsg_parse(hdr, 0, attrs, EXTFUSE_A_MAX, NULL) < 0)
		return;
	for (i = 0; i < NR_MOUNTS; i++)
		if (mounts[i].id == nla_get_u32(attrs[EXTFUSE_A_DEV]))
			break;
	if (i == NR_MOUNTS || listing->seen[i]) {
		no("%s sees connection %llu, on no mount that is bound", listing->who,
		   (unsigned long long)nla_get_u64(attrs[EXTFUSE_A_CONN]));
		return;
	}
	listing->seen[i] = true;
	learn(&bindings[i], nla_get_u64(attrs[EXTFUSE_A_CONN]));
	join_policies(hdr, policies, sizeof(policies));
	if (!same(&bindings[i], attrs, policies))
		no("%s sees mount %u bound to %s, ttl %u, latency %u; should be %s to %s, %u, %u",
		   listing->who, i, policies,
		   nla_get_u32(attrs[EXTFUSE_A_TTL]), nla_get_u8(attrs[EXTFUSE_A_LATENCY]),
		   bindings[i].bound ? "bound" : "not bound", bindings[i].policies, bindings[i].ttl,
		   bindings[i].latency);
}

struct dump_request {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
};

static struct dump_request dump_request(uint8_t cmd)
{
	return (struct dump_request){
		.hdr.nlmsg_len = sizeof(struct dump_request),
		.hdr.nlmsg_type = model.family,
		.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.genl.cmd = cmd,
		.genl.version = EXTFUSE_GENL_VERSION,
	};
}

static void check_as(const struct sender *sender, uid_t uid)
{
	struct listing listing = { .who = sender->who };
	struct dump_request ask = dump_request(EXTFUSE_CMD_CONN_GET);
	unsigned int i;

	if (!send_as(sender, (char *)&ask, sizeof(ask)))
		no("send: %s", strerror(errno));
	each_answer(sender->sk, see_conn, &listing);
	for (i = 0; i < NR_MOUNTS; i++)
		if (listing.seen[i] !=
		    (bindings[i].bound && (!uid || mounts[i].owner == uid)))
			no("%s %s mount %u", sender->who,
			   listing.seen[i] ? "sees" : "does not see", i);
}

/* As root, and then as a user, who sees the own mounts only. */
static void check_bindings(void)
{
	check_as(&senders[0], 0);
	check_as(&senders[2], NOBODY);
}

/* --- rounds --- */

static unsigned long round_of(unsigned long done)
{
	static char data[DATAGRAM] __attribute__((aligned(8)));
	const struct sender *sender = &senders[one_in(2) ? 0 : below(ARRAY_SIZE(senders))];
	struct binding before[NR_MOUNTS];
	struct verdicts v;
	size_t len = some_datagram(data);

	memcpy(before, bindings, sizeof(before));
	model_send(&model, data, len, sender->admin, &v);
	if (v.changes && changes * changes_one_in > done) {
		memcpy(bindings, before, sizeof(before));
		return 0;
	}
	exchange(sender, data, len, &v);
	changes += v.changes;
	if (v.changes || one_in(100))
		check_bindings();
	return v.nr ?: 1;
}

/* A dump that waits for room in its socket, which is closed before all has been read. */
static void abandon_dump(void)
{
	static const uint8_t cmds[] = {
		EXTFUSE_CMD_STATS_GET, EXTFUSE_CMD_CONN_GET, EXTFUSE_CMD_POLICY_GET,
	};
	struct dump_request ask = dump_request(cmds[below(ARRAY_SIZE(cmds))]);
	int sk = open_socket(), size = 1;
	char buf[256];

	setsockopt(sk, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	send(sk, &ask, sizeof(ask), 0);
	if (one_in(2))
		send(sk, &ask, sizeof(ask), 0);
	if (one_in(2))
		(void)!recv(sk, buf, sizeof(buf), MSG_DONTWAIT);
	close(sk);
	abandoned++;
}

static void fuzz(unsigned long count)
{
	unsigned long done = 0;

	while (done < count && failures < 20) {
		done += round_of(done);
		if (one_in(50))
			abandon_dump();
	}
	check_bindings();
	ksft_print_msg("%lu messages, %lu changes of bindings, %lu dumps abandoned\n", done,
		       changes, abandoned);
}

static void keep(int fd)
{
	descriptors[nr_descriptors++] = fd;
}

/* What is no mount that can be bound. */
static void open_descriptors(void)
{
	int pipes[2];

	keep(open("/proc", O_PATH | O_CLOEXEC));
	keep(open("/dev/null", O_RDWR | O_CLOEXEC));
	keep(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	keep(eventfd(0, EFD_CLOEXEC));
	if (pipe2(pipes, O_CLOEXEC))
		ksft_exit_fail_msg("pipe: %s\n", strerror(errno));
	keep(pipes[0]);
	keep(pipes[1]);
	keep(mounts[0].dev);
	keep(senders[0].sk);
	keep(silent.path);
	keep(dead.path);
	keep(1000000);
	keep(-1);
	keep(0x80000000);
}

static void begin(void)
{
	unsigned int i;
	char command[64];

	for (i = 0; i < NR_MOUNTS; i++) {
		mount_begin(&mounts[i], i % 2 ? NOBODY : 0, 1);
		bindings[i].mount = &mounts[i];
	}
	mount_begin(&silent, 0, 0);
	mount_begin(&dead, 0, 0);
	close(dead.dev);
	open_senders();
	open_descriptors();
	for (i = 0; policies[i]; i++) {
		snprintf(command, sizeof(command), "extfusectl policy load %s", policies[i]);
		if (system(command))
			ksft_exit_fail_msg("%s failed\n", command);
	}
}

static bool end(void)
{
	bool ok = true;
	unsigned int i;
	char command[1024];

	for (i = 0; i < NR_MOUNTS; i++) {
		snprintf(command, sizeof(command),
			 "extfusectl bind %s count --replace && extfusectl unbind %s", mounts[i].at,
			 mounts[i].at);
		ok &= !system(command);
		mount_end(&mounts[i]);
	}
	mount_end(&silent);
	mount_end(&dead);
	for (i = 0; policies[i]; i++) {
		snprintf(command, sizeof(command), "extfusectl policy unload %s", policies[i]);
		ok &= !system(command);
	}
	return ok;
}

static bool all_commands(void)
{
	unsigned int cmd;
	bool ok = true;

	for (cmd = EXTFUSE_CMD_VERSION_GET; cmd <= EXTFUSE_CMD_CONN_SET; cmd++) {
		ksft_print_msg("command %u: %lu accepted, %lu refused\n", cmd, accepted[cmd],
			       refused[cmd]);
		ok &= accepted[cmd] && refused[cmd];
	}
	return ok;
}

static void find_family(void)
{
	struct nl_sock *sk = nl_socket_alloc();
	int family = -1;

	if (sk && !genl_connect(sk))
		family = genl_ctrl_resolve(sk, EXTFUSE_GENL_NAME);
	nl_socket_free(sk);
	if (family < 0)
		ksft_exit_skip("the extfuse module is not loaded\n");
	model.family = family;
}

static unsigned long variable(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

int main(void)
{
	unsigned int seed = variable("SEED", time(NULL));

	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("needs root\n");
	if (system("modprobe extfuse"))
		ksft_exit_skip("needs the extfuse module\n");
	find_family();
	ksft_set_plan(3);
	ksft_print_msg("SEED=%u\n", seed);
	srandom(seed);
	changes_one_in = variable("CHANGES", 200);
	begin();
	fuzz(variable("MESSAGES", 20000));
	ksft_test_result(!failures, "each message is answered, and done, as it must be\n");
	ksft_test_result(all_commands(), "of every command some are accepted, and some refused\n");
	ksft_test_result(end(), "the mounts can be bound afterwards\n");
	ksft_finished();
}
