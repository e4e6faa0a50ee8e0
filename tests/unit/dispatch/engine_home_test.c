/* SPDX-License-Identifier: Apache-2.0 */
/* Slots go where a new placement says they belong, with all they have. The engine has no model:
 * what has something to do stands in its ring. */
#include "clock.h"
#include "client.h"
#include "engine_home.h"
#include "engine_rig.h"
#include "engine_slots.h"
#include "engine_timers.h"
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LATER_MS 1000000

static struct engine_rig rig;
static _Atomic uint32_t woken_for;
static _Atomic uint32_t closes;
static struct pl_engine *home_engine;

/* ---- a kind of slot ---------------------------------------------------------------------------
 */

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    (void)slot;
    woken_for |= reasons;
    return PL_RUN_PROCESS;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    (void)slot;
    (void)stages;
    return PL_WAIT;
}

static void close_slot(struct pl_slot *slot)
{
    closes++;
    pl_claim_close(&slot->claim);
    pl_engine_face_of(slot->engine)->ops->release(slot);
}

static struct pl_engine *home(struct pl_slot *slot, uint32_t *number)
{
    (void)slot;
    (void)number;
    return home_engine;
}

static const struct pl_slot_kind kind = {
    .name = "fake", .wake = wake, .run = run, .close = close_slot, .home = home
};

/* ---- fixture --------------------------------------------------------------------------------- */

static void open_with_sets(uint32_t count)
{
    struct pl_engine_settings settings = engine_rig_settings("per_core", count);

    woken_for = closes = 0;
    home_engine = NULL;
    engine_rig_open(&rig, &settings);
}

/* What a swap does to an engine's sets and arming before its walk. */
static void place_anew(uint32_t sets_count, const char *arming)
{
    struct pl_engine_settings settings = engine_rig_settings("per_core", sets_count);
    uint16_t placement = (uint16_t)(atomic_load(&rig.table.placement) + 1);

    settings.arming = pl_arming_find(arming);
    assert_int_equal(pl_engine_open_shards(&rig.engine, sets_count), 0);
    if (sets_count != atomic_load(&rig.engine.shards_active))
        atomic_store(&rig.engine.dealt, placement);
    pl_engine_take_settings(&rig.engine, &settings);
    atomic_store(&rig.table.placement, placement);
}

static struct pl_swap_figures walk(void)
{
    struct pl_swap_figures figures;

    pl_engine_recall_all(&rig.table, &rig.engine.control, &figures);
    return figures;
}

/* Held, with an eventfd of its own, to wait until that is readable. */
static struct pl_slot *take_slot(uint32_t shard)
{
    struct pl_slot *slot = pl_engine_take_slot(&rig.engine, shard);

    assert_non_null(slot);
    slot->kind = &kind;
    slot->thread = &rig.thread;
    slot->waits = PL_READABLE;
    slot->handle.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_true(slot->handle.fd >= 0);
    return slot;
}

static struct pl_slot *take_waiting_slot(uint32_t shard)
{
    struct pl_slot *slot = take_slot(shard);

    pl_settle(&rig.thread, slot, PL_WAIT);
    assert_false(pl_claim_is_held(&slot->claim));
    return slot;
}

static void make_readable(struct pl_slot *slot)
{
    const uint64_t one = 1;

    assert_int_equal(write(slot->handle.fd, &one, sizeof(one)), sizeof(one));
}

static bool has_event(uint32_t shard, const struct pl_slot *slot)
{
    struct pl_event events[PL_EVENTS_MAX];
    size_t count = pl_handle_set_wait(&rig.engine.shards[shard]->set, events, PL_EVENTS_MAX, 0);

    assert_true(count <= 1);
    return count == 1 && events[0].token == slot->handle.token;
}

