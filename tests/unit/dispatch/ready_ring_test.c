/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "ready_ring.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SLOTS 8

static struct pl_ready_ring ring;
static struct pl_slot slots[SLOTS];

static int setup(void **state)
{
    (void)state;
    memset(slots, 0, sizeof(slots));
    for (size_t i = 0; i < SLOTS; i++)
        (void)pl_claim_open(&slots[i].claim);
    pl_ready_ring_init(&ring);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pl_ready_ring_deinit(&ring);
    return 0;
}

static void the_oldest_comes_first(void **state)
{
    (void)state;
    assert_null(pl_ready_ring_take(&ring));
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < SLOTS; i++)
            pl_ready_ring_append(&ring, &slots[i], 1);
        assert_int_equal(pl_ready_ring_count(&ring), SLOTS);
        for (size_t i = 0; i < SLOTS; i++)
            assert_ptr_equal(pl_ready_ring_take(&ring), &slots[i]);
        assert_null(pl_ready_ring_take(&ring));
        assert_int_equal(pl_ready_ring_count(&ring), 0);
    }
}

static void a_batch_keeps_its_order_behind_the_others(void **state)
{
    struct pl_slot_queue batch = { .first = NULL };

    (void)state;
    pl_ready_ring_append_all(&ring, &batch, 1);
    assert_int_equal(pl_ready_ring_count(&ring), 0);
    pl_ready_ring_append(&ring, &slots[0], 1);
    for (size_t i = 1; i < 4; i++)
        pl_slot_queue_append(&batch, &slots[i]);
    assert_int_equal(batch.count, 3);
    pl_ready_ring_append_all(&ring, &batch, 1);
    assert_null(batch.first);
    assert_int_equal(batch.count, 0);
    pl_ready_ring_append(&ring, &slots[4], 1);
    assert_int_equal(pl_ready_ring_count(&ring), 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pl_ready_ring_take(&ring), &slots[i]);
}

static void what_stands_in_it_says_so_and_since_when(void **state)
{
    (void)state;
    assert_int_equal(slots[0].queued_us, 0);
    pl_ready_ring_append(&ring, &slots[0], 1);
    assert_true(slots[0].queued);
    assert_int_not_equal(slots[0].queued_us, 0);
    assert_ptr_equal(pl_ready_ring_take(&ring), &slots[0]);
    assert_false(slots[0].queued);
    assert_null(slots[0].ready_next);
}

static void expect_order(const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(pl_ready_ring_take(&ring), &slots[order[i]]);
}

/* 0 to 3 wait, 4 to 6 were cut. */
static void one_that_was_cut_stands_between_two_rounds_of_the_others(void **state)
{
    static const size_t first[] = { 0, 1, 2, 4 }, second[] = { 0, 1, 3, 5 }, rest[] = { 6, 4, 5 };
    struct pl_slot_queue batch = { .first = NULL };

    (void)state;
    for (size_t i = 4; i < 7; i++)
        slots[i].is_cut = true;
    pl_slot_queue_append(&batch, &slots[4]);
    pl_slot_queue_append(&batch, &slots[0]);
    pl_slot_queue_append(&batch, &slots[5]);
    pl_ready_ring_append_all(&ring, &batch, 1);
    pl_ready_ring_append(&ring, &slots[1], 1);
    pl_ready_ring_append(&ring, &slots[6], 1);
    pl_ready_ring_append(&ring, &slots[2], 1);
    ring.is_round_new = true;
    assert_int_equal(pl_ready_ring_waiting(&ring), 3);
    assert_int_equal(pl_ready_ring_count(&ring), 6);
    assert_ptr_equal(pl_ready_ring_take(&ring), &slots[first[0]]);
    pl_ready_ring_append(&ring, &slots[0], 1); /* of the next round */
    expect_order(first + 1, 3);
    pl_ready_ring_append(&ring, &slots[4], 1);
    pl_ready_ring_append(&ring, &slots[1], 1);
    pl_ready_ring_append(&ring, &slots[3], 1);
    expect_order(second, 4);
    pl_ready_ring_append(&ring, &slots[5], 1);
    assert_int_equal(pl_ready_ring_waiting(&ring), 0);
    expect_order(rest, 3); /* nobody else waits */
    assert_null(pl_ready_ring_take(&ring));
}

