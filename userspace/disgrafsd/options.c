// SPDX-License-Identifier: GPL-2.0
/*
 * The command line.
 */
#include "disgrafsd.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TTL 86400
#define DEFAULT_THREADS 10
#define DEFAULT_POLICY "mdcache"
#define DEFAULT_EXTRACT_TIMEOUT 30

enum { OPT_TTL = 256, OPT_NO_MODULE, OPT_POLICY, OPT_THREADS, OPT_SHARE_GRAPH, OPT_NO_EXTRACT,
	OPT_EXTRACTOR, OPT_EXTRACT_TIMEOUT };

static const struct option long_options[] = {
	{ "ttl",	required_argument, NULL, OPT_TTL },
	{ "no-module",	no_argument,	   NULL, OPT_NO_MODULE },
	{ "policy",	required_argument, NULL, OPT_POLICY },
	{ "threads",	required_argument, NULL, OPT_THREADS },
	{ "share-graph", no_argument,	   NULL, OPT_SHARE_GRAPH },
	{ "no-extract",	no_argument,	   NULL, OPT_NO_EXTRACT },
	{ "extractor",	required_argument, NULL, OPT_EXTRACTOR },
	{ "extract-timeout", required_argument, NULL, OPT_EXTRACT_TIMEOUT },
	{ "foreground",	no_argument,	   NULL, 'f' },
	{ "debug",	no_argument,	   NULL, 'd' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ "version",	no_argument,	   NULL, 'V' },
	{ }
};

static void help(void)
{
	printf("Usage: disgrafsd [OPTION...] LOWER MOUNT\n"
	       "Serve the directory LOWER at MOUNT, with a graph of its tags at MOUNT/" GRAPH_NAME ".\n"
	       "\n"
	       "  --ttl SECONDS    how long the kernel may keep names and attributes (%d);\n"
	       "                   0 asks each time\n"
	       "  --no-module      do not use the extfuse module\n"
	       "  --policy NAME    policy to bind the mount to (%s)\n"
	       "  --threads N      most worker threads (%d)\n"
	       "  --share-graph    let every user read MOUNT/" GRAPH_NAME "\n"
	       "  --no-extract     do not look into files\n"
	       "  --extractor PROGRAM\n"
	       "                   what looks into them (" EXTRACTOR ")\n"
	       "  --extract-timeout SECONDS\n"
	       "                   how long that may take for a file (%d)\n"
	       "  -o OPTION,...    mount options, see mount.fuse3(8)\n"
	       "  -f, --foreground do not become a daemon\n"
	       "  -d, --debug      -f, and log every request\n"
	       "  -h, --help       this text\n"
	       "  -V, --version    the version\n",
	       DEFAULT_TTL, DEFAULT_POLICY, DEFAULT_THREADS, DEFAULT_EXTRACT_TIMEOUT);
}

static void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "disgrafsd: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nTry 'disgrafsd --help'.\n");
	va_end(ap);
	exit(2);
}

static double parse_ttl(const char *arg)
{
	char *end;
	double ttl = strtod(arg, &end);

	if (end == arg || *end || !isfinite(ttl) || ttl < 0 || ttl > UINT32_MAX)
		usage("--ttl %s: not a number of seconds", arg);
	return ttl;
}

static unsigned int parse_number(const char *option, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (end == arg || *end || n < 1 || n > 100000)
		usage("%s %s: not a number from 1 to 100000", option, arg);
	return n;
}

/* The existing directory @path made absolute, or an error message and exit. */
static char *directory(const char *path)
{
	struct stat st;
	char *abs;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if ((abs = realpath(path, NULL)))
		return abs;
	fprintf(stderr, "disgrafsd: %s: %s\n", path,
		errno == ENOTDIR ? "not a directory" : strerror(errno));
	exit(1);
}

static bool inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return path[1];
	return !strncmp(path, dir, len) && path[len] == '/';
}

void options_parse(struct options *opt, int argc, char *argv[])
{
	int c;

	memset(opt, 0, sizeof(*opt));
	opt->ttl = DEFAULT_TTL;
	opt->threads = DEFAULT_THREADS;
	opt->policy = DEFAULT_POLICY;
	opt->extract = true;
	opt->extractor = EXTRACTOR;
	opt->extract_timeout = DEFAULT_EXTRACT_TIMEOUT;
	opt->module = true;
	opterr = 0;
	fuse_opt_add_arg(&opt->fuse_args, "disgrafsd");
	while ((c = getopt_long(argc, argv, ":o:fdhV", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_TTL:
			opt->ttl = parse_ttl(optarg);
			break;
		case OPT_NO_MODULE:
			opt->module = false;
			break;
		case OPT_POLICY:
			if (!*optarg || strlen(optarg) >= EXTFUSE_POLICY_NAME_LEN ||
			    strchr(optarg, '/'))
				usage("--policy %s: not the name of a policy", optarg);
			opt->policy = optarg;
			break;
		case OPT_THREADS:
			opt->threads = parse_number("--threads", optarg);
			break;
		case OPT_SHARE_GRAPH:
			opt->share_graph = true;
			break;
		case OPT_NO_EXTRACT:
			opt->extract = false;
			break;
		case OPT_EXTRACTOR:
			/* The daemon works in another directory. */
			if (*optarg != '/')
				usage("--extractor %s: not an absolute path", optarg);
			opt->extractor = optarg;
			break;
		case OPT_EXTRACT_TIMEOUT:
			opt->extract_timeout = parse_number("--extract-timeout", optarg);
			break;
		case 'o':
			fuse_opt_add_arg(&opt->fuse_args, "-o");
			fuse_opt_add_arg(&opt->fuse_args, optarg);
			break;
		case 'd':
			fuse_opt_add_arg(&opt->fuse_args, "-d");
			opt->foreground = true;
			break;
		case 'f':
			opt->foreground = true;
			break;
		case 'h':
			help();
			exit(0);
		case 'V':
			printf("disgrafsd %s (libfuse %s)\n", EXTFUSE_VERSION, fuse_pkgversion());
			exit(0);
		case ':':
			usage("%s: needs a value", argv[optind - 1]);
		default:
			usage("%s: unknown option", argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		usage("needs a lower directory and a mount point");

	opt->lower = directory(argv[optind]);
	opt->mountpoint = directory(argv[optind + 1]);
	if (inside(opt->lower, opt->mountpoint)) {
		fprintf(stderr, "disgrafsd: %s: inside the mount point %s\n", opt->lower,
			opt->mountpoint);
		exit(1);
	}
	/* Otherwise every lookup of the mount point would come back to us. */
	if (inside(opt->mountpoint, opt->lower)) {
		fprintf(stderr, "disgrafsd: %s: inside the lower directory %s\n", opt->mountpoint,
			opt->lower);
		exit(1);
	}
}

void options_free(struct options *opt)
{
	free(opt->lower);
	free(opt->mountpoint);
	fuse_opt_free_args(&opt->fuse_args);
}
