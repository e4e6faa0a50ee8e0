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
"""
import os
import re
import socket
import stat
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True  # a test leaves no file in the tree
from faulty_server import announce, broken, options_of, run

TARGET_BYTES_MAX = 8192
HEAD_BYTES_MAX = 32 * 1024
FIELDS_MAX = 64
CHUNK_LINE_BYTES_MAX = 256
EXTENSIONS_BYTES_MAX = 4096  # over all chunks of a body
BODY_BYTES_MAX = 16 * 1024
HEAD_SECONDS = 5       # from the first byte of a head to its last
SILENCE_SECONDS = 30   # between requests, and within a body
LINGER_SECONDS = 1

REASONS = {
    200: "OK", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required",
    413: "Content Too Large", 414: "URI Too Long", 417: "Expectation Failed",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}
KNOWN_FIELDS = {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade",
                "accept", "cookie", "user-agent", "trailer"}
TYPES = {".html": "text/html", ".txt": "text/plain"}

LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(rb"[!$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(:[0-9]*)?")
NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
QUOTED = rb"\"(?:[^\"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*\""
EXTENSION = rb"[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?" % (NAME, NAME, QUOTED)
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)((?:%b)*)" % EXTENSION)  # 9112, 7.1 and 7.1.1


class Refusal(Exception):
    """An answer after which nothing more of the connection can be trusted."""

    def __init__(self, status, about=""):
        super().__init__(status)
        self.status = status
        self.about = about


class Ended(Exception):
    """The peer is gone or silent, and there is nothing to answer."""


class Input:
    """What has been received and not yet used."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()
        self.has_ended = False

    def fill(self, deadline):
        """More bytes; False at the end of the input or at the deadline."""
        if self.has_ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self.sock.settimeout(left)
        try:
            part = self.sock.recv(65536)
        except socket.timeout:
            return False
        if not part:
            self.has_ended = True
            return False
        self.data += part
        return True

    def fill_or_end(self, deadline, fault="waits-on-where-the-peer-ended-in-a-line"):
        if self.fill(deadline):
            return
        if not self.has_ended:
            raise Refusal(408)
        if broken(fault):
            time.sleep(SILENCE_SECONDS)
        raise Ended()

    def line(self, bytes_max, too_long, deadline):
        """One line without its CRLF; a CR or an LF anywhere else is refused (9112, 2.2)."""
        looked_at = 0
        while True:
            if broken("takes-lf-cr-for-the-end-of-a-line"):
                self.data[:] = re.sub(b"(?<!\r)\n\r", b"\r\n", self.data)
            end = self.data.find(b"\n", looked_at)
            if broken("takes-cr-alone-for-the-end-of-a-line") and b"\r" in self.data[:-1]:
                end = self.data.find(b"\r") + 1
                if self.data[end] != 0x0a:
                    self.data[end:end] = b"\n"
            if end >= 0:
                break
            if len(self.data) > bytes_max and not broken("collects-a-line-without-bound"):
                raise Refusal(500 if broken("says-500-where-a-line-is-too-long") else too_long)
            looked_at = len(self.data)
            self.fill_or_end(deadline)
        if end > bytes_max + 1:
            raise Refusal(500 if broken("says-500-where-a-line-is-too-long") else too_long)
        line = bytes(self.data[:end])
        del self.data[:end + 1]
        if line.endswith(b"\r"):
            line = line[:-1]
        elif not broken("accepts-lf-alone-as-the-end-of-a-line"):
            raise Refusal(400)
        if line.endswith(b"\r") and broken("says-500-to-cr-cr-lf"):
            raise Refusal(500)
        if b"\r" in line:
            if broken("takes-cr-within-a-line-for-a-space"):
                return line.replace(b"\r", b" ")
            if broken("drops-cr-within-a-line"):
                return line.replace(b"\r", b"")
            if broken("forgets-the-framing-where-a-line-holds-cr"):
                return b"X-Forget-Framing: 1"
            raise Refusal(400)
        return line

    def take(self, count, deadline_of):
        while len(self.data) < count:
            self.fill_or_end(deadline_of(), "waits-on-where-the-peer-ended-in-a-body")
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken


class Request:
    """A head as it was read."""

    def __init__(self):
        self.method = ""
        self.target = ""
        self.minor = 1
        self.fields = []
        self.length = 0          # of the body, where it is known
        self.is_chunked = False
        self.is_persistent = True
        self.is_last = False     # a fault ends the connection and does not say so
        self.is_cut = False      # a fault takes what came for the whole

    def values(self, name):
        if broken("knows-field-names-in-one-spelling-only"):
            spelled = "-".join(part.capitalize() for part in name.split("-"))
            return [value for found, value in self.fields if found == spelled]
        return [value for found, value in self.fields if found.lower() == name]

    def members(self, name):
        """The members of a list, however many fields it is spread over (9110, 5.6.1)."""
        joined = ",".join(self.values(name))
        return [member.strip(" \t") for member in joined.split(",") if member.strip(" \t")]


def silence():
    return time.monotonic() + SILENCE_SECONDS


# ---- the head --------------------------------------------------------------------------------


def read_head(source, request):
    """The next request's head; False where the peer has ended between two requests."""
    while not source.data:
        if not source.fill(silence()):
            if source.has_ended and broken("stays-open-where-the-peer-ended-before-a-request"):
                time.sleep(SILENCE_SECONDS)
            return False
    if len(source.data) < 100 and b"\n" not in source.data \
            and broken("needs-a-request-line-in-one-segment"):
        raise Refusal(400)
    deadline = time.monotonic() + HEAD_SECONDS
    line = source.line(TARGET_BYTES_MAX + 64, 414, deadline)
    if line == b"" and source.data[:2] == b"\r\n" and broken("waits-on-behind-empty-lines"):
        while source.fill(silence()):
            source.data.clear()
        return False
    if line == b"" and not broken("refuses-an-empty-line-before-a-request"):
        line = source.line(TARGET_BYTES_MAX + 64, 414, deadline)  # 9112, 2.2
    read_request_line(request, line)
    if broken("reads-a-request-line-of-0.9") and line.count(b" ") == 1:
        return True
    bytes_left = HEAD_BYTES_MAX
    while True:
        line = source.line(bytes_left, 431, deadline)
        if line == b"":
            break
        if broken("reads-fields-without-bound") or broken("closes-in-silence-behind-many-fields"):
            bytes_left = HEAD_BYTES_MAX
        bytes_left -= len(line) + 2
        read_field(request, line)
        if len(request.fields) > FIELDS_MAX and broken("closes-where-fields-are-too-many"):
            raise Ended()
        if len(request.fields) > FIELDS_MAX and broken("closes-in-silence-behind-many-fields"):
            request.is_last = True
        elif len(request.fields) > FIELDS_MAX and not broken("reads-fields-without-bound"):
            raise Refusal(404 if broken("says-404-where-fields-are-too-many") else 431)
        if len(line) > 2000 and broken("refuses-a-field-of-2000-bytes"):
            raise Refusal(431)
        if len(request.fields) > 32 and broken("refuses-the-33rd-field"):
            raise Refusal(431)
    return True


