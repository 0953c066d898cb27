#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# posix.sh with the policy, and with a libfuse that takes requests from io_uring queues; TEST=
# as there.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

library=/opt/extfuse/libfuse/3.18
rings_needed $library/libfuse3.so.4
# What differs is how requests and data come and go.
default='making|running programs|holes|copy_file|mappings|opens of|large dir|attributes|cp, tar'
LD_LIBRARY_PATH=$library SCRATCH=$dir VARIANTS=${given:-ring} TEST=${TEST-$default} "$here/posix.sh"