/* Whoever has it, it ends. */
static void end(struct pl_slot *slot)
{
    uint32_t reasons;

    slot->thread = &rig.thread;
    if (!pl_claim_is_held(&slot->claim))
        assert_int_equal(pl_slot_claim(slot, slot->handle.token, PL_SHUTDOWN, &reasons),
                         PL_CLAIM_WON);
    close_slot(slot);
}

static int64_t timer_due(uint32_t shard)
{
    return pl_timers_next_due(&rig.engine.shards[shard]->heap.base);
}

/* ---- one that waits -------------------------------------------------------------------------- */

static void a_waiting_slot_goes_with_its_timer_and_what_is_pending(void **state)
{
    int64_t due_ms = pl_clock_ms() + LATER_MS;
    struct pl_slot *slot;
    uint32_t reasons;

    (void)state;
    open_with_sets(3);
    slot = take_slot(2);
    assert_int_equal(pl_engine_arm_timer(slot, due_ms), 0);
    pl_settle(&rig.thread, slot, PL_WAIT);
    assert_int_equal(pl_slot_claim(slot, slot->handle.token, PL_WRITABLE, &reasons),
                     PL_CLAIM_NOTED);
    place_anew(1, "oneshot");
    assert_int_equal(walk().held, 0);
    assert_int_equal(slot->shard, 0);
    assert_false(pl_claim_is_held(&slot->claim));
    assert_int_equal(woken_for, 0);
    assert_true(timer_due(0) == due_ms);
    assert_true(timer_due(2) == PL_TIMER_NEVER);
    make_readable(slot);
    assert_false(has_event(2, slot));
    assert_true(has_event(0, slot));
    assert_int_equal(pl_slot_claim(slot, slot->handle.token, PL_READABLE, &reasons), PL_CLAIM_WON);
    assert_int_equal(reasons, PL_READABLE | PL_WRITABLE);
    end(slot);
    assert_true(timer_due(0) == PL_TIMER_NEVER);
    engine_rig_close(&rig);
}

static void a_slot_whose_set_stays_is_left_where_it_is(void **state)
{
    struct pl_slot *slot;

    (void)state;
    open_with_sets(2);
    slot = take_waiting_slot(1);
    for (int i = 0; i < 3; i++) {
        place_anew(2, "oneshot");
        (void)walk();
        assert_int_equal(slot->shard, 1);
        assert_false(pl_claim_is_held(&slot->claim));
        assert_int_equal(slot->placement, atomic_load(&rig.table.placement));
    }
    /* It was not armed again: one event, and then none. */
    make_readable(slot);
    assert_true(has_event(1, slot));
    place_anew(2, "oneshot");
    (void)walk();
    assert_false(has_event(1, slot));
    end(slot);
    engine_rig_close(&rig);
}

