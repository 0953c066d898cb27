#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tracepoints with the tools that people have: perf records all five kinds of
# event, with their fields; bpftrace counts by opcode. Both agree with the module's own
# statistics.
#
# perf, bpftrace, extfusectl, bindfs and python3 on PATH, the module where modprobe
# finds it, tracefs on /sys/kernel/tracing, root.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

tracing=/sys/kernel/tracing
dir=
mnt=

cleanup()
{
	trap - EXIT
	umount -l "$mnt" 2>/dev/null
	for policy in mdcache ob-wrong; do
		extfusectl policy unload $policy
	done 2>/dev/null
	rm -rf --one-file-system "$dir"
}

# counted KIND: GETATTRs by the module's own statistics.
counted()
{
	extfusectl stats "$mnt" --json | python3 -c "
import json, sys
print(sum(o['$1'] for c in json.load(sys.stdin) for o in c['ops'] if o['name'] == 'GETATTR'))"
}

# What makes all five kinds of event; run by the tools, which follow it. Leaves in
# $dir/answered how many GETATTRs mdcache had answered.
everything()
{
	calls 20 'os.stat(m + "/file")'
	calls 3 'os.listdir(m)'
	counted answered >"$dir/answered"
	extfusectl bind "$mnt" ob-wrong --replace && calls 3 'os.stat(m)' &&
		extfusectl unbind "$mnt" && extfusectl bind "$mnt" mdcache --ttl 60
}

begin()
{
	bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$dir/low" "$mnt" &&
		within 20 stat "$mnt/file" >/dev/null && extfusectl bind "$mnt" mdcache --ttl 60
}

leave()
{
	umount "$mnt"
}

# recorded PATTERN: an extended regular expression.
recorded()
{
	grep -Eq "$1" "$dir/script" && return
	sed -n '1,10s/^/# /p' "$dir/script"
	no "perf recorded no $1"
}

perf_records()
{
	begin || return
	perf record -q -o "$dir/perf.data" -e 'extfuse:*' -a -- "$here/tools.sh" everything "$dir" \
		>"$dir/errors" 2>&1 || no "perf record: $(tail -n 3 "$dir/errors")" || return
	perf script -i "$dir/perf.data" >"$dir/script" 2>"$dir/errors" ||
		no "perf script: $(tail -n 3 "$dir/errors")" || return
	recorded 'extfuse:extfuse_answered: conn=[0-9]+ dev=0:[0-9]+ opcode=3 .*policy=mdcache error=0' &&
		recorded 'extfuse:extfuse_passed: conn=[0-9]+ dev=0:[0-9]+ opcode=27 ' &&
		recorded 'extfuse:extfuse_bound: conn=[0-9]+ dev=0:[0-9]+ policy=ob-wrong reason=replace' &&
		recorded 'extfuse:extfuse_unbound: conn=[0-9]+ .*policy=ob-wrong reason=unbind' &&
		recorded 'extfuse:extfuse_policy_bug: conn=[0-9]+ .*opcode=3 .*policy=ob-wrong in_a_row=3' ||
		return
	[ "$(grep -c 'extfuse_answered: .* opcode=3 .*policy=mdcache' "$dir/script")" = \
		"$(cat "$dir/answered")" ] ||
		no "perf has $(grep -c 'extfuse_answered: .* opcode=3 ' "$dir/script")," \
			"$(cat "$dir/answered") are counted" || return
	leave
}

perf_counts()
{
	begin || return
	perf stat -x, -e extfuse:extfuse_answered -a -- python3 -c "
import os, sys
for i in range(100):
    os.stat(sys.argv[1])" "$mnt" 2>"$dir/stat" || no "$(cat "$dir/stat")" || return
	[ "$(sed -n 's/,.*extfuse_answered.*//p' "$dir/stat")" -ge 99 ] ||
		no "perf stat says $(cat "$dir/stat")" || return
	leave
}

# bpftrace's map of that name and KEY.
bpftrace_has()
{
	sed -n "s/^@$1: //p" "$dir/bpftrace"
}

bpftrace_counts()
{
	begin || return
	bpftrace -c "/bin/bash $here/tools.sh everything $dir" -e '
		tracepoint:extfuse:extfuse_answered { @answered[args.opcode] = count(); }
		tracepoint:extfuse:extfuse_passed { @passed[args.opcode] = count(); }
		tracepoint:extfuse:extfuse_bound { @bound = count(); @got[str(args.policy)] = count(); }
		tracepoint:extfuse:extfuse_unbound { @unbound = count(); }
		tracepoint:extfuse:extfuse_policy_bug { @bug = max(args.in_a_row); }
		tracepoint:sched:sched_process_exec { @ran[str(args.filename)] = count(); }' \
		>"$dir/bpftrace" 2>&1 || no "bpftrace: $(tail -n 3 "$dir/bpftrace")" || return
	[ "$(bpftrace_has 'answered\[3\]')" = "$(cat "$dir/answered")" ] &&
		[ "$(bpftrace_has 'passed\[27\]')" -ge 3 ] && [ "$(bpftrace_has bound)" = 2 ] &&
		[ "$(bpftrace_has unbound)" = 2 ] && [ "$(bpftrace_has bug)" = 3 ] ||
		no "$(cat "$dir/answered") counted, bpftrace says $(tr '\n' ' ' <"$dir/bpftrace")" ||
		return
	leave
}

# Of the same run. bpftrace 0.23.2 reads strings of no tracepoint.
bpftrace_strings()
{
	grep -q '^@ran' "$dir/bpftrace" || return
	grep -Eq '^@ran\[.*(bash|tools.sh|python|extfusectl)' "$dir/bpftrace" ||
		return "$KSFT_SKIP"
	[ "$(bpftrace_has 'got\[ob-wrong\]')" = 1 ] && [ "$(bpftrace_has 'got\[mdcache\]')" = 1 ] ||
		no "bpftrace says $(tr '\n' ' ' <"$dir/bpftrace")"
}

# check NAME TOOL COMMAND
check()
{
	local result=0

	if ! command -v "$2" >/dev/null; then
		ktap_test_skip "$1: no $2"
		return
	fi
	"$3" || result=$?
	case $result in
	0) ktap_test_pass "$1"; return ;;
	"$KSFT_SKIP") ktap_test_skip "$1: this $2 cannot"; return ;;
	esac
	ktap_test_fail "$1"
	umount -l "$mnt" 2>/dev/null
}

if [ "$1" = everything ]; then
	dir=$2
	mnt=$dir/mnt
	everything
	exit
fi

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
for program in extfusectl bindfs python3; do
	if ! command -v $program >/dev/null; then
		ktap_skip_all "needs $program"
		exit "$KSFT_SKIP"
	fi
done
if ! modprobe extfuse 2>/dev/null; then
	ktap_skip_all "needs the extfuse module"
	exit "$KSFT_SKIP"
fi
ktap_set_plan "$(grep -c '^check "' "$0")"
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
dir=$(mktemp -d /tmp/observe.XXXXXX)
mnt=$dir/mnt
mkdir "$dir/low" "$mnt"
echo content >"$dir/low/file"
trap cleanup EXIT
extfusectl policy load mdcache && extfusectl policy load "$here/ob_wrong.bpf.o" ||
	ktap_exit_fail_msg "no policies"

check "perf record: each kind of event, and as many as are counted" perf perf_records
check "perf stat: as many as there are" perf perf_counts
check "bpftrace: counts by opcode, and of policies that come and go" bpftrace bpftrace_counts
check "bpftrace: names of policies" bpftrace bpftrace_strings
ktap_finished
