/* SPDX-License-Identifier: Apache-2.0 */
#include "io_thread.h"

#include "alloc.h"
#include "assert.h"
#include "conn.h"

#include <errno.h>
#include <sched.h>

/* ---- the I/O thread ------------------------------------------------------------------------ */

static void publish(struct pl_io_model *model, struct pl_thread *thread)
{
    if (model->to_queue.first == NULL)
        return;
    pl_ready_ring_append_all(&model->base.engine->ring, &model->to_queue, thread->now_ns);
    (void)pl_thread_set_wake_one(&model->workers, thread);
}

static uint32_t queue_depth(struct pl_io_model *model)
{
    return pl_ready_ring_count(&model->base.engine->ring) + model->to_queue.count;
}

static bool may_unstall(struct pl_io_model *model)
{
    return model->stalled.first != NULL && queue_depth(model) <= model->settings.queue_max / 2;
}

/* Below half of its bound the queue takes again what stalled. */
static void take_stalled(struct pl_io_model *model)
{
    if (!may_unstall(model))
        return;
    pl_slot_queue_move_all(&model->events, &model->stalled);
    atomic_store(&model->is_stalled, false);
}

/* When more workers than this are awake, most of them block: none of them is in the way. */
#define GIVE_WAY_WORKERS_MAX 4

/* Where a worker shares its CPU with this thread, each event would otherwise interrupt the worker
 * that is to run the last one; so it comes to its work first, and the events gather. Alone on its
 * CPU this thread goes on at once. */
static void give_way(struct pl_io_model *model)
{
    uint32_t idle = atomic_load_explicit(&model->workers.idle_count, memory_order_relaxed);

    if (pl_ready_ring_waiting(&model->base.engine->ring) > 0 &&
        model->workers.count - idle <= GIVE_WAY_WORKERS_MAX)
        (void)sched_yield();
}

/* The end of the round; see ready_ring.h. */
static void take_one_cut(struct pl_io_model *model)
{
    if (model->cut.first != NULL)
        pl_slot_queue_append(&model->events, pl_slot_queue_take(&model->cut));
}

struct pl_slot *pl_io_next(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_slot *slot = pl_slot_queue_take(&model->events);
    bool is_awaited;

    if (slot != NULL)
        return slot;
    publish(model, thread);
    give_way(model);
    pl_thread_set_role(thread, PL_ROLE_LEADER);
    is_awaited = pl_inbox_sleep(&model->inbox) || may_unstall(model) ||
                 model->later.first != NULL || model->cut.first != NULL;
    pl_engine_poll(model->base.engine, thread, PL_EVENTS_MAX, is_awaited ? 0 : -1, &model->events);
    pl_slot_queue_move_all(&model->events, &model->later);
    pl_inbox_take(&model->inbox, &model->events);
    take_stalled(model);
    take_one_cut(model);
    return pl_slot_queue_take(&model->events);
}

enum pl_next pl_io_run(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot,
                       uint32_t stages)
{
    enum pl_next next;

    thread->is_inline = model->worker_stages != 0 && model->settings.is_inlining &&
                        slot->kind == &pl_conn_kind && !slot->was_queued &&
                        model->events.first == NULL && model->to_queue.first == NULL &&
                        pl_ready_ring_waiting(&model->base.engine->ring) == 0;
    if (thread->is_inline)
        stages |= model->worker_stages;
    next = pl_turn_run(thread, slot, stages);
    thread->is_inline = false;
    return next;
}

/* It only throws away what it reads. */
static bool is_lingering(struct pl_slot *slot)
{
    return slot->kind == &pl_conn_kind && pl_conn_of(slot)->is_lingering;
}

bool pl_io_may_receive(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot,
                       uint32_t *stages)
{
    bool brings_work =
        slot->kind->brings_work && (slot->next == PL_RUN_RECEIVE || slot->next == PL_RUN_ACCEPT);

    if (!brings_work || model->worker_stages == 0 || is_lingering(slot) ||
        queue_depth(model) < model->settings.queue_max)
        return true;
    PL_COUNT(thread->stats, queue_full);
    if (model->settings.queue_full == PL_QUEUE_FULL_REFUSE && slot->kind == &pl_conn_kind) {
        *stages |= PL_STAGE_RECEIVE | PL_STAGE_FRAME | PL_STAGE_REFUSE | PL_STAGE_SEND;
        return true;
    }
    pl_slot_queue_append(&model->stalled, slot);
    atomic_store(&model->is_stalled, true);
    return false;
}

void pl_io_queue(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot)
{
    PL_COUNT(thread->stats, queued);
    /* A unit of the input is small enough to end within the budget; the next one at once is as good
     * as a turn that was cut. */
    slot->is_cut |= slot->was_queued;
    slot->was_queued = true;
    pl_slot_queue_append(&model->to_queue, slot);
}

/* ---- workers ------------------------------------------------------------------------------- */

static bool has_work(void *context)
{
    struct pl_io_model *model = context;

    return pl_ready_ring_count(&model->base.engine->ring) > 0;
}

