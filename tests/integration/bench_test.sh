#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# paceline-bench as a user runs it: that what is wrong is found, that every row of its tables is
# filled, and that nothing of it stays behind. It asserts no speed.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
bench=$build/apps/paceline-bench
export TMPDIR=$scratch

# ends CODE PATTERN ARGUMENTS...
ends() { command_ends "$1" "$2" "$bench" "${@:3}"; }

# Every process that a measurement starts has our TMPDIR in its environment.
nothing_left() {
    local pid
    for pid in /proc/[0-9]*; do
        if grep -qzxF "TMPDIR=$scratch" "$pid/environ" 2>/dev/null; then
            echo "still there: ${pid#/proc/} $(tr '\0' ' ' <"$pid/cmdline")"
            return 1
        fi
    done
    ! ls -d "$scratch"/paceline-bench.?????? 2>/dev/null
}

# ---- wrong use ------------------------------------------------------------------------------------

expect 'without a command it says what it needs' ends 64 'expected a command'
expect 'an unknown command is named' ends 64 "unknown command 'bla'" bla
expect '--help names the commands' ends 0 '^  models ' --help
expect 'a command has its own help' ends 0 '--connections' load --help
expect 'load needs a target' ends 64 'no target' load
expect 'a number is a number' ends 64 "--connections: expected .* not '1x'" load -c 1x
expect 'an address has a port' ends 64 'expected HOST:PORT' load --target localhost
expect 'a port has a bound' ends 64 'up to 65535' load --target 127.0.0.1:99999
expect 'an unknown option points to the help' ends 64 'load --help' load --bla
expect 'an unknown scenario is named' ends 64 "unknown scenario 'bla'" peers --only bla
expect 'an unknown word of a contender is named' ends 64 "unknown word 'bla', expected oneshot" \
    peers --contenders reactor+bla
expect 'an unknown contender is named' ends 64 "'ngnix' is none of nginx, .* expected one of leader" \
    peers --contenders nginx,ngnix
expect 'a contender that Paceline refuses is named' ends 64 "'per_core\+0'.* at least 1 thread" \
    peers --contenders per_core+0
expect 'an unknown model is named' ends 64 \
    "--models: 'reacter': .*'model': expected one of .*did you mean 'reactor'" models --models reacter
expect 'a model that the application refuses is named' ends 64 "'per_core\+0'.* at least 1 thread" \
    models --models reactor,per_core+0
for command in peers models; do
    expect "$command: an unknown setting is named" ends 78 'dispatch.modl: there is no such key' \
        "$command" --set dispatch.modl=reactor
    expect "$command: so is a value that is none" ends 78 \
        "'arming': expected one of oneshot, edge, not 'bla'" "$command" --set dispatch.arming=bla
    expect "$command: a setting has a key and a value" ends 64 "expected KEY=VALUE, not '=bla'" \
        "$command" --set =bla
    expect "$command: only options" ends 64 "only options are expected, not 'x'" "$command" x
done
for list in '' , saturated, ,echo; do
    expect "peers --only '$list' lacks a word" ends 64 'only: an empty word' peers --only "$list"
    expect "peers --contenders '$list' too" ends 64 'contenders: ' peers --contenders "$list"
    expect "models --models '$list' too" ends 64 'models: ' models --models "$list"
done
expect 'nothing to measure is wrong use' ends 64 'one thread only' peers --only one --threads 2
expect 'what an application says for itself is shown' ends 69 \
    "ls --print-config ended with 2: .*unrecognized option" models --app "$(command -v ls)"
expect 'also that it says nothing' ends 69 'ended with 1: it ended without a word' models \
    --app "$(command -v false)"
expect 'floor knows its kinds' ends 64 "unknown floor 'bla'" floor bla --listen 127.0.0.1:0
expect 'a server that is not there is' ends 69 'refused' load --target 127.0.0.1:1
expect 'an application that is not there is' ends 69 'no program' models --app paceline-nobody

# ---- files ----------------------------------------------------------------------------------------

