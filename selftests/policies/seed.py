#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""seed.py SEED: what a loaded mdcache, not bound yet, is to mix into its hashes."""

import json
import mmap
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../opcodes"))
import bpfmap  # noqa: E402


def bpftool(*args):
    return json.loads(subprocess.run(("bpftool", "--json") + args, check=True,
                                     stdout=subprocess.PIPE).stdout)


def main():
    """Among the policy's global variables, which are a map that can be mapped."""
    bss = [m for m in bpftool("map", "show") if m.get("name") in ("mdcache_.bss", "mdcache.bss")]
    if len(bss) != 1:
        sys.exit(f"seed.py: {len(bss)} loaded policies are called mdcache")
    types = bpftool("btf", "dump", "id", str(bss[0]["btf_id"]))["types"]
    section = next(t for t in types if t["kind"] == "DATASEC" and t["name"] == ".bss")
    seed = next(t["id"] for t in types if t["kind"] == "VAR" and t["name"] == "seed")
    offset = next(v["offset"] for v in section["vars"] if v["type_id"] == seed)
    fd = bpfmap.by_id(bss[0]["id"])
    with mmap.mmap(fd, -(-bss[0]["bytes_value"] // mmap.PAGESIZE) * mmap.PAGESIZE) as values:
        values[offset:offset + 8] = int(sys.argv[1], 0).to_bytes(8, "little")
    os.close(fd)


main()
