#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# disgrafs warm, where it is worth most: the lower file system is far, each of its
# answers about names and attributes takes a millisecond. Opening and reading the files
# of a tag one after the other is ten times faster afterwards.
#
# The far file system is bindfs bound to the policy "slow". $FILES: how many files; of
# thousands, $SLOWER (50) is how many times as long to wait for their index.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

FILES=${FILES:-100}
real=$dir/real
maps=/sys/fs/bpf/extfuse
LOOKUP=1 GETATTR=3 OPEN=14 GETXATTR=22 LISTXATTR=23 OPENDIR=27 READDIR=28 READDIRPLUS=44

# Of 3 KiB each; every other one has the tag.
tree()
{
	mkdir -p "$real/d" && python3 - "$real/d" "$FILES" <<-'END'
		import os, sys
		for i in range(2 * int(sys.argv[2])):
		    path = f"{sys.argv[1]}/{i:06}"
		    with open(path, "w") as f:
		        f.write(f"text {i:06}\n" * 256)
		    if i % 2 == 0:
		        os.setxattr(path, "user.xdg.tags", b"wanted")
	END
}

# bytes NUMBER SIZE: little endian, for bpftool.
bytes()
{
	local i n=$1

	for ((i = 0; i < $2; i++)); do
		echo $((n >> 8 * i & 255))
	done
}

# delay NS: of each answer about metadata
delay()
{
	local opcode

	for opcode in $LOOKUP $GETATTR $OPEN $GETXATTR $LISTXATTR $OPENDIR $READDIR $READDIRPLUS; do
		# shellcheck disable=SC2046
		bpftool map update pinned $maps/slow-maps/delays key $(bytes "$opcode" 4) \
			value $(bytes "$1" 8) || return
	done
}

# Nothing of it known to the kernel. Nobody else changes it, so it may keep what it knows.
far()
{
	mkdir -p "$low" &&
		bindfs --multithreaded -o attr_timeout=86400,entry_timeout=86400 "$real" "$low" &&
		extfusectl bind "$low" slow && echo 3 >/proc/sys/vm/drop_caches
}

# near [OPTION...]: served anew, with nothing known.
near()
{
	leave && umount "$low" && far && delay 0 && serve "$@" && delay 1000000
}

# Milliseconds for opening and reading all files of the tag in order, in $took.
read_all()
{
	took=$(python3 - "$mnt/d" "$FILES" <<-'END'
		import sys, time
		start = time.monotonic()
		for i in range(0, 2 * int(sys.argv[2]), 2):
		    with open(f"{sys.argv[1]}/{i:06}") as f:
		        if f.read() != f"text {i:06}\n" * 256:
		            sys.exit(f"{i:06} is not as it was written")
		print(max(1, round((time.monotonic() - start) * 1000)))
	END
	)
}

ten_times_faster()
{
	local cold ahead warming

	near && read_all && ahead=$took && near --prefetch 0 && read_all && cold=$took &&
		near --prefetch 0 || return
	warming=$(date +%s%N)
	disgrafs warm -C "$mnt" wanted || return
	warming=$((($(date +%s%N) - warming) / 1000000))
	read_all || return
	ktap_print_msg "$FILES files: $cold ms cold, $took ms after $warming ms of warming," \
		"$ahead ms cold with prefetching"
	[ $((cold / took)) -ge 10 ]
}

ktap_print_header
if ! modinfo extfuse >/dev/null 2>&1 || ! command -v bindfs >/dev/null; then
	ktap_skip_all "needs the extfuse module and bindfs"
	exit "$KSFT_SKIP"
fi
modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
ktap_set_plan 1

leave_far()
{
	umount -l "$low" 2>/dev/null
	cleanup
	extfusectl policy unload slow 2>/dev/null
}
trap leave_far EXIT

tree && extfusectl policy load slow && far && serve ||
	ktap_exit_fail_msg "the far file system is not served"
disgrafs reindex "$low" >/dev/null || ktap_exit_fail_msg "disgrafs reindex failed"
check "reading the files of a tag is 10 times faster after warming" ten_times_faster
leave
ktap_finished
