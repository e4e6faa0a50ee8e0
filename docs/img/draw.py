#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/ and README.md into its own folder.

    docs/img/draw.py           writes every picture
    docs/img/draw.py --check   exits 1 if a picture differs from what would be drawn

One language for all: a lane is a thread, time goes to the right, a box is what the thread does, an
arrow is a hand-over, a dot is an event or a connection that changes hands. The colour says what
kind of work a box is.
"""

import pathlib
import sys

WIDTH = 1000
MARGIN = 30
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
FONT = 41           # the smallest text: readable when the picture is 390 pixels wide
TITLE_FONT = 54
BOX = 78            # height of a box
LABEL = 62          # height of the line above a lane
GAP = 8             # between two boxes of a lane
SPACE = 14          # between two lanes

PAPER, FRAME, INK, MUTED = "#f8fafc", "#cbd5e1", "#0f172a", "#475569"
ROLES = {            # fill, text
    "waits": ("#1d4ed8", "#ffffff"),
    "I/O": ("#0f766e", "#ffffff"),
    "handler": ("#f59e0b", "#1c1917"),
    "sleeps": ("#e2e8f0", "#475569"),
}
STAGES = {
    "wait": "waits", "sleep": "sleeps", "process": "handler",
    "accept": "I/O", "receive": "I/O", "frame": "I/O", "send": "I/O",
}


class Picture:
    """Collects shapes: arrows lie above boxes, dots above arrows, texts above all."""

    def __init__(self, title, caption):
        self.title = title
        self.caption = caption
        self.shapes = []
        self.arrows = []
        self.dots = []
        self.texts = []
        self.y = MARGIN + TITLE_FONT
        self.text(LEFT, self.y, title, size=TITLE_FONT, weight="bold")
        self.y += 60
        self.text(LEFT, self.y, caption, fill=MUTED)
        self.y += 16

    def text(self, x, y, words, size=FONT, fill=INK, anchor="start", weight="normal"):
        self.texts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
            f' font-weight="{weight}">{words}</text>')

    def rect(self, x, y, width, height, fill, stroke="none", dash="", radius=14):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}"'
            f' fill="{fill}" stroke="{stroke}" stroke-width="4"{dashes}/>')

    def box(self, x, y, width, words, role, height=BOX):
        fill, ink = ROLES[role]
        self.rect(x, y, width, height, fill)
        self.text(x + width / 2, y + height / 2 + FONT * 0.34, words, fill=ink, anchor="middle")

    def dot(self, x, y):
        self.dots.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="14" fill="{INK}" stroke="{PAPER}"'
            f' stroke-width="4"/>')

    def arrow(self, *points):
        path = " L ".join(f"{x:g} {y:g}" for x, y in points)
        self.arrows.append(
            f'<path d="M {path}" fill="none" stroke="{PAPER}" stroke-width="14"/>'
            f'<path d="M {path}" fill="none" stroke="{INK}" stroke-width="6"'
            f' stroke-linejoin="round" marker-end="url(#head)"/>')

    def name_lane(self, name):
        """On the right, where few arrows come by."""
        self.text(RIGHT, self.y - 14, name, anchor="end", weight="bold")

    def lane(self, name, stages):
        """`stages`: (word, end of the box) or, where an arrow comes through, (word, end, gap behind
        it); returns the top of the boxes."""
        self.y += LABEL
        self.name_lane(name)
        top, x = self.y, LEFT
        for word, end, *gap in stages:
            self.box(x, top, end - x, word, STAGES[word])
            x = end + (gap[0] if gap else GAP)
        self.y += BOX + SPACE
        return top

    def events(self, places):
        """The line from which events come; returns its height."""
        self.y += LABEL
        self.name_lane("kernel")
        y = self.y + 12
        self.shapes.append(f'<path d="M {LEFT} {y:g} H {RIGHT}" stroke="{FRAME}"'
                           f' stroke-width="6" stroke-linecap="round"/>')
        for x, words in places:
            self.text(x, self.y - 14, words, fill=MUTED, anchor="middle")
        self.y += 24
        return y

    def queue(self, name):
        """A band between two lanes; returns its middle."""
        self.y += 34
        top, height = self.y, 66
        self.rect(LEFT, top, RIGHT - LEFT, height, "#ffffff", FRAME)
        self.text(LEFT + 22, top + height / 2 + FONT * 0.34, name, fill=MUTED)
        self.y += height + SPACE
        return top + height / 2

    def legend(self):
        self.y += 26
        x = LEFT
        for name, (fill, _) in ROLES.items():
            self.rect(x, self.y, 40, 40, fill, radius=10)
            self.text(x + 54, self.y + 34, name, fill=MUTED)
            x += 54 + 25 * len(name) + 44
        self.y += 40

    def svg(self):
        height = self.y + MARGIN
        body = "\n".join(self.shapes + self.arrows + self.dots + self.texts)
        return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}"\
 role="img" font-family="sans-serif">
<title>{self.title}: {self.caption}</title>
<defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="5" markerHeight="5"\
 orient="auto"><path d="M 0 0 L 10 5 L 0 10 z" fill="{INK}"/></marker></defs>
<rect x="2" y="2" width="{WIDTH - 4}" height="{height - 4:g}" rx="28" fill="{PAPER}"\
 stroke="{FRAME}" stroke-width="4"/>
{body}
</svg>
"""


