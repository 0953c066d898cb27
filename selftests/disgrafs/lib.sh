# SPDX-License-Identifier: GPL-2.0
#
# What the tests of disgrafsd share. Sourced.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

nobody=65534
dir=$(mktemp -d -p "${SCRATCH:-$([ -d /mnt/scratch ] && echo /mnt/scratch || echo /var/tmp)}") || exit 1
low=$dir/low
mnt=$dir/mnt
daemon=
mkdir -p "$low" "$mnt"

# Ways to serve, one after the other: "NAME OPTIONS". $VARIANTS in the environment
# names those to test. Emulation is slow, so that by default it is the policy, which
# has a validity of 0 too, on one kernel, and on the other what needs no module.
given=${VARIANTS-}
declare -A options_of=([plain]="--no-module" [ttl0]="--no-module --ttl 0" [policy]="--ttl 0"
	[far]="--no-module --far" [farpolicy]="--far" [ring]="--ttl 0 -o io_uring")
case $(uname -r) in
6.12.*) : "${VARIANTS:=policy}" ;;
*) : "${VARIANTS:=plain}" ;;
esac
if ! modprobe extfuse 2>/dev/null && [ ! -d /sys/module/extfuse ]; then
	VARIANTS=${VARIANTS/policy/ttl0}
fi
variants=()
for name in $VARIANTS; do
	variants+=("$name ${options_of[$name]}")
done

# Where the index is: the URI of a PostgreSQL database, or else SQLite.
: "${DATABASE:=}"

# Looking into files takes time that most tests do not ask for.
extract=--no-extract

has_ring()
{
	find "/proc/$daemon/fd" -lname '*io_uring*' | grep -q .
}

# serve [OPTION...]: $low at $mnt, and wait until it is, and its index current.
serve()
{
	local i

	mkdir -p "$low" "$mnt"
	# A shell has what it starts in the background ignore SIGINT.
	env --default-signal=INT disgrafsd -f $extract ${DATABASE:+--index "$DATABASE"} "$@" "$low" "$mnt" \
		>"$dir/daemon.log" 2>&1 &
	daemon=$!
	for ((i = 0; i < 200 * ${SLOWER:-1}; i++)); do
		! mountpoint -q "$mnt" || stat "$mnt" >/dev/null 2>&1 && mountpoint -q "$mnt" &&
			! disgrafs tags -C "$mnt" 2>&1 >/dev/null | grep -q "out of date" &&
			{ [[ $* != *io_uring* ]] || has_ring; } && return
		kill -0 $daemon 2>/dev/null || break
		sleep 0.1
	done
	sed 's/^/# /' "$dir/daemon.log"
	return 1
}

# over PID
over()
{
	! kill -0 "$1" 2>/dev/null
}

# leave: unmount, and whether the daemon ended well.
leave()
{
	local status

	umount "$mnt" || umount -l "$mnt"
	wait $daemon
	status=$?
	daemon=
	[ $status = 0 ] && return
	ktap_print_msg "disgrafsd ended with $status"
	sed 's/^/# /' "$dir/daemon.log"
	return 1
}

# again [OPTION...]: by the next daemon.
again()
{
	# shellcheck disable=SC2086
	leave && serve $options "$@"
}

cleanup()
{
	[ -z "$daemon" ] || umount -l "$mnt" 2>/dev/null
	[ -z "$daemon" ] || wait $daemon
	rm -rf --one-file-system "$dir"
	# disgrafsd leaves what it loaded to the next.
	extfusectl policy unload mdcache 2>/dev/null
}
trap cleanup EXIT

test_failed()
{
	sed 's/^/# daemon: /' "$dir/daemon.log" 2>/dev/null
}

# chosen NAME: TEST=REGEX in the environment has all tests skipped but those with that in
# their name.
chosen()
{
	[ -z "${TEST-}" ] || [[ $1 =~ $TEST ]] || { ktap_test_skip "$variant: $1"; return 1; }
}

# serve_each COMMAND...: in each variant, with $variant and $options, of an empty $low.
serve_each()
{
	local v

	for v in "${variants[@]}"; do
		read -r variant options <<<"$v"
		rm -rf "$low"
		# shellcheck disable=SC2086
		serve $options || ktap_exit_fail_msg "$variant: disgrafsd does not serve"
		"$@"
	done
}

# emptied NAME COMMAND...: one test, in a tree where nothing is and all is recorded.
emptied()
{
	find "$mnt" -mindepth 1 -delete
	ls "$mnt/.graph/tags" >/dev/null
	check "$variant: $1" "${@:2}"
}

# is WANTED COMMAND...: prints just that.
is()
{
	local wanted=$1 output

	shift
	output=$("$@" 2>&1)
	[ "$output" = "$wanted" ] && return
	ktap_print_msg "$*: '$output', not '$wanted'"
	return 1
}

# soon WANTED COMMAND...: prints just that before long.
soon()
{
	local wanted=$1 output i

	shift
	for ((i = 0; i < 200 * ${SLOWER:-1}; i++)); do
		output=$("$@" 2>&1)
		[ "$output" != "$wanted" ] || return 0
		sleep 0.2
	done
	ktap_print_msg "$*: '$output', not '$wanted'"
	return 1
}

# find_soon "NAME..." EXPRESSION, and find_now: just these files match, in the order
# of the index.
find_names()
{
	disgrafs find -C "$mnt" "$1" 2>&1 | sed "s|^$mnt/||" | sort | paste -sd' '
}

find_soon()
{
	soon "$1" find_names "$2"
}

find_now()
{
	is "$1" find_names "$2"
}

# agrees [OPTION] TREE: nothing differs, or not any more. Links may lead nowhere.
agrees()
{
	local status

	disgrafs check "$@" >"$dir/check" 2>&1
	status=$?
	[ $status = 0 ] && return
	[ $status = 3 ] && grep -Eq "^[0-9]+ files, (0 differences|[0-9]+ differences \(repaired\)); .* missing\$" "$dir/check"
}
