# SPDX-License-Identifier: GPL-2.0
"""A daemon that speaks the FUSE protocol itself, and remembers what it was asked.

The tree is a directory "d" and a file "f" in the root. Every request is a tuple
(opcode, nodeid, fh or None) in self.asked.
"""

import ctypes
import errno
import os
import stat
import struct
import threading

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = (
    1, 2, 3, 4, 14, 15, 16, 17, 18)
FSYNC, GETXATTR, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, GETLK, SETLK, SETLKW = (
    20, 22, 25, 26, 27, 28, 29, 30, 31, 32, 33)
ACCESS, INTERRUPT, BMAP, DESTROY, IOCTL, POLL, BATCH_FORGET, READDIRPLUS, LSEEK, SYNCFS, STATX = (
    34, 36, 37, 38, 39, 40, 42, 44, 46, 50, 52)

POSIX_LOCKS, ATOMIC_O_TRUNC, FLOCK_LOCKS, DO_READDIRPLUS = 1 << 1, 1 << 3, 1 << 10, 1 << 13
ROOT, DIRECTORY, FILE = 1, 2, 3
NAMES = {b"d": DIRECTORY, b"f": FILE}
BTIME = 1234567
SIZE = 10000
# where struct fuse_*_in begin with it
WITH_FH = {READ, RELEASE, FSYNC, FLUSH, READDIR, RELEASEDIR, FSYNCDIR, GETLK, SETLK, SETLKW, POLL,
           READDIRPLUS, LSEEK}
libc = ctypes.CDLL(None, use_errno=True)


def mode_of(nodeid):
    return stat.S_IFREG | 0o666 if nodeid == FILE else stat.S_IFDIR | 0o777


def attr(nodeid, size=None, mode=None):
    if size is None:
        size = SIZE if nodeid == FILE else 0
    return struct.pack("6Q10I", nodeid, size, 0, 1, 2, 3, 0, 0, 0, mode or mode_of(nodeid), 1, 0, 0,
                       0, 4096, 0)


def entry(nodeid, attributes=None):
    return struct.pack("4Q2I", nodeid, 0, 0, 0, 0, 0) + (attributes or attr(nodeid))


def statx(nodeid, mode=None, size=SIZE, mask=0xfff, nsec=0, btime=BTIME, valid=0):
    time = struct.Struct("qIi")
    return (struct.pack("QII16x", valid, 0, 0) +
            struct.pack("IIQIIIHxxQQQQ", mask, 4096, 0, 1, 0, 0,
                        mode_of(nodeid) if mode is None else mode, nodeid, size, 0, 0) +
            time.pack(1, 0, 0) + time.pack(btime, 0, 0) + time.pack(3, 0, 0) +
            time.pack(2, nsec, 0) + struct.pack("4I112x", 0, 0, 0, 0))


def dirent(name, off, ino=7, kind=stat.S_IFREG >> 12, plus=None, namelen=None, attributes=None):
    """A record; @plus: nodeid for READDIRPLUS."""
    head = b"" if plus is None else entry(plus, attributes) if plus else bytes(128)
    record = head + struct.pack("QQII", ino, off, namelen or len(name), kind) + name
    return record + bytes(-len(record) % 8)


