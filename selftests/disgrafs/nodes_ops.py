#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What nodes.sh, kill.sh and powercut.sh do to mounts, and how they compare them.

	load SECONDS SEED MOUNT...	random operations by two threads a mount
	compare LOWER MOUNT...		files, attributes, tags and graph are the same
	tag SECONDS LOG MOUNT...	tags; what was acknowledged is in LOG
	tag-synced FIRST MOUNT...	the same for ever, from that number on; a tag is on the
					disk when it is printed
	tagged LOG LOWER [MOUNT...]	all of that is there
"""
import errno
import hashlib
import os
import random
import subprocess
import sys
import threading
import time

TAGS = "user.xdg.tags"
# What a racing operation may say.
RACES = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EINVAL,
         errno.ENODATA, errno.ELOOP, errno.EBUSY, errno.ESTALE}


class Load(threading.Thread):
    """A random walk in names that the others use too."""

    def __init__(self, top, seed, end):
        super().__init__()
        self.top, self.end, self.count = top, end, 0
        self.random, self.failure = random.Random(seed), None

    def name(self):
        depth = self.random.choice((1, 1, 2, 2, 3))
        return "/".join([self.top] + ["d%d" % self.random.randrange(3) for _ in range(depth - 1)] +
                        ["f%d" % self.random.randrange(12)])

    def dir(self):
        depth = self.random.choice((1, 2))
        return "/".join([self.top] + ["d%d" % self.random.randrange(3) for _ in range(depth)])

    def write(self):
        with open(self.name(), self.random.choice(("wb", "ab", "r+b"))) as f:
            f.write(os.urandom(self.random.randrange(9000)))

    def read(self):
        with open(self.name(), "rb") as f:
            f.read()

    def tag(self):
        tags = ",".join({"t%d" % self.random.randrange(9) for _ in range(3)})
        os.setxattr(self.name(), TAGS, tags.encode())

    def use_command(self):
        name = self.name()
        if os.path.exists(name):
            what = self.random.choice((("tag", name, "t1"), ("untag", name, "t1"),
                                       ("link", name, "see", self.name()),
                                       ("unlink", name, "see", self.name())))
            subprocess.run(("disgrafs", *what), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)

    def look(self):
        name = self.name()
        os.stat(name)
        os.listxattr(name)

    def rename_dir(self):
        os.rename(self.dir(), self.dir())

    def truncate(self):
        os.truncate(self.name(), self.random.randrange(5000))

    def run(self):
        steps = [(self.write, 20), (self.read, 10), (self.tag, 15), (self.look, 15),
                 (self.use_command, 1),
                 (lambda: os.rename(self.name(), self.name()), 8),
                 (lambda: os.link(self.name(), self.name()), 5),
                 (lambda: os.unlink(self.name()), 8),
                 (lambda: os.mkdir(self.dir()), 6), (lambda: os.rmdir(self.dir()), 2),
                 (self.rename_dir, 2), (self.truncate, 4),
                 (lambda: os.chmod(self.name(), self.random.choice((0o600, 0o644, 0o755))), 4),
                 (lambda: os.utime(self.name(), (1, self.random.randrange(10 ** 9))), 3),
                 (lambda: os.removexattr(self.name(), TAGS), 3),
                 (lambda: os.symlink("x%d" % self.random.randrange(9), self.name()), 2),
                 (lambda: os.listdir(self.dir()), 6),
                 (lambda: os.listdir(self.top + "/.graph/tags"), 1)]
        while time.monotonic() < self.end:
            step, = self.random.choices([s for s, _ in steps], [w for _, w in steps])
            try:
                step()
                self.count += 1
            except OSError as e:
                if e.errno == errno.EHOSTDOWN:
                    continue
                if e.errno not in RACES:
                    self.failure = e
                    return


def load(seconds, seed, *mounts):
    end = time.monotonic() + float(seconds)
    loads = [Load(m, "%s %d" % (seed, i), end) for i, m in enumerate(mounts * 2)]
    for one in loads:
        one.start()
    for one in loads:
        one.join()
    print("# %d operations, seed %s" % (sum(one.count for one in loads), seed))
    for one in loads:
        if one.failure:
            print("# %s: %s" % (one.top, one.failure))
            return 1
    return 0


def describe(path, st):
    kind = {0o040000: "d", 0o100000: "f", 0o120000: "l"}.get(st.st_mode & 0o170000, "?")
    facts = [kind, oct(st.st_mode), st.st_uid, st.st_gid, st.st_ino]
    if kind != "d":
        facts += [st.st_nlink, st.st_size, st.st_mtime_ns]
    if kind == "f":
        with open(path, "rb") as f:
            facts.append(hashlib.md5(f.read()).hexdigest())
    if kind == "l":
        facts.append(os.readlink(path))
    else:
        facts.append(sorted((n, os.getxattr(path, n)) for n in os.listxattr(path)
                            if n.startswith("user.")))
    return facts


def names():
    """Whatever the load may have made."""
    dirs = [""] + ["d%d/" % i for i in range(3)]
    dirs += [a + b for a in dirs[1:] for b in dirs[1:]]
    return [d.rstrip("/") for d in dirs[1:]] + [d + "f%d" % i for d in dirs for i in range(12)]


def tree(top, known=()):
    """First what is known is looked at by name, as it is cached, then all as it is listed."""
    found = {}
    for path in known:
        try:
            full = os.path.join(top, path)
            found[path] = describe(full, os.lstat(full))
        except (FileNotFoundError, NotADirectoryError):
            pass
    for at, dirs, files in os.walk(top):
        dirs[:] = sorted(d for d in dirs if (at, d) != (top, ".disgrafs"))
        for name in dirs + files:
            path = os.path.relpath(os.path.join(at, name), top)
            if path not in found:
                found[path] = describe(os.path.join(top, path),
                                       os.lstat(os.path.join(top, path)))
    return found


def tags_of(found):
    """Which inodes have which tag: what .graph has to show."""
    tags = {}
    for facts in found.values():
        if facts[0] == "l":
            continue
        for value in [v for n, v in facts[-1] if n == TAGS]:
            for tag in value.decode().split(","):
                tags.setdefault(tag, set()).add(facts[4])
    return tags


def graph(top):
    shown = {}
    base = os.path.join(top, ".graph/tags")
    for tag in os.listdir(base):
        at = os.path.join(base, tag)
        shown[tag] = {os.stat(os.path.join(at, e)).st_ino for e in os.listdir(at)
                      if os.path.islink(os.path.join(at, e))}
    # A tag whose last link was removed stays, without files, until rmdir.
    return {tag: files for tag, files in shown.items() if files}


def differences(lower, mounts):
    wanted = tree(lower)
    for top in mounts:
        got = tree(top, list(wanted) + names())
        for path in sorted(set(wanted) | set(got)):
            if wanted.get(path) != got.get(path):
                yield "%s: %s: %s, not %s" % (top, path, got.get(path), wanted.get(path))
        tags, shown = tags_of(wanted), graph(top)
        for tag in sorted(set(tags) | set(shown)):
            if tags.get(tag) != shown.get(tag):
                yield "%s: tag %s: %s, not %s" % (top, tag, shown.get(tag), tags.get(tag))


def compare(lower, *mounts):
    """Changes are on their way, but what is wrong then must become right without a change."""
    end = time.monotonic() + 60 * int(os.environ.get("SLOWER", "1"))
    while True:
        try:
            wrong = list(differences(lower, mounts))
        except OSError as e:
            wrong = [str(e)]
        if not wrong:
            return 0
        if time.monotonic() > end:
            print("\n".join("# " + w for w in wrong[:10]))
            return 1
        time.sleep(0.2)


def tag_file(number, top, sync):
    """One of twenty; what was acknowledged, if it was."""
    # A directory that a mount point without a mount has not.
    name, value = "tagged/k%d" % (number % 20), "a%d,b%d" % (number % 7, number)
    path = os.path.join(top, name)
    try:
        with open(path, "a") as f:
            os.setxattr(path, TAGS, value.encode())
            if sync:
                os.fsync(f.fileno())
    except OSError as e:
        # Its daemon was killed: not acknowledged.
        if e.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT, errno.EIO):
            raise
        time.sleep(0.05)
        return ""
    return "%s %s\n" % (name, value)


def tag(seconds, log, *mounts):
    """Files of its own; a line for each tag after its setxattr returned."""
    end, number = time.monotonic() + float(seconds), 0
    with open(log, "a", buffering=1) as acknowledged:
        while time.monotonic() < end:
            acknowledged.write(tag_file(number, mounts[number % len(mounts)], False))
            number += 1
    print("# %d files tagged" % number)
    return 0


def tag_synced(first, *mounts):
    number = int(first)
    while True:
        print(tag_file(number, mounts[number % len(mounts)], True), end="", flush=True)
        number += 1


def tagged(log, lower, *mounts):
    wanted = {}
    with open(log) as acknowledged:
        for line in acknowledged:
            name, value = line.split()
            wanted[name] = value
    for top in (lower,) + mounts:
        for name, value in wanted.items():
            got = os.getxattr(os.path.join(top, name), TAGS).decode()
            # One that was not acknowledged any more may be there instead.
            if got != value and int(got.split(",b")[1]) <= int(value.split(",b")[1]):
                print("# %s: %s: %s, not %s" % (top, name, got, value))
                return 1
    print("# %d files have their tags" % len(wanted))
    return 0


if __name__ == "__main__":
    sys.exit({"load": load, "compare": compare, "tag": tag, "tag-synced": tag_synced,
              "tagged": tagged}[sys.argv[1]](*sys.argv[2:]))
