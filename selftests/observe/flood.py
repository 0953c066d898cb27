#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""flood.py MOUNTPOINT POLICY COUNT: bind a mount that is bound again, so often.

Each time is an event; a tool that is started anew for each would be too slow to
overrun anybody.
"""
import os
import socket
import struct
import sys

NETLINK_GENERIC = 16
GENL_ID_CTRL = 16
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 3, 1, 2
CMD_BIND = 3
A_FD, A_POLICY, A_TTL, A_REPLACE = 4, 5, 8, 9


def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def request(sock, family, cmd, flags, attrs):
    """Sends one, returns the replies up to the acknowledgement."""
    body = struct.pack("=BBH", cmd, 1, 0) + attrs
    sock.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0) + body)
    replies = []
    while True:
        data = sock.recv(65536)
        while data:
            size, kind = struct.unpack_from("=IH", data)
            if kind == NLMSG_ERROR:
                error, = struct.unpack_from("=i", data, 16)
                if error:
                    raise OSError(-error, os.strerror(-error))
                return replies
            replies.append(data[20:size])
            data = data[(size + 3) & ~3:]


def main():
    point, policy, count = sys.argv[1], sys.argv[2].encode() + b"\0", int(sys.argv[3])
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
    sock.bind((0, 0))
    reply = request(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK,
                    attr(CTRL_ATTR_FAMILY_NAME, b"extfuse\0"))[0]
    family = None
    while reply:
        size, kind = struct.unpack_from("=HH", reply)
        if kind == CTRL_ATTR_FAMILY_ID:
            family, = struct.unpack_from("=H", reply, 4)
        reply = reply[(size + 3) & ~3:]
    fd = os.open(point, os.O_PATH)
    for ttl in range(count):
        request(sock, family, CMD_BIND, NLM_F_ACK,
                attr(A_FD, struct.pack("=I", fd)) + attr(A_POLICY, policy) +
                attr(A_TTL, struct.pack("=I", ttl)) + attr(A_REPLACE, b""))


main()
