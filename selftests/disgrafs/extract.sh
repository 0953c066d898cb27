#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is in files is found: text, types and hashes of those that are written,
# that were there before, and that changed behind the mount; whatever happens to
# the program that looks.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 6.12
extract=

hash_of()
{
	echo "hash:$(sha256sum <"$1" | cut -d' ' -f1)"
}

# --- tests; each goes on with the mount of the one before ---

written()
{
	local hash

	echo "The quick brown fox" >"$mnt/fox"
	printf '中华人民共和国\n' >"$mnt/china"
	head -c 10000 /dev/zero | tee "$mnt/zero" >"$mnt/same" && : >"$mnt/empty" || return
	find_soon fox text:quick && find_now fox 'text:"BROWN fox"' || return
	find_soon china text:人民 && find_now china text:国 && find_now "" text:民人 || return
	hash=$(hash_of "$mnt/zero")
	find_soon "same zero" "$hash" && find_now "same zero" "$hash not text:quick" || return
	is "$mnt/same" sh -c 'disgrafs related -n 1 "$1" | sed "s/^ *[0-9.]* //"' - "$mnt/zero" || return
	soon "type application/x-empty" sh -c 'disgrafs facts "$1" | grep ^type' - "$mnt/empty" || return
	find_now empty type:application/x-empty && find_now "china fox" type:text || return
	is "charset utf-8" sh -c 'disgrafs facts "$1" | grep charset' - "$mnt/china" || return
	is china ls "$mnt/.graph/find/text:人民"
}

changed()
{
	# With a policy, the open and the end of writing are answered in the kernel.
	cat "$mnt/fox" >/dev/null
	echo "jumps" >>"$mnt/fox" && find_soon fox text:jumps && find_now fox text:quick || return
	echo "lazy dog" >"$mnt/fox" && find_soon "" text:quick && find_soon fox text:lazy || return
	truncate -s 4 "$mnt/fox" && find_soon "" text:dog && find_now fox text:lazy || return
	mv "$mnt/fox" "$mnt/wolf" && find_now wolf text:lazy || return
	rm "$mnt/wolf" && find_now "" text:lazy
}

# No file looks read, or is in use, because it was looked at.
leaves_no_trace()
{
	echo trace >"$mnt/trace" && touch -a -d 2001-01-01 "$mnt/trace" || return
	find_soon trace text:trace || return
	is 978307200 stat -c %X "$low/trace" || return
	cp /bin/true "$mnt/program" && "$mnt/program"
}

found_later()
{
	leave && echo "behind our back" >"$low/late" && echo "other things" >"$low/china" || return
	disgrafs reindex "$low" >/dev/null && serve $options || return
	find_soon late text:back && find_soon china text:things && find_now "" text:人民
}

# An extractor that comes to grief by what is in a file called so.
bad_extractor()
{
	local name

	cat >"$dir/extractor" <<-'END'
		#!/usr/bin/python3
		import os, signal, socket, time
		s = socket.socket(fileno=0)
		while True:
		    name, fds, _, _ = socket.recv_fds(s, 256, 2)
		    name = name.decode()
		    if not name: break
		    out = os.fdopen(fds[1], "wb")
		    out.write(b"type test/test\n"); out.flush()
		    if name == "hangs": time.sleep(1000)
		    if name == "crashes": os.kill(os.getpid(), signal.SIGSEGV)
		    if name == "floods":
		        while True: out.write(b"text word\n" * 1000)
		    out.write(b"text good " + name.encode() + b"\n")
		    out.close(); os.close(fds[0])
	END
	chmod +x "$dir/extractor"
	rm -rf "$mnt"/*
	leave && serve $options --extractor "$dir/extractor" --extract-timeout 5 || return
	for name in a hangs b crashes c floods d; do
		echo x >"$mnt/$name"
	done
	find_soon "a b c d" text:good || return
	# What it said of them until then counts.
	soon "type test/test" disgrafs facts "$mnt/hangs"
}

no_extractor()
{
	leave && serve $options --extractor /nonexistent && echo text >"$mnt/none" || return
	soon 1 grep -c "/nonexistent: No such file or directory: files are not looked into" \
		"$dir/daemon.log" || return
	find_now "a b c d" text:good && find_now "" text:text
}

turned_off()
{
	leave && serve $options --no-extract && echo text >"$mnt/off" || return
	find_now "" text:good && is "" disgrafs facts "$mnt/a"
}

run_tests()
{
	check "$variant: what is in written files is found" written
	check "$variant: changes of files are found" changed
	check "$variant: looking leaves no trace" leaves_no_trace
	check "$variant: files that a rebuild found are looked at" found_later
	check "$variant: an extractor that hangs, crashes or floods costs its file" bad_extractor
	check "$variant: without an extractor the rest works" no_extractor
	check "$variant: --no-extract forgets what was found" turned_off
	leave
}

ktap_print_header
ktap_set_plan $((7 * ${#variants[@]}))
serve_each run_tests
ktap_finished
