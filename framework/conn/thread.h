/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread brings to a turn: its statistics, its cache of buffers, its look at the clock and
 * its budget. Passed in, never found through a global.
 */
#ifndef PL_CONN_THREAD_H
#define PL_CONN_THREAD_H

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
    int64_t turn_end_ns;      /* INT64_MAX: no budget */
    size_t turn_input_left;   /* bytes */
    size_t turn_output_left;  /* bytes */
    uint32_t clock_countdown; /* requests until the next look at the clock */
    uint32_t stages;          /* enum pl_stages: what this thread may run in this turn */
    uint32_t handlers_run;    /* since handler_began_ns, all of handler_note */
    int64_t handler_began_ns;
    bool is_clock_fresh;        /* now_ns was read at the very end of the turn */
    bool is_inline;             /* a thread that waits for events runs a handler in passing */
    struct pl_job *job;         /* owned: to be run after the settle, or NULL; see job.c */
    int64_t date_ns;            /* when date was made, of now_ns */
    char date[40];              /* see pl_conn_date() */
    bool has_declared_blocking; /* the handler of handler_note said that it blocks */

    /* Written by its own thread, read by whoever names a stuck one: the last handler of the
     * turn, borrowed, or NULL. */
    _Atomic(struct pl_handler_note *) handler_note;

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
