#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installing packages starts no service: with a policy-rc.d and an apt-get of the test's own.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
. tests/support/steps.sh
policy_file=$scratch/policy-rc.d
mkdir "$scratch/bin" || exit 1
cat >"$scratch/bin/apt-get" <<'SH'
#!/bin/sh
sh "$POLICY" >"$POLICY.said" 2>&1
echo $? >"$POLICY.code"
echo "$*" >"$POLICY.arguments"
[ ! -e "$POLICY.wait" ] || sleep 1
exit "${APT_CODE:-0}"
SH
chmod 755 "$scratch/bin/apt-get"
export POLICY=$policy_file PATH=$scratch/bin:$PATH

forbids() {
    install_without_services '' one two || return 1
    [ "$(cat "$policy_file.code")" -eq 101 ] && [ ! -e "$policy_file" ] &&
        grep -q -- '--no-install-recommends one two$' "$policy_file.arguments"
}
expect 'while packages are installed no service may start, afterwards every one may' forbids
fails() {
    ! APT_CODE=100 install_without_services '' one && [ ! -e "$policy_file" ]
}
expect 'a failure is passed on, and leaves nothing behind' fails
is_terminated() {
    : >"$policy_file.wait"
    rm -f "$policy_file.arguments"
    setsid bash -c '. tests/support/steps.sh; policy_file=$POLICY; install_without_services "" one' &
    local pid=$! code
    for _ in $(seq 100); do [ -s "$policy_file.arguments" ] && break; sleep 0.05; done
    kill -"$1" -- "-$pid"
    wait "$pid"
    code=$?
    for _ in $(seq 100); do [ -e "$policy_file" ] || break; sleep 0.05; done
    rm -f "$policy_file.wait"
    echo "exit code $code"
    [ -s "$policy_file.arguments" ] && [ "$code" -ne 0 ] && [ ! -e "$policy_file" ]
}
expect 'termination leaves nothing behind' is_terminated TERM
keeps() {
    printf '#!/bin/sh\nexit 7\n' >"$policy_file"
    install_without_services '' one || return 1
    [ "$(cat "$policy_file.code")" -eq 7 ] && grep -q 'exit 7' "$policy_file"
}
expect "an administrator's own policy is kept" keeps
summary