# A word of the progress would say that something was measured.
unwritable() {
    local option=$1 path=$2
    shift 2
    ends 73 "^paceline-bench: $path.* cannot be written: " "$@" "$option" "$path" &&
        ! "$bench" "$@" "$option" "$path" 2>&1 | grep -q '^\['
}
for option in --json --page; do
    expect "models $option: a folder that is not there" \
        unwritable "$option" "$scratch/nowhere/x" models
    expect "peers $option: a folder that is not there" unwritable "$option" "$scratch/nowhere/x" peers
    expect "claims $option: a folder that is not there" \
        unwritable "$option" "$scratch/nowhere/x" claims epoll threads
    expect "models $option: a folder" unwritable "$option" "$scratch" models
done
keeps_the_old() {
    echo old >"$scratch/old"
    "$bench" models --json "$scratch/old" --app /nowhere/app 2>"$scratch/said"
    [ $? -eq 69 ] && [ "$(cat "$scratch/old")" = old ] &&
        ends 73 'x cannot be written' models --json "$scratch/old" --page /nowhere/x &&
        [ "$(cat "$scratch/old")" = old ]
}
expect 'what stands there stays until there is something to write' keeps_the_old
short_models=(models --quick --quiet --rounds 1 --models reactor)
expect 'a file that becomes full is the same failure' ends 73 'full cannot be written: No space' \
    "${short_models[@]}" --json /dev/full
full_output() {
    "$bench" "${short_models[@]}" >/dev/full 2>"$scratch/said"
    [ $? -eq 73 ] && grep -q 'standard output cannot be written: No space' "$scratch/said"
}
expect 'so is the standard output' full_output
claims_to_stdout() {
    "$bench" claims epoll --quick --quiet --rounds 1 --json - | python3 -m json.tool
}
expect 'claims: JSON on the standard output alone' claims_to_stdout
without_gnuplot() {
    (PATH=$scratch && exec "$bench" models --page "$scratch/page.html") 2>"$scratch/said"
    [ $? -eq 69 ] && grep -q "no program 'gnuplot'" "$scratch/said" && [ ! -e "$scratch/page.html" ]
}
expect 'without gnuplot no page is begun' without_gnuplot

# The empty paragraphs are scdoc's way to space things; every other warning is ours.
manual() {
    scdoc <docs/man/paceline-bench.1.scd >"$scratch/paceline-bench.1" || return 1
    mandoc -T lint -W warning "$scratch/paceline-bench.1" >"$scratch/lint.txt"
    ! grep -v 'skipping paragraph macro' "$scratch/lint.txt"
}
expect 'the manual is one' manual
manual_names_all() {
    local command word
    for command in models peers fairness timeline claims load floor; do
        for word in $("$bench" "$command" --help | grep -oE -- '--[a-z-]+' | sort -u); do
            [ "$word" = --help ] || grep -qF -- "$word" docs/man/paceline-bench.1.scd ||
                { echo "no option $word of $command"; return 1; }
        done
    done
}
expect 'the manual names every option' manual_names_all

# ---- load -----------------------------------------------------------------------------------------

cat >"$scratch/server.yaml" <<'YAML'
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http: { routes: [ { path: /ping, reply: { text: "pong\n" } } ] }
  - { name: echo, protocol: line, listen: [ "127.0.0.1:0" ] }
YAML
expect 'the server starts' start_server right "$build/apps/paceline" -c "$scratch/server.yaml"
web=127.0.0.1:$(port_of right 1)
echo=127.0.0.1:$(port_of right 2)
short=(--warm-up 0.03 --seconds 0.1)
printf 'pong\n' >"$scratch/pong"
printf 'pang\n' >"$scratch/pang"

expect 'closed loop' ends 0 '^errors +0$' load --target "$web" --path /ping "${short[@]}"
expect 'pipelined' ends 0 '^errors +0$' load --target "$web" --path /ping -d 16 "${short[@]}"
expect 'a connection per request' ends 0 '^errors +0$' load --target "$web" --path /ping \
    --new-connection -c 8 "${short[@]}"
expect 'open loop' ends 0 '[0-9]+ were due' load --target "$web" --path /ping --rate 500 \
    "${short[@]}"
