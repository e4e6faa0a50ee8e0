/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader/followers (POSA2): one thread waits, the others stand by.
 *
 *     follower ──promoted──▶ leader ──events──▶ processing ──settled──▶ follower
 *         ▲                    ▲                    │  │
 *         │                    └── nobody leads ◀───┘  │
 *         └─────────────── nothing to do ◀─────────────┘
 *
 * Nothing crosses threads: who takes a slot runs its whole turn. What the leader finds beyond the
 * first stands in the ready ring, and so does a slot whose budget was cut; any thread takes from
 * there before it thinks of leading.
 *
 * A promotion costs a wake. `adaptive` promotes when somebody is needed: more stands in the ring,
 * or the handler that is about to run is known to be slow, may block, or is not known yet. A quick
 * one's thread comes back and leads again. What no average foresees, the deputy finds.
 *
 * Invariant: at most one leader, and it has given up leadership before it runs what it found (but
 * for brief turns, see slot.h). With `kernel` there is none: the kernel's queue appoints a thread
 * per event.
 */
#include "deputy.h"
#include "engine.h"
#include "thread_set.h"

#include "alloc.h"
#include "assert.h"
#include "waker.h"

#include <errno.h>

struct leader_followers {
    struct pl_model base;
    struct pl_thread_set set;
    struct pl_deputy deputy;
    enum pl_promotion promotion;

    _Atomic bool has_leader;
    _Atomic uint32_t leaders;     /* for the invariant */
    _Atomic uint32_t leaderships; /* goes round; the deputy sees whether anything moves */
    _Atomic int32_t pops_left;    /* of the ready ring until the kernel is asked again */
};

static struct pl_slot *take_ready(struct leader_followers *lf, struct pl_thread *thread);
static struct pl_slot *lead(struct leader_followers *lf, struct pl_thread *thread);
static struct pl_slot *wait_in_kernel(struct leader_followers *lf, struct pl_thread *thread);
static bool become_leader(struct leader_followers *lf);
static void follow(struct leader_followers *lf, struct pl_thread *thread);

static void *thread_main(void *argument)
{
    struct pl_thread *thread = argument;
    struct leader_followers *lf = (struct leader_followers *)(void *)thread->model;

    while (!pl_thread_set_is_stopping(&lf->set)) {
        struct pl_slot *slot = take_ready(lf, thread);

        if (slot == NULL && lf->promotion == PL_PROMOTION_KERNEL)
            slot = wait_in_kernel(lf, thread);
        else if (slot == NULL && become_leader(lf))
            slot = lead(lf, thread);
        else if (slot == NULL)
            follow(lf, thread);
        if (slot != NULL) {
            pl_settle(thread, slot, pl_turn_run(thread, slot, PL_STAGES_ALL));
            pl_turn_end(thread);
        }
    }
    return NULL;
}

static bool become_leader(struct leader_followers *lf)
{
    bool is_vacant = false;

    if (!atomic_compare_exchange_strong(&lf->has_leader, &is_vacant, true))
        return false;
    PL_ASSERT(atomic_fetch_add(&lf->leaders, 1) == 0);
    return true;
}

static void leave_leadership(struct leader_followers *lf)
{
    atomic_store_explicit(&lf->leaderships, lf->leaderships + 1, memory_order_relaxed);
    PL_ASSERT(atomic_fetch_sub(&lf->leaders, 1) == 1);
    atomic_store(&lf->has_leader, false);
}

/* Someone should come: there is more in the ring, or nobody leads. */
static bool is_someone_needed(void *context)
{
    struct leader_followers *lf = context;

    return pl_ready_ring_count(&lf->base.engine->ring) > 0 ||
           (lf->promotion != PL_PROMOTION_KERNEL && !atomic_load(&lf->has_leader));
}

static void wake_someone(struct leader_followers *lf, struct pl_thread *by)
{
    struct pl_shard *shard = lf->base.engine->shards[0];

    if (lf->promotion == PL_PROMOTION_KERNEL)
        pl_waker_wake(shard->waker_fd);
    else if (!pl_thread_set_wake_one(&lf->set, by))
        pl_shard_wake(shard); /* the leader */
}

/* Once a round of the ring, and before what was cut goes on, the kernel is asked without waiting,
 * and what it has joins the ring: slots that come again and again must not keep the others out. */
static void look_at_kernel(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_ready_ring *ring = &lf->base.engine->ring;
    struct pl_slot_queue won = { .first = NULL };
    uint32_t round;

    /* Not counted below 0, however long somebody else leads. */
    if (pl_ready_ring_waiting(ring) > 0 &&
        atomic_load_explicit(&lf->pops_left, memory_order_relaxed) > 0 &&
        atomic_fetch_sub(&lf->pops_left, 1) > 1)
        return;
    if (!become_leader(lf))
        return;
    pl_engine_poll(thread, PL_EVENTS_MAX, 0, &won);
    leave_leadership(lf);
    pl_engine_append_all(thread, ring, &won, thread->now_ns);
    round = pl_ready_ring_count(ring);
    atomic_store(&lf->pops_left, (int32_t)(round < PL_READY_POPS_MAX ? round : PL_READY_POPS_MAX));
}

static struct pl_slot *take_ready(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_ready_ring *ring = &lf->base.engine->ring;
    struct pl_slot *slot;

    if (pl_ready_ring_count(ring) == 0)
        return NULL;
    look_at_kernel(lf, thread);
    slot = pl_ready_ring_take(ring);
    if (slot == NULL)
        return NULL;
    if (pl_ready_ring_count(ring) > 0)
        wake_someone(lf, thread); /* the leader too: it may be the only one who is free */
    else if (lf->promotion == PL_PROMOTION_ALWAYS && is_someone_needed(lf))
        (void)pl_thread_set_wake_one(&lf->set, thread);
    else
        pl_deputy_stir(&lf->deputy); /* the look at the kernel has left nobody to lead */
    return slot;
}

