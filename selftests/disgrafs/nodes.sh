#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Several servers of one lower directory, with one PostgreSQL. They do not see each
# other's changes by fanotify(7), as machines would not. $NODES_SECONDS: how long
# random operations take (5).

. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$here/database.sh"

once 6.12
pg_needed

declare -A node_pid
ops=$here/nodes_ops.py

# node NAME [OPTION...]: a server at $dir/NAME.
node()
{
	local name=$1 i

	shift
	mkdir -p "$dir/$name" "$low"
	env --default-signal=INT disgrafsd -f --no-fanotify --no-extract ${options-} --ttl 86400 \
		--index "$uri" "$@" "$low" "$dir/$name" >>"$dir/$name.log" 2>&1 &
	node_pid[$name]=$!
	for ((i = 0; i < 200 * ${SLOWER:-1}; i++)); do
		mountpoint -q "$dir/$name" && ls "$dir/$name/.graph/tags" >/dev/null 2>&1 && return
		kill -0 "${node_pid[$name]}" 2>/dev/null || break
		sleep 0.1
	done
	sed "s/^/# $name: /" "$dir/$name.log"
	return 1
}

# gone NAME...: unmounted, and the server ended well.
gone()
{
	local name status=0

	for name; do
		[ -n "${node_pid[$name]-}" ] || continue
		umount "$dir/$name" || umount -l "$dir/$name"
		wait "${node_pid[$name]}" || status=1
		unset "node_pid[$name]"
	done
	return $status
}

killed()
{
	kill -KILL "${node_pid[$1]}"
	wait "${node_pid[$1]}" 2>/dev/null
	unset "node_pid[$1]"
	umount -l "$dir/$1"
}

test_failed()
{
	local log

	for log in "$dir"/[abc].log; do
		tail -n 20 "$log" | sed "s|^|# ${log##*/}: |"
	done
}

same()
{
	python3 "$ops" compare "$low" "$@"
}

# The index is what the file system is, too.
checked()
{
	agrees "$1" && return
	sed 's/^/# check: /' "$dir/check"
	return 1
}

# --- tests ---

share()
{
	local other=$dir/other

	mkdir -p "$other"
	[ "$(disgrafs stats --json "$dir/a" | tr -d ' \n' | grep -c '"files"')" = 1 ] || return
	# Whoever has an index of its own would not be told.
	mv "$low/.disgrafs/database" "$dir/database"
	disgrafsd "$low" "$other" 2>"$dir/err"
	[ $? = 1 ] && grep -q "already served" "$dir/err"
	local status=$?
	mv "$dir/database" "$low/.disgrafs/database"
	[ $status = 0 ] || return
	# And nobody turns it over to another database.
	disgrafsd --index sqlite "$low" "$other" 2>"$dir/err"
	[ $? = 1 ] && grep -q "already served" "$dir/err" && is "$uri" cat "$low/.disgrafs/database"
}

# soon_is WANTED COMMAND...: without asking for anything else.
soon_is()
{
	local wanted=$1 i got

	shift
	for ((i = 0; i < 200 * ${SLOWER:-1}; i++)); do
		got=$("$@" 2>&1)
		[ "$got" = "$wanted" ] && return
		sleep 0.01
	done
	ktap_print_msg "$*: '$got', not '$wanted'"
	return 1
}

# Without having been told, a server's kernel keeps what it knows.
kept()
{
	local i before

	for ((i = 0; i < 40; i++)); do
		before=$(stat -c %s "$dir/b/f")
		echo more >>"$low/f"
		[ "$(stat -c %s "$dir/b/f")" != "$before" ] || return 0
	done
	ktap_print_msg "nothing is kept"
	return 1
}

seen()
{
	local a=$dir/a b=$dir/b

	echo one >"$a/f" && soon_is one cat "$b/f" || return
	kept || return
	echo three >"$a/f" && soon_is three cat "$b/f" && soon_is 6 stat -c %s "$b/f" || return
	chmod 751 "$a/f" && soon_is 751 stat -c %a "$b/f" || return
	truncate -s 2 "$b/f" && soon_is 2 stat -c %s "$a/f" || return
	mv "$a/f" "$a/g" && soon_is g ls "$b" && soon_is "" sh -c "ls $b/f 2>/dev/null" || return
	ln "$b/g" "$b/h" && soon_is 2 stat -c %h "$a/g" && rm "$b/h" && soon_is 1 stat -c %h "$a/g" || return
	! getfattr -n user.xdg.tags "$b/g" >/dev/null 2>&1 || return
	disgrafs tag "$a/g" x y && soon_is x,y getfattr --absolute-names --only-values \
		-n user.xdg.tags "$b/g" && soon_is "$(printf 'x\ny')" ls "$b/.graph/tags" || return
	soon_is ../../../../g readlink "$b/.graph/tags/x/y/g" || return
	rm "$b/.graph/tags/x/g" && soon_is y disgrafs tags "$a/g" &&
		soon_is y getfattr --absolute-names --only-values -n user.xdg.tags "$a/g" || return
	mkdir "$a/d" && touch "$b/d/new" && soon_is new ls "$a/d" && mv "$a/d" "$a/e" &&
		soon_is "$(printf 'e\ng')" ls "$b" && soon_is new ls "$b/e" && rm -r "$b/e" "$b/g" &&
		soon_is "" ls "$a"
}

