#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Many processes at once, and daemons that end in every way.

: "${VARIANTS:=policy}"
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# fio writes, reads back and compares.
fio_verify()
{
	fio --name=verify --directory="$mnt" --size=2m --rw=randrw --bs=4k --numjobs=4 --verify=crc32c \
		--verify_fatal=1 --do_verify=1 --fallocate=none --ioengine="$1" --direct="$2" --group_reporting \
		--output="$dir/fio.log" >/dev/null 2>&1 || { tail -n 5 "$dir/fio.log" | sed 's/^/# /'; return 1; }
}

# Four copies of a tree at once, all the same in the end; two are removed meanwhile.
parallel_tar()
{
	local i pids=()

	mkdir -p "$mnt/src" && cp -a "$KSELFTEST/kselftest" /etc/ssl "$mnt/src/" 2>/dev/null
	for i in 1 2 3 4 5 6; do
		mkdir "$mnt/copy$i"
		(tar -C "$mnt/src" -cf - . | tar -C "$mnt/copy$i" -xf - && { [ $i -lt 5 ] || rm -r "$mnt/copy$i"; }) &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in 1 2 3 4; do
		diff -r --no-dereference "$mnt/src" "$mnt/copy$i" >/dev/null || return
		diff -r --no-dereference "$low/src" "$low/copy$i" >/dev/null || return
	done
	is "copy1 copy2 copy3 copy4 src " sh -c 'ls "$0" | tr "\n" " "' "$mnt"
}

# Names that come and go in several processes: nothing but the errors that races give.
churn()
{
	local i pids=() status=0

	for i in 1 2 3 4; do
		python3 - "$mnt" "$i" <<-'END' &
			import errno, os, random, sys
			os.chdir(sys.argv[1])
			rnd = random.Random(int(sys.argv[2]))
			may = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.EINVAL}
			names = [f"{d}{n}" for d in ("", "x/", "y/") for n in "abcdef"]
			os.makedirs("x", exist_ok=True); os.makedirs("y", exist_ok=True)
			def rw(n):
			    fd = os.open(n, os.O_RDWR | os.O_CREAT, 0o644)
			    os.write(fd, b"data"); os.fstat(fd); os.pread(fd, 9, 0); os.close(fd)
			def rd(n):
			    with open(n, "rb") as f: f.read()
			ops = [rw, rw, rd, os.unlink, os.stat, os.listdir, os.mkdir, os.rmdir, os.readlink,
			       lambda n: os.rename(n, rnd.choice(names)), lambda n: os.link(n, rnd.choice(names)),
			       lambda n: os.symlink("a", n), lambda n: os.truncate(n, 3), lambda n: os.listdir("."),
			       lambda n: os.setxattr(n, "user.xdg.tags", b"t", follow_symlinks=False),
			       lambda n: os.chmod(n, 0o600)]
			for _ in range(1500):
			    try:
			        rnd.choice(ops)(rnd.choice(names))
			    except OSError as e:
			        if e.errno not in may and e.errno not in (errno.EPERM, errno.ELOOP, errno.EMLINK):
			            sys.exit(f"{errno.errorcode[e.errno]}")
		END
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || status=1
	done
	[ $status = 0 ] || return
	is "$(cd "$low" && find . -path ./.disgrafs -prune -o -printf '%P %y %n\n' | sort)" \
		sh -c 'cd "$0" && find . -printf "%P %y %n\n" | sort' "$mnt" || return
	disgrafs find -0 -C "$mnt" t | xargs -0r ls -d >/dev/null
}

# Lookups and forgets of the same inodes at the same time.
forgets()
{
	local i pids=()

	mkdir -p "$mnt/f"; (cd "$mnt/f" && seq 500 | xargs touch)
	for i in 1 2 3; do
		(for _ in {1..5}; do
			ls -l "$mnt/f" >/dev/null; find "$mnt/f" -type f -exec cat {} + || exit 1
		done) &
		pids+=($!)
	done
	for i in {1..10}; do
		echo 2 >/proc/sys/vm/drop_caches
	done
	for i in "${pids[@]}"; do
		wait "$i" || return
	done
	# What the daemon holds goes when the kernel forgets.
	echo 2 >/proc/sys/vm/drop_caches
	for _ in {1..50}; do
		[ "$(ls /proc/$daemon/fd | wc -l)" -lt 100 ] && return
		sleep 0.1
	done
	ktap_print_msg "$(ls /proc/$daemon/fd | wc -l) descriptors left"
	return 1
}

# Out of descriptors: an error, and all is well when they are back.
few_descriptors()
{
	leave || return
	(ulimit -n 600; exec setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource sh -c \
		'exec "$@"' sh disgrafsd $options -f "$low" "$mnt" >"$dir/daemon.log" 2>&1) &
	daemon=$!
	for _ in {1..100}; do
		mountpoint -q "$mnt" && break
		sleep 0.1
	done
	rm -rf "$low/many"; mkdir "$low/many"; (cd "$low/many" && seq 2000 | xargs touch)
	exec 9<"$mnt/many"
	python3 - "$mnt/many" <<-'END' || return
		import errno, os, sys
		held, errors = [], set()
		for n in os.listdir(sys.argv[1]):
		    try:
		        held.append(os.open(f"{sys.argv[1]}/{n}", os.O_PATH))
		    except OSError as e:
		        errors.add(errno.errorcode[e.errno])
		sys.exit(0 if errors == {"ENFILE"} and len(held) > 100 else f"{errors} {len(held)}")
	END
	exec 9<&-
	echo 2 >/proc/sys/vm/drop_caches
	sleep 0.5
	touch "$mnt/many/after" && [ -e "$low/many/after" ] && kill -0 $daemon
}

