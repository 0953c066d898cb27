#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Coherence where there is more than one daemon, one mount and one name space: other
mounts of the same connection, other file systems above, other users, other policies.

Arguments and environment are those of coherence.py.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile

from harness import (FOREVER, HERE, POLICY, Mount, Skip, Wrong, as_user, expect, extfusectl, libc,
                     main, outcome, put, test, wait_until)

sys.path.append(os.path.dirname(HERE) + "/opcodes")
import rawfuse as fuse  # noqa: E402  pylint: disable=import-error,wrong-import-position

UID = 12345
FORCE_SYNC, DONT_SYNC = 0x2000, 0x4000  # AT_STATX_...
EXT, ALLOW_IDMAP = 1 << 30, 1 << 8  # FUSE_INIT_EXT; in flags2


@contextlib.contextmanager
def mounted(*arguments):
    """A mount(8) of anything."""
    at = tempfile.mkdtemp(prefix="coherence.")
    done = subprocess.run(["mount", *arguments, at], check=False, capture_output=True, text=True)
    if done.returncode:
        os.rmdir(at)
        raise Wrong(done.stderr.strip())
    try:
        yield at
    finally:
        libc.umount2(os.fsencode(at), 2)
        os.rmdir(at)


def answered(mount, opcode):
    found = json.loads(extfusectl("stats", mount, "--json"))
    return sum(o["answered"] for c in found for o in c["ops"] if o["name"] == opcode)


def statx(path, flags):
    """User and group, with AT_SYMLINK_NOFOLLOW."""
    buf = ctypes.create_string_buffer(256)
    if libc.statx(-100, os.fsencode(path), 0x100 | flags, 0x7ff, buf):
        raise OSError(ctypes.get_errno(), "statx")
    return struct.unpack_from("II", buf, 20)


# --- other mounts ---


@test("a mount that takes the place of another is shown nothing of it")
def next_mount():
    with Mount() as m:
        first = os.stat(m()).st_dev
        m.warm("", "absent")
        # or FORGET would void what is known of the root
        m.unbind()
    for _ in range(20):
        with Mount(bind=False) as m:
            if os.stat(m()).st_dev != first:
                continue
            m.say("put /absent text")
            m.bind()
            m.agree("", "absent")
            return
    raise Skip("the device number does not come back")


@test("what is changed through a bind mount is seen through the other, both ways")
def bind_mounts():
    with Mount() as m:
        m.say("mkdir /d", "put /d/f text", "put /d/g longer", "ln /d/f /h")
        names = ["d", "d/f", "d/g", "d/new", "h"]
        with mounted("--bind", m("d")) as at:
            for here, there in ((at, m("d")), (m("d"), at)):
                m.warm(*names)
                for name in ("f", "g", "new"):
                    m.costs_nothing(outcome, os.lstat, f"{there}/{name}")
                os.chmod(here + "/f", 0o600)
                m.agree(*names)
                os.rename(here + "/g", here + "/new")
                m.agree(*names)
                put(there + "/g", b"again")
                os.unlink(here + "/new")
                m.agree(*names)
                for name in ("f", "g", "new"):
                    seen = outcome(os.lstat, f"{there}/{name}")
                    if seen != outcome(os.lstat, f"{here}/{name}"):
                        raise Wrong(f"{name} differs")


@test("several mounts of one daemon have nothing in common, whatever their nodeids")
def several_mounts():
    with contextlib.ExitStack() as stack:
        daemons = []
        for size in (100, 200, 300):
            at = tempfile.mkdtemp(prefix="coherence.")
            stack.callback(os.rmdir, at)
            daemons.append(stack.enter_context(fuse.Daemon(at)))
            daemons[-1].size = size
            extfusectl("bind", at, POLICY, "--ttl", str(FOREVER))
            os.statvfs(at)

        def check():
            for _ in range(2):
                for d in daemons:
                    st = os.stat(d.path("f"))
                    if (st.st_size, st.st_mode) != (d.size, d.mode):
                        raise Wrong(f"{st} seen, size {d.size} and mode {d.mode:o} true")
                    expect("ENOENT", os.stat, d.path("absent"))
            asked = [len(d.asked) for d in daemons]
            for d in daemons:
                os.stat(d.path("f"))
            if asked != [len(d.asked) for d in daemons]:
                raise Wrong("not cached")

        check()
        os.truncate(daemons[0].path("f"), 1000)
        check()
        os.chmod(daemons[1].path("f"), 0o640)
        check()
        daemons[2].size = 7
        daemons[2].inval_inode(fuse.FILE)
        check()
        extfusectl("unbind", daemons[0].at)
        os.truncate(daemons[0].path("f"), 2000)
        extfusectl("bind", daemons[0].at, POLICY, "--ttl", str(FOREVER))
        os.statvfs(daemons[0].at)
        check()


