#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""bench.py [-c CALLS] SUITE...: measures in a guest what file operations cost on ext4, on
FUSE daemons as they are, and with the module. Suites: ops, jobs, fio, mem, which need
a guest that counts instructions; threads, which needs one with four CPUs; profile: which
functions of the kernel the instructions of those operations are in that do not meet
their bars (after ops). Prints a line of JSON for each suite and again as it grows; progress
goes to standard error.

bench.py [-c CALLS] --profile OPERATION [--all] [CONFIGURATION...]: the same for that
operation, on ext4 and with the module, or as told; with --all also of the daemon and
whoever else ran meanwhile, and in user space."""

import argparse
import json
import os
import re
import resource
import subprocess
import sys

import calls
import fio
import jobs
import mem
import results
from calls import result_of
from mounts import HERE, LL_TTL0, MOUNT, NATIVE, OWN, TTL0, available, make_lower, run, say, \
    served

CALLS = 40
PROFILED_CALLS = 16000


def load_module():
    if not os.path.exists("/sys/module/extfuse"):
        run("modprobe", "extfuse")
        run("extfusectl", "policy", "load", "mdcache")


def functions(text, times, count):
    """What `profile` prints, so many times as much, of the first functions."""
    rows = [(name, round(float(cost) * times, 1)) for cost, name in
            re.findall(r"^ *([\d.]+) +[\d.]+%  (.*)$", text, re.MULTILINE)]
    return {"total": rows[0][1], "where": rows[0][0].split(":")[0],
            "functions": [{"name": n, "cost": c} for n, c in rows[1:count + 1]]}


def profile(configuration, operation, made, options=()):
    say(f"profile: {operation}: {configuration.name}")
    with served(configuration):
        done = subprocess.run((f"{HERE}/profile", *options, str(made), f"{HERE}/ops", MOUNT,
                               str(made), operation), check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    # of calls that cost much ops makes fewer
    fewer = made / result_of(done.stdout, {}).get("calls", made)
    return {"name": configuration.name, "operation": operation,
            **functions(done.stderr, fewer, 80 if options else 15)}


def profile_suite(wanted, made=None, options=()):
    """wanted: (operation, name of configuration); made: so many calls; options: of profile"""
    by_name = {c.name: c for c in available()}

    def calls_of(operation):
        # so many that what ops prepares does not count, but not a gigabyte
        return made or PROFILED_CALLS // (16 if "-1m" in operation else 1)

    yield {"suite": "profile", "unit": "instructions", "calls": made or PROFILED_CALLS,
           "configurations": [profile(by_name[name], operation, calls_of(operation), options)
                              for operation, name in wanted]}


def missed(ops):
    """Each operation that misses a bar, on ext4 and where it misses it."""
    wanted = []
    for bar in results.bars({"ops": ops}):
        if bar.met or bar.base not in (NATIVE, LL_TTL0):
            continue
        for pair in ((bar.operation, NATIVE), (bar.operation, bar.configuration)):
            if pair not in wanted:
                wanted.append(pair)
    return wanted


failures = []


def show(suite):
    """As it grows: what was measured before something goes wrong is not lost, and other
    suites go on."""
    result = None
    try:
        for result in suite:
            print(json.dumps({**result, "kernel": os.uname().release}), flush=True)
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        say(f"FAILED: {error}")
        failures.append(error)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--calls", type=int)
    parser.add_argument("--only", help="a pattern of configurations, besides ext4")
    parser.add_argument("--profile", metavar="OPERATION")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()

    # passthrough_ll has a descriptor for each file that is known
    resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
    run("modprobe", "fuse")
    make_lower()
    configurations = [c for c in available()
                      if c.name == NATIVE or re.search(args.only or "", c.name)]
    if args.profile:
        load_module()
        pairs = [(args.profile, name) for name in args.names or (NATIVE, TTL0, OWN)]
        show(profile_suite(pairs, args.calls, ("-a",) if args.all else ()))
        return len(failures) > 0
    made = args.calls or CALLS
    ops = None
    for suite in args.names:
        if suite == "ops":
            ops = show(calls.suite(configurations, made, load_module))
            continue
        load_module()
        with_module = [c for c in configurations if "no module loaded" not in c.name]
        show({"jobs": lambda: jobs.suite(with_module),
              "fio": lambda: fio.suite(with_module),
              "mem": lambda: mem.suite(with_module),
              "threads": lambda: calls.threads_suite(with_module, made),
              "profile": lambda: profile_suite(missed(ops))}[suite]())
    say("done")
    return len(failures) > 0


if __name__ == "__main__":
    sys.exit(main())
