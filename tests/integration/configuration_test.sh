#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad configuration and command lines: a clear sentence, the right exit code, nothing started.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
paceline=$build/apps/paceline

# refuses CODE PATTERN ARGUMENTS...
refuses() {
    local wanted=$1 pattern=$2 text code
    shift 2
    text=$(timeout 10 "$paceline" "$@" 2>&1 </dev/null)
    code=$?
    echo "exit code $code: $text"
    [ "$code" -eq "$wanted" ] && grep -qE -- "$pattern" <<<"$text"
}

# A file with one service and the given lines in front.
yaml() {
    local file=$scratch/$1.yaml
    shift
    printf '%s\n' "$@" 'services:' '  - { protocol: http, listen: [ "127.0.0.1:0" ] }' >"$file"
    echo "$file"
}

file=$(yaml typo 'dispatch:' '  thread: 4')
expect 'a mistyped key is named with file, line, column and the key that was meant' \
    refuses 78 "$file:2:3: unknown key 'thread' \(did you mean 'threads'\?\)" -c "$file"
file=$(yaml word 'dispatch: { model: reacter }')
expect 'a mistyped model is named with the one that was meant' \
    refuses 78 "$file:1:20: 'model': expected one of .*did you mean 'reactor'" -c "$file"
file=$(yaml unit 'timeouts: { idle: 10 }')
expect 'a duration without its unit is refused' \
    refuses 78 "$file:1:19: 'idle': expected a duration .* not '10'" -c "$file"
file=$(yaml range 'limits: { message: 1GiB }')
expect 'a value out of range is refused with the range' \
    refuses 78 "$file:1:20: 'message': .*from 1KiB to 512KiB, not '1GiB'" -c "$file"
file=$(yaml type 'dispatch: [ 1, 2 ]')
expect 'a list where keys are expected is refused' refuses 78 "$file:1:11: expected keys" -c "$file"
file=$(yaml twice 'limits: { message: 2KiB }' 'limits: { message: 3KiB }')
expect 'a key that stands twice is refused' \
    refuses 78 "$file:2:1: 'limits' stands twice; the first is in line 1" -c "$file"
file=$(yaml zero 'dispatch: { model: proactor, threads: 0 }')
expect 'no threads are refused where the model needs one' \
    refuses 78 'proactor needs at least 1 thread, not 0' -c "$file"
printf 'services:\n  - { protocol: http, listen: [ "localhost:80" ] }\n' >"$scratch/address.yaml"
expect 'an address that is no number is refused with what was expected' \
    refuses 78 "'localhost:80': not a numeric address; expected ADDRESS:PORT" -c "$scratch/address.yaml"
printf 'services:\n  - { protocol: http, listen: [ "udp:127.0.0.1:0" ] }\n' >"$scratch/udp.yaml"
expect 'datagrams for a protocol that has none are refused' \
    refuses 78 'protocol http has no datagrams' -c "$scratch/udp.yaml"
printf 'services:\n  - protocol: line\n    listen: [ "127.0.0.1:0" ]\n    http: { root: x }\n' \
    >"$scratch/module.yaml"
expect "another protocol's keys are refused" \
    refuses 78 "module.yaml:4:11: 'http' belongs to a service with .protocol: http" -c "$scratch/module.yaml"
# HTTP-SETTINGS PATTERN: refused by the check alone, in the line of the service.
http_refuses() {
    printf 'services:\n  - protocol: http\n    listen: [ "127.0.0.1:0" ]\n    http: { %s }\n' "$1" \
        >"$scratch/http.yaml"
    refuses 78 "http.yaml:2:5: .*$2" -c "$scratch/http.yaml" --check
}
expect 'an index that is no name is refused, also without a root' \
    http_refuses 'index: a/b' "'a/b' is not the name of a file"
expect 'an index that leads upwards is refused' http_refuses 'index: ".."' "is not the name of a file"
expect 'types that would be compressed but not kept are refused' \
    http_refuses 'gzip: true, open_files: 0' 'needs http.open_files'
expect 'bounds the wrong way round are refused' \
    http_refuses 'gzip: true, gzip_min: 64KiB, gzip_max: 1KiB' 'gzip_min is above'
expect 'a mount that no path reaches is refused' \
    http_refuses 'mounts: [ { path: "/a/../b", root: "." } ]' "without dot segments"
expect 'a mount with a query is refused' \
    http_refuses 'mounts: [ { path: "/a?b", root: "." } ]' "without dot segments"
expect 'a route with a query is refused' \
    http_refuses 'routes: [ { path: "/a?b", reply: { text: x } } ]' "without '.' and '#'"
printf 'services:\n  - protocol: http\n    listen: [ "127.0.0.1:0" ]\n    http: { mime_types: none }\n' \
    >"$scratch/types.yaml"
expect 'a list of types that is not there is missed, also without a root' \
    refuses 66 "types.yaml:2:5: .*mime_types" -c "$scratch/types.yaml" --check
