# SPDX-License-Identifier: Apache-2.0
# The test command: which builds, which suites in which, and their counts. Sourced by quickstart.
#
#     build-check     gcc, -Werror, dear assertions: every suite
#     build-address   clang, address and undefined-behaviour sanitizers: units, protocols, servers
#     build-thread    clang, thread sanitizer: the contract suite, and swaps under load
#
# Each build runs every case it is there for, each model and arming meets the contract suite once.

. tests/support/conform.sh

total_passed=0
total_failed=0
suites_failed=()

# Counts of a cmocka program or of a script that ends in "N passed, N failed".
count_log() {
    awk '
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
        /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
        END { print passed + 0, failed + 0 }' "$1"
}

# run_tests COMMAND...: each argument is one command line; a crash or a time-out is a failure too.
run_tests() {
    local line passed=0 failed=0 p f code log
    for line in "$@"; do
        log=$(mktemp "$scratch/test.XXXXXX")
        timeout -k 10 600 bash -c "$line" >"$log" 2>&1 </dev/null
        code=$?
        read -r p f <<<"$(count_log "$log")"
        if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
            f=1
        fi
        if [ "$code" -eq 0 ] && [ $((p + f)) -eq 0 ]; then
            echo "$line: ran no test"
            f=1
        fi
        if [ "$f" -ne 0 ]; then
            echo "--- $line (exit code $code)"
            # The first failure says why; what follows it may only follow from it.
            grep -vaE '^\[ (RUN     |      OK) \]|^\[  SKIPPED|^[0-9]+ passed, [0-9]+ failed$' "$log" |
                awk '{ line[NR] = $0 }
                     END { for (i = 1; i <= NR; i++) if (i <= 60 || i > NR - 20) print line[i]
                                                     else if (i == 61) print "[...]" }'
        fi
        passed=$((passed + p)) failed=$((failed + f))
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# The same, two at a time: for programs that mostly wait.
run_tests_in_two() {
    local even=() odd=() i=0 line first second
    for line in "$@"; do
        if [ $((i % 2)) -eq 0 ]; then even+=("$line"); else odd+=("$line"); fi
        i=$((i + 1))
    done
    first=$(mktemp "$scratch/half.XXXXXX")
    second=$(mktemp "$scratch/half.XXXXXX")
    run_tests "${even[@]}" >"$first" &
    local child=$! code=0
    run_tests "${odd[@]}" >"$second" || code=1
    wait "$child" || code=1
    grep -havE '^[0-9]+ passed, [0-9]+ failed$' "$first" "$second"
    cat "$first" "$second" | awk '/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p " passed, " f " failed" }'
    return "$code"
}

# suite NAME COMMAND...: a step whose counts go into the sum; the check goes on after a failure.
suite() {
    local name=$1 passed=0 failed=0
    step "$@" || suites_failed+=("$name")
    read -r passed failed <<<"$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$step_log" | tail -n 1 |
        sed 's/[^0-9 ]//g')"
    total_passed=$((total_passed + ${passed:-0}))
    total_failed=$((total_failed + ${failed:-0}))
    [ "$quiet" = no ] || echo "$name: ${passed:-0} passed, ${failed:-0} failed"
}

# ---- builds -----------------------------------------------------------------------------------------

build_check() {
    build_release &&
        configure_and_make build-check all check_programs -- --enable-werror --enable-debug \
            --disable-shared CFLAGS="-O1 -g"
}

build_address() {
    configure_and_make build-address all check_programs -- --enable-werror --enable-debug \
        --disable-shared --enable-sanitize=address,undefined CC=clang CFLAGS="-O1 -g"
}

build_thread() {
    configure_and_make build-thread check_programs -- --enable-werror --enable-debug \
        --disable-shared --enable-sanitize=thread CC=clang CFLAGS="-O1 -g"
}

# ---- what runs where --------------------------------------------------------------------------------

unit_programs() {
    (cd "$1" && find tests/unit tests/protocol -type f -perm -100 -name '*_test' | sort |
        sed "s|^|$1/|")
}

integration_programs() {
    (cd "$1" && find tests/integration -type f -perm -100 -name '*_test' | sort | sed "s|^|$1/|")
}

contract_combinations() {
    local build=$1
    shift
    local combination
    for combination in "$@"; do
        echo "$build/tests/model/contract_test $combination"
    done
}

# Behind the model: +always and +kernel are promotions, +handed runs no handler in passing.
all_combinations=('leader_followers oneshot 4' 'leader_followers edge 4' 'leader_followers edge 1'
    'leader_followers+always oneshot 4' 'leader_followers+always edge 4'
    'leader_followers+kernel oneshot 4' 'leader_followers+kernel edge 4'
    'half_sync_half_async oneshot 3' 'half_sync_half_async+handed edge 3'
    'reactor+handed oneshot 3' 'reactor edge 3' 'reactor oneshot 0' 'reactor edge 0'
    'proactor oneshot 3' 'proactor+handed edge 3' 'per_core oneshot 3' 'per_core edge 2')
