#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tags: they stay with the file, the index follows every change, .graph shows
# it, and nothing is lost with the index.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

# --- what is asked ---

# found TAG... -- [PATH...]: just these files are found, and .graph has links to them.
found()
{
	local tags=() wanted path=.graph/tags tag

	while [ "$1" != -- ]; do
		tags+=("$1")
		path+=/$1
		shift
	done
	shift
	wanted=$([ $# = 0 ] || printf "$mnt/%s\n" "$@" | sort)
	is "$wanted" sh -c 'disgrafs find -C "$0" "$@" | sort' "$mnt" "${tags[@]}" || return
	# One link for a file, however many names it has.
	for tag in $(find "$mnt/$path" -maxdepth 1 -type l 2>/dev/null); do
		[ -e "$tag" ] || { ktap_print_msg "$tag: points nowhere"; return 1; }
	done
	wanted=$(stat -L -c %i "${@/#/$mnt/}" 2>/dev/null | sort -u | tr '\n' ' ')
	is "$wanted" sh -c 'find "$0" -maxdepth 1 -type l -exec stat -L -c %i {} + 2>/dev/null |
		sort -u | tr "\n" " "' "$mnt/$path"
}

# --- tests; each starts with an empty mount ---

sets_and_removes()
{
	echo 1 >"$mnt/f"
	disgrafs tag "$mnt/f" one two one " three " || return
	is "one,two,three" getfattr --absolute-names --only-values -n user.xdg.tags "$mnt/f" || return
	is "$(printf 'one\ntwo\nthree')" disgrafs tags "$mnt/f" || return
	found one -- f && found two three -- f && found one none -- || return
	disgrafs untag "$mnt/f" two nosuch && found two -- && found one three -- f || return
	disgrafs untag --all "$mnt/f" && found one -- || return
	! getfattr -n user.xdg.tags "$mnt/f" 2>/dev/null
}

errors()
{
	local status

	touch "$mnt/f"
	disgrafs tag "$mnt/f" "a,b" 2>"$dir/err"; status=$?
	[ $status = 2 ] && grep -q "a,b: a tag cannot contain a comma" "$dir/err" || return
	disgrafs tag "$mnt/f" " " 2>/dev/null; [ $? = 2 ] || return
	disgrafs tag "$mnt/none" a 2>"$dir/err"; [ $? = 1 ] || return
	is "disgrafs: $mnt/none: No such file or directory" cat "$dir/err" || return
	disgrafs nonsense 2>/dev/null; [ $? = 2 ] || return
	disgrafs find 2>/dev/null; [ $? = 2 ] || return
	disgrafs tags --nonsense 2>/dev/null; [ $? = 2 ] || return
	disgrafs find -C /proc a 2>/dev/null; [ $? = 1 ] || return
	for c in tag untag tags find reindex; do
		disgrafs $c --help >/dev/null || return
	done
	disgrafs --help >/dev/null && disgrafs --version >/dev/null
}

other_writers()
{
	touch "$mnt/f"
	setfattr -n user.xdg.tags -v "x, y ,,x," "$mnt/f" && found x y -- f || return
	setfattr -n user.xdg.tags -v "z" "$mnt/f" && found x -- && found z -- f || return
	setfattr -x user.xdg.tags "$mnt/f" && found z --
}

renames()
{
	mkdir -p "$mnt/d/e" && touch "$mnt/d/e/f" "$mnt/g" "$mnt/h"
	disgrafs tag "$mnt/d/e/f" t && disgrafs tag "$mnt/g" t || return
	mv "$mnt/d/e/f" "$mnt/d/F" && found t -- d/F g || return
	mv "$mnt/d" "$mnt/D" && found t -- D/F g || return
	mkdir "$mnt/p" && mv "$mnt/D" "$mnt/p/q" && found t -- p/q/F g || return
	mv "$mnt/h" "$mnt/g" && found t -- p/q/F || return		# over a tagged one
	disgrafs tag "$mnt/g" u && mv --exchange "$mnt/g" "$mnt/p/q/F" || return
	found t -- g && found u -- p/q/F || return
	mv --exchange "$mnt/p" "$mnt/g" && found t -- p && found u -- g/q/F
}

hard_links()
{
	touch "$mnt/a" && mkdir "$mnt/d" && ln "$mnt/a" "$mnt/d/b" || return
	disgrafs tag "$mnt/a" t && found t -- a d/b || return
	ln "$mnt/d/b" "$mnt/c" && found t -- a c d/b || return
	is t disgrafs tags "$mnt/c" || return
	rm "$mnt/a" && found t -- c d/b || return
	mv "$mnt/c" "$mnt/d/c" && found t -- d/b d/c || return
	disgrafs untag "$mnt/d/c" t && found t -- || return
	disgrafs tag "$mnt/d/c" t && rm "$mnt/d/b" "$mnt/d/c" && found t -- || return
	is "" disgrafs tags -C "$mnt"
}

removal()
{
	local i

	mkdir -p "$mnt/d/e"
	touch "$mnt/d/e/f" && disgrafs tag "$mnt/d/e/f" t && disgrafs tag "$mnt/d" t || return
	found t -- d d/e/f || return
	rm -r "$mnt/d" && found t -- || return
	# Whoever gets the inode number next has no tags.
	for i in {1..20}; do
		touch "$mnt/new$i"; mkdir "$mnt/newdir$i"
	done
	found t -- || return
	exec 7<>"$mnt/open"; disgrafs tag "$mnt/open" t; rm "$mnt/open"
	found t --; status=$?
	exec 7>&-
	return $status
}

hostile()
{
	python3 - "$mnt" <<-'END' || return
		import os, subprocess, sys
		mnt = os.fsencode(sys.argv[1])
		names = [b"'", b'"', b"a\nb", b"%s%n", b"%2F", b"\xff\xfe", b"\x01", b" x", b"-rf", b"*",
		         b"n" * 255, "\u540d\u5b57".encode(), b"...", b"c,d", b"\\", b"UPPER.Txt", b"a.b.c",
		         b"'; DROP TABLE node; --"]
		tags = [b"'", b'"', b"a\nb", b"%", b"%2F", b"\xff\xfe", b".", b"..", b"a/b", b"/", b"-x",
		        b"t" * 250, b"t" * 2000, "\u6807\u7b7e".encode(), b"a b", b"'; DROP TABLE tag; --", b"~"]
		os.mkdir(mnt + b"/d")
		for where in (b"/", b"/d/"):
		    for name in names:
		        open(mnt + where + name, "w").close()
		        subprocess.run([b"disgrafs", b"tag", b"--", mnt + where + name] + tags, check=True)
		paths = {mnt + where + n for where in (b"/", b"/d/") for n in names}
		for tag in tags:
		    out = subprocess.run([b"disgrafs", b"find", b"-0", b"-C", mnt, b"--", tag],
		                         check=True, stdout=subprocess.PIPE).stdout
		    assert set(out.split(b"\0")[:-1]) == paths, tag
		    subprocess.run([b"disgrafs", b"find", b"--json", b"-C", mnt, b"--", tag],
		                   check=True, stdout=subprocess.DEVNULL)
		for tag in tags:
		    if tag in (b".", b".."):
		        enc = tag.replace(b".", b"%2E")
		    else:
		        enc = tag.replace(b"%", b"%25").replace(b"/", b"%2F")
		    if len(enc) > 255:
		        continue
		    at = mnt + b"/.graph/tags/" + enc + b"/"
		    links = [e for e in os.listdir(at) if os.path.islink(at + e)]
		    assert {os.path.realpath(at + e) for e in links} == paths, (tag, len(links))
		assert len(os.listdir(mnt + b"/.graph/tags")) == len(tags) - 1
	END
	is "" disgrafs untag --all "$mnt/%s%n"
}

collisions()
{
	mkdir "$mnt/a" "$mnt/b" && touch "$mnt/a/same" "$mnt/b/same" "$mnt/t2" || return
	for f in a/same b/same t2; do
		disgrafs tag "$mnt/$f" t || return
	done
	disgrafs tag "$mnt/a/same" t2 || return		# a tag named like a file
	local i=$(stat -c %i "$mnt/a/same") j=$(stat -c %i "$mnt/b/same") k=$(stat -c %i "$mnt/t2")

	is "$(printf '%s\n' "same~$i" "same~$j" t2 "t2~$k" | sort)" ls "$mnt/.graph/tags/t" || return
	is "../../../b/same" readlink "$mnt/.graph/tags/t/same~$j" || return
	is "same" ls "$mnt/.graph/tags/t/t2" || return
	disgrafs untag "$mnt/b/same" t || return
	is "$(printf '%s\n' same t2 "t2~$k" | sort)" ls "$mnt/.graph/tags/t"
}

graph()
{
	mkdir -p "$mnt/d" && echo text >"$mnt/d/f" && disgrafs tag "$mnt/d/f" a b c || return
	is d ls -A "$mnt" || return				# hidden
	is d find "$mnt" -mindepth 1 -maxdepth 1 -printf %f || return
	is tags ls -A "$mnt/.graph" || return
	is "$(printf 'a\nb\nc')" ls "$mnt/.graph/tags" || return
	is "$(printf 'b\nc\nf')" ls "$mnt/.graph/tags/a" || return
	is "$(printf 'b\nf')" ls "$mnt/.graph/tags/a/c" || return
	is f ls "$mnt/.graph/tags/c/a/b" || return
	is text cat "$mnt/.graph/tags/c/a/b/f" || return
	is ../../../../../d/f readlink "$mnt/.graph/tags/c/a/b/f" || return
	[ ! -e "$mnt/.graph/tags/a/a" ] && [ ! -e "$mnt/.graph/tags/none" ] || return
	# Through a bind mount as well.
	mkdir -p "$dir/bind" && mount --bind "$mnt" "$dir/bind" || return
	is text cat "$dir/bind/.graph/tags/a/f"
	umount "$dir/bind" || return
	# Tagging through a link reaches the file.
	disgrafs tag "$mnt/.graph/tags/a/f" d && is "$(printf 'a\nb\nc\nd')" disgrafs tags "$mnt/d/f"
}

# What was absent, present or listed a moment ago.
graph_is_current()
{
	local i

	touch "$mnt/f"
	for i in {1..20}; do
		[ ! -e "$mnt/.graph/tags/t$i" ] || return
		disgrafs tag "$mnt/f" "t$i" || return
		[ -L "$mnt/.graph/tags/t$i/f" ] || return
		[ "$(ls "$mnt/.graph/tags" | wc -l)" = 1 ] || return
		mv "$mnt/f" "$mnt/g" && [ ! -L "$mnt/.graph/tags/t$i/f" ] &&
			[ -L "$mnt/.graph/tags/t$i/g" ] && mv "$mnt/g" "$mnt/f" || return
		disgrafs untag "$mnt/f" "t$i" && [ ! -e "$mnt/.graph/tags/t$i" ] || return
	done
}

graph_is_read_only()
{
	touch "$mnt/f" && disgrafs tag "$mnt/f" t || return
	local g=$mnt/.graph

	! mkdir "$g/tags/new" 2>/dev/null && ! touch "$g/x" 2>/dev/null &&
	! ln -s ../x "$g/tags/t/y" 2>/dev/null && ! rm "$g/tags/t/f" 2>/dev/null &&
	! mv "$g/tags/t/f" "$mnt/z" 2>/dev/null && ! mv "$mnt/f" "$g/tags/t/z" 2>/dev/null &&
	! ln "$g/tags/t/f" "$mnt/z" 2>/dev/null && ! rmdir "$g" 2>/dev/null &&
	! mkdir "$g" 2>/dev/null && ! chmod 777 "$g" 2>/dev/null &&
	! setfattr -n user.x -v y "$g/tags" 2>/dev/null && found t -- f
}

index_is_hidden()
{
	[ -d "$low/.disgrafs" ] && [ ! -e "$mnt/.disgrafs" ] && ! ls -A "$mnt" | grep -q disgrafs &&
	! mkdir "$mnt/.disgrafs" 2>/dev/null && ! mv "$low" "$mnt/.disgrafs" 2>/dev/null &&
	is 700 stat -c %a "$low/.disgrafs" && mkdir "$mnt/d" "$mnt/d/.disgrafs" && [ -d "$low/d/.disgrafs" ]
}

graph_is_private()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --"

	touch "$mnt/f" && disgrafs tag "$mnt/f" t || return
	! $as ls "$mnt/.graph" 2>/dev/null && ! $as cat "$mnt/.graph/tags/t/f" 2>/dev/null &&
	! $as disgrafs find -C "$mnt" t 2>/dev/null
}

json()
{
	touch "$mnt/f" && disgrafs tag --json "$mnt/f" b a >"$dir/1" && disgrafs tags -j -C "$mnt" >"$dir/2" &&
	disgrafs find -j -C "$mnt" a >"$dir/3" && disgrafs tags -j "$mnt/f" >"$dir/4" &&
	disgrafs reindex -j "$mnt" >"$dir/5" || return
	python3 - "$dir" "$mnt" "$low" <<-'END'
		import json, sys
		d, mnt, low = sys.argv[1:]
		j = [json.load(open(f"{d}/{i}")) for i in range(1, 6)]
		f = {"path": mnt + "/f", "tags": ["b", "a"]}
		assert j == [f, [{"tag": "a", "files": 1}, {"tag": "b", "files": 1}], [{"path": mnt + "/f"}], [f],
		             {"root": mnt, "files": 1, "tagged": 1}], j
	END
}

reindex()
{
	mkdir -p "$mnt/d/e" && touch "$mnt/d/e/f" "$mnt/g" && ln "$mnt/g" "$mnt/d/h" &&
	disgrafs tag "$mnt/d/e/f" a b && disgrafs tag "$mnt/g" b && disgrafs tag "$mnt/d" b || return
	found b -- d d/e/f d/h g || return
	# Behind the mount's back
	setfattr -n user.xdg.tags -v new "$low/d/e/f" && mv "$low/d/e" "$low/e2" && touch "$low/i" &&
	setfattr -n user.xdg.tags -v new "$low/i" || return
	disgrafs reindex "$mnt" || return
	is "$(printf '%s\n' "$mnt/e2/f" "$mnt/i")" sh -c 'disgrafs find -C "$0" new | sort' "$mnt" || return
	is "$(printf '%s\n' "$mnt/d" "$mnt/d/h" "$mnt/g")" sh -c 'disgrafs find -C "$0" b | sort' "$mnt" || return
	is "" disgrafs find -C "$mnt" a
}

# restart CHANGE...: what is found is the same after the daemon ended, CHANGE was
# made in LOWER/.disgrafs, and another began.
restart()
{
	mkdir -p "$mnt/d" && touch "$mnt/d/f" "$mnt/g" && disgrafs tag "$mnt/d/f" a b &&
	disgrafs tag "$mnt/g" b && found b -- d/f g || return
	if [ "$1" = kill ]; then
		kill -9 $daemon
		wait $daemon 2>/dev/null
		umount "$mnt"
		daemon=
		# Done, but not told to the index
		setfattr -n user.xdg.tags -v b "$low/d/f"
	else
		leave || return
		(cd "$low/.disgrafs" && "$@") || return
	fi
	# shellcheck disable=SC2086
	serve $options || return
	for _ in {1..100}; do
		[ "$(disgrafs find -C "$mnt" b 2>/dev/null | wc -l)" = 2 ] && break
		sleep 0.1
	done
	found b -- d/f g || return
	if [ "$1" = kill ]; then
		found a --
	else
		found a b -- d/f
	fi
}

damage()
{
	dd if=/dev/urandom of=index.db bs=4096 count=3 conv=notrunc status=none
}

not_a_database()
{
	echo "this is no database, and long enough not to be taken for an empty one" >index.db
}

without_mount()
{
	mkdir -p "$mnt/d" && touch "$mnt/d/f" "$mnt/d/g" && disgrafs tag "$mnt/d/f" a && leave || return
	is "$low/d/f" disgrafs find -C "$low/d" a &&
	disgrafs tag "$low/d/g" a && disgrafs untag "$low/d/f" a &&
	is "$low/d/g" disgrafs find -C "$low" a &&
	# shellcheck disable=SC2086
	serve $options && found a -- d/g
}

full_index()
{
	local status

	# An index that cannot be written loses no tag.
	touch "$mnt/f" && mkdir "$mnt/d"
	python3 - "$low/.disgrafs/index.db" <<-'END' &
		import sqlite3, sys, time
		c = sqlite3.connect(sys.argv[1])
		c.execute("BEGIN IMMEDIATE")
		print("locked", flush=True)
		time.sleep(6)
	END
	sleep 1
	disgrafs tag "$mnt/f" t && mv "$mnt/f" "$mnt/d/f"
	status=$?
	wait $!
	[ $status = 0 ] && is t disgrafs tags "$mnt/d/f" && [ -e "$low/.disgrafs/stale" ] &&
	disgrafs reindex "$mnt" && found t -- d/f && [ ! -e "$low/.disgrafs/stale" ]
}

many()
{
	python3 - "$mnt" <<-'END' || return
		import os, sys
		mnt = sys.argv[1]
		for i in range(1000):
		    os.makedirs(f"{mnt}/{i % 10}", exist_ok=True)
		    p = f"{mnt}/{i % 10}/{i}"
		    open(p, "w").close()
		    os.setxattr(p, "user.xdg.tags", f"all,mod{i % 7},div{i // 100}".encode())
	END
	is 1000 sh -c 'disgrafs find -C "$0" all | wc -l' "$mnt" &&
	is 14 sh -c 'disgrafs find -C "$0" mod3 div2 | wc -l' "$mnt" &&
	is 14 sh -c 'find "$0/.graph/tags/all/mod3/div2" -type l | wc -l' "$mnt" &&
	is 1017 sh -c 'ls "$0/.graph/tags/all" | wc -l' "$mnt"
}

concurrent()
{
	local i pids=()

	mkdir "$mnt/d"
	for i in {1..6}; do
		(for j in {1..20}; do
			touch "$mnt/d/$i-$j"; disgrafs tag "$mnt/d/$i-$j" t "w$i"
			mv "$mnt/d/$i-$j" "$mnt/$i-$j"
			[ $((j % 2)) = 0 ] || rm "$mnt/$i-$j"
			ls "$mnt/.graph/tags/t" >/dev/null
		done) 2>/dev/null &
		pids+=($!)
	done
	disgrafs reindex "$mnt"
	wait "${pids[@]}"
	disgrafs reindex "$mnt"
	# shellcheck disable=SC2046
	found t -- $(for i in {1..6}; do seq -f "$i-%g" 2 2 20; done)
}

hidden_lower()
{
	# LOWER is its own mount point: only .graph tells.
	leave || return
	# shellcheck disable=SC2086
	disgrafsd $options "$low" "$low" 2>/dev/null || return
	touch "$low/f" && disgrafs tag "$low/f" t && is "$low/f" disgrafs find -C "$low" t &&
	is "      1 t" disgrafs tags -C "$low" && is "../../../f" readlink "$low/.graph/tags/t/f"
	local status=$?

	umount "$low"
	# shellcheck disable=SC2086
	serve $options && return $status
}

# fresh NAME COMMAND...: a test on a mount with nothing in it.
fresh()
{
	local name=$1

	shift
	[ -z "$daemon" ] || leave
	rm -rf "$low"
	# shellcheck disable=SC2086
	serve $options || ktap_exit_fail_msg "$variant: disgrafsd does not serve"
	check "$variant: $name" "$@"
}

NR_TESTS=25
ktap_print_header
ktap_set_plan $((NR_TESTS * ${#variants[@]}))
for v in "${variants[@]}"; do
	read -r variant options <<<"$v"
	fresh "tags are set, found and removed" sets_and_removes
	fresh "what cannot be done is said" errors
	fresh "tags that other programs write" other_writers
	fresh "tags follow renames of files and directories" renames
	fresh "tags and hard links" hard_links
	fresh "what is removed is not found" removal
	fresh "any byte in names and tags" hostile
	fresh ".graph shows tags and their intersections" graph
	fresh ".graph shows what is true now" graph_is_current
	fresh ".graph gives equal names a suffix" collisions
	fresh ".graph cannot be changed" graph_is_read_only
	fresh ".graph is the owner's" graph_is_private
	fresh "the index cannot be seen in the mount" index_is_hidden
	fresh "--json" json
	fresh "reindex finds what changed behind the mount" reindex
	fresh "another daemon finds the same" restart true
	fresh "a deleted index is made again" restart rm -f index.db
	fresh "a damaged index is made again" restart damage
	fresh "a file that is no database is made an index" restart not_a_database
	fresh "a killed daemon's index is brought up to date" restart kill
	fresh "without a mount" without_mount
	fresh "a locked index delays but loses nothing" full_index
	fresh "a thousand files" many
	fresh "concurrent tagging and renaming" concurrent
	fresh "a mount over its own lower directory" hidden_lower
	leave
	ktap_print_msg "$variant done"
done
ktap_finished
