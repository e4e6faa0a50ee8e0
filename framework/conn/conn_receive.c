/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket → input. One receive per turn into one pooled block; a short one means drained, unless a
 * hang-up or an urgent mark said that more will come without an event.
 */
#include "conn.h"

#include "transport.h"

#include <paceline/log.h>

static void count_received(struct pl_conn *conn, size_t bytes)
{
    PL_COUNT_BY(conn->slot.thread->stats, bytes_received, bytes);
    pl_ledger_add(&pl_conn_ledger(conn)->received, bytes);
}

/* Ends the wait for a peer that is still sending what nobody will read (RFC 9112, 9.6). */
static enum pl_next discard(struct pl_conn *conn)
{
    struct pl_thread *thread = conn->slot.thread;
    char bytes[4096];
    size_t length = 0;

    while (thread->turn_input_left > 0) {
        switch (conn->transport->receive(conn, bytes, sizeof(bytes), &length)) {
        case PL_IO_DONE:
            conn->lingered_bytes += (uint32_t)length;
            thread->turn_input_left -=
                length < thread->turn_input_left ? length : thread->turn_input_left;
            count_received(conn, length);
            if (conn->lingered_bytes > PL_LINGER_BYTES_MAX)
                return PL_CLOSE;
            break;
        case PL_IO_WOULD_BLOCK:
            conn->is_readable = false;
            pl_conn_wait_for(conn, PL_READABLE);
            return PL_WAIT;
        case PL_IO_END:
        case PL_IO_FAILED:
            return PL_CLOSE;
        }
    }
    conn->slot.next = PL_RUN_RECEIVE;
    return PL_AGAIN;
}

/* Room to receive into; false when the pool refuses. */
static bool make_room(struct pl_conn *conn)
{
    struct pl_buffer_cache *cache = &conn->slot.thread->cache;
    struct pl_buffer *input = conn->input;

    if (input == NULL) {
        conn->input = pl_buffer_take(cache, PL_BUFFER_BYTES);
        return conn->input != NULL;
    }
    if (pl_buffer_room(input) >= input->size / 2)
        return true;
    pl_buffer_compact(input);
    if (pl_buffer_room(input) > 0 && input->size >= PL_BUFFER_BYTES)
        return true;
    if (input->size >= PL_BUFFER_BYTES_MAX)
        return pl_buffer_room(input) > 0;
    return pl_buffer_resize(cache, &conn->input,
                            input->size < PL_BUFFER_BYTES ? PL_BUFFER_BYTES
                                                          : (size_t)input->size * 4) == 0;
}

static enum pl_next received(struct pl_conn *conn, size_t length, size_t asked)
{
    struct pl_thread *thread = conn->slot.thread;

    conn->input->write += (uint32_t)length;
    thread->turn_input_left -= length < thread->turn_input_left ? length : thread->turn_input_left;
    count_received(conn, length);
    if (length < asked && !conn->must_read_on)
        conn->is_readable = false;
    if (conn->deadline == PL_DEADLINE_BODY &&
        !pl_conn_note_progress(conn, &conn->read_due_ms, conn->service->body_ms, length))
        conn->notices |= PL_TIMEOUT;
    return PL_RUN_PROCESS;
}

enum pl_next pl_conn_receive(struct pl_conn *conn)
{
    size_t length = 0, asked;

    pl_conn_assert_held(conn);
    if (conn->is_lingering)
        return discard(conn);
    if (conn->slot.thread->turn_input_left == 0) {
        conn->slot.next = PL_RUN_RECEIVE;
        return PL_AGAIN;
    }
    if (!make_room(conn)) {
        PL_LOG_RATED(PL_LOG_WARNING, "conn %u: no buffer to receive into (limits.buffers), closing",
                     conn->slot.index);
        return PL_CLOSE;
    }
    asked = pl_buffer_room(conn->input);
    switch (
        conn->transport->receive(conn, conn->input->data + conn->input->write, asked, &length)) {
    case PL_IO_DONE:
        return received(conn, length, asked);
    case PL_IO_WOULD_BLOCK:
        conn->is_readable = false;
        conn->must_read_on = false;
        if (conn->notices != 0)
            return PL_RUN_PROCESS;
        pl_conn_wait_for(conn, PL_READABLE);
        return PL_WAIT;
    case PL_IO_END:
        conn->is_readable = false;
        conn->must_read_on = false;
        conn->is_peer_done = true;
        conn->is_half_closed = true;
        return PL_RUN_PROCESS;
    case PL_IO_FAILED:
        break;
    }
    return PL_CLOSE;
}
