#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""failing.py DIRECTORY FILE: rawfuse's file system there, until it is unmounted. An operation
that a line "OPERATION ERRNO" of FILE names fails so."""
import errno
import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)) + "/../opcodes")
import rawfuse  # noqa: E402  pylint: disable=import-error,wrong-import-position


class Failing(rawfuse.Daemon):
    def answer(self, opcode, nodeid, body):
        with open(sys.argv[2]) as f:
            for operation, error in map(str.split, f):
                if opcode == getattr(rawfuse, operation):
                    raise OSError(getattr(errno, error), "")
        if opcode == rawfuse.GETXATTR:
            raise OSError(errno.ENODATA, "")
        return super().answer(opcode, nodeid, body)


if __name__ == "__main__":
    with Failing(sys.argv[1]) as daemon:
        daemon.thread.join()
