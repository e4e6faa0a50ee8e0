/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream connection as a slot: a connection like an accepted one, whose protocol is to send
 * what a call wants sent and to receive until the call's framer is satisfied.
 *
 *     connecting ─writable, SO_ERROR─▶ rest ─assigned─▶ check ─▶ send ─▶ receive, frame ─▶ done
 *                                       ▲ │                                                 │
 *                                       │ └ lessee: handed over, taken back ──┐             │
 *                                       └─────────────── pass on ◀────────────┴─────────────┘
 *
 * Which thread receives, frames and sends is the dispatch model's, as with any connection. A reply
 * goes to the callback of its call, and from there by pl_conn_post() to whoever waits for it: no
 * thread holds an upstream connection and a client's at once.
 *
 * Invariant: a request is sent only over a connection that proved silent just before, and a
 * connection whose reply had anything behind it is not used again.
 */
#include "upstream.h"

#include "assert.h"
#include "clock.h"
#include "socket.h"

#include <paceline/log.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

static const struct pl_slot_kind upstream_kind;

static struct pl_upstream_conn *record_of(const struct pl_conn *conn)
{
    return conn->state;
}

static const struct pl_engine_ops *ops_of(const struct pl_slot *slot)
{
    return pl_engine_face_of(slot->engine)->ops;
}

void pl_upstream_note_failure(struct pl_upstream *upstream, struct pl_upstream_server *server)
{
    int64_t ejected_ms;

    pthread_mutex_lock(&upstream->lock);
    ejected_ms = pl_upstream_note_failure_locked(upstream, server, pl_clock_ms());
    pthread_mutex_unlock(&upstream->lock);
    if (ejected_ms == 0)
        return;
    PL_LOG(PL_LOG_WARNING, "upstream %s: %s failed %u times in a row, left alone for %lld ms",
           upstream->settings->name, server->text, upstream->settings->eject.failures,
           (long long)ejected_ms);
    pl_upstream_close_unfit(upstream, server);
}

bool pl_upstream_conn_is_young(const struct pl_upstream_conn *conn)
{
    const struct pl_upstream_pool_settings *pool = &conn->upstream->settings->pool;

    return (pool->max_requests == 0 || conn->exchanges < pool->max_requests) &&
           pl_clock_ms() < conn->born_ms + pool->max_lifetime_us / 1000;
}

/* ---- connecting --------------------------------------------------------------------------------
 */

/* The slot is the connection's from now on; both belong to the caller. */
static int take_slot(struct pl_upstream_conn *conn, uint32_t set, int fd, bool is_lent)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_engine *engine = upstream->engines[set];
    struct pl_slot *slot = pl_engine_face_of(engine)->ops->take(engine);

    if (slot == NULL)
        return -ENOBUFS;
    pl_conn_init(pl_conn_of(slot), &upstream_kind, &upstream->service, fd);
    pl_conn_of(slot)->state = conn;
    slot->is_lent = is_lent;
    conn->conn = pl_conn_of(slot);
    conn->armed_ms = PL_TIMER_NEVER;
    pthread_mutex_lock(&upstream->lock);
    conn->place = (struct pl_upstream_place){ .set = set, .token = slot->handle.token };
    pthread_mutex_unlock(&upstream->lock);
    return 0;
}

static void begin_record(struct pl_upstream_conn *conn, int64_t now_ms)
{
    conn->call = NULL;
    conn->born_ms = now_ms;
    conn->failure = PL_UPSTREAM_REPLIED;
    conn->connect_err = 0;
    conn->is_connecting = true;
    conn->is_sent = false;
    conn->has_got_bytes = false;
}

/* What is lacking here says nothing about the server. */
static enum pl_upstream_outcome outcome_of_connect(int err)
{
    switch (-err) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return PL_UPSTREAM_NO_MEMORY;
    default:
        return PL_UPSTREAM_CONNECT_FAILED;
    }
}

