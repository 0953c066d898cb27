/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process that reads other people's files may do. All return 0 or -errno.
 */
#ifndef EXTRACT_SANDBOX_H
#define EXTRACT_SANDBOX_H

/* Gives up root's rights, for good; all that is needed comes as open descriptors. */
int sandbox_user(void);
/* @cpu_seconds: SIGKILL after that. No files, little memory, no core. */
int sandbox_limits(unsigned int cpu_seconds);
/*
 * From here on the process may read and write what is open, take memory and end.
 * Anything else kills it.
 */
int sandbox_filter(void);

#endif
