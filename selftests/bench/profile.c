// SPDX-License-Identifier: GPL-2.0
/*
 * profile [-a] CALLS COMMAND [ARG...]: where COMMAND, which makes CALLS calls, spends its
 * time in the kernel; with -a, where each thread of the machine does meanwhile, in user
 * space too.
 *
 * Samples by the CPU clock and prints, on standard error, kernel functions with
 * nanoseconds a call and their share in percent, most expensive first; with -a after the
 * name of the program that was in them, "(user)" for what is not in the kernel, and before
 * them the sum of each program. In a guest that counts instructions a nanosecond is an
 * instruction. -a is about the first processor: such a guest has one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING_PAGES 256
#define PERIOD_NS 10007		/* the shortest that the kernel allows is 10,000 */

struct symbol {
	uint64_t address;
	char name[64];
};

static struct symbol *symbols;
static size_t nr_symbols;

struct sample {
	uint64_t ip;		/* 0: in user space */
	uint32_t tid;		/* 0: not asked for */
};

static struct sample *samples;
static size_t nr_samples, room_samples;

/* What samples have in common. */
struct row {
	char name[96];
	unsigned int samples;
};

static struct row *rows;
static size_t nr_rows;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int by_tid(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int by_samples(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->samples < y->samples ? 1 : x->samples > y->samples ? -1 : 0;
}

/* Read late: programs and modules that COMMAND loads have symbols too. */
static int read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	size_t room = 0;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		struct symbol s = { 0 };
		char type;

		if (sscanf(line, "%lx %c %63s", &s.address, &type, s.name) != 3)
			continue;
		if (type != 't' && type != 'T' && type != 'w' && type != 'W')
			continue;
		if (nr_symbols == room) {
			room = room ? 2 * room : 1 << 17;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				return -1;
		}
		symbols[nr_symbols++] = s;
	}
	fclose(f);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_address);
	return 0;
}

static const char *symbol_of(uint64_t ip)
{
	size_t low = 0, high = nr_symbols;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (symbols[mid].address <= ip)
			low = mid;
		else
			high = mid;
	}
	return symbols[low].name;
}

/*
 * The name of the program that thread @tid is in, without a kernel worker's numbers. Looked
 * for once, if all of one thread are asked for one after the other.
 */
static const char *program_of(uint32_t tid, pid_t child, const char *command)
{
	static char name[32];
	static uint32_t last;
	char path[32];
	FILE *f;

	if (tid == (uint32_t)child)
		return command;
	if (tid == last)
		return name;
	last = tid;
	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%31[^\n/]", name) != 1)
		strcpy(name, "ended");
	if (f)
		fclose(f);
	return name;
}

static void add_row(const char *program, const char *function)
{
	struct row *row = &rows[nr_rows++];

	row->samples = 1;
	snprintf(row->name, sizeof(row->name), "%s%s%s", program, *program && *function ? ": " : "",
		 function);
}

/* Rows of the same name become one. */
static void add_up(void)
{
	size_t i, last = 0;

	if (!nr_rows)
		return;
	qsort(rows, nr_rows, sizeof(*rows), by_name);
	for (i = 1; i < nr_rows; i++) {
		if (strcmp(rows[i].name, rows[last].name))
			rows[++last] = rows[i];
		else
			rows[last].samples++;
	}
	nr_rows = last + 1;
	qsort(rows, nr_rows, sizeof(*rows), by_samples);
}

/* Those that are more than 2 in 1000. */
static void print_rows(int calls)
{
	size_t i;

	add_up();
	for (i = 0; i < nr_rows && rows[i].samples * 500 > nr_samples; i++)
		fprintf(stderr, "%9.1f  %6.2f%%  %s\n",
			(double)rows[i].samples * PERIOD_NS / calls,
			100.0 * rows[i].samples / nr_samples, rows[i].name);
	nr_rows = 0;
}