/* What it was made for is tried elsewhere, or told. */
static void fail_to_connect(struct pl_upstream_conn *conn, enum pl_upstream_outcome outcome,
                            int err)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_upstream_call_record *ended = NULL;
    bool is_at_once = conn->conn == NULL; /* perhaps inside the callback of another call */
    bool is_fault = outcome == PL_UPSTREAM_CONNECT_FAILED || outcome == PL_UPSTREAM_CONNECT_TIMEOUT;

    if (outcome == PL_UPSTREAM_NO_MEMORY)
        PL_LOG_RATED(
            PL_LOG_WARNING,
            "upstream %s: no descriptors, slots or memory left for a connection (errno %d)",
            upstream->settings->name, -err);
    if (is_fault) {
        char reason[128] = "no answer in time";

        PL_LOG_RATED(PL_LOG_WARNING, "upstream %s: cannot connect to %s: %s",
                     upstream->settings->name, conn->server->text,
                     err == 0 ? reason : strerror_r(-err, reason, sizeof(reason)));
        pl_upstream_note_failure(upstream, conn->server);
    }
    pthread_mutex_lock(&upstream->lock);
    if (is_fault)
        PL_UPSTREAM_COUNT(upstream, connects_failed);
    if (!conn->is_warming)
        upstream->counters[PL_UPSTREAM_COUNT_leases]--; /* it was none after all */
    upstream->warm_not_before_ms = pl_clock_ms() + PL_UPSTREAM_WARM_RETRY_MS;
    if (conn->assigned != NULL) {
        conn->assigned->waiter.avoid = conn->server;
        if (!is_fault || --conn->assigned->tries_left == 0) {
            ended = conn->assigned;
            conn->assigned = NULL;
        }
    }
    pthread_mutex_unlock(&upstream->lock);
    pl_upstream_gone(conn);
    if (ended != NULL && is_at_once)
        pl_upstream_complete_later(ended, outcome);
    else if (ended != NULL)
        pl_upstream_complete(ended, outcome, PL_VIEW(""));
}

static int64_t connect_due_ms(struct pl_upstream_conn *conn, int64_t now_ms)
{
    int64_t due_ms = now_ms + conn->upstream->settings->timeouts.connect_us / 1000;

    pthread_mutex_lock(&conn->upstream->lock);
    if (conn->assigned != NULL && conn->assigned->total_due_ms < due_ms)
        due_ms = conn->assigned->total_due_ms;
    pthread_mutex_unlock(&conn->upstream->lock);
    return due_ms;
}

void pl_upstream_conn_open(struct pl_upstream_conn *conn, uint32_t set)
{
    struct pl_engine *engine = conn->upstream->engines[set];
    int64_t now_ms = pl_clock_ms();
    int fd, err;

    begin_record(conn, now_ms);
    err = pl_socket_connect(&conn->address, &fd);
    if (err < 0) {
        fail_to_connect(conn, outcome_of_connect(err), err);
        return;
    }
    err = take_slot(conn, set, fd, false);
    if (err < 0) {
        pl_close_fd(&fd);
        fail_to_connect(conn, PL_UPSTREAM_NO_MEMORY, err);
        return;
    }
    conn->due_ms = connect_due_ms(conn, now_ms);
    conn->conn->slot.next = PL_RUN_PROCESS;
    ops_of(&conn->conn->slot)->ready(engine, &conn->conn->slot);
}

static int wait_until_connected(int fd, int64_t until_ms)
{
    int err = 0;

    for (;;) {
        struct pollfd handle = { .fd = fd, .events = POLLOUT };
        int64_t left_ms = until_ms - pl_clock_ms();

        switch (pl_socket_check_connected(fd, &err)) {
        case PL_IO_DONE:
            return 0;
        case PL_IO_WOULD_BLOCK:
            break;
        case PL_IO_END:
        case PL_IO_FAILED:
            return err;
        }
        if (left_ms <= 0)
            return -ETIMEDOUT;
        (void)poll(&handle, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
    }
}

/* Errors: -ENOBUFS, -ESHUTDOWN. */
static int take_slot_lent(struct pl_upstream_conn *conn, int fd)
{
    struct pl_upstream *upstream = conn->upstream;
    bool is_visiting;
    int err;

    pthread_mutex_lock(&upstream->lock);
    is_visiting = pl_upstream_visit_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (!is_visiting)
        return -ESHUTDOWN;
    err = take_slot(conn, conn->place.set, fd, true);
    pl_upstream_leave(upstream);
    return err;
}

static int connect_within(struct pl_upstream_conn *conn, int64_t until_ms, int *ret_fd)
{
    int err = pl_socket_connect(&conn->address, ret_fd);

    if (err == 0)
        err = wait_until_connected(*ret_fd, until_ms);
    return err;
}

static void count_connect(struct pl_upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, connects);
    pthread_mutex_unlock(&upstream->lock);
}