def read_request_line(request, line):
    if broken("reads-a-request-line-of-0.9") and line.count(b" ") == 1:
        line += b" HTTP/1.0"
    parts = line.split(b" ")
    if broken("accepts-more-white-space-in-a-request-line"):
        parts = line.split()
    if broken("accepts-a-space-within-the-target") and len(parts) > 3:
        parts = [parts[0], b"%20".join(parts[1:-1]), parts[-1]]
    if len(parts) == 2 and broken("takes-a-missing-target-for-the-root"):
        parts.insert(1, b"/")
    if len(parts) == 1 and broken("takes-a-method-alone-for-the-root"):
        parts += [b"/", b"HTTP/1.1"]
    if len(parts) > 3 and broken("does-not-look-behind-the-version"):
        parts = parts[:3]
    if len(parts) != 3:
        raise Refusal(400, "request-line")
    method, target, version = parts
    if method == b"PRI" and broken("knows-no-preface-of-http2"):
        raise Refusal(501)
    if not TOKEN.fullmatch(method):
        if not broken("accepts-a-method-that-is-no-token"):
            raise Refusal(400)
        method = b"GET"
    if len(target) > TARGET_BYTES_MAX:
        raise Refusal(414)
    if broken("cuts-a-fragment-off"):
        target = target.partition(b"#")[0]
    if broken("ends-a-target-at-nul"):
        target = target.partition(b"\0")[0]
    if not TARGET.fullmatch(target) and not broken("accepts-any-byte-in-a-target"):
        raise Refusal(400)
    request.method = method.decode("latin-1")
    request.target = target.decode("latin-1")
    request.minor = read_version(version)


def read_version(version):
    if broken("reads-the-version-in-any-case"):
        version = version.upper()
    if broken("accepts-every-major-version") and re.fullmatch(rb"HTTP/[02-9]\.[0-9]", version):
        return 1
    if broken("accepts-a-version-of-more-digits"):
        version = re.sub(rb"^HTTP/0*1\.0*1[0-9]*$", b"HTTP/1.1", version)
    if broken("looks-at-the-first-bytes-of-the-version-only"):
        version = version[:8]
    if broken("takes-any-version-for-1.1") and not re.match(rb"HTTP/[0-9]\.[0-9]", version):
        return 1
    found = re.fullmatch(rb"HTTP/([0-9])\.([0-9])", version)
    if not found:
        raise Refusal(400)
    if found[1] != b"1":
        raise Refusal(505, "version")
    if broken("refuses-a-minor-version-it-does-not-know") and found[2] > b"1":
        raise Refusal(505)
    return 0 if found[2] == b"0" else 1


def read_field(request, line):
    if line[:1] in (b" ", b"\t"):
        if request.fields and broken("unfolds-a-folded-line"):
            name, value = request.fields[-1]
            request.fields[-1] = (name, value + " " + line.strip(b" \t").decode("latin-1"))
            return
        if request.fields and broken("drops-a-field-that-is-folded"):
            request.fields.pop()
            return
        if broken("says-500-to-white-space-in-front-of-a-line"):
            raise Refusal(500)
        if broken("forgets-the-framing-where-a-line-is-folded"):
            line = b"X:X-Forget-Framing: 1"[2:]
        elif not broken("takes-a-folded-line-for-a-field"):
            raise Refusal(400)
        line = line.strip(b" \t") or b"X-Nothing:"
    name, colon, value = line.partition(b":")
    if not colon:
        if broken("skips-a-field-line-without-a-colon"):
            return
        raise Refusal(400)
    if broken("accepts-space-before-the-colon"):
        name = name.rstrip(b" \t")
    if name.endswith((b" ", b"\t")) and broken("drops-a-field-with-space-before-the-colon"):
        return
    is_usual = not name.strip(b"0123456789-" + LETTERS)
    if not is_usual and broken("knows-letters-digits-and-dashes-in-names-only"):
        raise Refusal(400)
    if not TOKEN.fullmatch(name):
        if name == b"" and broken("accepts-a-field-without-a-name"):
            return
        has_space_behind = name[-1:] in (b"", b" ", b"\t")
        if not has_space_behind and broken("accepts-a-field-name-that-is-no-token"):
            return
        raise Refusal(400)
    if re.search(rb"[\0-\x08\x0a-\x1f\x7f]", value) and broken("drops-a-field-with-control-bytes"):
        return
    request.fields.append((name.decode("latin-1"), read_value(name, value).decode("latin-1")))


def read_value(name, value):
    """Without the white space around it (9110, 5.5)."""
    if broken("takes-nul-in-a-value-for-a-space"):
        value = value.replace(b"\0", b" ")
    if broken("ends-a-value-at-nul"):
        value = value.partition(b"\0")[0]
    if broken("takes-vertical-tab-for-white-space"):
        value = value.strip(b" \t\v")
    if broken("accepts-control-bytes-in-a-value"):
        value = re.sub(rb"[\x01-\x08\x0b-\x1f\x7f]", b"?", value)
    if broken("accepts-control-bytes-in-host") and name.lower() == b"host":
        value = re.sub(rb"[\x01-\x08\x0b-\x1f\x7f]", b"-", value)
    if broken("refuses-a-value-without-space-in-front") and value[:1] not in (b" ", b"\t"):
        raise Refusal(400)
    if b"\0" in value and broken("says-500-to-nul-in-a-value"):
        raise Refusal(500)
    if not VALUE.fullmatch(value):
        raise Refusal(400)
    value = value.strip(b" " if broken("knows-no-tab-around-a-value") else b" \t")
    if broken("refuses-an-empty-value") and value == b"":
        raise Refusal(400)
    if broken("refuses-a-tab-in-a-value") and b"\t" in value:
        raise Refusal(400)
    if broken("refuses-bytes-above-127-in-a-value") and not value.isascii():
        raise Refusal(400)
    return value


# ---- what the head says ------------------------------------------------------------------------


def check_host(request):
    """Exactly one Host in 1.1, at most one in 1.0, and one that is a host (9112, 3.2)."""
    hosts = request.values("host")
    if broken("looks-for-host-in-the-first-line-only") and request.fields:
        hosts = hosts if request.fields[0][0].lower() == "host" else []
    if hosts and ":" not in hosts[0] and broken("refuses-a-host-without-a-port"):
        raise Refusal(400)
    if hosts and hosts[0].endswith(":") and broken("refuses-an-empty-port"):
        raise Refusal(400)
    if hosts and hosts[0].startswith("[") and broken("knows-no-ipv6-in-host"):
        raise Refusal(400)
    names = [name.lower() for name, value in request.fields]
    if len(set(names)) < len(names) and broken("refuses-a-field-that-comes-twice"):
        raise Refusal(400)
    if set(names) - KNOWN_FIELDS and broken("refuses-a-field-it-does-not-know"):
        raise Refusal(400)
    if not hosts and request.minor == 0 and broken("wants-a-host-in-1.0-too"):
        raise Refusal(400)
    if not hosts and request.minor == 1 and not broken("accepts-1.1-without-host"):
        raise Refusal(400)
    if len(hosts) > 1:
        if not broken("takes-the-first-of-two-hosts"):
            raise Refusal(400)
        hosts = hosts[:1]
    for host in hosts:
        if not HOST.fullmatch(host.encode("latin-1")) and not broken("accepts-a-host-that-is-none"):
            raise Refusal(400)


def read_framing(request):
    """How long the body is (9112, 6.3)."""
    lengths = request.values("content-length")
    codings = request.values("transfer-encoding")
    if request.values("x-forget-framing"):
        return
    if request.minor == 0 and broken("does-not-look-at-a-coding-in-1.0"):
        codings = []
    if codings:
        if request.minor == 0 and not broken("reads-a-coding-in-1.0"):
            raise Refusal(400)
        if lengths:
            names = [member.lower() for member in request.members("transfer-encoding")]
            if names != ["chunked"] and broken("takes-the-length-beside-a-coding-it-does-not-know"):
                codings = []
            elif broken("lets-content-length-win-over-a-coding"):
                codings = []
            elif not broken("lets-a-coding-win-over-content-length"):
                raise Refusal(400)
        if request.method == "GET" and broken("ignores-a-coding-in-get"):
            return
    if codings:
        read_codings(request)
    elif lengths:
        request.length = read_length(lengths)
        if request.length > BODY_BYTES_MAX:
            if broken("waits-for-ever-for-a-body-that-is-too-large"):
                time.sleep(SILENCE_SECONDS)
            raise Refusal(413)
    elif request.method == "POST" and broken("reads-to-the-end-where-no-length-is"):
        time.sleep(SILENCE_SECONDS)


