// SPDX-License-Identifier: GPL-2.0
/* Registered for as long as its link lives. */
#include "policy.bpf.h"

SEC(".struct_ops.link")
struct extfuse_ops linked = { .statfs = (void *)pass, .name = "bpftool-linked" };
