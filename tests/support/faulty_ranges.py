# SPDX-License-Identifier: Apache-2.0
"""The ranges of faulty_http.py (RFC 9110, 14) and If-Range (13.1.5)."""
import re

from faulty_dates import parse_date
from faulty_replies import Reply, refused
from faulty_server import broken

RANGES_MAX = 8
BOUNDARY = "a-part-of-the-file"
DIGITS = "[0-9]{1,100}"  # a Range of longer ones is ignored, as each may be
RANGE = re.compile(f"(?P<first>{DIGITS})-(?P<last>{DIGITS})?|-(?P<suffix>{DIGITS})")


def ranged(request, file, whole):
    """The reply that Range asks for, instead of the whole."""
    if not applies(request, file):
        return whole
    asked = asked_ranges(request, len(file.body))
    if asked is None:
        return whole
    if not asked:
        if broken("says-416-without-the-length"):
            return refused(416)
        return refused(416, Content_Range=f"bytes */{len(file.body)}")
    if len(asked) == 1 and not broken("sends-one-part-as-multipart"):
        return reply_of_one(file, whole, *asked[0])
    return reply_of_several(file, whole, asked)


def applies(request, file):
    """Only GET has ranges (14.2), and only where If-Range names this very file."""
    if request.method != "GET" and not broken("answers-head-with-a-range"):
        return False
    if not request.values("range") or broken("ignores-ranges"):
        return False
    if not request.values("if-range") or broken("ignores-if-range"):
        return True
    text = request.values("if-range")[0]
    if text.startswith("W/") and broken("takes-a-weak-tag-in-if-range-for-its-own"):
        return True
    seconds = parse_date(text)
    if seconds is None:
        return text == file.etag
    return seconds == file.modified or broken("takes-any-date-in-if-range-for-its-own")


def asked_ranges(request, length):
    """Those that can be satisfied, as (first, last); None where Range is to be ignored."""
    unit, _, text = ",".join(request.values("range")).partition("=")
    if unit.lower() != "bytes" and not broken("takes-any-unit-for-bytes"):
        return None
    asked = [part.strip(" \t") for part in text.split(",")]
    found = [RANGE.fullmatch(part) for part in asked]
    if not all(found):
        return None
    if len(found) > RANGES_MAX and not broken("sends-as-many-parts-as-are-asked-for"):
        return None
    positions = [range_of(one, length) for one in found]
    if None in positions:
        return None
    return [(first, last) for first, last in positions if first < length and last >= first]


def range_of(found, length):
    """(first, last), with first behind the file where nothing is left of it; None where invalid."""
    if found["suffix"]:
        return range_of_suffix(int(found["suffix"]), length)
    if not found["last"]:
        if broken("knows-no-range-without-an-end"):
            return None
        return int(found["first"]), length - 1
    first, last = int(found["first"]), int(found["last"])
    if broken("lets-a-position-overflow-64-bits"):
        first, last = first & 0xffffffffffffffff, last & 0xffffffffffffffff
    if last < first:
        return (last, first) if broken("turns-a-range-that-runs-backwards") else None
    if last >= length and broken("refuses-an-end-behind-the-file"):
        return length, length
    if broken("takes-the-last-position-for-the-one-behind"):
        last -= 1
    return first, min(last, length - 1)


def range_of_suffix(count, length):
    if broken("takes-a-suffix-for-an-end"):
        return 0, min(count, length - 1)
    if count > length and broken("refuses-a-suffix-longer-than-the-file"):
        return length, length
    if count == 0:
        return length, length
    return max(0, length - count), length - 1


def content_range(file, first, last):
    if broken("counts-the-range-that-it-says-from-zero"):
        first, last = 0, last - first
    return f"bytes {first}-{last}/{len(file.body)}"


def part_of(file, first, last):
    if broken("sends-the-beginning-for-each-range"):
        first, last = 0, last - first
    return file.body[first:last + 1]


def reply_of_one(file, whole, first, last):
    reply = Reply(206, part_of(file, first, last))
    reply.fields = whole.fields | {"Content-Range": content_range(file, first, last)}
    return reply


def reply_of_several(file, whole, asked):
    """15.3.7.2: each part says its own range, and the reply says none."""
    body = b""
    if broken("leaves-the-first-of-several-parts-out"):
        asked = asked[1:]
    for first, last in asked:
        head = f"--{BOUNDARY}\r\nContent-Type: {file.kind}\r\n"
        if not broken("says-no-range-in-a-part"):
            head += f"Content-Range: {content_range(file, first, last)}\r\n"
        body += head.encode() + b"\r\n" + part_of(file, first, last) + b"\r\n"
    if not broken("does-not-end-the-last-part"):
        body += f"--{BOUNDARY}--\r\n".encode()
    reply = Reply(206, body)
    reply.fields = dict(whole.fields)
    if not broken("says-the-type-of-a-part-for-the-whole"):
        reply.fields["Content-Type"] = "multipart/byteranges"
        if not broken("says-no-boundary"):
            reply.fields["Content-Type"] += f"; boundary={BOUNDARY}"
    if broken("says-the-range-of-the-first-part-for-the-whole"):
        reply.fields["Content-Range"] = content_range(file, *asked[0])
    return reply
