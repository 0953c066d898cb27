// SPDX-License-Identifier: GPL-2.0
/*
 * many MOUNTPOINT [FUSE-OPTION...]: a daemon whose root has an empty file for each name
 * that begins with a number. Nothing of it may be cached by the VFS.
 *
 * many --find|--look DIRECTORY FIRST COUNT: looks up that many of them, from FIRST on, by
 * names of 255 bytes; with --look also at their attributes. Fails at the first one that is
 * not what it should be.
 */
#define FUSE_USE_VERSION 317
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 255
/* nodeid 1 is the root's */
#define FIRST_ID 16

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){ .st_ino = ino, .st_nlink = 1 };
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	st->st_size = ino == FUSE_ROOT_ID ? 0 : ino;
}

static void many_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {};
	unsigned long number;
	char *end;

	number = strtoul(name, &end, 10);
	if (end == name) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry.ino = FIRST_ID + number;
	attr_of(entry.ino, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void many_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	attr_of(ino, &st);
	fuse_reply_attr(req, &st, 0);
}

static void many_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	fuse_reply_none(req);
}

static const struct fuse_lowlevel_ops many_ops = {
	.lookup = many_lookup,
	.getattr = many_getattr,
	.forget = many_forget,
};

static bool is_there(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH);

	return fd >= 0 && !close(fd);
}

static int look(const char *dir, unsigned long first, unsigned long count, bool attrs)
{
	char name[NAME_LEN + 1];
	unsigned long number;
	struct stat st;
	int fd;

	fd = open(dir, O_PATH | O_DIRECTORY);
	if (fd < 0) {
		perror(dir);
		return 1;
	}
	memset(name, '.', NAME_LEN);
	name[NAME_LEN] = 0;
	for (number = first; number < first + count; number++) {
		name[snprintf(name, 11, "%010lu", number)] = '.';
		if (attrs ? fstatat(fd, name, &st, 0) : !is_there(fd, name)) {
			perror(name);
			return 1;
		}
		if (attrs && (unsigned long)st.st_size != FIRST_ID + number) {
			fprintf(stderr, "%s: size %lld\n", name, (long long)st.st_size);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts opts;
	struct fuse_session *session;
	int ret = 1;

	if (argc == 5 && argv[1][0] == '-')
		return look(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10),
			    !strcmp(argv[1], "--look"));
	if (fuse_parse_cmdline(&args, &opts) || !opts.mountpoint)
		return 2;
	session = fuse_session_new(&args, &many_ops, sizeof(many_ops), NULL);
	if (!session)
		return 1;
	if (!fuse_set_signal_handlers(session) && !fuse_session_mount(session, opts.mountpoint)) {
		fuse_daemonize(opts.foreground);
		ret = fuse_session_loop(session);
		fuse_session_unmount(session);
	}
	fuse_session_destroy(session);
	free(opts.mountpoint);
	fuse_opt_free_args(&args);
	return ret ? 1 : 0;
}
