/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy object files, before they are in the kernel. */
#ifndef LIBEXTFUSE_OBJECT_H
#define LIBEXTFUSE_OBJECT_H

#include <limits.h>

#include "internal.h"

struct bpf_map;
struct bpf_object;

/* Completes @file as extfuse_policy_load() promises. */
void object_path(char path[PATH_MAX], const char *file);
/*
 * The name that the kernel will register @map under, a struct_ops of @obj that
 * is open and not loaded.
 */
int object_policy_name(struct extfuse *ef, const struct bpf_object *obj, struct bpf_map *map,
		       char name[EXTFUSE_POLICY_NAME_LEN]);

/*
 * From log_start() to log_stop(), what libbpf and the verifier have to say in
 * this thread is collected; log_stop() gives it to @ef->log. Other threads that
 * start one wait.
 */
int log_start(struct extfuse *ef);
void log_stop(struct extfuse *ef);
const char *log_so_far(struct extfuse *ef);
/* Boils a log down to the lines that say why. @reason is empty if there are none. */
void log_reason(const char *log, char *reason, size_t size);

#endif
