#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# disgrafs watch, and .graph/events: every change is told, in order, once.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3

watcher=

# watch [OPTION...]: into $dir/told, and wait until it does.
watch()
{
	env --default-signal=INT disgrafs watch "$@" >"$dir/told" 2>"$dir/watch.err" &
	watcher=$!
	for _ in {1..100}; do
		ls -l /proc/$watcher/fd 2>/dev/null | grep -q '\.graph/events$' && return
		sleep 0.1
	done
	sed 's/^/# /' "$dir/watch.err"
	return 1
}

# told LINE...: just these so far, "MOUNT" for $mnt; "a b" for a tab.
told()
{
	local i wanted

	wanted=$(printf '%s\n' "$@" | sed "s|MOUNT|$mnt|g" | tr ' ' '\t')
	for ((i = 0; i < 50 * ${SLOWER:-1}; i++)); do
		[ "$(cat "$dir/told")" != "$wanted" ] || return 0
		sleep 0.1
	done
	ktap_print_msg "not told: $(diff <(echo "$wanted") "$dir/told")"
	return 1
}

# What happens at nearly the same time is told as one.
apart()
{
	"$@" && ls "$mnt/.graph/tags" >/dev/null
}

# The watcher ended by itself, and well.
ended()
{
	local i

	for ((i = 0; i < 50 * ${SLOWER:-1}; i++)); do
		kill -0 $watcher 2>/dev/null || { wait $watcher; return; }
		sleep 0.1
	done
	ktap_print_msg "still watching"
	return 1
}

unwatch()
{
	[ -z "$watcher" ] || { kill $watcher; wait $watcher; } 2>/dev/null
	watcher=
}

# --- tests; each starts with an empty mount and no watcher ---

names()
{
	mkdir "$mnt/before" && watch "$mnt" || return
	apart touch "$mnt/a" && apart mkdir "$mnt/d" && apart mv "$mnt/a" "$mnt/d/b" &&
		apart ln "$mnt/d/b" "$mnt/c" && ln -s c "$mnt/s" || return
	told "made MOUNT/a" "made MOUNT/d" "renamed MOUNT/a MOUNT/d/b" "made MOUNT/c" "made MOUNT/s" || return
	apart mv "$mnt/d" "$mnt/e" && apart rm "$mnt/e/b" && apart mv -f "$mnt/c" "$mnt/s" && rm -r "$mnt/e" || return
	told "made MOUNT/a" "made MOUNT/d" "renamed MOUNT/a MOUNT/d/b" "made MOUNT/c" "made MOUNT/s" \
		"renamed MOUNT/d MOUNT/e" "removed MOUNT/e/b" "renamed MOUNT/c MOUNT/s" "removed MOUNT/e"
}

tags_and_links()
{
	touch "$mnt/a" "$mnt/b" && disgrafs tag "$mnt/a" old && watch "$mnt" || return
	disgrafs tag "$mnt/a" one two && disgrafs untag "$mnt/a" old && disgrafs link "$mnt/a" see "$mnt/b" &&
		disgrafs unlink "$mnt/a" see "$mnt/b" && ln -s "$mnt/b" "$mnt/.graph/tags/one/b" || return
	told "tagged MOUNT/a one" "tagged MOUNT/a two" "untagged MOUNT/a old" "linked MOUNT/a see MOUNT/b" \
		"unlinked MOUNT/a see MOUNT/b" "tagged MOUNT/b one"
}

# What was before is not told; what an xattr does not change is none.
only_changes()
{
	touch "$mnt/f" && disgrafs tag "$mnt/f" t && watch "$mnt" || return
	setfattr -n user.xdg.tags -v t "$mnt/f" && setfattr -n user.other -v x "$mnt/f" && echo data >"$mnt/f" &&
		ls -l "$mnt" >/dev/null && touch "$mnt/end" || return
	told "made MOUNT/end"
}

below()
{
	mkdir "$mnt/d" "$mnt/dd" && watch "$mnt/d" || return
	apart touch "$mnt/d/a" "$mnt/dd/a" "$mnt/b" && apart mv "$mnt/d/a" "$mnt/a" && apart mv "$mnt/b" "$mnt/d/b" &&
		disgrafs tag "$mnt/d" t || return
	told "made MOUNT/d/a" "renamed MOUNT/d/a MOUNT/a" "renamed MOUNT/b MOUNT/d/b" "tagged MOUNT/d t"
}

hostile()
{
	local name=$'a\tb\nc\\d e'

	watch --json "$mnt" && apart touch "$mnt/$name" && setfattr -n user.xdg.tags -v $'x\ty' "$mnt/$name" &&
		apart mv "$mnt/$name" "$mnt/"$'\377' && disgrafs link "$mnt/"$'\377' see "$mnt" || return
	for _ in {1..50}; do
		[ "$(wc -l <"$dir/told")" = 4 ] && break
		sleep 0.1
	done
	python3 - "$dir/told" "$mnt" "$name" <<-'END'
		import json, os, sys
		events = [json.loads(line) for line in open(sys.argv[1])]
		mnt, path = sys.argv[2], sys.argv[2] + "/" + sys.argv[3]
		other = list(os.fsencode(mnt) + b"/\xff")
		wanted = [{"change": "made", "path": path}, {"change": "tagged", "path": path, "tag": "x\ty"},
		          {"change": "renamed", "path": path, "to": other},
		          {"change": "linked", "path": other, "relation": "see", "target": mnt}]
		sys.exit(0 if events == wanted else f"# {events}")
	END
}

