# SPDX-License-Identifier: GPL-2.0
"""The suites "ops" and "threads": what single calls cost (ops.c)."""

import os
import subprocess

from mounts import HERE, LL_ABSENT, LL_MDCACHE, LL_TTL0, MOUNT, NATIVE, OWN, TTL0, Requests, \
    attempt, run, say

# a daemon that is asked 10,000 times takes minutes to emulate: not all are
WITH_MANY = (NATIVE, TTL0, OWN, "passthrough_hp, passthrough, ttl 0")
MANY = ("readdir-10000", "readdir-stat-10000")
OPERATIONS = (
    "stat", "stat-absent", "access", "getxattr", "getxattr-absent", "listxattr", "readlink",
    "symlink-walk", "open-close", "pread-4k", "pwrite-4k", "fstat-after-write", "statfs",
    "readdir-100", "readdir-stat-100", "pread-1m", "pwrite-1m", "sendfile-1m", "splice-1m",
    "mmap-fault", "copy-64k", "fsync", "create-close", "rename", "unlink", "mkdir", "rmdir",
    "chmod", "truncate", "cold-lstat")
THREADED = (NATIVE, TTL0, OWN, "disgrafsd, ttl 0", LL_MDCACHE, LL_TTL0, "passthrough_ll",
            "passthrough_hp, passthrough, ttl 0", "passthrough_hp, passthrough",
            "passthrough_hp 3.18, passthrough, ttl 0, io_uring")
# calls of which the requests are counted
COUNTED = 10
# the others change what the other threads meet
IN_THREADS = tuple(o for o in OPERATIONS if o not in ("cold-lstat", "fsync", "rename"))


def result_of(line, requests):
    name, *numbers = line.rstrip("\n").split("\t")
    if numbers[0] == "-":
        return {"name": name, "failed": numbers[1], "requests": requests}
    median, mean, p99, calls = map(int, numbers)
    return {"name": name, "median": median, "mean": mean, "p99": p99, "calls": calls,
            "requests": requests}


def requests_of(calls, *names):
    """operation -> the requests of so many calls that reach the daemon"""
    reached = {}
    with subprocess.Popen((f"{HERE}/ops", "-s", MOUNT, str(calls), *names),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ops:
        with Requests() as requests:
            before = requests.now()
            for line in ops.stdout:
                if line.endswith("\twarm\n"):
                    before = requests.now()
                else:
                    name = line.split("\t")[0]
                    reached[name] = requests.between(before, requests.now())
                ops.stdin.write("\n")
                ops.stdin.flush()
    if ops.returncode:
        raise RuntimeError(f"ops ended with {ops.returncode}")
    return reached


def operations(calls, *names):
    """Each operation's cost; and then its requests, for counting them costs too."""
    lines = run(f"{HERE}/ops", MOUNT, str(calls), *names).splitlines()
    reached = requests_of(COUNTED, *names)
    return [{**result, "counted": COUNTED}
            for result in (result_of(line, reached[line.split("\t")[0]]) for line in lines)]


def in_threads(calls, threads=4):
    lines = subprocess.run((f"{HERE}/ops", "-t", str(threads), MOUNT, str(calls), *IN_THREADS),
                           check=True, stdout=subprocess.PIPE, text=True).stdout
    return [result_of(line, {}) for line in lines.splitlines()]


def suite(configurations, calls, load_module):
    """LL_ABSENT is what its name says: before the module is loaded."""
    result = {"suite": "ops", "unit": "instructions", "configurations": []}
    for configuration in configurations:
        if configuration.name == LL_ABSENT and os.path.exists("/sys/module/extfuse"):
            continue
        if configuration.name not in (NATIVE, LL_ABSENT):
            load_module()
        say(f"ops: {configuration.name}")
        names = OPERATIONS + (MANY if configuration.name in WITH_MANY else ())
        result["configurations"].append(
            attempt(configuration, lambda names=names: operations(calls, *names)))
        yield result


def threads_suite(configurations, calls):
    result = {"suite": "threads", "unit": "ns", "configurations": []}
    for configuration in configurations:
        if configuration.name in THREADED:
            say(f"threads: {configuration.name}")
            result["configurations"].append(attempt(configuration, lambda: in_threads(calls)))
            yield result