/* Only what was cut is left: the I/O thread, if it shares this CPU, first looks who waits. */
static void let_io_look(struct pl_ready_ring *ring)
{
    if (pl_ready_ring_waiting(ring) == 0 && pl_ready_ring_count(ring) > 0)
        (void)sched_yield();
}

struct pl_slot *pl_worker_next(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_slot *slot;

    let_io_look(&model->base.engine->ring);
    slot = pl_ready_ring_take(&model->base.engine->ring);
    if (slot == NULL) {
        pl_thread_set_park(&model->workers, thread, has_work, model);
        pl_thread_tick(thread);
        return NULL;
    }
    if (has_work(model))
        (void)pl_thread_set_wake_one(&model->workers, thread);
    if (atomic_load(&model->is_stalled) &&
        pl_ready_ring_count(&model->base.engine->ring) <= model->settings.queue_max / 2)
        pl_inbox_wake(&model->inbox);
    return slot;
}

void pl_io_hand_back(struct pl_io_model *model, struct pl_slot *slot)
{
    pl_inbox_post(&model->inbox, slot);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The I/O thread sorts its own out in its loop. Of the others', work for workers goes to the ready
 * ring; all else is the I/O thread's. */
void pl_io_model_ready(struct pl_model *base, struct pl_thread *thread, struct pl_slot *slot)
{
    struct pl_io_model *model = pl_io_model_of(base);

    if (thread == model->io.threads) {
        pl_slot_queue_append(slot->is_cut ? &model->cut : &model->later, slot);
        return;
    }
    if (!pl_next_is_stage((enum pl_next)slot->next) ||
        (model->worker_stages & (1u << slot->next)) == 0) {
        pl_io_hand_back(model, slot);
        return;
    }
    pl_ready_ring_append(&base->engine->ring, slot,
                         thread != NULL ? thread->now_ns : pl_clock_ns());
    /* A worker comes back for it, unless something slow is in front of it. */
    if (thread == NULL || thread->set != &model->workers || thread->job != NULL ||
        pl_thread_is_busy(thread))
        (void)pl_thread_set_wake_one(&model->workers, thread);
}

/* What its handler brought to the queue before it blocked woke nobody, since this thread was to
 * come back for it. The I/O thread, in a handler in passing that blocks after all, has nothing
 * collected; that nobody waits for events meanwhile is the price of `inline`. */
void pl_io_model_away(struct pl_model *base, struct pl_thread *thread)
{
    struct pl_io_model *model = pl_io_model_of(base);

    if (has_work(model))
        (void)pl_thread_set_wake_one(&model->workers, thread);
}

int pl_io_model_open(const struct pl_model_ops *ops, struct pl_engine *engine,
                     const struct pl_model_settings *settings, uint32_t io_stages,
                     uint32_t worker_stages, struct pl_model **ret_model)
{
    struct pl_io_model *model = pl_alloc(sizeof(*model));
    int err;

    if (model == NULL)
        return -ENOMEM;
    model->base.ops = ops;
    model->base.engine = engine;
    model->settings = *settings;
    model->io_stages = io_stages;
    model->worker_stages = worker_stages;
    pl_inbox_init(&model->inbox, engine->shards[0].waker_fd);
    err = pl_thread_set_init(&model->io, engine, "io", 1, 1);
    if (err < 0)
        goto free_model;
    err = pl_thread_set_init(&model->workers, engine, "worker", settings->threads, 2);
    if (err < 0)
        goto deinit_io;
    *ret_model = &model->base;
    return 0;

deinit_io:
    pl_thread_set_deinit(&model->io);
free_model:
    pl_inbox_deinit(&model->inbox);
    pl_free(model);
    return err;
}

int pl_io_model_start(struct pl_model *base, void *(*io_main)(void *), void *(*worker_main)(void *))
{
    struct pl_io_model *model = pl_io_model_of(base);
    int err = pl_thread_set_start(&model->workers, worker_main);

    if (err < 0)
        return err;
    err = pl_thread_set_start(&model->io, io_main);
    if (err < 0) {
        pl_thread_set_stop(&model->workers);
        (void)pl_thread_set_join(&model->workers, INT64_MAX);
    }
    return err;
}

void pl_io_model_stop(struct pl_model *base)
{
    struct pl_io_model *model = pl_io_model_of(base);

    pl_thread_set_stop(&model->workers);
    pl_thread_set_stop(&model->io);
}

uint32_t pl_io_model_join(struct pl_model *base, int64_t deadline_ms)
{
    struct pl_io_model *model = pl_io_model_of(base);

    return pl_thread_set_join(&model->io, deadline_ms) +
           pl_thread_set_join(&model->workers, deadline_ms);
}

void pl_io_model_close(struct pl_model *base)
{
    struct pl_io_model *model = pl_io_model_of(base);

    pl_thread_set_deinit(&model->workers);
    pl_thread_set_deinit(&model->io);
    pl_inbox_deinit(&model->inbox);
    pl_free(model);
}
