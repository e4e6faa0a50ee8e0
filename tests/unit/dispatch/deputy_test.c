/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "deputy.h"
#include "engine.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct pl_engine engine; /* only what a thread set takes from it */
    struct pl_model model;
    struct pl_buffer_pool pool;
    struct pl_deputy deputy;

    bool is_running;

    _Atomic uint32_t moved; /* what the looks watch */
    _Atomic bool is_moving; /* every look sees something move */
    _Atomic bool is_stuck;  /* somebody is needed and nobody comes */
    _Atomic uint32_t looks;
    _Atomic uint32_t found; /* looks that found it stuck */
};

static struct fixture f;

static bool look(void *context)
{
    struct fixture *own = context;
    uint32_t moved = atomic_load(&own->moved);
    bool is_quiet = moved == own->deputy.seen && !atomic_load(&own->is_moving);

    own->deputy.seen = moved;
    if (is_quiet && atomic_load(&own->is_stuck))
        atomic_fetch_add(&own->found, 1);
    atomic_fetch_add(&own->looks, 1);
    return is_quiet;
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.engine.pool = &f.pool;
    f.model.engine = &f.engine;
    pthread_mutex_init(&f.engine.places_lock, NULL);
    pl_ready_ring_init(&f.engine.ring);
    if (pl_buffer_pool_init(&f.pool, 1 << 20) < 0)
        return -1;
    return pl_deputy_init(&f.deputy, &f.model, look, &f);
}

static void start(void)
{
    assert_ptr_equal(f.model.sets, &f.deputy.set);
    assert_int_equal(pl_thread_set_start(&f.deputy.set), 0);
    pl_thread_set_let_go(&f.deputy.set);
    f.is_running = true;
}

static void stop(void)
{
    pl_thread_set_stop(&f.deputy.set);
    assert_int_equal(pl_thread_set_join(&f.deputy.set, client_now_ms() + CLIENT_DEADLINE_MS), 0);
    f.is_running = false;
}

static int teardown(void **state)
{
    (void)state;
    if (f.is_running) /* the case has failed */
        stop();
    pl_deputy_deinit(&f.deputy);
    pl_engine_free_places(&f.engine);
    pl_ready_ring_deinit(&f.engine.ring);
    pthread_mutex_destroy(&f.engine.places_lock);
    pl_buffer_pool_deinit(&f.pool);
    return 0;
}

static void await_sleep(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (!atomic_load(&f.deputy.is_asleep)) {
        if (client_now_ms() > until_ms)
            fail_msg("awake after %u looks", atomic_load(&f.looks));
        client_pause_ms(1);
    }
}

/* That many from now on. */
static void await_looks(uint32_t count)
{
    client_await(&f.looks, atomic_load(&f.looks) + count);
}

static void quiet_looks_put_it_to_sleep(void **state)
{
    uint32_t looks;

    (void)state;
    start();
    await_sleep();
    /* The last look comes after it has said that it sleeps. */
    client_await(&f.looks, 101);
    looks = atomic_load(&f.looks);
    assert_true(looks <= 102);
    client_pause_ms(20);
    assert_int_equal(atomic_load(&f.looks), looks);
    stop();
}

static void activity_keeps_it_awake(void **state)
{
    (void)state;
    atomic_store(&f.is_moving, true);
    start();
    for (int i = 0; i < 5; i++) {
        await_looks(50);
        assert_false(atomic_load(&f.deputy.is_asleep));
    }
    stop();
}

/* A look that sees something move begins the hundred anew. */
static void quiet_looks_count_in_a_row(void **state)
{
    uint32_t looks;

    (void)state;
    atomic_store(&f.is_moving, true);
    start();
    await_looks(150);
    looks = atomic_load(&f.looks);
    atomic_store(&f.is_moving, false);
    await_sleep();
    assert_true(atomic_load(&f.looks) >= looks + 100);
    stop();
}

