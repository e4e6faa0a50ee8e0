# SPDX-License-Identifier: Apache-2.0
"""The conditions of faulty_http.py, in the order of RFC 9110, 13.2.2; faulty_ranges.py has If-Range."""
from faulty_dates import parse_date
from faulty_server import broken


def status_of_conditions(request, file):
    """304 or 412; None where the request is to be answered as without conditions."""
    if request.values("if-range") and not request.values("range") \
            and broken("takes-if-range-alone-for-if-match"):
        return 412
    if request.values("if-none-match") and broken("asks-if-none-match-first"):
        if not none_matches(request, file):
            return 304
    if not is_unchanged(request, file):
        return 412
    if not is_changed(request, file):
        return 304
    return None


def is_unchanged(request, file):
    """If-Match, and only without it If-Unmodified-Since."""
    if request.values("if-match"):
        if not matches_any(request, file):
            return False
        if not broken("looks-at-if-unmodified-since-beside-if-match"):
            return True
    since = ",".join(request.values("if-unmodified-since"))
    seconds = parse_date(since)
    if seconds is None:
        return not (since and broken("takes-what-is-no-date-for-one-that-is-over"))
    if broken("ignores-if-unmodified-since"):
        return True
    if broken("wants-the-very-date-in-if-unmodified-since"):
        return file.modified == seconds
    return file.modified <= seconds


def is_changed(request, file):
    """If-None-Match, and only without it If-Modified-Since."""
    if request.values("if-none-match"):
        if request.method == "GET" or not broken("looks-at-if-none-match-in-get-only"):
            if not none_matches(request, file):
                return False
        if not broken("looks-at-if-modified-since-beside-if-none-match"):
            return True
    since = ",".join(request.values("if-modified-since"))
    seconds = parse_date(since)
    if seconds is None:
        return not (since and broken("takes-what-is-no-date-for-now"))
    if broken("says-304-to-every-if-modified-since"):
        return False
    if broken("wants-the-very-date-in-if-modified-since"):
        return file.modified != seconds
    return file.modified > seconds


def matches_any(request, file):
    """13.1.1: compared strongly."""
    tags = request.members("if-match")
    if broken("takes-any-tag-in-if-match-for-its-own"):
        return True
    if tags == ["*"]:
        return not broken("knows-no-star-in-if-match")
    return file.etag in tags


def none_matches(request, file):
    """13.1.2: compared weakly."""
    tags = request.members("if-none-match")
    if broken("takes-any-tag-in-if-none-match-for-its-own") and tags != ["*"]:
        return False
    if tags == ["*"]:
        return broken("knows-no-star-in-if-none-match")
    return file.etag not in [tag.removeprefix("W/") for tag in tags]
