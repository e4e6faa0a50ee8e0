#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cases of paceline-conform through haproxy and nginx: both and the server behind them must see the
# same requests, or a client of the one could speak to the other behind its back.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
PATH=$PATH:/usr/sbin
fronts=tests/support/front_cases.py
"$build/apps/paceline-conform" --make-root "$scratch/www" >"$scratch/root.txt" || exit 1

# One thread, so that the log has the order of the requests.
start_ours() {
    rm -f "$scratch/access.log"
    cat >"$scratch/ours.yaml" <<YAML
dispatch: { model: reactor, threads: 0 }
timeouts: { header: 2s, body: 2s, idle: 60s }
services:
  - name: web
    protocol: http
    listen: [ "127.0.0.1:0" ]
    http: { root: www, access_log: { file: access.log, format: json } }
YAML
    start_server ours "$build/apps/paceline" -c "$scratch/ours.yaml" || return 1
    ours=$server_pid
    ours_port=$(port_of ours)
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_front COMMAND...: waits until it serves on $front_port.
start_front() {
    "$@" >"$scratch/front.log" 2>"$scratch/front.err" &
    front=$!
    pids+=("$front")
    for _ in $(seq 100); do
        [ "$(curl -s "http://127.0.0.1:$front_port/plain.txt")" = 'paceline-conform: plain text' ] &&
            return 0
        kill -0 "$front" 2>/dev/null || break
        sleep 0.05
    done
    cat "$scratch/front.err"
    return 1
}

start_haproxy() {
    cat >"$scratch/haproxy.cfg" <<CFG
global
    log stdout format raw local0
    nbthread 1
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 1s
    timeout http-request 1s
    timeout server 5s
frontend front
    bind 127.0.0.1:$front_port
    unique-id-format front-%cp-%rt
    http-request set-header User-Agent %[unique-id]
    log-format "%ID %s %rc"
    default_backend ours
backend ours
    http-reuse always
    server ours 127.0.0.1:$ours_port
CFG
    start_front haproxy -db -f "$scratch/haproxy.cfg"
}
start_nginx() {
    local path="$scratch/nginx" user=
    mkdir -p "$path"
    # As root its workers would become somebody who may not read the scratch directory.
    [ "$(id -u)" -ne 0 ] || user='user root;'
    cat >"$path/nginx.conf" <<CONF
daemon off; pid $path/nginx.pid; error_log $path/error.log; worker_processes 1; $user
events { worker_connections 256; }
http {
    log_format forwarded 'front-\$remote_port-\$connection_requests [\$upstream_addr]';
    access_log $path/access.log forwarded;
    client_body_temp_path $path/body; proxy_temp_path $path/proxy; fastcgi_temp_path $path/fastcgi;
    uwsgi_temp_path $path/uwsgi; scgi_temp_path $path/scgi;
    client_header_timeout 1s; client_body_timeout 1s; lingering_close off; client_max_body_size 0;
    upstream ours { server 127.0.0.1:$ours_port; keepalive 1; }
    server {
        listen 127.0.0.1:$front_port;
        location / {
            proxy_pass http://ours;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
            proxy_set_header User-Agent front-\$remote_port-\$connection_requests;
        }
    }
}
CONF
    start_front nginx -e "$path/error.log" -c "$path/nginx.conf"
}

# "MARK ATTEMPTS" from the log of each: a server and retries; the addresses that were tried.
forwarded_by_haproxy() {
    awk '/^front-/ { print $1, $2 == "<NOSRV>" ? 0 : $3 + 1 }' "$scratch/front.log"
}
forwarded_by_nginx() {
    awk '{ print $1, $2 == "[-]" ? 0 : gsub(/:[0-9]+/, "") }' "$scratch/nginx/access.log"
}

# end SIGNAL PID: for the fronts the signal that lets requests, and so the log, come to an end.
end() {
    kill "-$1" "$2" 2>/dev/null
    wait "$2" 2>/dev/null
    true
}

stop_signal() {
    [ "$1" = haproxy ] && echo USR1 || echo QUIT
}

# cases_through FRONT: all cases, then a judgement from the logs of both.
cases_through() {
    local code=0
    front_port=$(free_port)
    start_ours && "start_$1" || return 1
    "$fronts" send "127.0.0.1:$front_port" "$scratch/ports" apps/conform/cases/http/*.case || code=1
    end "$(stop_signal "$1")" "$front"
    end TERM "$ours"
    "forwarded_by_$1" >"$scratch/forwarded"
    "$fronts" judge "$scratch/ports" "$scratch/forwarded" "$scratch/access.log" || code=1
    return "$code"
}

# told PATTERN SED: what the judge says when the server's log is changed so.
told() {
    local pattern=$1
    sed "$2" "$scratch/access.log" >"$scratch/changed.log"
    "$fronts" judge "$scratch/ports" "$scratch/forwarded" "$scratch/changed.log" >"$scratch/told.txt"
    local code=$?
    cat "$scratch/told.txt"
    [ "$code" -eq 1 ] && grep -qE "$pattern" "$scratch/told.txt"
}

for front_name in haproxy nginx; do
    expect "through $front_name no case means two requests to one and one to the other" \
        cases_through "$front_name"
    tail -n 1 "$scratch/expect.log" # how many there were
done
expect 'a request that only the server saw is told, by the name of its case' \
    told '^[a-z0-9.-]+: the server saw 1 requests more than the proxy' \
    '40{p;s/"user_agent":"[^"]*"/"user_agent":null/;s/clean//}'
expect 'and one that it saw twice' told '^[a-z0-9. -]+: the server saw front-.* 2 times' '40p'
expect 'and one that never came' told 'clean requests reached the server, not' '/clean/{x;s/^/x/;/^x$/{x;d};x}'

end_servers
summary
