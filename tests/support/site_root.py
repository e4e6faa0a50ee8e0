#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of the site that clients_test.sh shows to programs of others: site_root.py FOLDER."""
import gzip
import pathlib
import sys
import wave

root = pathlib.Path(sys.argv[1])
assets = root / "assets"
assets.mkdir(parents=True)

# A hundred assets, each of which leaves a trace in the page that a script can count.
STYLES, SCRIPTS, PICTURES = 30, 40, 30
filler = "".join(f"/* line {line:04d} makes the file worth compressing */\n" for line in range(40))
for i in range(STYLES):
    (assets / f"style{i}.css").write_text(f":root {{ --style{i}: 1; }}\n{filler}")
for i in range(SCRIPTS):
    (assets / f"script{i}.js").write_text(f"window.scripts = (window.scripts || 0) + 1;\n{filler}")
for i in range(PICTURES):
    (assets / f"picture{i}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24">'
        f'<rect width="24" height="24" fill="hsl({i * 12} 60% 50%)"/></svg>\n')

links = "\n".join(f'<link rel="stylesheet" href="/assets/style{i}.css">' for i in range(STYLES))
scripts = "\n".join(f'<script src="/assets/script{i}.js"></script>' for i in range(SCRIPTS))
pictures = "\n".join(f'<img src="/assets/picture{i}.svg" alt="">' for i in range(PICTURES))
(root / "index.html").write_text(f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A site</title><link rel="icon" href="/assets/picture0.svg">
{links}
<style>body {{ margin: 1.5rem; max-width: 40rem; font: 1rem/1.5 system-ui, sans-serif; }}</style>
{scripts}
</head><body>
<h1>A site with a hundred assets</h1>
<p>Thirty styles, forty scripts and thirty pictures:</p>
<p>{pictures}</p>
<h2>A form</h2>
<form action="/form" method="post" enctype="multipart/form-data" target="answer">
<p><label>Title <input name="title"></label></p>
<p><label>File <input type="file" name="upload"></label></p>
<p><button>Send</button></p>
</form>
<iframe name="answer" title="The answer" width="100%" height="80"></iframe>
</body></html>
""")

# Lines that differ, 16 bytes each: a part from the wrong place is seen. 8 MiB.
lines = "".join(f"{line:015d}\n" for line in range(512 * 1024)).encode()
(root / "large.bin").write_bytes(lines)

# Too large to be compressed while it is asked for, so that what comes compressed is the sibling.
text = lines[:300000]
(root / "sibling.txt").write_bytes(text)
with gzip.GzipFile(root / "sibling.txt.gz", "wb", mtime=0) as file:
    file.write(text)
# RFC 7932, 9.1 and 9.2: a window of 64 KiB, pieces that are not compressed, an empty last one.
brotli = b""
for at in range(0, len(text), 65536):
    piece = text[at:at + 65536]
    head = 1 << 19 | (len(piece) - 1) << 3
    brotli += (head << (at == 0)).to_bytes(3, "little") + piece  # one bit for the window in front
(root / "sibling.txt.br").write_bytes(brotli + b"\x03")

# Longer than a player reads ahead, so that a jump to its end is a request of its own: 60 s.
with wave.open(str(root / "tone.wav"), "wb") as sound:
    sound.setparams((2, 2, 48000, 0, "NONE", ""))
    period = b"".join(int(3000 * (step % 48 - 24) / 24).to_bytes(2, "little", signed=True) * 2
                      for step in range(48))
    sound.writeframes(period * 60000)
