#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The policies to learn from, over bindfs: each does what its file says, and no
# more.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

maps=/sys/fs/bpf/extfuse
LOOKUP=1 STATFS=17

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
chmod 755 "$dir"

cleanup()
{
	leave
	rm -rf "$dir"
}
trap cleanup EXIT

leave()
{
	if mountpoint -q "$mnt"; then
		umount -l "$mnt"
	fi
	for policy in count deny readonly slow; do
		extfusectl policy unload $policy
	done 2>/dev/null
}

# What the next test would trip over.
test_ended()
{
	leave
}

# serve POLICY: bound, nothing of it known to the kernel.
serve()
{
	rm -rf "${low:?}"/*
	mkdir "$low/d"
	echo text >"$low/file"
	echo text >"$low/secret.key"
	ln -s file "$low/link"
	chmod -R a+rwX "$low"
	bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "$low" "$mnt" &&
		extfusectl policy load "$1" && extfusectl bind "$mnt" "$1" && stat -f "$mnt" >/dev/null
}

# bytes NUMBER SIZE: little endian, for bpftool.
bytes()
{
	local i n=$1

	for ((i = 0; i < $2; i++)); do
		printf '%d ' $((n & 255))
		n=$((n >> 8))
	done
}

# number MAP KEY...: the value of an element, 0 without one.
number()
{
	local map=$1

	shift
	bpftool -j map lookup pinned "$maps/$map" key "$@" 2>/dev/null | python3 -c '
import json, sys
try:
    print(int.from_bytes(bytes(int(b, 16) for b in json.load(sys.stdin)["value"]), "little"))
except (ValueError, KeyError):
    print(0)'
}

# fails ERROR COMMAND...: with that error, and no other.
fails()
{
	local error=$1 said

	shift
	if said=$(LC_ALL=C "$@" 2>&1 >/dev/null); then
		no "$*: succeeds"
	else
		[[ $said == *"$error"* ]] || no "$*: $said"
	fi
}

as_user()
{
	setpriv --reuid 1000 --regid 1000 --clear-groups -- "$@"
}

counts()
{
	local i before after user

	# shellcheck disable=SC2046
	serve count && before=$(number count-maps/requests $(bytes $STATFS 4)) || return
	for i in 1 2 3; do
		stat -f "$mnt" && as_user stat -f "$mnt"
	done >/dev/null
	# shellcheck disable=SC2046
	after=$(number count-maps/requests $(bytes $STATFS 4))
	# shellcheck disable=SC2046
	user=$(number count-maps/users $(bytes 1000 4) $(bytes $STATFS 4))
	[ $((after - before)) = 6 ] || no "STATFS: $before, then $after" || return
	[ "$user" = 3 ] || no "of the user: $user"
}

# All that went by was counted, as the module itself does.
counts_all()
{
	serve count && {
		ls -lR "$mnt" && cat "$mnt/file" && echo more >>"$mnt/file" && mkdir "$mnt/e" &&
			mv "$mnt/e" "$mnt/f" && rmdir "$mnt/f" && touch "$mnt/new" && rm "$mnt/new" &&
			readlink "$mnt/link" && chmod 600 "$mnt/file" && sync "$mnt/file"
	} >/dev/null || return
	sleep 0.5
	extfusectl stats "$mnt" --json >"$dir/stats"
	bpftool -j map dump pinned $maps/count-maps/requests | python3 -c "
import json, sys
counted = {int.from_bytes(bytes(int(b, 16) for b in e['key']), 'little'):
           int.from_bytes(bytes(int(b, 16) for b in e['value']), 'little')
           for e in json.load(sys.stdin)}
bad = [o for c in json.load(open('$dir/stats')) for o in c['ops']
       if o['name'] != 'FORGET' and counted.get(o['opcode'], 0) > o['passed']]
few = [o for c in json.load(open('$dir/stats')) for o in c['ops']
       if o['name'] in ('LOOKUP', 'OPENDIR', 'READDIRPLUS', 'READLINK', 'MKDIR', 'RMDIR', 'CREATE',
                        'UNLINK', 'SETATTR', 'WRITE', 'FSYNC', 'RELEASE')
       and counted.get(o['opcode'], 0) < o['passed'] - 3]
sys.exit(f'{bad} {few}' if bad or few else 0)"
}

pattern()
{
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/deny-maps/patterns key "$1" 0 0 0 value hex \
		$(printf '%s' "$2" | dd bs=64 conv=sync status=none | od -An -v -tx1)
}

hides()
{
	local name

	serve deny && pattern 0 '*.key' && pattern 5 'a?c*x*z' || return
	fails "No such file" stat "$mnt/secret.key" && fails "No such file" cat "$mnt/secret.key" &&
		fails "Permission denied" touch "$mnt/other.key" &&
		fails "Permission denied" mkdir "$mnt/d/.key" &&
		fails "Permission denied" mv "$mnt/file" "$mnt/file.key" &&
		fails "Permission denied" ln -s x "$mnt/x.key" &&
		fails "Permission denied" ln "$mnt/file" "$mnt/y.key" || return
	fails "too long" stat "$mnt/$(printf 'n%.0s' {1..300}).key" || return
	for name in abcxz abcxxzz axc-x-x-z; do
		fails "Permission denied" touch "$mnt/$name" || return
	done
	for name in key secret.keys secret.key.txt .keyx abcx abxz acxz abcxzq bcxz '*'; do
		touch "$mnt/$name" && stat "$mnt/$name" >/dev/null || no "$name is hidden" || return
	done
	[ "$(cat "$low/secret.key")" = text ] && [ -e "$low/file" ]
}

keeps_out()
{
	serve deny && as_user cat "$mnt/file" >/dev/null || return
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/deny-maps/users key $(bytes 1000 4) value 1 || return
	fails "Permission denied" as_user cat "$mnt/file" &&
		fails "Permission denied" as_user ls "$mnt" &&
		fails "Permission denied" as_user touch "$mnt/new" &&
		fails "Permission denied" as_user stat -f "$mnt" && cat "$mnt/file" >/dev/null || return
	# shellcheck disable=SC2046
	bpftool map delete pinned $maps/deny-maps/users key $(bytes 1000 4)
	as_user cat "$mnt/file" >/dev/null
}

changes_nothing()
{
	local before

	serve readonly && before=$(ls -lR --time-style=full-iso "$low") || return
	fails "Read-only" touch "$mnt/new" && fails "Read-only" touch -d @1 "$mnt/file" &&
		fails "Read-only" mkdir "$mnt/e" && fails "Read-only" rm -f "$mnt/file" &&
		fails "Read-only" rmdir "$mnt/d" && fails "Read-only" mv "$mnt/file" "$mnt/other" &&
		fails "Read-only" ln "$mnt/file" "$mnt/other" && fails "Read-only" ln -s a "$mnt/b" &&
		fails "Read-only" mknod "$mnt/p" p && fails "Read-only" chmod 600 "$mnt/file" &&
		fails "Read-only" truncate -s 0 "$mnt/file" &&
		fails "Read-only" dd if=/dev/zero of="$mnt/file" conv=notrunc count=1 status=none &&
		fails "Read-only" setfattr -n user.a -v 1 "$mnt/file" || return
	[ "$(cat "$mnt/file")" = text ] && ls -l "$mnt" >/dev/null && readlink "$mnt/link" >/dev/null &&
		[ "$before" = "$(ls -lR --time-style=full-iso "$low")" ] || no "something changed"
}

write_7()
{
	dd if=/dev/zero bs=4 count=1 status=none >&7
}

# What was open before the bind cannot be written to any more.
changes_nothing_open()
{
	serve readonly && extfusectl unbind "$mnt" && exec 7<>"$mnt/file" &&
		extfusectl bind "$mnt" readonly && stat -f "$mnt" >/dev/null || return
	fails "Read-only" write_7
	set -- $?
	exec 7>&-
	[ "$1" = 0 ] && [ "$(cat "$low/file")" = text ]
}

# milliseconds COMMAND...
milliseconds()
{
	local from=${EPOCHREALTIME/./}

	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - from) / 1000))
}

waits()
{
	local quick slow

	serve slow && quick=$(milliseconds stat -f "$mnt") || return
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/slow-maps/delays key $(bytes $STATFS 4) \
		value $(bytes 900000000 8) || return
	slow=$(milliseconds stat -f "$mnt")
	[ "$slow" -ge 900 ] || no "$quick ms, with a delay of 900 ms $slow ms" || return
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/slow-maps/delays key $(bytes $STATFS 4) value $(bytes 0 8)
	[ "$(milliseconds stat -f "$mnt")" -lt 900 ] || no "it still waits"
}

# Neither a kill nor an unbind waits for long.
waits_no_longer()
{
	local pid took

	serve slow || return
	# shellcheck disable=SC2046
	bpftool map update pinned $maps/slow-maps/delays key $(bytes $LOOKUP 4) \
		value $(bytes 3600000000000 8) || return
	took=$(milliseconds stat "$mnt/file")
	[ "$took" -lt 5000 ] || no "an hour is cut to a second, but took $took ms" || return
	stat "$mnt/d" >/dev/null 2>&1 &
	pid=$!
	sleep 0.1
	kill -KILL $pid
	wait $pid 2>/dev/null
	took=$(milliseconds extfusectl unbind "$mnt")
	[ "$took" -lt 10000 ] || no "unbind took $took ms" || return
	stat "$mnt/file" >/dev/null
}

check "count: by opcode and by user" counts
check "count: the same as the module's own statistics" counts_all
check "deny: names that match, and no others" hides
check "deny: users in the map, while they are in it" keeps_out
check "readonly: every change fails with EROFS" changes_nothing
check "readonly: files that were open for writing too" changes_nothing_open
check "slow: for as long as the map says" waits
check "slow: at most a second, and ends when the caller is killed" waits_no_longer
ktap_finished
