/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked of a server while it runs: its model swapped, its configuration read again, and
 * what its threads and connections do just now. Changes are made one after another, whoever asks;
 * see docs/live-change.md.
 */
#ifndef PACELINE_CONTROL_H
#define PACELINE_CONTROL_H

#include <paceline/limits.h>
#include <paceline/server.h>

#include <stdbool.h>

/* ---- changes ------------------------------------------------------------------------------- */

struct pl_swap_report {
    char engine[PL_NAME_BYTES_MAX]; /* that was changed */
    char from[PL_NAME_BYTES_MAX];   /* the model before */
    char to[PL_NAME_BYTES_MAX];
    uint32_t threads;     /* of the new model, as configured */
    uint32_t conns;       /* connections that stayed open */
    uint32_t conns_moved; /* of them, those that went to another handle set, arming or engine */
    uint32_t conns_held;  /* of them, those that a thread held; they move when it lets go */
    uint32_t threads_left_behind; /* of the old model, inside a handler; they leave after it */
    int64_t took_us;
};

/*
 * Gives the services of `target` another concurrency model. `target` is "default", for the services
 * that share one, or a service's name; a service that shares gets a model of its own. `changes` are
 * keys of `dispatch`, as KEY=VALUE ("model=reactor", "threads=4", "turn.time=1ms"), ended by NULL;
 * keys that are not named stay as they are, but for `threads`, which is auto again when the model
 * changes. No request is lost and no connection closed.
 *
 * Thread: any, a handler's own too. Waits for no handler, but for a change that is under way.
 * Errors: -EINVAL (no such target or key, a bad value), -ENOMEM, -EAGAIN (no threads), -EMFILE and
 *         what else a socket may lack, -ENOSPC (too many services had a model of their own),
 *         -ESHUTDOWN (it stops); with a sentence. Nothing has changed then.
 */
PL_MUST_CHECK PL_API int pl_server_swap(struct pl_server *server, const char *target,
                                        const char *const *changes,
                                        struct pl_swap_report *ret_report, struct pl_error *error);

struct pl_reload_report {
    uint32_t changed;       /* settings that apply now */
    uint32_t needs_restart; /* settings that differ and stay as they were */
    uint32_t listeners_added, listeners_kept, listeners_dropped;
    uint32_t swaps; /* engines that got another model */
    int64_t took_us;
    /* A line per setting: "changed KEY: OLD -> NEW", "needs a restart: KEY: OLD -> NEW". Cut at its
     * end when there are more. */
    char text[16 * 1024];
};

/*
 * Reads the configuration again, from the file (and with the --set) it was opened with, checks all
 * of it, and applies what may change while it runs, all or nothing.
 *
 * Thread: as pl_server_swap(). Reads files, and waits for the disk.
 * Errors: those of pl_server_open(), with a sentence; nothing has changed then.
 */
PL_MUST_CHECK PL_API int pl_server_reload(struct pl_server *server,
                                          struct pl_reload_report *ret_report,
                                          struct pl_error *error);

/* ---- views --------------------------------------------------------------------------------- */

struct pl_thread_view {
    char engine[PL_NAME_BYTES_MAX];
    char name[16]; /* as the kernel shows it */
    enum pl_role role;
    int64_t role_us;    /* how long it has been in it */
    bool is_old;        /* of a model that was swapped away; it leaves after its handler */
    char handler[128];  /* the route whose handler it is in, or "" */
    int64_t handler_us; /* how long it has been in it; of quick ones in a row, since the first */
};

/* Writes at most `views_max` of the threads that run just now; returns how many there are. Thread:
 * any. */
PL_API size_t pl_server_threads(struct pl_server *server, struct pl_thread_view *views,
                                size_t views_max);

enum pl_conn_order { PL_CONN_ORDER_AGE, PL_CONN_ORDER_BYTES, PL_CONN_ORDER_STATE };

struct pl_conn_view {
    char service[PL_NAME_BYTES_MAX];
    char peer[64];     /* address and port; "unix" */
    const char *state; /* a word of static life: "idle", "running", "parked", "writing" ... */
    int64_t age_ms;
    uint64_t bytes_received, bytes_sent;
};

/* Writes the first `views_max` clients' connections in that order (oldest, most bytes, by state);
 * returns how many are open. Looks at every slot. Errors: -ENOMEM. Thread: any. */
PL_API int pl_server_connections(struct pl_server *server, enum pl_conn_order order,
                                 struct pl_conn_view *views, size_t views_max);

#endif
