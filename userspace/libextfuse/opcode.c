// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of FUSE opcodes, up to protocol 7.46. */
#include <stdio.h>

#include "internal.h"

/*
 * By number and not from <linux/fuse.h>: the header of the machine this was
 * built on may be older than the kernel it runs on.
 */
static const char *const names[] = {
	[1] = "LOOKUP",
	[2] = "FORGET",
	[3] = "GETATTR",
	[4] = "SETATTR",
	[5] = "READLINK",
	[6] = "SYMLINK",
	[8] = "MKNOD",
	[9] = "MKDIR",
	[10] = "UNLINK",
	[11] = "RMDIR",
	[12] = "RENAME",
	[13] = "LINK",
	[14] = "OPEN",
	[15] = "READ",
	[16] = "WRITE",
	[17] = "STATFS",
	[18] = "RELEASE",
	[20] = "FSYNC",
	[21] = "SETXATTR",
	[22] = "GETXATTR",
	[23] = "LISTXATTR",
	[24] = "REMOVEXATTR",
	[25] = "FLUSH",
	[26] = "INIT",
	[27] = "OPENDIR",
	[28] = "READDIR",
	[29] = "RELEASEDIR",
	[30] = "FSYNCDIR",
	[31] = "GETLK",
	[32] = "SETLK",
	[33] = "SETLKW",
	[34] = "ACCESS",
	[35] = "CREATE",
	[36] = "INTERRUPT",
	[37] = "BMAP",
	[38] = "DESTROY",
	[39] = "IOCTL",
	[40] = "POLL",
	[41] = "NOTIFY_REPLY",
	[42] = "BATCH_FORGET",
	[43] = "FALLOCATE",
	[44] = "READDIRPLUS",
	[45] = "RENAME2",
	[46] = "LSEEK",
	[47] = "COPY_FILE_RANGE",
	[48] = "SETUPMAPPING",
	[49] = "REMOVEMAPPING",
	[50] = "SYNCFS",
	[51] = "TMPFILE",
	[52] = "STATX",
	[53] = "COPY_FILE_RANGE_64",
};

#define CUSE_INIT_OPCODE 4096

const char *extfuse_opcode_name(uint32_t opcode)
{
	static __thread char unknown[32];

	if (opcode < sizeof(names) / sizeof(names[0]) && names[opcode])
		return names[opcode];
	if (opcode == CUSE_INIT_OPCODE)
		return "CUSE_INIT";
	snprintf(unknown, sizeof(unknown), "opcode %u", opcode);
	return unknown;
}