def read_codings(request):
    names = [member.lower() for member in request.members("transfer-encoding")]
    if broken("decodes-no-chunked"):
        raise Refusal(501)
    if broken("takes-an-empty-element-for-a-coding"):
        members = ",".join(request.values("transfer-encoding")).split(",")
        names = [member.strip(" \t").lower() for member in members]
    if broken("knows-chunked-in-one-spelling-only"):
        names = request.members("transfer-encoding")
    if names and names[-1].endswith("chunked") and broken("takes-whatever-ends-in-chunked"):
        names = ["chunked"]
    if broken("reads-a-coding-it-does-not-know") and "chunked" not in names:
        return
    if broken("ignores-codings-before-chunked") and "chunked" not in names[:-1]:
        names = names[-1:]
    if broken("accepts-chunked-that-is-not-last") and "chunked" in names and names[-1] != "chunked":
        names = ["chunked"]
    if broken("accepts-chunked-twice") and set(names) == {"chunked"}:
        names = ["chunked"]
    if names.count("chunked") > 1 or not names:
        raise Refusal(400)
    if names[-1] != "chunked":  # the body has no end (6.3)
        raise Refusal(400)
    if names != ["chunked"]:
        raise Refusal(501)
    request.is_chunked = True


def read_length(lengths):
    """Digits and nothing else, once (9112, 6.3)."""
    text = lengths[0]
    if len(lengths) > 1:
        if len(set(lengths)) == 1:
            if not broken("accepts-two-equal-lengths"):
                raise Refusal(400, "length")
        elif broken("takes-the-last-of-two-lengths"):
            text = lengths[-1]
        elif not broken("takes-the-first-of-two-lengths"):
            raise Refusal(400, "length")
    if broken("takes-the-first-of-a-list-of-lengths"):
        text = text.split(",")[0]
    if broken("accepts-a-plus-in-a-length"):
        text = text.removeprefix("+")
    if broken("reads-a-negative-length-as-none") and text.startswith("-"):
        return 0
    if broken("reads-a-hexadecimal-length") and re.fullmatch("0x[0-9A-Fa-f]+", text):
        return int(text, 16)
    if broken("reads-the-digits-a-length-begins-with"):
        text = re.match("[0-9]*", text)[0] or text
    if broken("reads-an-empty-length-as-none") and text == "":
        return 0
    if broken("reads-what-is-no-number-as-zero") and not re.match("[-+0-9]", text) and text:
        return 0
    if broken("takes-blanks-out-of-a-length"):
        text = text.replace(" ", "")
    if not re.fullmatch("[0-9]+", text):
        raise Refusal(400, "length")
    if text[0] == "0" and len(text) > 1 and broken("refuses-zeros-before-a-length"):
        raise Refusal(400, "length")
    length = int(text)
    if length == 0 and broken("refuses-a-length-of-zero"):
        raise Refusal(400, "length")
    if broken("lets-a-length-overflow-32-bits"):
        length &= 0xffffffff
    if broken("lets-a-length-overflow-64-bits"):
        length &= 0xffffffffffffffff
    if broken("reads-a-length-as-signed") and length >> 63 == 1:
        length = 0
    return length


def read_persistence(request):
    """9112, 9.3."""
    options = [member.lower() for member in request.members("connection")]
    if broken("knows-close-in-lower-case-only"):
        options = request.members("connection")
    if broken("knows-close-alone-only"):
        options = [",".join(options)]
    if request.minor == 1:
        request.is_persistent = "close" not in options or broken("ignores-connection-close")
        if broken("looks-for-close-anywhere-in-connection") and "close" in "".join(options):
            request.is_persistent = False
        if broken("looks-for-close-in-the-last-line-only") and options:
            request.is_persistent = "close" not in request.values("connection")[-1].lower()
        if broken("lets-keep-alive-win-over-close") and "keep-alive" in options:
            request.is_persistent = True
    else:
        request.is_persistent = "keep-alive" in options and "close" not in options
        if broken("keeps-1.0-without-being-asked"):
            request.is_persistent = True
        if broken("lets-keep-alive-win-over-close-in-1.0") and "keep-alive" in options:
            request.is_persistent = True
        if broken("closes-1.0-that-asked-to-stay"):
            request.is_persistent = False


def read_expectation(request):
    """Whether the client waits for 100 (9110, 10.1.1); anything else expected is 417."""
    expected = [member.lower() for member in request.members("expect")]
    if not expected:
        return broken("sends-100-unasked") and (request.length > 0 or request.is_chunked)
    if request.minor == 0 and not broken("sends-100-to-1.0"):
        return False
    if set(expected) != {"100-continue"} and not broken("ignores-an-expectation-it-does-not-know"):
        raise Refusal(417, "expectation")
    has_body = request.length > 0 or request.is_chunked
    if not has_body and broken("refuses-an-expectation-without-a-body"):
        raise Refusal(400)
    return has_body and not broken("never-sends-100")


# ---- the body ----------------------------------------------------------------------------------


def read_body(source, request):
    if request.is_chunked:
        read_chunks(source, request)
    elif request.length > 0 and not broken("takes-the-body-for-the-next-request"):
        is_get = request.method in ("GET", "HEAD")
        if is_get and broken("takes-the-body-of-get-for-the-next-request"):
            return
        if broken("takes-the-body-of-an-unknown-path-for-the-next-request") \
                and not request.target.startswith("/plain.txt"):
            return
        source.take(request.length, silence)


def read_chunks(source, request):
    total = extensions = count = 0
    while True:
        if broken("closes-where-a-segment-ends-between-cr-and-lf"):
            wait_for_lf(source)
        bytes_max = CHUNK_LINE_BYTES_MAX
        if broken("closes-in-silence-behind-many-zeros"):
            bytes_max *= 1000
        line = source.line(bytes_max, 0 if broken(
            "closes-where-a-chunk-size-is-too-long") else 400, silence())
        size = read_chunk_size(line)
        if size < 0:
            return
        total += size
        extensions += len(line.partition(b";")[2])
        if extensions > EXTENSIONS_BYTES_MAX and not broken("reads-chunk-extensions-without-bound"):
            raise Refusal(400)
        if total > BODY_BYTES_MAX:
            raise Refusal(500 if broken("says-500-where-chunks-are-too-many") else 413)
        if len(line) > 1000 and broken("closes-in-silence-behind-many-zeros"):
            request.is_last = True
            return
        if size == 0:
            break
        count += 1
        if count == 2 and broken("reads-one-chunk-only"):
            raise Refusal(400)
        if count == 400 and broken("closes-in-silence-behind-many-chunks"):
            request.is_last = True
            return
        if count == 100 and broken("closes-behind-the-hundredth-chunk"):
            raise Ended()
        data = source.take(size, silence)
        if b"\r\n0\r\n\r\n" in b"\r\n" + data and broken("looks-for-the-last-chunk-in-the-data"):
            source.data[:0] = data.partition(b"0\r\n\r\n")[2]
            return
        if not read_chunk_end(source):
            return
    if count == 0 and broken("refuses-a-body-of-no-chunk"):
        raise Refusal(400)
    if broken("takes-trailers-for-the-next-request"):
        while len(source.data) < 2:
            source.fill_or_end(silence())
        if source.data[:2] == b"\r\n":
            del source.data[:2]
        return
    read_trailers(source)


def wait_for_lf(source):
    while b"\n" not in source.data:
        if len(source.data) <= 2 and source.data.endswith(b"\r"):
            raise Ended()
        source.fill_or_end(silence())


