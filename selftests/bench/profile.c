// SPDX-License-Identifier: GPL-2.0
/*
 * profile CALLS COMMAND [ARG...]: where COMMAND, which makes CALLS calls, spends its
 * time in the kernel.
 *
 * Samples COMMAND by the CPU clock and prints, on standard error, kernel functions
 * with nanoseconds a call and their share in percent, most expensive first. In a
 * guest that counts instructions a nanosecond is an instruction.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
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
	unsigned int samples;
	char name[64];
};

static struct symbol *symbols;
static size_t nr_symbols;
static unsigned int total;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int by_samples(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

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

static void count(uint64_t ip)
{
	size_t low = 0, high = nr_symbols;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (symbols[mid].address <= ip)
			low = mid;
		else
			high = mid;
	}
	symbols[low].samples++;
	total++;
}

static uint64_t *ips;
static size_t nr_ips, room_ips;

static void keep(uint64_t ip)
{
	if (nr_ips == room_ips) {
		room_ips = room_ips ? 2 * room_ips : 1 << 16;
		ips = realloc(ips, room_ips * sizeof(*ips));
		if (!ips)
			exit(1);
	}
	ips[nr_ips++] = ip;
}

static void drain(struct perf_event_mmap_page *ring)
{
	size_t size = RING_PAGES * (size_t)sysconf(_SC_PAGESIZE);
	const char *data = (const char *)ring + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->data_tail;

	while (tail < head) {
		const struct perf_event_header *h = (const void *)(data + tail % size);

		/* records are multiples of 8 bytes; the ip follows the header, maybe wrapped */
		if (h->type == PERF_RECORD_SAMPLE)
			keep(*(const uint64_t *)(data + (tail + sizeof(*h)) % size));
		tail += h->size;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
}

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP,
		.disabled = 1,
		.enable_on_exec = 1,
		.exclude_user = 1,
	};
	struct perf_event_mmap_page *ring;
	int fd, go[2], status = 0, calls = argc > 2 ? atoi(argv[1]) : 0;
	pid_t child;
	size_t i;

	if (calls < 1) {
		fprintf(stderr, "usage: profile CALLS COMMAND [ARG...]\n");
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
	fd = syscall(SYS_perf_event_open, &attr, child, -1, -1, PERF_FLAG_FD_CLOEXEC);
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
		drain(ring);
		usleep(50000);
	}
	drain(ring);
	if (read_symbols()) {
		fprintf(stderr, "profile: /proc/kallsyms: %s\n", strerror(errno));
		return 1;
	}
	for (i = 0; i < nr_ips; i++)
		count(ips[i]);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_samples);
	fprintf(stderr, "%9.1f  100.00%%  in the kernel: %u samples\n",
		(double)total * PERIOD_NS / calls, total);
	for (i = 0; i < nr_symbols && symbols[i].samples * 500 > total; i++)
		fprintf(stderr, "%9.1f  %6.2f%%  %s\n",
			(double)symbols[i].samples * PERIOD_NS / calls,
			100.0 * symbols[i].samples / total, symbols[i].name);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