static void keep(uint64_t ip, uint32_t tid)
{
	if (nr_samples == room_samples) {
		room_samples = room_samples ? 2 * room_samples : 1 << 16;
		samples = realloc(samples, room_samples * sizeof(*samples));
		if (!samples)
			exit(1);
	}
	samples[nr_samples++] = (struct sample){ ip, tid };
}

static uint64_t word(const char *data, uint64_t at)
{
	return *(const uint64_t *)(data + at % (RING_PAGES * (size_t)sysconf(_SC_PAGESIZE)));
}

/* Records are multiples of 8 bytes: ip and tid follow the header, maybe wrapped. */
static void drain(struct perf_event_mmap_page *ring, bool all)
{
	const char *data = (const char *)ring + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->data_tail;

	while (tail < head) {
		uint64_t first = word(data, tail), at = tail + sizeof(struct perf_event_header);
		struct perf_event_header h;
		bool user;

		memcpy(&h, &first, sizeof(h));
		user = (h.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER;
		if (h.type == PERF_RECORD_SAMPLE)
			keep(user ? 0 : word(data, at), all ? word(data, at + 8) >> 32 : 0);
		tail += h.size;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
}

/* Begins to count when the child executes its command; with @all, at once. */
static int open_event(pid_t child, bool all)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP | (all ? PERF_SAMPLE_TID : 0),
		.disabled = !all,
		.enable_on_exec = !all,
		.exclude_user = !all,
		.exclude_idle = 1,
	};

	return syscall(SYS_perf_event_open, &attr, all ? -1 : child, all ? 0 : -1, -1,
		       PERF_FLAG_FD_CLOEXEC);
}

static void report(int calls, bool all, pid_t child, const char *command)
{
	const char *base = strrchr(command, '/') ? strrchr(command, '/') + 1 : command;
	size_t i;

	fprintf(stderr, "%9.1f  100.00%%  in %s: %zu samples\n",
		(double)nr_samples * PERIOD_NS / calls, all ? "all" : "the kernel", nr_samples);
	qsort(samples, nr_samples, sizeof(*samples), by_tid);
	rows = calloc(nr_samples ?: 1, sizeof(*rows));
	if (!rows)
		exit(1);
	for (i = 0; all && i < nr_samples; i++)
		add_row(program_of(samples[i].tid, child, base), "");
	print_rows(calls);
	for (i = 0; i < nr_samples; i++)
		add_row(all ? program_of(samples[i].tid, child, base) : "",
			samples[i].ip ? symbol_of(samples[i].ip) : "(user)");
	print_rows(calls);
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "-a");
	struct perf_event_mmap_page *ring;
	int fd, go[2], status = 0, calls;
	pid_t child;

	argv += all;
	argc -= all;
	calls = argc > 2 ? atoi(argv[1]) : 0;
	if (calls < 1) {
		fprintf(stderr, "usage: profile [-a] CALLS COMMAND [ARG...]\n");
		return 2;
	}
	if (pipe(go))
		return 1;
	child = fork();
	if (!child) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(127);
		close(go[0]);
		execvp(argv[2], argv + 2);
		fprintf(stderr, "profile: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	fd = open_event(child, all);
	if (fd < 0) {
		fprintf(stderr, "profile: perf_event_open: %s\n", strerror(errno));
		return 1;
	}
	ring = mmap(NULL, (1 + RING_PAGES) * (size_t)sysconf(_SC_PAGESIZE),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED) {
		fprintf(stderr, "profile: mmap: %s\n", strerror(errno));
		return 1;
	}
	close(go[0]);
	close(go[1]);
	while (!waitpid(child, &status, WNOHANG)) {
		drain(ring, all);
		usleep(50000);
	}
	drain(ring, all);
	if (read_symbols()) {
		fprintf(stderr, "profile: /proc/kallsyms: %s\n", strerror(errno));
		return 1;
	}
	report(calls, all, child, argv[2]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
