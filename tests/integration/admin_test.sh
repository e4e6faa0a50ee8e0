#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The admin service of a whole process: health while no worker is free, metrics as Prometheus reads
# them, events, and who may swap. In a network of its own, for an address that is not loopback.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" -eq 0 ] && flags=-n || flags=-rn
    exec unshare "$flags" -- bash -c 'ip link set lo up && ip address add 192.0.2.1/32 dev lo &&
        exec "$0" --inside' "$0"
fi

work=$build/apps/work
web='{ name: web, protocol: http, listen: ["127.0.0.1:0"] }'
form='Content-Type: application/x-www-form-urlencoded'

# wait_for COMMAND...: at most twenty seconds.
wait_for() {
    for _ in $(seq 1000); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}

# serve NAME OPTION...: a server with an admin service; leaves $main, $admin, $token and $server_pid.
serve() {
    local name=$1
    shift
    start_server "$name" "$work" --set "services=[$web]" --set 'admin.listen=["0.0.0.0:0"]' "$@" &&
        wait_for grep -qE 'admin: listening on ' "$scratch/$name.log" || return 1
    main=http://127.0.0.1:$(sed -n 's/.*service web: listening on .*:\([0-9]*\)$/\1/p' "$scratch/$name.log")
    port=$(sed -n 's/.* admin: listening on .*:\([0-9]*\)$/\1/p' "$scratch/$name.log")
    admin=http://127.0.0.1:$port
    token=$(sed -n 's/.*#token=\([0-9a-f]*\)$/\1/p' "$scratch/$name.log")
}

# answers CODE PATTERN CURL-ARGUMENT...: the status, and something in head or body.
answers() {
    local wanted=$1 pattern=$2 code
    shift 2
    code=$(curl -s --max-time 20 -D "$scratch/head" -o "$scratch/body" -w '%{http_code}' "$@")
    echo "$code"
    cat "$scratch/head" "$scratch/body"
    [ "$code" = "$wanted" ] && grep -qE -- "$pattern" "$scratch/head" "$scratch/body"
}

# metric NAME: its value; a name with labels stands in quotes.
metric() {
    curl -s --max-time 20 "$admin/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

metric_is() {
    [ "$(metric "$1")" = "$2" ]
}

end_one() {
    kill -TERM "$1"
    wait "$1"
}

# ---- health -------------------------------------------------------------------------------------------

expect 'a server with an admin service starts' serve first --model half_sync_half_async --threads 2
expect 'the log has a link with a token of 128 bits' \
    grep -qE "admin: the page is http://127.0.0.1:$port/#token=[0-9a-f]{32}$" "$scratch/first.log"
expect '/livez answers' answers 200 '^ok' "$admin/livez"
expect '/readyz answers' answers 200 '^ready' "$admin/readyz"
expect 'both may be asked by any name' answers 200 '^ready' -H 'Host: some.example' "$admin/readyz"
expect 'another path is unknown' answers 404 'Not Found' "$admin/nothing"

blocked=()
for _ in 1 2 3 4; do
    curl -s --max-time 20 -o /dev/null "$main/work?block=3000000" &
    blocked+=($!)
done
expect 'every worker is in a handler that blocks' \
    wait_for metric_is 'paceline_threads{role="processing"}' 2
expect '/livez answers all the same' answers 200 '^ok' "$admin/livez"
expect '/readyz answers all the same' answers 200 '^ready' "$admin/readyz"
expect 'the workers are still in their handlers' \
    metric_is 'paceline_threads{role="processing"}' 2
wait "${blocked[@]}"

# ---- metrics ------------------------------------------------------------------------------------------

# The text as Prometheus' own checker sees it: names, units, HELP and TYPE of each.
metrics_pass() {
    curl -s --max-time 20 "$admin/metrics" >"$scratch/metrics" && promtool check metrics <"$scratch/metrics"
}

# Buckets never fall, the last has them all, and every counter of the statistics is there.
metrics_are_whole() {
    awk '
        /_bucket/ { series = $1; sub(/le="[^"]*"/, "", series)
                    if (series == last && $2 < count) { print "falls: " $0; bad = 1 }
                    last = series; count = $2; next }
        /_seconds_count/ { if ($2 != count) { print "not all: " $0; bad = 1 } counts++ }
        END { exit bad || counts < 2 }' "$scratch/metrics" || return 1
    grep -oE 'X\([a-z_]+,' "$root/framework/include/paceline/stats.h" | tr -d 'X(,' | sort -u >"$scratch/names"
    while read -r name; do
        case $name in
        name) continue ;;
        turn_us | queue_wait_us) wanted=paceline_${name%_us}_seconds_bucket ;;
        *) wanted=paceline_${name}_total ;;
        esac
        grep -q "^$wanted" "$scratch/metrics" || { echo "no $wanted"; return 1; }
    done <"$scratch/names"
}

