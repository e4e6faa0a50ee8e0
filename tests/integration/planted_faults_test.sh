#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# paceline-conform against servers of the tests: one that keeps every rule passes every case, one
# that breaks a single rule fails exactly the cases that its list names.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

conform=$build/apps/paceline-conform
faulty_http=tests/support/faulty_http.py
faulty_line=tests/support/faulty_line.py
runs_at_once=8
timeout_ms=4000 # of a case; only one that hangs takes that long
mkdir "$scratch/results" || exit 1

have() {
    [ -x "$conform" ] && python3 --version &&
        "$faulty_http" --list-faults >"$scratch/http.faults" &&
        "$faulty_line" --list-faults >"$scratch/line.faults" &&
        "$conform" http --list >"$scratch/http.cases" &&
        "$conform" line --list >"$scratch/line.cases" &&
        "$conform" --make-root "$scratch/root"
}
expect 'the runner, its cases, Python and both servers are there' have

# A fault is run against the groups of the cases that it fails, or the one group of its scope, and
# against a sample of all groups, which shows that it fails exactly those; with PL_WHOLE=yes against
# the whole suite. Left out are cases that
# open a connection per byte or many at once, unless the fault names them: they take most of the time.
sample_http='chunk-several close-is-honoured encoding-chunked expect-continue field-space-before-colon
    head-no-body host-missing length-frames-post limit-field-4000 get-known-file smuggle-in-get-body
    absolute-form version-1.0'
sample_line='nul-in-line half-close-with-end line-of-100 lf pause-between-lines udp-one unix-line'

# write_sets SUITE CASE...: the cases of each fault, as sets/SUITE.FAULT for --cases.
write_sets() {
    python3 - "$scratch" "$@" <<'PYTHON'
import collections, pathlib, re, sys
scratch, suite, sample = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
texts, groups = {}, {}
for file in sorted(pathlib.Path("apps/conform/cases", suite).glob("*.case")):
    for text in re.split(r"\n\n+", file.read_text()):
        found = re.search(r"^case (\S+)$", text, re.M)
        if found:
            texts[found[1]], groups[found[1]] = text.strip() + "\n", file.stem
dear = {id for id, text in texts.items() if re.search(r"^(split each|clients \d+|alone)$", text, re.M)}
for line in (scratch / f"{suite}.faults").read_text().splitlines():
    fault, scope, cases = line.split("\t")
    named = set(cases.split()) & set(texts)
    wanted = {groups[id] for id in named} if scope == "all" else {scope}
    files = collections.defaultdict(list)
    for id, text in texts.items():
        if id in named or id in sample or (groups[id] in wanted and id not in dear):
            files[groups[id]].append(text)
    folder = scratch / "sets" / f"{suite}.{fault}" / suite
    folder.mkdir(parents=True)
    for group, chosen in files.items():
        (folder / f"{group}.case").write_text("\n".join(chosen))
PYTHON
}
write_all_sets() {
    # shellcheck disable=SC2086
    write_sets http $sample_http && write_sets line $sample_line
}
expect 'every fault has its set of cases' write_all_sets

# ---- one server, one run -------------------------------------------------------------------------

# One process per suite forks a server for every line that it reads: `ask` writes NAME and where the
# unix socket is to be, and learns the address and the process that run_one ends.
mkfifo "$scratch/http.ask" "$scratch/http.told" "$scratch/line.ask" "$scratch/line.told" || exit 1
"$faulty_http" --root "$scratch/root" --serve-named \
    <"$scratch/http.ask" >"$scratch/http.told" 2>"$scratch/http.err" &
pids+=("$!")
"$faulty_line" --serve-named <"$scratch/line.ask" >"$scratch/line.told" 2>"$scratch/line.err" &
pids+=("$!")
exec 4>"$scratch/http.ask" 5<"$scratch/http.told" 6>"$scratch/line.ask" 7<"$scratch/line.told"
ask() {
    local suite=$1 fault=$2 path=$3
    rm -f "$path"
    case $suite in
    http) echo "$fault" >&4 && read -r -t 20 address server <&5 ;;
    line) echo "$fault $path" >&6 && read -r -t 20 address server <&7 ;;
    esac
}

# run_one NAME SUITE FAULT [RUNNER-OPTION...], with a server that was asked for: the result is
# results/NAME.json, the runner's exit code results/NAME.code.
run_one() {
    local name=$1 suite=$2 targets=(--target "$address")
    shift 3
    trap 'kill "$server"; exit 143' TERM
    [ "$suite" = http ] || targets+=(--udp "$address" --unix "$scratch/$name.sock")
    "$conform" "$suite" "${targets[@]}" --timeout "$timeout_ms" --json "$@" \
        >"$scratch/results/$name.json" 2>"$scratch/$name.runner"
    echo $? >"$scratch/results/$name.code"
    kill "$server"
} 2>/dev/null

