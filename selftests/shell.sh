# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tests in shell share. Sourced, by tests of a subject as $here/../shell.sh. $dir is
# the test's directory, $mnt its mount.

here=$(dirname "$(readlink -f "$0")")
: "${KSELFTEST:=$(ls -d /usr/src/linux-source-*/tools/testing/selftests | tail -n 1)}"
. "$KSELFTEST/kselftest/ktap_helpers.sh"

# Complain and fail.
no()
{
	ktap_print_msg "$*"
	return 1
}

# For subjects to redefine: what a test that fails has to say.
test_failed()
{
	:
}

# The same, after each test: test_ended pass|fail SECONDS.
test_ended()
{
	:
}

# check NAME COMMAND...: a test. ctl.sh and tools.sh have a check of their own.
check()
{
	local name=$1 from=$SECONDS outcome

	shift
	if "$@"; then
		outcome=pass
	else
		outcome=fail
		test_failed
	fi
	"ktap_test_$outcome" "$name"
	test_ended "$outcome" "$((SECONDS - from))"
}

# within SECONDS COMMAND...: becomes true in time, and that on a debug kernel.
within()
{
	local tries=$(($1 * 20 * ${SLOWER:-1}))

	shift
	until "$@"; do
		((tries-- > 0)) || return
		sleep 0.05
	done
}

# rings_needed FILE: FUSE daemons may take their requests from io_uring queues from now on.
# Skips all where they cannot, or where FILE, of a libfuse that can, was not built.
rings_needed()
{
	local parameter=/sys/module/fuse/parameters/enable_uring

	if [ "$(id -u)" = 0 ] && [ -e "$parameter" ] && [ -x "$1" ]; then
		echo 1 >"$parameter"
		return
	fi
	ktap_print_header
	if [ ! -e "$parameter" ]; then
		ktap_skip_all "this kernel has no io_uring for FUSE daemons, which is from 6.14 on"
	else
		ktap_skip_all "needs root and $1, which selftests/vm/build builds"
	fi
	exit "$KSFT_SKIP"
}

# calls COUNT EXPRESSION: evaluate Python so often, m being the mount.
calls()
{
	python3 -c "
import os, sys
m = sys.argv[1]
for i in range(int(sys.argv[2])):
    try:
        $2
    except OSError:
        pass" "$mnt" "$1"
}

# once RELEASE: of the kernels that are tested in turn, run on this one, to save time; with
# something $given to vary the test, on any.
once()
{
	case $(uname -r) in
	"$1".*) return ;;
	6.12.*|7.3.*) [ -z "${given-}" ] || return ;;
	*) return ;;
	esac
	ktap_print_header
	ktap_skip_all "is run on Linux $1"
	exit "$KSFT_SKIP"
}
