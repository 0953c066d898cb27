/* SPDX-License-Identifier: GPL-2.0 */
/* What the module must make of generic netlink messages, and its bindings then. */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <extfuse.h>
#include "mounts.h"

#define MAX_MESSAGES 64		/* of one datagram */

struct binding {
	const struct mount *mount;
	bool bound;
	uint64_t conn;		/* 0: not known yet */
	char policies[EXTFUSE_CHAIN_MAX * EXTFUSE_POLICY_NAME_LEN];	/* with commas */
	uint32_t ttl;
	bool latency;
};

struct model {
	uint16_t family;
	const char *const *policies;	/* ends with NULL */
	struct binding *bindings;
	unsigned int nr;
};

enum verdict {
	SILENT,			/* no answer */
	ACCEPTED,
	REFUSED,
	EITHER,
};

struct verdicts {
	unsigned int nr;
	enum verdict verdict[MAX_MESSAGES];
	uint8_t cmd[MAX_MESSAGES];
	bool changes;		/* a binding is made, changed or ended */
};

/*
 * Takes apart the datagram as the kernel does, and applies it to the model.
 * Messages are numbered (nlmsg_seq) from 0; none is left to another family.
 */
void model_send(struct model *model, char *data, size_t len, bool admin, struct verdicts *v);

#endif
