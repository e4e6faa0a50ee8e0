/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of claims from planted series: what holds, what does not, what nobody can tell. */
#include "claims.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 11

struct fixture {
    struct claim_bench *bench;
    const struct claim *claim;
    struct sentence verdict;
};

/* Two CPUs and many descriptors, unless a test plants another machine; nothing is measured. */
static void begin_bench(struct claim_bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    bench->cpus.count = 2;
    bench->files_max = 20000;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->bench = calloc(1, sizeof(*fixture->bench));
    assert_non_null(fixture->bench);
    begin_bench(fixture->bench);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->bench);
    free(fixture);
    return 0;
}

static void describe(struct fixture *fixture, const struct claim *claim)
{
    fixture->claim = claim;
    claim->describe(fixture->bench);
    assert_int_equal(fixture->bench->report.columns_count,
                     fixture->bench->conditions_count * fixture->bench->figures_count);
}

/* About `value`, one percent of noise that differs from cell to cell. */
static void plant(struct fixture *fixture, size_t row, size_t column, double value, size_t rounds)
{
    struct series *series = &fixture->bench->report.rows[row].cells[column];

    series->count = 0;
    for (size_t i = 0; i < rounds; i++)
        series_add(series, value * (1 + 0.01 * sin((double)(i * 7 + row * 3 + column * 5))));
}

static void plant_row(struct fixture *fixture, size_t row, double value, size_t rounds)
{
    for (size_t column = 0; column < fixture->bench->report.columns_count; column++)
        plant(fixture, row, column, value, rounds);
}

static void plant_everywhere(struct fixture *fixture, double value, size_t rounds)
{
    for (size_t row = 0; row < fixture->bench->report.rows_count; row++)
        plant_row(fixture, row, value, rounds);
}

static void assert_verdict(struct fixture *fixture, const char *begin, const char *part)
{
    fixture->verdict = (struct sentence){ .length = 0 };
    fixture->claim->judge(fixture->bench, &fixture->verdict);
    if (strncmp(fixture->verdict.text, begin, strlen(begin)) != 0 ||
        strstr(fixture->verdict.text, part) == NULL)
        fail_msg("'%s' does not begin with '%s' or lacks '%s'", fixture->verdict.text, begin, part);
    /* Whole, and one sentence. */
    assert_string_equal(fixture->verdict.text + fixture->verdict.length - 1, ".");
    assert_true(fixture->verdict.length < sizeof(fixture->verdict.text) - 1);
}

/* ---- every claim ----------------------------------------------------------------------------- */

static const struct claim *const claims[] = { &claim_unix_socket, &claim_epoll,   &claim_edge,
                                              &claim_sendfile,    &claim_threads, &claim_rwlock };

static void the_same_everywhere_is_no_difference(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        begin_bench(fixture->bench);
        describe(fixture, claims[i]);
        plant_everywhere(fixture, 10, ROUNDS);
        /* Readers that nothing holds up are the control of their claim: twice as many of them. */
        for (size_t column = 0; claims[i] == &claim_rwlock && column < 6; column++)
            plant(fixture, 2, column, column % 3 == 0 ? 10 : 20, ROUNDS);
        assert_verdict(fixture, "Here ", " in no case; ");
        assert_non_null(
            strstr(fixture->verdict.text, "no difference that chance does not explain"));
    }
}

static void seven_rounds_are_too_few_to_tell(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_unix_socket);
    plant_everywhere(fixture, 10, 7);
    plant_row(fixture, 1, 30, 7);
    assert_verdict(fixture, "Here too few rounds were measured to tell; ",
                   "unknown after 7 rounds");
}

static void nothing_measured_is_said(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        begin_bench(fixture->bench);
        describe(fixture, claims[i]);
        assert_verdict(fixture, "Here too few rounds were measured to tell; ", "not measured");
    }
}

