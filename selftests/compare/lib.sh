# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Daemons of other people's, as they are, each over a directory of its own. Sourced.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

given=${SEED-}
policy=${POLICY:-mdcache}
dir=
loaded=

# begin PLAN: what every test needs, and a directory to do it in.
begin()
{
	ktap_print_header
	if [ "$(id -u)" != 0 ]; then
		ktap_skip_all "needs root"
		exit "$KSFT_SKIP"
	fi
	if ! modprobe extfuse 2>/dev/null && [ ! -d /sys/module/extfuse ] ||
		! command -v extfusectl >/dev/null; then
		ktap_skip_all "needs the extfuse module and extfusectl"
		exit "$KSFT_SKIP"
	fi
	ktap_set_plan "$1"
	dir=$(mktemp -d -p "${SCRATCH:-/var/tmp}") || exit "$KSFT_FAIL"
	# for users who are not root, too
	chmod 755 "$dir"
	trap cleanup EXIT
	if ! extfusectl policy list --json | grep -q "\"$policy\""; then
		extfusectl policy load "${POLICY_FILE:-$policy}" || ktap_exit_fail_msg "no policy"
		loaded=1
	fi
}

# Whatever is mounted below $dir, mounts over mounts first.
unmount_all()
{
	local at

	while read -r _ at _; do
		[[ $at != "$dir"/* ]] || echo "$at"
	done </proc/mounts | tac | while read -r at; do
		umount "$at" 2>/dev/null || umount -l "$at"
	done
	# Does not always end: its threads may wait for each other. While it has /dev/fuse
	# open, there is the connection, and the binding.
	sleep 0.2
	pkill -KILL -f "^mergerfs .* $dir/"
}

cleanup()
{
	trap - EXIT
	unmount_all
	[ -z "$loaded" ] || extfusectl policy unload "$policy"
	rm -rf --one-file-system "$dir"
}

# --- daemons: start_DAEMON LOWER MOUNT ---
#
# One thread where there is a choice: RELEASE, which nobody waits for, is then carried
# out before what follows. Else a file that was just closed may still be open to the
# daemon when its name is removed, and be hidden rather than gone.
#
# $validity: seconds that the kernel may keep what it is told, 1 as these daemons have it,
# or 0, where all questions come to the policy.
validity=1
single=-s

# Its own caches are off: their age is no part of the comparison. Nor is SSH: the server is
# at the other end of a pipe, which takes a third of the time.
start_sshfs()
{
	printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >"$dir/sftp" && chmod +x "$dir/sftp" &&
		sshfs $single -o ssh_command="$dir/sftp" \
		-o "dir_cache=no,allow_other,attr_timeout=$validity,entry_timeout=$validity" \
		"localhost:$1" "$2"
}

start_bindfs()
{
	local threads=--multithreaded

	bindfs "${single:-$threads}" -o "attr_timeout=$validity,entry_timeout=$validity" "$1" "$2"
}

start_mergerfs()
{
	mergerfs -o "allow_other,minfreespace=0,cache.statfs=0${single:+,threads=1}" \
		-o "cache.attr=$validity,cache.entry=$validity" "$1" "$2"
}

start_passthrough_ll()
{
	"$here/passthrough_ll" $single -o "source=$1,xattr,timeout=$validity" \
		-o allow_other,default_permissions "$2"
}

start_gocryptfs()
{
	echo secret >"$dir/secret"
	[ -f "$1/gocryptfs.conf" ] ||
		gocryptfs -q -init -scryptn 10 -xchacha -passfile "$dir/secret" "$1" || return
	gocryptfs -q -nosyslog -allow_other -passfile "$dir/secret" "$1" "$2" >/dev/null 2>&1
}

# serve DAEMON NAME [BIND OPTION...]: the daemon shows $dir/NAME.lower, a file system of
# its own, at $dir/NAME, bound if there are options ("--" for none).
serve()
{
	local daemon=$1 lower=$dir/$2.lower at=$dir/$2

	shift 2
	mkdir -p "$lower" "$at" && mount -t tmpfs -o size=64m,noatime tmpfs "$lower" &&
		"start_$daemon" "$lower" "$at" && within 20 mountpoint -q "$at" &&
		stat "$at" >/dev/null || return
	[ $# = 0 ] || bind_at "$at" "$@"
}

bind_at()
{
	local at=$1

	shift
	[ "$1" != -- ] || shift
	extfusectl bind "$at" "$policy" "$@"
}

# kind DAEMON: see compare and race, -k.
kind()
{
	case $1 in
	passthrough_ll) echo sblciu ;;
	bindfs) echo psblciu ;;
	# writes as whoever asked last, of those that it heard of
	mergerfs) echo pasblcu ;;
	# SFTP has neither number of links nor ctime, which is mtime
	sshfs) echo pfsiu ;;
	# makes files as the caller, and what others ask meanwhile, too
	gocryptfs) echo lci ;;
	esac
}

# lower DAEMON NAME: the directory below the mount, if its names are those of the mount.
lower()
{
	case $1 in
	gocryptfs) ;;
	*) echo "$dir/$2.lower" ;;
	esac
}

# truth DAEMON NAME: a directory where what the mount should show is seen without a
# cache. What cannot be read without the daemon, one more of it shows.
truth()
{
	local at=$dir/$2.truth

	lower "$@" | grep . && return
	mkdir -p "$at" && validity=0 "start_$1" "$dir/$2.lower" "$at" &&
		within 20 mountpoint -q "$at" && echo "$at"
}

# requests MOUNT...: answered in the kernel, and passed on
requests()
{
	local at

	for at in "$@"; do
		extfusectl stats "$at" --json | python3 -c 'import json, sys
ops = json.load(sys.stdin)[0]["ops"]
print(sum(o["answered"] for o in ops), "of", sum(o["answered"] + o["passed"] for o in ops),
      "requests answered in the kernel")'
	done
}