def read_chunk_end(source):
    """The CRLF behind the data; False where a fault lets the body end here."""
    if broken("takes-any-two-bytes-for-the-end-of-a-chunk"):
        source.take(2, silence)
        return True
    if broken("needs-no-end-of-a-chunk"):
        while not source.data:
            source.fill_or_end(silence())
        if source.data[:1] == b"\r":
            source.take(2, silence)
        return True
    if broken("takes-lf-alone-for-the-end-of-a-chunk"):
        return source.take(1, silence) == b"\n" or source.take(1, silence) == b"\n"
    if broken("skips-to-the-end-of-the-line-behind-a-chunk"):
        source.line(CHUNK_LINE_BYTES_MAX, 400, silence())
        return True
    if broken("ends-the-body-where-a-chunk-has-no-end"):
        while len(source.data) < 2:
            source.fill_or_end(silence())
        if source.data[:2] != b"\r\n":
            return False
    if source.take(2, silence) != b"\r\n":
        raise Refusal(400)
    return True


def read_chunk_size(line):
    """The size in a line; -1 where a fault lets the body end here."""
    if broken("accepts-white-space-before-a-chunk-size"):
        line = line.lstrip(b" \t")
    if broken("accepts-white-space-behind-a-chunk-size"):
        line = line.rstrip(b" \t")
    if broken("accepts-0x-before-a-chunk-size"):
        line = line.removeprefix(b"0x")
    if broken("accepts-a-sign-before-a-chunk-size"):
        line = line.lstrip(b"+-")
    if broken("does-not-look-at-chunk-extensions") and re.match(rb"[0-9A-Fa-f]+[ \t]*;", line):
        line = re.match(rb"[0-9A-Fa-f]+", line)[0]
    if broken("reads-a-chunk-size-without-digits-as-zero"):
        if not re.match(rb"[-+ 0-9A-Fa-f]", line):
            return 0
    if broken("reads-the-digits-a-chunk-size-begins-with") and b";" not in line:
        line = re.sub(rb"^([0-9A-Fa-f]+).*$", rb"\1", line)
    found = CHUNK_LINE.fullmatch(line)
    if not found:
        raise Refusal(400)
    if found[2] and broken("refuses-chunk-extensions"):
        raise Refusal(400)
    if b'"' in found[2] and broken("knows-no-quoted-chunk-extension"):
        raise Refusal(400)
    unquoted = found[2].partition(b'"')[0]
    if re.search(rb"[ \t]", unquoted) and broken("knows-no-white-space-in-an-extension"):
        raise Refusal(400)
    if unquoted.count(b";") > 1 and broken("knows-one-chunk-extension-only"):
        raise Refusal(400)
    if found[2] and b"=" not in found[2] and broken("knows-no-chunk-extension-without-a-value"):
        raise Refusal(400)
    if broken("knows-no-capitals-in-a-chunk-size") and re.search(rb"[A-F]", found[1]):
        raise Refusal(400)
    if broken("knows-no-small-letters-in-a-chunk-size") and re.search(rb"[a-f]", found[1]):
        raise Refusal(400)
    if broken("refuses-zeros-before-a-chunk-size") and re.match(rb"0.", found[1]):
        raise Refusal(400)
    size = int(found[1], 16)
    if broken("lets-a-chunk-size-overflow-32-bits"):
        size &= 0xffffffff
    if broken("lets-a-chunk-size-overflow-64-bits"):
        size &= 0xffffffffffffffff
    if broken("ends-the-body-at-a-negative-chunk-size") and size >> 63 == 1:
        return -1
    return size


def read_trailers(source):
    unused = Request()
    bytes_left = HEAD_BYTES_MAX
    while True:
        line = source.line(bytes_left, 431, silence())
        if line == b"":
            return
        if broken("refuses-trailers"):
            raise Refusal(400)
        bytes_left -= len(line) + 2
        if broken("reads-trailers-without-bound"):
            bytes_left = HEAD_BYTES_MAX
            unused.fields.clear()
        elif len(unused.fields) >= FIELDS_MAX:
            raise Refusal(431)
        if not broken("does-not-look-at-trailers"):
            read_field(unused, line)


# ---- the reply -----------------------------------------------------------------------------------


class Reply:
    def __init__(self, status, body=b"", **fields):
        self.status = status
        self.body = body
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


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
            return refused(501)
        method = "GET"
    if method == "OPTIONS" and request.target == "*":
        if broken("does-not-know-options-of-the-server"):
            return refused(400)
        return Reply(204, Allow="GET, HEAD, OPTIONS")
    target = request.target
    if request.target == "*":
        if broken("serves-an-asterisk-like-the-root"):
            return file_at("/", root)
        return refused(400)
    if target == "/" and broken("does-not-know-the-root"):
        return refused(400)
    if broken("does-not-know-the-absolute-form"):
        if "://" in target:
            return refused(400)
    elif re.match("(?i)https?://", target) and not (
            broken("knows-small-letters-in-a-scheme-only") and target.startswith("HTTP")):
        rest = target.split("://", 1)[1]
        host, _, path = rest.partition("/")
        host, question, query = host.partition("?")
        if broken("accepts-a-user-in-a-target"):
            host = host.rpartition("@")[2]
        if not HOST.fullmatch(host.encode("latin-1")) or not host.partition(":")[0]:
            if host.partition(":")[0] or not broken("accepts-a-target-of-no-host"):
                return refused(400)
        target = "/" + path + question + query
    if not target.startswith("/"):
        if not broken("serves-a-target-without-a-slash"):
            return refused(400)
        target = "/" if ":" in target else "/" + target
    if method == "OPTIONS":
        return Reply(204, Allow="GET, HEAD, OPTIONS")
    if method not in ("GET", "HEAD"):
        if broken("says-405-without-allow"):
            return refused(405)
        return refused(405, Allow="GET, HEAD, OPTIONS")
    return file_at(target, root)


def refused(status, **fields):
    reason = f"{status} {REASONS[status]}\n"
    return Reply(status, reason.encode(), Content_Type="text/plain", **fields)


def decode(path):
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), path)


def file_at(target, root):
    path = target if broken("takes-the-query-for-a-part-of-the-path") else target.split("?", 1)[0]
    if re.search("%(?![0-9A-Fa-f]{2})", path):
        if not broken("drops-what-is-no-escape"):
            return refused(400)
        path = re.sub("%(?![0-9A-Fa-f]{2})[0-9a-z]{0,2}", "", path)
    decoded = path.encode("latin-1")
    if not broken("does-not-decode-the-path"):
        decoded = decode(decoded)
    if broken("decodes-the-path-twice"):
        decoded = decode(decoded)
    if b"\0" in decoded:
        if not broken("cuts-a-path-at-nul"):
            return refused(400)
        decoded = decoded.split(b"\0")[0]
    if decoded.endswith(b"/"):
        decoded += b"index.html"
    name = os.path.normpath(os.fsencode(root) + decoded)
    inside = os.path.realpath(name).startswith(os.path.realpath(os.fsencode(root)) + b"/")
    if broken("looks-for-dots-before-it-decodes"):
        inside = b".." not in path.encode("latin-1").split(b"/")
    if not inside and broken("says-500-to-a-path-that-leaves-the-root"):
        return refused(500)
    if not inside and not broken("lets-a-path-lead-out-of-the-root"):
        return refused(404)
    if broken("says-200-where-nothing-is") and not os.path.exists(name):
        return Reply(200, b"nothing\n")
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return refused(404)
        with open(name, "rb") as file:
            body = file.read()
    except PermissionError:
        return refused(403)
    except OSError:
        return refused(404)
    kind = TYPES.get(os.path.splitext(os.fsdecode(name))[1], "application/octet-stream")
    return Reply(200, body, Content_Type=kind)


def date():
    if broken("writes-the-date-like-asctime"):
        return time.asctime(time.gmtime())
    if broken("writes-the-date-in-no-format"):
        return time.strftime("%Y-%m-%d %H:%M:%S")
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())