/* With more sets than before the slots are dealt out, so that each thread has some. */
static void more_sets_share_the_slots(void **state)
{
    struct pl_slot *slots[9];
    uint32_t in_set[3] = { 0 };

    (void)state;
    open_with_sets(1);
    for (int i = 0; i < 9; i++)
        slots[i] = take_waiting_slot(0);
    place_anew(3, "oneshot");
    (void)walk();
    for (int i = 0; i < 9; i++) {
        in_set[slots[i]->shard]++;
        make_readable(slots[i]);
        assert_true(has_event(slots[i]->shard, slots[i]));
        end(slots[i]);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(in_set[i], 3);
    engine_rig_close(&rig);
}

static void another_arming_is_taken_up_by_those_that_have_none_of_their_own(void **state)
{
    struct pl_slot *slot, *own;
    uint32_t reasons;

    (void)state;
    open_with_sets(1);
    slot = take_waiting_slot(0);
    own = take_slot(0);
    own->has_own_arming = true;
    pl_settle(&rig.thread, own, PL_WAIT);
    place_anew(1, "edge");
    (void)walk();
    assert_ptr_equal(slot->arming, &pl_arming_edge);
    assert_ptr_equal(own->arming, &pl_arming_oneshot);
    for (int i = 0; i < 2; i++) { /* nobody arms it between them */
        make_readable(slot);
        assert_true(has_event(0, slot));
    }
    /* And back: what stood in the descriptor before is an event in the new arming too. */
    place_anew(1, "oneshot");
    (void)walk();
    assert_ptr_equal(slot->arming, &pl_arming_oneshot);
    assert_true(has_event(0, slot));
    assert_int_equal(pl_slot_claim(slot, slot->handle.token, PL_READABLE, &reasons), PL_CLAIM_WON);
    end(slot);
    end(own);
    engine_rig_close(&rig);
}

static void a_slot_without_a_descriptor_goes_with_its_timer_alone(void **state)
{
    int64_t due_ms = pl_clock_ms() + LATER_MS;
    struct pl_slot *slot;

    (void)state;
    open_with_sets(2);
    slot = take_slot(1);
    pl_close_fd(&slot->handle.fd);
    slot->is_unwatched = true;
    assert_int_equal(pl_engine_arm_timer(slot, due_ms), 0);
    pl_settle(&rig.thread, slot, PL_WAIT);
    place_anew(1, "oneshot");
    (void)walk();
    assert_int_equal(slot->shard, 0);
    assert_true(timer_due(0) == due_ms);
    assert_true(timer_due(1) == PL_TIMER_NEVER);
    end(slot);
    engine_rig_close(&rig);
}

static int refuse_to_arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    (void)set;
    (void)handle;
    (void)waits;
    return -ENOSPC;
}

static const struct pl_arming refusing = { .name = "refusing", .arm = refuse_to_arm };

static void a_slot_that_its_new_set_refuses_is_closed(void **state)
{
    (void)state;
    open_with_sets(2);
    take_waiting_slot(1)->arming = &refusing;
    pl_slot_table_at(&rig.table, 0)->has_own_arming = true;
    place_anew(1, "oneshot");
    (void)walk();
    assert_int_equal(closes, 1);
    engine_rig_close(&rig);
}

/* ---- one that somebody holds ----------------------------------------------------------------- */

static void a_held_slot_goes_when_it_is_let_go(void **state)
{
    struct pl_slot *slot;

    (void)state;
    open_with_sets(2);
    slot = take_slot(1);
    place_anew(1, "oneshot");
    assert_int_equal(walk().held, 1);
    assert_int_equal(slot->shard, 1);
    pl_settle(&rig.thread, slot, PL_WAIT);
    assert_int_equal(slot->shard, 0);
    assert_false(pl_claim_is_held(&slot->claim));
    make_readable(slot);
    assert_true(has_event(0, slot));
    end(slot);
    engine_rig_close(&rig);
}

static struct pl_slot *armed_slot; /* what happens while it is armed */
static bool is_placed_anew;

static int place_anew_and_arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    if (!is_placed_anew) {
        is_placed_anew = true;
        place_anew(1, "oneshot");
        assert_int_equal(walk().held, 1);
        make_readable(armed_slot);
    }
    return pl_arming_oneshot.arm(set, handle, waits);
}

static const struct pl_arming placing = { .name = "placing", .arm = place_anew_and_arm };

/* The whole swap passes between its holder's look at the placement and its release. */
static void a_slot_that_is_recalled_while_it_is_armed_is_armed_again_at_home(void **state)
{
    uint32_t reasons;

    (void)state;
    open_with_sets(2);
    armed_slot = take_slot(1);
    armed_slot->arming = &placing;
    armed_slot->has_own_arming = true;
    is_placed_anew = false;
    pl_settle(&rig.thread, armed_slot, PL_WAIT);
    assert_true(is_placed_anew);
    assert_int_equal(armed_slot->shard, 0);
    assert_false(pl_claim_is_held(&armed_slot->claim));
    assert_false(has_event(1, armed_slot));
    assert_true(has_event(0, armed_slot));
    assert_int_equal(pl_slot_claim(armed_slot, armed_slot->handle.token, PL_READABLE, &reasons),
                     PL_CLAIM_WON);
    end(armed_slot);
    engine_rig_close(&rig);
}

