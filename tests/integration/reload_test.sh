#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole process reads its configuration again: what it says, what it leaves alone, and that it stays
# itself under a storm of signals. Under every model: tests/integration/reload_test.c.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
paceline=$build/apps/paceline
ctl=$build/apps/paceline-ctl
site=$scratch/site
mkdir -p "$site/conf.d" "$site/www"

# configure REPLY LISTEN MORE...: lines behind it as they are.
configure() {
    local reply=$1 listen=$2
    shift 2
    {
        printf 'services:\n  - name: web\n    protocol: http\n    listen: [ %s ]\n' "$listen"
        printf '    http: { root: www, routes: [ { path: /ping, reply: { text: "%s" } } ] }\n' "$reply"
        printf '%s\n' "$@"
    } >"$site/next.yaml"
    mv "$site/next.yaml" "$site/main.yaml" # a reload sees the one or the other
}

include='include: conf.d/*.yaml'
any='"127.0.0.1:0"'

wait_for() {
    for _ in $(seq 500); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}

ping() { # PORT REPLY
    [ "$(curl -s -m 10 "http://127.0.0.1:$1/ping")" = "$2" ]
}

reload() {
    "$ctl" -s "$scratch/control.sock" reload
}

# reload_says PATTERN...: it succeeds, and each pattern stands in what it says.
reload_says() {
    local text pattern
    text=$(reload 2>&1) || { echo "$text"; return 1; }
    echo "$text"
    for pattern in "$@"; do
        grep -qE -- "$pattern" <<<"$text" || { echo "missing: $pattern"; return 1; }
    done
}

# refused PATTERN: the reload fails with it, and what was served before is served still.
refused() {
    local text
    text=$(reload 2>&1) && return 1
    echo "$text"
    grep -qE -- "$1" <<<"$text" && ping "$port" one && still_open
}

# A client that stays: one line on its input is one request over the same connection.
mkfifo "$scratch/ask" "$scratch/told"
exec {ask}<>"$scratch/ask" {told}<>"$scratch/told"
stay() { # PORT
    python3 -c '
import http.client, os, sys
conn = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
conn.connect()
sock = conn.sock
for line in open(sys.argv[2]):
    try:
        conn.request("GET", "/ping")
        text = conn.getresponse().read().decode()
        same = conn.sock is sock
    except Exception as error:
        text, same = str(error), False
    with open(sys.argv[3], "w") as out:
        print(text if same else "another connection: " + text, file=out)
' "$1" "$scratch/ask" "$scratch/told" &
    pids+=("$!")
}

stayed() { # the reply over the open connection
    local text
    echo again >&"$ask"
    IFS= read -r -t 20 text <&"$told" && echo "$text"
}

still_open() {
    [ "$(stayed)" = one ]
}

configure one "$any" "$include"
expect 'a server begins' start_server main "$paceline" -c "$site/main.yaml" \
    --set "control.socket=$scratch/control.sock"
pid=$server_pid
port=$(port_of main)
stay "$port"
expect 'a connection is open' still_open

# ---- bad files ----------------------------------------------------------------------------------

expect 'a file that is the same changes nothing' reload_says '^0 settings changed, 0 need a restart'
configure two "$any" 'log: { levle: info }'
expect 'an unknown key changes nothing and is named' \
    refused "main.yaml:6:8: unknown key 'levle' \(did you mean 'level'\?\)"
configure two "$any" 'limits: { message: 1GiB }'
expect 'a value out of range changes nothing' refused "main.yaml:6:20: 'message': .*from 1KiB to 512KiB"
configure two "$any" 'dispatch: { model: proactor, threads: 0 }'
expect 'a model without its threads changes nothing' refused 'proactor needs at least 1 thread'
configure two "$any" 'dispatch: {'
expect 'what is no YAML changes nothing' refused 'main.yaml:7:1: not YAML'
configure two '"localhost:80"'
expect 'an address that is none changes nothing' refused "main.yaml:2:5: .*'localhost:80': not a numeric"
configure two "$any" "  - { name: web, protocol: line, listen: [ $any ] }"
expect 'a name that is taken changes nothing' refused "main.yaml:6:5: .*the name 'web' is taken"
configure two "$any"
sed -i 's/root: www/root: none/' "$site/main.yaml"
expect 'a missing root changes nothing' refused "main.yaml:2:5: service web: http.root: cannot open directory"
configure two "$any"
sed -i 's,path: /ping,path: ping,' "$site/main.yaml"
expect 'a route that is none changes nothing' refused "main.yaml:2:5: service web: .*path must begin with '/'"
configure two "$any" 'include: gone.yaml'
expect 'a missing file changes nothing' refused 'main.yaml:6:10: include: .*gone.yaml: cannot be read'
configure two "$any" "$include" 'log: { level: info }'
printf 'log: { level: info }\n' >"$site/conf.d/a.yaml"
expect 'a value that two files give changes nothing' \
    refused 'conf.d/a.yaml:1:8: .level. stands twice; the first is .*main.yaml:7:8'
printf 'services: [ { name: more, listen: [ ] } ]\n' >"$site/conf.d/a.yaml"
expect 'a mistake in an included file names it' refused 'conf.d/a.yaml:1:13: services\[1\] \(more\): no `listen`'
rm "$site/conf.d/a.yaml"
rm "$site/main.yaml"
expect 'no file changes nothing' refused 'main.yaml: cannot be read'

python3 -c '
import signal, socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
signal.pause()' >"$scratch/taken" &
taker=$!
pids+=("$taker")
wait_for test -s "$scratch/taken"
taken=$(cat "$scratch/taken")
configure two "$any, $any, \"unix:$scratch/first.sock\", \"127.0.0.1:$taken\""
expect 'a port that is taken changes nothing' \
    refused "main.yaml:2:5: service web: cannot listen on 127.0.0.1:$taken: bind: Address already in use"
expect 'and what was bound before it is let go' test ! -e "$scratch/first.sock"
kill "$taker"
wait "$taker" 2>/dev/null

descriptors() {
    find "/proc/$pid/fd" -type l 2>/dev/null | wc -l
}
threads() {
    find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l
}

# ---- changes ------------------------------------------------------------------------------------

configure two "$any" "$include"
expect 'a change is said' reload_says '^changed services.web.http.routes.0.reply.text: "one" -> "two"$' \
    '^1 settings changed, 0 need a restart; listeners: 0 added, 1 kept, 0 dropped'
expect 'a new connection sees it' wait_for ping "$port" two
expect 'so does one that was open' test "$(stayed)" = two

configure two "$any" 'timeline: { entries: 7, file: t }' 'upstreams: [ { name: u, servers: [ "127.0.0.1:9" ] } ]'
needs_restart() {
    reload_says '^needs a restart: timeline.entries: 0 -> 7$' \
        '^needs a restart: upstreams.u: absent -> present$' '^0 settings changed, 3 need a restart'
}
expect 'what applies at the start is said to need a restart' needs_restart
expect 'again the next time' needs_restart

configure two "$any, \"unix:$scratch/web.sock\"" "$include" 'log: { level: debug }'
printf 'services: [ { name: more, protocol: line, listen: [ "127.0.0.1:0", "udp:127.0.0.1:0" ] } ]\n' \
    >"$site/conf.d/more.yaml"
expect 'an address, a level and a service of another file come' reload_says \
    '^changed log.level: info -> debug$' '^changed services.more: absent -> present$' \
    'listeners: 3 added, 1 kept, 0 dropped'
expect 'the unix socket answers' \
    test "$(curl -s -m 10 --unix-socket "$scratch/web.sock" http://a/ping)" = two
tcp=$(sed -n 's/.*service more: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/main.log")
udp=$(sed -n 's/.*service more: listening on udp:127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/main.log")
echoes() {
    python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
s.sendall(b"line\n"); assert s.recv(100) == b"line\n"
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(20)
u.sendto(b"gram", ("127.0.0.1", int(sys.argv[2]))); assert u.recv(100) == b"gram"' "$tcp" "$udp"
}
expect 'the new service answers' echoes
rm "$site/conf.d/more.yaml"
configure two "$any" "$include"
expect 'they go' reload_says '^changed services.more: present -> absent$' \
    'listeners: 0 added, 1 kept, 3 dropped'
expect 'the file of the unix socket goes with it' test ! -e "$scratch/web.sock"
refuses_connections() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$tcp") 2>/dev/null
}
expect 'nobody listens for the service that is gone' wait_for refuses_connections
expect 'the open connection has seen it all' test "$(stayed)" = two

configure two "$any" 'limits: { connections: 1 }'
expect 'a lower limit closes nobody' reload_says '^changed limits.connections: auto -> 1$'
expect 'who is connected stays' test "$(stayed)" = two
configure two "$any"
expect 'a higher one lets others in again' reload_says '^changed limits.connections: 1 -> auto$'
expect 'at once' ping "$port" two

configure two "$any" 'dispatch: { model: per_core, threads: 2 }'
expect 'a model is swapped' reload_says '^changed dispatch.model: leader_followers -> per_core$' \
    '1 models swapped'
expect 'and serves' ping "$port" two
expect 'whoever was there too' test "$(stayed)" = two
configure two "$any"
expect 'and swapped back' reload_says '1 models swapped'

# ---- signals ------------------------------------------------------------------------------------

configure three "$any"
kill -HUP "$pid"
expect 'SIGHUP does the same' wait_for ping "$port" three
expect 'and says so in the log' \
    grep -q 'reload: changed services.web.http.routes.0.reply.text: "two" -> "three"' "$scratch/main.log"
configure four "$any" 'log: { levle: info }'
kill -HUP "$pid"
expect 'a mistake stands in the log' wait_for \
    grep -q "error *reload: .*unknown key 'levle'.*; nothing has changed" "$scratch/main.log"

before_descriptors=$(descriptors) before_threads=$(threads)
lines_before=$(wc -l <"$scratch/main.log")
storm() {
    local i
    for i in $(seq 200); do
        configure "storm$i" "$any"
        kill -HUP "$pid" || return 1
    done
    wait_for ping "$port" storm200 && [ "$(stayed)" = storm200 ]
}
expect 'of two hundred signals the last configuration wins' storm
# Each reload that changes something says two lines.
expect 'they leave no more lines than reloads can' \
    test "$(($(wc -l <"$scratch/main.log") - lines_before))" -le 410
expect 'nor descriptors' wait_for test "$(descriptors)" -le "$before_descriptors"
expect 'nor threads' wait_for test "$(threads)" -le "$before_threads"
same_again() {
    local i before after
    before=$(grep -c 'nothing has changed' "$scratch/main.log")
    for i in $(seq 200); do
        kill -HUP "$pid"
    done
    ping "$port" storm200 || return 1
    after=$(grep -c 'nothing has changed' "$scratch/main.log")
    [ $((after - before)) -le 5 ]
}
expect 'who says nothing new says it rarely' same_again

kill -TERM "$pid"
ended() {
    wait "$pid"
}
expect 'the process ends as ever' ended

summary
