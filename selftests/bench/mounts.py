# SPDX-License-Identifier: GPL-2.0
"""What is measured: ext4, daemons as they are, daemons with the module; how each is
served at MOUNT, and how many requests reach a daemon there."""

import collections
import contextlib
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
RAM = "/mnt/ram"
LOWER = f"{RAM}/lower"
MOUNT = "/mnt/bench"
TRACE = "/sys/kernel/tracing/events/fuse/fuse_request_send"
URING = "/sys/module/fuse/parameters/enable_uring"
FOREVER = "4294967.295"

NATIVE = "ext4"
LL_TTL0 = "passthrough_ll, ttl 0"
LL_ABSENT = "passthrough_ll, ttl 0, no module loaded"
LL_MDCACHE = "passthrough_ll, ttl 0, mdcache"
OWN = "disgrafsd, module"
TTL0 = "disgrafsd, ttl 0, module"
TTL0_RING = "disgrafsd 3.18, ttl 0, module, io_uring"
# daemons that let the VFS cache no more than TTL0 does
TTL0_PEERS = (LL_TTL0, "passthrough_ll, ttl 0, cache=never", "passthrough_hp, ttl 0",
              "passthrough_hp, passthrough, ttl 0", "passthrough_ll 3.18, ttl 0, io_uring",
              "passthrough_hp 3.18, passthrough, ttl 0, io_uring")


def libfuse(series, daemon):
    return f"/opt/extfuse/libfuse/{series}/{daemon}"


def ll(options, series="3.17"):
    return (libfuse(series, "passthrough_ll"), "-o", f"source={LOWER},xattr{options}")


def hp(*options, series="3.17"):
    return (libfuse(series, "passthrough_hp"), *options, LOWER)


# what looks into written files in the background would be measured with the calls
DISGRAFSD = ("disgrafsd", "--no-extract")
# with the libfuse that the root's disgrafsd is not installed with
RING_DISGRAFSD = ("env", f"LD_LIBRARY_PATH={libfuse('3.18', '')}", *DISGRAFSD, "-o", "io_uring")
# pages are kept, and whether they are current is asked each time
TTL_0 = ",timeout=0"
ALL = ",timeout=86400,cache=always,writeback"
Configuration = collections.namedtuple("Configuration", "name daemon bind", defaults=(None, None))
CONFIGURATIONS = (
    Configuration(NATIVE),
    # one after the other: what the file system below costs changes with what was done to it
    Configuration(LL_ABSENT, ll(TTL_0)),
    Configuration(LL_TTL0, ll(TTL_0)),
    Configuration(TTL0, (*DISGRAFSD, "--ttl", "0", LOWER)),
    Configuration(OWN, (*DISGRAFSD, LOWER)),
    Configuration(TTL0_RING, (*RING_DISGRAFSD, "--ttl", "0", LOWER)),
    Configuration("disgrafsd, ttl 0", (*DISGRAFSD, "--no-module", "--ttl", "0", LOWER)),
    Configuration("disgrafsd", (*DISGRAFSD, "--no-module", LOWER)),
    Configuration(LL_MDCACHE, ll(TTL_0), "mdcache"),
    Configuration("passthrough_ll, ttl 0, cache=never", ll(TTL_0 + ",cache=never")),
    Configuration("passthrough_ll", ll("")),
    Configuration("passthrough_ll, cache=always", ll(ALL)),
    Configuration("passthrough_hp, ttl 0", hp("--nocache", "--nopassthrough")),
    Configuration("passthrough_hp", hp("--nopassthrough")),
    Configuration("passthrough_hp, passthrough, ttl 0", hp("--nocache")),
    Configuration("passthrough_hp, passthrough", hp()),
    Configuration("passthrough_ll 3.18, ttl 0, io_uring", ll(TTL_0 + ",io_uring", "3.18")),
    Configuration("passthrough_hp 3.18, passthrough, ttl 0, io_uring",
                  hp("--nocache", "-o", "io_uring", series="3.18")),
    Configuration("passthrough_hp 3.18, passthrough, io_uring",
                  hp("-o", "io_uring", series="3.18")),
)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def attempt(configuration, function):
    """What function returns; what stood in its way, if it did not."""
    try:
        with served(configuration):
            return {"name": configuration.name, "operations": function()}
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        say(f"{configuration.name}: {error}")
        return {"name": configuration.name, "operations": [], "failed": str(error)}


def say(text):
    print(f"{time.strftime('%T')} ==> {text}", file=sys.stderr, flush=True)


def available():
    """What this kernel can: io_uring came with 6.14."""
    return [c for c in CONFIGURATIONS if "io_uring" not in c.name or os.path.exists(URING)]


def bindings():
    if not os.path.exists("/sys/module/extfuse"):
        return []
    return [b for b in json.loads(run("extfusectl", "list", "--json"))
            if MOUNT in json.dumps(b)]