static void a_held_slot_with_something_to_do_is_handed_on_at_home(void **state)
{
    struct pl_slot *slot;
    uint32_t reasons;

    (void)state;
    open_with_sets(2);
    slot = take_slot(1);
    place_anew(1, "oneshot");
    assert_int_equal(walk().held, 1);
    assert_int_equal(pl_slot_claim(slot, slot->handle.token, PL_COMPLETION | PL_TIMEOUT, &reasons),
                     PL_CLAIM_NOTED);
    pl_settle(&rig.thread, slot, PL_WAIT);
    assert_int_equal(woken_for, PL_COMPLETION | PL_TIMEOUT);
    assert_int_equal(slot->shard, 0);
    assert_ptr_equal(pl_ready_ring_take(&rig.engine.ring), slot);
    /* It knows already; nothing moves a second time, and the recall is forgotten. */
    pl_settle(&rig.thread, slot, PL_WAIT);
    assert_false(pl_claim_is_held(&slot->claim));
    end(slot);
    engine_rig_close(&rig);
}

static int come_and_arm(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits)
{
    uint32_t reasons;

    if (pl_claim_is_held(&armed_slot->claim))
        assert_int_equal(pl_slot_claim(armed_slot, handle->token, PL_HANGUP, &reasons),
                         PL_CLAIM_NOTED);
    return pl_arming_oneshot.arm(set, handle, waits);
}

static const struct pl_arming coming = { .name = "coming", .arm = come_and_arm };

static void what_comes_to_a_slot_on_its_way_is_handed_on(void **state)
{
    (void)state;
    open_with_sets(2);
    armed_slot = take_waiting_slot(1);
    armed_slot->arming = &coming;
    armed_slot->has_own_arming = true;
    place_anew(1, "oneshot");
    (void)walk();
    assert_int_equal(woken_for, PL_HANGUP);
    assert_int_equal(armed_slot->next, PL_RUN_PROCESS);
    assert_ptr_equal(pl_ready_ring_take(&rig.engine.ring), armed_slot);
    assert_true(pl_claim_is_held(&armed_slot->claim));
    end(armed_slot);
    engine_rig_close(&rig);
}

static void a_slot_taken_after_the_change_is_at_home(void **state)
{
    struct pl_slot *before, *after;

    (void)state;
    open_with_sets(3);
    before = pl_engine_take_slot(&rig.engine, 2);
    place_anew(2, "edge");
    after = pl_engine_take_slot(&rig.engine, 2);
    assert_int_equal(after->shard, 0); /* there is no third set */
    assert_ptr_equal(after->arming, &pl_arming_edge);
    assert_false(pl_engine_bring_home(after));
    assert_int_equal(walk().held, 2); /* both are told; only one has a way to go */
    before->kind = after->kind = &kind;
    assert_true(pl_engine_bring_home(before));
    assert_true(before->shard < 2);
    assert_ptr_equal(before->arming, &pl_arming_edge);
    pl_engine_give_unused(&rig.engine, before);
    pl_engine_give_unused(&rig.engine, after);
    engine_rig_close(&rig);
}

/* ---- another engine -------------------------------------------------------------------------- */

