# SPDX-License-Identifier: GPL-2.0
# bash completion for disgrafsd

_disgrafsd()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	case $prev in
	--ttl|--threads|--prefetch|--extract-timeout|-o)
		return ;;
	--policy)
		mapfile -t COMPREPLY < <(compgen -W "$(basename -a -s .bpf.o \
			/usr/lib/extfuse/*.bpf.o 2>/dev/null)" -- "$cur")
		return ;;
	--plugins)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--extractor)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--ttl --no-module --policy --threads
			--far --near --prefetch --share-graph --no-fanotify --no-extract --extractor --extract-timeout
			--plugins --no-auto --index --foreground
			--debug --help --version -o' -- "$cur")
		return
	fi
	compopt -o filenames
	mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

complete -F _disgrafsd disgrafsd
