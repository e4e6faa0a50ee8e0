#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./quickstart swap as a user runs it, for a shorter time.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"

nobody_is_lost() {
    PL_SWAP_SECONDS=2 ./quickstart swap >"$scratch/swap.txt" 2>&1
    local code=$?
    cat "$scratch/swap.txt"
    grep -qE "^[1-9][0-9]* requests, [1-9][0-9]* swaps, 0 lost, 0 connections closed, longest pause \
[0-9.]+(us|ms|s), p99 [0-9.]+(us|ms|s) \(p99 without swaps [0-9.]+(us|ms|s)\)$" "$scratch/swap.txt" &&
        [ "$code" -eq 0 ]
}
expect 'swaps under load lose nobody, and the figures are printed' nobody_is_lost

# The verdict is made of what wrk and the server say.
errors_are_counted() {
    # shellcheck source=/dev/null
    . "$root/tests/support/swap.sh"
    printf '%s\n' '  Socket errors: connect 1, read 2, write 3, timeout 4' \
        '  Non-2xx or 3xx responses: 5' >"$scratch/wrk.txt"
    [ "$(swap_lost "$scratch/wrk.txt")" -eq 15 ]
}
expect 'an error of a socket, and a reply that is no success, count as lost' errors_are_counted

summary
