// SPDX-License-Identifier: GPL-2.0
/* A BPF object, and no policy. */
#include "ctl.bpf.h"

int nothing = 1;
