#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""prepare.py SOURCE POLICIES MODULE: the sources of the broken builds.

MODULE becomes a tree of the module with a parameter "broken", of which each bit turns
one entry of "breakages" on; POLICIES/ID, and POLICIES/ID-good where an entry has its
own, trees of policies. Files that stay the same are not written. Prints the IDs.
"""

import os
import shutil
import sys

import breakages

SHARED = ("bpf/Makefile", "bpf/extfuse.bpf.h", "kmod/uapi/extfuse.h")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, content):
    if os.path.exists(path) and read(path) == content:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(content)


def copy(source, out):
    """Keeps the times, which make goes by."""
    os.makedirs(os.path.dirname(out), exist_ok=True)
    shutil.copy2(source, out)


def policies(source, out, entry):
    for name, edits in ((entry.id, entry.of_policy()),
                        (entry.id + "-good", [e for e in entry.of_policy() if e.good_too])):
        if not edits:
            continue
        for path in SHARED:
            copy(f"{source}/{path}", f"{out}/{name}/{path}")
        content = read(f"{source}/bpf/mdcache.bpf.c")
        for edit in edits:
            content = edit.apply(content)
        write(f"{out}/{name}/bpf/mdcache.bpf.c", content)


def module(source, out, entries):
    """Entries that share an edit share its condition."""
    masks = {}
    for entry in entries:
        for edit in entry.of_module():
            masks.setdefault((edit.path, edit.text), [edit, 0])[1] |= 1 << entry.index
    contents = {}
    for edit, mask in masks.values():
        content = contents.get(edit.path) or read(f"{source}/{edit.path}")
        contents[edit.path] = edit.apply(content, lambda old, new, mask=mask: (
            f"((extfuse_broken & {mask:#x}UL) ? ({new}) : ({old}))"))
    for path, content in contents.items():
        contents[path] = "extern unsigned long extfuse_broken;\n" + content
    contents["kmod/main.c"] = (contents.get("kmod/main.c") or read(f"{source}/kmod/main.c")) + (
        "\nunsigned long extfuse_broken;\n"
        "module_param_named(broken, extfuse_broken, ulong, 0644);\n")
    for at, _, names in os.walk(f"{source}/kmod"):
        for name in names:
            path = os.path.relpath(f"{at}/{name}", source)
            if path in contents:
                write(f"{out}/{path}", contents[path])
            else:
                copy(f"{source}/{path}", f"{out}/{path}")
    for path in ("Makefile", "Kbuild", "VERSION"):
        copy(f"{source}/{path}", f"{out}/{path}")


def main():
    source, out, tree = sys.argv[1:]
    entries = breakages.load()
    for entry in entries:
        policies(source, out, entry)
    module(source, tree, entries)
    print(*(f"{e.id}{good}" for e in entries for good in ("", "-good")
            if os.path.exists(f"{out}/{e.id}{good}/bpf/mdcache.bpf.c") and
            any(not good or edit.good_too for edit in e.of_policy())))


main()
