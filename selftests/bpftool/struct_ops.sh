#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bpftool struct_ops register, list, show, dump and unregister, for a type that is
# a module's; and Debian's own bpftool with it.

. "$(dirname "$(readlink -f "$0")")/../shell.sh"

pins=/sys/fs/bpf/bpftool-test
stock=/usr/sbin/bpftool
output=

# run COMMAND...: keep what it prints. A shell of its own reports crashes there too.
run()
{
	output=$(bash -c '"$@"' sh "$@" 2>&1)
	status=$?
}

# prints PATTERN COMMAND...: succeeds and prints what matches the pattern.
prints()
{
	local pattern=$1

	shift
	run "$@"
	# shellcheck disable=SC2053
	[ $status = 0 ] && [[ $output == $pattern ]] && return
	ktap_print_msg "$* ended with $status: $output"
	return 1
}

register_plain()
{
	prints 'Registered extfuse_ops plain id *' bpftool struct_ops register "$here/plain.bpf.o" &&
		prints '*bpftool-plain*' extfusectl policy list
}

show()
{
	prints '*: plain * extfuse_ops*' bpftool struct_ops show name plain &&
		prints '[[]*"name":"plain","kernel_struct_ops":"extfuse_ops"*' \
			bpftool --json struct_ops show name plain
}

list()
{
	prints '*: plain *: linked *' bpftool struct_ops list
}

dump()
{
	prints '*"bpf_struct_ops_extfuse_ops":*"statfs": "*pass/prog_id:*' \
		bpftool struct_ops dump name plain &&
		prints '*"bpf_struct_ops_extfuse_ops":*' \
			bpftool --json struct_ops dump name linked
}

map_dump()
{
	prints '*"statfs": *' bpftool map dump name linked
}

register_linked()
{
	prints 'Registered extfuse_ops linked map id * link id *' \
		bpftool struct_ops register "$here/link.bpf.o" "$pins" &&
		[ -e $pins/linked ] && prints '*bpftool-linked*' extfusectl policy list
}

# The crash that the patch mends. It comes after the work is done: this is how a
# script sees it. When it no longer comes, the patch has served its time.
stock_crashes()
{
	run $stock struct_ops "$@"
	[ $status = 139 ] && return
	ktap_print_msg "$stock struct_ops $* ended with $status and did not crash: $output"
	ktap_print_msg "if Debian's bpftool is mended, drop patches/bpftool and this test"
	return 1
}

stock_registers()
{
	stock_crashes register "$here/link.bpf.o" "$pins" &&
		prints '*bpftool-linked*' extfusectl policy list
}

unregister()
{
	prints 'Unregistered extfuse_ops plain id *' bpftool struct_ops unregister name plain &&
		run extfusectl policy list && [[ $output != *bpftool-plain* ]]
}

# The kernel has no such thing for links: removing the pin is the way.
unregister_linked()
{
	run bpftool struct_ops unregister name linked
	[ $status = 255 ] && [[ $output == "Error: can't unload extfuse_ops linked"* ]] || {
		ktap_print_msg "ended with $status: $output"
		return 1
	}
	rm $pins/linked || return
	for _ in $(seq 50); do
		run extfusectl policy list
		[[ $output == *bpftool-linked* ]] || return 0
		sleep 0.1
	done
	ktap_print_msg "still there: $output"
	return 1
}

list_nothing()
{
	rm -f $pins/linked
	prints "" bpftool struct_ops list
}

cleanup()
{
	rm -rf $pins
	bpftool struct_ops unregister name plain >/dev/null 2>&1
}

if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
modprobe extfuse || ktap_exit_fail_msg "modprobe extfuse failed"
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
trap cleanup EXIT

ktap_set_plan 11
ktap_test_result "register registers a struct_ops of a module" register_plain
ktap_test_result "register pins the link of a struct_ops of a module" register_linked
ktap_test_result "show names the type of a module" show
ktap_test_result "list names the types of modules" list
ktap_test_result "dump decodes a struct_ops of a module" dump
ktap_test_result "map dump decodes a struct_ops of a module" map_dump
ktap_test_result "unregister unregisters a struct_ops of a module" unregister
ktap_test_result "Debian's bpftool crashes on list (expected)" stock_crashes list
ktap_test_result "unregister reports an error for links, whose pin is to be removed" unregister_linked
ktap_test_result "Debian's bpftool crashes on register, having registered (expected)" stock_registers
ktap_test_result "list prints nothing when there is none" list_nothing
ktap_finished
