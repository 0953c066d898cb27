#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# posix.sh with the policy, and with a libfuse that takes requests from io_uring queues.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

parameter=/sys/module/fuse/parameters/enable_uring
library=/opt/extfuse/libfuse/3.18
skip()
{
	ktap_print_header
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

[ -e $parameter ] || skip "this kernel has no io_uring for FUSE daemons, which is from 6.14 on"
[ -w $parameter ] && [ -e $library/libfuse3.so.4 ] ||
	skip "needs root and $library, which selftests/vm/build builds"
echo 1 >$parameter
LD_LIBRARY_PATH=$library SCRATCH=$dir VARIANTS=${given:-ring} "$here/posix.sh"
