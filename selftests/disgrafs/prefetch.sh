#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Files that are opened one after the other: those that come next are looked at before, and
# it is counted how many of these are opened then.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

ahead=5

tree()
{
	local i

	mkdir -p "$low/d" "$low/e/f" && for ((i = 100; i < 140; i++)); do
		echo "text $i" >"$low/d/$i" && echo "text $i" >"$low/e/f/$i" || return
	done
	setfattr -n user.xdg.tags -v wanted "$low"/e/f/* && disgrafs reindex "$low"
}

# counts WARMED OPENED
counts()
{
	soon "$1 $2" eval 'disgrafs stats --json "$mnt" | python3 -c "import json, sys
stats = json.load(sys.stdin); print(stats[\"warmed\"], stats[\"opened\"])"'
}

# hit_rate WARMED OPENED: is what follows from these.
hit_rate()
{
	is "hit rate     $(printf %.1f%% "$((1000 * $2 / $1))e-1")" sh -c 'disgrafs stats "$0" | tail -n 1' "$mnt" &&
		disgrafs stats --json "$mnt" | python3 -c "import json, sys
assert abs(json.load(sys.stdin)['hit_rate'] - 100 * $2 / $1) < 1e-9"
}

# read_files DIRECTORY FILE...
read_files()
{
	local at=$1 i

	shift
	for i in "$@"; do
		is "text $i" cat "$at/$i" || return
	done
}

# in_a_row DIRECTORY STEP: the third open says so, and each one after that is of a file that
# was looked at, once there was the time for it.
in_a_row()
{
	local at=$1 step=$2 i

	read_files "$at" 100 $((100 + step)) && counts 0 0 &&
		read_files "$at" $((100 + 2 * step)) && counts $ahead 0 || return
	for i in 1 2 3 4 5; do
		read_files "$at" $((100 + (2 + i) * step)) && counts $((ahead + i * step)) $i || return
	done
	hit_rate $((ahead + 5 * step)) 5
}

by_name()
{
	in_a_row "$mnt/d" 1 && read_files "$mnt/d" 139 && counts $((ahead + 5)) 5
}

every_other()
{
	again --prefetch $ahead && in_a_row "$mnt/d" 2
}

as_listed()
{
	local files

	again --prefetch $ahead && mapfile -t files < <(ls -U "$mnt/e/f") && [ "${files[*]}" != "$(ls "$mnt/e/f" | paste -sd' ')" ] &&
		for i in 0 1 2; do cat "$mnt/e/f/${files[i]}" >/dev/null; done && counts $ahead 0 &&
		cat "$mnt/e/f/${files[3]}" >/dev/null && counts $((ahead + 1)) 1
}

by_tag()
{
	again --prefetch $ahead && ls "$mnt/.graph/tags/wanted" >/dev/null && in_a_row "$mnt/.graph/tags/wanted" 1
}

# Against the order of the directory, and the names now after and now before the middle.
in_no_order()
{
	local files i

	again --prefetch $ahead && ! disgrafs stats "$mnt" | grep -q "hit rate" && mapfile -t files < <(ls -U "$mnt/d" | tac |
		awk '($1 >= 120) != late { late = !late; print }') || return
	for i in "${files[@]}"; do
		cat "$mnt/d/$i" >/dev/null || return
	done
	[ ${#files[@]} -ge 3 ] && sleep 0.5 && counts 0 0
}

# Once a directory has become a symbolic link: what comes next is not where it leads.
leads_out()
{
	again --prefetch $ahead && mkdir -p "$dir/out" && cp "$low"/d/* "$dir/out" &&
		read_files "$mnt/d" 100 101 102 && counts $ahead 0 && mv "$mnt/d" "$mnt/moved" &&
		ln -s "$dir/out" "$mnt/d" && python3 - "$mnt/moved" "$dir/out" <<-'END' || return
		import ctypes, os, sys, time
		IN_OPEN = 0x20
		libc = ctypes.CDLL(None)
		fd = libc.inotify_init1(os.O_NONBLOCK)
		if libc.inotify_add_watch(fd, sys.argv[2].encode(), IN_OPEN) < 0:
		    sys.exit("inotify_add_watch failed")
		for i in range(103, 108):
		    with open(f"{sys.argv[1]}/{i}") as f:
		        f.read()
		time.sleep(0.5)
		try:
		    sys.exit(f"opened: {os.read(fd, 65536)}")
		except BlockingIOError:
		    pass
	END
	counts $ahead 5 && rm "$mnt/d" && mv "$mnt/moved" "$mnt/d"
}

# Unmounting does not find those busy who look ahead, nor killing.
ends()
{
	local i

	for i in 1 2 3 4 5; do
		serve $options --prefetch 40 && cat "$mnt"/d/* >/dev/null && umount "$mnt" && wait $daemon || return
	done
	serve $options --prefetch 40 && cat "$mnt"/d/* >/dev/null && kill -9 $daemon
	wait $daemon 2>/dev/null
	daemon=
	umount "$mnt" && soon "" pgrep -P 1 -x disgrafsd-ahead
}

# Whoever reads what a daemon prints while it starts waits no longer.
lets_go()
{
	local status

	# shellcheck disable=SC2016,SC2086
	timeout $((20 * ${SLOWER:-1})) sh -c 'disgrafsd "$@" | cat' sh $extract $options --prefetch $ahead "$low" "$mnt"
	status=$?
	umount "$mnt" && soon "" pgrep -x disgrafsd && return $status
}

off()
{
	serve $options --prefetch 0 && read_files "$mnt/d" 100 101 102 103 104 &&
		! disgrafs stats "$mnt" | grep -q warmed
}

run_variant()
{
	tree && serve $options --prefetch $ahead || return
	check "$variant: in the order of names" by_name
	check "$variant: every other file" every_other
	check "$variant: in the order of the directory" as_listed
	check "$variant: through links of a tag" by_tag
	check "$variant: in no order" in_no_order
	check "$variant: where a directory has become a link" leads_out
	leave || return
	check "$variant: nobody is in the way at the end" ends
	check "$variant: nobody keeps the standard output" lets_go
	check "$variant: turned off" off
	leave
	rm -rf "$low"
}

ktap_print_header
ktap_set_plan $((9 * ${#variants[@]}))
for v in "${variants[@]}"; do
	# a policy keeps nothing that is valid for no time where LOWER is far
	read -r variant options <<<"${v/--ttl 0} --far"
	run_variant || ktap_exit_fail_msg "$variant: disgrafsd does not serve"
done
ktap_finished
