#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients that others wrote, against a site of ours: curl, wget, a browser, slowhttptest. Each model
# serves the site on a port of its own; which client meets which model is chosen so that each way of
# receiving and of sending meets several of them.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

# A release build has no tests; the checked one does.
site=$build/tests/support/site
[ -x "$site" ] || site=${build%/*}/build-check/tests/support/site
models=(leader_followers half_sync_half_async per_core reactor proactor)
declare -A server_of web_of sockets_of

have() {
    local tool
    for tool in curl wget chromium slowhttptest python3 "$site"; do
        command -v "$tool" || { echo "$tool is missing"; return 1; }
    done
    curl -V | grep -q brotli && tests/support/site_root.py "$scratch/www" &&
        cp tests/support/site_probe.html "$scratch/www/probe.html"
}
expect 'the clients and the site are there' have

# Short timeouts end what slow clients hold within the test.
start_site() {
    local model=$1 threads=4
    [ "$model" != per_core ] || threads=2
    cat >"$scratch/$model.yaml" <<YAML
dispatch: { model: $model, threads: $threads }
timeouts: { header: 2s, body: 4s, write: 4s, idle: 5s }
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http:
      root: $scratch/www
      gzip: true
      access_log: { file: $scratch/$model.access, format: json }
      routes: [ { path: "/report/*", reply: { text: "noted" } } ]
YAML
    start_server "$model" "$site" -c "$scratch/$model.yaml" || return 1
    server_of[$model]=$server_pid
    web_of[$model]=127.0.0.1:$(port_of "$model")
    sockets_of[$model]=$(count_sockets "$server_pid")
}

count_sockets() {
    find "/proc/$1/fd" -lname 'socket:*' | wc -l
}

for model in "${models[@]}"; do
    expect "$model: the site starts" start_site "$model"
done

# fetch MODEL PATH OPTION...: the status is said, head and body are kept.
fetch() {
    local model=$1 path=$2
    shift 2
    curl -sS -m 60 -D "$scratch/head" -o "$scratch/body" -w '%{http_code}\n' "$@" \
        "http://${web_of[$model]}$path"
}

# status_is CODE MODEL PATH OPTION...
status_is() {
    local wanted=$1 found
    shift
    found=$(fetch "$@")
    echo "status $found"
    [ "$found" = "$wanted" ]
}

head_has() {
    tr -d '\r' <"$scratch/head" | grep -ix "$1" || { cat "$scratch/head"; return 1; }
}

body_is() {
    cmp "$scratch/body" "$scratch/www/$1"
}

# ---- curl: downloads ---------------------------------------------------------------------------------

resumes() {
    head -c 1234567 "$scratch/www/large.bin" >"$scratch/part"
    [ "$(curl -sS -m 60 -C - -o "$scratch/part" -w '%{http_code} %{size_download}' \
        "http://${web_of[$1]}/large.bin")" = "206 $((8388608 - 1234567))" ] &&
        cmp "$scratch/part" "$scratch/www/large.bin"
}

one_range() { # MODEL RANGE FROM LENGTH
    status_is 206 "$1" /large.bin -r "$2" &&
        head_has "Content-Range: bytes $3-$(($3 + $4 - 1))/8388608" &&
        cmp "$scratch/body" <(tail -c +$(($3 + 1)) "$scratch/www/large.bin" | head -c "$4")
}

several_ranges() {
    status_is 206 "$1" /large.bin -r '0-9,1000000-1099999,-5' || return 1
    python3 - "$scratch/head" "$scratch/body" "$scratch/www/large.bin" <<'PYTHON'
import re, sys
head, body, file = (open(name, "rb").read() for name in sys.argv[1:])
boundary = re.search(rb"(?i)content-type: multipart/byteranges; *boundary=\"?([^\"\r]+)", head)[1]
pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
assert pieces[0].strip() == b"" and pieces[-1].strip() == b"--", (pieces[0], pieces[-1])
found = []
for piece in pieces[1:-1]:
    fields, data = piece.split(b"\r\n\r\n", 1)
    first, last = map(int, re.search(rb"(?i)content-range: bytes (\d+)-(\d+)/8388608", fields).groups())
    assert data == file[first:last + 1], (first, last)
    found.append((first, last))
assert found == [(0, 9), (1000000, 1099999), (8388603, 8388607)], found
PYTHON
}

no_range() {
    status_is 416 "$1" /large.bin -r 9000000- && head_has 'Content-Range: bytes \*/8388608'
}

