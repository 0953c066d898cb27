#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""READ and WRITE carried out on lower files."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import json
import mmap
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
KSELFTEST = os.environ.get("KSELFTEST") or sorted(
    glob.glob("/usr/src/linux-source-*/tools/testing/selftests"))[-1]
sys.path.append(KSELFTEST + "/kselftest")
import ksft  # noqa: E402  pylint: disable=import-error,wrong-import-position

SCRATCH = os.environ.get("SCRATCH") or ("/mnt/scratch" if os.path.isdir("/mnt/scratch")
                                        else "/var/tmp")
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 31)
PAGE = 4096
MIB = 1 << 20
PINS = "/sys/fs/bpf/extfuse"
COUNTER = HERE + "/lowerio_count.bpf.o"
BEGUN, ENDED, FAILED, LATE, MISTAKE = range(5)
NONE, NOTE_AND_PASS, NOTE_AND_REFUSE, NOTE_TWICE, ANSWER_WITHOUT = range(5)
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
tests = []


class Wrong(Exception):
    """What a test found."""


class Skip(Exception):
    """What the machine cannot do."""


def test(name):
    """Registers a test."""
    def register(function):
        tests.append((name, function))
        return function
    return register


def expect(condition, what):
    """Raises if it does not hold."""
    if not condition:
        raise Wrong(what)


def same(got, wanted, what):
    """Raises if they differ."""
    if got != wanted:
        if isinstance(got, bytes) and isinstance(wanted, bytes):
            at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                      min(len(got), len(wanted)))
            raise Wrong(f"{what}: {len(got)} bytes for {len(wanted)}, different from {at} on")
        raise Wrong(f"{what}: {got}, not {wanted}")


def fails(wanted, function, *args):
    """Raises unless the call fails with this errno."""
    try:
        function(*args)
    except OSError as e:
        same(errno.errorcode[e.errno], errno.errorcode[wanted], "error")
        return
    raise Wrong(f"no error, not {errno.errorcode[wanted]}")


def within(seconds, function):
    """Becomes true in time."""
    end = time.monotonic() + seconds
    while not function():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def run(*command, check=True):
    """The standard output of a command."""
    return subprocess.run(command, check=check, stdout=subprocess.PIPE,
                          stderr=None if check else subprocess.DEVNULL, text=True).stdout


def mounted(path):
    """Without asking the daemon."""
    with open("/proc/mounts", encoding="utf-8") as f:
        return any(line.split()[1] == path for line in f)


def drop_caches():
    """Of clean pages."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("1")


def pattern(size, salt=0):
    """Bytes that say where they belong."""
    return random.Random(SEED + salt).randbytes(size)


def aligned(data):
    """A buffer that direct I/O takes."""
    buf = mmap.mmap(-1, max(len(data) if isinstance(data, bytes) else data, 1))
    if isinstance(data, bytes):
        buf.write(data)
    return buf


@contextlib.contextmanager
def opened(path, flags, mode=0o644):
    """A file descriptor."""
    fd = os.open(path, flags, mode)
    try:
        yield fd
    finally:
        os.close(fd)


class Mount:
    """A directory of files, shown by lowerd, and bound to a policy that knows them."""

    def __init__(self, files=(), flags=(), policy="lowerio", lower=None, offer=True):
        self.dir = tempfile.mkdtemp(dir=SCRATCH)
        self.low, self.mnt = lower or self.dir + "/low", self.dir + "/mnt"
        os.makedirs(self.low, exist_ok=True)
        os.mkdir(self.mnt)
        for name, data in dict(files).items():
            with open(self.lower(name), "wb") as f:
                f.write(data)
        self.policy = policy
        self.daemon = subprocess.Popen([HERE + "/lowerd", *flags, self.low, self.mnt],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.conn, self.before, self.minor = 0, [], 0
        try:
            self.start(offer)
        except BaseException:
            self.close()
            raise

    def start(self, offer):
        """Mounted, then bound, then of use to the policy."""
        expect(within(10, lambda: mounted(self.mnt)), "lowerd does not mount")
        self.minor = os.minor(os.stat(self.mnt).st_dev)
        run("extfusectl", "bind", self.mnt, self.policy)
        self.conn = self.entry("list")["conn"]
        if offer:
            self.offer()

    def lower(self, name="f"):
        """Path of the lower file."""
        return f"{self.low}/{name}"

    def path(self, name="f"):
        """Path of the file."""
        return f"{self.mnt}/{name}"

    def ask(self, command):
        """Tells the daemon something."""
        self.daemon.stdin.write(command + "\n")
        self.daemon.stdin.flush()
        return self.daemon.stdout.readline().strip()

    def offer(self):
        """From here on the kernel may serve reads and writes."""
        same(self.ask(f"offer {self.conn} {PINS}/{self.policy}-maps/backing"), "ok", "offer")
        self.before = self.counts()

    def entry(self, verb):
        """What extfusectl says of this mount."""
        return next(e for e in json.loads(run("extfusectl", verb, "--json"))
                    if self.mnt in e["mountpoints"])

    def stats(self, opcode):
        """Counters of an opcode."""
        conns = json.loads(run("extfusectl", "stats", "--json"))
        conn = next(c for c in conns if c["conn"] == self.conn)
        return next((o for o in conn["ops"] if o["name"] == opcode),
                    {"answered": 0, "passed": 0, "bugs": 0, "background": 0, "errors": 0})

    def counts(self):
        """READs and WRITEs that reached the daemon."""
        return [int(n) for n in self.ask("counts").split()]

    def untouched(self):
        """None did since the files were offered."""
        same(self.counts(), self.before, "READs and WRITEs that reached the daemon")

    def content(self, name="f"):
        """Of the lower file."""
        with open(self.lower(name), "rb") as f:
            return f.read()

    def read(self, name="f"):
        """All of the file, not from the cache."""
        drop_caches()
        with open(self.path(name), "rb") as f:
            return f.read()

    def abort(self):
        """The connection."""
        with open(f"/sys/fs/fuse/connections/{self.minor}/abort", "w", encoding="ascii") as f:
            f.write("1")

    def close(self):
        """Unmounts; the daemon ends."""
        with contextlib.suppress(OSError):
            self.daemon.stdin.close()
        if mounted(self.mnt):
            subprocess.run(["umount", "-l", self.mnt], check=False, stderr=subprocess.DEVNULL)
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        subprocess.run(["rm", "-rf", "--one-file-system", self.dir], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class Counter:
    """The counts of the policy that counts."""

    def __init__(self):
        self.map = f"{PINS}/lowerio-count-maps/counts"

    def __getitem__(self, key):
        out = json.loads(run("bpftool", "-j", "map", "lookup", "pinned", self.map, "key",
                             *[str(b) for b in key.to_bytes(4, "little")]))
        return int.from_bytes(bytes(int(b, 16) for b in out["value"]), "little")

    def __setitem__(self, key, value):
        run("bpftool", "map", "update", "pinned", self.map, "key",
            *[str(b) for b in key.to_bytes(4, "little")], "value",
            *[str(b) for b in value.to_bytes(8, "little")])

    def reset(self):
        """All to 0."""
        for key in range(5):
            self[key] = 0


def forked(function):
    """A process that runs it. Returns when that says so, or is over."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            function(lambda: os.write(theirs, b"x"))
            status = 0
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
        finally:
            os._exit(status)  # pylint: disable=protected-access
    os.close(theirs)
    os.read(ours, 1)
    os.close(ours)
    return pid


