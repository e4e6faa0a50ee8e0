/* SPDX-License-Identifier: Apache-2.0 */
/* Medians and quartiles, and whether two series differ: sure of a shift, silent about chance. */
#include "series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TRIALS    100
#define THRESHOLD 0.01

static struct series series_of(const double *values, size_t count)
{
    struct series series = { .count = 0 };

    for (size_t i = 0; i < count; i++)
        series_add(&series, values[i]);
    return series;
}

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-12);
}

static void median_and_quartiles_lie_between_neighbours(void **state)
{
    struct series odd = series_of((double[]){ 5, 1, 4, 2, 3 }, 5);
    struct series even = series_of((double[]){ 60, 10, 50, 20, 40, 30 }, 6);
    struct summary summary = series_summary(&odd);

    (void)state;
    assert_near(summary.median, 3);
    assert_near(summary.low, 2);
    assert_near(summary.high, 4);
    assert_int_equal(summary.count, 5);

    summary = series_summary(&even);
    assert_near(summary.median, 35);
    assert_near(summary.low, 22.5);
    assert_near(summary.high, 47.5);
}

static void below_five_values_the_extremes_are_told(void **state)
{
    struct series four = series_of((double[]){ 8, 2, 6, 4 }, 4);
    struct series one = series_of((double[]){ 7 }, 1);
    struct summary summary = series_summary(&four);

    (void)state;
    assert_near(summary.median, 5);
    assert_near(summary.low, 2);
    assert_near(summary.high, 8);

    summary = series_summary(&one);
    assert_near(summary.median, 7);
    assert_near(summary.low, 7);
    assert_near(summary.high, 7);
}

static void what_failed_is_left_out(void **state)
{
    struct series some = series_of((double[]){ NAN, 1, INFINITY, 3, NAN }, 5);
    struct series none = series_of((double[]){ NAN, NAN }, 2);
    struct summary summary = series_summary(&some);

    (void)state;
    assert_near(summary.median, 2);
    assert_int_equal(summary.count, 2);

    summary = series_summary(&none);
    assert_true(isnan(summary.median) && isnan(summary.low) && isnan(summary.high));
    assert_int_equal(summary.count, 0);
    assert_int_equal(series_pairs(&some, &none), 0);
    assert_int_equal(series_pairs(&some, &some), 2);
}

/* ---- planted cases --------------------------------------------------------------------------- */

static void fewer_than_eight_pairs_never_differ(void **state)
{
    struct series a = { .count = 0 }, b = { .count = 0 };

    (void)state;
    for (size_t i = 0; i < SERIES_PAIRS_MIN; i++) {
        assert_false(series_differ(&a, &b, THRESHOLD));
        series_add(&a, 100);
        series_add(&b, 200);
    }
    assert_true(series_differ(&a, &b, THRESHOLD));
    assert_true(series_differ(&b, &a, THRESHOLD));
    b.values[3] = NAN;
    assert_false(series_differ(&a, &b, THRESHOLD));
}

/* Of eight pairs, one against the others has a chance of 4 in 256 when it is the smallest: too
 * much for one in a hundred. Of twelve it has 4 in 4096. */
static void the_exact_test_counts_every_flip(void **state)
{
    struct series a = { .count = 0 }, b = { .count = 0 };

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        series_add(&a, 100);
        series_add(&b, i == 2 ? 97 : 105 + (double)i);
        if (i == 7)
            assert_false(series_differ(&a, &b, THRESHOLD));
    }
    assert_true(series_differ(&a, &b, THRESHOLD));
}

static void a_sure_but_small_difference_is_none(void **state)
{
    struct series a = { .count = 0 }, b = { .count = 0 };

    (void)state;
    for (size_t i = 0; i < 15; i++) {
        series_add(&a, 100 + (double)i);
        series_add(&b, (100 + (double)i) * 1.009);
    }
    assert_false(series_differ(&a, &b, THRESHOLD));
    assert_true(series_differ(&a, &b, 0.008));
}

static void what_varies_with_the_round_is_seen_through(void **state)
{
    struct series a = { .count = 0 }, b = { .count = 0 };

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        double round = i % 2 == 0 ? 100 : 300;

        series_add(&a, round);
        series_add(&b, round * 1.03);
    }
    assert_true(series_differ(&a, &b, THRESHOLD));
}

static void zeros_are_compared_by_their_difference(void **state)
{
    struct series zeros = { .count = 0 }, few = { .count = 0 };

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        series_add(&zeros, 0);
        series_add(&few, 0.5 + (double)i / 100);
    }
    assert_false(series_differ(&zeros, &zeros, THRESHOLD));
    assert_true(series_differ(&zeros, &few, THRESHOLD));
}

/* ---- simulated ------------------------------------------------------------------------------- */

static uint64_t seed;

static double uniform(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(seed >> 33) + 0.5) / 2147483648.0;
}

static double normal(void)
{
    double radius = sqrt(-2 * log(uniform()));

    return radius * cos(2 * M_PI * uniform());
}

/* In how many of the trials two contenders, the second by `shift` slower, are told apart. */
static unsigned told_apart(size_t rounds, double shift, double noise)
{
    unsigned found = 0;

    seed = rounds;
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        struct series a = { .count = 0 }, b = { .count = 0 };

        for (size_t i = 0; i < rounds; i++) {
            double round = 10 * (1 + 0.2 * uniform());

            series_add(&a, round * (1 + noise * normal()));
            series_add(&b, round * (1 + shift) * (1 + noise * normal()));
        }
        found += series_differ(&a, &b, THRESHOLD);
    }
    return found;
}

static const size_t rounds_tried[] = { 8, 9, 12, 15, 16, 25, SERIES_VALUES_MAX };
#define ROUNDS_TRIED (sizeof(rounds_tried) / sizeof(rounds_tried[0]))

static void the_same_contender_twice_shows_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS_TRIED; i++) {
        assert_true(told_apart(rounds_tried[i], 0, 0.01) <= 3);
        assert_true(told_apart(rounds_tried[i], 0, 0.10) <= 3);
    }
}

static void five_percent_in_one_percent_noise_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS_TRIED; i++)
        assert_true(told_apart(rounds_tried[i], 0.05, 0.01) >= 97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_and_quartiles_lie_between_neighbours),
        cmocka_unit_test(below_five_values_the_extremes_are_told),
        cmocka_unit_test(what_failed_is_left_out),
        cmocka_unit_test(fewer_than_eight_pairs_never_differ),
        cmocka_unit_test(the_exact_test_counts_every_flip),
        cmocka_unit_test(a_sure_but_small_difference_is_none),
        cmocka_unit_test(what_varies_with_the_round_is_seen_through),
        cmocka_unit_test(zeros_are_compared_by_their_difference),
        cmocka_unit_test(the_same_contender_twice_shows_no_difference),
        cmocka_unit_test(five_percent_in_one_percent_noise_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
