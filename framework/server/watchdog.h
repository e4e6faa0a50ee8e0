/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog: a thread that names, in the log, a thread that stays in a handler for longer than
 * limits.stall: the route, since when, who waits meanwhile and under which models nobody would, and
 * a stack. What a handler does is not touched; see docs/stalls.md.
 *
 *     look, four times per limits.stall ─▶ the same call of a handler as at the last look, and too
 *     long in it? ─▶ counted once ─▶ its route not named for a minute? ─▶ stack ─▶ still the same
 *     call? ─▶ lines
 *
 * It sleeps when nothing has moved for some looks, until a turn begins.
 *
 * Invariant: what it reads of another thread is atomic or guarded by the engine's places_lock, and
 * it holds that only to look, never while a stack is taken or a line written.
 */
#ifndef PL_SERVER_WATCHDOG_H
#define PL_SERVER_WATCHDOG_H

#include "bell.h"
#include "engine.h"

#include <paceline/attributes.h>
#include <paceline/limits.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pl_server;

/* limits.stall_stack, in the order of its words. */
enum pl_stall_stack { PL_STALL_STACK_CAREFUL, PL_STALL_STACK_ALWAYS, PL_STALL_STACK_NEVER };

/* A route that has been named, by a hash of its name: its note may have gone. */
struct pl_stall_route {
    uint64_t name_hash; /* 0: free */
    int64_t named_ms;
    uint32_t calls_unnamed; /* that stalled since */
};

struct pl_stall_routes {
    struct pl_stall_route routes[PL_STALL_ROUTES_MAX];
};

struct pl_watchdog {
    struct pl_server *server; /* borrowed: it stands in there */
    struct pl_bell bell;      /* rung by threads that begin a turn */
    pthread_t id;
    bool is_running; /* control */

    /* Written by control, read by its thread. */
    _Atomic bool is_stopping;
    _Atomic int64_t limit_us; /* 0: off */
    _Atomic int stack_how;    /* enum pl_stall_stack */

    _Atomic uint64_t stalls; /* calls that were found; read by any thread */

    /* Its thread only. */
    uint64_t turns_seen;
    uint32_t looks_quiet;
    struct pl_stall_routes routes;
};

/* One call of a handler that is to be named: all that a line says, copied while it was looked at.
 */
struct pl_stall {
    struct pl_thread_place *place;  /* borrowed from the engine */
    const struct pl_thread *thread; /* never looked into but under the lock, where it still is the
                                       place's */
    struct pl_handler_sight sight;
    struct pl_engine *engine;
    const struct pl_model_ops *model;
    bool is_old; /* of a model that was swapped away */
    bool is_loop;
    bool has_declared; /* the route, or a section of it, said that it may block */
    enum pl_handler_way way;
    uint32_t threads;         /* of its kind */
    uint32_t threads_stalled; /* of them, in such a handler just now */
    uint32_t calls_unnamed;   /* of the same route, since it was named last */
    int kernel_id;
    int64_t lasts_ns;
    char engine_name[PL_NAME_BYTES_MAX];
    char thread_name[16];
    char handler[128];
};

void pl_watchdog_init(struct pl_watchdog *watchdog, struct pl_server *server);
void pl_watchdog_deinit(struct pl_watchdog *watchdog);

/* What it is to do from now on; 0: nothing. Thread: any. */
void pl_watchdog_configure(struct pl_watchdog *watchdog, int64_t limit_us,
                           enum pl_stall_stack stack_how);
/* Errors: -EAGAIN. Thread: control. */
PL_MUST_CHECK int pl_watchdog_start(struct pl_watchdog *watchdog);
/* Waits for its end, at most as long as a stack takes; fine where it was not started. Thread:
 * control. */
void pl_watchdog_stop(struct pl_watchdog *watchdog);

/* The thread is in the same call of a handler still. Thread: the watchdog's. */
bool pl_stall_goes_on(const struct pl_stall *stall);

/* A call that stays too long was found: true when its route is to be named now. One that goes on
 * (`is_new` false) is named again after a minute. *ret_calls_unnamed: how many others were not.
 * Thread: the watchdog's. */
bool pl_stall_may_name(struct pl_stall_routes *routes, const char *name, bool is_new,
                       int64_t now_ms, uint32_t *ret_calls_unnamed);

/* ---- watchdog_report.c ---------------------------------------------------------------------- */

/* Writes it to the log, with a stack as `stack_how` says. Thread: the watchdog's. */
void pl_stall_report(const struct pl_stall *stall, int64_t limit_us, enum pl_stall_stack stack_how);

/* Who waits because of it, and under which models nobody would: a sentence. Thread: any. */
void pl_stall_describe(const struct pl_stall *stall, char *text, size_t size);

#endif
