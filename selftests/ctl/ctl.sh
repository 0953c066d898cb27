#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every verb of extfusectl, and the sentence of every error.
#
# extfusectl, bindfs and python3 (to read JSON) on PATH, the module where
# modprobe finds it, root. The policies come from this directory.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

pins=/sys/fs/bpf/extfuse
nobody=65534
dir=
output=
errors=
declare -a mounts

# --- doing ---

as_nobody()
{
	setpriv --reuid=$nobody --regid=$nobody --clear-groups -- "$@"
}

# run COMMAND...: keep what it prints, and its status.
run()
{
	"$@" >"$dir/stdout" 2>"$dir/stderr"
	status=$?
	output=$(cat "$dir/stdout")
	errors=$(cat "$dir/stderr")
}

# works COMMAND...: succeeds and complains about nothing.
works()
{
	run "$@"
	[ $status = 0 ] && [ -z "$errors" ] && return
	ktap_print_msg "$* ended with $status: $errors"
	return 1
}

# says SENTENCE COMMAND...: fails with just that on standard error. SENTENCE is a
# pattern.
says()
{
	local sentence=$1

	shift
	run "$@"
	# shellcheck disable=SC2053
	[ $status = 1 ] && [[ $errors == $sentence ]] && [ -z "$output" ] && return
	ktap_print_msg "$* ended with $status: $errors$output"
	ktap_print_msg "expected: $sentence"
	return 1
}

# json EXPRESSION COMMAND...: of the command's JSON, j, the Python expression is
# true.
json()
{
	local expression=$1

	shift
	works "$@" && python3 -c "
import json, sys
j = json.load(open(sys.argv[1], encoding='utf-8'))
sys.exit(not ($expression))" "$dir/stdout" && return
	ktap_print_msg "$* printed $output"
	ktap_print_msg "expected: $expression"
	return 1
}