static void a_stir_wakes_it_again_and_again(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 3; i++) {
        uint32_t looks;

        await_sleep();
        looks = atomic_load(&f.looks);
        atomic_fetch_add(&f.moved, 1);
        pl_deputy_stir(&f.deputy);
        client_await(&f.looks, looks + 50);
    }
    stop();
}

static void what_is_stuck_after_a_stir_is_found(void **state)
{
    (void)state;
    start();
    await_sleep();
    assert_int_equal(atomic_load(&f.found), 0);
    atomic_fetch_add(&f.moved, 1);
    atomic_store(&f.is_stuck, true);
    pl_deputy_stir(&f.deputy);
    client_await(&f.found, 1);
    stop();
}

static void what_gets_stuck_while_it_is_awake_is_found(void **state)
{
    (void)state;
    atomic_store(&f.is_moving, true);
    start();
    await_looks(3);
    assert_int_equal(atomic_load(&f.found), 0);
    atomic_store(&f.is_stuck, true);
    atomic_store(&f.is_moving, false);
    client_await(&f.found, 1);
    stop();
}

static void await_looks_or_sleep(uint32_t looks)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (atomic_load(&f.looks) < looks && !atomic_load(&f.deputy.is_asleep))
        if (client_now_ms() > until_ms)
            fail_msg("only %u looks", atomic_load(&f.looks));
}

/* What moves at the moment when it lies down is seen by the look, or stirs it: more looks come in
 * any case. */
static void a_stir_while_it_lies_down_is_not_lost(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t looks;

        atomic_store(&f.is_moving, true);
        pl_deputy_stir(&f.deputy);
        await_looks(2);
        looks = atomic_load(&f.looks);
        atomic_store(&f.is_moving, false);
        await_looks_or_sleep(looks + 96 + i / 3);
        atomic_fetch_add(&f.moved, 1);
        looks = atomic_load(&f.looks);
        pl_deputy_stir(&f.deputy);
        client_await(&f.looks, looks + 2);
    }
    stop();
}

static void it_stops_while_it_is_asleep(void **state)
{
    (void)state;
    start();
    await_sleep();
    stop();
}

static void it_stops_while_it_is_awake(void **state)
{
    (void)state;
    atomic_store(&f.is_moving, true);
    start();
    await_looks(2);
    stop();
}

static void it_stops_at_any_moment_of_its_way_to_sleep(void **state)
{
    for (uint32_t looks = 97; looks < 104; looks++) {
        start();
        await_looks_or_sleep(looks);
        stop();
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static void one_that_never_started_is_stopped_too(void **state)
{
    (void)state;
    stop();
}

static void it_looks_only_behind_the_gate(void **state)
{
    (void)state;
    assert_int_equal(pl_thread_set_start(&f.deputy.set), 0);
    f.is_running = true;
    assert_int_equal(pl_thread_set_join(&f.deputy.set, pl_clock_ms()), 1);
    stop();
    assert_int_equal(atomic_load(&f.looks), 0);
}

/* A model with one thread has nobody to stand in for it, and gives up a zeroed one. */
static void one_that_was_never_made_is_given_up_too(void **state)
{
    struct pl_deputy none;

    (void)state;
    memset(&none, 0, sizeof(none));
    pl_deputy_deinit(&none);
    pl_deputy_stir(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quiet_looks_put_it_to_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(activity_keeps_it_awake, setup, teardown),
        cmocka_unit_test_setup_teardown(quiet_looks_count_in_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stir_wakes_it_again_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_stuck_after_a_stir_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_gets_stuck_while_it_is_awake_is_found, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stir_while_it_lies_down_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(it_stops_while_it_is_asleep, setup, teardown),
        cmocka_unit_test_setup_teardown(it_stops_while_it_is_awake, setup, teardown),
        cmocka_unit_test_setup_teardown(it_stops_at_any_moment_of_its_way_to_sleep, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_never_started_is_stopped_too, setup, teardown),
        cmocka_unit_test_setup_teardown(it_looks_only_behind_the_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_never_made_is_given_up_too, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
