// SPDX-License-Identifier: GPL-2.0
/*
 * The command line.
 */
#include "disgrafsd.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define DEFAULT_TTL 86400
#define DEFAULT_THREADS 10
#define DEFAULT_POLICY "mdcache"
#define DEFAULT_EXTRACT_TIMEOUT 30

/* How mount(8) calls us for this type. */
#define HELPER_NAME "mount.fuse.disgrafs"

/* Exit statuses of mount(8). */
#define MOUNT_USAGE 1
#define MOUNT_FAILURE 32

enum {
	OPT_TTL = 256, OPT_NO_MODULE, OPT_POLICY, OPT_THREADS, OPT_SHARE_GRAPH, OPT_NO_FANOTIFY,
	OPT_NO_EXTRACT, OPT_EXTRACTOR, OPT_EXTRACT_TIMEOUT, OPT_PLUGINS, OPT_NO_AUTO,
	OPT_INDEX, OPT_FAR, OPT_NEAR, OPT_PREFETCH, OPT_REMOUNT
};

static const struct option long_options[] = {
	{ "ttl",	required_argument, NULL, OPT_TTL },
	{ "no-module",	no_argument,	   NULL, OPT_NO_MODULE },
	{ "policy",	required_argument, NULL, OPT_POLICY },
	{ "threads",	required_argument, NULL, OPT_THREADS },
	{ "far",	no_argument,	   NULL, OPT_FAR },
	{ "near",	no_argument,	   NULL, OPT_NEAR },
	{ "prefetch",	required_argument, NULL, OPT_PREFETCH },
	{ "share-graph", no_argument,	   NULL, OPT_SHARE_GRAPH },
	{ "no-extract",	no_argument,	   NULL, OPT_NO_EXTRACT },
	{ "extractor",	required_argument, NULL, OPT_EXTRACTOR },
	{ "extract-timeout", required_argument, NULL, OPT_EXTRACT_TIMEOUT },
	{ "plugins",	required_argument, NULL, OPT_PLUGINS },
	{ "no-auto",	no_argument,	   NULL, OPT_NO_AUTO },
	{ "index",	required_argument, NULL, OPT_INDEX },
	{ "no-fanotify", no_argument,	   NULL, OPT_NO_FANOTIFY },
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
	       "  --far, --near    whether asking LOWER takes long; if neither is given, whether\n"
	       "                   it is on a network file system or FUSE\n"
	       "  --prefetch N     when files are opened in a row, look at the next N (%d if LOWER\n"
	       "                   is far, else 0)\n"
	       "  --share-graph    let every user read MOUNT/" GRAPH_NAME "\n"
	       "  --no-extract     do not look into files\n"
	       "  --extractor PROGRAM\n"
	       "                   what looks into them (" EXTRACTOR ")\n"
	       "  --extract-timeout SECONDS\n"
	       "                   how long that may take for a file (%d)\n"
	       "  --plugins DIR    directory of more programs that look into them\n"
	       "                   (" PLUGINS ")\n"
	       "  --no-auto        give files no automatic tags\n"
	       "  --index URI      postgresql://...: where the index is from now on, for several\n"
	       "                   servers of one LOWER; sqlite: in LOWER\n"
	       "  --no-fanotify    do not notice what others change in LOWER\n"
	       "  -o OPTION,...    mount options, see mount.fuse3(8); also ttl=SECONDS, nomodule,\n"
	       "                   policy=NAME, threads=N, far, near, prefetch=N, sharegraph,\n"
	       "                   noextract, extractor=PROGRAM, extract-timeout=SECONDS, plugins=DIR,\n"
	       "                   noautotags, index=URI and nofanotify\n"
	       "  -f, --foreground do not become a daemon\n"
	       "  -d, --debug      -f, and log every request\n"
	       "  -h, --help       this text\n"
	       "  -V, --version    the version\n"
	       "\n"
	       "Also: mount -t fuse.disgrafs LOWER MOUNT [-o OPTION,...]\n",
	       DEFAULT_TTL, DEFAULT_POLICY, DEFAULT_THREADS, DEFAULT_PREFETCH, DEFAULT_EXTRACT_TIMEOUT);
}

static int usage_status = 2;

static void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "disgrafsd: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nTry 'disgrafsd --help'.\n");
	va_end(ap);
	exit(usage_status);
}

/* @said: the option and its value, as they were given, for the message; here and below. */
static double parse_ttl(const char *arg, const char *said)
{
	char *end;
	double ttl = strtod(arg, &end);

	if (end == arg || *end || !isfinite(ttl) || ttl < 0 || ttl > UINT32_MAX)
		usage("%s: not a number of seconds", said);
	return ttl;
}