# fuse_mount DIRECTORY [AS]...: bindfs on it, as the user that AS runs it as.
fuse_mount()
{
	local at=$1 i

	shift
	mkdir -p "$at" "$dir/lower"
	[ $# = 0 ] || chown $nobody:$nobody "$at"
	"$@" bindfs --no-allow-other "$dir/lower" "$at" || return
	mounts+=("$at")
	for ((i = 0; i < 100 * ${SLOWER:-1}; i++)); do
		# Root may not look into another user's mount.
		! "$@" stat "$at" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	ktap_print_msg "bindfs does not answer at $at"
	return 1
}

fuse_umount()
{
	umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null
}

# forget: no binding and no policy is left.
forget()
{
	local name mount

	for mount in "${mounts[@]}"; do
		extfusectl unbind "$mount"
	done
	for name in ctl-pass ctl-deny; do
		extfusectl policy unload $name
	done
} >/dev/null 2>&1

cleanup()
{
	local mount

	forget
	for mount in "${mounts[@]}"; do
		fuse_umount "$mount"
	done
	[ -z "$dir" ] || rm -rf --one-file-system "$dir"
}

# --- tests ---

without_module()
{
	local verb

	if ! rmmod extfuse 2>/dev/null && [ -d /sys/module/extfuse ]; then
		ktap_print_msg "the module cannot be unloaded"
		return 1
	fi
	says "extfusectl: bind /: the extfuse module is not loaded" extfusectl bind / x || return
	says "extfusectl: unbind /: the extfuse module is not loaded" extfusectl unbind / || return
	says "extfusectl: policy load x: the extfuse module is not loaded" \
		extfusectl policy load x || return
	says "extfusectl: policy unload x: the extfuse module is not loaded" \
		extfusectl policy unload x || return
	for verb in list stats "policy list"; do
		# shellcheck disable=SC2086
		says "extfusectl: $verb: the extfuse module is not loaded" extfusectl $verb || return
	done
	run extfusectl version
	[ $status = 1 ] && [ "$errors" = "extfusectl: version: the extfuse module is not loaded" ]
}

version()
{
	works extfusectl version && [[ $output == extfusectl\ *$'\n'extfuse\ module\ * ]] &&
		json "j['tool'] and j['module'] and isinstance(j['features'], list)" \
			extfusectl version --json
}

nothing_yet()
{
	json "j == []" extfusectl policy list --json && json "j == []" extfusectl list --json &&
		json "j == []" extfusectl stats --json && works extfusectl list && [ -z "$output" ]
}

load()
{
	works extfusectl policy load "$here/ctl_pass.bpf.o" && [ -z "$output" ] &&
		json "[(p['name'], p['bindings']) for p in j] == [('ctl-pass', 0)]" \
			extfusectl policy list --json &&
		works extfusectl policy list && [[ $output == *POLICY*$'\n'ctl-pass\ * ]]
}

load_pins()
{
	[ -f $pins/ctl-pass ] && [ -f $pins/ctl-pass-maps/calls ] &&
		[ "$(stat -c %a $pins $pins/ctl-pass-maps | uniq)" = 700 ]
}

load_by_name()
{
	cp "$here/ctl_deny.bpf.o" "$dir/short.bpf.o"
	EXTFUSE_POLICY_DIR=$dir works extfusectl policy load short &&
		says "extfusectl: policy load none: $dir/none.bpf.o: No such file or directory" \
			env EXTFUSE_POLICY_DIR="$dir" extfusectl policy load none
}

load_twice()
{
	says "extfusectl: policy load *: a policy named ctl-pass is already loaded" \
		extfusectl policy load "$here/ctl_pass.bpf.o" && load_pins
}

# Kernel memory is written to where a callback's argument leads, nowhere else.
load_forged()
{
	says "extfusectl: policy load *: the verifier refuses program forged_readlink: *" \
		extfusectl policy load "$here/ctl_forged.bpf.o" || return
	says "extfusectl: policy load *: the verifier refuses program cast_readlink: *" \
		extfusectl policy load "$here/ctl_cast.bpf.o"
}

load_refused()
{
	says "extfusectl: policy load *: the verifier refuses program refused_statfs: *" \
		extfusectl policy load "$here/ctl_refused.bpf.o" || return
	run extfusectl policy load --verbose "$here/ctl_refused.bpf.o"
	[[ $errors == *"BEGIN PROG LOAD LOG"*"extfusectl: policy load "* ]] &&
		[ ! -e $pins/ctl-refused ] && [ ! -e $pins/ctl-refused-maps ]
}

load_no_policy()
{
	says "extfusectl: policy load *: holds no policy*" \
		extfusectl policy load "$here/ctl_empty.bpf.o" &&
		says "extfusectl: policy load *: not a BPF object: *" \
			extfusectl policy load "$dir/ctl.sh.o" &&
		says "extfusectl: policy load /nonexistent.o: No such file or directory" \
			extfusectl policy load /nonexistent.o
}

# Something is in the way of the pin: the policy must not stay registered.
load_undone()
{
	local ok=0

	works extfusectl policy unload ctl-deny || return
	mkdir $pins/ctl-deny
	says "extfusectl: policy load *: cannot pin the policy at $pins/ctl-deny: File exists" \
		extfusectl policy load "$here/ctl_deny.bpf.o" || ok=1
	rmdir $pins/ctl-deny
	[ ! -e $pins/ctl-deny-maps ] && [ $ok = 0 ] &&
		json "[p['name'] for p in j] == ['ctl-pass']" extfusectl policy list --json
}

load_without_bpffs()
{
	says "extfusectl: policy load *: no bpf file system is mounted on /sys/fs/bpf: mount *" \
		unshare --mount sh -c "umount -l /sys/fs/bpf &&
			extfusectl policy load '$here/ctl_deny.bpf.o'" &&
		json "[p['name'] for p in j] == ['ctl-pass']" extfusectl policy list --json
}

# others_pins COMMAND: run that where the bpf file system is everybody's, and another user
# has made our directory and led what would be emptied elsewhere.
others_pins()
{
	unshare --mount sh -c "
		mount -t bpf -o mode=1777 bpf /sys/fs/bpf &&
		setpriv --reuid=$nobody --regid=$nobody --clear-groups sh -c '
			mkdir $pins &&
			ln -s $dir/victim $pins/ctl-deny-maps &&
			ln -s $dir/victim $pins/ctl-pass-maps' &&
		$1"
}

pins_of_others()
{
	mkdir "$dir/victim" && touch "$dir/victim/file" || return
	says "extfusectl: policy load *: others can write to $pins: *" \
		others_pins "extfusectl policy load '$here/ctl_deny.bpf.o'" &&
		says "extfusectl: policy unload ctl-pass: others can write to $pins: *" \
			others_pins "extfusectl policy unload ctl-pass" &&
		says "extfusectl: policy load *: others can write to $pins: *" \
			others_pins "chown 0 $pins && chmod 777 $pins &&
				extfusectl policy load '$here/ctl_deny.bpf.o'" || return
	# Our directory, with their link in it.
	says "extfusectl: policy load *: cannot make $pins/ctl-deny-maps: File exists" \
		others_pins "chown 0 $pins && extfusectl policy load '$here/ctl_deny.bpf.o'" &&
		[ -e "$dir/victim/file" ] &&
		json "[p['name'] for p in j] == ['ctl-pass']" extfusectl policy list --json
}

module_is_busy()
{
	! rmmod extfuse 2>/dev/null
}

bind_errors()
{
	says "extfusectl: bind $dir/none: no such path" extfusectl bind "$dir/none" ctl-pass &&
		says "extfusectl: bind /proc: not a FUSE mount (proc)" \
			extfusectl bind /proc ctl-pass &&
		says "extfusectl: bind $dir: not a FUSE mount ($(stat -f -c %T "$dir" |
			sed 's|ext2/ext3|ext4|'))" extfusectl bind "$dir" ctl-pass &&
		says "extfusectl: bind $dir/a: no such policy*" \
			extfusectl bind "$dir/a" none &&
		says "extfusectl: bind $dir/a: no such policy*" \
			extfusectl bind "$dir/a" 0123456789012345678901234567890123456789 &&
		says "extfusectl: unbind $dir/a: not bound" extfusectl unbind "$dir/a" &&
		says "extfusectl: stats $dir/a: not bound" extfusectl stats "$dir/a"
}

