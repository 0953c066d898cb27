/* SPDX-License-Identifier: GPL-2.0 */
/* Map keys for names. */
#ifndef EXTFUSE_NAME_HASH_H
#define EXTFUSE_NAME_HASH_H

#include <linux/siphash.h>
#include <linux/types.h>

/**
 * struct extfuse_name_hash - see extfuse_req_name_hash()
 * @h: 128 bits
 */
struct extfuse_name_hash {
	u64 h[2];
};

void extfuse_name_hash(const siphash_key_t *key, u64 dir, const char *name, size_t len,
		       struct extfuse_name_hash *hash);

#endif