short_combinations=('leader_followers edge 4' 'half_sync_half_async oneshot 3' 'reactor edge 3'
    'proactor oneshot 3' 'per_core edge 2')

test_units() {
    local programs
    mapfile -t programs < <(unit_programs build-check)
    run_tests "${programs[@]}" 'build-check/tests/fuzz/http_parse_replay tests/fuzz/corpus/http/*' \
        'build-check/tests/fuzz/http_path_replay tests/fuzz/corpus/http_path/*' \
        'build-check/tests/fuzz/http_date_replay tests/fuzz/corpus/http_date/*' \
        'build-check/tests/fuzz/http_range_replay tests/fuzz/corpus/http_range/*' \
        'build-check/tests/fuzz/http_multipart_replay tests/fuzz/corpus/http_multipart/*' \
        'build-check/tests/fuzz/http_form_replay tests/fuzz/corpus/http_form/*' \
        'build-check/tests/fuzz/control_parse_replay tests/fuzz/corpus/control_parse/*'
}

test_contract() {
    local lines
    mapfile -t lines < <(contract_combinations build-check "${all_combinations[@]}")
    run_tests_in_two "${lines[@]}"
}

# The short check meets each model once, the whole one every combination.
test_servers() {
    local programs
    mapfile -t programs < <(integration_programs build-check)
    [ "$all" = yes ] || local -x PL_TEST_SHORT=yes
    run_tests_in_two "${programs[@]}"
}

test_address() {
    local programs
    mapfile -t programs < <(unit_programs build-address; integration_programs build-address)
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
    [ "$all" = yes ] || local -x PL_TEST_SHORT=yes
    run_tests_in_two "${programs[@]}" 'PL_BUILD=$PWD/build-address tests/integration/control_test.sh' \
        'PL_BUILD=$PWD/build-address tests/integration/reload_test.sh' \
        'PL_BUILD=$PWD/build-address PL_STORM_SECONDS=1 tests/integration/storm_test.sh'
}

test_address_contract() {
    local lines
    mapfile -t lines < <(contract_combinations build-address "${short_combinations[@]}")
    run_tests_in_two "${lines[@]}"
}

test_thread_short() {
    local lines
    mapfile -t lines < <(contract_combinations build-thread "${short_combinations[@]}")
    lines+=('PL_TEST_SHORT=yes build-thread/tests/integration/swap_test'
        build-thread/tests/integration/swap_fault_test)
    PL_TEST_SCALE=10 run_tests_in_two "${lines[@]}"
}

test_thread_all() {
    local lines
    mapfile -t lines < <(contract_combinations build-thread "${all_combinations[@]}")
    PL_TEST_SCALE=4 run_tests_in_two "${lines[@]}"
}

test_thread_servers() {
    local programs
    mapfile -t programs < <(unit_programs build-thread; integration_programs build-thread)
    run_tests_in_two "${programs[@]}"
}

scripts() {
    run_tests "${@/#/tests/integration/}"
}

# Two of them install the tree, one after the other: every second one runs at once with those.
test_commands() {
    run_tests_in_two "${@/#/tests/integration/}"
}

# ---- fuzzing ----------------------------------------------------------------------------------------

# The parser of requests has most of the time; the others are small, and soon know their inputs.
fuzz_targets=(http_parse_fuzz http_path_fuzz http_date_fuzz http_range_fuzz http_multipart_fuzz
    http_form_fuzz control_parse_fuzz)

build_fuzz() {
    configure_and_make build-fuzz "${fuzz_targets[@]/#/tests/fuzz/}" -- --enable-fuzzing --disable-shared \
        --without-jemalloc CC=clang CFLAGS="-O1 -g"
}

run_fuzz_target() { # NAME SECONDS BYTES FOLDER
    local corpus="$scratch/corpus-$1"
    mkdir -p "$corpus"
    "build-fuzz/tests/fuzz/$1" -max_total_time="$2" -max_len="$3" -print_final_stats=1 \
        "$corpus" "tests/fuzz/corpus/$4"
}

run_fuzz() {
    local target
    run_fuzz_target http_parse_fuzz "$1" 4096 http || return 1
    for target in "${fuzz_targets[@]:1}"; do
        run_fuzz_target "$target" $(($1 / 10 + 1)) 512 "${target%_fuzz}" || return 1
    done
    echo "${#fuzz_targets[@]} passed, 0 failed"
}

