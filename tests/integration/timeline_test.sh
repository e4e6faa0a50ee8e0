#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The timeline end to end: what a server writes of its threads while it serves, the picture of each
# model as the documents show it, and every mistake one can make. Nothing here asserts a time.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
bench=$build/apps/paceline-bench
paceline=$build/apps/paceline
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp
models=(leader_followers half_sync_half_async reactor proactor per_core)

# A server of ours has this scratch folder in its command line.
nothing_left() {
    ls -A "$TMPDIR"
    [ -z "$(ls -A "$TMPDIR")" ] &&
        ! grep -lsF "$TMPDIR" /proc/[0-9]*/cmdline
}

# wait_for COMMAND...: at most ten seconds.
wait_for() {
    for _ in $(seq 500); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}

# A record whose threads stand together, ascend, and have at most MAX lines each.
is_record() {
    awk -v max="$2" '
        NF != 3 || $3 !~ /^(idle|leader|processing)$/ { print "line " NR ": " $0; bad = 1 }
        $1 != thread { if (seen[$1]++) { print $1 " again"; bad = 1 }
                       thread = $1; last = 0; lines = 0 }
        $2 + 0 < last { print "line " NR ": " $2 " after " last; bad = 1 }
        ++lines > max { print thread " has more than " max; bad = 1 }
        { last = $2 + 0 }
        END { exit bad || NR == 0 }' "$1"
}

# picture FILE MODEL: rows of the model's threads alone, two roles or more, arrows where some are due.
picture() {
    python3 - "$@" <<'PYTHON'
import re, sys, xml.etree.ElementTree as xml
path, model = sys.argv[1:]
prefixes = {'leader_followers': ('lf-',), 'per_core': ('loop-',)}.get(model, ('io-', 'worker-'))
svg = xml.parse(path).getroot()
assert svg.tag.endswith('}svg'), svg.tag
texts = [(e.get('class', ''), e.text) for e in svg.iter() if e.tag.endswith('}text')]
rows = [text for classes, text in texts if 'tl-end' in classes.split()]
assert rows and len(set(rows)) == len(rows), rows
assert all(row.startswith(prefixes) for row in rows), rows
assert any(model in text for classes, text in texts if 'tl-title' in classes.split()), texts
absent = sum(int(n) for _, text in texts for n in re.findall(r'(\d+) more thread', text))
if model in ('leader_followers', 'half_sync_half_async', 'reactor', 'proactor'):
    assert len(rows) + absent == (4 if model == 'leader_followers' else 5), (rows, absent)
# The legend has one of each.
paths = [e for e in svg.iter() if e.tag.endswith('}path') and e.get('d', '').startswith('M')]
roles = [e.get('class') for e in paths]
seen = {role for role in ('tl-idle', 'tl-leader', 'tl-processing') if roles.count(role) > 1}
assert len(seen) >= 2, seen
arrows = roles.count('tl-arrow') - 1
assert arrows >= 1 if model == 'leader_followers' else arrows == 0 if model == 'per_core' else True, arrows
print(path, rows, absent, seen, arrows)
PYTHON
}

# ---- a picture of every model -------------------------------------------------------------------

draws() {
    local model=$1
    "$bench" timeline --model "$model" --out "$scratch/timeline_$model.svg" \
        --record "$scratch/$model.txt" >"$scratch/said" 2>&1 || { cat "$scratch/said"; return 1; }
    [ ! -s "$scratch/said" ] && picture "$scratch/timeline_$model.svg" "$model" &&
        is_record "$scratch/$model.txt" 16384 && nothing_left
}
for model in "${models[@]}"; do
    expect "$model: a picture and its record, and no process or file left" draws "$model"
    expect "$model: the documents have its picture" picture "docs/img/timeline_$model.svg" "$model"
done

draws_again() {
    "$bench" timeline --draw "$scratch/reactor.txt" --ms 5 --out "$scratch/again.svg" &&
        "$bench" timeline --draw - --ms 5 <"$scratch/reactor.txt" >"$scratch/piped.svg" &&
        xml "$scratch/again.svg" && cmp "$scratch/again.svg" "$scratch/piped.svg"
}
xml() {
    python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1"
}
expect 'a record is drawn again, from a file and from the standard input' draws_again

