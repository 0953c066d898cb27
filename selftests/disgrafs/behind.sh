#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Changes that are made in LOWER, behind the mount: the index, the kernel's caches
# and the policy's learn of them.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3

# soon COMMAND...: before long.
soon()
{
	local i

	for ((i = 0; i < 200 * ${SLOWER:-1}; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	ktap_print_msg "not so: $*"
	return 1
}

there()
{
	[ -e "$1" ]
}

absent()
{
	[ ! -e "$1" ]
}

# Printed and quiet, so that it can be asked again.
says()
{
	[ "$("${@:2}" 2>/dev/null)" = "$1" ]
}

# found EXPRESSION [PATH...]
found()
{
	says "$(printf '%s\n' "${@:2}" | sed "s|^.|$mnt/&|")" disgrafs find -C "$mnt" "$1"
}

# --- tests; each starts with an empty mount ---

names()
{
	# Everything is asked before, so that it is in caches.
	mkdir "$mnt/d" && ls -A "$mnt" "$mnt/d" >/dev/null && ! cat "$mnt/d/f" 2>/dev/null || return
	echo 1 >"$low/d/f" && soon there "$mnt/d/f" && soon says f ls "$mnt/d" && soon found name:f d/f || return
	mv "$low/d/f" "$low/g" && soon there "$mnt/g" && soon absent "$mnt/d/f" && soon says "" ls "$mnt/d" &&
		soon found name:g g && soon found name:f || return
	mkdir -p "$low/x/y/z" && touch "$low/x/y/z/deep" && soon found name:deep x/y/z/deep &&
		soon there "$mnt/x/y/z/deep" || return
	stat "$mnt/x/y/z/deep" >/dev/null && mv "$low/x" "$low/w" && soon there "$mnt/w/y/z/deep" &&
		soon absent "$mnt/x" && soon found name:deep w/y/z/deep || return
	mv "$low/w" "$low/v" && mv "$low/v" "$low/u" && soon there "$mnt/u/y/z/deep" &&
		soon found name:deep u/y/z/deep || return
	rm -r "$low/u" "$low/g" && soon absent "$mnt/g" && soon absent "$mnt/u" && soon found type:f
}

tags()
{
	touch "$mnt/a" "$mnt/b" && disgrafs tag "$mnt/a" old && disgrafs tags "$mnt/a" >/dev/null || return
	setfattr -n user.xdg.tags -v new "$low/a" && soon found new a && soon found old &&
		soon says new disgrafs tags "$mnt/a" && soon there "$mnt/.graph/tags/new/a" || return
	mv "$low/a" "$low/c" && soon found new c && ln "$low/c" "$low/d" && soon says 2 stat -c %h "$mnt/c" &&
		rm "$low/c" && soon found new d && setfattr -x user.xdg.tags "$low/d" && soon found new
}

attributes()
{
	echo 1234 >"$mnt/f" && cat "$mnt/f" >/dev/null && is "5 644" stat -c '%s %a' "$mnt/f" || return
	chmod 600 "$low/f" && soon says "5 600" stat -c '%s %a' "$mnt/f" || return
	echo 5678 >>"$low/f" && soon says "10 600" stat -c '%s %a' "$mnt/f" && is $'1234\n5678' cat "$mnt/f" || return
	echo abcdefghi >"$dir/new" && cat "$dir/new" >"$low/f" && soon says abcdefghi cat "$mnt/f" || return
	cp "$dir/new" "$low/n" && echo replaced >"$low/n" && mv "$low/n" "$low/f" && soon says replaced cat "$mnt/f"
}

# What a directory brings with it is told by nobody.
comes_and_goes()
{
	rm -rf "$dir/out" "$dir/out2"
	mkdir -p "$dir/out/sub" && touch "$dir/out/sub/f" && setfattr -n user.xdg.tags -v in "$dir/out/sub/f" || return
	mv "$dir/out" "$low/came" && soon found in came/sub/f && soon there "$mnt/came/sub/f" || return
	mv "$low/came" "$dir/out2" && soon found in && soon absent "$mnt/came"
}

# Tags that somebody sets behind the mount are told, what is beside LOWER is not.
watched()
{
	local watcher status

	disgrafs watch "$mnt" >"$dir/told" &
	watcher=$!
	for _ in {1..100}; do
		ls -l /proc/$watcher/fd | grep -q '\.graph/events$' && break
		sleep 0.1
	done
	mkdir -p "$dir/lower2" && touch "$dir/lower2/x" "$low.x" && touch "$low/f" &&
		soon found name:f f && setfattr -n user.xdg.tags -v t "$low/f" && soon found t f &&
		soon says "$(printf 'made\t%s\ntagged\t%s\tt' "$mnt/f" "$mnt/f")" cat "$dir/told"
	status=$?
	kill $watcher
	wait $watcher 2>/dev/null
	return $status
}

# Names that come and go on both sides, until $dir/enough is there; sets pids.
churn()
{
	local i

	mkdir -p "$mnt/d"
	rm -f "$dir/enough"
	pids=()
	for i in "$low" "$mnt" "$low"; do
		(cd "$i/d" && while [ ! -e "$dir/enough" ]; do
			for j in 1 2 3 4 5; do
				echo x >f$j; mv f$j g$j; ls -l . ; rm -f g$j; mkdir h$j; rmdir h$j
			done
			touch last
		done) >/dev/null 2>&1 &
		pids+=($!)
	done
	sleep 2
}

consistent()
{
	agrees "$mnt"
}

both_sides()
{
	churn
	touch "$dir/enough"
	wait "${pids[@]}"
	soon consistent && soon says "$(ls "$low/d")" ls "$mnt/d" && return
	sed 's/^/# /' "$dir/check"
	return 1
}

ends_meanwhile()
{
	local started status

	churn
	started=$SECONDS
	kill $daemon
	wait $daemon
	status=$?
	daemon=
	started=$((SECONDS - started))
	touch "$dir/enough"
	wait "${pids[@]}"
	if [ $status != 0 ] || [ $started -ge $((10 * ${SLOWER:-1})) ]; then
		ktap_print_msg "ended with $status in $started s"
		return 1
	fi
	# What happened since, nobody saw.
	# shellcheck disable=SC2086
	serve $options && disgrafs reindex "$mnt" && is "$(ls "$low/d")" ls "$mnt/d"
}

# mounts COUNT: so many on $dir/full, or away with as many. One process is quick.
mounts()
{
	mkdir -p "$dir/full"
	python3 - "$dir/full" "$1" <<-'END'
		import ctypes, sys
		libc = ctypes.CDLL(None)
		at, count = sys.argv[1].encode(), int(sys.argv[2])
		for _ in range(abs(count)):
		    assert not (libc.umount2(at, 0) if count < 0 else
		                libc.mount(b"none", at, b"tmpfs", 0, None))
	END
}

# Its device has a number that takes more than eight bits.
ends_among_many()
{
	local minor status

	leave && mounts 256 || return
	# shellcheck disable=SC2086
	serve $options && minor=$(mountpoint -d "$mnt" | cut -d: -f2) && [ "$minor" -gt 255 ] &&
		find "/proc/$daemon/fd" -lname "/sys/fs/fuse/connections/$minor/abort" | grep -q . &&
		ends_meanwhile
	status=$?
	mounts -256
	return $status
}

# With a short queue, and a daemon that does not look.
overflows()
{
	local limit=/proc/sys/fs/fanotify/max_queued_events before i

	leave && before=$(cat $limit) && echo 16 >$limit || return
	# shellcheck disable=SC2086
	serve $options
	i=$?
	echo "$before" >$limit
	[ $i = 0 ] && mkdir "$mnt/many" && ls "$mnt/many" && ! stat "$mnt/many/f7" 2>/dev/null || return
	kill -STOP $daemon
	for i in {1..60}; do
		echo x >"$low/many/f$i"
	done
	setfattr -n user.xdg.tags -v late "$low/many"/f*
	kill -CONT $daemon
	soon says 60 sh -c 'disgrafs find -C "$0" late | wc -l' "$mnt" &&
		grep -q "too many changes" "$dir/daemon.log"
}

# Once a daemon is there again
while_away()
{
	local change stamp=$low/.disgrafs/ended said="changed while it was not served"

	for change in "touch new; setfattr -n user.xdg.tags -v offline new" "setfattr -n user.xdg.tags -v offline d/f" \
		"mv d/f d/new" "rm d/f" "mv d e"; do
		mkdir -p "$mnt/d/deep" && touch "$mnt/d/f" "$mnt/d/deep/g" && leave || return
		# shellcheck disable=SC2086
		sleep 0.05 && serve $options && sleep 0.5 && touch "$mnt/later" && leave || return
		! grep -q "$said" "$dir/daemon.log" && [ -e "$stamp" ] && sleep 0.05 || return
		(cd "$low" && sh -c "$change") || return
		# shellcheck disable=SC2086
		serve $options && [ ! -e "$stamp" ] && soon grep -q "$said" "$dir/daemon.log" &&
			soon says "$(find "$low" -name .disgrafs -prune -o -type f -printf "$mnt/%P\n" | sort)" \
				sh -c 'disgrafs find -C "$0" type:f | sort' "$mnt" || return
		case $change in *setfattr*) soon says 1 sh -c 'disgrafs find -C "$0" offline | wc -l' "$mnt" || return ;; esac
		rm -r "${mnt:?}"/*
	done
}

# Where the threads of a daemon are that does not end, which then does.
give_up_on()
{
	local thread

	for thread in /proc/"$1"/task/*; do
		ktap_print_msg "$(cat "$thread/comm" "$thread/wchan" "$thread/syscall" | tr '\n' ' ')"
	done
	kill -KILL "$1"
	return 1
}

# Whoever owns LOWER puts something else in the place of .disgrafs: nothing is done there. In
# one step, for where nothing is the daemon would make an index.
elsewhere()
{
	local status change

	mkdir -p "$dir/elsewhere"
	for change in 'ln -s "$PWD/elsewhere" own' 'mkdir own && mkfifo own/ended' \
		'mkdir own && touch own/ended && chown -R 65534 own'; do
		(cd "$dir" && sh -c "$change") && touch -c -d @1 "$dir/own/ended" &&
			mv --exchange -T "$dir/own" "$low/.disgrafs" || return
		umount "$mnt" && within 20 over $daemon
		status=$?
		[ $status = 0 ] || give_up_on "$daemon"
		wait "$daemon" || status=1
		[ $status = 0 ] && is "" ls "$dir/elsewhere" || return
		[ ! -f "$low/.disgrafs/ended" ] || is 1 stat -c %Y "$low/.disgrafs/ended" || return
		rm -r "$low/.disgrafs" && mv "$dir/own" "$low/.disgrafs" || return
		# shellcheck disable=SC2086
		serve $options || return
	done
}

# New ones, by whatever name they were written.
looked_into()
{
	leave || return
	# shellcheck disable=SC2086
	extract='' serve $options && echo "quick fox" >"$low/a" && soon found text:fox a || return
	echo "lazy dog" >"$dir/beside" && mv "$dir/beside" "$low/b" && soon found text:dog b || return
	echo "brown bear" >"$low/.new" && mv "$low/.new" "$low/c" && soon found text:bear c || return
	echo "old owl" >"$dir/beside" && ln "$dir/beside" "$low/d" && rm "$dir/beside" &&
		soon found text:owl d
}

# Of one that the kernel knows, and of another.
looked_into_again()
{
	echo "quick fox" >"$mnt/a" && soon found text:fox a || return
	echo "grey wolf" >"$low/a" && soon found text:wolf a && found text:fox || return
	echo "lazy dog" >"$low/b" && soon found text:dog b || return
	echo "small cat" >"$low/b" && soon found text:cat b && found text:dog || return
	echo "brown bear" >>"$low/b" && mv "$low/b" "$low/c" && soon found text:bear c && found text:cat c
}

not_if_told_so()
{
	leave || return
	# shellcheck disable=SC2086
	serve $options --no-fanotify && touch "$low/unseen" && touch "$mnt/seen" && sleep 0.5 &&
		found name:seen seen && found name:unseen || return
	leave || return
	# shellcheck disable=SC2086
	serve $options
}

run_tests()
{
	emptied "names made, moved and removed" names
	emptied "tags and links of files" tags
	emptied "attributes and data" attributes
	emptied "directories that come and go" comes_and_goes
	emptied "they are watched, and no others" watched
	emptied "on both sides at once" both_sides
	emptied "the daemon ends meanwhile" ends_meanwhile
	emptied "the daemon ends meanwhile, among many mounts" ends_among_many
	if [ -d /mnt/scratch ]; then
		emptied "more than the queue holds" overflows
	else
		ktap_test_skip "$variant: more than the queue holds: it is this machine's"
	fi
	emptied "while nobody served it" while_away
	emptied "when something else is in the place of the index" elsewhere
	emptied "what is in files that are new" looked_into
	emptied "what is in files that change" looked_into_again
	emptied "not if told so" not_if_told_so
	leave
}

ktap_print_header
ktap_set_plan $((14 * ${#variants[@]}))
serve_each run_tests
ktap_finished