printf 'services: []\n' >"$scratch/none.yaml"
expect 'a file without services is refused' refuses 78 'no services' -c "$scratch/none.yaml"
printf 'dispatch: {\n' >"$scratch/syntax.yaml"
expect 'what is no YAML is refused with its place' \
    refuses 78 'syntax.yaml:2:1: not YAML' -c "$scratch/syntax.yaml"
{
    echo 'a: &a [ x, x, x, x, x, x, x, x, x, x ]'
    for name in b c d e f g; do
        previous=$(tr 'b-g' 'a-f' <<<"$name")
        echo "$name: &$name [ *$previous, *$previous, *$previous, *$previous, *$previous, *$previous, *$previous, *$previous ]"
    done
    echo 'services: *g'
} >"$scratch/bomb.yaml"
expect 'an alias bomb is refused in no time' refuses 78 'bomb.yaml:1:1: unknown key' -c "$scratch/bomb.yaml"
{
    printf 'services:\n  - protocol: http\n    listen: &l [ '
    for _ in $(seq 1000); do printf '"127.0.0.1:0", '; done
    printf '"127.0.0.1:0" ]\n'
    for _ in $(seq 30); do printf '  - { protocol: line, listen: *l }\n'; done
} >"$scratch/aliases.yaml"
expect 'aliases are counted where they stand' \
    refuses 78 'more than 20000 values' -c "$scratch/aliases.yaml"
printf 'services: %s%s\n' "$(printf '[%.0s' $(seq 200))" "$(printf ']%.0s' $(seq 200))" \
    >"$scratch/deep.yaml"
expect 'deep nesting is refused' refuses 78 'deep.yaml:1:' -c "$scratch/deep.yaml"
head -c 2000000 /dev/zero | tr '\0' '#' >"$scratch/huge.yaml"
expect 'a huge file is refused' refuses 78 'larger than 1048576 bytes' -c "$scratch/huge.yaml"
expect 'a missing file is 66 with its path' refuses 66 "$scratch/absent.yaml: cannot be read" \
    -c "$scratch/absent.yaml"
expect 'a folder is no configuration' refuses 66 'not a file' -c "$scratch"
printf 'services:\n  - { protocol: http, listen: [ "127.0.0.1:0" ], http: { root: gone } }\n' \
    >"$scratch/root.yaml"
expect 'a missing root is named relative to the file' \
    refuses 66 "root.yaml:2:5: service http: http.root: cannot open directory '$scratch/gone'" -c "$scratch/root.yaml"
mkfifo "$scratch/fifo.yaml"
expect 'a FIFO does not hold the start' refuses 66 'not a file' -c "$scratch/fifo.yaml"
route() {
    printf 'services:\n  - protocol: http\n    listen: [ "127.0.0.1:0" ]\n    http: { routes: [ %s ] }\n' "$1" \
        >"$scratch/route.yaml"
}
route '{ path: ping, reply: { text: x } }'
expect 'a route without a slash is refused by --check' \
    refuses 78 "route.yaml:2:5: service http: http: a route's path must begin" -c "$scratch/route.yaml" --check
route '{ path: /p, method: "GE T" }'
expect 'a method that is none is refused' refuses 78 "'GE T' is no method" -c "$scratch/route.yaml" --check
route '{ path: /p, reply: { type: "a\r\nX: y" } }'
expect 'a type that would split the reply is refused' refuses 78 'control byte' -c "$scratch/route.yaml" --check
route '{ path: /p }, { path: /p }'
expect 'a fixed reply that could never be sent is refused' refuses 78 'GET /p stands twice' -c "$scratch/route.yaml" --check
route '{ path: "/a/{x}" }, { path: "/a/{y}" }'
expect 'a pattern of the same shape is refused' refuses 78 'GET /a/\{y\} stands twice' -c "$scratch/route.yaml" --check
route '{ path: "/a/{id" }'
expect 'a malformed pattern is refused with what was expected' \
    refuses 78 "route /a/\\{id: expected '\\}' at the end" -c "$scratch/route.yaml" --check
route '{ path: /p, host: "example.org:80" }'
expect 'a host with a port is refused' \
    refuses 78 "route /p: expected a host such as .* not 'example.org:80'" -c "$scratch/route.yaml" --check
route '{ path: /p, host: a.org }, { path: /p, host: "*.a.org" }, { path: /p }, { path: "/{x}" }, { path: "/*" }'
expect 'routes that differ are taken' refuses 0 'is good' -c "$scratch/route.yaml" --check
expect 'a missing root is found by --check' refuses 66 'service http: http.root' -c "$scratch/root.yaml" --check
expect 'an unknown option is 64' refuses 64 'unknown option --modle' --modle x
expect 'a missing value is 64' refuses 64 'a value is missing after' -c
expect 'an argument too many is 64' refuses 64 'unexpected argument' extra
expect '--set with an unknown key is refused' \
    refuses 78 '--set dispatch.thread: there is no such key' --set dispatch.thread=1
expect '--set with a bad value says what was expected' \
    refuses 78 '--set timeouts.idle: .idle.: expected a duration' --set timeouts.idle=soon
