# SPDX-License-Identifier: Apache-2.0
# ./quickstart conform: both suites of paceline-conform against every model and arming, and beside
# them against nginx, which shows that the expectations are fair. Sourced by quickstart, which brings
# start_server, stop_server, port_in_log and free_port_from.

conform_packages=(nginx-light)
conform_build=build

# model threads arming; behind the model `+always` or `+kernel`, the promotion
conform_all=('leader_followers 8 oneshot' 'leader_followers 8 edge' 'half_sync_half_async 8 oneshot'
    'half_sync_half_async 8 edge' 'reactor 8 oneshot' 'reactor 8 edge' 'reactor 0 oneshot'
    'reactor 0 edge' 'proactor 8 oneshot' 'proactor 8 edge' 'per_core 2 oneshot' 'per_core 2 edge'
    'leader_followers+always 8 oneshot' 'leader_followers+kernel 8 edge')
conform_short=('leader_followers 8 edge' 'proactor 8 oneshot' 'per_core 2 edge')

# "passed total" of one level in a result.
conform_tally() {
    sed -n "s/^ \"$1\":{\"passed\":\([0-9]*\),\"failed\":\([0-9]*\),\"known\":\([0-9]*\),.*/\1 \2 \3/p" \
        "$2" | awk '{ print $1, $1 + $2 + $3 }'
}

conform_cell() {
    conform_tally "$1" "$2" | tr ' ' /
}

# conform_suite RESULT ARGUMENTS...: the result as JSON; what fails is said at once.
conform_suite() {
    local result=$1 code
    shift
    "$conform_build/apps/paceline-conform" "$@" --json >"$result" || code=$?
    if [ "${code:-0}" -gt 1 ]; then
        echo "paceline-conform $*: exit code $code"
    fi
    grep '"result":"fail"' "$result" | grep '"level":"must"'
    return "${code:-0}"
}

# conform_row NAME THREADS ARMING [LINE]: a row of the table from the results of one server.
conform_row() {
    printf '%-23s %7s %-8s %9s %9s %9s %9s %9s %10s\n' "$1" "$2" "$3" \
        "$(conform_cell must "$scratch/whole.json")" "$(conform_cell must "$scratch/behind.json")" \
        "$(conform_cell must "$scratch/split.json")" \
        "$(conform_cell should "$scratch/whole.json")" \
        "$(conform_cell choice "$scratch/whole.json")" "${4:--}" >>"$scratch/conform.txt"
}

# The sum over the results of one server, as the steps show it.
conform_count() {
    local result
    for result in "$@"; do
        conform_tally must "$result"
    done | awk '{ passed += $1; total += $2 }
        END { print passed + 0 " passed, " total - passed " failed" }'
}

conform_model() {
    local name=$1 threads=$2 arming=$3 model=${1%+*} promotion=adaptive web code=0
    [ "$model" = "$name" ] || promotion=${name#*+}
    rm -f "$scratch/echo.sock"
    cat >"$scratch/conform.yaml" <<YAML
dispatch: { model: $model, threads: $threads, arming: $arming, promotion: $promotion }
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ], http: { root: www } }
  - name: echo
    protocol: line
    listen: [ "127.0.0.1:0", "udp:127.0.0.1:0", "unix:$scratch/echo.sock" ]
YAML
    start_server "$conform_build/apps/paceline" -c "$scratch/conform.yaml" || return 1
    web=127.0.0.1:$(port_in_log 1)
    conform_suite "$scratch/whole.json" http --target "$web" --root "$scratch/www" || code=1
    conform_suite "$scratch/behind.json" http --target "$web" --behind || code=1
    conform_suite "$scratch/split.json" http --target "$web" --split || code=1
    conform_suite "$scratch/line.json" line --target "127.0.0.1:$(port_in_log 2)" \
        --udp "127.0.0.1:$(port_in_log 3)" --unix "$scratch/echo.sock" || code=1
    stop_server
    conform_row "$name" "$threads" "$arming" "$(conform_cell must "$scratch/line.json")"
    conform_count "$scratch/whole.json" "$scratch/behind.json" "$scratch/split.json" \
        "$scratch/line.json"
    return "$code"
}

# conform_mutations MODEL SEED COUNT: what a failure prints makes it again.
conform_mutations() {
    local log="$scratch/mutations.txt" code=0
    cat >"$scratch/conform.yaml" <<YAML
dispatch: { model: $1, threads: 4 }
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ], http: { root: www } }
YAML
    start_server "$conform_build/apps/paceline" -c "$scratch/conform.yaml" || return 1
    "$conform_build/apps/paceline-conform" http --target "127.0.0.1:$(port_in_log 1)" \
        --mutate "$2" --count "$3" >"$log" || code=1
    stop_server
    cat "$log"
    return "$code"
}

