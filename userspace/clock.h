/* SPDX-License-Identifier: GPL-2.0 */
/* What time it is for whoever measures or waits: CLOCK_MONOTONIC. */
#ifndef DISGRAFSD_CLOCK_H
#define DISGRAFSD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

#endif
