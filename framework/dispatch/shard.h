/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handle set and what belongs to it: the descriptors that end a wait, the deadlines of the slots
 * that are armed in it, its listeners. Models whose threads share one set use the engine's first
 * shard alone; per_core has one per loop.
 */
#ifndef PL_DISPATCH_SHARD_H
#define PL_DISPATCH_SHARD_H

#include "handle_set.h"
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

    /* Deadlines. */
    pthread_mutex_t timers_lock; /* guards the four below and the timers of the shard's slots */
    struct pl_timer_wheel wheel;
    struct pl_timer_heap heap;
    int timer_fd;
    int64_t timer_due_ms; /* what timer_fd is set to */

    /* Written in setup, read by any thread. */
    uint64_t acceptors[PL_LISTENERS_MAX]; /* tokens */
    uint32_t acceptors_count;
};

/* Errors: negative errno; nothing is left behind. Thread: setup. */
PL_MUST_CHECK int pl_shard_open(struct pl_shard *shard, struct pl_engine *engine);
/* Fine on a zeroed one. Thread: setup. */
void pl_shard_close(struct pl_shard *shard);

/* Tokens that name no slot. */
#define PL_TOKEN_WAKER UINT64_MAX
#define PL_TOKEN_STOP  (UINT64_MAX - 1)
#define PL_TOKEN_TIMER (UINT64_MAX - 2)

#endif
