#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Several policies on one mount: who is asked, in which order, what each hears of the
# reply, and what becomes of the others when one goes.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

maps=/sys/fs/bpf/extfuse
LOOKUP=1 GETATTR=3 STATFS=17
policies="count deny mdcache readonly slow chain-wrong chain-refuse"

ktap_print_header
if [ "$(id -u)" != 0 ] || ! modinfo extfuse >/dev/null 2>&1 || ! command -v bindfs >/dev/null; then
	ktap_skip_all "needs root, the extfuse module and bindfs"
	exit "$KSFT_SKIP"
fi
modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
ktap_set_plan "$(grep -c '^check "' "$0")"
dir=$(mktemp -d) || exit 1
low=$dir/low
mnt=$dir/mnt
mkdir "$low" "$mnt"

leave()
{
	local policy

	if mountpoint -q "$mnt"; then
		umount -l "$mnt"
	fi
	for policy in $policies; do
		extfusectl policy unload "$policy"
	done 2>/dev/null
}

# What the next test would trip over.
test_ended()
{
	leave
}

cleanup()
{
	leave
	rm -rf "$dir"
}
trap cleanup EXIT

# serve POLICY...: they are loaded, and a mount of which the kernel keeps nothing.
serve()
{
	local policy

	rm -rf "${low:?}"/*
	mkdir "$low/d"
	echo text >"$low/file"
	echo text >"$low/secret.key"
	chmod -R a+rwX "$low"
	bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$low" "$mnt" || return
	for policy; do
		extfusectl policy load "$policy" || return
	done
}

# bind LIST [OPTION...]: and let what was under way be over.
bind()
{
	local list=$1

	shift
	extfusectl bind "$mnt" "$list" "$@" && stat -f "$mnt" >/dev/null
}

# bytes NUMBER: four, little endian, for bpftool.
bytes()
{
	echo $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24))
}

# counted OPCODE: by the policy count.
counted()
{
	# shellcheck disable=SC2046
	bpftool -j map lookup pinned $maps/count-maps/requests key $(bytes "$1") | python3 -c '
import json, sys
print(int.from_bytes(bytes(int(b, 16) for b in json.load(sys.stdin)["value"]), "little"))'
}

# stat_of answered|passed OPCODE-NAME: by the module.
stat_of()
{
	extfusectl stats "$mnt" --json | python3 -c "
import json, sys
print(sum(o['$1'] for c in json.load(sys.stdin) for o in c['ops'] if o['name'] == '$2'))"
}

listed()
{
	extfusectl list --json | python3 -c '
import json, sys
for c in json.load(sys.stdin):
    assert (c["policy"] or "") == ",".join(c["policies"])
    print(*c["policies"])'
}

# is_listed NAME...: those are what the mount is bound to.
is_listed()
{
	[ "$(listed)" = "$*" ] || no "bound to: $(listed)"
}

# refuses SENTENCE COMMAND...: fails, and says that.
refuses()
{
	local sentence=$1 said

	shift
	if said=$("$@" 2>&1); then
		no "$*: succeeds"
	else
		[[ $said == *"$sentence"* ]] || no "$*: $said"
	fi
}

looks()
{
	local i

	for ((i = 0; i < 20; i++)); do
		stat "$mnt/file"
	done >/dev/null
}

# count is asked first: it sees what mdcache answers.
count_first()
{
	local before answered

	serve count mdcache && bind count,mdcache --ttl 3600 && is_listed count mdcache && looks || return
	before=$(counted $LOOKUP)
	answered=$(stat_of answered LOOKUP)
	looks || return
	[ $(($(stat_of answered LOOKUP) - answered)) -ge 20 ] || no "mdcache does not answer" || return
	[ $(($(counted $LOOKUP) - before)) -ge 20 ] || no "count does not see it"
}

# mdcache is asked first: count sees what mdcache passes, which is what the daemon gets.
count_second()
{
	local before passed

	serve count mdcache && bind mdcache,count --ttl 3600 && is_listed mdcache count && looks || return
	before=$(counted $LOOKUP)
	passed=$(stat_of passed LOOKUP)
	looks && stat "$mnt/d" >/dev/null || return
	passed=$(($(stat_of passed LOOKUP) - passed))
	before=$(($(counted $LOOKUP) - before))
	[ "$(stat_of answered LOOKUP)" -ge 20 ] || no "mdcache does not answer" || return
	[ $before = $passed ] && [ $passed -gt 0 ] && [ $passed -lt 20 ] ||
		no "count saw $before, the daemon $passed"
}

pattern()
{
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/deny-maps/patterns key 0 0 0 0 value hex \
		$(printf '%s' "$1" | dd bs=64 conv=sync status=none | od -An -v -tx1)
}

hidden()
{
	! stat "$mnt/secret.key" >/dev/null 2>&1
}

# fills the cache with the name that is denied later.
denied_behind()
{
	serve deny mdcache && bind mdcache --ttl 3600 &&
		stat "$mnt/secret.key" "$mnt/secret.key" "$mnt/file" >/dev/null && pattern '*.key'
}

deny_first()
{
	local answered i

	denied_behind && bind deny,mdcache --ttl 3600 --replace || return
	for ((i = 0; i < 5; i++)); do
		hidden || no "the cache shows the name" || return
	done
	# what the cache knew it knows still
	answered=$(stat_of answered LOOKUP)
	stat "$mnt/file" >/dev/null && [ "$(stat_of answered LOOKUP)" -gt "$answered" ] ||
		no "the cache is empty"
}

# A cache in front begins anew: it must not serve what deny never saw.
deny_second()
{
	local i

	denied_behind && bind mdcache,deny --ttl 3600 --replace || return
	for ((i = 0; i < 5; i++)); do
		hidden || no "the cache shows the name" || return
	done
	# nor what deny said, when that is gone
	extfusectl policy unload deny && is_listed mdcache && stat -f "$mnt" >/dev/null || return
	stat "$mnt/secret.key" >/dev/null || no "the name is still hidden"
}

# A change that a policy behind the cache refused is over for the cache, too.
refused_behind()
{
	local answered

	serve mdcache readonly && bind mdcache,readonly --ttl 3600 && looks || return
	refuses "Read-only" chmod 600 "$mnt/file" && refuses "Read-only" rm -f "$mnt/file" || return
	looks
	answered=$(stat_of answered LOOKUP)
	looks
	[ $(($(stat_of answered LOOKUP) - answered)) -ge 20 ] || no "it is not cached any more"
}

refused_lists()
{
	serve count deny mdcache readonly slow || return
	refuses "more than 4 policies" extfusectl bind "$mnt" count,deny,mdcache,readonly,slow &&
		refuses "policy count is named twice" extfusectl bind "$mnt" count,deny,count &&
		refuses "no such policy: nothing" extfusectl bind "$mnt" count,nothing &&
		refuses "no such policy" extfusectl bind "$mnt" count, &&
		refuses "no such policy" extfusectl bind "$mnt" ,count && [ -z "$(listed)" ] || return
	bind count,deny,mdcache,readonly && is_listed count deny mdcache readonly || return
	refuses "already bound to policy count and others" extfusectl bind "$mnt" mdcache &&
		refuses "named twice" extfusectl bind "$mnt" count,count --replace &&
		is_listed count deny mdcache readonly
}

refusing_member()
{
	serve count mdcache && extfusectl policy load "$here/chain_refuse.bpf.o" || return
	refuses "policy chain-refuse refused" extfusectl bind "$mnt" count,chain-refuse && [ -z "$(listed)" ] &&
		bind count,mdcache &&
		refuses "policy chain-refuse refused" extfusectl bind "$mnt" mdcache,chain-refuse --replace &&
		is_listed count mdcache && bindings 'chain-refuse:0 count:1 mdcache:1'
}

bindings()
{
	local now

	now=$(extfusectl policy list --json | python3 -c '
import json, sys
print(*sorted("%s:%d" % (p["name"], p["bindings"]) for p in json.load(sys.stdin)))')
	[ "$now" = "$1" ] || no "bindings: $now"
}

# The others go on; each event tells which went.
member_unloaded()
{
	serve count deny mdcache && monitor && bind count,deny,mdcache --ttl 3600 && looks &&
		bindings 'count:1 deny:1 mdcache:1' && extfusectl policy unload count &&
		is_listed deny mdcache && looks && [ "$(stat_of answered LOOKUP)" -gt 20 ] &&
		extfusectl policy unload mdcache && is_listed deny && looks &&
		extfusectl policy unload deny && is_listed "" && looks &&
		extfusectl policy load count && bind count && is_listed count &&
		extfusectl policy load mdcache && bind mdcache,count --replace &&
		extfusectl unbind "$mnt" || return
	events 'bound count,deny,mdcache' 'policy-off count' 'policy-off mdcache' 'policy-off deny' \
		'bound count' 'replaced mdcache,count after count' 'unbound mdcache,count'
}

monitor()
{
	extfusectl monitor --json >"$dir/events" &
	monitor=$!
	# it listens when it hears of something
	extfusectl bind "$mnt" count
	until [ -s "$dir/events" ]; do
		extfusectl bind "$mnt" count --replace
		sleep 0.1
	done
	extfusectl unbind "$mnt"
	within 10 grep -q unbound "$dir/events"
}

events()
{
	local wanted

	wanted=$(printf '%s\n' "$@")
	within 10 eval '[ "$(told)" = "$wanted" ]'
	kill $monitor
	wait $monitor 2>/dev/null
	[ "$(told)" = "$wanted" ] || no "events: $(told)"
}

# After those that monitor() made itself.
told()
{
	python3 -c '
import json, sys
told = [json.loads(line) for line in open(sys.argv[1])]
first = [e["event"] for e in told].index("unbound") + 1
for e in told[first:]:
    after = " after " + e["previous"] if "previous" in e else ""
    print(e["event"], ",".join(e["policies"]) + after)' "$dir/events"
}

# What is refused of one policy is asked of the next, and the one at fault goes alone.
faulty_member()
{
	local answered limit=/sys/module/extfuse/parameters/fault_limit

	serve count mdcache && extfusectl policy load "$here/chain_wrong.bpf.o" &&
		bind count,chain-wrong,mdcache --ttl 3600 || return
	echo 30 >$limit
	# the answers of mdcache are no excuse for the other one
	looks && within 10 eval 'looks; is_listed count mdcache >/dev/null' ||
		no "the policy stays: $(listed)" || return
	echo 1000 >$limit
	[ "$(stat_of bugs LOOKUP)" -ge 30 ] || no "bugs: $(stat_of bugs LOOKUP)" || return
	looks
	answered=$(stat_of answered LOOKUP)
	looks && [ $(($(stat_of answered LOOKUP) - answered)) -ge 20 ] || no "mdcache does not answer"
}

# While it is waited for a request of one mount, another ends, which has the policy as well,
# and before it one that is then to begin anew.
ended_meanwhile()
{
	local other=$dir/other slow stat

	mkdir -p "$other"
	serve slow count mdcache && bind slow && bindfs "$low" "$other" &&
		extfusectl bind "$other" mdcache,count || return
	# a second, in nanoseconds
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/slow-maps/delays key $(bytes $GETATTR) \
		value $(bytes 1000000000) 0 0 0 0 || return
	stat "$mnt/file" >/dev/null &
	stat=$!
	sleep 0.3
	extfusectl policy unload count &
	slow=$!
	sleep 0.2
	umount "$other"
	wait $slow && wait $stat && is_listed slow
}

# Who comes and goes, by the tracepoints.
traced()
{
	local at=/sys/kernel/tracing/instances/chain

	serve count deny mdcache && mkdir "$at" && echo 1 >$at/events/extfuse/enable || return
	bind count,deny,mdcache && bind mdcache,deny --replace && extfusectl unbind "$mnt"
	python3 - "$at/trace" <<'END'
import re, sys
told = [m[1] + " " + m[2] + " " + m[3] for m in re.finditer(
    r"extfuse_(bound|unbound): .*policy=(\S+) reason=(\S+)", open(sys.argv[1]).read())]
# mdcache begins anew, as another policy is behind it now; deny stays
wanted = ["bound count bind", "bound deny bind", "bound mdcache bind",
          "unbound mdcache replace", "bound mdcache replace", "unbound count replace",
          "unbound mdcache unbind", "unbound deny unbind"]
sys.exit(f"# {told}" if told != wanted else 0)
END
	set -- $?
	rmdir "$at"
	return "$1"
}

# Files written, read, made, renamed and removed through all of them at once.
used()
{
	serve count deny mdcache slow && bind count,deny,mdcache,slow --ttl 3600 || return
	cp -r "$here" "$mnt/tree" && diff -r "$here" "$mnt/tree" &&
		diff -r "$low/tree" "$mnt/tree" && mv "$mnt/tree" "$mnt/moved" && [ ! -e "$mnt/tree" ] &&
		rm -rf "$mnt/moved" && [ ! -e "$low/moved" ] && [ "$(counted $GETATTR)" -gt 0 ] &&
		[ "$(counted $STATFS)" -gt 0 ]
}

check "count,mdcache: count sees what mdcache answers" count_first
check "mdcache,count: count sees what mdcache passes" count_second
check "deny,mdcache: a denied name is not served from the cache" deny_first
check "mdcache,deny: nor from one that was there before" deny_second
check "mdcache,readonly: what is refused behind a cache is over for it" refused_behind
check "too many, one twice, one that is not there" refused_lists
check "one that refuses the mount leaves everything as it was" refusing_member
check "one that is unloaded goes alone" member_unloaded
check "one that answers wrongly goes alone" faulty_member
check "one that is unloaded while a mount ends that has it" ended_meanwhile
check "in an exchange those stay that may" traced
check "four at once, in use" used
ktap_finished
