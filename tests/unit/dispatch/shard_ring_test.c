/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads bring to the one that waits in a handle set: nothing is lost while it goes to
 * sleep, and one that is awake is not woken. */
#include "client.h"
#include "engine_rig.h"
#include "waker.h"

#include <sched.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SLOTS 64

static struct engine_rig rig;
static struct pl_shard *shard;
static struct pl_slot slots[SLOTS];

static int setup(void **state)
{
    struct pl_engine_settings settings = engine_rig_settings("per_core", 2);

    (void)state;
    engine_rig_open(&rig, &settings);
    rig.thread.shard = 1;
    shard = rig.engine.shards[1];
    memset(slots, 0, sizeof(slots));
    for (size_t i = 0; i < SLOTS; i++)
        (void)pl_claim_open(&slots[i].claim);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_rig_close(&rig);
    return 0;
}

/* Whether somebody was woken since the last look. */
static bool was_woken(void)
{
    struct pl_event events[PL_EVENTS_MAX];
    size_t count = pl_handle_set_wait(&shard->set, events, PL_EVENTS_MAX, 0);

    assert_true(count <= 1);
    assert_true(count == 0 || events[0].token == PL_TOKEN_WAKER);
    return count > 0;
}

static void what_was_posted_is_taken_in_its_order(void **state)
{
    uint32_t left = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        pl_shard_post(shard, &slots[i]);
    assert_true(slots[0].queued);
    assert_int_equal(slots[0].queued_us, 0); /* no worker lets it wait */
    assert_null(pl_engine_wait(&rig.thread, false, &left));
    assert_int_equal(left, 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pl_ready_ring_take(&shard->ring), &slots[i]);
    assert_int_equal(pl_ready_ring_count(&rig.engine.shards[0]->ring), 0);
}

/* One of those that were cut belongs to the round of the others. */
static void a_round_is_all_that_wait_and_one_that_was_cut(void **state)
{
    uint32_t left = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        slots[i].is_cut = i < 3;
        pl_ready_ring_append(&shard->ring, &slots[i], PL_READY_UNTIMED);
    }
    assert_null(pl_engine_wait(&rig.thread, false, &left));
    assert_int_equal(left, 3);
    for (size_t i = 0; i < 5; i++)
        assert_non_null(pl_ready_ring_take(&shard->ring));
    assert_null(pl_engine_wait(&rig.thread, true, &left));
    assert_int_equal(left, 0);
}

/* It has had its share of somebody else. */
static void what_others_post_is_cut_no_more(void **state)
{
    uint32_t left = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        slots[i].is_cut = true;
        pl_shard_post(shard, &slots[i]);
    }
    assert_null(pl_engine_wait(&rig.thread, false, &left));
    assert_int_equal(left, 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pl_ready_ring_take(&shard->ring), &slots[i]);
}

static void a_thread_that_is_awake_is_not_woken(void **state)
{
    uint32_t left;

    (void)state;
    pl_shard_post(shard, &slots[0]);
    pl_shard_wake(shard);
    assert_false(was_woken());
    /* It found the slot and did not sleep: it is awake again. */
    assert_null(pl_engine_wait(&rig.thread, false, &left));
    assert_false(shard->is_asleep);
    pl_shard_post(shard, &slots[1]);
    assert_false(was_woken());
    assert_null(pl_engine_wait(&rig.thread, true, &left));
    assert_false(shard->is_asleep);
    assert_int_equal(left, 2);
}

static void a_burst_costs_one_wake(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct pl_slot_queue all = { .first = NULL };

        atomic_store(&shard->is_asleep, true);
        for (size_t i = 0; i < SLOTS; i++) {
            pl_shard_post(shard, &slots[i]);
            assert_false(shard->is_asleep);
            assert_int_equal(was_woken(), i == 0);
        }
        pl_ready_ring_take_all(&shard->ring, &all);
        assert_int_equal(all.count, SLOTS);
    }
}