static unsigned int parse_number(const char *arg, const char *said)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (end == arg || *end || n < 1 || n > 100000)
		usage("%s: not a number from 1 to 100000", said);
	return n;
}

static void set_string(char **string, const char *arg)
{
	free(*string);
	*string = strdup(arg);
}

/* What can be said as --OPTION and as -o OPTION. False: it is none of these. */
static bool set_option(struct options *opt, int key, const char *arg, const char *said)
{
	switch (key) {
	case OPT_TTL:
		opt->ttl = parse_ttl(arg, said);
		return true;
	case OPT_NO_MODULE:
		opt->module = false;
		return true;
	case OPT_POLICY:
		if (!*arg || strlen(arg) >= EXTFUSE_POLICY_NAME_LEN || strchr(arg, '/'))
			usage("%s: not the name of a policy", said);
		set_string(&opt->policy, arg);
		return true;
	case OPT_THREADS:
		opt->threads = parse_number(arg, said);
		return true;
	case OPT_FAR:
		opt->far = FAR_YES;
		return true;
	case OPT_NEAR:
		opt->far = FAR_NO;
		return true;
	case OPT_PREFETCH:
		opt->prefetch = strcmp(arg, "0") ? (int)parse_number(arg, said) : 0;
		return true;
	case OPT_SHARE_GRAPH:
		opt->share_graph = true;
		return true;
	case OPT_NO_EXTRACT:
		opt->extract = false;
		return true;
	case OPT_EXTRACTOR:
		/* The daemon works in another directory. */
		if (*arg != '/')
			usage("%s: not an absolute path", said);
		set_string(&opt->extractor, arg);
		return true;
	case OPT_EXTRACT_TIMEOUT:
		opt->extract_timeout = parse_number(arg, said);
		return true;
	case OPT_PLUGINS:
		if (*arg != '/')
			usage("%s: not an absolute path", said);
		set_string(&opt->plugins, arg);
		return true;
	case OPT_NO_AUTO:
		opt->auto_tags = false;
		return true;
	case OPT_INDEX:
		if (strcmp(arg, "sqlite") && strncmp(arg, "postgresql://", 13) &&
		    strncmp(arg, "postgres://", 11))
			usage("%s: neither sqlite nor postgresql://...", said);
		set_string(&opt->index, arg);
		return true;
	case OPT_NO_FANOTIFY:
		opt->fanotify = false;
		return true;
	default:
		return false;
	}
}