@contextlib.contextmanager
def small_tmpfs(size):
    """A lower file system that is soon full."""
    path = tempfile.mkdtemp(dir=SCRATCH)
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)
    try:
        yield path
    finally:
        run("umount", "-l", path)
        os.rmdir(path)


@test("reads give what is in the lower file, readahead included, and none reaches the daemon")
def test_read():
    data = pattern(5 * MIB + 1234)
    with Mount({"f": data, "small": b"hello"}) as m:
        same(m.read(), data, "content")
        same(m.read("small"), b"hello", "small file")
        with open(m.path(), "rb") as f:
            for off, size in ((0, 1), (4095, 2), (3 * MIB + 7, 70000), (len(data) - 5, 100)):
                same(os.pread(f.fileno(), size, off), data[off:off + size], f"{size} at {off}")
            same(os.pread(f.fileno(), 100, len(data)), b"", "at the end")
            same(os.pread(f.fileno(), 100, len(data) + 9 * PAGE), b"", "beyond the end")
        m.untouched()
        # one, before there was a queue, may have been passed while it was warmed up
        read = m.stats("READ")
        expect(read["background"] > 1 and read["answered"] >= read["background"] - 1,
               f"no readahead: {read}")
        same(read["bugs"], 0, "bugs")


@test("writes arrive in the lower file, and the size is right at once")
def test_write():
    data = bytearray(pattern(3 * MIB + 77))
    with Mount({"f": b""}) as m:
        with opened(m.path(), os.O_RDWR) as fd:
            for off in range(0, len(data), 100001):
                same(os.pwrite(fd, data[off:off + 100001], off), len(data[off:off + 100001]),
                     "bytes written")
                same(os.fstat(fd).st_size, min(off + 100001, len(data)), "size")
            data[5000:5010] = b"0123456789"
            os.pwrite(fd, b"0123456789", 5000)
            same(os.pread(fd, 100, 4950), bytes(data[4950:5050]), "read back")
        same(m.content(), bytes(data), "lower file")
        same(m.read(), bytes(data), "file")
        m.untouched()


@contextlib.contextmanager
def small_xfs():
    """The smallest that there is."""
    with tempfile.NamedTemporaryFile(dir=SCRATCH) as image, \
            tempfile.TemporaryDirectory(dir=SCRATCH) as path:
        image.truncate(300 * MIB)
        run("mkfs.xfs", "-q", image.name)
        run("modprobe", "-q", "loop", check=False)
        if subprocess.run(["mount", "-o", "loop", image.name, path], check=False,
                          stderr=subprocess.DEVNULL).returncode:
            raise Skip("this kernel has no XFS, or no loop device")
        try:
            yield path
        finally:
            run("umount", "-l", path)


@test("a shared mapping is written back, in the background, to the lower file")
def test_mmap():
    size = 2 * MIB
    with Mount({"f": bytes(size)}) as m:
        before = m.stats("WRITE")["background"]
        with opened(m.path(), os.O_RDWR) as fd, mmap.mmap(fd, size) as area:
            for off in range(0, size, PAGE):
                area[off:off + 8] = off.to_bytes(8, "little")
            area.flush()
            os.fsync(fd)
        data = m.content()
        same(len(data), size, "size")
        for off in range(0, size, PAGE):
            same(data[off:off + 8], off.to_bytes(8, "little"), f"at {off}")
        m.untouched()
        expect(m.stats("WRITE")["background"] > before, "not in the background")
        # beyond the end of the file the last page is zero
        os.truncate(m.path(), 10000)
        drop_caches()
        with opened(m.path(), os.O_RDONLY) as fd:
            # not with mmap.mmap(), which maps no more than the file has
            at = libc.mmap(None, ctypes.c_size_t(3 * PAGE), mmap.PROT_READ, mmap.MAP_SHARED, fd,
                           ctypes.c_long(0))
            same(ctypes.string_at(at + 10000, 3 * PAGE - 10000), bytes(3 * PAGE - 10000),
                 "end of the last page")
            libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(3 * PAGE))


def direct(flags):
    """O_DIRECT reads and writes, of any alignment."""
    data = bytearray(pattern(MIB + 300))
    with Mount({"f": bytes(data)}, flags) as m:
        with opened(m.path(), os.O_RDWR | os.O_DIRECT) as fd:
            for off, size in ((0, PAGE), (8192, 128 * 1024), (MIB, PAGE), (512, 512)):
                buf = aligned(size)
                want = bytes(data[off:off + size])
                same(os.preadv(fd, [buf], off), len(want), f"bytes at {off}")
                same(buf[:len(want)], want, f"{size} at {off}")
            buf = bytearray(1000)
            same(os.preadv(fd, [memoryview(buf)[1:778]], 77), 777, "unaligned")
            same(bytes(buf[1:778]), bytes(data[77:854]), "unaligned")
            same(os.preadv(fd, [aligned(PAGE)], 2 * MIB), 0, "beyond the end")
            for off, size in ((0, PAGE), (MIB, 2 * PAGE), (64 * 1024, 256 * 1024)):
                new = pattern(size, off + 1)
                same(os.pwritev(fd, [aligned(new)], off), size, f"bytes written at {off}")
                data[off:off + size] = new
            same(os.pwrite(fd, b"unaligned", 333), 9, "unaligned bytes written")
            data[333:342] = b"unaligned"
            same(os.fstat(fd).st_size, len(data), "size")
        same(m.content(), bytes(data), "lower file")
        same(m.read(), bytes(data), "file")
        m.untouched()


