#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what reads and writes cost natively, through the daemon, and carried out on
lower files. In a guest started with selftests/vm/run --icount: instructions."""

import os

from lowerio import HERE, MIB, SCRATCH, Mount, pattern, run


def costs(path):
    """Of each operation on a file."""
    lines = run(HERE + "/cost", path).splitlines()
    return {name: int(cost) for name, cost in (line.split("\t") for line in lines)}


def main():
    """A file each."""
    run("modprobe", "extfuse")
    run("extfusectl", "policy", "load", "lowerio")
    native = f"{SCRATCH}/native"
    with open(native, "wb") as f:
        f.write(pattern(4 * MIB))
    results = [costs(native)]
    os.unlink(native)
    for offer in (False, True):
        with Mount({"f": pattern(4 * MIB)}, offer=offer) as m:
            results.append(costs(m.path()))
            if offer:
                m.untouched()
    run("extfusectl", "policy", "unload", "lowerio")
    print(f"{'':20}{'ext4':>10}{'daemon':>10}{'lowerio':>10}")
    for name in results[0]:
        print(f"{name:20}" + "".join(f"{r[name]:10}" for r in results))


main()
