# SPDX-License-Identifier: GPL-2.0
"""Elements of a pinned BPF map, as bytes."""

import ctypes
import os
import struct

LOOKUP_ELEM, UPDATE_ELEM, OBJ_GET, GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 1, 2, 7, 14, 15
SYS_BPF = 321
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr, 128)
    ret = libc.syscall(SYS_BPF, command, attr, 128)
    if ret < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return ret


def by_id(number):
    """A descriptor of the map with that id."""
    return bpf(GET_FD_BY_ID, struct.pack("I", number))


class Map:
    """An array or hash map with a key of 4 bytes."""

    def __init__(self, path):
        path = ctypes.create_string_buffer(os.fsencode(path))
        self.fd = bpf(OBJ_GET, struct.pack("Q", ctypes.addressof(path)))
        info = ctypes.create_string_buffer(80)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("IIQ", self.fd, 80, ctypes.addressof(info)))
        self.size = struct.unpack_from("I", info, 12)[0]

    def __getitem__(self, key):
        key = ctypes.c_uint32(key)
        value = ctypes.create_string_buffer((self.size + 7) & ~7)
        bpf(LOOKUP_ELEM, struct.pack("IxxxxQQ", self.fd, ctypes.addressof(key),
                                     ctypes.addressof(value)))
        return value.raw[:self.size]

    def __setitem__(self, key, value):
        key = ctypes.c_uint32(key)
        value = ctypes.create_string_buffer(value, (self.size + 7) & ~7)
        bpf(UPDATE_ELEM, struct.pack("IxxxxQQQ", self.fd, ctypes.addressof(key),
                                     ctypes.addressof(value), 0))

    def close(self):
        os.close(self.fd)
