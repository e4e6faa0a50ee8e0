#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The page counter with both stores: a file that survives a kill, and a real Redis over the pool, under
# every model; what a client sees when the Redis goes and comes back.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

models=(leader_followers half_sync_half_async reactor proactor per_core)
loads=(leader_followers:4 half_sync_half_async:4 reactor:4 reactor:0 proactor:4 per_core:2)
# A handler that leases on a loop stops it: only pools are loaded with those.
blocking_loads=(leader_followers:4 half_sync_half_async:4 reactor:4 proactor:4)

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start_counter() {
    local name=$1
    shift
    start_server "$name" "$build/apps/counter" -c config/counter.yaml \
        --set 'services.0.listen=[127.0.0.1:0]' --set "counter.file=$scratch/counts.mdb" "$@" || return 1
    counter_pid=$server_pid
    port=$(port_of "$name")
}

end_counter() {
    kill -TERM "$counter_pid" && wait "$counter_pid"
}

get() {
    curl -s -m 10 "http://127.0.0.1:$port$1"
}

status_of() {
    curl -s -m 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port$1"
}

# ---- in a file ----------------------------------------------------------------------------------

counts_in_a_file() {
    start_counter "file-$1" --model "$1" &&
        get / | grep -q 'seen <b>' &&
        [ "$(get "/count?$1")" = 1 ] && [ "$(get "/blocking?$1")" = 2 ] &&
        curl -sI -m 10 "http://127.0.0.1:$port/count?$1" | grep -q '^HTTP/1.1 200' &&
        [ "$(get "/count?$1")" = 3 ] &&
        [ "$(status_of '/count?a/b')" = 400 ] &&
        end_counter
}
for model in "${models[@]}"; do
    expect "$model: counts in a file, HEAD does not count" counts_in_a_file "$model"
done

survives_a_kill() {
    local before after
    start_counter killed && wrk -t1 -c16 -d1 "http://127.0.0.1:$port/count?kill" >/dev/null
    before=$(get '/count?kill')
    kill -KILL "$counter_pid"
    wait "$counter_pid" 2>/dev/null
    start_counter again && after=$(get '/count?kill') && [ "$after" -eq $((before + 1)) ] && end_counter
}
expect 'a killed counter has lost nothing' survives_a_kill

names_a_bad_file() {
    "$build/apps/counter" -c config/counter.yaml --set 'services.0.listen=[127.0.0.1:0]' \
        --set "counter.file=$scratch/none/counts.mdb" 2>"$scratch/bad.log"
    [ $? -eq 70 ] && grep -q 'counter.file: .*No such file' "$scratch/bad.log"
}
expect 'a file that cannot be opened is named' names_a_bad_file

names_a_missing_upstream() {
    "$build/apps/counter" -c config/counter.yaml --set 'services.0.listen=[127.0.0.1:0]' \
        --set counter.store=redis --set counter.upstream=nobody 2>"$scratch/bad.log"
    [ $? -eq 70 ] && grep -q "no upstream 'nobody'" "$scratch/bad.log"
}
expect 'an upstream that is not configured is named' names_a_missing_upstream

# ---- in a Redis ---------------------------------------------------------------------------------

redis_port=$(free_port)
redis_pid=

start_redis() {
    redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$scratch" \
        >"$scratch/redis.log" 2>&1 &
    redis_pid=$!
    pids+=("$redis_pid")
    for _ in $(seq 100); do
        redis-cli -p "$redis_port" ping 2>/dev/null | grep -q PONG && return 0
        sleep 0.05
    done
    return 1
}

stop_redis() {
    kill -TERM "$redis_pid"
    wait "$redis_pid" 2>/dev/null
    return 0
}

start_over_redis() {
    local name=$1
    shift
    start_counter "$name" --set counter.store=redis \
        --set "upstreams=[{name: store, servers: [\"127.0.0.1:$redis_port\"], pool: {max: 8}}]" "$@"
}

redis_is_there() {
    start_redis
}
expect 'a Redis starts' redis_is_there

# The count in Redis is exactly what the clients were told, and nothing was lost on the way.
counts_in_redis() {
    local model=${1%:*} threads=${1#*:} path=$2 name told
    name="$model-$threads-${path#/}"
    redis-cli -p "$redis_port" del "paceline:$name" >/dev/null
    start_over_redis "$name" --model "$model" --threads "$threads" &&
        [ "$(get "$path?$name")" = 1 ] &&
        wrk -t1 -c32 -d1 "http://127.0.0.1:$port$path?$name" >"$scratch/wrk.txt" &&
        ! grep -E 'Socket errors|Non-2xx' "$scratch/wrk.txt" || return 1
    told=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$scratch/wrk.txt")
    end_counter || return 1
    # Between what wrk has seen and that plus what was under way when it left.
    local count
    count=$(redis-cli -p "$redis_port" get "paceline:$name")
    [ "$count" -ge $((told + 1)) ] && [ "$count" -le $((told + 1 + 32)) ]
}
for load in "${loads[@]}"; do
    expect "$load: every visit counts once, event-driven" counts_in_redis "$load" /count
done
for load in "${blocking_loads[@]}"; do
    expect "$load: every visit counts once, blocking" counts_in_redis "$load" /blocking
done

blocks_on_a_loop() {
    local log=$scratch/loop-$1.log
    start_over_redis "loop-$1" --model "$1" --threads "$2" &&
        [ "$(get "/blocking?loop-$1")" = 1 ] &&
        kill -USR1 "$counter_pid" &&
        { for _ in $(seq 100); do
            grep -q '"blocking_on_loop":1' "$log" && break
            sleep 0.05
        done; } &&
        grep -q '"blocking_on_loop":1' "$log" &&
        grep -q 'handler /blocking leases a connection on thread' "$log" &&
        end_counter
}
expect 'a lease on the loop of a reactor works, is counted and named' blocks_on_a_loop reactor 0
expect 'a lease on a loop of per_core works, is counted and named' blocks_on_a_loop per_core 2

goes_and_comes_back() {
    start_over_redis gone || return 1
    [ "$(status_of '/count?gone')" = 200 ] || return 1
    stop_redis
    [ "$(status_of '/count?gone')" = 503 ] && [ "$(status_of '/blocking?gone')" = 503 ] &&
        get '/count?gone' | grep -q 'the store: connect_failed' || return 1
    start_redis || return 1
    [ "$(status_of '/count?gone')" = 200 ] && [ "$(status_of '/blocking?gone')" = 200 ] && end_counter
}
expect 'without its Redis it answers 503 with the reason, and goes on when that is back' \
    goes_and_comes_back

says_what_redis_says() {
    redis-cli -p "$redis_port" set paceline:text abc >/dev/null
    start_over_redis text && [ "$(status_of '/count?text')" = 503 ] &&
        get '/count?text' | grep -q 'not an integer' && end_counter
}
expect "an error of Redis reaches the client in Redis's words" says_what_redis_says

figures_are_json() {
    start_over_redis json && get '/count?json' >/dev/null && kill -USR1 "$counter_pid" || return 1
    for _ in $(seq 100); do
        grep -q '^{.*}$' "$scratch/json.log" && break
        sleep 0.05
    done
    grep '^{' "$scratch/json.log" | python3 -c 'import json, sys
store = json.load(sys.stdin)["upstreams"][0]
assert store["name"] == "store" and store["leases"] == 1 and store["connects"] == 1, store
assert store["latency_us"]["count"] == 1, store' && end_counter
}
expect 'the figures of the pool stand in the line of JSON' figures_are_json

summary