character_devices()
{
	says "extfusectl: bind /dev/null: *CUSE*" extfusectl bind /dev/null ctl-pass
}

binds()
{
	works extfusectl bind "$dir/a" ctl-pass && [ -z "$output" ] &&
		json "len(j) == 1 and j[0]['mountpoints'] == ['$dir/a'] and j[0]['uid'] == 0 and
			j[0]['policy'] == 'ctl-pass' and j[0]['ttl_ms'] == 0" \
			extfusectl list --json &&
		json "j[0]['dev'] == '$(mountpoint -d "$dir/a")'" extfusectl list --json &&
		json "j[0]['bindings'] == 1" extfusectl policy list --json &&
		works extfusectl list && [[ $output == *MOUNTPOINT$'\n'*" $dir/a" ]]
}

bind_twice()
{
	says "extfusectl: bind $dir/a: already bound*" extfusectl bind "$dir/a" ctl-pass
}

# statistics EXPRESSION: of opcode 17 (STATFS) and 9 (MKDIR) at the mount.
statistics()
{
	json "(lambda s, m: $1)(*[([o for o in j[0]['ops'] if o['opcode'] == n] or [None])[0]
		for n in (17, 9)])" extfusectl stats "$dir/a" --json
}

counts()
{
	stat -f "$dir/a" >/dev/null
	statistics "s['name'] == 'STATFS' and s['passed'] >= 1 and s['answered'] == 0 and not m" &&
		works extfusectl stats "$dir/a" &&
		[[ $output == *OPCODE*$'\n'STATFS*$'\n'TOTAL*"% answered in the kernel" ]] &&
		works extfusectl stats && [[ $output == *STATFS* ]]
}

# The policy's own count shows that it ran, and that its map is the pinned one.
runs()
{
	[ "$(bpftool map dump pinned $pins/ctl-pass-maps/calls -j |
		python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["formatted"]["value"])')" \
		-ge 1 ]
}

replaces()
{
	local conn

	works extfusectl policy load "$here/ctl_deny.bpf.o" || return
	conn=$(extfusectl list --json | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["conn"])')
	works extfusectl bind "$dir/a" ctl-deny --ttl 1.5 --replace &&
		json "j[0]['policy'] == 'ctl-deny' and j[0]['ttl_ms'] == 1500 and
			j[0]['conn'] == $conn" extfusectl list --json &&
		! mkdir "$dir/a/denied" 2>/dev/null &&
		statistics "m['answered'] == 1 and m['errors'] == 1"
}

