#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPIN over the models of this folder: each holds in every order of steps there is, and each of its
# broken variants does not. A search that was cut, by depth, memory or time, has proved nothing and
# counts as a failure.
#
# spin_test.sh [MODEL...]: those alone.
. "$(dirname "${BASH_SOURCE[0]}")/../support/script.sh"
models=$root/tests/spin
wanted=" ${*:-claim leader_followers swap} "

depth_max=1000000
memory_mb=1024
seconds_max=300 # of a hung or forgotten search; none comes near it

# search MODEL OPTIONS...: the report is $scratch/pan.log.
search() {
    local model=$1 work
    shift
    work=$(mktemp -d "$scratch/search.XXXXXX") || return 1
    (
        cp "$models/$model.pml" "$work" && cd "$work" &&
            spin "$@" -a "$model.pml" &&
            gcc -O1 -w -DSAFETY -DNOFAIR -DMEMLIM="$memory_mb" -o pan pan.c &&
            timeout -k 5 "$seconds_max" ./pan -m"$depth_max" -E -n
    ) >"$scratch/pan.log" 2>&1
    local code=$?
    rm -rf "$work"
    grep -E 'errors:|states, stored|violated|elapsed|rror' "$scratch/pan.log"
    return "$code"
}

was_cut() {
    grep -qE 'max search depth too small|out of memory|reached -DMEMLIM|hash table full' \
        "$scratch/pan.log"
}

holds() {
    search "$@" || return 1
    ! was_cut && ! grep -q 'Search not completed' "$scratch/pan.log" &&
        grep -qE ', errors: 0$' "$scratch/pan.log"
}

# A variant that does not even compile is no proof either: an assertion must have failed.
is_caught() {
    search "$@" || return 1
    ! was_cut && grep -q 'assertion violated' "$scratch/pan.log" &&
        grep -qE ', errors: 1$' "$scratch/pan.log"
}

# ---- the runner itself --------------------------------------------------------------------------

check_runner() {
    depth_counts() {
        local depth_max=20
        ! holds claim
    }
    memory_counts() {
        local memory_mb=1
        ! holds claim
    }
    expect 'a search cut by depth proves nothing' depth_counts
    expect 'a search cut by memory proves nothing' memory_counts
}

# ---- one slot and its claim ---------------------------------------------------------------------

check_claim() {
    expect 'claim: one-shot arming, two threads wait' holds claim
    expect 'claim: edge arming, two threads wait' holds claim -DEDGE
    expect 'claim: one-shot arming, three threads wait' holds claim -DWAITERS=3 -DPOSTS=2
    expect 'claim: edge arming, three threads wait' holds claim -DEDGE -DWAITERS=3 -DPOSTS=2
    for variant in GENERATION_NOT_COMPARED PENDING_IN_TWO_STEPS RELEASE_BY_STORE ARMED_AFTER_RELEASE; do
        expect "claim: $variant is caught" is_caught claim "-DBROKEN_$variant"
    done
}

# ---- leader/followers ---------------------------------------------------------------------------

check_leader_followers() {
    expect 'leader/followers: promotion always, two threads' \
        holds leader_followers -DALWAYS -DTHREADS=2 -DEVENTS=2
    expect 'leader/followers: promotion always, three threads' \
        holds leader_followers -DALWAYS -DTHREADS=3 -DEVENTS=2 -DPOSTS=0
    expect 'leader/followers: adaptive with its deputy, two threads' \
        holds leader_followers -DTHREADS=2 -DEVENTS=3 -DPOSTS=0 -DAGAINS=0
    for variant in SEARCHING_AFTER_LOOK PUSH_AFTER_LOOK ASLEEP_AFTER_LOOK NOBODY_TOLD \
        LEADER_WITHOUT_EXCHANGE; do
        expect "leader/followers: $variant is caught" \
            is_caught leader_followers -DALWAYS -DTHREADS=2 -DEVENTS=2 "-DBROKEN_$variant"
    done
    expect 'leader/followers: NOBODY_TOLD is caught, adaptive' is_caught leader_followers \
        -DTHREADS=2 -DEVENTS=3 -DPOSTS=0 -DAGAINS=0 -DBROKEN_NOBODY_TOLD
    expect 'leader/followers: TAKER_STIRS_NOBODY is caught' is_caught leader_followers \
        -DTHREADS=2 -DEVENTS=4 -DPOSTS=0 -DAGAINS=0 -DBROKEN_TAKER_STIRS_NOBODY
}

# ---- the swap -----------------------------------------------------------------------------------

check_swap() {
    expect 'swap: to another handle set' holds swap
    expect 'swap: within one handle set' holds swap -DSAME_SET
    expect 'swap: a slot is opened meanwhile' holds swap -DOPENER -DREADS=1
    expect 'swap: two old threads, another handle set' holds swap -DSLOTS=1 -DOLD_THREADS=2 -DREADS=1
    expect 'swap: two old threads, one handle set' \
        holds swap -DSLOTS=1 -DOLD_THREADS=2 -DREADS=1 -DSAME_SET
    for variant in NO_SECOND_LOOK HELD_SKIPPED FLAG_IGNORED MET_WIPES_FLAG FREED_EARLY \
        RINGS_BEFORE_FLIP SLEEP_WITHOUT_LOOK WAIT_SAID_LATE; do
        expect "swap: $variant is caught" is_caught swap "-DBROKEN_$variant"
    done
    expect 'swap: NO_WAKE_AFTER_STOP is caught' is_caught swap -DBROKEN_NO_WAKE_AFTER_STOP -DSAME_SET
    expect 'swap: OPENED_AFTER_CHOICE is caught' \
        is_caught swap -DBROKEN_OPENED_AFTER_CHOICE -DOPENER -DREADS=1
    expect 'swap: FLAG_CLEARED_LATE is caught' \
        is_caught swap -DBROKEN_FLAG_CLEARED_LATE -DSLOTS=1 -DSWAPS=2 -DREADS=1
}

# ---- what takes longer --------------------------------------------------------------------------

check_longer() {
    memory_mb=3072
    expect 'leader/followers: adaptive, and another thread brings work' \
        holds leader_followers -DTHREADS=2 -DEVENTS=0 -DPOSTS=1 -DAGAINS=0
    expect 'swap: twice, one after another' holds swap -DSLOTS=1 -DSWAPS=2 -DREADS=1
}

for model in claim leader_followers swap; do
    case $wanted in *" $model "*) "check_$model" ;; esac
done
case $wanted in *' claim '*) check_runner ;; esac
[ -n "${PL_TEST_SHORT:-}" ] || check_longer
summary