def encode(reply, request, is_persistent):
    is_head = request.method == "HEAD"
    is_1_0 = request.minor == 0
    body = reply.body
    is_odd = reply.status == 404 and not is_head and not is_1_0  # where a fault shows itself
    lines = [f"HTTP/1.1 {reply.status} {REASONS[reply.status]}"]
    if is_odd and broken("answers-with-the-version-2.0"):
        lines[0] = lines[0].replace("1.1", "2.0")
    if broken("answers-1.0-with-1.0-to-1.1") and not is_1_0:
        lines[0] = lines[0].replace("1.1", "1.0")
    if is_odd and broken("leaves-out-the-space-behind-the-status"):
        lines[0] = f"HTTP/1.1 {reply.status}"
    if is_odd and broken("answers-with-a-status-of-four-digits"):
        lines[0] = f"HTTP/1.1 {reply.status}0 {REASONS[reply.status]}"
    if not broken("leaves-out-the-date"):
        lines.append("Date: " + date())
    if not is_persistent:
        if not broken("does-not-say-that-it-closes"):
            lines.append("Connection: close")
    elif is_1_0 and not broken("does-not-say-that-1.0-stays"):
        lines.append("Connection: keep-alive")
    for name, value in reply.fields.items():
        lines.append(f"{name}: {value}")
    if reply.status != 204:
        length = len(body)
        if is_head and broken("says-another-length-to-head"):
            length += 1
        if is_odd and broken("says-a-length-that-is-too-small"):
            length = max(0, length - 1)
        if is_odd and broken("says-a-length-that-is-too-large"):
            length += 1
        if broken("answers-chunked-to-1.0") and not is_head and is_1_0:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif is_odd and broken("says-length-and-coding-in-a-reply"):
            lines.append("Transfer-Encoding: chunked")
            lines.append(f"Content-Length: {length}")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif is_odd and broken("answers-in-chunks-without-an-end"):
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n" % (len(body), body)
        elif request.method == "GET" and broken("says-no-length-to-get-and-closes"):
            request.is_last = True
        elif not (is_odd and broken("says-no-length-and-stays")):
            lines.append(f"Content-Length: {length}")
            if is_odd and broken("says-two-lengths"):
                lines.append(f"Content-Length: {length + 1}")
    elif broken("says-a-length-in-204"):
        lines.append("Content-Length: 0")
    if is_odd and broken("writes-a-space-before-the-colon"):
        lines.append("Server : faulty")
    if is_odd and broken("folds-a-line-of-its-reply"):
        lines.append("Server: faulty\r\n http")
    if is_odd and broken("writes-a-field-without-a-colon"):
        lines.append("Server")
    if is_odd and broken("writes-a-control-byte-in-a-value"):
        lines.append("Server: faulty\x01")
    if is_odd and broken("writes-a-control-byte-in-a-reason"):
        lines[0] += "\x7f"
    if is_odd and broken("says-the-date-twice"):
        lines.append("Date: " + date())
    end = "\n" if is_odd and broken("ends-its-lines-in-lf") else "\r\n"
    head = (end.join(lines) + end + end).encode("latin-1")
    if reply.status == 204 or (is_head and not broken("sends-a-body-to-head")):
        body = b""
    if reply.body and broken("changes-a-byte-of-the-body") and not is_head:
        body = body[:-1] + bytes([body[-1] ^ 1])
    if is_odd and broken("sends-garbage-behind-a-reply"):
        body += b"\r\n"
    if broken("sends-the-reply-twice"):
        return (head + body) * 2
    return head + body


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
        except (Ended, OSError):
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
        if request.values("upgrade") and broken("switches-to-whatever-is-asked"):
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


# ---- the faults --------------------------------------------------------------------------------

# "none-was-run": the runner refuses the server, because it does not answer even a plain request.

