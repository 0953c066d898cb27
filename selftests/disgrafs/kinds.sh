#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is in pictures, music and documents is found, and what texts are about, and files
# are found and related by it; damaged ones cost no more than what is in them.
# MUTATIONS: of each kind (5).

. "$(dirname "$(readlink -f "$0")")/lib.sh"
once 7.3
extract=
extractor=/usr/lib/disgrafs/disgrafs-extract

# facts_of FILE: on one line, without the hash.
facts_of()
{
	disgrafs facts "$mnt/$1" | grep -v ^sha256 | sed 's/^\(keyword\) [0-9.]*/\1/' | paste -sd'|'
}

names_related()
{
	disgrafs related -n "$2" "$mnt/$1" | sed "s|^ *[0-9.]* $mnt/||" | sort | paste -sd' '
}

# --- tests; each goes on with the mount of the one before ---

each_kind()
{
	local ooxml=application/vnd.openxmlformats-officedocument odf=application/vnd.oasis.opendocument

	python3 "$here/samples.py" "$mnt" || return
	# The last by name to be looked at, not the last to be written.
	find_soon talk.pptx 'title:talk' && find_soon talk.odp 'title:stars' &&
		find_soon song.wav 'title:waves' || return
	is "camera NIKON D750|gps 31.822500,-117.250000|height 4016|orientation 6|taken 2019-07-21 18:05:33|type image/jpeg|width 6016" \
		facts_of photo.jpg || return
	is "album Kind of Blue|artist Miles Davis|genre Jazz|length 4|title So What|type audio/mpeg|year 1959" \
		facts_of song.mp3 || return
	is "album Kind of Blue|artist Miles Davis|length 7|title Blue in Green|type audio/flac|year 1959" \
		facts_of song.flac || return
	is "artist The Sea|length 2|title Waves|type audio/x-wav" facts_of song.wav || return
	is "author Louise Boyd|charset us-ascii|pages 2|title On Ice|type application/pdf|keyword glacier" \
		facts_of paper.pdf || return
	is "author Robert Stevenson|pages 3|title Lighthouses|type $ooxml.wordprocessingml.document" \
		facts_of letter.docx || return
	is "author Luca Pacioli|pages 3|title Accounts|type $ooxml.spreadsheetml.sheet" \
		facts_of sheet.xlsx || return
	is "author Ada Lovelace|pages 3|title Talk|type $ooxml.presentationml.presentation" \
		facts_of talk.pptx || return
	is "author Jane Austen|pages 12|title Voyage|type $odf.text" facts_of letter.odt || return
	is "author Blaise Pascal|pages 12|title Sums|type $odf.spreadsheet" facts_of sheet.ods || return
	# libmagic takes this for any archive.
	is "author Caroline Herschel|pages 12|title Stars|type $odf.presentation" facts_of talk.odp
}

found_by_facts()
{
	find_now paper.pdf 'author:"louise boyd"' && find_now "letter.docx letter.odt" 'author:*st*n*' &&
		find_now "song.flac song.mp3" 'album:"Kind of Blue" artist:"MILES DAVIS"' &&
		find_now song.mp3 'genre:jazz year:1959' && find_now "song.flac song.mp3" 'year:<1960' &&
		find_now "letter.odt sheet.ods talk.odp" 'pages:>3' && find_now paper.pdf 'pages:<=2' &&
		find_now photo.jpg 'camera:*nikon*' && find_now photo.jpg 'taken:2019-07' &&
		find_now "" 'taken:>2020-01-01' && find_now photo.jpg 'taken:<2020-01-01 fact:gps' &&
		find_now photo.jpg 'fact:width>6000' && find_now "" 'fact:width>7000' &&
		find_now photo.jpg 'fact:orientation=6' && find_now song.wav 'artist:"the sea" or artist:nobody' ||
		return
	find_now "song.flac song.wav" 'fact:artist not genre:jazz' || return
	# What documents contain.
	find_now letter.docx text:灯塔 && find_now letter.docx text:lighthouse && find_now paper.pdf text:carves &&
		find_now sheet.xlsx text:turnover && find_now talk.pptx 'text:looms text:engines' &&
		find_now letter.odt 'text:"sailing ships end"' && find_now talk.odp text:comets || return
	is song.mp3 ls "$mnt/.graph/find/genre:jazz"
}

