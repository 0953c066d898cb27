#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Mounting as people mount: mount(8), fstab, and what cannot be mounted.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3

type=fuse.disgrafs

# fstab LINE...: is /etc/fstab from now on; "LOWER" and "MOUNT" are ours.
fstab()
{
	printf '%s\n' "$@" | sed "s|LOWER|$low|; s|MOUNT|$mnt|" >"$dir/fstab"
	mountpoint -q /etc/fstab || { touch -a /etc/fstab && mount --bind "$dir/fstab" /etc/fstab; }
}

options_now()
{
	findmnt -n -o "${1:-OPTIONS}" -M "$mnt"
}

mounts()
{
	grep -c " $mnt $type " /proc/mounts
}

daemon_pid()
{
	pgrep -f "mount.fuse.disgrafs $low $mnt "
}

# gone PID: ends by itself.
gone()
{
	for _ in {1..100}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# refuses STATUS WHAT COMMAND...: with that sentence, and nothing mounted.
refuses()
{
	local wanted_status=$1 wanted=$2 status before

	shift 2
	before=$(mounts)
	"$@" >"$dir/out" 2>&1
	status=$?
	if [ $status != "$wanted_status" ] || ! grep -qxF "disgrafsd: $wanted" "$dir/out" ||
			[ "$(mounts)" != "$before" ]; then
		ktap_print_msg "$*: $status, '$(cat "$dir/out")', not $wanted_status, '$wanted'"
		return 1
	fi
}

# --- tests; each starts with nothing mounted and an empty LOWER ---

mounts_ready()
{
	local pid

	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 || return
	# Nothing is waited for.
	echo there >"$mnt/f" && disgrafs tag "$mnt/f" now && [ -L "$mnt/.graph/tags/now/f" ] || return
	is "$low" options_now SOURCE && is $type options_now FSTYPE || return
	pid=$(daemon_pid) && is disgrafsd cat "/proc/$pid/comm" || return
	umount "$mnt" && gone "$pid"
}

takes_options()
{
	mount -t $type "$low" "$mnt" -o nomodule,ttl=0,threads=2,policy=mdcache,sharegraph,noatime >"$dir/out" 2>&1 || return
	[[ $(options_now) = *noatime* ]] && is 555 stat -c %a "$mnt/.graph" || return
	touch "$low/f" && is 0 stat -c %s "$mnt/f" && echo 1234 >"$low/f" && is 5 stat -c %s "$mnt/f" || return
	umount "$mnt" && mount -t $type "$low" "$mnt" -o nomodule,ro >"$dir/out" 2>&1 || return
	is 500 stat -c %a "$mnt/.graph" && ! touch "$mnt/g" 2>/dev/null
}

set_ids()
{
	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 || return
	[[ $(options_now) != *nosuid* && $(options_now) != *nodev* ]] && umount "$mnt" || return
	mount -t $type "$low" "$mnt" -o nomodule,nosuid,nodev >"$dir/out" 2>&1 || return
	[[ $(options_now) = *nosuid*nodev* ]]
}

by_fstab()
{
	fstab "LOWER MOUNT $type nomodule,noauto,_netdev,nofail,x-systemd.automount,comment=c,ttl=5 0 0"
	mount -a >"$dir/out" 2>&1 && is 0 mounts && mount "$mnt" >"$dir/out" 2>&1 && is 1 mounts || return
	touch "$mnt/f" && umount "$mnt" && is 0 mounts || return
	fstab "LOWER MOUNT $type nomodule,defaults 0 0"
	mount -a >"$dir/out" 2>&1 && is 1 mounts && touch "$mnt/g" && mount -a >"$dir/out" 2>&1 && is 1 mounts || return
	# At once: the daemon before may not have ended.
	umount "$mnt" && mount "$mnt" >"$dir/out" 2>&1 && [ -e "$mnt/g" ] || return
	is 1 mounts && umount "$mnt"
}

by_user()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --"

	chmod 755 "$dir" && chmod 666 /dev/fuse && chown $nobody "$low" "$mnt" || return
	fstab "LOWER MOUNT $type nomodule,noauto,user 0 0"
	$as mount "$mnt" >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; return 1; }
	$as sh -c 'echo x >"$0/f" && disgrafs tag "$0/f" t && disgrafs find -C "$0" t' "$mnt" >"$dir/out" 2>&1 &&
		[[ $(options_now) = *nosuid*nodev*noexec* ]] && is $nobody stat -c %u "$low/f" && $as umount "$mnt" &&
		is 0 mounts
}