class Daemon:
    """Serves @at until it is left. @device: as fuseblk on that."""

    def __init__(self, at, flags=POSIX_LOCKS | ATOMIC_O_TRUNC | FLOCK_LOCKS, device=None,
                 flags2=0):
        self.at, self.flags, self.flags2 = at, flags, flags2
        self.asked = []
        self.lookups = {}
        self.before_reply = {}  # opcode: called when the answer is made, and not yet sent
        self.size, self.mode, self.btime, self.valid = SIZE, mode_of(FILE), BTIME, 0
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,default_permissions"
        if device:
            options += ",blksize=4096"
        if libc.mount(os.fsencode(device or "raw"), os.fsencode(at),
                      b"fuseblk" if device else b"fuse", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        os.statvfs(at)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        libc.umount2(os.fsencode(self.at), 2 if kind else 0)
        self.thread.join(10)
        os.close(self.fd)

    def path(self, name=""):
        return os.path.join(self.at, name)

    def count(self, *opcodes):
        return sum(1 for a in self.asked if a[0] in opcodes)

    def handles(self, opcode):
        return [a[2] for a in self.asked if a[0] == opcode]

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, 1 << 18)
            except OSError as e:
                if e.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return
            _, opcode, unique, nodeid = struct.unpack_from("IIQQ", request)
            body = request[40:]
            fh = struct.unpack_from("Q", body)[0] if opcode in WITH_FH else None
            self.asked.append((opcode, nodeid, fh))
            if opcode == INTERRUPT:
                continue
            if opcode in (FORGET, BATCH_FORGET):
                self.forget(opcode, nodeid, body)
                continue
            try:
                reply, error = self.answer(opcode, nodeid, body), 0
            except OSError as e:
                reply, error = b"", e.errno
            self.before_reply.pop(opcode, lambda: None)()
            try:
                os.write(self.fd, struct.pack("IiQ", 16 + len(reply), -error, unique) + reply)
            except OSError:
                pass

    def inval_inode(self, nodeid):
        os.write(self.fd, struct.pack("IiQQqq", 16 + 24, 2, 0, nodeid, -1, 0))

    def attr_of(self, nodeid):
        return attr(nodeid, self.size, self.mode) if nodeid == FILE else attr(nodeid)

    def forget(self, opcode, nodeid, body):
        if opcode == FORGET:
            forgets = [(nodeid, struct.unpack_from("Q", body)[0])]
        else:
            forgets = struct.iter_unpack("QQ", body[8:])
        for node, nlookup in forgets:
            self.lookups[node] = self.lookups.get(node, 0) - nlookup

    def looked_up(self, nodeid):
        self.lookups[nodeid] = self.lookups.get(nodeid, 0) + 1
        return nodeid

    def directory(self, body, plus):
        _, off, size = struct.unpack_from("QQI", body)
        names = [(b".", 0), (b"..", 0), *NAMES.items()]
        if off:
            return b""
        records = b"".join(
            dirent(name, i + 1, ino=nodeid or 1, kind=mode_of(nodeid or ROOT) >> 12,
                   plus=(self.looked_up(nodeid) if nodeid else 0) if plus else None,
                   attributes=self.attr_of(nodeid))
            for i, (name, nodeid) in enumerate(names))
        assert len(records) <= size
        return records

    def answer(self, opcode, nodeid, body):
        if opcode == INIT:
            major, minor, readahead, flags = struct.unpack_from("4I", body)
            return struct.pack("4IHHIIHHII24x", major, min(minor, 42), readahead,
                               flags & self.flags, 12, 9, 1 << 16, 1, 0, 0, self.flags2, 0)
        if opcode == LOOKUP:
            child = NAMES.get(body.split(b"\0")[0])
            if nodeid != ROOT or not child:
                raise OSError(errno.ENOENT, "")
            return entry(self.looked_up(child), self.attr_of(child))
        if opcode == SETATTR:
            valid, size, mode = struct.unpack_from("I12xQ44xI", body)
            self.mode = mode if valid & 1 else self.mode
            self.size = size if valid & 8 else self.size
        if opcode in (GETATTR, SETATTR):
            return struct.pack("QII", self.valid, 0, 0) + self.attr_of(nodeid)
        if opcode == STATX:
            if nodeid != FILE:
                return statx(nodeid, size=0, valid=self.valid)
            return statx(nodeid, self.mode, self.size, btime=self.btime, valid=self.valid)
        if opcode == WRITE:
            _, off, size = struct.unpack_from("QQI", body)
            self.size = max(self.size, off + size)
            return struct.pack("Ixxxx", size)
        if opcode in (OPEN, OPENDIR):
            return struct.pack("QIi", 100 + len(self.asked), 0, 0)
        if opcode in (READDIR, READDIRPLUS):
            return self.directory(body, opcode == READDIRPLUS)
        if opcode == READ:
            _, off, size = struct.unpack_from("QQI", body)
            return b"x" * max(0, min(size, SIZE - off))
        if opcode == GETLK:
            return struct.pack("QQII", 0, 0, 2, 0)
        if opcode == LSEEK:
            return struct.pack("Q", 4096)
        if opcode == POLL:
            return struct.pack("Ixxxx", 1)
        if opcode == BMAP:
            return struct.pack("Q", 77)
        if opcode == STATFS:
            return struct.pack("5Q10I", 1, 1, 1, 1, 1, 4096, 255, 4096, *[0] * 7)
        if opcode in (RELEASE, RELEASEDIR, FSYNC, FSYNCDIR, FLUSH, SETLK, SETLKW, SYNCFS, DESTROY):
            return b""
        raise OSError(errno.ENOSYS, "")