class WithIoctl(fuse.Daemon):
    def answer(self, opcode, nodeid, body):
        if opcode == fuse.IOCTL:
            return struct.pack("iIII", 5, 0, 0, 0)
        return super().answer(opcode, nodeid, body)


@test("an ioctl that a daemon has not is asked once for each command, of others each time")
def ioctls():
    with contextlib.ExitStack() as stack:
        for kind, wanted, asked in ((fuse.Daemon, "ENOTTY", 2), (WithIoctl, 5, 6)):
            at = tempfile.mkdtemp(prefix="coherence.")
            stack.callback(os.rmdir, at)
            daemon = stack.enter_context(kind(at))
            extfusectl("bind", at, POLICY, "--ttl", str(FOREVER))
            fd = os.open(daemon.path("f"), os.O_RDONLY)
            stack.callback(os.close, fd)
            for command in (0x5401, 0x7a01) * 3:
                expect(wanted, fcntl.ioctl, fd, command)
            expect(asked, daemon.count, fuse.IOCTL)


@test("a mode that the kernel has from a directory listing is not undone by an older one")
def listed():
    at = tempfile.mkdtemp(prefix="coherence.")
    try:
        with fuse.Daemon(at, flags=fuse.ATOMIC_O_TRUNC | fuse.DO_READDIRPLUS) as daemon:
            extfusectl("bind", at, POLICY, "--ttl", str(FOREVER))
            for _ in range(3):
                os.stat(daemon.path("f"))
            asked = len(daemon.asked)
            os.stat(daemon.path("f"))
            expect(asked, len, daemon.asked)
            # somebody else did that, and the times are too coarse to tell
            daemon.mode = stat.S_IFREG | 0o600
            os.listdir(at)
            if not daemon.count(fuse.READDIRPLUS):
                raise Wrong("no READDIRPLUS")
            for _ in range(3):
                expect(daemon.mode, lambda: os.stat(daemon.path("f")).st_mode)
    finally:
        os.rmdir(at)


@test("an idmapped mount shows its own users, and changes of either mount in both")
def idmapped():
    at = tempfile.mkdtemp(prefix="coherence.")
    try:
        with fuse.Daemon(at, flags=fuse.ATOMIC_O_TRUNC | EXT, flags2=ALLOW_IDMAP) as daemon:
            extfusectl("bind", at, POLICY, "--ttl", str(FOREVER))
            os.statvfs(at)
            with mounted("--bind", "-o", f"X-mount.idmap=b:0:{UID}:100", at) as mapped:
                for round_ in range(3):
                    for _ in range(3):
                        for path, uid in ((at, 0), (mapped, UID)):
                            st = os.stat(path + "/f")
                            if (st.st_uid, st.st_gid, st.st_mode, st.st_size) != (
                                    uid, uid, daemon.mode, daemon.size):
                                raise Wrong(f"{path}: {st}")
                            expect("ENOENT", os.stat, path + "/absent")
                    asked = len(daemon.asked)
                    os.stat(mapped + "/f")
                    os.stat(at + "/f")
                    if asked != len(daemon.asked):
                        raise Wrong("not cached")
                    os.chmod((at, mapped)[round_ % 2] + "/f", 0o600 + round_)
                    os.truncate((mapped, at)[round_ % 2] + "/f", 50 + round_)
                # it belongs to that user there
                as_user(UID, os.chmod, mapped + "/f", 0o644)
                expect("EPERM", as_user, UID, os.chmod, at + "/f", 0o600)
                expect(0o644, lambda: os.stat(at + "/f").st_mode & 0o777)
    finally:
        os.rmdir(at)


# --- above ---


