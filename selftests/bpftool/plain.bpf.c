// SPDX-License-Identifier: GPL-2.0
/* Registered until it is unregistered: what there was before links. */
#include "policy.bpf.h"

SEC(".struct_ops")
struct extfuse_ops plain = { .statfs = (void *)pass, .name = "bpftool-plain" };