/* What -o can say of it; the rest is libfuse's and the kernel's. */
static const struct fuse_opt mount_options[] = {
	FUSE_OPT_KEY("ttl=", OPT_TTL),
	FUSE_OPT_KEY("nomodule", OPT_NO_MODULE),
	FUSE_OPT_KEY("policy=", OPT_POLICY),
	FUSE_OPT_KEY("threads=", OPT_THREADS),
	FUSE_OPT_KEY("far", OPT_FAR),
	FUSE_OPT_KEY("near", OPT_NEAR),
	FUSE_OPT_KEY("prefetch=", OPT_PREFETCH),
	FUSE_OPT_KEY("sharegraph", OPT_SHARE_GRAPH),
	FUSE_OPT_KEY("noextract", OPT_NO_EXTRACT),
	FUSE_OPT_KEY("extractor=", OPT_EXTRACTOR),
	FUSE_OPT_KEY("extract-timeout=", OPT_EXTRACT_TIMEOUT),
	FUSE_OPT_KEY("plugins=", OPT_PLUGINS),
	FUSE_OPT_KEY("noautotags", OPT_NO_AUTO),
	FUSE_OPT_KEY("index=", OPT_INDEX),
	FUSE_OPT_KEY("nofanotify", OPT_NO_FANOTIFY),
	FUSE_OPT_KEY("remount", OPT_REMOUNT),
	/* Of /etc/fstab, for others than us. */
	FUSE_OPT_KEY("defaults", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("auto", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("noauto", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("user", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("user=", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("users", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("nouser", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("owner", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("group", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("_netdev", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("nofail", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("comment=", FUSE_OPT_KEY_DISCARD),
	/* The kernel's defaults, which libfuse does not know by name. */
	FUSE_OPT_KEY("relatime", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("nolazytime", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_END
};

static int mount_option(void *data, const char *arg, int key, struct fuse_args *args)
{
	const char *value = strchr(arg, '=');

	(void)args;
	if (key == OPT_REMOUNT)
		usage("remount: not possible; unmount it and mount it again");
	if (set_option(data, key, value ? value + 1 : NULL, arg))
		return 0;
	return strncasecmp(arg, "x-", 2) != 0;
}

/* The existing directory @path made absolute, or an error message and exit. */
static char *directory(const struct options *opt, const char *path)
{
	struct stat st;
	char *abs;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if ((abs = realpath(path, NULL)))
		return abs;
	fprintf(stderr, "disgrafsd: %s: %s\n", path,
		errno == ENOTDIR ? "not a directory" : strerror(errno));
	exit(opt->failure);
}

static bool inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return path[1];
	return !strncmp(path, dir, len) && path[len] == '/';
}

static void find_directories(struct options *opt, const char *lower, const char *mountpoint)
{
	opt->lower = directory(opt, lower);
	opt->mountpoint = directory(opt, mountpoint);
	if (inside(opt->lower, opt->mountpoint)) {
		fprintf(stderr, "disgrafsd: %s: inside the mount point %s\n", opt->lower,
			opt->mountpoint);
		exit(opt->failure);
	}
	/* Otherwise every lookup of the mount point would come back to us. */
	if (inside(opt->mountpoint, opt->lower)) {
		fprintf(stderr, "disgrafsd: %s: inside the lower directory %s\n", opt->mountpoint,
			opt->lower);
		exit(opt->failure);
	}
}

static void add_options(struct options *opt, const char *options)
{
	fuse_opt_add_arg(&opt->fuse_args, "-o");
	fuse_opt_add_arg(&opt->fuse_args, options);
}

static void parse_command(struct options *opt, int argc, char *argv[])
{
	char said[PATH_MAX];
	int c, index;

	while ((c = getopt_long(argc, argv, ":o:fdhV", long_options, &index)) != -1) {
		if (c >= OPT_TTL)
			snprintf(said, sizeof(said), "--%s %s", long_options[index].name,
				 optarg ?: "");
		if (set_option(opt, c, optarg, said))
			continue;
		switch (c) {
		case 'o':
			add_options(opt, optarg);
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
}

static void enter_namespace(const struct options *opt, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0) {
		fprintf(stderr, "disgrafsd: %s: %s\n", path, strerror(errno));
		exit(opt->failure);
	}
	close(fd);
}

/* SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE] */
static void parse_helper(struct options *opt, int argc, char *argv[])
{
	int c;

	usage_status = MOUNT_USAGE;
	opt->failure = MOUNT_FAILURE;
	prctl(PR_SET_NAME, "disgrafsd");
	/* As with other types; FUSE's own default is the other way round. */
	if (geteuid() == 0)
		add_options(opt, "dev,suid");
	while ((c = getopt(argc, argv, ":sfnvN:o:t:")) != -1) {
		switch (c) {
		case 'f':
			opt->fake = true;
			break;
		case 'N':
			enter_namespace(opt, optarg);
			break;
		case 'o':
			add_options(opt, optarg);
			break;
		case 's':
		case 'n':
		case 'v':
		case 't':
			break;
		case ':':
			usage("%s: needs a value", argv[optind - 1]);
		default:
			usage("-%c: unknown option", optopt);
		}
	}
}

void options_parse(struct options *opt, int argc, char *argv[])
{
	memset(opt, 0, sizeof(*opt));
	opt->ttl = DEFAULT_TTL;
	opt->threads = DEFAULT_THREADS;
	opt->policy = strdup(DEFAULT_POLICY);
	opt->prefetch = -1;
	opt->module = true;
	opt->fanotify = true;
	opt->extract = true;
	opt->extractor = strdup(EXTRACTOR);
	opt->plugins = strdup(PLUGINS);
	opt->auto_tags = true;
	opt->extract_timeout = DEFAULT_EXTRACT_TIMEOUT;
	opt->failure = 1;
	opterr = 0;
	fuse_opt_add_arg(&opt->fuse_args, "disgrafsd");
	if (!strcmp(program_invocation_short_name, HELPER_NAME))
		parse_helper(opt, argc, argv);
	else
		parse_command(opt, argc, argv);
	if (argc - optind != 2)
		usage("needs a lower directory and a mount point");
	if (fuse_opt_parse(&opt->fuse_args, opt, mount_options, mount_option) < 0)
		exit(usage_status);
	find_directories(opt, argv[optind], argv[optind + 1]);
}

void options_free(struct options *opt)
{
	free(opt->lower);
	free(opt->mountpoint);
	free(opt->policy);
	free(opt->extractor);
	free(opt->plugins);
	free(opt->index);
	fuse_opt_free_args(&opt->fuse_args);
}
