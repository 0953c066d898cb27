#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Daemons that take their requests from io_uring queues: bound before the queues are
# there and after, everything that a policy answers, hears of and must not miss.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
with_rings

bind_mdcache()
{
	extfusectl bind "$mnt" mdcache --ttl 600
}

# count OPCODE FIELD: of the only binding.
count()
{
	extfusectl stats --json | python3 -c "
import json, sys
print(sum(o['$2'] for c in json.load(sys.stdin) for o in c['ops'] if o['name'] == '$1'))"
}

connection()
{
	local dev

	dev=$(awk -v at="$mnt" '$5 == at { print $3 }' /proc/self/mountinfo)
	echo "/sys/fs/fuse/connections/${dev#*:}"
}

waiting()
{
	cat "$(connection)/waiting"
}

waiting_is()
{
	[ "$(waiting)" = "$1" ]
}

# learned FILE: at last the daemon is not asked about it.
learned()
{
	local before i

	for ((i = 0; i < 20; i++)); do
		before=$(report ring)
		stat "$1" >/dev/null || return
		[ "$(report ring)" != "$before" ] || return 0
	done
	no "$1 is not remembered"
}

ordinary()
{
	local i before after

	serve && bind_mdcache || return
	mkdir "$mnt/d" "$mnt/e"
	for i in {1..20}; do
		head -c "$((i * 3000))" /dev/urandom >"$mnt/d/f$i"
	done
	mv "$mnt/d/f1" "$mnt/e/f1" && ln "$mnt/d/f2" "$mnt/e/f2" && chmod 600 "$mnt/d/f3" &&
		truncate -s 100 "$mnt/d/f4" && setfattr -n user.a -v b "$mnt/d/f5" &&
		rm "$mnt/d/f6" && cat "$mnt"/d/* >/dev/null && same_as_lower || return
	learned "$mnt/d/f7" || return
	before=$(field ring)
	for i in {1..50}; do
		[ "$(stat -c %s "$mnt/d/f7")" = 21000 ] || return
	done
	after=$(report ring)
	ktap_print_msg "by the ring $after, by read $(field read);" \
		"GETATTR answered $(count GETATTR answered), passed $(count GETATTR passed)"
	[ "$after" = "$before" ] || no "the daemon was asked $((after - before)) times" || return
	[ "$after" -gt 50 ] || no "little came by the ring" || return
	[ "$(field read)" = 0 ] || no "not all came by the ring" || return
	[ "$(count GETATTR answered)" -ge 50 ] || no "GETATTR is not answered" || return
	extfusectl unbind "$mnt" && same_as_lower && leave
}

# serve_held: the daemon has answered INIT, and its queues are not there.
serve_held()
{
	rm -f "$dir/report" "$dir/go"
	RING_GO=$dir/go LD_PRELOAD=${strictd%/*}/slowring.so \
		"$strictd" -r "$dir/report" "$low" "$mnt" 2>"$dir/strictd.log" &
	daemon=$!
	disown $daemon
	within 10 mounted "$mnt"
}

bind_waits()
{
	local pid

	echo hello >"$low/hello"
	serve_held || return
	bind_mdcache 2>"$dir/error" &
	pid=$!
	# INIT may take its time
	while gone $pid && grep -q INIT "$dir/error"; do
		bind_mdcache 2>"$dir/error" &
		pid=$!
		sleep 0.1
	done
	sleep 1
	gone $pid && no "it did not wait: $(cat "$dir/error")" && return 1
	unbound || no "bound too early" || return
	touch "$dir/go"
	wait $pid || no "$(cat "$dir/error")" || return
	learned "$mnt/hello" && [ "$(count GETATTR answered)" != 0 ] &&
		[ "$(cat "$mnt/hello")" = hello ] && [ "$(report read)" = 0 ] && leave
}

bind_gives_up()
{
	serve_held || return
	within 20 gives_up || no "the error is $(cat "$dir/error")" || return
	touch "$dir/go"
	within 10 stat "$mnt" >/dev/null && bind_mdcache && leave
}

gives_up()
{
	! bind_mdcache 2>"$dir/error" && grep -q "io_uring queues are not up" "$dir/error"
}

what_of()
{
	stat -c "%s %y %Y" "$1"
}

background()
{
	local i

	serve && bind_mdcache || return
	head -c 262144 /dev/urandom >"$mnt/direct"
	learned "$mnt/direct" || return
	for i in {1..20}; do
		what_of "$mnt/direct" >/dev/null
		dd if=/dev/urandom of="$mnt/direct" bs=64k count=4 conv=notrunc oflag=direct \
			status=none || return
		[ "$(what_of "$mnt/direct")" = "$(what_of "$low/direct")" ] ||
			no "stale after a direct write" || return
	done
	echo 3 >/proc/sys/vm/drop_caches
	cmp "$mnt/direct" "$low/direct" || return
	for i in READ WRITE RELEASE; do
		ktap_print_msg "$i: $(count $i background) in the background"
		[ "$(count $i background)" -gt 0 ] || no "none seen" || return
	done
	learned "$mnt/direct" && same_as_lower && leave
}

# The daemon would close what it has not opened.
answers_release()
{
	local i

	serve && mkdir -p "$mnt/d" && extfusectl policy load "$here/lc_opendir.bpf.o" &&
		extfusectl bind "$mnt" lc-opendir || return
	for i in {1..200}; do
		: <"$mnt/d" || return
	done
	within 10 waiting_is 0 || no "$(waiting) requests wait" || return
	ktap_print_msg "RELEASEDIR answered: $(count RELEASEDIR answered)," \
		"in the background: $(count RELEASEDIR background)"
	[ "$(count RELEASEDIR answered)" -ge 190 ] &&
		[ "$(count RELEASEDIR background)" -ge 190 ] || no "not answered" || return
	counts_no_background || return
	# with readahead, which is in the background
	dd if=/dev/zero of="$mnt/big" bs=1M count=8 status=none &&
		echo 3 >/proc/sys/vm/drop_caches && cmp -n 8388608 "$mnt/big" /dev/zero &&
		extfusectl unbind "$mnt" && extfusectl policy unload lc-opendir && leave
}

# What fs/fuse counts in the background, while there is nothing.
counts_no_background()
{
	local pid

	# shellcheck disable=SC2016
	timeout 120 bpftrace -e 'kprobe:fuse_request_end {
		$chan = ((struct fuse_req *)arg0)->chan;
		printf("%u in the background, %u of them sent\n", $chan->num_background,
		       $chan->active_background);
		exit(); }' >"$dir/counts" 2>&1 &
	pid=$!
	while ! gone $pid; do
		stat -f "$mnt" >/dev/null
		sleep 0.2
	done
	grep -q "^0 in the background, 0 of them sent" "$dir/counts" ||
		no "$(tail -n 1 "$dir/counts")"
}

held_is()
{
	[ "$(report held)" = "$1" ]
}

holding() { [ -e "$dir/report.holding" ]; }
not_holding() { ! holding; }

# A request that the daemon has no entry for is taken back; the change is then over.
killed_while_unread()
{
	local first second

	echo 1 >"$low/a"
	echo 1 >"$low/b"
	FUSE_URING_QUEUE_DEPTH=1 serve && bind_mdcache && learned "$mnt/a" && learned "$mnt/b" ||
		return
	kill -USR2 $daemon && within 10 holding || return
	taskset -c 0 chmod 640 "$mnt/a" &
	first=$!
	within 10 held_is 1 || no "nothing is held" || return
	taskset -c 0 chmod 600 "$mnt/b" &
	second=$!
	within 10 waiting_is 2 || no "$(waiting) requests wait" || return
	kill -KILL $second
	within 10 gone $second || no "it cannot be killed" || return
	within 10 waiting_is 1 || no "$(waiting) requests wait after that" || return
	kill -USR2 $daemon && within 10 not_holding && wait $first || return
	[ "$(stat -c %a "$mnt/a")" = 640 ] && [ "$(stat -c %a "$mnt/b")" = 644 ] &&
		learned "$mnt/a" && learned "$mnt/b" && leave
} 2>/dev/null

# Not while the daemon has it.
signalled_while_read()
{
	local pid

	echo 1 >"$low/a"
	serve && bind_mdcache && learned "$mnt/a" || return
	kill -USR2 $daemon && within 10 holding || return
	chmod 644 "$mnt/a" &
	pid=$!
	within 10 held_is 1 || no "nothing is held" || return
	kill -KILL $pid
	sleep 0.5
	gone $pid && no "gone while the daemon was at it" && return 1
	kill -USR2 $daemon
	within 10 gone $pid && [ "$(stat -c %a "$mnt/a")" = 644 ] && learned "$mnt/a" && leave
} 2>/dev/null

notifies()
{
	echo 1 >"$low/n"
	serve && bind_mdcache && learned "$mnt/n" || return
	echo 12345 >"$low/n"
	[ "$(stat -c %s "$mnt/n")" = 2 ] || no "not from the policy" || return
	kill -WINCH $daemon
	within 10 size_is 6 "$mnt/n" || no "the policy was not told" || return
	learned "$mnt/n" && leave
}

size_is()
{
	[ "$(stat -c %s "$2")" = "$1" ]
}

# A request that the queue does not take any more, after the policy was asked.
refused()
{
	serve && echo 1 >"$mnt/late" && extfusectl policy load "$here/lc_late.bpf.o" &&
		extfusectl bind "$mnt" lc-late && stat "$mnt" >/dev/null || return
	: <"$mnt/late" &
	sleep 1
	echo 1 >"$(connection)/abort"
	kill -KILL $daemon
	umount_soon && within 30 unbound && extfusectl policy unload lc-late &&
		leaves_nothing && extfusectl policy load mdcache
}

killed()
{
	serve && bind_mdcache && ls -lR "$mnt" >/dev/null || return
	kill -KILL $daemon
	umount_soon && within 30 unbound || no "it stays"
}

begin
extfusectl policy load mdcache || ktap_exit_fail_msg "mdcache does not load"
check "ordinary files; what is passed comes by the ring, the rest does not" ordinary
check "bind waits for queues that are not there yet" bind_waits
check "bind gives up if they do not come" bind_gives_up
check "what is written in the background is heard of" background
check "RELEASEDIR in the background is answered" answers_release
check "kill -9 of who waits for a request that the daemon has not read" killed_while_unread
check "kill -9 of who waits for one that it has" signalled_while_read
check "notifications reach the policy" notifies
check "a request that a queue refuses is over for the policy" refused
check "kill -9 of the daemon ends the binding" killed
check "nothing is left" leaves_nothing
ktap_finished
