/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per core: a loop per CPU, each the whole of a small server.
 *
 *     kernel ──events──▶ loop 0: accept, receive, process, send ─▶ settled in its own handle set
 *     kernel ──events──▶ loop 1: accept, receive, process, send ─▶ settled in its own handle set
 *
 * Each loop has its handle set, its listeners (SO_REUSEPORT: the kernel deals the connections out),
 * its deadlines and its list of what is ready; on the way of a request nothing is shared. What
 * other threads bring comes through the loop's inbox. Nobody helps a loop that is busy: a handler
 * that blocks stops its connections, and only those.
 *
 * Invariant: a slot is run by the loop of its handle set alone.
 */
#include "engine.h"
#include "inbox.h"
#include "thread_set.h"

#include "alloc.h"

#include <paceline/log.h>

#include <errno.h>
#include <sched.h>

/* Between what two loops write at every event: two cache lines, since the CPU fetches pairs. */
#define APART_BYTES 128

struct loop {
    struct pl_inbox inbox;
    struct pl_slot_queue ready, cut; /* the loop's thread only */
    unsigned char apart[APART_BYTES];
};

struct per_core {
    struct pl_model base;
    struct pl_thread_set set;
    bool is_pinning;
    struct loop loops[]; /* as many as threads */
};

static void wait_for_events(struct loop *loop, struct pl_thread *thread);
static void run(struct pl_thread *thread, struct pl_slot *slot);

static void *loop_main(void *argument)
{
    struct pl_thread *thread = argument;
    struct per_core *model = (struct per_core *)(void *)thread->engine->model;
    struct loop *loop = &model->loops[thread->index];

    while (!pl_thread_set_is_stopping(&model->set)) {
        wait_for_events(loop, thread);
        /* A round, as of the ready ring: one turn for each that waits, and for one that was cut. */
        for (uint32_t left = loop->ready.count; left > 0; left--)
            run(thread, pl_slot_queue_take(&loop->ready));
        if (loop->cut.first != NULL)
            run(thread, pl_slot_queue_take(&loop->cut));
    }
    return NULL;
}

static void run(struct pl_thread *thread, struct pl_slot *slot)
{
    pl_settle(thread, slot, pl_turn_run(thread, slot, PL_STAGES_ALL));
    pl_turn_end(thread);
}

static void wait_for_events(struct loop *loop, struct pl_thread *thread)
{
    bool is_awaited;

    pl_thread_set_role(thread, PL_ROLE_LEADER);
    is_awaited =
        pl_inbox_sleep(&loop->inbox) || loop->ready.first != NULL || loop->cut.first != NULL;
    pl_engine_poll(thread->engine, thread, PL_EVENTS_MAX, is_awaited ? 0 : -1, &loop->ready);
    pl_inbox_take(&loop->inbox, &loop->ready);
}

static void ready(struct pl_model *base, struct pl_thread *thread, struct pl_slot *slot)
{
    struct per_core *model = (struct per_core *)(void *)base;
    struct loop *loop = &model->loops[slot->shard];

    if (thread != NULL && thread->shard == slot->shard)
        pl_slot_queue_append(slot->is_cut ? &loop->cut : &loop->ready, slot);
    else
        pl_inbox_post(&loop->inbox, slot);
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
        if (pthread_setaffinity_np(thread->id, sizeof(one), &one) != 0)
            PL_LOG(PL_LOG_WARNING, "thread %s cannot be pinned to CPU %zu", thread->name, cpu);
        return;
    }
}

static void close_model(struct pl_model *base)
{
    struct per_core *model = (struct per_core *)(void *)base;

    for (uint32_t i = 0; i < model->set.count; i++)
        pl_inbox_deinit(&model->loops[i].inbox);
    pl_thread_set_deinit(&model->set);
    pl_free(model);
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    struct per_core *model = pl_alloc(sizeof(*model) + settings->threads * sizeof(struct loop));
    int err;

    if (model == NULL)
        return -ENOMEM;
    model->base.ops = &pl_per_core_ops;
    model->base.engine = engine;
    model->is_pinning = settings->is_pinning;
    err = pl_thread_set_init(&model->set, engine, "loop", settings->threads, 1);
    if (err < 0) {
        pl_free(model);
        return err;
    }
    for (uint32_t i = 0; i < settings->threads; i++) {
        pl_inbox_init(&model->loops[i].inbox, engine->shards[i].waker_fd);
        model->set.threads[i].shard = i;
        model->set.threads[i].is_loop = true;
    }
    *ret_model = &model->base;
    return 0;
}

static int start(struct pl_model *base)
{
    struct per_core *model = (struct per_core *)(void *)base;
    int err = pl_thread_set_start(&model->set, loop_main);

    for (uint32_t i = 0; i < model->set.started && model->is_pinning; i++)
        pin(&model->set.threads[i]);
    return err;
}

static void stop(struct pl_model *base)
{
    pl_thread_set_stop(&((struct per_core *)(void *)base)->set);
}

static uint32_t join_threads(struct pl_model *base, int64_t deadline_ms)
{
    return pl_thread_set_join(&((struct per_core *)(void *)base)->set, deadline_ms);
}

const struct pl_model_ops pl_per_core_ops = { .name = "per_core",
                                              .spellings = "per_core|per-core|loops|loop_per_core",
                                              .threads_min = 1,
                                              .has_pool = false,
                                              .has_loops = true,
                                              .open = open_model,
                                              .start = start,
                                              .ready = ready,
                                              .away = away,
                                              .stop = stop,
                                              .join = join_threads,
                                              .close = close_model };
