#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# disgrafs warm: what it looked at costs the daemon nothing afterwards.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

files=40

# Files with a tag and an attribute, one without, and a link.
tree()
{
	local i

	mkdir "$low/d" || return
	for ((i = 1; i <= files; i++)); do
		echo "text $i" >"$low/d/$i" && setfattr -n user.xdg.tags -v wanted "$low/d/$i" || return
	done
	echo other >"$low/d/other" && ln -s 1 "$low/d/link" && disgrafs reindex "$low"
}

read_all()
{
	local i

	for ((i = 1; i <= files; i++)); do
		[ "$(cat "$mnt/d/$i")" = "text $i" ] && getfattr -h --absolute-names --only-values \
			-n user.xdg.tags "$mnt/d/$i" >/dev/null || return
	done
}

# Questions that reached the daemon: how many; which go to $dir/passed.
passed()
{
	extfusectl stats "$mnt" --json | python3 -c 'import json, sys
ops = {op["name"]: op["passed"] for binding in json.load(sys.stdin) for op in binding["ops"]
       if op["name"] in ("LOOKUP", "GETATTR", "OPEN", "GETXATTR", "LISTXATTR")}
print(ops, file=sys.stderr)
print(sum(ops.values()))' 2>>"$dir/passed"
}

# asked COMMAND...: how many of them that takes, in $questions.
asked()
{
	local before

	before=$(passed) && "$@" && questions=$(($(passed) - before))
}

says_what()
{
	is "$files files, $(cat "$low"/d/[1-9]* | wc -c) bytes read" disgrafs warm -C "$mnt" wanted &&
		is "1 files, 0 bytes read" disgrafs warm -C "$mnt" type:l &&
		is "0 files, 0 bytes read" disgrafs warm -C "$mnt" nothing &&
		is "$files" eval 'disgrafs warm --json --tags -C "$mnt" wanted |
			python3 -c "import json, sys; print(json.load(sys.stdin)[\"files\"])"'
}

warmed()
{
	local cold

	again && asked read_all || return
	cold=$questions
	again && disgrafs warm -C "$mnt" wanted >/dev/null && asked read_all || return
	ktap_print_msg "reading $files files asked the daemon $cold times cold, $questions times warm"
	[ "$cold" -ge $files ] && [ "$questions" -le $((cold / 20)) ] && return
	sed 's/^/# /' "$dir/passed"
	return 1
}

# READLINKs, whoever answered them
readlinks()
{
	extfusectl stats "$mnt" --json | python3 -c 'import json, sys
print(sum(op["answered"] + op["passed"] for binding in json.load(sys.stdin)
          for op in binding["ops"] if op["name"] == "READLINK"))'
}

# Where a link leads does not change: with a validity the VFS keeps it.
asked_once()
{
	local i

	leave && serve --no-fanotify || return
	for i in 1 2 3 4; do
		is 1 readlink "$mnt/d/link" || return
	done
	is 1 readlinks && rm "$mnt/d/link" && ln -s 2 "$mnt/d/link" &&
		is 2 readlink "$mnt/d/link"
}

goes_on()
{
	local status

	leave && rm "$low/d/1" && serve $options || return
	disgrafs warm -C "$mnt" wanted >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status = 1 ] && is "$((files - 1)) files, $(cat "$low"/d/[1-9]* | wc -c) bytes read" \
		cat "$dir/out" && is "disgrafs: $mnt/d/1: No such file or directory" cat "$dir/err"
}

errors()
{
	disgrafs warm 2>/dev/null
	[ $? = 2 ] || return
	disgrafs warm -C "$mnt" '(' 2>/dev/null
	[ $? = 2 ] || return
	disgrafs warm -C /proc wanted 2>/dev/null
	[ $? = 1 ]
}

run_variant()
{
	tree && serve $options || return
	check "$variant: what matches is looked at, and counted" says_what
	if [[ $variant = policy ]]; then
		check "$variant: what was looked at does not reach the daemon" warmed
		check "where a link leads is asked for once" asked_once
	fi
	check "$variant: a file that is not there any more" goes_on
	check "$variant: errors" errors
	leave
	rm -rf "$low"
	mkdir "$low"
}

tests=0
for v in "${variants[@]}"; do
	case $v in
	policy*) tests=$((tests + 5)) ;;
	*) tests=$((tests + 3)) ;;
	esac
done
ktap_print_header
ktap_set_plan $tests
for v in "${variants[@]}"; do
	# behind the back of a daemon that does not look there
	read -r variant options <<<"$v --no-fanotify"
	run_variant || exit 1
done
ktap_finished
