#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Nothing that a policy remembers is shown once it is not true any more.

Each test has a daemon that says nothing about validity, and a binding that lets
the policy keep everything for an hour, unless it says otherwise: so the VFS asks
every time, and what it is told comes from the policy. Arguments: only the tests
whose descriptions contain one of them. POLICY=NAME: instead of mdcache.
"""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import struct
import threading
import time

from harness import (EXCHANGE, FOREVER, NOREPLACE, WHITEOUT, Mount, Skip, Task, Wrong, as_user,
                     drop_caches, expect, extfusectl, libc, linkat, main, outcome, put, rename2,
                     test, wait_until)

UID = 12345

# --- it does cache ---


@test("repeated questions do not reach the daemon")
def caches():
    with Mount(shared=False) as m:
        m.say("mkdir /d", "put /d/f text", "sym /d/l target", "setx /d/f user.here yes")
        questions = [
            (os.lstat, m("d/f")),
            (os.lstat, m("d")),
            (os.lstat, m("d/absent")),
            (os.lstat, m("d/l")),
            (os.readlink, m("d/l")),
            (os.getxattr, m("d/f"), "user.here"),
            (os.getxattr, m("d/f"), "user.absent"),
            (os.listxattr, m("d/f")),
            (os.access, m("d/f"), os.R_OK),
            (os.access, m("d/f"), os.X_OK),
            (os.statvfs, m()),
        ]
        for _ in range(2):
            for function, *args in questions:
                outcome(function, *args)
        for function, *args in questions:
            before = outcome(function, *args)
            m.costs_nothing(function, *args)
            if outcome(function, *args) != before:
                raise Wrong(f"{function.__name__} {args} changes")
        m.agree("d", "d/f", "d/l", "d/absent")


@test("a name that was just made does not reach the daemon again")
def caches_created():
    with Mount() as m:
        os.mkdir(m("d"))
        os.symlink("target", m("d/l"))
        m.agree("d", "d/l")
        m.costs_nothing(m.seen, "d/l")


# --- filling races with changing ---


def fill_race(change, refresh):
    """The reply to a GETATTR is old when it comes: @change happens meanwhile."""
    with Mount() as m:
        m.say("put /f text", "put /other text", "ln /f /g")
        m.seen("f")
        m.seen("g")
        fd = os.open(m("f"), os.O_RDWR)
        m.say("inval /f 0 0")
        task = m.held(0, "GETATTR", "late", os.fstat, fd)
        time.sleep(0.01)
        change(m, fd)
        if refresh:
            # Now kernel and policy have good attributes, which the old must not replace.
            os.fstat(fd)
        m.release(0, task)
        m.agree_open(fd, "f")
        m.agree("g")
        os.close(fd)


def remote(*commands):
    return lambda m, fd: m.say(*commands)


FILL_RACES = {
    "WRITE": lambda m, fd: os.pwrite(fd, b"four", 0),
    "WRITE that extends": lambda m, fd: os.pwrite(fd, b"longer", 2),
    "SETATTR of the mode": lambda m, fd: os.fchmod(fd, 0o600),
    "SETATTR of the size": lambda m, fd: os.ftruncate(fd, 4),
    "SETATTR of times": lambda m, fd: os.utime(fd, (1, 2)),
    "SETXATTR": lambda m, fd: os.setxattr(fd, "user.a", b"1"),
    "FALLOCATE": lambda m, fd: os.posix_fallocate(fd, 0, 4),
    "COPY_FILE_RANGE": lambda m, fd: copy_range(m("other"), fd),
    "LINK": lambda m, fd: os.link(m("f"), m("h")),
    "UNLINK": lambda m, fd: os.unlink(m("g")),
    "RENAME": lambda m, fd: os.rename(m("g"), m("h")),
    "RENAME over it": lambda m, fd: os.rename(m("other"), m("g")),
    "the daemon's INVAL_INODE": remote("put /f next", "inval /f 0 0"),
    "the daemon's INVAL_INODE of attributes alone": remote("mode /f 600", "inval /f -1 0"),
}


def copy_range(source, fd):
    source = os.open(source, os.O_RDONLY)
    os.copy_file_range(source, fd, 4, 0, 0)
    os.close(source)


for kind, how in FILL_RACES.items():
    test(f"attributes asked for before {kind} are not kept")(
        lambda how=how: [fill_race(how, refresh) for refresh in (True, False)])


def ask_meanwhile(function, *args):
    """Ask twice. The kernel may want to drop pages of which a WRITE is under way,
    and not return before that is over."""
    for _ in range(2):
        Task(function, *args).join(0.2)


@contextlib.contextmanager
def written_back(m, fd):
    """A mapped page whose WRITE is held: the task that waits for it. The kernel may
    write a dirty page when it likes, also between two tries of one store, which then
    waits too: so nothing here touches or unmaps the page while it keeps other threads
    from running."""
    with mmap.mmap(fd, 4096) as area:
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))

        def store():
            libc.memcpy(ctypes.c_void_p(address), b"four", 4)
            os.fsync(fd)

        m.say("hold 0 WRITE early")
        task = Task(store)
        try:
            m.say("held 0")
            yield task
        finally:
            m.release(0, task)


def change_race(opcode, when, change):
    """GETATTR while a change is under way: @when "early", not yet done, "late", done."""
    with Mount() as m:
        m.say("put /f text", "ln /f /g", "put /other text")
        m.seen("f")
        m.seen("g")
        fd = os.open(m("f"), os.O_RDWR)
        fd2 = os.open(m("f"), os.O_RDWR)
        os.fstat(fd2)
        task = m.held(0, opcode, when, change, m, fd)
        ask_meanwhile(os.fstat, fd2)
        m.release(0, task)
        m.agree_open(fd2, "f")
        os.close(fd)
        os.close(fd2)
        m.agree("f", "g")


CHANGE_RACES = {
    "WRITE": "WRITE", "SETATTR of the mode": "SETATTR", "SETATTR of times": "SETATTR",
    "SETATTR of the size": "SETATTR", "SETXATTR": "SETXATTR", "FALLOCATE": "FALLOCATE",
    "COPY_FILE_RANGE": "COPY_FILE_RANGE", "LINK": "LINK", "UNLINK": "UNLINK",
    "RENAME": "RENAME", "RENAME over it": "RENAME",
}
for kind, op in CHANGE_RACES.items():
    test(f"attributes asked for while {kind} is under way are not kept")(
        lambda op=op, how=FILL_RACES[kind]: [change_race(op, when, how)
                                             for when in ("early", "late")])


def lookup_race(change, *names):
    """The reply to a LOOKUP is old when it comes. It is one for a name that the
    kernel has, so nothing is locked."""
    with Mount() as m:
        m.say("put /f text", "put /other text", "mkdir /d")
        m.warm("f", "other", "d")
        m.say("inval /f -1 0")
        task = m.held(0, "LOOKUP", "late", os.lstat, m("f"), name="f")
        change(m)
        for name in names:
            m.seen(name)
        m.release(0, task)
        m.agree("f", "other", "", *names)


def chmod_open(m):
    fd = os.open(m("g"), os.O_RDWR)
    os.fchmod(fd, 0o600)
    os.fstat(fd)
    os.close(fd)


LOOKUP_RACES = {
    "UNLINK": (lambda m: os.unlink(m("f")),),
    "UNLINK and CREATE": (lambda m: (os.unlink(m("f")), put(m("f"), b"again")), "f"),
    "RENAME": (lambda m: os.rename(m("f"), m("d/g")), "d/g", "d"),
    "RENAME onto it": (lambda m: os.rename(m("other"), m("f")), "f"),
    "RENAME_EXCHANGE": (lambda m: rename2(m("other"), m("f"), EXCHANGE), "f"),
    "SETATTR": (lambda m: os.chmod(m("f"), 0o600), "f"),
    "LINK": (lambda m: os.link(m("f"), m("g")), "f", "g"),
    "LINK and SETATTR through it": (lambda m: (os.link(m("f"), m("g")), chmod_open(m)), "g"),
    "the daemon's RENAME": (lambda m: m.say("mv /other /f", "async entry / f",
                                          "async entry / other"), "other"),
}
for kind, (how, *also) in LOOKUP_RACES.items():
    test(f"a name asked for before {kind} is not kept")(
        lambda how=how, also=also: lookup_race(how, *also))


@test("absence asked for before the daemon made the name is not kept")
def negative_race():
    with Mount() as m:
        m.seen("")
        task = m.held(0, "LOOKUP", "late", outcome, os.lstat, m("f"))
        # The kernel's part of the notification waits for the directory's lock.
        m.say("put /f text", "async entry / f")
        time.sleep(0.2)
        m.release(0, task)
        m.agree("f")


@test("a value asked for before SETXATTR is not kept")
def xattr_race():
    with Mount() as m:
        m.say("put /f text", "setx /f user.a old")
        fd = os.open(m("f"), os.O_RDWR)
        for name, value in (("user.a", b"new"), ("user.b", b"new")):
            task = m.held(0, "GETXATTR", "late", outcome, os.getxattr, fd, name, name=name)
            os.setxattr(fd, name, value)
            expect(value, os.getxattr, fd, name)
            m.release(0, task)
            for _ in range(2):
                expect(value, os.getxattr, fd, name)
        task = m.held(0, "LISTXATTR", "late", os.listxattr, fd)
        os.setxattr(fd, "user.c", b"new")
        os.listxattr(fd)
        m.release(0, task)
        expect(["user.a", "user.b", "user.c"], lambda: sorted(os.listxattr(fd)))
        os.close(fd)


@test("a link's target asked for before it changed is not kept")
def readlink_race():
    with Mount() as m:
        m.say("sym /l old")
        m.seen("l")
        task = m.held(0, "READLINK", "late", os.readlink, m("l"))
        m.say("retarget /l new", "inval /l 0 0")
        expect("new", os.readlink, m("l"))
        m.release(0, task)
        for _ in range(2):
            expect("new", os.readlink, m("l"))


@test("an access check asked for before SETATTR is not kept")
def access_race():
    with Mount(shared=False) as m:
        m.say("checks 1", "put /f text")
        check = lambda: os.access(m("f"), os.W_OK, effective_ids=True)  # noqa: E731
        as_user(UID, m.seen, "f")
        task = m.held(0, "ACCESS", "late", as_user, UID, check)
        os.chmod(m("f"), 0o666)
        expect(True, as_user, UID, check)
        m.release(0, task)
        for _ in range(2):
            expect(True, as_user, UID, check)
        os.chmod(m("f"), 0o644)
        expect(False, as_user, UID, check)


@test("statfs asked for before a change is not kept")
def statfs_race():
    with Mount() as m:
        task = m.held(0, "STATFS", "late", os.statvfs, m())
        m.say("blocks 500")
        put(m("f"))
        expect(500, lambda: os.statvfs(m()).f_bfree)
        m.release(0, task)
        for _ in range(2):
            expect(500, lambda: os.statvfs(m()).f_bfree)


# --- names that come and go ---


def tmpfile_and_link(m, name):
    fd = os.open(m("d"), os.O_TMPFILE | os.O_RDWR)
    os.write(fd, b"hidden")
    linkat(f"/proc/self/fd/{fd}", m(name))
    os.close(fd)


APPEARS = {
    "open with O_CREAT": lambda m, name: put(m(name)),
    "open with O_CREAT and O_EXCL": lambda m, name: put(m(name), flags=os.O_CREAT | os.O_EXCL),
    "mkdir": lambda m, name: os.mkdir(m(name)),
    "mknod": lambda m, name: os.mknod(m(name), 0o10600),
    "symlink": lambda m, name: os.symlink("target", m(name)),
    "link": lambda m, name: os.link(m("other"), m(name)),
    "rename": lambda m, name: os.rename(m("other"), m(name)),
    "rename of a directory": lambda m, name: os.rename(m("e"), m(name)),
    "O_TMPFILE and linkat": tmpfile_and_link,
}


def appears(how, **validity):
    with Mount(**validity) as m:
        m.say("mkdir /d", "mkdir /e", "put /other text", "inval / 0 0")
        m.warm("d", "e", "other", "", "d/n")
        how(m, "d/n")
        if m.truth("d/n") is None:
            raise Wrong("the daemon has no such name")
        m.agree("d/n", "d", "e", "other", "")


for kind, how in APPEARS.items():
    test(f"a name known to be absent appears by {kind}")(
        lambda how=how: [appears(how),
                         appears(how, ttl=None, entry=FOREVER, attr=FOREVER, negative=FOREVER)])


@test("a name goes by unlink, rmdir and rename, and its directory changes")
def goes():
    with Mount() as m:
        m.say("mkdir /d", "put /d/f text", "mkdir /d/e", "put /d/g text", "ln /d/f /h")
        m.warm("d", "d/f", "d/e", "d/g", "h", "")
        os.unlink(m("d/f"))
        m.agree("d", "d/f", "h")
        os.rmdir(m("d/e"))
        m.agree("d", "d/e")
        os.rename(m("d/g"), m("g"))
        m.agree("d", "d/g", "g", "")


def rename_over(flags, setup, old, new, wanted=None):
    with Mount() as m:
        m.say("mkdir /a", "mkdir /b", *setup)
        names = ["", "a", "b", "x-link", "y-link", old, new]
        m.warm(*names)
        expect(wanted, rename2, m(old), m(new), flags)
        m.agree(*names)


FILES = ("put /a/x text", "put /b/y longer", "ln /a/x /x-link", "ln /b/y /y-link")


@test("rename across directories onto a name: both names, both directories, both inodes")
def rename_onto():
    rename_over(0, FILES, "a/x", "b/y")


@test("rename across directories to a new name")
def rename_away():
    rename_over(0, FILES, "a/x", "b/new")


@test("rename of a directory across directories, onto an empty one")
def rename_directory():
    rename_over(0, ("mkdir /a/x", "mkdir /b/y"), "a/x", "b/y")
    rename_over(0, ("mkdir /a/x", "put /a/x/f text"), "a/x", "b/y")


@test("RENAME_EXCHANGE: both names, both directories, both inodes")
def rename_exchange():
    rename_over(EXCHANGE, FILES, "a/x", "b/y")
    rename_over(EXCHANGE, ("mkdir /a/x", "put /b/y text", "ln /b/y /y-link"), "a/x", "b/y")


@test("a rename that fails changes nothing that is seen")
def rename_fails():
    rename_over(NOREPLACE, FILES, "a/x", "b/y", "EEXIST")
    rename_over(WHITEOUT, FILES, "a/x", "b/y", "EINVAL")


@test("names that the policy does not know are renamed and removed")
def unknown_names():
    with Mount() as m:
        m.say("mkdir /a", "mkdir /b", *FILES)
        m.warm("x-link", "y-link", "")
        # The kernel asks for these names with RENAME and UNLINK to come.
        os.rename(m("a/x"), m("b/y"))
        m.agree("x-link", "y-link")
        os.unlink(m("b/y"))
        m.agree("x-link", "y-link", "a", "b")


@test("names that only a listing told of go: nothing else is void")
def listed_names():
    with Mount(entry=FOREVER) as m:
        m.say("mkdir /d", "mkdir /d/e", "put /other text")
        links = [name + "-link" for name in "fgh"]
        m.say(*(f"put /d/{name} text" for name in "fgh"),
              *(f"ln /d/{name} /{name}-link" for name in "fgh"))
        m.warm("other", *links)
        os.listdir(m("d"))
        # it always asks for the name that is to be renamed to
        for lookups, change in ((0, lambda: os.unlink(m("d/f"))),
                                (1, lambda: os.rename(m("d/g"), m("d/h"))),
                                (0, lambda: os.rmdir(m("d/e")))):
            if m.asked(change).get("LOOKUP", 0) != lookups:
                raise Wrong("the kernel did not know the name")
            m.costs_nothing(os.lstat, m("other"))
            m.agree("d/f", "d/g", "d/h", "d/e", *links)


def invalidated(held, name, change):
    """The daemon makes n another link of b, and sees to it that this is known, while n is
    about to go, or to be renamed."""
    with Mount(entry=FOREVER) as m:
        m.say("put /n text", "put /b text", "mkdir /d")
        m.warm("n", "d", "")
        fd = os.open(m("b"), os.O_RDONLY)
        task = m.held(0, held, "early", change, m, name=name)
        m.say("rm /n", "ln /b /n", "inval /b 0 0")
        m.kept(os.fstat, fd)
        m.say("async entry / n")
        time.sleep(0.2)
        m.release(0, task)
        m.agree_open(fd, "b")
        m.agree("n")
        os.close(fd)


@test("a name that the daemon invalidates while it is removed")
def name_invalidated():
    invalidated("UNLINK", "n", lambda m: os.unlink(m("n")))


@test("a name that the daemon invalidates just before it is renamed")
def name_invalidated_before():
    # the kernel asks for the new name first, with both directories locked
    invalidated("LOOKUP", "new", lambda m: os.rename(m("n"), m("d/new")))


@test("a file renamed twice, then unlinked: the other link's count")
def rename_twice():
    with Mount() as m:
        m.say("mkdir /a", "mkdir /b", *FILES)
        m.warm("x-link", "y-link", "a/x", "b/y", "a", "b")
        os.rename(m("a/x"), m("b/new"))
        os.rename(m("b/new"), m("b/y"))
        m.agree("x-link", "y-link", "b/y", "b/new", "a/x")
        os.unlink(m("b/y"))
        m.agree("x-link", "y-link", "b/y")


@test("link, then unlink of the other name: count and change time")
def hard_links():
    with Mount() as m:
        m.say("put /f text", "mkdir /d")
        m.warm("f", "d", "d/g", "")
        os.link(m("f"), m("d/g"))
        m.agree("f", "d/g", "d")
        os.unlink(m("f"))
        m.agree("f", "d/g", "d", "")
        os.link(m("d/g"), m("f"))
        os.unlink(m("d/g"))
        m.agree("f", "d/g", "d", "")


@test("count of an open file whose last name goes")
def unlinked_open():
    with Mount() as m:
        put(m("f"))
        fd = os.open(m("f"), os.O_RDONLY)
        os.fstat(fd)
        os.unlink(m("f"))
        expect(0, lambda: os.fstat(fd).st_nlink)
        put(m("f"), b"another")
        m.agree("f")
        expect(4, lambda: os.fstat(fd).st_size)
        os.close(fd)


# --- data ---


def mapped_write(m, fd):
    with mmap.mmap(fd, 4096) as area:
        area[10:14] = b"four"
        area.flush()


def direct_write(m, fd):
    direct = os.open(m("f"), os.O_RDWR | os.O_DIRECT)
    with mmap.mmap(-1, 8192) as area:
        area[:4] = b"four"
        os.pwrite(direct, area, 4096)
    os.close(direct)


def copy_to(m, fd):
    source = os.open(m("source"), os.O_RDONLY)
    os.copy_file_range(source, fd, 1000, 0, 4000)
    os.close(source)


def two_writes(m, fd):
    os.pwrite(fd, b"one", 4096)
    os.pwrite(fd, b"two", 8192)


def read_and_write(m, fd):
    os.pread(fd, 100, 0)
    os.pwrite(fd, b"one", 4096)
    os.pread(fd, 5000, 0)


def shrink_and_grow(m, fd):
    os.ftruncate(fd, 10)
    os.pwrite(fd, b"x", 4095)


DATA = {
    "write": lambda m, fd: os.pwrite(fd, b"here", 5000),
    "write that keeps the size": lambda m, fd: os.pwrite(fd, b"here", 0),
    "two writes": two_writes,
    "read and write": read_and_write,
    "open with O_TRUNC": lambda m, fd: os.close(os.open(m("f"), os.O_RDWR | os.O_TRUNC)),
    "open with O_CREAT and O_TRUNC":
        lambda m, fd: os.close(os.open(m("f"), os.O_RDWR | os.O_TRUNC | os.O_CREAT)),
    "ftruncate": lambda m, fd: os.ftruncate(fd, 17),
    "truncate": lambda m, fd: os.truncate(m("f"), 9999),
    "truncate and write": shrink_and_grow,
    "fallocate": lambda m, fd: os.posix_fallocate(fd, 4096, 4096),
    "copy_file_range": copy_to,
    "mapped write and msync": mapped_write,
    "O_DIRECT write": direct_write,
}


def agree_but_times(m, name):
    for _ in range(2):
        m.compare(name, m.truth(name)._replace(mtime=0, ctime=0),
                  m.seen(name)._replace(mtime=0, ctime=0))


def data_change(how, *options):
    with Mount(*options) as m:
        put(m("f"), b"x" * 4096)
        put(m("source"), b"y" * 4096)
        fd = os.open(m("f"), os.O_RDWR)
        if not options:
            m.warm("f", "source")
            m.kept(os.fstat, fd)
        how(m, fd)
        if not options:
            m.agree_open(fd, "f")
            m.agree("f", "source")
        os.fsync(fd)
        os.close(fd)
        if options:
            # With write-back the kernel has times of its own.
            agree_but_times(m, "f")
        else:
            m.agree("f")


for kind, how in DATA.items():
    test(f"attributes after {kind}")(lambda how=how: data_change(how))


@test("attributes after all of these, with write-back caching")
def data_writeback():
    for kind, how in DATA.items():
        try:
            data_change(how, "--writeback")
        except Wrong as e:
            raise Wrong(f"{kind}: {e}") from e


@test("attributes while a mapped write and another write are under way")
def overlapping_writes():
    with Mount() as m:
        put(m("f"), b"x" * 16384)
        fd = os.open(m("f"), os.O_RDWR)
        with written_back(m, fd) as task:
            other = Task(os.pwrite, fd, b"here", 8192)
            other.join(0.2)
            ask_meanwhile(os.fstat, fd)
            m.release(0, task)
            other.get()
        m.agree_open(fd, "f")
        os.close(fd)
        m.agree("f")


def size_never_shrinks(write, seconds, *options):
    with Mount(*options) as m:
        put(m("f"), b"")
        fd = os.open(m("f"), os.O_RDWR)
        stop = threading.Event()

        def watch():
            last = 0
            while not stop.is_set():
                for size in (os.stat(m("f")).st_size, os.fstat(fd).st_size):
                    if size < last:
                        raise Wrong(f"size {last}, then {size}")
                    last = size
            return last

        tasks = [Task(watch) for _ in range(2)]
        end = time.monotonic() + seconds
        size = 0
        while time.monotonic() < end:
            size += write(fd, size)
        stop.set()
        for task in tasks:
            task.get()
        os.fsync(fd)
        expect(size, lambda: os.fstat(fd).st_size)
        os.close(fd)
        agree_but_times(m, "f")


@test("while a file grows by write, its size never goes back")
def growing_by_write():
    size_never_shrinks(lambda fd, off: os.pwrite(fd, b"x" * 100, off), 2)
    size_never_shrinks(lambda fd, off: os.pwrite(fd, b"x" * 100, off), 1, "--writeback")


@test("while a file grows by ftruncate and fallocate, its size never goes back")
def growing_by_truncate():
    def grow(fd, off):
        os.ftruncate(fd, off + 100)
        os.posix_fallocate(fd, off + 100, 100)
        return 200

    size_never_shrinks(grow, 2)


# --- attributes and extended attributes ---


@test("attributes after chmod, chown and utimens")
def set_attributes():
    with Mount() as m:
        m.say("put /f text", "ln /f /g", "mkdir /d")
        m.warm("f", "g", "d")
        for change in (lambda p: os.chmod(p, 0o700), lambda p: os.chown(p, UID, UID + 1),
                       lambda p: os.utime(p, (1, 2)), os.utime):
            change(m("f"))
            m.agree("f", "g")
            change(m("d"))
            m.agree("d")


@test("extended attributes after setxattr and removexattr")
def xattrs():
    with Mount() as m:
        m.say("put /f text", "put /g text", "setx /f user.a old")

        def warm():
            for _ in range(2):
                for name in ("user.a", "user.b"):
                    outcome(os.getxattr, m("f"), name)
                os.listxattr(m("f"))
            m.costs_nothing(os.getxattr, m("f"), "user.a")
            m.costs_nothing(os.getxattr, m("f"), "user.b")
            m.costs_nothing(os.listxattr, m("f"))

        warm()
        expect(b"old", os.getxattr, m("f"), "user.a")
        expect("ENODATA", os.getxattr, m("f"), "user.b")
        expect(["user.a"], os.listxattr, m("f"))
        os.setxattr(m("f"), "user.a", b"new")
        os.setxattr(m("f"), "user.b", b"too")
        for _ in range(2):
            expect(b"new", os.getxattr, m("f"), "user.a")
            expect(b"too", os.getxattr, m("f"), "user.b")
            expect(["user.a", "user.b"], lambda: sorted(os.listxattr(m("f"))))
        m.agree("f")
        warm()
        os.removexattr(m("f"), "user.a")
        for _ in range(2):
            expect("ENODATA", os.getxattr, m("f"), "user.a")
            expect(["user.b"], os.listxattr, m("f"))
        os.removexattr(m("f"), "user.b")
        for _ in range(2):
            expect("ENODATA", os.getxattr, m("f"), "user.b")
            expect([], os.listxattr, m("f"))
        m.agree("f")


@test("extended attributes of any size, into buffers of any size")
def xattr_sizes():
    with Mount() as m:
        put(m("f"))
        for length in (0, 1, 200, 208, 209, 1000):
            value = bytes(i % 251 for i in range(length))
            os.setxattr(m("f"), "user.a", value)
            for _ in range(3):
                expect(value, os.getxattr, m("f"), "user.a")


CAPS = "security.capability"


def caps_value(bits):
    return struct.pack("<5I", 0x02000000, bits, 0, 0, 0)


@test("writing asks for security.capability once: not again while none is set")
def caps_once():
    for validity in ({}, {"ttl": None, "entry": FOREVER, "attr": FOREVER}):
        with Mount(**validity) as m:
            fds = []
            for i in range(5):
                m.say(f"put /f{i} text")
                m.seen(f"f{i}")
                fds.append(os.open(m(f"f{i}"), os.O_RDWR))
            first = m.asked(lambda: [os.pwrite(fd, b"four", 0) for fd in fds])
            if not first.get("GETXATTR"):
                raise Skip("this kernel does not ask")

            def write():
                for fd in fds:
                    for off in range(20):
                        os.pwrite(fd, b"more", off)
                    os.fstat(fd)
                    os.posix_fallocate(fd, 0, 100)
                    os.ftruncate(fd, 50)
                    os.utime(fd, (1, 2))
                    os.fsync(fd)

            asked = m.asked(write)
            if asked.get("GETXATTR") or asked.get("WRITE") != 100:
                raise Wrong(f"asked {asked}")
            m.agree(*(f"f{i}" for i in range(5)))
            for fd in fds:
                os.close(fd)


@test("security.capability is there once it is set, whoever does, and goes with a write")
def caps_appear():
    def remote(m, fd):
        m.say("setx /f security.capability remote", "inval /f -1 0")

    def local(m, fd):
        os.setxattr(fd, CAPS, caps_value(1))

    for change in (local, remote):
        with Mount() as m:
            m.say("put /f text")
            fd = os.open(m("f"), os.O_RDWR)
            for _ in range(2):
                os.pwrite(fd, b"four", 0)
            change(m, fd)
            before = m.counts()["REMOVEXATTR"]
            # the kernel finds it, and takes it away before it writes
            os.pwrite(fd, b"four", 0)
            expect(before + 1, lambda: m.counts()["REMOVEXATTR"])
            expect("ENODATA", os.getxattr, fd, CAPS)
            m.costs_nothing(os.getxattr, fd, CAPS)
            change(m, fd)
            if change is local:
                for _ in range(2):
                    expect(caps_value(1), os.getxattr, fd, CAPS)
            os.close(fd)


@test("absence of security.capability is asked for again when a name of the file has gone")
def caps_name_gone():
    for change in (lambda m: os.unlink(m("f")), lambda m: os.rename(m("f"), m("new")),
                   lambda m: os.rename(m("g"), m("f"))):
        for opcode, goes in (("UNLINK", lambda m: os.unlink(m("link"))),
                             ("RENAME", lambda m: os.rename(m("link"), m("other")))):
            with Mount() as m:
                m.say("put /f text", "put /g text", "ln /f /link")
                fd = os.open(m("f"), os.O_RDONLY)
                m.kept(os.getxattr, fd, CAPS)
                change(m)
                m.costs(os.getxattr, fd, CAPS)
                m.kept(os.getxattr, fd, CAPS)
                # asked for while it goes
                task = m.held(0, opcode, "early", goes, m)
                outcome(os.getxattr, fd, CAPS)
                m.release(0, task)
                m.costs(os.getxattr, fd, CAPS)
                os.close(fd)


@test("absence of security.capability asked for before it was set is not kept")
def caps_race():
    with Mount() as m:
        m.say("put /f text")
        fd = os.open(m("f"), os.O_RDWR)
        for when in ("early", "late"):
            task = m.held(0, "GETXATTR", "late", outcome, os.getxattr, fd, CAPS, name=CAPS)
            os.setxattr(fd, CAPS, caps_value(2))
            m.release(0, task)
            for _ in range(2):
                expect(caps_value(2), os.getxattr, fd, CAPS)
            os.removexattr(fd, CAPS)
            # asked for while it is being set
            task = m.held(0, "SETXATTR", when, os.setxattr, fd, CAPS, caps_value(2), name=CAPS)
            for _ in range(2):
                Task(outcome, os.getxattr, fd, CAPS).get()
            m.release(0, task)
            for _ in range(2):
                expect(caps_value(2), os.getxattr, fd, CAPS)
            os.removexattr(fd, CAPS)
        os.close(fd)


@test("absence of security.capability is of one inode, not of the next with its nodeid")
def caps_reused():
    with Mount() as m:
        m.say("mkdir /d", "put /d/old text", "reuse 2")
        m.warm("d", "d/old")
        put(m("d/old"), flags=0)
        node = m.say("id /d/old")
        # keeps the directory
        fd = os.open(m("d"), os.O_RDONLY)
        m.evict("d/old")
        m.say("put /d/new longer", "setx /d/new security.capability there")
        m.seen("d/new")
        if m.say("id /d/new") != node:
            raise Wrong("the nodeid was not used again")
        before = m.counts()["REMOVEXATTR"]
        put(m("d/new"), flags=0)
        expect(before + 1, lambda: m.counts()["REMOVEXATTR"])
        os.close(fd)


@test("an attribute that the daemon changes with a write")
def xattr_of_data():
    with Mount() as m:
        m.say("put /f text", "setx /f user.sum old")
        fd = os.open(m("f"), os.O_RDWR)
        for name, wanted in (("user.sum", b"old"), ("user.new", "ENODATA")):
            for _ in range(2):
                expect(wanted, os.getxattr, fd, name)
            m.costs_nothing(os.getxattr, fd, name)
        task = m.held(0, "WRITE", "early", os.pwrite, fd, b"four", 0)
        m.say("setx /f user.sum new", "setx /f user.new new")
        m.release(0, task)
        for name in ("user.sum", "user.new"):
            for _ in range(2):
                expect(b"new", os.getxattr, fd, name)
        os.close(fd)


# --- closing ---


@test("closing what was open for writing shows what the daemon did then")
def close_written():
    with Mount() as m:
        m.say("put /f text")
        # no handles, the same for all, one for each
        for handles in ("0 0", "7 0", "8 1"):
            m.say(f"handles {handles}")
            for order in ((os.O_RDONLY, os.O_RDWR), (os.O_WRONLY, os.O_RDONLY)):
                fds = {flags: os.open(m("f"), flags) for flags in order}
                reader = fds.pop(os.O_RDONLY)
                writer = fds.popitem()[1]
                m.kept(m.seen, "f")
                task = m.held(0, "FLUSH", "early", os.close, writer)
                m.say("touch /f")
                m.release(0, task)
                m.agree("f")
                os.close(reader)


@test("closing what was only read leaves what is known of it")
def close_read():
    with Mount() as m:
        m.say("put /f text", "handles 7 1")
        for _ in range(2):
            fd = os.open(m("f"), os.O_RDONLY)
            os.read(fd, 10)
            m.kept(m.seen, "f")
            before = m.counts()["RELEASE"]
            os.close(fd)
            wait_until("released", lambda n=before: m.counts()["RELEASE"] > n)
            m.costs_nothing(m.seen, "f")


# --- statfs ---


@test("statfs after changes")
def statfs():
    with Mount() as m:
        m.say("put /f text")
        blocks = 1000
        for change in (lambda: os.truncate(m("f"), 100), lambda: put(m("g")),
                       lambda: os.unlink(m("g")), lambda: os.mkdir(m("d")),
                       lambda: os.rmdir(m("d")), lambda: os.rename(m("f"), m("h")),
                       lambda: os.setxattr(m("h"), "user.a", b"1"),
                       lambda: m.say("inval /h 0 0")):
            m.kept(os.statvfs, m())
            blocks -= 1
            m.say(f"blocks {blocks}")
            change()
            for _ in range(2):
                expect(blocks, lambda: os.statvfs(m()).f_bfree)


# --- validity ---


@test("with a validity of 0 nothing is cached")
def ttl_zero():
    with Mount(ttl=None) as m:
        m.say("put /f text", "sym /l target", "setx /f user.a 1")
        for function, *args in ((os.lstat, m("f")), (os.lstat, m("absent")),
                                (os.getxattr, m("f"), "user.a"), (os.listxattr, m("f")),
                                (os.readlink, m("l")), (os.statvfs, m())):
            for _ in range(3):
                m.costs(function, *args)
        m.say("put /f longer")
        m.agree("f")


@test("with a validity of 0 for names, attributes are cached, and the other way round")
def ttl_zero_half():
    with Mount(ttl=None, entry=0, attr=FOREVER) as m:
        m.say("put /f text")
        m.seen("f")
        m.say("rm /f")
        m.agree("f")
    with Mount(ttl=None, entry=FOREVER, attr=0) as m:
        m.say("put /f text")
        m.seen("f")
        m.say("put /f longer")
        m.agree("f")


@test("a longer validity given at bind holds, and ends although it is used")
def ttl_extended():
    with Mount(ttl=3) as m:
        m.say("put /f text")
        m.seen("f")
        m.seen("absent")
        start = time.monotonic()
        m.say("touch /f", "put /absent text")
        before = m.counts()
        while time.monotonic() < start + 1.5:
            m.seen("f")
            m.seen("absent")
        if m.counts() != before:
            raise Wrong("not cached")
        while time.monotonic() < start + 3.1:
            m.seen("f")
            m.seen("absent")
        m.agree("f", "absent")


def ttl_absolute(name, change, wait, seconds=3):
    """The VFS keeps asking, because it is made to forget its names: it must never
    be told more than what is left."""
    with Mount(ttl=None, entry=seconds, attr=seconds, negative=seconds) as m:
        m.say("put /f text", "ln /f /g")
        # keeps the inode, while its name /f goes
        fd = os.open(m("g"), os.O_RDONLY)
        m.say("inval /f -1 0")
        start = time.monotonic()
        m.seen(name)
        end = time.monotonic() + seconds
        m.say(*change)
        answered = 0
        while time.monotonic() < start + seconds - 0.3:
            drop_caches()
            before = m.counts()
            m.seen(name)
            after = m.counts()
            answered += before["LOOKUP"] == after["LOOKUP"]
            time.sleep(wait)
        if not answered:
            raise Wrong("nothing was cached")
        time.sleep(max(0, end + 0.1 - time.monotonic()))
        m.agree(name)
        os.close(fd)


@test("times of a daemon that the kernel has to cut are not kept, and not held against mdcache")
def cut_times():
    with Mount() as m:
        m.say("put /f text", "nsec /f 1000000000")
        for _ in range(4):
            if os.lstat(m("f")).st_mtime_ns % 10 ** 9 != 999999999:
                raise Wrong("not cut")
        stats = json.loads(extfusectl("stats", m.at, "--json"))
        if any(op["bugs"] for conn in stats for op in conn["ops"]):
            raise Wrong("counted as mistakes of the policy")


@test("with a shorter validity than before nothing is left of the longer one")
def ttl_shorter():
    for ttl in (None, 0.001):
        with Mount() as m:
            m.say("put /f text", "handles 1 1")
            m.warm("f", "absent")
            settle(m, text, m("f"))
            m.bind(ttl, "--replace")
            m.say("put /f another", "put /absent text")
            time.sleep(0.01)
            m.agree("f", "absent")
            expect("another", text, m("f"))


@test("a link's target is kept as long as the daemon lets attributes be kept")
def ttl_link_target():
    with Mount(ttl=None, entry=FOREVER, attr=FOREVER) as m:
        m.say("sym /l target")
        for _ in range(2):
            expect("target", os.readlink, m("l"))
        m.costs_nothing(os.readlink, m("l"))


@test("a name is kept for what is left of the daemon's validity")
def ttl_absolute_name():
    ttl_absolute("f", ("touch /f",), 0.05)


@test("absence is kept for what is left of the daemon's validity")
def ttl_absolute_absent():
    ttl_absolute("absent", ("put /absent text",), 0.05)


@test("extended attributes are kept no longer than attributes")
def ttl_xattr():
    with Mount(ttl=None, entry=1, attr=1) as m:
        m.say("put /f text", "setx /f user.a old", "sym /l old")
        expect(b"old", os.getxattr, m("f"), "user.a")
        expect("old", os.readlink, m("l"))
        start = time.monotonic()
        m.say("setx /f user.a new", "retarget /l new")
        while time.monotonic() < start + 0.9:
            outcome(os.getxattr, m("f"), "user.a")
            os.readlink(m("l"))
        time.sleep(max(0, start + 1.1 - time.monotonic()))
        expect(b"new", os.getxattr, m("f"), "user.a")
        expect("new", os.readlink, m("l"))


# --- data and listings ---


def fetched(m, function, *args):
    """Requests for data or listings that a call cost the daemon."""
    asked = m.asked(function, *args)
    return sum(asked.get(opcode, 0) for opcode in ("READ", "READDIR", "READDIRPLUS"))


def settle(m, function, *args):
    """Until the daemon is not asked for data any more."""
    wait_until("kept", lambda: not fetched(m, function, *args), 5)


def text(path):
    with open(path, encoding="ascii") as f:
        return f.read()


@test("with a longer validity given at bind, data and listings stay from open to open")
def pages_kept():
    for options in ({}, {"shared": False, "others": False}):
        with Mount(**options) as m:
            m.say("handles 1 1", "put /f one", "mkdir /d", "put /d/x text")
            settle(m, text, m("f"))
            settle(m, os.listdir, m("d"))
            expect("one", text, m("f"))
            expect(["x"], os.listdir, m("d"))
            for what in (lambda: text(m("f")), lambda: os.listdir(m("d"))):
                if fetched(m, what):
                    raise Wrong("not kept")


@test("without one, for daemons that do not number handles or check permissions, they do not")
def pages_dropped():
    for options, handles in (({"ttl": None, "entry": FOREVER, "attr": FOREVER}, "handles 1 1"),
                             ({}, "handles 0 0"), ({"shared": False}, "handles 1 1")):
        with Mount(**options) as m:
            m.say(handles, "put /f one", "mkdir /d")
            for _ in range(4):
                for what in (lambda: text(m("f")), lambda: os.listdir(m("d"))):
                    if not fetched(m, what):
                        raise Wrong(f"{handles}: kept")


@test("data and listings that stay are those after each change, and each notification")
def pages_changed():
    with Mount() as m:
        m.say("handles 1 1", "put /f 000", "mkdir /d", "put /d/x text")
        for n, change in enumerate((
                lambda t: put(m("f"), t.encode()),
                lambda t: put(m("f"), t.encode(), os.O_TRUNC),
                lambda t: m.say(f"put /f {t}", "inval /f 0 0"),
                lambda t: m.say(f"put /f {t}", "inval /f -1 0")), 1):
            settle(m, text, m("f"))
            change(f"{n:03}")
            expect(f"{n:03}", text, m("f"))
        for change, names in ((lambda: put(m("d/y")), ["x", "y"]),
                              (lambda: os.unlink(m("d/x")), ["y"]),
                              (lambda: m.say("put /d/z text", "inval /d 0 0"), ["y", "z"]),
                              (lambda: m.say("put /d/a text", "entry /d a"), ["a", "y", "z"]),
                              (lambda: os.rename(m("d/a"), m("b")), ["y", "z"])):
            settle(m, os.listdir, m("d"))
            outcome(os.lstat, m("d/a"))  # of no other name is the kernel told
            change()
            expect(names, lambda: sorted(os.listdir(m("d"))))


@test("they stay no longer than the validity, although they are used")
def pages_expire():
    with Mount(ttl=1.5) as m:
        m.say("handles 1 1", "put /f one", "mkdir /d")
        settle(m, text, m("f"))
        settle(m, os.listdir, m("d"))
        m.say("put /f two", "put /d/x text")
        end = time.monotonic() + 1.6
        while time.monotonic() < end:
            text(m("f"))
            os.listdir(m("d"))
        expect("two", text, m("f"))
        expect(["x"], os.listdir, m("d"))


@test("what an open is to drop is not kept by another before that has ended")
def pages_of_two_opens():
    with Mount() as m:
        m.say("handles 1 1", "put /f one", "mkdir /d")
        for path, opened, look, change, wanted in (
                (m("f"), os.O_RDONLY, text, "put /f two", "two"),
                (m("d"), os.O_RDONLY | os.O_DIRECTORY, os.listdir, "put /d/x text", ["x"])):
            fd = os.open(path, opened)
            m.say(change)
            expect(wanted, look, path)
            os.close(fd)


@test("what an ioctl() opens drops nothing, so that it does not make them younger")
def pages_of_ioctl():
    with Mount() as m:
        m.say("handles 1 1", "put /f one")
        fd = os.open(m("f"), os.O_RDONLY)
        for _ in range(2):  # the second is answered
            expect("ENOTTY", get_flags, fd)
        settle(m, text, m("f"))
        m.say("put /f two")
        os.mkdir(m("other"))  # what was kept does not count any more
        expect("ENOTTY", get_flags, fd)
        expect("two", text, m("f"))
        os.close(fd)


def get_flags(fd):
    return fcntl.ioctl(fd, 0x80086601, bytes(8))  # FS_IOC_GETFLAGS


@test("a directory that stays open is not listed from pages for good")
def pages_of_open_directory():
    with Mount("--no-auto-inval") as m:
        m.say("handles 1 1", "mkdir /d", "put /d/x text")
        fd = os.open(m("d"), os.O_RDONLY | os.O_DIRECTORY)
        for wanted in (False, True):
            for _ in range(2):
                expect(wanted, lambda: b"appears" in raw_listing(fd))
            m.say("put /d/appears text", "inval /d -1 0")
        os.close(fd)


def raw_listing(fd):
    """From the beginning, without the fstat() of fdopendir(), after which it is not cached."""
    buf, size, found = ctypes.create_string_buffer(4096), 1, b""
    os.lseek(fd, 0, os.SEEK_SET)
    while size > 0:
        size = libc.syscall(ctypes.c_long(217), fd, buf, 4096)  # getdents64
        found += buf.raw[:max(size, 0)]
    return found


# --- the daemon's notifications ---


@test("INVAL_INODE: seen when the daemon's call returns")
def notify_inode():
    with Mount() as m:
        m.say("mkdir /d", "put /d/f text", "setx /d/f user.a old", "sym /l old")
        m.warm("d/f", "l")
        for i in range(5):
            for _ in range(2):
                os.getxattr(m("d/f"), "user.a")
                os.readlink(m("l"))
            m.costs_nothing(os.getxattr, m("d/f"), "user.a")
            m.costs_nothing(os.readlink, m("l"))
            m.say(f"put /d/f text{'x' * i}", f"setx /d/f user.a {i}", f"mode /d/f 64{i}",
                  "inval /d/f 0 0", f"retarget /l {i}", "inval /l -1 0")
            expect(str(i).encode(), os.getxattr, m("d/f"), "user.a")
            expect(str(i), os.readlink, m("l"))
            m.agree("d/f", "l")


@test("INVAL_ENTRY: seen when the daemon's call returns")
def notify_entry():
    with Mount() as m:
        m.say("mkdir /d", "put /d/f text", "put /d/g longer")
        m.warm("d", "d/f", "d/g", "d/new")
        m.say("put /d/new text", "entry /d new")
        m.agree("d/new", "d")
        m.say("mv /d/g /d/f", "entry /d g", "entry /d f")
        m.agree("d/f", "d/g", "d")
        m.say("rm /d/f", "entry /d f")
        m.agree("d/f", "d")


@test("INVAL_ENTRY that only expires the name")
def notify_expire():
    with Mount() as m:
        m.say("put /f text", "put /g longer")
        m.warm("f", "g")
        m.say("mv /g /f", "expire / f", "expire / g")
        m.agree("f", "g")


@test("DELETE: seen when the daemon's call returns, and so is the link's count")
def notify_delete():
    with Mount() as m:
        m.say("mkdir /d", "put /d/f text", "ln /d/f /g")
        m.warm("d", "d/f", "g")
        node = m.say("id /d/f")
        m.say("rm /d/f", f"delete /d f {node}")
        m.agree("d/f", "d", "g")


@test("STORE: a new size is seen when the daemon's call returns")
def notify_store():
    with Mount() as m:
        m.say("put /f text")
        m.warm("f")
        with open(m("f"), "rb") as f:
            f.read()
            m.say("put /f textandmore", "store /f 4 andmore")
            m.agree("f")
            f.seek(0)
            expect(b"textandmore", f.read)


@test("INC_EPOCH: all names are asked for again")
def notify_epoch():
    with Mount() as m:
        m.say("put /f text", "put /g longer")
        m.warm("f", "g", "absent")
        m.say("mv /g /f", "put /absent text")
        try:
            m.say("epoch")
        except Wrong as e:
            raise Skip("the kernel knows no FUSE_NOTIFY_INC_EPOCH") from e
        m.agree("f", "g", "absent")


# --- nodeids ---


def taken_over(reuse, listed):
    """A nodeid goes to another file once the kernel gave it up."""
    with Mount() as m:
        m.say("mkdir /d", "put /d/old text", f"reuse {reuse}")
        m.warm("d", "d/old")
        node = m.say("id /d/old")
        # keeps the directory
        fd = os.open(m("d"), os.O_RDONLY)
        m.evict("d/old")
        m.say("put /d/new longer")
        if listed:
            # the kernel learns of new by READDIRPLUS; the daemon lists it last
            m.say("mv /d/old /old")
            os.listdir(fd)
            m.say("mv /old /d/old")
        m.seen("d/new")
        if m.say("id /d/new") != node:
            raise Wrong("the nodeid was not used again")
        m.agree("d/new")
        m.agree("d/old", "d/new")
        os.close(fd)
        m.no_bad_requests()


@test("a nodeid given up and used again with another generation")
def reuse_generation():
    taken_over(1, False)
    taken_over(1, True)


@test("a nodeid given up and used again with the same generation")
def reuse_same():
    taken_over(2, False)
    taken_over(2, True)


@test("names in a directory whose nodeid is used again for another one")
def reuse_directory():
    for reuse in (1, 2):
        with Mount() as m:
            m.say("mkdir /d", "put /d/there text", "mkdir /e", "put /e/other text",
                  "put /e/there longer", f"reuse {reuse}")
            m.warm("d", "d/there", "d/other")
            node = m.say("id /d")
            # keeps the directory, and then what takes the nodeid that is free first
            fd = os.open(m("d"), os.O_RDONLY)
            m.evict("d/there")
            m.say("mv /d/there /x")
            kept = os.open(m("x"), os.O_RDONLY)
            os.close(fd)
            m.evict("d")
            m.say("rm /d")
            m.seen("e")
            if m.say("id /e") != node:
                raise Wrong("the nodeid was not used for the directory")
            m.agree("e", "e/there", "e/other", "d/there")
            os.close(kept)
            m.no_bad_requests()


@test("every lookup is given back, while inodes come and go")
def lookups_given_back():
    with Mount() as m:
        m.say("mkdir /d", *(f"put /d/{i} text" for i in range(20)), "reuse 2")
        stop = threading.Event()

        def look():
            while not stop.is_set():
                for i in range(20):
                    os.lstat(m(f"d/{i}"))
                os.listdir(m("d"))

        tasks = [Task(look) for _ in range(3)]
        end = time.monotonic() + 4
        while time.monotonic() < end:
            drop_caches()
        stop.set()
        for task in tasks:
            task.get()
        m.agree(*(f"d/{i}" for i in range(20)))
        m.no_bad_requests()
        m.evict("d", *(f"d/{i}" for i in range(20)))
        m.no_bad_requests()


@test("every lookup is given back after unbinding")
def lookups_unbound():
    with Mount() as m:
        m.say("put /f text", "put /g text")
        m.warm("f", "g")
        m.unbind()
        m.evict("f", "g")
        m.agree("f", "g")
        m.no_bad_requests()


# --- users ---


@test("without default_permissions, one user's answers are not another's")
def users():
    with Mount(shared=False) as m:
        m.say("mkdir /d", "put /d/f text", "setx /d/f user.a 1", "sym /d/l target")
        questions = [(os.lstat, m("d/f")), (os.lstat, m("d")), (os.getxattr, m("d/f"), "user.a"),
                     (os.listxattr, m("d/f")), (os.readlink, m("d/l")),
                     (os.lstat, m("d/absent"))]
        for _ in range(2):
            for function, *args in questions:
                outcome(function, *args)
        fd = os.open(m("d/f"), os.O_RDONLY)
        os.fstat(fd)
        m.say(f"refuse {UID}")
        for function, *args in questions:
            expect("EACCES", as_user, UID, function, *args)
        expect("EACCES", as_user, UID, os.fstat, fd)
        expect(False, as_user, UID,
               lambda: os.access(m("d/f"), os.R_OK, effective_ids=True))
        # and the other way round: what was refused is not refused to everyone
        for function, *args in questions:
            if outcome(function, *args) == "EACCES":
                raise Wrong(f"{function.__name__} {args}: EACCES for root")
        os.close(fd)
        m.agree("d", "d/f")


@test("without default_permissions, another user sees what one changed")
def users_change():
    with Mount(shared=False) as m:
        m.say("put /f text", "ln /f /g", "put /h text")
        for uid in (0, UID):
            for _ in range(2):
                for name in ("f", "g", "h", "absent"):
                    as_user(uid, m.seen, name)
        os.chmod(m("f"), 0o600)
        os.unlink(m("g"))
        os.rename(m("h"), m("absent"))
        for name in ("f", "g", "h", "absent"):
            m.compare(name, m.truth(name), as_user(UID, m.seen, name))


@test("without default_permissions, a directory closed to a user is closed")
def users_closed():
    with Mount(shared=False) as m:
        m.say("checks 1", "mkdir /d", "put /d/f text")
        as_user(UID, os.mkdir, m("mine"))
        for _ in range(3):
            as_user(UID, os.lstat, m("d/f"))
            expect("ENOENT", as_user, UID, os.lstat, m("d/absent"))
        os.chmod(m("d"), 0o700)
        expect("EACCES", as_user, UID, os.lstat, m("d/f"))
        expect("EACCES", as_user, UID, os.lstat, m("d/absent"))
        os.chmod(m("d"), 0o755)
        as_user(UID, os.lstat, m("d/f"))
        os.chown(m("d"), UID, UID)
        os.chmod(m("d"), 0o500)
        as_user(UID, os.lstat, m("d/f"))
        os.chown(m("d"), 0, 0)
        expect("EACCES", as_user, UID, os.lstat, m("d/f"))


@test("without default_permissions, a directory that the daemon says it closed is closed")
def users_closed_behind():
    with Mount(shared=False) as m:
        m.say("checks 1", "mkdir /d", "put /d/f text")
        for _ in range(3):
            as_user(UID, os.lstat, m("d/f"))
            expect("ENOENT", as_user, UID, os.lstat, m("d/absent"))
        m.say("mode /d 700", "inval /d -1 0")
        expect("EACCES", as_user, UID, os.lstat, m("d/f"))
        expect("EACCES", as_user, UID, os.lstat, m("d/absent"))


@test("trusted.* attributes of a daemon that tells root alone")
def users_trusted():
    secret = "trusted." + "t" * 100
    for first, second in ((0, UID), (UID, 0)):
        with Mount() as m:
            m.say("caller 1", "put /f text", "setx /f user.a 1", "setx /f trusted.t 2",
                  f"setx /f {secret} 3", "put /g text", "setx /g user.a 1", "put /h text")
            for uid in (first, second) * 3:
                names, plain = as_user(uid, os.listxattr, m("f")), ["user.a"]
                if sorted(names) != (plain if uid else sorted(plain + ["trusted.t", secret])):
                    raise Wrong(f"user {uid} after {first} and {second}: {names}")
                for name, value in (("trusted.t", b"2"), (secret, b"3")):
                    expect("ENODATA" if uid else value, as_user, uid, os.getxattr, m("f"), name)
                expect(b"1", as_user, uid, os.getxattr, m("f"), "user.a")
                expect(plain, as_user, uid, os.listxattr, m("g"))
                expect([], as_user, uid, os.listxattr, m("h"))
            # what all are told alike is everybody's, and each user's as well
            m.costs_nothing(as_user, second, os.getxattr, m("f"), "user.a")
            as_user(UID, os.listxattr, m("f"))
            m.costs_nothing(as_user, UID + 1, os.listxattr, m("f"))
            os.listxattr(m("f"))
            m.costs_nothing(os.listxattr, m("f"))
            for name in ("g", "h"):
                os.listxattr(m(name))
                m.costs_nothing(as_user, UID, os.listxattr, m(name))


# --- ends and beginnings ---


def nothing_served(end):
    with Mount() as m:
        m.say("put /f text", "setx /f user.a 1", "sym /l target")
        m.warm("f", "absent", "l")
        questions = [(os.lstat, m("f")), (os.lstat, m("absent")), (os.statvfs, m()),
                     (os.getxattr, m("f"), "user.a"), (os.readlink, m("l"))]
        for _ in range(2):
            for function, *args in questions:
                outcome(function, *args)
        fd = os.open(m("f"), os.O_RDONLY)
        os.fstat(fd)
        dev = os.stat(m()).st_dev
        end(m, dev)
        wait_until("ENOTCONN", lambda: outcome(os.lstat, m("f")) == "ENOTCONN")
        for function, *args in questions:
            expect("ENOTCONN", function, *args)
        expect("ENOTCONN", os.fstat, fd)
        outcome(os.close, fd)


def abort(m, dev):
    with open(f"/sys/fs/fuse/connections/{os.minor(dev)}/abort", "w", encoding="ascii") as f:
        f.write("1")


@test("after the connection was aborted nothing is served")
def aborted():
    nothing_served(abort)


@test("after the daemon was killed nothing is served")
def killed():
    nothing_served(lambda m, dev: m.daemon.kill())


@test("aborting with requests held ends them")
def aborted_held():
    with Mount() as m:
        m.say("put /f text")
        m.seen("f")
        fd = os.open(m("f"), os.O_RDWR)
        dev = os.stat(m()).st_dev
        tasks = [m.held(0, "SETATTR", "early", outcome, os.fchmod, fd, 0o600)]
        tasks.append(m.held(1, "GETATTR", "late", outcome, os.fstat, fd))
        abort(m, dev)
        for task in tasks:
            if task.get() not in ("ECONNABORTED", "ENOTCONN"):
                raise Wrong(f"ended with {task.result}")
        m.daemon.kill()
        outcome(os.close, fd)


def bind_during(opcode, change, *names):
    """The policy comes while a change that it never heard of is under way."""
    for when in ("early", "late"):
        with Mount(bind=False) as m:
            m.say("put /f text", "ln /f /g", "put /other text", "setx /f user.a old")
            for name in ("f", "g", "other"):
                m.seen(name)
            bind = m.bind_later()
            fd = os.open(m("f"), os.O_RDWR)
            task = m.held(0, opcode, when, change, m, fd)
            bind()
            ask_meanwhile(os.fstat, fd)
            ask_meanwhile(outcome, os.getxattr, fd, "user.a")
            ask_meanwhile(os.statvfs, m())
            m.release(0, task)
            m.agree_open(fd, "f") if m.truth("f") else None
            m.agree("f", "g", "other", "new", "")
            expect(m_xattr(m), os.getxattr, fd, "user.a")
            os.close(fd)
            # and then it does cache
            m.warm("g")


def m_xattr(m):
    return b"new" if getattr(m, "xattr_changed", False) else b"old"


def change_xattr(m, fd):
    os.setxattr(fd, "user.a", b"new")
    m.xattr_changed = True


BIND_RACES = {
    "WRITE": lambda m, fd: os.pwrite(fd, b"four", 0),
    "SETATTR": lambda m, fd: os.fchmod(fd, 0o600),
    "LINK": lambda m, fd: os.link(m("f"), m("new")),
    "UNLINK": lambda m, fd: os.unlink(m("other")),
    "RENAME": lambda m, fd: os.rename(m("f"), m("new")),
    "SETXATTR": change_xattr,
    "FALLOCATE": lambda m, fd: os.posix_fallocate(fd, 0, 100),
}
for op, how in BIND_RACES.items():
    test(f"binding while {op} is under way")(lambda op=op, how=how: bind_during(op, how))


@test("binding while a mapped page is written back")
def bind_during_writeback():
    with Mount(bind=False) as m:
        bind = m.bind_later()
        put(m("f"), b"x" * 4096)
        fd = os.open(m("f"), os.O_RDWR)
        with written_back(m, fd) as task:
            bind()
            ask_meanwhile(os.fstat, fd)
            m.release(0, task)
        m.agree_open(fd, "f")
        os.close(fd)
        m.agree("f")


@test("binding while GETATTR is under way")
def bind_during_getattr():
    with Mount(bind=False) as m:
        m.say("put /f text")
        m.seen("f")
        bind = m.bind_later()
        fd = os.open(m("f"), os.O_RDWR)
        task = m.held(0, "GETATTR", "late", os.fstat, fd)
        bind()
        os.fchmod(fd, 0o600)
        m.release(0, task)
        m.agree_open(fd, "f")
        os.close(fd)


@test("unbinding while requests are under way, and binding again")
def rebind():
    with Mount() as m:
        m.say("put /f text")
        m.warm("f")
        unbind, bind = m.later("unbind"), m.bind_later()
        fd = os.open(m("f"), os.O_RDWR)
        task = m.held(0, "SETATTR", "early", os.fchmod, fd, 0o600)
        unbind()
        bind()
        for _ in range(2):
            os.fstat(fd)
        m.release(0, task)
        m.agree_open(fd, "f")
        os.close(fd)
        m.unbind()
        m.say("put /f changed")
        m.bind()
        m.agree("f")
        m.warm("f")


if __name__ == "__main__":
    main()
