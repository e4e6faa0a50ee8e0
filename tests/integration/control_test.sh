#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The control socket and paceline-ctl: every command, wrong input, who may ask, and that it answers
# when the server itself cannot. With PL_BUILD another build, such as one with a sanitizer.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
ctl=$build/apps/paceline-ctl
paceline=$build/apps/paceline
work=$build/apps/work
sock=$scratch/ctl.sock
# Neither program's own ports.
one='services=[{name: w, protocol: http, listen: ["127.0.0.1:0"]}]'
export PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1
unset PACELINE_CONTROL NO_COLOR

# wait_for COMMAND...: at most twenty seconds.
wait_for() {
    for _ in $(seq 1000); do
        "$@" && return 0
        sleep 0.02
    done
    return 1
}
says() { grep -q -- "$2" "$scratch/$1.log"; }
# The server is this script's child: it may wait for its parent to ask how it ended.
has_ended() { ! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }

# begin NAME PROGRAM [OPTION...]: a server with both of the second server's doors.
begin() {
    local name=$1
    shift
    start_server "$name" "$@" && wait_for says "$name" 'control: listening on unix:'
}

cat >"$scratch/site.yaml" <<YAML
control: { socket: ctl.sock }
admin: { listen: [ "127.0.0.1:0" ] }
dispatch: { model: leader_followers, threads: 4 }
services:
  - { name: web, protocol: http, listen: [ "127.0.0.1:0" ] }
  - { name: 'e"cho', protocol: line, listen: [ "127.0.0.1:0" ] }
YAML

# talk: python with `ask(bytes)` → what came back to the end, and `open()`; the socket is argument 1.
talk() {
    { cat <<'PYTHON'; cat; } >"$scratch/talk.py"
import json, os, socket, sys, time
path = sys.argv[1]
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    return s
def rest(s):
    got = b''
    try:
        while True:
            part = s.recv(65536)
            if not part: return got
            got += part
    except ConnectionResetError:
        return got
def ask(request):
    s = connect()
    s.sendall(request)
    s.shutdown(socket.SHUT_WR)
    return rest(s)
def replies(request):
    lines = ask(request).split(b'\n')
    assert lines[-1] == b'', lines[-1]
    return [json.loads(line) for line in lines[:-1]]
def line_of(s):
    got = b''
    while not got.endswith(b'\n'):
        part = s.recv(1)
        assert part, got
        got += part
    return json.loads(got)
PYTHON
    timeout 120 python3 "$scratch/talk.py" "$sock" "$@"
}

