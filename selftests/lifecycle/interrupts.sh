#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Signals to tasks that wait for the daemon: a bound mount behaves as one that is
# not, and has nothing stale afterwards.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

# Calls as in interrupts.c.
calls="lookup access mkdir mknod symlink link unlink rmdir rename replace create open truncate
	chmod utimes setxattr getxattr listxattr removexattr read write fsync fallocate statfs
	readdir mapped"

# What every run starts with.
prepare()
{
	local call

	mkdir "$dir/start"
	for call in $calls; do
		mkdir -p "$dir/start/$call/empty"
		echo old >"$dir/start/$call/old"
		head -c 8192 "$here/interrupts" >"$dir/start/$call/full"
	done
	setfattr -n user.test -v 1 "$dir"/start/*/full
}

# interrupted POLICY STATE SIGNAL OUTPUT [OPTION...]
interrupted()
{
	local policy=$1 state=$2 signal=$3 output=$4 result=0

	shift 4
	rm -r "$low"
	cp -a "$dir/start" "$low"
	serve -t 3600 "$@" || return
	[ "$policy" = none ] || extfusectl bind "$mnt" "$policy" --ttl 3600 || return
	# One that was listed may not need the daemon again: its pages are kept.
	find "$mnt" -path "$mnt/readdir" -prune -o -ls >/dev/null
	timeout $((60 * ${SLOWER:-1})) "$here/interrupts" "$mnt" $daemon "$dir/report" "$state" "$signal" >"$output" ||
		no "$policy: interrupts ended with $?" || result=1
	# The daemon's times are its own: what the kernel keeps of them ends with them.
	same_as_lower || no "$policy: something is stale" || result=1
	daemon_is_right || result=1
	leave || result=1
	return $result
}

# alike STATE SIGNAL [OPTION...]: with mdcache, and, without OPTION, with another policy.
alike()
{
	local state=$1 signal=$2

	shift 2
	interrupted none "$state" "$signal" "$dir/unbound" "$@" || return
	[ $# -gt 0 ] && cp "$dir/unbound" "$dir/other" ||
		interrupted lc-other "$state" "$signal" "$dir/other" || return
	interrupted mdcache "$state" "$signal" "$dir/bound" "$@" || return
	diff "$dir/unbound" "$dir/other" | sed 's/^/# lc-other: /'
	diff "$dir/unbound" "$dir/bound" | sed 's/^/# mdcache: /'
	cmp -s "$dir/unbound" "$dir/other" && cmp -s "$dir/unbound" "$dir/bound"
}

begin
prepare
extfusectl policy load mdcache && extfusectl policy load "$here/lc_other.bpf.o" ||
	ktap_exit_fail_msg "the policies do not load"
check "caught signals, requests that the daemon has not read" alike unread caught
check "SIGKILL, requests that the daemon has not read" alike unread killed
check "caught signals, requests that the daemon has read" alike read caught
check "SIGKILL, requests that the daemon has read" alike read killed
check "caught signals, and a daemon that heeds INTERRUPT" alike read caught -i
check "SIGKILL, and a daemon that heeds INTERRUPT" alike read killed -i
check "nothing is left" leaves_nothing
ktap_finished
