#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What one can see of the module at work, and what it does about a policy that
# misbehaves.
#
# extfusectl, bindfs, python3, setpriv and unshare on PATH, the module where
# modprobe finds it, tracefs on /sys/kernel/tracing, root.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

tracing=/sys/kernel/tracing
limit=/sys/module/extfuse/parameters/fault_limit
nobody=65534
dir=
mnt=
load=
declare -a listeners

# --- doing ---

# Nothing is kept by the kernel: each call is a request.
serve()
{
	bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$dir/low" "$mnt" &&
		within 20 stat "$mnt/file" >/dev/null
}

leave()
{
	umount "$mnt" && within 20 unbound
}

unbound()
{
	[ -z "$(extfusectl list)" ]
}

# load EXPRESSION: that without end, and wait until it is at it.
load()
{
	local before

	before=$(getattrs)
	python3 -c "
import os, sys
m = sys.argv[1]
while True:
    $1" "$mnt" &
	load=$!
	within 60 grown "$before"
}

unload()
{
	kill -KILL "$load"
	wait "$load" 2>/dev/null
	load=
}

# How many requests for attributes there were.
getattrs()
{
	extfusectl stats --json | python3 -c '
import json, sys
print(sum(o["answered"] + o["passed"] for c in json.load(sys.stdin) for o in c["ops"]
	if o["name"] == "GETATTR"))'
}

grown()
{
	[ "$(getattrs)" -gt "$1" ]
}

# is EXPRESSION COMMAND...: of the command's JSON, j, the Python expression is true.
is()
{
	local expression=$1

	shift
	"$@" >"$dir/json" || no "$* failed" || return
	python3 -c "
import json, sys
j = json.load(open(sys.argv[1]))
sys.exit(not ($expression))" "$dir/json" && return
	no "$* printed $(head -c 2000 "$dir/json"), expected $expression"
}

policy_is()
{
	[ "$(extfusectl list --json | python3 -c '
import json, sys
print(*[c["policy"] for c in json.load(sys.stdin)])')" = "$1" ]
}

# trace_on EVENT...: these, in a buffer of their own.
trace_on()
{
	local event

	mkdir -p $tracing/instances/extfuse-test || return
	echo >$tracing/instances/extfuse-test/trace
	for event; do
		echo 1 >"$tracing/instances/extfuse-test/events/extfuse/$event/enable" || return
	done
}

# trace_off: they are in $dir/trace afterwards.
trace_off()
{
	echo 0 >$tracing/instances/extfuse-test/events/enable
	grep -v '^#' $tracing/instances/extfuse-test/trace >"$dir/trace"
	rmdir $tracing/instances/extfuse-test
}

# traced PATTERN: an extended regular expression.
traced()
{
	grep -Eq "$1" "$dir/trace" && return
	sed -n '1,20s/^/# /p' "$dir/trace"
	no "not in the trace: $1"
}

# listen FILE COMMAND...: a monitor that is at it when this returns. As nobody may hear
# it, that is seen by what it sleeps on.
listen()
{
	local file=$1

	shift
	"$@" >"$file" 2>"$file.err" &
	listeners+=($!)
	within 20 polls || no "$* does not listen: $(cat "$file.err")"
}

polls()
{
	[[ $(cat "/proc/${listeners[-1]}/wchan") == *poll* ]]
}

# ended PID: that listener, with success.
ended()
{
	within 20 gone "$1" || no "the monitor goes on" || return
	wait "$1" || no "the monitor ended with $?"
}

gone()
{
	! kill -0 "$1" 2>/dev/null || [[ $(cat "/proc/$1/stat" 2>/dev/null) == *") Z "* ]]
}

# heard FILE EXPRESSION: of the events, e, in order, the Python expression becomes true.
heard()
{
	within 20 heard_now "$1" "$2" && return
	sed 's/^/# /' "$1"
	no "expected: $2"
}

heard_now()
{
	python3 -c "
import json, sys
e = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not ($2))" "$1"
}

cleanup()
{
	trap - EXIT
	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	[ ! -e $limit ] || echo 1000 >$limit
	rmdir $tracing/instances/extfuse-test 2>/dev/null
	umount -l "$mnt" 2>/dev/null
	for policy in mdcache ob-wrong lc-hostile; do
		extfusectl policy unload $policy
	done 2>/dev/null
	rm -rf --one-file-system "$dir"
}

