#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Policies that refuse, that answer nonsense, and that come back to a mount which
# another one had meanwhile.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

# refuses COMMAND...: fails and says who refused.
refuses()
{
	! "$@" 2>"$dir/error" && grep -q "refused the mount" "$dir/error" ||
		no "$*: $(cat "$dir/error")"
}

policy_of_mount()
{
	extfusectl list --json | python3 -c '
import json, sys
print(*[c["policy"] for c in json.load(sys.stdin)])'
}

init_refuses()
{
	local policy

	serve || return
	for policy in lc-init lc-init-wild; do
		refuses extfusectl bind "$mnt" $policy && unbound && ls "$mnt" >/dev/null || return
	done
	extfusectl policy list --json | python3 -c '
import json, sys
sys.exit(any(p["bindings"] for p in json.load(sys.stdin)))' || no "it counts as bound" || return
	leave
}

init_refuses_replacement()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 &&
		refuses extfusectl bind "$mnt" lc-init --replace &&
		[ "$(policy_of_mount)" = mdcache ] && ls -l "$mnt" "$mnt" >/dev/null &&
		[ "$(answered GETATTR)" -gt 0 ] && leave
}

bugs()
{
	extfusectl stats --json | python3 -c "
import json, sys
ops = {o['name']: o for c in json.load(sys.stdin) for o in c['ops']}
wanted = '$*'.split()
for name in wanted:
    if not ops.get(name, {}).get('bugs'):
        sys.exit('no bugs counted for ' + name)
for name, op in ops.items():
    # the module answers FORGETs that cost the daemon nothing
    if op['answered'] and name != 'FORGET':
        sys.exit('%s was answered %d times' % (name, op['answered']))
    if op['bugs'] > op['passed']:
        sys.exit('%s: bugs that were not passed' % name)"
}

# Every operation, some of them often.
exercise()
{
	local i

	for ((i = 0; i < 16; i++)); do
		mkdir "$mnt/dir$i" && echo "$i" >"$mnt/dir$i/file" && echo more >>"$mnt/dir$i/file" &&
			chmod 640 "$mnt/dir$i/file" && ln -s target "$mnt/dir$i/link" &&
			ln "$mnt/dir$i/file" "$mnt/dir$i/second" && mknod "$mnt/dir$i/fifo" p &&
			mv "$mnt/dir$i/file" "$mnt/dir$i/renamed" && readlink "$mnt/dir$i/link" &&
			setfattr -n user.a -v $i "$mnt/dir$i/renamed" &&
			setfattr -n user.b -v $i "$mnt/dir$i/renamed" &&
			setfattr -x user.b "$mnt/dir$i/renamed" &&
			getfattr -d --absolute-names "$mnt/dir$i/renamed" && stat -f "$mnt/dir$i" &&
			fallocate -l 5000 "$mnt/dir$i/second" && sync "$mnt/dir$i/second" &&
			[ "$(head -c 2 "$mnt/dir$i/renamed")" = "$i" ] && ls -l "$mnt/dir$i" &&
			cat "$mnt/dir$i/second" && touch "$mnt/dir$i/x" && rm "$mnt/dir$i/x" &&
			mkdir "$mnt/dir$i/y" && rmdir "$mnt/dir$i/y" &&
			truncate -s 100 "$mnt/dir$i/second" && sync "$mnt/dir$i" &&
			flock "$mnt/dir$i/second" true && ls "$mnt/dir$i" "$mnt/dir$i" ||
			no "failed at $i" || return
	done >"$dir/exercise.log"
}

hostile()
{
	# all of them, not the first thousand in a row
	serve && echo 0 >/sys/module/extfuse/parameters/fault_limit &&
		extfusectl bind "$mnt" lc-hostile || return
	exercise && same_as_lower && daemon_is_right || return
	bugs LOOKUP GETATTR SETATTR READLINK SYMLINK MKNOD MKDIR UNLINK RMDIR RENAME2 LINK OPEN READ \
		WRITE STATFS RELEASE FSYNC SETXATTR GETXATTR LISTXATTR REMOVEXATTR FLUSH CREATE \
		FALLOCATE OPENDIR RELEASEDIR READDIRPLUS || return
	echo 2 >/proc/sys/vm/drop_caches
	within 10 none_alive || no "alive: $(field alive)" || return
	leave
}

none_alive()
{
	[ "$(report alive)" = 0 ]
}

# What it remembers from before must not be believed.
comes_back()
{
	local at=$mnt/back i

	rm -rf "$low/back"
	mkdir "$low/back"
	for i in mode name gone xattr time; do
		echo $i >"$low/back/$i"
	done
	setfattr -n user.a -v 1 "$low/back/xattr"
	serve && extfusectl bind "$mnt" mdcache --ttl 3600 || return
	for i in 1 2 3; do
		stat "$at"/*
		stat "$at/absent"
		getfattr -n user.a "$at/xattr"
		stat -f "$at"
	done >/dev/null 2>&1
	[ "$(answered LOOKUP)" -gt 0 ] && [ "$(answered GETATTR)" -gt 0 ] || no "nothing cached" || return

	"$@" || return
	chmod 600 "$at/mode" && mv "$at/name" "$at/renamed" && rm "$at/gone" &&
		setfattr -n user.a -v 2 "$at/xattr" && touch -d @1000000 "$at/time" &&
		touch "$at/absent" || return
	back || return

	[ "$(stat -c %a "$at/mode")" = 600 ] || no "the mode is stale" || return
	[ "$(stat -c %Y "$at/time")" = 1000000 ] || no "the time is stale" || return
	[ ! -e "$at/name" ] && [ -e "$at/renamed" ] || no "a name is stale" || return
	[ ! -e "$at/gone" ] || no "a name that is gone is there" || return
	[ -e "$at/absent" ] || no "a new name is absent" || return
	[ "$(getfattr --only-values -n user.a --absolute-names "$at/xattr")" = 2 ] ||
		no "the xattr is stale" || return
	same_as_lower && daemon_is_right && leave
}

other_policy()
{
	extfusectl bind "$mnt" lc-other --replace
	back() { extfusectl bind "$mnt" mdcache --ttl 3600 --replace; }
}

no_binding()
{
	extfusectl unbind "$mnt"
	back() { extfusectl bind "$mnt" mdcache --ttl 3600; }
}

no_policy()
{
	extfusectl policy unload mdcache
	back() { extfusectl policy load mdcache && extfusectl bind "$mnt" mdcache --ttl 3600; }
}

load()
{
	local policy

	extfusectl policy load mdcache || return
	for policy in lc_other lc_init lc_init_wild lc_hostile; do
		extfusectl policy load "$here/$policy.bpf.o" || return
	done
}

unload()
{
	local policy

	for policy in mdcache lc-other lc-init lc-init-wild lc-hostile; do
		extfusectl policy unload $policy
	done 2>/dev/null
	leaves_nothing
}

begin
load || ktap_exit_fail_msg "the policies do not load"
check "a policy whose init fails binds nothing and holds nothing" init_refuses
check "a policy whose init fails replaces nothing" init_refuses_replacement
check "answers that mean nothing go to the daemon, and are counted" hostile
check "a cache that comes back after another policy" comes_back other_policy
check "a cache that comes back after no binding" comes_back no_binding
check "a cache that comes back after it was unloaded" comes_back no_policy
check "nothing is left" unload
ktap_finished