static void failed_rounds_are_no_pairs(void **state)
{
    struct series left = { .count = 0 }, right = { .count = 0 };
    struct comparison comparison;

    (void)state;
    for (int i = 0; i < 12; i++) {
        series_add(&left, i % 3 == 0 ? NAN : 30);
        series_add(&right, 10 + i % 2 * 0.1);
    }
    comparison = claim_compare(&left, &right);
    assert_int_equal(comparison.pairs_count, 8);
    assert_true(claim_is_known(&comparison) && claim_is_more(&comparison));
    assert_true(comparison.ratio > 2.9 && comparison.ratio < 3.1);
    comparison = claim_compare(&right, &left);
    assert_true(claim_is_less(&comparison) && !claim_is_more(&comparison));
}

static void a_long_verdict_is_cut_not_overrun(void **state)
{
    struct sentence sentence = { .length = 0 };

    (void)state;
    for (int i = 0; i < 200; i++)
        sentence_add(&sentence, "%d words, ", i);
    assert_int_equal(sentence.length, sizeof(sentence.text) - 1);
    assert_int_equal(strlen(sentence.text), sentence.length);
}

/* ---- each claim ------------------------------------------------------------------------------ */

static void unix_sockets_are_twice_as_fast_or_not(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_unix_socket);
    plant_everywhere(fixture, 10, ROUNDS);
    plant_row(fixture, 1, 16, ROUNDS);
    assert_verdict(fixture, "Here unix sockets are twice as fast in no case; ", "CPU 1.6");
    plant(fixture, 1, 4, 21.5, ROUNDS);
    assert_verdict(fixture, "Here unix sockets are twice as fast only for a streamed MiB; ",
                   "a streamed MiB 2.1");
    plant(fixture, 1, 0, 200, ROUNDS);
    plant(fixture, 1, 2, 20, ROUNDS);
    assert_verdict(fixture, "Here unix sockets are twice as fast in every case; ",
                   "a round trip on one CPU 20 times");
}

static void one_cpu_is_judged_by_what_it_can_do(void **state)
{
    struct fixture *fixture = *state;

    fixture->bench->cpus.count = 1;
    describe(fixture, &claim_unix_socket);
    assert_string_not_equal(fixture->bench->left_out, "");
    for (size_t column = 0; column < 6; column++) {
        plant(fixture, 0, column, 10, column / 2 == 1 ? 0 : ROUNDS);
        plant(fixture, 1, column, 20, column / 2 == 1 ? 0 : ROUNDS);
    }
    assert_verdict(fixture, "Here unix sockets are twice as fast in every case; ", "not measured");
}

static void epoll_is_held_against_the_better_of_both(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_epoll);
    assert_int_equal(fixture->bench->conditions_count, 6);
    plant_everywhere(fixture, 10, ROUNDS);
    plant(fixture, 0, 0, 50, ROUNDS);
    plant(fixture, 1, 0, 30, ROUNDS);
    plant(fixture, 0, 3, 8, ROUNDS);
    plant(fixture, 0, 4, NAN, ROUNDS);
    plant(fixture, 1, 4, 40, ROUNDS);
    assert_verdict(fixture,
                   "Here epoll is cheaper only with 1% of 1000 active and with 1% of 3000 active; ",
                   "1% of 1000 active (poll) 3.0");
    assert_non_null(strstr(fixture->verdict.text, "100% of 1000 active (select) 0.8"));
}

static void few_descriptors_leave_conditions_out(void **state)
{
    struct fixture *fixture = *state;

    fixture->bench->files_max = 1024;
    describe(fixture, &claim_epoll);
    assert_int_equal(fixture->bench->conditions_count, 4);
    assert_non_null(strstr(fixture->bench->left_out, "more than 1000 connections"));
    assert_non_null(strstr(fixture->bench->left_out, "1024 (ulimit -n)"));
    plant_everywhere(fixture, 10, ROUNDS);
    assert_verdict(fixture, "Here epoll is cheaper in no case; ", "100% of 1000");
}