random_operations()
{
	local seconds=${NODES_SECONDS:-5} round=0 part=60 seed=${SEED:-$RANDOM}

	for ((; seconds > 0; seconds -= part)); do
		[ $part -le $seconds ] || part=$seconds
		python3 "$ops" load $part "$seed.$((round += 1))" "$dir/a" "$dir/b" &&
			same "$dir/a" "$dir/b" || return
	done
	checked "$dir/a"
}

host_is_down()
{
	ls "$dir/$1/.graph/tags" 2>&1 | grep -q "Host is down"
}

database_lost()
{
	local a=$dir/a b=$dir/b

	touch "$a/f" "$a/g" && disgrafs tag "$a/f" before && soon_is f ls "$b/.graph/tags/before" || return
	pg_kill || return
	eventually 100 host_is_down a && eventually 100 host_is_down b || return
	# Files are served, and nothing is kept that might not be true any more.
	echo text >"$b/new" && soon_is text cat "$a/new" && mv "$a/new" "$b/moved" || return
	eventually 100 grep -q "serving without a graph" "$dir/b.log" || return
	setfattr -n user.xdg.tags -v after "$a/g" && is after getfattr --absolute-names --only-values \
		-n user.xdg.tags "$b/g" || return
	pg_start && same "$a" "$b" && is g ls "$b/.graph/tags/after" && checked "$b"
}

# What is mounted where it was is none of its business.
ends_without_database()
{
	local pid status

	pid=$(head -n 1 "$pg/main/postmaster.pid") && node c && echo text >"$dir/c/left" || return
	# shellcheck disable=SC2046
	kill -STOP "$pid" $(pgrep -P "$pid")
	chmod 600 "$dir/c/left" && mkdir -p "$dir/next" && touch "$dir/next/f" && umount "$dir/c" &&
		disgrafsd --no-module --no-extract "$dir/next" "$dir/c" &&
		wait "${node_pid[c]}" && is f ls "$dir/c"
	status=$?
	# shellcheck disable=SC2046
	kill -CONT "$pid" $(pgrep -P "$pid")
	umount "$dir/c"
	unset "node_pid[c]"
	[ $status = 0 ] && same "$dir/a" "$dir/b"
}

node_killed()
{
	local a=$dir/a b=$dir/b load tags status

	mkdir -p "$low/tagged"
	python3 "$ops" load 6 kill "$a" >"$dir/load" 2>&1 &
	load=$!
	python3 "$ops" tag 6 "$dir/acked" "$b" >"$dir/load2" 2>&1 &
	tags=$!
	sleep 3
	killed b
	node b || return
	wait $load; status=$?
	wait $tags || status=1
	[ $status = 0 ] || { cat "$dir/load" "$dir/load2"; return 1; }
	python3 "$ops" tagged "$dir/acked" "$low" "$a" "$b" && same "$a" "$b" && checked "$a"
}

# Of the primary to the synchronous standby, in the middle of tagging.
failover()
{
	local a=$dir/a b=$dir/b load

	mkdir -p "$low/tagged"
	python3 "$ops" tag 8 "$dir/failover" "$a" "$b" >"$dir/load" 2>&1 &
	load=$!
	eventually 300 test -s "$dir/failover"
	sleep 2
	pg_kill main
	pg_as pg_ctl -s -w -D "$pg/standby" promote >/dev/null || return
	pg_sql standby "ALTER SYSTEM RESET synchronous_standby_names" &&
		pg_sql standby "SELECT pg_reload_conf()" >/dev/null
	wait $load || { cat "$dir/load"; return 1; }
	cat "$dir/load"
	python3 "$ops" tagged "$dir/failover" "$low" "$a" "$b" && same "$a" "$b" && checked "$a" &&
		disgrafs reindex "$a" >/dev/null && same "$a" "$b"
}

end()
{
	gone a b c
	pg_end
	cleanup
}
trap end EXIT

ktap_print_header
ktap_set_plan 7
pg_init main && pg_start || ktap_exit_fail_msg "PostgreSQL does not start"
uri=$(pg_uri main)
read -r variant options <<<"${variants[0]}"
options=${options/--ttl 0/}
node a && node b || ktap_exit_fail_msg "disgrafsd does not serve"
check "$variant: two servers of one tree, and none that would not know of them" share
check "$variant: what is changed through one is seen through the other" seen
check "$variant: random operations" random_operations
check "$variant: the database is killed and comes back" database_lost
check "$variant: a server ends while the database does not answer" ends_without_database
check "$variant: a server is killed in the middle" node_killed
gone a b
pg_standby standby || ktap_exit_fail_msg "no standby"
uri=$(pg_uri main standby)
node a && node b || ktap_exit_fail_msg "disgrafsd does not serve"
check "$variant: failover to a synchronous standby loses no tag" failover
ktap_finished
