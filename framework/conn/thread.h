/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread brings to a turn: its statistics, its cache of buffers, its look at the clock and
 * its budget. Passed in, never found through a global.
 */
#ifndef PL_CONN_THREAD_H
#define PL_CONN_THREAD_H

#include "bell.h"
#include "buffer_pool.h"
#include "clock.h"
#include "file_send.h"
#include "stats_block.h"
#include "timeline.h"

#include <paceline/conn.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct pl_job;
struct pl_model;
struct pl_thread_place;
struct pl_thread_set;

/* Who waits while a handler runs. */
enum pl_handler_way {
    PL_HANDLER_IN_TURN,    /* its own connection */
    PL_HANDLER_IN_PASSING, /* events too: the thread that waits for them runs it */
    PL_HANDLER_AS_JOB,     /* nobody: it said that it may block */
};

/* The watchdog's: the call of a handler that it saw at its last look; guarded by the engine's
 * places_lock. */
struct pl_handler_sight {
    const struct pl_handler_note *note; /* never looked into: it may have gone */
    int64_t began_ns;
    uint32_t run;
    int64_t first_seen_ns;
    bool is_counted;
};

struct pl_thread {
    char name[16];                 /* as the kernel shows it */
    struct pl_engine *engine;      /* borrowed */
    struct pl_model *model;        /* borrowed: whose thread it is; NULL: the engine's own */
    struct pl_thread_place *place; /* owned by the engine; outlives the thread, as these two: */
    struct pl_stats_block *stats;
    struct pl_timeline *timeline; /* NULL: its roles are not recorded */
    struct pl_buffer_cache cache;
    struct pl_splice_pipe splice_pipe; /* opened by the first file that goes this way */
    struct pl_thread_set *set;         /* borrowed */
    uint32_t index;                    /* in its thread set */
    uint32_t shard;                    /* index of the engine's handle set that it waits in */
    bool is_loop;          /* it waits for events and runs handlers: while one blocks, all wait */
    int64_t turn_ns_max;   /* 0: no bound in time */
    size_t turn_bytes_max; /* of input; 0: no bound */

    /* Its own thread only: the turn. */
    int64_t now_ns; /* its last look at the clock */
    int64_t turn_began_ns;
    int64_t turn_end_ns;        /* INT64_MAX: no budget */
    size_t turn_input_left;     /* bytes */
    size_t turn_output_left;    /* bytes */
    uint32_t clock_countdown;   /* requests until the next look at the clock */
    uint32_t stages;            /* enum pl_stages: what this thread may run in this turn */
    bool is_clock_fresh;        /* now_ns was read at the very end of the turn */
    bool is_inline;             /* a thread that waits for events runs a handler in passing */
    struct pl_job *job;         /* owned: to be run after the settle, or NULL; see job.c */
    int64_t date_ns;            /* when date was made, of now_ns */
    char date[40];              /* see pl_conn_date() */
    bool has_declared_blocking; /* the handler of handler_note said that it blocks */

    /* Written by its own thread, read by whoever names a stuck one: the last handler of the turn or
     * the job, borrowed, NULL between turns; when it began, how many of it since, and how it runs.
     * One call of a handler differs from every other in the first three. */
    _Atomic(struct pl_handler_note *) handler_note;
    _Atomic int64_t handler_began_ns;
    _Atomic uint32_t handlers_run;
    _Atomic uint32_t handler_way; /* enum pl_handler_way */
    struct pl_handler_sight sight;
    _Atomic int32_t kernel_id; /* gettid(2); 0 before it runs */
    struct pl_bell *bell;      /* borrowed from the server: wakes its watchdog; NULL: none */

    /* The thread set: a follower sleeps on its own semaphore; idle_next is guarded by the set's
     * lock. */
    sem_t wake;
    struct pl_thread *idle_next;
    bool is_idle; /* stands on the stack of followers; guarded by the set's lock */
    pthread_t id;

    /* Set before the last look at whether to stop, cleared after the wait; read by who stops it. */
    _Atomic bool is_waiting;
};

/* Looks at the clock. Thread: its own. */
static inline void pl_thread_tick(struct pl_thread *thread)
{
    thread->now_ns = pl_clock_ns();
}

/* Handlers of `note` run from here on, at first none of them. Thread: its own. */
static inline void pl_thread_note_handler(struct pl_thread *thread, struct pl_handler_note *note,
                                          int64_t began_ns, enum pl_handler_way way)
{
    atomic_store_explicit(&thread->handler_began_ns, began_ns, memory_order_relaxed);
    atomic_store_explicit(&thread->handlers_run, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->handler_way, (uint32_t)way, memory_order_relaxed);
    /* Acquired by the watchdog, with what the thread is. */
    atomic_store_explicit(&thread->handler_note, note, memory_order_release);
}

/* One more of them. Thread: its own. */
static inline void pl_thread_count_handler(struct pl_thread *thread)
{
    uint32_t run = atomic_load_explicit(&thread->handlers_run, memory_order_relaxed);

    atomic_store_explicit(&thread->handlers_run, run + 1, memory_order_relaxed);
}

/* Makes pl_blocking_begin() of this thread count here. Thread: its own, once. */
void pl_thread_enter(struct pl_thread *thread);

/* The engine's thread that the caller is, or NULL. Thread: any. */
struct pl_thread *pl_thread_own(void);

/* Runs the job that the last turn left behind, if any. Thread: its own, holding nothing. */
void pl_thread_run_job(struct pl_thread *thread);

static inline int64_t pl_thread_now_ms(const struct pl_thread *thread)
{
    return thread->now_ns / 1000000 + 1;
}

/* Thread: its own. */
static inline void pl_thread_set_role(struct pl_thread *thread, enum pl_role role)
{
    struct pl_stats_block *stats = thread->stats;

    if (__builtin_expect(thread->timeline != NULL, 0))
        pl_timeline_record(thread->timeline, (uint32_t)role);
    if (atomic_load_explicit(&stats->role, memory_order_relaxed) == (uint32_t)role)
        return;
    atomic_store_explicit(&stats->role_since_ns, thread->now_ns, memory_order_relaxed);
    atomic_store_explicit(&stats->role, (uint32_t)role, memory_order_relaxed);
}

#endif
