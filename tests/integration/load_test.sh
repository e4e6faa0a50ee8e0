#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# wrk against every model: no error, and the server's count agrees with wrk's: it may be ahead by
# what was under way when wrk stopped counting, at most a request per connection.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

load() {
    local model=$1 arming=$2 threads=$3 name counted served
    name=$model.$arming.$threads
    start_server "$name" "$build/apps/hello" --model "$model" --threads "$threads" \
        --set "dispatch.arming=$arming" --set 'services.0.listen=[127.0.0.1:0]' || return 1
    local pid=$server_pid
    wrk -t1 -c64 -d2 "http://127.0.0.1:$(port_of "$name")/" >"$scratch/wrk.txt" || return 1
    cat "$scratch/wrk.txt"
    ! grep -qE 'Socket errors|Non-2xx' "$scratch/wrk.txt" || return 1
    counted=$(awk '/ requests in / { print $1 }' "$scratch/wrk.txt")
    for _ in $(seq 100); do
        [ "$(counter_of "$name" "$pid" conns_open)" = 0 ] && break
        sleep 0.05
    done
    served=$(counter_of "$name" "$pid" requests)
    echo "wrk counted $counted, the server $served"
    [ "$served" -ge "$counted" ] && [ $((served - counted)) -le 64 ]
    local result=$?
    kill -TERM "$pid"
    wait "$pid" || return 1
    return "$result"
}

for arming in oneshot edge; do
    for model in leader_followers half_sync_half_async reactor proactor; do
        expect "$model, $arming" load "$model" "$arming" 8
    done
    expect "reactor without workers, $arming" load reactor "$arming" 0
done
end_servers
summary
