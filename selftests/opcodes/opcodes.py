#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every opcode's callbacks: called, believed where they may be, and not where not."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import json
import os
import select
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

import rawfuse as fuse
from bpfmap import Map

HERE = os.path.dirname(os.path.realpath(__file__))
KSELFTEST = os.environ.get("KSELFTEST") or sorted(
    glob.glob("/usr/src/linux-source-*/tools/testing/selftests"))[-1]
sys.path.append(KSELFTEST + "/kselftest")
import ksft  # noqa: E402  pylint: disable=import-error,wrong-import-position

SLOWER = int(os.environ.get("SLOWER", 1))  # how many times as long to wait
PASS, FH_NONE = 1, (1 << 64) - 1
libc = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    """What a test found."""


class Skip(Exception):
    """What a test needs and there is not."""


def extfusectl(*args):
    return subprocess.run(["extfusectl", *args], check=True, capture_output=True,
                          text=True).stdout


class Policy:
    """What the policy answers, and what it heard."""

    def __init__(self):
        maps = "/sys/fs/bpf/extfuse/scripted-maps/"
        self.answers, self.heard, self.buffers = (
            Map(maps + name) for name in ("answers", "heard", "buffers"))

    def answer(self, opcode, ret, out=b""):
        self.answers[opcode] = struct.pack("Ii", 1, ret) + out

    def leave(self, *opcodes):
        for opcode in opcodes or range(64):
            self.answers[opcode] = b""

    def hear(self, opcode):
        """How often asked, how often told, what value, what error."""
        return struct.unpack("QQQq", self.heard[opcode])

    def directory(self, data):
        self.buffers[0] = struct.pack("Ii", len(data), 0) + data

    def set_result(self):
        return struct.unpack_from("Ii", self.buffers[0])[1]

    def last_directory(self):
        size = struct.unpack_from("I", self.buffers[1])[0]
        return self.buffers[1][8:8 + size]


policy = None


@contextlib.contextmanager
def mounted(**how):
    """A daemon, bound; the policy answers nothing yet."""
    at = tempfile.mkdtemp(prefix="opcodes.")
    try:
        with fuse.Daemon(at, **how) as daemon:
            policy.leave()
            extfusectl("bind", at, "scripted")
            # the first request settles
            os.statvfs(at)
            yield daemon
    finally:
        os.rmdir(at)


