# SPDX-License-Identifier: Apache-2.0
"""What faulty_http.py has to say about a file."""
import os
import re
import stat

from faulty_replies import Reply, refused
from faulty_server import broken

TYPES = {".html": "text/html", ".txt": "text/plain"}


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
