#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Random operations through three mounts of the same daemon over trees of their own: not
# bound, bound, and bound with a validity of an hour. Everything must be the same. In the
# environment: OPS, how many (short by default); SEED, of other operations; DAEMONS, of those
# below; ARGS, further options of compare, which describes them.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

: "${OPS:=400}" "${SEED:=1}"
: "${DAEMONS:=passthrough_ll bindfs mergerfs sshfs gocryptfs}"

same()
{
	local daemon=$1 name trees=() result=0

	serve "$daemon" "$daemon-plain" && serve "$daemon" "$daemon-bound" -- &&
		validity=0 serve "$daemon" "$daemon-ttl" --ttl 3600 || return
	for name in plain bound ttl; do
		trees+=("$dir/$daemon-$name=$(lower "$daemon" "$daemon-$name")")
	done
	# shellcheck disable=SC2086
	"$here/compare" -s "$SEED" -n "$OPS" -k "$(kind "$daemon")" $ARGS "${trees[@]}" ||
		no "compare ended with $?" || result=1
	requests "$dir/$daemon-bound" "$dir/$daemon-ttl" | sed 's/^/# /'
	unmount_all
	return $result
}

# Caller and daemon take turns, for which they need not wake another processor. That takes
# an emulated one long.
taskset -p -c "${CPU:-0}" $$ >/dev/null

begin "$(wc -w <<<"$DAEMONS")"
ktap_print_msg "SEED=$SEED OPS=$OPS"
for daemon in $DAEMONS; do
	ktap_test_result "$daemon: the same results" same "$daemon"
done
ktap_finished