expect '--model takes the spellings of textbooks' refuses 0 'is good' --model half-sync/half-async --check
expect '--check of a good file is 0' refuses 0 'is good' -c config/two_services.yaml --check
expect '--help names every model' refuses 0 'leader_followers.*half_sync_half_async.*reactor.*proactor' --help
expect '--version names the allocator' refuses 0 'allocator: ' --version

mkdir -p "$scratch/include/conf.d"
printf 'include: conf.d/*.yaml\n' >"$scratch/include/main.yaml"
printf 'log: { level: debug }\n' >"$scratch/include/conf.d/a.yaml"
printf 'services:\n  - { protocol: http, listen: [ "127.0.0.1:0" ], http: { root: gone } }\n' \
    >"$scratch/include/conf.d/b.yaml"
included() {
    "$paceline" -c "$scratch/include/main.yaml" --print-config >"$scratch/included.yaml" &&
        grep -q "^# included: $scratch/include/conf.d/b.yaml" "$scratch/included.yaml" &&
        grep -q '  level: debug' "$scratch/included.yaml" &&
        grep -q "root: \"$scratch/include/conf.d/gone\"" "$scratch/included.yaml"
}
expect '--print-config shows what included files say' included
expect '--check lays a mistake to the included file' \
    refuses 66 "conf.d/b.yaml:2:5: service http: http.root: cannot open directory '$scratch/include/conf.d/gone'" \
    -c "$scratch/include/main.yaml" --check
printf 'log: { level: info }\n' >>"$scratch/include/conf.d/b.yaml"
expect 'a value that two files give is refused with both places' \
    refuses 78 "conf.d/b.yaml:3:8: 'level' stands twice; the first is $scratch/include/conf.d/a.yaml:1:8" \
    -c "$scratch/include/main.yaml" --check
mkdir -p "$scratch/include/conf.d/0.yaml"
expect 'a folder is no included file' \
    refuses 66 "main.yaml:1:10: include: $scratch/include/conf.d/0.yaml: not a file" \
    -c "$scratch/include/main.yaml" --check

round_trip() {
    "$paceline" -c config/two_services.yaml --print-config >"$scratch/printed.yaml" &&
        "$paceline" -c "$scratch/printed.yaml" --print-config >"$scratch/again.yaml" &&
        diff "$scratch/printed.yaml" "$scratch/again.yaml"
}
expect '--print-config can be read again and says the same' round_trip

taken() {
    start_server taken "$paceline" --set 'services.0.listen=[127.0.0.1:0]' \
        --set 'services.1.listen=[127.0.0.1:0]' || return 1
    refuses 69 "cannot listen on 127.0.0.1:$(port_of taken 1): bind: Address already in use" \
        --set "services.0.listen=[127.0.0.1:$(port_of taken 1)]"
}
expect 'a taken port is 69 and named' taken

every_config() {
    local file app
    for file in config/*.yaml; do
        app=$(basename "$file" .yaml)
        [ -x "$build/apps/$app" ] || app=hello
        [ "$(basename "$file")" != two_services.yaml ] || app=paceline
        "$build/apps/$app" -c "$file" --check || return 1
    done
}
expect 'every file in config/ is good for its application' every_config

manual_is_fresh() {
    tests/support/configuration_manual.sh "$paceline" | diff docs/configuration.md -
}
expect 'docs/configuration.md says what the tables say' manual_is_fresh

statistics_line() {
    start_server stats "$paceline" --set 'services.0.listen=[127.0.0.1:0]' \
        --set 'services.1.listen=[127.0.0.1:0]' --set log.format=json \
        --set 'upstreams=[{name: back, servers: ["127.0.0.1:9"]}]' || return 1
    local pid=$server_pid
    curl -s -o "$scratch/out" "http://127.0.0.1:$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' "$scratch/stats.log" | head -n 1)/none"
    [ "$(counter_of stats "$pid" requests)" = 1 ] || return 1
    kill -TERM "$pid"
    wait "$pid" || return 1
    python3 -c 'import json,sys
lines = [json.loads(line) for line in open(sys.argv[1])]
told = [line["upstreams"] for line in lines if "upstreams" in line]
assert told and told[0][0]["name"] == "back" and told[0][0]["leases"] == 0' "$scratch/stats.log"
}
expect 'every line of a JSON log is JSON, the statistics too' statistics_line

signals_stop() {
    start_server stop "$paceline" --set 'services.0.listen=[127.0.0.1:0]' \
        --set "services.1.listen=[unix:$scratch/stop.sock]" || return 1
    local pid=$server_pid
    [ -S "$scratch/stop.sock" ] || return 1
    kill -HUP "$pid" && kill -USR2 "$pid" && kill -PIPE "$pid" && kill -INT "$pid"
    wait "$pid" || return 1
    [ ! -e "$scratch/stop.sock" ]
}
expect 'HUP, USR2 and PIPE do no harm, INT stops with 0 and removes the socket' signals_stop

summary
