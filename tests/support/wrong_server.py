#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A server that is right until its 100th reply: `wrong_server.py byte|short|close|extra`. It prints
# "listening on 127.0.0.1:PORT" and serves one connection after the other until it is ended.
import socket
import sys

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
mode = sys.argv[1]
replies = 0


def serve(connection):
    """Answers until the peer leaves; the 100th reply is the wrong one."""
    global replies
    pending = b""
    while True:
        received = connection.recv(4096)
        if not received:
            return
        pending += received
        while b"\r\n\r\n" in pending:
            pending = pending.split(b"\r\n\r\n", 1)[1]
            replies += 1
            if replies != 100:
                connection.sendall(REPLY)
            elif mode == "byte":
                connection.sendall(REPLY[:-1] + b"0")
            elif mode == "short":
                connection.sendall(REPLY[:-2])
                return
            elif mode == "extra":
                connection.sendall(REPLY + b"HTTP")
            else:
                return


with socket.create_server(("127.0.0.1", 0)) as listener:
    print("wrong: listening on 127.0.0.1:%d" % listener.getsockname()[1], file=sys.stderr)
    print("ready", file=sys.stderr, flush=True)
    while True:
        peer, _ = listener.accept()
        with peer:
            try:
                serve(peer)
            except ConnectionError:
                pass
