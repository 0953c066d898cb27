#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What becomes of policies, bindings and requests when allocations and user copies
# fail: an error for who asked, at most; afterwards everything works, and nothing is
# left. ROUNDS: how many of each (20); REQUESTS: at least so many on each mount
# (10000). The kernel's own reports are for the runner to see.

: "${ROUNDS:=20}"
: "${REQUESTS:=10000}"
. "$(dirname "$(readlink -f "$0")")/../lifecycle/lib.sh"

debugfs=/sys/kernel/debug
kinds="failslab fail_page_alloc fail_usercopy"
tasks="0 1 2"	# that change things, and as many that only look at some

# --- injecting ---

can_inject()
{
	local kind

	for kind in $kinds; do
		[ -d "$debugfs/$kind" ] || return
	done
	[ -e /proc/self/make-it-fail ] && [ -e /proc/self/fail-nth ]
}

# attribute NAME VALUE [KIND...]: of these kinds of failures, or all.
attribute()
{
	local name=$1 value=$2 kind

	shift 2
	# shellcheck disable=SC2048
	for kind in ${*:-$kinds}; do
		echo "$value" >"$debugfs/$kind/$name" || no "$kind/$name: $value" || return
	done
}

many=100000000
failures=0	# so far, of a test's

# How often something failed since it was told to.
injected()
{
	local kind left sum=0

	for kind in $kinds; do
		left=$(cat "$debugfs/$kind/times")
		((left < 0)) || sum=$((sum + many - left))
	done
	echo $sum
}

# Nothing fails; everything may, once it is told to.
stop_failing()
{
	failures=$((failures + $(injected)))
	attribute probability 0 && attribute interval 1 && attribute times -1 && attribute space 0 &&
		attribute verbose 0 && attribute task-filter Y && attribute stacktrace-depth 32 &&
		attribute require-start 0 && attribute require-end 0xffffffffffffffff &&
		attribute ignore-gfp-wait N failslab fail_page_alloc &&
		attribute ignore-gfp-highmem N fail_page_alloc && attribute min-order 0 fail_page_alloc
}

# What the module itself asks for, in any task, fails with PROBABILITY percent.
fail_module()
{
	local start size

	read -r _ size _ _ _ start _ < <(grep '^extfuse ' /proc/modules)
	attribute task-filter N && attribute times $many && attribute require-start "$start" &&
		attribute require-end "$(printf '%#x' $((start + size)))" && attribute probability "$1"
}

# fail_tasks PROBABILITY [KIND...]: whatever the tasks run by `failing` ask for.
fail_tasks()
{
	local probability=$1

	shift
	attribute times $many && attribute probability "$probability" "$@"
}

# fail_now_and_then INTERVAL: every so many calls.
fail_now_and_then()
{
	attribute interval "$1" && fail_tasks 100
}

# failing COMMAND...: the command and what it starts may fail.
failing()
{
	(
		echo 1 >/proc/self/make-it-fail
		exec "$@"
	)
}

# --- doing ---

# requests: how many went through the only binding.
requests()
{
	extfusectl stats --json | python3 -c '
import json, sys
print(sum(o["answered"] + o["passed"] for c in json.load(sys.stdin) for o in c["ops"]))'
}

# failing_again COMMAND...: `failing`, again and again, for it may not survive.
failing_again()
{
	while [ ! -e "$dir/stop" ]; do
		failing "$@"
	done
	true
}

# What the tasks work in.
make_room()
{
	local i

	for i in $tasks; do
		mkdir "$low/w$i" "$low/l$i"
	done
}

# load_start RUNNER [OPTION...]: tasks that work below $mnt, each run by RUNNER.
load_start()
{
	local runner=$1 i

	shift
	rm -f "$dir/stop"
	: >"$dir/load.log"
	loads=()
	for i in $tasks; do
		$runner "$lifecycle/load" "$@" -s $i "$mnt/w$i" 2>>"$dir/load.log" >/dev/null &
		loads+=($!)
		$runner "$here/nth" looks "$@" "$mnt/l$i" 2>>"$dir/load.log" >/dev/null &
		loads+=($!)
	done
}

ended()
{
	pkill -TERM -x 'load|nth'
	gone "$1"
}

# load_stop: whether all of them ended well.
load_stop()
{
	local pid result=0

	: >"$dir/stop"
	for pid in "${loads[@]}"; do
		within 120 ended "$pid" || no "the load hangs: $(cat "/proc/$pid/stack")" || return
		wait "$pid" || result=1
	done
	[ $result = 0 ] || sed 's/^/# /' "$dir/load.log"
	return $result
}

