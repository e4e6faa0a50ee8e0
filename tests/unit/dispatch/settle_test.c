/* SPDX-License-Identifier: Apache-2.0 */
/* Letting go of a slot whose kind, arming and model only note what is asked of them. */
#include "engine.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define GENERATION 7u

struct fixture {
    struct pl_slot_table table; /* only its placement */
    struct pl_engine engine;
    struct pl_shard shard; /* only what a settle takes from it */
    struct pl_shard *shards[1];
    struct pl_model model;
    struct pl_stats_block block;
    struct pl_thread thread;
    struct pl_slot slot;

    int arms, wakes, readies, closes;
    uint32_t armed_for;
    int arm_result;
    uint32_t comes_while_armed; /* reasons of an event that does not wait for the release */
    uint32_t woken_for;
    enum pl_next wake_says;
    struct pl_thread *readied_by;
    bool was_held; /* at the last call of any of them */
};

static struct fixture f;

static void note(const struct pl_slot *slot, int *count)
{
    assert_ptr_equal(slot, &f.slot);
    f.was_held = pl_claim_is_held(&f.slot.claim);
    (*count)++;
}

static void come(uint32_t why)
{
    uint32_t reasons;

    assert_int_equal(pl_claim_try(&f.slot.claim, GENERATION, why, &reasons), PL_CLAIM_NOTED);
}

static int arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    assert_ptr_equal(set, &f.shard.set);
    note(PL_CONTAINER_OF(handle, struct pl_slot, handle), &f.arms);
    f.armed_for = waits;
    if (f.comes_while_armed != 0)
        come(f.comes_while_armed);
    return f.arm_result;
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    note(slot, &f.wakes);
    f.woken_for = reasons;
    return f.wake_says;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    (void)slot;
    (void)stages;
    fail_msg("a settle runs nothing");
    return PL_CLOSE;
}

static void close_slot(struct pl_slot *slot)
{
    note(slot, &f.closes);
    assert_ptr_equal(slot->thread, &f.thread);
    pl_claim_close(&slot->claim);
}

static void ready(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot)
{
    assert_ptr_equal(model, &f.model);
    note(slot, &f.readies);
    f.readied_by = thread;
}

static const struct pl_arming arming = { .name = "fake", .arm = arm };
static const struct pl_slot_kind kind = {
    .name = "fake", .wake = wake, .run = run, .close = close_slot
};
static const struct pl_model_ops model_ops = { .name = "fake", .ready = ready };

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.shards[0] = &f.shard;
    f.engine.face.table = &f.table;
    f.engine.model = &f.model;
    f.engine.shards = f.shards;
    atomic_store(&f.engine.shards_active, 1);
    atomic_store(&f.engine.arming, &arming);
    f.model.ops = &model_ops;
    f.model.engine = &f.engine;
    f.thread.engine = &f.engine;
    f.thread.model = &f.model;
    f.thread.stats = &f.block;
    f.slot.engine = &f.engine;
    f.slot.kind = &kind;
    f.slot.arming = &arming;
    f.slot.waits = PL_READABLE;
    f.slot.next = PL_RUN_RECEIVE;
    f.wake_says = PL_RUN_SEND;
    atomic_store(&f.slot.claim, (uint64_t)GENERATION << 32);
    return pl_claim_open(&f.slot.claim) == GENERATION ? 0 : -1;
}

static uint64_t turns_cut(void)
{
    static struct pl_stats stats;

    memset(&stats, 0, sizeof(stats));
    pl_stats_merge(&stats, &f.block);
    return stats.counters[PL_STAT_turns_cut];
}

static void expect_ready_at(enum pl_next next)
{
    assert_int_equal(f.readies, 1);
    assert_ptr_equal(f.readied_by, &f.thread);
    assert_ptr_equal(f.slot.thread, &f.thread);
    assert_int_equal(f.slot.next, next);
    assert_true(f.was_held);
    assert_true(pl_claim_is_held(&f.slot.claim));
    assert_int_equal(f.closes, 0);
}

/* ---- PL_AGAIN -------------------------------------------------------------------------------- */

static void a_cut_turn_goes_on_where_it_was(void **state)
{
    (void)state;
    pl_settle(&f.thread, &f.slot, PL_AGAIN);
    expect_ready_at(PL_RUN_RECEIVE);
    assert_int_equal(f.wakes, 0);
    assert_int_equal(f.arms, 0);
    assert_int_equal(turns_cut(), 1);
}

static void a_cut_turn_hears_of_a_shutdown_and_a_hang_up(void **state)
{
    static const uint32_t reasons[] = { PL_SHUTDOWN, PL_HANGUP, PL_SHUTDOWN | PL_HANGUP };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        assert_int_equal(setup(state), 0);
        come(reasons[i]);
        pl_settle(&f.thread, &f.slot, PL_AGAIN);
        assert_int_equal(f.wakes, 1);
        assert_int_equal(f.woken_for, reasons[i]);
        expect_ready_at(PL_RUN_SEND);
        assert_int_equal(turns_cut(), 1);
        /* Once is enough. */
        pl_settle(&f.thread, &f.slot, PL_AGAIN);
        assert_int_equal(f.wakes, 1);
    }
}

