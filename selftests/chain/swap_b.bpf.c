// SPDX-License-Identifier: GPL-2.0
#define NAME "swap-b"
#define MINE 5
#define MY_ERROR ERANGE
#include "swap.bpf.h"