# loaded FAIL RUNNER [OPTION...]: a load, and what FAIL lets fail, until there were
# $REQUESTS more. FAIL and RUNNER are commands.
loaded()
{
	local fail=$1 until result=0

	shift
	until=$(($(requests) + REQUESTS)) || return
	load_start "$@"
	$fail || result=1
	until [ "$(requests 2>/dev/null || echo 0)" -ge $until ]; do
		echo 2 >/proc/sys/vm/drop_caches
		sleep 1
		[ -n "$(jobs -pr)" ] || break
	done
	stop_failing
	ktap_print_msg "$(requests) requests"
	load_stop && [ $result = 0 ]
}

# The mount does what it should, bound.
is_right()
{
	REQUESTS=2000 loaded true command && same_as_lower && daemon_is_right
}

serve_bound()
{
	serve "$@" && extfusectl bind "$mnt" mdcache --ttl 60
}

# --- tests ---

# nth ARGUMENT...: the program
nth()
{
	local result=0

	"$here/nth" "$@" >"$dir/nth.log" 2>&1 || result=1
	sed 's/^/# /' "$dir/nth.log"
	return $result
}

# The module is used by nobody.
load_module()
{
	local i loaded=0

	for ((i = 0; i < ROUNDS; i++)); do
		rmmod_soon || return
		fail_now_and_then $((RANDOM % 400 + 20))
		failing modprobe extfuse && loaded=$((loaded + 1))
		stop_failing
		# what is loaded may lack the probes, or be on its way out
		rmmod_soon && within 10 modprobe extfuse && extfusectl version || no "round $i" || return
	done >"$dir/tool.log" 2>&1
	set -- $?
	[ "$1" = 0 ] || tail -n 3 "$dir/tool.log" | sed 's/^/# /'
	ktap_print_msg "loaded $loaded times of $ROUNDS all the same"
	return "$1"
}

every_control_point()
{
	serve && nth control "$lifecycle/lc_other.bpf.o" lc-other "$mnt" && daemon_is_right && leave
}

# every_call_point [OPTION...]
every_call_point()
{
	serve_bound "$@" && mkdir "$mnt/nth" && nth calls "$mnt/nth" && is_right && leave
}

load_unload()
{
	local i loaded=0

	for ((i = 0; i < ROUNDS; i++)); do
		fail_now_and_then $((RANDOM % 3000 + 20))
		failing timeout 120 extfusectl policy load "$lifecycle/lc_other.bpf.o" && loaded=$((loaded + 1))
		failing timeout 120 extfusectl policy unload lc-other
		stop_failing
		extfusectl policy unload lc-other
		extfusectl policy load "$lifecycle/lc_other.bpf.o" && extfusectl policy unload lc-other ||
			no "round $i" || return
	done >"$dir/tool.log" 2>&1
	set -- $?
	[ "$1" = 0 ] || tail -n 3 "$dir/tool.log" | sed 's/^/# /'
	ktap_print_msg "loaded $loaded times of $ROUNDS all the same"
	return "$1"
}

# One round on a mount; it is not bound then.
rebind()
{
	fail_now_and_then $((RANDOM % 200 + 20))
	failing extfusectl bind "$mnt" mdcache --ttl 60
	failing extfusectl list
	failing extfusectl stats --json
	failing extfusectl policy list
	failing extfusectl bind "$mnt" lc-other --replace
	failing extfusectl unbind "$mnt"
	stop_failing
	! bound || extfusectl unbind "$mnt" || return
	extfusectl bind "$mnt" mdcache && extfusectl unbind "$mnt"
}

# Under a load that may notice nothing of it.
bindings()
{
	local i result=0

	serve && extfusectl policy load "$lifecycle/lc_other.bpf.o" || return
	load_start command
	for ((i = 0; i < ROUNDS; i++)); do
		rebind || result=1
	done >"$dir/tool.log" 2>&1
	[ $result = 0 ] || tail -n 3 "$dir/tool.log" | sed 's/^/# /'
	load_stop || result=1
	extfusectl policy unload lc-other && daemon_is_right && leave && [ $result = 0 ]
}

