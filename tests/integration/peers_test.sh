#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs that others wrote, against ours: curl, haproxy in front, slowhttptest, nc.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

mkdir "$scratch/www"
head -c 3000000 /dev/urandom >"$scratch/www/large.bin"
echo '<h1>index</h1>' >"$scratch/www/index.html"
cat >"$scratch/peers.yaml" <<YAML
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http:
      root: www
      routes: [ { path: /ping, reply: { text: "pong" } } ]
timeouts: { header: 2s, body: 2s, idle: 5s }
YAML
expect 'the server starts' start_server web "$build/apps/paceline" -c "$scratch/peers.yaml"
server=$server_pid
web=127.0.0.1:$(port_of web)

download() {
    curl -s -o "$scratch/got.bin" "http://$web/large.bin" &&
        cmp "$scratch/got.bin" "$scratch/www/large.bin"
}
expect 'curl downloads a large file to the byte' download
several() {
    [ "$(curl -s "http://$web/ping" "http://$web/ping" "http://$web/ping")" = pongpongpong ] &&
        [ "$(curl -s -w '%{num_connects}' -o /dev/null -o /dev/null "http://$web/ping" \
            "http://$web/ping")" = 10 ]
}
expect 'curl keeps the connection' several
head_only() {
    curl -sI "http://$web/index.html" | tr -d '\r' | grep -qx 'Content-Length: 15'
}
expect 'curl HEAD gets the length and no body' head_only
upload() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' -X POST --data-binary "@$scratch/www/large.bin" \
        -H 'Expect: 100-continue' "http://$web/ping")" = 413 ]
}
expect 'an upload that is too large gets 413' upload
slow_reader() {
    curl -s --limit-rate 2M -o "$scratch/slow.bin" "http://$web/large.bin" &&
        cmp "$scratch/slow.bin" "$scratch/www/large.bin"
}
expect 'a slow reader gets every byte' slow_reader

free_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$scratch/haproxy.cfg" <<CFG
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend front
    bind 127.0.0.1:$free_port
    default_backend ours
backend ours
    http-reuse always
    option httpchk GET /ping
    server ours $web check inter 200ms
CFG
proxied() {
    haproxy -db -f "$scratch/haproxy.cfg" >"$scratch/haproxy.log" 2>&1 &
    local proxy=$!
    pids+=("$proxy")
    for _ in $(seq 100); do
        [ "$(curl -s "http://127.0.0.1:$free_port/ping")" = pong ] && break
        sleep 0.1
    done
    wrk -t1 -c32 -d2 "http://127.0.0.1:$free_port/ping" >"$scratch/wrk.txt" || return 1
    kill -TERM "$proxy"
    wait "$proxy" 2>/dev/null
    cat "$scratch/wrk.txt"
    ! grep -E 'Socket errors|Non-2xx' "$scratch/wrk.txt"
}
expect 'haproxy in front loses nothing' proxied

attack() {
    # 200 connections that send their heads a byte now and then; a polite client must not notice.
    slowhttptest "$1" -c 200 -r 200 -i 1 -l 6 -u "http://$web/" -p 3 >"$scratch/slow.log" 2>&1 &
    local slow=$! i
    for i in $(seq 20); do
        [ "$(curl -s -m 2 "http://$web/ping")" = pong ] || return 1
        sleep 0.2
    done
    wait "$slow"
    for _ in $(seq 200); do
        [ "$(counter_of web "$server" conns_open)" -le 1 ] && return 0
        sleep 0.1
    done
    return 1
}
expect 'slow heads are ended by timeouts.header, and nobody else notices' attack -H
expect 'slow bodies are ended by timeouts.body' attack -B
expect 'clients that read slowly take nothing from others' attack -X

garbage() {
    head -c 4000 /dev/urandom | timeout 5 nc -q1 127.0.0.1 "${web#*:}" | head -c 12 |
        grep -qaE '^HTTP/1.1 [45]'
}
expect 'a stream of garbage gets a valid answer' garbage
thousand() {
    python3 - "${web#*:}" <<'PYTHON'
import socket, sys
port = int(sys.argv[1])
clients = []
for _ in range(1000):
    client = socket.create_connection(('127.0.0.1', port), timeout=20)
    clients.append(client)
for client in clients:
    client.sendall(b'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n')
for client in clients:
    data = b''
    while not data.endswith(b'pong'):
        part = client.recv(4096)
        if not part:
            sys.exit('a connection ended')
        data += part
PYTHON
}
expect 'a thousand connections at once are all served' thousand
end_servers
summary
