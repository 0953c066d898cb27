// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sentences for errors. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Where extfuse_open() leaves its sentence, having no handle yet. */
static __thread char open_error[1024];

int fail(struct extfuse *ef, int err, const char *fmt, ...)
{
	char *buf = ef ? ef->error : open_error;
	size_t len = ef ? sizeof(ef->error) : sizeof(open_error);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, len, fmt, ap);
	va_end(ap);
	errno = err;
	return -err;
}

int fail_unloaded(struct extfuse *ef)
{
	return fail(ef, ENODEV, "the extfuse module was unloaded");
}

const char *extfuse_error(const struct extfuse *ef)
{
	return ef ? ef->error : open_error;
}

const char *error_sentence(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return "permission denied: needs CAP_SYS_ADMIN";
	case EOPNOTSUPP:
		return "not supported by the extfuse module that is loaded";
	default:
		return strerror(err);
	}
}