# ---- all of them, a few at a time ----------------------------------------------------------------

declare -A arguments_of
declare -A runs=()
names=()
run_in_turn() {
    arguments_of[$1]="$*"
    names+=("$1")
    if [ "${#runs[@]}" -ge "$runs_at_once" ]; then
        local ended=
        wait -n -p ended "${!runs[@]}"
        unset "runs[$ended]"
    fi
    ask "$2" "$3" "$scratch/$1.sock" || return
    run_one "$@" &
    runs[$!]=$1
}

# Faults of the scope `each` harm whoever comes next: each of their cases has a server of its own.
run_fault() {
    local suite=$1 fault=$2 scope=$3 case
    if [ "$scope" = each ]; then
        for case in $4; do
            run_in_turn "$suite.$fault.$case" "$suite" "$fault" --case "$case"
        done
    elif [ "$scope" = all ] && [ "${PL_WHOLE:-no}" = yes ]; then
        run_in_turn "$suite.$fault" "$suite" "$fault"
    else
        run_in_turn "$suite.$fault" "$suite" "$fault" --cases "$scratch/sets/$suite.$fault"
    fi
}

run_in_turn http.none http none
run_in_turn http.behind http none --behind
run_in_turn http.split http none --split
run_in_turn line.none line none
for suite in http line; do
    while IFS=$'\t' read -r fault scope cases; do
        run_fault "$suite" "$fault" "$scope" "$cases"
    done <"$scratch/$suite.faults"
done
wait "${!runs[@]}"

# ---- what they found -----------------------------------------------------------------------------

# find_failed NAME...: results/NAME.failed becomes the ids of the cases that failed, sorted;
# "none-was-run" where the runner refused a server that does not answer even a plain request.
find_failed() {
    python3 - "$scratch/results" "$@" <<'PYTHON'
import json, pathlib, sys
results = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    lines = []
    try:
        if (results / f"{name}.code").read_text() == "78\n":
            failed = ["none-was-run"]
        else:
            cases = json.loads((results / f"{name}.json").read_text())["cases"]
            failed = [case["id"] for case in cases if case["result"] == "fail"]
            lines = [f'{case["id"]}: {case["detail"]}\n' for case in cases if case["id"] in failed]
    except (OSError, ValueError):
        failed = ["no-result"]
    (results / f"{name}.failed").write_text("".join(id + "\n" for id in sorted(failed)))
    (results / f"{name}.details").write_text("".join(lines))
PYTHON
}
find_failed "${names[@]}"

differs() {
    local name=$1
    shift
    ! diff <([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort) "$scratch/results/$name.failed"
}

run_again() {
    ask "$2" "$3" "$scratch/$1.sock" && (run_one "$@")
}

# fails_exactly NAME CASE...: what differs is shown with < for missing and > for unexpected. Some
# faults show themselves only where a pause of the runner parts two segments, which a machine at its
# limit does not always see: what differs is run once more, alone.
fails_exactly() {
    local name=$1
    differs "$@" || return 0
    # shellcheck disable=SC2086
    run_again ${arguments_of[$name]}
    find_failed "$name"
    differs "$@" || return 0
    cat "$scratch/$name.runner" "$scratch/${name%%.*}.err" "$scratch/results/$name.details"
    return 1
}

expect 'a server that keeps every rule passes every case of http' fails_exactly http.none
expect 'also where each case stands behind a good request' fails_exactly http.behind
expect 'also where each byte comes by itself' fails_exactly http.split
expect 'a server that keeps every rule passes every case of line' fails_exactly line.none
for suite in http line; do
    while IFS=$'\t' read -r fault scope cases; do
        if [ "$scope" = each ]; then
            for case in $cases; do
                expect "$suite: $fault: $case" fails_exactly "$suite.$fault.$case" "$case"
            done
        else
            # shellcheck disable=SC2086
            expect "$suite: $fault" fails_exactly "$suite.$fault" ${cases:-no-case-is-named}
        fi
    done <"$scratch/$suite.faults"
done

# ---- what no fault reaches -----------------------------------------------------------------------

sort -u "$scratch"/results/*.failed >"$scratch/reached"
for level in must should choice; do
    awk -v level="$level" '$2 == level { print $1 }' "$scratch/http.cases" "$scratch/line.cases" \
        >"$scratch/$level.cases"
    grep -vxFf "$scratch/reached" "$scratch/$level.cases" >"$scratch/$level.unreached"
done
every_case_is_reached() {
    [ -s "$scratch/$1.cases" ] && ! grep . "$scratch/$1.unreached"
}
for level in must should choice; do
    expect "of $(wc -l <"$scratch/$level.cases") cases of level $level each is failed by a fault" \
        every_case_is_reached "$level"
done
summary
