/* SPDX-License-Identifier: GPL-2.0 */
/* What happens to bindings, as it happens. */
#ifndef EXTFUSECTL_MONITOR_H
#define EXTFUSECTL_MONITOR_H

#include <stdbool.h>
#include <stdio.h>

#include "extfuse_ctl.h"
#include "mounts.h"

/*
 * Prints events until it is interrupted or nobody reads them any more. Returns 0
 * then, or a negative errno with the sentence in @ef: -ENODEV if the module was unloaded.
 */
int monitor(struct extfuse *ef, FILE *out, bool json);

/*
 * One event, in one line; NULL: events were lost. The mount points are those of
 * its device in @mounts.
 */
void monitor_print(FILE *out, bool json, const struct extfuse_event *event,
		   const struct mounts *mounts);

/* "bound" for EXTFUSE_EVENT_BOUND ...; "event 99" (static buffer) for an unknown one. */
const char *monitor_event_name(uint32_t type);

#endif