/* Whom the leader makes room for. */
static void promote_new_leader(struct leader_followers *lf, struct pl_thread *thread)
{
    uint32_t left = pl_ready_ring_count(&lf->base.engine->ring);

    /* Its turn will say so too, but then the new leader may have come first. */
    if (thread->timeline != NULL)
        pl_thread_set_role(thread, PL_ROLE_PROCESSING);
    leave_leadership(lf);
    if (lf->promotion == PL_PROMOTION_ALWAYS || left > 0) {
        PL_COUNT(thread->stats, promotions);
        (void)pl_thread_set_wake_one(&lf->set, thread);
    }
    /* Also when somebody was woken: that one takes from the ring, and then nobody may lead. */
    pl_deputy_stir(&lf->deputy);
}

static struct pl_slot *lead(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_engine *engine = lf->base.engine;
    size_t events_max = lf->promotion == PL_PROMOTION_ALWAYS ? 1 : PL_EVENTS_MAX;
    struct pl_slot_queue won = { .first = NULL };
    struct pl_slot *slot;

    pl_thread_set_role(thread, PL_ROLE_LEADER);
    pl_engine_sleep(thread, &engine->ring, events_max, false, &won);
    slot = pl_slot_queue_take(&won);
    if (won.first != NULL) {
        /* Their own round needs no look: whoever finds the ring empty leads. */
        atomic_store(&lf->pops_left, (int32_t)won.count + 1);
        pl_engine_append_all(thread, &engine->ring, &won, thread->now_ns);
    }
    promote_new_leader(lf, thread);
    return slot;
}

/* Not among the idle of the set: the kernel keeps the sleepers, last to sleep first to wake. */
static struct pl_slot *wait_in_kernel(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_engine *engine = lf->base.engine;
    struct pl_slot_queue won = { .first = NULL };
    struct pl_slot *slot;

    pl_thread_set_role(thread, PL_ROLE_LEADER);
    pl_engine_poll(thread, 1, pl_ready_ring_count(&engine->ring) > 0 ? 0 : -1, &won);
    slot = pl_slot_queue_take(&won);
    /* Timers that passed together. */
    pl_engine_append_all(thread, &engine->ring, &won, thread->now_ns);
    if (pl_ready_ring_count(&engine->ring) > 0) {
        wake_someone(lf, thread);
        pl_deputy_stir(&lf->deputy); /* the one who wakes wakes no other */
    }
    return slot;
}

static void follow(struct leader_followers *lf, struct pl_thread *thread)
{
    pl_thread_set_park(&lf->set, thread, is_someone_needed, lf);
    pl_thread_tick(thread);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void ready(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot)
{
    struct leader_followers *lf = (struct leader_followers *)(void *)model;

    pl_ready_ring_append(&model->engine->ring, slot,
                         thread != NULL ? thread->now_ns : pl_clock_ns());
    /* A thread of the set comes back for it, unless something slow is in front of it. */
    if (thread == NULL || thread->job != NULL || pl_thread_is_busy(thread))
        wake_someone(lf, NULL);
    pl_deputy_stir(&lf->deputy);
}

static void away(struct pl_model *model, struct pl_thread *thread)
{
    struct leader_followers *lf = (struct leader_followers *)(void *)model;

    if (!is_someone_needed(lf))
        return;
    if (lf->promotion != PL_PROMOTION_KERNEL && !atomic_load(&lf->has_leader))
        PL_COUNT(thread->stats, promotions);
    wake_someone(lf, thread);
}

/* The deputy's look: true when nothing has moved since the last one. Then, if somebody is needed,
 * whoever should have come is stuck in a handler that nothing announced. */
static bool look(void *context)
{
    struct leader_followers *lf = context;
    uint32_t moved = atomic_load_explicit(&lf->leaderships, memory_order_relaxed) +
                     atomic_load_explicit(&lf->base.engine->ring.takes, memory_order_relaxed);
    bool is_quiet = moved == lf->deputy.seen;

    lf->deputy.seen = moved;
    if (is_quiet && is_someone_needed(lf))
        wake_someone(lf, NULL);
    return is_quiet;
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    struct leader_followers *lf = pl_alloc(sizeof(*lf));
    int err;

    if (lf == NULL)
        return -ENOMEM;
    lf->base = (struct pl_model){ .ops = &pl_leader_followers_ops, .engine = engine };
    lf->promotion = settings->promotion;
    err = pl_thread_set_init(&lf->set, &lf->base, "lf", settings->threads, thread_main);
    if (err < 0)
        goto free_model;
    /* One thread alone has nobody to stand in for it. */
    if (settings->threads > 1)
        err = pl_deputy_init(&lf->deputy, &lf->base, look, lf);
    if (err < 0)
        goto deinit_set;
    *ret_model = &lf->base;
    return 0;

deinit_set:
    pl_thread_set_deinit(&lf->set);
free_model:
    pl_free(lf);
    return err;
}

static void close_model(struct pl_model *model)
{
    struct leader_followers *lf = (struct leader_followers *)(void *)model;

    pl_deputy_deinit(&lf->deputy);
    pl_thread_set_deinit(&lf->set);
    pl_free(lf);
}

const struct pl_model_ops pl_leader_followers_ops = {
    .name = "leader_followers",
    .spellings =
        "leader_followers|leader_follower|leader/followers|leader/follower|leader-followers",
    .threads_min = 1,
    .has_pool = true,
    .open = open_model,
    .ready = ready,
    .away = away,
    .close = close_model
};
