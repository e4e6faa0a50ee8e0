/* SPDX-License-Identifier: Apache-2.0 */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_keeps_its_order_behind_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_stands_in_it_says_so_and_since_when, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_cut_stands_between_two_rounds_of_the_others,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