assets_at_once() {
    local model=$1 urls=() file
    mkdir "$scratch/at-once"
    for file in "$scratch"/www/assets/*; do
        urls+=(-o "$scratch/at-once/${file##*/}" "http://${web_of[$model]}/assets/${file##*/}")
    done
    curl -sS -m 60 --fail -Z --parallel-max 16 "${urls[@]}" && diff -r "$scratch/at-once" "$scratch/www/assets"
}

compressed() { # MODEL FILE CODING OPTION...
    status_is 200 "$1" "/$2" "${@:4}" && head_has "Content-Encoding: $3" &&
        head_has 'Vary: Accept-Encoding' && body_is "$2"
}

not_compressed() {
    status_is 200 "$1" /sibling.txt && ! head_has 'Content-Encoding:.*' >/dev/null && body_is sibling.txt
}

dots() { # MODEL
    status_is 200 "$1" /assets/../index.html --path-as-is && body_is index.html &&
        status_is 200 "$1" /assets/%2e%2E/./index.html --path-as-is && body_is index.html &&
        status_is 200 "$1" /../../../index.html --path-as-is && body_is index.html &&
        status_is 404 "$1" /../../../../../../etc/passwd --path-as-is &&
        status_is 404 "$1" /assets/..%2f..%2f..%2f..%2fetc%2fpasswd --path-as-is
}

head_only() {
    status_is 200 "$1" /large.bin -I && head_has 'Content-Length: 8388608' &&
        head_has 'Accept-Ranges: bytes'
}

by_date() {
    status_is 304 "$1" /large.bin -z "$scratch/www/large.bin" &&
        status_is 200 "$1" /large.bin -z 'Sun, 06 Nov 1994 08:49:37 GMT' && body_is large.bin
}

by_tag() {
    status_is 200 "$1" /index.html --etag-save "$scratch/tag" &&
        status_is 304 "$1" /index.html --etag-compare "$scratch/tag" &&
        status_is 412 "$1" /index.html -H 'If-Match: "another"' &&
        status_is 200 "$1" /index.html -H 'If-None-Match: "another"' && body_is index.html
}

expect 'leader_followers: curl resumes' resumes leader_followers
expect 'proactor: curl resumes' resumes proactor
expect 'half_sync_half_async: curl gets one range' one_range half_sync_half_async 10-19 10 10
expect 'per_core: curl gets the last bytes' one_range per_core -7 8388601 7
expect 'reactor: curl gets all from here on' one_range reactor 8000000- 8000000 388608
expect 'per_core: curl gets several ranges' several_ranges per_core
expect 'leader_followers: curl gets several ranges' several_ranges leader_followers
expect 'half_sync_half_async: curl asks behind the end' no_range half_sync_half_async
expect 'per_core: curl gets a hundred files at once' assets_at_once per_core
expect 'leader_followers: curl gets what is compressed now' \
    compressed leader_followers assets/style7.css gzip --compressed
expect 'half_sync_half_async: curl gets a .br' compressed half_sync_half_async sibling.txt br --compressed
expect 'per_core: curl gets a .gz' compressed per_core sibling.txt gzip --compressed -H 'Accept-Encoding: gzip'
expect 'reactor: curl gets what is not compressed' not_compressed reactor
expect 'per_core: curl keeps dot segments' dots per_core
expect 'half_sync_half_async: curl asks for a head' head_only half_sync_half_async
expect 'leader_followers: curl asks by date' by_date leader_followers
expect 'half_sync_half_async: curl asks by entity tag' by_tag half_sync_half_async