def outcome(function, *args):
    try:
        return function(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def equal(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got!r}, not {wanted!r}")


def stats(daemon):
    """Of each opcode, by its name."""
    found = json.loads(extfusectl("stats", daemon.at, "--json"))
    return {o["name"]: o for c in found for o in c["ops"]}


def within(seconds, condition):
    end = time.monotonic() + seconds * SLOWER
    while not condition():
        if time.monotonic() > end:
            raise Wrong("not in time")
        time.sleep(0.02)


@contextlib.contextmanager
def opened(path, flags=os.O_RDONLY):
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


# --- system calls that make the kernel ask ---


def statx(path):
    """size, time of birth and mode"""
    buf = ctypes.create_string_buffer(256)
    if libc.statx(-100, os.fsencode(path), 0, 0xfff, buf):
        raise OSError(ctypes.get_errno(), "statx")
    mode = struct.unpack_from("H", buf, 28)[0]
    size = struct.unpack_from("Q", buf, 40)[0]
    return size, struct.unpack_from("q", buf, 80)[0], mode


def with_file(call):
    def on(daemon):
        with opened(daemon.path("f"), os.O_RDWR) as fd:
            return call(fd)

    return on


def poll(fd):
    poller = select.poll()
    poller.register(fd, select.POLLIN | select.POLLPRI)
    return [events for _, events in poller.poll(0)]


def getlk(fd):
    """Type, start and length of a lock in the way."""
    asked = struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 0, 100, 0)
    kind, _, start, length, _ = struct.unpack("hhqqixxxx", fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    return kind, start, length


def sync_directory(daemon):
    with opened(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY) as fd:
        return os.fsync(fd)


def names(daemon):
    return sorted(os.listdir(daemon.path("d")))


def lock(fd):
    return fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_lock(fd):
    return fcntl.lockf(fd, fcntl.LOCK_EX)


def flock(fd):
    return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


LOCK_THERE = struct.pack("QQII", 10, 19, fcntl.F_WRLCK, 0)
LISTING = (fuse.dirent(b".", 1) + fuse.dirent(b"..", 2) + fuse.dirent(b"one", 3) +
           fuse.dirent(b"three", 4))


# Opcode, its name, the call, and what that sees of the daemon's answer.
PASSED = [
    (fuse.OPENDIR, "OPENDIR", names, [".", "..", "d", "f"][2:]),
    (fuse.READDIR, "READDIR", names, ["d", "f"]),
    (fuse.RELEASEDIR, "RELEASEDIR", names, ["d", "f"]),
    (fuse.FSYNCDIR, "FSYNCDIR", sync_directory, None),
    (fuse.GETLK, "GETLK", with_file(getlk), (fcntl.F_UNLCK, 0, 100)),
    (fuse.SETLK, "SETLK", with_file(lock), None),
    (fuse.SETLK, "SETLK", with_file(flock), None),
    (fuse.SETLKW, "SETLKW", with_file(wait_lock), None),
    (fuse.LSEEK, "LSEEK", with_file(lambda fd: os.lseek(fd, 5, os.SEEK_DATA)), 4096),
    (fuse.POLL, "POLL", with_file(poll), [select.POLLIN]),
    (fuse.STATX, "STATX", lambda daemon: statx(daemon.path("f")),
     (fuse.SIZE, fuse.BTIME, stat.S_IFREG | 0o666)),
    (fuse.READ, "READ", with_file(lambda fd: len(os.pread(fd, 100, 0))), 100),
]
# And what is to be heard after the reply: opcode to value.
VALUES = {fuse.LSEEK: 4096, fuse.STATX: fuse.BTIME, fuse.READDIR: 0}

# Answered: opcode, the policy's return and structure, the call, what it sees.
ANSWERED = [
    (fuse.FSYNCDIR, 0, b"", sync_directory, None),
    (fuse.FSYNCDIR, -errno.EIO, b"", sync_directory, "EIO"),
    (fuse.GETLK, 0, LOCK_THERE, with_file(getlk), (fcntl.F_WRLCK, 10, 10)),
    (fuse.GETLK, 0, struct.pack("QQII", 0, 0, fcntl.F_UNLCK, 0), with_file(getlk),
     (fcntl.F_UNLCK, 0, 100)),
    (fuse.GETLK, -errno.ENOLCK, b"", with_file(getlk), "ENOLCK"),
    (fuse.SETLK, -errno.EAGAIN, b"", with_file(lock), "EAGAIN"),
    (fuse.SETLK, -errno.EAGAIN, b"", with_file(flock), "EAGAIN"),
    (fuse.SETLKW, -errno.ENOLCK, b"", with_file(wait_lock), "ENOLCK"),
    (fuse.LSEEK, 0, struct.pack("Q", 8192), with_file(lambda fd: os.lseek(fd, 5, os.SEEK_DATA)),
     8192),
    (fuse.LSEEK, -errno.ENXIO, b"", with_file(lambda fd: os.lseek(fd, 5, os.SEEK_HOLE)), "ENXIO"),
    (fuse.POLL, 0, struct.pack("I", select.POLLPRI), with_file(poll), [select.POLLPRI]),
    (fuse.STATX, 0, fuse.statx(fuse.FILE, btime=42), lambda daemon: statx(daemon.path("f")),
     (fuse.SIZE, 42, stat.S_IFREG | 0o666)),
    (fuse.STATX, -errno.EACCES, b"", lambda daemon: statx(daemon.path("f")), "EACCES"),
    (fuse.OPENDIR, -errno.EACCES, b"", names, "EACCES"),
    (fuse.READDIR, -errno.EIO, b"", names, "EIO"),
    (fuse.READ, -errno.EIO, b"", with_file(lambda fd: len(os.pread(fd, 100, 0))), "EIO"),
]

# Refused: opcode, its name, return and structure, and the call that the daemon answers.
REFUSED = [
    (fuse.OPENDIR, "OPENDIR", 0, struct.pack("QIi", 5, 0, 0), names),
    (fuse.OPENDIR, "OPENDIR", 0, struct.pack("QIi", FH_NONE, 1, 0), names),
    (fuse.OPENDIR, "OPENDIR", 0, struct.pack("QIi", FH_NONE, 0, 1), names),
    (fuse.OPENDIR, "OPENDIR", -errno.ENOSYS, b"", names),
    (fuse.FSYNCDIR, "FSYNCDIR", -errno.ENOSYS, b"", sync_directory),
    (fuse.FSYNCDIR, "FSYNCDIR", 5, b"", sync_directory),
    (fuse.GETLK, "GETLK", 0, struct.pack("QQII", 0, 0, 9, 0), with_file(getlk)),
    (fuse.GETLK, "GETLK", 0, struct.pack("QQII", 9, 8, fcntl.F_WRLCK, 0), with_file(getlk)),
    (fuse.GETLK, "GETLK", 0, struct.pack("QQII", 0, 1 << 63, fcntl.F_RDLCK, 0), with_file(getlk)),
    (fuse.SETLK, "SETLK", 0, b"", with_file(lock)),
    (fuse.SETLKW, "SETLKW", 0, b"", with_file(wait_lock)),
    (fuse.LSEEK, "LSEEK", 0, struct.pack("Q", 4),
     with_file(lambda fd: os.lseek(fd, 5, os.SEEK_DATA))),
    (fuse.LSEEK, "LSEEK", 0, struct.pack("Q", 1 << 63),
     with_file(lambda fd: os.lseek(fd, 5, os.SEEK_DATA))),
    (fuse.STATX, "STATX", 0, fuse.statx(fuse.FILE, mode=0), lambda d: statx(d.path("f"))),
    (fuse.STATX, "STATX", 0, fuse.statx(fuse.FILE, mode=stat.S_IFDIR | 0o777),
     lambda d: statx(d.path("f"))),
    (fuse.STATX, "STATX", 0, fuse.statx(fuse.FILE, size=1 << 63), lambda d: statx(d.path("f"))),
    (fuse.STATX, "STATX", 0, fuse.statx(fuse.FILE, nsec=10**9), lambda d: statx(d.path("f"))),
    (fuse.STATX, "STATX", 0, fuse.statx(fuse.FILE, mask=0xfdf), lambda d: statx(d.path("f"))),
    (fuse.READ, "READ", 0, b"", with_file(lambda fd: len(os.pread(fd, 100, 0)))),
    (fuse.READDIR, "READDIR", -512, b"", names),
]

BAD_LISTINGS = {
    "a slash": fuse.dirent(b"a/b", 1),
    "a NUL": fuse.dirent(b"a\0b", 1),
    "an empty name": fuse.dirent(b"", 1),
    "a name longer than its record": fuse.dirent(b"a", 1, namelen=200),
    "a name longer than fs/fuse has": fuse.dirent(b"a" * 1025, 1),
    "an overflowing length": fuse.dirent(b"a", 1, namelen=0xfffffff0),
    "a type that there is not": fuse.dirent(b"a", 1, kind=16),
    "half a record": fuse.dirent(b"abcdefgh", 1)[:-8],
    "padding left out": fuse.dirent(b"a", 1)[:-7],
    "half a head": fuse.dirent(b"a", 1) + bytes(16),
    "something bad after something good": LISTING + fuse.dirent(b"/", 5),
}

tests = []


def test(description):
    def register(function):
        tests.append((description, function))
        return function

    return register


@test("what is passed reaches the daemon, and the reply callback hears of it")
def passed():
    for opcode, name, call, wanted in PASSED:
        with mounted() as daemon:
            before = policy.hear(opcode)
            equal(name, outcome(call, daemon), wanted)
            within(5, lambda: daemon.count(opcode))
            within(5, lambda: policy.hear(opcode)[1] > before[1])
            after = policy.hear(opcode)
            if after[0] == before[0]:
                raise Wrong(f"{name}: not asked before")
            equal(name + " error", after[3], 0)
            equal(name + " value", after[2], VALUES.get(opcode, after[2]))
            if stats(daemon)[name]["passed"] == 0:
                raise Wrong(f"{name}: not counted")


@test("sizes that reply callbacks are told: bytes read, bytes of a directory")
def sizes():
    with mounted() as daemon:
        with opened(daemon.path("f")) as fd:
            equal("read", len(os.pread(fd, 1 << 16, 0)), fuse.SIZE)
        equal("READ", policy.hear(fuse.READ)[2], fuse.SIZE)
        fd = os.open(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY)
        buf = ctypes.create_string_buffer(4096)
        libc.syscall(217, fd, buf, 4096)  # getdents64
        equal("READDIR", policy.hear(fuse.READDIR)[2], 4 * 32)
        libc.syscall(217, fd, buf, 4096)
        equal("READDIR at the end", policy.hear(fuse.READDIR)[2], 0)
        os.close(fd)


@test("what is answered does not reach the daemon")
def answered():
    for opcode, ret, out, call, wanted in ANSWERED:
        with mounted() as daemon:
            policy.answer(opcode, ret, out)
            equal(f"opcode {opcode}", outcome(call, daemon), wanted)
            equal(f"opcode {opcode} at the daemon", daemon.count(opcode), 0)


@test("what may not be answered, or not so, goes to the daemon and is counted")
def refused():
    for opcode, name, ret, out, call in REFUSED:
        with mounted() as daemon:
            wanted = outcome(call, daemon)
            asked = daemon.count(opcode)
            policy.answer(opcode, ret, out)
            equal(f"{name} {ret} {out}", outcome(call, daemon), wanted)
            if daemon.count(opcode) == asked:
                raise Wrong(f"{name} {ret} {out}: the daemon was not asked")
            if not stats(daemon)[name]["bugs"]:
                raise Wrong(f"{name} {ret} {out}: no bug counted")


@test("a poll that nobody would wake is not answered")
def poll_notify():
    with mounted() as daemon:
        policy.answer(fuse.POLL, 0, struct.pack("I", 0))
        with opened(daemon.path("f")) as fd:
            equal("at once", poll(fd), [])
            poller = select.poll()
            poller.register(fd, select.POLLIN)
            equal("waiting", [e for _, e in poller.poll(2000)], [select.POLLIN])
        equal("bugs", stats(daemon)["POLL"]["bugs"], 1)


@test("directories that were opened in the kernel are closed there, and no others")
def handles():
    with mounted() as daemon:
        # one of the daemon's, which it hears the end of whatever the policy says
        fd = os.open(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY)
        policy.answer(fuse.OPENDIR, 0, struct.pack("QIi", FH_NONE, 0, 0))
        policy.answer(fuse.READDIR, 0)
        policy.answer(fuse.RELEASEDIR, 0)
        policy.directory(LISTING)
        os.close(fd)
        within(5, lambda: daemon.count(fuse.RELEASEDIR))
        equal("bugs", stats(daemon)["RELEASEDIR"]["bugs"], 1)
        for ret in (0, PASS, 7):
            policy.answer(fuse.RELEASEDIR, ret)
            fd = os.open(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY)
            equal("names", sorted(os.listdir(fd)), ["one", "three"])
            os.close(fd)
        within(5, lambda: stats(daemon)["RELEASEDIR"]["answered"] >= 3)
        # what else carries the handle goes by the nodeid
        fd = os.open(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(fd)
        os.close(fd)
        equal("FSYNCDIR", daemon.handles(fuse.FSYNCDIR), [FH_NONE])
        within(5, lambda: stats(daemon)["RELEASEDIR"]["answered"] >= 4)
        equal("OPENDIR", daemon.count(fuse.OPENDIR), 1)
        equal("RELEASEDIR", daemon.count(fuse.RELEASEDIR), 1)
        if FH_NONE in daemon.handles(fuse.RELEASEDIR):
            raise Wrong("the daemon was told to close what it never opened")
        equal("READDIR", daemon.count(fuse.READDIR), 0)


@contextlib.contextmanager
def fault_limit(limit):
    path = "/sys/module/extfuse/parameters/fault_limit"
    with open(path, "r+", encoding="ascii") as f:
        before = f.read()
        f.write(str(limit))
        f.flush()
        try:
            yield
        finally:
            f.write(before)


@test("a directory that a policy opened is closed in the kernel when that is off the binding, too")
def nobodys():
    with mounted() as daemon:
        policy.answer(fuse.OPENDIR, 0, struct.pack("QIi", FH_NONE, 0, 0))
        with opened(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY) as fd:
            equal("OPENDIR", daemon.count(fuse.OPENDIR), 0)
            with fault_limit(1):
                policy.answer(fuse.FSYNCDIR, 5)
                os.fsync(fd)
                within(20, lambda: not json.loads(extfusectl("list", "--json"))[0]["policy"])
        within(5, lambda: stats(daemon)["RELEASEDIR"]["answered"])
        equal("RELEASEDIR", daemon.count(fuse.RELEASEDIR), 0)
        # and so is one of the daemon's, by the daemon
        names(daemon)
        within(5, lambda: daemon.count(fuse.RELEASEDIR))


@test("a directory is listed from the policy, and ends")
def listing():
    with mounted() as daemon:
        policy.answer(fuse.READDIR, 0)
        policy.directory(LISTING)
        with opened(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY) as fd:
            buf = ctypes.create_string_buffer(4096)
            if libc.syscall(217, fd, buf, 4096) <= 0:
                raise Wrong("no names")
            equal("end", libc.syscall(217, fd, buf, 4096), 0)
        equal("READDIR", daemon.count(fuse.READDIR), 0)


@test("a malformed listing goes to the daemon: " + ", ".join(BAD_LISTINGS))
def bad_listings():
    with mounted() as daemon:
        policy.answer(fuse.READDIR, 0)
        for i, (what, data) in enumerate(BAD_LISTINGS.items()):
            policy.directory(data)
            equal(what, names(daemon), ["d", "f"])
            equal(what, policy.set_result(), -errno.EINVAL)
            if stats(daemon)["READDIR"]["bugs"] <= i:
                raise Wrong(f"{what}: no bug counted")


def forgotten(daemon):
    """All that was looked up has been given back, not more."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("2")
    return not any(daemon.lookups.values())


@test("what the daemon listed can be the answer, with READDIRPLUS too, and looks nothing up")
def replay():
    for flags, opcode in ((0, fuse.READDIR), (fuse.DO_READDIRPLUS, fuse.READDIRPLUS)):
        with mounted(flags=flags) as daemon:
            with opened(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY) as fd:
                buf = ctypes.create_string_buffer(4096)
                first = libc.syscall(217, fd, buf, 4096)
                data, wanted = policy.last_directory(), buf.raw[:first]
                if not data:
                    raise Wrong("nothing was heard")
            policy.directory(data)
            policy.answer(opcode, 0)
            asked = daemon.count(opcode)
            with opened(daemon.path("d"), os.O_RDONLY | os.O_DIRECTORY) as fd:
                equal("length", libc.syscall(217, fd, buf, 4096), first)
                equal("listing", buf.raw[:first], wanted)
            equal("asked", daemon.count(opcode), asked)
            within(10, lambda: forgotten(daemon))


@test("READ of a background request is heard: readahead")
def readahead():
    with mounted(flags=1) as daemon:  # FUSE_ASYNC_READ
        before = policy.hear(fuse.READ)[1]
        with open(daemon.path("f"), "rb") as f:
            equal("read", len(f.read()), fuse.SIZE)
        within(5, lambda: policy.hear(fuse.READ)[1] > before)


def cached(daemon):
    """What statx() sees, which the policy knows the second time."""
    seen = statx(daemon.path("f"))
    asked = daemon.count(fuse.STATX)
    equal("statx again", statx(daemon.path("f")), seen)
    equal("STATX at the daemon", daemon.count(fuse.STATX), asked)
    return seen


@contextlib.contextmanager
def with_mdcache(*ttl):
    with mounted() as daemon:
        extfusectl("policy", "load", "mdcache")
        try:
            extfusectl("bind", daemon.at, "mdcache", "--replace", *ttl)
            os.statvfs(daemon.at)
            yield daemon
        finally:
            extfusectl("policy", "unload", "mdcache")


@test("mdcache keeps STATX, and what changes it is seen")
def statx_cache():
    with with_mdcache("--ttl", "3600") as daemon:
        equal("first", cached(daemon), (fuse.SIZE, fuse.BTIME, stat.S_IFREG | 0o666))
        os.chmod(daemon.path("f"), 0o600)
        equal("after chmod", cached(daemon)[2], stat.S_IFREG | 0o600)
        os.truncate(daemon.path("f"), 77)
        equal("after truncate", cached(daemon)[0], 77)
        with opened(daemon.path("f"), os.O_RDWR) as fd:
            os.pwrite(fd, b"four", 1000)
            equal("after write", cached(daemon)[0], 1004)
        # what the kernel cannot know
        daemon.btime = 99
        daemon.inval_inode(fuse.FILE)
        equal("after INVAL_INODE", cached(daemon)[1], 99)


@test("mdcache keeps no STATX that is older than a change")
def statx_race():
    with with_mdcache("--ttl", "3600") as daemon:
        statx(daemon.path("f"))

        def change():
            daemon.btime = 7
            daemon.inval_inode(fuse.FILE)

        daemon.inval_inode(fuse.FILE)
        daemon.before_reply[fuse.STATX] = change
        statx(daemon.path("f"))
        equal("the second", cached(daemon)[1], 7)


@test("mdcache keeps STATX as long as the daemon said, and no longer")
def statx_ttl():
    with with_mdcache() as daemon:
        for asked in (1, 2):
            statx(daemon.path("f"))
            equal("without validity", daemon.count(fuse.STATX), asked)
        daemon.valid = 1
        start = time.monotonic()
        statx(daemon.path("f"))
        daemon.btime = 8
        while time.monotonic() < start + 0.8:
            statx(daemon.path("f"))
        time.sleep(max(0, start + 1.2 - time.monotonic()))
        equal("after a second", statx(daemon.path("f"))[1], 8)


@contextlib.contextmanager
def block_device():
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        subprocess.run(["modprobe", "-q", "loop"], check=False)
        made = subprocess.run(["losetup", "--show", "-f", image.name], capture_output=True,
                              text=True, check=False)
        if made.returncode:
            raise Skip(f"no loop device: {made.stderr.strip()}")
        try:
            yield made.stdout.strip()
        finally:
            subprocess.run(["losetup", "-d", made.stdout.strip()], check=True)


def fibmap(fd):
    block = ctypes.c_int(0)
    if libc.ioctl(fd, 1, ctypes.byref(block)):
        raise OSError(ctypes.get_errno(), "FIBMAP")
    return block.value


@test("on a block device: BMAP, SYNCFS where the kernel sends it, and DESTROY, which passes")
def block():
    with block_device() as device:
        with mounted(device=device) as daemon:
            equal("BMAP", with_file(fibmap)(daemon), 77)
            policy.answer(fuse.BMAP, 0)
            equal("BMAP answered", with_file(fibmap)(daemon), 77)
            equal("bugs", stats(daemon)["BMAP"]["bugs"], 1)
            policy.answer(fuse.BMAP, -errno.EIO)
            equal("BMAP refused", with_file(fibmap)(daemon), 0)
            equal("BMAP at the daemon", daemon.count(fuse.BMAP), 2)
            with opened(daemon.path("f")) as fd:
                libc.syncfs(fd)
            if daemon.count(fuse.SYNCFS):
                before = policy.hear(fuse.SYNCFS)
                if not before[0] or not before[1]:
                    raise Wrong("SYNCFS is not heard")
                policy.answer(fuse.SYNCFS, -errno.EIO)
                with opened(daemon.path("f")) as fd:
                    if not libc.syncfs(fd):
                        raise Wrong("SYNCFS is not refused")
                equal("SYNCFS at the daemon", daemon.count(fuse.SYNCFS), 1)
                policy.leave(fuse.SYNCFS)
            else:
                ksft.print_msg("this kernel sends no SYNCFS")
        equal("DESTROY", daemon.count(fuse.DESTROY), 1)


def abort_all():
    for path in glob.glob("/sys/fs/fuse/connections/*/abort"):
        with open(path, "w", encoding="ascii") as f:
            f.write("1")


def run(description, function):
    watchdog = threading.Timer(60 * SLOWER, abort_all)
    watchdog.start()
    try:
        function()
        ksft.test_result_pass(description)
    except Skip as e:
        ksft.print_msg(e)
        ksft.test_result_skip(description)
    except Exception as e:  # pylint: disable=broad-except
        ksft.print_msg(f"{type(e).__name__}: {e}")
        if isinstance(e, subprocess.CalledProcessError):
            ksft.print_msg(e.stderr)
        ksft.test_result_fail(description)
    watchdog.cancel()
    sys.stdout.flush()


def main():
    global policy  # pylint: disable=global-statement
    ksft.print_header()
    if os.geteuid():
        ksft.print_msg("needs root")
        sys.exit(4)
    subprocess.run(["modprobe", "extfuse"], check=True)
    extfusectl("policy", "load", HERE + "/scripted_policy.bpf.o")
    chosen = [t for t in tests if len(sys.argv) < 2 or any(a in t[0] for a in sys.argv[1:])]
    ksft.set_plan(len(chosen))
    try:
        policy = Policy()
        for description, function in chosen:
            run(description, function)
    finally:
        extfusectl("policy", "unload", "scripted")
    ksft.finished()


main()