ask_ten_times() {
    local before after
    before=$(metric paceline_requests_total)
    for _ in $(seq 10); do
        curl -sf --max-time 20 -o /dev/null "$main/" || return 1
    done
    after=$((before + 10))
    wait_for metric_is paceline_requests_total "$after"
}

expect 'promtool finds nothing to say' metrics_pass
expect 'the histograms add up and every counter is there' metrics_are_whole
expect 'the type is that of the text format' \
    answers 200 '^Content-Type: text/plain; version=0\.0\.4' "$admin/metrics"
expect 'ten requests are ten more' ask_ten_times
expect 'what is asked of the admin service does not count' ask_ten_times
expect 'the model is a label' metric_is 'paceline_engine_info{engine="default",model="half_sync_half_async"}' 1

# ---- events -------------------------------------------------------------------------------------------

# Reads some events and looks at each; prints what is wrong.
events_are_right() {
    python3 - "$admin/events" "$1" <<'PYTHON'
import json, sys, urllib.request
url, threads = sys.argv[1], int(sys.argv[2])
with urllib.request.urlopen(url, timeout=20) as stream:
    assert stream.headers["Content-Type"] == "text/event-stream", stream.headers
    assert stream.headers["Cache-Control"] == "no-store", stream.headers
    seen = 0
    while seen < 4:
        line = stream.readline().decode().rstrip("\n")
        if not line.startswith("data: "):
            assert line in ("", "retry: 1000"), line
            continue
        event = json.loads(line[6:])
        seen += 1
        assert event["is_ready"] is True
        assert "per_core" in event["models"], event
        assert event["engines"][0]["name"] == "default", event
        assert event["threads"] >= threads and len(event["lanes"]) == event["threads"], event
        for lane in event["lanes"]:
            assert len(lane["roles"]) == event["samples"] > 0, event
            assert set(lane["roles"]) <= set("LPF-"), event
        for key in ("requests_per_s", "hand_overs_per_s", "connections", "queue_depth"):
            assert event[key] >= 0, event
        assert event["turn_us"]["p50"] <= event["turn_us"]["p99"], event
PYTHON
}

# Each watcher has had an event before the next one comes.
too_many_watch() {
    python3 - "$admin/events" <<'PYTHON'
import sys, urllib.error, urllib.request
watchers = []
for number in range(16):
    watchers.append(urllib.request.urlopen(sys.argv[1], timeout=20))
    assert watchers[-1].readline() == b"retry: 1000\n", number
try:
    urllib.request.urlopen(sys.argv[1], timeout=20)
except urllib.error.HTTPError as error:
    assert error.code == 503 and b"too many watch already" in error.read(), error
else:
    raise AssertionError("the seventeenth is let in")
for watcher in watchers:
    watcher.close()
PYTHON
}

expect 'events tell of the threads' events_are_right 3
expect 'HEAD of the events has no end to wait for' answers 200 'text/event-stream' -I "$admin/events"
expect 'the seventeenth watcher is refused' too_many_watch
expect 'when they have gone another may watch' wait_for events_are_right 2

# ---- who may swap -------------------------------------------------------------------------------------

# swap CODE PATTERN CURL-ARGUMENT...
swap() {
    answers "$1" "$2" "${@:3}" -d 'target=default&model=reactor&threads=2' "$admin/swap"
}

bearer="Authorization: Bearer $token"
wrong="Authorization: Bearer ${token//[0-9a-f]/0}"
expect 'without a token: 401, which scheme' swap 401 '^WWW-Authenticate: Bearer'
expect 'and a sentence' swap 401 'needs the token'
expect 'a wrong token: 403 and a sentence' swap 403 'not the token' -H "$wrong"
expect 'a cut one too' swap 403 'not the token' -H "${bearer%?}"
expect 'a longer one too' swap 403 'not the token' -H "${bearer}0"
expect 'another scheme is no token' swap 401 'needs the token' -H "Authorization: Basic $token"
expect 'the log tells of a wrong token' grep -q 'refused a swap from 127.0.0.1: wrong token' "$scratch/first.log"
expect 'the log does not repeat what was sent' bash -c "! grep -q '${wrong##* }' '$scratch/first.log'"
expect 'a foreign name as Host: 403' swap 403 'by an address or as localhost' -H "$bearer" -H 'Host: evil.example'
expect 'a foreign Origin: 403' swap 403 "another site" -H "$bearer" -H 'Origin: http://evil.example'
expect 'an opaque Origin: 403' swap 403 "another site" -H "$bearer" -H 'Origin: null'
expect 'the same host on another port: 403' swap 403 "another site" -H "$bearer" -H 'Origin: http://127.0.0.1'
expect 'what a browser calls cross-site: 403' swap 403 "another site" -H "$bearer" -H 'Sec-Fetch-Site: cross-site'
expect 'from another address: 403' answers 403 'from this machine alone' -H "$bearer" \
    --interface 192.0.2.1 -d 'target=default&model=reactor' "http://192.0.2.1:$port/swap"
