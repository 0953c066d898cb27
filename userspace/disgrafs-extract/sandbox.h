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
 * Of a plug-in, which is a program that may start others and open what everybody may: it
 * writes to no file, and has no network. Kept by what it starts.
 */
int sandbox_plugin(void);
/*
 * From here on the process may read and write what is open, take memory and end. It
 * cannot open anything. Anything else kills it.
 */
int sandbox_filter(void);

#endif
