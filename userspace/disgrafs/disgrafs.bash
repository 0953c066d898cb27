# SPDX-License-Identifier: GPL-2.0
# bash completion for disgrafs

# What the word $1 is without the shell's quotes, in REPLY, and in QUOTE the one that is open.
# Nothing is expanded but "~/".
_disgrafs_unquote()
{
	local in=$1 c ansi="^\\\$'([^'\\\\]|\\\\.)*'"

	REPLY='' QUOTE=''
	if [[ $in == '~/'* ]]; then
		REPLY=$HOME in=${in:1}
	fi
	while [ -n "$in" ]; do
		if [[ -z $QUOTE && $in =~ $ansi ]]; then
			in=${in:${#BASH_REMATCH[0]}}
			eval "REPLY+=${BASH_REMATCH[0]}"
			continue
		fi
		c=${in:0:1} in=${in:1}
		case $QUOTE$c in
		\'\'|'""') QUOTE='' ;;
		\'?) REPLY+=$c ;;
		'"\') [[ $in == [\\\"\$\`]* ]] || REPLY+=$c
			REPLY+=${in:0:1} in=${in:1} ;;
		'"'?) REPLY+=$c ;;
		\'|'"') QUOTE=$c ;;
		\\) REPLY+=${in:0:1} in=${in:1} ;;
		*) REPLY+=$c ;;
		esac
	done
}

# What the word $1 is in an expression, in EXPR: with quotes, if it needs them there.
_disgrafs_in_expression()
{
	EXPR=$1
	[[ ! $1 =~ [][:space:]\(\)\"\'\\:*?[] && ! ${1,,} =~ ^(and|or|not)$ ]] || EXPR='"'${1//[\\\"]/\\&}'"'
}

# Adds what of standard input, words with NUL behind them, begins as the word $1, with the
# quotes that it needs behind one that is open; with $2, those that it needs in an expression.
_disgrafs_words()
{
	local REPLY QUOTE EXPR word raw

	_disgrafs_unquote "$1"
	[[ $1 == "$QUOTE"* ]] || return
	while IFS= read -r -d '' word; do
		raw=$word
		if [ -n "${2-}" ]; then
			_disgrafs_in_expression "$word"
			word=$EXPR
		fi
		[[ ($word == "$REPLY"* || $raw == "$REPLY"*) && $word != *$'\n'* ]] || continue
		case $QUOTE in
		\') word=${word//\'/"'\\''"} ;;
		'"') word=$(sed 's/[\\"$`]/\\&/g' <<<"$word") ;;
		*) printf -v word %q "$word" ;;
		esac
		COMPREPLY+=("$word")
	done
}

# The tags of the tree that the directory $1 is in, for the word $2, with $3 of an expression.
_disgrafs_tags()
{
	local REPLY QUOTE tag

	_disgrafs_unquote "$2"
	[ -z "${3-}" ] || REPLY=${REPLY#\"} REPLY=${REPLY//\\/}
	_disgrafs_words "$2" "${3-}" < <(disgrafs tags -0 -C "$1" -P "$REPLY" 2>/dev/null |
		while IFS= read -r -d '' tag; do
			# "  COUNT TAG"
			tag=${tag#"${tag%%[! ]*}"}
			printf '%s\0' "${tag#* }"
		done)
}

# The relations that the file $1 has links of. What getfattr escapes, %b knows.
_disgrafs_relations()
{
	local name

	getfattr --absolute-names -m '^user\.disgrafs\.link\.' -- "$1" 2>/dev/null |
		while IFS= read -r name; do
			[[ $name != user.disgrafs.link.* ]] || printf '%b\0' "${name#user.disgrafs.link.}"
		done
}

_disgrafs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local dir=. word REPLY QUOTE i files=0

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'tag untag tags find warm link unlink links facts auto accept refuse related graph watch stats check reindex --help --version' -- "$cur")
		return
	fi
	case $prev in
	-C|--dir)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	-e|--edges)
		word=${cur%"${cur##*,}"}
		mapfile -t COMPREPLY < <(compgen -P "$word" -W 'tags links contents facts keywords
			stem directory derived all' -- "${cur##*,}")
		compopt -o nospace
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
		graph) word='--count --depth --edges --json --help' ;;
		watch|stats) word='--json --help' ;;
		check) word='--repair --json --help' ;;
		reindex) word='--json --progress --help' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C|--dir)
			_disgrafs_unquote "${COMP_WORDS[++i]}"
			dir=$REPLY ;;
		-*) ;;
		*)
			_disgrafs_unquote "${COMP_WORDS[i]}"
			[ $((files++)) != 0 ] || word=$REPLY ;;
		esac
	done
	case $command in
	find|warm)
		_disgrafs_tags "$dir" "$cur" expression
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
				_disgrafs_words "$cur" < <(disgrafs tags -0 -- "$word" 2>/dev/null)
			fi
			return
		fi ;&
	accept|refuse)
		if [ "$files" != 0 ]; then
			_disgrafs_words "$cur" < <(disgrafs auto -0 -- "$word" 2>/dev/null)
			return
		fi ;&
	link|unlink)
		if [ "$files" = 1 ]; then
			_disgrafs_words "$cur" < <(_disgrafs_relations "$word")
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
