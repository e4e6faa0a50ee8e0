# SPDX-License-Identifier: Apache-2.0
# Steps that say what they do, how far the whole is and how long remains. Sourced by quickstart.

steps_names=()
steps_weights=()
steps_begun=0
steps_done=0

steps_begin() {
    steps_names=() steps_weights=() steps_done=0
    steps_begun=$(date +%s)
}

# steps_plan NAME SECONDS...: what is to come, with its usual duration.
steps_plan() {
    while [ $# -gt 0 ]; do
        steps_names+=("$1")
        steps_weights+=("$2")
        shift 2
    done
}

# Seconds that remain: the usual duration of what is left, in this machine's pace so far.
steps_left() {
    local i passed=0 left=0 elapsed=$(($(date +%s) - steps_begun))
    for i in "${!steps_names[@]}"; do
        if [ "$i" -lt "$steps_done" ]; then
            passed=$((passed + steps_weights[i]))
        else
            left=$((left + steps_weights[i]))
        fi
    done
    # Steps that had nothing to do say nothing about the rest.
    if [ "$passed" -gt 0 ] && [ "$elapsed" -gt $((passed / 2)) ]; then
        left=$((left * elapsed / passed))
    fi
    echo "$left"
}

# step NAME COMMAND...: runs it with its output kept; shown only when it fails.
step() {
    local name=$1 log begun code pid
    shift
    log=$(mktemp "$scratch/step.XXXXXX")
    begun=$(date +%s)
    local where="[$((steps_done + 1))/${#steps_names[@]}] $name"
    if [ "$quiet" = no ] && [ -t 1 ]; then
        # The command must run in this shell (it may set variables), so the clock is the child.
        (
            trap 'exit 0' TERM
            left=$(steps_left)
            while :; do
                spent=$(($(date +%s) - begun))
                printf '\r\033[K%s … %ds, about %ds left in all' "$where" "$spent" \
                    $((left > spent ? left - spent : 0))
                sleep 1
            done
        ) &
        pid=$!
        "$@" >"$log" 2>&1
        code=$?
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        printf '\r\033[K'
    else
        [ "$quiet" = yes ] || echo "$where … about $(steps_left)s left in all"
        "$@" >"$log" 2>&1
        code=$?
    fi
    steps_done=$((steps_done + 1))
    if [ "$code" -ne 0 ]; then
        echo "$where: failed (exit code $code)"
        tail -n 60 "$log"
    elif [ "$quiet" = no ]; then
        echo "$where: $(step_summary "$log") in $(($(date +%s) - begun))s"
    fi
    step_log=$log
    return "$code"
}

# What a step says of itself in one line: its count of tests, or that it is done.
step_summary() {
    local line
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    echo "${line:-done}"
}

# Installs the Debian packages that are missing; asks for no password, says what is needed.
install_missing() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local sudo=
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "These packages are missing: ${missing[*]}"
            echo "Install them as root:  apt-get install ${missing[*]}"
            return 1
        fi
        sudo=sudo
    fi
    $sudo apt-get update -qq && install_without_services "$sudo" "${missing[@]}"
}

# Debian starts a service as soon as its package is installed: nginx would take port 80 and redis 6379
# of a machine whose user asked for a test. Every such start asks this program first, and 101 forbids
# it. One of the administrator's own is left alone. The root shell that writes it also removes it, on
# failure, interrupt and termination too.
policy_file=/usr/sbin/policy-rc.d
install_without_services() {
    local sudo=$1
    shift
    # shellcheck disable=SC2016
    $sudo env DEBIAN_FRONTEND=noninteractive sh -c '
        policy_file=$1
        shift
        if [ ! -e "$policy_file" ] && [ ! -L "$policy_file" ]; then
            trap "rm -f \"\$policy_file\"" EXIT
            trap "exit 130" INT
            trap "exit 143" TERM HUP
            printf "#!/bin/sh\nexit 101\n" >"$policy_file" && chmod 755 "$policy_file" || exit 1
        fi
        apt-get install -y -qq --no-install-recommends "$@"
        exit $?' sh "$policy_file" "$@"
}
