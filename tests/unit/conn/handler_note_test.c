/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of handlers' times, with a clock that the test moves. */
#include "clock.h"
#include "conn.h"
#include "handler_note.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int64_t __wrap_pl_clock_ns(void);

static int64_t now_ns;

int64_t __wrap_pl_clock_ns(void)
{
    return now_ns;
}

struct fixture {
    struct pl_engine_face engine;
    struct pl_stats_block stats;
    struct pl_thread thread;
    struct pl_conn conn;
    struct pl_handler_note first, second;
    int aways;
};

static struct fixture f;

static void away(struct pl_engine *engine, struct pl_thread *thread)
{
    assert_ptr_equal(engine, &f.engine);
    assert_ptr_equal(thread, &f.thread);
    f.aways++;
}

static const struct pl_engine_ops ops = { .away = away };

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    now_ns = 1000000000;
    f.engine.ops = &ops;
    f.thread.engine = (struct pl_engine *)(void *)&f.engine;
    f.thread.stats = &f.stats;
    f.conn.slot.thread = &f.thread;
    f.first.name = "first";
    f.second.name = "second";
    return 0;
}

static uint32_t average_of(const struct pl_handler_note *note)
{
    return atomic_load(&note->average_ns);
}

static void know(struct pl_handler_note *note, uint32_t average_ns)
{
    atomic_store(&note->average_ns, average_ns);
}

/* As pl_turn_run() begins and ends a turn, as far as it concerns notes. */
static void begin_turn(void)
{
    f.thread.now_ns = f.thread.turn_began_ns = now_ns;
    f.thread.stages = PL_STAGES_ALL;
    atomic_store(&f.thread.handlers_run, 0);
    f.thread.has_declared_blocking = false;
}

static void end_turn(void)
{
    struct pl_handler_note *note = atomic_load(&f.thread.handler_note);

    pl_thread_tick(&f.thread);
    if (note != NULL)
        pl_handler_note_measured(note, &f.thread);
    atomic_store(&f.thread.handler_note, NULL);
}

static bool run_handler(struct pl_handler_note *note, int64_t took_ns)
{
    if (!pl_conn_begin_handler(&f.conn, note, false))
        return false;
    now_ns += took_ns;
    return true;
}

static void run_turn(struct pl_handler_note *note, int64_t took_ns)
{
    begin_turn();
    assert_true(run_handler(note, took_ns));
    end_turn();
}

/* ---- the average ----------------------------------------------------------------------------- */

static void it_begins_pessimistic(void **state)
{
    (void)state;
    assert_false(pl_handler_note_is_quick(&f.first));
    run_turn(&f.first, 100);
    assert_false(pl_handler_note_is_quick(&f.first));
    assert_int_equal(average_of(&f.first), 2 * PL_HANDLER_QUICK_NS);
    run_turn(&f.second, 5000000);
    assert_int_equal(average_of(&f.second), 5000000);
}

static void it_rises_fast_and_falls_slowly(void **state)
{
    (void)state;
    know(&f.first, 1000);
    run_turn(&f.first, 101000);
    assert_int_equal(average_of(&f.first), 51000);
    assert_false(pl_handler_note_is_quick(&f.first));
    run_turn(&f.first, 1000);
    assert_int_equal(average_of(&f.first), 51000 - 50000 / 8);
}

static int turns_until_quick(struct pl_handler_note *note, int64_t took_ns)
{
    int turns = 0;

    while (!pl_handler_note_is_quick(note) && turns < 1000) {
        run_turn(note, took_ns);
        turns++;
    }
    return turns;
}

static void one_that_was_slow_is_found_quick_again(void **state)
{
    static const int64_t took_ns[] = { 1, 2000, 9000, 11000, 15000, 19000 };

    for (size_t i = 0; i < sizeof(took_ns) / sizeof(took_ns[0]); i++) {
        int turns;

        assert_int_equal(setup(state), 0);
        know(&f.first, 2000000);
        turns = turns_until_quick(&f.first, took_ns[i]);
        if (turns < 10 || turns >= 1000)
            fail_msg("a handler of %lld ns is quick after %d turns", (long long)took_ns[i], turns);
    }
}

static void one_at_the_limit_is_never_quick(void **state)
{
    (void)state;
    assert_int_equal(turns_until_quick(&f.first, PL_HANDLER_QUICK_NS), 1000);
}

static void one_long_run_makes_it_slow(void **state)
{
    (void)state;
    know(&f.first, 1000);
    run_turn(&f.first, 2 * PL_HANDLER_QUICK_NS);
    assert_false(pl_handler_note_is_quick(&f.first));
}

/* Every thread reads it: what hardly changes is not written, so that it stays in their caches. */
static void what_hardly_changes_is_not_written(void **state)
{
    (void)state;
    know(&f.first, 10000);
    for (int i = 0; i < 100; i++) {
        run_turn(&f.first, 11000);
        run_turn(&f.first, 6000);
        assert_int_equal(average_of(&f.first), 10000);
    }
    run_turn(&f.first, 12000);
    assert_int_equal(average_of(&f.first), 11000);
}

static void no_time_at_all_and_a_very_long_one_are_times_too(void **state)
{
    (void)state;
    know(&f.first, 8);
    run_turn(&f.first, 0);
    assert_int_not_equal(average_of(&f.first), 0);
    run_turn(&f.first, INT64_C(3600) * 1000000000);
    assert_in_range(average_of(&f.first), PL_HANDLER_QUICK_NS, 1000000000);
    run_turn(&f.first, INT64_C(3600) * 1000000000);
    assert_in_range(average_of(&f.first), PL_HANDLER_QUICK_NS, 1000000000);
}

