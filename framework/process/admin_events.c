/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /events: what the page shows, as server-sent events. One timer for all watchers, which runs only
 * while there are any.
 *
 *     first watcher ─▶ timer ─▶ sample, sample, ... ─▶ event to each ─▶ ... ─▶ last one gone: stop
 *
 * All of it is the admin thread's, but for the stop.
 *
 * A watcher that does not read fills the kernel's buffer and then its connection's mailbox
 * (PL_MAILBOX_ITEMS_MAX events); then it is sent the end and nothing else. A page connects again by
 * itself.
 */
#include "admin_internal.h"

#include "stats_block.h"

#include <paceline/log.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/* How long a stop waits for streams to end; those that do not read are cut by the drain. */
#define STOP_MS 500

#define EVENT_BYTES_MAX (15 * 1024) /* an event's frame comes around it, within 16 KiB */

/* ---- watchers ---------------------------------------------------------------------------------
 */

static void drop_watcher(struct pl_admin_http *http, struct pl_admin_watcher *watcher)
{
    watcher->is_used = false;
    atomic_fetch_sub(&http->watchers_count, 1);
}

static void end_watcher(struct pl_admin_http *http, struct pl_admin_watcher *watcher)
{
    watcher->is_ending = true;
    if (pl_http_deferred_end(&watcher->stream) != -EAGAIN)
        drop_watcher(http, watcher);
}

static void send_event(struct pl_admin_http *http, struct pl_admin_watcher *watcher,
                       const struct pl_http_event *event)
{
    int err;

    if (watcher->is_ending) {
        end_watcher(http, watcher);
        return;
    }
    err = pl_http_deferred_event(&watcher->stream, event);
    if (err == -EAGAIN) {
        PL_LOG(PL_LOG_INFO, "admin: a watcher does not read its events; ending its stream");
        end_watcher(http, watcher);
    } else if (err == -ESTALE) {
        drop_watcher(http, watcher);
    }
    /* Without memory it misses this one. */
}

static void broadcast(struct pl_admin_http *http)
{
    struct pl_json json = { .text = http->text, .size = EVENT_BYTES_MAX };
    struct pl_http_event event = { .retry_ms = 1000 };

    pl_admin_sight_write(http, &json);
    if (json.is_full) {
        PL_LOG_RATED(PL_LOG_WARNING, "admin: an event is too long and was not sent");
        return;
    }
    event.data = (struct pl_view){ .bytes = json.text, .length = json.used };
    for (size_t i = 0; i < PL_ADMIN_WATCHERS_MAX; i++)
        if (http->watchers[i].is_used)
            send_event(http, &http->watchers[i], &event);
}

/* ---- the timer --------------------------------------------------------------------------------
 */

static void end_all(struct pl_admin_http *http)
{
    for (size_t i = 0; i < PL_ADMIN_WATCHERS_MAX; i++)
        if (http->watchers[i].is_used)
            end_watcher(http, &http->watchers[i]);
}

static void tick(void *context)
{
    struct pl_admin_http *http = context;

    if (atomic_load(&http->is_stopping)) {
        end_all(http);
    } else if (atomic_load(&http->watchers_count) > 0) {
        pl_admin_sight_sample(http);
        if (pl_admin_sight_is_due(http))
            broadcast(http);
    }
    if (atomic_load(&http->watchers_count) == 0 && http->is_ticking) {
        pl_event_stop(&http->timer);
        http->is_ticking = false;
    }
}

static int start_timer(struct pl_admin_http *http)
{
    int err;

    if (http->is_ticking)
        return 0;
    pl_admin_sight_begin(http);
    err = pl_timer_start(http->serving, PL_ADMIN_SAMPLE_MS, PL_ADMIN_SAMPLE_MS, tick, http,
                         &http->timer);
    http->is_ticking = err == 0;
    return err;
}

/* ---- the route --------------------------------------------------------------------------------
 */

static struct pl_admin_watcher *free_watcher(struct pl_admin_http *http)
{
    for (size_t i = 0; i < PL_ADMIN_WATCHERS_MAX; i++)
        if (!http->watchers[i].is_used)
            return &http->watchers[i];
    return NULL;
}

/* Returns the sentence of what stands against it, or NULL. */
static const char *begin_stream(struct pl_admin_http *http, struct pl_http_exchange *exchange)
{
    struct pl_admin_watcher *watcher = free_watcher(http);

    if (atomic_load(&http->is_stopping))
        return "the server stops";
    if (watcher == NULL)
        return "too many watch already";
    if (start_timer(http) < 0)
        return "no timer can be had";
    pl_admin_add_fields(exchange);
    *watcher = (struct pl_admin_watcher){ .stream = pl_http_defer(exchange), .is_used = true };
    atomic_fetch_add(&http->watchers_count, 1);
    if (pl_http_deferred_begin(&watcher->stream, 200, "text/event-stream") < 0)
        drop_watcher(http, watcher); /* no memory: timeouts.handler answers */
    return NULL;
}

void pl_admin_events(struct pl_http_exchange *exchange, void *context)
{
    struct pl_admin_http *http = context;
    const char *problem;

    if (!pl_admin_allows_look(exchange))
        return;
    if (pl_view_equals(pl_http_method(exchange), PL_VIEW("HEAD"))) {
        pl_admin_add_fields(exchange);
        pl_http_reply(exchange, 200, "text/event-stream", NULL, 0);
        return;
    }
    problem = begin_stream(http, exchange);
    if (problem != NULL)
        pl_admin_reply_error(exchange, 503, problem);
}

/* The admin thread ends the streams at its next tick. */
void pl_admin_http_stop(struct pl_admin_http *http)
{
    const struct timespec moment = { .tv_nsec = 1000000 };

    atomic_store(&http->is_stopping, true);
    for (int ms = 0; ms < STOP_MS && atomic_load(&http->watchers_count) > 0; ms++)
        (void)nanosleep(&moment, NULL);
}
