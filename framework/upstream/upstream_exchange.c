/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upstream connections speak, seen by the stages: to send what a call wants sent, and to
 * receive until the call's framer is satisfied.
 *
 *     connecting ─writable, SO_ERROR─▶ rest ─assigned─▶ check ─▶ send ─▶ receive, frame ─▶ done
 *                                       ▲ │                                                 │
 *                                       │ └ lessee: lent, taken back ─────────┐             │
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

#include <string.h>

static struct pl_upstream_conn *record_of(const struct pl_conn *conn)
{
    return conn->state;
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

enum pl_next pl_upstream_end_as(struct pl_upstream_conn *conn, enum pl_upstream_outcome failure)
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
        return pl_upstream_end_as(conn, PL_UPSTREAM_CONNECT_FAILED);
    }
    conn->is_connecting = false;
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, connects);
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
        return pl_upstream_end_as(conn, pl_conn_input(conn->conn).length > 0 ? PL_UPSTREAM_BROKEN
                                                                             : PL_UPSTREAM_CLOSED);
    }
    if (pl_output_append(&conn->conn->output, record->request->data,
                         pl_buffer_length(record->request)) < 0)
        return pl_upstream_end_as(conn, PL_UPSTREAM_NO_MEMORY);
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
        return pl_upstream_end_as(conn, PL_UPSTREAM_TOO_LONG);
    switch (found) {
    case PL_UPSTREAM_WHOLE:
        return reply(conn, bytes, false);
    case PL_UPSTREAM_WHOLE_END:
        return reply(conn, bytes, true);
    case PL_UPSTREAM_REFUSED:
        return pl_upstream_end_as(conn, PL_UPSTREAM_BROKEN);
    case PL_UPSTREAM_MORE:
        break;
    }
    if (conn->conn->is_peer_done)
        return pl_upstream_end_as(conn, PL_UPSTREAM_CLOSED);
    if (pl_conn_input(conn->conn).length >= conn->upstream->settings->message_bytes_max)
        return pl_upstream_end_as(conn, PL_UPSTREAM_TOO_LONG);
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

void pl_upstream_set_rest_due(struct pl_upstream_conn *conn)
{
    const struct pl_upstream_pool_settings *pool = &conn->upstream->settings->pool;
    int64_t idle_until_ms = pl_clock_ms() + pool->max_idle_us / 1000;
    int64_t old_ms = conn->born_ms + pool->max_lifetime_us / 1000;

    conn->due_ms = idle_until_ms < old_ms ? idle_until_ms : old_ms;
}

static enum pl_next rest(struct pl_upstream_conn *conn)
{
    struct pl_conn *raw = conn->conn;

    if (pl_conn_input(raw).length > 0 || raw->is_peer_done || raw->is_hung_up) {
        count_discard(conn->upstream);
        return end(conn);
    }
    if (raw->is_draining || atomic_load(&pl_engine_face_of(raw->slot.engine)->is_draining))
        return end(conn);
    pl_upstream_set_rest_due(conn);
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
bool pl_upstream_conn_is_cancelled(struct pl_upstream_conn *conn)
{
    bool is_so;

    if (conn->call != NULL)
        return atomic_load(&conn->call->is_cancelled);
    pthread_mutex_lock(&conn->upstream->lock);
    is_so = conn->assigned != NULL && atomic_load(&conn->assigned->is_cancelled);
    pthread_mutex_unlock(&conn->upstream->lock);
    return is_so;
}

enum pl_upstream_outcome pl_upstream_name_timeout(struct pl_upstream_conn *conn)
{
    int64_t now_ms = pl_clock_ms();

    if (pl_upstream_conn_is_cancelled(conn))
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

    conn->failure = pl_upstream_name_timeout(conn);
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
    return conn->is_connecting && !is_wanted ? pl_upstream_end_as(conn, PL_UPSTREAM_STOPPED)
                                             : PL_RUN_PROCESS;
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
