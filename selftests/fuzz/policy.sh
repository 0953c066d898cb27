#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A policy with random return values and replies (wild.bpf.c) on a mount that random
# system calls use. The daemon sees no more than it should, each answer that cannot
# be right is refused and counted, and when the policy is gone nothing of it is left.
#
# In the environment: REQUESTS, about how many the policy is asked (800); SEED.

. "$(dirname "$(readlink -f "$0")")/../lifecycle/lib.sh"

: "${REQUESTS:=800}"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"
tasks=2
limit=/sys/module/extfuse/parameters/fault_limit

# loads_start: system calls on the mount, which may end as soon as they have begun: one task
# may have its root only when the other has made all requests.
loads_start()
{
	local i

	loads=()
	for ((i = 0; i < tasks; i++)); do
		"$here/calls" $((SEED + i)) "$mnt" >"$dir/calls.$i" 2>>"$dir/calls.log" &
		loads+=($!)
		within 10 [ -s "$dir/calls.$i" ] || no "a load does not begin" || return
	done
}

# loads_stop: they end, by themselves, when they are told to.
loads_stop()
{
	local pid failed=0

	kill -TERM "${loads[@]}"
	for pid in "${loads[@]}"; do
		within 30 ended "$pid" || no "a call hangs: $(cat "/proc/$pid/stack")" || return
		wait "$pid" || failed=$?
	done
	ktap_print_msg "system calls:" "$(tail -qn 1 "$dir/calls."?)"
	[ $failed = 0 ] || no "a load failed ($failed): $(cat "$dir/calls.log")"
}

ended()
{
	case $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) in
	Z|"") ;;
	*) return 1 ;;
	esac
}

# Requests of the background have been answered too.
quiet()
{
	[ "$(cat /sys/fs/fuse/connections/*/waiting | sort -n | tail -n 1)" = 0 ]
}

# expect WORD: from the program that fills the policy.
expect()
{
	local word

	read -r -t $((900 * ${SLOWER:-1})) word <&"${wild[0]}" && [ "$word" = "$1" ] ||
		no "wild: ${word:-not $1}"
}

asked()
{
	serve && echo 0 >$limit || return
	mkdir "$mnt"/d{0,1,2} && echo content >"$mnt/d0/a" && ln -s /d0/a "$mnt/b" || return
	coproc wild { exec "$here/wild" "$here/wild.bpf.o" "$REQUESTS" "$SEED" 2>&1; }
	expect ready && extfusectl bind "$mnt" wild || return
	loads_start || return
	echo >&"${wild[1]}"
	expect done || return
	loads_stop || return
	within 20 quiet || no "requests are left" || return
	extfusectl stats "$mnt" --json >"$dir/stats" && extfusectl unbind "$mnt" || return
	echo >&"${wild[1]}"
	cat <&"${wild[0]}" >"$dir/asked"
	[ -s "$dir/asked" ]
}

# What is good is never refused, what is not always.
counted()
{
	"$here/counted.py" "$dir/stats" "$dir/asked" >"$dir/counted" 2>&1
	local status=$?

	sed 's/^/# /' "$dir/counted"
	return $status
}

# The kernel keeps what it was told as long as it was told, unless it needs the memory, or
# hears better: of the root, which stays, by a change of it.
works()
{
	within 10 none_alive || no "alive: $(field alive)" || return
	chmod "$(stat -c %a "$low")" "$mnt" || return
	same_as_lower && mkdir "$mnt/new" && echo 1 >"$mnt/new/file" &&
		ln "$mnt/new/file" "$mnt/new/g" && mv "$mnt/new/file" "$mnt/new/h" &&
		[ "$(cat "$mnt/new/g")" = 1 ] && rm -r "$mnt/new" && same_as_lower && leave
}

none_alive()
{
	# what is dirty stays until it has been written
	sync -f "$mnt"
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(report alive)" = 0 ]
}

begin
was=$(cat $limit)
ktap_print_msg "SEED=$SEED"
check "random answers to $REQUESTS requests" asked
check "every answer that cannot be right is counted, and no other" counted
check "the daemon is asked nothing that it must not be" daemon_is_right
check "the mount without the policy shows what is there" works
echo "$was" >$limit
ktap_finished
