// SPDX-License-Identifier: GPL-2.0
/*
 * swap: exchanges policies without pause under a load of requests, each of which has a
 * number. The policies record by number what they were asked and what they heard the
 * reply of, the daemon counts what reached it, the callers what they were told. Every
 * request must have got one answer, and its two callbacks from one policy.
 *
 * The daemon speaks the protocol itself and keeps requests for a while, so that there
 * are always some on their way when policies change.
 *
 * In the environment: ROUNDS, exchanges of each kind (12).
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"
#include "swap.h"

#define NR_CALLERS 6
#define NR_DAEMONS (NR_CALLERS + 2)
#define FIRST_NODE 2		/* nodeid of caller 0's file */
#define KEPT_NS 2000000		/* by the daemon, at the most */

static char dir[] = "/tmp/swap-XXXXXX";
static int dev;
static unsigned int rounds = 12;

/* By number. */
static atomic_uchar reached[MAX_REQUESTS];
static int told[MAX_REQUESTS];

static atomic_uint next_number = 1;	/* 0 is for what has none */
static atomic_uint under_way;
static atomic_bool pause_callers, stop_callers;

/* --- the daemon --- */

static void answer(const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	struct {
		struct fuse_out_header header;
		char data[512];
	} out = { .header = { .unique = in->unique, .error = -error } };

	memcpy(out.data, data, len);
	out.header.len = sizeof(out.header) + len;
	/* ENOENT: the request was taken back */
	if (write(dev, &out, out.header.len) < 0 && errno != ENOENT)
		ksft_print_msg("the kernel refuses a reply: %s\n", strerror(errno));
}

static struct fuse_attr attr_of(uint64_t nodeid)
{
	return (struct fuse_attr){
		.ino = nodeid, .nlink = 1,
		.mode = nodeid == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
	};
}

static void answer_removexattr(const struct fuse_in_header *in, const char *name)
{
	struct timespec keep = { .tv_nsec = random() % KEPT_NS };
	unsigned int n = strtoul(name + PREFIX_LEN, NULL, 10);

	if (n < MAX_REQUESTS)
		atomic_fetch_add(&reached[n], 1);
	nanosleep(&keep, NULL);
	answer(in, ENODATA, NULL, 0);
}

static void serve(const struct fuse_in_header *in, const void *arg)
{
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096,
		.max_background = 16, .congestion_threshold = 16,
	};
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = attr_of(in->nodeid) };
	struct fuse_entry_out entry = { .entry_valid = 3600, .attr_valid = 3600 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		entry.nodeid = FIRST_NODE + atoi(arg);
		entry.attr = attr_of(entry.nodeid);
		answer(in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(in, 0, &attr, sizeof(attr));
		break;
	case FUSE_REMOVEXATTR:
		answer_removexattr(in, arg);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(in, ENOSYS, NULL, 0);
	}
}

static void *daemon_main(void *unused)
{
	static _Thread_local char buf[FUSE_MIN_READ_BUFFER + 65536];
	ssize_t len;

	(void)unused;
	for (;;) {
		len = read(dev, buf, sizeof(buf));
		if (len >= (ssize_t)sizeof(struct fuse_in_header))
			serve((struct fuse_in_header *)buf, buf + sizeof(struct fuse_in_header));
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			return NULL;
	}
}

static void mount_it(void)
{
	pthread_t thread;
	char options[80];
	int i;

	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0 || !mkdtemp(dir))
		ksft_exit_skip("no /dev/fuse\n");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (mount("swap", dir, "fuse", MS_NOSUID | MS_NODEV, options))
		ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	for (i = 0; i < NR_DAEMONS; i++)
		if (pthread_create(&thread, NULL, daemon_main, NULL))
			ksft_exit_fail_msg("no thread\n");
}

/* --- the callers --- */

static void *caller_main(void *arg)
{
	char path[64], name[PREFIX_LEN + DIGITS + 1];
	unsigned int n;

	snprintf(path, sizeof(path), "%s/%d", dir, (int)(long)arg);
	while (!stop_callers) {
		if (pause_callers) {
			usleep(1000);
			continue;
		}
		atomic_fetch_add(&under_way, 1);
		n = atomic_fetch_add(&next_number, 1);
		if (pause_callers || n >= MAX_REQUESTS) {
			pause_callers = true;
			atomic_fetch_sub(&under_way, 1);
			continue;
		}
		snprintf(name, sizeof(name), PREFIX "%0*u", DIGITS, n);
		told[n] = removexattr(path, name) ? errno : -1;
		atomic_fetch_sub(&under_way, 1);
	}
	return NULL;
}

