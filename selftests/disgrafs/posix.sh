#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The mount behaves like the file system below it: each step runs in a directory
# of that file system and in the mount, and what it prints, and the trees that it
# leaves behind, must be the same.

. "$(dirname "$(readlink -f "$0")")/lib.sh"

as_nobody()
{
	setpriv --reuid=$nobody --regid=$nobody --clear-groups -- "$@"
}

# As a user in a group besides its own.
as_member()
{
	setpriv --reuid=$nobody --regid=$nobody --groups=100 -- "$@"
}

# --- steps; each starts in an empty directory ---

# Without what its start-up looks for elsewhere: under emulation that takes longer
# than the calls.
py()
{
	python3 -ISE "$here/posix_calls.py" "$@"
}

shell_basics()
{
	mkdir -p a/b && echo one >a/f && cat a/f && cp a/f a/b/g && mv a/b a/c && cat a/c/g
	echo two >>a/f; cat a/f; : >a/f; cat a/f; ls -A a; rm a/f; cat a/f; rmdir a; rm -r a; ls -A
	ln -s target l; readlink l; cat l; ln -s l l2; touch target; stat -c %F -L l2
	mkdir x; rmdir x/.; rmdir .; mkdir x; touch target/x; ls target/
}

# Where the file system below would create it as root, or refuse.
ownership()
{
	mkdir pub; chmod 1777 pub
	as_nobody touch pub/f; as_nobody mkdir pub/d; as_nobody ln -s x pub/l; as_nobody mkfifo pub/p
	stat -c '%n %u %g %a %F' pub/*
	as_nobody touch no; as_nobody mkdir no; as_nobody mknod pub/dev c 1 3
	touch pub/roots; as_nobody rm -f pub/roots; as_nobody mv pub/roots pub/r; as_nobody chmod 777 pub/roots
	as_nobody chown 1 pub/f; as_nobody touch -d @1 pub/roots; as_nobody sh -c 'echo >> pub/roots'
	mkdir priv; chmod 700 priv; touch priv/f; as_nobody cat priv/f; as_nobody ls priv
	mkdir team; chgrp 100 team; chmod 2775 team
	as_member touch team/f; as_member mkdir team/d; as_nobody touch team/g
	stat -c '%n %u %g %a' team/*
	as_member chmod g+s team/f; stat -c %a team/f
	as_member chgrp 100 team/f; as_member chgrp 50 team/f; stat -c '%g %a' team/f
	chmod 2777 team; as_nobody sh -c 'umask 0; mkdir team/x; touch team/y; chmod 2755 team/y'
	stat -c '%n %u %g %a' team/x team/y
}

set_ids()
{
	local how

	for how in 'echo x >> f' ': > f' 'truncate -s 1 f' 'fallocate -l 100 f' \
		   'dd if=/dev/zero of=f bs=512 count=1 oflag=direct conv=notrunc'; do
		for mode in 6777 2777 4777; do
			rm -f f; touch f; chmod $mode f
			as_nobody sh -c "$how" 2>&1 | grep -v -e records -e copied
			echo "$mode $how: $(stat -c %a f)"
		done
	done
	chmod 6777 f; echo root >>f; stat -c %a f
	chown $nobody f; stat -c %a f; chmod 6777 f; chgrp 1 f; stat -c %a f
	chmod 6777 f; as_nobody chgrp $nobody f; stat -c %a f
	cp /bin/true cap; chmod 777 cap; setcap cap_net_raw+ep cap; getcap cap
	as_nobody sh -c 'echo >> cap'; getcap cap
}

umasks()
{
	local mask

	for mask in 000 022 027 077 777; do
		(umask $mask; touch f$mask; mkdir d$mask; mkfifo p$mask)
	done
	stat -c '%n %a' -- *
	mkdir acl; setfacl -d -m u:$nobody:rwx,g::r-x,o::--- acl
	(umask 077; touch acl/f; mkdir acl/d; mkfifo acl/p)
	stat -c '%n %a' acl/*; getfacl -p acl acl/f acl/d
}

acls()
{
	echo secret >f; chmod 600 f; as_nobody cat f
	setfacl -m u:$nobody:r f; as_nobody cat f; as_nobody sh -c 'echo >> f'
	getfacl -p f; stat -c %a f; chmod 640 f; getfacl -p f; setfacl -b f; getfacl -p f
	as_nobody cat f; as_nobody setfacl -m u:$nobody:rw f
	mkdir d; chmod 700 d; touch d/f; setfacl -m g:100:rx d; as_member ls d; as_nobody ls d
	chown $nobody:100 f; chmod 2770 f; as_nobody setfacl -m u:1:r f; stat -c %a f
	chmod 2770 f; as_member setfacl -m u:2:r f; stat -c %a f
}

escapes()
{
	ln -s /etc/hostname abs; ln -s ../../../../../../../etc out; ln -s .. up
	# Followed by the caller, in the caller's tree, as everywhere.
	readlink abs out up
	[ "$(cat abs)" = "$(cat /etc/hostname)" ] && echo same
	ls up/ | grep -c .; ln -s loop loop; cat loop; touch abs/x
	ln -s /nonexistent/x dangling; echo x >dangling; ls -l dangling | cut -c1-10
}

# Set below the mount, which has no way to, before the mount knows the files.
chattr_flags()
{
	touch "$1/still" "$1/grows"; chattr +i "$1/still"; chattr +a "$1/grows"
	echo x >>still; rm still; mv still g; chmod 600 still; cat still
	echo x >>grows; : >grows; echo y 1<>grows; cat grows; rm grows
	chattr -i "$1/still"; chattr -a "$1/grows"
	rm still grows
}

exec_and_text_busy()
{
	cp /bin/sleep s; ./s 5 & sleep 0.3; echo x >>s; echo $?; kill $!; wait $! 2>/dev/null
	cp /bin/true t; ./t && echo ran; printf '#!/bin/sh\necho script\n' >sh; chmod +x sh; ./sh
	exec 8>>t; ./t; echo $?; exec 8>&-
}

tools()
{
	mkdir src; cp -a "$KSELFTEST/kselftest" "$KSELFTEST"/[a-f]* src/ 2>/dev/null; touch -h -d @1000000000 src
	tar -C src --xattrs --acls -cf - . | tar -x --xattrs --acls -f - --one-top-level=copy
	diff -r --no-dereference src copy && echo same; rsync -aHAX src/ rsynced/
	diff -r --no-dereference src rsynced && echo same
	find src -name '*.sh' -newermt 1990-01-01 | wc -l; du --apparent-size -s src copy | cut -f1 | uniq | wc -l
	git init -q repo 2>&1; cd repo && echo 1 >f && git add f && git -c user.name=x -c user.email=x commit -qm x &&
		git status --short && git fsck 2>&1 | tail -1; cd ..
	rm -rf repo src copy rsynced
}

space()
{
	df --output=size,target . | awk 'NR > 1 { print $1 }'; stat -f -c '%s %S %l' .
}

# --- comparing ---

# step FILE DIRECTORY LOWER COMMAND...: what COMMAND prints there, and its status.
step()
{
	local output=$1 at=$2 lower=$3

	shift 3
	cd "$at" || exit
	(umask 022; "$@" "$lower") >"$output" 2>&1
	echo "status $?" >>"$output"
	cd /
}

# both NAME STEP [ARG...]: what the file system itself does is the same for each
# variant, and kept.
both()
{
	local name=$1 native=$dir/seen/native.${1//[^a-zA-Z]/}

	chosen "$name" || return
	shift
	if [ ! -e "$native.tree" ]; then
		step "$native.out" "$dir/native" "$dir/native" "$@"
		py tree "$dir/native" "$native.tree"
		find "$dir/native" -mindepth 1 -delete
	fi
	step "$dir/seen/mounted.out" "$mnt" "$low" "$@"
	py tree "$mnt" "$dir/seen/mounted.tree" "$low" "$dir/seen/low.tree"
	if diff "$native.out" "$dir/seen/mounted.out" >"$dir/seen/diff" &&
	   diff "$native.tree" "$dir/seen/mounted.tree" >"$dir/seen/diff" &&
	   diff "$native.tree" "$dir/seen/low.tree" >"$dir/seen/diff"; then
		ktap_test_pass "$variant: $name"
	else
		head -n 20 "$dir/seen/diff" | cut -c 1-200 | sed 's/^/# /'
		ktap_test_fail "$variant: $name"
	fi
	find "$mnt" -mindepth 1 -delete
}

steps()
{
	both "making, moving and removing" shell_basics
	both "files belong to their maker, and permissions hold" ownership
	both "set-ID bits and file capabilities go with changes" set_ids
	both "umask and default ACLs" umasks
	both "ACLs" acls
	both "symbolic links are the caller's to follow" escapes
	both "immutable and append-only files" chattr_flags
	both "running programs, and ETXTBSY" exec_and_text_busy
	both "size of the file system" space
	both "hard links are one inode" py links
	both "rename flags" py rename_flags
	both "rename errors" py rename_errors
	both "unlinked open files and directories" py unlinked
	both "O_TMPFILE" py tmpfile
	both "holes, fallocate, SEEK_HOLE and SEEK_DATA" py holes
	both "copy_file_range" py copy_range
	both "POSIX and flock locks" py locks
	both "mappings" py mapped
	both "opens of every kind at once" py mixed_opens
	both "O_APPEND" py append
	both "times" py times
	both "sockets, pipes and devices" py sockets
	both "any byte in a name" py hostile_names
	both "paths longer than PATH_MAX" py deep
	both "large directories" py many_entries
	both "extended attributes" py xattrs
	both "cp, tar, rsync, git" tools
}

# As another user, of files of root's that the kernel knows to be absent.
open_what_is_there()
{
	as_nobody python3 -ISE - <<-'END'
		import errno, os, sys
		for name, flags, wanted in (("x", 0, "EACCES"), ("y", os.O_EXCL, "EEXIST")):
		    try:
		        os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o666)
		        sys.exit(f"{name} was opened")
		    except OSError as e:
		        if errno.errorcode[e.errno] != wanted:
		            sys.exit(f"{name}: {e}")
	END
}

# What somebody made behind the mount is nothing new of whoever opens it with O_CREAT.
made_meanwhile()
{
	local status

	# shellcheck disable=SC2086
	serve ${options/--ttl 0} --no-fanotify && mkdir -m 777 "$mnt/d" && cd "$mnt/d" || return
	as_nobody stat x y z 2>/dev/null
	(umask 077; echo secret | tee "$low/d/x" "$low/d/y" "$low/d/z" >/dev/null)
	open_what_is_there && is secret cat x && echo root >z && is root cat "$low/d/z"
	status=$?
	cd /
	leave && return $status
}

NR_STEPS=27
ktap_print_header
ktap_set_plan $(((NR_STEPS + 2) * ${#variants[@]}))
for v in "${variants[@]}"; do
	read -r variant options <<<"$v"
	rm -rf "$low"
	mkdir -p "$dir/native" "$dir/seen"
	# shellcheck disable=SC2086
	serve $options -o dev,suid || ktap_exit_fail_msg "$variant: disgrafsd does not serve"
	steps
	check "$variant: ends with its mount" leave
	check "$variant: a file that another made meanwhile is not opened without asking" made_meanwhile
done
ktap_finished
