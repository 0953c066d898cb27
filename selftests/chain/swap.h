/* SPDX-License-Identifier: GPL-2.0 */
/* What the policies of this test share with it. */
#ifndef CHAIN_SWAP_H
#define CHAIN_SWAP_H

#define MAX_REQUESTS (1 << 18)

/* "user.00012345" */
#define PREFIX "user."
#define PREFIX_LEN 5
#define DIGITS 8

struct record {
	unsigned int asked;
	unsigned int answered;	/* by this policy */
	unsigned int heard;	/* the reply */
	unsigned int wrong;	/* another policy's cookie */
};

#endif
