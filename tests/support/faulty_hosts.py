# SPDX-License-Identifier: Apache-2.0
"""What faulty_http.py takes for a host, in a field or a target (RFC 3986, 3.2.2 and 3.2.3)."""
import re

from faulty_server import broken

REG_NAME = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>[0-9]*))?")
FUTURE = re.compile(r"v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}")
PORT_MAX = 65535


def is_authority(text):
    """host [":" port]; an http URI has a host, and TCP has the port (9110, 4.2.1)."""
    found = AUTHORITY.fullmatch(text)
    if not found:
        return False
    host, port = found["host"], found["port"] or ""
    if host == "" and not broken("accepts-a-host-without-a-name"):
        return False
    if len(port) > 5 and broken("refuses-a-port-of-more-than-five-digits"):
        return False
    number = port.lstrip("0") or "0"
    has_port = len(number) <= 5 and int(number) <= PORT_MAX
    if not has_port and not broken("accepts-a-port-that-tcp-lacks"):
        return False
    return is_ip_literal(host[1:-1]) if host.startswith("[") else is_reg_name(host)


def is_reg_name(text):
    if "%" in text and broken("knows-no-escape-in-host"):
        return False
    if broken("does-not-look-at-escapes-in-host"):
        text = text.replace("%", "")
    return REG_NAME.fullmatch(text) is not None


def is_ip_literal(text):
    """What stands between the brackets."""
    if text == "" and broken("accepts-brackets-without-an-address"):
        return True
    if text.startswith("v"):
        if broken("accepts-an-address-of-no-version"):
            text = text.replace("v.", "v1.")
        return FUTURE.fullmatch(text) is not None \
            and not broken("knows-no-address-of-a-later-version")
    if IPV4.fullmatch(text) and broken("accepts-ipv4-in-brackets"):
        return True
    if broken("accepts-a-zone-in-an-address"):
        text = text.partition("%")[0]
    return is_ipv6(text)


def is_ipv6(text):
    """Eight groups of 16 bits; one :: stands for those that are left out."""
    if broken("accepts-three-colons-in-an-address"):
        text = text.replace(":::", "::")
    if broken("accepts-two-gaps-in-an-address"):
        text = re.sub("(::.*):(:)", r"\1\2", text)
    before, gap, behind = text.partition("::")
    groups = [group for part in (before, behind) if part for group in part.split(":")]
    last = behind if gap else before
    if IPV4.fullmatch(last.rpartition(":")[2]) and not broken("knows-no-ipv4-within-an-address"):
        groups[-1:] = ["0", "0"]
    digits = "[0-9A-Fa-f]+" if broken("accepts-a-group-of-more-digits") else "[0-9A-Fa-f]{1,4}"
    if not all(re.fullmatch(digits, group) for group in groups):
        return False
    if gap:
        return len(groups) < 8
    if 0 < len(groups) < 8 and broken("accepts-an-address-of-fewer-groups"):
        return True
    if len(groups) > 8 and broken("accepts-an-address-of-more-groups"):
        return True
    return len(groups) == 8 and not broken("wants-a-gap-in-an-address")
