#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What mdcache's memory costs. With FILL=1 in the environment also what it holds: as many
# names as it says, each of 255 bytes, with their attributes; more than that push out old
# ones, and never fail. That takes minutes on an emulated processor.

: "${KSELFTEST:=$(ls -d /usr/src/linux-source-*/tools/testing/selftests | tail -n 1)}"
. "$KSELFTEST/kselftest/ktap_helpers.sh"
here=$(dirname "$(readlink -f "$0")")

NAMES=131072
FEW=2000
# Times what the hash multiplies with it is 1: inodes that are numbered one by one are all
# in the same few sets, if that is all that is done to their numbers.
SEED=0x4f74430c22a54005
LOOKUP=1 GETATTR=3

ktap_print_header
if [ "$(id -u)" != 0 ] || ! modinfo extfuse >/dev/null 2>&1; then
	ktap_skip_all "needs root and the extfuse module"
	exit "$KSFT_SKIP"
fi
modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
ktap_set_plan "$([ -n "${FILL-}" ] && echo 7 || echo 3)"
mnt=$(mktemp -d) || exit 1

cleanup()
{
	! mountpoint -q "$mnt" || umount -l "$mnt"
	extfusectl policy unload mdcache 2>/dev/null
	rmdir "$mnt"
}
trap cleanup EXIT

# expect NAME LEFT OP RIGHT
expect()
{
	if [ -n "$2" ] && [ "$2" "$3" "$4" ]; then
		ktap_test_pass "$1: $2"
	else
		ktap_test_fail "$1: $2 is not $3 $4"
	fi
}

# What the maps of these names take, bytes.
memory()
{
	bpftool map show --json | python3 -c '
import json, sys
print(sum(m["bytes_memlock"] for m in json.load(sys.stdin) if m.get("name") in sys.argv[1:]))
' "$@"
}

# What was answered of the operation so far.
answered()
{
	extfusectl stats "$mnt" --json | python3 -c '
import json, sys
print(sum(o["answered"] for o in json.load(sys.stdin)[0]["ops"] if o["opcode"] == int(sys.argv[1])))
' "$1"
}

# ask find|look FIRST COUNT: how many per cent of LOOKUP and of GETATTR were answered
ask()
{
	local names attrs

	names=$(answered $LOOKUP)
	attrs=$(answered $GETATTR)
	"$here/many" "--$1" "$mnt" "$2" "$3" || return
	echo $((($(answered $LOOKUP) - names) * 100 / $3)) \
		$((($(answered $GETATTR) - attrs) * 100 / $3))
}

"$here/many" "$mnt" || ktap_exit_fail_msg "the daemon did not mount"
extfusectl policy load mdcache && "$here/seed.py" $SEED ||
	ktap_exit_fail_msg "mdcache was not loaded"
stat -f "$mnt" >/dev/null 2>&1
extfusectl bind "$mnt" mdcache --ttl 3600 || ktap_exit_fail_msg "bind failed"

expect "bytes for a name and its attributes" $(($(memory attrs names) / NAMES)) -le 400
# the counters are in .bss
expect "MiB for all, with the counters" $(($(memory attrs names mdcache_.bss mdcache.bss) >> 20)) -le 52
ask find 0 $FEW >/dev/null
read -r _ attrs < <(ask look 0 $FEW)
expect "per cent of $FEW attributes that are held, whatever the seed" "$attrs" -ge 97
[ -n "${FILL-}" ] || ktap_finished
ask find 0 $NAMES >/dev/null
read -r names attrs < <(ask look 0 $NAMES)
expect "per cent of $NAMES names that are held" "$names" -ge 97
expect "per cent of their attributes that are held" "$attrs" -ge 97
read -r names _ < <(ask find $NAMES $NAMES)
expect "per cent answered of as many others, none of which failed" "$names" -eq 0
read -r names _ < <(ask look $((2 * NAMES - 1000)) 1000)
expect "per cent of the last thousand that are held" "$names" -ge 97
ktap_finished
