#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An echo over TCP, UDP and a unix socket that can be told to break one rule.

    faulty_line.py [--unix PATH] [--fault NAME]   serves on a free port of 127.0.0.1, TCP and UDP
    faulty_line.py --serve-named                  for each "NAME PATH" on stdin a server of its own
    faulty_line.py --list-faults                  NAME, SCOPE, the cases it fails; tabs between

Without a fault every byte comes back as it was, at once and in order; a peer that half-closed gets
all of its bytes and then the end. `broken(NAME)` marks each place where a fault breaks a rule. A
thread serves one connection; another serves all datagrams.
"""
import fcntl
import os
import re
import socket
import struct
import sys
import termios
import threading
import time

sys.dont_write_bytecode = True  # a test leaves no file in the tree
from faulty_server import announce, broken, options_of, run


# ---- streams -----------------------------------------------------------------------------------


def lines_of(part):
    return re.findall(b"[^\n]*\n|[^\n]+$", part)


class Clients:
    """Who is connected, for the faults that mix them up."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sockets = []
        self.total = 0

    def add(self, sock):
        with self.lock:
            self.sockets.append(sock)
            self.total += 1
            return len(self.sockets)

    def remove(self, sock):
        with self.lock:
            self.sockets.remove(sock)

    def first(self):
        with self.lock:
            return self.sockets[0]


clients = Clients()
one_at_a_time = threading.Lock()


class Echo:
    """One connection: what was received and not yet sent back is `held`."""

    def __init__(self, sock):
        self.sock = sock
        self.held = b""
        self.kept = []
        self.sent_bytes = 0
        self.line_bytes = 0

    def serve(self):
        count = clients.add(self.sock)
        try:
            if broken("refuses-the-65th-client") and count > 64:
                return
            if broken("greets-from-the-third-client-on") and clients.total > 2:
                self.sock.sendall(b"hello\n")
            if broken("serves-one-client-at-a-time"):
                with one_at_a_time:
                    self.echo()
            else:
                self.echo()
        except ConnectionError:
            if broken("dies-of-a-reset"):
                os._exit(1)
        except OSError:
            pass
        finally:
            clients.remove(self.sock)
            if broken("ends-with-a-reset"):
                self.wait_until_all_is_acknowledged()
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()

    def wait_until_all_is_acknowledged(self):
        """So that the reset takes nothing with it but the end."""
        left = bytearray(4)
        while self.sock.family == socket.AF_INET and self.sock.fileno() >= 0:
            fcntl.ioctl(self.sock, termios.TIOCOUTQ, left)
            if struct.unpack("i", left)[0] <= 1:
                return
            time.sleep(0.001)

    def echo(self):
        while True:
            part = self.sock.recv(65536)
            if not part:
                break
            if part == b"probe\n":  # what the runner asks first; without it it would run no case
                self.sock.sendall(part)
                continue
            if broken("does-not-serve-unix") and self.sock.family == socket.AF_UNIX:
                return
            if broken("never-answers"):
                continue
            if broken("closes-without-an-answer"):
                return
            if broken("ends-at-end-of-file-bytes") and re.search(b"[\x04\x1a]", part):
                return
            self.send(self.changed(part))
            if broken("closes-behind-the-first-line") and b"\n" in part:
                return
        self.finish()

    def finish(self):
        """The peer has half-closed: what is held is owed, then the end."""
        if broken("stays-open-behind-a-half-close"):
            time.sleep(30)
        self.held += b"".join(self.kept)
        if self.held and not broken("drops-a-last-line-without-an-end"):
            self.sock.sendall(self.held)
        if broken("says-goodbye-at-a-half-close"):
            self.sock.sendall(b"bye\n")

    def changed(self, part):
        if broken("drops-a-last-line-without-an-end"):
            return self.whole_lines(part)
        if broken("strips-cr"):
            return part.replace(b"\r", b"")
        if broken("writes-cr-before-lf"):
            return part.replace(b"\n", b"\r\n")
        if broken("drops-empty-lines"):
            return self.without_empty_lines(part)
        if broken("ends-a-line-at-nul"):
            return re.sub(b"\0[^\n]*", b"", part)
        if broken("answers-telnet-commands"):
            return part.replace(b"\xff", b"\xff\xff")
        if broken("drops-control-bytes"):
            return re.sub(b"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", b"", part)
        if broken("expands-what-begins-with-percent"):
            return part.replace(b"%%", b"%")
        if broken("answers-http-with-http") and part.startswith(b"GET "):
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"
        if broken("takes-cr-alone-for-the-end-of-a-line"):
            return re.sub(b"\r(?!\n)", b"\n", part)
        if broken("ends-where-a-segment-does-not-end-a-line") and not part.endswith(b"\n"):
            raise OSError("half a line")
        if broken("takes-each-segment-for-a-line") and not part.endswith(b"\n"):
            return part + b"\n"
        if broken("drops-nul"):
            return part.replace(b"\0", b"")
        if broken("clears-the-eighth-bit"):
            return bytes(octet & 0x7f for octet in part)
        if broken("replaces-what-is-not-utf-8"):
            return part.decode("utf-8", "replace").encode("utf-8")
        if broken("writes-in-capitals"):
            return part.upper()
        if broken("drops-trailing-blanks"):
            return part.replace(b" \n", b"\n").replace(b"\t\n", b"\n")
        if broken("adds-a-byte-behind-a-line"):
            return part.replace(b"\n", b" \n")
        if broken("answers-twice"):
            return part * 2
        if broken("cuts-a-line-at-4096"):
            return self.cut(part, 4096)
        if broken("cuts-a-line-at-8192"):
            return self.cut(part, 8192)
        if broken("answers-lines-backwards"):
            return b"".join(reversed(lines_of(part)))
        return part

    def whole_lines(self, part):
        whole, end, self.held = (self.held + part).rpartition(b"\n")
        return whole + end

    def without_empty_lines(self, part):
        kept = [line for line in lines_of(part) if line not in (b"\n", b"\r\n")]
        return b"".join(kept)

    def cut(self, part, bytes_max):
        kept = bytearray()
        for line in lines_of(part):
            room = max(0, bytes_max - self.line_bytes)
            is_ended = line.endswith(b"\n")
            kept += line[:room]
            if is_ended and len(line) > room:
                kept += b"\n"
            self.line_bytes = 0 if is_ended else self.line_bytes + len(line)
        return bytes(kept)

    def send(self, octets):
        if broken("answers-another-client"):
            clients.first().sendall(octets)
            return
        if broken("takes-all-in-before-it-answers"):
            self.kept.append(octets)
            return
        if broken("loses-what-does-not-fit-into-the-socket"):
            self.sock.setblocking(False)
            try:
                self.sock.send(octets)
            except BlockingIOError:
                pass
            self.sock.setblocking(True)
            return
        if broken("closes-a-reader-that-is-late"):
            self.sock.settimeout(0.05)
        self.sock.sendall(octets)
        if broken("closes-a-reader-that-is-late"):
            self.sock.settimeout(None)
        self.sent_bytes += len(octets)
        if broken("closes-after-a-mebibyte") and self.sent_bytes > 1 << 20:
            raise OSError("enough")


