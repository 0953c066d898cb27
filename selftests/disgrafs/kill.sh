#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL for the server, for what looks into files, and for PostgreSQL, at random moments
# of tagging, renaming and writing: no tag is lost that was set, and the index becomes
# what the file system holds. $ROUNDS of each (5, in the guests 1); SEED repeats
# a run's moments, TEST=REGEX has only those with that in their name.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$here/database.sh"

once 7.3
ops=$here/nodes_ops.py
extract=
RANDOM=${SEED:=$RANDOM}
# Emulation is slow.
case $(uname -r) in
6.12.*|7.3.*) : "${ROUNDS:=1}" ;;
*) : "${ROUNDS:=5}" ;;
esac
read -r variant options <<<"${variants[0]}"

# From a tenth of a second to two.
random_moment()
{
	sleep "$((RANDOM % 19 / 10 + 0)).$((RANDOM % 9 + 1))"
}

# busy: until $dir/busy is removed, in the background.
busy()
{
	mkdir -p "$low/tagged"
	rm -f "$dir/acked"
	python3 "$ops" load 4 "$1" "$mnt" >"$dir/load" 2>&1 &
	loads=($!)
	python3 "$ops" tag 4 "$dir/acked" "$mnt" >"$dir/tag" 2>&1 &
	loads+=($!)
}

idle()
{
	local status=0

	# A load whose server is gone may fail.
	wait "${loads[0]}" || [ "$1" = daemon ] || status=1
	wait "${loads[1]}" || status=1
	[ $status = 0 ] || sed 's/^/# /' "$dir/load" "$dir/tag"
	return $status
}

kill_daemon()
{
	kill -KILL $daemon
	wait $daemon 2>/dev/null
	daemon=
	umount -l "$mnt"
	# shellcheck disable=SC2086
	serve $options
}

kill_extractor()
{
	pkill -KILL -P $daemon
	return 0
}

kill_database()
{
	pg_kill && random_moment && pg_start
}

# one VICTIM ROUND
one()
{
	busy "$SEED.$2"
	random_moment
	"kill_$1" || return
	idle "$1" || return
	# Twice, because a rebuild may be at work.
	agrees --repair "$mnt" || { sed 's/^/# repair: /' "$dir/check"; return 1; }
	agrees "$mnt" || { sed 's/^/# check: /' "$dir/check"; return 1; }
	python3 "$ops" compare "$low" "$mnt" && python3 "$ops" tagged "$dir/acked" "$low" "$mnt"
}

rounds()
{
	local i

	rm -rf "$low"
	# shellcheck disable=SC2086
	serve $options || return
	for ((i = 1; i <= ROUNDS; i++)); do
		one "$1" "$1.$i" >"$dir/round" 2>&1 && continue
		ktap_print_msg "round $i of $ROUNDS, SEED=$SEED"
		sed 's/^\([^#]\)/# \1/' "$dir/round"
		return 1
	done
	leave
}

end()
{
	[ -z "$daemon" ] || umount -l "$mnt"
	[ -z "$daemon" ] || wait $daemon
	daemon=
	[ ! -d "$pg" ] || pg_end
	cleanup
}
trap end EXIT

# killing WHAT VICTIM
killing()
{
	if [[ ! $1 =~ ${TEST-} ]] || { [[ $1 = *Postgre* ]] && [ -z "$DATABASE" ]; }; then
		ktap_test_skip "$variant: $1"
	else
		check "$variant: $1" rounds "$2"
	fi
}

ktap_print_header
ktap_set_plan 4
killing "the server, with SQLite" daemon
killing "what looks into files" extractor
[ -z "$pg_bin" ] || { pg_init main && pg_start && DATABASE=$(pg_uri main); }
killing "the server, with PostgreSQL" daemon
killing "PostgreSQL" database
ktap_finished