int pl_upstream_conn_open_lent(struct pl_upstream_conn *conn, int64_t until_ms)
{
    int64_t now_ms = pl_clock_ms();
    int64_t due_ms = now_ms + conn->upstream->settings->timeouts.connect_us / 1000;
    enum pl_upstream_outcome failure = PL_UPSTREAM_CONNECT_FAILED;
    int fd = -1, err;

    begin_record(conn, now_ms);
    err = connect_within(conn, due_ms < until_ms ? due_ms : until_ms, &fd);
    /* A lessee that would not wait as long as a connection may take says nothing about the server.
     */
    if (err < 0)
        failure = outcome_of_connect(err);
    if (err == -ETIMEDOUT)
        failure = due_ms <= until_ms ? PL_UPSTREAM_CONNECT_TIMEOUT : PL_UPSTREAM_TOTAL_TIMEOUT;
    if (err == 0) {
        err = take_slot_lent(conn, fd);
        failure = err == -ESHUTDOWN ? PL_UPSTREAM_STOPPED : PL_UPSTREAM_NO_MEMORY;
    }
    if (err < 0) {
        pl_close_fd(&fd);
        fail_to_connect(conn, failure, err);
        return err;
    }
    conn->is_connecting = false;
    count_connect(conn->upstream);
    return 0;
}

static enum pl_next wait_for(struct pl_upstream_conn *conn, uint32_t reasons)
{
    pl_conn_wait_for(conn->conn, reasons);
    return PL_WAIT;
}

/* Nothing that stands in the connection is of use any more, least of all for a lingering close. */
static enum pl_next end(struct pl_upstream_conn *conn)
{
    struct pl_conn *raw = conn->conn;

    conn->has_got_bytes |= pl_conn_input(raw).length > 0;
    pl_buffer_give(&raw->slot.thread->cache, raw->input);
    raw->input = NULL;
    raw->is_readable = false;
    pl_output_drop(&raw->output);
    return PL_CLOSE;
}

static enum pl_next end_as(struct pl_upstream_conn *conn, enum pl_upstream_outcome failure)
{
    conn->failure = failure;
    return end(conn);
}

static enum pl_next go_on_connecting(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    bool is_wanted;
    int err = 0;

    switch (pl_socket_check_connected(conn->conn->slot.handle.fd, &err)) {
    case PL_IO_DONE:
        break;
    case PL_IO_WOULD_BLOCK:
        return wait_for(conn, PL_WRITABLE);
    case PL_IO_END:
    case PL_IO_FAILED:
        conn->connect_err = err;
        return end_as(conn, PL_UPSTREAM_CONNECT_FAILED);
    }
    conn->is_connecting = false;
    count_connect(upstream);
    pthread_mutex_lock(&upstream->lock);
    is_wanted = conn->assigned != NULL || conn->lessee != NULL;
    pthread_mutex_unlock(&upstream->lock);
    if (!is_wanted)
        (void)pl_upstream_pass_on(conn, true);
    return PL_RUN_PROCESS;
}

/* ---- a call ------------------------------------------------------------------------------------
 */

static bool is_quiet(const struct pl_conn *raw)
{
    return pl_conn_input(raw).length == 0 && !raw->is_peer_done &&
           pl_socket_peek(raw->slot.handle.fd) == PL_IO_WOULD_BLOCK;
}

static void count_discard(struct pl_upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, discards);
    pthread_mutex_unlock(&upstream->lock);
}

static enum pl_next send_request(struct pl_upstream_conn *conn)
{
    struct pl_upstream_call_record *record = conn->call;
    const struct pl_upstream_timeouts_settings *timeouts = &conn->upstream->settings->timeouts;

    record->was_reused = conn->exchanges > 0;
    if (!is_quiet(conn->conn)) {
        count_discard(conn->upstream);
        return end_as(conn, pl_conn_input(conn->conn).length > 0 ? PL_UPSTREAM_BROKEN
                                                                 : PL_UPSTREAM_CLOSED);
    }
    if (pl_output_append(&conn->conn->output, record->request->data,
                         pl_buffer_length(record->request)) < 0)
        return end_as(conn, PL_UPSTREAM_NO_MEMORY);
    memset(record->scratch, 0, sizeof(record->scratch));
    record->first_byte_due_ms =
        pl_thread_now_ms(conn->conn->slot.thread) + timeouts->first_byte_us / 1000;
    conn->is_sent = true;
    return PL_RUN_SEND;
}

/* The connection goes on to the next exchange, or ends, before the callback runs: what the callback
 * starts may already have it. */
