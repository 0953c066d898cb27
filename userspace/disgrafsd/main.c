// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafsd: serve a lower directory through FUSE, with a graph over its files.
 */
#include "disgrafsd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <syslog.h>

#include "behind.h"
#include "events.h"
#include "extract.h"
#include "graph.h"
#include "invalidate.h"
#include "offline.h"
#include "peers.h"
#include "policy.h"
#include "prefetch.h"
#include "tagging.h"

/* Descriptors that nodes may not use: requests being served, index, libraries. */
#define SPARE_FDS 256

/* As many descriptors as we may have. Returns how many that is. */
static size_t raise_fd_limit(void)
{
	unsigned long nr_open;
	struct rlimit rl;
	FILE *f;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return 1024;
	f = fopen("/proc/sys/fs/nr_open", "re");
	if (f) {
		if (fscanf(f, "%lu", &nr_open) == 1 && nr_open > rl.rlim_max)
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){ nr_open, nr_open });
		fclose(f);
	}
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	getrlimit(RLIMIT_NOFILE, &rl);
	return rl.rlim_cur;
}

static void add_mount_option(struct disgrafsd *fs, const char *option)
{
	fuse_opt_add_arg(&fs->opt.fuse_args, "-o");
	fuse_opt_add_arg(&fs->opt.fuse_args, option);
}

static void add_mount_options(struct disgrafsd *fs, int lower)
{
	struct statvfs sv;
	char *opts = NULL;
	char *fsname;

	/* Permissions are the kernel's business: see creds.c. */
	add_mount_option(fs, "default_permissions,subtype=disgrafs");
	if (fs->multiuser)
		add_mount_option(fs, "allow_other");
	if (fstatvfs(lower, &sv) == 0 && sv.f_flag & ST_RDONLY)
		add_mount_option(fs, "ro");
	/* Commas in the name of LOWER are escaped. */
	if (asprintf(&fsname, "fsname=%s", fs->opt.lower) < 0)
		return;
	if (fuse_opt_add_opt_escaped(&opts, fsname) == 0)
		add_mount_option(fs, opts);
	free(opts);
	free(fsname);
}

static int serve(struct disgrafsd *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int ret;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, fs->opt.threads);
	fuse_loop_cfg_set_idle_threads(config, fs->opt.threads);
	ret = fuse_session_loop_mt(fs->se, config);
	fuse_loop_cfg_destroy(config);
	/* Positive: the signal that ended it. */
	return ret < 0 ? ret : 0;
}

static int mount_and_serve(struct disgrafsd *fs)
{
	int ret = -1;

	prefetch_prepare(fs);
	fs->se = fuse_session_new(&fs->opt.fuse_args, &disgrafsd_ops, sizeof(disgrafsd_ops), fs);
	if (!fs->se)
		return -1;
	if (fuse_set_signal_handlers(fs->se) < 0)
		goto destroy;
	if (fuse_session_mount(fs->se, fs->opt.mountpoint) < 0)
		goto signals;
	invalidate_start(fs);
	if (fs->opt.module)
		fs->policy = policy_load(fs->opt.mountpoint, fs->opt.policy,
					 fs->shared || fs->far);
	tagging_start(fs);
	extract_start(fs);
	fs->graph = graph_new(fs);
	if (!fs->graph)
		goto unmount;
	peers_start(fs);
	behind_start(fs);
	offline_start(fs);
	prefetch_start(fs);
	if (fs->policy)
		policy_bind(fs->policy, background_ready);
	else
		background_ready();
	ret = serve(fs);
	if (ret < 0)
		log_msg(LOG_ERR, "%s", strerror(-ret));
unmount:
	events_stop(fs);
	prefetch_stop();
	offline_stop(fs);
	behind_stop(fs);
	fuse_session_unmount(fs->se);
	graph_free(fs->graph);
	extract_stop();
	tagging_flush(fs);
	peers_stop(fs);
	tagging_stop(fs);
	/* Before the policy goes: its map has an entry for each backing file. */
	node_table_destroy(&fs->nodes);
	policy_stop(fs->policy);
signals:
	fuse_remove_signal_handlers(fs->se);
destroy:
	fuse_session_destroy(fs->se);
	return ret;
}

int main(int argc, char *argv[])
{
	struct disgrafsd fs = { };
	size_t max_fds;
	int fd, ret;

	options_parse(&fs.opt, argc, argv);
	max_fds = raise_fd_limit();
	fd = lower_open(&fs.opt, &fs.shared);
	if (fd < 0)
		return fs.opt.failure;
	if (fs.opt.fake)
		return 0;
	if (chdir("/") < 0)
		return fs.opt.failure;
	ret = fs.opt.foreground ? 0 : background_start(&fs.opt);
	if (ret < 0) {
		log_msg(LOG_ERR, "cannot become a daemon: %s", strerror(-ret));
		return fs.opt.failure;
	}
	ret = creds_init(&fs);
	if (ret < 0) {
		log_msg(LOG_ERR, "cannot act for other users: %s", strerror(-ret));
		return fs.opt.failure;
	}
	fs.opt.stacked_lower = lower_is_stacked(fd);
	fs.far = fs.opt.far == FAR_YES || (fs.opt.far == FAR_AUTO && lower_is_far(fd));
	fs.stateless_dirs = dir_offsets_are_stable(fd);
	add_mount_options(&fs, fd);
	ret = node_table_init(&fs.nodes, fd, FUSE_ROOT_ID,
			      max_fds > 2 * SPARE_FDS ? max_fds - SPARE_FDS : max_fds / 2);
	if (ret < 0) {
		log_msg(LOG_ERR, "%s: %s", fs.opt.lower, strerror(-ret));
		return fs.opt.failure;
	}
	fs.nodes.release = backing_release;
	fs.nodes.arg = &fs;

	ret = mount_and_serve(&fs);
	options_free(&fs.opt);
	return ret < 0 ? fs.opt.failure : 0;
}
