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
    pl_engine_append_all(thread, &model->base.engine->ring, &model->to_queue, thread->now_ns);
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
static void take_stalled(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_ready_ring *ring = &model->base.engine->shards[0]->ring;

    if (!may_unstall(model))
        return;
    model->round_left += model->stalled.count;
    atomic_store(&model->is_stalled, false);
    pl_engine_append_all(thread, ring, &model->stalled, PL_READY_UNTIMED);
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

/* The rest of the round, then the kernel; a slot that a swap has taken away is no end of it. */
struct pl_slot *pl_io_next(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_slot *slot = NULL;

    while (slot == NULL && model->round_left > 0) {
        model->round_left--;
        slot = pl_ready_ring_take(&model->base.engine->shards[0]->ring);
    }
    if (slot != NULL)
        return slot;
    publish(model, thread);
    give_way(model);
    slot = pl_engine_wait(thread, may_unstall(model), &model->round_left);
    take_stalled(model, thread);
    return slot;
}

void pl_io_leave(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_slot *slot;

    publish(model, thread);
    while ((slot = pl_slot_queue_take(&model->stalled)) != NULL)
        pl_engine_hand_over(thread, slot);
}

enum pl_next pl_io_run(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot,
                       uint32_t stages)
{
    enum pl_next next;

    thread->is_inline =
        model->worker_stages != 0 && model->settings.is_inlining && slot->kind == &pl_conn_kind &&
        !slot->was_queued && model->round_left == 0 && model->to_queue.first == NULL &&
        model->stalled.first == NULL && pl_ready_ring_waiting(&model->base.engine->ring) == 0;
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

/* What the ring holds may be there for threads of another model, before or after this one. */
static bool is_for_worker(const struct pl_io_model *model, const struct pl_slot *slot)
{
    return pl_next_is_stage((enum pl_next)slot->next) &&
           (model->worker_stages & (1u << slot->next)) != 0;
}

struct pl_slot *pl_worker_next(struct pl_io_model *model, struct pl_thread *thread)
{
    struct pl_ready_ring *ring = &model->base.engine->ring;
    struct pl_slot *slot;

    let_io_look(ring);
    slot = pl_ready_ring_take(ring);
    if (slot == NULL) {
        pl_thread_set_park(&model->workers, thread, has_work, model);
        pl_thread_tick(thread);
        return NULL;
    }
    if (has_work(model))
        (void)pl_thread_set_wake_one(&model->workers, thread);
    if (atomic_load(&model->is_stalled) &&
        pl_ready_ring_count(ring) <= model->settings.queue_max / 2)
        pl_shard_wake(model->base.engine->shards[0]);
    if (is_for_worker(model, slot))
        return slot;
    pl_engine_hand_over(thread, slot);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The I/O thread sorts its own out in its loop. Of the others', work for workers goes to the ready
 * ring; all else is the I/O thread's. */
void pl_io_model_ready(struct pl_model *base, struct pl_thread *thread, struct pl_slot *slot)
{
    struct pl_io_model *model = pl_io_model_of(base);
    struct pl_shard *shard = base->engine->shards[0];

    if (thread == model->io.threads) {
        pl_ready_ring_append(&shard->ring, slot, PL_READY_UNTIMED);
        return;
    }
    if (!is_for_worker(model, slot)) {
        pl_shard_post(shard, slot);
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
                     uint32_t worker_stages, void *(*io_main)(void *), void *(*worker_main)(void *),
                     struct pl_model **ret_model)
{
    struct pl_io_model *model = pl_alloc(sizeof(*model));
    int err;

    if (model == NULL)
        return -ENOMEM;
    model->base = (struct pl_model){ .ops = ops, .engine = engine };
    model->settings = *settings;
    model->io_stages = io_stages;
    model->worker_stages = worker_stages;
    err = pl_thread_set_init(&model->io, &model->base, "io", 1, io_main);
    if (err < 0)
        goto free_model;
    err =
        pl_thread_set_init(&model->workers, &model->base, "worker", settings->threads, worker_main);
    if (err < 0)
        goto deinit_io;
    *ret_model = &model->base;
    return 0;

deinit_io:
    pl_thread_set_deinit(&model->io);
free_model:
    pl_free(model);
    return err;
}

void pl_io_model_close(struct pl_model *base)
{
    struct pl_io_model *model = pl_io_model_of(base);

    pl_thread_set_deinit(&model->workers);
    pl_thread_set_deinit(&model->io);
    pl_free(model);
}