static enum pl_next reply(struct pl_upstream_conn *conn, size_t bytes, bool is_last)
{
    struct pl_conn *raw = conn->conn;
    struct pl_upstream_call_record *record = conn->call;
    struct pl_buffer *input = raw->input;
    struct pl_view view = { .bytes = "", .length = 0 };
    bool is_reusable;

    if (input != NULL)
        view = pl_buffer_view(input);
    conn->exchanges++;
    conn->call = NULL;
    conn->is_sent = false;
    raw->input = NULL;
    is_reusable = !is_last && bytes == view.length && !raw->is_peer_done && !raw->is_hung_up;
    view.length = bytes;
    (void)pl_upstream_pass_on(conn, is_reusable);
    pl_upstream_complete(record, PL_UPSTREAM_REPLIED, view);
    pl_buffer_give(&raw->slot.thread->cache, input);
    return PL_RUN_PROCESS;
}

static enum pl_upstream_frame ask_framer(struct pl_upstream_conn *conn, size_t *ret_bytes)
{
    struct pl_upstream_call_record *record = conn->call;
    struct pl_view input = pl_conn_input(conn->conn);
    enum pl_upstream_frame found =
        record->call.framer(input, conn->conn->is_peer_done, record->scratch, ret_bytes);

    PL_ASSERT(found == PL_UPSTREAM_MORE || found == PL_UPSTREAM_REFUSED ||
              *ret_bytes <= input.length);
    return found;
}

static enum pl_next receive_reply(struct pl_upstream_conn *conn)
{
    enum pl_upstream_frame found;
    size_t bytes = 0;

    if (pl_conn_input(conn->conn).length == 0 && !conn->conn->is_peer_done)
        return wait_for(conn, PL_READABLE);
    found = ask_framer(conn, &bytes);
    if (found != PL_UPSTREAM_REFUSED && bytes > conn->upstream->settings->message_bytes_max)
        return end_as(conn, PL_UPSTREAM_TOO_LONG);
    switch (found) {
    case PL_UPSTREAM_WHOLE:
        return reply(conn, bytes, false);
    case PL_UPSTREAM_WHOLE_END:
        return reply(conn, bytes, true);
    case PL_UPSTREAM_REFUSED:
        return end_as(conn, PL_UPSTREAM_BROKEN);
    case PL_UPSTREAM_MORE:
        break;
    }
    if (conn->conn->is_peer_done)
        return end_as(conn, PL_UPSTREAM_CLOSED);
    if (pl_conn_input(conn->conn).length >= conn->upstream->settings->message_bytes_max)
        return end_as(conn, PL_UPSTREAM_TOO_LONG);
    return wait_for(conn, PL_READABLE);
}

/* ---- between exchanges -------------------------------------------------------------------------
 */

/* Takes what was assigned; the state of a connection that nobody has is told. */
static enum pl_upstream_state take_assigned(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    enum pl_upstream_state state;

    pthread_mutex_lock(&upstream->lock);
    conn->call = conn->assigned;
    conn->assigned = NULL;
    state = conn->state;
    if (conn->lessee != NULL)
        state = conn->state = PL_UPSTREAM_LENT;
    pthread_mutex_unlock(&upstream->lock);
    return state;
}

static void set_rest_due(struct pl_upstream_conn *conn)
{
    const struct pl_upstream_pool_settings *pool = &conn->upstream->settings->pool;
    int64_t idle_until_ms = pl_clock_ms() + pool->max_idle_us / 1000;
    int64_t old_ms = conn->born_ms + pool->max_lifetime_us / 1000;

    conn->due_ms = idle_until_ms < old_ms ? idle_until_ms : old_ms;
}

static enum pl_next rest(struct pl_upstream_conn *conn)
{
    struct pl_conn *raw = conn->conn;

    if (raw->input != NULL || raw->is_peer_done || raw->is_hung_up) {
        count_discard(conn->upstream);
        return end(conn);
    }
    if (raw->is_draining || atomic_load(&pl_engine_face_of(raw->slot.engine)->is_draining))
        return end(conn);
    set_rest_due(conn);
    return wait_for(conn, PL_READABLE | PL_COMPLETION);
}

/* What has been received already the lessee could not see. */
static enum pl_next lend_quiet(struct pl_upstream_conn *conn)
{
    struct pl_conn *raw = conn->conn;

    if (pl_conn_input(raw).length == 0 && !raw->is_peer_done && !raw->is_hung_up)
        return PL_LEND;
    count_discard(conn->upstream);
    return end(conn);
}

