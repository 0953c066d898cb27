// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: to whoever started the daemon, then to syslog.
 */
#include "disgrafsd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

static bool use_syslog;

static void vlog(int priority, const char *fmt, va_list ap)
{
	char *msg;

	if (use_syslog) {
		vsyslog(priority, fmt, ap);
		return;
	}
	/* One write a message: several threads may have something to say. */
	if (vasprintf(&msg, fmt, ap) < 0)
		return;
	fprintf(stderr, "disgrafsd: %s\n", msg);
	free(msg);
}

void log_msg(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(priority, fmt, ap);
	va_end(ap);
}

static void libfuse_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	vsyslog(level, fmt, ap);	/* the levels are syslog's */
}

void log_to_syslog(void)
{
	openlog("disgrafsd", LOG_PID, LOG_DAEMON);
	fuse_set_log_func(libfuse_log);
	use_syslog = true;
}
