/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event-driven way: a call has a record from beginning to end, and is always in one place.
 *
 *     call ─▶ granted ─▶ assigned to a connection ─▶ under way ─▶ complete: `done`, once
 *       └──▶ in line ───────▲      ▲                   │
 *                  ▲               └── retried ────────┘
 *                  └── its connection could not be made, or had closed
 */
#include "upstream.h"

#include "assert.h"
#include "clock.h"
#include "stats_block.h"

#include <errno.h>
#include <string.h>

/* Connections that cannot be made, for one call: more would only be slower to fail. */
#define TRIES_MAX 8

static const char *const outcome_names[] = {
    [PL_UPSTREAM_REPLIED] = "replied",
    [PL_UPSTREAM_UNRESOLVED] = "unresolved",
    [PL_UPSTREAM_CONNECT_FAILED] = "connect_failed",
    [PL_UPSTREAM_CONNECT_TIMEOUT] = "connect_timeout",
    [PL_UPSTREAM_WAIT_TIMEOUT] = "wait_timeout",
    [PL_UPSTREAM_FIRST_BYTE_TIMEOUT] = "first_byte_timeout",
    [PL_UPSTREAM_TOTAL_TIMEOUT] = "total_timeout",
    [PL_UPSTREAM_CLOSED] = "closed",
    [PL_UPSTREAM_BROKEN] = "broken",
    [PL_UPSTREAM_TOO_LONG] = "too_long",
    [PL_UPSTREAM_NO_MEMORY] = "no_memory",
    [PL_UPSTREAM_CANCELLED] = "cancelled",
    [PL_UPSTREAM_STOPPED] = "stopped",
};

_Static_assert(sizeof(outcome_names) / sizeof(outcome_names[0]) == PL_UPSTREAM_OUTCOMES_COUNT,
               "every outcome has a name");

const char *pl_upstream_outcome_name(enum pl_upstream_outcome outcome)
{
    return outcome < PL_UPSTREAM_OUTCOMES_COUNT ? outcome_names[outcome] : "unknown";
}

/* ---- the request's memory ----------------------------------------------------------------------
 */

/* The cache of the calling thread, if it belongs to this server. */
static struct pl_buffer_cache *own_cache(struct pl_upstream *upstream)
{
    struct pl_thread *thread = pl_thread_own();

    return thread != NULL && thread->cache.pool == upstream->strangers.cache.pool ? &thread->cache
                                                                                  : NULL;
}

static struct pl_buffer *copy_request(struct pl_upstream *upstream, struct pl_view request)
{
    struct pl_buffer_cache *cache = own_cache(upstream);
    struct pl_buffer *copy;

    if (cache != NULL) {
        copy = pl_buffer_take(cache, request.length);
    } else {
        pthread_mutex_lock(&upstream->strangers.lock);
        copy = pl_buffer_take(&upstream->strangers.cache, request.length);
        pthread_mutex_unlock(&upstream->strangers.lock);
    }
    if (copy == NULL)
        return NULL;
    if (request.length > 0)
        memcpy(copy->data, request.bytes, request.length);
    copy->write = (uint32_t)request.length;
    return copy;
}

static void give_request(struct pl_upstream *upstream, struct pl_buffer *request)
{
    struct pl_buffer_cache *cache = own_cache(upstream);

    if (cache != NULL) {
        pl_buffer_give(cache, request);
        return;
    }
    pthread_mutex_lock(&upstream->strangers.lock);
    pl_buffer_give(&upstream->strangers.cache, request);
    pthread_mutex_unlock(&upstream->strangers.lock);
}

/* ---- begin -------------------------------------------------------------------------------------
 */

static uint32_t tries_locked(const struct pl_upstream *upstream)
{
    uint32_t tries = 0;

    for (uint32_t i = 0; i < upstream->servers_count && tries < TRIES_MAX; i++)
        tries += upstream->servers[i].addresses_count;
    return tries == 0 ? 1 : tries < TRIES_MAX ? tries : TRIES_MAX;
}

static struct pl_upstream_call_record *take_record_locked(struct pl_upstream *upstream)
{
    struct pl_link *link = pl_list_take_first(&upstream->free_calls);
    struct pl_upstream_call_record *record;

    if (link == NULL)
        return NULL;
    record = PL_CONTAINER_OF(PL_CONTAINER_OF(link, struct pl_upstream_waiter, link),
                             struct pl_upstream_call_record, waiter);
    record->generation++;
    record->conn = NULL;
    record->tries_left = tries_locked(upstream);
    return record;
}