expect 'which may look' answers 200 'Paceline' "http://192.0.2.1:$port/"
expect 'GET does not swap' answers 405 '^Allow: .*POST' -H "$bearer" "$admin/swap"
expect 'nothing has changed so far' \
    metric_is 'paceline_engine_info{engine="default",model="half_sync_half_async"}' 1

# refused CODE PATTERN BODY: with the token.
refused() {
    answers "$1" "$2" -H "$bearer" -d "$3" "$admin/swap"
}
expect 'a body that is no form' answers 415 'application/x-www-form-urlencoded' -H "$bearer" \
    -H 'Content-Type: text/plain' -d 'target=default&model=reactor' "$admin/swap"
expect 'no target' refused 400 'expected target' 'model=reactor'
expect 'nothing to change' refused 400 'expected model' 'target=default'
expect 'a key that is none' refused 400 'expected target' 'target=default&modell=reactor'
expect 'a key twice' refused 400 'at most once' 'target=default&model=reactor&model=proactor'
expect 'a value that is too long' refused 400 'at most 63' "target=default&model=$(printf 'a%.0s' $(seq 80))"
expect 'a model that is none' refused 400 'nonsense' 'target=default&model=nonsense'
expect 'a target that is none' refused 400 'nowhere' 'target=nowhere&model=reactor'
expect 'threads that are none' refused 400 'threads' 'target=default&threads=many'
expect 'the old model serves on' \
    metric_is 'paceline_engine_info{engine="default",model="half_sync_half_async"}' 1
expect 'the right token swaps' swap 200 '"from":"half_sync_half_async","to":"reactor","threads":2' -H "$bearer"
expect 'the new model serves' metric_is 'paceline_engine_info{engine="default",model="reactor"}' 1
expect 'and answers' answers 200 'nothing to do' "$main/"
expect 'of the same origin, as the page asks' swap 200 '"to":"reactor"' -H "$bearer" \
    -H "Origin: $admin" -H 'Sec-Fetch-Site: same-origin' -H "$form"
expect 'on a name of the loopback' answers 200 '"to":"proactor"' -H "$bearer" \
    -d 'target=default&model=proactor' "http://localhost:$port/swap"

# ---- the page -----------------------------------------------------------------------------------------

policy_of() {
    curl -sI --max-time 20 "$admin/" | tr -d '\r' | sed -n 's/^Content-Security-Policy: //p'
}

# A nonce for each reply, which the page bears.
nonces_differ() {
    local first second
    first=$(policy_of) second=$(policy_of)
    echo "$first"
    [ -n "$first" ] && [ "$first" != "$second" ]
}

nonce_is_the_pages() {
    local nonce
    curl -s --max-time 20 -D "$scratch/head" -o "$scratch/body" "$admin/"
    nonce=$(sed -n "s/.*script-src 'nonce-\([0-9a-f]*\)'.*/\1/p" "$scratch/head")
    [ -n "$nonce" ] && grep -q "<script nonce=\"$nonce\">" "$scratch/body" &&
        grep -q "<style nonce=\"$nonce\">" "$scratch/body" && ! grep -q '@NONCE@' "$scratch/body"
}

expect 'nothing but what bears the nonce runs' \
    answers 200 "^Content-Security-Policy: default-src 'none'; script-src 'nonce-" "$admin/"
expect 'each reply has its own nonce' nonces_differ
expect 'and the page has it' nonce_is_the_pages
expect 'no copy is kept' answers 200 '^Cache-Control: no-store' "$admin/"
expect 'no type is guessed' answers 200 '^X-Content-Type-Options: nosniff' "$admin/"
expect 'no foreign name leads to the page' answers 403 'localhost' -H 'Host: evil.example' "$admin/"
expect 'nor to the events' answers 403 'localhost' -H 'Host: evil.example' "$admin/events"
expect 'no other site reads the events' answers 403 'another site' -H 'Origin: http://evil.example' "$admin/events"

# ---- draining -----------------------------------------------------------------------------------------

