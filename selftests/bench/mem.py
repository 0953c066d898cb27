# SPDX-License-Identifier: GPL-2.0
"""The suite "mem": what an entry that was looked up, an open file and a binding take.

Kernel memory is what Slab and Percpu of /proc/meminfo grow by, which includes inodes and
entries of the file system below; the daemon's is VmRSS; that of a policy's maps what
bpftool calls bytes_memlock. Maps that are allocated as a whole do not grow: what one
entry takes there is that divided by the number of entries."""

import json
import os
import time

from mounts import FOREVER, LL_MDCACHE, LL_TTL0, MOUNT, NATIVE, OWN, TTL0, attempt, daemon_pids, \
    run, say, write
import mounts

CONFIGURATIONS = (NATIVE, LL_TTL0, LL_MDCACHE, "passthrough_hp, passthrough", "disgrafsd", TTL0,
                  OWN)
ENTRIES = 3000
FILES = 800
BINDINGS = 16


def kernel_bytes():
    with open("/proc/meminfo", encoding="ascii") as f:
        lines = dict(line.split(":") for line in f)
    return sum(int(lines[name].split()[0]) for name in ("Slab", "Percpu")) << 10


def daemon_bytes(configuration):
    if not configuration.daemon:
        return 0
    program = configuration.daemon[0]
    if program == "disgrafsd":
        program = "/usr/bin/disgrafsd"
    total = 0
    for pid in daemon_pids(program):
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            total += sum(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))
    return total


def maps():
    return [m for m in json.loads(run("bpftool", "map", "list", "--json"))
            if m.get("type") != "struct_ops" and m.get("max_entries", 0) > 1]


def map_bytes():
    return sum(m["bytes_memlock"] for m in maps())


def drop_caches():
    """What was dropped is freed when RCU says so: until it gets no less."""
    run("sync")
    before, now = 0, kernel_bytes()
    while now != before:
        write("/proc/sys/vm/drop_caches", "3")
        time.sleep(1)
        before, now = now, min(now, kernel_bytes())


def snapshot(configuration):
    return {"kernel": kernel_bytes(), "daemon": daemon_bytes(configuration), "maps": map_bytes()}


def per(name, before, after, count):
    return {"name": name, "count": count, "unit": "bytes",
            **{key: round((after[key] - before[key]) / count) for key in before}}


def operations(configuration):
    drop_caches()
    first = snapshot(configuration)
    for i in range(ENTRIES):
        os.stat(f"{MOUNT}/many/entry-{i:05}")
    looked_up = snapshot(configuration)
    fds = [os.open(f"{MOUNT}/many/entry-{i:05}", os.O_RDONLY) for i in range(FILES)]
    opened = snapshot(configuration)
    for fd in fds:
        os.close(fd)
    return [per("entry", first, looked_up, ENTRIES), per("open-file", looked_up, opened, FILES)]


def measure_bindings():
    """Of mounts of passthrough_ll, to a policy that is loaded: maps are the policy's."""
    (configuration,) = (c for c in mounts.CONFIGURATIONS if c.name == LL_TTL0)
    paths = [f"/mnt/bench-{i}" for i in range(BINDINGS)]
    try:
        for path in paths:
            os.makedirs(path, exist_ok=True)
            run(*configuration.daemon, path)
            os.stat(path)
        before = snapshot(configuration)
        for path in paths:
            run("extfusectl", "bind", path, "mdcache", "--ttl", FOREVER)
        after = snapshot(configuration)
    finally:
        for path in paths:
            run("umount", path)
    return per("binding", before, after, BINDINGS)


def suite(configurations):
    results = []
    for configuration in configurations:
        if configuration.name in CONFIGURATIONS:
            say(f"mem: {configuration.name}")
            results.append(attempt(configuration, lambda c=configuration: operations(c)))
    yield {"suite": "mem", "unit": "bytes", "configurations": results,
           "binding": measure_bindings(),
           "maps": [{"name": m.get("name", ""), "type": m["type"], "max_entries": m["max_entries"],
                     "bytes_memlock": m["bytes_memlock"],
                     "bytes_per_entry": round(m["bytes_memlock"] / m["max_entries"], 1)}
                    for m in maps()]}
