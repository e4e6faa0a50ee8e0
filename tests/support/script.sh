# SPDX-License-Identifier: Apache-2.0
# For test scripts: a scratch folder, servers that are ended by pid, and a count at the end.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD
build=${PL_BUILD:-$root/build}
passed=0 failed=0 pids=()
scratch=$(mktemp -d) || exit 1

end_servers() {
    local pid
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null
    done
    pids=()
}
trap 'end_servers; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# expect NAME COMMAND...: passes when the command does.
expect() {
    local name=$1
    shift
    if "$@" >"$scratch/expect.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $((passed + failed)) - $name"
    else
        failed=$((failed + 1))
        echo "not ok $((passed + failed)) - $name"
        tail -n 20 "$scratch/expect.log"
    fi
}

# command_ends CODE PATTERN COMMAND...: with this exit code, and saying what matches the pattern.
command_ends() {
    local wanted=$1 pattern=$2 text code
    shift 2
    text=$(timeout 60 "$@" 2>&1 </dev/null)
    code=$?
    echo "exit code $code: $text"
    [ "$code" -eq "$wanted" ] && grep -qE -- "$pattern" <<<"$text"
}

# start_server NAME COMMAND...: waits until it serves; its log is $scratch/NAME.log.
start_server() {
    local name=$1
    shift
    : >"$scratch/$name.log" # a log of the same name may say "ready" already
    "$@" 2>"$scratch/$name.log" &
    server_pid=$!
    pids+=("$server_pid")
    for _ in $(seq 200); do
        grep -qE '(ready|"ready"})$' "$scratch/$name.log" && return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$scratch/$name.log"
    return 1
}

# The port of the n-th address in a server's log.
port_of() {
    sed -n 's/.*listening on [^ ]*:\([0-9]*\)$/\1/p' "$scratch/$1.log" | sed -n "${2:-1}p"
}

# One of the server's counters, from its line of statistics.
counter_of() {
    local name=$1 pid=$2 counter=$3 lines
    lines=$(grep -c '^{"conns_open"' "$scratch/$name.log")
    kill -USR1 "$pid"
    for _ in $(seq 200); do
        [ "$(grep -c '^{"conns_open"' "$scratch/$name.log")" -gt "$lines" ] && break
        sleep 0.02
    done
    grep '^{"conns_open"' "$scratch/$name.log" | tail -n 1 |
        sed -n "s/.*\"$counter\":\([0-9]*\).*/\1/p"
}

summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
