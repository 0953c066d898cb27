# SPDX-License-Identifier: GPL-2.0
# bash completion for disgrafs

# The tags of the tree that the directory $1 is in, for the word $2.
_disgrafs_tags()
{
	local tag

	COMPREPLY=()
	while IFS= read -r -d '' tag; do
		# "  COUNT TAG"
		tag=${tag#"${tag%%[! ]*}"}
		tag=${tag#* }
		[[ $tag != *$'\n'* ]] && COMPREPLY+=("$(printf %q "$tag")")
	done < <(disgrafs tags -0 -C "$1" -P "$2" 2>/dev/null)
}

_disgrafs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local dir=. word i files=0

	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'tag untag tags find warm link unlink links facts auto accept refuse related graph watch stats check reindex --help --version' -- "$cur")
		return
	fi
	case $prev in
	-C|--dir)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	esac
	if [[ $cur == -* ]]; then
		case $command in
		tag) word='--json --help' ;;
		untag) word='--all --json --help' ;;
		tags) word='--dir --prefix --null --json --help' ;;
		find) word='--dir --tags --null --json --help' ;;
		warm) word='--dir --tags --json --help' ;;
		link) word='--json --help' ;;
		unlink) word='--all --json --help' ;;
		accept|refuse) word='--all --json --help' ;;
		links|facts|auto) word='--null --json --help' ;;
		related) word='--count --null --json --help' ;;
		graph) word='--count --depth --json --help' ;;
		watch|stats) word='--json --help' ;;
		check) word='--repair --json --help' ;;
		reindex) word='--json --progress --help' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C|--dir) dir=${COMP_WORDS[++i]} ;;
		-*) ;;
		*) [ $((files++)) != 0 ] || word=${COMP_WORDS[i]} ;;
		esac
	done
	case $command in
	find|warm)
		_disgrafs_tags "$dir" "$cur"
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W \
			'and or not tag: name: path: type: size: mtime: link: linked: hash: text:
			title: author: artist: album: genre: camera: taken: pages: year: length: fact:
			keyword: auto:' -- "$cur")
		[[ ${COMPREPLY[*]} != *: ]] || compopt -o nospace ;;
	tag|untag)
		if [ "$files" != 0 ]; then
			if [ "$command" = tag ]; then
				_disgrafs_tags "$(dirname -- "$word")" "$cur"
			else
				mapfile -t COMPREPLY < <(compgen -W "$(disgrafs tags -- "$word" 2>/dev/null)" -- "$cur")
			fi
			return
		fi ;&
	accept|refuse)
		if [ "$files" != 0 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(disgrafs auto -- "$word" 2>/dev/null)" -- "$cur")
			return
		fi ;&
	link|unlink)
		if [ "$files" = 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(getfattr --absolute-names -m '^user\.disgrafs\.link\.' -- \
				"$word" 2>/dev/null | sed -n 's/^user\.disgrafs\.link\.//p')" -- "$cur")
			return
		fi ;&
	tags|links|facts|auto|related|graph|watch)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	reindex|stats|check)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	esac
}

complete -F _disgrafs disgrafs
