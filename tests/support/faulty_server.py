# SPDX-License-Identifier: Apache-2.0
"""What faulty_http.py and faulty_line.py share: which fault is active, and a server with that fault, or
one for each fault that is asked for.

FAULTS of each names the cases of paceline-conform that a fault fails: "CASE...", of the whole suite;
"@GROUP CASE...", of one group and the sample of planted_faults_test.sh; "@each CASE...", each of them
with a server of its own.
"""
import argparse
import os
import signal
import sys

active = None


def broken(name):
    return name == active


def announce(listener):
    """Says where it serves, and the process that is to be killed."""
    print(f"127.0.0.1:{listener.getsockname()[1]} {os.getpid()}", flush=True)


class Forked:
    """Processes that end with this one."""

    def __init__(self):
        self.pids = set()
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))

    def start(self, function, *arguments):
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                function(*arguments)
            finally:
                os._exit(1)
        self.pids.add(pid)

    def reap(self):
        while self.pids:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self.pids.discard(pid)

    def kill(self):
        self.reap()
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)


def serve_named(faults, open_sockets, serve):
    """A server per line, "NAME WORD..." or "none WORD...", forked off: far cheaper than a program each.
    It is given its sockets and the words."""
    global active
    forked = Forked()
    try:
        for line in sys.stdin:
            active, *words = line.split()
            if active != "none" and active not in faults:
                sys.exit(f"unknown fault '{active}'")
            forked.reap()
            sockets = open_sockets()
            forked.start(serve, sockets, *words)
            for sock in sockets:
                sock.close()
    finally:
        forked.kill()


def list_faults(faults):
    for name, text in faults.items():
        scope, *cases = text.split() if text.startswith("@") else ["@all", *text.split()]
        print(name, scope[1:], " ".join(cases), sep="\t")


def options_of(doc, faults):
    """A parser for the options of both; a server adds those of its own."""
    parser = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    parser.add_argument("--fault", choices=sorted(faults), metavar="NAME", help="break this rule")
    parser.add_argument("--serve-named", action="store_true", help="for each line on stdin")
    parser.add_argument("--list-faults", action="store_true")
    return parser


def run(options, faults, open_sockets, serve):
    global active
    if options.list_faults:
        list_faults(faults)
    elif options.serve_named:
        serve_named(faults, open_sockets, serve)
    else:
        active = options.fault
        try:
            serve(open_sockets())
        except KeyboardInterrupt:
            sys.exit(130)
