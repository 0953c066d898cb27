/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Plug-ins: programs that look into files and need to know nothing but lines. One is
 * started once, with what sandbox_plugin() leaves it, and says on standard output
 *
 *	types PREFIX...		the MIME types that it is for (default: all)
 *	bytes N			as much as it wants of a file (default: 16 MiB)
 *	ready
 *
 * of which the first two may be left out. Then for each file it reads a line from standard
 * input, and behind that the first bytes of the file, so many as the line says:
 *
 *	file BYTES TYPE NAME
 *
 * and answers with lines as disgrafs-extract does, in any number, and
 *
 *	done
 *
 * What a line has behind its first MiB is left out.
 */
#ifndef EXTRACT_PLUGIN_H
#define EXTRACT_PLUGIN_H

/* Serves until the end of the requests (0), or of the plug-in (-errno). */
int plugin_serve(const char *program);

#endif
