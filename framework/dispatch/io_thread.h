/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reactor, half-sync/half-async and proactor share: one thread that waits for the kernel, a
 * bounded queue (the engine's ready ring) to a pool of workers, and the ring of the handle set (see
 * shard.h), through which workers hand slots back. The three models differ only in which stages run
 * on which side, and that, with their two loops, stands in their own files.
 *
 *     kernel ─▶ I/O thread ──ready ring──▶ workers
 *                   ▲                         │
 *                   └──── shard's ring ◀──────┘
 */
#ifndef PL_DISPATCH_IO_THREAD_H
#define PL_DISPATCH_IO_THREAD_H

#include "engine.h"
#include "thread_set.h"

struct pl_io_model {
    struct pl_model base;
    struct pl_model_settings settings;
    struct pl_thread_set io; /* one thread */
    struct pl_thread_set workers;
    uint32_t io_stages;     /* what the I/O thread may run */
    uint32_t worker_stages; /* what a worker may run; 0: there are none */

    /* The I/O thread only. What is ready for it stands in the shard's ring. */
    uint32_t round_left;           /* of the ring, until the kernel is asked again */
    struct pl_slot_queue stalled;  /* held and unread, because the queue is full */
    struct pl_slot_queue to_queue; /* for the workers, published at the end of the batch */
    /* Written by the I/O thread, read by workers: somebody stalls. */
    _Atomic bool is_stalled;
};

static inline struct pl_io_model *pl_io_model_of(struct pl_model *model)
{
    return (struct pl_io_model *)(void *)model;
}

/* Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_io_model_open(const struct pl_model_ops *ops, struct pl_engine *engine,
                                   const struct pl_model_settings *settings, uint32_t io_stages,
                                   uint32_t worker_stages, void *(*io_main)(void *),
                                   void *(*worker_main)(void *), struct pl_model **ret_model);
void pl_io_model_away(struct pl_model *model, struct pl_thread *thread);
void pl_io_model_ready(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot);
void pl_io_model_close(struct pl_model *model);

/* The next slot for the I/O thread, held by it: from the kernel, its ring, or one that stalled and
 * may go on. Publishes the batch before it waits. NULL: look whether to stop. */
struct pl_slot *pl_io_next(struct pl_io_model *model, struct pl_thread *thread);
/* What it keeps goes to others. Thread: the I/O thread, before it leaves. */
void pl_io_leave(struct pl_io_model *model, struct pl_thread *thread);
/* False: the queue is full and `slot` would bring new work; it stalls unread, or is marked to be
 * refused (then true), as the settings say. Thread: the I/O thread. */
bool pl_io_may_receive(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot,
                       uint32_t *stages);
/* Runs a turn of a slot on the I/O thread. When it is the only one and nothing is queued, a quick
 * handler runs in passing: that costs less than a hand-over. Thread: the I/O thread. */
enum pl_next pl_io_run(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot,
                       uint32_t stages);
/* Puts a slot into the queue to the workers; seen by them when the batch is published. Thread: the
 * I/O thread. */
void pl_io_queue(struct pl_io_model *model, struct pl_thread *thread, struct pl_slot *slot);

/* The next slot for a worker, held by it; sleeps while there is none. NULL: look whether to
 * stop. */
struct pl_slot *pl_worker_next(struct pl_io_model *model, struct pl_thread *thread);

#endif
