#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small, strict HTTP/1.1 server of files that can be told to break one rule.

    faulty_http.py --root DIR [--fault NAME]     serves on a free port of 127.0.0.1
    faulty_http.py --root DIR --serve-named      for each NAME on stdin a server of its own
    faulty_http.py --list-faults                 NAME, SCOPE, the cases it fails; tabs between

It shares no code with the server of this tree, so that paceline-conform is tested against something
that reads the same RFCs by itself. Without a fault every rule is kept; `broken(NAME)` marks each
place where a fault breaks one. A thread serves one connection from its first byte to its last:

    read the head -> read the body -> answer -> the next request, or close

Whatever cannot be read safely is a Refusal: it is answered, and the connection ends.

    faulty_requests.py     reads requests          faulty_hosts.py        knows what a host is
    faulty_files.py        finds files             faulty_dates.py        knows what a date is
    faulty_conditions.py   304, 412, or the file   faulty_ranges.py       the file, or parts of it
    faulty_replies.py      writes replies          faulty_http_faults.py  whom each fault fails
"""
import os
import re
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True  # a test leaves no file in the tree
from faulty_files import file_at
from faulty_hosts import is_authority
from faulty_http_faults import FAULTS
from faulty_replies import Reply, encode, refused
from faulty_requests import (SILENCE_SECONDS, Ended, Input, Refusal, Request, check_host,
                             read_body, read_expectation, read_framing, read_head,
                             read_persistence)
from faulty_server import announce, broken, options_of, run

LINGER_SECONDS = 1
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}


def reply_to(request, root):
    method = request.method
    if request.is_cut:
        return Reply(200, b"taken\n")
    if broken("knows-methods-in-any-case"):
        method = method.upper()
    if method == "CONNECT" and broken("says-200-to-connect"):
        return Reply(200, b"connected\n")
    if method not in KNOWN_METHODS:
        if not broken("serves-methods-it-does-not-know"):
            return refused(501 if method != "CONNECT" or has_host_and_port(request.target) else 400)
        method = "GET"
    if method == "OPTIONS" and request.target == "*":
        if broken("does-not-know-options-of-the-server"):
            return refused(400)
        return reply_to_options()
    target = request.target
    if request.target == "*":
        if broken("serves-an-asterisk-like-the-root"):
            return file_at(request, "/", root)
        return refused(400)
    if target == "/" and broken("does-not-know-the-root"):
        return refused(400)
    if broken("does-not-know-the-absolute-form"):
        if "://" in target:
            return refused(400)
    elif re.match("(?i)https?://", target) and not (
            broken("knows-small-letters-in-a-scheme-only") and target.startswith("HTTP")):
        if target.lower().startswith("https") and not broken("serves-https-without-security"):
            return refused(421)  # 9110, 7.4
        host, target = host_and_origin_form(target)
        if not is_host_of_target(host):
            return refused(400)
    if not target.startswith("/"):
        if not broken("serves-a-target-without-a-slash"):
            return refused(400)
        target = "/" if ":" in target else "/" + target
    if method == "OPTIONS":
        return reply_to_options()
    if method not in ("GET", "HEAD"):
        if broken("says-405-without-allow"):
            return refused(405)
        return refused(405, Allow="GET, HEAD, OPTIONS")
    return file_at(request, target, root)


def host_and_origin_form(target):
    """Of a target in absolute-form (9112, 3.2.2)."""
    host, _, path = target.partition("://")[2].partition("/")
    host, question, query = host.partition("?")
    return host, "/" + path + question + query


def is_host_of_target(host):
    if broken("accepts-a-user-in-a-target"):
        host = host.rpartition("@")[2]
    if host.startswith("[") and broken("knows-no-address-in-a-target"):
        return False
    name = host.partition(":")[0]
    if name == "" and broken("accepts-a-target-of-no-host"):
        return True
    if name != "" and broken("does-not-look-at-the-host-of-a-target"):
        return True
    return is_authority(host)


def has_host_and_port(target):
    """As CONNECT has them (9110, 9.3.6)."""
    if broken("does-not-look-at-the-target-of-connect"):
        return True
    return is_authority(target) and re.search(":[0-9]+$", target) is not None


def reply_to_options():
    if broken("answers-options-without-allow"):
        return Reply(204)
    return Reply(204, Allow="GET, HEAD, OPTIONS")


# ---- a connection --------------------------------------------------------------------------------


class Connection:
    def __init__(self, sock, root):
        self.sock = sock
        self.root = root
        self.source = Input(sock)
        self.request = None  # the one being read, as far as it was read
        self.requests_count = 0
        self.bodies_count = 0

    def serve(self):
        try:
            while self.serve_one():
                pass
        except Refusal as refusal:
            if refusal.status != 0:
                self.refuse(refusal)
        except ConnectionError:
            if broken("dies-of-a-reset"):
                os._exit(1)
        except Ended:
            if broken("dies-of-an-unfinished-request"):
                os._exit(1)
        except OSError:
            pass
        finally:
            self.close()

    def send(self, octets):
        self.sock.settimeout(SILENCE_SECONDS)
        self.sock.sendall(octets)

    def read_request(self):
        request = self.request = Request()
        if not read_head(self.source, request):
            return None
        if broken("looks-at-the-expectation-first"):
            read_expectation(request)
        if broken("looks-at-the-length-before-host"):
            read_framing(request)
        check_host(request)
        read_persistence(request)
        read_framing(request)
        is_sent_early = broken("sends-100-unasked") or broken("sends-100-to-1.0")
        if read_expectation(request) and (not self.source.data or is_sent_early):
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            read_body(self.source, request)
        except Ended:
            if not broken("takes-a-cut-message-for-a-whole"):
                raise
            request.is_cut = True
        return request

    def serve_one(self):
        """One request; False where the connection ends behind it."""
        request = self.read_request()
        if request is None:
            return False
        if broken("never-answers"):
            time.sleep(SILENCE_SECONDS)
            return False
        if broken("closes-without-an-answer"):
            return False
        if broken("forgets-the-request-of-a-peer-that-half-closed") and self.peer_has_ended():
            return False
        if request.values("upgrade") and (
                broken("switches-to-whatever-is-asked")
                or (request.minor == 0 and broken("switches-1.0-to-whatever-is-asked"))):
            self.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                      b"Upgrade: spdy/3\r\n\r\n")
        reply = reply_to(request, self.root)
        octets = encode(reply, request, request.is_persistent)
        if self.source.data and request.is_persistent and broken("answers-a-pipeline-backwards"):
            second = self.read_request()
            more = encode(reply_to(second, self.root), second, second.is_persistent)
            octets = more + octets if second.is_persistent else octets + more
            request = second
        self.send(octets)
        return self.goes_on_behind(request)

    def goes_on_behind(self, request):
        self.requests_count += 1
        self.bodies_count += request.length > 0 or request.is_chunked
        if self.requests_count == 8 and broken("forgets-what-follows-the-eighth-request"):
            self.source.data.clear()
        if self.bodies_count == 2 and broken("closes-behind-the-second-body"):
            return False
        if not self.source.data and broken("closes-where-nothing-is-pipelined"):
            return False
        if request.is_last:
            self.linger()
            return False
        if self.source.data and not request.is_persistent and request.minor == 1 \
                and broken("answers-what-follows-close"):
            return True
        return request.is_persistent

    def peer_has_ended(self):
        deadline = time.monotonic() + 0.3
        while self.source.fill(deadline):
            pass
        return self.source.has_ended

    def refuse(self, refusal):
        if broken("sends-a-body-with-a-refusal-of-head"):
            self.request.method = "GET"
        try:
            self.send(encode(refused(refusal.status), self.request, False))
            if refusal.about and broken(f"goes-on-behind-a-refused-{refusal.about}"):
                self.serve()
                return
            self.linger()
        except OSError:
            pass

    def linger(self):
        """Reads on for a while, so that no reset takes the answer from the client (9112, 9.6)."""
        self.sock.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LINGER_SECONDS
        while self.source.fill(deadline):
            self.source.data.clear()

    def close(self):
        if broken("ends-with-a-reset"):
            time.sleep(0.05)  # so that the reset takes nothing with it but the end
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def serve_forever(listener, root):
    announce(listener)
    while True:
        sock, _ = listener.accept()
        if broken("dies-of-a-reset"):
            time.sleep(0.05)  # so that nobody is served behind it
        if threading.active_count() > 64 and broken("refuses-the-65th-client"):
            sock.close()
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(sock, root).serve, daemon=True).start()


def main():
    parser = options_of(__doc__, FAULTS)
    parser.add_argument("--root", default=".", help="the folder that is served")
    options = parser.parse_args()
    run(options, FAULTS, lambda: [socket.create_server(("127.0.0.1", 0), backlog=1024)],
        lambda sockets: serve_forever(*sockets, options.root))


if __name__ == "__main__":
    main()
