// SPDX-License-Identifier: GPL-2.0
#define NAME "swap-a"
#define MINE 1
#define MY_ERROR EDOM
#include "swap.bpf.h"
