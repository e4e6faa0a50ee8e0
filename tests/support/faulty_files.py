# SPDX-License-Identifier: Apache-2.0
"""What faulty_http.py has to say about a file.

    decode the path -> look below the root -> the conditions -> the ranges -> 200, 206, 304, 412, 416

Where there is no file, NoFile says what is answered instead.
"""
import os
import re
import stat

from faulty_conditions import status_of_conditions
from faulty_dates import http_date
from faulty_ranges import ranged
from faulty_replies import Reply, refused
from faulty_server import broken

TYPES = {".html": "text/html", ".txt": "text/plain"}
NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class NoFile(Exception):
    """What is answered because there is no file to serve."""

    def __init__(self, reply):
        super().__init__(reply.status)
        self.reply = reply


class File:
    def __init__(self, name, body, status):
        self.body = body
        self.kind = TYPES.get(os.path.splitext(os.fsdecode(name))[1], "application/octet-stream")
        self.modified = int(status.st_mtime)
        self.etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'


def file_at(request, target, root):
    try:
        return reply_of(request, read_file(target, root))
    except NoFile as found:
        status = found.reply.status
        if status == 404 and broken("asks-conditions-of-what-is-missing"):
            if request.values("if-match"):
                return refused(412)
            if request.values("if-none-match"):
                return Reply(304)
        return found.reply


# ---- where the file is -------------------------------------------------------------------------


def decode(path):
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), path)


def decoded_path(path):
    if NO_ESCAPE.search(path):
        if not broken("drops-what-is-no-escape"):
            raise NoFile(refused(400))
        path = re.sub(NO_ESCAPE.pattern + "[0-9a-z]{0,2}", "", path)
    decoded = path.encode("latin-1")
    if not broken("does-not-decode-the-path"):
        decoded = decode(decoded)
    if broken("decodes-the-path-twice"):
        decoded = decode(decoded)
    if b"\0" in decoded:
        if not broken("cuts-a-path-at-nul"):
            raise NoFile(refused(400))
        decoded = decoded.split(b"\0")[0]
    return decoded


def name_below(root, path, decoded):
    """The name of what may be served; `path` is what was decoded."""
    name = os.path.normpath(os.fsencode(root) + decoded)
    real, real_root = os.path.realpath(name), os.path.realpath(os.fsencode(root))
    is_inside = real == real_root or real.startswith(real_root + b"/")
    if broken("looks-for-dots-before-it-decodes"):
        is_inside = b".." not in path.encode("latin-1").split(b"/")
    if not is_inside and broken("says-500-to-a-path-that-leaves-the-root"):
        raise NoFile(refused(500))
    if not is_inside and not broken("lets-a-path-lead-out-of-the-root"):
        raise NoFile(refused(404))
    if broken("decodes-again-behind-the-look-at-the-path"):
        return decode(name)
    if broken("decodes-overlong-forms-behind-the-look-at-the-path"):
        return name.replace(b"\xc0\xae", b".")
    return name


def read_file(target, root):
    path, question, query = target.partition("?")
    if broken("takes-the-query-for-a-part-of-the-path"):
        path = target
    if NO_ESCAPE.search(query) and not broken("does-not-look-at-escapes-in-a-query"):
        raise NoFile(refused(400))
    decoded = decoded_path(path)
    name = name_below(root, path, decoded)
    is_directory = os.path.isdir(name)
    asks_for_directory = decoded.endswith(b"/") or (
        is_directory and broken("serves-a-directory-without-a-slash"))
    if is_directory and not asks_for_directory:
        raise NoFile(redirect(path, question + query))
    if asks_for_directory and not knows_no_index(is_directory):
        name += b"/index.html"
    if broken("says-200-where-nothing-is") and not os.path.exists(name):
        raise NoFile(Reply(200, b"nothing\n"))
    try:
        status = os.stat(name)
        if not stat.S_ISREG(status.st_mode):
            raise NoFile(refused(404))
        with open(name, "rb") as file:
            return File(name, file.read(), status)
    except PermissionError as error:
        raise NoFile(refused(403)) from error
    except OSError as error:
        raise NoFile(refused(404)) from error


def knows_no_index(is_directory):
    """What ends in a slash names a file in a directory (9110, 4.2.3), unless a fault is active."""
    if is_directory:
        return broken("knows-no-index-of-a-directory")
    return broken("drops-a-slash-behind-a-file")


def redirect(path, query):
    """To the directory; a second slash in front would begin a host (RFC 3986, 4.2)."""
    if not broken("redirects-to-two-slashes"):
        path = "/" + path.lstrip("/")
    if broken("leaves-the-query-out-of-a-redirect"):
        query = ""
    return refused(301, Location=f"{path}/{query}")


# ---- what is answered --------------------------------------------------------------------------


def reply_of(request, file):
    status = status_of_conditions(request, file)
    if status == 304:
        return not_modified(file)
    if status == 412:
        return refused(412)
    whole = Reply(200, file.body, Content_Type=file.kind)
    if not broken("leaves-out-last-modified"):
        whole.fields["Last-Modified"] = http_date(file.modified)
    if not broken("leaves-out-the-tag"):
        whole.fields["ETag"] = file.etag
    return ranged(request, file, whole)


def not_modified(file):
    """What guides a cache, and nothing else (9110, 15.4.5)."""
    reply = Reply(304, ETag=file.etag)
    if broken("says-the-type-in-304"):
        reply.fields["Content-Type"] = file.kind
    if broken("sends-a-body-with-304"):
        reply.body = file.body
    return reply