related_by_facts()
{
	mkdir "$mnt/other" && cp "$low/song.flac" "$mnt/other/x.bin" && mv "$mnt/song.mp3" "$mnt/other/y.bin" || return
	find_soon "other/x.bin other/y.bin song.flac" 'album:"Kind of Blue"' || return
	is "other/x.bin other/y.bin" names_related song.flac 2 || return
	is "true" sh -c 'disgrafs related --json -n 1 "$1" | python3 -c "import json, sys
print(str(json.load(sys.stdin)[0][\"facts\"]).lower())"' - "$mnt/other/y.bin"
}

text_of_words()
{
	local i

	for i in 1 2 3; do
		echo "A reservoir was built in the valley. Reservoirs need a dam. The $1 was tall."
		echo "人工智能改变了世界，我们研究人工智能。学习人工智能要时间；$2有$2的价值。大家谈论$2。"
	done
}

keywords()
{
	local weight

	mkdir "$mnt/k" && text_of_words turbine 机器 >"$mnt/k/one" && text_of_words turbines 河流 >"$mnt/k/two" ||
		return
	printf '%s\n' "plain words without repeats" >"$mnt/k/none" || return
	find_soon "k/one k/two" keyword:reservoir || return
	# By stems, in any case, and in Chinese.
	find_now "k/one k/two" 'keyword:Reservoirs keyword:turbine' && find_now "k/one k/two" keyword:人工智能 &&
		find_now k/one keyword:机器 && find_now k/two keyword:河流 || return
	# Parts of words, what is beside them, and what says nothing.
	find_now "" 'keyword:工智 or keyword:智能 or keyword:智能改 or keyword:的价 or keyword:the or keyword:was' ||
		return
	is "" sh -c 'disgrafs facts "$1" | grep ^keyword' - "$mnt/k/none" || return
	# What fewer files have counts more, of what is said as often.
	weight=$(disgrafs facts --json "$mnt/k/one" | python3 -c '
import json, sys
w = {f["value"]: f["weight"] for f in json.load(sys.stdin)[0]["facts"] if f["key"] == "keyword"}
print(w["机器"] > w["人工智能"] > 0)') || return
	[ "$weight" = True ] || { ktap_print_msg "weights: $weight"; return 1; }
	is k/two sh -c 'disgrafs related -n 1 "$1" | sed "s|.* $2/||"' - "$mnt/k/one" "$mnt"
}

damaged()
{
	python3 "$here/hostile.py" "$extractor" "${MUTATIONS:-5}" ${SEED-} | sed 's/^/# /'
	return "${PIPESTATUS[0]}"
}

# What the daemon is told to look at, it finds its way through.
damaged_in_mount()
{
	local f

	mkdir "$mnt/bad" || return
	for f in paper.pdf photo.jpg letter.docx song.wav; do
		head -c 150 "$low/$f" >"$mnt/bad/$f"
	done
	echo last words >"$mnt/bad/zz" && find_soon bad/zz 'text:"last words"'
}

run_tests()
{
	check "$variant: facts of each kind of file" each_kind
	check "$variant: files are found by facts" found_by_facts
	check "$variant: files with the same facts are related" related_by_facts
	check "$variant: keywords of English and Chinese texts" keywords
	check "$variant: damaged files cost nothing else" damaged
	check "$variant: damaged files in the tree" damaged_in_mount
	leave
}

ktap_print_header
ktap_set_plan $((6 * ${#variants[@]}))
serve_each run_tests
ktap_finished
