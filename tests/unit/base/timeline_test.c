/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread did when: kept in order, bounded, and readable while it goes on. */
#include "timeline.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ROLES       3u
#define ENTRIES     8u
#define CHANGES_MAX 300000u

/* ---- allocations are counted, and refused on request ----------------------------------------- */

static unsigned allocations;
static bool is_memory_out;

void *__real_pl_alloc(size_t bytes);
void *__wrap_pl_alloc(size_t bytes);

void *__wrap_pl_alloc(size_t bytes)
{
    allocations++;
    return is_memory_out ? NULL : __real_pl_alloc(bytes);
}

/* ---- fixture --------------------------------------------------------------------------------- */

static struct pl_timelines timelines;
static struct pl_timeline *timeline;
static struct pl_timeline_change changes[ENTRIES];

static int setup(void **state)
{
    (void)state;
    allocations = 0;
    is_memory_out = false;
    return pl_timelines_add(&timelines, "lf-0", ENTRIES, &timeline);
}

static int teardown(void **state)
{
    (void)state;
    pl_timelines_free(&timelines);
    return 0;
}

/* Change number n has the role n modulo ROLES, so that neighbours differ. */
static void record(uint32_t number)
{
    pl_timeline_record(timeline, number % ROLES);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void nothing_was_recorded_yet(void **state)
{
    (void)state;
    assert_int_equal(pl_timeline_entries(timeline), ENTRIES);
    assert_int_equal(pl_timeline_read(timeline, changes), 0);
}

static void the_newest_overwrite_the_oldest(void **state)
{
    (void)state;
    for (uint32_t written = 1; written <= 4 * ENTRIES; written++) {
        uint32_t kept = written < ENTRIES ? written : ENTRIES;

        record(written);
        assert_int_equal(pl_timeline_read(timeline, changes), kept);
        for (uint32_t i = 0; i < kept; i++) {
            assert_int_equal(changes[i].role, (written - kept + 1 + i) % ROLES);
            assert_true(i == 0 || changes[i].time_ns >= changes[i - 1].time_ns);
        }
    }
}

static void a_change_has_the_time_at_which_it_was_recorded(void **state)
{
    int64_t before_ns = pl_clock_ns(), after_ns;

    (void)state;
    record(0);
    after_ns = pl_clock_ns();
    assert_int_equal(pl_timeline_read(timeline, changes), 1);
    assert_true(changes[0].time_ns >= before_ns && changes[0].time_ns <= after_ns);
}

static void the_role_it_has_already_is_no_change(void **state)
{
    (void)state;
    record(0);
    record(0);
    record(1);
    record(1);
    assert_int_equal(pl_timeline_read(timeline, changes), 2);
    assert_int_equal(changes[0].role, 0);
    assert_int_equal(changes[1].role, 1);
}

static void without_entries_nothing_is_allocated(void **state)
{
    struct pl_timelines none = { .first = NULL };
    struct pl_timeline *ring = timeline;

    (void)state;
    allocations = 0;
    assert_int_equal(pl_timelines_add(&none, "lf-0", 0, &ring), 0);
    assert_null(ring);
    assert_null(none.first);
    assert_int_equal(allocations, 0);
    pl_timelines_free(&none);
}

static void recording_and_reading_allocate_nothing(void **state)
{
    (void)state;
    allocations = 0;
    for (uint32_t i = 0; i < 3 * ENTRIES; i++)
        record(i);
    assert_int_equal(pl_timeline_read(timeline, changes), ENTRIES);
    assert_int_equal(allocations, 0);
}

/* Two threads may have one name for a while; who goes on in whose ring is the engine's business. */
static void every_ring_is_added_behind_the_others(void **state)
{
    struct pl_timeline *second, *third;

    (void)state;
    assert_int_equal(pl_timelines_add(&timelines, "lf-1", ENTRIES, &second), 0);
    assert_int_equal(pl_timelines_add(&timelines, "lf-0", ENTRIES, &third), 0);
    assert_ptr_not_equal(third, timeline);
    assert_string_equal(third->name, timeline->name);
    assert_ptr_equal(timelines.first, timeline);
    assert_ptr_equal(timeline->next, second);
    assert_ptr_equal(second->next, third);
    assert_null(third->next);
}

static void without_memory_there_is_no_ring(void **state)
{
    struct pl_timeline *ring = timeline;

    (void)state;
    is_memory_out = true;
    assert_int_equal(pl_timelines_add(&timelines, "lf-1", ENTRIES, &ring), -ENOMEM);
    assert_null(ring);
    assert_null(timeline->next);
}

/* ---- overtaken ------------------------------------------------------------------------------- */

static _Atomic bool has_read; /* the reader has begun: the writer must not be done before */

static void *write_without_a_pause(void *argument)
{
    (void)argument;
    while (!atomic_load(&has_read))
        sched_yield();
    for (uint32_t i = 0; i < CHANGES_MAX; i++)
        record(i);
    return NULL;
}

/* The number of neighbours that are out of order, or do not follow each other. */
static unsigned disorder(uint32_t count)
{
    unsigned wrong = 0;

    for (uint32_t i = 1; i < count; i++)
        wrong += changes[i].time_ns < changes[i - 1].time_ns ||
                 changes[i].role != (changes[i - 1].role + 1) % ROLES;
    return wrong;
}

static void a_reader_that_is_overtaken_sees_no_disorder(void **state)
{
    pthread_t writer;
    unsigned wrong = 0;
    int64_t newest_ns = 0;

    (void)state;
    atomic_store(&has_read, false);
    assert_int_equal(pthread_create(&writer, NULL, write_without_a_pause, NULL), 0);
    for (;;) {
        bool is_last = atomic_load(&timeline->written) == CHANGES_MAX;
        uint32_t count = pl_timeline_read(timeline, changes);

        atomic_store(&has_read, true);
        wrong += disorder(count);
        wrong += count > 0 && changes[count - 1].time_ns < newest_ns;
        newest_ns = count > 0 ? changes[count - 1].time_ns : newest_ns;
        if (is_last)
            break;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(pl_timeline_read(timeline, changes), ENTRIES);
    assert_int_equal(changes[ENTRIES - 1].role, (CHANGES_MAX - 1) % ROLES);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_was_recorded_yet),
        CASE(the_newest_overwrite_the_oldest),
        CASE(a_change_has_the_time_at_which_it_was_recorded),
        CASE(the_role_it_has_already_is_no_change),
        CASE(without_entries_nothing_is_allocated),
        CASE(recording_and_reading_allocate_nothing),
        CASE(every_ring_is_added_behind_the_others),
        CASE(without_memory_there_is_no_ring),
        CASE(a_reader_that_is_overtaken_sees_no_disorder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