unload_bound()
{
	works extfusectl policy unload ctl-deny && mkdir "$dir/a/allowed" &&
		json "j[0]['policy'] is None" extfusectl list --json &&
		works extfusectl bind "$dir/a" ctl-pass &&
		json "j[0]['policy'] == 'ctl-pass'" extfusectl list --json
}

unbinds()
{
	works extfusectl unbind "$dir/a" && json "j == []" extfusectl list --json &&
		says "extfusectl: unbind $dir/a: not bound" extfusectl unbind "$dir/a" &&
		says "extfusectl: stats $dir/a: not bound" extfusectl stats "$dir/a" &&
		stat "$dir/a" >/dev/null
}

any_file()
{
	touch "$dir/a/file" && works extfusectl bind "$dir/a/file" ctl-pass &&
		works extfusectl unbind "$dir/a"
}

all_mount_points()
{
	mkdir -p "$dir/b" && mount --bind "$dir/a" "$dir/b" && mounts+=("$dir/b") &&
		works extfusectl bind "$dir/b" ctl-pass &&
		json "j[0]['mountpoints'] == ['$dir/a', '$dir/b']" extfusectl list --json &&
		works extfusectl unbind "$dir/a"
}

hostile_mount_point()
{
	local at=$dir/$'x y\n"\\\033[2J\xff'

	fuse_mount "$at" && works extfusectl bind "$at" ctl-pass || return
	json "j[0]['mountpoints'] == ['$dir/x y\\n\"\\\\\\x1b[2J\\xff']" extfusectl list --json &&
		works extfusectl list &&
		[[ $output == *"$dir"'/x\040y\012"\134\033[2J\377' ]] &&
		[ "$(wc -l <"$dir/stdout")" = 2 ] && works extfusectl unbind "$at" && fuse_umount "$at"
}

hanging_daemon()
{
	local pid

	pid=$(pgrep -f "bindfs.* $dir/a$" | head -n 1)
	[ -n "$pid" ] && kill -STOP "$pid" || return
	works timeout $((20 * ${SLOWER:-1})) extfusectl bind "$dir/a" ctl-pass &&
		works timeout $((20 * ${SLOWER:-1})) extfusectl list && works timeout $((20 * ${SLOWER:-1})) extfusectl stats &&
		works timeout $((60 * ${SLOWER:-1})) extfusectl unbind "$dir/a"
	run_status=$?
	kill -CONT "$pid"
	return $run_status
}

# Nothing leads to the mount any more but a file that is open on it.
by_connection_id()
{
	local conn fd verb

	fuse_mount "$dir/lazy" && touch "$dir/lazy/open" &&
		works extfusectl bind "$dir/lazy" ctl-pass || return
	conn=$(extfusectl list --json | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["conn"])')
	exec {fd}<"$dir/lazy/open"
	umount -l "$dir/lazy" &&
		json "[(c['conn'], c['mountpoints']) for c in j] == [($conn, [])]" \
			extfusectl stats --conn "$conn" --json &&
		works extfusectl latency --conn "$conn" on &&
		json "j[0]['latency'] is True" extfusectl stats --conn "$conn" --latency --json &&
		json "[m['conn'] for m in j['mounts']] == [$conn]" \
			extfusectl top --conn "$conn" --once --interval 0.1 --json &&
		says "extfusectl: unbind --conn $conn: permission denied*" \
			as_nobody extfusectl unbind --conn "$conn" &&
		says "extfusectl: stats --conn $conn: not bound" \
			as_nobody extfusectl stats --conn "$conn" &&
		works extfusectl unbind --conn "$conn" && json "j == []" extfusectl list --json
	run_status=$?
	exec {fd}<&-
	[ $run_status = 0 ] || return
	for verb in unbind stats "stats --latency" top; do
		# shellcheck disable=SC2086
		says "extfusectl: ${verb%% *} --conn $conn: not bound" \
			extfusectl $verb --conn "$conn" || return
	done
	says "extfusectl: latency --conn $conn: not bound" extfusectl latency --conn "$conn" on
}

umount_unbinds()
{
	local i

	fuse_mount "$dir/c" && works extfusectl bind "$dir/c" ctl-pass && umount "$dir/c" || return
	for ((i = 0; i < 50 * ${SLOWER:-1}; i++)); do
		[ "$(extfusectl list)" ] || return 0
		sleep 0.1
	done
	return 1
}