def until(what, function):
    for _ in range(600):
        if function():
            return
        time.sleep(0.1)
    raise RuntimeError(what)


def program_of(configuration):
    if "disgrafsd" in configuration.daemon:
        return "/usr/bin/disgrafsd"
    return configuration.daemon[0]


def daemon_pids(program):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(program):
                yield int(pid)


def has_ring(program):
    for pid in daemon_pids(program):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if "io_uring" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                    return True
    return False


def mount_of(configuration):
    if not configuration.daemon:
        # so that paths are as long as on the others
        run("mount", "--bind", LOWER, MOUNT)
        return
    if "io_uring" in configuration.name:
        write(URING, "1")
    subprocess.run((*configuration.daemon, MOUNT), check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    until("nothing is mounted", lambda: os.path.ismount(MOUNT))
    os.stat(MOUNT)
    if "io_uring" in configuration.name:
        until("the daemon has no ring", lambda: has_ring(program_of(configuration)))
    if configuration.bind:
        run("extfusectl", "bind", MOUNT, configuration.bind, "--ttl", FOREVER)
    elif configuration.name in (OWN, TTL0, TTL0_RING):
        until("the mount is not bound", bindings)
    if "disgrafsd" in configuration.daemon:
        until("the index is out of date", index_is_current)


def index_is_current():
    """It is brought up to date with each start, in the background."""
    done = subprocess.run(("disgrafs", "tags", "-C", MOUNT), check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    return done.returncode == 0 and "out of date" not in done.stderr


@contextlib.contextmanager
def served(configuration):
    """The configuration at MOUNT, with nothing going on in the background."""
    mount_of(configuration)
    try:
        run("sync")
        time.sleep(2)
        yield MOUNT
    finally:
        run("umount", MOUNT)
        if configuration.daemon:
            until("the daemon did not end",
                  lambda: not list(daemon_pids(program_of(configuration))))


class Requests:
    """What reaches daemons and must be answered, by opcode: of a bound mount what its policy
    passed; of others what is sent."""

    def __enter__(self):
        write(f"{TRACE}/trigger", "hist:keys=opcode")
        return self

    def __exit__(self, *_):
        write(f"{TRACE}/trigger", "!hist:keys=opcode")

    @staticmethod
    def now():
        """opcode -> how many so far"""
        if bindings():
            (stats,) = json.loads(run("extfusectl", "stats", MOUNT, "--json"))
            return {op["opcode"]: op["passed"] for op in stats["ops"]}
        with open(f"{TRACE}/hist", encoding="ascii") as f:
            return {int(o): int(n)
                    for o, n in re.findall(r"opcode: +(\d+) } hitcount: +(\d+)", f.read())}

    @staticmethod
    def between(before, after):
        """Those that were more afterwards, by name."""
        return {OPCODES.get(opcode, str(opcode)): count - before.get(opcode, 0)
                for opcode, count in sorted(after.items())
                if count > before.get(opcode, 0) and opcode not in UNANSWERED}


UNANSWERED = (2, 42)  # FORGET, BATCH_FORGET: no tracepoint has them
# enum fuse_opcode, include/uapi/linux/fuse.h
OPCODES = dict(enumerate((
    "", "LOOKUP", "FORGET", "GETATTR", "SETATTR", "READLINK", "SYMLINK", "", "MKNOD", "MKDIR",
    "UNLINK", "RMDIR", "RENAME", "LINK", "OPEN", "READ", "WRITE", "STATFS", "RELEASE", "",
    "FSYNC", "SETXATTR", "GETXATTR", "LISTXATTR", "REMOVEXATTR", "FLUSH", "INIT", "OPENDIR",
    "READDIR", "RELEASEDIR", "FSYNCDIR", "GETLK", "SETLK", "SETLKW", "ACCESS", "CREATE",
    "INTERRUPT", "BMAP", "DESTROY", "IOCTL", "POLL", "NOTIFY_REPLY", "BATCH_FORGET",
    "FALLOCATE", "READDIRPLUS", "RENAME2", "LSEEK", "COPY_FILE_RANGE", "SETUPMAPPING",
    "REMOVEMAPPING", "SYNCFS", "TMPFILE", "STATX", "COPY_FILE_RANGE_64")))


def make_lower():
    """LOWER on ext4 in memory: with instructions for a clock, a disk that takes its own
    time would be measured in jumps to the next timer."""
    run("modprobe", "brd", "rd_nr=1", f"rd_size={1280 << 10}")
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", "/dev/ram0")
    for directory in (RAM, MOUNT):
        os.makedirs(directory, exist_ok=True)
    run("mount", "/dev/ram0", RAM)
    os.makedirs(f"{LOWER}/many")
    for i in range(10000):
        os.mknod(f"{LOWER}/many/entry-{i:05}")
    # an index of that is made on the first start, not while something is measured
    (disgrafsd,) = (c for c in CONFIGURATIONS if c.name == "disgrafsd")
    with served(disgrafsd):
        pass