static void stop_the_load(void)
{
	pause_callers = true;
	while (under_way)
		usleep(1000);
}

/* --- policies --- */

static struct policy {
	const char *file, *name;
	unsigned int number;
	int mine;
	struct bpf_map *map;
	struct record *records;
	struct bpf_link *link;
} policies[] = {
	{ "swap_a.bpf.o", "swap-a", 1, EDOM },
	{ "swap_a.bpf.o", "swap-a", 2, EDOM },
	{ "swap_b.bpf.o", "swap-b", 3, ERANGE },
};

#define NR_POLICIES ARRAY_SIZE(policies)
enum { A1, A2, B };

static unsigned int failures;

static void __attribute__((format(printf, 1, 2))) no(const char *format, ...)
{
	va_list args;
	char line[256];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (failures++ < 20)
		ksft_print_msg("%s\n", line);
}

static void load(struct policy *p, const char *here)
{
	struct bpf_object *object;
	struct bpf_map *map;
	size_t size = MAX_REQUESTS * sizeof(struct record), len;
	char path[256];
	void *data;

	snprintf(path, sizeof(path), "%s/%s", here, p->file);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
	bpf_object__for_each_map(map, object) {
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		data = bpf_map__initial_value(map, &len);
		memcpy(data, &p->number, sizeof(p->number));
	}
	if (bpf_object__load(object))
		ksft_exit_fail_msg("%s does not load\n", path);
	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			p->map = map;
	p->records = mmap(NULL, size, PROT_READ, MAP_SHARED,
			  bpf_object__find_map_fd_by_name(object, "records"), 0);
	if (p->records == MAP_FAILED || !p->map)
		ksft_exit_fail_msg("%s: no records\n", path);
}

static void attach(struct policy *p)
{
	p->link = bpf_map__attach_struct_ops(p->map);
	if (!p->link)
		no("%s does not attach: %s", p->name, strerror(errno));
}

static void detach(struct policy *p)
{
	if (p->link && bpf_link__destroy(p->link))
		no("%s does not detach: %s", p->name, strerror(errno));
	p->link = NULL;
}

static void bind_to(const char *list)
{
	char command[160];

	snprintf(command, sizeof(command), "extfusectl bind %s %s --replace", dir, list);
	if (system(command))
		no("%s fails", command);
}

static bool bound_to(const char *list)
{
	char command[160], line[256];
	bool found = false;
	FILE *f;

	snprintf(command, sizeof(command), "extfusectl stats %s", dir);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f)) {
		snprintf(command, sizeof(command), "policy %s,", list);
		found |= !!strstr(line, command);
	}
	if (f)
		pclose(f);
	return found;
}

/* --- exchanges; each is called with the number of the round --- */

static void update(unsigned int round)
{
	struct policy *from = &policies[round % 2 ? A2 : A1], *to = &policies[round % 2 ? A1 : A2];

	if (bpf_link__update_map(from->link, to->map))
		no("bpf_link_update: %s", strerror(errno));
	to->link = from->link;
	from->link = NULL;
}

static void replace(unsigned int round)
{
	bind_to(round % 2 ? "swap-a" : "swap-b");
}

static void chains(unsigned int round)
{
	static const char *const lists[] = {
		"swap-a,swap-b", "swap-b,swap-a", "swap-b", "swap-a,swap-b", "swap-a", "swap-b,swap-a",
	};

	bind_to(lists[round % ARRAY_SIZE(lists)]);
}

static void unload_old(unsigned int round)
{
	struct policy *old = &policies[round % 2 ? B : A1], *new = &policies[round % 2 ? A1 : B];

	if (!new->link)
		attach(new);
	bind_to(new->name);
	detach(old);
}

static void unload_member(unsigned int round)
{
	struct policy *p = &policies[round % 2 ? A1 : B], *other = &policies[round % 2 ? B : A1];

	detach(p);
	if (!bound_to(other->name))
		no("%s is not what is left", other->name);
	attach(p);
	bind_to("swap-a,swap-b");
}

/* --- what must be true afterwards --- */

enum {
	ALWAYS_ASKED = 1,	/* some policy is asked about every request */
	ALWAYS_HEARS = 2,	/* nothing was unloaded: who is asked hears the reply */
	ONE_ONLY = 4,		/* no request is seen by two policies */
};

static unsigned int sum_asked[NR_POLICIES], missed;