static void a_cut_turn_leaves_all_else_to_the_next_wait(void **state)
{
    uint32_t reasons;

    (void)state;
    come(PL_READABLE | PL_COMPLETION | PL_TIMEOUT);
    pl_settle(&f.thread, &f.slot, PL_AGAIN);
    assert_int_equal(f.wakes, 0);
    expect_ready_at(PL_RUN_RECEIVE);
    come(PL_SHUTDOWN);
    pl_settle(&f.thread, &f.slot, PL_AGAIN);
    assert_int_equal(f.wakes, 1);
    assert_int_equal(f.woken_for, PL_SHUTDOWN);
    assert_false(pl_claim_release(&f.slot.claim, PL_READABLE, &reasons));
    assert_int_equal(reasons, PL_READABLE | PL_COMPLETION | PL_TIMEOUT);
}

/* The wake only took note of it: the turn has work left all the same. */
static void a_cut_turn_goes_on_where_it_was_when_the_wake_would_wait(void **state)
{
    (void)state;
    f.wake_says = PL_WAIT;
    come(PL_HANGUP);
    pl_settle(&f.thread, &f.slot, PL_AGAIN);
    assert_int_equal(f.wakes, 1);
    expect_ready_at(PL_RUN_RECEIVE);
}

/* ---- PL_WAIT --------------------------------------------------------------------------------- */

static void expect_released(int arms)
{
    assert_int_equal(f.arms, arms);
    assert_false(pl_claim_is_held(&f.slot.claim));
    assert_int_equal(f.readies + f.wakes + f.closes, 0);
    assert_int_equal(turns_cut(), 0);
}

static void a_wait_arms_while_it_holds_and_lets_go(void **state)
{
    uint32_t reasons;

    (void)state;
    f.slot.waits = PL_READABLE | PL_COMPLETION;
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    expect_released(1);
    assert_true(f.was_held);
    assert_int_equal(f.armed_for, PL_READABLE | PL_COMPLETION);
    assert_int_equal(pl_claim_try(&f.slot.claim, GENERATION, PL_WRITABLE, &reasons),
                     PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&f.slot.claim, GENERATION, PL_COMPLETION, &reasons),
                     PL_CLAIM_WON);
    assert_int_equal(reasons, PL_WRITABLE | PL_COMPLETION);
}

static void a_slot_without_a_descriptor_is_not_armed(void **state)
{
    (void)state;
    f.slot.is_unwatched = true;
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    expect_released(0);
}

static void a_wait_that_was_met_before_goes_on(void **state)
{
    (void)state;
    come(PL_READABLE | PL_PEER_DONE);
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    assert_int_equal(f.arms, 1);
    assert_int_equal(f.wakes, 1);
    assert_int_equal(f.woken_for, PL_READABLE | PL_PEER_DONE);
    expect_ready_at(PL_RUN_SEND);
    assert_int_equal(turns_cut(), 0);
}

static void a_wait_that_is_met_while_it_arms_goes_on(void **state)
{
    (void)state;
    f.comes_while_armed = PL_READABLE;
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    assert_int_equal(f.woken_for, PL_READABLE);
    expect_ready_at(PL_RUN_SEND);
}

static void a_wait_for_something_else_is_not_met(void **state)
{
    (void)state;
    come(PL_WRITABLE | PL_COMPLETION);
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    expect_released(1);
}

static void a_slot_that_cannot_be_armed_is_closed(void **state)
{
    uint32_t reasons;

    (void)state;
    f.arm_result = -ENOSPC;
    /* A reason that stands pending does not keep it. */
    come(PL_READABLE);
    pl_settle(&f.thread, &f.slot, PL_WAIT);
    assert_int_equal(f.closes, 1);
    assert_true(f.was_held);
    assert_int_equal(f.readies + f.wakes, 0);
    assert_int_equal(pl_claim_try(&f.slot.claim, GENERATION, PL_SHUTDOWN, &reasons),
                     PL_CLAIM_STALE);
}

/* ---- PL_CLOSE -------------------------------------------------------------------------------- */

static void a_close_ends_the_slot_and_nothing_else(void **state)
{
    uint32_t reasons;

    (void)state;
    come(PL_READABLE | PL_SHUTDOWN);
    pl_settle(&f.thread, &f.slot, PL_CLOSE);
    assert_int_equal(f.closes, 1);
    assert_true(f.was_held);
    assert_int_equal(f.arms + f.readies + f.wakes, 0);
    assert_int_equal(turns_cut(), 0);
    assert_int_equal(pl_claim_try(&f.slot.claim, GENERATION, PL_READABLE, &reasons),
                     PL_CLAIM_STALE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_cut_turn_goes_on_where_it_was, setup),
        cmocka_unit_test_setup(a_cut_turn_hears_of_a_shutdown_and_a_hang_up, setup),
        cmocka_unit_test_setup(a_cut_turn_leaves_all_else_to_the_next_wait, setup),
        cmocka_unit_test_setup(a_cut_turn_goes_on_where_it_was_when_the_wake_would_wait, setup),
        cmocka_unit_test_setup(a_wait_arms_while_it_holds_and_lets_go, setup),
        cmocka_unit_test_setup(a_slot_without_a_descriptor_is_not_armed, setup),
        cmocka_unit_test_setup(a_wait_that_was_met_before_goes_on, setup),
        cmocka_unit_test_setup(a_wait_that_is_met_while_it_arms_goes_on, setup),
        cmocka_unit_test_setup(a_wait_for_something_else_is_not_met, setup),
        cmocka_unit_test_setup(a_slot_that_cannot_be_armed_is_closed, setup),
        cmocka_unit_test_setup(a_close_ends_the_slot_and_nothing_else, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
