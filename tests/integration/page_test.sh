#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every page in a real browser: it loads, logs no error, asks nobody else, and fits 390 px.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

mkdir "$scratch/www"
cp config/www/index.html "$scratch/www/"
# The page that the query names, in a frame as wide as a phone, and beside it what a reader would
# notice.
cat >"$scratch/www/probe.html" <<'HTML'
<!doctype html><title>probe</title><link rel="icon" href="data:,"><body><script>
const frame = document.createElement('iframe');
frame.width = 390; frame.height = 800; frame.src = location.search.slice(1);
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

no_console() {
    ! grep 'CONSOLE' "$scratch/browser.log"
}

# shot NAME URL OPTION...: where PL_SCREENSHOTS names a folder, the pictures are kept there.
shot() {
    local picture=${PL_SCREENSHOTS:-$scratch}/$1.png
    browse --window-size=390,800 "${@:3}" --screenshot="$picture" "$2" && [ "$(stat -c %s "$picture")" -gt 3000 ]
}

# look_at NAME URL PATH TITLE
look_at() {
    local name=$1 url=$2 path=$3 title=$4
    browse --virtual-time-budget=5000 --dump-dom "$url/probe.html?$path" >"$scratch/dom.txt"
    expect "$name: the page loads" grep -q "title=$title;" "$scratch/dom.txt"
    expect "$name: it fits 390 px" grep -qE 'width=(3[0-8][0-9]|390);' "$scratch/dom.txt"
    expect "$name: its text is at least 13 px high" \
        grep -qE 'smallest=(1[3-9]|[2-9][0-9])' "$scratch/dom.txt"
    expect "$name: it asks nobody else" grep -q 'others=0;' "$scratch/dom.txt"
    expect "$name: the console stays empty" no_console
    expect "$name: a picture of it can be taken" shot "$name" "$url$path"
}

expect 'the server starts' start_server welcome "$build/apps/paceline" \
    -c config/paceline.yaml --set 'services.web.listen=[127.0.0.1:0]' \
    --set 'services.echo.listen=[127.0.0.1:0]' --set "services.web.http.root=$scratch/www"
# A release build has no tests; the checked one does.
page_maker=$build/tests/unit/bench/page_test
[ -x "$page_maker" ] || page_maker=${build%/*}/build-check/tests/unit/bench/page_test
expect 'the bench makes a page' "$page_maker" "$scratch/www/bench.html"
look_at welcome "http://127.0.0.1:$(port_of welcome)" /index.html Paceline
look_at bench "http://127.0.0.1:$(port_of welcome)" /bench.html 'Echo under every model'
expect 'bench: a picture of it in the dark can be taken' \
    shot bench-dark "http://127.0.0.1:$(port_of welcome)/bench.html" \
    --blink-settings=preferredColorScheme=0

expect 'the counter starts' start_server counter "$build/apps/counter" -c config/counter.yaml \
    --set 'services.web.listen=[127.0.0.1:0]' --set "services.web.http.root=$scratch/www" \
    --set "counter.file=$scratch/counts.mdb"
look_at counter "http://127.0.0.1:$(port_of counter)" / Counter

end_servers
summary
