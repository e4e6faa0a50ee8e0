/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admin service's HTTP half share. */
#ifndef PL_PROCESS_ADMIN_INTERNAL_H
#define PL_PROCESS_ADMIN_INTERNAL_H

#include "admin_http.h"

#include "server_internal.h"

#include <paceline/control.h>
#include <paceline/events.h>
#include <paceline/http.h>
#include <paceline/limits.h>

#include <stdatomic.h>

/* 128 bits in hexadecimal digits. */
#define PL_ADMIN_TOKEN_BYTES 32

struct pl_json;

/* One thread as the page shows it: a letter of its role for each sample since the last event. */
struct pl_admin_lane {
    struct pl_thread_view view; /* at the last sample it was seen in */
    uint32_t roles_count;
    bool is_seen;                                           /* at the last sample */
    char roles[2 * PL_ADMIN_EVENT_MS / PL_ADMIN_SAMPLE_MS]; /* room for an event that is late */
};

/* What has been seen since the last event. The admin thread alone. */
struct pl_admin_sight {
    struct pl_thread_view views[PL_ADMIN_LANES_MAX];
    struct pl_engine_view engines[PL_ADMIN_ENGINES_MAX];
    struct pl_admin_lane lanes[PL_ADMIN_LANES_MAX];
    uint32_t lanes_count;
    uint32_t samples_count;
    size_t threads_count; /* also those without a lane */
    struct pl_stats before, now;
    struct pl_histogram interval;
    int64_t before_ns;
};

struct pl_admin_watcher {
    struct pl_http_deferred stream;
    bool is_used;
    bool is_ending; /* it was too slow: nothing more but the end */
};

struct pl_admin_http {
    /* Written in setup, read by any thread. */
    struct pl_server *watched; /* borrowed */
    struct pl_server *serving; /* borrowed; NULL until it has started */
    bool has_page;
    char token[PL_ADMIN_TOKEN_BYTES + 1];
    struct pl_http_route routes[8];
    size_t routes_count;

    /* The admin thread alone. */
    char text[PL_ADMIN_METRICS_BYTES_MAX]; /* of the reply that is being made */
    struct pl_stats stats;
    struct pl_upstream_stats *upstream_stats; /* owned */
    struct pl_admin_sight sight;
    struct pl_admin_watcher watchers[PL_ADMIN_WATCHERS_MAX];
    struct pl_event_source timer;
    bool is_ticking;

    _Atomic uint32_t watchers_count; /* written by the admin thread, awaited by the stop */
    _Atomic bool is_stopping;        /* written by the stop, read by the admin thread */
};

/* ---- admin_access.c --------------------------------------------------------------------------
 */

/* Errors: negative errno. Thread: setup. */
PL_MUST_CHECK int pl_admin_make_token(char token[PL_ADMIN_TOKEN_BYTES + 1]);
/* May this client see the page and its events? Otherwise it has been answered. */
PL_MUST_CHECK bool pl_admin_allows_look(struct pl_http_exchange *exchange);
/* May it change something? Otherwise it has been answered. */
PL_MUST_CHECK bool pl_admin_allows_change(const struct pl_admin_http *http,
                                          struct pl_http_exchange *exchange);
/* Fields that every answer of this service has. */
void pl_admin_add_fields(struct pl_http_exchange *exchange);
void pl_admin_reply_error(struct pl_http_exchange *exchange, int status, const char *sentence);

/* ---- the routes -------------------------------------------------------------------------------
 */

void pl_admin_metrics(struct pl_http_exchange *exchange, void *context);
void pl_admin_events(struct pl_http_exchange *exchange, void *context);
void pl_admin_page(struct pl_http_exchange *exchange, void *context);
void pl_admin_swap(struct pl_http_exchange *exchange, void *context);

/* ---- admin_sight.c: what an event says; the admin thread ----------------------------------------
 */

/* Begins anew: nothing has been seen. */
void pl_admin_sight_begin(struct pl_admin_http *http);
/* Looks at the role of every thread. */
void pl_admin_sight_sample(struct pl_admin_http *http);
/* Is it time for an event? */
bool pl_admin_sight_is_due(const struct pl_admin_http *http);
/* Writes the event, and begins the next one. */
void pl_admin_sight_write(struct pl_admin_http *http, struct pl_json *json);

/* Made at build time from admin_page.html. */
extern const char pl_admin_page_text[];

#endif
