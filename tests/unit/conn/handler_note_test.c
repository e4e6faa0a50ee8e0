/* SPDX-License-Identifier: Apache-2.0 */
#include "handler_note.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* More than any average needs to settle. */
#define RUNS 200

static struct pl_thread thread;
static struct pl_handler_note note;

static int setup(void **state)
{
    (void)state;
    memset(&thread, 0, sizeof(thread));
    memset(&note, 0, sizeof(note));
    return 0;
}

static void run(int64_t took_ns, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        thread.handlers_run = 1;
        thread.handler_began_ns = thread.now_ns;
        thread.now_ns += took_ns;
        pl_handler_note_measured(&note, &thread);
    }
}

static void a_handler_that_never_ran_is_not_quick(void **state)
{
    (void)state;
    assert_false(pl_handler_note_is_quick(&note));
}

static void one_quick_run_is_not_enough(void **state)
{
    (void)state;
    run(1000, 1);
    assert_false(pl_handler_note_is_quick(&note));
}

static void just_below_the_line_becomes_quick(void **state)
{
    (void)state;
    run(PL_HANDLER_QUICK_NS - PL_HANDLER_QUICK_NS / 10, RUNS);
    assert_true(pl_handler_note_is_quick(&note));
}

static void at_the_line_never_becomes_quick(void **state)
{
    (void)state;
    run(PL_HANDLER_QUICK_NS, RUNS);
    assert_false(pl_handler_note_is_quick(&note));
}

static void one_slow_run_ends_it_and_quick_ones_bring_it_back(void **state)
{
    (void)state;
    run(PL_HANDLER_QUICK_NS / 4, RUNS);
    run(100 * PL_HANDLER_QUICK_NS, 1);
    assert_false(pl_handler_note_is_quick(&note));
    run(PL_HANDLER_QUICK_NS / 4, RUNS);
    assert_true(pl_handler_note_is_quick(&note));
}

static void a_declared_section_counts_as_slow_however_short(void **state)
{
    (void)state;
    run(PL_HANDLER_QUICK_NS / 4, RUNS);
    thread.has_declared_blocking = true;
    run(PL_HANDLER_QUICK_NS / 4, 1);
    assert_false(pl_handler_note_is_quick(&note));
    assert_false(thread.has_declared_blocking); /* of the next one nothing is said */
}

static void a_steady_quick_one_is_not_written(void **state)
{
    uint32_t average_ns;

    (void)state;
    run(PL_HANDLER_QUICK_NS / 4, RUNS);
    average_ns = atomic_load(&note.average_ns);
    run(PL_HANDLER_QUICK_NS / 4 - 100, RUNS);
    assert_int_equal(atomic_load(&note.average_ns), average_ns);
}

static void runs_of_one_turn_share_its_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RUNS; i++) {
        thread.handlers_run = 16;
        thread.handler_began_ns = thread.now_ns;
        thread.now_ns += 4 * PL_HANDLER_QUICK_NS;
        pl_handler_note_measured(&note, &thread);
    }
    assert_true(pl_handler_note_is_quick(&note));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_handler_that_never_ran_is_not_quick, setup),
        cmocka_unit_test_setup(one_quick_run_is_not_enough, setup),
        cmocka_unit_test_setup(just_below_the_line_becomes_quick, setup),
        cmocka_unit_test_setup(at_the_line_never_becomes_quick, setup),
        cmocka_unit_test_setup(one_slow_run_ends_it_and_quick_ones_bring_it_back, setup),
        cmocka_unit_test_setup(a_declared_section_counts_as_slow_however_short, setup),
        cmocka_unit_test_setup(a_steady_quick_one_is_not_written, setup),
        cmocka_unit_test_setup(runs_of_one_turn_share_its_time, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