ends_on_signal()
{
	# shellcheck disable=SC2086
	serve $options || return
	touch "$mnt/x"
	kill -"$1" $daemon
	wait $daemon || return
	daemon=
	! mountpoint -q "$mnt"
}

killed()
{
	local i

	for i in {1..3}; do
		# shellcheck disable=SC2086
		serve $options || return
		(cd "$mnt" && while echo "$i" >"f$i" && mv "f$i" "g$i" && disgrafs tag "g$i" k; do :; done) 2>/dev/null &
		sleep 0.5
		kill -9 $daemon
		wait $daemon 2>/dev/null
		wait $!
		daemon=
		umount "$mnt" || umount -l "$mnt" || return
	done
	# shellcheck disable=SC2086
	serve $options || return
	for i in {1..3}; do
		[ -e "$mnt/f$i" ] || [ -e "$mnt/g$i" ] || return
	done
	leave
}

daemonises()
{
	local pid

	# shellcheck disable=SC2086
	disgrafsd $options "$low" "$mnt" >"$dir/out" 2>&1 </dev/null || return
	mountpoint -q "$mnt" && touch "$mnt/there" || return
	pid=$(pgrep -f "disgrafsd.*$mnt\$") || return
	umount "$mnt" || return
	for _ in {1..50}; do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# refuses WHAT ARGUMENT...: with that sentence, status 1, and nothing mounted.
refuses()
{
	local wanted=$1 status

	shift
	disgrafsd "$@" >"$dir/out" 2>&1
	status=$?
	[ $status = 1 ] && is "disgrafsd: $wanted" cat "$dir/out"
}

start_errors()
{
	mkdir -p "$low/in" "$dir/m"
	touch "$dir/file"
	refuses "$dir/no: No such file or directory" "$dir/no" "$mnt" &&
	refuses "$dir/file: not a directory" "$dir/file" "$mnt" &&
	refuses "$dir/no: No such file or directory" "$low" "$dir/no" &&
	refuses "$dir/file: not a directory" "$low" "$dir/file" &&
	refuses "$low/in: inside the mount point $low" "$low/in" "$low" &&
	refuses "$low/in: inside the lower directory $low" "$low" "$low/in" || return
	for args in "" "$low" "$low $mnt x" "--ttl x $low $mnt" "--ttl -1 $low $mnt" "--threads 0 $low $mnt" "--nonsense $low $mnt"; do
		# shellcheck disable=SC2086
		disgrafsd $args 2>/dev/null
		[ $? = 2 ] || { ktap_print_msg "$args"; return 1; }
	done
	disgrafsd --help >/dev/null && disgrafsd --version >/dev/null
}

unprivileged()
{
	local as="setpriv --reuid=$nobody --regid=$nobody --clear-groups --" pid status

	mkdir -p "$dir/u/low" "$dir/u/mnt"
	chmod 755 "$dir"
	chown -R $nobody:$nobody "$dir/u"
	chmod 666 /dev/fuse
	$as disgrafsd -f "$dir/u/low" "$dir/u/mnt" >"$dir/out" 2>&1 &
	pid=$!
	# root may not even look at it
	for _ in {1..100}; do
		grep -q " $dir/u/mnt " /proc/mounts && break
		sleep 0.1
	done
	$as sh -c 'cd "$0" && echo x >f && cat f && mkdir d && ln f d/g && mv f e && disgrafs tag e t &&
		disgrafs find t && cat .graph/tags/t/* && ls .graph/tags && rm -r d && chmod 600 e &&
		python3 -c "import os; os.open(\".\", os.O_TMPFILE|os.O_RDWR)"' "$dir/u/mnt" >"$dir/out2" 2>&1
	status=$?
	$as fusermount3 -u "$dir/u/mnt" || umount -l "$dir/u/mnt"
	wait $pid
	[ $status = 0 ] && [ "$(stat -c %u "$dir/u/low/e")" = $nobody ] && return
	sed 's/^/# /' "$dir/out" "$dir/out2"
	return 1
}

NR_TESTS=11
run_tests()
{
	check "$variant: fio, buffered" fio_verify psync 0
	check "$variant: fio, direct" fio_verify psync 1
	check "$variant: fio, mapped" fio_verify mmap 0
	find "$mnt" -mindepth 1 -delete
	check "$variant: tar, many at once" parallel_tar
	find "$mnt" -mindepth 1 -delete
	check "$variant: names that come and go" churn
	find "$mnt" -mindepth 1 -delete
	check "$variant: lookups and forgets" forgets
	check "$variant: out of descriptors" few_descriptors
	check "$variant: ends with its mount" leave
	check "$variant: SIGTERM" ends_on_signal TERM
	check "$variant: SIGINT" ends_on_signal INT
	check "$variant: SIGKILL loses nothing" killed
}

ktap_print_header
ktap_set_plan $((NR_TESTS * ${#variants[@]} + 3))
check "what cannot be served is said" start_errors
check "becomes a daemon once it serves" daemonises
check "serves without root" unprivileged
serve_each run_tests
ktap_finished
