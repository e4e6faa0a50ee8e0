/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reactor (POSA2), with workers: the main thread demultiplexes, a worker receives, processes and
 * sends. With `threads: 0` the main thread does all of it itself.
 *
 *     kernel ──event──▶ main thread ──slot, nothing read yet──▶ [queue] ──▶ worker: receive,
 *                        │ accepts                                          process, send
 *                        ▼                                                     │
 *                     armed ◀───────────────────── settled ────────────────────┘
 *
 * Invariant: only the main thread waits for events and accepts; with workers it reads and writes
 * no connection, but for a deadline that passed, a full queue that refuses, a brief turn (slot.h)
 * and a quick handler in passing.
 */
#include "io_thread.h"

#define WORKER_STAGES (PL_STAGE_RECEIVE | PL_STAGE_PROCESS | PL_STAGE_SEND)

static void *main_thread(void *argument)
{
    struct pl_thread *thread = argument;
    struct pl_io_model *model = pl_io_model_of(thread->model);

    thread->is_loop = model->worker_stages == 0;
    while (!pl_thread_set_is_stopping(&model->io)) {
        struct pl_slot *slot = pl_io_next(model, thread);
        uint32_t stages = model->io_stages;
        enum pl_next next;

        if (slot == NULL || !pl_io_may_receive(model, thread, slot, &stages))
            continue;
        next = pl_io_run(model, thread, slot, stages);
        if (pl_next_is_stage(next))
            pl_io_queue(model, thread, slot);
        else
            pl_settle(thread, slot, next);
        pl_turn_end(thread);
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
    bool has_workers = settings->threads > 0;

    return pl_io_model_open(&pl_reactor_ops, engine, settings,
                            has_workers ? PL_STAGE_ACCEPT | PL_STAGE_NOTICES : PL_STAGES_ALL,
                            has_workers ? WORKER_STAGES : 0, main_thread, worker_thread, ret_model);
}

const struct pl_model_ops pl_reactor_ops = { .name = "reactor",
                                             .spellings = "reactor",
                                             .threads_min = 0,
                                             .has_pool = true,
                                             .open = open_model,
                                             .ready = pl_io_model_ready,
                                             .away = pl_io_model_away,
                                             .close = pl_io_model_close };