denied()
{
	local needs='permission denied: needs CAP_SYS_ADMIN'

	works extfusectl bind "$dir/a" ctl-pass || return
	chmod 755 "$dir"
	says "extfusectl: policy load *: $needs" \
		as_nobody extfusectl policy load "$dir/short.bpf.o" &&
		says "extfusectl: policy unload ctl-pass: $needs" \
			as_nobody extfusectl policy unload ctl-pass &&
		says "extfusectl: policy list: $needs" as_nobody extfusectl policy list &&
		says "extfusectl: bind $dir/a: $needs" as_nobody extfusectl bind "$dir/a" ctl-pass &&
		says "extfusectl: bind $dir/a: $needs" \
			as_nobody extfusectl bind "$dir/a" ctl-pass --replace &&
		says "extfusectl: bind $dir/a: $needs" as_nobody extfusectl bind "$dir/a" none &&
		says "extfusectl: unbind $dir/a: $needs" as_nobody extfusectl unbind "$dir/a" &&
		works as_nobody extfusectl version
}

denied_in_user_namespace()
{
	local needs='permission denied: needs CAP_SYS_ADMIN'

	as_nobody unshare --user --map-root-user true 2>/dev/null || return 4
	says "extfusectl: bind $dir/a: $needs" \
		as_nobody unshare --user --map-root-user extfusectl bind "$dir/a" ctl-pass &&
		says "extfusectl: policy list: $needs" \
			as_nobody unshare --user --map-root-user extfusectl policy list &&
		json "j == []" as_nobody unshare --user --map-root-user extfusectl list --json
}

# $dir/a is bound and root's.
sees_own_only()
{
	json "j == []" as_nobody extfusectl list --json &&
		json "j == []" as_nobody extfusectl stats --json &&
		says "extfusectl: stats $dir/a: not bound" as_nobody extfusectl stats "$dir/a" || return

	fuse_mount "$dir/mine" as_nobody && works extfusectl bind "$dir/mine" ctl-pass || return
	json "len(j) == 2" extfusectl list --json &&
		json "len(j) == 1 and j[0]['uid'] == $nobody and
			j[0]['mountpoints'] == ['$dir/mine']" as_nobody extfusectl list --json &&
		json "len(j) == 1 and j[0]['uid'] == $nobody" as_nobody extfusectl stats --json &&
		json "len(j) == 1" as_nobody extfusectl stats "$dir/mine" --json &&
		says "extfusectl: stats $dir/a: not bound" as_nobody extfusectl stats "$dir/a" &&
		says "extfusectl: unbind $dir/mine: permission denied*" \
			as_nobody extfusectl unbind "$dir/mine"
}

unload_none()
{
	says "extfusectl: policy unload none: no such policy" extfusectl policy unload none &&
		says "extfusectl: policy unload ../x: no such policy" \
			extfusectl policy unload ../x &&
		says "extfusectl: policy unload : no such policy" extfusectl policy unload ''
}

# As bpftool pins it: under the variable's name, without maps.
unload_by_policy_name()
{
	rm -r $pins/ctl-pass-maps && mv $pins/ctl-pass $pins/a_variable || return
	says "extfusectl: policy unload a_variable: no such policy" \
		extfusectl policy unload a_variable &&
		works extfusectl policy unload ctl-pass && [ ! -e $pins/a_variable ] &&
		json "j == []" extfusectl policy list --json
}