# ---- curl: uploads -----------------------------------------------------------------------------------

truncate -s 1G "$scratch/gigabyte"
sum_of_gigabyte=$(python3 -c 'import zlib
part, total = bytes(1 << 20), 0
for _ in range(1024): total = zlib.crc32(part, total)
print(f"{total:08x}")')

high_water() { # the most memory so far, in KiB
    awk '/^VmHWM/ { print $2 }' "/proc/$1/status"
}

gigabyte() { # MODEL PATH
    local before after
    before=$(high_water "${server_of[$1]}")
    status_is 200 "$1" "$2" -X POST -T "$scratch/gigabyte" -H 'Expect: 100-continue' || return 1
    after=$(high_water "${server_of[$1]}")
    cat "$scratch/body"
    echo "$before KiB before, $after KiB after"
    [ "$(head -n 1 "$scratch/head" | tr -d '\r')" = 'HTTP/1.1 100 Continue' ] &&
        [ "$(cat "$scratch/body")" = "1073741824 bytes, sum $sum_of_gigabyte" ] &&
        [ $((after - before)) -le 65536 ]
}

# Refused before a byte of it was sent.
too_large() {
    truncate -s $((1024 * 1024 * 1024 + 1)) "$scratch/more"
    [ "$(curl -sS -m 60 -X POST -T "$scratch/more" -H 'Expect: 100-continue' -o "$scratch/body" \
        -w '%{http_code} %{size_upload}' "http://${web_of[$1]}/upload")" = '413 0' ]
}

sum_of_large=$(python3 -c 'import sys, zlib
total = zlib.crc32(open(sys.argv[1], "rb").read())
print(f"{total:08x}")' "$scratch/www/large.bin")

chunked() { # MODEL PATH
    status_is 200 "$1" "$2" -X POST -T - <"$scratch/www/large.bin" || return 1
    cat "$scratch/body"
    [ "$(cat "$scratch/body")" = "8388608 bytes, sum $sum_of_large" ]
}

form() { # MODEL PATH
    status_is 200 "$1" "$2" -F title=hello -F "one=@$scratch/www/index.html" \
        -F "two=@$scratch/www/large.bin;filename=a b.bin" || return 1
    diff "$scratch/body" - <<TEXT
title '' 5
one 'index.html' $(stat -c %s "$scratch/www/index.html")
two 'a b.bin' 8388608
TEXT
}

events() {
    status_is 200 "$1" /events -N && head_has 'Content-Type: text/event-stream' &&
        [ "$(sed -n 's/^data: *//p' "$scratch/body" | tr '\n' ,)" = \
            'event 1,event 2,event 3,event 4,event 5,' ]
}

expect 'leader_followers: curl uploads 1 GiB' gigabyte leader_followers /upload
expect 'half_sync_half_async: curl uploads 1 GiB to who may block' gigabyte half_sync_half_async /upload-block
expect 'per_core: curl uploads 1 GiB' gigabyte per_core /upload
expect 'per_core: a body over http.max_body is refused before it comes' too_large per_core
expect 'half_sync_half_async: curl uploads in chunks' chunked half_sync_half_async /upload
expect 'per_core: curl uploads in chunks to who may block' chunked per_core /upload-block
expect 'leader_followers: curl uploads in chunks to who may block' chunked leader_followers /upload-block
expect 'proactor: curl uploads in chunks' chunked proactor /upload
expect 'leader_followers: curl sends a form with files' form leader_followers /form
expect 'half_sync_half_async: curl sends a form with files' form half_sync_half_async /form
expect 'per_core: curl sends a form to who may block' form per_core /form-block
expect 'reactor: curl sends a form to who may block' form reactor /form-block
for model in "${models[@]}"; do
    expect "$model: curl gets five events" events "$model"
done

# ---- wget --------------------------------------------------------------------------------------------

mirror() {
    timeout 60 wget -m -nv -nH -P "$scratch/mirror" "http://${web_of[$1]}/" && mirror_is_whole
}
mirror_is_whole() {
    diff -r "$scratch/mirror/assets" "$scratch/www/assets" &&
        cmp "$scratch/mirror/index.html" "$scratch/www/index.html"
}

# The access log may be a moment behind.
await_lines() { # MODEL COUNT PATTERN
    local found
    for _ in $(seq 100); do
        found=$(grep -cE -- "$3" "$scratch/$1.access")
        [ "$found" -ge "$2" ] && return 0
        sleep 0.05
    done
    echo "$found lines with $3"
    return 1
}

# Each asset by its name: wget does not look into a page that has not changed.
asks_again() {
    local file
    for file in "$scratch"/www/assets/*; do
        echo "http://${web_of[$1]}/assets/${file##*/}"
    done >"$scratch/urls"
    timeout 60 wget -N -x -nv -nH -P "$scratch/mirror" -i "$scratch/urls" && mirror_is_whole &&
        await_lines "$1" 100 '"target":"/assets/.*"status":304.*"user_agent":"Wget'
}

continues() {
    mkdir "$scratch/continued" && head -c 1000 "$scratch/www/large.bin" >"$scratch/continued/large.bin"
    for _ in 1 2; do # the second time there is nothing to do
        timeout 60 wget -c -nv -P "$scratch/continued" "http://${web_of[$1]}/large.bin" || return 1
        cmp "$scratch/continued/large.bin" "$scratch/www/large.bin" || return 1
    done
    await_lines "$1" 1 '"target":"/large.bin".*"status":206.*"user_agent":"Wget' &&
        await_lines "$1" 1 '"target":"/large.bin".*"status":416.*"user_agent":"Wget'
}

expect 'half_sync_half_async: wget mirrors the page and its assets' mirror half_sync_half_async
expect 'half_sync_half_async: wget asks again for what has not changed' asks_again half_sync_half_async
expect 'per_core: wget continues' continues per_core

# ---- a browser ---------------------------------------------------------------------------------------

# browse LOG OPTION...: in a subshell, which becomes the browser under a limit.
browse() {
    exec timeout -k 5 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$(mktemp -d "$scratch/profile.XXXX")" --enable-logging=stderr "${@:2}" 2>"$1"
}

# The page reports its steps to the server; a browser that has no picture to take stays until it is ended.
visit() {
    local model=$1 browser
    browse "$scratch/$model.browser" --remote-debugging-port=0 "http://${web_of[$model]}/probe.html" &
    browser=$!
    pids+=("$browser")
    for _ in $(seq 600); do
        grep -q '"target":"/report/end/ok"' "$scratch/$model.access" && break
        kill -0 "$browser" 2>/dev/null || break
        sleep 0.1
    done
    kill -TERM "$browser" 2>/dev/null
    wait "$browser" 2>/dev/null
    tail -n 5 "$scratch/$model.browser"
    grep -q '"target":"/report/end/ok"' "$scratch/$model.access"
}

did() { # MODEL STEP
    grep -o "\"target\":\"/report/$2/[^\"]*\"" "$scratch/$1.access" | tee "$scratch/did"
    [ "$(cat "$scratch/did")" = "\"target\":\"/report/$2/ok\"" ]
}

no_console() {
    ! grep 'CONSOLE' "$scratch/$1.browser"
}

# Where PL_SCREENSHOTS names a folder, the picture is kept there.
picture() {
    local file=${PL_SCREENSHOTS:-$scratch}/site.png
    (browse "$scratch/picture.browser" --window-size=390,800 --screenshot="$file" "http://${web_of[$1]}/") &&
        [ "$(stat -c %s "$file")" -gt 3000 ] && [ "$(od -An -tu4 --endian=big -j16 -N4 "$file")" -eq 390 ]
}

for model in leader_followers half_sync_half_async per_core; do
    expect "$model: a browser goes through the site" visit "$model"
    expect "$model: it has the page with all hundred assets" did "$model" page
    expect "$model: the page fits 390 px, its text is at least 13 px high" did "$model" phone
    expect "$model: it sends the form with a file" did "$model" form
    expect "$model: it uploads 5 MB to who may block" did "$model" upload
    expect "$model: it gets the events" did "$model" events
    expect "$model: it gets a range" did "$model" range
    expect "$model: it jumps within a sound" did "$model" audio
    expect "$model: its jump was a range of its own" \
        await_lines "$model" 2 '"target":"/tone.wav".*"status":206.*"user_agent":"Mozilla'
    expect "$model: its console stays empty" no_console "$model"
done
expect 'leader_followers: a picture of the page can be taken' picture leader_followers

# ---- slowhttptest ------------------------------------------------------------------------------------

# A polite client's requests while the process lives: all of them are answered with 200.
polite_beside() { # MODEL PROCESS
    local served=0
    for _ in $(seq 200); do
        status_is 200 "$1" /assets/script3.js && body_is assets/script3.js &&
            status_is 200 "$1" /upload -d hello || return 1
        served=$((served + 2))
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    echo "$served polite requests served"
    [ "$served" -ge 10 ]
}

# What stays is at most the connection that was asked last.
await_no_connection() {
    for _ in $(seq 200); do
        [ "$(counter_of "$1" "${server_of[$1]}" conns_open)" = 0 ] && return 0
        sleep 0.1
    done
    counter_of "$1" "${server_of[$1]}" conns_open
    return 1
}

attack() { # MODEL PATH OPTION...
    local model=$1 path=$2 attacker polite
    timeout -k 5 60 slowhttptest -c 150 -r 150 -i 1 -l 3 -u "http://${web_of[$model]}$path" "${@:3}" \
        >"$scratch/attack.log" 2>&1 &
    attacker=$!
    pids+=("$attacker")
    polite_beside "$model" "$attacker"
    polite=$?
    wait "$attacker" 2>/dev/null
    tail -n 12 "$scratch/attack.log"
    grep -q 'Exit status' "$scratch/attack.log" || return 1 # it ran
    [ "$polite" -eq 0 ] && await_no_connection "$model" && status_is 200 "$model" /large.bin && body_is large.bin
}

expect 'leader_followers: slow heads' attack leader_followers / -H
expect 'half_sync_half_async: slow bodies for who may block' attack half_sync_half_async /upload-block -B
expect 'per_core: slow bodies' attack per_core /upload -B
expect 'per_core: slow readers' attack per_core /large.bin -X -w 512 -y 1024 -n 1 -z 32
expect 'leader_followers: hundreds of ranges' attack leader_followers /large.bin -R -t GET
expect 'reactor: a form that comes slowly' \
    attack reactor /form-block -B -f 'multipart/form-data; boundary=x'

# ---- what stays behind -------------------------------------------------------------------------------

nothing_is_held() {
    local pid=${server_of[$1]} taken given sockets
    await_no_connection "$1" || return 1
    taken=$(counter_of "$1" "$pid" buffers_taken) given=$(counter_of "$1" "$pid" buffers_given)
    sockets=$(count_sockets "$pid")
    echo "$taken buffers taken, $given given; ${sockets_of[$1]} sockets at the start, $sockets now"
    [ "$taken" -eq "$given" ] && [ "$sockets" -eq "${sockets_of[$1]}" ]
}

ends_well() {
    kill -TERM "${server_of[$1]}"
    wait "${server_of[$1]}" && ! grep ' error ' "$scratch/$1.log"
}

for model in "${models[@]}"; do
    expect "$model: no connection, no buffer, no socket is left" nothing_is_held "$model"
    expect "$model: the server ends well" ends_well "$model"
done
end_servers
summary
