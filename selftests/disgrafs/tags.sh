#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tags: they stay with the file, the index follows every change, .graph shows
# it, and nothing is lost with the index.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

# --- what is asked ---

# found TAG... -- [PATH...]: just these files are found, and .graph has one link for
# each of them, however many names it has. It is asked often, so it starts two programs.
found()
{
	local tags=() got links=() path=$mnt/.graph/tags link i
	local -A wanted=() linked=()

	while [ "$1" != -- ]; do
		tags+=("$1")
		path+=/$1
		shift
	done
	shift
	mapfile -t got < <(disgrafs find -C "$mnt" --tags -- "${tags[@]}" 2>&1)
	is_set "find ${tags[*]}" "${got[@]}" -- "${@/#/$mnt/}" || return
	for link in "$path"/*; do
		[ ! -L "$link" ] || links+=("$link")
	done
	[ $(($# + ${#links[@]})) != 0 ] || return 0
	mapfile -t got < <(stat -L -c %i -- "${@/#/$mnt/}" "${links[@]}" 2>&1)
	for i in "${got[@]:0:$#}"; do
		wanted[$i]=1
	done
	for i in "${got[@]:$#}"; do
		[ -z "${linked[$i]}" ] || { ktap_print_msg "$path: inode $i twice"; return 1; }
		linked[$i]=1
	done
	is_set "$path" "${!linked[@]}" -- "${!wanted[@]}"
}

# is_set NAME [GOT...] -- [WANTED...]: the same words, in any order.
is_set()
{
	local name=$1 word nr=0 matches=0
	local -A got=()

	shift
	while [ "$1" != -- ]; do
		got[$1]=1
		nr=$((nr + 1))
		shift
	done
	shift
	for word; do
		[ -z "${got[$word]}" ] || matches=$((matches + 1))
	done
	[ $nr = $# ] && [ $matches = $# ] && return
	ktap_print_msg "$name: $nr, '${!got[*]}', not $#, '$*'"
	return 1
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
	disgrafs tag "$mnt/f" " " 2>"$dir/err"; status=$?
	[ $status = 2 ] && grep -q ": a tag cannot be empty" "$dir/err" || return
	disgrafs tag "$mnt/none" a 2>"$dir/err"; [ $? = 1 ] || return
	is "disgrafs: $mnt/none: No such file or directory" cat "$dir/err" || return
	disgrafs nonsense 2>/dev/null; [ $? = 2 ] || return
	disgrafs find 2>/dev/null; [ $? = 2 ] || return
	disgrafs tags --nonsense 2>/dev/null; [ $? = 2 ] || return
	disgrafs find -C /proc a 2>/dev/null; [ $? = 1 ] || return
	for c in tag untag tags find warm link unlink links facts related graph watch stats check reindex; do
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

# A name that no rebuild would find is none that is missing.
names_outside()
{
	local status

	touch "$mnt/f" && ln "$low/f" "$dir/outside" || return
	disgrafs reindex "$mnt" && disgrafs tag "$mnt/f" t && found t -- f && [ ! -e "$low/.disgrafs/stale" ]
	status=$?
	rm "$dir/outside"
	return $status
}

# There are more of them than names of a file are passed on to the index, which gets to know
# these when it had lost them.
names_that_went()
{
	touch "$mnt/removed" "$mnt/replaced" && python3 - "$mnt" <<-'END' || return
		import os, sys
		os.chdir(sys.argv[1])
		for i in range(80):
		    os.link("removed", f"t{i}")
		    os.unlink(f"t{i}")
		    os.link("replaced", f"u{i}")
		    open("new", "w").close()
		    os.rename("new", f"u{i}")
	END
	mkdir -p "$dir/away" && mv "$low/removed" "$low/replaced" "$dir/away" && disgrafs reindex "$mnt" &&
	mv "$dir/away"/* "$low" && setfattr -n user.xdg.tags -v t "$mnt/removed" "$mnt/replaced" &&
	found t -- removed replaced
}

removal()
{
	local status

	mkdir -p "$mnt/d/e"
	touch "$mnt/d/e/f" && disgrafs tag "$mnt/d/e/f" t && disgrafs tag "$mnt/d" t || return
	found t -- d d/e/f || return
	rm -r "$mnt/d" && found t -- || return
	# Whoever gets the inode number next has no tags.
	touch "$mnt"/new{1..20} && mkdir "$mnt"/newdir{1..20} || return
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
		def target(link):	# realpath() asks about each component
		    return os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
		os.mkdir(mnt + b"/d")
		paths = {mnt + b"/d/" + name for name in names}
		for path in paths:
		    open(path, "w").close()
		    subprocess.run([b"disgrafs", b"tag", b"--", path] + tags, check=True)
		for tag in tags:
		    out = subprocess.run([b"disgrafs", b"find", b"-0t", b"-C", mnt, b"--", tag],
		                         check=True, stdout=subprocess.PIPE).stdout
		    assert set(out.split(b"\0")[:-1]) == paths, tag
		    subprocess.run([b"disgrafs", b"find", b"--json", b"--tags", b"-C", mnt, b"--", tag],
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
		    assert set(map(target, (at + e for e in links))) == paths, (tag, len(links))
		    assert os.path.exists(at + links[0])
		assert len(os.listdir(mnt + b"/.graph/tags")) == len(tags) - 1
	END
	is "" disgrafs untag --all "$mnt/d/%s%n"
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
	is "same" ls "$mnt/.graph/tags/t/t2" && [ -L "$mnt/.graph/tags/t/t2/same~$i" ] || return
	disgrafs untag "$mnt/b/same" t || return
	is "$(printf '%s\n' same t2 "t2~$k" | sort)" ls "$mnt/.graph/tags/t"
}

graph()
{
	mkdir -p "$mnt/d" && echo text >"$mnt/d/f" && disgrafs tag "$mnt/d/f" a b c || return
	is d ls -A "$mnt" || return				# hidden
	is d find "$mnt" -mindepth 1 -maxdepth 1 -printf %f || return
	is "$(printf 'any\nfind\nlinks\nrelated\ntags')" ls -A "$mnt/.graph" || return
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
	for i in {1..8}; do
		[ ! -e "$mnt/.graph/tags/t$i" ] || return
		disgrafs tag "$mnt/f" "t$i" || return
		[ -L "$mnt/.graph/tags/t$i/f" ] || return
		[ "$(ls "$mnt/.graph/tags" | wc -l)" = 1 ] || return
		mv "$mnt/f" "$mnt/g" && [ ! -L "$mnt/.graph/tags/t$i/f" ] &&
			[ -L "$mnt/.graph/tags/t$i/g" ] && mv "$mnt/g" "$mnt/f" || return
		disgrafs untag "$mnt/f" "t$i" && [ ! -e "$mnt/.graph/tags/t$i" ] || return
	done
}

# A command and .graph read a file's tags, add one and write them. They wait for each other,
# though not for as long as that takes on a debug kernel.
tags_at_once()
{
	touch "$mnt/f" && python3 - "$mnt" <<-'END'
		import os, subprocess, sys, threading
		mnt, wanted, done = sys.argv[1], set(), threading.Event()
		for i in range(200):
		    os.mkdir(f"{mnt}/.graph/tags/g{i}")
		def link():
		    for i in range(200):
		        os.symlink("../../../f", f"{mnt}/.graph/tags/g{i}/f")
		        wanted.add(f"g{i}")
		        if done.is_set():
		            return
		thread = threading.Thread(target=link)
		thread.start()
		for i in range(16):
		    subprocess.run(["disgrafs", "tag", mnt + "/f", f"c{i}"], check=True)
		    wanted.add(f"c{i}")
		done.set()
		thread.join()
		lost = wanted - set(os.getxattr(mnt + "/f", "user.xdg.tags").decode().split(","))
		sys.exit(f"{len(lost)} of {len(wanted)} tags are lost" if lost else 0)
	END
}

# What in .graph is not for changing tags.
graph_refuses()
{
	touch "$mnt/f" && disgrafs tag "$mnt/f" t u && ln -s f "$mnt/link" || return
	local g=$mnt/.graph

	! mkdir "$g/new" 2>/dev/null && ! touch "$g/x" 2>/dev/null && ! rmdir "$g/tags" 2>/dev/null &&
	! touch "$g/tags/t/x" 2>/dev/null && ! mkdir "$g/tags/%zz" 2>/dev/null &&
	! mkdir "$g/tags/ " 2>/dev/null && ! mkdir "$g/tags/t" 2>/dev/null &&
	! mkdir "$g/tags/$(printf '%0900d' 1)" 2>/dev/null &&
	! ln -s ../../../none "$g/tags/t/y" 2>/dev/null && ! ln -s /etc/passwd "$g/tags/t/y" 2>/dev/null &&
	! ln -s ../../../.disgrafs/index.db "$g/tags/t/y" 2>/dev/null &&
	! ln -s ../../f "$g/tags/y" 2>/dev/null && ! ln -s ../../../link "$g/tags/none/y" 2>/dev/null &&
	! mv "$g/tags/t/f" "$mnt/z" 2>/dev/null && ! mv "$mnt/f" "$g/tags/t/z" 2>/dev/null &&
	! mv "$g/tags/t/f" "$g/tags/t/z" 2>/dev/null && ! mv -T "$g/tags/t" "$g/tags/v" 2>/dev/null &&
	! ln "$g/tags/t/f" "$mnt/z" 2>/dev/null && ! rmdir "$g" 2>/dev/null &&
	! mkdir "$g" 2>/dev/null && ! chmod 777 "$g" 2>/dev/null &&
	! rmdir "$g/tags/t" 2>/dev/null && ! rmdir "$g/tags/t/f" 2>/dev/null &&
	! setfattr -n user.x -v y "$g/tags" 2>/dev/null && found t -- f && found u -- f &&
	is "$(printf 't\nu')" disgrafs tags "$mnt/f"
}

# Tags that no file has.
empty_tags()
{
	local g=$mnt/.graph/tags

	mkdir "$g/x" "$g/a%2Fb" "$g/1,5" && mkdir -p "$g/y/z" || return
	is "$(printf '1,5\na%%2Fb\nx\ny\nz')" ls "$g" || return
	is "" ls "$g/x" && is "" ls "$g/y" || return
	is "$(printf '      0 %s\n' 1,5 a/b x y z)" disgrafs tags -C "$mnt" || return
	! mkdir "$g/x" 2>/dev/null && touch "$mnt/f" && disgrafs tag "$mnt/f" x || return
	! rmdir "$g/x" 2>/dev/null && disgrafs untag "$mnt/f" x && [ -d "$g/x" ] || return
	# The index keeps them, also when it is made anew.
	disgrafs reindex "$mnt" && leave || return
	# shellcheck disable=SC2086
	serve $options && [ -d "$g/x" ] && rmdir "$g/y/z" && [ -d "$g/z" ] || return
	rmdir "$g/x" "$g/a%2Fb" "$g/z" "$g/1,5" && is y ls "$g" && [ ! -e "$g/x" ] && ! rmdir "$g/x" 2>/dev/null
}

tags_by_ln_mv_rm()
{
	local g=$mnt/.graph/tags

	mkdir "$mnt/d" && echo text >"$mnt/d/f" && touch "$mnt/g" && mkdir "$g/a" "$g/b" "$g/c" || return
	ln -s ../../../d/f "$g/a/" && found a -- d/f || return		# what it says
	ln -s "$mnt/g" "$g/a/another-name" && found a -- d/f g || return
	is "$(printf 'f\ng')" ls "$g/a" || return			# named like the files
	(cd "$mnt/d" && ln -s f ../.graph/tags/b/) && found b -- d/f || return	# from here
	ln -sr "$mnt/d" "$g/c/" && found c -- d || return		# a directory
	ln -s "$low/g" "$g/a/b/low" && found a b -- d/f g || return	# both tags
	cp -P "$g/a/f" "$g/c/" && found c -- d d/f || return
	ln -s "$g/a/g" "$g/c/" && found c -- d d/f g || return		# of a link in .graph
	rm "$g/b/a/g" && found b -- d/f && found a -- d/f g && found c -- d d/f g || return
	mv "$g/c/g" "$g/b/" && found c -- d d/f && found b -- d/f g || return
	mv "$g/a/g" "$g/a/b/" 2>/dev/null					# is there already
	found a b -- d/f g || return
	mv "$g/a/b/g" "$g/a/c/" && found a c -- d/f g && found b -- d/f || return
	! mv -f "$g/c/g" "$g/a/f" 2>/dev/null && found a -- d/f g && found c -- d d/f g || return
	ln -s d/f "$mnt/link" && rm "$g/a/f" && mv "$mnt/link" "$g/a/" || return
	found a -- d/f g && [ ! -e "$mnt/link" ] || return		# a link from the tree
	rm -r "$g/a" && [ ! -e "$g/a" ] && is text cat "$mnt/d/f" && [ -e "$mnt/g" ] || return
	# The kernel's idea of the file is not older than its tags.
	stat -c %z "$mnt/g" >"$dir/before"; sleep 0.05; ln -s ../../../g "$g/b/"
	stat -c %z "$mnt/g" | cmp -s - "$dir/before" && return 1
	is "$(printf 'c\nb')" disgrafs tags "$mnt/g"
}

# tags_of "FILE TAG..."...: just these.
tags_of()
{
	local words

	for words; do
		is "${words#* }" sh -c 'disgrafs tags "$0" | paste -sd" "' "$mnt/${words%% *}" || return
	done
}

# Whatever walks through a tag's directory, no other tag is lost.
removes_a_tag()
{
	local g=$mnt/.graph/tags remove i

	for remove in "rm -r %" "rm -rf %" "find % -delete" "find % -depth -exec rm -d {} ';'" \
		"python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1])' %"; do
		# One that mkdir made, and one that it did not
		mkdir "$g/old" "$g/empty" && touch "$mnt"/{1..4} || return
		for i in {1..3}; do
			disgrafs tag "$mnt/$i" old found "keep$i" keep || return
		done
		disgrafs tag "$mnt/4" old found || return
		sh -c "${remove//%/$g/old}" && [ ! -e "$g/old" ] && found old -- && found found -- 1 2 3 4 || return
		tags_of "1 found keep1 keep" "2 found keep2 keep" "3 found keep3 keep" "4 found" || return
		sh -c "${remove//%/$g/found/keep}" && tags_of "1 keep1 keep" "4 found" || return
		sh -c "${remove//%/$g/found}" && tags_of "1 keep1 keep" "2 keep2 keep" "3 keep3 keep" "4 " || return
		is "$(printf 'empty\nkeep\nkeep1\nkeep2\nkeep3')" ls "$g" || return
		rm "$g/keep/keep1/1" && tags_of "1 keep1" && ! rmdir "$g/keep/keep2" 2>/dev/null || return
		rm "$g/keep1/1" && is "" ls "$g/keep1" && rmdir "$g/keep1" && rm "$mnt"/* && rmdir "$g/empty" || return
	done
	# Who is in a directory that went and is there again sees what it has now.
	touch "$mnt/f" && disgrafs tag "$mnt/f" a b && (cd "$g/a/b" && rm f && rmdir "$g/a/b" &&
		disgrafs tag "$mnt/f" a && is f ls "$g/a/b")
}

# by_expression EXPRESSION [PATH...]: just these are found, in .graph/find, which is asked
# first because it has to know what just happened, and by the command.
by_expression()
{
	local expression=$1 wanted

	shift
	wanted=$([ $# = 0 ] || printf "$mnt/%s\n" "$@" | sed 's,/\.$,,' | sort)
	is "$wanted" sh -c 'cd "$0" && find . -type l -exec realpath {} + | sort' \
		"$mnt/.graph/find/${expression//\//%2F}" || return
	is "$wanted" sh -c 'disgrafs find -C "$0" -- "$1" | sort' "$mnt" "$expression"
}

expressions()
{
	mkdir -p "$mnt/d/e" && echo text >"$mnt/a.txt" && truncate -s 3M "$mnt/d/b.jpg" &&
	touch -d 2001-01-01 "$mnt/d/e/C.JPG" && ln -s a.txt "$mnt/d/link" || return
	disgrafs tag "$mnt/a.txt" t u && disgrafs tag "$mnt/d/b.jpg" t "two words" "1,5" || return
	by_expression "t" a.txt d/b.jpg && by_expression "t u" a.txt && by_expression "t not u" d/b.jpg &&
	by_expression "(u or '1,5') and size:>1M" d/b.jpg && by_expression 'tag:"two words"' d/b.jpg &&
	by_expression "name:*.jpg or name:*.JPG" d/b.jpg d/e/C.JPG && by_expression "type:d" . d d/e &&
	by_expression "path:d/* type:f" d/b.jpg d/e/C.JPG && by_expression "type:f mtime:>10y" d/e/C.JPG &&
	by_expression "type:f not t" d/e/C.JPG && by_expression "nothing" || return
	# What was not even there a moment ago, and has no tags.
	touch "$mnt/new" && by_expression "name:new" new && mv "$mnt/new" "$mnt/d/new2" &&
	by_expression "name:new*" d/new2 && rm "$mnt/d/new2" && by_expression "name:new*" || return
	echo more >>"$mnt/a.txt" && by_expression "t size:10" a.txt || return
	is "disgrafs: t (u: position 3: the parenthesis is not closed" \
		sh -c 'disgrafs find -C "$0" "t (u" 2>&1 | head -n 1' "$mnt" || return
	disgrafs find -C "$mnt" "t (u" 2>/dev/null; [ $? = 2 ] || return
	is "disgrafs: t mtime:>2024-02-31: position 3: mtime: the month has no such day" \
		sh -c 'disgrafs find -C "$0" "t mtime:>2024-02-31" 2>&1 | head -n 1' "$mnt" || return
	is "ls: cannot access '$mnt/.graph/find/t (u': Invalid argument" ls "$mnt/.graph/find/t (u" || return
	# One of several tags
	is "$(printf '1%%2C5\nt\ntwo words\nu')" ls "$mnt/.graph/any" &&
	is "$(printf 'a.txt\nb.jpg')" ls "$mnt/.graph/any/u,two words" && is b.jpg ls "$mnt/.graph/any/1%2C5,none" &&
	[ ! -e "$mnt/.graph/any/none,no" ] && is text head -n 1 "$mnt/.graph/any/u/a.txt"
}

# Whether the index changes or not
sizes_and_times()
{
	local g=$mnt/.graph/find status

	mkdir "$g/../tags/none" && truncate -s 20 "$mnt/b" && touch -d -8seconds "$mnt/b" || return
	exec 5>>"$mnt/b"
	is b ls "$g/name:b and mtime:<10s" && is "" ls "$g/name:b and size:>100" &&
		[ ! -e "$g/name:b and size:>100/b" ] && sleep 3 && is "" ls "$g/name:b and mtime:<10s" &&
		[ ! -e "$g/name:b and mtime:<10s/b" ] && head -c 1000 /dev/zero >&5 &&
		is b ls "$g/name:b and size:>100" && is b ls "$g/name:b and (none or not mtime:>10s)" &&
		sleep 0.2 && [ -e "$g/name:b and size:>100/b" ]
	status=$?
	exec 5>&-
	return $status
}

links()
{
	local g=$mnt/.graph/links

	mkdir -p "$mnt/d/e" && echo a >"$mnt/a" && echo b >"$mnt/d/b" && touch "$mnt/d/e/c" || return
	disgrafs link "$mnt/a" cites "$mnt/d/b" "$mnt/d/e/c" && disgrafs link "$mnt/d/e/c" "is like" "$mnt/a" || return
	is "[{\"relation\":\"part-of\",\"to\":\"$mnt/a\"}]" sh -c 'disgrafs link -j "$0" part-of "$1" | python3 -c "
import json, sys
print(json.dumps(json.load(sys.stdin)[\"links\"], separators=(\",\", \":\")))"' "$mnt/d" "$mnt/a" || return
	is "$(printf '%s\n' "cites -> $mnt/d/b" "cites -> $mnt/d/e/c" "is like <- $mnt/d/e/c" "part-of <- $mnt/d")" \
		disgrafs links "$mnt/a" || return
	is "$(printf '%%2E\na\nd')" ls "$g" && is "$(printf '%%2E\nb\ne')" ls "$g/d" || return
	is "$(printf 'cites\n~is like\n~part-of')" ls "$g/a" && is "$(printf 'b\nc')" ls "$g/a/cites" || return
	is b cat "$g/a/cites/b" && is a cat "$g/d/b/~cites/a" && is part-of ls "$g/d/%2E" || return
	is a cat "$g/d/%2E/part-of/a" && is a cat "$g/d/e/c/is like/a" || return
	by_expression "link:cites" a && by_expression "linked:cites" d/b d/e/c || return
	# Wherever it goes
	mv "$mnt/d/b" "$mnt/new" && is a cat "$g/new/~cites/a" && is "$(printf 'c\nnew')" ls "$g/a/cites" || return
	mv "$mnt/d" "$mnt/D" && is "cites <- $mnt/a" sh -c 'disgrafs links "$0" | tail -n 1' "$mnt/D/e/c" || return
	echo other >"$mnt/other" && mkdir "$mnt/d" && mv "$mnt/other" "$mnt/d/b" || return
	is b cat "$g/a/cites/new" && is "" disgrafs links "$mnt/d/b" || return
	# As an editor saves: what is in its place
	echo b2 >"$mnt/new.tmp" && rm "$mnt/new" && is "other" cat "$g/a/cites/b" || return
	disgrafs unlink "$mnt/a" cites "$mnt/D/e/c" && is b ls "$g/a/cites" || return
	rm "$mnt/d/b" && is "" ls "$g/a/cites" || return
	is "cites -> $mnt/d/b (missing)" sh -c 'disgrafs links "$0" | head -n 1' "$mnt/a" || return
	disgrafs unlink "$mnt/a" cites d/b && ! getfattr -n user.disgrafs.link.cites "$mnt/a" 2>/dev/null || return
	# By hand, and what is no link
	setfattr -n user.disgrafs.link.see -v D/e/c "$mnt/a" && is "see <- $mnt/a" sh -c 'disgrafs links "$0" | grep see' "$mnt/D/e/c" &&
	mv "$mnt/D/e/c" "$mnt/moved" && is "$mnt/moved" realpath "$g/a/see/moved" || return
	! setfattr -n user.disgrafs.link.see -v ../x "$mnt/a" 2>/dev/null &&
	! setfattr -n user.disgrafs.link.~x -v moved "$mnt/a" 2>/dev/null || return
	! disgrafs link "$mnt/a" x /etc/passwd 2>/dev/null && ! disgrafs link "$mnt/a" x "$mnt/none" 2>/dev/null || return
	disgrafs link "$mnt/a" x/y "$mnt/moved" 2>/dev/null; [ $? = 2 ] || return
	mkdir "$mnt/many" && (cd "$mnt/many" && touch {1000..1999} && ! disgrafs link ../a many-of {1000..1999} 2>"$dir/err") &&
		grep -q "no room for so many links 'many-of': they take [0-9]* bytes, " "$dir/err" && rm -r "$mnt/many" || return
	disgrafs reindex "$mnt" && is "see <- $mnt/a" sh -c 'disgrafs links "$0" | grep see' "$mnt/moved" || return
	disgrafs links -j "$mnt/a" | python3 -c '
import json, sys
m = sys.argv[1]
j = json.load(sys.stdin)
assert j == [{"path": m + "/a", "links": [
    {"relation": "see", "to": m + "/moved", "missing": False},
    {"relation": "is like", "from": m + "/moved", "missing": False},
    {"relation": "part-of", "from": m + "/D", "missing": False}]}], j
' "$mnt" && leave || return
	# Without the mount
	disgrafs link "$low/moved" back "$low/a" && is "back <- $low/moved" sh -c 'disgrafs links "$0" | grep back' "$low/a" || return
	# shellcheck disable=SC2086
	serve $options && is a ls "$g/moved/back"
}

# As an editor saves a file, or several that have links to one another
replaced_target()
{
	local g=$mnt/.graph

	mkdir "$mnt/d" "$mnt/e" && touch "$mnt/a" "$mnt/d/b" "$mnt/e/c" || return
	disgrafs link "$mnt/a" cites "$mnt/d/b" "$mnt/e/c" && disgrafs link "$mnt/a" see "$mnt/d/b" || return
	echo new >"$mnt/new" && mv "$mnt/new" "$mnt/d/b" || return
	is "$(printf '%s\n' "cites <- $mnt/a" "see <- $mnt/a")" disgrafs links "$mnt/d/b" && is a ls "$g/links/d/b/~cites" || return
	by_expression "linked:cites" d/b e/c && by_expression "linked:see" d/b && by_expression "linked:none" || return
	by_expression "type:f not linked:cites" a && by_expression "linked:cites name:b or linked:none" d/b || return
	is 001-a ls "$g/related/d/b" && is "$(printf '%s\n' b c)" sh -c 'ls "$0" | head -n 2 | sed "s,.*-,," | sort' "$g/related/a" || return
	rm "$mnt/d/b" && by_expression "linked:cites" e/c && by_expression "linked:see" && is 001-c sh -c 'ls "$0" | head -n 1' "$g/related/a"
}

# Paths in attributes, and those that the index has, lead neither out of LOWER nor into the
# mount, where the daemon would wait for itself.
paths_stay_inside()
{
	local pid

	rm -rf "$dir/beside" && mkdir "$dir/beside" && truncate -s 3M "$dir/beside/big" &&
	mkdir "$mnt/d" "$mnt/e" && touch "$mnt/f" "$mnt/e/big" && ln "$low/f" "$dir/beside/f" &&
	ln -s "$mnt" "$mnt/loop" && ln -s "$dir/beside" "$mnt/out" || return
	setfattr -n user.disgrafs.link.see -v loop/d/nope "$mnt/d" &
	pid=$!
	within 20 over $pid || { umount -f "$mnt"; return 1; }
	wait $pid && setfattr -n user.disgrafs.link.see -v out/f "$mnt/d" || return
	is out/f sh -c 'getfattr --absolute-names --only-values -n user.disgrafs.link.see "$0" | tr -d "\0"' "$low/d" || return
	is "see -> $mnt/out/f (missing)" disgrafs links "$mnt/d" || return
	# Behind the mount
	by_expression "name:big" e/big && rm -r "$low/e" && mv "$low/out" "$low/e" && by_expression "size:>1M"
}

related()
{
	local g=$mnt/.graph/related

	mkdir -p "$mnt/d/e" && echo a >"$mnt/d/a.txt" && echo j >"$mnt/d/e/a.jpg" && echo l >"$mnt/linked" &&
	echo r >"$mnt/d/e/r" && touch "$mnt/d/beside" && mkdir "$mnt/z" && touch "$mnt/z/none" || return
	for i in {1..20}; do touch "$mnt/z/$i"; done
	disgrafs tag "$mnt/d/a.txt" rare common && disgrafs tag "$mnt/d/e/r" rare common && disgrafs tag "$mnt/d/beside" common &&
	disgrafs link "$mnt/d/a.txt" see "$mnt/linked" || return
	is "$(printf "$mnt/%s\n" linked d/e/r d/beside d/e/a.jpg)" \
		sh -c 'disgrafs related "$0" | sed "s/^ *[0-9.]* //" | head -n 4' "$mnt/d/a.txt" || return
	is "$(printf '%s\n' 001-linked 002-r 003-beside 004-a.jpg)" sh -c 'ls "$0" | head -n 4' "$g/d/a.txt" || return
	is l cat "$g/d/a.txt/001-linked" && is "$mnt/linked" sh -c 'disgrafs related -n 1 "$0" | sed "s/^.* //"' "$mnt/d/a.txt" || return
	is "$(printf '%%2E\na.txt\nbeside\ne')" ls "$g/d" && ls "$g/d/%2E" >/dev/null || return
	# Long names are cut between two characters
	mkdir "$mnt/long" && touch "$mnt/long/x" "$mnt/long/$(printf '\346\240\207%.0s' {1..85})" &&
		is "001-$(printf '\346\240\207%.0s' {1..83})" ls "$g/long/x" || return
	[ ! -e "$g/none" ] && ! rm "$g/d/a.txt/001-linked" 2>/dev/null && [ -e "$mnt/linked" ] || return
	disgrafs related --json "$mnt/d/a.txt" | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert [(e["tags"], e["link"], e["stem"], e["directory"]) for e in j[:4]] == [
    (0, True, False, False), (2, False, False, False), (1, False, False, True), (0, False, True, False)], j
assert all(a["score"] >= b["score"] for a, b in zip(j, j[1:]))
' || return
	disgrafs graph "$mnt/d/a.txt" >"$dir/dot" && grep -q '"fd/a.txt" -> "flinked" \[label="see"\];' "$dir/dot" &&
	grep -q '"fd/a.txt" -> "trare" \[dir=none\];' "$dir/dot" && grep -q '"fd/e/r" \[shape=box' "$dir/dot" || return
	disgrafs graph --json --depth 1 --edges tags,links "$mnt/d/a.txt" | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert {n["id"] for n in j["nodes"]} == {"fd/a.txt", "flinked", "trare", "tcommon"}, j
assert {(e["from"], e["to"], e["relation"]) for e in j["edges"]} == {
    ("fd/a.txt", "flinked", "see"), ("fd/a.txt", "trare", "tag"), ("fd/a.txt", "tcommon", "tag")}, j
'
}

checks()
{
	mkdir -p "$mnt/d/e" && touch "$mnt/f" "$mnt/d/g" "$mnt/d/e/h" "$mnt/i" && ln "$mnt/f" "$mnt/d/f2" || return
	disgrafs tag "$mnt/f" a b && disgrafs tag "$mnt/d/g" a && disgrafs link "$mnt/f" see "$mnt/d/g" || return
	is "7 files, 0 differences; 1 links, 0 outdated, 0 missing" disgrafs check "$mnt" || return
	disgrafs stats -j "$mnt" | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert (j["files"], j["directories"], j["names"], j["tagged"], j["tags"], j["taggings"], j["links"]) == (
    4, 3, 7, 2, 2, 3, 1), j
' || return
	# Behind the mount: all kinds of differences
	setfattr -n user.xdg.tags -v c "$low/d/g" && mv "$low/i" "$low/j" && touch "$low/d/new" && rm "$low/d/e/h" || return
	setfattr -x user.disgrafs.link.see "$low/f" && mv "$low/d/f2" "$low/d/f3" || return
	disgrafs check "$mnt" >"$dir/out"; [ $? = 3 ] || return
	is "$(printf "$mnt/%s\n" "d/e/h: is in the index, but not in the tree" "d/f2: is in the index, but not in the tree" \
		"d/f3: is not in the index" "d/g: has other tags in the index" "d/new: is not in the index" \
		"f: has other links in the index" "i: is in the index, but not in the tree" "j: is not in the index")" \
		sh -c 'grep : "$0" | grep -v differences | sort' "$dir/out" || return
	disgrafs check -j "$mnt" >"$dir/out"; [ $? = 3 ] || return
	python3 -c 'import json, sys; assert len(json.load(sys.stdin)["differences"]) == 8' <"$dir/out" || return
	disgrafs check --repair "$mnt" >/dev/null && disgrafs check "$mnt" >/dev/null && found c -- d/g || return
	# What a link says of a target that moved is brought up to date.
	disgrafs link "$mnt/f" see "$mnt/d/g" && mv "$mnt/d/g" "$mnt/G" || return
	is "7 files, 0 differences; 1 links, 1 outdated, 0 missing" disgrafs check "$mnt" || return
	disgrafs check "$mnt" >/dev/null; [ $? = 3 ] || return
	disgrafs check --repair "$mnt" >/dev/null || return
	is "7 files, 0 differences; 1 links, 0 outdated, 0 missing" disgrafs check "$mnt" || return
	getfattr --only-values -n user.disgrafs.link.see "$low/f" | grep -qa '^G' || return
	rm "$mnt/G" && is "6 files, 0 differences; 1 links, 0 outdated, 1 missing" disgrafs check "$mnt" || return
	disgrafs check --repair "$mnt" >/dev/null; [ $? = 3 ] || return
	disgrafs unlink --all "$mnt/f" see || return
	disgrafs check /proc 2>/dev/null; [ $? = 1 ] || return
	# While it is being used
	for i in {1..30}; do touch "$mnt/x$i"; disgrafs tag "$mnt/x$i" t; mv "$mnt/x$i" "$mnt/y$i"; done
	disgrafs check "$mnt" >/dev/null
}

# The daemon hears of what is repaired, and records it at the same time.
repairs_links()
{
	local i

	# shellcheck disable=SC2086
	leave && serve ${options% --no-fanotify} && touch "$mnt/f" || return
	for ((i = 0; i < 20; i++)); do
		touch "$mnt/t$i" && disgrafs link "$mnt/f" "see$i" "$mnt/t$i" && mv "$mnt/t$i" "$mnt/u$i" || return
	done
	disgrafs check --repair "$mnt" >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; return 1; }
	is "21 files, 0 differences; 20 links, 0 outdated, 0 missing" disgrafs check "$mnt"
}

# With the rights of the caller.
tags_by_others()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --" g=$mnt/.graph/tags

	leave && chown $nobody "$low" && chmod 711 "$dir" || return
	# shellcheck disable=SC2086
	serve $options || return
	touch "$mnt/theirs" "$mnt/group" && chmod 644 "$mnt/theirs" && $as touch "$mnt/own" || return
	chgrp $nobody "$mnt/group" && chmod 664 "$mnt/group" || return
	$as mkdir "$g/t" && $as ln -s ../../../own "$g/t/" && $as ln -s ../../../group "$g/t/" || return
	! $as ln -s ../../../theirs "$g/t/" 2>/dev/null && found t -- group own || return
	disgrafs tag "$mnt/theirs" t && ! $as rm -f "$g/t/theirs" 2>/dev/null && found t -- group own theirs || return
	$as rm "$g/t/own" && found t -- group theirs
}

link_value()
{
	getfattr --absolute-names --only-values -n user.disgrafs.link.x "$low/own" | tr '\0' '|'
}

# A link to a path has a reference to the file if there is one. That tells who has no business
# to know.
links_of_others()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --" name=user.disgrafs.link.x

	chmod 711 "$dir" && mkdir -m 755 "$mnt/open" && mkdir -m 700 "$mnt/private" &&
		touch "$mnt/open/f" "$mnt/private/f" "$mnt/own" && chown $nobody "$mnt/own" || return
	$as setfattr -n $name -v private/f "$mnt/own" &&
		[ "$(link_value)" = "private/f||" ] || return
	$as setfattr -n $name -v open/f "$mnt/own" &&
		[[ $(link_value) =~ ^open/f\|[0-9]+:[0-9]+:[0-9a-f]+\|$ ]] || return
	setfattr -n $name -v private/f "$mnt/own" && [[ $(link_value) =~ ^private/f\|[0-9]+:.*\|$ ]]
}

# Whatever the kernel or the policy still has of the tags, which nobody tells them is old.
tags_elsewhere()
{
	touch "$mnt/f" && disgrafs tag "$mnt/f" a && disgrafs tags "$mnt/f" >"$dir/tags" &&
		setfattr -n user.xdg.tags -v a,elsewhere "$low/f" && disgrafs tag "$mnt/f" b &&
		is a,elsewhere,b getfattr --absolute-names --only-values -n user.xdg.tags "$low/f"
}

# One table of names that have broken others, through every way to tag.
hostile_links()
{
	python3 - "$mnt" <<-'END'
		import os, sys
		mnt = os.fsencode(sys.argv[1])
		names = [b"'", b'"', b"a\nb", b"%s%n", b"%2F", b"%2C", b"\xff\xfe", b"\x01", b" x", b"-rf", b"*",
		         b"n" * 255, "\u540d\u5b57".encode(), b"...", b"c,d", b"\\", b"UPPER.Txt", b"a.b.c",
		         b"'; DROP TABLE node; --", b"a~12", b"tags", b".hidden"]
		tags = [b"'", b'"', b"a\nb", b"%", b"%2F", b"%2C", b"%25", b"\xff\xfe", b".", b"..", b"a/b", b"/",
		        b",", b"1,5", b"-x", b"t" * 255, "\u6807\u7b7e".encode(), b"a b", b"Upper",
		        b"'; DROP TABLE tag; --", b"~"]
		def enc(tag):
		    if tag in (b".", b".."):
		        return tag.replace(b".", b"%2E")
		    return tag.replace(b"%", b"%25").replace(b"/", b"%2F")
		def target(link):
		    return os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
		os.mkdir(mnt + b"/d")
		files = [where + name for where in (b"", b"d/") for name in names]
		for file in files:
		    open(mnt + b"/" + file, "w").close()
		# One tag for each file, and some files with each tag.
		tagged = {tag: files if tag is tags[0] else files[4:7] for tag in tags}
		g = mnt + b"/.graph/tags/"
		for tag in tags:
		    os.mkdir(g + enc(tag))
		assert set(os.listdir(g)) == set(map(enc, tags))
		for tag in tags:
		    for i, file in enumerate(tagged[tag]):
		        os.symlink(b"../../../" + file, g + enc(tag) + b"/%d" % i)
		for file in files:
		    value = os.getxattr(mnt + b"/" + file, "user.xdg.tags")
		    got = [t.replace(b"%2C", b",").replace(b"%25", b"%") for t in value.split(b",")]
		    assert got == [tag for tag in tags if file in tagged[tag]], (file, got)
		for tag in tags:
		    at = g + enc(tag) + b"/"
		    links = [e for e in os.listdir(at) if os.path.islink(at + e)]
		    paths = {mnt + b"/" + file for file in tagged[tag]}
		    assert set(map(target, (at + e for e in links))) == paths, (tag, links)
		    assert os.path.exists(at + links[0])
		    assert len(links) == len(paths)
		    again = [e for e in os.listdir(at) if os.path.islink(at + e)]
		    assert links == again
		for tag in tags[1:]:
		    at = g + enc(tag) + b"/" + enc(tags[0]) + b"/"
		    for e in os.listdir(at):
		        if os.path.islink(at + e):
		            os.unlink(at + e)
		    assert os.listdir(at) == [], (tag, os.listdir(at))
		    os.rmdir(at)
		    os.rmdir(g + enc(tag))
		assert os.listdir(g) == [enc(tags[0])]
		for file in files:
		    assert os.getxattr(mnt + b"/" + file, "user.xdg.tags") == tags[0]
	END
}

# Whoever walks the tree does not get into .graph.
walks()
{
	mkdir "$mnt/d" && touch "$mnt/d/f" && disgrafs tag "$mnt/d/f" a b || return
	is "$(printf '.\n./d\n./d/f')" sh -c 'cd "$0" && find . | sort' "$mnt" || return
	is 2 sh -c 'cd "$0" && find . -type d | wc -l' "$mnt" && is "" grep -rl a "$mnt" || return
	rm -rf "$dir/copy" && rsync -a "$mnt/" "$dir/copy/" || return
	is "$(printf '.\n./d\n./d/f')" sh -c 'cd "$0" && find . | sort' "$dir/copy" || return
	rsync -a --delete "$dir/copy/" "$mnt/" && found a -- d/f || return
	rm -rf "$dir/copy" && cp -a "$mnt" "$dir/copy" && [ ! -e "$dir/copy/.graph" ] || return
	is "$(printf './\n./d/\n./d/f')" sh -c 'cd "$0" && tar c . | tar t | sort' "$mnt" || return
	(cd "$mnt" && git init -q . && git add -A && git -c user.name=t -c user.email=t@t commit -qm t) || return
	is d/f git -C "$mnt" ls-files || return
	git -C "$mnt" clean -qfdx && found a b -- d/f || return
	rm -rf "$dir/copy" && (cd "$mnt" && rm -rf ./* ) && is "" disgrafs tags -C "$mnt"
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
		             {"root": mnt, "files": 1, "tagged": 1, "passed": 0}], j
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

# While something cannot be told it is not known to be gone.
unreadable_dir()
{
	local what status

	leave && mkdir "$low/d" && touch "$dir/fails" || return
	python3 "$here/failing.py" "$low/d" "$dir/fails" &
	within 20 mountpoint -q "$low/d" && disgrafs reindex "$low" && is "$low/d/f" disgrafs find -C "$low" name:f &&
	for what in "OPENDIR d" "READDIR d" "LOOKUP d/d" "GETXATTR d"; do
		echo "${what% *} EIO" >"$dir/fails"
		is "disgrafs: $low: $low/${what#* }: Input/output error" disgrafs reindex "$low" &&
			is "$low/d/f" sh -c 'disgrafs find -C "$0" name:f 2>/dev/null' "$low" || break
		: >"$dir/fails"
	done && [ ! -s "$dir/fails" ] && disgrafs reindex "$low" && is "$low/d/f" disgrafs find -C "$low" name:f
	status=$?
	umount "$low/d"
	wait $!
	return $status
}

# unreadable PATH REASON: check names what it cannot look at, and nothing else.
unreadable()
{
	is "$1: cannot be looked at: $2" sh -c 'disgrafs check "$0" | grep :' "$low" || return
	disgrafs check --json "$low" >"$dir/out"; [ $? = 3 ] || return
	python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
assert j["differences"] == [] and j["unreadable"] == [{"path": sys.argv[2], "problem": sys.argv[3]}], j
' "$dir/out" "$1" "$2" || return
	disgrafs check --repair "$low" >/dev/null; [ $? = 3 ]
}

# What cannot be told is not the same.
checks_unreadable()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --" what status

	leave && mkdir "$low/d" && touch "$dir/fails" || return
	python3 "$here/failing.py" "$low/d" "$dir/fails" &
	within 20 mountpoint -q "$low/d" && disgrafs reindex "$low" && disgrafs check "$low" >/dev/null &&
	for what in OPENDIR READDIR; do
		echo "$what EIO" >"$dir/fails"
		unreadable "$low/d" "Input/output error" || break
		: >"$dir/fails"
	done && [ ! -s "$dir/fails" ] && disgrafs check "$low" >/dev/null
	status=$?
	umount "$low/d"
	wait $!
	[ $status = 0 ] && rm -rf "$dir/theirs" && mkdir "$dir/theirs" && chown $nobody "$dir/theirs" && chmod 711 "$dir" || return
	(cd "$dir/theirs" && $as mkdir d && $as touch d/f && $as disgrafs reindex . && $as chmod 0 d || exit
	is "$dir/theirs/d: cannot be looked at: Permission denied" sh -c "$as disgrafs check | grep :" || exit
	$as disgrafs check >/dev/null; [ $? = 3 ])
}

# Without root, what may not be read is not in the way of the rest.
reindex_by_others()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --"

	rm -rf "$dir/theirs" && mkdir "$dir/theirs" && chown $nobody "$dir/theirs" && chmod 711 "$dir" || return
	(cd "$dir/theirs" && $as touch a b && setfattr -n user.xdg.tags -v t a b && chmod 0 a || exit
	$as disgrafs reindex . && is "$dir/theirs/b" $as disgrafs find t)
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

# damage_table NAME: its first page, or that of an index.
damage_table()
{
	local page

	page=$(python3 - "$low/.disgrafs/index.db" "$1" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
		print(db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", sys.argv[2:]).fetchone()[0])
	END
	) && dd if=/dev/urandom of="$low/.disgrafs/index.db" bs=4096 seek=$((page - 1)) count=1 conv=notrunc status=none
}

# An index that cannot be opened, or not be read: what mends it is said, and done.
checks_damage()
{
	local how hint="; 'disgrafs reindex' makes a new one"

	touch "$mnt/f" && disgrafs tag "$mnt/f" t && leave || return
	for how in not_a_database "damage_table name_child" "other_version" "rm index.db"; do
		(cd "$low/.disgrafs" && rm -f index.db-* && $how) || return
		disgrafs check "$low" >"$dir/out" 2>&1; [ $? = 1 ] && grep -q "'disgrafs reindex' makes" "$dir/out" || return
		disgrafs check --repair "$low" >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; return 1; }
		is "$low/f" disgrafs find -C "$low" t && is "1 files, 0 differences; 0 links, 0 outdated, 0 missing" \
			disgrafs check "$low" || return
	done
	(cd "$low/.disgrafs" && other_version) && is "disgrafs: $low: index of another version (4)$hint" disgrafs find -C "$low" t &&
	(cd "$low/.disgrafs" && not_a_database) && is "disgrafs: $low: file is not a database$hint" disgrafs find -C "$low" t &&
	touch "$low/.disgrafs/stale" && disgrafs check --repair "$low" >/dev/null 2>&1 && [ ! -e "$low/.disgrafs/stale" ] || return
	# shellcheck disable=SC2086
	serve $options
}

other_version()
{
	python3 -c 'import sqlite3; sqlite3.connect("index.db").execute("PRAGMA user_version = 4")'
}

# Where it is not read when it is opened: what a walk of the tree reads, and what only a query
# does.
damaged_inside()
{
	local query="t not type:text/plain" table

	touch "$mnt/f" && disgrafs tag "$mnt/f" t && leave || return
	for table in name_child fact; do
		# shellcheck disable=SC2086
		rm -r "$low/.disgrafs" && disgrafs reindex "$low" && damage_table $table &&
			serve $options && soon f ls "$mnt/.graph/find/${query//\//%2F}" &&
			grep -q "the index is damaged" "$dir/daemon.log" && leave || return
		damage_table $table && ! disgrafs find -C "$low" "$query" >/dev/null 2>&1 &&
			disgrafs reindex "$low" && is "$low/f" disgrafs find -C "$low" "$query" || return
	done
}

# What looks into files meets it first.
damaged_words()
{
	# shellcheck disable=SC2086
	leave && extract="" serve $options && echo word >"$mnt/f" && find_soon f text:word && leave &&
		damage_table fulltext_data && extract="" serve $options && echo other >"$mnt/f" &&
		find_soon f text:other
}

damage_is_met()
{
	ls "$mnt/.graph/tags/t" >/dev/null 2>&1
	grep -q "the index is damaged" "$dir/daemon.log"
}

# While a daemon has it open, which looks into files again, and whose changes are not lost
# either when it is killed.
damaged_meanwhile()
{
	# shellcheck disable=SC2086
	leave && extract="" serve $options && echo word >"$mnt/f" && disgrafs tag "$mnt/f" t && find_soon f text:word &&
		leave && extract="" serve $options && found t -- f || return
	# It looks which files are new by then.
	sleep 2
	dd if=/dev/urandom of="$low/.disgrafs/index.db" bs=4096 count=1 conv=notrunc status=none
	touch "$mnt/g" && within 20 damage_is_met && soon f ls "$mnt/.graph/tags/t" &&
		find_soon f text:word && disgrafs tag "$mnt/g" t && found t -- f g || return
	kill -9 $daemon
	wait $daemon 2>/dev/null
	umount "$mnt"
	# shellcheck disable=SC2086
	serve $options && grep -q "did not end properly" "$dir/daemon.log" && found t -- f g
}

# while_served CHANGE...: made in LOWER while a daemon has the index open. It takes what is
# there then, or makes another, and whatever is tagged is found, also by the next daemon.
while_served()
{
	touch "$mnt/f" "$mnt/g" && disgrafs tag "$mnt/f" t && found t -- f && (cd "$low" && "$@") &&
		disgrafs tag "$mnt/g" t && mv "$mnt/f" "$mnt/h" && within 20 it_is_said "rebuilding it" || return
	find_soon "g h" t && within 20 it_is_said "has been rebuilt" && found t -- g h && [ -s "$low/.disgrafs/index.db" ] || return
	is "3 files, 0 differences; 0 links, 0 outdated, 0 missing" \
		sh -c 'touch "$0/i" && disgrafs check "$0"' "$mnt" || return
	# The lock as well.
	mkdir -p "$dir/other" && is "disgrafsd: $low: already served by another disgrafsd" \
		disgrafsd --no-module "$low" "$dir/other" && leave || return
	# shellcheck disable=SC2086
	serve $options && ! it_is_said "the index is" && found t -- g h
}

remove_index()
{
	rm .disgrafs/index.db*
}

remove_log()
{
	rm .disgrafs/index.db-wal
}

empty_index()
{
	: >.disgrafs/index.db
}

# It may be removed in part when the daemon makes another.
replace_index()
{
	rm .disgrafs/index.db* && within 20 disgrafs reindex .
}

move_index_dir()
{
	mv .disgrafs ../.disgrafs.old && disgrafs reindex . && rm -r ../.disgrafs.old
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

# it_is_said PATTERN: by the daemon.
it_is_said()
{
	grep -q "$1" "$dir/daemon.log"
}

# while_locked COMMAND...: another process has the index locked.
while_locked()
{
	local status line pid in

	coproc python3 -c '
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()' "$low/.disgrafs/index.db"
	pid=$COPROC_PID in=${COPROC[1]}
	read -r line <&"${COPROC[0]}" && [ "$line" = locked ] && "$@"
	status=$?
	exec {in}>&-
	wait "$pid"
	return $status
}

tag_locked()
{
	mv "$mnt/f" "$mnt/d/f" && within 20 it_is_said "locked: the index is out of date" &&
		disgrafs tag "$mnt/d/f" t && is t disgrafs tags "$mnt/d/f" && [ -e "$low/.disgrafs/stale" ]
}

# An index that cannot be written loses no tag, and is made anew when it can.
locked_index()
{
	touch "$mnt/f" && mkdir "$mnt/d" && while_locked tag_locked || return
	find_soon d/f t && within 20 test ! -e "$low/.disgrafs/stale" && found t -- d/f &&
		within 20 it_is_said "has been rebuilt"
}

# Names that would take several transactions, and tags by several processes. Two seconds are
# waited for the lock, and 20 if it were for each transaction.
many_locked()
{
	python3 - "$mnt" $((10 * ${SLOWER:-1})) <<-'END'
		import multiprocessing, os, sys, time
		mnt, limit = sys.argv[1], int(sys.argv[2])
		def tag(i):
		    began = time.monotonic()
		    os.setxattr(f"{mnt}/{i}", "user.xdg.tags", b"late")
		    return time.monotonic() - began
		for i in range(2000):
		    open(f"{mnt}/{i}", "w").close()
		with multiprocessing.Pool(4) as pool:
		    took = max(pool.map(tag, range(4), 1))
		if took > limit:
		    sys.exit(f"# took {took:.1f} s")
	END
}

# However much there is to record, and for however many, it is waited for once.
long_locked_index()
{
	while_locked many_locked && soon 4 sh -c 'disgrafs find -C "$0" late | wc -l' "$mnt" &&
		soon 2000 sh -c 'disgrafs find -C "$0" type:f | wc -l' "$mnt" && agrees "$mnt"
}

# Attempts to make it anew become rarer.
full_disk()
{
	leave && mkdir "$low.full" && mount -t tmpfs -o size=1M tmpfs "$low.full" || return
	(
		low=$low.full
		# shellcheck disable=SC2086
		serve $options && touch "$mnt/f" "$mnt/g" && disgrafs tag "$mnt/f" t && found t -- f || exit
		dd if=/dev/zero of="$low/fill" bs=4k status=none 2>/dev/null
		setfattr -n user.xdg.tags -v u "$mnt/f" && mv "$mnt/g" "$mnt/h" && within 20 it_is_said "trying again" || exit
		sleep 7
		[ "$(grep -c "trying again" "$dir/daemon.log")" -le 4 ] || { sed 's/^/# /' "$dir/daemon.log"; exit 1; }
		rm "$low/fill" && find_soon f u && find_soon h name:h && find_now "" t && leave
	)
	local status=$?

	daemon=
	umount -q "$mnt"
	umount "$low.full" && rmdir "$low.full" && return $status
}

many()
{
	python3 - "$mnt" <<-'END' || return
		import os, sys
		mnt = sys.argv[1]
		for i in range(300):
		    os.makedirs(f"{mnt}/{i % 10}", exist_ok=True)
		    p = f"{mnt}/{i % 10}/{i}"
		    open(p, "w").close()
		    os.setxattr(p, "user.xdg.tags", f"all,mod{i % 7},div{i // 100}".encode())
	END
	is 300 sh -c 'disgrafs find -C "$0" all | wc -l' "$mnt" &&
	is 14 sh -c 'disgrafs find -C "$0" mod3 div2 | wc -l' "$mnt" &&
	is 14 sh -c 'find "$0/.graph/tags/all/mod3/div2" -type l | wc -l' "$mnt" &&
	is 310 sh -c 'ls "$0/.graph/tags/all" | wc -l' "$mnt" &&
	touch "$mnt/x" && disgrafs tag "$mnt/x" mod{0..6} || return
	# Nodes that are added move those about that there are; what is freed does not stay as it was.
	is 308 sh -c 'GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165 \
		disgrafs graph -j -n 300 --depth 2 "$0" | python3 -c "
import json, sys
print(len(json.load(sys.stdin)[\"nodes\"]))"' "$mnt/x"
}

concurrent()
{
	local i pids=()

	mkdir "$mnt/d"
	for i in {1..6}; do
		(for j in {1..8}; do
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
	found t -- $(for i in {1..6}; do seq -f "$i-%g" 2 2 8; done)
}

made_by_several()
{
	local i n

	leave || return
	for ((i = 0; i < 10; i++)); do
		rm -rf "$low/.disgrafs"
		for n in 1 2 3 4; do
			disgrafs reindex "$low" >"$dir/made.$n" 2>&1 &
		done
		wait
		! cat "$dir"/made.? | grep "already exists" || return
	done
	# shellcheck disable=SC2086
	serve $options
}

# What .graph hides is not found under names that lead elsewhere.
graph_in_lower()
{
	leave && rm -r "$low" && mkdir -p "$low/.graph/mine" "$low/d/.graph" && touch "$low/.graph/mine/f" "$low/d/.graph/f" &&
		setfattr -n user.xdg.tags -v t "$low/.graph/mine/f" "$low/d/.graph/f" || return
	# shellcheck disable=SC2086
	serve $options && found t -- d/.graph/f && by_expression "name:f" d/.graph/f &&
		grep -q "$low/.graph: hidden by the virtual one" "$dir/daemon.log" && leave &&
		disgrafs reindex "$low" && is "$low/d/.graph/f" disgrafs find -C "$low" t &&
		disgrafs check "$low" >"$dir/check" || return
	rm -r "$low/.graph"
	# shellcheck disable=SC2086
	serve $options && ! grep -q "hidden" "$dir/daemon.log"
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

# fresh NAME COMMAND...: a test on a mount with nothing in it, if it is chosen.
fresh()
{
	local name=$1

	shift
	chosen "$name" || return
	[ -z "$daemon" ] || leave
	rm -rf "$low"
	# shellcheck disable=SC2086
	serve $options || ktap_exit_fail_msg "$variant: disgrafsd does not serve"
	check "$variant: $name" "$@"
}

# The same for what is done to the file of the database.
fresh_sqlite()
{
	if [ -n "$DATABASE" ]; then
		ktap_test_skip "$variant: $1"
		return
	fi
	fresh "$@"
}

# --- which, on which kernel ---

NR_EVERYWHERE=14
everywhere()
{
	fresh "tags are set, found and removed" sets_and_removes
	fresh "what cannot be done is said" errors
	fresh "tags that other programs write" other_writers
	fresh "tags that change elsewhere meanwhile" tags_elsewhere
	fresh "tags follow renames of files and directories" renames
	fresh "tags and hard links" hard_links
	fresh "a hard link outside the tree" names_outside
	fresh "names that came and went" names_that_went
	fresh "what is removed is not found" removal
	fresh "any byte in names and tags" hostile
	fresh ".graph shows tags and their intersections" graph
	fresh ".graph shows what is true now" graph_is_current
	fresh "whoever walks the tree does not see .graph" walks
	fresh ".graph is the owner's" graph_is_private
}

NR_QUESTIONS=13
questions()
{
	what="tagging by command and by .graph at the same time"
	if [ "${SLOWER:-1}" = 1 ]; then
		fresh "$what" tags_at_once
	else
		ktap_test_skip "$variant: $what: a lock is waited for a fifth of a second"
	fi
	fresh ".graph gives equal names a suffix" collisions
	fresh "any byte in names and tags, through .graph" hostile_links
	fresh ".graph refuses what is no change of tags" graph_refuses
	fresh "tags without files" empty_tags
	fresh "ln, mv and rm in a tag's directory" tags_by_ln_mv_rm
	fresh "removing a tag's directory takes that tag only" removes_a_tag
	fresh "find expressions" expressions
	fresh "find expressions follow sizes and times" sizes_and_times
	fresh "links follow their targets" links
	fresh "what replaces a link's target is one" replaced_target
	fresh "no path leads out of the tree or into the mount" paths_stay_inside
	fresh "related files, and the graph around one" related
}

NR_LOSSES=34
losses()
{
	fresh "check finds what differs, and repairs" checks
	fresh "check repairs links of a tree that is being watched" repairs_links
	fresh "tagging needs the right to write to the file" tags_by_others
	fresh "links tell nobody what is in others' directories" links_of_others
	fresh "the index cannot be seen in the mount" index_is_hidden
	fresh "--json" json
	fresh "reindex finds what changed behind the mount" reindex
	fresh "reindex keeps what it cannot look at" unreadable_dir
	fresh "check says what it cannot look at" checks_unreadable
	fresh "reindex by others than root" reindex_by_others
	fresh "another daemon finds the same" restart true
	fresh_sqlite "a deleted index is made again" restart rm -f index.db
	fresh_sqlite "a damaged index is made again" restart damage
	fresh_sqlite "an index that is damaged behind its first pages is made again" damaged_inside
	fresh_sqlite "check finds damage and other versions, and repairs" checks_damage
	fresh_sqlite "an index whose words are damaged is made again" damaged_words
	fresh_sqlite "an index that is damaged while it is in use is made again" damaged_meanwhile
	fresh_sqlite "an index that is removed while it is in use is made again" while_served remove_index
	fresh_sqlite "so is one whose directory is removed" while_served rm -r .disgrafs
	fresh_sqlite "so is one that is emptied" while_served empty_index
	fresh_sqlite "so is one whose write-ahead log is removed" while_served remove_log
	fresh_sqlite "another index in its place is taken" while_served replace_index
	fresh_sqlite "so is another directory" while_served move_index_dir
	fresh_sqlite "several that make an index at once make one" made_by_several
	fresh_sqlite "a file that is no database is made an index" restart not_a_database
	fresh "a killed daemon's index is brought up to date" restart kill
	fresh "without a mount" without_mount
	fresh_sqlite "a locked index delays but loses nothing" locked_index
	fresh_sqlite "a locked index delays once" long_locked_index
	fresh_sqlite "a full disk keeps nothing out of the index for ever" full_disk
	fresh "hundreds of files" many
	fresh "concurrent tagging and renaming" concurrent
	fresh "what .graph hides is not in the index" graph_in_lower
	fresh "a mount over its own lower directory" hidden_lower
}

# All, or with several kernels in turn what is not left to another, to save time.
groups="EVERYWHERE QUESTIONS LOSSES"
[ -n "$given$DATABASE${TEST-}" ] || case $(uname -r) in
6.12.*) groups="EVERYWHERE QUESTIONS" ;;
7.3.*) groups="EVERYWHERE LOSSES" ;;
esac
count=0
for group in $groups; do
	nr=NR_$group
	count=$((count + ${!nr}))
done
ktap_print_header
ktap_set_plan $((count * ${#variants[@]}))
for v in "${variants[@]}"; do
	# Some tests need changes that nobody notices; behind.sh is about those that are.
	read -r variant options <<<"$v --no-fanotify"
	for group in $groups; do
		${group,,}
	done
	[ -z "$daemon" ] || leave
	ktap_print_msg "$variant done"
done
ktap_finished
