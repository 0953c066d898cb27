#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Plug-ins of extractors: the examples, and some that misbehave.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3
extract=
examples=/usr/share/doc/disgrafs/plugins

# plugin NAME: a plug-in from standard input. They run as nobody.
plugin()
{
	chmod 755 "$dir"
	mkdir -p "$dir/plugins"
	cat >"$dir/plugins/$1"
	chmod 755 "$dir/plugins" "$dir/plugins/$1"
}

# serve_plugins [OPTION...]: with these, and nothing in LOWER.
serve_plugins()
{
	[ -z "$daemon" ] || leave || return
	rm -rf "$low"
	serve $options --plugins "$dir/plugins" "$@"
}

# --- tests ---

shipped()
{
	rm -rf "$dir/plugins"
	plugin palette <"$examples/palette" && plugin shebang <"$examples/shebang" && serve_plugins || return
	printf 'P6 4 2 255\n' >"$mnt/sky.ppm"
	printf '\10\20\377%.0s' 1 2 3 4 5 6 7 >>"$mnt/sky.ppm" && printf '\377\377\377' >>"$mnt/sky.ppm" || return
	printf '#!/usr/bin/env python3\nprint(1)\n' >"$mnt/script" && echo plain words >"$mnt/words" || return
	find_soon sky.ppm fact:colour=blue && find_now sky.ppm 'auto:blue keyword:blue' || return
	find_soon script fact:interpreter=python3 && find_now script 'auto:script text:print' || return
	find_soon words text:plain && find_now script fact:interpreter
}

# One that hangs, one that crashes, one that floods, and one that is well.
misbehaving()
{
	rm -rf "$dir/plugins"
	plugin 1-crash <<-'END'
		#!/bin/sh
		echo ready
		read -r _
		kill -SEGV $$
	END
	plugin 2-hang <<-'END'
		#!/bin/sh
		echo ready
		while read -r _ bytes _ name; do
		    head -c "$bytes" >/dev/null
		    case $name in
		    hang*) echo before good; sleep 611 ;;
		    flood*) yes "text flood" ;;
		    esac
		    echo "hangs not"
		    echo done
		done
	END
	plugin 3-never <<-'END'
		#!/bin/sh
		exit 1
	END
	plugin 4-well <<-'END'
		#!/usr/bin/python3
		import sys
		print("ready", flush=True)
		for line in sys.stdin.buffer:
		    data = sys.stdin.buffer.read(int(line.split()[1]))
		    # What it must not say, and what no line is.
		    print("sha256 00\ntype video/y\ncharset z\n\nnonsense\nsize %d\ndone" % len(data), flush=True)
	END
	ln -s /nonexistent "$dir/plugins/5-gone"
	serve_plugins --extract-timeout 4 || return
	echo word >"$mnt/a" && echo word >"$mnt/hang" && echo word >"$mnt/flood" && echo word >"$mnt/z" || return
	find_soon "a flood hang z" fact:size=5 && find_now "a flood hang z" text:word || return
	find_now "a z" fact:hangs && find_now hang fact:before || return
	find_now "a flood hang z" "hash:$(echo word | sha256sum | cut -d' ' -f1)" && find_now "" type:video || return
	soon 1 grep -c "1-crash: ends by itself: not used any more" "$dir/daemon.log" || return
	soon 1 grep -c "3-never: ends by itself: not used any more" "$dir/daemon.log" || return
	# Nothing that they started is left.
	soon "" pgrep -f "sleep 611"
}

# More than all of an answer may be, in one line: the rest of it is left out.
long_line()
{
	rm -rf "$dir/plugins"
	plugin long <<-'END'
		#!/bin/sh
		echo ready
		while read -r _ bytes _; do
		    head -c "$bytes" >/dev/null
		    printf "text "; head -c 8000000 /dev/zero | tr '\0' a; echo
		    echo "after all"
		    echo done
		done
	END
	serve_plugins && echo word >"$mnt/f" && find_soon f fact:after=all
}

# Rights are given up, there is no network, and nothing is written.
sandboxed()
{
	rm -rf "$dir/plugins" /tmp/made-by-plugin
	echo kept >/tmp/of-nobody && chown 65534 /tmp/of-nobody && chmod 666 /tmp/of-nobody || return
	plugin tries <<-'END'
		#!/usr/bin/python3
		import ctypes, os, socket, sys
		print("ready", flush=True)
		own = "/tmp/of-nobody"
		def namespace():
		    pid = ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0)
		    if pid == 0: os._exit(0)
		    if pid < 0: raise OSError
		def can(what):
		    try: what(); return "yes"
		    except OSError: return "no"
		for line in sys.stdin.buffer:
		    sys.stdin.buffer.read(int(line.split()[1]))
		    print("uid %d" % os.getuid())
		    print("inet", can(lambda: socket.socket(socket.AF_INET)))
		    print("unix", can(lambda: socket.socket(socket.AF_UNIX)))
		    print("pair", can(socket.socketpair))
		    print("shadow", can(lambda: open("/etc/shadow")))
		    print("tmp", can(lambda: open("/tmp/made-by-plugin", "w").write("x")))
		    print("null", can(lambda: open("/dev/null", "w").write("x")))
		    print("truncate", can(lambda: os.truncate(own, 0)))
		    print("chmod", can(lambda: os.chmod(own, 0o777)))
		    print("utime", can(lambda: os.utime(own, (1, 1))))
		    print("xattr", can(lambda: os.setxattr(own, "user.xdg.tags", b"t")))
		    print("namespace", can(namespace))
		    print("fds %d" % len(os.listdir("/proc/self/fd")))
		    print("done", flush=True)
	END
	serve_plugins && echo x >"$mnt/x" && find_soon x fact:null=yes || return
	is "chmod no|fds 4|inet no|namespace no|null yes|pair yes|shadow no|tmp no|truncate no|uid 65534|unix no|utime no|xattr no" \
		sh -c 'disgrafs facts "$1" |
			grep -E "^(chmod|fds|inet|namespace|null|pair|shadow|tmp|truncate|uid|unix|utime|xattr)" |
			paste -sd"|"' - "$mnt/x" || return
	[ ! -s /tmp/made-by-plugin ] && is kept cat /tmp/of-nobody && rm -f /tmp/made-by-plugin /tmp/of-nobody
}

# Only what nobody else can change is run.
not_trusted()
{
	chmod 777 "$dir/plugins/tries" && serve_plugins && echo x >"$mnt/x" && find_soon x text:x || return
	is "" sh -c 'disgrafs facts "$1" | grep inet' - "$mnt/x" &&
		is 1 grep -c "tries: others may change it: not used" "$dir/daemon.log"
}

run_tests()
{
	check "$variant: the examples" shipped
	check "$variant: what hangs, crashes or floods costs no more" misbehaving
	check "$variant: a line that is too long" long_line
	check "$variant: what a plug-in may not" sandboxed
	check "$variant: plug-ins that others may change are not used" not_trusted
	leave
}

ktap_print_header
ktap_set_plan $((5 * ${#variants[@]}))
serve_each run_tests
ktap_finished
