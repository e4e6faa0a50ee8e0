/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output → socket. Bytes are gathered into one send; a file follows a header that is marked as
 * having more. While a send would block, nothing is read and no request is run.
 */
#include "conn.h"

#include "clock.h"
#include "transport.h"

#include <sys/socket.h>

static enum pl_io send_some(struct pl_conn *conn, size_t *ret_length)
{
    struct iovec pieces[PL_SEND_PIECES_MAX];
    struct pl_buffer *first = conn->output.first;
    struct pl_file_piece *file = (struct pl_file_piece *)(void *)first->data;
    bool has_more;
    size_t count, length;

    if (first->piece == PL_PIECE_FILE) {
        length = file->length < conn->slot.thread->turn_output_left
                     ? file->length
                     : conn->slot.thread->turn_output_left;
        has_more = length < conn->output.length;
        return conn->transport->send_file(conn, file, length, has_more, ret_length);
    }
    count = pl_output_gather(&conn->output, pieces, PL_SEND_PIECES_MAX, &has_more);
    return conn->transport->send(conn, pieces, count, has_more, ret_length);
}

/* The last byte of a conversation has left: close at once, or let the peer read it first. */
static enum pl_next finish(struct pl_conn *conn)
{
    bool has_unread = conn->is_readable || (conn->input != NULL && pl_buffer_length(conn->input));

    if (conn->is_lingering || conn->is_peer_done || (!conn->wants_linger && !has_unread))
        return PL_CLOSE;
    if (shutdown(conn->slot.handle.fd, SHUT_WR) < 0)
        return PL_CLOSE;
    conn->is_lingering = true;
    conn->lingered_bytes = 0;
    conn->is_readable = true;
    conn->deadline = PL_DEADLINE_NONE;
    conn->read_due_ms = pl_clock_ms() + PL_LINGER_MS;
    pl_buffer_give(&conn->slot.thread->cache, conn->input);
    conn->input = NULL;
    return PL_RUN_RECEIVE;
}

static enum pl_next sent_all(struct pl_conn *conn)
{
    enum pl_next next = (enum pl_next)conn->after_send;

    conn->write_due_ms = PL_TIMER_NEVER;
    if (next == PL_CLOSE)
        return finish(conn);
    if (next == PL_AGAIN)
        conn->slot.next = PL_RUN_PROCESS;
    return next;
}

static enum pl_next blocked(struct pl_conn *conn)
{
    if (conn->write_due_ms == PL_TIMER_NEVER) {
        conn->unacknowledged_bytes = pl_socket_count_unacknowledged(conn->slot.handle.fd);
        pl_conn_start_window(conn, pl_clock_ms());
        conn->write_due_ms = conn->window_ms + conn->service->write_ms;
    }
    return PL_WAIT;
}

/* What the peer has taken since this was asked last, when `sent` bytes went to the kernel. */
static size_t take_acknowledged(struct pl_conn *conn, size_t sent)
{
    size_t before = conn->unacknowledged_bytes + sent;
    uint32_t now = pl_socket_count_unacknowledged(conn->slot.handle.fd);

    conn->unacknowledged_bytes = now;
    return now < before ? before - now : 0;
}

static bool note_write_progress(struct pl_conn *conn, size_t bytes)
{
    return pl_conn_note_progress(conn, &conn->write_due_ms, conn->service->write_ms, bytes);
}

/* TCP calls a socket writable again when a third of its buffer is free: of megabytes, for which a
 * peer that reads steadily may need longer than the deadline. Any other time-out is the owner's,
 * and ends the connection whatever the peer does. */
static bool survives_time_out(struct pl_conn *conn)
{
    size_t bytes;

    if (conn->write_due_ms > pl_clock_ms())
        return false;
    bytes = take_acknowledged(conn, 0);
    return bytes > 0 && note_write_progress(conn, bytes);
}

enum pl_next pl_conn_send(struct pl_conn *conn)
{
    struct pl_thread *thread = conn->slot.thread;

    pl_conn_assert_held(conn);
    if (conn->notices & PL_TIMEOUT) {
        if (!survives_time_out(conn)) {
            PL_COUNT(thread->stats, timeouts);
            return PL_CLOSE;
        }
        conn->notices &= (uint8_t)~PL_TIMEOUT;
    }
    while (conn->output.first != NULL) {
        size_t length = 0;

        if (thread->turn_output_left == 0) {
            conn->slot.next = PL_RUN_SEND;
            return PL_AGAIN;
        }
        switch (send_some(conn, &length)) {
        case PL_IO_DONE:
            break;
        case PL_IO_WOULD_BLOCK:
            return blocked(conn);
        case PL_IO_END: /* the file ended before its range: its length was promised */
        case PL_IO_FAILED:
            return PL_CLOSE;
        }
        pl_output_sent(&conn->output, length);
        thread->turn_output_left -=
            length < thread->turn_output_left ? length : thread->turn_output_left;
        PL_COUNT_BY(thread->stats, bytes_sent, length);
        pl_ledger_add(&pl_conn_ledger(conn)->sent, length);
        if (conn->write_due_ms != PL_TIMER_NEVER &&
            !note_write_progress(conn, take_acknowledged(conn, length)))
            return PL_CLOSE;
    }
    return sent_all(conn);
}
