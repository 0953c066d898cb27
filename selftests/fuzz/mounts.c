// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mounts.h"

static void answer(int dev, const struct fuse_in_header *in)
{
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} out = { .header.unique = in->unique, .header.len = sizeof(out.header) };

	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	    in->opcode == FUSE_INTERRUPT)
		return;
	if (in->opcode == FUSE_INIT) {
		out.header.len = sizeof(out);
		out.init.major = FUSE_KERNEL_VERSION;
		out.init.minor = 31;
		out.init.max_write = 4096;
	} else {
		out.header.error = -ENOSYS;
	}
	/* fails if the mount has gone meanwhile */
	(void)!write(dev, &out, out.header.len);
}

static void *serve_mount(void *arg)
{
	struct mount *m = arg;
	char buf[FUSE_MIN_READ_BUFFER * 16] __attribute__((aligned(8)));

	for (;;) {
		if (read(m->dev, buf, sizeof(buf)) > 0)
			answer(m->dev, (struct fuse_in_header *)buf);
		else if (errno == ENODEV || errno == EBADF)
			return NULL;
	}
}

void mount_begin(struct mount *m, uid_t owner, int serve)
{
	struct statvfs fs;
	struct statx st;
	char options[64];
	pthread_t thread;

	snprintf(m->at, sizeof(m->at), "/tmp/fuzz.XXXXXX");
	m->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	m->owner = owner;
	if (m->dev < 0 || !mkdtemp(m->at))
		err(1, "%s", m->at);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=0,allow_other",
		 m->dev, owner);
	if (mount(m->at, m->at, "fuse", 0, options))
		err(1, "mount %s", m->at);
	if (serve && pthread_create(&thread, NULL, serve_mount, m))
		errx(1, "no thread");
	/* INIT has been answered when the first request has */
	if (serve)
		statvfs(m->at, &fs);
	m->path = open(m->at, O_PATH | O_CLOEXEC);
	if (m->path < 0 ||
	    statx(m->path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st))
		err(1, "%s", m->at);
	m->id = st.stx_dev_major << 20 | st.stx_dev_minor;
}

void mount_end(struct mount *m)
{
	close(m->path);
	umount2(m->at, MNT_DETACH);
	rmdir(m->at);
}
