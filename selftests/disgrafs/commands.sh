#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the command prints for others to read: graphs, and words for bash to complete.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

# Names, tags and relations that are no text: in the picture they are some, and lead on.
graph_bytes()
{
	local f=$mnt/$'bad\xff\\'

	touch "$f" "$mnt/other" && disgrafs tag "$f" $'t\xfe' && disgrafs tag "$mnt/other" $'t\xfe' &&
		disgrafs link "$f" $'see\x80' "$mnt/other" || return
	disgrafs graph "$f" >"$dir/dot" && iconv -f UTF-8 -t UTF-8 "$dir/dot" >/dev/null || return
	for line in '"fbad\\xff\\x5c" [shape=box, label="bad\\xff\\x5c"];' \
			'"tt\\xfe" [shape=ellipse, label="t\\xfe"];' \
			'"fbad\\xff\\x5c" -> "tt\\xfe" [dir=none];' \
			'"fbad\\xff\\x5c" -> "fother" [label="see\\x80"];'; do
		grep -qxF $'\t'"$line" "$dir/dot" || { ktap_print_msg "no $line"; return 1; }
	done
	disgrafs graph -j "$f" | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert {n["id"]: n["name"] for n in j["nodes"]} == {
    "fbad\\xff\\x5c": [98, 97, 100, 255, 92], "tt\\xfe": [116, 254], "fother": "other"}, j
assert [(e["from"], e["to"], e["relation"]) for e in j["edges"]] == [
    ("fbad\\xff\\x5c", "tt\\xfe", "tag"), ("fbad\\xff\\x5c", "fother", [115, 101, 101, 128]),
    ("fother", "tt\\xfe", "tag")], j
'
}

# What was linked to and is gone, from both of those that link to it.
graph_missing()
{
	touch "$mnt/a" "$mnt/b" "$mnt/gone" && disgrafs link "$mnt/a" see "$mnt/gone" "$mnt/b" &&
		disgrafs link "$mnt/b" see "$mnt/gone" && rm "$mnt/gone" || return
	is "$(printf '\t%s\n' '"fa" [shape=box, label="a"];' '"fgone" [shape=box, label="gone", style=dashed];' \
		'"fb" [shape=box, label="b"];')" sh -c 'disgrafs graph "$0" | grep shape' "$mnt/a" || return
	disgrafs graph -j "$mnt/a" | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert {n["name"]: n["missing"] for n in j["nodes"]} == {"a": False, "b": False, "gone": True}, j
assert len(j["edges"]) == 3, j
' || return
	touch "$mnt/gone" && ! disgrafs graph "$mnt/a" | grep dashed
}

# edges_are FILE OPTIONS EDGE...: the graph has just these edges, "FROM KIND RELATION TO", one
# with a weight has "~" in front.
edges_are()
{
	local file=$1 options=$2

	shift 2
	# shellcheck disable=SC2086
	disgrafs graph -j $options "$mnt/$file" | python3 -c '
import json, sys
j = json.load(sys.stdin)
got = {("~" if e.get("weight", 0) > 0 else "") + " ".join(e[k][k in ("from", "to"):] for k in
       ("from", "kind", "relation", "to")) for e in j["edges"]}
sys.exit(f"# {sys.argv[1]}: {sorted(got)}" if got != set(sys.argv[2:]) or len(got) != len(j["edges"]) else 0)
' "$file $options" "$@"
}

# What files have in common by what they are, and by what was found in them.
graph_derived()
{
	cat >"$dir/extractor" <<-'END'
		#!/usr/bin/python3
		import itertools, os, socket
		numbers = itertools.count(os.getpid() * 1000)
		s = socket.socket(fileno=0)
		while True:
		    name, fds, _, _ = socket.recv_fds(s, 256, 2)
		    if not name: break
		    with os.fdopen(fds[1], "wb") as out:
		        out.write(b"type test/test\nsha256 %064d\n" % (7 if name == b"same" else next(numbers)))
		        if name.startswith(b"song"):
		            out.write(b"album this\nauthor that\n")
		    os.close(fds[0])
	END
	chmod +x "$dir/extractor" && leave && extract="" serve $options --extractor "$dir/extractor" &&
		mkdir "$mnt/a" "$mnt/b" && echo 1 >"$mnt/a/song.txt" && echo 2 >"$mnt/b/song.ogg" &&
		echo 3 >"$mnt/a/song2" && echo 4 >"$mnt/a/same" && echo 4 >"$mnt/b/same" && touch "$mnt/c" || return
	disgrafs link "$mnt/c" see "$mnt/a/song.txt" && disgrafs tag "$mnt/a/song.txt" t &&
		disgrafs tag "$mnt/b/same" t || return
	find_soon "a/song.txt a/song2 b/song.ogg" fact:album=this && within 20 has_fact "$mnt/b/same" || return
	edges_are a/song.txt "-d 1" "a/song.txt tag tag t" "c link see a/song.txt" "~a/song.txt stem stem b/song.ogg" \
		"~a/song.txt facts album, author b/song.ogg" "~a/song.txt facts album, author a/song2" &&
	edges_are a/song.txt "-d 1 --edges directory" "~a/song.txt directory directory a/song2" \
		"~a/song.txt directory directory a/same" && edges_are a/song.txt "-e stem,links" \
		"c link see a/song.txt" "~a/song.txt stem stem b/song.ogg" &&
	edges_are a/same "-n 1 -e derived" "~a/same contents contents b/same" "~a/same stem stem b/same" \
		"~a/same directory directory a/song.txt" || return
	# What has something in common with the file is not followed, what is linked or tagged is.
	edges_are c "-d 3" "c link see a/song.txt" "a/song.txt tag tag t" "~a/song.txt stem stem b/song.ogg" \
		"~a/song.txt facts album, author b/song.ogg" "~a/song.txt facts album, author a/song2" &&
	edges_are c "-d 4" "c link see a/song.txt" "a/song.txt tag tag t" "~a/song.txt stem stem b/song.ogg" \
		"~a/song.txt facts album, author b/song.ogg" "~a/song.txt facts album, author a/song2" \
		"b/same tag tag t" "~b/same contents contents a/same" "~b/same stem stem a/same" || return
	disgrafs graph "$mnt/a/song.txt" | grep -qE \
		'^	"fa/song.txt" -> "fb/song.ogg" \[label="stem", dir=none, style=dotted, weight=[0-9.]+\];' || return
	for list in "" nothing tags,, stem,tag; do
		disgrafs graph --edges "$list" "$mnt/c" 2>"$dir/err"; [ $? = 2 ] && grep -q "kinds of edges" "$dir/err" || return
	done
	extract=--no-extract again
}

