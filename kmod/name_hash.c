// SPDX-License-Identifier: GPL-2.0
/*
 * SipHash-1-3 with 128 bits of output: a key of fixed size for a map, that nobody
 * without the random key can make collide. The rounds are those of the kernel's
 * hsiphash(), meant for hash tables too, whose output is too short to stand for
 * a name.
 */
#include <linux/unaligned.h>

#include "name_hash.h"

struct state {
	u64 v0, v1, v2, v3;
};

static __always_inline void rounds(struct state *s, int n)
{
	while (n--)
		SIPHASH_PERMUTATION(s->v0, s->v1, s->v2, s->v3);
}

static __always_inline void absorb(struct state *s, u64 word)
{
	s->v3 ^= word;
	rounds(s, 1);
	s->v0 ^= word;
}

/* The last 0 to 7 bytes of a name, in as few loads. */
static __always_inline u64 tail(const char *name, size_t len)
{
	u64 word = 0;

	if (len & 4)
		word = get_unaligned_le32(name);
	if (len & 2)
		word |= (u64)get_unaligned_le16(name + (len & 4)) << (8 * (len & 4));
	if (len & 1)
		word |= (u64)(u8)name[len & 6] << (8 * (len & 6));
	return word;
}

/**
 * extfuse_name_hash - hash a name in a directory
 * @key: the binding's random key
 * @dir: nodeid that the name belongs to
 * @name: the name
 * @len: its length
 * @hash: receives the result
 */
void extfuse_name_hash(const siphash_key_t *key, u64 dir, const char *name, size_t len,
		       struct extfuse_name_hash *hash)
{
	struct state s = {
		.v0 = SIPHASH_CONST_0 ^ key->key[0],
		.v1 = SIPHASH_CONST_1 ^ key->key[1] ^ 0xee,
		.v2 = SIPHASH_CONST_2 ^ key->key[0],
		.v3 = SIPHASH_CONST_3 ^ key->key[1],
	};
	u64 last = (u64)len << 56;

	absorb(&s, dir);
	for (; len >= 8; len -= 8, name += 8)
		absorb(&s, get_unaligned_le64(name));
	absorb(&s, last | tail(name, len));

	s.v2 ^= 0xee;
	rounds(&s, 3);
	hash->h[0] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	s.v1 ^= 0xdd;
	rounds(&s, 3);
	hash->h[1] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
