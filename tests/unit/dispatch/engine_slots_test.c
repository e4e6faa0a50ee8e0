/* SPDX-License-Identifier: Apache-2.0 */
/* Places among limits.connections: loops that accept at the same moment never take one too many. */
#include "engine_slots.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PLACES  3
#define THREADS 4
#define ROUNDS  20000

static struct pl_conn_quota quota = { .max = PLACES };
static struct pl_engine engine = { .quota = &quota };
static _Atomic uint32_t taken, taken_too_many, taken_in_all;

static void *take_and_give(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (!pl_engine_slot_ops.take_place(&engine))
            continue;
        if (atomic_fetch_add(&taken, 1) >= PLACES)
            atomic_fetch_add(&taken_too_many, 1);
        atomic_fetch_add(&taken_in_all, 1);
        atomic_fetch_sub(&taken, 1);
        pl_engine_slot_ops.give_place(&engine);
    }
    return argument;
}

static void no_more_places_are_taken_than_there_are(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(taken_too_many, 0);
    assert_true(taken_in_all > 0);
    assert_int_equal(quota.used, 0);
}

static void who_waits_sees_whether_there_is_a_place(void **state)
{
    (void)state;
    for (int i = 0; i < PLACES; i++)
        assert_true(pl_engine_slot_ops.take_place(&engine));
    assert_false(pl_engine_slot_ops.take_place(&engine));
    assert_false(pl_engine_slot_ops.await_place(&engine));
    assert_true(quota.is_awaited);
    pl_engine_slot_ops.give_place(&engine);
    assert_false(quota.is_awaited);
    assert_true(pl_engine_slot_ops.await_place(&engine));
    for (int i = 1; i < PLACES; i++)
        pl_engine_slot_ops.give_place(&engine);
    assert_int_equal(quota.used, 0);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(no_more_places_are_taken_than_there_are),
        cmocka_unit_test(who_waits_sees_whether_there_is_a_place),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
