/* SPDX-License-Identifier: GPL-2.0 */
/* What the policy wild and the program that fills it share. */
#ifndef FUZZ_WILD_H
#define FUZZ_WILD_H

#define WILD_OPCODES 64
#define WILD_ANSWERS 32		/* for each opcode, in turn */
#define WILD_DATA 131072

/* What the module must make of an answer, as far as the answer alone tells. */
enum verdict { EITHER, GOOD, BUG, NR_VERDICTS };

struct answer {
	int ret;
	unsigned int verdict;
	unsigned int data;	/* offset of what extfuse_reply_set() is given, of 4 KiB */
	unsigned int len;	/* bytes of it, less than 65536 */
	unsigned int backing;
	unsigned char out[sizeof(struct fuse_statx_out)];	/* the largest there is */
};

struct wild {
	/* the one that "table" says is in use, the other one may be written to */
	struct answer answers[2][WILD_OPCODES][WILD_ANSWERS];
	unsigned long long calls[WILD_OPCODES];
	unsigned long long verdicts[WILD_OPCODES][NR_VERDICTS];
	unsigned long long replies;	/* calls of reply callbacks */
	unsigned int table;
	unsigned char data[WILD_DATA];	/* changes while it is looked at */
};

#endif