static enum pl_next process(struct pl_conn *raw)
{
    struct pl_upstream_conn *conn = record_of(raw);

    if (conn->is_connecting)
        return go_on_connecting(conn);
    if (conn->call != NULL)
        return conn->is_sent ? receive_reply(conn) : send_request(conn);
    switch (take_assigned(conn)) {
    case PL_UPSTREAM_LENT:
        return lend_quiet(conn);
    case PL_UPSTREAM_DOOMED:
        return end(conn);
    case PL_UPSTREAM_IDLE:
        return rest(conn);
    case PL_UPSTREAM_LEASED:
    case PL_UPSTREAM_FREE:
        break;
    }
    if (conn->call != NULL && !pl_upstream_is_unwanted(conn->call))
        return PL_RUN_PROCESS;
    /* Whoever it was meant for has gone meanwhile. */
    if (conn->call != NULL)
        pl_upstream_complete(conn->call, PL_UPSTREAM_CANCELLED, PL_VIEW(""));
    conn->call = NULL;
    (void)pl_upstream_pass_on(conn, true);
    return PL_RUN_PROCESS;
}

static enum pl_frame frame(struct pl_conn *raw)
{
    struct pl_upstream_conn *conn = record_of(raw);
    size_t bytes;

    if (conn->call == NULL || !conn->is_sent ||
        pl_conn_input(raw).length >= conn->upstream->settings->message_bytes_max)
        return PL_FRAME_UNIT;
    return ask_framer(conn, &bytes) == PL_UPSTREAM_MORE ? PL_FRAME_INCOMPLETE : PL_FRAME_UNIT;
}

/* ---- ends --------------------------------------------------------------------------------------
 */

/* The call that it is connecting for, or that is under way. */
static bool is_cancelled(struct pl_upstream_conn *conn)
{
    bool is_so;

    if (conn->call != NULL)
        return atomic_load(&conn->call->is_cancelled);
    pthread_mutex_lock(&conn->upstream->lock);
    is_so = conn->assigned != NULL && atomic_load(&conn->assigned->is_cancelled);
    pthread_mutex_unlock(&conn->upstream->lock);
    return is_so;
}

static enum pl_upstream_outcome name_timeout(struct pl_upstream_conn *conn)
{
    int64_t now_ms = pl_clock_ms();

    if (is_cancelled(conn))
        return PL_UPSTREAM_CANCELLED;
    if (conn->is_connecting)
        return now_ms < conn->born_ms + conn->upstream->settings->timeouts.connect_us / 1000
                   ? PL_UPSTREAM_TOTAL_TIMEOUT
                   : PL_UPSTREAM_CONNECT_TIMEOUT;
    if (conn->call == NULL)
        return PL_UPSTREAM_REPLIED;
    return pl_conn_input(conn->conn).length > 0 || now_ms >= conn->call->total_due_ms
               ? PL_UPSTREAM_TOTAL_TIMEOUT
               : PL_UPSTREAM_FIRST_BYTE_TIMEOUT;
}

static enum pl_next timeout(struct pl_conn *raw)
{
    struct pl_upstream_conn *conn = record_of(raw);

    conn->failure = name_timeout(conn);
    if (conn->failure == PL_UPSTREAM_REPLIED) {
        pthread_mutex_lock(&conn->upstream->lock);
        PL_UPSTREAM_COUNT(conn->upstream, retires);
        pthread_mutex_unlock(&conn->upstream->lock);
    }
    return end(conn);
}

/* What is under way ends first; a connection at rest has no more to wait for. */
static enum pl_next shutdown_conn(struct pl_conn *raw)
{
    struct pl_upstream_conn *conn = record_of(raw);
    bool is_wanted;

    pthread_mutex_lock(&conn->upstream->lock);
    is_wanted = conn->assigned != NULL || conn->lessee != NULL;
    pthread_mutex_unlock(&conn->upstream->lock);
    return conn->is_connecting && !is_wanted ? end_as(conn, PL_UPSTREAM_STOPPED) : PL_RUN_PROCESS;
}

static enum pl_next refuse(struct pl_conn *raw)
{
    return end(record_of(raw));
}

static void opened_or_closed(struct pl_conn *raw)
{
    (void)raw;
}