has_fact()
{
	disgrafs facts "$1" | grep -q sha256
}

# completed WORD... -- [WANTED...]: bash completes the last of the words of a command, as they
# are typed, to just these, which mean what they are.
completed()
{
	local COMP_WORDS=(disgrafs) COMP_CWORD COMPREPLY=() wanted i

	while [ "$1" != -- ]; do
		COMP_WORDS+=("$1")
		shift
	done
	shift
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	# shellcheck disable=SC2317
	compopt() { :; }
	_disgrafs
	for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
		# Readline closes what is open.
		[[ ${COMP_WORDS[COMP_CWORD]} != [\'\"]* ]] ||
			COMPREPLY[i]=${COMP_WORDS[COMP_CWORD]:0:1}${COMPREPLY[i]}${COMP_WORDS[COMP_CWORD]:0:1}
		eval "COMPREPLY[i]=${COMPREPLY[i]}"
	done
	mapfile -t wanted < <(printf '%s\n' "$@" | sort)
	mapfile -t COMPREPLY < <(printf '%s\n' "${COMPREPLY[@]}" | sort)
	[ "${COMPREPLY[*]@Q}" = "${wanted[*]@Q}" ] && return
	ktap_print_msg "${COMP_WORDS[*]}: ${COMPREPLY[*]@Q}, not ${wanted[*]@Q}"
	return 1
}

completion()
{
	local f="$mnt/two words" typed=$mnt/two\\\ words
	local tags=("two words" two 'quo"te' "it's" 'back\slash' 'dollar$(echo)`' $'tab\tu' ' lead')

	. /usr/share/bash-completion/completions/disgrafs && touch "$f" "$mnt/other" || return
	disgrafs tag "$f" "${tags[@]}" && disgrafs tag "$mnt/other" "tw ice" || return
	completed untag "$typed" "" -- "${tags[@]/# lead/lead}" && completed untag "$typed" t -- two "two words" $'tab\tu' &&
	completed untag "'$f'" 'two\ w' -- "two words" && completed untag "\"$f\"" '"two w' -- "two words" &&
	completed untag "$typed" "'two " -- "two words" && completed untag "$typed" "'it" -- "it's" &&
	completed untag "$typed" '"quo\"' -- 'quo"te' && completed untag "$typed" '"dol' -- 'dollar$(echo)`' &&
	completed untag "$typed" 'back\\' -- 'back\slash' && completed untag "$typed" '"back' -- 'back\slash' &&
	completed untag "$typed" "\$'two\\x20words" -- && completed untag "$typed" none -- || return
	completed tag "$mnt/other" 'tw' -- two "two words" "tw ice" && completed tag "$mnt/other" 'tw\ ' -- "tw ice" &&
	completed find -C "${mnt/\/mnt/\/\"mnt\"}" 'two\ ' -- '"two words"' && completed find -C "$mnt" two -- two '"two words"' &&
	completed warm -C "$mnt" '\"two' -- '"two words"' && completed find -C "$mnt" back -- '"back\\slash"' &&
	is "$f" disgrafs find -C "$mnt" '"back\\slash"' && is "$f" disgrafs find -C "$mnt" '"two words"' || return
	setfattr -n user.disgrafs.auto -v "big one,b'g,-no,small" "$f" &&
	completed accept "$typed" b -- "big one" "b'g" && completed refuse "$typed" 'big\ ' -- "big one" || return
	disgrafs link "$f" 'is like' "$mnt/other" && disgrafs link "$f" 'is\a=b' "$mnt/other" &&
	completed unlink "$typed" is -- "is like" 'is\a=b' && completed link "$typed" 'is\ ' -- "is like" &&
	completed untag --a -- --all && completed unt -- untag && completed graph -e tags,st -- tags,stem
}

run_variant()
{
	emptied "a graph of what is no text" graph_bytes
	emptied "a graph with a link to what is missing" graph_missing
	emptied "a graph with what files have in common" graph_derived
	emptied "bash completes words with spaces and quotes" completion
	leave
}

ktap_print_header
ktap_set_plan $((4 * ${#variants[@]}))
serve_each run_variant
ktap_finished
