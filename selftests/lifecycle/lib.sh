# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the tests of bindings' lives share. Sourced.

lifecycle=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$lifecycle/../shell.sh"

: "${ROUNDS:=15}"
: "${strictd:=$lifecycle/strictd}"
dir=
low=
mnt=
daemon=

# begin: what every test needs, and a directory to do it in.
begin()
{
	ktap_print_header
	if [ "$(id -u)" != 0 ]; then
		ktap_skip_all "needs root"
		exit "$KSFT_SKIP"
	fi
	if ! modinfo extfuse >/dev/null 2>&1 || ! command -v extfusectl >/dev/null; then
		ktap_skip_all "needs the extfuse module and extfusectl"
		exit "$KSFT_SKIP"
	fi
	modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
	ktap_set_plan "$(grep -c '^check "' "$0")"
	dir=$(mktemp -d -p "${SCRATCH:-$([ -d /mnt/scratch ] && echo /mnt/scratch || echo /var/tmp)}") ||
		exit 1
	low=$dir/low
	mnt=$dir/mnt
	mkdir "$low" "$mnt"
	trap cleanup EXIT
}

# with_rings: from now on the daemon takes its requests from io_uring queues.
with_rings()
{
	export strictd=/opt/extfuse/libfuse/3.18/ringd
	export FUSE_URING_ENABLE=1 FUSE_URING_QUEUE_DEPTH=8
	rings_needed "$strictd"
}

cleanup()
{
	local at

	trap - EXIT
	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	while read -r _ at _; do
		[[ $at != "$dir"/* ]] || umount -l "$at"
	done </proc/mounts
	for at in mdcache lc-other lc-init lc-init-wild lc-hostile lc-opendir lc-late; do
		extfusectl policy unload $at
	done 2>/dev/null
	rm -rf --one-file-system "$dir"
	rmmod_soon
}

# abandon: what a test left that failed half way.
abandon()
{
	while mounted "$mnt"; do
		umount -l "$mnt"
	done
	[ -z "$daemon" ] || gone "$daemon" || kill -KILL "$daemon"
}

test_ended()
{
	[ "$1" = pass ] || abandon
	ktap_print_msg "$2 s"
}

# Without asking the daemon, who may be stopped, or gone.
mounted()
{
	grep -q " $1 " /proc/mounts
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# serve [OPTION...]: strictd shows $low at $mnt.
serve()
{
	rm -f "$dir/report" "$dir/report.holding"
	"$strictd" -r "$dir/report" "$@" "$low" "$mnt" 2>"$dir/strictd.log" &
	daemon=$!
	disown $daemon
	within 10 mounted "$mnt" && stat "$mnt" >/dev/null && return
	sed 's/^/# /' "$dir/strictd.log"
	return 1
}

# report FIELD: what the daemon counts now.
report()
{
	rm -f "$dir/report"
	kill -USR1 "$daemon" 2>/dev/null && within 10 [ -e "$dir/report" ] && field "$1"
}

# field FIELD: of the last report.
field()
{
	sed -n "s/^$1 //p" "$dir/report"
}

bound()
{
	[ "$(extfusectl list)" ]
}

unbound()
{
	! bound
}

daemon_is_right()
{
	local errors

	errors=$(report errors) || no "the daemon does not report" || return
	[ "$errors" = "0 " ] || no "the daemon complains: $errors"
}

# Unmounts what others may still look at, for a moment.
umount_soon()
{
	within 10 umount "$mnt" 2>/dev/null || no "umount $mnt: $(umount "$mnt" 2>&1)"
}

# leave: unmount; whether the daemon ended in time and found nothing wrong.
leave()
{
	umount_soon && within 10 gone "$daemon" || no "the daemon stays" || return
	[ "$(field errors)" = "0 " ] || no "the daemon complains: $(field errors)"
}

# answered OPCODE: how many the kernel answered, of the only binding.
answered()
{
	extfusectl stats --json | python3 -c "
import json, sys
print(sum(o['answered'] for c in json.load(sys.stdin) for o in c['ops'] if o['name'] == '$1'))"
}

# same_as_lower: the mount shows what is there.
same_as_lower()
{
	local format='%P %y %m %s %n %T@ %l\n'

	(cd "$low" && find . -type d -printf '%P %y %m %n %T@\n' -o -printf "$format" | sort
		find . -type f -print0 | sort -z | xargs -0r sha256sum
		getfattr -Rd --absolute-names . 2>/dev/null) >"$dir/lower.list"
	(cd "$mnt" && find . -type d -printf '%P %y %m %n %T@\n' -o -printf "$format" | sort
		find . -type f -print0 | sort -z | xargs -0r sha256sum
		getfattr -Rd --absolute-names . 2>/dev/null) >"$dir/mount.list"
	cmp -s "$dir/lower.list" "$dir/mount.list" && return
	diff "$dir/lower.list" "$dir/mount.list" | head -n 20 | sed 's/^/# /'
	return 1
}

rmmod_soon()
{
	local i

	# BPF frees what it held of the module after grace periods
	for ((i = 0; i < 100 * ${SLOWER:-1}; i++)); do
		rmmod extfuse 2>/dev/null && return
		[ -d /sys/module/extfuse ] || return 0
		sleep 0.1
	done
	rmmod extfuse
}

# Everything is as if the module had never been there.
leaves_nothing()
{
	local left

	extfusectl policy unload mdcache 2>/dev/null
	extfusectl policy unload lc-other 2>/dev/null
	within 20 unbound || no "bindings are left: $(extfusectl list)" || return
	left=$(grep " $dir/" /proc/mounts)
	[ -z "$left" ] || no "mounts are left: $left" || return
	left=$(pgrep -x "${strictd##*/}" | xargs)
	[ -z "$left" ] || no "daemons are left: $left" || return
	rmmod_soon || no "the module stays: $(lsmod | grep extfuse)" || return
	# not the symbolic links of merged caches, which the kernel itself leaves there
	left=$(grep '^extfuse' /proc/slabinfo; find /sys/kernel/slab -name '*extfuse*' -type d)
	[ -z "$left" ] || no "slab caches are left: $left" || return
	modprobe extfuse
}
