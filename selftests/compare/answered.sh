#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What mdcache saves daemons of other people's. Programs that go through a whole tree for
# the second time are answered in the kernel: of what they ask about names, attributes,
# extended attributes, link targets and access, no more than one request in a hundred
# reaches the daemon. And where the kernel asks for security.capability before each write,
# the daemon is asked once.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

: "${FILES:=60}" "${WRITES:=100}"
bar=99

# make_tree LOWER: what the programs go through
make_tree()
{
	python3 - "$1/tree" "$FILES" <<-'END' &&
		import os
		import sys
		for i in range(int(sys.argv[2])):
		    sub = f"{sys.argv[1]}/d{i % 8}/e{i % 3}"
		    os.makedirs(sub, exist_ok=True)
		    with open(f"{sub}/f{i}", "w", encoding="ascii") as f:
		        f.write(f"file {i}\n")
		    if i % 10 == 0:
		        os.symlink(f"f{i}", f"{sub}/s{i}")
		    if i % 6 == 0:
		        os.setxattr(f"{sub}/f{i}", "user.number", b"%d" % i)
	END
		git -C "$1/tree" init -q && git -C "$1/tree" add . &&
		git -C "$1/tree" -c user.name=a -c user.email=a@b commit -q -m one &&
		git -C "$1/tree" repack -adq
}

# enough BEFORE AFTER: of the requests between these two "stats --json", at least $bar in a
# hundred were answered in the kernel, and there were some. Prints them.
enough()
{
	python3 - "$1" "$2" "$bar" "$FILES" <<-'END'
		import json
		import sys
		ASKED = ("LOOKUP", "GETATTR", "GETXATTR", "LISTXATTR", "READLINK", "ACCESS")
		before, after = ({o["name"]: (o["answered"], o["passed"])
		                  for o in json.load(open(f, encoding="ascii"))[0]["ops"]}
		                 for f in sys.argv[1:3])
		none = (0, 0)
		got = {op: [a - b for a, b in zip(after.get(op, none), before.get(op, none))]
		       for op in ASKED}
		answered, passed = map(sum, zip(*got.values()))
		print(f"# {answered} answered, {passed} passed,",
		      f"{100 * answered / max(answered + passed, 1):.2f}%:",
		      ", ".join(f"{op} {a}/{a + p}" for op, (a, p) in got.items()))
		sys.exit(answered < int(sys.argv[4]) or
		         answered * 100 < (answered + passed) * int(sys.argv[3]))
	END
}

# counted AT: GETXATTR answered and passed, WRITE passed
counted()
{
	extfusectl stats "$1" --json | python3 -c '
import json, sys
ops = {o["name"]: o for o in json.load(sys.stdin)[0]["ops"]}
got = ops.get("GETXATTR", {"answered": 0, "passed": 0})
print(got["answered"], got["passed"], ops["WRITE"]["passed"])'
}

in_git()
{
	git -c safe.directory='*' -C "$1" status --porcelain
}

# pass PROGRAM: through the tree in $at
pass()
{
	case $1 in
	find) find "$at/tree" -ls ;;
	tar) tar -C "$at" --xattrs --acls -cf - tree | cat ;;
	git) in_git "$at/tree" ;;
	ls) ls -lR "$at/tree" ;;
	esac >/dev/null 2>&1
}

# second PROGRAM: both passes; of the second, how much was answered.
second()
{
	pass "$1" && extfusectl stats "$at" --json >"$dir/before" && pass "$1" &&
		extfusectl stats "$at" --json >"$dir/after" && enough "$dir/before" "$dir/after"
}

# tree_mount DAEMON: a mount with a tree whose answers are kept longer, by the policy
# alone: what the VFS keeps for a second answers a second pass that is fast enough.
tree_mount()
{
	local validity=0

	at=$dir/$1-tree
	serve "$1" "$1-tree" && make_tree "$dir/$1-tree.lower" && bind_at "$at" --ttl 3600
}

# writes AT: of one file, opened in several ways
writes()
{
	python3 - "$1/file" "$WRITES" <<-'END'
		import os
		import sys
		path, n = sys.argv[1], int(sys.argv[2])
		for flags in (os.O_CREAT, 0, os.O_APPEND, os.O_TRUNC):
		    fd = os.open(path, os.O_WRONLY | flags, 0o644)
		    other = os.open(path, os.O_RDWR)
		    for i in range(n // 4):
		        os.write(fd, b"x" * 100)
		        if i % 8 == 0:
		            os.pwrite(other, b"y", i)
		    os.close(fd)
		    os.close(other)
	END
}

# caps DAEMON [BIND OPTION...]: how often the kernel asked, and the daemon was.
caps()
{
	local daemon=$1 at=$dir/$1-caps answered passed written

	shift
	serve "$daemon" "$daemon-caps" "$@" || return
	writes "$at" && read -r answered passed written < <(counted "$at") || return
	ktap_print_msg "$daemon: $written writes, $answered GETXATTR answered, $passed passed"
	unmount_all
	# asked at all, or nothing is shown
	[ "$answered" -ge $((WRITES - 1)) ] && [ "$passed" -le 1 ]
}

begin 12
for daemon in sshfs bindfs; do
	tree_mount $daemon || ktap_print_msg "$daemon cannot be mounted"
	for program in "find -ls" tar "git status" "ls -lR"; do
		ktap_test_result "$daemon, $program again: $bar% answered in the kernel" \
			second "${program%% *}"
	done
	unmount_all
done
for daemon in bindfs passthrough_ll; do
	validity=3600
	ktap_test_result "$daemon, many writes: security.capability asked for once" \
		caps $daemon --
	validity=0
	ktap_test_result "$daemon, bound for an hour, many writes: security.capability asked for once" \
		caps $daemon --ttl 3600
done
ktap_finished
