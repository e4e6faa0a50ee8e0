/* SPDX-License-Identifier: Apache-2.0 */
#include "handler_note.h"

#include "conn.h"

#include <paceline/log.h>

/* Longer than any handler that only computes should take; it blocked, or it should say so. */
#define SLOW_HANDLER_NS 20000000

/* Above this all are alike. */
#define AVERAGE_NS_MAX 1000000000

static uint32_t next_average(uint32_t average_ns, uint32_t took_ns)
{
    if (average_ns == 0)
        return took_ns > 2 * PL_HANDLER_QUICK_NS ? took_ns : 2 * PL_HANDLER_QUICK_NS;
    return took_ns > average_ns ? average_ns + (took_ns - average_ns + 1) / 2
                                : average_ns - (average_ns - took_ns) / 8;
}

static void name_slow_handler(struct pl_handler_note *note, struct pl_thread *thread,
                              int64_t took_ns)
{
    if (took_ns < SLOW_HANDLER_NS || thread->has_declared_blocking)
        return;
    PL_COUNT(thread->stats, blocking_undeclared);
    if (!atomic_exchange(&note->is_named, true))
        PL_LOG(PL_LOG_WARNING,
               "handler %s kept thread %s for %lld ms without saying that it may block "
               "(.may_block, pl_blocking_begin)",
               note->name, thread->name, (long long)(took_ns / 1000000));
}

static void note_average(struct pl_handler_note *note, int64_t each_ns)
{
    uint32_t average_ns, new_ns, change_ns;

    if (each_ns < 1)
        each_ns = 1;
    if (each_ns > AVERAGE_NS_MAX)
        each_ns = AVERAGE_NS_MAX;
    average_ns = atomic_load_explicit(&note->average_ns, memory_order_relaxed);
    new_ns = next_average(average_ns, (uint32_t)each_ns);
    change_ns = new_ns > average_ns ? new_ns - average_ns : average_ns - new_ns;
    /* All threads read it; written only when it has really changed, it stays in every cache. On the
     * way down to quick each step counts: small ones too must arrive there. */
    if (change_ns > average_ns / 16 || (average_ns >= PL_HANDLER_QUICK_NS && new_ns < average_ns))
        atomic_store_explicit(&note->average_ns, new_ns, memory_order_relaxed);
}

void pl_handler_note_measured(struct pl_handler_note *note, struct pl_thread *thread)
{
    int64_t began_ns = atomic_load_explicit(&thread->handler_began_ns, memory_order_relaxed);
    uint32_t run = atomic_load_explicit(&thread->handlers_run, memory_order_relaxed);
    int64_t took_ns = thread->now_ns - began_ns;

    if (run == 0)
        return;
    name_slow_handler(note, thread, took_ns);
    /* A section that blocks says so: what it took this time means little. */
    note_average(note, thread->has_declared_blocking ? AVERAGE_NS_MAX : took_ns / run);
    thread->has_declared_blocking = false;
}

bool pl_conn_begin_handler(struct pl_conn *conn, struct pl_handler_note *note, bool may_block)
{
    struct pl_thread *thread = conn->slot.thread;
    struct pl_handler_note *last =
        atomic_load_explicit(&thread->handler_note, memory_order_relaxed);
    bool is_quick = !may_block && pl_handler_note_is_quick(note);

    /* However seldom it blocks: while it does, nobody would wait for events. */
    if (thread->is_inline &&
        (!is_quick || atomic_load_explicit(&note->has_blocked, memory_order_relaxed))) {
        thread->stages &= ~(uint32_t)PL_STAGE_PROCESS;
        return false;
    }
    if (last != note) {
        if (last != NULL) {
            pl_thread_tick(thread);
            pl_handler_note_measured(last, thread);
        }
        pl_thread_note_handler(thread, may_block ? NULL : note,
                               last == NULL ? thread->turn_began_ns : thread->now_ns,
                               thread->is_inline ? PL_HANDLER_IN_PASSING : PL_HANDLER_IN_TURN);
        if (!is_quick && !may_block)
            pl_engine_face_of(thread->engine)->ops->away(thread->engine, thread);
    }
    pl_thread_count_handler(thread);
    return true;
}