@test("overlayfs above: what changes below is seen through it, a copy up leaves it alone")
def overlay():
    with Mount() as m, mounted("-t", "tmpfs", "tmpfs") as tmp:
        m.say("mkdir /d", "put /d/f text", "put /d/g longer", "put /d/h gone", "setx /d/f user.a 1")
        os.mkdir(tmp + "/upper")
        os.mkdir(tmp + "/work")
        with mounted("-t", "overlay", "-o", f"lowerdir={m()},upperdir={tmp}/upper,"
                     f"workdir={tmp}/work", "overlay") as at:

            def agree(*names):
                for _ in range(3):
                    for name in names:
                        true, seen = m.truth(name), outcome(os.lstat, f"{at}/{name}")
                        if (true is None) != (seen == "ENOENT") or true and (
                                true.mode, true.size, true.mtime, true.uid) != (
                                seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_uid):
                            raise Wrong(f"{name}: {seen} seen, {true} true")

            agree("d/f", "d/g", "d/h", "d/absent")
            m.say("put /d/f changed", "mode /d/f 600", "inval /d/f 0 0")
            agree("d/f")
            with open(at + "/d/f", encoding="ascii") as f:
                expect("changed", f.read)
            os.chmod(m("d/g"), 0o640)
            os.truncate(m("d/g"), 3)
            agree("d/g")
            m.say("put /d/f again", "inval /d/f 0 0")
            true = m.truth("d/f")
            with open(at + "/d/f", "a", encoding="ascii") as f:
                f.write(" and above")
            with open(at + "/d/f", encoding="ascii") as f:
                expect("again and above", f.read)
            os.unlink(at + "/d/h")
            expect("ENOENT", os.lstat, at + "/d/h")
            if m.truth("d/f") != true or m.truth("d/h") is None:
                raise Wrong("the lower files changed")
            m.agree("d/f", "d/g", "d/h", "d")


# --- users ---