fuzz() {
    steps_begin
    steps_plan packages 10 'build' 20 "fuzz for $1 s" "$1"
    step packages install_missing "${build_packages[@]}" "${check_packages[@]}" || return 1
    step build build_fuzz || return 1
    step "fuzz for $1 s" run_fuzz "$1" || return 1
    grep -aE 'stat::number_of_executed_units|stat::new_units_added' "$step_log"
}

# The measurement says itself how far it is, and prints what it found when it is interrupted.
fairness() {
    local options=()
    [ "$quiet" = no ] || options+=(--quiet)
    steps_begin
    steps_plan packages 10 build 60
    step packages install_missing "${build_packages[@]}" || return 1
    step build build_release || return 1
    build/apps/paceline-bench fairness "${options[@]}"
}

# ---- the whole --------------------------------------------------------------------------------------

check() {
    steps_begin
    steps_plan packages 30 build 60 'units and protocols' 10 'contract of all models' 30 \
        'whole servers' 30 'commands, documents, an application outside the tree' 90 \
        'models that SPIN checks' 120 'conformance, three models' 15 'conformance, mutations' 10 \
        'build with address and undefined-behaviour sanitizers' 40 'address sanitizer' 40 \
        'build with the thread sanitizer' 25 'thread sanitizer' 40
    if [ "$all" = yes ]; then
        steps_plan 'thread sanitizer, every model and arming' 60 \
            'thread sanitizer, units and servers' 120 \
            'address sanitizer, contract' 60 'conformance, every model and arming' 80 \
            'planted faults' 50 'the tour' 40 'load and peers' 60 'proxies in front' 10 \
            'paceline-bench' 65 \
            'the pages in a browser' 30 'clients of others' 60 'build by clang, without jemalloc' 40 'fuzzing' 50 \
            'distribution' 150 'format' 10
    fi
    step packages install_missing "${build_packages[@]}" "${show_packages[@]}" \
        "${check_packages[@]}" "${conform_packages[@]}" || return 1
    step build build_check || return 1
    suite 'units and protocols' test_units
    suite 'contract of all models' test_contract
    suite 'whole servers' test_servers
    suite 'commands, documents, an application outside the tree' \
        test_commands documents_test.sh conform_test.sh outside_test.sh counter_test.sh \
        docs_names_test.sh configuration_test.sh timeline_test.sh install_test.sh \
        access_log_test.sh control_test.sh reload_test.sh admin_test.sh storm_test.sh \
        quickstart_swap_test.sh
    suite 'models that SPIN checks' test_models
    suite 'conformance, three models' test_conform_short
    suite 'conformance, mutations' test_mutations
    step 'build with address and undefined-behaviour sanitizers' build_address || return 1
    suite 'address sanitizer' test_address
    step 'build with the thread sanitizer' build_thread || return 1
    suite 'thread sanitizer' test_thread_short
    [ "$all" = no ] || check_rest || return 1

    [ ${#suites_failed[@]} -eq 0 ] || printf 'failed: %s\n' "${suites_failed[@]}"
    echo "$total_passed passed, $total_failed failed"
    [ ${#suites_failed[@]} -eq 0 ] && [ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
}

build_clang() {
    configure_and_make build-clang all check_programs -- --enable-werror --without-jemalloc CC=clang \
        CFLAGS="-O2 -g"
}

test_fuzz_short() {
    build_fuzz && run_fuzz 20
}

test_format() {
    if git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror; then
        echo "1 passed, 0 failed"
    else
        echo "0 passed, 1 failed"
        return 1
    fi
}

# The searches that take longest and most memory are left to tests/spin/spin_test.sh itself.
test_models() {
    PL_TEST_SHORT=yes run_tests_in_two 'tests/spin/spin_test.sh claim leader_followers' \
        'tests/spin/spin_test.sh swap'
}

test_tour() {
    scripts tour_test.sh
}

check_rest() {
    suite 'thread sanitizer, every model and arming' test_thread_all
    suite 'thread sanitizer, units and servers' test_thread_servers
    suite 'address sanitizer, contract' test_address_contract
    suite 'conformance, every model and arming' test_conform_all
    suite 'planted faults' scripts planted_faults_test.sh
    suite 'the tour' test_tour
    suite 'load and peers' scripts load_test.sh peers_test.sh
    suite 'proxies in front' scripts fronts_test.sh
    suite 'paceline-bench' scripts bench_test.sh claims_test.sh
    suite 'the pages in a browser' scripts page_test.sh admin_page_test.py
    suite 'clients of others' scripts clients_test.sh
    step 'build by clang, without jemalloc' build_clang || return 1
    suite 'fuzzing' test_fuzz_short
    suite 'distribution' scripts distribution_test.sh
    suite 'format' test_format
}
