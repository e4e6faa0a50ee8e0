# SPDX-License-Identifier: Apache-2.0
"""How faulty_http.py reads a request: its head, what the head says, and the body (RFC 9112)."""
import re
import socket
import time

from faulty_hosts import is_authority
from faulty_server import broken

TARGET_BYTES_MAX = 8192
HEAD_BYTES_MAX = 32 * 1024
FIELDS_MAX = 64
CHUNK_LINE_BYTES_MAX = 256
EXTENSIONS_BYTES_MAX = 4096  # over all chunks of a body
BODY_BYTES_MAX = 16 * 1024
HEAD_SECONDS = 5       # from the first byte of a head to its last
SILENCE_SECONDS = 30   # between requests, and within a body

KNOWN_FIELDS = {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade",
                "accept", "cookie", "user-agent", "trailer", "range", "if-range", "if-match",
                "if-none-match", "if-modified-since", "if-unmodified-since"}

LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(rb"[!$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
QUOTED = rb"\"(?:[^\"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~\x80-\xff])*\""
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
    line = read_line_in_front(source, request, deadline)
    if line == b"" and source.data[:2] == b"\r\n" and broken("waits-on-behind-empty-lines"):
        while source.fill(silence()):
            source.data.clear()
        return False
    if line == b"" and not broken("refuses-an-empty-line-before-a-request"):
        line = read_line_in_front(source, request, deadline)  # 9112, 2.2
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


def read_line_in_front(source, request, deadline):
    """The request line, or an empty one before it."""
    try:
        return source.line(TARGET_BYTES_MAX + 64, 414, deadline)
    except Refusal:
        read_method(request, bytes(source.data))
        raise


def read_method(request, line):
    """As soon as it is known, because a refusal of HEAD has no body either (9110, 9.3.2)."""
    found = re.match(rb"(%b) " % NAME, line)
    if found and not broken("forgets-the-method-of-a-line-that-it-refuses"):
        request.method = found[1].decode("latin-1")


def read_request_line(request, line):
    read_method(request, line)
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
    if "://" in request.target and broken("does-not-look-at-host-beside-an-absolute-target"):
        return
    for host in hosts:
        if not is_authority(host) and not broken("accepts-a-host-that-is-none"):
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
    if len(text) > 20 and broken("counts-the-digits-of-a-length-that-is-none"):
        raise Refusal(413)
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
    found = CHUNK_LINE.fullmatch(with_extensions_mended(line))
    if not found:
        raise Refusal(400)
    if found[2] and broken("refuses-chunk-extensions"):
        raise Refusal(400)
    if not found[2].isascii() and broken("knows-no-eight-bit-in-a-quoted-extension"):
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
    if broken("refuses-more-digits-than-a-chunk-size-needs") and len(found[1]) > 16:
        raise Refusal(400)
    size = int(found[1], 16)
    if broken("lets-a-chunk-size-overflow-32-bits"):
        size &= 0xffffffff
    if broken("lets-a-chunk-size-overflow-64-bits"):
        size &= 0xffffffffffffffff
    if broken("ends-the-body-at-a-negative-chunk-size") and size >> 63 == 1:
        return -1
    return size


def with_extensions_mended(line):
    """The line; where a fault accepts what is no extension (9112, 7.1.1), one in its place."""
    if broken("accepts-an-extension-without-a-name"):
        return re.sub(rb";(?=;|$)", b"", line)
    if broken("accepts-an-equals-sign-without-a-value"):
        return re.sub(rb"=(?=;|$)", b"", line)
    if broken("accepts-an-extension-of-two-words"):
        return re.sub(rb"([a-z]) ([a-z])", rb"\1\2", line)
    if broken("accepts-eight-bit-in-the-name-of-an-extension"):
        return re.sub(rb";[\x80-\xff]+", b";x", line)
    if broken("accepts-white-space-behind-an-extension") and b";" in line:
        return line.rstrip(b" \t")
    if broken("closes-an-open-quote-of-an-extension") and line.count(b'"') == 1:
        return line + b'"'
    if broken("accepts-more-behind-a-quoted-extension"):
        return re.sub(rb'("[^"]*")[a-z]+', rb"\1", line)
    return line


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