errors()
{
	touch "$dir/file" && mkdir -p "$low/in" "$dir/other" || return
	refuses 32 "$dir/none: No such file or directory" mount -t $type "$dir/none" "$mnt" &&
	refuses 32 "$dir/file: not a directory" mount -t $type "$dir/file" "$mnt" &&
	refuses 32 "$low/in: inside the mount point $low" mount -t $type "$low/in" "$low" &&
	refuses 32 "$low/in: inside the lower directory $low" mount -t $type "$low" "$low/in" &&
	refuses 1 "ttl=x: not a number of seconds" mount -t $type "$low" "$mnt" -o ttl=x &&
	refuses 1 "threads=0: not a number from 1 to 100000" mount -t $type "$low" "$mnt" -o threads=0 &&
	refuses 1 "policy=a/b: not the name of a policy" mount -t $type "$low" "$mnt" -o policy=a/b || return
	mount -t $type "$low" "$mnt" -o nomodule,nosuchoption >"$dir/out" 2>&1
	[ $? = 32 ] && grep -q nosuchoption "$dir/out" && is 0 mounts || return
	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 || return
	refuses 32 "$low: already served by another disgrafsd" mount -t $type "$low" "$dir/other" &&
	refuses 32 "$low: already served by another disgrafsd" mount -t $type "$low" "$mnt" &&
	refuses 32 "$mnt: is a mount of disgrafsd already" mount -t $type "$mnt" "$dir/other" &&
	refuses 1 "$low: already served by another disgrafsd" disgrafsd "$low" "$dir/other" &&
	refuses 1 "remount: not possible; unmount it and mount it again" mount -o remount,ro "$mnt" || return
	touch "$mnt/still"
}

over_itself()
{
	touch "$low/f" && mount -t $type "$low" "$low" -o nomodule >"$dir/out" 2>&1 || return
	disgrafs tag "$low/f" t && [ -L "$low/.graph/tags/t/f" ] &&
		refuses 32 "$low: is a mount of disgrafsd already" mount -t $type "$low" "$low" &&
		umount "$low" && ! mountpoint -q "$low" && [ -d "$low/.disgrafs" ]
}

fake_and_verbose()
{
	mount -f -t $type "$low" "$mnt" -o index=postgresql://none/ >"$dir/out" 2>&1 && is 0 mounts &&
		is "" ls -A "$low" || return
	refuses 32 "$dir/none: No such file or directory" mount -f -t $type "$dir/none" "$mnt" || return
	mount -v -n -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 && is 1 mounts
}

# The daemon, and so all it made, is in the namespace alone.
other_namespace()
{
	local pid status

	unshare --mount --propagation private sleep 1000 &
	pid=$!
	sleep 0.5
	mount -N $pid -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 && is 0 mounts &&
		nsenter -t $pid -m sh -c 'touch "$0/f" && umount "$0"' "$mnt" && [ -e "$low/f" ]
	status=$?
	kill $pid
	wait $pid 2>/dev/null
	return $status
}

# What is served cannot be written to.
read_only()
{
	local status pid

	mount --bind "$low" "$low" && mount -o remount,bind,ro "$low" || return
	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 &&
		is here cat "$mnt/f" && ! touch "$mnt/g" 2>/dev/null && pid=$(daemon_pid) && umount "$mnt" &&
		gone "$pid"
	status=$?
	umount "$low"
	return $status
}

read_only_lower()
{
	echo here >"$low/f" && read_only && [ ! -e "$low/.disgrafs" ] || return
	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 && umount "$mnt" && [ -d "$low/.disgrafs" ] || return
	read_only
}

# What others have put there is not read, and not waited for.
others_index()
{
	mkdir "$low/.disgrafs" && mkfifo "$low/.disgrafs/database" && chown $nobody "$low/.disgrafs" || return
	timeout 20 mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 && umount "$mnt" || return
	chown 0 "$low/.disgrafs" && timeout 20 mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1
}

after_kill()
{
	local pid

	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 || return
	pid=$(daemon_pid) && kill -9 "$pid" && gone "$pid" && umount "$mnt" || return
	! ls "$low/.disgrafs" | grep -v '^index.db' || return
	mount -t $type "$low" "$mnt" -o nomodule >"$dir/out" 2>&1 && touch "$mnt/f"
}

tests=(
	"mount -t: ready when it returns: mounts_ready"
	"the daemon's options as mount options: takes_options"
	"set-ID bits and devices count unless told otherwise: set_ids"
	"fstab: mount, mount -a, umount: by_fstab"
	"fstab: a user mounts and unmounts: by_user"
	"what cannot be mounted is said, with mount's status: errors"
	"over LOWER itself, once: over_itself"
	"mount -f, -v, -n: fake_and_verbose"
	"mount -N: other_namespace"
	"a lower directory that is read-only: read_only_lower"
	"a .disgrafs of others: others_index"
	"kill -9 leaves no lock: after_kill"
)

mount_cleanup()
{
	! mountpoint -q /etc/fstab || umount /etc/fstab
	while mountpoint -q "$mnt" && umount -l "$mnt"; do :; done
	while mountpoint -q "$low" && umount -l "$low"; do :; done
	cleanup
}
trap mount_cleanup EXIT

ktap_print_header
ktap_set_plan ${#tests[@]}
for t in "${tests[@]}"; do
	check "${t%: *}" "${t##*: }"
	! mountpoint -q "$mnt" || umount "$mnt"
	! mountpoint -q "$low" || umount "$low"
	! mountpoint -q /etc/fstab || umount /etc/fstab
	rm -rf "$low" && mkdir "$low"
done
ktap_finished
