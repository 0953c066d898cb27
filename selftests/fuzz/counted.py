#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""counted.py STATS ASKED: whether the statistics of a binding (of extfusectl stats --json)
have as many bugs as the policy's answers were (printed by wild)."""

import json
import sys

FORGET = 2  # whose return value means nothing


def check(op, calls, good, bugs):
    answered, passed, counted = (op.get(k, 0) for k in ("answered", "passed", "bugs"))
    if not bugs <= counted <= calls - good:
        return f"{counted} bugs counted of {calls} answers, {bugs} of them bugs, {good} good"
    if answered > calls - bugs or answered + passed < calls:
        return f"{answered} answered and {passed} passed, of {calls} answers with {bugs} bugs"
    return None


def main():
    with open(sys.argv[1], encoding="ascii") as f:
        ops = {op["opcode"]: op for op in json.load(f)[0]["ops"]}
    wrong = bugs = calls = 0
    names = []
    with open(sys.argv[2], encoding="ascii") as f:
        for line in f:
            opcode, *numbers = map(int, line.split())
            op = ops.get(opcode, {})
            names.append(f"{op.get('name', opcode)} {op.get('bugs', 0)}/{numbers[0]}")
            calls += numbers[0]
            bugs += op.get("bugs", 0)
            what = check(op, *numbers) if opcode != FORGET else None
            if what:
                wrong += 1
                print(f"{op.get('name', opcode)}: {what}")
    print(f"{calls} answers, {bugs} refused: {', '.join(names)}")
    sys.exit(wrong > 0 or not bugs)


main()
