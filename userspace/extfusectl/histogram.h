/* SPDX-License-Identifier: GPL-2.0 */
/* How long requests took, by powers of two; see EXTFUSE_LATENCY_SHIFT. */
#ifndef EXTFUSECTL_HISTOGRAM_H
#define EXTFUSECTL_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#include "extfuse_ctl.h"

struct json_object;

/* "512ns", "16.4us", "2.10ms", "1.07s": three digits. */
void histogram_time(uint64_t ns, char buf[16]);

/* Under a line "GETATTR, answered: 3 requests"; nothing if there were none. */
void histogram_print(FILE *out, const char *opcode, const char *what,
		     const uint64_t counts[EXTFUSE_LATENCY_BUCKETS]);

/* An array of objects from, below (ns; null: no limit) and count, where that is not 0. */
struct json_object *histogram_json(const uint64_t counts[EXTFUSE_LATENCY_BUCKETS]);

#endif
