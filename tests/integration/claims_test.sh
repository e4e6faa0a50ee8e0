#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# paceline-bench claims as a user runs it: every claim, its reports, its end by a signal, and every
# mistake one can make. Nothing here asserts a time.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
bench=$build/apps/paceline-bench
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp
names=(unix-socket epoll edge sendfile threads rwlock)

# ends CODE PATTERN ARGUMENTS...
ends() { command_ends "$1" "$2" "$bench" claims "${@:3}"; }

nothing_left() {
    ls -A "$TMPDIR"
    [ -z "$(ls -A "$TMPDIR")" ]
}

# ---- every claim --------------------------------------------------------------------------------

lists() {
    local name
    for name in "${names[@]}"; do
        "$bench" claims | grep -qE "^$name +[A-Za-z].*\.$" || { echo "no $name"; return 1; }
    done
}
expect 'without a name it lists the claims' lists

# Every row has a series of every column, or says why not; a verdict is one sentence.
json_of() {
    python3 - "$@" <<'PYTHON'
import json, sys
claims = json.load(open(sys.argv[1]))['claims']
assert [claim['name'] for claim in claims] == sys.argv[2:], claims
for claim in claims:
    assert claim['claim'].endswith('.') and claim['verdict'].startswith('Here '), claim
    assert claim['verdict'].endswith('.') and 'too few' not in claim['verdict'], claim['verdict']
    assert 'not measured' not in claim['verdict'] or claim['left_out'], claim['verdict']
    assert claim['report'], claim
PYTHON
}

measures() {
    local name=$1
    "$bench" claims "$name" --quick --json "$scratch/$name.json" \
        >"$scratch/$name.txt" 2>"$scratch/$name.err" || return 1
    cat "$scratch/$name.txt"
    grep -q "^Here " "$scratch/$name.txt" &&
        grep -qF "$name, round 8 of 8" "$scratch/$name.err" &&
        json_of "$scratch/$name.json" "$name" && nothing_left
}
for name in "${names[@]}"; do
    expect "$name: a table, a verdict, JSON, and no file left" measures "$name"
done

all_of_them() {
    "$bench" claims --all --quick --quiet --rounds 2 --json "$scratch/all.json" \
        >"$scratch/all.txt" 2>"$scratch/all.err" || return 1
    [ ! -s "$scratch/all.err" ] &&
        [ "$(grep -c '^Here too few rounds' "$scratch/all.txt")" -eq "${#names[@]}" ] &&
        [ "$(python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))["claims"]))' "$scratch/all.json")" -eq "${#names[@]}" ]
}
expect '--all measures all; two rounds are said to be too few; --quiet is quiet' all_of_them

pages() {
    command -v gnuplot >"$scratch/gnuplot" || { echo 'gnuplot is missing'; return 0; }
    "$bench" claims threads rwlock --quick --quiet --rounds 1 --page "$scratch/page.html" \
        >"$scratch/pages.txt" || return 1
    grep -q 'Here too few rounds' "$scratch/page-threads.html" &&
        grep -q 'Here too few rounds' "$scratch/page-rwlock.html" && nothing_left
}
expect '--page writes a page for each claim, with its verdict' pages

# ---- a small machine ----------------------------------------------------------------------------

few_descriptors() {
    (ulimit -n "$1" && "$bench" claims epoll edge --quick --quiet) >"$scratch/few.txt" 2>&1 ||
        return 1
    cat "$scratch/few.txt"
    tr '\n' ' ' <"$scratch/few.txt" | grep -q "Left out: more than $2 connections" &&
        [ "$(grep -c '^Here ' "$scratch/few.txt")" -eq 2 ]
}
expect 'with 1024 descriptors it says what is left out' few_descriptors 1024 1000
expect 'with 128 too' few_descriptors 128 104
no_descriptors() {
    local code
    (ulimit -n 5 && exec "$bench" claims unix-socket --quick --quiet --rounds 1) \
        >"$scratch/five.txt" 2>&1
    code=$?
    echo "exit code $code"
    cat "$scratch/five.txt"
    [ "$code" -eq 1 ] && grep -q 'failed: Too many open files' "$scratch/five.txt" && nothing_left
}
expect 'with too few to measure it says so, fails, and leaves nothing' no_descriptors
one_cpu() {
    command -v taskset >"$scratch/taskset" || { echo 'taskset is missing'; return 0; }
    local cpu
    cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
    taskset -c "$cpu" "$bench" claims unix-socket sendfile rwlock --quick --quiet \
        >"$scratch/one.txt" || return 1
    cat "$scratch/one.txt"
    [ "$(grep -c '^Left out: .* one CPU' "$scratch/one.txt")" -eq 2 ]
}
expect 'on one CPU it says what is left out' one_cpu

# ---- ended in the middle ------------------------------------------------------------------------

interrupted() {
    local signal=$1 wanted=$2 pid code
    "$bench" claims --all --json "$scratch/ended.json" >"$scratch/ended.txt" 2>"$scratch/ended.err" &
    pid=$!
    pids+=("$pid")
    for _ in $(seq 400); do
        grep -q 'round 2 of' "$scratch/ended.err" && break
        sleep 0.05
    done
    kill -"$signal" "$pid"
    wait "$pid"
    code=$?
    pids=()
    echo "exit code $code"
    cat "$scratch/ended.txt" "$scratch/ended.err"
    [ "$code" -eq "$wanted" ] && [ "$(grep -c '^Here too few rounds' "$scratch/ended.txt")" -eq 1 ] &&
        python3 -m json.tool "$scratch/ended.json" >"$scratch/pretty.json" && nothing_left
}
expect 'SIGINT ends it with what was found so far' interrupted INT 130
expect 'SIGTERM too' interrupted TERM 143

# ---- mistakes -----------------------------------------------------------------------------------

expect 'an unknown claim' ends 64 \
    "^paceline-bench: unknown claim 'epol', expected one of: unix-socket epoll " epol
expect 'no claim' ends 64 'no claim, expected a name or --all' --quick
expect 'no rounds' ends 64 "expected a whole number from 1 to 99, not '0'" epoll --rounds 0
expect 'too many rounds' ends 64 "expected a whole number from 1 to 99, not '100'" epoll --rounds 100
expect 'rounds that are no number' ends 64 "not '3x'" epoll --rounds 3x
expect 'an unknown option' ends 64 'Try: paceline-bench claims --help' --fast
expect 'a file that cannot be written' ends 73 'nowhere/x.json cannot be written: No such file' \
    epoll --quick --json "$scratch/nowhere/x.json"
expect '--help names every option' ends 0 '--rounds N' --help

summary
