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

struct pl_model;

struct pl_thread_set {
    struct pl_model *model;     /* borrowed */
    struct pl_thread_set *next; /* of the model's */
    struct pl_thread *threads;  /* owned array of `count` */
    void *(*main)(void *);      /* of each thread; gets its struct pl_thread */
    uint32_t count;
    uint32_t started;

    pthread_mutex_t lock;   /* guards the five below and the threads' links in idle */
    struct pl_thread *idle; /* last to sleep first */
    uint32_t running;       /* threads that have not left */
    bool is_let_go;         /* until then they stand at the gate */
    pthread_cond_t may_go;
    pthread_cond_t has_left;
    _Atomic uint32_t idle_count;
    _Atomic uint32_t searching; /* 0 or 1 */
    _Atomic bool is_stopping;
};

/* A look at whether there is something to do; called while parking. */
typedef bool pl_has_work(void *context);

/* Makes a set of the model's: `count` threads named `name`-N that are to run `main`.
 * Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_thread_set_init(struct pl_thread_set *set, struct pl_model *model,
                                     const char *name, uint32_t count, void *(*main)(void *));
void pl_thread_set_deinit(struct pl_thread_set *set);

/* Starts all threads, which then stand at the gate. Errors: -EAGAIN; those that were started are
 * still to be stopped and joined. Thread: control. */
PL_MUST_CHECK int pl_thread_set_start(struct pl_thread_set *set);
/* Opens the gate. Thread: control. */
void pl_thread_set_let_go(struct pl_thread_set *set);
/* Asks every thread to leave and wakes the sleeping ones. Thread: any. */
void pl_thread_set_stop(struct pl_thread_set *set);
/* Waits until all have left or the deadline (of pl_clock_ms()) passes; returns how many have not.
 * Thread: control. */
PL_MUST_CHECK uint32_t pl_thread_set_join(struct pl_thread_set *set, int64_t deadline_ms);

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