# bind --latency is two requests; only the second one fails.
half_bound()
{
	local i said

	serve_bound && fail_module 10 || return
	for ((i = 0; i < 200; i++)); do
		said=$(extfusectl bind "$mnt" mdcache --ttl 60 --replace --latency 2>&1)
		[[ $said != *": bound, but "* ]] || break
		extfusectl latency "$mnt" off
	done 2>/dev/null
	stop_failing
	[[ $said == *": bound, but its times are not measured: Cannot allocate memory" ]] ||
		no "after $i times it said $said" || return
	bound && leave
}

# Nobody notices when the module has no memory: then the daemon answers.
module_without_memory()
{
	serve_bound "$@" && loaded "fail_module 30" command && is_right && leave
}

# As above, and what disgrafsd's policy answers: opens, and releases in the background.
disgrafs_without_memory()
{
	local result=0

	disgrafsd -f --ttl 0 "$low" "$mnt" 2>"$dir/disgrafsd.log" &
	daemon=$!
	disown $daemon
	within 60 mounted "$mnt" && within 60 bound || no "$(cat "$dir/disgrafsd.log")" || return
	loaded "fail_module 30" command || result=1
	REQUESTS=2000 loaded true command || result=1
	umount_soon && within 60 gone "$daemon" && [ $result = 0 ]
}

# tasks_fail PROBABILITY KIND...: their calls return errors, and nothing is stale then
# of what the policy remembers. (Without memory for an inode that the daemon has just
# made, the kernel itself goes on believing that there is none, where it may.)
tasks_fail()
{
	serve_bound && loaded "fail_tasks $*" failing_again -t && is_right && leave
}

# The daemon may not survive it; whatever it does, nobody hangs. It serves a tmpfs: a
# disk's file system without memory has things of its own to say.
daemon_fails()
{
	local i task low

	low=$(mktemp -d -p /dev/shm) || return
	make_room
	for ((i = 0; i < ROUNDS; i++)); do
		serve_bound || return
		load_start failing_again -t
		for task in "/proc/$daemon/task"/*; do
			echo 1 >"$task/make-it-fail"
		done
		fail_tasks 1
		sleep 2
		stop_failing
		kill -KILL "$daemon" 2>/dev/null
		load_stop && umount_soon && within 60 unbound || return
	done
	rm -rf "$low"
}

still_works()
{
	serve_bound -t 60 && is_right && [ "$(answered LOOKUP)" -gt 0 ] && extfusectl unbind "$mnt" && leave
}

# As selftests/vm/init does at the end, but here what is found has a name.
no_leak()
{
	echo scan >$debugfs/kmemleak
	sleep 6
	echo scan >$debugfs/kmemleak
	! grep -q extfuse $debugfs/kmemleak || no "$(cat $debugfs/kmemleak)"
}

# tested COMMAND...: nothing fails afterwards, however it ended.
tested()
{
	local result=0

	"$@" || result=1
	stop_failing
	return $result
}

# injected_in COMMAND...: the same, and something did fail meanwhile.
injected_in()
{
	failures=0
	tested "$@" || return
	ktap_print_msg "$failures failures"
	[ $failures != 0 ] || no "nothing failed"
}

if ! can_inject; then
	ktap_print_header
	ktap_skip_all "needs a kernel with fault injection: selftests/vm/run --kernel debug"
	exit "$KSFT_SKIP"
fi
begin
trap 'stop_failing; cleanup' EXIT
stop_failing || ktap_exit_fail_msg "fault injection cannot be set up"
make_room
check "$ROUNDS times loading the module without memory" injected_in load_module
check "every point of failure of what is done to the module" tested every_control_point
extfusectl policy load mdcache || ktap_exit_fail_msg "mdcache does not load"
check "every point of failure of calls on a bound mount" tested every_call_point
check "$ROUNDS times loading a policy without memory" injected_in load_unload
check "$ROUNDS times binding without memory, under a load" injected_in bindings
check "binding succeeds, and measuring does not" injected_in half_bound
check "$REQUESTS requests while the module has no memory" injected_in module_without_memory
check "$REQUESTS requests while the module has no memory, validity of a minute" injected_in \
	module_without_memory -t 60
check "$REQUESTS requests to disgrafsd while the module has no memory" injected_in \
	disgrafs_without_memory
check "$REQUESTS requests of tasks without memory" injected_in \
	tasks_fail 1 failslab fail_page_alloc
check "$REQUESTS requests of tasks whose user copies fail" injected_in tasks_fail 1 fail_usercopy
check "$ROUNDS daemons and tasks without memory" injected_in daemon_fails
check "everything works afterwards" tested still_works
check "nothing is left" tested leaves_nothing
check "kmemleak finds nothing of the module" tested no_leak
ktap_finished
