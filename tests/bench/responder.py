"""The far end of an OpenFlow session without a switch: connects, shakes hands and answers echoes (OpenFlow 1.3).

    responder.py ADDRESS PORT
"""

import socket
import struct
import sys

HELLO, ECHO_REQUEST, ECHO_REPLY, FEATURES_REQUEST, FEATURES_REPLY = 0, 2, 3, 5, 6
VERSION = 4


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def main():
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(struct.pack("!BBHI", VERSION, HELLO, 8, 1))
    while True:
        _, kind, length, xid = struct.unpack("!BBHI", read_exactly(connection, 8))
        body = read_exactly(connection, length - 8)
        if kind == ECHO_REQUEST:
            answer = (ECHO_REPLY, body)
        elif kind == FEATURES_REQUEST:
            answer = (FEATURES_REPLY, struct.pack("!QIBB2xII", 1, 0, 1, 0, 0, 0))
        else:
            continue
        connection.sendall(struct.pack("!BBHI", VERSION, answer[0], 8 + len(answer[1]), xid) + answer[1])


if __name__ == "__main__":
    main()
