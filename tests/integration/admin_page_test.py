#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of the admin service in a real browser, while the server works: lanes, swap, refusals,
a server that goes and comes back. Where PL_SCREENSHOTS names a folder, the pictures are kept there."""
import os
import re
import subprocess
import sys
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "support"))
sys.dont_write_bytecode = True
from browser import ENTER, TAB, Browser  # noqa: E402

build = os.environ.get("PL_BUILD", os.path.join(root, "build"))
ODD = '<img src=x onerror="document.title=1">'
counts = {"passed": 0, "failed": 0}


def expect(name, is_true, seen=""):
    counts["passed" if is_true else "failed"] += 1
    print(f"{'ok' if is_true else 'not ok'} {sum(counts.values())} - {name}", flush=True)
    if not is_true:
        print(f"    seen: {seen}", flush=True)


class Server:
    """The work application with an admin service; `admin`: where that listens."""

    def __init__(self, folder, name, *options, admin="127.0.0.1:0"):
        self.log_path = os.path.join(folder, name + ".log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [os.path.join(build, "apps", "work"), "--set", f'admin.listen=["{admin}"]', *options],
                stderr=log)
        self.link = self._find(r"the page is (\S+)$")
        self.page, self.token = self.link.split("#token=")
        self.admin = self._find(r"admin: listening on (\S+)$")
        self.web = "http://" + self._find(r"service web: listening on (\S+)$")

    def _find(self, pattern):
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log_path) as log:
                found = re.search(pattern, log.read(), re.MULTILINE)
            if found:
                return found.group(1)
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(open(self.log_path).read())

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


class Load:
    """wrk, until it is ended; `errors` afterwards: what it says went wrong."""

    def __init__(self, url):
        self.process = subprocess.Popen(["wrk", "-t1", "-c3", "-d120", url],
                                        stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.process.send_signal(2)  # it prints what it has counted
        text = self.process.communicate(timeout=30)[0]
        self.requests = int(re.search(r"(\d+) requests in", text).group(1))
        self.errors = re.findall(r"Socket errors.*|Non-2xx.*", text)


# What the page shows, as a reader would see it.
STATE = "return document.getElementById('state').textContent"
IS_LIVE = "return document.getElementById('state').textContent === 'live'"
MODEL = "return document.querySelector('.model').textContent"
NAMES = "return [...document.querySelectorAll('.lane .name')].map(e => e.textContent)"
RESULT = "return document.getElementById('result').textContent"
NUMBER = "return Number(document.getElementById(arguments[0]).textContent.replace(/[^0-9.]/g, ''))"
WIDTH = "return document.documentElement.scrollWidth"
SMALLEST = """return Math.min(...[...document.querySelectorAll('body *')]
    .filter(e => e.childNodes.length > 0 && e.textContent.trim() !== '' && e.offsetParent !== null)
    .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
# How many of the lanes show both colours: a thread at work, and one that waits or stands by.
MIXED = """const near = (data, i, wanted) => wanted.every((one, c) => Math.abs(data[i + c] - one) < 12);
const rgb = name => { const hex = getComputedStyle(document.documentElement)
    .getPropertyValue('--' + name).trim(); return [1, 3, 5].map(i => parseInt(hex.substr(i, 2), 16)); };
const colours = ['processing', 'leader', 'follower'].map(rgb);
return [...document.querySelectorAll('.lane canvas')].filter(canvas => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d',
        { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = colours.map(() => 0);
    for (let i = 0; i < data.length; i += 4)
        colours.forEach((one, c) => { if (near(data, i, one)) seen[c]++; });
    return seen[0] > 20 && seen[1] + seen[2] > 20;
}).length"""
PICTURE_OF_LANES = "return [...document.querySelectorAll('.lane canvas')].map(c => c.toDataURL()).join()"


def opens(browser, server):
    browser.open(server.link)
    expect("the page becomes live", browser.wait_for(IS_LIVE), browser.run(STATE))
    expect("it names the model", browser.run(MODEL) == "leader_followers", browser.run(MODEL))
    expect("the token is in its field", browser.run("return document.getElementById('token').value")
           == server.token)
    expect("and no longer in the address", browser.run("return location.href") == server.page,
           browser.run("return location.href"))
    names = browser.run(NAMES)
    expect("each thread has a lane", len(names) >= 4 and any("lf-" in name for name in names), names)
    lanes = browser.run("return [...document.querySelectorAll('.strip')].map(e => e.ariaLabel)")
    expect("each lane can be read aloud", all("leader" in lane for lane in lanes), lanes)
    expect("the roles are explained in words", browser.run(
        "return document.querySelector('.legend').textContent.replace(/\\s+/g, ' ').trim()")
        == "processing leader follower")


def shows_load(browser):
    expect("requests are counted", browser.wait_for(
        "return Number(document.getElementById('requests').textContent.replace(/,/g, '')) > 10"))
    expect("hand-overs too", browser.run(NUMBER, "hand-overs") > 0)
    expect("connections too", browser.run(NUMBER, "connections") == 3, browser.run(NUMBER, "connections"))
    mixed = browser.wait_for(f"return (() => {{ {MIXED} }})() > 1")
    expect("lanes show more than one role", mixed, browser.run(MIXED))
    before = browser.run(PICTURE_OF_LANES)
    expect("they move on", browser.wait_for(
        f"return (() => {{ {PICTURE_OF_LANES} }})() !== arguments[0]", before))


def refuses(browser):
    browser.write("#token", "0" * 32)
    browser.click("#go")
    expect("a wrong token is refused, and said so", browser.wait_for(
        "return document.querySelector('.is-bad')?.textContent.startsWith("
        "'Refused: this is not the token')"), browser.run(RESULT))
    expect("the model has not changed", browser.run(MODEL) == "leader_followers")
    browser.write("#token", "")
    browser.click("#go")
    expect("without a token the page says where it is", browser.wait_for(
        "return document.getElementById('result').textContent.startsWith('Type the token')"),
        browser.run(RESULT))
    expect("and goes to its field", browser.run("return document.activeElement.id") == "token")
    # What the console shows of the refusal is the browser's own line.
    console = browser.console()
    expect("the console shows the refusal alone", len(console) == 1 and "403" in console[0], console)


def swaps(browser, server):
    browser.write("#token", server.token)
    browser.click("input[value=half_sync_half_async]")
    browser.write("#threads", "3")
    browser.click("#go")
    expect("a swap reports what it did", browser.wait_for(
        "return document.getElementById('result').textContent.includes('stayed open')"),
        browser.run(RESULT))
    expect("the model's name changes", browser.wait_for(
        "return document.querySelector('.model').textContent === 'half_sync_half_async'"), browser.run(MODEL))
    expect("the lanes become those of the new model", browser.wait_for(
        "return [...document.querySelectorAll('.lane .name')].filter(e => /worker-/.test(e.textContent)"
        " && !/leaving/.test(e.textContent)).length === 3"), browser.run(NAMES))
    expect("the old threads' lanes have gone", browser.wait_for(
        "return [...document.querySelectorAll('.lane .name')].every(e => !/lf-/.test(e.textContent))"),
        browser.run(NAMES))
    expect("the words of the roles change", browser.run(
        "return document.getElementById('word-P').textContent") == "worker, busy")
    expect("the change is noted", "leader_followers → half_sync_half_async" in browser.run(
        "return document.getElementById('changes').textContent"))
    expect("the new lanes show more than one role", browser.wait_for(f"return (() => {{ {MIXED} }})() > 1"),
           browser.run(MIXED))


def obeys_keys(browser):
    browser.run("document.getElementById('result').textContent = '';"
                "document.querySelector('input[name=model]:checked').focus()")
    reached = []
    for _ in range(8):
        browser.press(TAB)
        reached.append(browser.run("return document.activeElement.id"))
        if reached[-1] == "go":
            break
    expect("the keyboard reaches every field in order",
           reached == ["target", "threads", "token", "go"], reached)
    browser.press(ENTER)
    expect("and presses the button", browser.wait_for(RESULT) != "", browser.run(RESULT))


def fits(browser, pictures):
    for name, width, height, scheme in (("light", 1280, 1100, "light"), ("dark", 1280, 1100, "dark"),
                                        ("phone", 390, 1500, "light"), ("phone-dark", 390, 1500, "dark")):
        browser.emulate(width, height, scheme)
        before = browser.run(PICTURE_OF_LANES)
        browser.wait_for(f"return (() => {{ {PICTURE_OF_LANES} }})() !== arguments[0]", before)
        path = os.path.join(pictures, f"admin-{name}.png")
        browser.picture(path)
        expect(f"{name}: nothing stands beyond the edge", browser.run(WIDTH) <= width, browser.run(WIDTH))
        expect(f"{name}: the text is at least 13 px high", browser.run(SMALLEST) >= 13,
               browser.run(SMALLEST))
        expect(f"{name}: a picture of it", os.path.getsize(path) > 10000)
    browser.emulate(1280, 1100)


def survives_a_restart(browser, server, folder):
    expect("the server ends, watched", server.stop() == 0)
    expect("the page says that the connection is lost",
           browser.wait_for("return document.getElementById('state').textContent.includes('lost')"))
    browser.console()
    odd = (f"services=[{{ name: web, protocol: http, listen: ['127.0.0.1:0'] }}, "
           f"{{ name: '{ODD}', protocol: http, listen: ['127.0.0.1:0'], dispatch: {{ model: reactor, threads: 1 }} }}]")
    server = Server(folder, "second", "--set", odd, "--model", "proactor", admin=server.admin)
    try:
        expect("it comes back by itself", browser.wait_for(IS_LIVE), browser.run(STATE))
        expect("and shows what is there now", browser.wait_for(
            "return document.querySelectorAll('.model').length === 2"))
        text = browser.run("return document.querySelector('main').textContent")
        expect("an odd name is text", text.count(ODD) >= 3, text.count(ODD))
        expect("and nothing else", browser.run("return document.querySelectorAll('img').length") == 0
               and browser.run("return document.title") == "Paceline")
        browser.emulate(390, 1500)
        expect("and it fits", browser.run(WIDTH) <= 390, browser.run(WIDTH))
    finally:
        expect("that server ends", server.stop() == 0)
    others = [url for url in browser.requests() if not url.startswith((server.page, "data:", "chrome"))]
    expect("nobody else was ever asked", others == [], others)


def look(browser, folder, pictures):
    server = Server(folder, "first", "--set",
                    "services=[{ name: web, protocol: http, listen: ['127.0.0.1:0'] }]",
                    "--model", "leader_followers", "--threads", "4")
    load = Load(server.web + "/work?block=2000")
    try:
        browser.emulate(1280, 1100)
        opens(browser, server)
        shows_load(browser)
        console = browser.console()
        expect("the console stays empty", console == [], console)
        refuses(browser)
        swaps(browser, server)
        fits(browser, pictures)
        obeys_keys(browser)
        console = browser.console()
        expect("the console stays empty to the end", console == [], console)
    finally:
        load.stop()
        expect("every request of the load was answered", load.requests > 0 and load.errors == [],
               load.errors)
        if sys.exc_info()[0] is not None:
            server.stop()
    survives_a_restart(browser, server, folder)


def main():
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(os.path.join(folder, "profile"))
        try:
            look(browser, folder, os.environ.get("PL_SCREENSHOTS", folder))
        finally:
            browser.close()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


sys.exit(main())
