#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# paceline-conform as a user runs it: both suites against one model, its reports, and every mistake one
# can make. All models and armings: ./quickstart conform.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
conform=$build/apps/paceline-conform

# ends CODE PATTERN ARGUMENTS...
ends() { command_ends "$1" "$2" "$conform" "${@:3}"; }

expect '--make-root writes the files' ends 0 'holds what paceline-conform http asks for' \
    --make-root "$scratch/www"
cat >"$scratch/conform.yaml" <<YAML
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ], http: { root: www } }
  - name: echo
    protocol: line
    listen: [ "127.0.0.1:0", "udp:127.0.0.1:0", "unix:$scratch/echo.sock" ]
YAML
expect 'the server starts' start_server both "$build/apps/paceline" -c "$scratch/conform.yaml"
web=127.0.0.1:$(port_of both 1)
echo=127.0.0.1:$(port_of both 2)
udp=127.0.0.1:$(port_of both 3)
dead=127.0.0.1:1

# ---- the suites ---------------------------------------------------------------------------------

expect 'every must of HTTP holds' ends 0 '^all +([0-9]+)/\1 ' http --target "$web" \
    --root "$scratch/www"
expect 'behind a pipelined good request too' ends 0 '^all +([0-9]+)/\1 ' http --target "$web" --behind
expect 'and with one byte per segment' ends 0 '^all +([0-9]+)/\1 ' http --target "$web" --split
expect 'every must of lines holds' ends 0 '^all +([0-9]+)/\1 .* 0$' line --target "$echo" \
    --udp "$udp" --unix "$scratch/echo.sock"
expect 'what cannot run is skipped by name, with the reason' \
    ends 0 '^skip  must unix-line .*: no --unix PATH was given' line --target "$echo" --only unix
expect 'a name stands for an address too' ends 0 '^all +1/1 ' http --only host \
    --target "0x7f000001:${web#*:}" --case host-last

counts() {
    [ "$("$conform" http --list | wc -l)" -ge 150 ] && [ "$("$conform" line --list | wc -l)" -ge 60 ]
}
expect 'there are 150 cases of HTTP and 60 of lines' counts

# ---- reports ------------------------------------------------------------------------------------

tap() {
    "$conform" line --target "$echo" --only udp --tap >"$scratch/tap.txt" || return 1
    cat "$scratch/tap.txt"
    local planned
    planned=$(sed -n 's/^1\.\.//p' "$scratch/tap.txt")
    [ "$(grep -cE '^(not )?ok [0-9]+ - ' "$scratch/tap.txt")" -eq "$planned" ] &&
        grep -q '# SKIP no --udp' "$scratch/tap.txt"
}
expect '--tap prints its plan and a line for each case' tap
json() {
    "$conform" http --target "$web" --only chunked --json >"$scratch/result.json" || return 1
    python3 -m json.tool "$scratch/result.json" >"$scratch/pretty.json" &&
        python3 - "$scratch/result.json" <<'PYTHON'
import json, sys
result = json.load(open(sys.argv[1]))
cases = result['cases']
assert len(cases) > 20 and all(case['group'] == 'chunked' for case in cases)
for case in cases:
    assert case['result'] == 'pass' and case['level'] in ('must', 'should', 'choice'), case
    assert case['id'] and case['rule'] and 'detail' in case
assert result['must']['passed'] == sum(case['level'] == 'must' for case in cases)
PYTHON
}
expect '--json is JSON with a verdict per case' json
expect '--case shows the bytes that are sent' ends 0 '^> GET /plain.txt HTTP/1.1\\r\\n$' \
    http --target "$web" --case host-missing
expect '--case shows the bytes that come back' ends 0 '^< HTTP/1.1 400 ' \
    http --target "$web" --case host-missing
expect '--list names level, group and rule' \
    ends 0 '^host-missing +must +host +RFC 9112, 3.2$' http --list

# ---- cases of one's own -------------------------------------------------------------------------

# own_case NAME LINE...: a directory with one case file for HTTP.
own_case() {
    local name=$1
    shift
    mkdir -p "$scratch/$name/http"
    printf '%s\n' "$@" >"$scratch/$name/http/own.case"
    echo "$scratch/$name"
}