def accept_forever(listener):
    while True:
        sock, _ = listener.accept()
        if broken("dies-of-a-reset"):
            time.sleep(0.05)  # so that nobody is served behind it
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Echo(sock).serve, daemon=True).start()


# ---- datagrams ---------------------------------------------------------------------------------


def answer_datagrams(sock):
    count = 0
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("127.0.0.1", 0))
    kept = b""
    first = None
    while True:
        octets, peer = sock.recvfrom(65536)
        count += 1
        first = first or peer
        if broken("does-not-answer-datagrams"):
            continue
        if broken("does-not-answer-an-empty-datagram") and not octets:
            continue
        if broken("truncates-a-datagram-at-512"):
            octets = octets[:512]
        elif broken("truncates-a-datagram-at-4096"):
            octets = octets[:4096]
        elif broken("adds-a-byte-to-a-datagram"):
            octets += b"\n"
        elif broken("strips-the-end-of-a-datagram"):
            octets = octets.rstrip(b"\r\n")
        elif broken("answers-a-datagram-with-the-one-before"):
            octets, kept = kept or octets, octets
        if broken("loses-every-second-datagram") and count % 2 == 0:
            continue
        if broken("answers-the-first-peer-only"):
            peer = first
        sender = other if broken("answers-from-another-port") else sock
        try:
            if broken("answers-a-datagram-in-two") and len(octets) > 1:
                sender.sendto(octets[:len(octets) // 2], peer)
                octets = octets[len(octets) // 2:]
            sender.sendto(octets, peer)
            if broken("answers-a-datagram-twice"):
                sender.sendto(octets, peer)
        except OSError:
            pass


# ---- the start ---------------------------------------------------------------------------------


def open_both():
    """A stream and a datagram socket on one port that is free for both."""
    while True:
        stream = socket.create_server(("127.0.0.1", 0), backlog=1024)
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        try:
            datagram.bind(stream.getsockname())
            return stream, datagram
        except OSError:
            stream.close()
            datagram.close()


def start(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def serve(stream, datagram, path):
    if path:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(1024)
        start(accept_forever, listener)
    start(answer_datagrams, datagram)
    announce(stream)
    start(accept_forever, stream).join()


def main():
    parser = options_of(__doc__, FAULTS)
    parser.add_argument("--unix", metavar="PATH", help="serve on this socket too")
    options = parser.parse_args()
    try:
        run(options, FAULTS, open_both,
            lambda sockets, path=options.unix: serve(*sockets, path))
    finally:
        if options.unix and os.path.exists(options.unix):
            os.unlink(options.unix)


# ---- the faults ----------------------------------------------------------------------------------

# Most rules show themselves in every group; where a fault hangs, harms whoever comes next, or shows
# itself only where two segments come apart, each case has a server of its own.
FAULTS = {
    "refuses-the-65th-client": "@each clients-100 unix-clients-100",
    "greets-from-the-third-client-on": "@each clients-1000-silent lf",
    "serves-one-client-at-a-time": "@each clients-100",
    "dies-of-a-reset":
        "@each reset-in-line reset-behind-line reset-in-echo reset-while-blocked "
        "unix-close-unread reset-at-once",
    "never-answers": "@each lf",
    "closes-without-an-answer":
        "@lines lf crlf empty-line-lf empty-line-crlf cr-alone lf-cr two-lines mixed-ends "
        "one-byte line-of-blanks reply-before-end ping-pong-100 empty-lines-1000 "
        "thousand-in-one-segment thousand-crlf-in-one-segment numbered-lines-64k "
        "numbered-lines-1m nul-in-line half-close-with-end line-of-100 pause-between-lines "
        "unix-line",
    "ends-at-end-of-file-bytes": "@binary controls end-of-file-byte",
    "closes-behind-the-first-line": "@lines ping-pong-100 numbered-lines-1m",
    "ends-with-a-reset":
        "@close nul-in-line half-close-with-end half-close-without-end "
        "half-close-without-any-end half-close-behind-cr half-close-at-once half-close-later "
        "half-close-later-without-end half-close-behind-a-megabyte line-of-100 lf "
        "pause-between-lines",
    "stays-open-behind-a-half-close": "@each half-close-with-end half-close-at-once",
    "drops-a-last-line-without-an-end":
        "@close half-close-without-end half-close-without-any-end half-close-behind-cr "
        "half-close-later-without-end",
    "says-goodbye-at-a-half-close":
        "@close half-close-with-end half-close-without-end half-close-without-any-end "
        "half-close-behind-cr half-close-at-once half-close-later half-close-later-without-end "
        "half-close-behind-a-megabyte half-close-of-100-clients reset-at-once reset-in-line "
        "reset-behind-line reset-in-echo reset-while-blocked nul-in-line line-of-100 lf "
        "pause-between-lines unix-line",
    "strips-cr":
        "@lines crlf empty-line-crlf cr-alone lf-cr mixed-ends thousand-crlf-in-one-segment",
    "writes-cr-before-lf":
        "@lines lf crlf empty-line-lf empty-line-crlf cr-alone lf-cr two-lines mixed-ends "
        "one-byte line-of-blanks reply-before-end ping-pong-100 empty-lines-1000 "
        "thousand-in-one-segment thousand-crlf-in-one-segment numbered-lines-64k "
        "numbered-lines-1m nul-in-line half-close-with-end line-of-100 pause-between-lines "
        "unix-line",
    "drops-empty-lines": "@lines empty-line-lf empty-line-crlf mixed-ends empty-lines-1000",
    "ends-a-line-at-nul": "@binary nul-in-line nul-alone nuls-10000",
    "answers-telnet-commands": "@binary eight-bit telnet-commands",
    "drops-control-bytes": "@binary controls telnet-commands end-of-file-byte",
    "expands-what-begins-with-percent": "@binary format-string",
    "answers-http-with-http": "@binary http-request",
    "takes-cr-alone-for-the-end-of-a-line": "@lines cr-alone lf-cr",
    "ends-where-a-segment-does-not-end-a-line": "@each cut-before-lf slow-typist",
    "takes-each-segment-for-a-line": "@each cut-before-lf cut-behind-line",
    "drops-nul": "@binary nul-in-line nul-alone nuls-10000",
    "clears-the-eighth-bit": "@binary eight-bit utf-8 utf-8-split-each telnet-commands",
    "replaces-what-is-not-utf-8": "@each eight-bit telnet-commands",
    "writes-in-capitals":
        "@lines lf crlf cr-alone lf-cr two-lines mixed-ends one-byte reply-before-end "
        "ping-pong-100 thousand-in-one-segment thousand-crlf-in-one-segment numbered-lines-64k "
        "numbered-lines-1m nul-in-line half-close-with-end line-of-100 pause-between-lines "
        "unix-line",
    "drops-trailing-blanks": "@lines line-of-blanks",
    "adds-a-byte-behind-a-line":
        "@lines lf crlf empty-line-lf empty-line-crlf cr-alone lf-cr two-lines mixed-ends "
        "one-byte line-of-blanks reply-before-end ping-pong-100 empty-lines-1000 "
        "thousand-in-one-segment thousand-crlf-in-one-segment numbered-lines-64k "
        "numbered-lines-1m nul-in-line half-close-with-end line-of-100 pause-between-lines "
        "unix-line",
    "answers-twice":
        "nul-in-line nul-alone nuls-10000 controls eight-bit utf-8 utf-8-split-each "
        "telnet-commands end-of-file-byte http-request format-string half-close-with-end "
        "half-close-without-end half-close-without-any-end half-close-behind-cr "
        "half-close-later half-close-later-without-end half-close-behind-a-megabyte "
        "half-close-of-100-clients reset-at-once reset-in-line reset-behind-line reset-in-echo "
        "reset-while-blocked line-of-100 line-of-1023 line-of-4095 line-of-4096 line-of-8000 "
        "line-of-8191-crlf line-of-16383 line-of-16384 line-of-100000 line-of-a-million "
        "lengths-around-a-border lf crlf empty-line-lf empty-line-crlf cr-alone lf-cr two-lines "
        "mixed-ends one-byte line-of-blanks reply-before-end ping-pong-100 empty-lines-1000 "
        "thousand-in-one-segment thousand-crlf-in-one-segment numbered-lines-64k "
        "numbered-lines-1m late-reader-1m late-reader-20m late-readers-20 eager-20m clients-100 "
        "clients-1000 clients-200-of-64k split-each-lf split-each-crlf split-each-mixed "
        "split-every-byte split-every-2 split-every-7-of-4k split-every-1500-of-100k "
        "cut-before-lf cut-inside-crlf cut-behind-line slow-typist pause-between-lines "
        "bytewise-4k unix-line unix-without-end unix-split-each unix-many-lines "
        "unix-late-reader-1m unix-clients-100 unix-close-unread",
    "cuts-a-line-at-4096":
        "@length line-of-8000 line-of-8191-crlf line-of-16383 line-of-16384 line-of-100000 "
        "line-of-a-million lengths-around-a-border",
    "cuts-a-line-at-8192": "@length line-of-16383 line-of-16384 line-of-100000 line-of-a-million",
    "answers-lines-backwards":
        "@lines lf-cr two-lines mixed-ends numbered-lines-64k numbered-lines-1m "
        "half-close-with-end",
    "answers-another-client": "@each clients-100",
    "takes-all-in-before-it-answers": "@each late-reader-20m",
    "loses-what-does-not-fit-into-the-socket": "@each late-reader-20m",
    "closes-a-reader-that-is-late": "@each late-reader-20m",
    "closes-after-a-mebibyte": "@each eager-20m late-reader-20m",
    "does-not-serve-unix": "@each unix-line",
    "does-not-answer-datagrams":
        "@udp udp-one udp-without-end udp-several udp-lines-in-one udp-binary udp-one-byte "
        "udp-empty udp-1400 udp-8000 udp-50-in-a-row",
    "does-not-answer-an-empty-datagram": "@udp udp-empty",
    "truncates-a-datagram-at-512": "@udp udp-1400 udp-8000",
    "truncates-a-datagram-at-4096": "@udp udp-8000",
    "adds-a-byte-to-a-datagram":
        "@udp udp-one udp-without-end udp-several udp-lines-in-one udp-binary udp-one-byte "
        "udp-empty udp-1400 udp-8000 udp-50-in-a-row",
    "strips-the-end-of-a-datagram": "@udp udp-one udp-several udp-binary udp-50-in-a-row",
    "answers-a-datagram-with-the-one-before": "@each udp-several",
    "loses-every-second-datagram": "@each udp-several",
    "answers-the-first-peer-only": "@each udp-50-in-a-row",
    "answers-from-another-port":
        "@udp udp-one udp-without-end udp-several udp-lines-in-one udp-binary udp-one-byte "
        "udp-empty udp-1400 udp-8000 udp-50-in-a-row",
    "answers-a-datagram-in-two":
        "@udp udp-one udp-without-end udp-several udp-lines-in-one udp-binary udp-1400 udp-8000 "
        "udp-50-in-a-row",
    "answers-a-datagram-twice": "@udp udp-several udp-50-in-a-row",
}


if __name__ == "__main__":
    main()
