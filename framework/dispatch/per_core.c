/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per core: a loop per CPU, each the whole of a small server.
 *
 *     kernel ──events──▶ loop 0: accept, receive, process, send ─▶ settled in its own handle set
 *     kernel ──events──▶ loop 1: accept, receive, process, send ─▶ settled in its own handle set
 *
 * Each loop has a shard of the engine: handle set, listeners (SO_REUSEPORT: the kernel deals the
 * connections out), deadlines, and a ring of what is ready; on the way of a request nothing is
 * shared. What other threads bring comes through that ring. Nobody helps a loop that is busy: a
 * handler that blocks stops its connections, and only those.
 *
 * Invariant: a slot is run by the loop of its handle set alone.
 */
#include "engine.h"
#include "thread_set.h"

#include "alloc.h"

#include <paceline/log.h>

#include <errno.h>
#include <sched.h>

struct per_core {
    struct pl_model base;
    struct pl_thread_set set;
    bool is_pinning;
};

static void pin(const struct pl_thread *thread);
static void run(struct pl_thread *thread, struct pl_slot *slot);

static void *loop_main(void *argument)
{
    struct pl_thread *thread = argument;
    struct per_core *model = (struct per_core *)(void *)thread->model;
    struct pl_ready_ring *ring = &thread->engine->shards[thread->index]->ring;

    if (model->is_pinning)
        pin(thread);
    while (!pl_thread_set_is_stopping(&model->set)) {
        uint32_t left;

        run(thread, pl_engine_wait(thread, false, &left));
        /* A round: one turn for each that is ready, and for one that was cut. */
        while (left-- > 0)
            run(thread, pl_ready_ring_take(ring));
    }
    return NULL;
}

/* NULL: it was taken away by a swap, or there was none. */
static void run(struct pl_thread *thread, struct pl_slot *slot)
{
    if (slot == NULL)
        return;
    pl_settle(thread, slot, pl_turn_run(thread, slot, PL_STAGES_ALL));
    pl_turn_end(thread);
}

static void ready(struct pl_model *base, struct pl_thread *thread, struct pl_slot *slot)
{
    struct pl_shard *shard = base->engine->shards[slot->shard];

    if (thread != NULL && thread->shard == slot->shard)
        pl_ready_ring_append(&shard->ring, slot, PL_READY_UNTIMED);
    else
        pl_shard_post(shard, slot);
}

/* Nobody can stand in. */
static void away(struct pl_model *model, struct pl_thread *thread)
{
    (void)model;
    (void)thread;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The n-th CPU that this process may use, counted round. */
static void pin(const struct pl_thread *thread)
{
    cpu_set_t usable, one;
    uint32_t left;

    if (sched_getaffinity(0, sizeof(usable), &usable) < 0)
        return;
    left = thread->index % (uint32_t)CPU_COUNT(&usable);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &usable) || left-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one) != 0)
            PL_LOG(PL_LOG_WARNING, "thread %s cannot be pinned to CPU %zu", thread->name, cpu);
        return;
    }
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    struct per_core *model = pl_alloc(sizeof(*model));
    int err;

    if (model == NULL)
        return -ENOMEM;
    model->base = (struct pl_model){ .ops = &pl_per_core_ops, .engine = engine };
    model->is_pinning = settings->is_pinning;
    err = pl_thread_set_init(&model->set, &model->base, "loop", settings->threads, loop_main);
    if (err < 0) {
        pl_free(model);
        return err;
    }
    for (uint32_t i = 0; i < settings->threads; i++) {
        model->set.threads[i].shard = i;
        model->set.threads[i].is_loop = true;
    }
    *ret_model = &model->base;
    return 0;
}

static void close_model(struct pl_model *base)
{
    struct per_core *model = (struct per_core *)(void *)base;

    pl_thread_set_deinit(&model->set);
    pl_free(model);
}

const struct pl_model_ops pl_per_core_ops = { .name = "per_core",
                                              .spellings = "per_core|per-core|loops|loop_per_core",
                                              .threads_min = 1,
                                              .has_pool = false,
                                              .has_loops = true,
                                              .open = open_model,
                                              .ready = ready,
                                              .away = away,
                                              .close = close_model };
