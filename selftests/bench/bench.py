#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""bench.py [CALLS]: what single calls cost on ext4, on FUSE daemons as they are, and
with the module; in a guest that counts instructions. Prints JSON; progress goes to
standard error.

bench.py --profile OPERATION [CONFIGURATION...]: which functions of the kernel the
instructions of one call are in, on ext4 and with the module, or as told."""

import collections
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
LOWER = "/mnt/scratch/bench"
MOUNT = "/mnt/bench"
TRACE = "/sys/kernel/tracing/events/fuse/fuse_request_send"
FOREVER = "4294967.295"

LL = (f"{HERE}/passthrough_ll", "-o")
# what looks into written files in the background would be measured with the calls
DISGRAFSD = ("disgrafsd", "--no-extract")
Configuration = collections.namedtuple("Configuration", "name daemon bind", defaults=(None, None))
CONFIGURATIONS = (
    Configuration("ext4"),
    Configuration("passthrough_ll, ttl 0", (*LL, f"source={LOWER},timeout=0,cache=never,xattr")),
    Configuration("passthrough_ll, defaults", (*LL, f"source={LOWER},xattr")),
    Configuration("passthrough_ll, cache=always",
                  (*LL, f"source={LOWER},cache=always,timeout=86400,xattr,writeback")),
    Configuration("passthrough_ll, ttl 0, mdcache",
                  (*LL, f"source={LOWER},timeout=0,cache=never,xattr"), "mdcache"),
    Configuration("disgrafsd, ttl 0", (*DISGRAFSD, "--no-module", "--ttl", "0", LOWER)),
    Configuration("disgrafsd", (*DISGRAFSD, "--no-module", LOWER)),
    Configuration("disgrafsd, ttl 0, module", (*DISGRAFSD, "--ttl", "0", LOWER)),
    Configuration("disgrafsd, module", (*DISGRAFSD, LOWER)),
)

PROFILED = ("ext4", "disgrafsd, ttl 0, module", "disgrafsd, module")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def bindings():
    return [b for b in json.loads(run("extfusectl", "list", "--json"))
            if MOUNT in json.dumps(b)]


def until(what, function):
    for _ in range(100):
        if function():
            return
        time.sleep(0.1)
    sys.exit(f"bench.py: {what}")


def serve(configuration):
    subprocess.run((*configuration.daemon, MOUNT), check=True)
    until("nothing is mounted", lambda: os.path.ismount(MOUNT))
    if configuration.bind:
        run("extfusectl", "bind", MOUNT, configuration.bind, "--ttl", FOREVER)
    elif "module" in configuration.name:
        until("the mount is not bound", bindings)


def answered():
    """Opcode -> requests that the module answered on the mount."""
    if not bindings():
        return {}
    (stats,) = json.loads(run("extfusectl", "stats", MOUNT, "--json"))
    return {op["opcode"]: op["answered"] for op in stats["ops"]}


def requests_of(function):
    """What function returns, and how many requests of each opcode reached the daemon."""
    before = answered()
    write(f"{TRACE}/trigger", "hist:keys=opcode")
    try:
        result = function()
        with open(f"{TRACE}/hist", encoding="ascii") as f:
            sent = {int(o): int(n)
                    for o, n in re.findall(r"opcode: +(\d+) } hitcount: +(\d+)", f.read())}
    finally:
        write(f"{TRACE}/trigger", "!hist:keys=opcode")
    after = answered()
    for opcode in sent:
        sent[opcode] -= after.get(opcode, 0) - before.get(opcode, 0)
    return result, {str(opcode): count for opcode, count in sorted(sent.items()) if count}


def operations(directory, calls):
    rows = [line.split("\t") for line in run(f"{HERE}/ops", directory, calls).splitlines()]
    return [{"name": name, "median": int(median), "mean": int(mean), "p99": int(p99)}
            for name, median, mean, p99 in rows]


def measure(configuration, calls):
    print(f"==> {configuration.name}", file=sys.stderr)
    if not configuration.daemon:
        return {"name": configuration.name, "operations": operations(LOWER, calls)}
    serve(configuration)
    try:
        result, requests = requests_of(lambda: operations(MOUNT, calls))
    finally:
        run("umount", MOUNT)
    return {"name": configuration.name, "operations": result, "requests": requests}


def profile(configuration, operation, calls="20000"):
    print(f"\n{configuration.name}: {operation}: instructions a call", flush=True)
    if configuration.daemon:
        serve(configuration)
    try:
        subprocess.run((f"{HERE}/profile", calls, f"{HERE}/ops",
                        MOUNT if configuration.daemon else LOWER, calls, operation),
                       check=True, stdout=subprocess.DEVNULL, stderr=sys.stdout)
    finally:
        if configuration.daemon:
            run("umount", MOUNT)


def profiles(operation, *names):
    for configuration in CONFIGURATIONS:
        if configuration.name in (names or PROFILED):
            profile(configuration, operation)


def main():
    run("modprobe", "extfuse")
    run("extfusectl", "policy", "load", "mdcache")
    os.makedirs(LOWER, exist_ok=True)
    os.makedirs(MOUNT, exist_ok=True)
    if sys.argv[1:2] == ["--profile"]:
        profiles(*sys.argv[2:])
        return
    calls = sys.argv[1] if len(sys.argv) > 1 else "400"
    json.dump({"suite": "ops", "kernel": os.uname().release, "unit": "instructions",
               "calls": int(calls), "configurations": [measure(c, calls) for c in CONFIGURATIONS]},
              sys.stdout, indent=1)
    print()


main()