static void declared_blocking_makes_it_slow(void **state)
{
    (void)state;
    know(&f.first, 1000);
    begin_turn();
    assert_true(run_handler(&f.first, 10));
    f.thread.has_declared_blocking = true;
    end_turn();
    assert_true(average_of(&f.first) > 100000000);
}

/* ---- several in one turn ----------------------------------------------------------------------
 */

static void runs_of_one_handler_share_the_time(void **state)
{
    (void)state;
    know(&f.first, 1000);
    begin_turn();
    for (int i = 0; i < 10; i++)
        assert_true(run_handler(&f.first, 9000));
    end_turn();
    assert_int_equal(average_of(&f.first), 5000);
}

static void each_handler_of_a_turn_has_its_own_time(void **state)
{
    (void)state;
    know(&f.first, 1000);
    know(&f.second, 1000);
    begin_turn();
    assert_true(run_handler(&f.first, 3000));
    assert_true(run_handler(&f.first, 3000));
    assert_true(run_handler(&f.second, 1001000));
    end_turn();
    assert_int_equal(average_of(&f.first), 2000);
    assert_int_equal(average_of(&f.second), 501000);
}

static void handlers_that_take_turns_keep_their_times(void **state)
{
    (void)state;
    know(&f.first, 1000);
    know(&f.second, 100000);
    begin_turn();
    for (int i = 0; i < 5; i++) {
        assert_true(run_handler(&f.first, 1000));
        assert_true(run_handler(&f.second, 100000));
    }
    end_turn();
    assert_int_equal(average_of(&f.first), 1000);
    assert_int_equal(average_of(&f.second), 100000);
}

/* ---- who waits meanwhile -----------------------------------------------------------------------
 */

static void somebody_else_waits_while_it_is_not_known_to_be_quick(void **state)
{
    (void)state;
    begin_turn();
    assert_true(run_handler(&f.first, 10)); /* unknown */
    assert_int_equal(f.aways, 1);
    assert_true(pl_thread_is_busy(&f.thread));
    /* Once is enough for all its runs. */
    assert_true(run_handler(&f.first, 10));
    assert_int_equal(f.aways, 1);
    end_turn();
    know(&f.second, PL_HANDLER_QUICK_NS);
    begin_turn();
    assert_false(pl_thread_is_busy(&f.thread));
    assert_true(run_handler(&f.second, 10));
    assert_int_equal(f.aways, 2);
}

static void nobody_is_called_for_a_quick_one(void **state)
{
    (void)state;
    know(&f.first, PL_HANDLER_QUICK_NS - 1);
    run_turn(&f.first, 10);
    assert_int_equal(f.aways, 0);
    assert_false(pl_thread_is_busy(&f.thread));
}

/* It leaves the thread as a job. */
static void one_that_may_block_is_not_measured_and_nobody_is_called(void **state)
{
    (void)state;
    begin_turn();
    assert_true(pl_conn_begin_handler(&f.conn, &f.first, true));
    assert_int_equal(f.aways, 0);
    assert_false(pl_thread_is_busy(&f.thread));
    now_ns += 1000000;
    end_turn();
    assert_int_equal(average_of(&f.first), 0);
}

/* ---- in passing --------------------------------------------------------------------------------
 */

static void a_quick_one_runs_in_passing(void **state)
{
    (void)state;
    know(&f.first, 1000);
    begin_turn();
    f.thread.is_inline = true;
    assert_true(run_handler(&f.first, 1000));
    assert_int_equal(f.thread.stages, PL_STAGES_ALL);
    assert_int_equal(f.aways, 0);
}

static void expect_refused(struct pl_handler_note *note, bool may_block)
{
    begin_turn();
    f.thread.is_inline = true;
    assert_false(pl_conn_begin_handler(&f.conn, note, may_block));
    /* The turn ends there: the rest is another thread's. */
    assert_int_equal(f.thread.stages, PL_STAGES_ALL & ~PL_STAGE_PROCESS);
    assert_null(atomic_load(&f.thread.handler_note));
    assert_int_equal(f.thread.handlers_run, 0);
    assert_int_equal(f.aways, 0);
}

static void all_others_are_left_to_another_thread(void **state)
{
    (void)state;
    expect_refused(&f.first, false); /* unknown */
    know(&f.first, PL_HANDLER_QUICK_NS);
    expect_refused(&f.first, false);
    know(&f.first, 1000);
    expect_refused(&f.first, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_begins_pessimistic, setup),
        cmocka_unit_test_setup(it_rises_fast_and_falls_slowly, setup),
        cmocka_unit_test_setup(one_that_was_slow_is_found_quick_again, setup),
        cmocka_unit_test_setup(one_at_the_limit_is_never_quick, setup),
        cmocka_unit_test_setup(one_long_run_makes_it_slow, setup),
        cmocka_unit_test_setup(what_hardly_changes_is_not_written, setup),
        cmocka_unit_test_setup(no_time_at_all_and_a_very_long_one_are_times_too, setup),
        cmocka_unit_test_setup(declared_blocking_makes_it_slow, setup),
        cmocka_unit_test_setup(runs_of_one_handler_share_the_time, setup),
        cmocka_unit_test_setup(each_handler_of_a_turn_has_its_own_time, setup),
        cmocka_unit_test_setup(handlers_that_take_turns_keep_their_times, setup),
        cmocka_unit_test_setup(somebody_else_waits_while_it_is_not_known_to_be_quick, setup),
        cmocka_unit_test_setup(nobody_is_called_for_a_quick_one, setup),
        cmocka_unit_test_setup(one_that_may_block_is_not_measured_and_nobody_is_called, setup),
        cmocka_unit_test_setup(a_quick_one_runs_in_passing, setup),
        cmocka_unit_test_setup(all_others_are_left_to_another_thread, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
