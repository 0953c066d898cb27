# SPDX-License-Identifier: GPL-2.0
"""The entries of the file "breakages" beside this one."""

import dataclasses
import os
import re

HERE = os.path.dirname(os.path.realpath(__file__))
HAZARDS = range(1, 21)
CHOICE = re.compile(r"\{\{(.*?) => (.*?)\}\}", re.S)


@dataclasses.dataclass
class Edit:
    """Of a file: what it says around the choice, what there is and what instead."""

    path: str
    text: str
    good_too: bool = False

    def pattern(self):
        """Finds the text, however it is indented. Groups: around the choice, and it."""
        parts = CHOICE.split(self.text)  # around, there is, instead, around...
        del parts[2::3]
        return re.compile("".join(
            "(" + r"\s+".join(map(re.escape, re.split(r"\s+", part))) + ")" for part in parts))

    def apply(self, content, choose=lambda old, new: new):
        """The file's content, broken."""
        found = list(self.pattern().finditer(content))
        if len(found) != 1:
            raise SystemExit(f"{self.path} has {len(found)} times, not once:\n{self.text}")
        before, old, after = found[0].groups()
        new = CHOICE.search(self.text)[2]
        return (content[:found[0].start()] + before + choose(old, new) + after +
                content[found[0].end():])


@dataclasses.dataclass
class Breakage:
    """An entry. The index is the bit of the module's parameter."""

    number: int
    name: str
    index: int
    id: str = ""
    only: str = ""
    tests: list = dataclasses.field(default_factory=list)
    edits: list = dataclasses.field(default_factory=list)

    def of_policy(self):
        return [e for e in self.edits if e.path.startswith("bpf/")]

    def of_module(self):
        return [e for e in self.edits if e.path.startswith("kmod/")]

    def here(self):
        """Is there such a thing on this kernel?"""
        return os.uname().release.startswith(self.only)


def edits_of(path, good_too, lines):
    """Of lines without an empty one between."""
    edits, pending = [], []
    for line in lines:
        if "{{" in line and any("{{" in p for p in pending):
            edits.append("\n".join(pending))
            pending = []
        pending.append(line)
    edits.append("\n".join(pending))
    return [Edit(path, text, good_too) for text in edits]


def load():
    """All of them, in order."""
    entries, shared, edits, at = [], {}, None, None
    lines = []

    def flush():
        if lines:
            edits.extend(edits_of(*at, lines))
            lines.clear()

    with open(HERE + "/breakages", encoding="ascii") as f:
        for line in f.read().splitlines():
            if line.startswith("\t"):
                lines.append(line[1:])
                continue
            flush()
            word, _, rest = line.partition(" ")
            if word == "hazard":
                number, _, name = rest.partition(": ")
                entries.append(Breakage(int(number), name, len(entries)))
                edits = entries[-1].edits
            elif word == "edits":
                edits = shared[rest] = []
            elif word == "and":
                edits.extend(shared[rest])
            elif word == "only":
                entries[-1].only = rest
            elif word == "test":
                entries[-1].tests.append(tuple(rest.split(": ", 1)))
            elif word == "in":
                path, _, too = rest.partition(", ")
                at = (path, too == "good too")
            elif line and word != "#":
                raise SystemExit(f"breakages: {line}")
    flush()
    for number in HAZARDS:
        same = [e for e in entries if e.number == number]
        if not same or not all(e.tests and e.edits for e in same):
            raise SystemExit(f"breakages: hazard {number} has no test or no edit")
        for i, entry in enumerate(same):
            entry.id = f"{number}{chr(ord('a') + i) if len(same) > 1 else ''}"
    if len(entries) > 64:
        raise SystemExit("breakages: the module's parameter has 64 bits")
    return entries