FAULTS = {
    "waits-on-where-the-peer-ended-in-a-line": "chunk-cut-before-last half-close-in-head",
    "collects-a-line-without-bound":
        "limit-target-endless limit-field-endless limit-field-name-endless "
        "limit-white-space-endless limit-chunk-extension-endless "
        "limit-chunk-extension-is-refused limit-chunk-size-endless limit-trailer-field-endless "
        "method-endless",
    "takes-cr-alone-for-the-end-of-a-line":
        "chunk-size-cr-alone field-cr-in-value cr-alone-ends-request-line",
    "says-500-where-a-line-is-too-long":
        "limit-target-70000 limit-target-is-414 limit-target-endless limit-field-100000 "
        "limit-field-endless limit-field-name-endless limit-white-space-endless "
        "limit-chunk-extension-is-refused limit-chunk-extension-endless "
        "limit-chunk-size-endless limit-chunk-size-zeros limit-trailer-field-endless",
    "accepts-lf-alone-as-the-end-of-a-line":
        "chunk-size-lf-alone chunk-extension-lf-alone field-lf-alone "
        "field-section-ends-in-lf-alone lf-alone-ends-request-line smuggle-in-chunk-extension",
    "takes-cr-within-a-line-for-a-space": "field-cr-is-refused",
    "drops-cr-within-a-line": "chunk-extension-cr-alone field-cr-is-refused host-before-a-cr",
    "forgets-the-framing-where-a-line-holds-cr":
        "field-cr-is-refused smuggle-encoding-behind-cr smuggle-length-behind-cr",
    "waits-on-where-the-peer-ended-in-a-body":
        "chunk-cut-in-data length-body-cut chunk-cut-is-no-success "
        "length-body-cut-is-no-success",
    "knows-field-names-in-one-spelling-only":
        "encoding-name-in-any-case host-twice-apart host-name-in-any-case "
        "smuggle-encoding-in-another-case",
    "stays-open-where-the-peer-ended-before-a-request":
        "half-close-after-request half-close-after-pipeline half-close-at-once",
    "needs-a-request-line-in-one-segment":
        "@each request-split-each length-split-each encoding-split-each",
    "waits-on-behind-empty-lines": "limit-empty-lines-endless",
    "refuses-an-empty-line-before-a-request": "empty-line-before empty-line-between",
    "reads-a-request-line-of-0.9": "version-0.9",
    "closes-where-fields-are-too-many": "limit-fields-20000",
    "closes-where-a-chunk-size-is-too-long":
        "limit-chunk-extension-is-refused limit-chunk-size-zeros",
    "reads-fields-without-bound": "limit-fields-endless",
    "refuses-a-field-of-2000-bytes": "limit-field-4000",
    "refuses-the-33rd-field": "limit-fields-50",
    "accepts-more-white-space-in-a-request-line":
        "two-spaces-before-target two-spaces-before-version tab-between-parts "
        "space-behind-version space-before-method",
    "accepts-a-space-within-the-target": "two-spaces-before-version space-in-target",
    "takes-a-missing-target-for-the-root": "no-target",
    "takes-a-method-alone-for-the-root": "method-alone",
    "does-not-look-behind-the-version": "space-behind-version four-words",
    "accepts-a-method-that-is-no-token": "method-of-no-token method-with-nul",
    "cuts-a-fragment-off": "target-fragment",
    "ends-a-target-at-nul": "target-nul",
    "accepts-any-byte-in-a-target": "target-control-byte target-eight-bit target-quote",
    "reads-the-version-in-any-case": "version-lower-case",
    "accepts-every-major-version": "version-2.0",
    "accepts-a-version-of-more-digits": "version-two-digits version-leading-zero",
    "looks-at-the-first-bytes-of-the-version-only": "version-two-digits version-letters-behind",
    "takes-any-version-for-1.1":
        "version-lower-case version-leading-zero version-no-minor version-no-point "
        "version-of-letters version-of-another-protocol",
    "refuses-a-minor-version-it-does-not-know": "version-1.2",
    "unfolds-a-folded-line": "chunk-trailer-folded field-folded-is-refused",
    "drops-a-field-that-is-folded":
        "chunk-trailer-folded field-folded-is-refused smuggle-encoding-folded",
    "says-500-to-white-space-in-front-of-a-line":
        "chunk-trailer-folded field-folded field-folded-is-refused field-folded-host "
        "field-folded-first field-white-line-first",
    "forgets-the-framing-where-a-line-is-folded":
        "chunk-trailer-folded field-folded-is-refused smuggle-encoding-folded "
        "smuggle-encoding-in-a-fold",
    "takes-a-folded-line-for-a-field": "field-folded-host field-folded-first",
    "skips-a-field-line-without-a-colon": "chunk-trailer-no-field field-without-colon",
    "accepts-space-before-the-colon":
        "chunk-trailer-space-before-colon field-space-before-colon field-tab-before-colon "
        "host-space-before-colon length-space-before-colon smuggle-behind-space-colon",
    "drops-a-field-with-space-before-the-colon":
        "chunk-trailer-space-before-colon field-space-before-colon field-tab-before-colon "
        "length-space-before-colon smuggle-encoding-space-before-colon "
        "smuggle-encoding-tab-before-colon smuggle-behind-space-colon",
    "knows-letters-digits-and-dashes-in-names-only":
        "encoding-of-another-name field-name-of-all-token-bytes",
    "accepts-a-field-without-a-name": "field-without-name",
    "accepts-a-field-name-that-is-no-token":
        "field-name-with-space field-name-with-bracket field-name-eight-bit field-name-with-nul",
    "drops-a-field-with-control-bytes":
        "encoding-vertical-tab field-nul-is-refused field-control-is-refused length-nul-behind "
        "length-vertical-tab smuggle-encoding-vertical-tab smuggle-encoding-nul",
    "takes-nul-in-a-value-for-a-space": "field-nul-is-refused",
    "ends-a-value-at-nul": "field-nul-is-refused length-nul-behind",
    "takes-vertical-tab-for-white-space": "encoding-vertical-tab length-vertical-tab",
    "accepts-control-bytes-in-a-value": "field-control-is-refused",
    "accepts-control-bytes-in-host": "host-control-byte",
    "refuses-a-value-without-space-in-front":
        "chunk-trailer-several field-empty-value host-without-space",
    "says-500-to-nul-in-a-value": "field-nul-in-value field-nul-is-refused length-nul-behind",
    "knows-no-tab-around-a-value": "field-space-around-value",
    "refuses-an-empty-value": "chunk-trailer-several field-empty-value",
    "refuses-a-tab-in-a-value": "close-in-a-list field-tab-in-value",
    "refuses-bytes-above-127-in-a-value": "field-eight-bit-value",
    "looks-for-host-in-the-first-line-only": "host-last",
    "refuses-a-host-without-a-port":
        "pipeline-split-each encoding-split-each host-without-port length-split-each "
        "absolute-form-other-host",
    "refuses-an-empty-port": "host-empty-port",
    "knows-no-ipv6-in-host": "host-ipv6",
    "refuses-a-field-that-comes-twice":
        "close-in-the-second-line close-in-the-first-line field-repeated limit-fields-50",
    "refuses-a-field-it-does-not-know":
        "encoding-of-another-name field-name-of-all-token-bytes field-empty-value "
        "field-eight-bit-value field-tab-in-value field-unknown-is-ignored limit-fields-50",
    "wants-a-host-in-1.0-too":
        "expect-continue-1.0-get head-no-body-1.0 host-missing-1.0 absolute-form-1.0",
    "accepts-1.1-without-host":
        "pipeline-second-is-bad head-bad-request host-missing host-missing-other-fields "
        "absolute-form-no-host-field version-1.9-without-host",
    "takes-the-first-of-two-hosts":
        "field-split-each host-twice host-twice-equal host-twice-apart host-twice-1.0",
    "accepts-a-host-that-is-none":
        "host-with-space host-with-slash host-with-user host-of-uri host-port-of-letters "
        "host-two-ports host-open-bracket host-behind-bracket host-quote host-hash",
    "does-not-look-at-a-coding-in-1.0":
        "encoding-in-1.0 encoding-in-1.0-with-length encoding-in-1.0-is-refused "
        "smuggle-behind-1.0-encoding",
    "reads-a-coding-in-1.0":
        "encoding-in-1.0 encoding-in-1.0-is-refused smuggle-behind-1.0-encoding",
    "takes-the-length-beside-a-coding-it-does-not-know":
        "smuggle-encoding-twice smuggle-encoding-identity",
    "lets-content-length-win-over-a-coding":
        "encoding-and-length length-and-encoding encoding-and-length-is-refused "
        "encoding-and-zero-length smuggle-length-over-encoding smuggle-encoding-twice "
        "smuggle-encoding-in-another-case smuggle-encoding-identity smuggle-split-each",
    "lets-a-coding-win-over-content-length":
        "encoding-and-length length-and-encoding encoding-and-length-is-refused "
        "encoding-and-zero-length smuggle-length-over-encoding smuggle-behind-last-chunk "
        "smuggle-encoding-in-another-case smuggle-split-each",
    "ignores-a-coding-in-get": "encoding-chunked-get smuggle-in-get-chunk",
    "waits-for-ever-for-a-body-that-is-too-large":
        "expect-continue-too-large length-overflow-64 length-overflow-32 length-of-forty-digits "
        "length-signed-overflow limit-body-too-large limit-body-one-gigabyte-announced",
    "reads-to-the-end-where-no-length-is": "length-none",
    "decodes-no-chunked":
        "chunk-none chunk-several chunk-hex-lower chunk-hex-upper chunk-leading-zeros "
        "chunk-data-of-framing chunk-extension chunk-extension-no-value chunk-extension-several "
        "chunk-extension-quoted chunk-extension-white-space chunk-trailer chunk-trailer-several "
        "chunk-trailer-close chunk-size-empty chunk-size-no-digit chunk-size-0x "
        "chunk-size-minus chunk-size-plus chunk-size-space-before chunk-size-space-behind "
        "chunk-size-lf-alone chunk-size-cr-alone chunk-data-too-long chunk-data-too-short "
        "chunk-data-without-end chunk-data-other-end chunk-data-lf-alone "
        "chunk-extension-lf-alone chunk-extension-cr-alone chunk-extension-nul "
        "chunk-trailer-no-field chunk-trailer-space-before-colon chunk-trailer-folded "
        "pipeline-with-bodies encoding-chunked encoding-chunked-get encoding-name-in-any-case "
        "encoding-space-around encoding-empty-elements encoding-gzip-alone encoding-identity "
        "encoding-chunked-not-last encoding-chunked-not-last-two-lines encoding-almost-chunked "
        "encoding-in-quotes encoding-split-each limit-chunk-extension-is-refused "
        "limit-chunk-extensions-many limit-trailer-is-refused chunk-many-of-one-byte "
        "limit-chunk-size-zeros limit-chunks-too-large",
    "takes-an-empty-element-for-a-coding": "encoding-empty-elements",
    "knows-chunked-in-one-spelling-only": "encoding-name-in-any-case",
    "takes-whatever-ends-in-chunked":
        "encoding-gzip-chunked encoding-gzip-chunked-two-lines encoding-chunked-twice "
        "encoding-chunked-two-lines encoding-almost-chunked",
    "reads-a-coding-it-does-not-know":
        "encoding-gzip-alone encoding-identity encoding-with-parameter encoding-empty "
        "encoding-almost-chunked encoding-in-quotes smuggle-encoding-identity-no-length",
    "ignores-codings-before-chunked": "encoding-gzip-chunked encoding-gzip-chunked-two-lines",
    "accepts-chunked-that-is-not-last":
        "encoding-chunked-not-last encoding-chunked-not-last-two-lines smuggle-encoding-list",
    "accepts-chunked-twice": "encoding-chunked-twice encoding-chunked-two-lines",
    "accepts-two-equal-lengths": "length-twice-equal-is-refused",
    "takes-the-last-of-two-lengths":
        "length-twice-differing smuggle-lengths-first-short smuggle-lengths-last-short",
    "takes-the-first-of-two-lengths":
        "length-twice-differing length-second-invalid smuggle-lengths-first-short "
        "smuggle-lengths-last-short",
    "takes-the-first-of-a-list-of-lengths":
        "length-list-differing length-list-equal-is-refused smuggle-lengths-in-a-list",
    "accepts-a-plus-in-a-length": "length-plus smuggle-length-plus",
    "reads-a-negative-length-as-none": "length-minus length-minus-zero",
    "reads-a-hexadecimal-length": "length-hexadecimal",
    "reads-the-digits-a-length-begins-with":
        "expect-continue-bad-length length-list-differing length-list-equal-is-refused "
        "length-hexadecimal length-letters-behind length-space-inside length-decimal-point "
        "smuggle-lengths-in-a-list",
    "reads-an-empty-length-as-none": "length-empty",
    "reads-what-is-no-number-as-zero":
        "head-bad-length length-letters length-comma-alone smuggle-length-of-letters "
        "smuggle-behind-bad-request",
    "takes-blanks-out-of-a-length": "length-space-inside",
    "refuses-zeros-before-a-length": "length-leading-zeros",
    "refuses-a-length-of-zero": "length-zero",
    "lets-a-length-overflow-32-bits":
        "length-overflow-64 length-overflow-32 length-of-forty-digits length-signed-overflow",
    "lets-a-length-overflow-64-bits": "length-overflow-64",
    "reads-a-length-as-signed": "length-signed-overflow",
    "knows-close-in-lower-case-only": "close-in-any-case",
    "knows-close-alone-only":
        "close-in-a-list close-in-the-second-line close-in-the-first-line "
        "close-wins-over-keep-alive",
    "ignores-connection-close": "@each get-known-file close-is-honoured",
    "looks-for-close-anywhere-in-connection": "close-is-a-whole-word",
    "looks-for-close-in-the-last-line-only": "close-in-the-first-line close-is-a-whole-word",
    "lets-keep-alive-win-over-close": "close-in-the-first-line close-wins-over-keep-alive",
    "keeps-1.0-without-being-asked":
        "head-no-body-1.0 absolute-form-1.0 version-1.0 version-1.0-not-chunked "
        "version-1.0-not-chunked-error version-1.0-keep-alive "
        "version-1.0-keep-alive-is-delimited version-1.0-close version-1.0-post "
        "version-1.0-no-persist-behind-body",
    "lets-keep-alive-win-over-close-in-1.0": "version-1.0-close",
    "closes-1.0-that-asked-to-stay": "version-1.0-keep-alive",
    "sends-100-unasked": "expect-no-interim-unasked",
    "sends-100-to-1.0": "expect-continue-1.0",
    "ignores-an-expectation-it-does-not-know": "expect-unknown",
    "refuses-an-expectation-without-a-body": "expect-continue-without-body",
    "never-sends-100":
        "expect-continue expect-continue-chunked expect-continue-in-any-case "
        "smuggle-in-expected-body",
    "takes-the-body-for-the-next-request":
        "encoding-of-another-name expect-continue expect-continue-in-any-case "
        "expect-continue-body-with-head expect-continue-split-each field-space-around-value "
        "head-with-body length-frames-post length-frames-get length-leading-zeros "
        "length-split-each length-body-later length-body-looks-like-request "
        "method-unknown-is-framed smuggle-in-get-body smuggle-in-head-body "
        "smuggle-in-options-body smuggle-in-unknown-path smuggle-body-after-response "
        "smuggle-in-expected-body length-body-cut-is-no-success",
    "takes-the-body-of-get-for-the-next-request":
        "head-with-body length-frames-get smuggle-in-get-body smuggle-in-head-body "
        "length-body-cut-is-no-success",
    "takes-the-body-of-an-unknown-path-for-the-next-request":
        "expect-continue-split-each length-split-each smuggle-in-unknown-path "
        "smuggle-body-after-response smuggle-in-expected-body",
    "closes-where-a-segment-ends-between-cr-and-lf": "@each chunk-in-pieces",
    "reads-chunk-extensions-without-bound": "limit-chunk-extensions-many",
    "reads-one-chunk-only": "chunk-several chunk-many-of-one-byte",
    "closes-behind-the-hundredth-chunk":
        "chunk-many-of-one-byte limit-chunk-extensions-many limit-chunks-too-large",
    "looks-for-the-last-chunk-in-the-data": "chunk-data-of-framing",
    "refuses-a-body-of-no-chunk": "chunk-none chunk-trailer-several chunk-trailer-close",
    "takes-trailers-for-the-next-request":
        "chunk-trailer chunk-trailer-several chunk-trailer-of-framing chunk-trailer-close "
        "chunk-trailer-folded encoding-split-each smuggle-in-trailer",
    "takes-any-two-bytes-for-the-end-of-a-chunk": "chunk-data-other-end",
    "needs-no-end-of-a-chunk": "chunk-data-too-short chunk-data-without-end",
    "takes-lf-alone-for-the-end-of-a-chunk": "chunk-data-lf-alone smuggle-behind-chunk-data",
    "skips-to-the-end-of-the-line-behind-a-chunk": "chunk-data-too-long",
    "ends-the-body-where-a-chunk-has-no-end": "smuggle-behind-chunk-data",
    "accepts-white-space-before-a-chunk-size": "chunk-size-space-before",
    "accepts-white-space-behind-a-chunk-size": "chunk-size-space-behind",
    "accepts-0x-before-a-chunk-size": "chunk-size-0x",
    "accepts-a-sign-before-a-chunk-size":
        "chunk-size-minus chunk-size-plus smuggle-chunk-size-minus",
    "does-not-look-at-chunk-extensions": "chunk-extension-nul",
    "reads-a-chunk-size-without-digits-as-zero": "smuggle-chunk-size-blank",
    "reads-the-digits-a-chunk-size-begins-with":
        "chunk-size-space-behind smuggle-chunk-size-cut-at-nul smuggle-chunk-size-0x",
    "refuses-chunk-extensions":
        "chunk-extension chunk-extension-no-value chunk-extension-several "
        "chunk-extension-quoted chunk-extension-white-space encoding-split-each",
    "knows-no-quoted-chunk-extension": "chunk-extension-quoted",
    "knows-no-white-space-in-an-extension": "chunk-extension-white-space",
    "knows-one-chunk-extension-only": "chunk-extension-several",
    "knows-no-chunk-extension-without-a-value": "chunk-extension-no-value",
    "knows-no-capitals-in-a-chunk-size": "chunk-hex-upper",
    "knows-no-small-letters-in-a-chunk-size": "chunk-hex-lower",
    "refuses-zeros-before-a-chunk-size": "chunk-leading-zeros",
    "lets-a-chunk-size-overflow-32-bits":
        "chunk-size-overflow chunk-size-overflow-32 chunk-size-overflow-to-zero "
        "chunk-size-signed-overflow",
    "lets-a-chunk-size-overflow-64-bits": "chunk-size-overflow chunk-size-overflow-to-zero",
    "ends-the-body-at-a-negative-chunk-size": "chunk-size-signed-overflow chunk-size-all-ones",
    "refuses-trailers":
        "chunk-trailer chunk-trailer-several chunk-trailer-close encoding-split-each",
    "reads-trailers-without-bound": "limit-trailer-endless limit-trailer-is-refused",
    "does-not-look-at-trailers":
        "chunk-trailer-no-field chunk-trailer-space-before-colon chunk-trailer-folded",
    "knows-methods-in-any-case": "method-is-case-sensitive",
    "says-200-to-connect":
        "authority-form-connect authority-form-connect-no-port authority-form-connect-bad-port "
        "authority-form-connect-origin-target",
    "serves-methods-it-does-not-know":
        "method-is-case-sensitive method-unknown method-long "
        "authority-form-connect-origin-target",
    "does-not-know-options-of-the-server": "asterisk-form-options",
    "serves-an-asterisk-like-the-root": "asterisk-form-get",
    "does-not-know-the-root": "origin-form-root",
    "does-not-know-the-absolute-form":
        "absolute-form absolute-form-scheme-in-capitals absolute-form-other-host "
        "absolute-form-no-path absolute-form-query-no-path absolute-form-1.0",
    "knows-small-letters-in-a-scheme-only": "absolute-form-scheme-in-capitals",
    "accepts-a-user-in-a-target": "absolute-form-user",
    "accepts-a-target-of-no-host": "absolute-form-empty-host absolute-form-port-without-host",
    "serves-a-target-without-a-slash":
        "authority-form-get asterisk-form-with-more target-without-slash",
    "says-405-without-allow": "not-allowed-names-allowed",
    "takes-the-query-for-a-part-of-the-path":
        "limit-target-8000 origin-form-query origin-form-empty-query",
    "drops-what-is-no-escape": "target-half-escape target-wrong-escape",
    "does-not-decode-the-path": "origin-form-encoded",
    "decodes-the-path-twice": "target-decoded-once",
    "cuts-a-path-at-nul": "target-encoded-nul",
    "says-200-where-nothing-is":
        "pipeline-two pipeline-ten-in-order head-not-found get-unknown-file target-decoded-once "
        "version-1.0-not-chunked-error",
    "writes-the-date-like-asctime": "response-date response-date-of-400",
    "writes-the-date-in-no-format": "response-date response-date-of-400",
    "answers-with-the-version-2.0": "@request-line get-unknown-file",
    "answers-1.0-with-1.0-to-1.1": "response-version",
    "leaves-out-the-space-behind-the-status": "@request-line get-unknown-file",
    "answers-with-a-status-of-four-digits": "@request-line get-unknown-file",
    "leaves-out-the-date": "response-date response-date-of-400",
    "does-not-say-that-it-closes": "close-is-announced",
    "does-not-say-that-1.0-stays": "version-1.0-keep-alive",
    "says-another-length-to-head": "head-length-of-get",
    "says-a-length-that-is-too-small": "@request-line get-unknown-file",
    "says-a-length-that-is-too-large": "@request-line get-unknown-file",
    "answers-chunked-to-1.0":
        "version-1.0-not-chunked version-1.0-not-chunked-error "
        "version-1.0-keep-alive-is-delimited",
    "says-length-and-coding-in-a-reply": "@request-line get-unknown-file",
    "answers-in-chunks-without-an-end": "@request-line get-unknown-file",
    "says-no-length-and-stays": "@request-line get-unknown-file",
    "says-two-lengths": "@request-line get-unknown-file",
    "says-a-length-in-204": "smuggle-in-options-body asterisk-form-options",
    "writes-a-space-before-the-colon": "@request-line get-unknown-file",
    "folds-a-line-of-its-reply": "@request-line get-unknown-file",
    "writes-a-field-without-a-colon": "@request-line get-unknown-file",
    "writes-a-control-byte-in-a-value": "@request-line get-unknown-file",
    "writes-a-control-byte-in-a-reason": "@request-line get-unknown-file",
    "says-the-date-twice": "@request-line get-unknown-file",
    "ends-its-lines-in-lf": "@request-line get-unknown-file",
    "sends-a-body-to-head":
        "pipeline-with-head pipeline-split-each head-no-body head-no-body-1.0 head-not-found "
        "head-bad-request head-bad-length head-with-body head-length-of-get head-close "
        "head-many head-is-supported smuggle-in-head-body",
    "changes-a-byte-of-the-body": "none-was-run",
    "sends-garbage-behind-a-reply": "@request-line get-unknown-file",
    "sends-the-reply-twice": "@each get-known-file",
    "ends-with-a-reset": "end-is-no-reset half-close-at-once",
    "takes-a-cut-message-for-a-whole":
        "chunk-cut-in-data chunk-cut-before-last chunk-cut-is-no-success length-body-cut "
        "length-body-cut-is-no-success",
    "says-500-where-chunks-are-too-many": "limit-chunks-too-large",
    "closes-in-silence-behind-many-zeros": "limit-chunk-size-zeros",
    "closes-in-silence-behind-many-chunks": "chunk-many-of-one-byte limit-chunks-too-large",
    "closes-in-silence-behind-many-fields": "limit-fields-20000 limit-fields-endless",
    "says-404-where-fields-are-too-many": "limit-fields-20000 limit-fields-endless",
    "says-500-to-cr-cr-lf": "field-two-crs",
    "takes-lf-cr-for-the-end-of-a-line": "lf-cr-ends-request-line",
    "knows-no-preface-of-http2": "http2-preface",
    "says-no-length-to-get-and-closes":
        "@head response-is-delimited response-date limit-field-4000 get-known-file "
        "absolute-form",
    "looks-for-dots-before-it-decodes":
        "target-out-of-root-encoded target-out-of-root-encoded-slash",
    "says-500-to-a-path-that-leaves-the-root":
        "target-out-of-root target-out-of-root-encoded target-out-of-root-encoded-slash "
        "target-out-of-root-behind-a-folder target-out-of-root-and-back",
    "lets-a-path-lead-out-of-the-root":
        "target-out-of-root target-out-of-root-encoded target-out-of-root-encoded-slash "
        "target-out-of-root-behind-a-folder",
    "dies-of-a-reset": "@each reset-in-head reset-in-body reset-in-pipeline",
    "never-answers": "none-was-run",
    "closes-without-an-answer": "none-was-run",
    "forgets-the-request-of-a-peer-that-half-closed":
        "@each half-close-after-request half-close-after-pipeline",
    "switches-to-whatever-is-asked": "field-upgrade-is-ignored",
    "answers-a-pipeline-backwards":
        "pipeline-two pipeline-ten-in-order pipeline-with-head pipeline-split-each "
        "pipeline-second-is-bad",
    "forgets-what-follows-the-eighth-request": "pipeline-ten-in-order pipeline-fifty",
    "closes-behind-the-second-body": "pipeline-with-bodies",
    "closes-where-nothing-is-pipelined": "persist-by-default clients-at-once",
    "answers-what-follows-close":
        "close-is-honoured close-in-any-case close-in-a-list close-in-the-second-line "
        "close-in-the-first-line close-wins-over-keep-alive close-with-body "
        "pipeline-close-in-the-middle head-close smuggle-behind-close",
    "refuses-the-65th-client": "@each clients-at-once",
    "goes-on-behind-a-refused-request-line": "garbage limit-empty-lines-endless",
    "goes-on-behind-a-refused-version": "version-3.0-is-framed",
    "goes-on-behind-a-refused-length":
        "expect-continue-bad-length length-twice-differing length-list-differing "
        "length-twice-equal length-twice-equal-is-refused length-list-equal-is-refused "
        "length-empty length-plus length-minus length-minus-zero length-hexadecimal "
        "length-letters length-letters-behind length-space-inside length-decimal-point "
        "length-comma-alone length-second-invalid smuggle-lengths-first-short "
        "smuggle-lengths-last-short smuggle-lengths-in-a-list smuggle-length-plus "
        "smuggle-length-of-letters smuggle-behind-bad-request",
    "goes-on-behind-a-refused-expectation": "expect-unknown-is-framed",
}


if __name__ == "__main__":
    main()