expect 'with rests' ends 0 '^errors +0$' load --target "$web" --path /ping --think 5 "${short[@]}"
expect 'greedy beside polite' ends 0 '^greedy ' load --target "$web" --path /ping --rate 200 \
    --greedy 2 --greedy-depth 32 "${short[@]}"
expect 'idle ones beside' ends 0 '^errors +0$' load --target "$web" --path /ping --idle 300 \
    "${short[@]}"
expect 'lines' ends 0 '^errors +0$' load --target "$echo" --protocol line --line 'one two' \
    "${short[@]}"
expect 'so many and no more' ends 0 '"requests":1000,' load --target "$web" --path /ping -c 1 \
    --requests 1000 --seconds 30 --json
expect 'the expected body' ends 0 '^errors +0$' load --target "$web" --path /ping \
    --expect-body "$scratch/pong" "${short[@]}"
expect 'another body than the expected' ends 69 'not the expected' load --target "$web" \
    --path /ping --expect-body "$scratch/pang"
expect 'an error is no template' ends 69 "'HTTP/1.1 404" load --target "$web" --path /nothing
expect 'unless it is meant' ends 0 '^errors +0$' load --target "$web" --path /nothing \
    --any-status "${short[@]}"

load_json() {
    "$bench" load --target "$web" --path /ping "${short[@]}" --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
assert found["polite"]["requests"] > 0 and found["polite"]["p50_us"] > 0
assert set(found["errors"].values()) == {0}'
}
expect 'JSON' load_json

wrong() {
    local mode=$1 pattern=$2
    start_server "wrong-$mode" python3 tests/support/wrong_server.py "$mode" &&
        ends 1 "$pattern" load --target "127.0.0.1:$(port_of "wrong-$mode")" -c 1 \
            --requests 200 --seconds 10
}
expect 'a wrong byte in the 100th reply' wrong byte 'byte 42 of reply 100 is 0x30, expected 0x6f'
expect 'a short reply' wrong short 'closed .*: 41 bytes into reply 100, 1 outstanding'
expect 'a close instead of a reply' wrong close 'closed .*: 0 bytes into reply 100, 1 outstanding'
expect 'more than a reply' wrong extra 'wrong bytes'
end_servers

# ---- floors ---------------------------------------------------------------------------------------

floor() {
    local kind=$1
    shift
    "$bench" floor "$kind" --listen 127.0.0.1:0 --loops 2 "$@" 2>"$scratch/floor.log" &
    pids+=($!)
    for _ in $(seq 200); do
        grep -q listening "$scratch/floor.log" && return 0
        sleep 0.02
    done
    return 1
}
floor_http() {
    floor connection && ends 0 '^errors +0$' load --target "127.0.0.1:$(port_of floor)" \
        --new-connection "${short[@]}"
}
expect 'a floor closes after its reply' floor_http
floor_echo() {
    floor echo && ends 0 '^errors +0$' load --target "127.0.0.1:$(port_of floor)" \
        --protocol line "${short[@]}"
}
expect 'a floor echoes' floor_echo
# Clients that leave in the middle of a file; the floor has to stand them all.
floor_file() {
    local i
    head -c 65536 /dev/zero >"$scratch/file"
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n' >"$scratch/head"
    floor file --file "$scratch/file" --reply "$scratch/head" || return 1
    for i in $(seq 12); do
        ends 0 '^errors +0$' load --target "127.0.0.1:$(port_of floor)" --warm-up 0 \
            --seconds 0.03 || { echo "round $i"; return 1; }
    done
}
expect 'a floor outlives clients that leave' floor_file
end_servers

# ---- peers and models -----------------------------------------------------------------------------

