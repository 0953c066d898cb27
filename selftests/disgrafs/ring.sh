#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# posix.sh with the policy, and with a libfuse that takes requests from io_uring queues.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

library=/opt/extfuse/libfuse/3.18
rings_needed $library/libfuse3.so.4
LD_LIBRARY_PATH=$library SCRATCH=$dir VARIANTS=${given:-ring} "$here/posix.sh"
