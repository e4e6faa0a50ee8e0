/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half-sync/half-async (POSA2): an asynchronous layer receives whole units, a queue stands between,
 * a synchronous layer processes them and may block.
 *
 *     kernel ──event──▶ I/O thread: receive, frame ──unit──▶ [queue] ──▶ worker: process, send
 *                          ▲    ▲                                            │        │
 *                          │    └── would block: the I/O thread sends the rest        │
 *                          └──────────────────── settled ─────────────────────────────┘
 *
 * Invariant: a worker never receives; what it gets holds a unit, an end or an error to answer. The
 * I/O thread never waits for a worker, and runs no handler that is not known to be quick.
 */
#include "io_thread.h"

#define IO_STAGES                                                                                  \
    (PL_STAGE_ACCEPT | PL_STAGE_RECEIVE | PL_STAGE_FRAME | PL_STAGE_SEND | PL_STAGE_NOTICES)
#define WORKER_STAGES (PL_STAGE_PROCESS | PL_STAGE_SEND)

static void *io_thread(void *argument)
{
    struct pl_thread *thread = argument;
    struct pl_io_model *model = pl_io_model_of(thread->model);

    while (!pl_thread_set_is_stopping(&model->io)) {
        struct pl_slot *slot = pl_io_next(model, thread);
        uint32_t stages = IO_STAGES;
        enum pl_next next;

        if (slot == NULL || !pl_io_may_receive(model, thread, slot, &stages))
            continue;
        next = pl_io_run(model, thread, slot, stages);
        if (next == PL_RUN_PROCESS)
            pl_io_queue(model, thread, slot);
        else
            pl_settle(thread, slot, next);
    }
    pl_io_leave(model, thread);
    return NULL;
}

static void *worker_thread(void *argument)
{
    struct pl_thread *thread = argument;
    struct pl_io_model *model = pl_io_model_of(thread->model);

    while (!pl_thread_set_is_stopping(&model->workers)) {
        struct pl_slot *slot = pl_worker_next(model, thread);

        if (slot == NULL)
            continue;
        pl_settle(thread, slot, pl_turn_run(thread, slot, WORKER_STAGES));
        pl_turn_end(thread);
    }
    return NULL;
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    return pl_io_model_open(&pl_half_sync_half_async_ops, engine, settings, IO_STAGES,
                            WORKER_STAGES, io_thread, worker_thread, ret_model);
}

const struct pl_model_ops pl_half_sync_half_async_ops = {
    .name = "half_sync_half_async",
    .spellings =
        "half_sync_half_async|half-sync/half-async|half_sync/half_async|half-sync-half-async",
    .threads_min = 1,
    .has_pool = true,
    .open = open_model,
    .ready = pl_io_model_ready,
    .away = pl_io_model_away,
    .close = pl_io_model_close
};
