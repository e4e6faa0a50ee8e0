#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./quickstart as a user runs it: the table, serving, a taken port, Ctrl-C.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

table() {
    ./quickstart --no-serve >"$scratch/tour.txt" 2>&1 || return 1
    local model
    for model in leader_followers half_sync_half_async reactor proactor; do
        grep -qE "^$model +8 +[0-9]+ +[0-9.]+(us|ms) +[0-9.]+(us|ms|s) +[0-9.]+ +[0-9]+$" \
            "$scratch/tour.txt" || return 1
    done
    grep -qE "^per_core +$(nproc) " "$scratch/tour.txt" && grep -qE '^reactor +0 ' "$scratch/tour.txt"
}
expect 'the table has a row for every model, one for a loop per CPU and one for the reactor alone' table

wait_for() {
    for _ in $(seq 1200); do
        grep -q "$1" "$scratch/serve.txt" && return 0
        sleep 0.1
    done
    cat "$scratch/serve.txt"
    return 1
}

serves_beside_a_taken_port() {
    start_server taken "$build/apps/paceline" --set 'services.0.listen=[127.0.0.1:8080]' \
        --set 'services.1.listen=[127.0.0.1:0]' || true # or somebody else has it already
    # A job of a script ignores INT unless it is said otherwise.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp(sys.argv[1], sys.argv[1:])' ./quickstart >"$scratch/serve.txt" 2>&1 &
    local tour=$!
    pids+=("$tour")
    wait_for 'wrk -t1' || return 1
    grep -q 'Port 8080 is taken; the next free one is' "$scratch/serve.txt" || return 1
    local url
    url=$(sed -n 's/.*curl -i \(http.*\)\/ping$/\1/p' "$scratch/serve.txt")
    [ "$(curl -s "$url/ping")" = pong ] || return 1
    curl -s "$url/" | grep -q 'Paceline is serving' || return 1
    local port
    port=$(sed -n 's/.*nc -q1 127.0.0.1 \([0-9]*\)$/\1/p' "$scratch/serve.txt")
    [ "$(echo hello | nc -q1 127.0.0.1 "$port")" = hello ] || return 1
    kill -INT "$tour"
    wait "$tour"
    [ $? -eq 130 ] && ! curl -s -m 2 "$url/ping"
}
expect 'it serves on the next free port, says so, and ends with Ctrl-C' serves_beside_a_taken_port

unknown_word() {
    ./quickstart chekc
    [ $? -eq 64 ]
}
expect 'an unknown word is refused with the usage' unknown_word
end_servers
summary