of_its_own() {
    cat >"$scratch/own.yaml" <<YAML
dispatch: { model: proactor, threads: 3 }
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ] }
YAML
    "$bench" timeline --app "$build/apps/hello" -c "$scratch/own.yaml" --model reactor \
        --connections 4 --ms 10 --record "$scratch/own.txt" >"$scratch/own.svg" || return 1
    xml "$scratch/own.svg" && is_record "$scratch/own.txt" 16384 &&
        grep -q '^io-0 ' "$scratch/own.txt" && nothing_left
}
expect 'an application of its own, with its configuration' of_its_own

# ---- a server that is asked while it serves -----------------------------------------------------

mkdir "$scratch/here"
cat >"$scratch/here/server.yaml" <<YAML
timeline: { entries: 100, file: roles.txt }
dispatch: { threads: 4 }
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
  - name: other
    protocol: http
    listen: [ "127.0.0.1:0" ]
    dispatch: { model: leader_followers, threads: 2 }
YAML
expect 'a server with a timeline starts' \
    start_server asked "$build/apps/work" -c "$scratch/here/server.yaml"
asked_pid=$server_pid

wrote() {
    [ "$(grep -c 'timeline: written to' "$scratch/asked.log")" -ge "$1" ]
}

while_it_serves() {
    local i load code=0
    "$bench" load --target "127.0.0.1:$(port_of asked 1)" --path / --connections 8 --seconds 60 \
        >"$scratch/load.txt" 2>&1 &
    load=$!
    pids+=("$load")
    for i in $(seq 20); do
        kill -USR1 "$asked_pid"
        wait_for wrote "$i" && is_record "$scratch/here/roles.txt" 100 || code=1
    done
    kill -INT "$load"
    wait "$load"
    pids=("$asked_pid")
    grep -c . "$scratch/here/roles.txt"
    return "$code"
}
expect 'asked twenty times under load, each record is whole, ascends and keeps to its bound' \
    while_it_serves
is_full() {
    [ "$(grep -c '^lf-. ' "$scratch/here/roles.txt")" -ge 100 ]
}
expect 'the ring of a busy thread is full' is_full
expect 'the file is beside the configuration, alone' \
    test "$(ls -A "$scratch/here" | tr '\n' ' ')" = 'roles.txt server.yaml '
drawable() {
    grep -q '^lf-0/1 ' "$scratch/here/roles.txt" &&
        "$bench" timeline --draw "$scratch/here/roles.txt" --out "$scratch/two.svg" &&
        xml "$scratch/two.svg"
}
expect 'threads of two engines are told apart, and drawn' drawable
stops() {
    rm "$scratch/here/roles.txt"
    kill -TERM "$asked_pid"
    wait "$asked_pid" || return 1
    pids=()
    is_record "$scratch/here/roles.txt" 100
}
expect 'the stop writes it too' stops

goes_on() {
    start_server nowhere "$build/apps/work" --set 'services.0.listen=[127.0.0.1:0]' \
        --set 'services.1.listen=[127.0.0.1:0]' --set timeline.entries=10 \
        --set "timeline.file=$scratch/nowhere/roles.txt" || return 1
    kill -USR1 "$server_pid"
    wait_for grep -q 'nowhere/roles.txt cannot be written' "$scratch/nowhere.log" || return 1
    curl -sf "http://127.0.0.1:$(port_of nowhere)/" || return 1
    kill -TERM "$server_pid"
    wait "$server_pid"
    local code=$?
    pids=()
    [ "$code" -eq 0 ]
}
expect 'a file that cannot be written is logged, and the server goes on' goes_on

# ---- mistakes -----------------------------------------------------------------------------------