static void edge_is_judged_and_one_shot_is_only_told(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_edge);
    plant_everywhere(fixture, 10, ROUNDS);
    plant(fixture, 1, 0, 12, ROUNDS);
    plant(fixture, 3, 0, 5, ROUNDS);
    assert_verdict(fixture, "Here edge trigger is cheaper in no case; ", "one-shot (4 active) 0.5");
    plant(fixture, 2, 2, 9, ROUNDS);
    assert_verdict(fixture,
                   "Here edge trigger is cheaper only with all active and no second read; ",
                   "edge until EAGAIN (4 active) 1.2");
}

static void sendfile_is_held_against_read_and_write(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_sendfile);
    plant_everywhere(fixture, 30, ROUNDS);
    plant_row(fixture, 0, 10, ROUNDS);
    assert_verdict(fixture, "Here sendfile is cheaper than read + write in every case; ",
                   "1 MiB (read + write) 3.0");
    plant(fixture, 1, 0, 8, ROUNDS);
    plant(fixture, 2, 2, 5, ROUNDS);
    assert_verdict(fixture,
                   "Here sendfile is cheaper than read + write only for files of 64 KiB and for "
                   "files of 1 MiB; ",
                   "4 KiB (read + write) 0.8");
    assert_non_null(strstr(fixture->verdict.text, "1 MiB (mmap each time + write) 0.5"));
}

static void a_thread_per_request_is_judged_by_its_rate(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_threads);
    plant_everywhere(fixture, 10, ROUNDS);
    plant(fixture, 0, 0, 4, ROUNDS);
    plant(fixture, 0, 1, 40, ROUNDS);
    plant(fixture, 0, 2, 9.4, ROUNDS);
    assert_verdict(
        fixture,
        "Here a thread per request serves clearly fewer requests only where the job is cheap; ",
        "their CPU 4.0");
    assert_non_null(strstr(fixture->verdict.text, "block for 1 ms 0.9"));
}

static void readers_go_on_together_when_the_rate_grows(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_rwlock);
    plant_everywhere(fixture, 10, ROUNDS);
    plant(fixture, 2, 1, 20.5, ROUNDS);
    plant(fixture, 2, 4, 20.5, ROUNDS);
    plant(fixture, 0, 1, 4, ROUNDS);
    plant(fixture, 0, 4, 19, ROUNDS);
    assert_verdict(fixture, "Here readers under the lock go on together only in long reads; ",
                   "short (rwlock) 0.4");
    assert_non_null(strstr(fixture->verdict.text, "short (snapshot) 2.0"));
    plant(fixture, 0, 4, 13, ROUNDS);
    assert_verdict(fixture, "Here readers under the lock go on together in no case; ",
                   "long (rwlock) 1.3");
}

static void busy_cpus_leave_the_readers_unjudged(void **state)
{
    struct fixture *fixture = *state;

    describe(fixture, &claim_rwlock);
    plant_everywhere(fixture, 10, ROUNDS);
    plant(fixture, 2, 1, 20.5, ROUNDS);
    assert_verdict(fixture, "Here nobody can tell, ", "long (snapshot) no difference");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_everywhere_is_no_difference),
        TEST(seven_rounds_are_too_few_to_tell),
        TEST(nothing_measured_is_said),
        TEST(failed_rounds_are_no_pairs),
        TEST(a_long_verdict_is_cut_not_overrun),
        TEST(unix_sockets_are_twice_as_fast_or_not),
        TEST(one_cpu_is_judged_by_what_it_can_do),
        TEST(epoll_is_held_against_the_better_of_both),
        TEST(few_descriptors_leave_conditions_out),
        TEST(edge_is_judged_and_one_shot_is_only_told),
        TEST(sendfile_is_held_against_read_and_write),
        TEST(a_thread_per_request_is_judged_by_its_rate),
        TEST(readers_go_on_together_when_the_rate_grows),
        TEST(busy_cpus_leave_the_readers_unjudged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