def event(picture, line, lane_top, x):
    picture.dot(x, line)
    picture.arrow((x, line), (x, lane_top))


def leader_followers():
    picture = Picture("Leader/followers", "Whoever got the event runs it all.")
    first, second = 158, 572
    line = picture.events([(first - 20, "event"), (second - 20, "event")])
    one = picture.lane("thread 1", [("wait", first), ("receive", 342), ("process", 534, 36),
                                    ("send", 706), ("sleep", RIGHT)])
    two = picture.lane("thread 2", [("sleep", first), ("wait", second), ("receive", 760),
                                    ("process", RIGHT)])
    three = picture.lane("thread 3", [("sleep", second), ("wait", RIGHT)])
    event(picture, line, one, first - 20)
    event(picture, line, two, second - 20)
    # Promotion comes before the work.
    for x, top, below in ((first, one, two), (second, two, three)):
        place = x + GAP + 26
        picture.arrow((x - 20, top + BOX), (x - 20, below - 34), (place, below - 34),
                      (place, below))
    picture.text(first + 56, two - 16, "promotes", fill=MUTED)
    picture.text(second - 40, three - 16, "promotes", fill=MUTED, anchor="end")
    return picture


def half_sync_half_async():
    picture = Picture("Half-sync/half-async", "A worker may block. The I/O thread goes on.")
    first, handed, second = 146, 488, 626
    line = picture.events([(first - 20, "event"), (second - 20, "event")])
    io = picture.lane("I/O thread", [("wait", first), ("receive", 332), ("frame", handed),
                                     ("wait", second), ("receive", 812), ("frame", RIGHT)])
    queue = picture.queue("queue")
    one = picture.lane("worker 1", [("sleep", handed), ("process", 796), ("send", RIGHT)])
    picture.lane("worker 2", [("process", 640), ("send", 776), ("sleep", RIGHT)])
    event(picture, line, io, first - 20)
    event(picture, line, io, second - 20)
    hand_over(picture, io, queue, one, handed)
    hand_over(picture, io, queue, None, RIGHT)
    return picture


def hand_over(picture, top, queue, below, x):
    """From the end of a box down into the queue, and on into the box that begins there."""
    if below is None:
        picture.arrow((x - 34, top + BOX), (x - 34, queue - 18))
    else:
        picture.arrow((x - 34, top + BOX), (x - 34, queue), (x + 34, queue), (x + 34, below))
    picture.dot(x - 34, queue)


def reactor():
    picture = Picture("Reactor", "The main thread waits, workers do the rest.")
    knock, first, second = 146, 446, 660
    line = picture.events([(knock - 20, "connect"), (first - 20, "event"), (second - 20, "event")])
    main = picture.lane("main thread", [("wait", knock), ("accept", 318), ("wait", first),
                                        ("wait", second), ("wait", RIGHT)])
    queue = picture.queue("queue")
    one = picture.lane("worker 1", [("sleep", first), ("receive", 640), ("process", 832),
                                    ("send", RIGHT)])
    picture.lane("worker 2", [("receive", 212), ("process", 680), ("send", 824),
                              ("sleep", RIGHT)])
    event(picture, line, main, knock - 20)
    event(picture, line, main, first - 20)
    event(picture, line, main, second - 20)
    hand_over(picture, main, queue, one, first)
    hand_over(picture, main, queue, None, second)
    return picture


def proactor():
    picture = Picture("Proactor", "Workers process and touch no socket.")
    first, handed, done = 146, 488, 690
    line = picture.events([(first - 20, "event")])
    io = picture.lane("I/O thread", [("wait", first), ("receive", 332), ("frame", handed),
                                     ("wait", done), ("send", 826), ("wait", RIGHT)])
    queue = picture.queue("queue")
    one = picture.lane("worker 1", [("sleep", handed), ("process", done), ("sleep", RIGHT)])
    picture.lane("worker 2", [("process", RIGHT)])
    event(picture, line, io, first - 20)
    hand_over(picture, io, queue, one, handed)
    picture.arrow((done - 34, one), (done - 34, queue), (done + 34, queue), (done + 34, io + BOX))
    picture.dot(done - 34, queue)
    picture.text(done + 62, queue + FONT * 0.34, "its ring", fill=MUTED)
    return picture


