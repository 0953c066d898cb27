#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Many rounds of everything that comes and goes, under a load that knows what it
# should see. ROUNDS in the environment: how many (15).

. "$(dirname "$(readlink -f "$0")")/lib.sh"

tasks=2

# load_start [-t]: tasks that work below $mnt, and a walker that pauses, for what
# comes and goes is to have a processor too.
load_start()
{
	local i

	: >"$dir/load.log"
	loads=()
	for ((i = 0; i < tasks; i++)); do
		nice "$here/load" "$@" -s $i "$mnt/w$i" 2>>"$dir/load.log" >>"$dir/load.count" &
		loads+=($!)
	done
	while :; do
		nice find "$mnt/tree" -ls
		nice tar cf - -C "$mnt" tree | cat
		nice stat "$mnt"/tree/*/f1
		sleep 0.2
	done >/dev/null 2>&1 &
	walker=$!
	disown $walker
}

# load_stop: whether every task has seen what it should.
load_stop()
{
	local pid failed=0

	kill $walker
	kill -TERM "${loads[@]}" 2>/dev/null
	for pid in "${loads[@]}"; do
		within 30 gone "$pid" || no "the load hangs: $(cat "/proc/$pid/stack")" || return
		wait "$pid" || failed=1
	done
	within 30 gone $walker || no "find or tar hangs" || return
	[ $failed = 0 ] && return
	sed 's/^/# /' "$dir/load.log"
	return 1
}

# rounds FUNCTION: how often it failed.
rounds()
{
	local i

	for ((i = 0; i < ROUNDS; i++)); do
		"$1" $i || no "round $i" || return
	done
}

# steady FUNCTION: on a mount that stays.
steady()
{
	local result=0

	serve || return
	load_start
	"$@" || result=1
	load_stop || result=1
	daemon_is_right || result=1
	umount "$mnt" 2>/dev/null || umount_soon || result=1
	within 10 gone $daemon || result=1
	return $result
}

bind_unbind()
{
	extfusectl bind "$mnt" mdcache --ttl 60 && extfusectl unbind "$mnt"
}

replace()
{
	extfusectl bind "$mnt" lc-other --replace && extfusectl bind "$mnt" mdcache --ttl 60 --replace
}

replaces()
{
	extfusectl bind "$mnt" mdcache --ttl 60 && rounds replace
}

# relinks MODE [COMMAND]: the rounds are relink's.
relinks()
{
	local line pid in

	extfusectl policy unload mdcache
	coproc "$here/relink" "$1" /usr/lib/extfuse/mdcache.bpf.o "$ROUNDS" "$2" 2>"$dir/relink.log"
	pid=$COPROC_PID in=${COPROC[1]}
	read -r line <&"${COPROC[0]}" && [ "$line" = ready ] &&
		extfusectl bind "$mnt" mdcache --ttl 60 && echo >&"$in" &&
		read -r line <&"${COPROC[0]}" && [ "$line" = done ]
	exec {in}>&-
	wait "$pid" && extfusectl policy load mdcache && return
	sed 's/^/# /' "$dir/relink.log"
	return 1
}

kill_daemon()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	[ "$1" != 0 ] || load_start -t
	sleep "0.0$((RANDOM % 10))"
	kill -KILL $daemon
	umount_soon
}

umount_lazily()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	[ "$1" != 0 ] || load_start -t
	sleep "0.0$((RANDOM % 10))"
	umount -l "$mnt"
}

# comes_and_goes FUNCTION: on mounts that do not stay.
comes_and_goes()
{
	local result=0

	rounds "$1" || result=1
	load_stop || result=1
	within 30 unbound || no "bindings are left: $(extfusectl list)" || result=1
	return $result
}

begin
for ((i = 0; i < tasks; i++)); do
	mkdir "$low/w$i"
done
for i in 1 2 3 4 5; do
	mkdir -p "$low/tree/d$i"
	for j in 1 2 3 4 5 6; do
		head -c $((i * j * 200)) /dev/urandom >"$low/tree/d$i/f$j"
	done
done
extfusectl policy load mdcache || ktap_exit_fail_msg "mdcache does not load"
extfusectl policy load "$here/lc_other.bpf.o" || ktap_exit_fail_msg "lc-other does not load"
check "$ROUNDS times bind and unbind" steady rounds bind_unbind
check "$ROUNDS times bind --replace by another policy and back" steady replaces
check "$ROUNDS times bpf_link_update to another instance of the policy" steady relinks update
check "$ROUNDS times unload the policy under the binding, and load it" steady relinks reload \
	"extfusectl bind $mnt mdcache --ttl 60"
check "$ROUNDS times kill -9 of the daemon, umount, mount, bind" comes_and_goes kill_daemon
check "$ROUNDS times umount -l, mount, bind" comes_and_goes umount_lazily
check "nothing is left" leaves_nothing
ktap_finished
