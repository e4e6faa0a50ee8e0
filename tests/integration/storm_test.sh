#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A storm of signals at a server under load: nothing is lost, and the last configuration wins. With
# PL_BUILD another build, such as one with a sanitizer.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
export PYTHONDONTWRITEBYTECODE=1
seconds=${PL_STORM_SECONDS:-3}

# The reply names the configuration, the model follows it too: changed under way, before each storm.
write_site() { # NUMBER MODEL
    cat >"$scratch/site.next" <<YAML
control: { socket: ctl.sock }
dispatch: { model: $2, threads: 3 }
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http: { routes: [ { path: /which, reply: { text: "$1" } }, { path: /ping, reply: { text: pong } } ] }
YAML
    mv "$scratch/site.next" "$scratch/site.yaml"
}

# Clients that stay connected and ask /ping without a pause, until the file `end` is there: each
# reply is looked at, and a connection that ends is a failure. Prints how many were answered.
cat >"$scratch/clients.py" <<'PYTHON'
import os, socket, sys, threading, time
port, end = int(sys.argv[1]), sys.argv[2]
answered, failures, begun = [0] * 8, [], threading.Barrier(9)
def client(number):
    try:
        s = socket.create_connection(('127.0.0.1', port), 20)
        got, count, deadline = b'', 0, time.monotonic() + 120
        while not os.path.exists(end) and time.monotonic() < deadline:
            s.sendall(b'GET /ping HTTP/1.1\r\nHost: a\r\n\r\n' * 4)
            for _ in range(4):
                while b'\r\n\r\npong' not in got:
                    part = s.recv(65536)
                    assert part, 'the server closed the connection'
                    got += part
                head, _, got = got.partition(b'\r\n\r\npong')
                assert head.startswith(b'HTTP/1.1 200 ') and head.count(b'HTTP/') == 1, head
                answered[number] += 1
            if count == 0: begun.wait(20)
            count += 1
        s.setblocking(False)
        try:
            assert False, ('more than was asked for', got, s.recv(100))
        except BlockingIOError:
            assert got == b'', got
    except Exception as error:
        failures.append(repr(error))
        begun.abort()
threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
try:
    begun.wait(20)
    print('begun', flush=True)
except threading.BrokenBarrierError:
    pass
for thread in threads: thread.join()
print(sum(answered), 'answered')
sys.exit('\n'.join(failures) or 0)
PYTHON

# A thousand signals of all these kinds a second, for so long.
cat >"$scratch/storm.py" <<'PYTHON'
import os, signal, sys, time
pid, seconds, names = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
numbers = [getattr(signal, 'SIG' + name) for name in names]
began, sent = time.monotonic(), 0
while time.monotonic() < began + seconds:
    due = int((time.monotonic() - began) * 1000)
    while sent < due:
        os.kill(pid, numbers[sent % len(numbers)])
        sent += 1
    time.sleep(0.0005)
print(sent, 'signals')
PYTHON

wait_for() {
    for _ in $(seq 1000); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}
which_is() { [ "$(curl -s -m 20 "http://127.0.0.1:$port/which")" = "$1" ]; }

clients_begin() {
    rm -f "$scratch/end"
    python3 "$scratch/clients.py" "$port" "$scratch/end" >"$scratch/clients.txt" 2>&1 &
    clients=$!
    wait_for grep -q begun "$scratch/clients.txt"
}
clients_end() {
    touch "$scratch/end"
    wait "$clients"
    local code=$?
    cat "$scratch/clients.txt"
    [ "$code" -eq 0 ]
}

storm() { # NAME...
    python3 "$scratch/storm.py" "$server_pid" "$seconds" "$@"
}

begin() {
    write_site 0 leader_followers
    start_server site "$build/apps/paceline" -c "$scratch/site.yaml" && port=$(port_of site)
}
expect 'the server begins' begin

nothing_is_lost() {
    clients_begin || return 1
    storm USR1 CHLD WINCH URG PIPE || return 1
    clients_end && which_is 0
}
expect 'a thousand signals a second that ask for nothing but figures cost nobody a reply' nothing_is_lost

# All at once, so that those for which there is one pending coincide in every way.
the_last_configuration_wins() {
    local models=(reactor per_core proactor half_sync_half_async leader_followers) i
    clients_begin || return 1
    for i in 1 2 3 4 5; do
        write_site "$i" "${models[i - 1]}"
        storm HUP USR1 CHLD WINCH URG PIPE || return 1
        # What was written before the last signal is what it serves from then on.
        kill -HUP "$server_pid"
        wait_for which_is "$i" || return 1
        wait_for model_is "${models[i - 1]}" || return 1
    done
    clients_end
}
model_is() {
    "$build/apps/paceline-ctl" -s "$scratch/ctl.sock" --json status | grep -q "\"model\":\"$1\""
}

# A file that is being changed all the time: a bad one changes nothing, and the last one wins.
a_file_that_changes_under_the_storm() {
    local writer i
    clients_begin || return 1
    storm HUP USR1 PIPE &
    writer=$!
    for ((i = 100; ; i++)); do
        kill -0 "$writer" 2>/dev/null || break
        if [ $((i % 3)) -eq 0 ]; then
            echo 'services: [ { name: web, protocol: nonsense } ]' >"$scratch/site.yaml"
        else
            write_site "$i" reactor
        fi
        sleep 0.02
    done
    wait "$writer" || return 1
    write_site 999 leader_followers
    kill -HUP "$server_pid"
    wait_for which_is 999 || return 1
    clients_end
}

seconds=$(((seconds + 2) / 3))
expect 'a reload among them brings the last configuration, under load' the_last_configuration_wins
expect 'of a file that changes all the time the last one wins, and a bad one changes nothing' \
    a_file_that_changes_under_the_storm

ends() {
    kill -TERM "$server_pid"
    wait "$server_pid"
    local code=$?
    pids=()
    echo "exit code $code"
    tail -n 5 "$scratch/site.log"
    [ "$code" -eq 0 ] && ! grep -qE 'Sanitizer|assertion' "$scratch/site.log"
}
expect 'it ends as if nothing had been' ends

summary
