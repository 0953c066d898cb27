#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A lower file system that is far, bindfs: what is open can be read on, what others change
# is seen, what is written is recorded, and when it cannot be written that is told.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12

real=$dir/real

# The rest of what descriptor 7 has open, which was read up to byte $1, is that of $dir/big.
rest_is()
{
	cmp -i "$1:0" "$dir/big" - <&7
}

absent()
{
	[ ! -e "$1" ]
}

# By descriptors that nothing was read from, and by one that the page cache does not help.
read_on()
(
	head -c 1M /dev/urandom >"$dir/big" && cp "$dir/big" "$mnt/big" && exec 7<"$mnt/big" &&
		rm "$mnt/big" && absent "$mnt/big" && rest_is 0 || return
	cp "$dir/big" "$mnt/big" && exec 7<"$mnt/big" && echo new >"$mnt/new" &&
		mv "$mnt/new" "$mnt/big" && is new cat "$mnt/big" && rest_is 0 || return
	cp "$dir/big" "$mnt/big" && exec 7<"$mnt/big" && is 1 eval 'dd bs=1 count=1 <&7 2>/dev/null | wc -c' &&
		rm "$mnt/big" && rest_is 1 && exec 7<&-
)

# More files than are kept open below, by turns.
many_files()
{
	mkdir "$real/many" && python3 - "$real/many" "$mnt/many" <<-'END'
		import os, sys
		for i in range(70):
		    with open(f"{sys.argv[1]}/{i}", "wb") as f:
		        f.write(b"%6d\n" % i * 40000)
		fds = [os.open(f"{sys.argv[2]}/{i}", os.O_RDONLY) for i in range(70)]
		for at in range(0, 210000, 70000):
		    for i, fd in enumerate(fds):
		        if os.pread(fd, 70, at) != b"%6d\n" % i * 10:
		            sys.exit(f"{i} is not as it was written at {at}")
	END
}

# Attributes and data, which nobody tells of.
seen_in_time()
{
	echo old >"$real/behind" && soon old cat "$mnt/behind" || return
	sleep 1.1
	echo new >"$real/behind"
	soon new cat "$mnt/behind" && echo longer >"$real/behind" && soon longer cat "$mnt/behind"
}

recorded()
{
	echo written >"$mnt/note" && find_soon note text:written && echo other >"$mnt/note" &&
		find_soon note text:other && find_soon "" text:written
}

# A file is removed behind the mount, which knows it, and another one gets its number.
number_is_used_again()
{
	local ino i

	echo old >"$real/f" && ino=$(stat -c %i "$mnt/f") && is "$ino" stat -c %i "$real/f" &&
		rm "$real/f" || return
	for i in {1..200}; do
		echo new >"$real/g$i" && [ "$(stat -c %i "$real/g$i")" != "$ino" ] || break
	done
	is "$ino" stat -c %i "$real/g$i" && is new cat "$mnt/g$i" && within 10 absent "$mnt/f"
}

# What a server says of written data no sooner than at the end.
told_at_close()
{
	local low=$dir/failing status

	mkdir "$low" && touch "$dir/fails" || return
	python3 "$here/failing.py" "$low" "$dir/fails" &
	within 20 mountpoint -q "$low" && serve --no-module && echo "FLUSH ENOSPC" >"$dir/fails" &&
		is "dd: closing output file '$mnt/f': No space left on device" \
			dd if=/dev/zero of="$mnt/f" bs=1 count=1 conv=notrunc status=none && : >"$dir/fails" &&
		dd if=/dev/zero of="$mnt/f" bs=1 count=1 conv=notrunc status=none
	status=$?
	leave || status=1
	umount "$low"
	wait
	return $status
}

leave_far()
{
	cleanup
	umount -l "$low" 2>/dev/null
	rm -rf --one-file-system "$dir"
}

ktap_print_header
if ! command -v bindfs >/dev/null; then
	ktap_skip_all "needs bindfs"
	exit "$KSFT_SKIP"
fi
trap leave_far EXIT
ktap_set_plan 6
mkdir "$real" && bindfs -o attr_timeout=0,entry_timeout=0 "$real" "$low" &&
	extract="" serve --no-module --ttl 1 || ktap_exit_fail_msg "bindfs is not served"
check "what is written is looked into" recorded
leave && serve --no-module --ttl 1 || ktap_exit_fail_msg "bindfs is not served again"
check "what is open is read on when its name is gone" read_on
check "more files than stay open" many_files
check "what others change is seen when its validity ends" seen_in_time
check "an inode number is another file's" number_is_used_again
leave
check "errors that are told when a file is closed" told_at_close
ktap_finished