const struct pl_protocol pl_upstream_protocol = { .name = "upstream",
                                                  .opened = opened_or_closed,
                                                  .frame = frame,
                                                  .process = process,
                                                  .timeout = timeout,
                                                  .shutdown = shutdown_conn,
                                                  .refuse = refuse,
                                                  .closed = opened_or_closed };

/* A call that would not wait as long as the upstream's settings do says nothing about the server.
 */
static bool is_servers_fault(const struct pl_upstream_conn *conn)
{
    switch (conn->failure) {
    case PL_UPSTREAM_TOTAL_TIMEOUT:
        return conn->call->call.total_ms == 0;
    case PL_UPSTREAM_FIRST_BYTE_TIMEOUT:
    case PL_UPSTREAM_CLOSED:
    case PL_UPSTREAM_BROKEN:
        return true;
    case PL_UPSTREAM_REPLIED:
    case PL_UPSTREAM_UNRESOLVED:
    case PL_UPSTREAM_CONNECT_FAILED:
    case PL_UPSTREAM_CONNECT_TIMEOUT:
    case PL_UPSTREAM_WAIT_TIMEOUT:
    case PL_UPSTREAM_TOO_LONG:
    case PL_UPSTREAM_NO_MEMORY:
    case PL_UPSTREAM_CANCELLED:
    case PL_UPSTREAM_STOPPED:
    case PL_UPSTREAM_OUTCOMES_COUNT:
        break;
    }
    return false;
}

/* A request that a reused connection did not answer with a single byte was most likely never seen:
 * the peer closed just then (RFC 9112, 9.3.1). */
static bool is_crossed_by_a_close(const struct pl_upstream_conn *conn)
{
    return conn->is_sent && conn->call->was_reused && !conn->has_got_bytes &&
           conn->failure == PL_UPSTREAM_CLOSED;
}

/* May the request go to another connection? One that was not sent may, unless new connections keep
 * failing it; one that may have been seen only if the application says so, and once. */
static bool may_go_elsewhere(struct pl_upstream_conn *conn)
{
    struct pl_upstream_call_record *record = conn->call;

    if (!conn->is_sent &&
        (conn->failure == PL_UPSTREAM_CLOSED || conn->failure == PL_UPSTREAM_BROKEN))
        return conn->exchanges > 0 || --record->tries_left > 0;
    if (!is_crossed_by_a_close(conn) || !record->call.is_idempotent || record->was_retried)
        return false;
    record->was_retried = true;
    return true;
}

/* What was under way on a connection that has closed: sent elsewhere, or told. Returns the call to
 * be told, or NULL. */
static struct pl_upstream_call_record *leave_call(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_upstream_call_record *record = conn->call;
    /* A new connection that ends before it was asked is as good as none. */
    bool is_fault = (conn->is_sent || conn->exchanges == 0) && !is_crossed_by_a_close(conn) &&
                    is_servers_fault(conn);
    bool is_told;

    if (is_fault)
        pl_upstream_note_failure(upstream, conn->server);
    pthread_mutex_lock(&upstream->lock);
    is_told = upstream->is_stopped || !may_go_elsewhere(conn);
    if (is_told && conn->failure != PL_UPSTREAM_CANCELLED && conn->failure != PL_UPSTREAM_STOPPED)
        PL_UPSTREAM_COUNT(upstream, failures);
    if (!is_told) {
        if (conn->is_sent)
            PL_UPSTREAM_COUNT(upstream, retries);
        record->waiter.avoid = is_fault ? conn->server : NULL;
        conn->assigned = record; /* pl_upstream_gone() puts it back in line */
    }
    pthread_mutex_unlock(&upstream->lock);
    return is_told ? record : NULL;
}

/* Why it ends, for whom it may concern. */
static enum pl_upstream_outcome name_failure(struct pl_upstream_conn *conn)
{
    enum pl_upstream_outcome failure = conn->failure;
    bool is_stopped;

    pthread_mutex_lock(&conn->upstream->lock);
    is_stopped = conn->upstream->is_stopped;
    pthread_mutex_unlock(&conn->upstream->lock);
    if (is_stopped)
        return PL_UPSTREAM_STOPPED;
    if (failure == PL_UPSTREAM_REPLIED && (conn->conn->notices & PL_TIMEOUT))
        failure = name_timeout(conn);
    if (failure == PL_UPSTREAM_REPLIED)
        failure = conn->is_connecting ? PL_UPSTREAM_CONNECT_FAILED : PL_UPSTREAM_CLOSED;
    return failure;
}