static void a_slot_goes_to_the_engine_of_its_service(void **state)
{
    static struct pl_engine other;
    struct pl_engine_settings settings = engine_rig_settings("per_core", 2);
    struct pl_swap_figures figures;
    struct pl_error error;
    int64_t due_ms = pl_clock_ms() + LATER_MS;
    struct pl_slot *waiting, *held;

    (void)state;
    open_with_sets(3);
    settings.arming = &pl_arming_edge;
    assert_int_equal(pl_engine_open(&other, &settings, &rig.table, &rig.pool, &rig.quota, &error),
                     0);
    waiting = take_slot(2);
    assert_int_equal(pl_engine_arm_timer(waiting, due_ms), 0);
    pl_settle(&rig.thread, waiting, PL_WAIT);
    held = take_slot(1);
    home_engine = &other;
    pl_engine_send_home(&rig.engine, &figures);
    assert_int_equal(figures.held, 1);
    assert_ptr_equal(waiting->engine, &other);
    assert_ptr_equal(waiting->arming, &pl_arming_edge);
    assert_true(pl_timers_next_due(&other.shards[waiting->shard]->heap.base) == due_ms);
    assert_true(timer_due(2) == PL_TIMER_NEVER);
    assert_int_equal(atomic_load(&rig.table.slots_open), 2);
    /* With something to do it goes to that engine's model, or stands in its ring. */
    held->next = PL_RUN_PROCESS;
    pl_engine_hand_over(&rig.thread, held);
    assert_ptr_equal(held->engine, &other);
    assert_int_equal(pl_ready_ring_count(&rig.engine.ring), 0);
    assert_ptr_equal(pl_ready_ring_take(&other.ring), held);
    end(waiting);
    end(held);
    assert_true(pl_engine_is_empty(&other));
    pl_engine_close(&other);
    engine_rig_close(&rig);
}

/* ---- with threads ---------------------------------------------------------------------------- */

#define HOLDERS 3
#define GUESTS  48
#define WALKS   300

static struct pl_thread holders[HOLDERS];
static _Atomic uint32_t guests, opened, ended, turns;
static _Atomic bool is_over;

static void open_guest(struct pl_thread *thread, uint32_t number)
{
    struct pl_slot *slot;

    if (atomic_fetch_add(&guests, 1) >= GUESTS) {
        atomic_fetch_sub(&guests, 1);
        return;
    }
    slot = pl_engine_take_slot(&rig.engine, number);
    if (slot == NULL)
        abort();
    atomic_fetch_add(&opened, 1);
    slot->kind = &kind;
    slot->waits = PL_READABLE;
    slot->is_unwatched = number % 2 == 0;
    slot->handle.fd = slot->is_unwatched ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    slot->thread = thread;
    (void)!pl_engine_arm_timer(slot, pl_clock_ms() + LATER_MS);
    pl_settle(thread, slot, PL_WAIT);
}

static void run_guest(struct pl_thread *thread, struct pl_slot *slot, unsigned choice)
{
    atomic_fetch_add(&turns, 1);
    if (choice % 4 == 0) {
        atomic_fetch_add(&ended, 1);
        atomic_fetch_sub(&guests, 1);
    }
    pl_settle(thread, slot, choice % 4 == 0 ? PL_CLOSE : choice % 4 == 1 ? PL_AGAIN : PL_WAIT);
}

/* Something comes to whoever is in that place of the table now. */
static void post(uint32_t index, uint32_t why)
{
    struct pl_slot *slot = pl_slot_table_at(&rig.table, index);

    if (slot != NULL)
        (void)pl_engine_claim(
            &rig.engine, pl_token_of(index, pl_claim_generation(atomic_load(&slot->claim))), why);
}

static void *hold_and_let_go(void *argument)
{
    struct pl_thread *thread = argument;
    unsigned seed = thread->index + 1;

    while (!atomic_load(&is_over)) {
        struct pl_slot *slot = pl_ready_ring_take(&rig.engine.ring);
        unsigned choice = (unsigned)rand_r(&seed);

        if (slot != NULL)
            run_guest(thread, slot, choice >> 8);
        else
            open_guest(thread, choice >> 8);
        post((choice >> 4) % GUESTS, choice % 2 == 0 ? PL_READABLE : PL_COMPLETION);
    }
    return NULL;
}

