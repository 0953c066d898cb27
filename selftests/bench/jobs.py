# SPDX-License-Identifier: GPL-2.0
"""The suite "jobs": what people do with files, as whole programs."""

import glob
import os
import statistics
import subprocess
import time

from mounts import LL_MDCACHE, LL_TTL0, MOUNT, NATIVE, OWN, RAM, TTL0, TTL0_RING, Requests, \
    attempt, run, say

SRC = f"{RAM}/src"
DIR = f"{MOUNT}/jobs"
CONFIGURATIONS = (NATIVE, TTL0, OWN, "disgrafsd, ttl 0", LL_MDCACHE, LL_TTL0,
                  "passthrough_hp, passthrough, ttl 0", TTL0_RING,
                  "passthrough_hp 3.18, passthrough, ttl 0, io_uring")
# 170 files of the kernel's source, and a part of Lua's: a compiler is slow when emulated
TREE = ("tools/lib/api", "tools/lib/subcmd", "tools/lib/perf", "tools/lib/thermal",
        "tools/include/linux")
LUA = "lctype.o lzio.o lmem.o"
TAGGED = 40

# name, command (sh), measured so many times after one that is not (0: only once)
JOBS = (
    ("untar", f"tar -xf {SRC}/tree.tar -C {DIR}", 0),
    ("find-ls", f"find {DIR}/tree -ls >/dev/null", 1),
    ("grep-r", f"! grep -r nowhere-to-be-found {DIR}/tree", 1),
    ("rsync", f"rsync -a {DIR}/tree/ {DIR}/copy/", 0),
    ("git-clone", f"git clone -q --no-hardlinks {SRC}/repo {DIR}/clone", 0),
    ("git-status", f"git -C {DIR}/clone status -s", 1),
    ("build", f"make -s -C {DIR}/lua/src CFLAGS='-O0 -w' {LUA} && "
              f"cd {DIR}/lua/src && ar rcs part.a {LUA}", 0),
    ("sqlite", f"sqlite3 {DIR}/db <{SRC}/load.sql >/dev/null", 0),
    ("tag-query", "", 1),
)
SCAN = (f"[ $(getfattr -R --absolute-names -n user.xdg.tags {DIR}/tree 2>/dev/null |"
        f" grep -c blue) = {TAGGED // 2} ]")
# without the tags that narrow it, which are directories
GRAPH = f"[ $(ls -p {MOUNT}/.graph/tags/blue | grep -vc /) = {TAGGED // 2} ]"


def prepare():
    """What the jobs start from; once, not measured."""
    if os.path.isdir(SRC):
        return
    linux, = glob.glob("/usr/src/linux-source-*/Makefile")
    lua, = glob.glob("/usr/src/debian/lua5.4_*.orig.tar.gz")
    os.makedirs(f"{SRC}/tree")
    for part in TREE:
        os.makedirs(f"{SRC}/tree/{os.path.dirname(part)}", exist_ok=True)
        run("cp", "-r", f"{os.path.dirname(linux)}/{part}", f"{SRC}/tree/{part}")
    run("tar", "-cf", f"{SRC}/tree.tar", "-C", SRC, "tree")
    os.makedirs(f"{SRC}/lua")
    run("tar", "-xf", lua, "-C", f"{SRC}/lua", "--strip-components=1")
    run("sh", "-ec", f"""
        cp -r {SRC}/tree {SRC}/repo && cd {SRC}/repo
        git init -q && git add . && git -c user.name=b -c user.email=b@b commit -qm all""")
    with open(f"{SRC}/load.sql", "w", encoding="ascii") as f:
        f.write("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size INTEGER);\n"
                "CREATE INDEX name ON t(name);\n")
        for transaction in range(10):
            f.write("BEGIN;\n")
            for i in range(30):
                f.write(f"INSERT INTO t(name, size) VALUES('name-{i}-{transaction}', {i});\n")
            f.write("COMMIT;\n")
        for i in range(50):
            f.write(f"SELECT sum(size) FROM t WHERE name LIKE 'name-{i % 30}-%';\n"
                    f"SELECT * FROM t WHERE name = 'name-{i % 30}-3';\n")


def elapsed(command):
    start = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    pid = os.posix_spawn("/bin/sh", ("sh", "-c", command), os.environ)
    _, status = os.waitpid(pid, 0)
    end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if status:
        raise RuntimeError(f"status {os.waitstatus_to_exitcode(status)}")
    return end - start


def counted(command, costs):
    """What it costs is added to costs. The requests that reached the daemon."""
    with Requests() as requests:
        before = requests.now()
        costs.append(elapsed(command))
        return requests.between(before, requests.now())


def measure_job(name, command, times):
    """With caches that are warm so many times, and once more for the requests, because
    counting them costs too; or once."""
    if name == "tag-query":
        # Where there is no index, every file is looked at.
        command = GRAPH if os.path.isdir(f"{MOUNT}/.graph") else SCAN
    run("sync")
    time.sleep(2)
    costs = []
    try:
        if times:
            elapsed(command)
            costs = [elapsed(command) for _ in range(times)]
        reached = counted(command, [] if times else costs)
    except RuntimeError as error:
        return {"name": name, "failed": str(error), "requests": {}}
    return {"name": name, "median": int(statistics.median(costs)), "mean": int(statistics.mean(costs)),
            "p99": max(costs), "calls": len(costs), "requests": reached}


def tag():
    files = sorted(glob.glob(f"{DIR}/tree/tools/*/*/*.[ch]"))[:TAGGED]
    for number, path in enumerate(files):
        os.setxattr(path, "user.xdg.tags", b"blue,red" if number % 2 else b"red")


def operations():
    os.mkdir(DIR)
    results = []
    try:
        for name, command, times in JOBS:
            if name == "build":
                run("cp", "-r", f"{SRC}/lua", f"{DIR}/lua")
            elif name == "tag-query":
                tag()
            results.append(measure_job(name, command, times))
    finally:
        subprocess.run(("rm", "-rf", DIR), check=False)
    return results


def suite(configurations):
    prepare()
    chosen = [c for c in configurations if c.name in CONFIGURATIONS]
    result = {"suite": "jobs", "unit": "instructions", "configurations": []}
    # ext4 once for what the programs themselves are read from
    say("jobs: warming up")
    attempt(chosen[0], operations)
    for configuration in chosen:
        say(f"jobs: {configuration.name}")
        result["configurations"].append(attempt(configuration, operations))
        yield result
