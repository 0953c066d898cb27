# SPDX-License-Identifier: GPL-2.0
"""A mount of the scripted daemon, bound or not, and what tests ask of it."""

import collections
import ctypes
import errno
import glob
import os
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

POLICY = os.environ.get("POLICY", "mdcache")
SLOWER = int(os.environ.get("SLOWER", 1))  # how many times as long to wait
FOREVER = 3600
ABSENT = None
libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


class Wrong(Exception):
    """What a test found."""


class Skip(Exception):
    """What a test needs and there is not."""


class Task(threading.Thread):
    """A system call that will not return at once."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.result, self.error = None, None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.args)
        except BaseException as e:  # pylint: disable=broad-except
            self.error = e

    def get(self, timeout=30):
        self.join(timeout * SLOWER)
        if self.is_alive():
            raise Wrong("still waiting")
        if self.error:
            raise self.error
        return self.result


def as_user(uid, function, *args):
    """Call with the file system user and group @uid, which only concern a thread."""

    def call():
        libc.setfsgid(uid)
        libc.setfsuid(uid)
        return function(*args)

    return Task(call).get()


def outcome(function, *args):
    """The result, or the name of the error."""
    try:
        return function(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def expect(wanted, function, *args):
    got = outcome(function, *args)
    if got != wanted:
        raise Wrong(f"{getattr(function, '__name__', 'call')}: {got!r}, not {wanted!r}")


def rename2(old, new, flags):
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def linkat(old, new):
    """Follows a symbolic link, which os.link() does not."""
    if libc.linkat(-100, os.fsencode(old), -100, os.fsencode(new), 0x400):
        raise OSError(ctypes.get_errno(), "linkat")


def extfusectl(*args):
    return subprocess.run(["extfusectl", *args], check=True, capture_output=True,
                          text=True).stdout


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("2")


def wait_until(what, condition, seconds=20):
    end = time.monotonic() + seconds * SLOWER
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"{what}: not within {seconds} s")
        time.sleep(0.05)


Attr = collections.namedtuple("Attr", "ino mode nlink uid gid size blocks mtime ctime")


class Mount:
    """The scripted daemon at self.at. @ttl: None to honour the daemon's; the
    daemon's own validity is @entry, @attr and @negative seconds."""

    def __init__(self, *options, ttl=FOREVER, entry=0, attr=0, negative=-1, bind=True,
                 shared=True, others=True):
        self.at = tempfile.mkdtemp(prefix="coherence.")
        options = list(options)
        if others:
            options += ["-o", "allow_other"]
        if shared:
            options += ["-o", "default_permissions"]
        self.daemon = subprocess.Popen([HERE + "/scripted", *options, self.at],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say(f"ttl {entry} {attr} {negative}")
        # INIT has been answered when the first request has
        wait_until("mounted", lambda: os.path.ismount(self.at))
        os.statvfs(self.at)
        if bind:
            self.bind(ttl)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        libc.umount2(os.fsencode(self.at), 2)  # MNT_DETACH
        try:
            self.daemon.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        os.rmdir(self.at)

    def bind(self, ttl=FOREVER, *options):
        extfusectl("bind", self.at, POLICY, *options,
                   *(["--ttl", str(ttl)] if ttl is not None else []))

    def later(self, verb, *args):
        """A function that has extfusectl do it, without starting a process: that
        would close its copies of files, and wait for what they are used for."""
        # pylint: disable=consider-using-with
        waiting = subprocess.Popen(["sh", "-c", 'read -r _ && exec extfusectl "$@"', "sh", verb,
                                    self.at, *args], stdin=subprocess.PIPE)

        def do_it():
            waiting.communicate(b"\n")
            if waiting.returncode:
                raise Wrong(f"cannot {verb}")

        return do_it

    def bind_later(self):
        return self.later("bind", POLICY, "--ttl", str(FOREVER))

    def unbind(self):
        extfusectl("unbind", self.at)

    def say(self, *commands):
        """Have the daemon do something; the answer to the last command."""
        answer = ""
        for command in commands:
            self.daemon.stdin.write(command + "\n")
            self.daemon.stdin.flush()
            status, _, answer = self.daemon.stdout.readline().strip().partition(" ")
            if status != "ok":
                raise Wrong(f"daemon: {command}: {answer or 'gone'}")
        return answer

    def path(self, name=""):
        return os.path.join(self.at, name)

    def __call__(self, name=""):
        return self.path(name)

    # What reaches the daemon.

    def counts(self):
        return collections.Counter({k: int(v) for k, v in (
            word.split("=") for word in self.say("counts").split())})

    def asked(self, function, *args):
        """Requests that a call cost the daemon."""
        before = self.counts()
        outcome(function, *args)
        after = self.counts()
        after.subtract(before)
        del after["FORGET"]
        return {k: v for k, v in after.items() if v}

    def costs_nothing(self, function, *args):
        asked = self.asked(function, *args)
        if asked:
            name = getattr(function, "__name__", "call")
            raise Wrong(f"{name} {args} reached the daemon: {asked}")

    def costs(self, function, *args):
        if not self.asked(function, *args):
            raise Wrong(f"{getattr(function, '__name__', 'call')} {args} did not reach the daemon")

    def no_bad_requests(self):
        bad = self.say("bad")
        if bad != "0":
            raise Wrong(f"{bad} requests or forgets for nodeids that the daemon had given up")

    # What is true, and what is seen.

    def truth(self, name):
        try:
            words = self.say(f"attr /{name}").split()
        except Wrong:
            return ABSENT
        return Attr(int(words[0]), int(words[1], 8), *map(int, words[2:]))

    def seen(self, what):
        try:
            st = os.fstat(what) if isinstance(what, int) else os.lstat(self.path(what))
        except FileNotFoundError:
            return ABSENT
        return Attr(st.st_ino, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_size,
                    st.st_blocks, st.st_mtime_ns, st.st_ctime_ns)

    def agree(self, *names):
        """What is seen of each name is what the daemon has. Twice: the second time
        it may come from what the first has left in a cache."""
        for _ in range(2):
            for name in names:
                self.compare(name, self.truth(name), self.seen(name))

    def agree_open(self, fd, name):
        for _ in range(2):
            self.compare(name, self.truth(name), self.seen(fd))

    @staticmethod
    def compare(name, truth, seen):
        if truth == seen:
            return
        if ABSENT in (truth, seen):
            raise Wrong(f"/{name}: {seen} seen, {truth} true")
        raise Wrong(f"/{name}: " + ", ".join(
            f"{k} {s} seen, {t} true" for k, s, t in zip(Attr._fields, seen, truth) if s != t))

    def kept(self, function, *args):
        """Ask until the daemon is not asked any more: not at once if the RELEASE
        of a file that was closed is still on its way."""

        def nothing():
            outcome(function, *args)
            return not self.asked(function, *args)

        wait_until(f"{getattr(function, '__name__', 'call')} {args} kept", nothing, 5)

    def warm(self, *names):
        """Have the names and attributes cached, and make sure of it."""
        self.kept(lambda: [self.seen(name) for name in names])
        self.agree(*names)

    # Held requests.

    def held(self, slot, opcode, when, function, *args, name=""):
        """Start a call and wait until its request is held."""
        self.say(f"hold {slot} {opcode} {when} {name}")
        task = Task(function, *args)
        self.say(f"held {slot}")
        return task

    def release(self, slot, task=None):
        self.say(f"release {slot}")
        return outcome(task.get) if task else None

    def evict(self, *names):
        """Have the kernel give up its inodes of the names."""

        def gone():
            drop_caches()
            time.sleep(0.02)
            return all(self.say(f"id /{name}") == "0" for name in names)

        wait_until("evicted", gone)


def put(path, data=b"data", flags=os.O_CREAT, mode=0o644):
    fd = os.open(path, os.O_WRONLY | flags, mode)
    try:
        if data:
            os.write(fd, data)
    finally:
        os.close(fd)


def is_dir(path):
    return stat.S_ISDIR(os.lstat(path).st_mode)


tests = []


def test(description):
    def register(function):
        tests.append((description, function))
        return function

    return register


def abort_all():
    """Whatever hangs shall fail, and leave the rest its turn."""
    for path in glob.glob("/sys/fs/fuse/connections/*/abort"):
        with open(path, "w", encoding="ascii") as f:
            f.write("1")


def run_all(only):
    chosen = [t for t in tests if not only or any(o in t[0] for o in only)]
    ksft.set_plan(len(chosen))
    for description, function in chosen:
        start = time.monotonic()
        watchdog = threading.Timer(60 * SLOWER, abort_all)
        watchdog.start()
        try:
            function()
            ksft.test_result_pass(description)
        except Skip as e:
            ksft.print_msg(e)
            ksft.test_result_skip(description)
        except Exception as e:  # pylint: disable=broad-except
            where = traceback.extract_tb(e.__traceback__)
            line = next((f.lineno for f in reversed(where)
                         if not f.filename.endswith("harness.py")), 0)
            ksft.print_msg(f"line {line}: {type(e).__name__}: {e}")
            if isinstance(e, subprocess.CalledProcessError):
                ksft.print_msg(e.stderr)
            ksft.test_result_fail(description)
        watchdog.cancel()
        if os.environ.get("TIMES"):
            ksft.print_msg(f"{time.monotonic() - start:.1f} s")
        sys.stdout.flush()
    ksft.finished()


def main():
    """Runs all tests, or those whose descriptions contain an argument."""
    ksft.print_header()
    if os.geteuid():
        print("1..0 # SKIP needs root")
        sys.exit(ksft.KSFT_SKIP)
    if os.system("modprobe extfuse 2>/dev/null") and not os.path.isdir("/sys/module/extfuse"):
        print("1..0 # SKIP needs the extfuse module")
        sys.exit(ksft.KSFT_SKIP)
    ours = f'"{POLICY}"' not in extfusectl("policy", "list", "--json")
    if ours:
        extfusectl("policy", "load", os.environ.get("POLICY_FILE", POLICY))
    try:
        run_all(sys.argv[1:])
    finally:
        if ours:
            extfusectl("policy", "unload", POLICY)