static void what_comes_untimed_has_no_wait_to_count(void **state)
{
    struct pl_slot_queue batch = { .first = NULL };

    (void)state;
    slots[0].queued_us = slots[1].queued_us = 7; /* of an earlier ring */
    pl_ready_ring_append(&ring, &slots[0], PL_READY_UNTIMED);
    pl_slot_queue_append(&batch, &slots[1]);
    pl_ready_ring_append_all(&ring, &batch, PL_READY_UNTIMED);
    /* A look at the clock never counts as none, whatever its low bits are. */
    pl_ready_ring_append(&ring, &slots[2], (int64_t)1000 << 32);
    assert_int_equal(slots[0].queued_us, 0);
    assert_int_equal(slots[1].queued_us, 0);
    assert_int_not_equal(slots[2].queued_us, 0);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(pl_ready_ring_take(&ring), &slots[i]);
}

static void all_are_taken_behind_what_the_taker_has(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    pl_ready_ring_take_all(&ring, &taken);
    assert_null(taken.first);
    pl_slot_queue_append(&taken, &slots[0]);
    slots[1].is_cut = slots[3].is_cut = true;
    for (size_t i = 1; i < 5; i++)
        pl_ready_ring_append(&ring, &slots[i], 1);
    pl_ready_ring_take_all(&ring, &taken);
    assert_int_equal(pl_ready_ring_count(&ring), 0);
    assert_int_equal(pl_ready_ring_waiting(&ring), 0);
    assert_null(pl_ready_ring_take(&ring));
    assert_int_equal(taken.count, 5);
    for (size_t i = 0; i < 5; i++) {
        static const size_t order[] = { 0, 2, 4, 1, 3 }; /* those that were cut come last */
        struct pl_slot *slot = pl_slot_queue_take(&taken);

        assert_ptr_equal(slot, &slots[order[i]]);
        assert_false(slot->queued);
    }
    assert_null(taken.first);
    /* They may stand in a ring again. */
    for (size_t i = 0; i < 3; i++)
        pl_ready_ring_append(&ring, &slots[i], 1);
    expect_order((const size_t[]){ 0, 2, 1 }, 3);
}

static void a_round_that_was_taken_away_is_over(void **state)
{
    struct pl_slot_queue taken = { .first = NULL };

    (void)state;
    slots[3].is_cut = true;
    ring.is_round_new = true;
    for (size_t i = 0; i < 4; i++)
        pl_ready_ring_append(&ring, &slots[i], 1);
    assert_ptr_equal(pl_ready_ring_take(&ring), &slots[0]); /* two of the round are left */
    pl_ready_ring_take_all(&ring, &taken);
    assert_int_equal(taken.count, 3);
    pl_ready_ring_append(&ring, &slots[3], 1);
    assert_ptr_equal(pl_ready_ring_take(&ring), &slots[3]);
}

/* ---- with threads ---------------------------------------------------------------------------- */

#define ROUNDS 20000

static _Atomic uint32_t swept;
static _Atomic bool is_over;

static void *sweep(void *argument)
{
    while (!atomic_load(&is_over)) {
        struct pl_slot_queue all = { .first = NULL };

        pl_ready_ring_take_all(&ring, &all);
        atomic_fetch_add(&swept, all.count);
        while (all.first != NULL)
            pl_ready_ring_append(&ring, pl_slot_queue_take(&all), 1);
    }
    return argument;
}

/* A swap sorts a ring anew while others take from it and append to it. */
static void none_is_lost_or_doubled_while_all_are_taken(void **state)
{
    pthread_t sweeper;
    uint32_t taken = 0;
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    (void)state;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&sweeper, NULL, sweep, NULL), 0);
    for (size_t i = 0; i < SLOTS; i++)
        pl_ready_ring_append(&ring, &slots[i], 1);
    while ((taken < ROUNDS || atomic_load(&swept) < ROUNDS) && client_now_ms() < until_ms) {
        struct pl_slot *slot = pl_ready_ring_take(&ring);

        if (slot == NULL)
            continue;
        taken++;
        slot->is_cut = taken % 3 == 0;
        pl_ready_ring_append(&ring, slot, 1);
    }
    atomic_store(&is_over, true);
    pthread_join(sweeper, NULL);
    assert_true(taken >= ROUNDS);
    assert_int_equal(pl_ready_ring_count(&ring), SLOTS);
    for (size_t i = 0; i < SLOTS; i++)
        assert_non_null(pl_ready_ring_take(&ring));
    for (size_t i = 0; i < SLOTS; i++)
        assert_false(slots[i].queued); /* each came once */
    assert_null(pl_ready_ring_take(&ring));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_keeps_its_order_behind_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_stands_in_it_says_so_and_since_when, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_cut_stands_between_two_rounds_of_the_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_untimed_has_no_wait_to_count, setup, teardown),
        cmocka_unit_test_setup_teardown(all_are_taken_behind_what_the_taker_has, setup, teardown),
        cmocka_unit_test_setup_teardown(a_round_that_was_taken_away_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(none_is_lost_or_doubled_while_all_are_taken, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
