/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader/followers (POSA2): one thread waits, the others stand by.
 *
 *     follower ──promoted──▶ leader ──event──▶ processing ──settled──▶ follower
 *         ▲                                        │
 *         └────────── nothing to do ◀──────────────┘
 *
 * Nothing crosses threads: who took the event runs the whole turn. A slot whose budget was cut
 * stands in the ready ring, which any thread takes from before it thinks of leading; the kernel is
 * asked once a round all the same, or the ring could starve the rest.
 *
 * Invariant: at most one leader; it has given up leadership, and a follower is promoted, before it
 * runs what it found (promotion: always).
 */
#include "engine.h"
#include "thread_set.h"

#include "alloc.h"
#include "assert.h"
#include "waker.h"

#include <errno.h>

struct leader_followers {
    struct pl_model base;
    struct pl_thread_set set;

    _Atomic bool has_leader;
    _Atomic uint32_t leaders;      /* for the invariant */
    _Atomic bool is_leader_asleep; /* in the kernel; whoever exchanges it to false must wake it */
    _Atomic int32_t pops_left;     /* of the ready ring until the kernel is asked again */
};

static struct pl_slot *take_ready(struct leader_followers *lf, struct pl_thread *thread);
static bool join(struct leader_followers *lf, struct pl_thread *thread);
static struct pl_slot *wait_for_one(struct leader_followers *lf, struct pl_thread *thread);
static void promote_new_leader(struct leader_followers *lf, struct pl_thread *thread);

static void *thread_main(void *argument)
{
    struct pl_thread *thread = argument;
    struct leader_followers *lf = (struct leader_followers *)(void *)thread->engine->model;

    while (!pl_thread_set_is_stopping(&lf->set)) {
        struct pl_slot *slot = take_ready(lf, thread);

        if (slot == NULL && join(lf, thread)) {
            slot = wait_for_one(lf, thread);
            promote_new_leader(lf, thread);
        }
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
    PL_ASSERT(atomic_fetch_sub(&lf->leaders, 1) == 1);
    atomic_store(&lf->has_leader, false);
}

/* Someone should come: there is more in the ring, or nobody leads. */
static bool is_someone_needed(void *context)
{
    struct leader_followers *lf = context;

    return !atomic_load(&lf->has_leader) || pl_ready_ring_count(&lf->base.engine->ring) > 0;
}

/* Once a round of the ring, and at least every few pops, the kernel is asked without waiting, and
 * what it has joins the ring's tail. */
static void look_at_kernel(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_ready_ring *ring = &lf->base.engine->ring;
    struct pl_slot_queue won = { .first = NULL };
    uint32_t round;

    if (atomic_fetch_sub(&lf->pops_left, 1) > 1 || !become_leader(lf))
        return;
    pl_engine_poll(lf->base.engine, thread, PL_EVENTS_MAX, 0, &won);
    leave_leadership(lf);
    pl_ready_ring_append_all(ring, &won);
    round = pl_ready_ring_count(ring);
    atomic_store(&lf->pops_left, (int32_t)(round < PL_READY_POPS_MAX ? round : PL_READY_POPS_MAX));
}

static struct pl_slot *take_ready(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_slot *slot = pl_ready_ring_take(&lf->base.engine->ring);

    if (slot == NULL)
        return NULL;
    look_at_kernel(lf, thread);
    if (is_someone_needed(lf))
        (void)pl_thread_set_wake_one(&lf->set, thread);
    return slot;
}

/* True: this thread leads now. False: it has slept as a follower and should look around. */
static bool join(struct leader_followers *lf, struct pl_thread *thread)
{
    if (become_leader(lf))
        return true;
    pl_thread_set_park(&lf->set, thread, is_someone_needed, lf);
    return false;
}

static struct pl_slot *wait_for_one(struct leader_followers *lf, struct pl_thread *thread)
{
    struct pl_engine *engine = lf->base.engine;
    struct pl_slot_queue won = { .first = NULL };
    struct pl_slot *slot;
    bool is_awaited;

    pl_thread_set_role(thread, PL_ROLE_LEADER);
    /* Asleep is said before the last look: an appender sees it, or the look sees the slot. */
    atomic_store(&lf->is_leader_asleep, true);
    is_awaited = pl_ready_ring_count(&engine->ring) > 0;
    pl_engine_poll(engine, thread, 1, is_awaited ? 0 : -1, &won);
    atomic_store(&lf->is_leader_asleep, false);
    slot = pl_slot_queue_take(&won);
    pl_ready_ring_append_all(&engine->ring, &won); /* a timer can end several waits at once */
    return slot;
}

static void promote_new_leader(struct leader_followers *lf, struct pl_thread *thread)
{
    leave_leadership(lf);
    PL_COUNT(thread->stats, promotions);
    (void)pl_thread_set_wake_one(&lf->set, thread);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void ready(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot)
{
    struct leader_followers *lf = (struct leader_followers *)(void *)model;

    pl_ready_ring_append(&model->engine->ring, slot);
    /* A thread of the set comes back for it at once, unless a job is in front of it. */
    if (thread != NULL && thread != &model->engine->control && thread->job == NULL)
        return;
    if (!pl_thread_set_wake_one(&lf->set, NULL) && atomic_exchange(&lf->is_leader_asleep, false))
        pl_waker_wake(model->engine->waker_fd);
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    struct leader_followers *lf = pl_alloc(sizeof(*lf));
    int err;

    if (lf == NULL)
        return -ENOMEM;
    lf->base.ops = &pl_leader_followers_ops;
    lf->base.engine = engine;
    err = pl_thread_set_init(&lf->set, engine, "lf", settings->threads, 1);
    if (err < 0) {
        pl_free(lf);
        return err;
    }
    *ret_model = &lf->base;
    return 0;
}

static int start(struct pl_model *model)
{
    return pl_thread_set_start(&((struct leader_followers *)(void *)model)->set, thread_main);
}

static void stop(struct pl_model *model)
{
    pl_thread_set_stop(&((struct leader_followers *)(void *)model)->set);
}

static uint32_t join_threads(struct pl_model *model, int64_t deadline_ms)
{
    return pl_thread_set_join(&((struct leader_followers *)(void *)model)->set, deadline_ms);
}

static void close_model(struct pl_model *model)
{
    pl_thread_set_deinit(&((struct leader_followers *)(void *)model)->set);
    pl_free(model);
}

const struct pl_model_ops pl_leader_followers_ops = {
    .name = "leader_followers",
    .spellings =
        "leader_followers|leader_follower|leader/followers|leader/follower|leader-followers",
    .threads_min = 1,
    .has_pool = true,
    .open = open_model,
    .start = start,
    .ready = ready,
    .stop = stop,
    .join = join_threads,
    .close = close_model
};
