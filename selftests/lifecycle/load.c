// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps a directory of its own busy, knows what must be in it, and looks.
 *
 * load [-t] [-s SEED] DIRECTORY: until SIGTERM. What differs from what was just
 * done ends it with status 1 and a sentence. With -t errors are expected (the
 * daemon is killed, the mount goes away), and only a hang is wrong.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILES 6
#define MAX_SIZE 20000

static struct {
	bool exists;
	char data[MAX_SIZE];
	size_t size;
	mode_t mode;
	int xattr;		/* value, or -1 for none */
} files[FILES];

static const char *dir;
static bool tolerant;
static unsigned long rounds;
static volatile sig_atomic_t stop;
static sigjmp_buf again;
static char *mapped = MAP_FAILED;	/* what map() has mapped, */
static size_t mapped_size;		/* which would keep the mount busy */

static void __attribute__((format(printf, 1, 2), noreturn)) wrong(const char *format, ...)
{
	int error = errno;
	va_list args;

	if (tolerant)
		siglongjmp(again, 1);
	va_start(args, format);
	fprintf(stderr, "load %s: round %lu: ", dir, rounds);
	vfprintf(stderr, format, args);
	fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
	exit(1);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

/* A mapping of a file whose daemon is gone. */
static void on_bus(int sig)
{
	(void)sig;
	if (tolerant)
		siglongjmp(again, 1);
	_exit(4);
}

static char *path(int i)
{
	static char buf[4][PATH_MAX];
	static int n;

	n = (n + 1) % 4;
	snprintf(buf[n], sizeof(buf[n]), "%s/file%d", dir, i);
	return buf[n];
}

static void check(int i)
{
	struct stat st;
	int ret = stat(path(i), &st);

	if (!files[i].exists) {
		if (!ret || errno != ENOENT)
			wrong("%s is there, and should not", path(i));
		return;
	}
	if (ret)
		wrong("stat %s", path(i));
	if ((size_t)st.st_size != files[i].size)
		wrong("%s has %lld bytes, not %zu", path(i), (long long)st.st_size, files[i].size);
	if ((st.st_mode & 07777) != files[i].mode)
		wrong("%s has mode %o, not %o", path(i), st.st_mode & 07777, files[i].mode);
}

static int open_file(int i, int flags)
{
	int fd = open(path(i), flags | O_CLOEXEC, 0600);

	if (fd < 0)
		wrong("open %s", path(i));
	return fd;
}

/* Closes @fd in any case. */
static void put(int fd, int i, size_t off, size_t size)
{
	size_t j;
	ssize_t n;

	for (j = off; j < off + size; j++)
		files[i].data[j] = random();
	n = pwrite(fd, files[i].data + off, size, off);
	if (close(fd) || n != (ssize_t)size)
		wrong("write %s: %zd", path(i), n);
	if (off + size > files[i].size)
		files[i].size = off + size;
}

static void create(int i)
{
	int fd = open_file(i, O_CREAT | O_TRUNC | O_RDWR);

	if (!files[i].exists) {
		files[i].mode = 0600;
		files[i].xattr = -1;
	}
	files[i].exists = true;
	files[i].size = 0;
	put(fd, i, 0, random() % (MAX_SIZE / 2));
}

static void append(int i)
{
	size_t size = random() % 4000;

	if (files[i].size + size <= MAX_SIZE)
		put(open_file(i, O_RDWR), i, files[i].size, size);
}

static void look(int i)
{
	char buf[MAX_SIZE + 1];
	int fd = open_file(i, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	close(fd);
	if (n != (ssize_t)files[i].size)
		wrong("read %s: %zd, not %zu", path(i), n, files[i].size);
	if (memcmp(buf, files[i].data, n))
		wrong("%s has other content", path(i));
}

static void cut(int i)
{
	size_t size = random() % MAX_SIZE;

	if (truncate(path(i), size))
		wrong("truncate %s", path(i));
	if (size > files[i].size)
		memset(files[i].data + files[i].size, 0, size - files[i].size);
	files[i].size = size;
}

static void map(int i)
{
	size_t off, len = files[i].size;
	int fd;

	if (!len)
		return;
	fd = open_file(i, O_RDWR);
	mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		wrong("mmap %s", path(i));
	mapped_size = len;
	off = random() % len;
	files[i].data[off] = mapped[off] = random();
	if (random() % 2 && msync(mapped, len, MS_SYNC))
		wrong("msync %s", path(i));
	munmap(mapped, len);
	mapped = MAP_FAILED;
}

static void move(int i, int j)
{
	if (i == j)
		return;
	if (rename(path(i), path(j)))
		wrong("rename %s %s", path(i), path(j));
	files[j] = files[i];
	files[i].exists = false;
	check(j);
}

static void drop(int i)
{
	if (unlink(path(i)))
		wrong("unlink %s", path(i));
	files[i].exists = false;
}

static void mode(int i)
{
	files[i].mode = 0600 | (random() & 077);
	if (chmod(path(i), files[i].mode))
		wrong("chmod %s", path(i));
}

static void get_xattr(int i)
{
	int value = -1;
	ssize_t n = getxattr(path(i), "user.load", &value, sizeof(value));

	if (files[i].xattr < 0 ? n >= 0 || errno != ENODATA :
	    n != sizeof(value) || value != files[i].xattr)
		wrong("getxattr %s: %zd, value %d, not %d", path(i), n, value, files[i].xattr);
}

static void set_xattr(int i)
{
	int value = random() % 1000 - 200;

	get_xattr(i);
	if (value >= 0) {
		if (setxattr(path(i), "user.load", &value, sizeof(value), 0))
			wrong("setxattr %s", path(i));
	} else if (files[i].xattr >= 0 && removexattr(path(i), "user.load")) {
		wrong("removexattr %s", path(i));
	}
	files[i].xattr = value < 0 ? -1 : value;
	get_xattr(i);
}

static void list(void)
{
	int i, expected = 0, seen = 0;
	struct dirent *d;
	DIR *stream = opendir(dir);

	if (!stream)
		wrong("opendir %s", dir);
	while ((d = readdir(stream)))
		seen += !strncmp(d->d_name, "file", 4);
	closedir(stream);
	for (i = 0; i < FILES; i++)
		expected += files[i].exists;
	if (seen != expected)
		wrong("%s lists %d files, not %d", dir, seen, expected);
}

static void second_name(int i)
{
	char name[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(name, sizeof(name), "%s/other", dir);
	if (link(path(i), name))
		wrong("link %s", path(i));
	if (stat(path(i), &st) || st.st_nlink != 2)
		wrong("%s has %u links, not 2", path(i), (unsigned int)st.st_nlink);
	if (unlink(name))
		wrong("unlink %s", name);
	if (stat(path(i), &st) || st.st_nlink != 1)
		wrong("%s has %u links, not 1", path(i), (unsigned int)st.st_nlink);
	if (symlink(path(i), name))
		wrong("symlink %s", name);
	n = readlink(name, target, sizeof(target) - 1);
	if (n < 0 || strncmp(target, path(i), n))
		wrong("readlink %s", name);
	if (unlink(name))
		wrong("unlink %s", name);
}

static void directory(void)
{
	char name[PATH_MAX];
	struct stat st;

	snprintf(name, sizeof(name), "%s/directory", dir);
	if (!stat(name, &st) || errno != ENOENT)
		wrong("%s is there, and should not", name);
	if (mkdir(name, 0700) || stat(name, &st) || !S_ISDIR(st.st_mode))
		wrong("mkdir %s", name);
	if (rmdir(name))
		wrong("rmdir %s", name);
}

static void step(void)
{
	int i = random() % FILES;

	check(i);
	if (!files[i].exists) {
		create(i);
		check(i);
		return;
	}
	switch (random() % 12) {
	case 0: create(i); break;
	case 1: append(i); break;
	case 2: look(i); break;
	case 3: cut(i); break;
	case 4: map(i); break;
	case 5: move(i, random() % FILES); break;
	case 6: drop(i); break;
	case 7: mode(i); break;
	case 8: set_xattr(i); break;
	case 9: list(); break;
	case 10: second_name(i); break;
	case 11: directory(); break;
	}
	check(i);
}

static void empty(void)
{
	char name[PATH_MAX];
	int i;

	for (i = 0; i < FILES; i++) {
		unlink(path(i));
		files[i].exists = false;
	}
	snprintf(name, sizeof(name), "%s/other", dir);
	unlink(name);
	snprintf(name, sizeof(name), "%s/directory", dir);
	rmdir(name);
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term }, bus = { .sa_handler = on_bus };
	int opt;

	while ((opt = getopt(argc, argv, "ts:")) != -1) {
		if (opt == 't')
			tolerant = true;
		else if (opt == 's')
			srandom(atoi(optarg));
		else
			return 2;
	}
	if (argc - optind != 1)
		return 2;
	dir = argv[optind];
	umask(0);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGBUS, &bus, NULL);
	if (sigsetjmp(again, 1)) {
		int fd;

		/* whatever was open where the error happened */
		for (fd = 3; fd < 16; fd++)
			close(fd);
		if (mapped != MAP_FAILED)
			munmap(mapped, mapped_size);
		mapped = MAP_FAILED;
		usleep(2000);
	}
	if (!stop)
		empty();
	while (!stop) {
		step();
		rounds++;
	}
	printf("%lu\n", rounds);
	return 0;
}