begin site "$paceline" -c "$scratch/site.yaml" || exit 1
site=$server_pid
web=$(sed -n 's/.*service web: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/site.log")
admin=$(sed -n 's/.* admin: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/site.log")

# ---- what stands in the log and the file system -----------------------------------------------------

first_line_is_the_servers() {
    head -n 1 "$scratch/site.log" | grep -q 'paceline: model=leader_followers threads=4 ' &&
        [ "$(grep -c ' ready$' "$scratch/site.log")" -eq 1 ] &&
        [ "$(grep -c 'model=' "$scratch/site.log")" -eq 2 ] &&
        sed -n '/ ready$/,$p' "$scratch/site.log" | grep -q ' admin: listening on'
}
expect 'the log begins with the server, and the sockets beside it come after ready' \
    first_line_is_the_servers
mode_is_0600() { [ "$(stat -c %a:%u "$sock")" = "600:$(id -u)" ]; }
expect 'the socket has mode 0600' mode_is_0600
expect 'beside it the admin routes answer' curl -sfo /dev/null "http://127.0.0.1:$admin/livez"

costs_nothing() {
    local with
    with=$(ls "/proc/$site/task" | wc -l)
    start_server plain "$paceline" --model leader_followers --threads 4 \
        --set "$one" || return 1
    [ "$(ls "/proc/$server_pid/task" | wc -l)" -eq $((with - 1)) ] &&
        ! says plain 'control: ' && kill -TERM "$server_pid" && wait "$server_pid"
}
expect 'without the keys there is no socket and no thread' costs_nothing

# ---- every command ------------------------------------------------------------------------------------

every_command() {
    talk "$site" "$web" <<'PYTHON'
pid, web = int(sys.argv[2]), int(sys.argv[3])
client = socket.create_connection(('127.0.0.1', web))
client.sendall(b'GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
assert client.recv(65536).startswith(b'HTTP/1.1 404')
# The client may have its reply before the thread has counted it.
for _ in range(500):
    seen = replies(b'connections\n')[0]['connections']
    if seen and seen[0]['state'] == 'idle' and seen[0]['bytes_sent'] > 0:
        break
    time.sleep(0.01)
status, stats, rates, again, conns, threads, level, help_ = replies(
    b'status\nstats\r\nrates\nrates\nconnections bytes 5\nthreads\nloglevel\nhelp\n')
assert status['ok'] is True and status['pid'] == pid and status['state'] == 'running', status
assert status['connections'] == 1 and status['uptime_ms'] >= 0
assert 'drain_left_ms' not in status
assert status['engines'] == [{'name': 'default', 'model': 'leader_followers', 'threads': 4,
                              'arming': 'edge'}], status
assert [(s['name'], s['protocol'], s['engine']) for s in status['services']] == [
    ('web', 'http', 'default'), ('e"cho', 'line', 'default')], status
assert status['services'][0]['listen'] == ['127.0.0.1:%d' % web]
assert stats['ok'] and stats['stats']['requests'] >= 1 and stats['stats']['conns_open'] == 1, stats
assert rates['requests'] >= 1 and again['requests'] == 0, (rates, again)
assert rates['engines'] == status['engines'] and rates['connections'] == 1
assert conns['open'] == 1 and conns['order'] == 'bytes', conns
(conn,) = conns['connections']
assert conn['service'] == 'web' and conn['peer'] == '127.0.0.1:%d' % client.getsockname()[1], conn
assert conn['bytes_received'] == 28 and conn['bytes_sent'] > 20 and conn['state'] == 'idle', conn
assert threads['ok'] and threads['running'] == len(threads['threads']) >= 1, threads
for thread in threads['threads']:
    assert thread['role'] in ('leader', 'follower', 'processing'), thread
    assert set(thread) == {'engine', 'name', 'role', 'role_us', 'old', 'handler',
                           'handler_us'}, thread
assert level == {'ok': True, 'level': 'info'}, level
assert {c['usage'].split()[0] for c in help_['commands']} == {
    'status', 'stats', 'rates', 'connections', 'threads', 'swap', 'reload', 'drain', 'stop',
    'loglevel', 'help'}, help_
PYTHON
}
expect 'status, stats, rates, connections, threads, loglevel, help' every_command

log_level() {
    talk <<'PYTHON'
assert [r['level'] for r in replies(b'loglevel error\nloglevel\nloglevel debug\nloglevel\n'
                                    b'loglevel info\n')] == [
    'error', 'error', 'debug', 'debug', 'info']
PYTHON
}
expect 'the level of the log is set and shown' log_level

errors_pass_through() {
    talk <<'PYTHON'
swap, bare, odd = replies(b'swap nowhere model=reactor\nswap default\nswap default =x\n')
assert swap['ok'] is False and 'nowhere' in swap['error'], swap
assert bare['ok'] is False and 'KEY=VALUE' in bare['error'], bare
assert odd['ok'] is False and 'KEY=VALUE' in odd['error'], odd
PYTHON
}
expect 'what a swap refuses comes back with its reason' errors_pass_through

# A connection that was there before goes on, over every model, and the server says which it has.
swaps_go_through() {
    talk "$web" <<'PYTHON'
client = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
client.settimeout(20)
def exchange():
    client.sendall(b'GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
    assert client.recv(65536).startswith(b'HTTP/1.1 404')
exchange()
control = connect()
def tell(line):
    control.sendall(line + b'\n')
    return line_of(control)
before = 'leader_followers'
for model in ('reactor', 'per_core', 'proactor', 'half_sync_half_async', 'leader_followers'):
    swapped = tell(b'swap default model=%s threads=4' % model.encode())
    assert swapped['ok'] is True and swapped['engine'] == 'default', swapped
    assert (swapped['from'], swapped['to'], swapped['threads']) == (before, model, 4), swapped
    exchange()
    assert tell(b'status')['engines'][0]['model'] == model
    assert tell(b'rates')['engines'][0]['model'] == model
    names = {t['name'].split('-')[0] for t in tell(b'threads')['threads'] if not t['old']}
    assert names and names <= {'leader_followers': {'lf'}, 'per_core': {'loop'}}.get(
        model, {'io', 'worker'}), names
    assert tell(b'connections')['open'] == 1
    before = model
for wrong in (b'model=nonsense', b'threads=x', b'nonsense=1', b'threads=0', b'model='):
    refused = tell(b'swap default ' + wrong)
    assert refused['ok'] is False and refused['error'], refused
assert tell(b'status')['engines'][0] == {'name': 'default', 'model': 'leader_followers',
                                         'threads': 4, 'arming': 'edge'}
exchange()
PYTHON
}
expect 'a swap to every model and back: reported, and the client stays' swaps_go_through
ctl_swaps() {
    command_ends 0 'engine default: leader_followers -> reactor, 3 threads, in ' \
        "$ctl" -s "$sock" swap default model=reactor threads=3 &&
        command_ends 0 'model reactor, 3 threads' "$ctl" -s "$sock" status &&
        command_ends 0 'engine default: reactor -> leader_followers, 4 threads' \
            "$ctl" -s "$sock" swap default model=leader_followers threads=4 &&
        command_ends 1 'nonsense' "$ctl" -s "$sock" swap default model=nonsense
}
expect 'ctl: swap' ctl_swaps

reloads() {
    local own=$scratch/reload.sock file=$scratch/reload.yaml pid
    sed 's/ctl\.sock/reload.sock/' "$scratch/site.yaml" >"$file"
    begin reloaded "$paceline" -c "$file" || return 1
    pid=$server_pid
    command_ends 0 '^0 settings changed, 0 need a restart' "$ctl" -s "$own" reload || return 1
    sed -i 's/model: leader_followers/model: nonsense/' "$file"
    command_ends 1 'reload\.yaml:[0-9]+:[0-9]+: .*nonsense' "$ctl" -s "$own" reload &&
        command_ends 0 'model leader_followers, 4 threads' "$ctl" -s "$own" status &&
        kill -TERM "$pid" && wait "$pid"
}
expect 'reload: nothing to do is said, a mistake comes back with its place' reloads

# ---- wrong input --------------------------------------------------------------------------------------

wrong_input() {
    talk <<'PYTHON'
def refused(request, word):
    got = replies(request)
    assert got and got[0]['ok'] is False and word in got[0]['error'], (request, got)
    return got
assert 'did you mean' in refused(b'statsu\n', 'unknown command')[0]['error']
refused(b'\n', 'empty line')
refused(b'   \n', 'empty line')
refused(b'STATUS\n', 'unknown command')
refused(b'status now\n', "unexpected 'now'")
refused(b'connections sideways\n', 'sideways')
for number in (b'0', b'257', b'99999999999999999999', b'5x', b'-1'):
    refused(b'connections age ' + number + b'\n', 'expected')
refused(b'loglevel loud\n', 'loud')
refused(b'sta\0tus\n', '0x00')
refused(b'sta\x1b[2Jtus\n', '0x1b')
refused(b'swap default ' + b' '.join(b'a=b' for _ in range(40)) + b'\n', 'more than')
refused(b'swap "\\ \xff\xfe\n', 'KEY=VALUE')
refused(bytes(b for b in range(128, 256)) + b'\n', 'unknown command')
# What stands behind a refusal is answered all the same.
assert replies(b'nonsense\nloglevel\n')[1]['ok'] is True
# Half a line is never carried out, however it ends.
assert refused(b'drain', 'no end') and refused(b'loglevel error', 'no end')
s = connect(); s.sendall(b'drain'); s.close()
assert replies(b'loglevel\nstatus\n')[0]['level'] == 'info'
assert replies(b'status\n')[0]['state'] == 'running'
# The longest command is taken, one byte more is not, and the client hears why.
assert refused(b'swap x ' + b'k=' + b'v' * (4096 - 9) + b'\n', 'x')
assert len(refused(b'x' * 4097 + b'\nstatus\n', 'longer')) == 1
for size in (4098, 70000, 2000000):
    s = connect()
    try: s.sendall(b'x' * size)
    except (BrokenPipeError, ConnectionResetError): pass
    got = rest(s)
    assert b'longer' in got and got.count(b'\n') == 1, (size, got[:200])
# Bytes of no kind, with ends and without.
import random
r = random.Random(7)
for _ in range(300):
    junk = bytes(r.choice(b'\0\n \r"\\{}=swapdrain\xff') for _ in range(r.randrange(400)))
    if b'drain' in junk or b'stop' in junk: continue
    for line in ask(junk).split(b'\n')[:-1]: json.loads(line)
assert replies(b'status\n')[0]['ok'] is True
PYTHON
}
expect 'wrong lines, long lines, half lines, NUL and any bytes: an error in JSON, and it lives' \
    wrong_input

split_bytes() {
    talk <<'PYTHON'
s = connect()
for byte in b'loglevel\nstatus\r\nloglevel\n':
    s.sendall(bytes([byte]))
assert line_of(s)['level'] == 'info' and line_of(s)['state'] == 'running'
assert line_of(s)['level'] == 'info'
# A hundred at once: answered in their order.
s.sendall(b'connections 1\nloglevel\n' * 100)
for _ in range(100):
    assert line_of(s)['order'] == 'age' and line_of(s)['level'] == 'info'
PYTHON
}
expect 'commands byte by byte, and a hundred at once in their order' split_bytes

crowd() {
    talk <<'PYTHON'
slow = [connect() for _ in range(64)]
for s in slow: s.sendall(b'stat')          # half a line each
quick = [connect() for _ in range(64)]     # 128 at once: all places
for s in quick: s.sendall(b'status\n')
for s in quick: assert line_of(s)['ok'] is True
for s in slow: s.sendall(b'us\n')
for s in slow: assert line_of(s)['ok'] is True
for s in slow + quick: s.close()
# Nobody reads: the server is not held up by it.
deaf = connect()
deaf.setblocking(False)
try:
    for _ in range(20000): deaf.sendall(b'stats\n')
except BlockingIOError: pass
assert replies(b'loglevel\n')[0]['ok'] is True
deaf.close()
PYTHON
}
expect '128 clients, half of them slow, and one who never reads' crowd

# ---- who may ask ----------------------------------------------------------------------------------------

others_are_refused() {
    local nobody
    [ "$(id -u)" -eq 0 ] || { echo 'only root can become another'; return 0; }
    nobody=$(id -u nobody) || return 1
    cp "$ctl" "$scratch/ctl" && chmod 755 "$scratch/ctl" && chmod 711 "$scratch"
    setpriv --reuid "$nobody" --clear-groups --regid 65534 \
        "$scratch/ctl" -s "$sock" status 2>"$scratch/said"
    [ $? -eq 77 ] || { cat "$scratch/said"; return 1; }
    chmod 666 "$sock" # somebody widened it: who asks is looked at all the same
    setpriv --reuid "$nobody" --clear-groups --regid 65534 \
        "$scratch/ctl" -s "$sock" drain >"$scratch/said" 2>&1
    local code=$?
    chmod 600 "$sock"
    cat "$scratch/said"
    [ "$code" -eq 1 ] && grep -q 'only the user who runs the server' "$scratch/said" &&
        ! says site 'stopping'
}
expect 'another user: no permission, and where the file was widened a refusal' others_are_refused

# ---- paceline-ctl ---------------------------------------------------------------------------------------

expect 'ctl: -s' command_ends 0 'process [0-9]+, up .*: running' "$ctl" -s "$sock" status
expect 'ctl: -c, relative to the file' command_ends 0 ': running' "$ctl" -c "$scratch/site.yaml" status
expect 'ctl: the environment' command_ends 0 ': running' env PACELINE_CONTROL="$sock" "$ctl" status
expect 'ctl: -s beats the environment' command_ends 69 'nowhere' \
    env PACELINE_CONTROL="$sock" "$ctl" -s "$scratch/nowhere" status
expect 'ctl: connections' command_ends 0 'service +peer +state' "$ctl" -s "$sock" connections bytes 3
expect 'ctl: threads' command_ends 0 'engine +thread +role' "$ctl" -s "$sock" threads
expect 'ctl: stats' command_ends 0 'turn_us\.p99 +[0-9]+' "$ctl" -s "$sock" stats
expect 'ctl: rates' command_ends 0 'requests_per_s' "$ctl" -s "$sock" rates
expect 'ctl: loglevel' command_ends 0 '^warning$' "$ctl" -s "$sock" loglevel warning
expect 'ctl: help' command_ends 0 'swap TARGET KEY=VALUE' "$ctl" -s "$sock" help
expect 'ctl: a refusal is 1, its reason on stderr' command_ends 1 'paceline-ctl: .*nowhere' \
    "$ctl" -s "$sock" swap nowhere model=reactor
expect 'ctl: nobody there is 69' command_ends 69 'is the server running' \
    "$ctl" -s "$scratch/none.sock" status
expect 'ctl: no command' command_ends 64 'a command is missing' "$ctl" -s "$sock"
expect 'ctl: an unknown command' command_ends 64 'unknown command statsu' "$ctl" -s "$sock" statsu
expect 'ctl: an unknown option' command_ends 64 'unknown option --loud' "$ctl" --loud status
expect 'ctl: a missing value' command_ends 64 'a value is missing' "$ctl" status -s
expect 'ctl: a line end in an argument' command_ends 64 'control byte' \
    "$ctl" -s "$sock" loglevel $'info\ndrain'
expect 'ctl: too long a command' command_ends 64 'longer than 4096' \
    "$ctl" -s "$sock" swap default "a=$(printf '%5000s' '' | tr ' ' x)"
expect 'ctl: too long a path' command_ends 64 'longer than the path' \
    "$ctl" -s "/$(printf '%200s' '' | tr ' ' x)" status
expect 'ctl: wrong figures' command_ends 64 '0\.1 to 3600' "$ctl" -s "$sock" --interval 0 watch
expect 'ctl: wrong counts' command_ends 64 'from 1 on' "$ctl" -s "$sock" --count 0 watch
expect 'ctl: no file' command_ends 66 'none.yaml' "$ctl" -c "$scratch/none.yaml" status
printf 'a: [\n' >"$scratch/broken.yaml"
expect 'ctl: a broken file' command_ends 78 'broken.yaml:[0-9]+:' "$ctl" -c "$scratch/broken.yaml" status
printf 'control: 3\n' >"$scratch/without.yaml"
expect 'ctl: a file without a socket' command_ends 78 'no control.socket' \
    "$ctl" -c "$scratch/without.yaml" status
expect 'ctl: --version' command_ends 0 '^paceline-ctl [0-9]' "$ctl" --version
expect 'ctl: --help' command_ends 0 'watch .*live view' "$ctl" --help

raw_json() {
    "$ctl" -s "$sock" --json status | python3 -c '
import json, sys
lines = sys.stdin.read().splitlines()
assert len(lines) == 1 and json.loads(lines[0])["ok"] is True'
    "$ctl" -s "$sock" --json swap nowhere a=b >"$scratch/said" 2>/dev/null
    [ $? -eq 1 ] && grep -q '^{"ok":false,"error":' "$scratch/said"
}
expect 'ctl: --json' raw_json

# What answers is no server of ours: garbage, half a line, nothing, a line without end.
odd_servers() {
    cat >"$scratch/odd.py" <<'PYTHON'
import os, socket, subprocess, sys, threading
ctl, path = sys.argv[1:]
def case(reply, code, *command):
    if os.path.exists(path): os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path); listener.listen(4)
    def serve():
        s, _ = listener.accept()
        s.recv(4096)
        try:
            s.sendall(reply)
            s.close()
        except OSError: pass
    thread = threading.Thread(target=serve); thread.start()
    done = subprocess.run([ctl, '-s', path, *command], capture_output=True, timeout=60)
    thread.join(); listener.close()
    assert done.returncode == code, (reply[:50], command, done)
for command in (['status'], ['watch', '--once'], ['threads', '--json']):
    case(b'no json\n', 76, *command)
    case(b'[]\n', 76, *command)
    case(b'', 69, *command)
    case(b'{"ok":tr', 69, *command)
    case(b'x' * 600000, 76, *command)
    case(b'{"ok":false,"error":"\\u001b[2Jno"}\n', 1, *command)
case(b'{"ok":true}\n', 0, 'status')
case(b'{"ok":true,"services":7,"engines":{"a":1}}\n', 0, 'status')
case(b'{"ok":true,"connections":[1,null,{"peer":5}]}\n', 0, 'connections')
case(b'{"ok":true,"threads":[[],{"role":"\\u0007"}]}\n', 0, 'threads')
PYTHON
    timeout 120 python3 "$scratch/odd.py" "$ctl" "$scratch/odd.sock"
}
expect 'ctl: what answers is no server of ours' odd_servers

# ---- watch ------------------------------------------------------------------------------------------------

watch_once() {
    "$ctl" -s "$sock" watch --once >"$scratch/frame" || return 1
    cat "$scratch/frame"
    grep -q '^engine default: model leader_followers, 4 threads' "$scratch/frame" &&
        grep -q '^requests/s ' "$scratch/frame" && grep -q '^queue depth ' "$scratch/frame" &&
        ! grep -q $'\033' "$scratch/frame"
}
expect 'watch: one frame, as plain text' watch_once

watch_nowhere() {
    "$ctl" -s "$sock" watch --once >/dev/full 2>&1
    [ $? -eq 74 ]
}
expect 'a frame that cannot be written is no success' watch_nowhere
watch_json() {
    [ "$("$ctl" -s "$sock" --json watch --count 3 --interval 0.1 | grep -c '^{"ok":true')" -eq 9 ]
}
expect 'watch: replies as they come' watch_json

# On a terminal: the other screen is taken and given back, also when Ctrl-C ends it.
watch_on_terminal() {
    cat >"$scratch/terminal.py" <<'PYTHON'
import os, pty, select, signal, struct, sys, termios, fcntl, time
ctl, sock, end = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.execv(ctl, [ctl, '-s', sock, 'watch', '--interval', '0.1'] +
             (['--count', '5'] if end == 'count' else []))
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 12, 50, 0, 0))
got, deadline, sent = b'', time.monotonic() + 30, False
while time.monotonic() < deadline:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try: part = os.read(fd, 65536)
        except OSError: break
        if not part: break
        got += part
    if end != 'count' and not sent and got.count(b'requests/s') >= 3:
        if end == 'key': os.write(fd, b'\x03')
        else: os.kill(pid, signal.SIGTERM)
        sent = True
_, status = os.waitpid(pid, 0)
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, (status, got[-300:])
assert got.count(b'\x1b[?1049h') == 1 and got.count(b'\x1b[?1049l') == 1, got
assert got.count(b'\x1b[?25l') == 1 and got.rstrip().endswith(b'\x1b[?25h\x1b[?1049l'), got[-60:]
import re
plain = re.sub(rb'\x1b\[[0-9;?]*[a-zA-Z]', b'', got).replace(b'^C', b'')
frames = got.split(b'\x1b[H')[2:]  # the first may have had another size
assert frames
for frame in frames:
    lines = re.sub(rb'\x1b\[[0-9;?]*[a-zA-Z]', b'', frame).replace(b'\r', b'').split(b'\n')
    assert len(lines) <= 12, (len(lines), frame)
    assert all(len(line.replace(b'^C', b'').decode()) <= 50 for line in lines), lines
PYTHON
    timeout 60 python3 "$scratch/terminal.py" "$ctl" "$sock" "$1"
}
expect 'watch: on a terminal, to its end' watch_on_terminal count
expect 'watch: Ctrl-C gives the terminal back' watch_on_terminal key
expect 'watch: SIGTERM, too' watch_on_terminal signal

watch_of_a_dying_server() {
    local own=$scratch/dying.sock code
    begin dying "$paceline" --set "control.socket=$own" --set "$one" ||
        return 1
    local pid=$server_pid
    "$ctl" -s "$own" --json watch --interval 0.1 >"$scratch/frames" 2>"$scratch/said" &
    local watcher=$!
    wait_for test -s "$scratch/frames" || return 1
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    wait "$watcher"
    code=$?
    cat "$scratch/said"
    [ "$code" -eq 69 ] && [ -S "$own" ]
}
expect 'watch: a server that is killed ends it with 69' watch_of_a_dying_server

# ---- a socket that was left behind --------------------------------------------------------------------------

after_a_kill() {
    [ -S "$scratch/dying.sock" ] || return 1
    command_ends 69 'Connection refused' "$ctl" -s "$scratch/dying.sock" status || return 1
    begin reborn "$paceline" --set "control.socket=$scratch/dying.sock" \
        --set "$one" || return 1
    command_ends 0 running "$ctl" -s "$scratch/dying.sock" status || return 1
    # One that answers is not ours to take, and a file is none.
    command_ends 69 'cannot listen on unix:' "$paceline" --set "control.socket=$scratch/dying.sock" \
        --set "$one" || return 1
    kill -TERM "$server_pid" && wait "$server_pid" && [ ! -e "$scratch/dying.sock" ]
}
expect 'a socket left by a killed server is replaced, one in use is not' after_a_kill
keeps_files() {
    echo kept >"$scratch/file.sock"
    command_ends 69 'cannot listen' "$paceline" --set "control.socket=$scratch/file.sock" \
        --set "$one" && [ "$(cat "$scratch/file.sock")" = kept ]
}
expect 'a file in its place is kept' keeps_files
expect 'a path that is too long is a mistake of the configuration' \
    command_ends 78 'control.socket' "$paceline" --check \
    --set "control.socket=/$(printf '%200s' '' | tr ' ' x)"
expect 'so are datagrams for the admin routes' command_ends 78 'admin.listen' "$paceline" --check \
    --set 'admin.listen=["udp:127.0.0.1:0"]'
expect 'so is an address that is none' command_ends 78 'admin.listen' "$paceline" --check \
    --set 'admin.listen=["nonsense"]'
expect 'so are seventeen' command_ends 78 'more than 16' "$paceline" --check \
    --set "admin.listen=[$(for i in $(seq 17); do printf '127.0.0.1:%d,' "$i"; done)]"

# ---- a server that can do no more ----------------------------------------------------------------------------

busy_server_answers() {
    local own=$scratch/busy.sock model
    for model in leader_followers half_sync_half_async reactor proactor per_core; do
        begin "busy_$model" "$work" --model "$model" --threads 2 --set "control.socket=$own" \
            --set limits.connections=4 --set "$one" \
            --set timeouts.drain=1s || return 1
        local pid=$server_pid port
        port=$(sed -n 's/.*service w: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/busy_$model.log")
        cat >"$scratch/busy.py" <<'PYTHON'
import json, socket, sys, time
port, path = int(sys.argv[1]), sys.argv[2]
def ask(line):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(path)
    s.sendall(line); s.shutdown(socket.SHUT_WR)
    return json.loads(s.makefile().readline())
# Four clients are all that are let in; their handlers block, and more than the threads there are.
clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(6)]
for c in clients: c.sendall(b'GET /work?block=5000000 HTTP/1.1\r\nHost: x\r\n\r\n')
deadline = time.monotonic() + 20
while ask(b'status\n')['connections'] < 4:
    assert time.monotonic() < deadline
    time.sleep(0.01)
for line in (b'status\n', b'threads\n', b'connections state\n', b'stats\n', b'rates\n'):
    assert ask(line)['ok'] is True
assert ask(b'connections\n')['open'] == 4
assert ask(b'stop\n')['ok'] is True
PYTHON
        timeout 60 python3 "$scratch/busy.py" "$port" "$own" || return 1
        wait_for has_ended "$pid" || return 1
        wait "$pid"
        # 70: it left without the handlers that still block.
        case $? in 0 | 70) ;; *) return 1 ;; esac
        [ ! -e "$own" ] || return 1
    done
}
expect 'when every worker is busy and every place taken it answers, in every model' \
    busy_server_answers

