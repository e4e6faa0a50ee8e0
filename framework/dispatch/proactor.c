/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proactor (POSA2), simulated over readiness: the I/O thread performs the reads and writes and
 * reports each as a completion; workers run protocol and handler and touch no socket. A quick
 * handler may run on the I/O thread in passing.
 *
 *     kernel ──event──▶ I/O thread: receive ──read completed──▶ [queue] ──▶ worker: process
 *                          ▲  send ◀──write wanted── [its ring] ◀───────────────┘
 *                          └─ settled
 *
 * Invariant: every system call on a connection is made by the I/O thread, from claim to settle.
 */
#include "io_thread.h"

#define IO_STAGES                                                                                  \
    (PL_STAGE_ACCEPT | PL_STAGE_RECEIVE | PL_STAGE_FRAME | PL_STAGE_SEND | PL_STAGE_NOTICES)
#define WORKER_STAGES PL_STAGE_PROCESS

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
        enum pl_next next;

        if (slot == NULL)
            continue;
        next = pl_turn_run(thread, slot, WORKER_STAGES);
        if (next == PL_AGAIN) {
            pl_settle(thread, slot, next);
        } else {
            slot->next = (uint8_t)next;
            pl_engine_hand_over(thread, slot);
        }
        pl_turn_end(thread);
    }
    return NULL;
}

static int open_model(struct pl_engine *engine, const struct pl_model_settings *settings,
                      struct pl_model **ret_model)
{
    return pl_io_model_open(&pl_proactor_ops, engine, settings, IO_STAGES, WORKER_STAGES, io_thread,
                            worker_thread, ret_model);
}

const struct pl_model_ops pl_proactor_ops = { .name = "proactor",
                                              .spellings =
                                                  "proactor|simulated_proactor|simulated-proactor",
                                              .threads_min = 1,
                                              .has_pool = true,
                                              .open = open_model,
                                              .ready = pl_io_model_ready,
                                              .away = pl_io_model_away,
                                              .close = pl_io_model_close };