good=$(own_case good 'case mine' 'rule mine' 'send @good@' 'fence' 'expect statuses 200')
expect '--cases replaces the built-in cases' ends 0 '^all +1/1 ' http --target "$web" --cases "$good"
wrong=$(own_case wrong 'case mine' 'rule mine' 'send @good@' 'fence' 'expect statuses 404')
expect 'a must that does not hold ends with 1 and says why' \
    ends 1 "^FAIL  must mine \(mine\): expected 'statuses 404'; got 200 and the fence, then the end" \
    http --target "$web" --cases "$wrong"
should=$(own_case should 'case mine' 'rule mine' 'level should' 'send @good@' 'fence' \
    'expect statuses 404')
expect 'a should that does not hold is said and ends with 0' ends 0 '^FAIL  should mine' \
    http --target "$web" --cases "$should"
known=$(own_case known 'case mine' 'rule mine' 'known ours: says 200' 'send @good@' 'fence' \
    'expect statuses 404')
expect 'what is known of a server does not count when it is named' ends 0 '^known must mine' \
    http --target "$web" --cases "$known" --known ours
expect 'and counts when it is not' ends 1 '^FAIL  must mine' http --target "$web" --cases "$known"
broken=$(own_case broken 'case mine' 'rule mine' 'sned x')
expect 'a broken case file is named with its line' \
    ends 65 "$broken/http/own.case:3: unknown key 'sned', expected case" \
    http --target "$web" --cases "$broken"
expect 'a directory without cases is named' ends 65 "$scratch/www/http: No such file" \
    http --target "$web" --cases "$scratch/www"

# ---- mutations ----------------------------------------------------------------------------------

expect 'mutations of the cases get valid answers, and others are served behind them' \
    ends 0 '^mutations of seed 1: 300 passed, 0 failed$' http --target "$web" --mutate 1 --count 300
expect 'and those of one group' ends 0 '^mutations of seed 18446744073709551615: 20 passed' http \
    --target "$web" --only smuggling --mutate 18446744073709551615 --count 20
# fault_is_found FAULT PATTERN: with the bytes; and the line that it says makes it again.
fault_is_found() {
    local fault=$1 pattern=$2 target again
    : >"$scratch/faulty.txt"
    tests/support/faulty_http.py --root "$scratch/www" --fault "$fault" >"$scratch/faulty.txt" &
    pids+=("$!")
    for _ in $(seq 200); do
        [ -s "$scratch/faulty.txt" ] && break
        sleep 0.05
    done
    read -r target _ <"$scratch/faulty.txt"
    "$conform" http --target "$target" --mutate 1 --count 100 >"$scratch/first.txt"
    [ $? -eq 1 ] && grep -qE -m1 "$pattern" "$scratch/first.txt" || return 1
    again=$(sed -n 's/^  again: //p' "$scratch/first.txt" | head -n 1)
    # shellcheck disable=SC2086
    "$conform" http --target "$target" $again >"$scratch/again.txt"
    [ $? -eq 1 ] && [ "$(grep -m1 '^  sent: ' "$scratch/first.txt")" = \
        "$(grep -m1 '^  sent: ' "$scratch/again.txt")" ]
}
expect 'a server that sends garbage behind its answers is found, with the bytes' \
    fault_is_found sends-garbage-behind-a-reply \
    '^FAIL  mutation [0-9]+ of seed 1, of [a-z0-9.-]+: '
expect 'mutations of lines' ends 64 '--mutate belongs to the suite http' line --target "$echo" --mutate 1
expect 'a seed that is no number' ends 64 'expected SEED or SEED:NUMBER' http --target "$web" --mutate 1:x
expect 'mutations as JSON' ends 64 '--mutate goes with none of' http --target "$web" --mutate 1 --json

# ---- mistakes -----------------------------------------------------------------------------------

expect 'no suite' ends 64 'expected one suite, http or line'
expect 'an unknown suite' ends 64 "unknown suite 'ftp', expected http or line" ftp --target "$web"
expect 'no target' ends 64 'no target, expected --target HOST:PORT' http
expect 'a target without a port' ends 64 "'localhost' is no HOST:PORT" http --target localhost
expect 'an unknown group' ends 64 "unknown group 'hosts', expected one of: abuse chunked .* host " \
    http --target "$web" --only hosts