# A handler and a watcher are there when the end comes.
drain() {
    local watcher handler code
    curl -sN --max-time 60 "$admin/events" >/dev/null &
    watcher=$!
    curl -sf --max-time 20 "$main/work?block=2000000" >"$scratch/last" &
    handler=$!
    wait_for metric_is 'paceline_threads{role="processing"}' 1 || return 1
    kill -TERM "$server_pid"
    wait_for answers 503 'not ready' "$admin/readyz" || return 1
    answers 200 '^ok' "$admin/livez" || return 1
    wait "$handler" || return 1
    wait "$server_pid"
    code=$?
    wait "$watcher" || return 1
    echo "exit code $code"
    [ "$code" -eq 0 ] && grep -q done "$scratch/last"
}
expect 'a drain is not ready, alive, and ends the streams' drain

# ---- as it is configured ------------------------------------------------------------------------------

expect 'a server without the page starts' serve bare --set admin.page=false
expect 'health stays' answers 200 '^ready' "$admin/readyz"
expect 'metrics stay' metrics_pass
expect 'the page has gone' answers 404 'Not Found' "$admin/"
expect 'the events have gone' answers 404 'Not Found' "$admin/events"
expect 'the swap has gone' answers 404 'Not Found' -d 'target=default&model=reactor' "$admin/swap"
expect 'no token was made' bash -c "! grep -q token '$scratch/bare.log'"
expect 'it ends' end_one "$server_pid"

expect 'a server on a unix socket starts' start_server unix "$work" --set "services=[$web]" \
    --set "admin.listen=['unix:$scratch/admin.sock']"
expect 'the log has the token' wait_for grep -qE 'the token of the page is [0-9a-f]{32}$' "$scratch/unix.log"
token=$(sed -n 's/.*the token of the page is //p' "$scratch/unix.log")
# How often the admin service's thread has slept: the only one of that name here.
sleeps() {
    local task
    for task in /proc/"$server_pid"/task/*; do
        [ "$(cat "$task/comm")" != io-0 ] || awk '/^voluntary_ctxt/ { print $2 }' "$task/status"
    done
}

# While there is a timer it wakes thirty times between the two looks.
is_quiet() {
    local before after
    before=$(sleeps)
    sleep 0.3
    after=$(sleeps)
    echo "$before $after"
    [ -n "$before" ] && [ "$before" = "$after" ]
}

watch_once() {
    { curl -sN --max-time 20 --unix-socket "$scratch/admin.sock" http://localhost/events || true; } |
        head -n 1 | grep retry
}

expect 'nobody watches: its thread sleeps' wait_for is_quiet
expect 'somebody watches' watch_once
expect 'somebody has watched: it sleeps again' wait_for is_quiet
expect 'a swap over the socket' answers 200 '"to":"reactor"' --unix-socket "$scratch/admin.sock" \
    -H "Authorization: Bearer $token" -d 'target=default&model=reactor' http://localhost/swap
expect 'not without the token' answers 401 'needs the token' --unix-socket "$scratch/admin.sock" \
    -d 'target=default&model=reactor' http://localhost/swap
expect 'it ends' end_one "$server_pid"

# Names that a label's value has to escape: an engine has that of its service.
web='{ name: "a\"b\\c<d>", protocol: http, listen: ["127.0.0.1:0"], dispatch: { model: reactor } }'
expect 'a server with an odd name starts' start_server odd "$work" --set "services=[$web]" \
    --set 'admin.listen=["127.0.0.1:0"]' \
    --set 'upstreams=[{ name: store.1, servers: ["127.0.0.1:9"] }]'
wait_for grep -q 'admin: listening on ' "$scratch/odd.log"
admin=http://127.0.0.1:$(sed -n 's/.* admin: listening on .*:\([0-9]*\)$/\1/p' "$scratch/odd.log")
expect 'promtool reads the odd name' metrics_pass
expect 'as it is' grep -qF 'paceline_engine_info{engine="a\"b\\c<d>",model="reactor"} 1' "$scratch/metrics"
expect 'an upstream has its figures' \
    grep -qF 'paceline_upstream_leases_total{upstream="store.1"} 0' "$scratch/metrics"
expect 'and its latencies' \
    grep -qF 'paceline_upstream_latency_seconds_count{upstream="store.1"} 0' "$scratch/metrics"
expect 'it ends' end_one "$server_pid"
web='{ name: web, protocol: http, listen: ["127.0.0.1:0"] }'

# mistake PATTERN SETTING: exit 78, nothing started.
mistake() {
    command_ends 78 "$1" "$work" --set "services=[$web]" --set "$2" --check
}
expect 'an address that is none' mistake 'admin.listen.*nonsense' 'admin.listen=[nonsense]'
expect 'datagrams' mistake 'admin.listen.*expected a TCP address' 'admin.listen=["udp:127.0.0.1:1"]'
expect 'a page that is neither' mistake "admin.page.*'perhaps'" 'admin.page=perhaps'
expect 'a key that is none' mistake 'admin.pages' 'admin.pages=true'

end_servers
summary