/* The record is given back after the descriptor has closed, so that pool.max is never exceeded. */
static void close_upstream(struct pl_slot *slot)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));
    struct pl_upstream_call_record *told = NULL;
    enum pl_upstream_outcome failure = name_failure(conn);

    conn->failure = failure;
    conn->has_got_bytes |= pl_conn_input(pl_conn_of(slot)).length > 0;
    pl_conn_close(slot);
    if (conn->is_connecting) {
        fail_to_connect(conn, failure, conn->connect_err);
        return;
    }
    if (conn->call != NULL)
        told = leave_call(conn);
    pl_upstream_gone(conn);
    if (told != NULL)
        pl_upstream_complete(told, failure, PL_VIEW(""));
}

/* ---- the slot ----------------------------------------------------------------------------------
 */

static int64_t due_of(const struct pl_upstream_conn *conn)
{
    const struct pl_upstream_call_record *record = conn->call;

    if (record == NULL)
        return conn->due_ms;
    if (pl_conn_input(conn->conn).length > 0 || record->total_due_ms < record->first_byte_due_ms)
        return record->total_due_ms;
    return record->first_byte_due_ms;
}

/* Before it waits. The timer is set only to be earlier: one that fires too soon is set anew, which
 * is once per time-out and not once per exchange. */
static bool set_timer(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;
    int64_t due_ms = due_of(conn);

    atomic_store_explicit(&slot->due_ms, due_ms, memory_order_relaxed);
    if (due_ms >= conn->armed_ms)
        return true;
    if (ops_of(slot)->arm_timer(slot->engine, slot, due_ms) < 0)
        return false;
    conn->armed_ms = due_ms;
    return true;
}

static enum pl_next prepare_to_wait(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;

    /* Also where a receive found nothing: what is assigned meanwhile comes as a completion. */
    if (slot->waits & PL_READABLE)
        slot->waits |= PL_COMPLETION;
    return set_timer(conn) ? PL_WAIT : end_as(conn, PL_UPSTREAM_NO_MEMORY);
}

/* To the thread that it is leased for, which may have let it go again when this returns. Thread:
 * the holder. */
static void hand_over(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *slot = &conn->conn->slot;
    bool is_taken;

    ops_of(slot)->forget(slot->engine, slot);
    slot->is_lent = true;
    pthread_mutex_lock(&upstream->lock);
    is_taken = conn->lessee != NULL;
    if (is_taken) {
        conn->lessee->is_handed = true;
        pthread_cond_signal(&conn->lessee->is_served);
        conn->lessee = NULL;
        conn->state = PL_UPSTREAM_LENT;
    }
    pthread_mutex_unlock(&upstream->lock);
    /* The lessee's deadline passed in this very moment. */
    if (!is_taken)
        pl_upstream_conn_take_back(conn, true);
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));

    if (reasons & PL_TIMEOUT) {
        conn->armed_ms = PL_TIMER_NEVER;
        if (is_cancelled(conn))
            pl_conn_of(slot)->notices |= PL_TIMEOUT;
    }
    return pl_conn_wake(slot, reasons);
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));
    enum pl_next next = pl_conn_run(slot, stages);

    return next == PL_WAIT ? prepare_to_wait(conn) : next;
}

static void lend(struct pl_slot *slot)
{
    hand_over(record_of(pl_conn_of(slot)));
}

static const struct pl_slot_kind upstream_kind = {
    .name = "upstream", .wake = wake, .run = run, .close = close_upstream, .lend = lend
};

/* ---- to and from those who wait ----------------------------------------------------------------
 */

static struct pl_slot *slot_at(struct pl_upstream *upstream, struct pl_upstream_place place)
{
    return pl_slot_table_at(&pl_engine_face_of(upstream->engines[place.set])->table,
                            (uint32_t)place.token);
}

/* To the handle set of whoever asked: a slot there, the same descriptor. Thread: the holder. */
static void move(struct pl_upstream_conn *conn, uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *old = &conn->conn->slot;
    int fd = old->handle.fd;

    ops_of(old)->forget(old->engine, old);
    if (take_slot(conn, set, fd, false) < 0) {
        pl_slot_wake(old, PL_COMPLETION); /* no room there: it stays */
        return;
    }
    old->handle.fd = -1;
    pl_claim_close(&old->claim);
    ops_of(old)->release(old->engine, old);
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, moves);
    pthread_mutex_unlock(&upstream->lock);
    pl_slot_wake(&conn->conn->slot, PL_COMPLETION);
}