sets() {
    local wanted=$1 pattern=$2
    shift 2
    command_ends "$wanted" "$pattern" "$paceline" --check "${@/#/--set=}"
}
expect 'entries without a file' sets 78 'timeline: `entries` without a `file`' timeline.entries=5
expect 'a file without entries' sets 78 'a `file`, but `entries` is 0' timeline.file=x
expect 'an empty file is none' sets 78 'without a `file`' timeline.entries=5 'timeline.file=""'
expect 'a folder is no file' sets 78 'not the folder .*x/' timeline.entries=5 timeline.file=x/
expect 'too many entries' sets 78 'from 0 to 65536, not .65537' timeline.entries=65537
expect 'both are good' sets 0 'is good' timeline.entries=65536 timeline.file=x
printf 'timeline: { entries: 0, file: "" }\nservices: [ { listen: [ "127.0.0.1:0" ] } ]\n' \
    >"$scratch/off.yaml"
expect 'said to be off, it is off' command_ends 0 'is good' "$paceline" --check -c "$scratch/off.yaml"

mistake() {
    local wanted=$1 pattern=$2
    shift 2
    command_ends "$wanted" "$pattern" "$bench" timeline "$@" && nothing_left
}
expect 'an unknown model, in the words of the application' \
    mistake 64 "--model: 'reacter': .*expected one of .*did you mean 'reactor'" --model reacter
expect 'a path that is none' mistake 64 "path: expected a path from / on without spaces, not 'x'" --path x
expect 'too short' mistake 64 'ms: ' --ms 0
expect 'one connection has nobody beside it' mistake 64 'connections' --connections 1
expect 'an unknown option' mistake 64 'timeline' --fast
expect 'an argument too many' mistake 64 'only options are expected' x
expect 'no such application' mistake 69 "no program" --app "$scratch/nothing"
expect 'no such configuration' mistake 66 'nothing.yaml: cannot be read' -c "$scratch/nothing.yaml"
expect 'an application without HTTP' mistake 78 'no service of the protocol http' \
    --app "$build/apps/echo"
expect 'no such record' mistake 66 'No such file' --draw "$scratch/nothing.txt"
echo 'lf-0 12 leading' >"$scratch/bad.txt"
expect 'a record that is none' mistake 65 'bad.txt:1: "leading" is no role' --draw "$scratch/bad.txt"
expect 'an empty record is none' mistake 65 'is empty, expected lines' --draw /dev/null
expect 'a folder is no file' mistake 66 'cannot be read: Is a directory' --draw "$scratch"
for option in --out --record; do
    expect "$option: a file that cannot be written" mistake 73 \
        'nowhere/x cannot be written: No such file' "$option" "$scratch/nowhere/x"
done
expect 'nor when a record is drawn' mistake 73 'nowhere/x.svg cannot be written: No such file' \
    --draw "$scratch/reactor.txt" --out "$scratch/nowhere/x.svg"
expect 'a picture that does not fit is the same failure' mistake 73 'full cannot be written' \
    --draw "$scratch/reactor.txt" --out /dev/full
keeps_the_old() {
    echo old >"$scratch/old.svg"
    mistake 65 'is empty' --draw /dev/null --out "$scratch/old.svg" &&
        [ "$(cat "$scratch/old.svg")" = old ]
}
expect 'what stands there stays until there is a picture' keeps_the_old
no_picture() {
    mistake 1 "first reply is 'HTTP/1.1 404 Not Found' \(asked for /nothing\)" "$1" /nothing \
        --out "$scratch/error.svg" && [ ! -e "$scratch/error.svg" ]
}
expect 'replies that are errors are a failure' no_picture --path
expect 'the slow ones too' no_picture --slow-path
expect 'unless they are meant' mistake 0 '^<svg' --path /nothing --any-status
expect '--help names every option' mistake 0 '--slow-path PATH' --help

is_loaded() {
    grep -qs 'ready$' "$TMPDIR"/*/app.log
}
is_begun() {
    [ -n "$(ls -A "$TMPDIR")" ]
}
interrupted() {
    "$bench" timeline --ms 5000 >"$scratch/ended.svg" 2>"$scratch/ended.err" &
    local pid=$! code
    pids=("$pid")
    wait_for "$1"
    kill -INT "$pid"
    wait "$pid"
    code=$?
    pids=()
    echo "exit code $code"
    cat "$scratch/ended.err"
    [ "$code" -eq 130 ] && [ ! -s "$scratch/ended.svg" ] && wait_for nothing_left
}
expect 'SIGINT ends it, with nothing left' interrupted is_loaded
expect 'also at its very beginning' interrupted is_begun

summary
