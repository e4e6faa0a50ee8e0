/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handle set and what belongs to it: the descriptors that end a wait, the deadlines of the slots
 * that are armed in it, and what is ready for the one thread that waits there. Models whose threads
 * share one set use the engine's first shard alone; per_core has one per loop. Once opened, a shard
 * stays until the engine closes.
 */
#ifndef PL_DISPATCH_SHARD_H
#define PL_DISPATCH_SHARD_H

#include "handle_set.h"
#include "ready_ring.h"
#include "slot.h"
#include "timers.h"

#include <paceline/limits.h>

#include <pthread.h>

struct pl_shard {
    struct pl_engine *engine; /* borrowed */
    struct pl_handle_set set;
    int waker_fd; /* ends one wait */
    /* Any thread; among what its own loop uses, so that it stays in that CPU's cache. */
    _Atomic uint32_t conns_open;
    /* Who waits here sleeps in the kernel; whoever exchanges it to false must wake it. */
    _Atomic bool is_asleep;
    struct pl_ready_ring ring; /* for the thread that waits here, where it is a single one */

    /* Deadlines. */
    pthread_mutex_t timers_lock; /* guards the four below and the timers of the shard's slots */
    struct pl_timer_wheel wheel;
    struct pl_timer_heap heap;
    int timer_fd;
    int64_t timer_due_ms; /* what timer_fd is set to */
};

/* Errors: negative errno; nothing is left behind. Thread: control. */
PL_MUST_CHECK int pl_shard_open(struct pl_shard *shard, struct pl_engine *engine);
/* Fine on a zeroed one. Thread: control. */
void pl_shard_close(struct pl_shard *shard);

/* Ends the wait of the thread that sleeps there, if one does. Thread: any. */
void pl_shard_wake(struct pl_shard *shard);
/* Takes over a held slot for the thread that waits there, and wakes it. Thread: any. */
void pl_shard_post(struct pl_shard *shard, struct pl_slot *slot);

/* Tokens that name no slot. */
#define PL_TOKEN_WAKER UINT64_MAX
#define PL_TOKEN_STOP  (UINT64_MAX - 1)
#define PL_TOKEN_TIMER (UINT64_MAX - 2)

#endif