@test("O_DIRECT, aligned and not")
def test_direct():
    direct(())


@test("files that the daemon opens with FOPEN_DIRECT_IO")
def test_fopen_direct():
    direct(("-d",))


@test("asynchronous direct I/O and buffered I/O by fio, verified")
def test_fio():
    with Mount({"f": bytes(8 * MIB)}) as m:
        before = m.stats("WRITE")["background"]
        common = ["fio", "--name=t", f"--filename={m.path()}", "--size=8m", "--bs=4k-64k",
                  "--bs_unaligned=0", "--verify=crc32c", "--verify_fatal=1", "--rw=randrw",
                  f"--randseed={SEED}", "--output=/dev/null", "--allow_file_create=0",
                  "--verify_state_save=0"]
        run(*common, "--ioengine=libaio", "--direct=1", "--iodepth=16")
        expect(m.stats("WRITE")["background"] > before, "no WRITE in the background")
        run(*common, "--ioengine=psync", "--direct=0", "--fsync=16")
        m.untouched()
        same(m.read(), m.content(), "file")


@test("O_APPEND goes to the end of the lower file, also where the kernel does not know it")
def test_append():
    with Mount({"f": b"0123"}) as m:
        with opened(m.path(), os.O_WRONLY | os.O_APPEND) as fd:
            os.write(fd, b"4567")
            with open(m.lower(), "ab") as f:
                f.write(b"lower")
            os.write(fd, b"89")
        same(m.content(), b"01234567lower89", "lower file")
        with opened(m.path(), os.O_WRONLY | os.O_APPEND | os.O_DIRECT) as fd:
            os.pwrite(fd, b"end", 2)
        same(m.content(), b"01234567lower89end", "lower file")
        m.untouched()


@test("O_SYNC and O_DSYNC writes are on the disk when they return")
def test_sync():
    with Mount({"f": b""}) as m:
        dirty = []
        for flag in (os.O_SYNC, os.O_DSYNC):
            with opened(m.path(), os.O_WRONLY | flag) as fd:
                os.write(fd, pattern(64 * PAGE))
            # nothing of it is left for fsync() to write
            before = disk_writes(m.low)
            with opened(m.lower(), os.O_RDONLY) as low:
                libc.sync_file_range(low, ctypes.c_long(0), ctypes.c_long(0), 7)
            dirty.append(disk_writes(m.low) - before)
        same(dirty, [0, 0], "sectors written afterwards")
        m.untouched()


def disk_writes(path):
    """Sectors written to the disk that a directory is on."""
    dev = os.stat(path).st_dev
    with open(f"/sys/dev/block/{os.major(dev)}:{os.minor(dev)}/stat", encoding="ascii") as f:
        return int(f.read().split()[6])


@test("holes read as zeros and stay holes")
def test_holes():
    with Mount({"f": b""}) as m:
        with opened(m.path(), os.O_RDWR) as fd:
            os.pwrite(fd, b"a", 0)
            os.pwrite(fd, b"b", 3 * MIB)
        same(m.read(), b"a" + bytes(3 * MIB - 1) + b"b", "file")
        expect(os.stat(m.lower()).st_blocks * 512 < MIB, "the hole is filled")
        os.truncate(m.path(), 4 * MIB)
        same(m.read()[3 * MIB:], b"b" + bytes(MIB - 1), "after growing")
        os.truncate(m.path(), 1)
        same(m.read(), b"a", "after cutting")
        os.truncate(m.path(), PAGE)
        same(m.read(), b"a" + bytes(PAGE - 1), "after growing again")
        m.untouched()


@test("truncation under readers and writers leaves no stale byte and no error")
def test_truncate():
    size, stop, wrong = 64 * PAGE, threading.Event(), []

    def reader(path, flags):
        with opened(path, flags) as fd:
            while not stop.is_set():
                buf = aligned(16 * PAGE)
                n = os.preadv(fd, [buf], random.randrange(0, 64) * PAGE)
                if buf[:n].strip(b"x\0"):
                    wrong.append("a byte that was never written")

    with Mount({"f": b"x" * size}) as m:
        readers = [threading.Thread(target=reader, args=(m.path(), flags))
                   for flags in (os.O_RDONLY, os.O_RDONLY | os.O_DIRECT)]
        for thread in readers:
            thread.start()
        try:
            for _ in range(150):
                with opened(m.path(), os.O_RDWR) as fd:
                    os.ftruncate(fd, random.randrange(0, size))
                    os.pwrite(fd, b"x" * 10000, random.randrange(0, size - 10000))
                    end = os.fstat(fd).st_size
                same(os.stat(m.lower()).st_size, end, "size of the lower file")
        finally:
            stop.set()
            for thread in readers:
                thread.join()
        same(wrong, [], "readers")
        same(m.read(), m.content(), "file")
        # what is for the page cache, while others share the lower inode's lock, does go there
        for opcode in ("READ", "WRITE"):
            expect(m.stats(opcode)["answered"] > 50, f"no {opcode} was answered")


def fill(path, flags):
    """How far writes of 300 KB come, and with which error."""
    steps = []
    with opened(path, flags) as fd:
        for _ in range(100):
            try:
                steps.append(os.write(fd, aligned(b"z" * 300 * 1024)))
            except OSError as e:
                steps.append(errno.errorcode[e.errno])
                break
        steps.append(os.fstat(fd).st_size)
    return steps