def per_core():
    picture = Picture("Per core", "Each loop is the whole of a small server.")
    first, third = 146, 560
    line = picture.events([(first - 20, "event"), (third - 20, "event")])
    one = picture.lane("loop 0, CPU 0", [("wait", first), ("receive", 350), ("process", 542),
                                         ("send", 700), ("wait", RIGHT)])
    two = picture.lane("loop 1, CPU 1", [("process", 240), ("send", 380), ("wait", third),
                                         ("accept", 740), ("receive", RIGHT)])
    event(picture, line, one, first - 20)
    event(picture, line, two, third - 20)
    return picture


def way_of_a_byte():
    picture = Picture("The way of a byte", "In on the left, out on the right.")
    left, right, wide = 70, 600, 330
    top = picture.y + 24
    frame_top, step = top + 132, 130

    def store(x, y, words):
        picture.rect(x, y, wide, BOX, "#ffffff", INK)
        picture.text(x + wide / 2, y + BOX / 2 + FONT * 0.34, words, anchor="middle")

    picture.rect(LEFT, top, RIGHT - LEFT, BOX, "#ffffff", FRAME)
    picture.text(WIDTH / 2, top + BOX / 2 + FONT * 0.34, "socket", anchor="middle")

    rows = [frame_top + 92 + i * step for i in range(3)]
    frame_height = 92 + 2 * step + BOX + 74
    picture.rect(LEFT, frame_top, RIGHT - LEFT, frame_height, "none", MUTED, "14 10", 24)
    picture.text(WIDTH / 2, frame_top + 58, "held", anchor="middle", weight="bold")
    picture.text(WIDTH / 2, rows[0] + 54, "by one", fill=MUTED, anchor="middle")
    picture.text(WIDTH / 2, rows[0] + 104, "thread", fill=MUTED, anchor="middle")

    picture.box(left, rows[0], wide, "receive", "I/O")
    store(left, rows[1], "input")
    picture.box(left, rows[2], right + wide - left, "process: protocol, handler", "handler")
    store(right, rows[1], "output")
    picture.box(right, rows[0], wide, "send", "I/O")
    middle_left, middle_right = left + wide / 2, right + wide / 2
    for x, start, end in ((middle_left, top + BOX, rows[0]),
                          (middle_left, rows[0] + BOX, rows[1]),
                          (middle_left, rows[1] + BOX, rows[2]),
                          (middle_right, rows[2], rows[1] + BOX),
                          (middle_right, rows[1], rows[0] + BOX),
                          (middle_right, rows[0], top + BOX)):
        picture.arrow((x, start), (x, end))

    # Below: where a connection stands while nobody runs it.
    bottom = frame_top + frame_height
    states = bottom + 104
    picture.text(WIDTH / 2, bottom - 20, "settle", anchor="middle", weight="bold")
    width = (RIGHT - LEFT - 2 * 20) / 3
    for i, (name, why, down, up) in enumerate((("armed", "for an event", "wait", "claim"),
                                               ("parked", "for a post", "wait", "claim"),
                                               ("ready ring", "still held", "again", "take"))):
        x = LEFT + i * (width + 20) + width / 2
        picture.rect(x - width / 2, states, width, 138, ROLES["sleeps"][0])
        picture.text(x, states + 56, name, anchor="middle", weight="bold")
        picture.text(x, states + 108, why, fill=MUTED, anchor="middle")
        picture.arrow((x - 16, bottom), (x - 16, states))
        picture.arrow((x + 16, states), (x + 16, bottom))
        picture.text(x - 34, bottom + 66, down, fill=MUTED, anchor="end")
        picture.text(x + 34, bottom + 66, up, fill=MUTED)
    picture.y = states + 138 + 6
    return picture


def with_legend(picture):
    picture.legend()
    return picture


def pictures():
    return {
        "leader_followers.svg": with_legend(leader_followers()),
        "half_sync_half_async.svg": with_legend(half_sync_half_async()),
        "reactor.svg": with_legend(reactor()),
        "proactor.svg": with_legend(proactor()),
        "per_core.svg": with_legend(per_core()),
        "way_of_a_byte.svg": way_of_a_byte(),
    }


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit("usage: docs/img/draw.py [--check]")
    folder = pathlib.Path(__file__).resolve().parent
    stale = []
    for name, picture in pictures().items():
        path = folder / name
        if not arguments:
            path.write_text(picture.svg(), encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != picture.svg():
            stale.append(name)
    if stale:
        sys.exit("differs from what docs/img/draw.py draws: " + ", ".join(stale))


if __name__ == "__main__":
    main(sys.argv[1:])
