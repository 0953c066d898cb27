#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mix.py DIRECTORY: a mix of changes and questions there. Prints how every call
ended, and what all looks like in between and at the end; nothing that two runs in
two empty directories of the same kind would not print alike.

mix.py --tree DIRECTORY: only what all looks like."""

import ctypes
import errno
import hashlib
import mmap
import os
import stat
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE = 1, 2
# of the outputs of programs, and of what has times and inode numbers in it
UNLIKE = (".git/index",)
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1000000000 +0000",
    "GIT_COMMITTER_DATE": "1000000000 +0000", "GIT_CONFIG_NOSYSTEM": "1",
}

set_times = {}


def call(what, function, *args, **kwargs):
    """Print how a call ended; its result, or None."""
    try:
        result = function(*args, **kwargs)
    except OSError as e:
        print(what, errno.errorcode[e.errno])
        return None
    print(what, "ok" if result is None else result)
    return result


def write(path, data, flags=os.O_CREAT | os.O_TRUNC, mode=0o644):
    fd = os.open(path, os.O_WRONLY | flags, mode)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def content(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def look(path):
    """One line about a file; times only if mix set them, sizes not of directories."""
    st = os.lstat(path)
    words = [stat.filemode(st.st_mode), st.st_nlink, st.st_uid, st.st_gid]
    if not stat.S_ISDIR(st.st_mode):
        words.append(st.st_size)
    if path in set_times:
        words.append(int(st.st_mtime))
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        words += [(n, os.getxattr(path, n, follow_symlinks=False)) for n in names]
    except OSError as e:
        words.append(errno.errorcode[e.errno])
    if stat.S_ISLNK(st.st_mode):
        words.append(os.readlink(path))
    elif stat.S_ISREG(st.st_mode) and not path.endswith(UNLIKE):
        words.append(content(path))
    return " ".join(map(str, words))


def settle():
    """The VFS itself keeps what it was told for as long as the daemon allows, a second:
    of a file changed by another of its names, too, if the daemon takes them for two."""
    time.sleep(1.5)


def tree(what="tree"):
    settle()
    print(f"--- {what}")
    for directory, subdirectories, files in os.walk("."):
        subdirectories.sort()
        for name in sorted(subdirectories + files):
            path = os.path.normpath(os.path.join(directory, name))
            call(path, look, path)


def show(*paths):
    """What a moment later must be different, or still the same."""
    for path in paths:
        call(f"  stat {path}", look, path)
        call(f"  access {path}", os.access, path, os.W_OK)


def rename2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def run(*command):
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    print(f"$ {' '.join(command)}: {done.returncode}")
    print(done.stdout.replace(os.getcwd(), "HERE"), end="")


def utime(path, seconds):
    os.utime(path, (seconds, seconds))
    set_times[path] = True


def names():
    show("d", "d/f")
    call("mkdir d", os.mkdir, "d")
    show("d", "d/f")
    call("mkdir again", os.mkdir, "d")
    call("create", write, "d/f", b"content")
    show("d/f", "d")
    call("create exclusively", write, "d/f", b"", os.O_CREAT | os.O_EXCL)
    call("mkdir e", os.mkdir, "d/e")
    call("mkdir e/e", os.mkdir, "d/e/e")
    show("d", "d/e")
    call("list", lambda: sorted(os.listdir("d")))
    call("rmdir not empty", os.rmdir, "d/e")
    call("rmdir", os.rmdir, "d/e/e")
    show("d/e", "d/e/e")
    call("unlink absent", os.unlink, "d/absent")
    show("d/l", "d/hard", "d/fifo")
    call("symlink", os.symlink, "f", "d/l")
    call("link", os.link, "d/f", "d/hard")
    call("mknod", os.mknod, "d/fifo", 0o10644)
    settle()
    show("d/l", "d/hard", "d/f", "d/fifo")
    call("write through the other link", write, "d/hard", b"longer content", 0)
    settle()
    show("d/f", "d/hard")
    call("unlink one link", os.unlink, "d/f")
    settle()
    show("d/f", "d/hard", "d/l")
    call("read through a dangling link", content, "d/l")


def renames():
    for name in ("a", "b", "a/x", "a/y"):
        call(f"mkdir {name}", os.mkdir, name)
    for name in ("a/1", "a/2", "b/3", "a/x/4"):
        call(f"create {name}", write, name, name.encode() * 10)
    show("a", "b", "a/1", "a/2", "b/3", "b/1", "b/x")
    call("rename", os.rename, "a/1", "b/1")
    show("a", "b", "a/1", "b/1")
    call("rename over", os.rename, "b/1", "a/2")
    show("b/1", "a/2")
    call("rename over, across", os.rename, "a/2", "b/3")
    show("a/2", "b/3")
    call("rename directory", os.rename, "a/x", "b/x")
    show("a/x", "b/x", "a/x/4", "b/x/4", "a", "b")
    call("rename onto a directory", os.rename, "b/3", "b/x")
    call("rename directory onto an empty one", os.rename, "b/x", "a/y")
    show("b/x", "a/y", "a/y/4", "b/x/4")
    call("rename absent", os.rename, "a/none", "b/none")
    call("rename without replacing", rename2, "b/3", "a/y/4", NOREPLACE)
    call("rename without replacing", rename2, "b/3", "b/5", NOREPLACE)
    show("b/3", "b/5", "a/y/4")
    call("exchange", rename2, "b/5", "a/y/4", EXCHANGE)
    show("b/5", "a/y/4")


def contents():
    show("f")
    call("create", write, "f", b"x" * 5000)
    show("f")
    call("append", write, "f", b"y" * 5000, os.O_APPEND)
    show("f")
    call("truncate", os.truncate, "f", 100)
    show("f")
    call("extend", os.truncate, "f", 20000)
    show("f")
    fd = call("open", os.open, "f", os.O_RDWR) and os.open("f", os.O_RDWR)
    for _ in range(3):
        call("pwrite", os.pwrite, fd, b"here", 30000)
        call("fstat", lambda: os.fstat(fd).st_size)
        call("pread", os.pread, fd, 4, 30000)
    call("ftruncate", os.ftruncate, fd, 25000)
    call("fstat", lambda: os.fstat(fd).st_size)
    call("fallocate", os.posix_fallocate, fd, 0, 50000)
    call("fstat", lambda: os.fstat(fd).st_size)
    call("fsync", os.fsync, fd)
    os.close(fd)
    show("f")
    call("overwrite", write, "f", b"short")
    show("f")
    call("copy", lambda: subprocess.run(["cp", "-p", "f", "g"], check=False).returncode)
    show("f", "g")
    call("unlink", os.unlink, "g")
    show("g")
    call("map", mapped)
    show("f")


def mapped():
    with open("f", "r+b") as f:
        f.truncate(8192)
        with mmap.mmap(f.fileno(), 8192) as area:
            area[4000:4200] = b"m" * 200
            area.flush()
        return f.read(10)


def attributes():
    for path in ("f", "d"):
        call(f"chmod {path}", os.chmod, path, 0o700)
        show(path)
        call(f"chmod {path}", os.chmod, path, 0o755)
        show(path)
        call(f"utimens {path}", utime, path, 1000000000)
        show(path)
        call(f"utimens {path}", utime, path, 1100000000)
        show(path)
    call("chown", os.chown, "f", 1, 2)
    show("f")
    for name, value in (("user.a", b"1"), ("user.b", b"2" * 300), ("user.a", b"changed")):
        call("getxattr", os.getxattr, "f", name)
        call("setxattr", os.setxattr, "f", name, value)
        call("getxattr", os.getxattr, "f", name)
        call("listxattr", lambda: sorted(os.listxattr("f")))
    call("removexattr", os.removexattr, "f", "user.a")
    call("getxattr", os.getxattr, "f", "user.a")
    call("removexattr", os.removexattr, "f", "user.a")
    call("listxattr", lambda: sorted(os.listxattr("f")))
    call("retarget", lambda: (os.unlink("d/l"), os.symlink("elsewhere", "d/l")) and None)
    del set_times["d"]
    show("d/l")
    call("statfs", lambda: os.statvfs(".").f_namemax)


def programs():
    run("tar", "-C", "/usr/include", "--sort=name", "-cf", "tree.tar", "fuse3")
    call("mkdir", os.mkdir, "tar")
    run("tar", "-C", "tar", "-xf", "tree.tar")
    show("tar/fuse3/fuse.h", "tar/fuse3/fuse_opt.h")
    run("cp", "-a", "tar", "copy")
    run("diff", "-r", "tar", "copy")
    run("rm", "-r", "copy")
    show("copy", "copy/fuse3")
    call("unlink", os.unlink, "tree.tar")

    git = ("git", "-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "init.defaultBranch=main",
           "-C", "tar")
    run(*git, "init", "-q")
    run(*git, "add", ".")
    run(*git, "commit", "-q", "-m", "one")
    run(*git, "status", "--porcelain")
    call("append", write, "tar/fuse3/fuse.h", b"/* more */", os.O_APPEND)
    run(*git, "status", "--porcelain")
    run(*git, "commit", "-q", "-a", "-m", "two")
    run(*git, "mv", "fuse3/fuse_opt.h", "moved.h")
    run(*git, "checkout", "-q", "-f", "HEAD~1")
    run(*git, "status", "--porcelain")
    run(*git, "log", "--all", "--format=%H %s")
    run(*git, "ls-files", "-s")


def main():
    if sys.argv[1] == "--tree":
        os.chdir(sys.argv[2])
        tree()
        return
    os.chdir(sys.argv[1])
    os.umask(0o022)
    for step in (names, renames, contents, attributes, programs):
        print(f"=== {step.__name__}")
        step()
        if step == attributes:
            tree()
    tree()


main()