static void begin(struct pl_upstream_call_record *record, const struct pl_upstream_call *call,
                  struct pl_buffer *request, uint32_t set)
{
    const struct pl_upstream_timeouts_settings *timeouts = &record->upstream->settings->timeouts;
    int64_t now_ms = pl_clock_ms();
    int64_t total_ms = timeouts->total_us / 1000;

    if (call->total_ms > 0 && call->total_ms < total_ms)
        total_ms = call->total_ms;
    record->call = *call;
    record->call.request = (struct pl_view){ .bytes = NULL };
    record->request = request;
    record->waiter.set = set;
    record->waiter.avoid = NULL;
    record->begun_ns = pl_clock_ns();
    record->total_due_ms = now_ms + total_ms;
    record->wait_due_ms = now_ms + timeouts->wait_us / 1000;
    record->was_retried = false;
    record->was_reused = false;
    record->is_ended = false;
    atomic_store(&record->is_cancelled, false);
}

/* A connection, or a place in line; nobody overtakes those who stand there. Errors: -EAGAIN. */
static int enter_locked(struct pl_upstream *upstream, struct pl_upstream_call_record *record,
                        enum pl_upstream_grant *ret_grant, struct pl_upstream_conn **ret_conn)
{
    enum pl_upstream_grant grant = PL_UPSTREAM_GRANT_NONE;

    if (pl_list_is_empty(&upstream->line))
        grant = pl_upstream_acquire_locked(upstream, &record->waiter, ret_conn);
    if (grant != PL_UPSTREAM_GRANT_NONE) {
        pl_upstream_assign_locked(*ret_conn, &record->waiter);
    } else {
        int err = pl_upstream_stand_in_line_locked(upstream, &record->waiter);

        if (err < 0)
            return err;
    }
    *ret_grant = grant;
    return 0;
}

static void free_record_locked(struct pl_upstream_call_record *record)
{
    record->generation++;
    pl_list_prepend(&record->upstream->free_calls, &record->waiter.link);
}

static int begin_locked(struct pl_upstream *upstream, const struct pl_upstream_call *call,
                        struct pl_buffer *request, uint32_t set,
                        struct pl_upstream_call_record **ret_record,
                        enum pl_upstream_grant *ret_grant, struct pl_upstream_conn **ret_conn)
{
    struct pl_upstream_call_record *record;
    int err;

    if (upstream->is_stopped)
        return -ESHUTDOWN;
    record = take_record_locked(upstream);
    if (record == NULL) {
        PL_UPSTREAM_COUNT(upstream, refusals);
        return -EAGAIN;
    }
    begin(record, call, request, set);
    err = enter_locked(upstream, record, ret_grant, ret_conn);
    if (err < 0) {
        free_record_locked(record);
        return err;
    }
    (void)pl_upstream_visit_locked(upstream);
    *ret_record = record;
    return 0;
}

int pl_upstream_call(struct pl_upstream *upstream, const struct pl_upstream_call *call,
                     struct pl_upstream_ticket *ret_ticket)
{
    uint32_t set = pl_upstream_own_set();
    struct pl_upstream_ticket ticket = { .upstream = upstream };
    struct pl_upstream_call_record *record;
    struct pl_upstream_place place = { .token = PL_UPSTREAM_NOWHERE };
    struct pl_upstream_conn *conn = NULL;
    enum pl_upstream_grant grant;
    struct pl_buffer *request;
    int64_t due_ms = 0;
    int err;

    PL_ASSERT(call->framer != NULL && call->done != NULL);
    if (call->request.length > PL_BUFFER_BYTES_MAX)
        return -EMSGSIZE;
    request = copy_request(upstream, call->request);
    if (request == NULL)
        return -ENOBUFS;
    pthread_mutex_lock(&upstream->lock);
    err = begin_locked(upstream, call, request, set, &record, &grant, &conn);
    if (err == 0) {
        ticket.index = record->index;
        ticket.generation = record->generation;
        if (conn != NULL)
            place = conn->place;
        due_ms =
            record->wait_due_ms < record->total_due_ms ? record->wait_due_ms : record->total_due_ms;
        /* Nothing will come of waiting; the keeper says so. */
        if (pl_upstream_is_hopeless_locked(upstream))
            due_ms = 0;
    }
    pthread_mutex_unlock(&upstream->lock);
    if (err < 0) {
        give_request(upstream, request);
        return err;
    }
    /* The record is somebody else's from here on. */
    if (ret_ticket != NULL)
        *ret_ticket = ticket;
    if (grant == PL_UPSTREAM_GRANT_IDLE)
        pl_upstream_conn_rouse(conn, place, set);
    else if (grant == PL_UPSTREAM_GRANT_NEW)
        pl_upstream_conn_open(conn, set);
    else
        pl_upstream_keeper_hasten(upstream, due_ms);
    pl_upstream_leave(upstream);
    return 0;
}