rows_of() {
    python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
rows = {row["name"]: row for row in report["rows"]}
assert set(rows) == set(sys.argv[2].split(",")), list(rows)' "$1" "$2"
}
peers() {
    ends 0 '^nginx ' peers --quick --quiet --only saturated --json "$scratch/peers.json" &&
        rows_of "$scratch/peers.json" per_core,leader_followers,reactor+0,half_sync_half_async,reactor,proactor,nginx,h2o,lighttpd,haproxy
}
expect 'peers fills every row, or says why not' peers
every_scenario() {
    ends 0 '^leader_followers' peers --quick --quiet --contenders leader_followers,lighttpd &&
        narrow peers --quick --quiet --contenders half_sync_half_async,lighttpd --pairs 2
}
# No line of its tables is wider than 100 columns.
narrow() {
    "$bench" "$@" | LC_ALL=C.UTF-8 awk '/^A cell is/ { exit bad } length($0) > 100 { print; bad = 1 }
        END { exit bad }'
}
expect 'every scenario, in tables that a terminal shows' every_scenario
expect 'models too' narrow models --quick --quiet --models half_sync_half_async
# As many as are needed to tell a difference from chance; nine pairs unless told.
tells() {
    ends 0 '^reactor ' peers --seconds 0.03 --quiet --only saturated --contenders reactor,proactor \
        --json "$scratch/tells.json" &&
        python3 -c '
import json, sys
cells = [row["cells"]["saturated"] for row in json.load(open(sys.argv[1]))["rows"]]
assert [len(cell["values"]) for cell in cells] == [9, 9], cells
assert [cell["differs_from_best"] for cell in cells].count(None) <= 1, cells' "$scratch/tells.json"
}
expect 'without options peers can tell a difference' tells
quick_but() {
    ends 0 '^reactor ' models --quick --rounds 3 --seconds 0.02 --quiet --models reactor \
        --json "$scratch/quick.json" && grep -q '3 rounds of 0.02 s' "$scratch/quick.json"
}
expect '--quick leaves what is said beside it' quick_but
# A service that cannot listen is found by no look at the configuration.
no_start=(--quick --quiet --set 'services.1.listen=[unix:/nowhere/x]')
expect 'a model that does not start is a failure, in its own words' ends 1 \
    '^reactor: work: cannot listen on unix:/nowhere/x: bind: No such file or directory$' \
    models "${no_start[@]}" --models reactor
expect 'so is a contender' ends 1 'reactor: paceline: cannot listen on unix:/nowhere/x: bind: No such' \
    peers "${no_start[@]}" --only saturated --contenders reactor
expect 'with two threads' ends 0 '^proactor' peers --quick --quiet --threads 2 \
    --only saturated,file --contenders proactor
models() {
    ends 0 '^proactor ' models --quick --quiet --json "$scratch/models.json" &&
        rows_of "$scratch/models.json" 'leader_followers,half_sync_half_async,reactor,reactor+0,proactor,per_core,leader_followers (again)'
}
expect 'models fills every row' models
expect 'a configuration of the user' ends 0 '^reactor ' models --quick --quiet \
    --app "$build/apps/paceline" -c "$scratch/server.yaml" --target /ping --models reactor
expect 'and its lines' ends 0 '^reactor ' models --quick --quiet \
    --app "$build/apps/paceline" -c "$scratch/server.yaml" --target hello --models reactor
expect 'a page that is not there is a failure' ends 1 "first reply is 'HTTP/1.1 404" models --quick \
    --quiet --target /nothing --models reactor

# ---- fairness -------------------------------------------------------------------------------------

expect 'a list of counts holds numbers' ends 64 '--greedy: expected .* not .four' fairness \
    --greedy 1,four
expect 'nobody greedy is no measurement' ends 64 '--greedy: expected' fairness --greedy 0
expect 'a table has so many rows' ends 64 'more than 24 rows' fairness --greedy 1,2,3,4,5
expect 'a model that nobody knows is refused' ends 64 "'nobody'.*expected one of" fairness --quick \
    --quiet --models nobody
