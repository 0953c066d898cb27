#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two processes that change the same tree at random, through a mount that is bound, and
# through one that is bound with a validity of an hour: after each round what the mount
# shows is what is there, and each process has always seen what it did to its own files
# (race.c says more). In the environment: ROUNDS; OPS, of each process in each round;
# PROCESSES; SEED, of other operations; DAEMONS.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3

: "${ROUNDS:=2}" "${OPS:=50}" "${PROCESSES:=2}" "${SEED:=1}"
: "${DAEMONS:=passthrough_ll bindfs mergerfs sshfs gocryptfs}"

# Requests are carried out at the same time where the daemon can.
single=

# race DAEMON NAME BIND OPTION...
race()
{
	local daemon=$1 name=$1-$2 truth options=(-t -k "$(kind "$1")") result=0

	shift 2
	serve "$daemon" "$name" "$@" || return
	truth=$(truth "$daemon" "$name") || return
	"$here/race" -s "$SEED" -r "$ROUNDS" -n "$OPS" -p "$PROCESSES" "${options[@]}" \
		"$truth" "$dir/$name" || no "race ended with $?" || result=1
	requests "$dir/$name" | sed 's/^/# /'
	unmount_all
	return $result
}

# With "default" validities, and with none, so that the policy is asked everything.
races()
{
	case $2 in
	bound) race "$1" bound -- ;;
	ttl) validity=0 race "$1" ttl --ttl 3600 ;;
	esac
}

begin "$((2 * $(wc -w <<<"$DAEMONS")))"
ktap_print_msg "SEED=$SEED ROUNDS=$ROUNDS OPS=$OPS PROCESSES=$PROCESSES"
for daemon in $DAEMONS; do
	ktap_test_result "$daemon, bound: shows what is there" races "$daemon" bound
	ktap_test_result "$daemon, bound for an hour: shows what is there" races "$daemon" ttl
done
ktap_finished