static void check_number(unsigned int n, unsigned int rules)
{
	unsigned int asked = 0, answered = 0, i;
	const struct record *r;

	for (i = 0; i < NR_POLICIES; i++) {
		r = &policies[i].records[n];
		asked += r->asked;
		sum_asked[i] += r->asked;
		answered += r->answered;
		if (r->asked > 1)
			no("%u: %s (%u) was asked %u times", n, policies[i].name,
			   policies[i].number, r->asked);
		if (r->wrong)
			no("%u: %s (%u) got another policy's request", n, policies[i].name,
			   policies[i].number);
		if (r->heard > r->asked - r->answered)
			no("%u: %s (%u) was asked %u times and heard %u replies", n,
			   policies[i].name, policies[i].number, r->asked, r->heard);
		missed += r->asked - r->answered - r->heard;
		if ((rules & ALWAYS_HEARS) && r->heard != r->asked - r->answered)
			no("%u: %s (%u) did not hear the reply", n, policies[i].name,
			   policies[i].number);
		if (r->answered && told[n] != policies[i].mine)
			no("%u: %s answered, and the caller was told %d", n, policies[i].name,
			   told[n]);
	}
	if (reached[n] + answered != 1 || (reached[n] && told[n] != ENODATA))
		no("%u: reached the daemon %u times, answered %u times, told %d", n, reached[n],
		   answered, told[n]);
	if ((rules & ALWAYS_ASKED) && !asked)
		no("%u: no policy was asked", n);
	if ((rules & ONE_ONLY) && asked > 1)
		no("%u: two policies were asked", n);
}

static void try(const char *name, void (*exchange)(unsigned int round), unsigned int rules,
		bool both_a)
{
	unsigned int from, to, i, n, in_flight = 0;

	failures = 0;
	missed = 0;
	memset(sum_asked, 0, sizeof(sum_asked));
	from = next_number;
	pause_callers = false;
	for (i = 0; i < rounds && !failures; i++) {
		/* some go by with each */
		for (n = next_number; next_number < n + 3 * NR_CALLERS && !pause_callers;)
			usleep(500);
		in_flight += under_way;
		exchange(i);
	}
	stop_the_load();
	to = next_number < MAX_REQUESTS ? next_number : MAX_REQUESTS;
	for (n = from; n < to; n++)
		/* not those that were drawn in vain */
		if (told[n])
			check_number(n, rules);
	ksft_print_msg("%u requests, %u under way at an exchange, asked %u, %u and %u, %u unheard\n",
		       to - from, in_flight, sum_asked[A1], sum_asked[A2], sum_asked[B], missed);
	if (!in_flight || !sum_asked[A1] || !sum_asked[both_a ? A2 : B])
		no("nothing was tested");
	/* those of an unloaded policy that were on their way */
	if (missed > i * NR_CALLERS)
		no("%u replies were not heard", missed);
	ksft_test_result(!failures, "%s\n", name);
}

int main(int argc, char **argv)
{
	char *here = realpath(argv[0], NULL);
	pthread_t callers[NR_CALLERS];
	unsigned int i;

	(void)argc;
	ksft_print_header();
	ksft_set_plan(5);
	if (getenv("ROUNDS"))
		rounds = atoi(getenv("ROUNDS"));
	*strrchr(here, '/') = '\0';
	if (geteuid() || system("modprobe extfuse"))
		ksft_exit_skip("needs root and the module\n");
	mount_it();
	for (i = 0; i < NR_POLICIES; i++)
		load(&policies[i], here);
	attach(&policies[A1]);
	attach(&policies[B]);
	pause_callers = true;
	for (i = 0; i < NR_CALLERS; i++)
		pthread_create(&callers[i], NULL, caller_main, (void *)(long)i);

	bind_to("swap-a");
	try("another policy: every request is asked of one, and answered once", replace,
	    ALWAYS_ASKED | ALWAYS_HEARS | ONE_ONLY, false);
	try("chains in turn: callbacks of one request belong together", chains,
	    ALWAYS_ASKED | ALWAYS_HEARS, false);
	bind_to("swap-a");
	try("the old policy is unloaded", unload_old, ALWAYS_ASKED | ONE_ONLY, false);
	if (!policies[A1].link)
		attach(&policies[A1]);
	if (!policies[B].link)
		attach(&policies[B]);
	bind_to("swap-a,swap-b");
	try("a policy of a chain is unloaded, and comes back", unload_member, ALWAYS_ASKED, false);
	bind_to("swap-a");
	/* the link has A1 again after an even number of rounds */
	rounds &= ~1;
	try("the policy is updated (bpf_link_update)", update, ALWAYS_ASKED | ONE_ONLY, true);

	stop_callers = true;
	for (i = 0; i < NR_CALLERS; i++)
		pthread_join(callers[i], NULL);
	for (i = 0; i < NR_POLICIES; i++)
		detach(&policies[i]);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	ksft_finished();
}
