#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""System calls that no shell command makes. One function a test; what it prints
is compared between the mount and the file system below."""

import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import socket
import stat
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


def call(what, function, *args, **kwargs):
    """Print how a call ended."""
    try:
        result = function(*args, **kwargs)
        print(what, "ok" if result is None else result)
        return result
    except OSError as e:
        print(what, errno.errorcode[e.errno])
        return None


def write(path, data=b"x", flags=0, mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, mode)
    os.write(fd, data)
    os.close(fd)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def renameat2(old, new, flags):
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags) < 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def rename_flags():
    write("a", b"a")
    write("b", b"b")
    os.mkdir("d")
    call("noreplace over", renameat2, "a", "b", NOREPLACE)
    call("noreplace", renameat2, "a", "c", NOREPLACE)
    call("exchange", renameat2, "b", "c", EXCHANGE)
    print(read("b"), read("c"))
    call("exchange absent", renameat2, "b", "none", EXCHANGE)
    call("exchange file and directory", renameat2, "b", "d", EXCHANGE)
    print(stat.S_ISDIR(os.stat("b").st_mode), read("d"))
    call("whiteout", renameat2, "c", "e", WHITEOUT)
    st = os.lstat("c")
    print(stat.S_ISCHR(st.st_mode), st.st_rdev, read("e"))
    call("both", renameat2, "d", "e", NOREPLACE | EXCHANGE)
    call("unknown", renameat2, "d", "e", 1 << 10)


def rename_errors():
    os.makedirs("d/sub")
    os.mkdir("full")
    write("full/x")
    write("f")
    call("into itself", os.rename, "d", "d/sub/d")
    call("over full", os.rename, "d", "full")
    call("file over directory", os.rename, "f", "d")
    call("directory over file", os.rename, "d", "f")
    call("to itself", os.rename, "f", "f")
    os.link("f", "g")
    call("to own link", os.rename, "f", "g")
    print(sorted(os.listdir(".")))


def unlinked():
    fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, b"before")
    os.unlink("f")
    os.write(fd, b" after")
    print(os.pread(fd, 99, 0), os.fstat(fd).st_nlink, os.fstat(fd).st_size)
    os.ftruncate(fd, 3)
    os.fchmod(fd, 0o640)
    os.fchown(fd, 7, 8)
    os.utime(fd, (1, 2))
    os.fsync(fd)
    os.setxattr(fd, "user.x", b"y")
    st = os.fstat(fd)
    print(st.st_size, oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime, os.getxattr(fd, "user.x"))
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    print(os.read(again, 99))
    os.close(again)
    os.close(fd)
    os.mkdir("d")
    fd = os.open("d", os.O_RDONLY)
    os.rmdir("d")
    print(os.fstat(fd).st_nlink, os.listdir(fd))
    call("create in removed", os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=fd)


def tmpfile():
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o666)
    os.write(fd, b"hidden")
    print(os.fstat(fd).st_nlink, os.listdir("."), oct(os.fstat(fd).st_mode))
    os.link(f"/proc/self/fd/{fd}", "shown", follow_symlinks=True)
    print(read("shown"), os.fstat(fd).st_nlink)
    os.write(fd, b" more")
    print(read("shown"))
    fd2 = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    call("link exclusive", os.link, f"/proc/self/fd/{fd2}", "no", follow_symlinks=True)
    call("read-only", os.open, ".", os.O_TMPFILE | os.O_RDONLY)


def holes():
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 8192, 0)
    os.pwrite(fd, b"y" * 8192, 1 << 20)
    for whence in (os.SEEK_DATA, os.SEEK_HOLE):
        for off in (0, 8192, 1 << 20, (1 << 20) + 8192, 1 << 21):
            call(f"lseek {whence} {off}", os.lseek, fd, off, whence)
    call("fallocate", os.posix_fallocate, fd, 0, 1 << 21)
    print(os.fstat(fd).st_size)
    punch = lambda mode, off, n: libc.fallocate(fd, mode, ctypes.c_long(off), ctypes.c_long(n))
    print("punch", punch(3, 0, 4096), os.fstat(fd).st_size, os.pread(fd, 4, 0), os.pread(fd, 4, 4096))
    print("punch changing size", punch(2, 0, 4096), ctypes.get_errno() and "EOPNOTSUPP")
    print("zero", punch(16, 1 << 20, 4096), os.pread(fd, 2, 1 << 20))
    print("keep size", punch(1, 1 << 22, 4096), os.fstat(fd).st_size)


def copy_range():
    src = os.open("src", os.O_RDWR | os.O_CREAT)
    dst = os.open("dst", os.O_RDWR | os.O_CREAT)
    os.write(src, bytes(range(256)) * 4096)
    total = 0
    while True:
        n = os.copy_file_range(src, dst, 1 << 20, total, total)
        if not n:
            break
        total += n
    print(total, read("src") == read("dst"), os.stat("dst").st_size)
    print(os.copy_file_range(src, dst, 100, 10, 1 << 20), os.stat("dst").st_size)
    print(os.pread(dst, 100, 1 << 20) == os.pread(src, 100, 10))
    call("in itself, overlapping", os.copy_file_range, src, src, 100, 0, 50)
    call("in itself", os.copy_file_range, src, src, 100, 0, 5000)
    ro = os.open("dst", os.O_RDONLY)
    call("to read-only", os.copy_file_range, src, ro, 100, 0, 0)


def locks():
    fd = os.open("f", os.O_RDWR | os.O_CREAT)
    fcntl.lockf(fd, fcntl.LOCK_EX, 10, 0)
    other = os.open("f", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        mine = os.open("f", os.O_RDWR)
        sys.stdout = os.fdopen(w, "w")
        call("posix, held", fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
        call("posix, free", fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 10)
        call("flock, held", fcntl.flock, mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sys.stdout.flush()
        os._exit(0)
    os.close(w)
    print(os.read(r, 999).decode())
    os.waitpid(pid, 0)
    os.close(other)
    third = os.open("f", os.O_RDWR)
    call("flock, released by close", fcntl.flock, third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def mapped():
    fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"a" * 10000)
    m = mmap.mmap(fd, 10000)
    m[5000:5005] = b"hello"
    print(os.pread(fd, 7, 4999))
    os.pwrite(fd, b"X", 0)          # O_APPEND: goes to the end
    m.flush()
    print(os.fstat(fd).st_size, os.pread(fd, 7, 4999), os.pread(fd, 2, 9999))
    m.close()
    os.close(fd)
    data = read("f")
    print(len(data), data[5000:5005], data[-1:])
    ro = os.open("f", os.O_RDONLY)
    p = mmap.mmap(ro, 10000, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    p[0:1] = b"p"
    print(os.pread(ro, 1, 0))


def mixed_opens():
    """Handles of every kind on one inode at once, in every order."""
    write("f", b"0123456789")
    flags = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_APPEND, os.O_WRONLY | os.O_SYNC,
             os.O_RDWR | os.O_DIRECT, os.O_RDONLY | os.O_NOATIME, os.O_WRONLY | os.O_TRUNC,
             os.O_RDWR | os.O_CREAT, os.O_PATH)
    handles = []
    for first in flags:
        for second in flags:
            try:
                handles.append(os.open("f", first))
                handles.append(os.open("f", second))
                os.truncate("f", 5)
            except OSError as e:
                print(first, second, errno.errorcode[e.errno])
        while len(handles) > 6:
            os.close(handles.pop(0))
    maps = [mmap.mmap(os.open("f", os.O_RDWR), 5)]
    handles.append(os.open("f", os.O_RDWR | os.O_TRUNC))
    print(os.stat("f").st_size, len(maps))


def append():
    write("f", b"one ")
    a = os.open("f", os.O_WRONLY | os.O_APPEND)
    b = os.open("f", os.O_WRONLY | os.O_APPEND)
    for i in range(5):
        os.write(a, b"a%d " % i)
        os.write(b, b"b%d " % i)
    print(read("f"))


def times():
    write("f")
    os.symlink("f", "l")
    os.utime("f", ns=(1234567890123456789, 1234567890987654321))
    st = os.stat("f")
    print(st.st_atime_ns, st.st_mtime_ns)
    os.utime("l", ns=(5, 6), follow_symlinks=False)
    print(os.lstat("l").st_mtime_ns, os.stat("f").st_mtime_ns)
    before = os.stat("f").st_ctime_ns
    time.sleep(0.05)
    os.link("f", "g")
    print("link changes ctime", os.stat("f").st_ctime_ns > before)
    before = os.stat(".").st_mtime_ns
    time.sleep(0.05)
    write("new")
    print("create changes the directory", os.stat(".").st_mtime_ns > before)
    before = os.stat("f").st_mtime_ns
    write("f", b"y")
    print("write changes mtime", os.stat("f").st_mtime_ns > before, os.stat("g").st_size)
    os.utime("f")
    print("now", abs(os.stat("f").st_mtime - time.time()) < 60)


def sockets():
    s = socket.socket(socket.AF_UNIX)
    s.bind("sock")
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect("sock")
    print(stat.S_ISSOCK(os.stat("sock").st_mode))
    os.mkfifo("fifo", 0o600)
    fd = os.open("fifo", os.O_RDWR)
    os.write(fd, b"through")
    print(os.read(fd, 99), oct(os.stat("fifo").st_mode))
    os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    print(os.stat("null").st_rdev, oct(os.stat("null").st_mode))


def hostile_names():
    names = [b"'", b'"', b"a\nb", b"%s%n", b"\xff\xfe", b"\x01", b" ", b"-rf", b"*", b"n" * 255,
             "\u540d\u5b57".encode(), b"...", b"a,b", b"\\", b"~", b"#", b"UPPER", b"upper"]
    for i, name in enumerate(names):
        write(name, b"%d" % i)
    print(sorted(os.listdir(b".")) == sorted(names))
    print([read(n) == b"%d" % i for i, n in enumerate(names)].count(True))
    for name in names:
        os.rename(name, name[:-1] + b"$")
        os.unlink(name[:-1] + b"$")
    print(os.listdir("."))
    call("256 bytes", write, b"n" * 256)
    call("lookup of 256 bytes", os.stat, b"n" * 256)


def deep():
    """A path longer than PATH_MAX."""
    name = "d" * 200
    fds = [os.open(".", os.O_RDONLY)]
    for _ in range(40):
        os.mkdir(name, dir_fd=fds[-1])
        fds.append(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fds[-1]))
    fd = os.open("f", os.O_RDWR | os.O_CREAT, dir_fd=fds[-1])
    os.write(fd, b"deep")
    os.setxattr(fd, "user.depth", b"40")
    os.close(fd)
    os.rename("f", "g", src_dir_fd=fds[-1], dst_dir_fd=fds[-2])
    os.link("g", "h", src_dir_fd=fds[-2], dst_dir_fd=fds[0])
    print(read("h"), os.getxattr("h", "user.depth"), os.stat("h").st_nlink)
    os.symlink("../" * 40 + "h", "l", dir_fd=fds[-1])
    fd = os.open("l", os.O_RDONLY, dir_fd=fds[-1])
    print(os.read(fd, 99), os.listdir(fds[-1]))
    os.chmod("g", 0o600, dir_fd=fds[-2])
    print(oct(os.stat("h").st_mode))


def many_entries():
    """More than fit into one reply; all of them, once, also while some go away."""
    for i in range(800):
        os.close(os.open(f"entry-{i:05}" + "x" * (i % 40), os.O_CREAT | os.O_WRONLY))
    names = os.listdir(".")
    print(len(names), len(set(names)))
    with os.scandir(".") as it:
        seen = 0
        for entry in it:
            seen += 1
            os.unlink(entry.name)
    print(seen, os.listdir("."))


def links():
    write("a", b"one")
    os.link("a", "b")
    os.mkdir("d")
    os.link("b", "d/c")
    inodes = {os.stat(p).st_ino for p in ("a", "b", "d/c")}
    print(len(inodes), os.stat("a").st_nlink)
    write("d/c", b"changed")
    print(read("a"), os.stat("b").st_size)
    os.chmod("b", 0o600)
    print(oct(os.stat("a").st_mode))
    fd = os.open("a", os.O_RDONLY)
    os.unlink("a")
    print(os.fstat(fd).st_nlink, os.stat("b").st_nlink, read("b"))
    os.unlink("b")
    os.unlink("d/c")
    print(os.fstat(fd).st_nlink, os.read(fd, 99))
    call("directory", os.link, "d", "e")
    os.symlink("nowhere", "s")
    os.link("s", "t", follow_symlinks=False)
    print(os.readlink("t"), os.lstat("s").st_nlink)


def xattrs():
    write("f")
    os.setxattr("f", "user.a", b"1")
    os.setxattr("f", "user.empty", b"")
    os.setxattr("f", "user.bytes", bytes(range(256)))
    os.setxattr("f", "trusted.t", b"2")
    print(sorted(os.listxattr("f")), os.getxattr("f", "user.bytes") == bytes(range(256)))
    call("create existing", os.setxattr, "f", "user.a", b"3", os.XATTR_CREATE)
    call("replace absent", os.setxattr, "f", "user.b", b"3", os.XATTR_REPLACE)
    call("get absent", os.getxattr, "f", "user.none")
    call("remove", os.removexattr, "f", "user.a")
    call("remove again", os.removexattr, "f", "user.a")
    call("too long", os.setxattr, "f", "user.big", b"x" * 70000)
    call("long name", os.setxattr, "f", "user." + "n" * 300, b"")
    call("unknown space", os.setxattr, "f", "bogus.x", b"")
    os.symlink("f", "l")
    call("user on symlink", os.setxattr, "l", "user.x", b"", follow_symlinks=False)
    call("trusted on symlink", os.setxattr, "l", "trusted.x", b"s", follow_symlinks=False)
    call("of symlink", os.getxattr, "l", "trusted.x", follow_symlinks=False)
    print(os.listxattr("l", follow_symlinks=False), sorted(os.listxattr("l")))
    # What is told to one may be kept, but not for the other.
    os.setxattr("f", "user.c", b"4")
    for uid in 65534, 0, 65534, 0:
        os.seteuid(uid)
        print(uid, sorted(os.listxattr("f")), os.listxattr("l", follow_symlinks=False))
    os.setxattr("f", "user." + "n" * 250, b"")
    for uid in 65534, 0:
        os.seteuid(uid)
        print(uid, [len(name) for name in sorted(os.listxattr("f"))])
    os.seteuid(0)


def tree():
    """All that can be seen of the tree below here, however deep it is."""
    for path, dirs, files, dirfd in os.fwalk(".", follow_symlinks=False):
        if path == ".":
            dirs[:] = [d for d in dirs if d != ".disgrafs"]
        dirs.sort()
        for name in sorted(dirs + files):
            st = os.lstat(name, dir_fd=dirfd)
            size = "-" if stat.S_ISDIR(st.st_mode) else st.st_size
            what = ""
            if stat.S_ISLNK(st.st_mode):
                what = os.readlink(name, dir_fd=dirfd)
            elif stat.S_ISREG(st.st_mode):
                fd = os.open(name, os.O_RDONLY, dir_fd=dirfd)
                digest = hashlib.md5()
                while data := os.read(fd, 1 << 20):
                    digest.update(data)
                os.close(fd)
                what = digest.hexdigest()
            # Short of PATH_MAX, and found however deep.
            at = hashlib.md5(os.fsencode(path)).hexdigest()[:8] + path[-60:]
            print(ascii(f"{at}/{name}"), oct(st.st_mode), st.st_nlink if what else "", st.st_uid,
                  st.st_gid, size, st.st_rdev, ascii(what))
            proc = f"/proc/self/fd/{dirfd}/{name}"
            for x in sorted(os.listxattr(proc, follow_symlinks=False)):
                print("   ", x, os.getxattr(proc, x, follow_symlinks=False))


def main(what, *args):
    """A test; or "tree" with directories and the files that get their trees."""
    if what != "tree":
        globals()[what]()
        return
    for directory, output in zip(args[::2], args[1::2]):
        os.chdir(directory)
        with open(output, "w", encoding="utf-8") as sys.stdout:
            tree()


if __name__ == "__main__":
    main(*sys.argv[1:])
