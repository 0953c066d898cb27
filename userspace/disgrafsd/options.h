/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISGRAFSD_OPTIONS_H
#define DISGRAFSD_OPTIONS_H

#include <fuse_opt.h>
#include <stdbool.h>

/* How many files to look at ahead where that is far. */
#define DEFAULT_PREFETCH 32

/* Whether asking LOWER takes long. */
enum far { FAR_AUTO, FAR_YES, FAR_NO };

struct options {
	char *lower, *mountpoint;	/* absolute */
	char *policy;
	double ttl;			/* seconds */
	unsigned int threads;
	enum far far;
	int prefetch;			/* files ahead; -1: as many as is good for it */
	bool extract;			/* look into files, with: */
	char *extractor;
	char *plugins;			/* directory of more programs that do */
	unsigned int extract_timeout;	/* seconds */
	bool auto_tags;			/* give files tags of what was found */
	char *index;			/* NULL: as it is; "sqlite", or an URI */
	bool module;
	bool foreground;
	bool share_graph;
	bool fanotify;			/* notice what others do in LOWER */
	bool fake;			/* look at everything, mount nothing */
	int failure;			/* exit status */
	bool stacked_lower;		/* LOWER is on overlayfs or the like */
	struct fuse_args fuse_args;	/* what -o and -d gave */
};

/* Returns 0, or prints what is wrong (or what was asked for) and exits. */
void options_parse(struct options *opt, int argc, char *argv[]);
void options_free(struct options *opt);

#endif
