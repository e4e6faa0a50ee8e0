# SPDX-License-Identifier: Apache-2.0
"""The dates of faulty_http.py (RFC 9110, 5.6.7)."""
import calendar
import re
import time

from faulty_server import broken

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHORT_DAY = "(?:" + "|".join(day[:3] for day in DAYS) + ")"
LONG_DAY = "(?:" + "|".join(DAYS) + ")"
MONTH = "(?P<month>" + "|".join(MONTHS) + ")"
CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
IMF_FIXDATE = re.compile(
    rf"{SHORT_DAY}, (?P<day>[0-9]{{2}}) {MONTH} (?P<year>[0-9]{{4}}) {CLOCK} GMT")
RFC850_DATE = re.compile(
    rf"{LONG_DAY}, (?P<day>[0-9]{{2}})-{MONTH}-(?P<year>[0-9]{{2}}) {CLOCK} GMT")
ASCTIME_DATE = re.compile(rf"{SHORT_DAY} {MONTH} (?P<day>[ 0-9][0-9]) {CLOCK} (?P<year>[0-9]{{4}})")


def http_date(seconds):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def parse_date(text):
    """Seconds since the epoch; None for what is no date."""
    found = IMF_FIXDATE.fullmatch(text)
    if not found and not broken("knows-no-date-of-rfc850"):
        found = RFC850_DATE.fullmatch(text)
    if not found and not broken("knows-no-date-of-asctime"):
        found = ASCTIME_DATE.fullmatch(text)
    if not found:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year = year_of_two_digits(year)
    numbers = [int(found[name]) for name in ("day", "hour", "minute", "second")]
    return calendar.timegm((year, MONTHS.index(found["month"]) + 1, *numbers))


def year_of_two_digits(digits):
    """One that seems more than 50 years ahead is the last one that ended so."""
    this_year = time.gmtime().tm_year
    year = this_year - this_year % 100 + digits
    if year > this_year + 50 and not broken("takes-two-digits-for-a-year-of-this-century"):
        year -= 100
    return year