# A server of the scratch directory, on loopback, with nothing of the system's configuration.
start_nginx() {
    local port=$1 path="$scratch/nginx" user=
    mkdir -p "$path"
    # As root its workers would become somebody who may not read the scratch directory.
    [ "$(id -u)" -ne 0 ] || user='user root;'
    cat >"$path/nginx.conf" <<CONF
daemon off; pid $path/nginx.pid; error_log $path/error.log; worker_processes 2; $user
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $path/body; proxy_temp_path $path/proxy; fastcgi_temp_path $path/fastcgi;
    uwsgi_temp_path $path/uwsgi; scgi_temp_path $path/scgi;
    types { text/plain txt; text/html html; }
    server { listen 127.0.0.1:$port; root $scratch/www; }
}
CONF
    PATH=$PATH:/usr/sbin nginx -e "$path/error.log" -c "$path/nginx.conf" &
    server_pid=$!
    for _ in $(seq 100); do
        is_free "$port" || return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$path/error.log"
    return 1
}

# What nginx fails is known, and each such case says which section demands it.
conform_nginx() {
    local code=0 port
    port=$(free_port_from 18080)
    start_nginx "$port" || return 1
    conform_suite "$scratch/whole.json" http --target "127.0.0.1:$port" --known nginx || code=1
    conform_suite "$scratch/behind.json" http --target "127.0.0.1:$port" --known nginx --behind ||
        code=1
    conform_suite "$scratch/split.json" http --target "127.0.0.1:$port" --known nginx --split ||
        code=1
    stop_server
    conform_row "$(PATH=$PATH:/usr/sbin nginx -v 2>&1 | sed 's|.*: ||')" - -
    return "$code"
}

conform_table() {
    printf '\n%-23s %7s %-8s %9s %9s %9s %9s %9s %10s\n' server threads arming musts behind split \
        shoulds strict 'line musts'
    cat "$scratch/conform.txt"
    cat <<'TEXT'

musts: what RFC 9110 and 9112, or the line protocol, demand; behind: the same behind a pipelined
good request; split: the same with one byte per segment; shoulds: what the RFCs recommend; strict:
where they leave a choice, and the stricter reading is asked for. Which musts nginx fails, and why,
stands in docs/conformance.md.
TEXT
}

conform_prepare() {
    : >"$scratch/conform.txt"
    "$conform_build/apps/paceline-conform" --make-root "$scratch/www"
}

conform() {
    local combination code=0
    steps_begin
    steps_plan packages 20 build 60
    for combination in "${conform_all[@]}"; do
        steps_plan "$combination" 5
    done
    steps_plan nginx 20
    step packages install_missing "${build_packages[@]}" "${conform_packages[@]}" || return 1
    step build build_release || return 1
    conform_prepare >"$scratch/root.txt" || return 1
    for combination in "${conform_all[@]}"; do
        # shellcheck disable=SC2086
        step "$combination" conform_model $combination || code=1
    done
    step nginx conform_nginx || code=1
    conform_table
    return "$code"
}

# test_conform COMBINATION...: for the check, as one suite.
test_conform() {
    local combination code=0 passed=0 failed=0 p f log="$scratch/conform.log"
    conform_build=build-check
    conform_prepare || return 1
    for combination in "$@"; do
        echo "$combination"
        # shellcheck disable=SC2086
        conform_model $combination >"$log" || code=1
        cat "$log"
        read -r p f <<<"$(tail -n 1 "$log" | sed 's/[^0-9 ]//g')"
        passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
    done
    echo "$passed passed, $failed failed"
    return "$code"
}

test_conform_short() {
    test_conform "${conform_short[@]}"
}

# The same bytes each time: what fails in a check fails again.
test_mutations() {
    local model code=0 passed=0 failed=0 p f log="$scratch/conform.log"
    conform_build=build-check
    conform_prepare || return 1
    for model in leader_followers half_sync_half_async per_core; do
        echo "$model"
        conform_mutations "$model" 1 1000 >"$log" || code=1
        cat "$log"
        read -r p f <<<"$(sed -n 's/^mutations of seed .*: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log")"
        passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
    done
    echo "$passed passed, $failed failed"
    return "$code"
}

test_conform_all() {
    test_conform "${conform_all[@]}"
    local code=$? last
    last=$(conform_nginx) || code=1
    echo "$last"
    cat "$scratch/conform.txt"
    return "$code"
}
