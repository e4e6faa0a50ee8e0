/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_value_lies_in_its_bucket_within_a_sixteenth(void **state)
{
    uint32_t before = 0;

    (void)state;
    for (uint64_t value = 0; value < 1ull << 35; value += 1 + value / 97) {
        uint32_t bucket = pl_histogram_bucket(value);
        uint64_t floor = pl_histogram_bucket_floor(bucket);

        assert_true(bucket >= before);
        assert_true(bucket < PL_HISTOGRAM_BUCKETS);
        assert_true(floor <= value);
        assert_true(value - floor <= value / 16);
        before = bucket;
    }
}

static void the_floor_of_a_bucket_lies_in_it(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PL_HISTOGRAM_BUCKETS; i++) {
        assert_int_equal(pl_histogram_bucket(pl_histogram_bucket_floor(i)), i);
        if (i > 0)
            assert_int_equal(pl_histogram_bucket(pl_histogram_bucket_floor(i) - 1), i - 1);
    }
    assert_int_equal(pl_histogram_bucket(UINT64_MAX), PL_HISTOGRAM_BUCKETS - 1);
}

static void percentiles_follow_what_was_recorded(void **state)
{
    struct pl_stats_block *block = calloc(1, sizeof(*block));
    struct pl_stats *sum = calloc(1, sizeof(*sum));
    const struct pl_histogram *histogram = &sum->histograms[PL_HISTOGRAM_turn_us];
    uint64_t before = 0;

    (void)state;
    assert_int_equal(pl_histogram_percentile(histogram, 50), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        pl_stats_record(block, PL_HISTOGRAM_turn_us, i);
    pl_stats_merge(sum, block);
    assert_int_equal(histogram->sum, 500500);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t value = pl_histogram_percentile(histogram, percent),
                 exact = (uint64_t)percent * 10;

        assert_true(value >= before);
        assert_true(value >= exact - exact / 8 - 1 && value <= exact + exact / 8 + 1);
        before = value;
    }
    free(block);
    free(sum);
}

static void a_count_below_a_power_of_two_is_exact(void **state)
{
    struct pl_stats_block *block = calloc(1, sizeof(*block));
    struct pl_stats *sum = calloc(1, sizeof(*sum));
    const struct pl_histogram *histogram = &sum->histograms[PL_HISTOGRAM_turn_us];

    (void)state;
    assert_int_equal(pl_histogram_count_below(histogram, 1), 0);
    for (uint64_t i = 0; i < 5000; i++)
        pl_stats_record(block, PL_HISTOGRAM_turn_us, i);
    pl_stats_merge(sum, block);
    assert_int_equal(pl_histogram_count_below(histogram, 0), 0);
    for (uint64_t value = 1; value < 5000; value *= 2)
        assert_int_equal(pl_histogram_count_below(histogram, value), value);
    assert_int_equal(pl_histogram_count_below(histogram, 8192), 5000);
    free(block);
    free(sum);
}

static void blocks_add_up_and_become_json(void **state)
{
    struct pl_stats_block *block = calloc(1, sizeof(*block));
    struct pl_stats *sum = calloc(1, sizeof(*sum));
    char text[16384];
    int length;

    (void)state;
    sum->accepts_per_thread_min = UINT64_MAX;
    PL_COUNT(block, accepts);
    PL_COUNT_BY(block, bytes_sent, 41);
    pl_stats_merge(sum, block);
    PL_COUNT(block, accepts);
    pl_stats_merge(sum, block);
    assert_int_equal(sum->counters[PL_STAT_accepts], 3);
    assert_int_equal(sum->counters[PL_STAT_bytes_sent], 82);
    assert_int_equal(sum->accepts_per_thread_min, 1);
    assert_int_equal(sum->accepts_per_thread_max, 2);
    length = pl_stats_to_json(sum, text, sizeof(text));
    assert_int_equal(length, (int)strlen(text));
    assert_non_null(strstr(text, "\"accepts\":3,"));
    assert_non_null(strstr(text, "\"bytes_sent\":82"));
    for (size_t i = 0; i < PL_STATS_COUNT; i++)
        assert_non_null(strstr(text, pl_stats_counter_name((enum pl_stat)i)));
    assert_int_equal(text[0], '{');
    assert_int_equal(text[length - 1], '}');
    /* Never beyond the end, whatever the size. */
    for (size_t size = 1; size <= (size_t)length; size++) {
        text[size] = '#';
        assert_int_equal(pl_stats_to_json(sum, text, size), -ENOSPC);
        assert_int_equal(text[size], '#');
    }
    assert_int_equal(pl_stats_to_json(sum, text, (size_t)length + 1), length);
    free(block);
    free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_lies_in_its_bucket_within_a_sixteenth),
        cmocka_unit_test(the_floor_of_a_bucket_lies_in_it),
        cmocka_unit_test(percentiles_follow_what_was_recorded),
        cmocka_unit_test(a_count_below_a_power_of_two_is_exact),
        cmocka_unit_test(blocks_add_up_and_become_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
