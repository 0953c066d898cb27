#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Stock daemons that know nothing of the module behave alike with and without it:
# the same mix of changes and questions through a mount that is not bound, one
# that is, and one that is with a validity of an hour; what every call returned,
# what was seen, and what is in the lower directories at the end are compared.
#
# sshfs (with an SSH server of its own on localhost) and bindfs, root, the module.
# $SCRATCH: where the lower directories go.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"
once 6.12

port=2222
policy=${POLICY:-mdcache}
dir=
loaded=

cleanup()
{
	local mount

	for mount in "$dir"/*-{plain,bound,ttl}; do
		! mountpoint -q "$mount" || umount -l "$mount"
	done
	[ -z "$loaded" ] || extfusectl policy unload "$policy"
	[ ! -s "$dir/sshd.pid" ] || kill "$(cat "$dir/sshd.pid")"
	[ -z "$dir" ] || rm -rf --one-file-system "$dir"
}

# On this machine alone, with keys of its own in $dir.
ssh_server()
{
	local sshd

	sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || return
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/user" &&
		cp "$dir/user.pub" "$dir/authorized" || return
	cat >"$dir/sshd_config" <<-END
		Port $port
		ListenAddress 127.0.0.1
		HostKey $dir/host
		PidFile $dir/sshd.pid
		AuthorizedKeysFile $dir/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin yes
		Subsystem sftp internal-sftp
	END
	mkdir -p /run/sshd
	"$sshd" -f "$dir/sshd_config" && within 20 [ -s "$dir/sshd.pid" ]
}

start_sshfs()
{
	sshfs -p $port -o IdentityFile="$dir/user" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "localhost:$1" "$2"
}

start_bindfs()
{
	bindfs "$1" "$2"
}

# requests MOUNT: answered in the kernel, and passed on
requests()
{
	extfusectl stats "$1" --json | python3 -c 'import json, sys
ops = json.load(sys.stdin)[0]["ops"]
print(sum(o["answered"] for o in ops), sum(o["passed"] for o in ops))'
}

# mix DAEMON NAME [BIND OPTION...]: through a mount, bound unless NAME is plain
mix()
{
	local daemon=$1 name=$2 lower=$dir/$1-$2.lower at=$dir/$1-$2

	shift 2
	mkdir -p "$lower" "$at"
	"start_$daemon" "$lower" "$at" && stat "$at" >/dev/null || return
	if [ "$name" != plain ]; then
		extfusectl bind "$at" "$policy" "$@" || return
	fi
	if ! "$here/mix.py" "$at" >"$at.log" 2>&1; then
		tail -n 5 "$at.log"
		return 1
	fi
	[ "$name" = plain ] || requests "$at" >"$at.requests"
	umount "$at" || return
	"$here/mix.py" --tree "$lower" >"$lower.log" 2>&1
}

# all DAEMON: every way, one after the other
all()
{
	mix "$1" plain && mix "$1" bound && mix "$1" ttl --ttl 3600
}

# ran DAEMON NAME
ran()
{
	[ -s "$dir/$1-$2.lower.log" ] && return
	sed 's/^/# /' "$dir/$1.out"
	return 1
}

# same DAEMON NAME: the same as plain
same()
{
	ran "$@" || return
	diff "$dir/$1-plain.log" "$dir/$1-$2.log" >"$dir/diff" &&
		diff "$dir/$1-plain.lower.log" "$dir/$1-$2.lower.log" >"$dir/diff" && return
	head -n 30 "$dir/diff" | sed 's/^/# /'
	return 1
}

# answered DAEMON NAME: some requests were, in the kernel
answered()
{
	local answered passed

	read -r answered passed <"$dir/$1-$2.requests"
	ktap_print_msg "$1 $2: $answered requests answered in the kernel, $passed by the daemon"
	[ "$answered" -gt 0 ]
}

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
for program in extfusectl sshfs bindfs python3 git; do
	if ! command -v $program >/dev/null; then
		ktap_skip_all "needs $program"
		exit "$KSFT_SKIP"
	fi
done
if ! modprobe extfuse 2>/dev/null && [ ! -d /sys/module/extfuse ]; then
	ktap_skip_all "needs the extfuse module"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 8
dir=$(mktemp -d -p "${SCRATCH:-$([ -d /mnt/scratch ] && echo /mnt/scratch || echo /var/tmp)}") ||
	exit "$KSFT_FAIL"
trap cleanup EXIT
if ! extfusectl policy list --json | grep -q "\"$policy\""; then
	extfusectl policy load "${POLICY_FILE:-$policy}" || ktap_exit_fail_msg "no policy"
	loaded=1
fi

ssh_server || ktap_exit_fail_msg "no SSH server"
all sshfs >"$dir/sshfs.out" 2>&1 &
all bindfs >"$dir/bindfs.out" 2>&1 &
# the daemons stay out of it: they are not our children
wait
for daemon in sshfs bindfs; do
	ktap_test_result "$daemon, not bound: the mix runs" ran $daemon plain
	ktap_test_result "$daemon, bound: the same" same $daemon bound
	ktap_test_result "$daemon, bound with a validity of an hour: the same" same $daemon ttl
	ktap_test_result "$daemon, bound with a validity of an hour: answered in the kernel" \
		answered $daemon ttl
done
ktap_finished
