#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# wrk against every model: no error, and the server's count agrees with wrk's: it may be ahead by
# what was under way when wrk stopped counting, at most a request per connection.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

load() {
    local model=$1 arming=$2 threads=$3 name counted served
    shift 3
    name=$model.$arming.$threads$*
    name=${name//[ =]/.}
    start_server "$name" "$build/apps/hello" --model "$model" --threads "$threads" \
        --set "dispatch.arming=$arming" --set 'services.0.listen=[127.0.0.1:0]' "$@" || return 1
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
    expect "per_core, $arming" load per_core "$arming" 2
done
expect 'leader_followers that always promotes' load leader_followers oneshot 8 \
    --set dispatch.promotion=always
expect 'leader_followers that wait in the kernel' load leader_followers edge 8 \
    --set dispatch.promotion=kernel
expect 'proactor that runs no handler in passing' load proactor edge 8 --set dispatch.inline=false
# The arming as the kernel sees it: one-shot costs an epoll_ctl per request, edge none.
epoll_ctls() {
    strace -f -c -e trace=epoll_ctl -o "$scratch/strace.txt" "$build/apps/hello" --threads 2 \
        --set "dispatch.arming=$1" --set 'services.0.listen=[127.0.0.1:0]' 2>"$scratch/traced.log" &
    local tracer=$! port
    pids+=("$tracer")
    for _ in $(seq 200); do
        grep -q ready "$scratch/traced.log" && break
        sleep 0.05
    done
    port=$(port_of traced)
    # 200 requests, one after the other, on one connection.
    # shellcheck disable=SC2046
    curl -s -o /dev/null $(printf "http://127.0.0.1:$port/?%s " $(seq 200)) >/dev/null
    end_child "$tracer"
    wait "$tracer"
    awk '$NF == "epoll_ctl" { print $4 }' "$scratch/strace.txt"
}
# The traced server is the tracer's only child.
end_child() {
    kill -TERM "$(cat "/proc/$1/task/$1/children" | tr -d ' ')"
}
oneshot_arms_again() {
    local calls
    calls=$(epoll_ctls oneshot)
    echo "$calls calls"
    [ "$calls" -ge 200 ] && [ "$calls" -le 230 ]
}
edge_arms_once() {
    local calls
    calls=$(epoll_ctls edge)
    echo "$calls calls"
    [ "$calls" -le 20 ]
}
expect 'one-shot arming shows one epoll_ctl per request' oneshot_arms_again
expect 'edge arming shows none' edge_arms_once
end_servers
summary
