#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The access log of a whole process: what an operator does with it. What its lines say is held by
# tests/integration/http/access.c.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
paceline=$build/apps/paceline

# configure FILE FORMAT MODEL: two services that share one log.
configure() {
    cat >"$scratch/$1.yaml" <<YAML
dispatch: { model: $3, threads: 3 }
services:
  - name: first
    protocol: http
    listen: [ "127.0.0.1:0", "unix:$scratch/socket" ]
    http:
      access_log: { file: access.log, format: $2 }
      routes: [ { path: /ping, reply: { text: "pong" } } ]
  - name: second
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http:
      access_log: { file: access.log, format: $2 }
YAML
}

# talk PORT FIRST COUNT|FILE: pipelined requests with numbers, each answered; so many, or until there
# is that file. Prints the number behind the last.
talk() {
    python3 - "$@" <<'PYTHON'
import os, socket, sys, time
port, number, until = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
end = number + int(until) if until.isdigit() else None
with socket.create_connection(("127.0.0.1", port), 20) as s:
    while number < end if end else not os.path.exists(until):
        s.sendall(b"".join(b"GET /ping?n=%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number + i)
                           for i in range(50)))
        replies = b""
        while replies.count(b"\r\n\r\npong") < 50:
            part = s.recv(65536)
            assert part, "closed"
            replies += part
        number += 50
        time.sleep(0.001)  # the writer of the log needs a processor too
print(number)
PYTHON
}

# numbers FILE...: the numbers of the requests, in the order of the lines.
numbers() {
    cat "$@" | sed -n 's/.*\/ping?n=\([0-9]*\).*/\1/p'
}

# wait_for COMMAND...: at most ten seconds.
wait_for() {
    for _ in $(seq 500); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}

# Three rotations while requests come; then the stop, which leaves nothing in the rings.
rotation() {
    local load end
    rm -f "$scratch"/access.log* "$scratch/enough"
    configure rotation combined "$1"
    start_server rotation "$paceline" -c "$scratch/rotation.yaml" || return 1
    talk "$(port_of rotation)" 0 "$scratch/enough" >"$scratch/end" &
    load=$!
    for i in 1 2 3; do
        wait_for [ -s "$scratch/access.log" ] || return 1
        mv "$scratch/access.log" "$scratch/access.log.$i"
        kill -USR1 "$server_pid"
        wait_for [ -e "$scratch/access.log" ] || return 1
    done
    touch "$scratch/enough"
    wait "$load" || return 1
    end=$(talk "$(port_of rotation)" "$(cat "$scratch/end")" 500) || return 1
    kill -TERM "$server_pid"
    wait "$server_pid" || return 1
    cat "$scratch/rotation.log"
    cmp <(numbers "$scratch"/access.log.1 "$scratch"/access.log.2 "$scratch"/access.log.3 \
        "$scratch"/access.log) <(seq 0 $((end - 1)))
}

# Every line is an object with all keys, of both services and of a client of the unix socket.
json_lines() {
    rm -f "$scratch"/access.log*
    configure json json reactor
    start_server json "$paceline" -c "$scratch/json.yaml" || return 1
    talk "$(port_of json)" 0 200 || return 1
    curl -s -A $'a"b\\c\t\xe9\xc3\xa9' -e 'http://r/' "http://127.0.0.1:$(port_of json 2)/none" >/dev/null
    curl -s --unix-socket "$scratch/socket" http://a/ping >/dev/null || return 1
    kill -TERM "$server_pid"
    wait "$server_pid" || return 1
    [ "$(stat -c %a "$scratch/access.log")" = 640 ] || return 1
    python3 - "$scratch/access.log" <<'PYTHON'
import datetime, json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8", errors="strict")]
assert len(lines) == 202, len(lines)
keys = ["time", "client", "method", "target", "version", "status", "request_bytes", "bytes",
        "duration_us", "referer", "user_agent", "host", "aborted"]
now = datetime.datetime.now(datetime.timezone.utc)
for line in lines:
    assert list(line) == keys, line
    age = now - datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
    assert abs(age.total_seconds()) < 120, line["time"]
    assert line["aborted"] is False and line["duration_us"] >= 0
assert [l["client"] for l in lines].count("unix:") == 1
none = [l for l in lines if l["status"] == 404]
assert len(none) == 1 and none[0]["referer"] == "http://r/", none
assert none[0]["user_agent"] == 'a"b\\c\t\ufffd\u00e9', none[0]["user_agent"]
PYTHON
}

# refused PATTERN FILE: ends with 78 and names the place.
refused() {
    local text code
    text=$(timeout 20 "$paceline" -c "$2" 2>&1)
    code=$?
    echo "exit code $code: $text"
    [ "$code" -eq 78 ] && grep -qE "$1" <<<"$text"
}

mistakes() {
    local yaml=$scratch/mistake.yaml
    printf 'services:\n  - protocol: http\n    listen: [ "127.0.0.1:0" ]\n' >"$yaml"
    printf '    http: { access_log: { file: nowhere/log } }\n' >>"$yaml"
    refused "mistake\.yaml:2.*http\.access_log: cannot open '.*/nowhere/log'.*No such file" "$yaml" ||
        return 1
    mkfifo "$scratch/nowhere-fifo"
    sed -i 's|nowhere/log|nowhere-fifo|' "$yaml"
    refused 'nobody reads this FIFO' "$yaml" || return 1
    sed -i 's|file: nowhere-fifo|file: "", format: xml|' "$yaml"
    refused "format.*combined, json" "$yaml" || return 1
    sed -i 's|, format: xml||' "$yaml"
    "$paceline" -c "$yaml" --check || return 1
    mkdir "$scratch/folder"
    sed -i 's|file: ""|file: folder/|' "$yaml"
    refused 'cannot open .*/folder/.*directory' "$yaml"
}

# A path that cannot be opened again costs nothing.
keeps_the_old_file() {
    rm -rf "$scratch"/access.log*
    configure kept combined proactor
    start_server kept "$paceline" -c "$scratch/kept.yaml" || return 1
    talk "$(port_of kept)" 0 100 || return 1
    mv "$scratch/access.log" "$scratch/access.log.1"
    mkdir "$scratch/access.log"
    kill -USR1 "$server_pid"
    wait_for grep -q 'error .*the old one stays in use: Is a directory' "$scratch/kept.log" ||
        return 1
    talk "$(port_of kept)" 100 100 || return 1
    kill -TERM "$server_pid"
    wait "$server_pid" || return 1
    rmdir "$scratch/access.log"
    cmp <(numbers "$scratch/access.log.1") <(seq 0 199)
}

for model in leader_followers half_sync_half_async reactor proactor per_core; do
    expect "$model: rotation under load and a stop lose no line" rotation "$model"
done
expect "JSON lines parse, of two services and a unix socket" json_lines
expect "a path that cannot be opened is a mistake of the configuration" mistakes
expect "a path that cannot be opened again keeps its file" keeps_the_old_file
summary