@test("a full lower file system: short write, then ENOSPC, when the daemon gives an error too")
def test_enospc():
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_DIRECT):
        results = []
        for offer in (True, False):
            with small_tmpfs("2m") as low, Mount({"f": b""}, lower=low, offer=offer) as m:
                results.append(fill(m.path(), flags))
                if offer:
                    m.untouched()
        expect("ENOSPC" in results[0], f"no ENOSPC: {results[0]}")
        same(sum(n for n in results[0][:-1] if isinstance(n, int)), results[0][-1], "size")
        # a short asynchronous write would be EIO, which is what the daemon's becomes
        same(len(results[0]), len(results[1]), f"as the daemon: {results}")


@test("write-back and asynchronous writes to a full lower file system are reported")
def test_enospc_background():
    with small_tmpfs("1m") as low, Mount({"f": b""}, lower=low) as m:
        os.truncate(m.path(), 4 * MIB)
        with opened(m.path(), os.O_RDWR) as fd, mmap.mmap(fd, 4 * MIB) as area:
            for off in range(0, 4 * MIB, PAGE):
                area[off] = 1
            fails(errno.ENOSPC, os.fsync, fd)
    with small_tmpfs("1m") as low, Mount({"f": b""}, lower=low) as m:
        os.truncate(m.path(), 4 * MIB)
        out = subprocess.run(["fio", "--name=t", f"--filename={m.path()}", "--size=4m",
                              "--bs=64k", "--rw=write", "--ioengine=libaio", "--direct=1",
                              "--iodepth=8", "--allow_file_create=0"],
                             check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
        expect(out.returncode and "No space left" in out.stdout, f"fio: {out.stdout[:200]}")
        m.untouched()


@test("write-back to a full XFS, which has work items of its own write back the rest")
def test_enospc_xfs():
    with small_xfs() as low, Mount({"f": b""}, lower=low) as m:
        with opened(low + "/rest", os.O_WRONLY | os.O_CREAT) as fd:
            room = os.statvfs(low)
            os.posix_fallocate(fd, 0, room.f_bavail * room.f_frsize - 8 * MIB)
        os.truncate(m.path(), 32 * MIB)
        with opened(m.path(), os.O_RDWR) as fd, mmap.mmap(fd, 32 * MIB) as area:
            for off in range(0, 32 * MIB, PAGE):
                area[off] = 1
            fails(errno.ENOSPC, os.fsync, fd)
        m.untouched()


def ended(pid):
    """It can be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def over(*pids):
    """The children end, and nothing that they expected was wrong."""
    for pid in pids:
        expect(within(20, lambda pid=pid: ended(pid)), "it hangs")
        same(os.waitpid(pid, 0)[1], 0, "the child's status")


@contextlib.contextmanager
def writer_of_mapped(m, flags, advice):
    """
    A child that is in write() to the lower file of what is mapped from the file: it has
    the lower inode locked when it meets a page that is not there.
    """
    def writer(ready):
        size = ctypes.c_size_t(4 * MIB)
        with opened(m.path(), os.O_RDONLY | flags) as fd:
            area = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, ctypes.c_long(0))
        libc.madvise(ctypes.c_void_p(area), size, advice)
        with opened(m.lower(), os.O_WRONLY) as fd:
            ready()
            libc.write(fd, ctypes.c_void_p(area + 2 * MIB), ctypes.c_size_t(PAGE))

    pid = forked(writer)
    yield pid
    over(pid)


ADVICE = (mmap.MADV_RANDOM, mmap.MADV_NORMAL)  # in the foreground, and in the background


@test("a page fault while the lower file is being written by the same task")
def test_fault():
    data = pattern(4 * MIB)
    for advice in ADVICE:
        for flags in (0, os.O_DIRECT):
            with Mount({"f": data}) as m:
                with writer_of_mapped(m, flags, advice):
                    pass
                same(m.content()[:PAGE], data[2 * MIB:2 * MIB + PAGE], "what was written")
                same(m.content()[PAGE:], data[PAGE:], "the rest")


@test("the same on XFS, where the daemon needs the lock as well: an abort ends it")
def test_fault_xfs():
    for advice in ADVICE:
        with small_xfs() as low, Mount({"f": pattern(4 * MIB)}, lower=low) as m:
            with writer_of_mapped(m, 0, advice) as pid:
                expect(not within(1, lambda pid=pid: ended(pid)), "it did not wait")
                m.abort()


@contextlib.contextmanager
def aborted(m, slow):
    """
    What comes first needs the pages of a mount whose daemon is stopped; then what does
    hangs until this one is aborted. Takes the children that do.
    """
    pids = []
    stop(slow.daemon)
    try:
        yield pids
    finally:
        slow.daemon.send_signal(signal.SIGCONT)
    expect(not within(1, lambda: any(ended(pid) for pid in pids)), "it did not wait")
    m.abort()
    over(*pids)


def mapped(path, off=0, flags=os.O_RDONLY):
    """A page of a file, which is read when it is needed."""
    with opened(path, flags) as fd:
        area = mmap.mmap(fd, PAGE, prot=mmap.PROT_READ | (mmap.PROT_WRITE if flags else 0),
                         offset=off)
    area.madvise(mmap.MADV_RANDOM)
    return area


@test("two tasks that have the lower file locked whose pages the other one needs, on XFS")
def test_fault_crossed():
    files = {"f": pattern(2 * PAGE), "g": pattern(2 * PAGE)}
    with contextlib.ExitStack() as stack:
        m = stack.enter_context(Mount(files, lower=stack.enter_context(small_xfs())))
        slow = stack.enter_context(Mount({"h": bytes(64 * PAGE)}, offer=False))
        first = [mapped(slow.path("h"), off) for off in (0, 32 * PAGE)]
        second = [mapped(m.path(name)) for name in "gf"]
        fds = [stack.enter_context(opened(m.lower(name), os.O_WRONLY)) for name in "fg"]
        with aborted(m, slow) as pids:
            for fd, *buffers in zip(fds, first, second):
                pids.append(forked(lambda ready, fd=fd, buffers=buffers:
                                   (ready(), os.writev(fd, buffers))))
            expect(within(10, lambda: waiting(slow) == 2), "they do not read")


@test("write-back of what a task needs that has the lower file locked, on XFS")
def test_mkwrite():
    with contextlib.ExitStack() as stack:
        m = stack.enter_context(Mount({"f": bytes(2 * PAGE)},
                                      lower=stack.enter_context(small_xfs())))
        slow = stack.enter_context(Mount({"h": bytes(PAGE)}, offer=False))
        first = mapped(slow.path("h"), flags=os.O_RDWR)
        second = mapped(m.path(), flags=os.O_RDWR)
        second[0] = 1
        fd = stack.enter_context(opened(m.lower(), os.O_RDONLY))
        with aborted(m, slow) as pids:
            pids.append(forked(lambda ready: (ready(), os.readv(fd, [first, second]))))
            expect(within(10, lambda: waiting(slow)), "it does not read")
            flusher = forked(lambda ready: (ready(), fails(errno.ECONNABORTED, second.flush)))
            expect(within(10, lambda: waiting(m)), "nothing is written back")
        same(os.waitpid(flusher, 0)[1], 0, "the status of who waits for write-back")


@test("a WRITE of what a task needs that has the lower file locked, on XFS")
def test_write_crossed():
    with contextlib.ExitStack() as stack:
        m = stack.enter_context(Mount({"f": bytes(PAGE)},
                                      lower=stack.enter_context(small_xfs())))
        slow = stack.enter_context(Mount({"h": bytes(PAGE)}, offer=False))
        first = mapped(slow.path("h"))
        second = mapped(m.path(), flags=os.O_RDWR)
        fd = stack.enter_context(opened(m.lower(), os.O_RDWR))
        with opened(m.path(), os.O_WRONLY) as upper, aborted(m, slow) as pids:
            # who has the lock lets the one in who reads, before the one who is to write
            last = forked(lambda ready: (ready(), os.pwritev(fd, [first], 0)))
            expect(within(10, lambda: waiting(slow)), "it does not read")
            pids.append(forked(lambda ready: (ready(), fails(errno.EFAULT, os.preadv,
                                                             fd, [second], 0))))
            expect(within(10, lambda: state(pids[0]) == "D"), "it does not wait for the lock")
            pids.append(forked(lambda ready: (ready(), fails(errno.ECONNABORTED, os.pwrite,
                                                             upper, b"part of a page", 10))))
            expect(within(10, lambda: waiting(m)), "nothing is written")
        over(last)


@test("RLIMIT_FSIZE of who writes holds")
def test_rlimit():
    def writer(_):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
        with opened(m.path(), os.O_WRONLY) as fd:
            same(os.write(fd, bytes(20000)), 10000, "bytes written")
            fails(errno.EFBIG, os.write, fd, b"x")

    with Mount({"f": b""}) as m:
        same(os.waitpid(forked(writer), 0)[1], 0, "the child's status")
        same(len(m.content()), 10000, "size")
        m.untouched()


@test("writing by a user takes set-user-ID away, writing by root does not")
def test_suid():
    def writer(_):
        os.setgid(65534)
        os.setuid(65534)
        with opened(m.path(), os.O_WRONLY | flags) as fd:
            os.write(fd, aligned(bytes(PAGE)))

    for flags in (0, os.O_DIRECT):
        with Mount({"f": bytes(PAGE)}) as m:
            os.chmod(m.dir, 0o755)
            os.chmod(m.lower(), 0o6777)
            with opened(m.path(), os.O_WRONLY | flags) as fd:
                os.write(fd, aligned(bytes(PAGE)))
            kept = stat.S_IMODE(os.stat(m.lower()).st_mode)
            os.chmod(m.lower(), 0o6777)
            same(os.waitpid(forked(writer), 0)[1], 0, "the child's status")
            same(oct(kept), oct(0o6777), "mode after root wrote")
            same(oct(stat.S_IMODE(os.stat(m.lower()).st_mode)), oct(0o777), "mode")
            m.untouched()


@test("a file that is open in passthrough stays so, and may be in the map")
def test_passthrough():
    data = bytearray(pattern(MIB))
    with Mount({"passed": bytes(data), "f": bytes(data)}) as m:
        before = m.stats("READ")["answered"] + m.stats("READ")["passed"]
        with opened(m.path("passed"), os.O_RDWR) as fd, opened(m.path("passed"), os.O_RDWR) as two:
            same(os.pread(fd, MIB, 0), bytes(data), "content")
            os.pwrite(two, b"passthrough", 1000)
            data[1000:1011] = b"passthrough"
            with mmap.mmap(fd, MIB) as area:
                same(area[:], bytes(data), "mapping")
        same(m.content("passed"), bytes(data), "lower file")
        same(m.stats("READ")["answered"] + m.stats("READ")["passed"], before, "requests")
        same(len(m.read()), MIB, "the other file")
        m.untouched()


@test("what the module does not take goes to the daemon: read-only files, unknown ids")
def test_refused():
    data = pattern(MIB)
    with Mount({"f": data}, ("-r",)) as m:
        same(m.read(), data, "content")
        warm = m.counts()
        same(warm[0], m.before[0], "READs that reached the daemon")
        with opened(m.path(), os.O_WRONLY) as fd:
            os.write(fd, b"new")
        same(m.counts()[1], warm[1] + 1, "WRITEs that reached the daemon")
        same(m.content()[:4], b"new" + data[3:4], "lower file")
        # ids that are closed while the map still has them
        same(m.ask("withdraw"), "ok", "withdraw")
        same(m.read(), b"new" + data[3:], "content")
        expect(m.counts()[0] > warm[0], "no READ reached the daemon")


@test("a file may be offered and withdrawn while it is open, under load")
def test_withdraw():
    data = pattern(MIB)
    with Mount({"f": data}) as m:
        stop, wrong = threading.Event(), []

        def reader():
            with opened(m.path(), os.O_RDONLY | os.O_DIRECT) as fd:
                while not stop.is_set():
                    buf = aligned(MIB)
                    if os.preadv(fd, [buf], 0) != MIB or buf[:] != data:
                        wrong.append("content")

        threads = [threading.Thread(target=reader) for _ in range(3)]
        for thread in threads:
            thread.start()
        rounds = 0
        while rounds < 40 or not (m.stats("READ")["answered"] and m.counts()[0]):
            rounds += 1
            expect(rounds < 4000, "READs never went both ways")
            same(m.ask("withdraw"), "ok", "withdraw")
            same(m.ask(f"offer {m.conn} {PINS}/lowerio-maps/backing"), "ok", "offer")
        stop.set()
        for thread in threads:
            thread.join()
        same(wrong, [], "readers")


@test("the policy hears the end of each request that it heard begin, whoever did it")
def test_done():
    counter = Counter()
    counter.reset()
    data = pattern(2 * MIB)
    with Mount({"f": data}, policy="lowerio-count") as m:
        same(m.read(), data, "content")
        with opened(m.path(), os.O_RDWR) as fd, mmap.mmap(fd, len(data)) as area:
            area[:MIB] = bytes(MIB)
            area.flush()
            os.pwrite(fd, data, 0)
            os.fsync(fd)
        with opened(m.path(), os.O_RDONLY | os.O_DIRECT) as fd:
            os.preadv(fd, [aligned(MIB)], 0)
        run("fio", "--name=t", f"--filename={m.path()}", "--size=2m", "--bs=16k",
            "--rw=randwrite", "--ioengine=libaio", "--direct=1", "--iodepth=16",
            "--output=/dev/null", "--allow_file_create=0")
        m.untouched()
        expect(within(5, lambda: counter[BEGUN] == counter[ENDED]),
               f"{counter[BEGUN]} begun, {counter[ENDED]} ended")
        expect(counter[BEGUN] > 100, "nothing begun")
        same((counter[FAILED], counter[LATE]), (0, 0), "failed and late")
        for what in ("READ", "WRITE"):
            same((m.stats(what)["bugs"], m.stats(what)["errors"]), (0, 0), "bugs and errors")


@test("a policy that notes a file and decides otherwise, or notes none, does no harm")
def test_mistakes():
    counter = Counter()
    data = pattern(MIB)
    for mistake in (NOTE_AND_PASS, NOTE_AND_REFUSE, NOTE_TWICE, ANSWER_WITHOUT):
        counter.reset()
        with small_tmpfs("4m") as low:
            with Mount({"f": data}, policy="lowerio-count", lower=low) as m:
                counter[MISTAKE] = mistake
                bugs = m.stats("READ")["bugs"]
                drop_caches()
                with opened(m.path(), os.O_RDWR) as fd:
                    if mistake == NOTE_AND_REFUSE:
                        # a whole page: for a part, 7.3 reads the rest first
                        fails(errno.EPERM, os.pwrite, fd, data[:PAGE], 0)
                        with opened(m.path(), os.O_RDONLY | os.O_DIRECT) as two:
                            fails(errno.EPERM, os.preadv, two, [aligned(PAGE)], 0)
                    else:
                        os.write(fd, data[:10])
                        same(os.pread(fd, MIB, 0), data, "content")
                counter[MISTAKE] = NONE
                expect((m.stats("READ")["bugs"] > bugs) == (mistake == ANSWER_WITHOUT),
                       f"bugs: {m.stats('READ')}")
                same(m.counts()[1] > m.before[1], mistake in (NOTE_AND_PASS, ANSWER_WITHOUT),
                     "the daemon wrote")
                m.daemon.stdin.close()
                m.daemon.wait(10)
            # no reference is left, or this would be busy
            expect(within(5, lambda: not subprocess.run(  # pylint: disable=cell-var-from-loop
                ["umount", low], check=False, stderr=subprocess.DEVNULL).returncode),
                "the lower file system stays busy")
            run("mount", "-t", "tmpfs", "tmpfs", low)


@test("mdcache: attributes are right after writes that were carried out in the kernel")
def test_mdcache():
    with Mount({"f": bytes(PAGE)}, policy="mdcache", offer=False) as m:
        run("extfusectl", "bind", "--replace", m.mnt, "mdcache", "--ttl", "1000")
        same(m.ask(f"offer {m.conn} {PINS}/mdcache-maps/lower"), "ok", "offer")
        with opened(m.path(), os.O_RDWR) as fd:
            os.stat(m.path())
            for i in range(1, 40):
                os.pwrite(fd, b"y" * 1000, i * 1000)
                low = os.stat(m.lower())
                for _ in range(3):
                    st = os.stat(m.path())
                    same((st.st_size, st.st_mtime_ns), (low.st_size, low.st_mtime_ns),
                         "size and time")
            with mmap.mmap(fd, PAGE) as area:
                area[:] = b"m" * PAGE
                area.flush()
            os.fsync(fd)
            low = os.stat(m.lower())
            st = os.stat(m.path())
            same((st.st_size, st.st_mtime_ns), (low.st_size, low.st_mtime_ns), "size and time")
        same(m.counts()[1], 0, "WRITEs that reached the daemon")
        expect(m.stats("GETATTR")["answered"] > 0, "no GETATTR was answered")


@test("mdcache: a file that is open in cached mode is not opened in passthrough meanwhile")
def test_open_mode():
    data = pattern(3 * PAGE)
    with Mount({"f": data}, policy="mdcache", offer=False) as m:
        with opened(m.path(), os.O_RDWR) as fd:
            same(os.pread(fd, PAGE, 0), data[:PAGE], "content")
            same(m.ask(f"offer {m.conn} {PINS}/mdcache-maps/backing"), "ok", "offer")
            before = m.stats("OPEN")
            with opened(m.path(), os.O_RDWR) as two:
                same(os.pread(two, PAGE, PAGE), data[PAGE:2 * PAGE], "content of the other")
            same(m.stats("OPEN")["answered"], before["answered"], "OPENs answered")
            same(m.stats("OPEN")["bugs"], 0, "bugs")
        # its RELEASE may be on its way
        def passthrough():
            before = m.stats("OPEN")["answered"]
            with opened(m.path(), os.O_RDWR) as fd:
                same(os.pread(fd, PAGE, 0), data[:PAGE], "content in passthrough")
            return m.stats("OPEN")["answered"] > before
        expect(within(10, passthrough), "not opened in passthrough")


@test("mdcache: a file that is open in passthrough is not opened in cached mode meanwhile")
def test_open_mode_passthrough():
    data = pattern(PAGE)
    with Mount({"passed": data}, policy="mdcache", offer=False) as m:
        with opened(m.path("passed"), os.O_RDWR) as fd:
            # from here on OPEN for reading is answered without a backing file
            key = m.conn.to_bytes(8, "little") + os.fstat(fd).st_ino.to_bytes(8, "little")
            run("bpftool", "map", "update", "pinned", f"{PINS}/mdcache-maps/backing", "key",
                *[str(b) for b in key], "value", "0", "0", "0", "0")
            with opened(m.path("passed"), os.O_RDONLY) as two:
                same(os.read(two, PAGE), data, "content")
            same(os.pread(fd, PAGE, 0), data, "content of the other")
        def cached():
            before = m.stats("OPEN")["answered"]
            with opened(m.path("passed"), os.O_RDONLY) as fd:
                same(os.read(fd, PAGE), data, "content")
            return m.stats("OPEN")["answered"] > before
        expect(within(10, cached), "not answered afterwards either")


@test("mdcache: what is free, while a file that is open in passthrough is written")
def test_statfs():
    for name, offer in (("passed", False), ("f", True)):
        with small_tmpfs(16 * MIB) as low, \
                Mount({name: b""}, policy="mdcache", lower=low, offer=False) as m:
            run("extfusectl", "bind", m.mnt, "mdcache", "--replace", "--ttl", "3600")
            if offer:
                same(m.ask(f"offer {m.conn} {PINS}/mdcache-maps/backing"), "ok", "offer")
            with opened(m.path(name), os.O_WRONLY) as fd:
                before = os.statvfs(m.mnt).f_bfree
                same(os.statvfs(m.mnt).f_bfree, before, "free blocks")
                os.write(fd, bytes(8 * MIB))
                same(os.statvfs(m.mnt).f_bfree, os.statvfs(low).f_bfree, "free blocks")
                expect(os.statvfs(m.mnt).f_bfree < before, "nothing was written")


def random_mix(m, rounds, seed):
    """Operations on the file and on a model of it."""
    rng = random.Random(seed)
    model = bytearray(m.content())
    fds = [os.open(m.path(), flags) for flags in (os.O_RDWR, os.O_RDWR | os.O_DIRECT)]
    limit = 600000
    try:
        for step in range(rounds):
            fd = rng.choice(fds)
            off, size = rng.randrange(limit), rng.randrange(1, 150000)
            if rng.random() < 0.5:
                off, size = off & -PAGE, max(size & -PAGE, PAGE)
            what = rng.choice(("read", "read", "write", "write", "truncate", "map", "drop"))
            if what == "read":
                buf = aligned(size)
                n = os.preadv(fd, [buf], off)
                same(buf[:n], bytes(model[off:off + size]), f"step {step}: read {size} at {off}")
            elif what == "write":
                data = rng.randbytes(size)
                same(os.pwritev(fd, [aligned(data)], off), size, f"step {step}: written")
                if len(model) < off:
                    model.extend(bytes(off - len(model)))
                model[off:off + size] = data
            elif what == "truncate":
                size = rng.randrange(limit)
                os.ftruncate(fd, size)
                del model[size:]
                model.extend(bytes(size - len(model)))
            elif what == "map" and model:
                off %= len(model)
                data = rng.randbytes(min(len(model) - off, 5000))
                with mmap.mmap(fds[0], len(model)) as area:
                    same(area[off:off + 5000], bytes(model[off:off + 5000]), f"step {step}: map")
                    area[off:off + len(data)] = data
                    area.flush()
                model[off:off + len(data)] = data
            elif what == "drop":
                os.posix_fadvise(fds[0], 0, 0, os.POSIX_FADV_DONTNEED)
        os.fsync(fds[0])
        same(m.content(), bytes(model), "lower file")
        same(m.read(), bytes(model), "file")
    finally:
        for fd in fds:
            os.close(fd)


@test("a random mix of reads, writes, mappings and truncations")
def test_mix():
    ksft.print_msg(f"seed {SEED}")
    with Mount({"f": pattern(100000)}) as m:
        random_mix(m, int(os.environ.get("ROUNDS", "1000")), SEED)
        m.untouched()


@test("write-back cache, with which no file can be registered, is left to the daemon")
def test_writeback():
    data = pattern(MIB)
    with Mount({"f": data}, ("-w",), offer=False) as m:
        expect(m.ask(f"offer {m.conn} {PINS}/lowerio-maps/backing") != "ok", "registered")
        with opened(m.path(), os.O_RDWR) as fd:
            os.write(fd, b"new")
            os.fsync(fd)
        same(m.read(), b"new" + data[3:], "content")
        expect(m.counts()[1] > 0, "no WRITE reached the daemon")


@contextlib.contextmanager
def slow_lower():
    """A mount on top of a mount whose daemon can be stopped."""
    with Mount({"f": bytes(4 * MIB)}, ("-n",), offer=False) as below:
        with Mount(lower=below.mnt) as m:
            try:
                yield m, below
            finally:
                below.daemon.send_signal(signal.SIGCONT)


@test("a lower file that is on FUSE too")
def test_stacked():
    data = pattern(4 * MIB)
    with slow_lower() as (m, below):
        with opened(m.path(), os.O_RDWR) as fd:
            same(os.pwrite(fd, data, 0), len(data), "bytes written")
            with mmap.mmap(fd, len(data)) as area:
                area[MIB:MIB + 5] = b"hello"
                area.flush()
        data = data[:MIB] + b"hello" + data[MIB + 5:]
        same(below.content(), data, "lowest file")
        same(m.read(), data, "content")
        run("fio", "--name=t", f"--filename={m.path()}", "--size=4m", "--bs=16k",
            "--rw=randrw", "--ioengine=libaio", "--direct=1", "--iodepth=16",
            "--output=/dev/null", "--allow_file_create=0", "--verify=crc32c",
            "--verify_state_save=0")
        m.untouched()


def state(task):
    """A letter, as ps has it."""
    try:
        with open(f"/proc/{task}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"


def stop(daemon):
    """Stops all threads of a daemon before anything else is asked of it."""
    # not send_signal(), which sends nothing from a process that did not start it
    os.kill(daemon.pid, signal.SIGSTOP)
    expect(within(10, lambda: all(state(task) in ("T", "gone") for task in
                                  os.listdir(f"/proc/{daemon.pid}/task"))), "it does not stop")


def stuck_write(m, below):
    """Write-back under way to a lower file whose daemon is stopped: its task."""
    def writer(ready):
        with contextlib.suppress(OSError), opened(m.path(), os.O_RDWR) as fd, \
                mmap.mmap(fd, 4 * MIB) as area:
            for off in range(0, 4 * MIB, PAGE):
                area[off] = 1
            stop(below.daemon)
            ready()
            area.flush()

    pid = forked(writer)
    expect(within(10, lambda: waiting(m)), "nothing is under way")
    return pid


def waiting(m):
    """Requests of the mount that are not over."""
    with open(f"/sys/fs/fuse/connections/{m.minor}/waiting", encoding="ascii") as f:
        return int(f.read())


def ends(how):
    """The connection ends in some way while its write-back is stuck."""
    with slow_lower() as (m, below):
        pid = stuck_write(m, below)
        how(m, pid)
        expect(run("lsmod").find("extfuse") >= 0, "no module")
        same(subprocess.run(["rmmod", "extfuse"], check=False,
                            stderr=subprocess.DEVNULL).returncode, 1, "rmmod")
        below.daemon.send_signal(signal.SIGCONT)
        same(os.waitpid(pid, 0)[1] & 0x7f in (0, signal.SIGKILL, signal.SIGBUS), True, "child")
        m.close()
        expect(within(20, lambda: not os.path.exists(f"/sys/fs/fuse/connections/{m.minor}")),
               "the connection stays")
        expect(within(20, lambda: all(c["conn"] != m.conn for c in
                                      json.loads(run("extfusectl", "list", "--json")))),
               "the binding stays")


@test("the connection is aborted while a page is read")
def test_abort_read():
    with slow_lower() as (m, below):
        area = mapped(m.path())
        stop(below.daemon)
        pid = forked(lambda ready: (ready(), area[0]))
        expect(within(10, lambda: waiting(m)), "nothing waits")
        m.abort()
        expect(within(10, lambda: ended(pid)), "who waits for it is not told")
        same(os.waitpid(pid, 0)[1] & 0x7f, signal.SIGBUS, "the signal that the child gets")


@test("the connection is aborted while write-back is under way")
def test_abort():
    def abort(m, pid):
        m.abort()
        expect(within(10, lambda: ended(pid)), "who waits for it is not told")

    ends(abort)


@test("the daemon is killed while write-back is under way")
def test_kill():
    def kill(m, _):
        m.daemon.kill()
        time.sleep(0.3)

    ends(kill)


@test("the mount is unbound while write-back is under way, and finishes")
def test_unbind():
    with slow_lower() as (m, below):
        pid = stuck_write(m, below)
        run("extfusectl", "unbind", m.mnt)
        time.sleep(0.2)
        same(subprocess.run(["rmmod", "extfuse"], check=False,
                            stderr=subprocess.DEVNULL).returncode, 1, "rmmod")
        below.daemon.send_signal(signal.SIGCONT)
        same(os.waitpid(pid, 0)[1], 0, "the child's status")
        data = below.content()
        expect(all(data[off] == 1 for off in range(0, 4 * MIB, PAGE)), "bytes are missing")


@test("who waits for a stuck read can be killed once the lower file answers")
def test_fatal_signal():
    def reader(ready):
        # the daemon itself would wait for an open, or for attributes
        with opened(m.path(), os.O_RDONLY | os.O_DIRECT) as fd:
            stop(below.daemon)
            ready()
            os.preadv(fd, [aligned(MIB)], 0)

    with slow_lower() as (m, below):
        drop_caches()
        pid = forked(reader)
        expect(within(10, lambda: waiting(m)), "nothing waits")
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
        below.daemon.send_signal(signal.SIGCONT)
        same(os.waitpid(pid, 0)[1], signal.SIGKILL, "the child's status")
        same(len(m.read()), 4 * MIB, "afterwards")


@test("a policy that is unloaded leaves requests under way to end")
def test_unload():
    with slow_lower() as (m, below):
        pid = stuck_write(m, below)
        run("extfusectl", "policy", "unload", "lowerio")
        below.daemon.send_signal(signal.SIGCONT)
        same(os.waitpid(pid, 0)[1], 0, "the child's status")
        run("extfusectl", "policy", "load", "lowerio")
        same(sum(below.content()[::PAGE]), 1024, "bytes")


@test("nothing is left, and the module can be unloaded")
def test_rmmod():
    for policy in ("lowerio", "lowerio-count", "mdcache"):
        run("extfusectl", "policy", "unload", policy)
    expect(within(20, lambda: not subprocess.run(
        ["rmmod", "extfuse"], check=False, stderr=subprocess.DEVNULL).returncode), "rmmod")
    with open("/proc/slabinfo", encoding="ascii") as f:
        expect("lower_work" not in f.read(), "slab cache left")


def main():
    """Runs all, or those whose names contain an argument."""
    sys.stdout.reconfigure(line_buffering=True)
    ksft.print_header()
    if os.getuid() or not os.path.exists("/dev/fuse"):
        ksft.test_result_skip("needs root and /dev/fuse")
        ksft.finished()
    run("modprobe", "extfuse")
    if not os.path.ismount("/sys/fs/fuse/connections"):
        run("mount", "-t", "fusectl", "fusectl", "/sys/fs/fuse/connections")
    for policy in ("lowerio", "mdcache", COUNTER):
        run("extfusectl", "policy", "load", policy)
    chosen = [t for t in tests if len(sys.argv) < 2 or any(a in t[0] for a in sys.argv[1:])]
    ksft.set_plan(len(chosen))
    for name, function in chosen:
        start = time.monotonic()
        try:
            function()
            result = True
        except Skip as e:
            ksft.test_result_skip(f"{name}: {e}")
            continue
        except Exception:  # pylint: disable=broad-except
            lines = [f.lineno for f in traceback.extract_tb(sys.exc_info()[2])]
            ksft.print_msg(f"{traceback.format_exc().splitlines()[-1]} (lines {lines})")
            result = False
        ksft.test_result(result, name)
        ksft.print_msg(f"{time.monotonic() - start:.1f} s")
    run("extfusectl", "policy", "unload", "lowerio", check=False)
    run("extfusectl", "policy", "unload", "lowerio-count", check=False)
    run("extfusectl", "policy", "unload", "mdcache", check=False)
    run("rmmod", "extfuse", check=False)
    ksft.finished()


if __name__ == "__main__":
    main()