# --- tracepoints ---

traces_requests()
{
	local conn

	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	conn="conn=[0-9]+ dev=$(stat -c %Hd:%Ld "$mnt")"
	trace_on extfuse_answered extfuse_passed || return
	stat "$mnt/file" "$mnt/file" "$mnt/absent" >/dev/null 2>&1
	stat "$mnt/absent" >/dev/null 2>&1
	cat "$mnt/file" >/dev/null
	ls "$mnt" >/dev/null
	trace_off
	traced "passed: $conn opcode=1 \(LOOKUP\) nodeid=1 policy=mdcache reason=policy" &&
		traced "answered: $conn opcode=3 \(GETATTR\) nodeid=[0-9]+ policy=mdcache error=0" &&
		traced "extfuse_answered: .* opcode=1 \(LOOKUP\) nodeid=1 policy=mdcache error=0" &&
		traced "extfuse_passed: .* opcode=18 \(RELEASE\) .* background" &&
		traced "extfuse_passed: .* opcode=27 \(OPENDIR\) " && leave
}

# As many as are counted.
traces_all()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	trace_on extfuse_answered extfuse_passed || return
	calls 20 'os.stat(m + "/file"); os.listdir(m)'
	trace_off
	is "all(o['$1'] == int(n) for c in j for o in c['ops'] if o['name'] == 'GETATTR'
		for n in '$(grep -c "extfuse_$1: .*(GETATTR)" "$dir/trace")'.split())" \
		extfusectl stats "$mnt" --json && leave
}

traces_answered_and_passed()
{
	traces_all answered && traces_all passed
}

