/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread set of leader/followers and of every pool of workers: idle threads form a stack, the
 * last to sleep is the first to wake, so that few threads stay warm and the rest asleep.
 *
 *     park: on the stack ─▶ look again for work ─▶ sleep
 *     wake: work is there ─▶ somebody idle, nobody searching? ─▶ one wakes, and wakes the next
 *
 * Invariant: at most one thread is on its way to look for work; a batch wakes one thread, never a
 * burst. Who was woken says that it searches no more before it looks.
 */
#ifndef PL_DISPATCH_THREAD_SET_H
#define PL_DISPATCH_THREAD_SET_H

#include "thread.h"

#include <paceline/attributes.h>

struct pl_engine;

struct pl_thread_set {
    struct pl_engine *engine;  /* borrowed */
    struct pl_thread *threads; /* owned array of `count` */
    uint32_t count;
    uint32_t started;

    pthread_mutex_t lock;   /* guards the three below and the threads' links in idle */
    struct pl_thread *idle; /* last to sleep first */
    uint32_t running;       /* threads that have not left */
    pthread_cond_t has_left;
    _Atomic uint32_t idle_count;
    _Atomic uint32_t searching; /* 0 or 1 */
    _Atomic bool is_stopping;
};

/* A look at whether there is something to do; called while parking. */
typedef bool pl_has_work(void *context);

/* Prepares `count` threads named `name`-N with statistics from block `first_block` on.
 * Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_thread_set_init(struct pl_thread_set *set, struct pl_engine *engine,
                                     const char *name, uint32_t count, uint32_t first_block);
void pl_thread_set_deinit(struct pl_thread_set *set);

/* Starts all threads on `main`, which gets its struct pl_thread; all or none. Thread: control. */
PL_MUST_CHECK int pl_thread_set_start(struct pl_thread_set *set, void *(*main)(void *));
/* Asks every thread to leave and wakes the sleeping ones. Thread: any. */
void pl_thread_set_stop(struct pl_thread_set *set);
/* Waits until all have left or the deadline (of pl_clock_ms()) passes; returns how many have not,
 * and names them in the log. Thread: control. */
uint32_t pl_thread_set_join(struct pl_thread_set *set, int64_t deadline_ms);

static inline bool pl_thread_set_is_stopping(struct pl_thread_set *set)
{
    return atomic_load(&set->is_stopping);
}

/* Sleeps as a follower unless has_work() is true after it has said so. Thread: its own. */
void pl_thread_set_park(struct pl_thread_set *set, struct pl_thread *thread, pl_has_work *has_work,
                        void *context);
/* Wakes one follower, unless one is on its way already. False: there is none to wake. Thread: any;
 * `by`, if it is not NULL, counts the wake. */
bool pl_thread_set_wake_one(struct pl_thread_set *set, struct pl_thread *by);

#endif
