/* SPDX-License-Identifier: GPL-2.0 */
/* What the policies of this test share. */
#ifndef LIFECYCLE_BPF_H
#define LIFECYCLE_BPF_H

#include "extfuse.bpf.h"

char _license[] SEC("license") = "GPL";

#endif