static void a_wake_without_a_slot_ends_one_sleep(void **state)
{
    (void)state;
    atomic_store(&shard->is_asleep, true);
    pl_shard_wake(shard);
    assert_true(was_woken());
    pl_shard_wake(shard);
    assert_false(was_woken());
}

/* What is told to it goes to another one that waits there: a successor. */
static void who_is_to_stop_leaves_every_event_to_others(void **state)
{
    uint32_t left = 7;

    (void)state;
    atomic_store(&rig.set.is_stopping, true);
    for (int is_awaited = 0; is_awaited < 2; is_awaited++) {
        atomic_store(&shard->is_asleep, true); /* the successor is */
        pl_waker_wake(shard->waker_fd);
        assert_null(pl_engine_wait(&rig.thread, is_awaited, &left));
        assert_int_equal(left, 0);
        assert_true(shard->is_asleep);
        assert_false(rig.thread.is_waiting);
        assert_true(was_woken());
    }
}

/* ---- with threads ---------------------------------------------------------------------------- */

#define POSTERS_MAX 3
#define ROUNDS      4000

/* Each poster has a slot and posts it again as soon as it was taken: the thread of the shard goes
 * to sleep and is woken all the time. */
struct poster {
    struct pl_slot slot;
    _Atomic bool is_out; /* the slot is the poster's */
    uint32_t posted;
};

static struct poster posters[POSTERS_MAX];
static _Atomic uint32_t taken;
static _Atomic bool is_given_up;

static void *post_again_and_again(void *argument)
{
    struct poster *poster = argument;

    while (poster->posted < ROUNDS && !atomic_load(&is_given_up)) {
        if (!atomic_load(&poster->is_out)) {
            sched_yield();
            continue;
        }
        atomic_store(&poster->is_out, false);
        poster->posted++;
        pl_shard_post(shard, &poster->slot);
    }
    return NULL;
}

static void *wait_and_take(void *argument)
{
    while (!pl_thread_set_is_stopping(&rig.set)) {
        uint32_t left;

        (void)pl_engine_wait(&rig.thread, false, &left);
        while (left-- > 0) {
            struct pl_slot *slot = pl_ready_ring_take(&shard->ring);

            if (slot == NULL)
                continue; /* counted before it was there to be taken: the next wait finds it */
            atomic_store(&((struct poster *)(void *)slot)->is_out, true);
            atomic_fetch_add(&taken, 1);
        }
    }
    return argument;
}

static void expect_no_wake_lost(uint32_t count)
{
    pthread_t threads[POSTERS_MAX], waiting;
    bool is_whole;

    atomic_store(&taken, 0);
    atomic_store(&is_given_up, false);
    atomic_store(&rig.set.is_stopping, false);
    assert_int_equal(pthread_create(&waiting, NULL, wait_and_take, NULL), 0);
    for (uint32_t i = 0; i < count; i++) {
        posters[i] = (struct poster){ .is_out = true };
        (void)pl_claim_open(&posters[i].slot.claim);
        assert_int_equal(pthread_create(&threads[i], NULL, post_again_and_again, &posters[i]), 0);
    }
    is_whole = client_reaches(&taken, count * ROUNDS, CLIENT_DEADLINE_MS);
    atomic_store(&is_given_up, true);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&rig.set.is_stopping, true);
    pl_waker_wake(shard->waker_fd);
    pthread_join(waiting, NULL);
    assert_true(is_whole);
    assert_int_equal(atomic_load(&taken), count * ROUNDS);
}

/* With one poster nobody else's wake makes up for one that was lost. */
static void no_wake_is_lost(void **state)
{
    (void)state;
    expect_no_wake_lost(1);
    expect_no_wake_lost(POSTERS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_posted_is_taken_in_its_order),
        CASE(a_round_is_all_that_wait_and_one_that_was_cut),
        CASE(what_others_post_is_cut_no_more),
        CASE(a_thread_that_is_awake_is_not_woken),
        CASE(a_burst_costs_one_wake),
        CASE(a_wake_without_a_slot_ends_one_sleep),
        CASE(who_is_to_stop_leaves_every_event_to_others),
        CASE(no_wake_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