/* ---- end ---------------------------------------------------------------------------------------
 */

static void count_end_locked(struct pl_upstream *upstream,
                             const struct pl_upstream_call_record *record,
                             enum pl_upstream_outcome outcome, int64_t took_us)
{
    switch (outcome) {
    case PL_UPSTREAM_REPLIED:
        pl_upstream_note_success_locked(record->conn->server);
        upstream->latency_us.counts[pl_histogram_bucket((uint64_t)took_us)]++;
        upstream->latency_us.sum += (uint64_t)took_us;
        break;
    case PL_UPSTREAM_WAIT_TIMEOUT:
    case PL_UPSTREAM_CONNECT_TIMEOUT:
    case PL_UPSTREAM_FIRST_BYTE_TIMEOUT:
    case PL_UPSTREAM_TOTAL_TIMEOUT:
        PL_UPSTREAM_COUNT(upstream, timeouts);
        break;
    case PL_UPSTREAM_CANCELLED:
        PL_UPSTREAM_COUNT(upstream, cancels);
        break;
    case PL_UPSTREAM_UNRESOLVED:
    case PL_UPSTREAM_CONNECT_FAILED:
    case PL_UPSTREAM_CLOSED:
    case PL_UPSTREAM_BROKEN:
    case PL_UPSTREAM_TOO_LONG:
    case PL_UPSTREAM_NO_MEMORY:
    case PL_UPSTREAM_STOPPED:
    case PL_UPSTREAM_OUTCOMES_COUNT:
        break;
    }
}

void pl_upstream_complete(struct pl_upstream_call_record *record, enum pl_upstream_outcome outcome,
                          struct pl_view reply)
{
    struct pl_upstream *upstream = record->upstream;
    const struct pl_upstream_result result = { .outcome = outcome,
                                               .reply = reply,
                                               .took_us = (pl_clock_ns() - record->begun_ns) / 1000,
                                               .was_reused = record->was_reused };
    pl_upstream_done *done = record->call.done;
    void *context = record->call.context;

    give_request(upstream, record->request);
    record->request = NULL;
    pthread_mutex_lock(&upstream->lock);
    count_end_locked(upstream, record, outcome, result.took_us);
    free_record_locked(record);
    pthread_mutex_unlock(&upstream->lock);
    done(&result, context);
}

void pl_upstream_complete_later(struct pl_upstream_call_record *record,
                                enum pl_upstream_outcome outcome)
{
    struct pl_upstream *upstream = record->upstream;

    record->outcome = outcome;
    pthread_mutex_lock(&upstream->lock);
    record->conn = NULL;
    record->is_ended = true;
    pl_list_append(&upstream->ended, &record->waiter.link);
    pthread_mutex_unlock(&upstream->lock);
    pl_upstream_keeper_hasten(upstream, pl_clock_ms());
}

bool pl_upstream_is_unwanted(const struct pl_upstream_call_record *record)
{
    return atomic_load(&record->is_cancelled) ||
           (record->call.client.table != NULL && !pl_conn_is_awaited(&record->call.client));
}

void pl_upstream_cancel(const struct pl_upstream_ticket *ticket)
{
    struct pl_upstream *upstream = ticket->upstream;
    struct pl_upstream_call_record *record = &upstream->calls[ticket->index];
    struct pl_upstream_call_record *told = NULL;
    struct pl_upstream_place place = { .token = PL_UPSTREAM_NOWHERE };
    bool is_visiting;

    pthread_mutex_lock(&upstream->lock);
    is_visiting = pl_upstream_visit_locked(upstream);
    if (record->generation == ticket->generation && !record->is_ended && is_visiting) {
        atomic_store(&record->is_cancelled, true);
        if (record->conn != NULL) {
            place = record->conn->place;
        } else if (pl_link_is_linked(&record->waiter.link)) {
            pl_list_unlink(&record->waiter.link);
            upstream->waiting--;
            told = record;
        }
    }
    pthread_mutex_unlock(&upstream->lock);
    if (told != NULL)
        pl_upstream_complete(told, PL_UPSTREAM_CANCELLED, PL_VIEW(""));
    /* After the stop there is nothing that could be cancelled: all calls end. */
    if (!is_visiting)
        return;
    /* The time is over for what is under way: its holder asks why. */
    pl_upstream_interrupt(upstream, place);
    pl_upstream_leave(upstream);
}
