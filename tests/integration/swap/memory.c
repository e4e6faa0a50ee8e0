/* SPDX-License-Identifier: Apache-2.0 */
/* A thousand swaps leave descriptors, threads and bytes where they were. */
#include "load.h"
#include "served.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SWAPS (swap_is_short() ? 300 : 1000)

/* What an allocator keeps beside what is asked for. */
#define SLACK_KIB (swap_is_short() ? 512 : 1024)

/* The sanitizers keep what was freed, to find who still uses it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS_FREED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEEPS_FREED true
#endif
#endif
#ifndef KEEPS_FREED
#define KEEPS_FREED false
#endif

static long private_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long all, resident, shared;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld %ld", &all, &resident, &shared), 3);
    fclose(file);
    return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void swap_often(size_t count)
{
    for (size_t i = 0; i < count; i++)
        swap_to("default", &swap_variants[i * 5 % swap_variants_count], NULL);
    swap_to("default", &swap_variants[0], NULL);
    swap_to("default", &swap_variants[0], NULL); /* the one before has no thread left */
}

static void expect_as_before(int descriptors, uint32_t threads)
{
    threads_await(threads);
    assert_int_equal(threads_count(), threads);
    if (descriptors_count() != descriptors)
        fail_msg("%d descriptors are open, %d were", descriptors_count(), descriptors);
}

static long larger(long a, long b)
{
    return a > b ? a : b;
}

static void a_thousand_swaps_leave_everything_where_it_was(void **state)
{
    uint32_t threads;
    int descriptors;
    long kib;

    (void)state;
    served_start(NULL);
    swap_often(100);
    threads = threads_count();
    descriptors = descriptors_count();
    kib = private_kib();
    swap_often(SWAPS);
    expect_as_before(descriptors, threads);
    if (!KEEPS_FREED && private_kib() > kib + SLACK_KIB)
        fail_msg("%ld KiB more than before", private_kib() - kib);
    served_stop();
}

/* Under load what stands in caches varies; a leak grows with every round. */
#define ROUNDS_WARM 2
#define ROUNDS_MAX  (ROUNDS_WARM + 3)

static void a_thousand_swaps_under_a_little_load_leave_everything_where_it_was(void **state)
{
    static struct load load;
    struct load_settings settings = { .clients = 10, .threads = 1, .kinds = LOAD_KINDS_ALONE };
    uint32_t threads = 0;
    int descriptors = 0;
    long kib = 0, more_kib = LONG_MAX;

    (void)state;
    served_start((const char *const[]){ "limits.message=256KiB", NULL });
    settings.port = rig.port;
    for (int round = 0; round < ROUNDS_MAX && more_kib > SLACK_KIB; round++) {
        load_begin(&load, &settings);
        swap_often(round < ROUNDS_WARM ? 100 : SWAPS);
        load_end(&load);
        served_await_no_connection();
        swap_often(0);
        if (round < ROUNDS_WARM) {
            threads = threads_count();
            descriptors = descriptors_count();
            kib = larger(kib, private_kib());
            continue;
        }
        expect_as_before(descriptors, threads);
        more_kib = KEEPS_FREED ? 0 : private_kib() - kib;
    }
    if (more_kib > SLACK_KIB)
        fail_msg("%ld KiB more than before", more_kib);
    served_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_thousand_swaps_leave_everything_where_it_was),
    cmocka_unit_test(a_thousand_swaps_under_a_little_load_leave_everything_where_it_was),
};
const struct case_group swap_memory = CASE_GROUP(cases);
