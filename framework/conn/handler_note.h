/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a handler's time, per route: it decides whether the thread that waits for events
 * may run it in passing, and whether somebody else should wait meanwhile.
 *
 * The average is pessimistic: it begins slow, rises fast and falls slowly. It is measured whenever
 * the handler runs, so one that was slow for a while is found quick again.
 */
#ifndef PL_CONN_HANDLER_NOTE_H
#define PL_CONN_HANDLER_NOTE_H

#include "thread.h"

/* Shorter than waking another thread and letting it take over costs in all. */
#define PL_HANDLER_QUICK_NS 20000

static inline bool pl_handler_note_is_quick(const struct pl_handler_note *note)
{
    uint32_t average_ns = atomic_load_explicit(&note->average_ns, memory_order_relaxed);

    return average_ns != 0 && average_ns < PL_HANDLER_QUICK_NS;
}

/* It is inside a handler that is not known to be quick. Thread: its own. */
static inline bool pl_thread_is_busy(const struct pl_thread *thread)
{
    const struct pl_handler_note *note =
        atomic_load_explicit(&thread->handler_note, memory_order_relaxed);

    return note != NULL && !pl_handler_note_is_quick(note);
}

/* The handlers of `note` that ran since thread->handler_began_ns have returned at thread->now_ns:
 * learns from their time, and names in the log, once, a handler that blocked unsaid.
 * Thread: its own. */
void pl_handler_note_measured(struct pl_handler_note *note, struct pl_thread *thread);

#endif