# So may the path of the mount be; but a line is one, and has its fields.
hostile_mount()
{
	local other=$dir/$'a\tb\\\nc' status

	mkdir -p "$other" && mount --bind "$mnt" "$other" || return
	watch "$other" && touch "$mnt/f" && told "made $dir/a\\011b\\134\\012c/f"
	status=$?
	unwatch
	umount "$other" && return $status
}

# By the file itself: waits, is interrupted, polls, and does not wait if told not to.
by_file()
{
	python3 - "$mnt" <<-'END'
		import os, select, signal, sys, threading, time
		mnt = sys.argv[1]
		fd = os.open(mnt + "/.graph/events", os.O_RDONLY)
		class Alarm(Exception): pass
		def alarm(*_): raise Alarm
		signal.signal(signal.SIGALRM, alarm)
		signal.setitimer(signal.ITIMER_REAL, 0.5)
		try:
		    os.read(fd, 100); sys.exit("# not interrupted")
		except Alarm: pass
		poll = select.poll(); poll.register(fd, select.POLLIN)
		assert not poll.poll(100)
		threading.Timer(0.3, lambda: open(mnt + "/f", "w").close()).start()
		assert poll.poll(10000), "poll"
		assert os.read(fd, 100) == b"made\tf\n"
		threading.Timer(0.3, lambda: os.rename(mnt + "/f", mnt + "/g")).start()
		assert os.read(fd, 100) == b"renamed\tf\tg\n"
		again = os.open(mnt + "/.graph/events", os.O_RDONLY | os.O_NONBLOCK)
		try:
		    os.read(again, 100); sys.exit("# not empty")
		except BlockingIOError: pass
		for flags in (os.O_WRONLY, os.O_RDWR):
		    try:
		        os.open(mnt + "/.graph/events", flags); sys.exit("# writable")
		    except PermissionError: pass
		# Whoever does not read loses something, and is told.
		deep = mnt + ("/" + "x" * 250) * 8
		os.makedirs(deep)
		for i in range(3):
		    os.setxattr(deep, "user.xdg.tags", ",".join(f"{i}.{j}" for j in range(120)).encode())
		os.listdir(mnt + "/.graph/tags")
		data = b""
		while True:
		    try:
		        more = os.read(again, 1 << 16)
		    except BlockingIOError: break
		    assert more.endswith(b"\n")
		    data += more
		assert data.endswith(b"lost\n") and data.count(b"lost\n") == 1 and len(data) <= (1 << 20) + 5, len(data)
		open(mnt + "/after", "w").close()
		os.listdir(mnt + "/.graph/tags")
		assert os.read(again, 100) == b"made\tafter\n"
	END
}

# Nobody finds it who reads everything, nor whom it is not for.
hidden()
{
	is "$(printf 'any\nfind\nlinks\nrelated\ntags')" ls -A "$mnt/.graph" && is 400 stat -c %a "$mnt/.graph/events" || return
	! cat "$mnt/.graph/events/x" 2>/dev/null && ! rm "$mnt/.graph/events" 2>/dev/null &&
		! sh -c ': >"$0/.graph/events"' "$mnt" 2>/dev/null || return
	chmod 755 "$dir"
	! setpriv --reuid=$nobody --clear-groups -- cat "$mnt/.graph/events" 2>/dev/null || return
	is "disgrafs: $low: not in a mount of disgrafsd" disgrafs watch "$low"
}

ends_with_mount()
{
	watch "$mnt" && touch "$mnt/f" && told "made MOUNT/f" && umount -l "$mnt" && ended || return
	wait $daemon || return
	# shellcheck disable=SC2086
	serve $options && watch "$mnt" || return
	kill $daemon
	wait $daemon && ended || return
	# shellcheck disable=SC2086
	serve $options && watch "$mnt" || return
	kill -INT $watcher
	wait $watcher
	[ $? = 130 ]
}

fresh()
{
	emptied "$@"
	unwatch
}

run_tests()
{
	fresh "names made, renamed, removed" names
	fresh "tags and links" tags_and_links
	fresh "nothing but changes" only_changes
	fresh "below a directory" below
	fresh "names of any bytes, as JSON" hostile
	fresh "a mount point of any bytes" hostile_mount
	fresh "the file itself: waits, polls, loses" by_file
	fresh "not listed, and for the owner" hidden
	fresh "ends with the mount, and by Ctrl-C" ends_with_mount
	leave
}

ktap_print_header
ktap_set_plan $((9 * ${#variants[@]}))
serve_each run_tests
ktap_finished
