#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon's counts of lookups: LOOKUPs that were answered without it must not
# be given back to it, and those that were not must.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

cgroup=/sys/fs/cgroup/lifecycle
storm_seconds=${STORM_SECONDS:-8}

drop_caches()
{
	echo 2 >/proc/sys/vm/drop_caches
}

nothing_alive()
{
	drop_caches
	[ "$(report alive)" = 0 ] && [ "$(field lookups)" = 0 ]
}

# Every node is forgotten, and exactly as often as it was looked up.
counts_are_zero()
{
	daemon_is_right || return
	within 15 nothing_alive ||
		no "alive: $(report alive), lookups: $(field lookups), of $(field nodes)" ||
		return
	daemon_is_right
}

bind()
{
	serve -t 0 && extfusectl bind "$mnt" mdcache --ttl 3600
}

# look [TIMES]: everything, by name.
look()
{
	local i

	for ((i = 0; i < ${1:-1}; i++)); do
		find "$mnt" -type f -print0 | xargs -0 stat -c %s
	done >/dev/null
}

# Also shows that the test is about something.
answers()
{
	local before nodes

	bind && look 3 || return
	nodes=$(report lookups)
	[ "$nodes" -ge 300 ] || no "only $nodes lookups by the daemon" || return
	before=$(answered LOOKUP)
	look 2
	[ $(($(answered LOOKUP) - before)) -ge 600 ] ||
		no "only $(answered LOOKUP) lookups answered" || return
	counts_are_zero && leave
}

again_and_again()
{
	local i

	bind || return
	for i in 1 2 3; do
		look 2
		drop_caches
	done
	counts_are_zero && leave
}

changes()
{
	local i

	bind && look 2 || return
	for i in 1 2; do
		mkdir "$mnt/new" && cp -r "$mnt/d1" "$mnt/new/a" && look && mv "$mnt/new/a" "$mnt/new/b" &&
			ln "$mnt/new/b/f1" "$mnt/new/f1" && ln -s b "$mnt/new/s" && look &&
			exec 8<"$mnt/new/f1" && rm -r "$mnt/new" || return
		drop_caches
		look
		exec 8<&-
	done
	counts_are_zero && leave
}

# storm: lookups from all sides, for a while; $pids of those who look.
storm()
{
	local i

	pids=()
	for i in 1 2 3; do
		(while :; do find "$mnt/d$i" "$mnt/d4" -type f -print0 | xargs -0 stat; done) \
			>/dev/null 2>&1 &
		pids+=($!)
	done
	(while :; do touch "$mnt/d5/x"; mv "$mnt/d5/x" "$mnt/d5/y"; rm "$mnt/d5/y"; done) 2>/dev/null &
	pids+=($!)
}

calm()
{
	local pid

	kill "${pids[@]}"
	for pid in "${pids[@]}"; do
		wait "$pid"
	done 2>/dev/null
	within 20 no_looking
}

no_looking()
{
	! pgrep -x 'find|xargs|stat|touch|mv|rm' >/dev/null
}

# while_dropping COMMAND...: in a storm, with caches dropped all the time.
while_dropping()
{
	local end=$((SECONDS + storm_seconds)) result=0

	storm
	while ((SECONDS < end)); do
		"$@" || { result=1; break; }
		drop_caches
	done
	calm
	return $result
}

in_a_storm()
{
	bind && while_dropping sleep 0.02 && counts_are_zero && leave
}

# Eviction from reclaim: those who look may use little memory.
under_pressure()
{
	local result

	bind || return
	mkdir -p $cgroup && echo +memory >/sys/fs/cgroup/cgroup.subtree_control &&
		echo 6M >$cgroup/memory.high && echo 24M >$cgroup/memory.max || return 4
	(echo $BASHPID >$cgroup/cgroup.procs
		for ((i = 0; i < 2; i++)); do
			find "$mnt" -type f -print0 | xargs -0 stat
			find "$mnt" -type f -print0 | xargs -0 cat
		done) >/dev/null 2>&1
	within 5 rmdir $cgroup 2>/dev/null
	counts_are_zero && leave
}

unbind_idle()
{
	bind && look 3 && extfusectl unbind "$mnt" && look 2 && counts_are_zero && leave
}

unbind_in_a_storm()
{
	serve && while_dropping rebind && counts_are_zero && leave
}

rebind()
{
	extfusectl bind "$mnt" mdcache --ttl 3600 && sleep "0.$((RANDOM % 3))" &&
		extfusectl unbind "$mnt"
}

# The policy goes first, and then the binding without one.
unload()
{
	bind && look 3 && extfusectl policy unload mdcache && look 2 && drop_caches && look ||
		return
	extfusectl policy load mdcache && extfusectl bind "$mnt" mdcache --ttl 3600 && look 2 &&
		extfusectl policy unload mdcache && counts_are_zero && look &&
		extfusectl unbind "$mnt" && counts_are_zero && leave &&
		extfusectl policy load mdcache
}

begin
for i in 1 2 3 4 5; do
	mkdir "$low/d$i"
	for ((j = 0; j < 60; j++)); do
		echo $j >"$low/d$i/f$j"
	done
done
extfusectl policy load mdcache || ktap_exit_fail_msg "mdcache does not load"
check "lookups that were answered are not given back to the daemon" answers
check "nodes are forgotten and looked up again" again_and_again
check "nodes are made, renamed, linked and removed" changes
check "lookups race with drop_caches" in_a_storm
check "lookups race with reclaim" under_pressure
check "unbind on a live mount leaves right counts" unbind_idle
check "a policy that is unloaded leaves right counts" unload
check "bind and unbind race with lookups and drop_caches" unbind_in_a_storm
check "nothing is left" leaves_nothing
ktap_finished
