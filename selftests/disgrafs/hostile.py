#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Usage: hostile.py EXTRACTOR [MUTATIONS] [SEED]

Have disgrafs-extract look at files of each kind that are damaged in every way: cut, with
bytes changed, doubled and left out. It has to answer for each one, as a process that goes
on, and to find in the next sound file what is there. Prints how many of its processes
something else than an answer came of; with 0 MUTATIONS, what is found in the sound ones.
"""
import os
import random
import select
import socket
import subprocess
import sys
import tempfile

import samples

TIMEOUT = 60 * int(os.environ.get("SLOWER", "1"))


class Extractor:
    def __init__(self, program):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        self.process = subprocess.Popen([program], stdin=theirs, stdout=subprocess.DEVNULL)
        theirs.close()

    def look(self, name, data):
        """All that it says, or None if it has ended or takes too long."""
        with tempfile.TemporaryFile() as f:
            f.write(data)
            f.seek(0)
            readable, writable = os.pipe()
            try:
                socket.send_fds(self.socket, [name.encode()], [f.fileno(), writable])
            except OSError:
                os.close(writable)
                os.close(readable)
                return None
            os.close(writable)
            said = b""
            while True:
                if not select.select([readable], [], [], TIMEOUT)[0]:
                    said = None
                    break
                more = os.read(readable, 1 << 16)
                if not more:
                    break
                said += more
            os.close(readable)
        return said if self.process.poll() is None else None


def mutate(rng, data):
    data = bytearray(data)
    way = rng.randrange(6)
    if way == 0:
        return bytes(data[:rng.randrange(len(data))])
    for _ in range(1 << rng.randrange(6)):
        if not data:
            break
        at = rng.randrange(len(data))
        if way == 1:
            data[at] = rng.randrange(256)
        elif way == 2:
            data[at] ^= 1 << rng.randrange(8)
        elif way == 3:
            data[at:at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
        elif way == 4:
            del data[at:at + rng.randrange(1, 64)]
        else:
            data[at:at] = data[at:at + rng.randrange(1, 256)]
    return bytes(data)


def complete(said):
    """The processes for any file and for the kind said all that they had to."""
    return b"\nsha256 " in b"\n" + said


def main():
    program = sys.argv[1]
    mutations = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 32)
    extractor = Extractor(program)
    files = samples.samples()
    sound = {name: extractor.look(name, data) for name, data in files.items()}
    if not mutations:
        for name, said in sound.items():
            sys.stdout.write("".join("%s: %s\n" % (name, line)
                                     for line in (said or b"").decode().splitlines()))
        return 0
    print("# seed %d" % seed)
    rng = random.Random(seed)
    for name, data in files.items():
        for i in range(mutations):
            bad = mutate(rng, data)
            said = extractor.look(name, bad)
            # What can be said of any file does not depend on the rest.
            if said is None or not complete(said):
                with open("/tmp/hostile-" + name, "wb") as f:
                    f.write(bad)
                print("%s, mutation %d: %r; kept as /tmp/hostile-%s" % (name, i, said, name))
                return 1
        if extractor.look(name, data) != sound[name]:
            print("%s: not what was found before" % name)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
