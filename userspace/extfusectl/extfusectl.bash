# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion for extfusectl(8)

# Mount points of FUSE file systems, one a line. Blanks and the like are \ooo in
# mountinfo, which printf %b decodes.
_extfusectl_mounts()
{
	local line fields
	while read -r line; do
		# fuse.sshfs, but not fusectl
		[[ $line == *" - fuse"?(blk)[.\ ]* ]] || continue
		read -r -a fields <<<"$line"
		printf '%b\n' "${fields[4]//\\/\\0}"
	done 2>/dev/null </proc/self/mountinfo
}

# The first column of a list, without its header.
_extfusectl_policies()
{
	extfusectl policy list 2>/dev/null | sed -e 1d -e 's/ .*//'
}

# Connection ids: likewise, but they are aligned right.
_extfusectl_conns()
{
	extfusectl list 2>/dev/null | sed -e 1d -e 's/^ *//' -e 's/ .*//'
}

_extfusectl_shipped()
{
	local file dir=${EXTFUSE_POLICY_DIR:-/usr/lib/extfuse}
	for file in "$dir"/*.bpf.o; do
		[[ -e $file ]] || continue
		file=${file##*/}
		echo "${file%.bpf.o}"
	done
}

# Offers the lines of standard input that begin with the current word.
_extfusectl_offer()
{
	local line
	while IFS= read -r line; do
		[[ $line == "$cur"* ]] && COMPREPLY+=("$line")
	done
}

_extfusectl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} options='' before='' first=2 nr=0 i

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W \
			'policy bind unbind list stats latency top monitor version --help' -- "$cur")
		return
	fi
	if [[ $verb == policy ]]; then
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W 'load list unload --help' -- "$cur")
			return
		fi
		verb="policy ${COMP_WORDS[2]}"
		first=3
	fi
	case $verb in
	'policy load') options=--verbose ;;
	'policy list' | list | monitor | version) options=--json ;;
	stats) options='--conn --latency --json' ;;
	unbind | latency) options=--conn ;;
	top) options='--conn --interval --count --once --json -n' ;;
	bind) options='--ttl --replace --latency' ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$cur")
		return
	fi
	if [[ $prev == --conn ]]; then
		_extfusectl_offer < <(_extfusectl_conns)
		return
	fi
	[[ $prev != --ttl && $prev != --interval && $prev != --count && $prev != -n ]] || return

	# How many arguments are before this word.
	for ((i = first; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--ttl | --interval | --count | -n) ((i++)) ;;
		# in the place of MOUNTPOINT
		--conn) ((i++, nr++)) ;;
		-*) ;;
		*) ((nr++)) ;;
		esac
	done
	compopt -o filenames 2>/dev/null
	case $verb:$nr in
	'policy load:0')
		_extfusectl_offer < <(_extfusectl_shipped; compgen -f -X '!*.o' -- "$cur"
			compgen -d -- "$cur") ;;
	'policy unload:0')
		_extfusectl_offer < <(_extfusectl_policies) ;;
	bind:1)
		# after the last comma
		[[ $cur == *,* ]] && before=${cur%,*},
		_extfusectl_offer < <(_extfusectl_policies | sed "s/^/$before/") ;;
	bind:0 | unbind:0 | stats:0 | latency:0 | top:0)
		_extfusectl_offer < <(_extfusectl_mounts) ;;
	latency:1)
		_extfusectl_offer < <(printf '%s\n' on off) ;;
	esac
}

complete -F _extfusectl extfusectl