# Another pin must not keep it alive.
unload_held()
{
	local id

	works extfusectl policy load "$here/ctl_pass.bpf.o" || return
	ln $pins/ctl-pass $pins/held 2>/dev/null
	id=$(bpftool link show pinned $pins/ctl-pass -j | python3 -c 'import json, sys
print(json.load(sys.stdin)["id"])') && mkdir -p /sys/fs/bpf/ctl &&
		{ [ -e $pins/held ] || bpftool link pin id "$id" /sys/fs/bpf/ctl/held; } &&
		works extfusectl policy unload ctl-pass &&
		json "j == []" extfusectl policy list --json &&
		[ ! -e $pins/ctl-pass ] && [ ! -e $pins/ctl-pass-maps ]
	run_status=$?
	rm -rf /sys/fs/bpf/ctl $pins/held
	return $run_status
}

# What a detached link leaves behind is no obstacle.
load_over_dead_link()
{
	works extfusectl policy load "$here/ctl_pass.bpf.o" &&
		bpftool link detach pinned $pins/ctl-pass && [ -e $pins/ctl-pass ] &&
		works extfusectl policy load "$here/ctl_pass.bpf.o" && load_pins &&
		json "[p['name'] for p in j] == ['ctl-pass']" extfusectl policy list --json
}

bpftool_registers()
{
	mkdir -p $pins
	# Stock bpftool crashes; the shell would say so.
	(bpftool struct_ops register "$here/ctl_deny.bpf.o" $pins; exit $?) >/dev/null 2>&1 ||
		return 4
	json "'ctl-deny' in [p['name'] for p in j]" extfusectl policy list --json &&
		works extfusectl bind "$dir/a" ctl-deny --replace &&
		works extfusectl policy unload ctl-deny && [ ! -e $pins/ctl_deny ]
}

module_leaves()
{
	local i

	forget
	for ((i = 0; i < 100 * ${SLOWER:-1}; i++)); do
		! rmmod extfuse 2>/dev/null || return 0
		sleep 0.1
	done
	rmmod extfuse
}

# --- all of them ---

# check DESCRIPTION FUNCTION
check()
{
	"$2"
	case $? in
	0) ktap_test_pass "$1" ;;
	4) ktap_test_skip "$1" ;;
	*) ktap_test_fail "$1" ;;
	esac
}

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
for program in extfusectl bindfs python3 bpftool setpriv; do
	if ! command -v $program >/dev/null; then
		ktap_skip_all "needs $program"
		exit "$KSFT_SKIP"
	fi
done
if ! modinfo extfuse >/dev/null 2>&1; then
	ktap_skip_all "needs the extfuse module"
	exit "$KSFT_SKIP"
fi
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
ktap_set_plan "$(grep -c '^check "' "$0")"
# What udev does, where there is one.
chmod 666 /dev/fuse
dir=$(mktemp -d /tmp/ctl.XXXXXX)
trap cleanup EXIT
cp "$here/ctl.sh" "$dir/ctl.sh.o"

forget
check "without the module, every verb says so" without_module
modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
fuse_mount "$dir/a" || ktap_exit_fail_msg "bindfs failed"
check "version names tool and module" version
check "lists are empty at first" nothing_yet
check "policy load registers a policy" load
check "policy load pins link and maps for root alone" load_pins
check "policy load finds a shipped policy by its bare name" load_by_name
check "policy load refuses a name that is loaded" load_twice
check "policy load tells what the verifier refuses" load_refused
check "a forged request and a cast pointer are refused" load_forged
check "policy load tells a file that is no policy" load_no_policy
check "policy load undoes everything when it cannot pin" load_undone
check "policy load wants a bpf file system" load_without_bpffs
check "policy load and unload do not use a directory that others can write to" pins_of_others
check "the module cannot be unloaded under a policy" module_is_busy
check "bind refuses what cannot be bound" bind_errors
check "bind refuses character devices" character_devices
check "bind binds a mount, and list shows it" binds
check "bind refuses a mount that is bound" bind_twice
check "stats counts requests by opcode" counts
check "the policy runs, and its map is the pinned one" runs
check "bind --replace exchanges policy and ttl" replaces
check "a mount whose policy is unloaded is its daemon's" unload_bound
check "unbind undoes a binding" unbinds
check "any file on the mount will do" any_file
check "list --json shows all mount points" all_mount_points
check "a hostile mount point stays in its line and is valid JSON" hostile_mount_point
check "a daemon that hangs does not matter" hanging_daemon
check "a mount that no path leads to goes by its connection id" by_connection_id
check "umount undoes a binding" umount_unbinds
check "an ordinary user can change nothing" denied
check "root of a user namespace can change nothing" denied_in_user_namespace
check "an ordinary user sees own mounts only" sees_own_only
check "policy unload of what is not there" unload_none
check "policy unload goes by the policy's name" unload_by_policy_name
check "policy unload detaches a link that is pinned elsewhere" unload_held
check "policy load replaces a pin whose link is dead" load_over_dead_link
check "a policy that bpftool registered is like any other" bpftool_registers
check "the module can be unloaded at the end" module_leaves
ktap_finished