# What filters and tools go by.
traces_fields()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	mkdir -p $tracing/instances/extfuse-test &&
		echo 'opcode == 3 && policy == "mdcache" && error == 0' \
			>$tracing/instances/extfuse-test/events/extfuse/extfuse_answered/filter &&
		trace_on extfuse_answered || return
	calls 5 'os.stat(m + "/file")'
	trace_off
	traced "GETATTR" && ! grep -q LOOKUP "$dir/trace" || no "the filter lets LOOKUP through" ||
		return
	for event in answered passed policy_bug bound unbound; do
		[ -e $tracing/events/extfuse/extfuse_$event/id ] || no "no event $event" || return
	done
	! grep -q 'FUSE_\|EXTFUSE_' $tracing/events/extfuse/*/format ||
		no "a format has names that only the kernel knows" || return
	leave
}

traces_why_not()
{
	serve && extfusectl policy load "$here/ob_wrong.bpf.o" && extfusectl bind "$mnt" ob-wrong &&
		trace_on extfuse_passed extfuse_policy_bug || return
	calls 3 'os.stat(m)'
	calls 1 'os.listdir(m)'
	extfusectl policy unload ob-wrong
	calls 1 'os.stat(m)'
	trace_off
	traced 'extfuse_policy_bug: .* opcode=3 \(GETATTR\) nodeid=1 policy=ob-wrong in_a_row=3' &&
		traced 'extfuse_passed: .* \(GETATTR\) nodeid=1 policy=ob-wrong reason=bug' &&
		traced 'extfuse_passed: .* \(GETATTR\) nodeid=1 policy= reason=no-policy' &&
		traced 'extfuse_passed: .* \(OPENDIR\) nodeid=1 policy=[a-z-]* reason=(opcode|policy)' && leave
}

traces_bindings()
{
	serve && extfusectl policy load "$here/ob_wrong.bpf.o" && trace_on extfuse_bound extfuse_unbound ||
		return
	extfusectl bind "$mnt" mdcache && extfusectl bind "$mnt" ob-wrong --replace &&
		extfusectl policy unload ob-wrong && extfusectl bind "$mnt" mdcache &&
		extfusectl unbind "$mnt" && extfusectl bind "$mnt" mdcache && leave || return
	within 20 idle
	trace_off
	[ "$(sed -n 's/.* extfuse_\([a-z]*\): .* policy=\([a-z-]*\) reason=/\1 \2 /p' \
		"$dir/trace")" = "bound mdcache bind
bound ob-wrong replace
unbound mdcache replace
unbound ob-wrong unload
bound mdcache bind
unbound mdcache unbind
bound mdcache bind
unbound mdcache gone" ] || no "the trace is $(cat "$dir/trace")"
}

# No policy is bound any more.
idle()
{
	extfusectl policy list --json | python3 -c '
import json, sys
sys.exit(any(p["bindings"] for p in json.load(sys.stdin)))'
}

# --- monitor ---

monitor_tells()
{
	serve && extfusectl policy load "$here/ob_wrong.bpf.o" &&
		listen "$dir/events" extfusectl monitor --json || return
	extfusectl bind "$mnt" mdcache && extfusectl bind "$mnt" ob-wrong --replace &&
		extfusectl policy unload ob-wrong && extfusectl bind "$mnt" mdcache &&
		extfusectl unbind "$mnt" && extfusectl bind "$mnt" mdcache && leave || return
	heard "$dir/events" "[x['event'] for x in e] ==
		['bound', 'replaced', 'policy-off', 'bound', 'unbound', 'bound', 'gone']" &&
		heard "$dir/events" "[x['policy'] for x in e] == ['mdcache', 'ob-wrong', 'ob-wrong'] +
			4 * ['mdcache'] and e[1]['previous'] == 'mdcache' and
			e[2]['reason'] == 'the policy was unloaded' and
			len({x['conn'] for x in e}) == 2 and len({x['dev'] for x in e}) == 1 and
			all(x['mountpoints'] == ['$mnt'] and x['uid'] == 0 and x['time'] for x in e)" ||
		return
	kill -INT "${listeners[-1]}" && ended "${listeners[-1]}"
}

monitor_in_words()
{
	serve && listen "$dir/words" extfusectl monitor && extfusectl bind "$mnt" mdcache &&
		leave || return
	within 20 grep -Eq '^[0-9:.]{12} gone ' "$dir/words"
	grep -Eq "^[0-9:.]{12} bound $mnt: policy mdcache, connection [0-9]+ \(0:[0-9]+\)$" "$dir/words" &&
		grep -Eq "^[0-9:.]{12} gone $mnt: policy mdcache, connection " "$dir/words" ||
		no "it says $(cat "$dir/words")" || return
	kill -TERM "${listeners[-1]}" && ended "${listeners[-1]}"
}

# Whoever reads has had enough: it does not wait for the next event to see that.
monitor_ends_with_its_reader()
{
	local status

	timeout $((20 * ${SLOWER:-1})) extfusectl monitor | true
	status=${PIPESTATUS[0]}
	[ "$status" = 0 ] || no "it ended with $status" || return
	timeout $((20 * ${SLOWER:-1})) extfusectl top --interval 60 | true
	status=${PIPESTATUS[0]}
	[ "$status" = 0 ] || no "top ended with $status" || return
	# while it is written to, too, and where a program ignores the signal
	extfusectl top --json --interval 0.001 | head -n 1 >/dev/null
	status=${PIPESTATUS[0]}
	[ "$status" = 0 ] || no "top ended with $status at its second line" || return
	(trap '' PIPE
	extfusectl top --json --interval 0.001 2>"$dir/error" | head -n 1 >/dev/null
	exit "${PIPESTATUS[0]}") || no "top says $(cat "$dir/error")"
}

# Nobody reads, and it waits in the middle of a line.
signals_end_what_is_stuck()
{
	local signal fd

	mkfifo "$dir/fifo" && exec {fd}<>"$dir/fifo" || return
	for signal in INT TERM; do
		extfusectl top --json --interval 0.001 >"$dir/fifo" &
		listeners+=($!)
		within 60 writes || no "the pipe takes it all" || return
		kill -$signal "${listeners[-1]}" && ended "${listeners[-1]}" || return
	done
	exec {fd}<&-
	rm "$dir/fifo"
}

writes()
{
	[[ $(cat "/proc/${listeners[-1]}/wchan") == *pipe* ]]
}

monitor_says_what_was_lost()
{
	serve && extfusectl bind "$mnt" mdcache && listen "$dir/lost" extfusectl monitor --json ||
		return
	kill -STOP "${listeners[-1]}"
	python3 "$here/flood.py" "$mnt" mdcache 8000 || return
	kill -CONT "${listeners[-1]}"
	heard "$dir/lost" "'lost' in [x['event'] for x in e]" || return
	# and goes on
	extfusectl unbind "$mnt" && heard "$dir/lost" "e[-1]['event'] == 'unbound'" || return
	kill -INT "${listeners[-1]}" && ended "${listeners[-1]}" && leave
}

monitor_is_for_root()
{
	local said

	said=$(setpriv --reuid=$nobody --regid=$nobody --clear-groups -- \
		timeout $((20 * ${SLOWER:-1})) extfusectl monitor 2>&1)
	[ $? = 1 ] && [ "$said" = "extfusectl: monitor: permission denied: needs CAP_SYS_ADMIN" ] ||
		no "it says $said" || return
	# root of a namespace of its own may join there, and hears nothing; elsewhere root hears
	serve && listen "$dir/own" setpriv --reuid=$nobody --regid=$nobody --clear-groups -- \
			unshare -Urn extfusectl monitor --json &&
		listen "$dir/other" unshare -n extfusectl monitor --json || return
	extfusectl bind "$mnt" mdcache && extfusectl unbind "$mnt" || return
	heard "$dir/other" "[x['event'] for x in e] == ['bound', 'unbound']" || return
	[ ! -s "$dir/own" ] || no "an ordinary user hears $(cat "$dir/own")" || return
	kill -INT "${listeners[-1]}" && ended "${listeners[-1]}" &&
		kill -INT "${listeners[-2]}" && ended "${listeners[-2]}" && leave
}

# --- top ---

# shown COUNT: so many requests for attributes, or more, in all lines of top so far.
shown()
{
	python3 - "$1" "$dir/top" <<-'END'
		import json, sys
		with open(sys.argv[2], encoding="utf-8") as f:
		    lines = [json.loads(line) for line in f if line.endswith("\n")]
		seen = sum(o["answered"] * line["seconds"] for line in lines
		           for m in line["mounts"] for o in m["ops"] if o["name"] == "GETATTR")
		sys.exit(round(seen) < int(sys.argv[1]))
	END
}

top_shows_a_load()
{
	local top

	serve && extfusectl bind "$mnt" mdcache --ttl 60 && calls 2 'os.stat(m + "/file")' &&
		load 'os.stat(m + "/file")' || return
	extfusectl top --once --interval 0.5 --json >"$dir/top"
	extfusectl top "$mnt" -n 2 --interval 0.5 >"$dir/top2"
	unload
	is "[(m['policy'], m['mountpoints']) for m in j['mounts']] == [('mdcache', ['$mnt'])] and
		0.4 < j['seconds'] < 60 and {o['name'] for o in j['mounts'][0]['ops']} >= {'GETATTR'} and
		all(o['answered'] > 10 and o['passed'] < o['answered']
			for o in j['mounts'][0]['ops'] if o['name'] == 'GETATTR') and
		j['mounts'][0]['total']['answered'] >= max(o['answered'] for o in j['mounts'][0]['ops'])" \
		cat "$dir/top" || return
	[ "$(wc -l <"$dir/top")" = 1 ] || no "it is not one line" || return
	[ "$(grep -c '^MOUNTPOINT  *POLICY  *OPCODE' "$dir/top2")" = 2 ] &&
		[ "$(grep -Ec "^$mnt +mdcache +GETATTR +[0-9.]+ +[0-9.]+ " "$dir/top2")" = 2 ] &&
		[ "$(grep -Ec "^$mnt +mdcache +TOTAL +" "$dir/top2")" = 2 ] ||
		no "it shows $(cat "$dir/top2")" || return
	# as much as the counters grow by
	extfusectl top --interval 1 --json >"$dir/top" &
	top=$!
	within 20 [ -s "$dir/top" ] && calls 30 'os.stat(m)' && within 20 shown 25
	kill $top
	wait $top
	shown 25 && ! shown 40 || no "it shows $(cat "$dir/top")" || return
	leave
}

top_of_nothing()
{
	serve || return
	extfusectl top "$mnt" --once 2>"$dir/error" && no "it shows an unbound mount" && return 1
	grep -q '^extfusectl: top .*: not bound$' "$dir/error" || no "$(cat "$dir/error")" || return
	is "j['mounts'] == []" extfusectl top --once --interval 0.1 --json &&
		leave
}

# It is not what keeps the mount from being unmounted, and ends with it.
top_lets_the_mount_go()
{
	local top

	serve && extfusectl bind "$mnt" mdcache || return
	extfusectl top "$mnt" --interval 0.1 >"$dir/top" 2>"$dir/error" &
	top=$!
	within 20 grep -q TOTAL "$dir/top" || no "it shows nothing" || return
	leave || no "the mount is busy" || return
	within 20 gone $top || no "it goes on" || return
	wait $top
	[ $? = 1 ] && grep -q '^extfusectl: top .*: not bound$' "$dir/error" || no "$(cat "$dir/error")"
}

# --- latency ---

# sums KIND: of each opcode, of those measured, equal to the counter.
histograms_sum_up()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 --latency || return
	is "j[0]['latency'] is True" extfusectl list --json || return
	calls 50 'os.stat(m + "/file"); os.listdir(m); os.access(m + "/file", 4)'
	calls 20 'os.stat(m + "/absent")'
	calls 20 'open(m + "/new", "w").write("x" * 5000)'
	calls 20 'open(m + "/new").read()'
	is "all(sum(b['count'] for b in o['answered_ns']) == o['answered'] for o in j[0]['ops']
			if o['name'] != 'FORGET') and
		all(sum(b['count'] for b in o['passed_ns']) <= o['passed'] for o in j[0]['ops']) and
		all(sum(b['count'] for b in o['passed_ns']) == o['passed'] > 0 for o in j[0]['ops']
			if o['name'] in ('LOOKUP', 'GETATTR', 'OPEN', 'CREATE', 'WRITE')) and
		all(o['passed_ns'] for o in j[0]['ops'] if o['name'] in ('READ', 'RELEASE')) and
		all(b['below'] in (128, 2 * b['from']) for o in j[0]['ops']
			for b in o['answered_ns'] + o['passed_ns'])" \
		extfusectl stats "$mnt" --latency --json || return
	extfusectl stats "$mnt" --latency >"$dir/text"
	grep -q '^GETATTR, answered: [0-9]* requests$' "$dir/text" &&
		grep -Eq '^ *[0-9.]+[num]?s +[0-9.]+[num]?s +[0-9]+  #' "$dir/text" ||
		no "it shows $(cat "$dir/text")" || return
	# not asked for, not told
	is "'answered_ns' not in j[0]['ops'][0]" extfusectl stats --json && leave
}

# A daemon that stands still for a while is in the right buckets, as long as it stands.
histograms_are_right()
{
	local pid

	serve && extfusectl bind "$mnt" mdcache && extfusectl latency "$mnt" on || return
	pid=$(pgrep -f "^bindfs .*$mnt")
	kill -STOP "$pid"
	stat "$mnt" >/dev/null &
	sleep 2
	kill -CONT "$pid"
	wait $!
	is "[sum(b['count'] for b in o['passed_ns'] if b['from'] > 500000000) for o in j[0]['ops']
		if o['name'] == 'GETATTR'] == [1]" extfusectl stats --latency --json && leave
}

latency_switches()
{
	serve && extfusectl bind "$mnt" mdcache --ttl 60 || return
	is "j[0]['latency'] is False" extfusectl list --json || return
	calls 10 'os.stat(m)'
	is "not any(o['answered_ns'] or o['passed_ns'] for o in j[0]['ops'])" \
		extfusectl stats --latency --json || return
	extfusectl latency "$mnt" on && calls 10 'os.stat(m)' && extfusectl latency "$mnt" on || return
	is "[sum(b['count'] for b in o['answered_ns']) for o in j[0]['ops']
		if o['name'] == 'GETATTR'] == [10]" extfusectl stats --latency --json || return
	extfusectl latency "$mnt" off && calls 10 'os.stat(m)' && extfusectl latency "$mnt" on || return
	is "not any(o['answered_ns'] for o in j[0]['ops'])" extfusectl stats --latency --json || return
	extfusectl latency "$mnt" maybe 2>/dev/null
	[ $? = 2 ] || no "maybe is no usage error" || return
	extfusectl latency "$dir" on 2>"$dir/error" && no "ext4 can be measured" && return 1
	setpriv --reuid=$nobody --regid=$nobody --clear-groups -- \
		extfusectl latency "$mnt" off 2>"$dir/error"
	grep -q 'permission denied: needs CAP_SYS_ADMIN' "$dir/error" || no "$(cat "$dir/error")" ||
		return
	# on until the end, under load
	load 'os.stat(m)' || return
	for _ in 1 2 3 4 5; do
		extfusectl latency "$mnt" off && extfusectl latency "$mnt" on || return
	done
	unload
	leave
}

# --- policies that misbehave ---

fault_takes_off()
{
	serve && extfusectl policy load "$here/ob_wrong.bpf.o" && extfusectl bind "$mnt" ob-wrong &&
		listen "$dir/fault" extfusectl monitor --json && trace_on extfuse_unbound || return
	# the default: a thousand in a row
	[ "$(cat $limit)" = 1000 ] || no "the limit is $(cat $limit)" || return
	# the permission check of the getxattr below asks for attributes as well
	calls 990 'os.stat(m)'
	sleep 0.5
	policy_is ob-wrong || no "it is off too early" || return
	# one that is good begins anew, one that is passed does not
	calls 1 'os.getxattr(m, "user.x")'
	calls 998 'os.stat(m)'
	calls 1 'os.statvfs(m)'
	sleep 0.5
	policy_is ob-wrong || no "the good one did not count" || return
	calls 2 'os.stat(m)'
	within 20 policy_is None || no "it stays: $(extfusectl list)" || return
	heard "$dir/fault" "[(x['event'], x['policy'], x['name'], x['reason'], x['mountpoints'])
		for x in e] == [('fault', 'ob-wrong', 'GETATTR',
		'1000 invalid answers in a row, the last one to opcode 3', ['$mnt'])]" || return
	trace_off
	traced 'extfuse_unbound: .* policy=ob-wrong reason=fault' || return
	dmesg | tail -n 20 | grep -Eq \
		'extfuse: policy ob-wrong taken off connection [0-9]+ \(0:[0-9]+\): 1000 invalid' ||
		no "the log: $(dmesg | tail -n 5)" || return
	kill -INT "${listeners[-1]}" && ended "${listeners[-1]}" || return
	# the mount goes on, and can be bound again; the statistics tell
	[ "$(cat "$mnt/file")" = content ] && echo new >"$mnt/new" && rm "$mnt/new" || return
	is "[o['bugs'] for o in j[0]['ops'] if o['name'] == 'GETATTR'][0] >= 1990" \
		extfusectl stats --json || return
	extfusectl bind "$mnt" mdcache && policy_is mdcache && leave &&
		extfusectl policy unload ob-wrong
}

fault_limit_is_configurable()
{
	serve && extfusectl policy load "$here/ob_wrong.bpf.o" && extfusectl bind "$mnt" ob-wrong || return
	echo 0 >$limit
	calls 3000 'os.stat(m)'
	sleep 0.5
	policy_is ob-wrong || no "off, though never was said" || return
	# lowered below what was counted: the next one is enough
	echo 20 >$limit
	calls 1 'os.stat(m)'
	within 20 policy_is None || no "it stays" || return
	extfusectl bind "$mnt" ob-wrong || return
	calls 19 'os.stat(m)'
	sleep 0.5
	policy_is ob-wrong || no "the count is the one before" || return
	calls 1 'os.stat(m)'
	within 20 policy_is None || no "it stays" || return
	echo 1000 >$limit
	leave && extfusectl policy unload ob-wrong
}

# Every kind of wrong answer, from several tasks, up to the unmount.
fault_of_a_hostile_policy()
{
	local i pids=()

	extfusectl policy load "$here/../lifecycle/lc_hostile.bpf.o" && serve || return
	echo 100 >$limit
	for ((i = 0; i < 2; i++)); do
		extfusectl bind "$mnt" lc-hostile || return
		pids=()
		for _ in 1 2 3; do
			calls 200 'os.stat(m + "/file"); open(m + "/file").read(); os.listdir(m)' &
			pids+=($!)
		done
		wait "${pids[@]}"
		within 20 policy_is None || no "it stays" || return
		[ "$(cat "$mnt/file")" = content ] || return
	done
	# on its way off when the mount goes, and the policy
	for ((i = 0; i < 3; i++)); do
		echo 5 >$limit
		extfusectl bind "$mnt" lc-hostile
		calls 5 'os.stat(m)' &
		calls 5 'os.stat(m)'
		wait $!
		leave && serve || return
	done
	extfusectl bind "$mnt" lc-hostile
	calls 5 'os.stat(m)'
	extfusectl policy unload lc-hostile
	echo 1000 >$limit
	leave
}

# ended_unloaded PID FILE: that listener, because the module is not there any more.
ended_unloaded()
{
	within 20 gone "$1" || no "the monitor goes on" || return
	wait "$1"
	[ $? = 1 ] && [ "$(cat "$2.err")" = "extfusectl: monitor: the extfuse module was unloaded" ] ||
		no "it says $(cat "$2.err")"
}

# Loaded again, it would not be heard.
monitor_ends_with_the_module()
{
	listen "$dir/unloaded" extfusectl monitor --json &&
		listen "$dir/elsewhere" unshare -n extfusectl monitor || return
	extfusectl policy unload mdcache
	within 10 rmmod extfuse 2>/dev/null || no "the module cannot be unloaded" || return
	modprobe extfuse && extfusectl policy load mdcache || return
	ended_unloaded "${listeners[-2]}" "$dir/unloaded" &&
		ended_unloaded "${listeners[-1]}" "$dir/elsewhere"
}

module_leaves()
{
	local i

	extfusectl policy unload mdcache
	for ((i = 0; i < 100; i++)); do
		rmmod extfuse 2>/dev/null && break
		sleep 0.1
	done
	[ ! -d /sys/module/extfuse ] && [ ! -d $tracing/events/extfuse ] && modprobe extfuse
}

# --- all of them ---

# abandon: what a test left that failed half way.
abandon()
{
	[ -z "$load" ] || unload
	# shellcheck disable=SC2046
	kill -KILL $(jobs -p) 2>/dev/null
	rmdir $tracing/instances/extfuse-test 2>/dev/null
	echo 1000 >$limit
	umount -l "$mnt" 2>/dev/null
	extfusectl policy unload ob-wrong 2>/dev/null
	within 10 unbound
}

test_ended()
{
	[ "$1" = pass ] || abandon
	ktap_print_msg "$2 s"
}

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
for program in extfusectl bindfs python3 setpriv unshare; do
	if ! command -v $program >/dev/null; then
		ktap_skip_all "needs $program"
		exit "$KSFT_SKIP"
	fi
done
if ! modinfo extfuse >/dev/null 2>&1; then
	ktap_skip_all "needs the extfuse module"
	exit "$KSFT_SKIP"
fi
ktap_set_plan "$(grep -c '^check "' "$0")"
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
dir=$(mktemp -d /tmp/observe.XXXXXX)
mnt=$dir/mnt
mkdir "$dir/low" "$mnt"
chmod 755 "$dir"
echo content >"$dir/low/file"
trap cleanup EXIT
modprobe extfuse && extfusectl policy load mdcache || ktap_exit_fail_msg "no module or no policy"

check "answered and passed requests are traced, with their fields" traces_requests
check "as many requests are traced as are counted" traces_answered_and_passed
check "events can be filtered by their fields" traces_fields
check "refused answers are traced, and why a request was passed" traces_why_not
check "policies that come and go are traced" traces_bindings
check "monitor tells each event" monitor_tells
check "monitor tells in words" monitor_in_words
check "monitor and top end with their reader" monitor_ends_with_its_reader
check "signals end what waits for its reader" signals_end_what_is_stuck
check "monitor says when events were lost" monitor_says_what_was_lost
check "only root hears events" monitor_is_for_root
check "top shows a load" top_shows_a_load
check "top of a mount that is not bound, and of none" top_of_nothing
check "top does not keep its mount busy" top_lets_the_mount_go
check "histograms sum up to the counters" histograms_sum_up
check "histograms show how long it takes" histograms_are_right
check "latency switches, and takes CAP_SYS_ADMIN" latency_switches
check "a policy that misbehaves is taken off, and the mount goes on" fault_takes_off
check "the limit can be changed" fault_limit_is_configurable
check "a hostile policy is taken off, whatever else happens" fault_of_a_hostile_policy
check "monitor ends when the module is unloaded" monitor_ends_with_the_module
check "the module can be unloaded at the end" module_leaves
ktap_finished