/* Nothing waits where no thread of the new placement would be; what is held will look. */
static uint32_t count_strays(void)
{
    uint32_t active = atomic_load(&rig.engine.shards_active), strays = 0;

    for (uint32_t i = 0; i < atomic_load(&rig.table.used_max); i++) {
        struct pl_slot *slot = pl_slot_table_at(&rig.table, i);

        if (pl_claim_recall(&slot->claim) != PL_CLAIM_WON)
            continue;
        strays += slot->shard >= active || slot->arming != atomic_load(&rig.engine.arming) ||
                  slot->placement != atomic_load(&rig.table.placement);
        pl_settle(&rig.engine.control, slot, PL_WAIT);
    }
    return strays;
}

static void end_all_guests(void)
{
    struct pl_slot_queue all = { .first = NULL };

    pl_ready_ring_take_all(&rig.engine.ring, &all);
    for (uint32_t i = 0; i < atomic_load(&rig.table.used_max); i++) {
        struct pl_slot *slot = pl_slot_table_at(&rig.table, i);
        uint32_t reasons;

        if (!pl_claim_is_held(&slot->claim) &&
            pl_claim_try(&slot->claim, pl_claim_generation(atomic_load(&slot->claim)), PL_SHUTDOWN,
                         &reasons) != PL_CLAIM_WON)
            continue;
        slot->thread = &rig.thread;
        close_slot(slot);
        atomic_fetch_add(&ended, 1);
    }
}

static void no_slot_waits_astray_after_a_walk_and_none_is_lost(void **state)
{
    pthread_t threads[HOLDERS];
    struct pl_swap_figures figures;
    uint32_t strays = 0, held = 0;
    int64_t until_ms;

    (void)state;
    open_with_sets(3);
    atomic_store(&guests, 0);
    atomic_store(&opened, 0);
    atomic_store(&ended, 0);
    atomic_store(&is_over, false);
    until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    for (uint32_t i = 0; i < HOLDERS; i++) {
        memset(&holders[i], 0, sizeof(holders[i]));
        holders[i].index = i;
        assert_int_equal(pl_engine_enter_thread(&rig.engine, &holders[i]), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, &holders[i]), 0);
    }
    /* On a busy machine the holders may not have run by then. */
    for (uint32_t i = 0; i < WALKS || (held == 0 && client_now_ms() < until_ms); i++) {
        place_anew(1 + i % 3, i % 2 == 0 ? "edge" : "oneshot");
        figures = walk();
        held += figures.held;
        strays += count_strays();
    }
    client_await(&turns, 100);
    atomic_store(&is_over, true);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        pthread_join(threads[i], NULL);
        pl_engine_leave_thread(&holders[i]);
    }
    assert_int_equal(strays, 0);
    assert_true(held > 0);
    end_all_guests();
    assert_int_equal(atomic_load(&opened), atomic_load(&ended));
    for (uint32_t i = 0; i < 3; i++)
        assert_true(timer_due(i) == PL_TIMER_NEVER);
    engine_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_slot_goes_with_its_timer_and_what_is_pending),
        cmocka_unit_test(a_slot_whose_set_stays_is_left_where_it_is),
        cmocka_unit_test(more_sets_share_the_slots),
        cmocka_unit_test(another_arming_is_taken_up_by_those_that_have_none_of_their_own),
        cmocka_unit_test(a_slot_without_a_descriptor_goes_with_its_timer_alone),
        cmocka_unit_test(a_slot_that_its_new_set_refuses_is_closed),
        cmocka_unit_test(a_held_slot_goes_when_it_is_let_go),
        cmocka_unit_test(a_slot_that_is_recalled_while_it_is_armed_is_armed_again_at_home),
        cmocka_unit_test(a_held_slot_with_something_to_do_is_handed_on_at_home),
        cmocka_unit_test(what_comes_to_a_slot_on_its_way_is_handed_on),
        cmocka_unit_test(a_slot_taken_after_the_change_is_at_home),
        cmocka_unit_test(a_slot_goes_to_the_engine_of_its_service),
        cmocka_unit_test(no_slot_waits_astray_after_a_walk_and_none_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
