#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP cases of paceline-conform through a proxy, and whether it and the server behind it saw the same
requests.

    front_cases.py send  HOST:PORT PORTS CASE...       sends the cases, one after the other
    front_cases.py judge PORTS FRONT_LOG SERVER_LOG    compares the logs when all have ended

The proxy gives each request that it forwards a mark in User-Agent, front-PORT-NUMBER: the port of its client
and the number of the request on that connection. A line of FRONT_LOG is "MARK ATTEMPTS", for each request
that it read, with how often it was forwarded; SERVER_LOG is the server's access log in JSON. PORTS says which
port sent which case; `send` writes it.

Behind each case a clean client asks for a file. The proxy shares one connection to the server among all, and
the server has one thread, so what stands in its log between two clean requests belongs to the case between
them, also what has no mark: a request that the proxy did not see, or one refused before its mark was read.
"""
import collections
import json
import re
import socket
import sys

QUIET_S = 0.03    # no more comes: a proxy that waits for more bytes of a request waits for ever
CLEAN_S = 10      # a clean request is answered in this time
SEND_S = 0.5      # a proxy that refuses reads no more

PLAIN = b"paceline-conform: plain text\n"
HOST = "front.example"


# ---- cases: what they send, and nothing of what they expect ----------------------------------------

def request(path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n".encode()


HIDDEN = request("/hidden.txt")
VARIABLES = {b"host": HOST.encode(), b"good": request("/plain.txt"), b"hidden": HIDDEN,
             b"hidden-length": b"%d" % len(HIDDEN), b"hidden-hex": b"%x" % len(HIDDEN),
             b"fence": request("/fence.txt", "Connection: close\r\n")}
ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


def decode(text):
    text = re.sub(rb"\\(x[0-9A-Fa-f]{2}|.)",
                  lambda m: ESCAPES.get(m[1]) or bytes([int(m[1][1:], 16)]), text)
    return re.sub(rb"@([a-z-]+)@", lambda m: VARIABLES.get(m[1], m[0]), text)


def read_cases(names):
    """(ID, steps) of each case; a step is bytes, or the name of what is done."""
    for name in names:
        steps, case = [], None
        for line in open(name, "rb").read().split(b"\n") + [b"case end"]:
            key, _, rest = line.partition(b" ")
            if key == b"case":
                if case is not None:
                    yield case, steps
                case, steps = rest.decode(), []
            elif key == b"send":
                steps.append(decode(rest))
            elif key == b"send-repeat":
                count, _, text = rest.partition(b" ")
                steps.append(decode(text) * int(count))
            elif key == b"fence":
                steps.append(VARIABLES[b"fence"])
            elif key in (b"cut", b"pause", b"await", b"half-close", b"reset", b"leave"):
                steps.append(key.decode())


# ---- sending ---------------------------------------------------------------------------------------

def read_quiet(client):
    """True at the end of the connection, False when nothing comes."""
    client.settimeout(QUIET_S)
    try:
        while client.recv(65536):
            pass
        return True
    except TimeoutError:
        return False


def send_case(address, steps):
    """Returns the port that it came from."""
    client = socket.create_connection(address, CLEAN_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = client.getsockname()[1]
    try:
        for step in steps:
            client.settimeout(SEND_S)
            if step == "half-close":
                client.shutdown(socket.SHUT_WR)
            elif step in ("reset", "leave"):
                return port
            elif isinstance(step, str):
                read_quiet(client)
            else:
                client.sendall(step)
        if not read_quiet(client):
            client.shutdown(socket.SHUT_WR)
            read_quiet(client)
    except OSError:
        pass  # a proxy may end the connection at any place
    finally:
        client.close()
    return port


def ask_clean(address):
    """Whether a client that did nothing wrong gets its own answer."""
    with socket.create_connection(address, CLEAN_S) as client:
        client.sendall(request("/plain.txt?clean", "Connection: close\r\n"))
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except OSError:
            pass
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n" + PLAIN)


def send(target, ports_name, names):
    host, _, port = target.rpartition(":")
    address = (host, int(port))
    failed = 0
    with open(ports_name, "w") as ports:
        for case, steps in read_cases(names):
            print(send_case(address, steps), case, file=ports)
            if not ask_clean(address):
                print(f"{case}: the next client does not get its own answer")
                failed += 1
    return failed


# ---- judging ---------------------------------------------------------------------------------------

def read_server_log(name):
    """(mark or None, line) in windows: those of the n-th case and the clean request behind it."""
    windows = [[]]
    for text in open(name, encoding="utf-8"):
        line = json.loads(text)
        found = re.fullmatch(r"front-(\d+)-\d+", line["user_agent"] or "")
        windows[-1].append((found[0] if found else None, line))
        if line["target"] == "/plain.txt?clean":
            windows.append([])
    return windows


def judge(ports_name, front_name, server_name):
    cases = [line.split() for line in open(ports_name)]
    case_of = {port: case for port, case in cases}
    forwarded = {}  # mark -> how often
    for line in open(front_name):
        if found := re.search(r"(front-\d+-\d+) (\d+)\s*$", line):
            forwarded[found[1]] = int(found[2])
    windows = read_server_log(server_name)
    seen = collections.Counter(mark for window in windows for mark, _ in window if mark)
    problems = []

    def port_of(mark):
        return mark.split("-")[1]

    if len(windows) != len(cases) + 1:
        problems.append(f"{len(windows) - 1} clean requests reached the server, not {len(cases)}")
    for mark, count in seen.items():
        if count > forwarded.get(mark, 0):
            problems.append(f"{case_of.get(port_of(mark), 'a clean request')}: the server saw {mark} "
                            f"{count} times, the proxy forwarded it {forwarded.get(mark, 0)} times")
    for (port, case), window in zip(cases, windows):
        unmarked = [line for mark, line in window if not mark]
        unseen = sum(max(count - seen[mark], 0) for mark, count in forwarded.items()
                     if port_of(mark) == port)
        if len(unmarked) > unseen:
            problems.append(f"{case}: the server saw {len(unmarked) - unseen} requests more than the "
                            f"proxy: {[(line['method'], line['target']) for line in unmarked[:3]]}")
    for problem in problems:
        print(problem)
    ours = [mark for mark in seen if port_of(mark) in case_of]
    failing = {problem.partition(":")[0] for problem in problems}
    print(f"{len(cases)} cases, of them {sum(forwarded.get(mark, 0) for mark in ours)} requests forwarded, "
          f"{len(failing)} cases where both differ")
    return len(problems)


def main(arguments):
    if arguments[0] == "send":
        return send(arguments[1], arguments[2], arguments[3:])
    return judge(*arguments[1:])


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
