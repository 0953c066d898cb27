#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The ways in which a binding ends, each while requests run: nobody hangs, and
# nothing is left.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

load_mdcache()
{
	extfusectl policy load mdcache
}

policy_keeps_module()
{
	load_mdcache && ! rmmod extfuse 2>"$dir/error" && grep -q "in use" "$dir/error" &&
		extfusectl policy unload mdcache && rmmod_soon && modprobe extfuse && load_mdcache
}

# Also without its policy.
binding_keeps_module()
{
	serve && extfusectl bind "$mnt" mdcache && ! rmmod extfuse 2>/dev/null &&
		extfusectl policy unload mdcache && sleep 1 && bound &&
		! rmmod extfuse 2>"$dir/error" && grep -q "in use" "$dir/error" &&
		extfusectl unbind "$mnt" && rmmod_soon || return
	modprobe extfuse && load_mdcache && leave
}

# Nothing but the mount is there.
idle_umount()
{
	local i

	for ((i = 0; i < 5; i++)); do
		serve && extfusectl bind "$mnt" mdcache && ls -lR "$mnt" >/dev/null &&
			timeout $((5 * ${SLOWER:-1})) umount "$mnt" || no "busy" || return
		within 5 gone $daemon && within 5 unbound || no "it stays" || return
	done
}

# callers: tasks with calls of many kinds, again and again until the mount is gone.
callers()
{
	local i

	pids=()
	for i in 1 2 3; do
		(while [ -d "$mnt/d$i" ] && ! [ -e "$mnt/d$i/absent$((n++))" ]; do :; done) &
		pids+=($!)
		(while [ -e "$mnt/d$i/f" ]; do ls -lR "$mnt"; done) &
		pids+=($!)
		(while cat "$mnt/d$i/f"; do :; done) &
		pids+=($!)
		(while dd if=/dev/zero of="$mnt/d$i/w" bs=100k count=3; do :; done) &
		pids+=($!)
		(while mkdir "$mnt/d$i/d" && rmdir "$mnt/d$i/d"; do :; done) &
		pids+=($!)
		(while mv "$mnt/d$i/m" "$mnt/d$i/n" && mv "$mnt/d$i/n" "$mnt/d$i/m"; do :; done) &
		pids+=($!)
		(while setfattr -n user.a -v "$RANDOM" "$mnt/d$i/m" || [ -e "$mnt/d$i/n" ]; do :; done) &
		pids+=($!)
		(while stat -f "$mnt/d$i"; do :; done) &
		pids+=($!)
	done >/dev/null 2>&1
	disown -a
}

callers_gone()
{
	local pid

	for pid in "${pids[@]}"; do
		gone "$pid" || return
	done
}

hanging()
{
	local pid

	for pid in "${pids[@]}"; do
		gone "$pid" || ps -ho pid,stat,wchan:30,args -p "$pid" --ppid "$pid"
	done | tr '\n' ';'
}

all_stopped()
{
	! grep -hv ') [Tt] ' /proc/"$daemon"/task/*/stat | grep -q .
}

# What the daemon does when the end comes.
is_running() { :; }
is_stopped() { kill -STOP "$daemon" && within 5 all_stopped && sleep 0.3; }
is_thinking() { kill -USR2 "$daemon" && within 10 holding && sleep 0.3; }
holding() { [ -e "$dir/report.holding" ]; }
not_holding() { ! holding; }

# What the end is. Those that want something of the daemon let it go on.
by_umount_force() { umount -f "$mnt" 2>/dev/null; go_on; within 10 umounted; }
by_umount_lazy() { umount -l "$mnt" && sleep 0.2; go_on; }
by_exit() { kill -TERM "$daemon"; go_on; }
by_kill() { kill -KILL "$daemon"; }
by_abort() { echo 1 >"$connection/abort"; go_on; }

umounted()
{
	! mounted "$mnt" || umount "$mnt" 2>/dev/null
}

go_on()
{
	[ "$state" != is_stopped ] || kill -CONT "$daemon"
	[ "$state" != is_thinking ] || { kill -USR2 "$daemon" && within 10 not_holding; }
	:
} 2>/dev/null

# ends STATE HOW
ends()
{
	local state=$1 how=$2 connection i pids

	for i in 1 2 3; do
		rm -rf "$low/d$i"
		mkdir "$low/d$i" && head -c 300000 /dev/urandom >"$low/d$i/f" && : >"$low/d$i/m"
	done
	serve && extfusectl bind "$mnt" mdcache --ttl 10 || return
	connection=/sys/fs/fuse/connections/$(mountpoint -d "$mnt" | cut -d: -f2)
	callers
	sleep 0.5
	$state || no "the daemon is not $state" || return
	$how || no "$how failed" || return
	within 20 callers_gone || no "callers hang: $(hanging)" ||
		return
	! mounted "$mnt" || umount "$mnt" 2>/dev/null || umount -l "$mnt" ||
		no "umount failed" || return
	within 20 gone "$daemon" || no "the daemon stays" || return
	within 10 unbound || no "the binding stays"
}

# While it is being bound and unbound.
ends_while_binding()
{
	local i

	for ((i = 0; i < 10; i++)); do
		serve || return
		(while extfusectl bind "$mnt" mdcache && extfusectl unbind "$mnt"; do :; done) \
			>/dev/null 2>&1 &
		sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
		if ((i % 2)); then
			kill -KILL $daemon
			umount_soon || return
		else
			umount -l "$mnt"
		fi
		within 20 gone $daemon || no "the daemon stays" || return
	done
	wait
	within 10 unbound
}

begin
check "the module cannot be unloaded under a policy" policy_keeps_module
check "the module cannot be unloaded under a binding" binding_keeps_module
check "an idle bound mount can be unmounted at once" idle_umount
check "umount -f while requests run" ends is_running by_umount_force
check "umount -f while the daemon is stopped" ends is_stopped by_umount_force
check "umount -l while requests run" ends is_running by_umount_lazy
check "umount -l while the daemon is stopped" ends is_stopped by_umount_lazy
check "umount -l while the daemon thinks" ends is_thinking by_umount_lazy
check "the daemon exits while requests run" ends is_running by_exit
check "the daemon exits after it was stopped" ends is_stopped by_exit
check "the daemon exits while it thinks" ends is_thinking by_exit
check "the daemon is killed while requests run" ends is_running by_kill
check "the daemon is killed while stopped" ends is_stopped by_kill
check "the daemon is killed while it thinks" ends is_thinking by_kill
check "the connection is aborted while requests run" ends is_running by_abort
check "the connection is aborted while the daemon is stopped" ends is_stopped by_abort
check "the connection is aborted while the daemon thinks" ends is_thinking by_abort
check "mounts that go away while they are bound and unbound" ends_while_binding
check "nothing is left" leaves_nothing
ktap_finished