class UserMount(Mount):
    """The daemon is root of a user namespace, and mounts in there, where only the
    user whose it is may look."""

    def __init__(self, attr=0):  # pylint: disable=super-init-not-called
        self.dir = tempfile.mkdtemp(prefix="coherence.")
        os.chown(self.dir, UID, UID)
        self.daemon = subprocess.Popen(
            ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--",
             "unshare", "--user", "--map-root-user", "--mount", HERE + "/scripted", "-o",
             "allow_other,default_permissions", self.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say(f"ttl 0 {attr} -1")
        wait_until("mounted", self.mounted)
        # root asks here; those who may be shown something are let in below
        self.fd = os.open(f"/proc/{self.daemon.pid}/root{self.dir}", os.O_PATH)
        self.at = f"/proc/self/fd/{self.fd}"
        as_user(UID, os.statvfs, self.at)
        extfusectl("bind", f"/proc/{os.getpid()}/fd/{self.fd}", POLICY, "--ttl", str(FOREVER))

    def mounted(self):
        with open(f"/proc/{self.daemon.pid}/mountinfo", encoding="ascii") as f:
            return any(line.split()[4] == self.dir for line in f)

    def __exit__(self, kind, error, trace):
        os.close(self.fd)
        self.daemon.kill()
        self.daemon.wait()
        os.rmdir(self.dir)

    def truth(self, name):
        true = super().truth(name)
        return true and true._replace(uid=UID, gid=UID)

    def seen(self, what):
        return as_user(UID, super().seen, what)

    def left(self, name):
        """What the kernel has of it after a LOOKUP, without a GETATTR."""
        return as_user(UID, statx, self.path(name), DONT_SYNC)


@contextlib.contextmanager
def root_may_look():
    """... into mounts of user namespaces."""
    path = "/sys/module/fuse/parameters/allow_sys_admin_access"
    with open(path, encoding="ascii") as f:
        before = f.read()
    with open(path, "w", encoding="ascii") as f:
        f.write("Y")
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write(before)


@test("a daemon in a user namespace: its ids are its own, and changes are seen")
def user_namespace():
    with root_may_look():
        for attr in (0, FOREVER):
            with UserMount(attr) as m:
                m.say("mkdir /d", "put /d/f text", "ln /d/f /d/g")
                names = ("d", "d/f", "d/g", "d/absent")
                m.warm(*names)
                for name in names[:3]:
                    for _ in range(3):
                        if m.left(name) != (UID, UID):
                            raise Wrong(f"{name} belongs to {m.left(name)}")
                as_user(UID, os.chmod, m("d/f"), 0o640)
                m.agree(*names)
                as_user(UID, os.link, m("d/f"), m("d/absent"))
                m.agree(*names)
                as_user(UID, os.unlink, m("d/g"))
                m.agree(*names)
                m.say("put /d/f longer", "inval /d/f 0 0")
                m.agree(*names)
                # one whom the namespace does not know
                expect("EOVERFLOW", as_user, UID + 1, os.chmod, m("d/f"), 0o600)


# --- time, room and other policies ---


@test("what the VFS may keep, it does not ask for again")
def vfs_keeps():
    """Where it has to ask, a path walk cannot go on under RCU."""
    with Mount(ttl=None, entry=FOREVER, attr=FOREVER) as m:
        m.say("mkdir /d", "put /d/f text")
        m.seen("d/f")

        def requests():
            return answered(m(), "LOOKUP") + answered(m(), "GETATTR")

        before = requests()
        m.costs_nothing(statx, m("d"), FORCE_SYNC)
        if requests() == before:
            raise Wrong("not answered in the kernel")
        before = requests()
        for _ in range(50):
            m.seen("d/f")
        # memory may have been short
        if requests() - before > 5:
            raise Wrong(f"{requests() - before} requests for 50 looks")
        m.agree("d", "d/f")


@test("a full cache makes room")
def full_cache():
    """With a policy whose maps are smaller than that, see selftests/hazards."""
    count = 350
    with Mount() as m:
        m.say("mkdir /d", f"many /d {count}")
        for i in range(count):
            os.lstat(m(f"d/{i}"))
        for i in (0, 1, 2, count - 2, count - 1):
            m.kept(m.seen, f"d/{i}")
            m.agree(f"d/{i}")
        os.chmod(m("d/3"), 0o600)
        m.agree(*(f"d/{i}" for i in range(0, count, 100)), "d/3", "d")
        m.evict("d", *(f"d/{i}" for i in range(0, count, 25)))
        m.no_bad_requests()


@test("a policy that is replaced hears the end of what it heard begin")
def replaced():
    with Mount() as m:
        m.say("put /f text")
        m.warm("f")
        extfusectl("policy", "load", "count")
        try:
            for when in ("early", "late"):
                away = m.later("bind", "count", "--replace")
                back = m.later("bind", POLICY, "--replace", "--ttl", str(FOREVER))
                fd = os.open(m("f"), os.O_RDWR)
                task = m.held(0, "SETATTR", when, os.fchmod, fd, 0o600)
                away()
                m.release(0, task)
                back()
                os.close(fd)
                m.agree("f")
                # what never ends is never cached
                m.warm("f")
        finally:
            extfusectl("policy", "unload", "count")


# --- the daemon's notifications that the kernel carries out by itself ---


@test("PRUNE: what the kernel gives up is forgotten, whatever the nodeid means next")
def prune():
    for reuse in (1, 2):
        with Mount() as m:
            m.say("mkdir /d", "put /d/f text", "put /d/g longer", f"reuse {reuse}")
            # keeps the directory
            fd = os.open(m("d"), os.O_RDONLY)
            m.warm("d", "d/f")
            node = m.say("id /d/f")
            try:
                m.say("prune /d/f")
            except Wrong as e:
                os.close(fd)
                raise Skip("the kernel knows no FUSE_NOTIFY_PRUNE") from e
            wait_until("given up", lambda: m.say("id /d/f") == "0")
            m.seen("d/g")
            if m.say("id /d/g") != node:
                raise Wrong("the nodeid was not used again")
            m.agree("d/g", "d/f", "d")
            # in use: nothing happens to it
            held = os.open(m("d/f"), os.O_RDONLY)
            m.say("prune /d/f")
            m.agree("d/f", "d/g")
            os.close(held)
            os.close(fd)
            m.no_bad_requests()


# --- under memory pressure ---


LOOK = """if True:
    import os, sys
    group, at, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(group + "/cgroup.procs", "w") as f:
        f.write("0")
    for again in range(2):
        for i in range(count):
            size = os.stat(f"{at}/d/{i}").st_size
            assert size == 4 + again * (i % 50 == 49), (i, size)
            if i % 50 == 49 and not again:
                with open(f"{at}/d/{i}", "a") as f:
                    f.write("x")
        for _ in range(3):
            try:
                with open(group + "/memory.reclaim", "w") as f:
                    f.write("64M")
            except OSError:
                pass  # not as much as that
"""


@contextlib.contextmanager
def control_group():
    root = "/sys/fs/cgroup"
    if not os.path.exists(root + "/cgroup.controllers"):
        raise Skip("no control groups of version 2")
    with open(root + "/cgroup.subtree_control", "w", encoding="ascii") as f:
        f.write("+memory")
    at = tempfile.mkdtemp(prefix="coherence.", dir=root)
    try:
        yield at
    finally:
        wait_until("left", lambda: outcome(os.rmdir, at) is None)


@test("cached nodes are forgotten under memory pressure, and what is seen stays true")
def memory_pressure():
    """All that the control group has is reclaimed, and inodes are all that can be."""
    count = 250
    with Mount() as m, control_group() as group:
        m.say("reuse 2", "mkdir /d", f"many /d {count}")
        before = m.counts()["FORGET"]
        done = subprocess.run([sys.executable, "-c", LOOK, group, m(), str(count)], check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise Wrong(done.stderr.strip().splitlines()[-1])
        forgotten = m.counts()["FORGET"] - before
        if forgotten < count:
            raise Wrong(f"only {forgotten} forgotten: no pressure")
        m.agree(*(f"d/{i}" for i in range(0, count, 7)))
        m.evict("d", *(f"d/{i}" for i in range(0, count, 7)))
        m.no_bad_requests()


if __name__ == "__main__":
    main()
