# SPDX-License-Identifier: Apache-2.0
# A server whose model changes under wrk: what that costs, and that nobody is lost. Sourced by
# quickstart.

swap_seconds=${PL_SWAP_SECONDS:-10}
swap_quiet_seconds=$((swap_seconds < 3 ? swap_seconds : 3))
swap_clients=64
swaps_done=0

# Every model, each more than one way.
swap_changes=('model=reactor threads=4' 'model=per_core threads=2' 'model=half_sync_half_async threads=4'
    'model=leader_followers threads=4 promotion=always' 'model=proactor threads=4'
    'model=reactor threads=0' 'model=per_core threads=3 arming=oneshot'
    'model=leader_followers threads=4 promotion=kernel' 'model=proactor threads=2'
    'model=leader_followers threads=4 promotion=adaptive arming=edge')

swap_ctl() {
    build/apps/paceline-ctl -s "$scratch/swap.sock" "$@"
}

swap_stat() { # NAME
    swap_ctl --json stats | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

swap_start() {
    cat >"$scratch/swap.yaml" <<'YAML'
control: { socket: swap.sock }
dispatch: { model: leader_followers, threads: 4 }
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ] }
  - { name: echo, protocol: line, listen: [ "127.0.0.1:0" ] }
YAML
    start_server build/apps/work -c "$scratch/swap.yaml" && swap_port=$(port_in_log 1) &&
        [ -n "$swap_port" ]
}

swap_wrk() { # SECONDS
    wrk -t1 -c"$swap_clients" -d"$1" --timeout 5s --latency "http://127.0.0.1:$swap_port/"
}

swap_without() {
    swap_wrk "$swap_quiet_seconds" >"$scratch/quiet.txt"
}

# All clients have their connection.
swap_await_clients() {
    for _ in $(seq 500); do
        [ "$(swap_stat conns_open)" -lt "$swap_clients" ] || return 0
        sleep 0.02
    done
    return 1
}

swap_often() { # as long as this PROCESS lives
    local changes
    while kill -0 "$1" 2>/dev/null; do
        read -ra changes <<<"${swap_changes[swaps_done % ${#swap_changes[@]}]}"
        swap_ctl swap default "${changes[@]}" || return 1
        swaps_done=$((swaps_done + 1))
        sleep 0.2
    done
}

# A client whose connection is closed opens another one.
swap_under_load() {
    local load before code=0
    swap_wrk "$swap_seconds" >"$scratch/swaps.txt" &
    load=$!
    swap_await_clients && before=$(swap_stat accepts) && swap_often "$load" || code=1
    [ "$code" -eq 0 ] || kill "$load" 2>/dev/null
    wait "$load" || code=1
    [ "$code" -eq 0 ] && swap_closed=$(($(swap_stat accepts) - before)) && swap_await_nobody
}

# A connection that nobody looks after stays open when its client has left.
swap_await_nobody() {
    for _ in $(seq 500); do
        swap_left=$(swap_stat conns_open)
        [ "$swap_left" -ne 0 ] || break
        sleep 0.02
    done
}

# What wrk counts as an error, and replies other than 200.
swap_lost() {
    awk '/Socket errors/ { gsub(",", ""); lost += $4 + $6 + $8 + $10 }
         /Non-2xx/ { lost += $NF }
         END { print lost + 0 }' "$1"
}

swap_verdict() {
    local lost
    lost=$(($(swap_lost "$scratch/swaps.txt") + swap_left))
    echo "$(field_of_wrk count "$scratch/swaps.txt") requests, $swaps_done swaps, $lost lost," \
        "$swap_closed connections closed, longest pause" \
        "$(awk '$1 == "Latency" && $4 ~ /s$/ { print $4; exit }' "$scratch/swaps.txt")," \
        "p99 $(field_of_wrk p99 "$scratch/swaps.txt")" \
        "(p99 without swaps $(field_of_wrk p99 "$scratch/quiet.txt"))"
    [ "$lost" -eq 0 ] && [ "$swap_closed" -eq 0 ] && [ "$swaps_done" -gt 0 ]
}

show_swap() {
    steps_begin
    steps_plan packages 10 build 60 'the server' 1 \
        "$swap_quiet_seconds s of wrk without swaps" "$swap_quiet_seconds" \
        "$swap_seconds s of wrk, the model swapped every 200 ms" "$swap_seconds"
    step packages install_missing "${build_packages[@]}" "${show_packages[@]}" || return 1
    step build build_release || return 1
    step 'the server' swap_start || return 1
    step "$swap_quiet_seconds s of wrk without swaps" swap_without || return 1
    step "$swap_seconds s of wrk, the model swapped every 200 ms" swap_under_load || return 1
    swap_verdict
}

# The test of the swap, as long as it takes for so many requests; it says itself how far it is.
test_swap() { # REQUESTS
    steps_begin
    steps_plan packages 10 build 60
    step packages install_missing "${build_packages[@]}" "${check_packages[@]}" || return 1
    step build configure_and_make build-check tests/integration/swap_test -- --enable-werror \
        --enable-debug --disable-shared CFLAGS="-O1 -g" || return 1
    PL_SWAP_REQUESTS=$1 build-check/tests/integration/swap_test 'every_model*'
}
