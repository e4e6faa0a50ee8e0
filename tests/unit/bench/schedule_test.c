/* SPDX-License-Identifier: Apache-2.0 */
/* When requests of an open loop are due, and how long they took: a stall is seen by all of them. */
#include "histogram.h"
#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define MS UINT64_C(1000000)

static void requests_are_due_one_interval_apart(void **state)
{
    struct schedule schedule;
    uint64_t due_ns;

    (void)state;
    schedule_init(&schedule, 50 * MS, 1000);
    assert_false(schedule_take(&schedule, 50 * MS - 1, &due_ns));
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t now_ns = (50 + i) * MS;

        assert_true(schedule_take(&schedule, now_ns, &due_ns));
        assert_int_equal(due_ns, now_ns);
        assert_false(schedule_take(&schedule, now_ns, &due_ns));
        assert_int_equal(schedule_next_ns(&schedule), now_ns + MS);
    }
}

static void a_long_run_does_not_drift(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, 0, 3);
    schedule.begun = 3 * 3600;
    assert_true(schedule_next_ns(&schedule) <= 3600 * 1000 * MS);
    assert_true(schedule_next_ns(&schedule) >= 3600 * 1000 * MS - 1000);
}

/* 1000 a second; nothing moves for 100 ms. A hundred requests were due, and wait as long as they
 * did: half of them more than 50 ms, not one of them 100 ms and the others nothing. */
static void a_stall_counts_for_every_request_that_was_due(void **state)
{
    struct schedule schedule;
    struct histogram *latency = calloc(1, sizeof(*latency));
    uint64_t due_ns;

    (void)state;
    assert_non_null(latency);
    schedule_init(&schedule, 0, 1000);
    while (schedule_take(&schedule, 100 * MS, &due_ns))
        histogram_record(latency, 100 * MS - due_ns);
    assert_int_equal(latency->count, 101);
    assert_int_equal(latency->max, 100 * MS);
    assert_in_range(histogram_percentile(latency, 50), 49 * MS, 52 * MS);
    assert_in_range(histogram_percentile(latency, 90), 89 * MS, 92 * MS);
    free(latency);
}

static void a_histogram_knows_its_values_within_two_percent(void **state)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));

    (void)state;
    assert_non_null(histogram);
    assert_int_equal(histogram_percentile(histogram, 50), 0);
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value = value * 5 / 4 + 1) {
        *histogram = (struct histogram){ .count = 0 };
        histogram_record(histogram, value);
        histogram_record(histogram, value * 4); /* so that the maximum does not cap the answer */
        assert_in_range(histogram_percentile(histogram, 50), value, value + value / 50);
    }
    free(histogram);
}

static void a_histogram_takes_any_value(void **state)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));

    (void)state;
    assert_non_null(histogram);
    histogram_record(histogram, 0);
    histogram_record(histogram, UINT64_MAX);
    assert_int_equal(histogram->count, 2);
    assert_int_equal(histogram_percentile(histogram, 1), 0);
    free(histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_due_one_interval_apart),
        cmocka_unit_test(a_long_run_does_not_drift),
        cmocka_unit_test(a_stall_counts_for_every_request_that_was_due),
        cmocka_unit_test(a_histogram_knows_its_values_within_two_percent),
        cmocka_unit_test(a_histogram_takes_any_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
