#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Automatic tags: files get them, and the user's own tags are never touched, whatever an
# extractor says.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12
extract=

own()
{
	getfattr --only-values -n user.xdg.tags "$1" 2>/dev/null
}

automatic()
{
	disgrafs auto "$1" | sort | paste -sd,
}

# --- tests; each goes on with the mount of the one before ---

given()
{
	local mtime

	python3 "$here/samples.py" "$low" && mkdir "$mnt/d" || return
	touch -d 2001-02-03 "$low/song.mp3" && disgrafs tag "$low/song.mp3" mine || return
	mtime=$(stat -c %Y "$low/song.mp3")
	# Known to the kernel, and to a policy, as without.
	is "" automatic "$mnt/song.mp3" || return
	disgrafs reindex "$low" >/dev/null && leave && serve $options || return
	soon "Jazz,Kind of Blue,Miles Davis,audio" automatic "$mnt/song.mp3" || return
	is mine own "$mnt/song.mp3" && is mine own "$low/song.mp3" || return
	is "$mtime" stat -c %Y "$mnt/song.mp3" || return
	soon "NIKON D750,image" automatic "$mnt/photo.jpg" || return
	find_soon "song.flac song.mp3" 'auto:"kind of blue"' && find_now song.mp3 'auto:audio tag:mine' || return
	# They are none of the user's.
	is mine sh -c 'disgrafs tags -C "$1" | sed "s/^ *[0-9]* //"' - "$mnt" && is mine ls "$mnt/.graph/tags"
}

# What the kernel and the policy know of a file is no longer true by that.
seen()
{
	cp "$low/photo.jpg" "$mnt/seen.jpg" && ! getfattr -n user.disgrafs.auto "$mnt/seen.jpg" 2>/dev/null &&
		stat "$mnt/seen.jpg" >/dev/null || return
	soon "NIKON D750,image" automatic "$mnt/seen.jpg" || return
	is "$(stat -c %z "$low/seen.jpg")" stat -c %z "$mnt/seen.jpg" || return
	is "$(getfattr -d "$low/seen.jpg" 2>/dev/null | tail -n +2)" \
		sh -c 'getfattr -d "$1" 2>/dev/null | tail -n +2' - "$mnt/seen.jpg"
}

# Giving tags is no reason to look again.
no_loop()
{
	cat >"$dir/extractor" <<-'END'
		#!/usr/bin/python3
		import os, socket
		s = socket.socket(fileno=0)
		while True:
		    name, fds, _, _ = socket.recv_fds(s, 256, 2)
		    if not name: break
		    out = os.fdopen(fds[1], "wb")
		    with open("LOG", "ab") as log: log.write(name + b"\n")
		    out.write(b"type a/b\ntext looked\n" + b"".join(b"tag %s\n" % t for t in
		        (b"found", b"mine", b"-odd", b"x" * 100, b"comma, in it", b"other")))
		    out.close(); os.close(fds[0])
	END
	sed -i "s|LOG|$dir/log|" "$dir/extractor" && chmod +x "$dir/extractor" || return
	leave && rm -rf "$low" && serve $options --extractor "$dir/extractor" || return
	echo 1 >"$mnt/a" && disgrafs tag "$mnt/a" mine own || return
	soon "comma, in it,found,other" automatic "$mnt/a" || return
	is mine,own own "$low/a" || return
	echo 1 >"$mnt/later" && soon "comma, in it,found,mine,other" automatic "$mnt/later" || return
	is "a later" sh -c 'sort "$1" | paste -sd" "' - "$dir/log"
}

# Written again and again, a file is looked at at most once a second.
debounced()
{
	local i started=$EPOCHSECONDS

	: >"$dir/log" && for i in {1..40}; do
		echo "$i" >>"$mnt/again"
	done
	find_soon "again" 'auto:found name:again' || return
	echo last >>"$mnt/again" && echo x >"$mnt/end" && find_soon end 'auto:found name:end' || return
	i=$(grep -c '^again$' "$dir/log")
	rm "$mnt/again" "$mnt/end"
	[ "$i" -le $((EPOCHSECONDS - started + 1)) ] && return
	ktap_print_msg "looked at $i times in $((EPOCHSECONDS - started)) s"
	return 1
}

# What the user refused does not come back; what was accepted is the user's.
refused()
{
	disgrafs refuse "$mnt/a" found && disgrafs accept "$mnt/a" other || return
	is mine,own,other own "$low/a" && is "comma, in it" automatic "$mnt/a" || return
	find_soon later auto:found && find_now a tag:other || return
	! disgrafs accept "$mnt/a" nonsense 2>/dev/null || return
	: >"$dir/log" && echo 2 >"$mnt/a" && soon 1 grep -c '^a$' "$dir/log" || return
	echo x >"$mnt/z" && find_soon z 'auto:found name:z' || return
	is "comma, in it" automatic "$mnt/a" && is mine,own,other own "$mnt/a" || return
	# And where LOWER is the place for it.
	disgrafs refuse --all "$low/later" && find_soon z auto:found && is "" automatic "$mnt/later" || return
	is "comma, in it|found|mine|other" sh -c 'disgrafs auto --json "$1" | python3 -c "import json, sys
print(\"|\".join(sorted(json.load(sys.stdin)[0][\"refused\"])))"' - "$mnt/later"
}

# An extractor that says what it likes.
mistaken()
{
	local before

	sed -i 's/b"tag %s\\n"/b"user.xdg.tags %s\\ntag user.xdg.tags\\nxdg.tags x\\ntag %s,mine\\n"/; s/% t for t/% (t, t) for t/' \
		"$dir/extractor" || return
	before=$(own "$low/a")
	leave && serve $options --extractor "$dir/extractor" && echo 3 >"$mnt/a" && echo 3 >"$mnt/m" || return
	soon "m user.xdg.tags" sh -c 'disgrafs auto "$1" | grep -x user.xdg.tags | sed "s/^/m /"' - "$mnt/m" || return
	soon user.xdg.tags sh -c 'disgrafs auto "$1" | grep -x user.xdg.tags' - "$mnt/a" || return
	is "$before" own "$low/a" && is "" own "$low/m"
}

kept_in_files()
{
	leave && rm -rf "$low/.disgrafs" && serve $options --no-extract || return
	# The index is new, the tags are the files' own.
	find_soon "a m" 'auto:user.xdg.tags' || return
	is "no differences" sh -c 'disgrafs check "$1" >/dev/null && echo no differences' - "$low" || return
	leave && setfattr -n user.disgrafs.auto -v else "$low/m" && is 1 sh -c \
		'disgrafs check "$1" | grep -c "other automatic tags"' - "$low" || return
	serve $options --no-extract
}

turned_off()
{
	leave && serve $options --no-auto --extractor "$dir/extractor" && echo 4 >"$mnt/off" || return
	find_soon off 'text:looked name:off' && is "" automatic "$mnt/off" || return
	leave && serve $options -o noautotags --extractor "$dir/extractor" && echo 5 >"$mnt/off2" || return
	find_soon off2 'text:looked name:off2' && is "" automatic "$mnt/off2"
}

run_tests()
{
	check "$variant: files get tags of what is in them" given
	check "$variant: they are seen at once" seen
	check "$variant: no file is looked at again by that" no_loop
	check "$variant: what is written again and again is looked at later" debounced
	check "$variant: accepted and refused" refused
	check "$variant: mistakes do not touch the user's tags" mistaken
	check "$variant: they live with the files" kept_in_files
	check "$variant: --no-auto" turned_off
	leave
}

ktap_print_header
ktap_set_plan $((8 * ${#variants[@]}))
serve_each run_tests
ktap_finished
