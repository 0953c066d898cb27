# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts in this directory share: where things are, how to enter the
# root, locks. Sourced, not run.

vm_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
vm_src=$(cd "$vm_here/../.." && pwd -P)
vm_dir=$vm_src/build/vm
vm_root=$vm_dir/root
vm_log=$vm_dir/log

# Where mke2fs and others are, also for ordinary users.
PATH=$PATH:/usr/sbin:/sbin

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Progress goes to standard error: standard output belongs to the COMMAND.
say()
{
	echo "==> $*" >&2
}

packages()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$vm_here/packages-$1"
}

# Run a command as root of a mount and process namespace of its own. An ordinary
# user gets that from an unprivileged user namespace, in which root is the user
# and the other ids are the user's subordinate ids: files that belong to the
# user, such as the checkout, then belong to root inside.
# It ends when the calling script does. With vm_exec=exec it replaces the caller.
vm_ns()
{
	local user=()

	if [ "$(id -u)" != 0 ]; then
		vm_check_userns
		user=(--map-root-user --map-auto)
	fi
	${vm_exec-} setpriv --pdeathsig KILL \
		unshare ${user[@]+"${user[@]}"} --mount --pid --fork --kill-child \
		--propagation private -- "$@"
}

vm_check_userns()
{
	[ -z "${vm_userns_ok-}" ] || return 0
	if ! command -v newuidmap >/dev/null; then
		die "newuidmap is missing: apt-get install uidmap, or run as root"
	fi
	if ! grep -q "^$(id -un):\|^$(id -u):" /etc/subuid 2>/dev/null; then
		die "no subordinate ids for $(id -un): usermod --add-subuids 100000-165535" \
			"--add-subgids 100000-165535 $(id -un), or run as root"
	fi
	if ! unshare --map-root-user --map-auto --mount true 2>/dev/null; then
		die "unprivileged user namespaces are not allowed here; allow them" \
			"(sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000" \
			"kernel.apparmor_restrict_unprivileged_userns=0) or run as root"
	fi
	vm_userns_ok=1
}

# vm_enter [-b FROM:TO]... COMMAND [ARG...]: run a command in the root. FROM is
# bind-mounted on TO, which is made if need be. /proc (objtool wants it), /sys
# and /dev are there.
vm_enter()
{
	# shellcheck disable=SC2016
	vm_ns "$BASH" -c '
		set -eu
		root=$1 && shift
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
		mount --rbind /sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/tmp"
		while [ "$1" = -b ]; do
			mkdir -p "$root/${2#*:}"
			mount --bind "${2%%:*}" "$root/${2#*:}"
			shift 2
		done
		exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LANG=C.UTF-8 TERM="${TERM-dumb}" \
			chroot "$root" "$@"
	' vm_enter "$vm_root" "$@"
}

# The newest kernel of a series (6.12, 7.3) in the root, as `uname -r` says it.
vm_release()
{
	local release

	release=$(cd "$vm_root/boot" && printf '%s\n' "vmlinuz-$1."* |
		sed 's/^vmlinuz-//' | sort -V | tail -n 1)
	[ -f "$vm_root/boot/vmlinuz-$release" ] ||
		die "no kernel $1 in $vm_root"
	echo "$release"
}

# The debug kernel's image, see selftests/vm/debug-kernel.
vm_debug_image=$vm_dir/debug/linux/arch/x86/boot/bzImage

# For --kernel FILE: the directory FILE was built in, and its release.
vm_file_kdir()
{
	local dir

	dir=$(dirname "$(realpath "$1")")
	while [ ! -f "$dir/include/config/kernel.release" ]; do
		[ "$dir" != / ] || die "$1 is not in a kernel's build directory"
		dir=$(dirname "$dir")
	done
	echo "$dir"
}

vm_file_release()
{
	cat "$(vm_file_kdir "$1")/include/config/kernel.release"
}

# Hold the lock NAME on file descriptor FD until this process ends.
vm_lock()
{
	mkdir -p "$vm_dir"
	eval "exec $2>>\"\$vm_dir/$1.lock\""
	if ! flock --nonblock "$2"; then
		say "waiting for another process that holds build/vm/$1.lock"
		flock "$2"
	fi
}