expect 'an unknown case' ends 64 "unknown case 'x', expected one that --list prints" \
    http --target "$web" --case x
expect 'a timeout that is no number' ends 64 "timeout: expected a number from 1 to 600000, not 'soon'" \
    http --target "$web" --timeout soon
expect 'datagrams for HTTP' ends 64 'belong to the suite line' http --target "$web" --udp "$udp"
expect 'an unknown option' ends 64 'Try: paceline-conform --help' http --tagret "$web"
expect 'a dead target is one clear sentence' \
    ends 69 "^paceline-conform: $dead: no connection: Connection refused$" \
    http --target "$dead"
expect 'a dead target for lines too' ends 69 'refused' line --target "$dead"
expect 'a unix socket that is not there' ends 69 "$scratch/none.sock: .*No such file" \
    line --target "$echo" --unix "$scratch/none.sock"
expect 'a datagram socket that is not there' ends 69 "$dead: no connection" \
    line --target "$echo" --udp "$dead" --only udp
expect 'a target that serves other files' ends 78 'does not serve the files of --make-root' \
    http --target "$echo"
expect 'a target that does not echo' ends 78 'does not echo a line' line --target "$web" --timeout 300
expect 'a directory that holds other files' ends 78 'is not what --make-root' \
    http --target "$web" --root "$scratch"
expect 'a directory that cannot be written' ends 73 'Not a directory' --make-root "$conform/www"

silent_target() {
    # It takes connections and never says a word.
    python3 - "$scratch/silent.port" <<'PYTHON' &
import socket, sys
server = socket.create_server(('127.0.0.1', 0), backlog=64)
open(sys.argv[1], 'w').write(str(server.getsockname()[1]))
clients = []
while True:
    clients.append(server.accept())
PYTHON
    pids+=("$!")
    for _ in $(seq 100); do
        [ -s "$scratch/silent.port" ] && break
        sleep 0.05
    done
    ends 78 'got no response, no end within the time' http --timeout 300 \
        --target "127.0.0.1:$(cat "$scratch/silent.port")"
}
expect 'a target that never answers is given up in time' silent_target

# ---- the manual ---------------------------------------------------------------------------------

expect '--help names every option' ends 0 '--known SERVER' --help
expect '--version prints it' ends 0 'paceline-conform 0' --version
# The empty paragraphs are scdoc's way to space things; every other warning is ours.
manual() {
    scdoc <docs/man/paceline-conform.1.scd >"$scratch/paceline-conform.1" || return 1
    mandoc -T lint -W warning "$scratch/paceline-conform.1" >"$scratch/lint.txt"
    ! grep -v 'skipping paragraph macro' "$scratch/lint.txt"
}
expect 'the manual is one' manual
manual_names_all() {
    local word
    for word in $("$conform" http --list | awk '{ print $3 }' | sort -u) \
        $("$conform" line --list | awk '{ print $3 }' | sort -u); do
        grep -qE "^\*$word\*" docs/man/paceline-conform.1.scd || { echo "no group $word"; return 1; }
    done
    for word in $("$conform" --help | grep -oE -- '--[a-z-]+' | sort -u); do
        grep -qF -- "\\$word" docs/man/paceline-conform.1.scd ||
            grep -qF -- "$word" docs/man/paceline-conform.1.scd || { echo "no option $word"; return 1; }
    done
}
expect 'the manual names every group and every option' manual_names_all
choices_in_the_document() {
    local id
    for id in $("$conform" http --list | awk '$2 == "choice" { print $1 }'); do
        grep -q "\`$id\`" docs/conformance.md || { echo "no $id"; return 1; }
    done
    for id in $(grep -rhB9 '^known nginx' apps/conform/cases | awk '/^case /{ id = $2 } /^known/{ print id }'); do
        grep -q "\`$id\`" docs/conformance.md || { echo "no $id"; return 1; }
    done
}
expect 'docs/conformance.md lists every stricter reading and every must nginx fails' \
    choices_in_the_document

end_servers
summary
