#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The welcome page in a real browser: it loads, logs no error, asks nobody else, and fits 390 px.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

mkdir "$scratch/www"
cp config/www/index.html "$scratch/www/"
# The page in a frame as wide as a phone, and beside it what a reader would notice.
cat >"$scratch/www/probe.html" <<'HTML'
<!doctype html><title>probe</title><link rel="icon" href="data:,"><body><script>
const frame = document.createElement('iframe');
frame.width = 390; frame.height = 800; frame.src = '/index.html';
frame.onload = () => {
    const page = frame.contentDocument.documentElement, view = frame.contentWindow;
    const sizes = [...page.querySelectorAll('p, code, h1, h2')]
        .map(element => parseFloat(view.getComputedStyle(element).fontSize));
    const others = view.performance.getEntriesByType('resource').map(entry => entry.name)
        .filter(name => !name.startsWith(location.origin));
    document.body.append(`title=${frame.contentDocument.title};width=${page.scrollWidth};` +
        `smallest=${Math.min(...sizes)};others=${others.length};`);
};
document.body.append(frame);
</script></body>
HTML
browse() {
    timeout -k 5 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$(mktemp -d "$scratch/profile.XXXX")" --enable-logging=stderr "$@" \
        2>"$scratch/browser.log"
}

expect 'the server starts' start_server page "$build/apps/paceline" \
    -c config/paceline.yaml --set 'services.web.listen=[127.0.0.1:0]' \
    --set 'services.echo.listen=[127.0.0.1:0]' --set "services.web.http.root=$scratch/www"
url=http://127.0.0.1:$(port_of page)
browse --virtual-time-budget=5000 --dump-dom "$url/probe.html" >"$scratch/dom.txt"
expect 'the page loads' grep -q 'title=Paceline;' "$scratch/dom.txt"
expect 'it fits 390 px' grep -qE 'width=(3[0-8][0-9]|390);' "$scratch/dom.txt"
expect 'its text is at least 13 px high' grep -qE 'smallest=(1[3-9]|[2-9][0-9])' "$scratch/dom.txt"
expect 'it asks nobody else' grep -q 'others=0;' "$scratch/dom.txt"
no_console() {
    ! grep 'CONSOLE' "$scratch/browser.log"
}
expect 'the console stays empty' no_console
shot() {
    browse --window-size=390,800 --screenshot="${PL_SCREENSHOT:-$scratch/page.png}" "$url/" &&
        [ "$(stat -c %s "${PL_SCREENSHOT:-$scratch/page.png}")" -gt 5000 ]
}
expect 'a picture of it can be taken' shot
end_servers
summary
