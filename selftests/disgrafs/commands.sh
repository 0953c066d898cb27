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

run_variant()
{
	emptied "a graph of what is no text" graph_bytes
	leave
}

ktap_print_header
ktap_set_plan $((1 * ${#variants[@]}))
serve_each run_variant
ktap_finished
