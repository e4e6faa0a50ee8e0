/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "deputy.h"
#include "engine.h"

#include "alloc.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct pl_engine engine; /* only what a thread set takes from it */
    struct pl_buffer_pool pool;
    struct pl_deputy deputy;
    _Atomic uint32_t looks;
    _Atomic bool is_moving;
};

static struct fixture f;

static bool look(void *context)
{
    (void)context;
    atomic_fetch_add(&f.looks, 1);
    return !atomic_load(&f.is_moving);
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.engine.stop_fd = -1;
    f.engine.pool = &f.pool;
    pl_ready_ring_init(&f.engine.ring);
    return pl_buffer_pool_init(&f.pool, 1 << 20);
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < f.engine.blocks_count; i++)
        pl_free(f.engine.blocks[i]);
    pl_free(f.engine.blocks);
    pl_ready_ring_deinit(&f.engine.ring);
    pl_buffer_pool_deinit(&f.pool);
    return 0;
}

static void start(void)
{
    assert_int_equal(pl_deputy_init(&f.deputy, &f.engine, 0, look, NULL), 0);
    assert_int_equal(pl_deputy_start(&f.deputy), 0);
}

static void stop(void)
{
    pl_deputy_stop(&f.deputy);
    pl_deputy_join(&f.deputy);
    pl_deputy_deinit(&f.deputy);
}

static void await_sleep(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (!atomic_load(&f.deputy.is_asleep)) {
        if (client_now_ms() > until_ms)
            fail_msg("it does not fall asleep");
        client_pause_ms(1);
    }
}

static void it_looks_as_long_as_something_moves(void **state)
{
    (void)state;
    atomic_store(&f.is_moving, true);
    start();
    client_await(&f.looks, 200);
    assert_false(atomic_load(&f.deputy.is_asleep));
    stop();
}

static void it_sleeps_when_all_is_quiet_until_it_is_stirred(void **state)
{
    (void)state;
    start();
    for (int round = 0; round < 2; round++) {
        uint32_t looks;

        await_sleep();
        looks = atomic_load(&f.looks);
        assert_true(looks >= 100);
        pl_deputy_stir(&f.deputy);
        client_await(&f.looks, looks + 10);
    }
    stop();
}

/* Whoever stirs while it falls asleep is seen by one side or the other. */
static void something_that_moves_in_the_last_look_keeps_it_awake(void **state)
{
    uint32_t looks;

    (void)state;
    start();
    await_sleep();
    atomic_store(&f.is_moving, true);
    looks = atomic_load(&f.looks);
    pl_deputy_stir(&f.deputy);
    client_await(&f.looks, looks + 150);
    assert_false(atomic_load(&f.deputy.is_asleep));
    stop();
}

static void a_stop_ends_it_awake_and_asleep(void **state)
{
    (void)state;
    start();
    await_sleep();
    stop();
    for (int i = 0; i < 50; i++) {
        start();
        for (int k = 0; k < i; k++)
            pl_deputy_stir(&f.deputy);
        stop();
    }
}

static void one_that_never_started_can_be_stopped(void **state)
{
    (void)state;
    assert_int_equal(pl_deputy_init(&f.deputy, &f.engine, 0, look, NULL), 0);
    pl_deputy_stir(&f.deputy);
    stop();
    assert_int_equal(f.looks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_looks_as_long_as_something_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(it_sleeps_when_all_is_quiet_until_it_is_stirred, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(something_that_moves_in_the_last_look_keeps_it_awake, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_it_awake_and_asleep, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_never_started_can_be_stopped, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
