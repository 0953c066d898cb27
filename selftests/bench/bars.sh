#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Measures single calls on ext4, on a plain FUSE mount, on the same mount bound to
# mdcache, and on disgrafsd; prints all medians, then checks the ratios in "bars.short",
# and that a mount that is not bound costs what it did before the module was loaded.
# In a guest started with selftests/vm/run --icount a nanosecond is an
# instruction; anywhere else the figures mean nothing, and this says so.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../kselftest/ktap_helpers.sh"

CALLS=${CALLS:-400}
operations=(stat stat-absent access getxattr getxattr-absent listxattr readlink open-close pread-4k
	pwrite-4k fstat-after-write)
# of these, on a mount that is not bound, with the module absent and loaded
unbound=(stat open-close pread-4k pwrite-4k)
ROUNDS=3
FOREVER=4294967.295
native=/mnt/scratch/native
tmp=$(mktemp -d)
kernel=$(uname -r | cut -d. -f1-2)

cleanup()
{
	umount "$tmp/plain" "$tmp/disgrafs" 2>/dev/null
	extfusectl policy unload mdcache 2>/dev/null
	rm -rf "$native" /mnt/scratch/plain /mnt/scratch/disgrafs
	rmdir "$tmp/plain" "$tmp/disgrafs" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

# On a clock of instructions the same call takes the same time, but for an interrupt in it.
counts_instructions()
{
	measure "$native" 1 stat && measure "$native" 2 stat &&
		[ "$(median 1.out stat)" = "$(median 2.out stat)" ]
}

plain()
{
	"$here/passthrough_ll" -o source=/mnt/scratch/plain,timeout=0,cache=never,xattr "$tmp/plain"
}

bound()
{
	extfusectl list --json | grep -q "$1"
}

die()
{
	ktap_print_msg "$*"
	ktap_test_fail "set-up"
	ktap_finished
}

# measure DIRECTORY NAME [OPERATION...]: these or all operations there, into NAME.out
measure()
{
	local directory=$1 name=$2

	shift 2
	[ $# -gt 0 ] || set -- "${operations[@]}"
	"$here/ops" "$directory" "$CALLS" "$@" >"$tmp/$name.out"
}

# measure_unbound absent|loaded ROUND
measure_unbound()
{
	plain || die "passthrough_ll"
	measure "$tmp/plain" "$1.$2" "${unbound[@]}" || die "passthrough_ll, module $1"
	umount "$tmp/plain" || die "umount"
}

# least absent|loaded OPERATION: what it costs when nothing comes between
least()
{
	local i

	for ((i = 1; i <= ROUNDS; i++)); do
		median "$1.$i.out" "$2"
	done | sort -n | head -n 1
}

# median FILE OPERATION
median()
{
	awk -F '\t' -v op="$2" '$1 == op { print $2 }' "$tmp/$1"
}

ktap_print_header
bars=$(grep -c '^[a-z]' "$here/bars.short")
ktap_set_plan $((bars + ${#unbound[@]}))
mkdir -p "$native" /mnt/scratch/plain /mnt/scratch/disgrafs "$tmp/plain" "$tmp/disgrafs"
counts_instructions || die "this guest does not count instructions: selftests/vm/run --icount"
measure "$native" native || die "ext4"

[ ! -e /sys/module/extfuse ] || die "the module is loaded already"
# in turn, because a mount costs a little more or less than the one before
for ((round = 1; round <= ROUNDS; round++)); do
	measure_unbound absent $round
	modprobe extfuse || die "no module"
	measure_unbound loaded $round
	rmmod extfuse || die "the module is in use"
done
modprobe extfuse || die "no module"
extfusectl policy load mdcache || die "policy"
plain || die "passthrough_ll"
measure "$tmp/plain" unbound || die "passthrough_ll, unbound"
extfusectl bind "$tmp/plain" mdcache --ttl $FOREVER || die "bind"
measure "$tmp/plain" plain || die "passthrough_ll, bound"

# without what looks into written files in the background
disgrafsd --no-extract /mnt/scratch/disgrafs "$tmp/disgrafs" --ttl 0 || die "disgrafsd"
for _ in $(seq 50); do
	bound "$tmp/disgrafs" && break
	sleep 0.1
done
bound "$tmp/disgrafs" || die "disgrafsd did not bind its mount"
measure "$tmp/disgrafs" disgrafs || die "disgrafsd"

ktap_print_msg "instructions per call on $(uname -r), and relative to ext4"
ktap_print_msg "$(printf '%-18s %8s %20s %20s %20s' operation ext4 'passthrough_ll' \
	'same, bound' 'disgrafsd, bound')"
while IFS=$'\t' read -r op ext4 _; do
	ktap_print_msg "$(awk -v op="$op" -v n="$ext4" -v u="$(median unbound.out "$op")" \
		-v p="$(median plain.out "$op")" -v d="$(median disgrafs.out "$op")" 'BEGIN {
		printf "%-18s %8d %12d %7.2f %12d %7.2f %12d %7.2f", op, n, u, u / n,
			p, p / n, d, d / n }')"
done <"$tmp/native.out"

while IFS=$'\t' read -r daemon op bar12 bar7; do
	case $daemon in '#'*|'') continue ;; esac
	case $kernel in 6.12) bar=$bar12 ;; *) bar=$bar7 ;; esac
	ratio=$(awk -v a="$(median "$daemon.out" "$op")" -v b="$(median native.out "$op")" \
		'BEGIN { printf "%.2f", a / b }')
	if awk -v r="$ratio" -v bar="$bar" 'BEGIN { exit !(r > 0 && r <= bar) }'; then
		ktap_test_pass "$daemon: $op costs $ratio of ext4's, at most $bar"
	else
		ktap_test_fail "$daemon: $op costs $ratio of ext4's, more than $bar"
	fi
done <"$here/bars.short"
for op in "${unbound[@]}"; do
	a=$(least absent "$op") b=$(least loaded "$op")
	if awk -v a="$a" -v b="$b" 'BEGIN { exit !(a > 0 && b / a < 1.005) }'; then
		ktap_test_pass "not bound: $op costs $b, $a without the module"
	else
		ktap_test_fail "not bound: $op costs $b, $a without the module"
	fi
done
ktap_finished
