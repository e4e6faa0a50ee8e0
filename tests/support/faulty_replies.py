# SPDX-License-Identifier: Apache-2.0
"""How a reply of faulty_http.py looks on the wire (RFC 9112, 6; RFC 9110, 15)."""
import time

from faulty_dates import http_date
from faulty_server import broken

REASONS = {
    200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    304: "Not Modified", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required",
    412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
    416: "Range Not Satisfiable", 417: "Expectation Failed", 421: "Misdirected Request",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


class Reply:
    def __init__(self, status, body=b"", **fields):
        self.status = status
        self.body = body
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


def refused(status, **fields):
    reason = f"{status} {REASONS[status]}\n"
    return Reply(status, reason.encode(), Content_Type="text/plain", **fields)


def date():
    if broken("writes-the-date-like-asctime"):
        return time.asctime(time.gmtime())
    if broken("writes-the-date-in-no-format"):
        return time.strftime("%Y-%m-%d %H:%M:%S")
    return http_date(time.time())


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
    is_dated = not broken("leaves-out-the-date") \
        and not (reply.status == 304 and broken("leaves-the-date-out-of-304")) \
        and not (reply.status == 405 and broken("leaves-the-date-out-of-405"))
    if is_dated:
        lines.append("Date: " + date())
    if not is_persistent:
        if not broken("does-not-say-that-it-closes"):
            lines.append("Connection: close")
    elif is_1_0 and not broken("does-not-say-that-1.0-stays"):
        lines.append("Connection: keep-alive")
    for name, value in reply.fields.items():
        lines.append(f"{name}: {value}")
    if reply.status not in (204, 304):
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
    elif reply.status == 204 and broken("says-a-length-in-204"):
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