# ---- the end ---------------------------------------------------------------------------------------------------

drain_is_followed() {
    local own=$scratch/drain.sock port code
    begin drained "$work" --set "control.socket=$own" --set timeouts.drain=30s \
        --set "$one" || return 1
    local pid=$server_pid
    port=$(sed -n 's/.*service w: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/drained.log")
    curl -s "http://127.0.0.1:$port/work?block=1000000" >"$scratch/answer" &
    local client=$!
    wait_for one_is_open "$own" || return 1
    "$ctl" -s "$own" drain >"$scratch/progress" 2>&1
    code=$?
    cat "$scratch/progress"
    [ "$code" -eq 0 ] && has_ended "$pid" && wait "$client" &&
        grep -q '^done$' "$scratch/answer" && wait "$pid" &&
        grep -qE '^draining: 1 connections left, at most [23][0-9]\.[0-9] s more$' "$scratch/progress" &&
        tail -n 1 "$scratch/progress" | grep -q 'the server has ended' && [ ! -e "$own" ] &&
        says drained ' stopped$'
}
one_is_open() { "$ctl" -s "$1" status | grep -q '^connections: 1 '; }
expect 'drain: shown until the process has gone; the request under way is answered' drain_is_followed

drain_twice_is_once() {
    local own=$scratch/twice.sock port
    begin twice "$work" --set "control.socket=$own" --set timeouts.drain=30s \
        --set "$one" || return 1
    local pid=$server_pid
    port=$(sed -n 's/.*service w: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/twice.log")
    curl -s "http://127.0.0.1:$port/work?block=700000" >"$scratch/answer" &
    local client=$!
    wait_for one_is_open "$own" || return 1
    printf 'drain\ndrain\ndrain\nstatus\n' | nc -N -U "$own" >"$scratch/said"
    cat "$scratch/said"
    [ "$(grep -c '"state":"draining"' "$scratch/said")" -eq 4 ] && wait "$client" &&
        grep -q '^done$' "$scratch/answer" && wait "$pid" && ! says twice 'at once'
}
expect 'drain: asked for three times it is one drain' drain_twice_is_once

stop_is_at_once() {
    local own=$scratch/stop.sock pid code
    begin stopped "$paceline" --set "control.socket=$own" --set timeouts.drain=600s \
        --set 'services=[{name: e, protocol: line, listen: ["127.0.0.1:0"]}]' || return 1
    pid=$server_pid
    local port
    port=$(sed -n 's/.*service e: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/stopped.log")
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    wait_for one_is_open "$own" || return 1
    "$ctl" -s "$own" "$@" >"$scratch/progress" 2>&1
    code=$?
    exec 9>&-
    cat "$scratch/progress"
    [ "$code" -eq 0 ] && has_ended "$pid" && wait "$pid"
}
expect 'stop: at once, quietly' stop_is_at_once -q stop
expect 'stop: in JSON' stop_is_at_once --json stop

stop_hurries_a_drain() {
    local own=$scratch/hurry.sock pid port
    begin hurried "$work" --set "control.socket=$own" --set timeouts.drain=600s \
        --set "$one" || return 1
    pid=$server_pid
    port=$(sed -n 's/.*service w: listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$scratch/hurried.log")
    curl -s "http://127.0.0.1:$port/work?block=900000" >/dev/null &
    local client=$!
    wait_for one_is_open "$own" || return 1
    "$ctl" -s "$own" --json drain >"$scratch/drain.txt" 2>&1 &
    local drainer=$!
    wait_for grep -q draining "$scratch/drain.txt" || return 1
    "$ctl" -s "$own" -q stop || return 1
    wait "$drainer" && has_ended "$pid" && wait "$client"
    wait "$pid"
}
expect 'stop: ends a drain that is under way' stop_hurries_a_drain

signal_ends_it_too() {
    kill -TERM "$site" && wait "$site" && [ ! -e "$sock" ]
}
expect 'SIGTERM: the socket goes with the server' signal_ends_it_too

# A build with a sanitizer says it there.
expect 'no sanitizer has found anything' \
    bash -c '! grep -aE "Sanitizer|runtime error" "$1"/*.log' - "$scratch"

# ---- the manual -------------------------------------------------------------------------------------------------

# The empty paragraphs are scdoc's way to space things; every other warning is ours.
manual() {
    scdoc <docs/man/paceline-ctl.1.scd >"$scratch/paceline-ctl.1" || return 1
    mandoc -T lint -W warning "$scratch/paceline-ctl.1" >"$scratch/lint.txt"
    ! grep -v 'skipping paragraph macro' "$scratch/lint.txt"
}
expect 'the manual is one' manual
manual_names_all() {
    local word
    for word in $("$ctl" --help | grep -oE -- '--[a-z-]+' | sort -u); do
        grep -qF -- "$word" docs/man/paceline-ctl.1.scd || { echo "no option $word"; return 1; }
    done
    for word in $("$ctl" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
        grep -q "^\*$word\*" docs/man/paceline-ctl.1.scd || { echo "no command $word"; return 1; }
    done
}
expect 'the manual names every option and command' manual_names_all
summary