/* No thread of the engine is needed for a lessee: one that waits for a lease may be the only one.
 */
void pl_upstream_conn_rouse(struct pl_upstream_conn *conn, struct pl_upstream_place place,
                            uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *slot = slot_at(upstream, place);
    bool has_lessee, must_warm;
    uint32_t reasons;

    /* Not won: its holder looks, before it lets go or after it has closed. */
    if (slot == NULL || pl_slot_claim(slot, place.token, PL_COMPLETION, &reasons) != PL_CLAIM_WON)
        return;
    pthread_mutex_lock(&upstream->lock);
    has_lessee = conn->lessee != NULL;
    must_warm = pl_upstream_must_warm_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (must_warm)
        pl_upstream_keeper_hasten(upstream, pl_clock_ms());
    /* Whatever else came: a thread that waits looks at the socket itself. It may be the last that
     * could have run a turn. */
    if (has_lessee && (reasons & PL_TIMEOUT))
        conn->armed_ms = PL_TIMER_NEVER;
    if (has_lessee)
        hand_over(conn);
    else if (place.set != set && (reasons & ~(uint32_t)PL_WRITABLE) == PL_COMPLETION)
        move(conn, set);
    else
        pl_slot_wake(slot, reasons);
}

/* Takes one of them out; false: there is none. */
static bool close_one_unfit(struct pl_upstream *upstream, const struct pl_upstream_server *server)
{
    struct pl_upstream_place place = { .token = PL_UPSTREAM_NOWHERE };
    struct pl_upstream_conn *conn = NULL;

    pthread_mutex_lock(&upstream->lock);
    if (pl_upstream_visit_locked(upstream)) {
        conn = pl_upstream_doom_one_locked(upstream, server);
        if (conn == NULL)
            pl_upstream_leave_locked(upstream);
        else
            place = conn->place;
    }
    pthread_mutex_unlock(&upstream->lock);
    if (conn == NULL)
        return false;
    pl_upstream_conn_rouse(conn, place, place.set);
    pl_upstream_leave(upstream);
    return true;
}

void pl_upstream_close_unfit(struct pl_upstream *upstream, struct pl_upstream_server *server)
{
    while (close_one_unfit(upstream, server))
        ;
}

void pl_upstream_interrupt(struct pl_upstream *upstream, struct pl_upstream_place place)
{
    struct pl_slot *slot = slot_at(upstream, place);
    uint32_t reasons;

    if (slot != NULL && pl_slot_claim(slot, place.token, PL_TIMEOUT, &reasons) == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
}

void pl_upstream_conn_close_lent(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;

    pl_claim_close(&slot->claim);
    ops_of(slot)->release(slot->engine, slot);
    pl_upstream_gone(conn);
}

/* Listed as idle and held still: whoever is given it meanwhile leaves a mark that the release
 * meets.
 */
static void let_rest(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;

    (void)wait_for(conn, PL_READABLE | PL_COMPLETION);
    slot->waits = PL_READABLE | PL_COMPLETION;
    set_rest_due(conn);
    /* In a drain, or without memory for a timer, it gets a turn, which finds out what to do. */
    if (atomic_load(&pl_engine_face_of(slot->engine)->is_draining) || !set_timer(conn)) {
        slot->next = PL_RUN_PROCESS;
        ops_of(slot)->ready(slot->engine, slot);
        return;
    }
    ops_of(slot)->let_go(slot->engine, slot);
}

static void hand_on(struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_slot *slot = &conn->conn->slot;

    switch (pl_upstream_pass_on(conn, is_reusable)) {
    case PL_UPSTREAM_PASSED_TO_LESSEE:
        hand_over(conn);
        return;
    case PL_UPSTREAM_PASSED_TO_NOBODY:
        pl_upstream_conn_close_lent(conn);
        return;
    case PL_UPSTREAM_PASSED_TO_CALL:
        slot->is_lent = false;
        slot->next = PL_RUN_PROCESS;
        ops_of(slot)->ready(slot->engine, slot);
        return;
    case PL_UPSTREAM_PASSED_TO_REST:
        slot->is_lent = false;
        let_rest(conn);
        return;
    }
}

void pl_upstream_conn_take_back(struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_upstream *upstream = conn->upstream;
    bool is_visiting;

    pthread_mutex_lock(&upstream->lock);
    is_visiting = pl_upstream_visit_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (!is_visiting)
        return;
    hand_on(conn, is_reusable);
    pl_upstream_leave(upstream);
}