# A row per number of greedy clients; a bound follows from the configuration, all else is measured.
fairness() {
    ends 0 '^reactor\+0 +2 ' fairness --quick --quiet --models reactor+0 --greedy 1,2 \
        --set dispatch.turn.time=2ms --json "$scratch/fairness.json" || return 1
    python3 - "$scratch/fairness.json" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
rows = {row['name']: row for row in report['rows']}
assert list(rows) == ['reactor+0, 1 greedy', 'reactor+0, 2 greedy'], list(rows)
keys = {'offered_per_s', 'served_percent', 'alone_p50_us', 'alone_p99_us', 'budget_on_p50_us',
        'budget_on_p99_us', 'budget_off_p50_us', 'budget_off_p99_us', 'growth_us',
        'alone_served_percent', 'budget_off_served_percent', 'greedy_per_s',
        'budget_off_greedy_per_s', 'generator_busy_percent', 'budget_off_generator_busy_percent'}
for number, row in enumerate(rows.values(), 1):
    assert set(row['cells']) == keys, row['cells'].keys() ^ keys
    for key, cell in row['cells'].items():
        assert len(cell['values']) == 2 and cell['median'] is not None, (key, cell)
    assert row['cells']['served_percent']['target'] == 95
    assert row['cells']['growth_us']['target'] == 2 * number * 2000
PYTHON
}
expect 'fairness fills every row' fairness
fairness_shape() {
    "$bench" fairness --quick --quiet --models half_sync_half_async+2 --greedy 1 --target hello \
        >"$scratch/fairness.txt"
    cat "$scratch/fairness.txt"
    awk 'length > 100 { exit 1 }' "$scratch/fairness.txt" &&
        grep -qE '^model +greedy +req/s +served +p50 +p99 ' "$scratch/fairness.txt" &&
        grep -qE '^ +1( +-?[0-9.]+[sM]?!?){9} +150( [?~])?$' "$scratch/fairness.txt"
}
expect 'lines, and a table that fits' fairness_shape
expect 'nothing is left behind' nothing_left

# interrupted STEP PATTERN ARGUMENTS...: SIGINT in that step.
interrupted() {
    local at=$1 pattern=$2 pid code
    shift 2
    "$bench" "$@" --json "$scratch/interrupted.json" >"$scratch/interrupted.txt" \
        2>"$scratch/progress.txt" &
    pid=$!
    for _ in $(seq 1000); do
        grep -q "^\[$at/" "$scratch/progress.txt" && break
        sleep 0.02
    done
    ! nothing_left || return 1 # the look itself finds what is there
    kill -INT "$pid"
    wait "$pid"
    code=$?
    cat "$scratch/interrupted.txt"
    [ "$code" -eq 130 ] && grep -qE "$pattern" "$scratch/interrupted.txt" &&
        python3 -m json.tool "$scratch/interrupted.json" >/dev/null && nothing_left
}
expect 'SIGINT in the middle prints what was found' interrupted 3 '^leader_followers +[0-9]' \
    models --seconds 0.2
expect 'SIGINT in the middle of fairness does' interrupted 6 '^reactor +1 +[0-9]' \
    fairness --seconds 0.2 --models reactor

killed() {
    local pid
    "$bench" peers --quiet --only saturated --contenders leader_followers >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 500); do
        compgen -G "$scratch/paceline-bench.??????/floor.log" >/dev/null && break
        sleep 0.02
    done
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    for _ in $(seq 250); do
        rm -rf "$scratch"/paceline-bench.??????
        nothing_left >/dev/null && return 0
        sleep 0.02
    done
    nothing_left
}
expect 'servers end with it, even when it is killed' killed

# ---- the parser -----------------------------------------------------------------------------------

# A program of the tests: the release build has none.
parse_speed=$build/tests/speed/parse_speed
[ -x "$parse_speed" ] || parse_speed=build-check/tests/speed/parse_speed
parsers_are_measured() {
    "$parse_speed" --quick >"$scratch/parsers.txt" || return 1
    cat "$scratch/parsers.txt"
    [ "$(grep -cE '^(minimal|browser|cookies) +[0-9]+ +[0-9]+  .*( +[0-9]+\.[0-9]+){4}$' \
        "$scratch/parsers.txt")" -eq 9 ]
}
expect 'the parser of requests is measured beside http-parser' parsers_are_measured
expect 'and says what it takes' command_ends 64 'Usage: parse_speed \[--quick\]' "$parse_speed" --slow
summary
