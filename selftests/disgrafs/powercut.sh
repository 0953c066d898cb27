#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# powercut.sh ROUND SEED ACKNOWLEDGED: in a guest whose /mnt/scratch is what the last power
# cut has left: no tag in the file ACKNOWLEDGED is lost, and the index becomes what the
# file system holds. Then tags, renames and writes until the next cut, printing "cut" when
# it may come, and each tag that is synced. Round 0 does not go on. Run by
# selftests/powercut.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

ops=$here/nodes_ops.py
extract=
low=/mnt/scratch/cut
mkdir -p "$low/tagged"
read -r variant options <<<"${variants[0]}"

# mended ACKNOWLEDGED: as kill.sh does, twice, because a rebuild may be at work.
mended()
{
	agrees --repair "$mnt" && agrees "$mnt" || { cat "$dir/check"; return 1; }
	python3 "$ops" compare "$low" "$mnt" && python3 "$ops" tagged "$1" "$low" "$mnt"
}

# shellcheck disable=SC2086
serve $options || exit 1
mended "$3" || exit 1
[ "$1" != 0 ] || { leave; exit; }
python3 "$ops" load 3600 "$2.$1" "$mnt" &
echo cut
python3 "$ops" tag-synced "$1"000000 "$mnt"
exit 1
